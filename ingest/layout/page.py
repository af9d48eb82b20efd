"""What the rules see of a page: words, lines, rulings, drawings. PDF points, origin bottom left.

A word's box is not the parser's: that follows each font's own metrics (the same 10 pt size is 8.7 pt high in
one font, 1.6 in another). Ours stands on the baseline and is as high as the font size says, so that heights
and gaps of different fonts can be compared.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import NamedTuple, TypeVar

#: Share of the font size below and above the baseline that a line of text fills.
DESCENT, ASCENT = 0.22, 0.72


class Rect(NamedTuple):
    """A rectangle on a page."""

    left: float
    bottom: float
    right: float
    top: float

    @property
    def width(self) -> float:
        return self.right - self.left

    @property
    def height(self) -> float:
        return self.top - self.bottom

    @property
    def middle(self) -> tuple[float, float]:
        return (self.left + self.right) / 2, (self.bottom + self.top) / 2

    @property
    def area(self) -> float:
        return max(0.0, self.width) * max(0.0, self.height)

    def grown(self, dx: float, dy: float) -> Rect:
        return Rect(self.left - dx, self.bottom - dy, self.right + dx, self.top + dy)

    def meets(self, other: Rect) -> bool:
        """True where the two touch or overlap."""
        return self.left <= other.right and other.left <= self.right and self.bottom <= other.top and other.bottom <= self.top

    def share_inside(self, other: Rect) -> float:
        """Share of this rectangle's area that lies inside the other; lines of no area count by length."""
        across = min(self.right, other.right) - max(self.left, other.left)
        up = min(self.top, other.top) - max(self.bottom, other.bottom)
        if across < 0 or up < 0:
            return 0.0
        return min(1.0, across / self.width if self.width else 1.0) * min(1.0, up / self.height if self.height else 1.0)

    def holds(self, x: float, y: float) -> bool:
        return self.left <= x <= self.right and self.bottom <= y <= self.top


def enclosing(rects: Iterable[Rect]) -> Rect:
    """The smallest rectangle around all of these; there must be one."""
    lefts, bottoms, rights, tops = zip(*rects, strict=True)
    return Rect(min(lefts), min(bottoms), max(rights), max(tops))


def overlap(a_low: float, a_high: float, b_low: float, b_high: float) -> float:
    """Length that two intervals share; negative is the gap between them."""
    return min(a_high, b_high) - max(a_low, b_low)


@dataclass(frozen=True, slots=True)
class Face:
    """How one font looks, and how to get the true size from the parser's box heights."""

    name: str
    is_bold: bool
    is_italic: bool
    is_mono: bool
    is_math: bool
    size_per_height: float  #: font size / height of the parser's box
    baseline: float  #: height of the baseline above the box's bottom / height of the box


@dataclass(frozen=True, slots=True)
class Word:
    """A run of characters of one font without a gap."""

    text: str
    rect: Rect
    size: float  #: font size in points
    base: float  #: y of the baseline
    face: Face
    turn: int = 0  #: degrees; 90 where it is written up the page, -90 where down
    after_space: bool = False  #: True where the text layer itself has a space before it


@dataclass(frozen=True, slots=True)
class Line:
    """Words on one baseline, left to right."""

    words: tuple[Word, ...]
    rect: Rect
    base: float
    size: float  #: size of most of its characters
    text: str
    bold: float  #: share of its characters that are bold
    italic: float
    face: str  #: name of the font of most of its characters


@dataclass(frozen=True, slots=True)
class Unseen:
    """How many characters of one page its reader cannot see, and why; see `ingest.layout.unseen`."""

    unprinted: int = 0  #: painted without ink, where no picture lies: over a picture it is what OCR read of a scan
    outside: int = 0  #: beside the page
    tiny: int = 0  #: below 2 points, outside of drawings and pictures
    over_pictures: int = 0  #: where a bitmap lies, which may cover them
    painted: tuple[tuple[str, int], ...] = ()  #: hidden by colour or by what covers them, with the reason; see `ingest.painted`


@dataclass(frozen=True, slots=True)
class PageSignals:
    """All that the rules know of one page."""

    number: int  #: from 1
    width: float
    height: float
    words: tuple[Word, ...]
    n_chars: int  #: visible characters of the text layer
    across: tuple[Rect, ...]  #: horizontal rulings
    down: tuple[Rect, ...]  #: vertical rulings
    bitmaps: tuple[Rect, ...]
    drawings: tuple[Rect, ...]  #: boxes around strokes and fills that touch
    bars: tuple[Rect, ...] = ()  #: horizontal rulings too short for a table's: of a fraction, a root, a mean
    shades: tuple[Rect, ...] = ()  #: filled boxes: of a table's rows and cells, of what stands in a frame
    unseen: Unseen = Unseen()


Placed = TypeVar("Placed", Word, Line)


def baseline_rows(items: Iterable[Placed]) -> list[list[Placed]]:
    """These words or lines by their baselines, from the top down; in each row from left to right."""
    rows: list[list[Placed]] = []
    for item in sorted(items, key=lambda item: -item.base):
        if rows and abs(rows[-1][0].base - item.base) < 0.3 * item.size:
            rows[-1].append(item)
        else:
            rows.append([item])
    return [sorted(row, key=lambda item: item.rect.left) for row in rows]
