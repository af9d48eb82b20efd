"""Reading order: columns from left to right inside bands from the top down.

A recursive cut (XY-cut) that looks for a gutter first. What crosses the gutter (a title, a wide figure) ends one
band of columns and begins the next, so the text beneath it is not mixed with the text above.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeVar

from ingest.layout.page import Rect, overlap

Item = TypeVar("Item")

#: Points; the narrowest white between two columns.
GUTTER = 5.0
#: Points of height that two columns share at least.
_BESIDE = 2.0


def reading_order(items: Sequence[Item], rect_of: Callable[[Item], Rect]) -> list[Item]:
    """These items of one page in the order a person reads them."""
    if len(items) < 2:
        return list(items)
    sides = split_at_gutter(items, rect_of)
    if sides:
        return [item for side in sides for item in reading_order(side, rect_of)]
    slices = slices_of(items, rect_of)
    if len(slices) == 1:
        return sorted(items, key=lambda item: (-round(rect_of(item).top / 3), rect_of(item).left))
    return [item for band in _bands(slices, rect_of) for item in reading_order(band, rect_of)]


def split_at_gutter(items: Sequence[Item], rect_of: Callable[[Item], Rect]) -> tuple[list[Item], list[Item]] | None:
    """Left and right of the widest clean gutter, or None. Beside a gutter something stands on both sides: a formula set in the
    middle and the short lines above and below it are one column."""
    ordered = sorted(items, key=lambda item: rect_of(item).left)
    reach, widest, at = rect_of(ordered[0]).right, GUTTER, 0
    for index, item in enumerate(ordered[1:], start=1):
        gap = rect_of(item).left - reach
        if gap >= widest:
            widest, at = gap, index
        reach = max(reach, rect_of(item).right)
    sides = ordered[:at], ordered[at:]
    return sides if at and _stand_beside(*([rect_of(item) for item in side] for side in sides)) else None


def _stand_beside(lefts: Sequence[Rect], rights: Sequence[Rect]) -> bool:
    """True where some of these are at one height."""
    return any(overlap(left.bottom, left.top, right.bottom, right.top) > _BESIDE for left in lefts for right in rights)


def slices_of(items: Sequence[Item], rect_of: Callable[[Item], Rect]) -> list[list[Item]]:
    """Groups from the top down between which a line can be drawn across."""
    ordered = sorted(items, key=lambda item: -rect_of(item).top)
    slices, floor = [[ordered[0]]], rect_of(ordered[0]).bottom
    for item in ordered[1:]:
        rect = rect_of(item)
        if rect.top <= floor + 0.3 * min(rect.height, 4.0):
            slices.append([item])
            floor = rect.bottom
        else:
            slices[-1].append(item)
            floor = min(floor, rect.bottom)
    return slices


def _bands(slices: list[list[Item]], rect_of: Callable[[Item], Rect]) -> list[list[Item]]:
    """Neighbouring slices put together as long as one gutter runs through all of them."""
    bands = [slices[0]]
    for piece in slices[1:]:
        joined = bands[-1] + piece
        if split_at_gutter(joined, rect_of):
            bands[-1] = joined
        else:
            bands.append(piece)
    return bands
