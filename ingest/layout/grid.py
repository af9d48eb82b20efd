"""The rows and columns of a table, from the white between its words and the rulings.

A column ends where (nearly) no row has ink; a heading that spans columns may cross. A row is a line of text,
unless rulings or the distance of lines say that several lines are one row.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from ingest.layout.block import Cell, Grid
from ingest.layout.lines import join_texts, words_text
from ingest.layout.page import Rect, Word, enclosing

#: Widest gap inside a cell, in font sizes.
_CELL_GAP = 0.62
#: Share of the rows whose text may cross the white between two columns.
_CROSSING = 0.08


@dataclass(frozen=True, slots=True)
class _Segment:
    """Words of one row without a wide gap."""

    words: tuple[Word, ...]
    left: float
    right: float


@dataclass(frozen=True, slots=True)
class _Row:
    base: float
    segments: tuple[_Segment, ...]


def read_grid(words: Sequence[Word], across: Sequence[Rect], down: Sequence[Rect], known: frozenset[str]) -> Grid | None:
    """The table that these words are, None where they have fewer than two rows or columns."""
    rows = _rows(words)
    if len(rows) < 2:
        return None
    area = enclosing(word.rect for word in words)
    heights = sorted({round((r.bottom + r.top) / 2, 0) for r in across if r.width > 0.3 * area.width}, reverse=True)
    n_header = _header_rows(rows, heights)
    walls = _column_walls(rows, n_header, area, down)
    if not walls:
        return None
    bounds = [area.left - 1, *walls, area.right + 1]
    groups = _merged_rows(rows, heights, bounds, is_ruled=len(down) >= 2)
    cells = _cells(
        groups,
        bounds,
        n_header=sum(group[0].base >= rows[n_header - 1].base for group in groups) if n_header else 0,
        known=known,
    )
    n_columns = len(bounds) - 1
    if len(groups) < 2 or len({cell.column for cell in cells}) < 2:
        return None
    return Grid(n_rows=len(groups), n_columns=n_columns, cells=tuple(cells))


def _rows(words: Sequence[Word]) -> list[_Row]:
    """Words by baseline, from the top down; scripts belong to the row of their letter."""
    rows: list[list[Word]] = []
    for word in sorted(words, key=lambda w: (-w.size, -w.base)):
        home = next((row for row in rows if _in_row(word, row[0])), None)
        if home is None:
            rows.append([word])
        else:
            home.append(word)
    rows.sort(key=lambda row: -row[0].base)
    return [_Row(row[0].base, _segments(row)) for row in rows]


def _in_row(word: Word, first: Word) -> bool:
    if word.size > 0.85 * first.size:
        return abs(word.base - first.base) < 0.35 * first.size
    middle = word.rect.middle[1]
    return first.rect.bottom - 0.15 * first.size <= middle <= first.rect.top + 0.15 * first.size


def _segments(row: Sequence[Word]) -> tuple[_Segment, ...]:
    pieces: list[list[Word]] = []
    for word in sorted(row, key=lambda w: w.rect.left):
        if pieces and word.rect.left - pieces[-1][-1].rect.right <= _CELL_GAP * max(word.size, pieces[-1][-1].size):
            pieces[-1].append(word)
        else:
            pieces.append([word])
    return tuple(_Segment(tuple(p), p[0].rect.left, max(w.rect.right for w in p)) for p in pieces)


def _header_rows(rows: Sequence[_Row], heights: Sequence[float]) -> int:
    """How many rows stand above the first ruling that has rows on both sides."""
    for height in heights:
        above = sum(row.base > height for row in rows)
        if 0 < above < len(rows):
            return above if above <= max(4, len(rows) // 3) else 0
    return 0


def _column_walls(rows: Sequence[_Row], n_header: int, area: Rect, down: Sequence[Rect]) -> list[float]:
    """x of each wall between two columns."""
    body = rows[n_header:] if len(rows) - n_header >= 2 else rows
    edges = sorted({edge for row in body for s in row.segments for edge in (s.left, s.right)})
    allowed = _CROSSING * len(body) if len(body) >= 8 else 0
    walls: list[tuple[float, float]] = []
    for low, high in pairwise(edges):
        middle = (low + high) / 2
        crossing = sum(any(s.left < middle < s.right for s in row.segments) for row in body)
        if crossing > allowed:
            continue
        if walls and low <= walls[-1][1] + 0.01:
            walls[-1] = (walls[-1][0], high)
        else:
            walls.append((low, high))
    size = rows[0].segments[0].words[0].size
    header = [s for row in rows if row not in body for s in row.segments]
    found = [_wall(low, high, header) for low, high in walls if high - low >= 0.45 * size and _parts(body, low, high)]
    ruled = [(r.left + r.right) / 2 for r in down if r.height > 0.5 * area.height]
    found += [x for x in ruled if area.left + 3 < x < area.right - 3 and all(abs(x - other) > 8 for other in found)]
    return sorted(found)


def _wall(low: float, high: float, header: Sequence[_Segment]) -> float:
    """x of the wall in this white: where the header has white too, if there is such a place; else in the middle."""
    edges = sorted({low, high, *(min(max(edge, low), high) for s in header for edge in (s.left, s.right))})
    free = [(right - left, (left + right) / 2) for left, right in pairwise(edges)]
    free = [(width, x) for width, x in free if not any(s.left < x < s.right for s in header)]
    return max(free, default=(0.0, (low + high) / 2))[1]


def _parts(rows: Sequence[_Row], low: float, high: float) -> bool:
    """True where text stands on both sides of the white, and one row at least has both."""
    left = sum(any(s.right <= low + 1 for s in row.segments) for row in rows)
    right = sum(any(s.left >= high - 1 for s in row.segments) for row in rows)
    both = sum(any(s.right <= low + 1 for s in row.segments) and any(s.left >= high - 1 for s in row.segments) for row in rows)
    return left > 0 and right > 0 and both > 0


def _merged_rows(
    rows: Sequence[_Row], heights: Sequence[float], bounds: Sequence[float], *, is_ruled: bool
) -> list[list[_Row]]:
    """Lines of text put together where they are one row of the table."""
    bands = [
        [row for row in rows if low < row.base < high] for high, low in zip([1e9, *heights], [*heights, -1e9], strict=True)
    ]
    bands = [band for band in bands if band]
    if len(bands) >= 3 and (is_ruled or len(bands) >= 0.45 * len(rows)) and len(bands) >= 0.2 * len(rows):
        return bands
    return [group for band in bands for group in _continued(band, bounds)]


def _continued(rows: Sequence[_Row], bounds: Sequence[float]) -> list[list[_Row]]:
    groups = [[rows[0]]]
    drops = sorted(upper.base - lower.base for upper, lower in pairwise(rows))
    tight = drops[0] if drops else 0.0
    loose = drops[-1] if drops else 0.0
    for upper, row in pairwise(rows):
        drop = upper.base - row.base
        is_tight = drop < (tight + min(loose, 2 * tight)) / 2 and loose > 1.25 * tight
        if _continues(groups[-1], row, bounds, is_tight=is_tight, all_even=loose <= 1.25 * tight):
            groups[-1].append(row)
        else:
            groups.append([row])
    return groups


def _continues(group: Sequence[_Row], row: _Row, bounds: Sequence[float], *, is_tight: bool, all_even: bool) -> bool:
    """True where this line goes on with the cells of the row above it."""
    above = {_column(s, bounds) for r in group for s in r.segments}
    here = {_column(s, bounds) for s in row.segments}
    if not here <= above or len(here) >= max(2, len(bounds) - 1):
        return False
    texts = [s.words[0].text for s in row.segments]
    continues = all(t[:1].islower() or t[:1] in "()[]–-,;&" for t in texts)
    if is_tight and len(here) < len(above):
        return 0 not in here or continues
    return continues and len(here) < len(above) and (all_even or is_tight)


def _column(segment: _Segment, bounds: Sequence[float]) -> int:
    """The column in which most of the segment's beginning stands."""
    at = segment.left + min(4.0, (segment.right - segment.left) / 2)
    return max(0, sum(at > b for b in bounds) - 1)


