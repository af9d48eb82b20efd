"""Where the columns of a page begin anew: below a ruling across the gutter, or with small print in every column.

References that follow a text in two columns stand below both. Read as one tall pair of columns, the first half of
them would come before the right half of the text.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from ingest.layout.block import Block, Kind
from ingest.layout.columns import slices_of, split_at_gutter
from ingest.layout.page import PageSignals, Rect, enclosing
from ingest.layout.style import DocumentStyle

#: Blocks that stay together.
Unit = list[Block]
#: Points by which small print is smaller than what stands above it.
_SMALLER = 0.6
#: Lines of small print below both columns; fewer may be a footnote in each.
_FEWEST = 4
#: Pieces that are looked at for two columns, from the cut on.
_TRIED = 4


def split_bands(
    units: Sequence[Unit], rect_of: Callable[[Unit], Rect], page: PageSignals, style: DocumentStyle
) -> list[list[Unit]]:
    """The units of a page in bands from the top down, each to be read before the next."""
    if not units:
        return []
    pieces = slices_of(units, rect_of)
    bands = [list(pieces[0])]
    for at in range(1, len(pieces)):
        sides = _sides(pieces[at - 1 :: -1], rect_of)
        if sides and _sides(pieces[at:], rect_of):
            boxes = [enclosing(rect_of(unit) for unit in side) for side in sides]
            ceiling = max(rect_of(unit).top for unit in pieces[at])
            below = [unit for piece in pieces[at:] for unit in piece]
            if _is_ruled_off(boxes, ceiling, page) or _is_small_print(sides, below, style):
                bands.append([])
        bands[-1].extend(pieces[at])
    return bands


def _sides(pieces: Sequence[list[Unit]], rect_of: Callable[[Unit], Rect]) -> tuple[list[Unit], list[Unit]] | None:
    """The first of these pieces that stand in two columns, by column: one paragraph may end just where the other column does."""
    joined: list[Unit] = []
    for piece in pieces[:_TRIED]:
        joined = [*joined, *piece]
        if sides := split_at_gutter(joined, rect_of):
            return sides
    return None


def _is_ruled_off(sides: Sequence[Rect], ceiling: float, page: PageSignals) -> bool:
    """True where a ruling runs from one column into the other, below these and above `ceiling`."""
    left, right = sides
    return any(
        ceiling - 1 < rule.bottom
        and rule.top < min(left.bottom, right.bottom) + 1
        and rule.left < left.right - 20
        and right.left + 20 < rule.right
        for rule in page.across
    )


def _is_small_print(sides: Sequence[Sequence[Unit]], below: Sequence[Unit], style: DocumentStyle) -> bool:
    """True where all text below is smaller than the body, and than either column above."""
    small = _printed(below)
    above = [max((block.size for block in _printed(side)), default=0.0) for side in sides]
    if sum(len(block.lines) for block in small) < _FEWEST:
        return False
    return max(block.size for block in small) < min(*above, style.size) - _SMALLER


def _printed(units: Sequence[Unit]) -> list[Block]:
    """What is text, headings aside."""
    return [block for unit in units for block in unit if block.lines and block.kind is not Kind.HEADING]
