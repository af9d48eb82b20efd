"""Find each quote in its unit, and say where it is printed.

Models paraphrase, and they tidy: they join a word that the line broke, turn a ligature into letters, leave words out behind an
ellipsis, change one. So a quote is looked for as it is, then with the differences of print taken away, then by alignment
within a bound, and the span always is one of the chunk's own text. A value whose quote is not found is kept and marked
(`span=None`, NOT_FOUND): the reader should see what the paper does not support.

That a quote stands there says nothing of its value: that is `extract.evidence.verifying`.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

from extract.evidence.finding import ALIGNED, EXACT, NORMALISED, find
from extract.evidence.printed import numbers_in, printed_ways
from extract.schema import core, inlined, properties, quote_field
from records import Box, Chunk, Evidence, Place, Unit, Verdict

#: The check that gives NOT_FOUND to a value whose quote stands nowhere.
QUOTE = "quote"
#: How evidence was found that is a picture.
REGION = "region"


class Grounded(NamedTuple):
    """Where a quote was found."""

    chunk: Chunk
    span: tuple[int, int]  #: of the chunk's text
    by: str  #: exact, normalised or aligned


def ground(quote: str, unit: Unit) -> Grounded | None:
    """The chunk and the span of its text that say this quote: as it is in any chunk first, then normalised, then with the
    fewest words changed; None where no chunk does."""
    words = quote.strip()
    if not words:
        return None
    for by in (EXACT, NORMALISED):
        for chunk in unit.chunks:
            if match := find(words, chunk.text, by=by):
                return Grounded(chunk, match.span, match.by)
    near = [(match, chunk) for chunk in unit.chunks if (match := find(words, chunk.text, by=ALIGNED))]
    if not near:
        return None
    match, chunk = min(near, key=lambda pair: pair[0].cost)
    return Grounded(chunk, match.span, match.by)


def evidence_of(field: str, quote: str, unit: Unit) -> Evidence:
    """The evidence for one value. Where the quote is not found it names the unit's first chunk, without span, page or box."""
    found = ground(quote, unit)
    if found is None:
        return Evidence(
            field=field, quote=quote, chunk_id=unit.chunks[0].id, span=None, page=None, box=None,
            verdict=Verdict.NOT_FOUND, method=QUOTE, reason="these words do not stand in the text",
        )  # fmt: skip
    return evidence_at(field, quote, found.chunk, found.span, found_by=found.by)


def evidence_at(field: str, quote: str, chunk: Chunk, span: tuple[int, int], *, found_by: str = EXACT) -> Evidence:
    """The evidence of a value whose span is known, with its page and box."""
    places = chunk.places_of(span)
    page = places[0].page if places else None
    return Evidence(field=field, quote=quote, chunk_id=chunk.id, span=span, page=page, box=_box(places), found_by=found_by)


def ground_record(record: dict[str, Any], schema: dict[str, Any], unit: Unit) -> tuple[Evidence, ...]:
    """Evidence for each value of a record that a model gave, in the record's order; null values have none.

    A value's quote is the quote field of its object, or of the nearest object around it that has one; else the value's own
    words. The quote field itself is not a value.
    """
    return tuple(
        evidence_of(path, quote, unit) if quote else _evidence_of_value(path, value, unit)
        for path, value, quote in quoted_values(record, schema)
    )


def quoted_values(record: dict[str, Any], schema: dict[str, Any]) -> Iterator[tuple[str, Any, str | None]]:
    """Each value of the record that is not null, with its JSON path and the quote that stands beside it or around it."""
    yield from _leaves(record, inlined(schema), "", None)


def _leaves(value: Any, schema: dict[str, Any], path: str, quote: str | None) -> Iterator[tuple[str, Any, str | None]]:
    schema = core(schema)
    if isinstance(value, dict):
        quote_name = quote_field(schema)
        beside = value.get(quote_name) if quote_name else None
        inner = beside if isinstance(beside, str) and beside.strip() else quote
        for name, part in value.items():
            if name != quote_name:
                yield from _leaves(part, properties(schema).get(name, {}), f"{path}.{name}" if path else name, inner)
    elif isinstance(value, list):
        for i, part in enumerate(value):
            yield from _leaves(part, schema.get("items", {}), f"{path}[{i}]", quote)
    elif value is not None:
        yield path, value, quote


def _evidence_of_value(path: str, value: Any, unit: Unit) -> Evidence:
    """A value without a quote is looked for itself: text as it is, a number in any of the ways to print it."""
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        for words in printed_ways(value):
            if found := ground(words, unit):
                return evidence_at(path, words, found.chunk, found.span, found_by=found.by)
        for chunk in unit.chunks:
            for number in numbers_in(chunk.text):
                if number.says(value):
                    span = (number.start, number.end)
                    return evidence_at(path, chunk.text[slice(*span)], chunk, span)
    return evidence_of(path, value if isinstance(value, str) else str(value).lower(), unit)


def _box(places: tuple[Place, ...]) -> Box | None:
    """One box around the places in the first one's column: words that go on in another column or page stay out of it."""
    if not places:
        return None
    first = places[0].box
    same = [
        place.box
        for place in places
        if place.page == places[0].page and place.box.left < first.right and first.left < place.box.right
    ]
    return Box(
        left=min(box.left for box in same),
        bottom=min(box.bottom for box in same),
        right=max(box.right for box in same),
        top=max(box.top for box in same),
    )
