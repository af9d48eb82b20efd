"""Put records that fit one schema together: those of the parts of a unit."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any


def joined(records: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """One record of several: lists one after the other without repeats, objects field by field, of single values the first
    that is there. It may break the schema's maxItems; the caller checks."""
    record: dict[str, Any] = {}
    for part in records:
        for name, value in part.items():
            record[name] = _joined(record[name], value) if name in record else value
    return record


def _joined(first: Any, second: Any) -> Any:
    if isinstance(first, list) and isinstance(second, list):
        return [*first, *(item for item in second if item not in first)]
    if isinstance(first, dict) and isinstance(second, dict):
        return joined([first, second])
    return second if first is None or first == "" else first
