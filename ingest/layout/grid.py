"""The grid of a table from its words and rulings: lines, then columns, then rows, then cells."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise

from ingest.layout.block import Cell, Grid
from ingest.layout.hyphens import join_texts
from ingest.layout.page import Rect, Word, enclosing
from ingest.layout.table_columns import find_walls, split_lines, text_runs
from ingest.layout.table_formulas import lines_with_fractions, text_with_fractions
from ingest.layout.table_lines import Piece, TableLine, table_lines
from ingest.layout.table_rows import TableText, group_rows
from ingest.layout.table_rulings import column_cuts, edges_of, merged_rulings, shaded_rows, standing_rulings, without_outlines


def read_grid(
    words: Sequence[Word],
    across: Sequence[Rect],
    down: Sequence[Rect],
    known: frozenset[str],
    shades: Sequence[Rect] = (),
    bars: Sequence[Rect] = (),
) -> Grid | None:
    """The table that these words are, None where they have fewer than two rows or columns."""
    if not words:
        return None
    area = enclosing(word.rect for word in words)
    bars = [bar for bar in {*bars, *across} if bar.width < 0.6 * area.width]
    lines = lines_with_fractions(table_lines(words), bars)
    if len(lines) < 2:
        return None
    shaded = shaded_rows(shades, area)
    rulings = without_outlines(merged_rulings(across, gap=2.5), shaded)
    full = [r for r in rulings if r.width > 0.85 * area.width]
    full = [
        r for r in full if r.left < area.left + 0.03 * area.width
    ] or full  # those below headings of columns leave out the first
    n_header = _header_lines(
        lines, [r.bottom for r in full] or [r.bottom for r in (rulings or edges_of(shaded)) if r.width > 0.5 * area.width]
    )
    body = lines[n_header:] if len(lines) - n_header >= 2 else lines
    standing = standing_rulings(down, area)
    joints = column_cuts(across, area)
    cuts = sorted({*standing, *joints})
    walls = find_walls(body, lines[:n_header] if body is not lines else [], area, cuts, are_all=len(joints) > 1)
    if not walls:
        return None
    bounds = [area.left - 1, *(wall.x for wall in walls), area.right + 1]
    spans = [r for r in rulings if r.width < 0.85 * area.width]
    pieces = split_lines(lines, walls, spans, n_header)
    is_shaded = sum(row.height for row in shaded) > 0.8 * area.height
    ends = full if is_shaded else [r for r in rulings if r.width > 0.3 * area.width or _covers_column(r, bounds)]
    text = TableText(
        lines,
        pieces,
        [*ends, *edges_of(shaded)],
        spans,
        len(bounds) - 1,
        n_header,
        is_boxed=len(standing) >= max(1, len(walls) // 2),
        is_shaded=is_shaded,
    )
    groups = group_rows(text)
    n_header_rows = sum(group[0] < n_header for group in groups)
    text = replace(text, pieces=_spread(text, groups[:n_header_rows]))
    cells = [cell for row, group in enumerate(groups) for cell in _row_cells(text, row, group, row < n_header_rows, known)]
    cells = [_with_fractions(cell, words, bars) for cell in cells]
    if len(groups) < 2 or len({cell.column for cell in cells}) < 2:
        return None
    return Grid(n_rows=len(groups), n_columns=text.n_columns, cells=tuple(cells))


def _with_fractions(cell: Cell, words: Sequence[Word], bars: Sequence[Rect]) -> Cell:
    held = [bar for bar in bars if cell.rect.holds(*bar.middle)]
    inside = [w for w in words if cell.rect.holds(*w.rect.middle)] if held else []
    return replace(cell, text=text_with_fractions(inside, held) or cell.text)


def _spread(text: TableText, rows: Sequence[Sequence[int]]) -> list[Sequence[Piece]]:
    """The pieces with every heading over all columns in whose middle it stands, as far as they have headings below it."""
    pieces = list(text.pieces)
    edges = [[p.rect for line in text.pieces for p in line if p.first == p.last == column] for column in range(text.n_columns)]
    for upper, lower in pairwise(rows):
        headed = {column for at in lower for p in text.pieces[at] for column in range(p.first, p.last + 1)}
        taken = {column for at in upper for p in text.pieces[at] for column in range(p.first, p.last + 1)}
        for at in upper:
            pieces[at] = [_over_its_columns(piece, headed, taken, edges) for piece in text.pieces[at]]
    return pieces


def _over_its_columns(piece: Piece, headed: set[int], taken: set[int], edges: Sequence[Sequence[Rect]]) -> Piece:
    first, last = piece.first, piece.last
    if edges[first] and abs(min(r.left for r in edges[first]) - piece.rect.left) < 3:
        return piece
    while first - 1 in headed and first - 1 not in taken:
        first -= 1
    while last + 1 in headed and last + 1 not in taken:
        last += 1
    best, least = piece, 1.2 * piece.words[0].size
    for low in range(first, piece.first + 1):
        for high in range(piece.last, last + 1):
            if high > low and edges[low] and edges[high]:
                whole = enclosing([*edges[low], *edges[high]])
                off = abs(whole.middle[0] - piece.rect.middle[0])
                if off < least:
                    best, least = Piece(piece.words, low, high, piece.rect, piece.text), off
    return best


def _header_lines(lines: Sequence[TableLine], heights: Sequence[float]) -> int:
    """How many lines stand above the first ruling that has lines on both sides, or the second where names stand between."""
    counts = sorted({n for height in heights if 0 < (n := sum(line.base > height for line in lines)) < len(lines)})
    counts = [n for n in counts if n <= max(6, len(lines) // 3)]
    if len(counts) > 1 and counts[1] - counts[0] <= 3 and _names(lines[: counts[0]], lines[counts[0] : counts[1]]):
        return counts[1]
    return counts[0] if counts else 0


def _names(upper: Sequence[TableLine], lower: Sequence[TableLine]) -> bool:
    """True where the lower lines name the columns that the upper ones name by groups."""
    n_upper, n_lower = (max(len(text_runs(line)) for line in lines) for lines in (upper, lower))
    words = [word.text for line in lower for word in line.words if word.size > 0.85 * line.size]
    words = [text for text in words if any(c.isalnum() for c in text)]
    return n_upper < 0.7 * n_lower and sum(any(c.isalpha() for c in text) for text in words) > 0.7 * len(words)


def _covers_column(ruling: Rect, bounds: Sequence[float]) -> bool:
    return any(
        ruling.left < low + 0.25 * (high - low) and ruling.right > high - 0.25 * (high - low) for low, high in pairwise(bounds)
    )


def _row_cells(text: TableText, row: int, group: Sequence[int], is_header: bool, known: frozenset[str]) -> list[Cell]:
    """The cells of one row: the pieces of its lines by column; one that spans ends where the next begins."""
    columns: dict[int, list[Piece]] = {}
    for line in group:
        for piece in text.pieces[line]:
            columns.setdefault(piece.first, []).append(piece)
    starts = [*sorted(columns), text.n_columns]
    return [
        Cell(
            rect=enclosing(piece.rect for piece in columns[first]),
            text=join_texts((piece.text for piece in columns[first]), known),
            row=row,
            row_end=row + 1,
            column=first,
            column_end=min(following, max(piece.last for piece in columns[first]) + 1),
            is_header=is_header,
        )
        for first, following in pairwise(starts)
    ]
