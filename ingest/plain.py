"""The text of a PDF and nothing else, page by page: what is left when everything better has failed.

Each page is read in a copy of the process (copies.py), so a page that PDFium cannot survive is named as missing and costs
no other. Lines that stand close below each other become one paragraph, in the order of the file; there are no headings, tables or
figures, and a running head is a paragraph like any other.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from errors import ConversionFailed, NoTextLayer
from ingest.copies import Unread, read_in_copies
from ingest.quality import page_ranges
from ingest.wire import Backend
from records import Box, PageQuality

if TYPE_CHECKING:
    from docling_core.types.doc import DoclingDocument

PAGE_S = 10.0  #: for one page
#: A page of plain text may have read well: but nobody looked at its columns.
CONFIDENCE = 0.3
#: Gap between two lines above which they are two paragraphs, in heights of a line.
_GAP = 0.7
MOST_CHARS = 200_000  #: of one page; a real one has 10,000


@dataclass(frozen=True, slots=True)
class PlainPage:
    """Paragraphs of one page with their boxes."""

    width: float
    height: float
    paragraphs: tuple[tuple[str, Box], ...]

    @property
    def n_chars(self) -> int:
        return sum(len(text) - text.count(" ") for text, _ in self.paragraphs)


def read_plain(path: Path, name: str, n_pages: int, *, timeout_s: float, on_page: Callable[[int, int], None] | None):
    """The document, its pages' qualities, and warnings. Raises NoTextLayer, or ConversionFailed where no page could be read."""
    pages: dict[int, PlainPage] = {}
    unread: dict[str, list[int]] = {}
    copies = read_in_copies(
        lambda: _open_reader(path), range(1, n_pages + 1), page_s=PAGE_S, deadline=time.monotonic() + timeout_s
    )
    for number, page in copies:
        if isinstance(page, Unread):
            unread.setdefault(page.reason, []).append(number)
        else:
            pages[number] = page
        if on_page:
            on_page(number, n_pages)
    warnings = [f"could not be read ({reason}): pages {page_ranges(numbers)}" for reason, numbers in unread.items()]
    if not pages:
        raise ConversionFailed(f"No page of {name} could be read ({'; '.join(warnings)}). Nothing was kept. Please report it.")
    if not any(page.n_chars for page in pages.values()):
        raise NoTextLayer(f"{name} has no usable text layer. Nothing was kept. {NoTextLayer.advice.capitalize()}.")
    return _document(name, pages), tuple(_quality(number, page) for number, page in pages.items()), tuple(warnings)


def _quality(number: int, page: PlainPage) -> PageQuality:
    return PageQuality(
        page=number,
        width=page.width,
        height=page.height,
        n_chars=page.n_chars,
        figure_share=0.0,
        confidence=CONFIDENCE,
        backend=Backend.TEXT,
    )


def _document(name: str, pages: dict[int, PlainPage]) -> DoclingDocument:
    from docling_core.types.doc import BoundingBox, CoordOrigin, DocItemLabel, DoclingDocument, ProvenanceItem, Size

    document = DoclingDocument(name=Path(name).stem)
    for number, page in pages.items():
        document.add_page(page_no=number, size=Size(width=page.width, height=page.height))
        for text, box in page.paragraphs:
            place = BoundingBox(l=box.left, b=box.bottom, r=box.right, t=box.top, coord_origin=CoordOrigin.BOTTOMLEFT)
            prov = ProvenanceItem(page_no=number, bbox=place, charspan=(0, len(text)))
            document.add_text(label=DocItemLabel.TEXT, text=text, prov=prov)
    return document


def _open_reader(path: Path) -> Callable[[int], PlainPage]:
    import pypdfium2

    document = pypdfium2.PdfDocument(path)

    def read(number: int) -> PlainPage:
        page = document[number - 1]
        text = page.get_textpage()
        try:
            width, height = page.get_size()
            left, bottom = page.get_bbox()[:2]
            return PlainPage(width, height, tuple(_paragraphs(_lines(text), left, bottom, width, height)))
        finally:
            text.close()
            page.close()

    return read


def _lines(text: Any) -> Iterator[tuple[str, Box]]:
    """PDFium's own lines: it puts line ends into the text where the next character stands elsewhere."""
    import pypdfium2.raw as raw

    units: list[int] = []
    around: Box | None = None
    for index in range(min(text.count_chars(), MOST_CHARS)):
        unit = raw.FPDFText_GetUnicode(text.raw, index)
        if unit in (10, 13):
            if around and (words := _readable(units)):
                yield words, around
            units, around = [], None
            continue
        units.append(unit)
        left, bottom, right, top = text.get_charbox(index)
        if right > left:
            box = Box(left=left, bottom=bottom, right=right, top=top)
            around = _union(around, box) if around else box
    if around and (words := _readable(units)):
        yield words, around


def _readable(units: list[int]) -> str:
    """UTF-16 as text, without control characters; 2 is PDFium's sign for a hyphen at a line's end."""
    text = "".join(map(chr, units)).encode("utf-16-le", "surrogatepass").decode("utf-16-le", "ignore").replace("\x02", "-")
    return "".join(c for c in " ".join(text.split()) if c.isprintable())


def _paragraphs(lines: Iterator[tuple[str, Box]], left: float, bottom: float, width: float, height: float) -> Iterator[Any]:
    """Lines joined where one stands close below or beside the other, their boxes counted from the corner of what is seen."""
    texts: list[str] = []
    around: Box | None = None
    last: Box | None = None
    for text, box in lines:
        if last and around and not _goes_on(last, box):
            yield " ".join(texts), around
            texts, around = [], None
        texts.append(text)
        last = box
        seen = Box(
            left=min(max(box.left - left, 0), width),
            bottom=min(max(box.bottom - bottom, 0), height),
            right=min(max(box.right - left, 0), width),
            top=min(max(box.top - bottom, 0), height),
        )
        around = seen if around is None else _union(around, seen)
    if around:
        yield " ".join(texts), around


def _goes_on(last: Box, box: Box) -> bool:
    line = max(last.top - last.bottom, box.top - box.bottom, 1.0)
    down = last.bottom - box.top
    return -1.5 * line < down < _GAP * line and box.left < last.right + 3 * line


def _union(a: Box, b: Box) -> Box:
    return Box(left=min(a.left, b.left), bottom=min(a.bottom, b.bottom), right=max(a.right, b.right), top=max(a.top, b.top))
