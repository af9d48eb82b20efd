"""The white strips between the columns of a page, and which side of them a thing stands on.

A gutter shows in the running text, not in the white itself: a formula may stick out into it, and the plots, cells and
numbers of equations beside it leave white of their own. It ends where a line of text runs across both columns.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from ingest.layout.page import Line, Rect

#: Lines that must end before a gutter, and begin after it.
_FEWEST = 5
#: Points; the widest white between two columns, and how far from their common edge lines may begin.
_WIDEST, _EDGE = 40.0, 1.5
#: Points by which a thing may reach over the far edge of a gutter and still belong to its own column.
_OVER = 3.0


@dataclass(frozen=True, slots=True)
class Gutter:
    """White between two columns, between the lines that cross it above and below."""

    rect: Rect

    def parts(self, a: Rect, b: Rect) -> bool:
        """True where the two stand on different sides of it; what stands in the white belongs to neither."""
        white, heights = self.rect, (a.middle[1], b.middle[1])
        if not (white.bottom < min(heights) and max(heights) < white.top):
            return False
        left, right = (a, b) if a.left < b.left else (b, a)
        x = white.middle[0]
        return left.left < white.left and left.middle[0] < x < right.middle[0] and right.right > white.right

    def clipped(self, rect: Rect) -> Rect:
        """The rectangle without what of it sticks out into the gutter."""
        white = self.rect
        if not (white.bottom < rect.middle[1] < white.top):
            return rect
        if rect.left < white.left - 10 and white.left < rect.right < white.right + _OVER:
            return rect._replace(right=white.left)
        if white.left - _OVER < rect.left < white.right and white.right + 10 < rect.right:
            return rect._replace(left=white.right)
        return rect


def find_gutters(lines: Sequence[Line]) -> list[Gutter]:
    """The gutters of a page, from left to right."""
    text = [line for line in lines if len(line.text) > 15]
    if len(text) < 2 * _FEWEST:
        return []
    begins = Counter(round(line.rect.left) for line in text)
    found: list[Gutter] = []
    for edge in sorted(edge for edge, n in begins.items() if n >= _FEWEST):
        column = [line for line in text if abs(line.rect.left - edge) <= _EDGE]
        ends = sorted(line.rect.right for line in text if edge - _WIDEST < line.rect.right < edge - 2)
        if len(column) < _FEWEST or len(ends) < _FEWEST:
            continue
        left, right = ends[int(0.9 * len(ends))], min(line.rect.left for line in column)
        if sum(left + 1 < line.rect.left < right for line in text) < _FEWEST:  # else an indent beyond the gutter
            found.extend(_between_crossings(left, right, column, text))
    return found


def _between_crossings(left: float, right: float, column: Sequence[Line], text: Sequence[Line]) -> list[Gutter]:
    """The white from left to right, cut where lines cross it; only the stretches beside which the column on its right stands."""
    crossing = sorted(
        (line.rect.bottom, line.rect.top) for line in text if line.rect.left < left - 5 and line.rect.right > right + 5
    )
    return [
        Gutter(Rect(left, low, right, high))
        for (_, low), (high, _) in pairwise([(-1e6, -1e6), *crossing, (1e6, 1e6)])
        if sum(low < line.base < high for line in column) >= _FEWEST
    ]


def within_column(rect: Rect, gutters: Sequence[Gutter]) -> Rect:
    """The rectangle as its column has it."""
    for gutter in gutters:
        rect = gutter.clipped(rect)
    return rect
