"""The grid of a table from its words and rulings: lines, then columns, then rows, then cells."""

from __future__ import annotations

from collections.abc import Sequence

from ingest.layout.block import Cell, Grid
from ingest.layout.lines import join_texts
from ingest.layout.page import Rect, Word, enclosing
from ingest.layout.table_columns import find_walls, split_lines
from ingest.layout.table_lines import Piece, TableLine, table_lines
from ingest.layout.table_rows import TableText, group_rows
from ingest.layout.table_rulings import column_cuts, merged_rulings, standing_rulings


def read_grid(words: Sequence[Word], across: Sequence[Rect], down: Sequence[Rect], known: frozenset[str]) -> Grid | None:
    """The table that these words are, None where they have fewer than two rows or columns."""
    lines = table_lines(words)
    if len(lines) < 2:
        return None
    area = enclosing(word.rect for word in words)
    rulings = merged_rulings(across)
    full = [r for r in rulings if r.width > 0.85 * area.width]
    n_header = _header_lines(lines, [r.bottom for r in full] or [r.bottom for r in rulings if r.width > 0.5 * area.width])
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
    ends = [r for r in rulings if r.width > 0.3 * area.width or _covers_column(r, bounds)]
    text = TableText(lines, pieces, ends, spans, len(bounds) - 1, n_header, is_boxed=len(standing) >= max(1, len(walls) // 2))
    groups = group_rows(text)
    n_header_rows = sum(group[0] < n_header for group in groups)
    cells = [cell for row, group in enumerate(groups) for cell in _row_cells(text, row, group, row < n_header_rows, known)]
    if len(groups) < 2 or len({cell.column for cell in cells}) < 2:
        return None
    return Grid(n_rows=len(groups), n_columns=text.n_columns, cells=tuple(cells))


def _header_lines(lines: Sequence[TableLine], heights: Sequence[float]) -> int:
    """How many lines stand above the first ruling that has lines on both sides."""
    for height in sorted(heights, reverse=True):
        above = sum(line.base > height for line in lines)
        if 0 < above < len(lines):
            return above if above <= max(6, len(lines) // 3) else 0
    return 0


def _covers_column(ruling: Rect, bounds: Sequence[float]) -> bool:
    return any(
        ruling.left < low + 0.25 * (high - low) and ruling.right > high - 0.25 * (high - low)
        for low, high in zip(bounds, bounds[1:], strict=False)
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
        for first, following in zip(starts, starts[1:], strict=False)
    ]
