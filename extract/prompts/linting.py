"""What is wrong with a prompt file, all of it, each with its line. A prompt that passes here costs no wasted run."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from jinja2 import Environment, TemplateSyntaxError, meta, nodes

from extract.prompts.yaml_lines import Lines, Problem
from extract.schema import Path
from records import ChunkKind, RouteMode, UnitKind

#: Every key of a prompt file; True where it must be there.
PROMPT_KEYS = {
    "name": True,
    "description": False,
    "unit": True,
    "reads": True,
    "system": False,
    "prompt": True,
    "schema": True,
    "examples": False,
    "route": False,
    "sees": False,
    "model": False,
    "options": False,
    "checks": False,
    "verify": False,
    "tests": False,
}
SEES = ("figures", "pages")
UNIT_WORDS = ("headings", "pages", "kinds")
DOCUMENT_WORDS = ("name", "title", "authors", "year", "doi", "arxiv_id")

_OPTIONS = {"temperature": ((int, float), 0, 2), "max_tokens": ((int,), 1, 1_000_000), "seed": ((int,), 0, 2**63 - 1)}


def lint_prompt(content: dict[str, Any], lines: Lines, templates: Environment) -> Iterator[Problem]:
    """Every problem of this prompt file but those of its schema and of the parts that speak of it, in no order."""
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


def _texts(content: dict[str, Any], lines: Lines) -> Iterator[Problem]:
    for key in ("name", "description", "system", "prompt", "model", "verify"):
        value = content.get(key)
        if value is not None and not (isinstance(value, str) and value.strip()):
            yield lines.of((key,)), f"{key!r} must be text, not {value!r}"
    name = content.get("name")
    if isinstance(name, str) and name.strip() and not re.fullmatch(r"[a-z0-9][a-z0-9_.-]{0,63}", name):
        yield lines.of(("name",)), f"the name {name!r} must be of small letters, digits, '-', '_' and '.', at most 64"


def _choices(content: dict[str, Any], lines: Lines) -> Iterator[Problem]:
    kinds = [kind.value for kind in ChunkKind]
    for key, known in (("unit", list(UnitKind)), ("route", list(RouteMode)), ("sees", list(SEES))):
        if content.get(key) is not None and content[key] not in known:
            yield lines.of((key,)), f"{key} {content[key]!r} is not one of {', '.join(known)}"
    reads = content.get("reads")
    if reads is not None and not (isinstance(reads, list) and reads):
        yield lines.of(("reads",)), f"'reads' must be a list of {', '.join(kinds)}"
    elif reads is not None:
        for i, kind in enumerate(reads):
            if kind not in kinds:
                yield lines.of(("reads", i)), f"'reads' has {kind!r}, which is not one of {', '.join(kinds)}"


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
