"""Tables that go on over the page, as one table with a part on each page."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace

from ingest.layout.block import FURNITURE, Block, Cell, Grid, Kind, Part

#: Points by which the edges of the two parts may differ.
_EDGE = 6.0
_CONTINUED = re.compile(r"\bcont(?:inued|inuation|'?d|\.)", re.I)
#: A line that says only that the table goes on, or has come from the page before.
_SIGN = re.compile(r"^\W*(?:table\s\S+\s)?cont(?:inued|inues|'?d|\.)(?:\s(?:on|from|over)\b.{0,30})?\W*$", re.I)
_LABEL = re.compile(r"^\W*(?:\w+\s+){0,2}?tab\w*\.?\s*\w+", re.I)


def join_tables(pages: Sequence[list[Block]]) -> list[list[Block]]:
    """The pages' blocks with each continued table put at its beginning."""
    joined = [list(blocks) for blocks in pages]
    home: tuple[int, int] | None = None  #: page and place of the table that the page before ended with
    for number, blocks in enumerate(joined):
        _drop_signs(blocks, goes_on=home is not None)
        first = _first(blocks)
        if home and first is not None and _goes_on(joined[home[0]][home[1]], blocks[first]):
            joined[home[0]][home[1]] = _joined(joined[home[0]][home[1]], blocks[first])
            del blocks[first]
            if _first(blocks) is not None:
                home = None
        else:
            home = None
        last = _last(blocks)
        if last is not None:
            home = (number, last)
    return joined


def _drop_signs(blocks: list[Block], *, goes_on: bool) -> None:
    """Takes away what says that a table goes on: the line below a table that ends the page, and the first row on the next."""
    at = max((at for at, block in enumerate(blocks) if block.kind not in FURNITURE), default=0)
    if at and _SIGN.match(blocks[at].text) and blocks[at - 1].kind is Kind.TABLE:
        del blocks[at]
    first = _first(blocks) if goes_on else None
    if first is not None and blocks[first].grid is not None:
        blocks[first] = _without_sign(blocks[first])


def _without_sign(table: Block) -> Block:
    assert table.grid is not None
    top = [cell for cell in table.grid.cells if cell.row == 0]
    if len(top) != 1 or not _SIGN.match(top[0].text):
        return table
    cells = tuple(replace(c, row=c.row - 1, row_end=c.row_end - 1) for c in table.grid.cells if c.row)
    return replace(table, grid=replace(table.grid, n_rows=table.grid.n_rows - 1, cells=cells))


def _first(blocks: Sequence[Block]) -> int | None:
    """The place of the page's first block of text, figure or table."""
    return next((at for at, block in enumerate(blocks) if block.kind not in FURNITURE), None)


def _last(blocks: Sequence[Block]) -> int | None:
    """The place of a table that ends the page's text."""
    at = max((at for at, block in enumerate(blocks) if block.kind not in FURNITURE | {Kind.FOOTNOTE}), default=None)
    return at if at is not None and blocks[at].kind is Kind.TABLE else None


def _goes_on(table: Block, block: Block) -> bool:
    """True where this block is the rest of the table: as wide, with as many columns, and no caption of its own."""
    if block.kind is not Kind.TABLE or table.grid is None or block.grid is None or table.notes:
        return False
    own = " ".join(caption.text for caption in block.captions)
    if own and not (_CONTINUED.search(own[:80]) or own[-14:].lower().startswith("(cont")) and _label(own) != _label_of(table):
        return False
    return table.grid.n_columns == block.grid.n_columns and _columns_agree(
        table.grid, block.grid, block.rect.left - table.rect.left
    )


def _label(text: str) -> str:
    match = _LABEL.match(text)
    return match[0].lower() if match else text


def _label_of(table: Block) -> str:
    return _label(" ".join(caption.text for caption in table.captions)) if table.captions else ""


def _columns_agree(upper: Grid, lower: Grid, shift: float) -> bool:
    """True where most columns have their text at the same place in both; `shift` is by how far the margin of the page differs."""
    agree = 0
    for column in range(upper.n_columns):
        above, below = (
            [c.rect for c in grid.cells if c.column == column and c.column_end == column + 1] for grid in (upper, lower)
        )
        left = above and below and abs(min(r.left for r in above) + shift - min(r.left for r in below)) < _EDGE
        right = above and below and abs(max(r.right for r in above) + shift - max(r.right for r in below)) < _EDGE
        middle = above and below and abs(above[-1].middle[0] + shift - below[-1].middle[0]) < _EDGE
        agree += bool(left or right or middle or not below)
    return agree >= 0.75 * upper.n_columns


def _joined(table: Block, rest: Block) -> Block:
    assert table.grid is not None and rest.grid is not None
    skipped = _repeated_header(table.grid, rest.grid)
    shift = table.grid.n_rows - skipped
    moved = tuple(
        replace(cell, row=cell.row + shift, row_end=cell.row_end + shift, is_header=False)
        for cell in rest.grid.cells
        if cell.row >= skipped
    )
    grid = Grid(
        n_rows=table.grid.n_rows + rest.grid.n_rows - skipped, n_columns=table.grid.n_columns, cells=table.grid.cells + moved
    )
    return replace(table, grid=grid, more=(*table.more, Part(rest.page, rest.rect, "")), notes=rest.notes)


def _repeated_header(upper: Grid, lower: Grid) -> int:
    """How many rows at the top of the rest say again what the table begins with."""
    n = 0
    while n < min(upper.n_rows, lower.n_rows - 1) and _row(upper.cells, n) == _row(lower.cells, n):
        n += 1
    return n


def _row(cells: Sequence[Cell], row: int) -> list[tuple[int, str]]:
    return [(cell.column, cell.text) for cell in cells if cell.row == row]
