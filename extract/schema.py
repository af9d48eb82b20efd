"""Read a JSON schema as a tree of fields.

Users write schemas by hand or let pydantic write them, so the same thing comes in several shapes: `$ref` into `$defs`,
`anyOf` with null, `type` as a list. `inlined` and `core` take the shapes away; everything else in this room looks at their
result only. `x-kind` says what sort of thing a field is (quantity, unit, doi ...); it helps the embedded reader, and no
other reader needs it.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

Schema = dict[str, Any]

#: Our keywords that say what a value is verified against: a dimension that its unit must measure, as a word of
#: `extract.evidence.dimensions` or as a unit; the bounds it lies within, as [lowest, highest], either of which may be null.
VERIFIED_BY = ("x-dimension", "x-range")

Path = tuple[str | int, ...]

#: Keywords whose value is one schema, a list of schemas, or schemas by name.
_ONE = ("items", "not", "if", "then", "else", "contains", "propertyNames", "additionalProperties")
_MANY = ("anyOf", "oneOf", "allOf", "prefixItems")
_NAMED = ("properties", "$defs", "definitions", "patternProperties", "dependentSchemas")


def subschemas(schema: Any, path: Path = ()) -> Iterator[tuple[Path, Schema]]:
    """Every schema in this schema with its path, itself first, in the order they are written. `$ref` is not followed."""
    if not isinstance(schema, dict):
        return
    yield path, schema
    for key, value in schema.items():
        if key in _ONE:
            yield from subschemas(value, (*path, key))
        elif key in _MANY and isinstance(value, list):
            for i, part in enumerate(value):
                yield from subschemas(part, (*path, key, i))
        elif key in _NAMED and isinstance(value, dict):
            for name, part in value.items():
                yield from subschemas(part, (*path, key, name))


def referred(root: Schema, ref: str) -> Schema:
    """The schema that a local reference such as '#/$defs/quantity' names; raises KeyError where there is none."""
    if not ref.startswith("#"):
        raise KeyError(ref)
    found: Any = root
    for part in ref[1:].split("/")[1:]:
        found = found[part.replace("~1", "/").replace("~0", "~")] if isinstance(found, dict) else None
    if not isinstance(found, dict):
        raise KeyError(ref)
    return found


def inlined(schema: Schema, root: Schema | None = None, seen: tuple[str, ...] = ()) -> Schema:
    """The schema with every local `$ref` replaced by what it names. Raises RecursionError where one leads back to itself
    and KeyError where one leads nowhere."""
    root = schema if root is None else root
    if "$ref" in schema:
        ref = str(schema["$ref"])
        if ref in seen:
            raise RecursionError(ref)
        beside = {key: value for key, value in schema.items() if key != "$ref"}
        return inlined({**referred(root, ref), **beside}, root, (*seen, ref))
    copy: Schema = {}
    for key, value in schema.items():
        if key in ("$defs", "definitions"):
            continue
        if key in _ONE and isinstance(value, dict):
            copy[key] = inlined(value, root, seen)
        elif key in _MANY and isinstance(value, list):
            copy[key] = [inlined(part, root, seen) if isinstance(part, dict) else part for part in value]
        elif key in _NAMED and isinstance(value, dict):
            copy[key] = {name: inlined(part, root, seen) if isinstance(part, dict) else part for name, part in value.items()}
        else:
            copy[key] = value
    return copy


def types_of(schema: Schema) -> tuple[str, ...]:
    """The JSON types it allows, as far as it names them; from `const` and `enum` where there is no `type`."""
    named = schema.get("type")
    if isinstance(named, str):
        return (named,)
    if isinstance(named, list):
        return tuple(str(name) for name in named)
    if "properties" in schema:
        return ("object",)
    values = [schema["const"]] if "const" in schema else schema.get("enum", [])
    return tuple(dict.fromkeys(_type_of(value) for value in values))


def _type_of(value: Any) -> str:
    if value is None:
        return "null"
    names = {bool: "boolean", int: "integer", float: "number", str: "string", list: "array", dict: "object"}
    return names.get(type(value), "string")


def core(schema: Schema) -> Schema:
    """The branch that holds the answer: the first of `anyOf`, `oneOf`, `allOf` that is not null, with what stands beside it."""
    for key in ("anyOf", "oneOf", "allOf"):
        branches = [part for part in schema.get(key, []) if isinstance(part, dict)]
        constants = [part["const"] for part in branches if "const" in part]
        if constants and len(constants) == len(branches):  # oneOf with const and description: an enum that explains itself
            told = {str(part["const"]): part.get("description", "") for part in branches}
            beside = {name: value for name, value in schema.items() if name != key}
            return {**beside, "enum": constants, "x-enum": told}
        for part in branches:
            if types_of(part) != ("null",):
                return core({**{name: value for name, value in schema.items() if name != key}, **part})
    return schema


def is_nullable(schema: Schema) -> bool:
    """Whether null is a valid answer."""
    if "null" in types_of(schema) or None in schema.get("enum", ()):
        return True
    return any(is_nullable(part) for key in ("anyOf", "oneOf") for part in schema.get(key, []) if isinstance(part, dict))


def properties(schema: Schema) -> dict[str, Schema]:
    return {name: part for name, part in schema.get("properties", {}).items() if isinstance(part, dict)}


def quote_field(schema: Schema) -> str | None:
    """The property of this object that holds its supporting words: the one of x-kind 'quote', else the one called 'quote'."""
    parts = properties(schema)
    marked = [name for name, part in parts.items() if part.get("x-kind") == "quote"]
    return marked[0] if marked else ("quote" if "quote" in parts else None)


def needs_number(schema: Schema) -> bool:
    """Whether no answer, but null or an empty list, is possible without a number in the text."""
    schema = core(schema)
    kind = schema.get("x-kind")
    types = [name for name in types_of(schema) if name != "null"]
    if "object" in types:
        parts = properties(schema)
        wanted = [parts[name] for name in schema.get("required", []) if name in parts]
        return any(needs_number(part) and not is_nullable(part) for part in wanted)
    if "array" in types:
        return needs_number(schema.get("items", {}))
    return kind in ("quantity", "number", "year", "date") or (bool(types) and set(types) <= {"number", "integer"})


def without_hints(schema: Schema) -> Schema:
    """The schema as a model server should see it: without our `x-` keywords."""
    return _stripped(schema)


def _stripped(value: Any, *, is_names: bool = False) -> Any:
    if isinstance(value, list):
        return [_stripped(part) for part in value]
    if not isinstance(value, dict):
        return value
    return {
        key: _stripped(part, is_names=not is_names and key in _NAMED)
        for key, part in value.items()
        if is_names or not key.startswith("x-")
    }
