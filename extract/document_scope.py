"""Facts of a whole paper (`x-scope: document`): what its units say, brought together by votes with evidence.

A title, a sample size or a licence is asked of every unit, and most of them do not say it. Each value that is given counts as a vote,
a value that the checks supported as two, one that they refuted not at all. The value with the most votes stands, the
earliest of equals, and keeps the evidence of the units that gave it. No model is asked again: another unchecked guess would
stand above evidence.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from extract.schema import core, inlined, properties, types_of
from records import Evidence, Reading, Verdict, content_id

_WEIGHT = {Verdict.SUPPORTED: 2, Verdict.UNCHECKED: 1, Verdict.NOT_FOUND: 0, Verdict.CONTRADICTED: 0}
#: Units whose evidence is kept for one value.
_MOST_EVIDENCE = 5


@dataclass(slots=True)
class _Candidate:
    """One value of one field, with the votes for it."""

    value: Any
    votes: int = 0
    units: int = 0
    evidence: tuple[Evidence, ...] = ()


def document_fields(schema: dict[str, Any]) -> tuple[str, ...]:
    """The fields of a record that are declared to be of the whole document."""
    fields = properties(core(inlined(schema)))
    return tuple(
        name for name, part in fields.items() if part.get("x-scope") == "document" or core(part).get("x-scope") == "document"
    )


def merged(readings: Sequence[Reading], schema: dict[str, Any]) -> tuple[Reading, str] | None:
    """One record of these readings of one document, in its reading order, and how it came about in words; None where none of them
    has a value that counts.

    Fields that are not of the document are null, or empty lists, where the schema lets them be.
    """
    winners: dict[str, _Candidate] = {}
    told: list[str] = []
    for name in document_fields(schema):
        candidates = _candidates(name, readings)
        if candidates:
            best = max(candidates, key=lambda one: one.votes)  # the first of equals
            winners[name] = best
            told.append(f"{name} by {best.units} of {sum(one.units for one in candidates)}")
    if not winners:
        return None
    record = {**_blank(schema), **{name: best.value for name, best in winners.items()}}
    evidence = tuple(one for best in winners.values() for one in best.evidence)
    certainty = min(best.votes / sum(one.votes for one in _candidates(name, readings)) for name, best in winners.items())
    reading = Reading(record=record, evidence=evidence, confidence=certainty, model="votes")
    return reading, f"votes of the document's units: {'; '.join(told)}"


def _candidates(name: str, readings: Sequence[Reading]) -> list[_Candidate]:
    """The values that are given for this field, in the order in which they come first; those without any vote left out."""
    found: dict[str, _Candidate] = {}
    for reading in readings:
        value = (reading.record or {}).get(name)
        if value in (None, "", [], {}):
            continue
        own = [one for one in reading.evidence if _is_of(one.field, name)]
        weight = min((_WEIGHT[one.verdict] for one in own), default=1)
        if not weight:
            continue
        candidate = found.setdefault(_plain(value), _Candidate(value))
        candidate.votes += weight
        candidate.units += 1
        if candidate.units <= _MOST_EVIDENCE:
            candidate.evidence += tuple(own)
    return list(found.values())


def _is_of(field: str, name: str) -> bool:
    return field == name or field.startswith((f"{name}.", f"{name}["))


def _plain(value: Any) -> str:
    """What two units that say the same have in common: letters without case, space without kinds, numbers by their value."""
    if isinstance(value, str):
        return " ".join(unicodedata.normalize("NFKC", value).casefold().split()).rstrip(".")
    if isinstance(value, dict):
        return content_id({name: _plain(part) for name, part in value.items()})
    if isinstance(value, list):
        return content_id(sorted(map(_plain, value)))
    return repr(float(value)) if isinstance(value, (int, float)) and not isinstance(value, bool) else repr(value)


def _blank(schema: dict[str, Any]) -> dict[str, Any]:
    return dict(_nothing(properties(core(inlined(schema)))))


def _nothing(fields: dict[str, Any]) -> Iterator[tuple[str, Any]]:
    for name, part in fields.items():
        types = {*types_of(part), *(kind for option in part.get("anyOf", ()) for kind in types_of(option))}
        if "null" in types:
            yield name, None
        elif "array" in types:
            yield name, []
