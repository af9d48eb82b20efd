"""A schema in one line, for a question that is quickly asked: `name, value float, unit?: SI if possible`.

Each part is a field: a name, `?` where the paper may not say it, a type, and after a colon what is meant. What comes of it is a
strict schema as one writes it by hand: a list of records, each with its quote, every list and text with its bound.

    name                      text
    value float               text (short), sentence, int, float, bool, date, list (of text), list of float ...
    kind a | b | c            one of these
    authors [name, orcid?]    a list of records
    unit?: SI if possible     null where the paper does not say it, and what is meant

In one line commas part the fields. In several lines each line is a field, and what is meant may hold commas.
"""

from __future__ import annotations

import re

from extract.schema import Schema

#: What is put before each record's own fields.
QUOTE = {"type": "string", "maxLength": 600, "description": "The sentence that says it, copied."}
RECORDS = "records"  #: the field that holds the list

MAX_RECORDS, MAX_ITEMS, MAX_DEPTH = 30, 20, 4

_TYPES: dict[str, Schema] = {
    "text": {"type": "string", "maxLength": 150},
    "sentence": {"type": "string", "maxLength": 600, "x-kind": "sentence"},
    "int": {"type": "integer"},
    "float": {"type": "number"},
    "bool": {"type": "boolean"},
    "date": {"type": "string", "maxLength": 40, "x-kind": "date"},
}
_ALSO = {"str": "text", "string": "text", "integer": "int", "number": "float", "boolean": "bool", "list": "list of text"}
_NAME = re.compile(r"\s*([^\W\d]\w{0,63})\s*(\?)?\s*(.*?)\s*", re.S)
_CLOSES = {"[": "]", "(": ")"}


class OneLineInvalid(Exception):
    """What is wrong in a schema of one line, and in which of its lines, from 0."""

    def __init__(self, line: int, reason: str) -> None:
        super().__init__(reason)
        self.line = line
        self.reason = reason


def schema_of_line(text: str) -> Schema:
    """The JSON schema that this line stands for. Raises OneLineInvalid."""
    start, end = _trimmed(text, 0, len(text))
    if end - start > 1 and text[start] == "[" and _end_of(text, start) == end - 1:
        start, end = start + 1, end - 1
    record = _record(text, start, end, depth=1)
    if "quote" not in record["properties"]:
        record["properties"] = {"quote": dict(QUOTE), **record["properties"]}
        record["required"] = ["quote", *record["required"]]
    return _object({RECORDS: _list(record, MAX_RECORDS)})


def _record(text: str, start: int, end: int, depth: int) -> Schema:
    if depth > MAX_DEPTH:
        raise _wrong(text, start, f"it is nested more than {MAX_DEPTH} deep; write it as a JSON schema")
    fields: dict[str, Schema] = {}
    for first, last in _parts(text, start, end):
        name, schema = _field(text, first, last, depth)
        if name in fields:
            raise _wrong(text, first, f"the field {name!r} is there twice")
        fields[name] = schema
    if not fields:
        raise _wrong(text, start, "it names no field; the shortest is one word, such as: name")
    return _object(fields)


def _field(text: str, start: int, end: int, depth: int) -> tuple[str, Schema]:
    colon = _find(text, start, end, ":")
    head = _NAME.fullmatch(text, start, colon)
    if head is None:
        raise _wrong(text, start, f"{text[start:colon].strip()!r} does not begin with a name of letters, digits and '_'")
    said = head[3].removesuffix("?").rstrip()
    schema = _type(text, head.start(3), said, colon, depth)
    if (head[2] or said != head[3]) and schema["type"] != "array":  # a list that the paper does not give is empty
        schema = _or_null(schema)
    meant = " ".join(text[colon + 1 : end].split())
    return head[1], {**schema, "description": meant} if meant else schema


def _type(text: str, start: int, said: str, end: int, depth: int) -> Schema:
    """The schema of a type, which stands at `start` and ends before `end`."""
    if said.startswith("["):
        closing = _end_of(text, start)
        if text[closing + 1 : end].strip(" ?\n"):
            raise _wrong(text, closing, f"{text[closing + 1 : end].strip()!r} stands after a closed bracket; a ',' is missing")
        return _list(_record(text, start + 1, closing, depth + 1), MAX_ITEMS)
    if "|" in said:
        choices = [choice.strip() for choice in said.split("|")]
        if "" in choices or len(set(choices)) < len(choices):
            raise _wrong(text, start, f"{said!r} must name different choices, such as: red | green")
        return {"type": "string", "enum": choices}
    name = _ALSO.get(said.lower(), said.lower()) or "text"
    inner = re.fullmatch(r"list of (\w+)", name)
    if inner and _ALSO.get(inner[1], inner[1]) in _TYPES:
        return _list(dict(_TYPES[_ALSO.get(inner[1], inner[1])]), MAX_ITEMS)
    if name not in _TYPES:
        raise _wrong(
            text, start, f"{said!r} is not a type; there are {', '.join(_TYPES)}, list, list of float, a | b, [fields]"
        )
    return dict(_TYPES[name])


def _parts(text: str, start: int, end: int) -> list[tuple[int, int]]:
    """Where each field begins and ends."""
    separator = "\n" if _find(text, *_trimmed(text, start, end), "\n") < _trimmed(text, start, end)[1] else ","
    parts = []
    while start < end:
        stop = _find(text, start, end, separator)
        first, last = _trimmed(text, start, stop, also="," if separator == "\n" else "")
        if first < last:
            parts.append((first, last))
        elif separator == "," and stop < end:
            raise _wrong(text, start, "a field is missing before a ','")
        start = stop + 1
    return parts


def _find(text: str, start: int, end: int, sign: str) -> int:
    """Where this sign stands first outside of brackets; `end` where it does not."""
    i = start
    while i < end:
        if text[i] == sign:
            return i
        if text[i] in _CLOSES:
            i = _end_of(text, i)
        elif text[i] == "]":
            raise _wrong(text, i, "a ']' closes nothing")
        i += 1
    return end


def _end_of(text: str, start: int) -> int:
    """Where the bracket that opens at `start` is closed."""
    wanted: list[str] = []
    for i in range(start, len(text)):
        if text[i] in _CLOSES:
            wanted.append(_CLOSES[text[i]])
        elif text[i] == wanted[-1]:
            wanted.pop()
            if not wanted:
                return i
    raise _wrong(text, start, f"a {text[start]!r} is not closed")


def _trimmed(text: str, start: int, end: int, also: str = "") -> tuple[int, int]:
    while start < end and text[start].isspace():
        start += 1
    while start < end and (text[end - 1].isspace() or text[end - 1] in also):
        end -= 1
    return start, end


def _object(fields: dict[str, Schema]) -> Schema:
    return {"type": "object", "additionalProperties": False, "required": list(fields), "properties": fields}


def _list(item: Schema, most: int) -> Schema:
    return {"type": "array", "maxItems": most, "items": item}


def _or_null(schema: Schema) -> Schema:
    nullable = {**schema, "type": [schema["type"], "null"]}
    return {**nullable, "enum": [*schema["enum"], None]} if "enum" in schema else nullable


def _wrong(text: str, at: int, reason: str) -> OneLineInvalid:
    return OneLineInvalid(text.count("\n", 0, at), reason)
