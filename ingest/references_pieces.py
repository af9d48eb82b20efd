"""The paragraphs of a paper in which its reference list is looked for.

What a newcomer would get wrong: a list in three or four narrow columns is easily taken for a table by a converter, and then its entries
stand in cells. The columns of such a table are paragraphs too.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ingest.blocks import BULLET
from ingest.provenance import clean

if TYPE_CHECKING:
    from docling_core.types.doc.document import DoclingDocument

LEAST_IN_COLUMN, SHORTEST_ENTRY = 3, 40  #: years in a table's column that may be entries; signs for each
_YEARS = re.compile(r"\b(?:19|20)\d{2}\b")


@dataclass(frozen=True, slots=True)
class Piece:
    """A paragraph of the body with the label that stands before it."""

    text: str
    page: int
    is_heading: bool = False
    is_column: bool = False  #: of what was taken for a table


def read_pieces(document: DoclingDocument) -> list[Piece]:
    """The paragraphs of the body in reading order, captions left out."""
    from docling_core.types.doc.document import DocItemLabel, ListItem, SectionHeaderItem, TableItem, TextItem

    pieces: list[Piece] = []
    for item, _ in document.iterate_items():
        if isinstance(item, TableItem):
            pieces += _columns(item)
        if not isinstance(item, TextItem) or item.label == DocItemLabel.CAPTION:
            continue
        text = " ".join(clean(item.text or item.orig).split())
        marker = item.marker if isinstance(item, ListItem) and not BULLET.match(item.marker) else ""
        if marker and not text.startswith(marker):
            text = f"{clean(marker)} {text}"
        if text:
            page = item.prov[0].page_no if item.prov else 0
            pieces.append(Piece(text, page, isinstance(item, SectionHeaderItem)))
    return pieces


def _columns(table: Any) -> Iterator[Piece]:
    """The columns of a table that hold entries: a list set in three or four narrow columns is easily taken for one."""
    page = table.prov[0].page_no if table.prov else 0
    for column in range(table.data.num_cols):
        cells = [cell for cell in table.data.table_cells if cell.start_col_offset_idx == column]
        lines = [" ".join(clean(cell.text).split()) for cell in sorted(cells, key=lambda cell: cell.start_row_offset_idx)]
        text = joined([line for line in lines if line])
        if len(_YEARS.findall(text)) >= LEAST_IN_COLUMN and len(text) > LEAST_IN_COLUMN * SHORTEST_ENTRY:
            yield Piece(text, page, is_column=True)


def joined(parts: Sequence[str]) -> str:
    """The paragraphs of one entry as one; a word that was cut by a hyphen is closed."""
    text = ""
    for part in parts:
        is_cut = text.endswith("-") and part[:1].islower()
        text = text[:-1] + part if is_cut else f"{text} {part}".lstrip()
    return text
