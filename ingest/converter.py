"""One file with Docling: a lossless document, its Markdown, its figures. Runs inside the sandboxed child.

Three converters of PDFs: 'rules' reads the layout from the parser's signals and needs no weights; 'neural' is Docling's own
layout model and TableFormer; 'auto' is rules, and neural for the pages where the rules are unsure. All refuse a file for
the same reasons, before Docling sees it, and give the same record. An image becomes a PDF first; every other format is read the same
way by all (see ingest/formats). Nothing slow is imported before `open_converter`.
"""

from __future__ import annotations

import importlib.metadata
import os
import tempfile
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from errors import ConversionFailed, Damaged, InputRefused, OutOfMemory, TimedOut
from ingest.choosing import open_chooser
from ingest.figures import Figure, cut_figures
from ingest.formats.front import Front
from ingest.formats.images import pdf_of_image
from ingest.formats.names import Format
from ingest.formats.reading import ReadDocument, open_formats
from ingest.formats.recognise import format_of
from ingest.hidden import hidden_warnings
from ingest.markdown import document_markdown
from ingest.neural import missing_parts, open_neural
from ingest.ocr_key import ocr_key
from ingest.plain import read_plain
from ingest.preflight import Bounds, count_pages
from ingest.quality import check_text, page_qualities, texts_by_page, warnings_of
from ingest.report import salvage_warnings, with_repairs
from ingest.wire import Backend
from records import OcrChoice, PageQuality

if TYPE_CHECKING:
    from docling.datamodel.document import ConversionResult
    from docling.datamodel.progress import ConversionProgressEvent
    from docling.document_converter import DocumentConverter
    from docling_core.types.doc import DoclingDocument

#: Raised with every change of the rules that changes a document: it is part of each conversion's identity.
RULES_VERSION = 4
#: Raised with every change of what is tried when a file cannot be read as usual: it decides what becomes of such a file.
SALVAGE_VERSION = 1
#: Share of a document's time for docling-parse; what is left then is for PDFium to read the other pages, and for the rules.
_PARSE_SHARE = 0.4
#: The same for what is not a PDF. One key is every file's, because a job is known by its key before its file is opened.
FORMATS_VERSION = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class ConvertedPaper:
    """What the converter made of one file."""

    document: DoclingDocument  #: page and box on every item, where there are pages
    markdown: str
    n_pages: int  #: 0 where the format has none
    is_partial: bool  #: True where pages are missing; `warnings` name them
    warnings: tuple[str, ...]
    pages: tuple[PageQuality, ...]
    figures: tuple[Figure, ...]
    is_worn: bool = False  #: a page that was given up is still being parsed in this process
    front: Front | None = None  #: what a file that is no PDF says of itself


class OnPage(Protocol):
    """Hears of pages read, of pages in all, and how many of all OCR is to read."""

    def __call__(self, pages_done: int, pages_total: int, ocr_pages: int = 0, /) -> None: ...


class Convert(Protocol):
    """What `open_converter` gives.

    `on_page` is called before the first page and as pages are read. With 'rules', reading takes half of the time: layout,
    figures and Markdown come after the last page, for all pages together. It must not raise: Docling would only log that.
    """

    def __call__(self, path: Path, on_page: OnPage | None = None, *, name: str | None = None) -> ConvertedPaper: ...


def converter_key(name: str, ocr: OcrChoice | None = None, artifacts: Path | None = None) -> str:
    """Name, version and options of a converter: part of the identity of all that it makes. 'auto' without weights is the rules."""
    rules = f"rules/{RULES_VERSION}"
    auto = rules if name == "auto" and missing_parts(artifacts) else f"auto/{rules}"
    engine = {"rules": rules, "auto": auto}.get(name, name) + f" formats/{FORMATS_VERSION}"
    versions = [f"{package}/{importlib.metadata.version(dist)}" for package, dist in _PACKAGES]
    options = [ocr_key(ocr or OcrChoice())] if name != "neural" else []
    return " ".join([engine, f"salvage/{SALVAGE_VERSION}", *versions, *options])


_PACKAGES = (("docling", "docling-slim"), ("docling-parse", "docling-parse"))


