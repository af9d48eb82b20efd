"""Leave out of extractions what the checks did not support: for an export that is to hold nothing else.

An item of a list goes as a whole where one of its values fails: half a measurement is a wrong one. A field of the record itself
becomes null.
"""

from __future__ import annotations

import copy
import re
from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import Any

from records import Evidence, Extraction, Verdict

#: What an export may require, and the verdicts that meet it.
REQUIREMENTS = {
    "supported": frozenset({Verdict.SUPPORTED}),
    "unrefuted": frozenset({Verdict.SUPPORTED, Verdict.UNCHECKED}),
}

_STEP = re.compile(r"([^.\[\]]+)|\[(\d+)\]")
Path = tuple[str | int, ...]


def requiring(extractions: Iterable[Extraction], allowed: frozenset[Verdict]) -> Iterator[Extraction]:
    """These extractions with the values whose verdict is allowed; one of which nothing is left is left out."""
    for extraction in extractions:
        if (kept := _kept(extraction, allowed)).reading.evidence:
            yield kept


def _kept(extraction: Extraction, allowed: frozenset[Verdict]) -> Extraction:
    reading = extraction.reading
    if reading.record is None:
        return extraction
    told = [(one, path_of(one.field)) for one in reading.evidence if value_at(reading.record, path_of(one.field)) is not None]
    refused = {_whole(path) for one, path in told if one.verdict not in allowed}
    if not refused:
        return extraction
    record = copy.deepcopy(reading.record)
    for path in refused:
        _remove(record, path)
    evidence = tuple(_moved(one, path, refused) for one, path in told if not any(path[: len(gone)] == gone for gone in refused))
    return replace(extraction, reading=replace(reading, record=_without_holes(record), evidence=evidence))


def path_of(field: str) -> Path:
    """'measurements[0].value' as ('measurements', 0, 'value')."""
    return tuple(name or int(number) for name, number in _STEP.findall(field))


def _whole(path: Path) -> Path:
    """The item of a list that this value belongs to, the outermost; else the value itself."""
    first = next((i for i, step in enumerate(path) if isinstance(step, int)), None)
    return path if first is None else path[: first + 1]


def value_at(record: Any, path: Path) -> Any:
    """What stands at this path of a record; None where nothing does."""
    for step in path:
        try:
            record = record[step]
        except (KeyError, IndexError, TypeError):
            return None
    return record


class _Hole:
    """Stands where an item was, so that the others keep their numbers until all are gone."""


def _remove(record: dict[str, Any], path: Path) -> None:
    holder = value_at(record, path[:-1])
    holder[path[-1]] = _Hole() if isinstance(path[-1], int) else None


def _without_holes(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _without_holes(part) for name, part in value.items()}
    if isinstance(value, list):
        return [_without_holes(part) for part in value if not isinstance(part, _Hole)]
    return value


def _moved(evidence: Evidence, path: Path, refused: set[Path]) -> Evidence:
    """The evidence under the path that its value has now: items before it in its list may be gone."""
    whole = _whole(path)
    if not isinstance(whole[-1], int):
        return evidence
    before = sum(1 for gone in refused if gone[:-1] == whole[:-1] and isinstance(gone[-1], int) and gone[-1] < whole[-1])
    steps = (*whole[:-1], whole[-1] - before, *path[len(whole) :])
    return replace(evidence, field="".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in steps)[1:])
