"""What is wrong with the JSON schema of a prompt, all of it, each with its line.

Most rules stand for a failure that was seen on a real server: an array without `maxItems`, a string without `maxLength` or
a free object lets a model write until its token limit, and `pattern` beside `maxLength` does the same in vLLM's grammar
(issues 13646, 52011, 45592 of vLLM and its plugins). Others are what that grammar cannot say at all: there every request of
a run would be refused (`has_xgrammar_unsupported_json_features` of vLLM 0.32). The rest is of our own hints, the keys that
begin with `x-`: a server never sees them (`without_hints`), so a misspelt one would be silent.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Any

from jsonschema import Draft202012Validator

from extract.embedded.conversion_of_units import is_unit
from extract.evidence.dimensions import DIMENSIONS
from extract.prompts.yaml_lines import Lines, Problem
from extract.schema import Path, Schema, inlined, referred, subschemas, types_of

#: What `x-kind` may be: sorts of things that the embedded reader knows how to find.
KINDS = (
    "quantity", "number", "unit", "property", "entity", "condition", "count", "year", "date", "doi", "arxiv", "url",
    "identifier", "email", "authors", "title", "venue", "volume", "pages", "label", "claim", "sentence", "phrase", "value",
    "version", "name", "quote", "formula", "material", "acronym", "application", "phase", "form", "operation",
)  # fmt: skip

#: Formats that end by themselves, so that they need no length.
SHORT_FORMATS = ("date", "uuid", "ipv4")


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
        for reason in (*_unbounded(part), *_unsaid(part), *_hints(part)):
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


def _unbounded_array(part: Schema) -> Iterator[str]:
    if "maxItems" not in part:
        yield "an array needs maxItems, or a model may not stop"
    if "items" not in part and "prefixItems" not in part:
        yield "an array needs items, or it allows anything"


def _unbounded_string(part: Schema) -> Iterator[str]:
    pattern = part.get("pattern")
    if pattern is None:
        if "maxLength" not in part and part.get("format") not in SHORT_FORMATS:
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


def _unsaid(part: Schema) -> Iterator[str]:
    """What vLLM's grammar has no words for."""
    for key in ("multipleOf", "uniqueItems", "contains", "minContains", "maxContains", "patternProperties", "propertyNames"):
        if key in part:
            yield f"{key} is more than vLLM's grammar can say: it would refuse every request; leave it out"
    if "format" not in part:
        return
    if part["format"] not in SHORT_FORMATS:
        yield f"a text of format {part['format']!r} has no end in vLLM's grammar; leave the format out and give it maxLength"
    elif "minLength" in part or "maxLength" in part:
        yield "vLLM refuses every request with a format and a length together; keep one"


def _hints(part: Schema) -> Iterator[str]:
    for key, value in part.items():
        if key.startswith("x-"):
            wrong = HINTS[key](value) if key in HINTS else f"is unknown; known are {', '.join(HINTS)}"
            if wrong:
                yield f"{key} {value!r} {wrong}" if key in HINTS else f"the hint {key!r} {wrong}"


def _one_of(*known: str) -> Callable[[Any], str | None]:
    return lambda value: None if value in known else f"is unknown; known are {', '.join(known)}"


def _range(value: Any) -> str | None:
    """A range is [low, high], both included; null is no bound on that side."""
    is_pair = isinstance(value, list) and len(value) == 2 and value != [None, None]
    if not is_pair or any(isinstance(end, bool) or not isinstance(end, int | float | None) for end in value):
        return "must be [low, high], two numbers, or null for no bound on one side"
    low, high = value
    return "is empty: its low end is above its high end" if low is not None and high is not None and low > high else None


def _dimension(value: Any) -> str | None:
    word = value.strip().lower().replace("_", " ") if isinstance(value, str) else ""
    if word in DIMENSIONS or (word and is_unit(value)):
        return None
    return f"must be a unit, such as W/cm2, or one of {', '.join(DIMENSIONS)}"


#: Each hint of ours with what is wrong with a value of it, None where nothing is.
HINTS: dict[str, Callable[[Any], str | None]] = {
    "x-kind": _one_of(*KINDS),
    "x-needs": _one_of("vision", "text"),
    "x-scope": _one_of("document"),
    "x-dimension": _dimension,
    "x-range": _range,
}
