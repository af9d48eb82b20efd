"""Make a record that fits a JSON schema, for the fake model server."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any


def record_for(schema: dict[str, Any], text: str = "text") -> Any:
    """A value that fits this schema by construction: the first choice everywhere, one item per list, words from the text as
    strings. `pattern` and `format` are not looked at."""
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
        return [self.value(schema["items"])] * max(1, schema.get("minItems", 1))

    def _string(self, schema: dict[str, Any]) -> str:
        words = self.text[: min(60, schema.get("maxLength", 60))]
        whole = words.rsplit(" ", 1)[0] if len(words) < len(self.text) and " " in words else words
        return whole.ljust(schema.get("minLength", 0), "x")

    def _number(self, schema: dict[str, Any]) -> float:
        return schema.get("minimum", min(1, schema.get("maximum", 1)))

    _integer = _number

    def _boolean(self, _: dict[str, Any]) -> bool:
        return True

    def _null(self, _: dict[str, Any]) -> None:
        return None
