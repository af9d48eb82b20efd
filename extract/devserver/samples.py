"""Make a record that fits a JSON schema, its strings and numbers taken from a text: what the dev-server answers."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

_NUMBER = re.compile(r"(?<![\w.])-?\d+(?:\.\d+)?(?![\w.]*\d)")
_WORDS = 60  #: characters of a string, where it may be so long


def record_for(schema: dict[str, Any], text: str = "text") -> Any:
    """A value that fits this schema by construction: the first choice everywhere, one item per list, words from the text as
    strings, its first numbers that fit as numbers. `pattern`, `format` and `allOf` are not looked at."""
    return _Maker(schema, text).value(schema)


@dataclass(frozen=True, slots=True)
class _Maker:
    root: dict[str, Any]
    text: str

    def value(self, schema: dict[str, Any]) -> Any:
        if "$ref" in schema:
            found: Any = self.root
            for part in schema["$ref"].removeprefix("#/").split("/"):
                found = found[part]
            return self.value(found)
        for choices in ("anyOf", "oneOf"):
            if choices in schema:
                return self.value(schema[choices][0])
        if "const" in schema or "enum" in schema:
            return schema["const"] if "const" in schema else schema["enum"][0]
        kinds = schema.get("type", "object")
        return getattr(self, f"_{kinds if isinstance(kinds, str) else kinds[0]}")(schema)

    def _object(self, schema: dict[str, Any]) -> dict[str, Any]:
        return {name: self.value(part) for name, part in schema.get("properties", {}).items()}

    def _array(self, schema: dict[str, Any]) -> list[Any]:
        n = min(max(1, schema.get("minItems", 1)), schema.get("maxItems", 1 << 30))
        return [self.value(schema["items"]) for _ in range(n)]

    def _string(self, schema: dict[str, Any]) -> str:
        words = self.text[: min(_WORDS, schema.get("maxLength", _WORDS))]
        whole = words.rsplit(" ", 1)[0] if len(words) < len(self.text) and " " in words else words
        return whole.ljust(schema.get("minLength", 0), "x")

    def _number(self, schema: dict[str, Any]) -> float:
        found = (float(number) for number in _NUMBER.findall(self.text))
        return next((number for number in found if _fits(number, schema)), _least(schema))

    def _integer(self, schema: dict[str, Any]) -> int:
        found = (int(number) for number in _NUMBER.findall(self.text) if "." not in number)
        return next((number for number in found if _fits(number, schema)), int(_least(schema)))

    def _boolean(self, _: dict[str, Any]) -> bool:
        return True

    def _null(self, _: dict[str, Any]) -> None:
        return None


def _fits(number: float, schema: dict[str, Any]) -> bool:
    bounds = [
        number >= schema.get("minimum", number),
        number <= schema.get("maximum", number),
        number > schema.get("exclusiveMinimum", number - 1),
        number < schema.get("exclusiveMaximum", number + 1),
        number % schema.get("multipleOf", number or 1) == 0,
    ]
    return all(bounds)


def _least(schema: dict[str, Any]) -> float:
    """1 where the schema allows it, else what is next to its bounds."""
    step = schema.get("multipleOf", 1)
    above, below = schema.get("exclusiveMinimum"), schema.get("exclusiveMaximum")
    found: float = max([1, *(part for part in (schema.get("minimum"),) if part is not None)])
    if above is not None:
        found = max(found, above + step)
    if below is not None:
        found = min(found, below - step)
    if "maximum" in schema:
        found = min(found, schema["maximum"])
    return -(-found // step) * step if "multipleOf" in schema else found
