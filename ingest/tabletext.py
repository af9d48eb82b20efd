"""A table as lines of text: one line per row, cells apart by ' | ', each cell with its own box on the page.

A newcomer would print every grid position. A cell that spans columns is printed once; one that spans rows is printed in each
of them, because a row is what a reader is given, perhaps without the row above.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ingest.passage import Passage, join
from ingest.provenance import box_of, clean
from records import Place

if TYPE_CHECKING:
    from docling_core.types.doc.document import DoclingDocument

CELLS = " | "


def table_passages(table: Any, document: DoclingDocument, order: int) -> tuple[Passage, list[Passage]]:
    """The header rows as one passage, and the other rows. A table that was found without its cells gives nothing."""
    header: list[Passage] = []
    rows: list[Passage] = []
    grid = table.data.grid  # a property that builds it anew each time
    pages = _pages(grid, table)
    for cells, page in zip(grid, pages, strict=True):
        row = join([_cell(cell, page, table, document, order) for cell in _printed(cells)], CELLS, keep_empty=True)
        is_header = not rows and bool(cells) and all(cell.column_header or not cell.text.strip() for cell in cells)
        if row.text.replace(CELLS.strip(), "").strip():
            (header if is_header else rows).append(row)
    shown = {id(cell) for cells in grid for cell in cells}
    hidden = [cell for cell in table.data.table_cells if cell.text.strip() and id(cell) not in shown]
    if hidden:  # cells that were found in one place of the grid with others
        rows.append(join([_cell(cell, pages[cell.start_row_offset_idx], table, document, order) for cell in hidden], CELLS))
    if not rows:  # nothing but headers: then they are what the table says
        header, rows = [], header
    return join(header, "\n"), rows


def chart_passages(picture: Any, order: int) -> list[Passage]:
    """The rows of the numbers that a chart was drawn from, which Office files keep; nothing for other pictures."""
    chart = getattr(getattr(picture, "meta", None), "tabular_chart", None)
    rows = chart.chart_data.grid if chart else []
    texts = [CELLS.join(" ".join(clean(cell.text).split()) for cell in _printed(cells)) for cells in rows]
    return [Passage(text=text, order=order) for text in texts if text.replace(CELLS.strip(), "").strip()]


def _printed(cells: list[Any]) -> list[Any]:
    """The row's cells, one that spans columns once."""
    return [cell for n, cell in enumerate(cells) if n == 0 or cell is not cells[n - 1]]


def _pages(grid: list[list[Any]], table: Any) -> list[int | None]:
    """The page of each row: a table that goes on over the page has a place on each, and rows go down a page."""
    pages = [prov.page_no for prov in table.prov]
    found: list[int | None] = []
    last = float("inf")
    for number, cells in enumerate(grid):
        tops = [cell.bbox.t for cell in cells if cell.bbox and cell.start_row_offset_idx == number]
        if len(pages) > 1 and tops:
            if max(tops) > last:
                pages.pop(0)
            last = max(tops)
        found.append(pages[0] if pages else None)
    return found


def _cell(cell: Any, page: int | None, table: Any, document: DoclingDocument, order: int) -> Passage:
    text = " ".join(clean(cell.text).split())
    bbox = cell.bbox or (table.prov[0].bbox if table.prov else None)
    if page is None or bbox is None:
        return Passage(text=text, order=order)
    place = Place(start=0, end=len(text), page=page, box=box_of(bbox, page, document))
    return Passage(text=text, places=(place,), order=order)
