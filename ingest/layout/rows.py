"""Pieces of one line put together again: those that justification pulled apart, and a bullet or a number with its text.

A gap in a wide line is as wide as the white between two columns of a table. What tells them apart: the gaps of a
justified line are all alike and it fills its column, or a line above or below runs across the gap.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Sequence
from itertools import pairwise

from ingest.layout.gutters import Gutter, find_gutters
from ingest.layout.page import Line, Word

#: Lines that share an edge where a column has it.
_FEWEST = 4
#: Widest gap of a justified line, in font sizes.
_WIDEST = 6.0
_LONE_MARKER = re.compile(
    r"^(?:[•·▪■◦–—∙●○◆►▸✓*‣\uf0b7\uf0a7-]|\[\d{1,3}\]|\(?(?:\d{1,3}|[a-z]|[ivx]{1,4})[.)]|(?:[A-Z]|[IVX]{1,5})\.|\d{1,2}(?:\.\d{1,2}){1,3}\.?)$"
)
#: The label of a caption, with the stop without which it may be a cell of a table.
_LONE_LABEL = re.compile(r"^(?:fig(?:ure)?|table|scheme)\.?\s*[A-Z]?\d{1,3}\s?[.:|]$", re.I)


def whole_rows(lines: Sequence[Line], make_line: Callable[[Sequence[Word]], Line]) -> list[Line]:
    """The lines, those that stand in one row of one column and belong together as one."""
    gutters = find_gutters(lines)
    edges = Counter(round(edge) for line in lines if len(line.text) > 15 for edge in (line.rect.left, -line.rect.right))
    joined: list[Line] = []
    for row in _rows(lines):
        done: list[Line] = []
        for segment in _segments(row, gutters):
            if len(segment) > 1 and _is_justified(segment, edges, joined):
                done.append(make_line([word for line in segment for word in line.words]))
                continue
            for line in segment:
                if done and _belongs(done[-1], line, lines, gutters):
                    done[-1] = make_line(done[-1].words + line.words)
                else:
                    done.append(line)
        joined.extend(done)
    return joined


def _rows(lines: Sequence[Line]) -> list[list[Line]]:
    """Lines of one size on one baseline, from left to right."""
    rows: list[list[Line]] = []
    for line in lines:
        last = rows[-1][-1] if rows else None
        if (
            last
            and abs(last.base - line.base) < 0.8
            and (abs(last.size - line.size) < 0.06 * line.size or _is_label(last.text))
        ):
            rows[-1].append(line)
        else:
            rows.append([line])
    return [sorted(row, key=lambda line: line.rect.left) for row in rows]


def _segments(row: Sequence[Line], gutters: Sequence[Gutter]) -> list[list[Line]]:
    """The row cut at the gutters."""
    segments = [[row[0]]]
    for left, right in pairwise(row):
        if any(gutter.parts(left.rect, right.rect) for gutter in gutters):
            segments.append([right])
        else:
            segments[-1].append(right)
    return segments


def _is_justified(segment: Sequence[Line], edges: Counter[int], above: Sequence[Line]) -> bool:
    """True where these pieces fill their column, from edge to edge, with gaps that are all alike.

    Cells of numbers can stand so too, and two cells of words; a text goes on from the full line above.
    """
    words = [word for line in segment for word in line.words]
    size, left, right = segment[0].size, segment[0].rect.left, segment[-1].rect.right
    if _LONE_MARKER.match(words[0].text):
        words = words[1:]
    if _shared(edges, -right, 1) < _FEWEST or _shared(edges, left - size, round(size) + 1) < _FEWEST:
        return False
    gaps = sorted(b.rect.left - a.rect.right for a, b in pairwise(words) if min(a.size, b.size) > 0.9 * size)
    if not gaps or gaps[0] < 0.4 * size or gaps[-1] > min(_WIDEST * size, 1.4 * gaps[0] + 1):
        return False
    is_words = sum(sum(c.isalpha() for c in word.text) > 1 for word in words) > 0.6 * len(words)
    return (is_words and len(gaps) > 1) or any(_runs_to(line, left, right, segment[0]) for line in above[-8:])


def _shared(edges: Counter[int], edge: float, shift: int) -> int:
    """How many lines begin, or end, at this edge or so many points beside it."""
    return sum(edges[at] for at in range(round(edge) - shift, round(edge) + shift + 1))


def _runs_to(line: Line, left: float, right: float, below: Line) -> bool:
    """True for the full line of the same column right above."""
    drop = line.base - below.base
    return (
        0.8 * below.size < drop < 1.7 * below.size
        and line.rect.left < left + 2 * below.size
        and abs(line.rect.right - right) < 2
    )


def _belongs(left: Line, right: Line, lines: Sequence[Line], gutters: Sequence[Gutter]) -> bool:
    if any(gutter.parts(left.rect, right.rect) for gutter in gutters):
        return False
    return _is_marker_of(left, right) or _pulled_apart(left, right, lines)


def _is_marker_of(left: Line, right: Line) -> bool:
    """True for a bullet, a number or a caption's label that stands alone before its text."""
    if not 0 < right.rect.left - left.rect.right < 3.0 * right.size or len(right.text) <= 3:
        return False
    return _is_label(left.text) or (left.text.isdigit() and len(left.text) < 3 and min(left.bold, right.bold) > 0.9)


def _is_label(text: str) -> bool:
    return bool(_LONE_MARKER.match(text) or _LONE_LABEL.match(text))


def _pulled_apart(left: Line, right: Line, lines: Sequence[Line]) -> bool:
    """True where the lines above or below run across the gap, and none ends or begins at it."""
    gap = right.rect.left - left.rect.right
    if not 0 < gap < 3.0 * left.size:
        return False
    crossed = broken = 0
    for line in lines:
        if not 0.8 * left.size < abs(line.base - left.base) < 1.7 * left.size or abs(line.size - left.size) > 0.6:
            continue
        if line.rect.left < left.rect.right - left.size and right.rect.left + left.size < line.rect.right:
            crossed += 1
        elif abs(line.rect.right - left.rect.right) < 4 or abs(line.rect.left - right.rect.left) < 4:
            broken += 1
    return crossed > 0 and broken == 0
