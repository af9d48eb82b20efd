"""What is wrong with the parts of a prompt that speak of its schema: examples, tests and checks, each with its line."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any

from jsonschema import Draft202012Validator

from errors import PromptInvalid
from extract.evidence.checks import parse_check
from extract.prompts.paths import Steps, objects_in, schema_at, steps_of
from extract.prompts.trials import EMPTY
from extract.prompts.yaml_lines import Lines, Problem
from extract.schema import Path, Schema, core, properties, quote_field

#: Every key of an entry; True where it must be there.
EXAMPLE_KEYS = {"text": True, "answer": True}
TEST_KEYS = {"name": True, "text": True, "kind": False, "headings": False, "expect": True}
MOST = {"examples": 20, "tests": 200, "checks": 50}

#: Every problem of one entry, which stands at a path.
_Lint = Callable[[dict[str, Any], Path], Iterator[Problem]]


def lint_parts(content: dict[str, Any], schema: Schema, lines: Lines) -> Iterator[Problem]:
    """Every problem of examples, tests and checks; the schema is valid and without `$ref`."""
    reads = content.get("reads")
    kinds = [kind for kind in reads if isinstance(kind, str)] if isinstance(reads, list) else []
    yield from _entries(content, "examples", EXAMPLE_KEYS, lines, lambda entry, at: _example(entry, at, schema, lines))
    yield from _entries(content, "tests", TEST_KEYS, lines, lambda entry, at: _test(entry, at, schema, kinds, lines))
    yield from _checks(content.get("checks"), schema, lines)


def _entries(content: dict[str, Any], key: str, keys: dict[str, bool], lines: Lines, lint: _Lint) -> Iterator[Problem]:
    entries = content.get(key)
    if entries is None:
        return
    if not isinstance(entries, list) or len(entries) > MOST[key]:
        yield lines.of((key,)), f"'{key}' must be a list of at most {MOST[key]}, each with {', '.join(keys)}"
        return
    for i, entry in enumerate(entries):
        problems = list(_keys(entry, (key, i), keys, lines))
        yield from problems or lint(entry, (key, i))


def _keys(entry: Any, at: Path, keys: dict[str, bool], lines: Lines) -> Iterator[Problem]:
    if not isinstance(entry, dict):
        yield lines.of(at), f"it must be a mapping with {', '.join(keys)}, not {entry!r}"
        return
    for key in entry:
        if key not in keys:
            yield lines.of((*at, key)), f"unknown key {key!r}; known are {', '.join(keys)}"
    for key, is_needed in keys.items():
        value = entry.get(key)
        if value is None and is_needed:
            yield lines.of(at), f"the key {key!r} is missing"
        elif value is not None and key in ("name", "text") and not (isinstance(value, str) and value.strip()):
            yield lines.of((*at, key)), f"{key!r} must be text, not {value!r}"
        elif value is not None and key in ("answer", "expect") and not (isinstance(value, dict) and value):
            yield lines.of((*at, key)), f"{key!r} must be a mapping of fields, not {value!r}"


def _example(entry: dict[str, Any], at: Path, schema: Schema, lines: Lines) -> Iterator[Problem]:
    """An answer that breaks the schema, or quotes what its text does not say, would teach a model to do so."""
    for error in Draft202012Validator(schema).iter_errors(entry["answer"]):
        yield lines.of((*at, "answer", *error.absolute_path)), f"the answer does not fit the schema: {error.message}"
    text = " ".join(entry["text"].split())
    for path, quote in _quotes(entry["answer"], schema, (*at, "answer")):
        if " ".join(quote.split()) not in text:
            yield lines.of(path), f"the quote {quote[:60]!r} does not stand in the example's text"


def _quotes(value: Any, schema: Schema, path: Path) -> Iterator[tuple[Path, str]]:
    """The quotes of a record, with their paths."""
    schema = core(schema)
    if isinstance(value, list) and isinstance(schema.get("items"), dict):
        for i, item in enumerate(value):
            yield from _quotes(item, schema["items"], (*path, i))
    if isinstance(value, dict):
        named = quote_field(schema)
        for name, part in properties(schema).items():
            if name == named and isinstance(value.get(name), str):
                yield (*path, name), value[name]
            elif name in value:
                yield from _quotes(value[name], part, (*path, name))


def _test(entry: dict[str, Any], at: Path, schema: Schema, kinds: list[str], lines: Lines) -> Iterator[Problem]:
    kind, headings = entry.get("kind"), entry.get("headings")
    if kind is not None and kind not in kinds:
        yield lines.of((*at, "kind")), f"kind {kind!r} is not one that the prompt reads: {', '.join(kinds)}"
    if headings is not None and not (isinstance(headings, list) and all(isinstance(heading, str) for heading in headings)):
        yield lines.of((*at, "headings")), f"'headings' must be a list of texts, the outermost first, not {headings!r}"
    expect = entry["expect"]
    if EMPTY in expect and schema_at(schema, (EMPTY,)) is None:
        if expect != {EMPTY: True}:
            yield lines.of((*at, "expect")), f"'{EMPTY}: true' stands alone: a record that says nothing has no fields to expect"
        return
    for path, value in expect.items():
        steps = steps_of(path)
        wanted = schema_at(schema, steps) if steps else None
        if wanted is None:
            yield lines.of((*at, "expect", path)), f"the schema has nothing at {path!r}"
        else:
            yield from _unknown(value, wanted, (*at, "expect", path), path, lines)


def _unknown(value: Any, schema: Schema, at: Path, path: str, lines: Lines) -> Iterator[Problem]:
    """Fields of an expected record that the schema does not have."""
    if isinstance(value, list):
        inner = schema_at(schema, ("*",))
        for i, item in enumerate(value):
            yield from _unknown(item, inner or {}, (*at, i), f"{path}[{i}]", lines)
    if isinstance(value, dict):
        for name, part in value.items():
            found = schema_at(schema, (name,))
            if found is None:
                yield lines.of((*at, name)), f"the schema has nothing at '{path}.{name}'"
            else:
                yield from _unknown(part, found, (*at, name), f"{path}.{name}", lines)


def _checks(checks: Any, schema: Schema, lines: Lines) -> Iterator[Problem]:
    if checks is None:
        return
    if not isinstance(checks, list) or len(checks) > MOST["checks"]:
        yield lines.of(("checks",)), f"'checks' must be a list of at most {MOST['checks']} lines such as 'total = a + b'"
        return
    for i, check in enumerate(checks):
        at = lines.of(("checks", i))
        try:
            fields = parse_check(check if isinstance(check, str) else json.dumps(check)).fields
        except PromptInvalid as error:
            yield at, str(error)
            continue
        for path in fields:
            if not _is_field(steps_of(path) or (path,), schema):
                yield at, f"the check names {path!r}, which is no field of the schema"


def _is_field(steps: Steps, schema: Schema) -> bool:
    """Whether a record, or one of the records in it, has this field."""
    return any(schema_at(part, steps) is not None for part in objects_in(schema))
