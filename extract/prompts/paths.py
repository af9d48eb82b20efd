"""JSON paths as a prompt file writes them: `measurements[0].value`, or `measurements[*].value` for that of any item."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from extract.schema import Schema, core, properties, types_of

Steps = tuple[str | int, ...]  #: names, positions, and '*' for any

_PATH = re.compile(r"[^.\[\]]+(?:\[(?:\d+|\*)\])*(?:\.[^.\[\]]+(?:\[(?:\d+|\*)\])*)*")
_STEP = re.compile(r"\[(\d+|\*)\]|([^.\[\]]+)")


def steps_of(path: str) -> Steps | None:
    """The steps of a path; None where it is none."""
    if not _PATH.fullmatch(path):
        return None
    return tuple(name or ("*" if position == "*" else int(position)) for position, name in _STEP.findall(path))


def values_at(value: Any, steps: Steps) -> list[Any]:
    """What stands at these steps of a record: one value, [None] where nothing does, each item's where a step is '*'."""
    if not steps:
        return [value]
    first, rest = steps[0], steps[1:]
    if first == "*" and isinstance(value, list):
        return [found for item in value for found in values_at(item, rest)]
    if isinstance(first, int):
        there = isinstance(value, list) and first < len(value)
        return values_at(value[first], rest) if there else [None]
    return values_at(value[first], rest) if isinstance(value, dict) and first in value else [None]


def schema_at(schema: Schema, steps: Steps) -> Schema | None:
    """The schema (without `$ref`) of what stands there; None where a record that fits the schema can have nothing there."""
    for step in steps:
        schema = core(schema)
        if step == "*" or isinstance(step, int):
            if "array" not in types_of(schema) or not isinstance(schema.get("items"), dict):
                return None
            schema = schema["items"]
        elif step in properties(schema):
            schema = properties(schema)[step]
        else:
            return None
    return schema


def objects_in(schema: Schema) -> Iterator[Schema]:
    """The schema of every record in a record, itself first, however deep."""
    schema = core(schema)
    if properties(schema):
        yield schema
    inner = [*properties(schema).values(), schema.get("items")]
    for part in inner:
        if isinstance(part, dict):
            yield from objects_in(part)
