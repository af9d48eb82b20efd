"""What a conversion is worth, page by page: how much text, how sure, what is missing, what a reader should know."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from typing import TYPE_CHECKING

from errors import NoTextLayer
from ingest.letters import common_share, has_letters
from records import PageQuality

if TYPE_CHECKING:
    from docling.datamodel.document import ConversionResult
    from docling_core.types.doc import DoclingDocument

#: Visible characters on a page below which it counts as a page without text: a stamp or a page number.
_FEW_CHARS = 50
_FILLED = 0.3  #: share of a page: a picture this large may be the page itself


def page_qualities(result: ConversionResult) -> list[PageQuality]:
    """What is known of each page that was read."""
    document = result.document
    texts, figures = Counter[int](), Counter[int]()
    for item in document.texts:
        for prov in item.prov:
            texts[prov.page_no] += prov.charspan[1] - prov.charspan[0]
    for picture in document.pictures:
        for prov in picture.prov[:1]:
            figures[prov.page_no] += int(prov.bbox.width * prov.bbox.height)
    return [
        PageQuality(
            page=page.page_no,
            width=page.size.width,
            height=page.size.height,
            n_chars=page.n_chars if hasattr(page, "n_chars") else texts[page.page_no],
            figure_share=min(1.0, figures[page.page_no] / max(1.0, page.size.width * page.size.height)),
            confidence=_confidence(result, page.page_no),
            ocr_share=0.0 if getattr(page, "ocr_confidence", None) is None else 1.0,
            ocr_confidence=getattr(page, "ocr_confidence", None),
        )
        for page in result.pages
        if page.size
    ]


def _confidence(result: ConversionResult, page_no: int) -> float:
    """Mean of the scores that Docling has for this page: of the text, of the layout, of the tables."""
    scores = result.confidence.pages[page_no]
    known = [s for s in (scores.parse_score, scores.layout_score, scores.table_score) if s == s]  # NaN is not known
    return sum(known) / len(known) if known else 0.0


def warnings_of(document: DoclingDocument, pages: tuple[PageQuality, ...], missing: list[int], uncut: list[int]) -> list[str]:
    found = []
    if missing:
        found.append(f"pages not read: {page_ranges(missing)}; the others were kept")
    bare = [page.page for page in pages if page.n_chars < _FEW_CHARS]
    if bare:
        found.append(f"pages with hardly any text (scans, or figures only): {page_ranges(bare)}")
    scanned = [page for page in pages if page.ocr_share]
    if scanned:
        surety = sum(page.ocr_confidence or 0.0 for page in scanned) / len(scanned)
        found.append(
            f"read with OCR, there being no usable text layer: pages {page_ranges([p.page for p in scanned])} (confidence {surety:.2f})"
        )
    if uncut:
        found.append(f"figures could not be cut out of pages {page_ranges(uncut)}; their text and place were kept")
    if not _reads_as_language(document):
        found.append(
            "the text layer does not read as a language: its letters may be wrong; compare it with the page, or run OCR"
        )
    return found


def _counted(n: int) -> str:
    return f"{n} page" if n == 1 else f"{n} pages"


def _reads_as_language(document: DoclingDocument) -> bool:
    """False for a long Latin text in which the commonest words hardly occur: glyphs mapped to the wrong letters."""
    words = re.findall(r"[a-zà-ÿ]+", " ".join(item.text for item in document.texts).lower())
    return len(words) < 200 or common_share(words) > 0.03


def page_ranges(pages: list[int]) -> str:
    """[1, 2, 3, 7] as '1-3, 7'."""
    runs: list[list[int]] = []
    for page in pages:
        if runs and page == runs[-1][-1] + 1:
            runs[-1].append(page)
        else:
            runs.append([page])
    return ", ".join(f"{run[0]}-{run[-1]}" if len(run) > 1 else str(run[0]) for run in runs)


def check_text(pages: tuple[PageQuality, ...], result: ConversionResult, name: str, *, with_ocr: bool) -> None:
    """Raises NoTextLayer where the pages hold no usable text, not for OCR either if it was asked: scans, blank pages, a text
    layer without letters."""
    n_chars = sum(page.n_chars for page in pages)
    # A page with hardly a word is a scan with a stamp on it where a picture fills it, else a page with hardly a word.
    bitmaps = {page.page_no: getattr(page, "image_share", 0.0) for page in result.pages}
    bare = sum(
        page.n_chars < _FEW_CHARS and (max(page.figure_share, bitmaps[page.page]) > _FILLED or not page.n_chars)
        for page in pages
    )
    if n_chars and bare <= len(pages) // 2 and has_letters(_all_text(result.document)):
        return
    raise NoTextLayer(
        f"{name} has no usable text layer: {n_chars} characters on {_counted(len(pages))}, {_counted(bare)} without text. "
        f"{'OCR read none either. ' if with_ocr else ''}Nothing was kept. "
        + (
            "Look at it: blank pages and pictures have no text; another script needs its model, see ocr_languages in reread.toml."
            if with_ocr
            else 'Set ocr = "auto" in reread.toml, or run it through OCR elsewhere, then add it again.'
        )
    )


def texts_by_page(document: DoclingDocument) -> Iterator[tuple[int, str]]:
    """Each text and each cell of a table, with the page that it begins on; 0 where there are no pages."""
    for item in document.texts:
        yield (item.prov[0].page_no if item.prov else 0), item.text
    for table in document.tables:
        for cell in table.data.table_cells:
            yield (table.prov[0].page_no if table.prov else 0), cell.text


def _all_text(document: DoclingDocument) -> str:
    cells = (cell.text for table in document.tables for cell in table.data.table_cells)
    return "".join([*(item.text for item in document.texts), *cells])
