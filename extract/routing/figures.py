"""The pictures that a chunk holds for a reader with eyes, each with what the paper says of it elsewhere.

A figure stands in the first chunk that holds it: the further pieces of a long caption are text. A picture that occurs twice in
a paper is one picture, and so is one that stands inside another. Ornament (logos, badges, buttons) is no picture here.

What a newcomer would get wrong: a display formula has no reference in its chunk, so it is found by its place on the page; and a
caption that the layout rules left without its picture gets one of its page that has no caption.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence

from records import Box, Chunk, ChunkKind, FigureCrop, UnitFigure
from settings import RoutingSettings

#: How a caption begins, and so what its chunk is called elsewhere; the words are those of `Chunk.cites`.
_CAPTION = re.compile(r"\W*(?:extended data |supp\w*\.? )?(?:fig|abb|tab|scheme|schema|chart|algorithm)", re.IGNORECASE)
#: Pieces of a long caption that go with its picture, besides the first.
_MOST_PIECES = 3
#: Words of a line from which on it is taken for prose.
_PROSE = 8
#: Share of a picture that stands inside another for it to be a part of that.
_INSIDE = 0.9


def unit_figures(
    chunks: Sequence[Chunk], crops: Mapping[str, Sequence[FigureCrop]], routing: RoutingSettings | None = None
) -> dict[str, tuple[UnitFigure, ...]]:
    """By chunk id, the pictures that it holds; `crops` are those of each conversion, by its id.

    Chunks of several documents may come together, but those of one all at once: a figure is described in other chunks.
    """
    routing = routing or RoutingSettings()
    by_conversion: dict[str, list[Chunk]] = defaultdict(list)
    for chunk in chunks:
        by_conversion[chunk.conversion_id].append(chunk)
    found: dict[str, list[UnitFigure]] = defaultdict(list)
    for conversion_id, own in by_conversion.items():
        paper = _Paper(own)
        for holder, crop in paper.held(crops.get(conversion_id, ()), routing):
            near = paper.citing(holder, crop, most=routing.most_citing)
            found[holder.id].append(UnitFigure(crop=crop, chunk_id=holder.id, citing=near))
    return {chunk_id: tuple(figures) for chunk_id, figures in found.items()}


def label_of(chunk: Chunk) -> str | None:
    """What the paper calls the figure, scheme or table of this chunk, such as 'Figure 2'; None where its caption has no number."""
    own = [label for label in chunk.cites if not label.startswith("Reference ")]
    return own[0] if own and _CAPTION.match(chunk.text) else None


class _Paper:
    """The chunks of one conversion, by what finds them."""

    def __init__(self, chunks: Sequence[Chunk]) -> None:
        self.chunks = sorted(chunks, key=lambda chunk: chunk.ordinal)
        self.pieces: dict[str, list[Chunk]] = defaultdict(list)  #: of a float, its first piece first
        self.on_page: dict[int, list[Chunk]] = defaultdict(list)
        self.mentions: dict[str, list[Chunk]] = defaultdict(list)
        for chunk in self.chunks:
            for ref in chunk.holds:
                self.pieces[ref].append(chunk)
            for page in chunk.pages:
                self.on_page[page].append(chunk)
            if chunk.kind is not ChunkKind.REFERENCES:
                for label in chunk.cites:
                    self.mentions[label].append(chunk)

    def held(self, crops: Sequence[FigureCrop], routing: RoutingSettings) -> Iterator[tuple[Chunk, FigureCrop]]:
        """Each picture once, with the chunk that holds it."""
        seen: set[str] = set()
        taken: set[str] = set()
        for crop in crops:
            holder = next(iter(self.pieces.get(crop.ref, ())), None)
            if holder is None and crop.kind == "formula":
                holder = self._printed_in(crop)
            if holder is None or crop.png in seen or any(_is_inside(crop, other) for other in crops if other is not crop):
                continue
            if crop.kind == "figure" and not holder.features.has_caption:
                if is_ornament(crop, routing):
                    continue
                if caption := self._lone_caption(crop, taken):
                    holder = caption
                    taken.add(caption.id)
            seen.add(crop.png)
            yield holder, crop

    def citing(self, holder: Chunk, crop: FigureCrop, *, most: int) -> tuple[Chunk, ...]:
        """The rest of its caption and the few nearest chunks that mention this picture, in reading order; for one without a caption,
        the captions of its page."""
        caption = [chunk for chunk in self.pieces[crop.ref] if chunk.id != holder.id and _is_prose(chunk)][:_MOST_PIECES]
        label = label_of(holder)
        others = self.mentions[label] if label else [c for c in self.on_page.get(crop.page or 0, ()) if label_of(c)]
        others = [chunk for chunk in others if chunk.id != holder.id and crop.ref not in chunk.holds]
        if label is None:
            others = [chunk for chunk in others if chunk.kind is ChunkKind.FIGURE and crop.kind == "figure"]
        near = sorted(others, key=lambda chunk: abs(chunk.ordinal - holder.ordinal))[:most]
        return tuple(sorted([*caption, *near], key=lambda chunk: chunk.ordinal))

    def _printed_in(self, crop: FigureCrop) -> Chunk | None:
        """The chunk whose text is printed inside this picture: the formula itself before a text that runs into it."""
        if crop.box is None or crop.page is None:
            return None
        within = [
            chunk
            for chunk in self.on_page.get(crop.page, ())
            if any(p.page == crop.page and p.end > p.start and _middle_in(p.box, crop.box) for p in chunk.places)
        ]
        return min(within, key=lambda chunk: chunk.kind is not ChunkKind.FORMULA, default=None)

    def _lone_caption(self, crop: FigureCrop, taken: set[str]) -> Chunk | None:
        """The nearest caption on the page of this picture that has none of its own."""
        if crop.box is None:
            return None
        near = [
            (_gap(place.box, crop.box), chunk.ordinal, chunk)
            for chunk in self.on_page.get(crop.page or 0, ())
            if chunk.kind is ChunkKind.FIGURE and not chunk.holds and chunk.id not in taken and label_of(chunk)
            for place in chunk.places
            if place.page == crop.page
        ]
        return min(near, key=lambda found: found[:2])[2] if near else None


def _is_prose(chunk: Chunk) -> bool:
    """Whether this piece of a figure is of its caption, not of the words inside it, which stand on short lines."""
    lines = chunk.text.split("\n")
    return len(chunk.text.split()) >= _PROSE * len(lines)


def is_ornament(crop: FigureCrop, routing: RoutingSettings) -> bool:
    """Whether a picture without a caption is decoration: tiny anywhere, or small on the first page, where logos and badges are."""
    if crop.box is None:
        return False
    width, height = crop.box.right - crop.box.left, crop.box.top - crop.box.bottom
    return min(width, height) < routing.least_side_pt or (crop.page == 1 and width * height < routing.ornament_area_pt2)


def _is_inside(crop: FigureCrop, other: FigureCrop) -> bool:
    """Whether a picture stands in another one of its page; of two that cover each other, the first by reference is kept."""
    if crop.box is None or other.box is None or crop.page != other.page or crop.kind != other.kind:
        return False
    width = min(crop.box.right, other.box.right) - max(crop.box.left, other.box.left)
    height = min(crop.box.top, other.box.top) - max(crop.box.bottom, other.box.bottom)
    if width <= 0 or height <= 0 or width * height < _INSIDE * _area(crop.box):
        return False
    return (_area(other.box), other.ref) > (_area(crop.box), crop.ref)


def _area(box: Box) -> float:
    return (box.right - box.left) * (box.top - box.bottom)


def _middle_in(inner: Box, outer: Box) -> bool:
    x, y = (inner.left + inner.right) / 2, (inner.bottom + inner.top) / 2
    return outer.left <= x <= outer.right and outer.bottom <= y <= outer.top


def _gap(one: Box, other: Box) -> float:
    """Points between two boxes, the larger of across and down."""
    across = max(one.left - other.right, other.left - one.right, 0.0)
    down = max(one.bottom - other.top, other.bottom - one.top, 0.0)
    return max(across, down)
