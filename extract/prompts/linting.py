"""What is wrong with a prompt file, all of it, each with its line.

Most rules stand for a failure that was seen on a real server: an array without `maxItems`, a string without `maxLength` or
a free object lets a model write until its token limit, and `pattern` beside `maxLength` does the same in vLLM's grammar
(issues 13646, 52011, 45592 of vLLM and its plugins). A prompt that passes here costs no wasted run.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from jinja2 import Environment, TemplateSyntaxError, meta, nodes
from jsonschema import Draft202012Validator

from extract.prompts.yaml_lines import Lines, Problem
from extract.schema import Path, Schema, inlined, referred, subschemas, types_of
from records import ChunkKind, UnitKind

#: Every key of a prompt file; True where it must be there.
PROMPT_KEYS = {
    "name": True,
    "description": False,
    "unit": True,
    "reads": True,
    "system": False,
    "prompt": True,
    "schema": True,
    "model": False,
    "options": False,
}
UNIT_WORDS = ("headings", "pages", "kinds")
DOCUMENT_WORDS = ("name", "title", "authors", "year", "doi", "arxiv_id")

#: What `x-kind` may be: sorts of things that the embedded reader knows how to find.
KINDS = (
    "quantity", "number", "unit", "property", "entity", "condition", "count", "year", "date", "doi", "arxiv", "url",
    "identifier", "email", "authors", "title", "venue", "volume", "pages", "label", "claim", "sentence", "phrase", "value",
    "version", "name", "quote",
    "formula", "material", "acronym", "application", "phase", "form", "operation",
)  # fmt: skip

_OPTIONS = {"temperature": ((int, float), 0, 2), "max_tokens": ((int,), 1, 1_000_000), "seed": ((int,), 0, 2**63 - 1)}


def lint_prompt(content: dict[str, Any], lines: Lines, templates: Environment) -> Iterator[Problem]:
    """Every problem of this prompt file, in no order."""
    for key in content:
        if key not in PROMPT_KEYS:
            yield lines.of((key,)), f"unknown key {key!r}; known are {', '.join(PROMPT_KEYS)}"
    for key, is_needed in PROMPT_KEYS.items():
        if is_needed and content.get(key) is None:
            yield lines.of((key,)), f"the key {key!r} is missing"
    yield from _texts(content, lines)
    yield from _choices(content, lines)
    yield from _options(content.get("options"), lines)
    yield from _template(content.get("system"), ("system",), {}, lines, templates)
    words = {"unit": UNIT_WORDS, "document": DOCUMENT_WORDS}
    yield from _template(content.get("prompt"), ("prompt",), words, lines, templates)
    if isinstance(content.get("schema"), dict):
        yield from lint_schema(content["schema"], lines)


def _texts(content: dict[str, Any], lines: Lines) -> Iterator[Problem]:
    for key in ("name", "description", "system", "prompt", "model"):
        value = content.get(key)
        if value is not None and not (isinstance(value, str) and value.strip()):
            yield lines.of((key,)), f"{key!r} must be text, not {value!r}"
    name = content.get("name")
    if isinstance(name, str) and name.strip() and not re.fullmatch(r"[a-z0-9][a-z0-9_.-]{0,63}", name):
        yield lines.of(("name",)), f"the name {name!r} must be of small letters, digits, '-', '_' and '.', at most 64"


def _choices(content: dict[str, Any], lines: Lines) -> Iterator[Problem]:
    units, kinds = [kind.value for kind in UnitKind], [kind.value for kind in ChunkKind]
    if content.get("unit") is not None and content["unit"] not in units:
        yield lines.of(("unit",)), f"unit {content['unit']!r} is not one of {', '.join(units)}"
    reads = content.get("reads")
    if reads is not None and not (isinstance(reads, list) and reads):
        yield lines.of(("reads",)), f"'reads' must be a list of {', '.join(kinds)}"
    elif reads is not None:
        for i, kind in enumerate(reads):
            if kind not in kinds:
                yield lines.of(("reads", i)), f"'reads' has {kind!r}, which is not one of {', '.join(kinds)}"
    if content.get("schema") is not None and not isinstance(content["schema"], dict):
        yield lines.of(("schema",)), "'schema' must be a JSON schema, written here as YAML"


def _options(options: Any, lines: Lines) -> Iterator[Problem]:
    if options is None:
        return
    if not isinstance(options, dict):
        yield lines.of(("options",)), f"'options' must be a mapping with {', '.join(_OPTIONS)}"
        return
    for key, value in options.items():
        if key not in _OPTIONS:
            yield lines.of(("options", key)), f"unknown option {key!r}; known are {', '.join(_OPTIONS)}"
            continue
        types, low, high = _OPTIONS[key]
        if isinstance(value, bool) or not isinstance(value, types) or not low <= value <= high:
            kind = "a whole number" if types == (int,) else "a number"
            yield lines.of(("options", key)), f"option {key!r} must be {kind} from {low} to {high}, not {value!r}"


def _template(
    text: Any, path: Path, words: dict[str, tuple[str, ...]], lines: Lines, templates: Environment
) -> Iterator[Problem]:
    """Whether the template parses and names only what it is given."""
    if not isinstance(text, str):
        return
    first = lines.blocks.get(path, lines.of(path))
    try:
        tree = templates.parse(text)
    except TemplateSyntaxError as error:
        yield first + error.lineno - 1, f"the template does not parse: {error.message}"
        return
    known = f"known are {', '.join(words)}" if words else "it is the same for every unit and knows none"
    unknown = meta.find_undeclared_variables(tree) - set(words)
    for node in tree.find_all(nodes.Name):
        if node.name in unknown:
            yield first + node.lineno - 1, f"the template names the unknown variable {node.name!r}; {known}"
    for part in tree.find_all(nodes.Getattr):
        if isinstance(part.node, nodes.Name) and part.node.name in words and part.attr not in words[part.node.name]:
            hint = "; the text is put after it, in a block of its own" if part.attr == "text" else ""
            known = ", ".join(words[part.node.name])
            yield first + part.lineno - 1, f"{part.node.name}.{part.attr} is unknown; known are {known}{hint}"


def lint_schema(schema: Schema, lines: Lines, at: Path = ("schema",)) -> Iterator[Problem]:
    """Every problem of this JSON schema; `at` is where it stands in the file that the lines are of."""
    broken = list(Draft202012Validator(Draft202012Validator.META_SCHEMA).iter_errors(schema))
    for error in broken:
        yield lines.of((*at, *error.absolute_path)), f"not a valid JSON schema (draft 2020-12): {error.message}"
    if broken:
        return
    if "object" not in types_of(schema) and "$ref" not in schema:
        yield lines.of(at), "the schema's type must be object: a record has named fields"
    references = list(_references(schema, lines, at))
    yield from references
    for path, part in subschemas(schema):
        for reason in _unbounded(part):
            name = ".".join(str(step) for step in path if step not in ("properties", "$defs")) or "the schema itself"
            yield lines.of((*at, *path)), f"{name}: {reason}"


def _references(schema: Schema, lines: Lines, at: Path) -> Iterator[Problem]:
    for path, part in subschemas(schema):
        if "$ref" not in part:
            continue
        try:
            referred(schema, str(part["$ref"]))
            inlined(part, schema)
        except KeyError:
            yield lines.of((*at, *path)), f"$ref {part['$ref']!r} names nothing in this schema"
        except RecursionError:
            yield lines.of((*at, *path)), f"$ref {part['$ref']!r} leads back to itself: an answer could be endless"


def _unbounded(part: Schema) -> Iterator[str]:
    """Why a model could write without end, or anything at all, where this schema stands."""
    says = ("type", "enum", "const", "$ref", "properties", "anyOf", "oneOf", "allOf", "not", "if")
    if not any(key in part for key in says):
        yield "allows anything; say its type"
    types = types_of(part)
    is_named = "enum" in part or "const" in part
    if "array" in types and not is_named:
        yield from _unbounded_array(part)
    if "string" in types and not is_named:
        yield from _unbounded_string(part)
    if "object" in types:
        yield from _free_object(part)
    if "string" in types and not all(isinstance(value, str) or value is None for value in part.get("enum", [])):
        yield "its enum has values that are no text; put them in quotes (YAML reads yes, no, on and off as true and false)"
    if "x-kind" in part and part["x-kind"] not in KINDS:
        yield f"x-kind {part['x-kind']!r} is unknown; known are {', '.join(KINDS)}"


def _unbounded_array(part: Schema) -> Iterator[str]:
    if "maxItems" not in part:
        yield "an array needs maxItems, or a model may not stop"
    if "items" not in part and "prefixItems" not in part:
        yield "an array needs items, or it allows anything"


def _unbounded_string(part: Schema) -> Iterator[str]:
    pattern = part.get("pattern")
    if pattern is None:
        if "maxLength" not in part:
            yield "text needs maxLength (or enum), or a model may not stop"
        return
    try:
        re.compile(pattern)
    except re.error as error:
        yield f"its pattern is not a regular expression: {error}"
    if "maxLength" in part:
        yield "pattern and maxLength together make vLLM write without end; keep one (a pattern with bounds needs no maxLength)"
    elif not _is_bounded(pattern):
        yield "its pattern has no end; anchor it with ^ and $ and use {1,20} in place of + and *"


def _is_bounded(pattern: str) -> bool:
    plain = re.sub(r"\\.|\[(?:\\.|[^\]\\])*\]", "x", pattern)
    return pattern.startswith("^") and pattern.endswith("$") and not re.search(r"[*+]|\{\d+,\}", plain)


def _free_object(part: Schema) -> Iterator[str]:
    if not part.get("properties"):
        yield "an object needs properties; a free one may hold anything"
    if part.get("additionalProperties") is not False:
        yield "an object needs additionalProperties: false"
    for name in part.get("required", []):
        if name not in part.get("properties", {}):
            yield f"requires {name!r}, which is not among its properties"
