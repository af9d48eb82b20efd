"""The tables of a page: areas whose words make a grid, with the notes below them."""

from __future__ import annotations

from collections.abc import Sequence

from ingest.layout.block import Block, Grid, Kind
from ingest.layout.grid import read_grid
from ingest.layout.group import Group, is_beside
from ingest.layout.page import PageSignals, Rect, enclosing
from ingest.layout.style import DocumentStyle
from ingest.layout.table_areas import CAPTION_GAP, Area, table_areas
from ingest.layout.table_notes import notes_below
from ingest.layout.table_rulings import column_cuts


def find_tables(page: PageSignals, groups: Sequence[Group], style: DocumentStyle) -> list[Block]:
    """The tables of a page, their captions not yet bound."""
    figure_captions = [_with_text_below(g.rect, groups) for g in groups if g.caption == "figure"]
    found: list[Block] = []
    for area in table_areas(page, groups, style):
        if not area.is_captioned and _is_captioned_by(area.rect, figure_captions):
            continue
        if any(area.rect.meets(other.rect) for other in found):
            continue
        if block := _table(page, area, groups, style):
            found.append(block)
    return found


def _is_captioned_by(area: Rect, captions: Sequence[Rect]) -> bool:
    """True where one of these captions stands right below: between rulings that are axes, the labels of a plot make rows too."""
    return any(is_beside(c, area) and -6 <= area.bottom - c.top <= CAPTION_GAP for c in captions)


def _with_text_below(caption: Rect, groups: Sequence[Group]) -> Rect:
    """The caption with the paragraph that goes on below it: its first line may be a short title."""
    below = [g.rect for g in groups if 0 <= caption.bottom - g.rect.top < 14 and abs(g.rect.left - caption.left) < 4]
    return enclosing([caption, *below])


def _table(page: PageSignals, area: Area, groups: Sequence[Group], style: DocumentStyle) -> Block | None:
    """The table in this area, or None where its words make no grid."""
    inside = area.rect.grown(3, 2)
    captions = [g.rect for g in groups if g.caption]
    words = [
        w
        for w in page.words
        if not w.turn and inside.holds(*w.rect.middle) and not any(c.holds(*w.rect.middle) for c in captions)
    ]
    if len(words) < 4:
        return None
    across = [r for r in page.across if r.meets(inside)]
    down = [r for r in page.down if r.meets(inside) and r.height > 6]
    grid = read_grid(words, across, down, style.known, page.shades, page.bars)
    if grid is None or not _is_table(grid, area, is_cut=len(column_cuts(across, area.rect)) > 0):
        return None
    rect = enclosing([w.rect for w in words])
    notes = notes_below(rect, groups, page, style)
    return Block(kind=Kind.TABLE, page=page.number, rect=rect, words=tuple(words), grid=grid, notes=notes)


def _is_table(grid: Grid, area: Area, *, is_cut: bool) -> bool:
    """False for prose in two columns: its cells are long and most rows fill only some. `is_cut`: a ruling shows its columns."""
    filled = len(grid.cells) / (grid.n_rows * grid.n_columns)
    if not area.is_captioned and (filled <= 0.5 or grid.n_rows + (area.n_rulings > 2 or is_cut) < 3):
        return False
    mean = sum(len(cell.text) for cell in grid.cells) / len(grid.cells)
    if area.is_captioned and area.n_rulings > 2:
        return filled > 0.2 and mean < 300
    return filled > 0.25 and mean < 160 and not (grid.n_columns == 2 and mean > 55 and grid.n_rows > 8)
