"""Evidence for what a model saw in a picture: the words where the paper has them, else the region of the page.

A model that reads a plot often says what the caption or the text says too, and words can be checked where a picture cannot.
So its quote is looked for in the unit and in what cites its figures; what stands nowhere is kept with the figure's page and box.
"""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any

from extract.evidence.claims import chunk_named, chunks_at_hand
from extract.evidence.grounding import REGION, evidence_at, ground, quoted_values
from records import Evidence, Unit, UnitFigure

#: A quote of fewer letters that stands somewhere in the text says nothing of the picture.
_FEWEST_LETTERS = 12
_LABEL = re.compile(r"\b(fig(?:ure|\.)?|scheme|chart|plate|panel)\s?(S?\d+)", re.I)


def ground_seen(record: dict[str, Any], schema: dict[str, Any], unit: Unit) -> tuple[Evidence, ...]:
    """Evidence for each value of a record that was read from the unit's figures, in the record's order; null values have none.

    Raises ValueError where the unit has no figure.
    """
    if not unit.figures:
        raise ValueError(f"unit {unit.id[:12]} holds no figure that anything could have been seen in")
    around = replace(unit, chunks=tuple(chunks_at_hand(unit)))
    return tuple(_seen(path, value, quote or "", around, unit) for path, value, quote in quoted_values(record, schema))


def _seen(path: str, value: Any, quote: str, around: Unit, unit: Unit) -> Evidence:
    words = quote or (value if isinstance(value, str) else "")
    is_telling = sum(sign.isalpha() for sign in words) >= _FEWEST_LETTERS
    found = ground(words, around) if is_telling else None
    if found:
        return evidence_at(path, words, found.chunk, found.span, found_by=found.by)
    return region_of(path, words or str(value), figure_of(words, unit))


def region_of(path: str, quote: str, figure: UnitFigure) -> Evidence:
    """The figure's place on its page as evidence; `quote` is what the model says that it saw there."""
    return Evidence(
        field=path,
        quote=quote,
        chunk_id=figure.chunk_id,
        span=None,
        page=figure.crop.page,
        box=figure.crop.box,
        found_by=REGION,
    )


def figure_of(quote: str, unit: Unit) -> UnitFigure:
    """The figure that a quote names ('Figure 3 shows'); else the first."""
    named = _labels(quote)
    for figure in unit.figures:
        chunk = chunk_named(figure.chunk_id, unit)
        if named and chunk and named & _labels(chunk.text[:40]):
            return figure
    return unit.figures[0]


def _labels(text: str) -> set[str]:
    return {match[2].upper() for match in _LABEL.finditer(text)}
