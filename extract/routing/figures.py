"""The pictures that a chunk holds for a reader with eyes, each with what the paper says of it elsewhere.

A figure stands in the first chunk that holds it: the further pieces of a long caption are text. A picture that occurs twice in
a paper is one picture. A display formula has no reference in its chunk, so it is found by its place on the page.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence

from records import Box, Chunk, ChunkKind, FigureCrop, UnitFigure

#: Chunks that mention a figure and go with it: the paragraph that describes it is nearly always among the nearest three.
MOST_CITING = 3
#: How a caption begins, and so what its chunk is called elsewhere; the words are those of `Chunk.cites`.
_CAPTION = re.compile(r"\W*(?:extended data |supp\w*\.? )?(?:fig|abb|tab|scheme|schema|chart|algorithm)", re.IGNORECASE)


def unit_figures(chunks: Sequence[Chunk], crops: Mapping[str, Sequence[FigureCrop]]) -> dict[str, tuple[UnitFigure, ...]]:
    """By chunk id, the pictures that it holds; `crops` are those of each conversion, by its id.

    Chunks of several documents may come together.
    """
    by_conversion: dict[str, list[Chunk]] = defaultdict(list)
    for chunk in chunks:
        by_conversion[chunk.conversion_id].append(chunk)
    found: dict[str, list[UnitFigure]] = defaultdict(list)
    for conversion_id, own in by_conversion.items():
        in_order = sorted(own, key=lambda chunk: chunk.ordinal)
        citing = _by_label(in_order)
        for holder, crop in _held(in_order, crops.get(conversion_id, ())):
            near = _nearest(holder, citing.get(label_of(holder) or "", ()), crop)
            found[holder.id].append(UnitFigure(crop=crop, chunk_id=holder.id, citing=near))
    return {chunk_id: tuple(figures) for chunk_id, figures in found.items()}


def label_of(chunk: Chunk) -> str | None:
    """What the paper calls the figure, scheme or table of this chunk, such as 'Figure 2'; None where its caption has no number."""
    own = [label for label in chunk.cites if not label.startswith("Reference ")]
    return own[0] if own and _CAPTION.match(chunk.text) else None


def _held(chunks: Sequence[Chunk], crops: Sequence[FigureCrop]) -> Iterator[tuple[Chunk, FigureCrop]]:
    """Each picture once, with the chunk that holds it."""
    holders: dict[str, Chunk] = {}
    for chunk in chunks:
        for ref in chunk.holds:
            holders.setdefault(ref, chunk)
    seen: set[str] = set()
    for crop in crops:
        holder = holders.get(crop.ref) or (_at_place(chunks, crop) if crop.kind == "formula" else None)
        if holder and crop.png not in seen:
            seen.add(crop.png)
            yield holder, crop


def _at_place(chunks: Sequence[Chunk], crop: FigureCrop) -> Chunk | None:
    """The chunk whose text is printed inside this picture: the formula itself before a text that runs into it."""
    if crop.box is None:
        return None
    within = [
        chunk
        for chunk in chunks
        if any(place.page == crop.page and _middle_in(place.box, crop.box) for place in chunk.places if place.end > place.start)
    ]
    return min(within, key=lambda chunk: chunk.kind is not ChunkKind.FORMULA, default=None)


def _middle_in(inner: Box, outer: Box) -> bool:
    x, y = (inner.left + inner.right) / 2, (inner.bottom + inner.top) / 2
    return outer.left <= x <= outer.right and outer.bottom <= y <= outer.top


def _by_label(chunks: Sequence[Chunk]) -> dict[str, list[Chunk]]:
    citing: dict[str, list[Chunk]] = defaultdict(list)
    for chunk in chunks:
        if chunk.kind is not ChunkKind.REFERENCES:
            for label in chunk.cites:
                citing[label].append(chunk)
    return citing


def _nearest(holder: Chunk, citing: Sequence[Chunk], crop: FigureCrop) -> tuple[Chunk, ...]:
    """The few nearest of them, in reading order; pieces of the figure's own caption are not among them."""
    others = [chunk for chunk in citing if chunk.id != holder.id and crop.ref not in chunk.holds]
    near = sorted(others, key=lambda chunk: abs(chunk.ordinal - holder.ordinal))[:MOST_CITING]
    return tuple(sorted(near, key=lambda chunk: chunk.ordinal))