def open_converter(
    name: str,
    *,
    max_pages: int,
    timeout_s: float,
    artifacts: Path | None,
    backend: Backend = Backend.DOCLING_PARSE,
    bounds: Bounds | None = None,
    ocr: OcrChoice | None = None,
    ocr_page_s: float = 20.0,
) -> Convert:
    """The converter of this name, loaded once for many documents. With a lesser backend than the first it is for a file that
    the first could not survive, and the rules lay it out whatever the name. `timeout_s` is for one document, `ocr_page_s` is added
    for each page that is read with OCR.

    Raises WeightsMissing for 'neural' where its weights or packages are not there, and for OCR likewise.
    """
    if name not in ("rules", "neural", "auto"):
        raise ValueError(f"there is no converter {name!r}; the names are 'rules', 'neural' and 'auto'")
    os.environ.setdefault("HF_HUB_OFFLINE", "1")
    bounds, ocr = bounds or Bounds(), ocr or OcrChoice()
    is_neural = name == "neural" and backend is Backend.DOCLING_PARSE
    chooser = open_chooser(timeout_s / 2, artifacts) if name == "auto" and backend is Backend.DOCLING_PARSE else None
    rules_s = timeout_s / 2 if chooser else timeout_s
    open_rules = partial(_open_rules, ocr=ocr, ocr_page_s=ocr_page_s, artifacts=artifacts)
    first = open_neural(timeout_s, artifacts) if is_neural else open_rules(rules_s, backend)
    read_other = open_formats(artifacts)

    def convert(path: Path, on_page: OnPage | None = None, *, name: str | None = None) -> ConvertedPaper:
        name = name or path.name  # an upload is stored under its hash; whoever sent it knows it by its name
        kind = format_of(path, name)
        if kind is Format.PDF:
            return convert_pdf(path, on_page, name)
        if kind is Format.IMAGE:
            with tempfile.TemporaryDirectory() as folder:
                pdf = Path(folder, "image.pdf")
                pdf_of_image(path, name, pdf, max_pages)
                return convert_pdf(pdf, on_page, name)
        return _paper_of(read_other(path, kind, name, max_pages))

    def convert_pdf(path: Path, on_page: OnPage | None, name: str) -> ConvertedPaper:
        n_pages = count_pages(path, name, max_pages, bounds)
        if on_page:
            on_page(0, n_pages)
        if backend is Backend.TEXT:
            return _plain_paper(path, name, n_pages, 0.6 * timeout_s, on_page)
        try:
            return read(first, path, name, on_page)
        except Damaged:
            if backend is Backend.PDFIUM:
                raise
            paper = _second_opinion(lambda: read(open_rules(timeout_s, Backend.PDFIUM), path, name, on_page))
            if paper is None:
                raise
            return paper

    def read(docling: DocumentConverter, path: Path, name: str, on_page: OnPage | None) -> ConvertedPaper:
        heard = _pages_of(on_page) if on_page else None
        result = docling.convert(
            path,
            raises_on_error=False,
            max_num_pages=max_pages,
            max_file_size=bounds.max_bytes,
            progress_callback=heard,
        )
        _check_result(result, name)
        notes = chooser.improve(result, path) if chooser and docling is first else []
        return _as_paper(result, path, name, bounds, notes, with_ocr=not is_neural and ocr.mode != "off", has_latex=is_neural)

    return convert


def _second_opinion(read: Callable[[], ConvertedPaper]) -> ConvertedPaper | None:
    """What PDFium makes of a file that docling-parse cannot open; None where it does no better, and the first error stands."""
    with suppress(InputRefused, ConversionFailed):
        paper = read()
        return replace(paper, warnings=("read with pypdfium2, because docling-parse could not open it", *paper.warnings))
    return None


def _pages_of(on_page: OnPage) -> Callable[[ConversionProgressEvent], None]:
    """Docling's own progress, of which we pass on the pages. Both converters' pipelines report through it."""
    from docling.datamodel.progress import PageCompletedProgress

    from ingest.layout.engine import OcrBegins

    def heard(event: ConversionProgressEvent) -> None:
        if isinstance(event, OcrBegins):
            on_page(event.done, event.total, event.pages)
        elif isinstance(event, PageCompletedProgress):
            on_page(event.completed_pages, event.total_pages)

    return heard


