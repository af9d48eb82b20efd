"""Blocks as a DoclingDocument, every item with its page and box.

Docling's own assembling is not used: it has no place for a title, a heading's level or a paragraph in two parts.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from docling_core.types.doc import (
    BoundingBox,
    ContentLayer,
    CoordOrigin,
    DocItemLabel,
    DoclingDocument,
    GroupItem,
    GroupLabel,
    NodeItem,
    ProvenanceItem,
    TableCell,
    TableData,
)

from ingest.layout.block import FURNITURE, Block, Grid, Kind
from ingest.layout.page import Rect

_MARKER = re.compile(r"^([•·▪■◦–—∙●○◆►▸✓*‣\uf0b7\uf0a7-]|\(?(?:\d{1,3}|[a-zA-Z]|[ivx]{1,4})[.)]|\[\d{1,3}\])\s*")
_LABELS = {kind: DocItemLabel(kind.value) for kind in Kind if kind is not Kind.HEADING}


def add_blocks(document: DoclingDocument, blocks: Iterable[Block]) -> None:
    """These blocks at the end of the document, in the order given."""
    items: GroupItem | None = None
    for block in blocks:
        if block.kind is not Kind.LIST_ITEM:
            items = items if block.kind in FURNITURE else None
            _add(document, block)
            continue
        if items is None:
            items = document.add_group(label=GroupLabel.LIST, name="list")
        _add_list_item(document, block, items)


def bounding_box(rect: Rect) -> BoundingBox:
    return BoundingBox(l=rect.left, b=rect.bottom, r=rect.right, t=rect.top, coord_origin=CoordOrigin.BOTTOMLEFT)


def _prov(block: Block) -> list[ProvenanceItem]:
    """One entry per part of the block, with the characters of the text that stand there."""
    if not block.more:
        return [ProvenanceItem(page_no=block.page, bbox=bounding_box(block.rect), charspan=(0, len(block.text)))]
    end = len(block.text) - sum(len(part.text) for part in block.more)
    found = [ProvenanceItem(page_no=block.page, bbox=bounding_box(block.rect), charspan=(0, max(0, end)))]
    for part in block.more:
        found.append(ProvenanceItem(page_no=part.page, bbox=bounding_box(part.rect), charspan=(end, end + len(part.text))))
        end += len(part.text)
    return found


def _add(document: DoclingDocument, block: Block, parent: NodeItem | None = None) -> NodeItem:
    provs = _prov(block)
    item: NodeItem
    if block.kind is Kind.TITLE:
        item = document.add_title(text=block.text, prov=provs[0], parent=parent)
    elif block.kind is Kind.HEADING:
        item = document.add_heading(text=block.text, level=max(1, block.level), prov=provs[0], parent=parent)
    elif block.kind is Kind.CODE:
        item = document.add_code(text=block.text, prov=provs[0], parent=parent)
    elif block.kind is Kind.FIGURE:
        item = _add_figure(document, block)
    elif block.kind is Kind.TABLE:
        item = _add_table(document, block)
    else:
        layer = ContentLayer.FURNITURE if block.kind in FURNITURE else ContentLayer.BODY
        item = document.add_text(
            label=_LABELS[block.kind], text=block.text, orig=block.text, prov=provs[0], parent=parent, content_layer=layer
        )
    item.prov.extend(provs[1:])  # type: ignore[attr-defined]
    return item


def _add_list_item(document: DoclingDocument, block: Block, parent: GroupItem) -> None:
    match = _MARKER.match(block.text)
    marker = match[1] if match else ""
    numbered = any(c.isalnum() for c in marker)
    provs = _prov(block)
    item = document.add_list_item(
        text=block.text[match.end() :] if match else block.text,
        orig=block.text,
        enumerated=numbered,
        marker=marker if numbered else "-",
        prov=provs[0],
        parent=parent,
    )
    item.prov.extend(provs[1:])


def _add_figure(document: DoclingDocument, block: Block) -> NodeItem:
    figure = document.add_picture(prov=_prov(block)[0])
    for caption in block.captions:
        figure.captions.append(_add(document, caption, figure).get_ref())
    return figure


def _add_table(document: DoclingDocument, block: Block) -> NodeItem:
    table = document.add_table(data=table_data(block.grid), prov=_prov(block)[0])
    for caption in block.captions:
        table.captions.append(_add(document, caption, table).get_ref())
    for note in block.notes:
        table.footnotes.append(_add(document, note).get_ref())  # below the table itself, Docling's Markdown leaves it out
    return table


def table_data(grid: Grid | None) -> TableData:
    if grid is None:
        return TableData(num_rows=0, num_cols=0, table_cells=[])
    cells = [
        TableCell(
            text=cell.text,
            bbox=bounding_box(cell.rect),
            row_span=cell.row_end - cell.row,
            col_span=cell.column_end - cell.column,
            start_row_offset_idx=cell.row,
            end_row_offset_idx=cell.row_end,
            start_col_offset_idx=cell.column,
            end_col_offset_idx=cell.column_end,
            column_header=cell.is_header,
        )
        for cell in grid.cells
    ]
    return TableData(num_rows=grid.n_rows, num_cols=grid.n_columns, table_cells=cells)