def _cells(groups: Sequence[Sequence[_Row]], bounds: Sequence[float], *, n_header: int, known: frozenset[str]) -> list[Cell]:
    cells = []
    for number, group in enumerate(groups):
        pieces: dict[tuple[int, int], list[list[Word]]] = {}
        for row in group:
            for first, last, words in _placed(row, bounds):
                pieces.setdefault((first, last if number < n_header else first), []).append(words)
        for (first, last), lines in sorted(pieces.items()):
            cells.append(
                Cell(
                    rect=enclosing(w.rect for line in lines for w in line),
                    text=join_texts((words_text(line) for line in lines), known),
                    row=number,
                    row_end=number + 1,
                    column=first,
                    column_end=last + 1,
                    is_header=number < n_header,
                )
            )
    return _without_overlaps(cells)


def _placed(row: _Row, bounds: Sequence[float]) -> list[tuple[int, int, list[Word]]]:
    """First column, last column and words of each piece of the row; pieces of one column are one."""
    placed: list[tuple[int, int, list[Word]]] = []
    for segment in row.segments:
        first, last = _column(segment, bounds), max(0, sum(segment.right - 1.5 > b for b in bounds) - 1)
        if placed and placed[-1][1] >= first:
            placed[-1] = (placed[-1][0], max(placed[-1][1], last), [*placed[-1][2], *segment.words])
        else:
            placed.append((first, max(first, last), list(segment.words)))
    return placed


def _without_overlaps(cells: Sequence[Cell]) -> list[Cell]:
    """A cell that spans ends where the next cell of its row begins."""
    taken: dict[tuple[int, int], int] = {}
    for cell in cells:
        taken[cell.row, cell.column] = 1
    trimmed = []
    for cell in cells:
        end = cell.column + 1
        while end < cell.column_end and (cell.row, end) not in taken:
            end += 1
        trimmed.append(
            Cell(
                rect=cell.rect,
                text=cell.text,
                row=cell.row,
                row_end=cell.row_end,
                column=cell.column,
                column_end=end,
                is_header=cell.is_header,
            )
        )
    return trimmed