def _open_rules(
    timeout_s: float, backend: Backend, *, ocr: OcrChoice, ocr_page_s: float, artifacts: Path | None
) -> DocumentConverter:
    from docling.backend.pypdfium2_backend import PyPdfiumDocumentBackend
    from docling.datamodel.base_models import InputFormat
    from docling.document_converter import DocumentConverter, PdfFormatOption

    from ingest.layout.backend import UnrenderedBackend
    from ingest.layout.engine import RulesPipeline, RulesPipelineOptions

    is_first = backend is Backend.DOCLING_PARSE  # PDFium alone has all of the time, but for that of the rules
    options = RulesPipelineOptions(
        document_timeout=(_PARSE_SHARE if is_first else 0.6) * timeout_s,
        enable_remote_services=False,
        scans=ocr,
        scan_page_s=ocr_page_s,
        scan_weights=artifacts,
    )
    parser = UnrenderedBackend if is_first else PyPdfiumDocumentBackend
    option = PdfFormatOption(pipeline_cls=RulesPipeline, backend=parser, pipeline_options=options)
    docling = DocumentConverter(allowed_formats=[InputFormat.PDF], format_options={InputFormat.PDF: option})
    docling.initialize_pipeline(InputFormat.PDF)  # now, so that what OCR lacks is told before any document
    return docling


def _check_result(result: ConversionResult, name: str) -> None:
    """Raises TimedOut, Damaged or ConversionFailed where nothing came out, MemoryError where memory was short for any page."""
    from docling.datamodel.base_models import ConversionStatus, DoclingComponentType

    from ingest.layout.backend import UNLOADABLE

    reasons = "; ".join(dict.fromkeys(error.error_message.rstrip(".") for error in result.errors)) or "no reason given"
    if any(sign in reasons for sign in OutOfMemory.signs):
        raise MemoryError(reasons)
    if result.status in (ConversionStatus.SUCCESS, ConversionStatus.PARTIAL_SUCCESS) and result.document.pages:
        return
    if result.has_timeout_errors():
        raise TimedOut(f"{name} took too long: {reasons}. Nothing was kept. Raise convert_timeout_s, then add it again.")
    if UNLOADABLE in reasons or any(e.component_type is DoclingComponentType.DOCUMENT_BACKEND for e in result.errors):
        raise Damaged(f"The parser could not read {name}: {reasons}. Nothing was kept. {Damaged.advice.capitalize()}.")
    raise ConversionFailed(f"Docling could not convert {name}: {reasons}. Nothing was kept. Please report it.")


def _paper_of(read: ReadDocument) -> ConvertedPaper:
    return ConvertedPaper(
        document=read.document,
        markdown=document_markdown(read.document, has_latex=True),
        n_pages=len(read.document.pages),
        is_partial=read.is_partial,
        warnings=read.warnings,
        pages=read.pages,
        figures=read.figures,
        front=read.front,
    )


def _plain_paper(path: Path, name: str, n_pages: int, timeout_s: float, on_page: OnPage | None) -> ConvertedPaper:
    document, pages, warnings = read_plain(path, name, n_pages, timeout_s=timeout_s, on_page=on_page)
    return ConvertedPaper(
        document=document,
        markdown=document_markdown(document),
        n_pages=n_pages,
        is_partial=len(pages) < n_pages,
        warnings=warnings,
        pages=pages,
        figures=(),
    )


def _as_paper(
    result: ConversionResult, path: Path, name: str, bounds: Bounds, notes: list[str], *, with_ocr: bool, has_latex: bool
) -> ConvertedPaper:
    from ingest.layout.backend import is_stuck

    document = result.document
    pages = with_repairs(page_qualities(result), result)
    check_text(pages, result, name, with_ocr=with_ocr)
    done = {page.page for page in pages}
    n_pages = result.input.page_count
    missing = [number for number in range(1, n_pages + 1) if number not in done]
    figures, uncut = cut_figures(path, document, bounds.max_crop_pixels)
    return ConvertedPaper(
        document=document,
        markdown=document_markdown(document, has_latex=has_latex),
        n_pages=n_pages,
        is_partial=bool(missing),
        warnings=(
            *notes,
            *warnings_of(document, pages, missing, uncut),
            *salvage_warnings(result),
            *hidden_warnings(path, result.pages, texts_by_page(document)),
        ),
        pages=pages,
        figures=tuple(figures),
        is_worn=is_stuck(),
    )
