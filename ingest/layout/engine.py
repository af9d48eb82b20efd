"""The pipeline that runs the rules inside Docling: parse, mend what did not parse, OCR, lay out, assemble.

It differs from Docling's in one thing that matters: all pages are parsed before any is laid out. The
body's type, running heads and heading levels can only be told from the whole document, and Docling's pages
reach a layout model in small batches and out of order.
"""

from __future__ import annotations

import math
import time
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

from docling.datamodel.base_models import (
    AssembledUnit,
    ConversionStatus,
    DoclingComponentType,
    ErrorItem,
    FailureCategory,
)
from docling.datamodel.document import ConversionResult
from docling.datamodel.pipeline_options import BaseLayoutOptions, BaseTableStructureOptions, ThreadedPdfPipelineOptions
from docling.datamodel.progress import ConversionPhase, PhaseStartedProgress
from docling.pipeline.standard_pdf_pipeline import StandardPdfPipeline
from docling_core.types.doc import DoclingDocument, DocumentOrigin, PageItem, Size

from ingest.copies import Unread, read_in_copies
from ingest.figure_text import add_labels, labels_of
from ingest.layout.backend import UnrenderedBackend
from ingest.layout.block import Block, Kind
from ingest.layout.document import add_blocks
from ingest.layout.fonts import FontBook
from ingest.layout.models import (
    BlockCluster,
    RulesLayoutModel,
    RulesLayoutOptions,
    RulesTableModel,
    RulesTableOptions,
    SignalPage,
)
from ingest.layout.page import PageSignals
from ingest.layout.pdfium import open_pdfium_reader
from ingest.layout.signals import read_signals
from ingest.letters import share_unmapped
from ingest.ocr_pages import OcrReader
from ingest.painted import hidden_texts, without_hidden
from ingest.wire import Backend
from kernel import give_memory_back
from records import OcrChoice

#: Parsed pages that wait for an earlier one; each can hold tens of megabytes.
WAITING_PAGES = 16
#: Pages of a document that are kept as they are; those after them are packed until all are laid out.
_OPEN_PAGES = 100
#: Pages of a document that is so large that OCR reads it page by page, to spare memory, and not two side by side.
_LONG = 300
#: Pages after which free memory is returned: the parser's and PDFium's pieces otherwise pile up to twice what is in use.
_PAGES_PER_TRIM = 100
#: Seconds for one page with PDFium, and the share of the document's time that may be added for all of them.
_PDFIUM_PAGE_S, _PDFIUM_SHARE = 20.0, 0.3
#: The end of reading figures with OCR, in shares of the same.
_FIGURES_UNTIL = 1.5


class RulesPipelineOptions(ThreadedPdfPipelineOptions):
    layout_options: BaseLayoutOptions = RulesLayoutOptions()
    table_structure_options: BaseTableStructureOptions = RulesTableOptions()
    do_ocr: bool = False  #: Docling's own, which runs before all pages are parsed
    scans: OcrChoice = OcrChoice(mode="off")
    scan_page_s: float = 20.0  #: what a page that is read with OCR adds to the document's time, in seconds
    scan_weights: Path | None = None  #: folder with OCR models of other languages


class OcrBegins(PhaseStartedProgress):
    """Said once for a document that has pages for OCR, before they are read."""

    phase: ConversionPhase = ConversionPhase.BUILD
    pages: int  #: to be read with OCR
    done: int  #: that are read by then
    total: int


class RulesPipeline(StandardPdfPipeline):
    """Docling's PDF pipeline with rules in place of its models; loads no weights and no torchvision."""

    def _init_models(self) -> None:
        self.keep_images = self.keep_backend = False
        self.layout_model = RulesLayoutModel(options=RulesLayoutOptions())
        self.table_model = RulesTableModel(options=RulesTableOptions())
        assert isinstance(self.pipeline_options, RulesPipelineOptions)
        self.ocr = OcrReader(self.pipeline_options.scans, self.pipeline_options.scan_weights)
        self.enrichment_pipe = []
        self._figures_until = math.inf  #: on the clock of time.monotonic, for the document under way

    @classmethod
    def get_default_options(cls) -> ThreadedPdfPipelineOptions:
        return RulesPipelineOptions()

    def _build_document(self, conv_res: ConversionResult) -> ConversionResult:
        backend: Any = conv_res.input._backend
        assert isinstance(backend.path_or_stream, Path)
        timeout_s = self.pipeline_options.document_timeout or math.inf
        started = time.monotonic()
        deadline = started + timeout_s
        pages = self._parse(conv_res, backend, deadline) if isinstance(backend, UnrenderedBackend) else []
        pages += self._salvage(conv_res, backend, {page.page_no for page in pages}, deadline + _PDFIUM_SHARE * timeout_s)
        n_pages = backend.page_count()
        backend.unload()
        _strip(conv_res, pages)
        _trim_after(pages)
        ocr_started = time.monotonic()
        pages = self._with_ocr(conv_res, sorted(pages, key=lambda page: page.page_no), n_pages)
        _trim_after(pages)
        self._figures_until = started + _FIGURES_UNTIL * timeout_s + time.monotonic() - ocr_started
        conv_res._progress.fail_unfinished_pages(range(1, n_pages + 1), n_pages)
        conv_res.pages = list(self.table_model(conv_res, self.layout_model(conv_res, pages)))
        complete = len(pages) == n_pages
        conv_res.status = ConversionStatus.SUCCESS if complete else ConversionStatus.PARTIAL_SUCCESS
        if not pages:
            conv_res.status = ConversionStatus.FAILURE
        return conv_res

    def _with_ocr(self, conv_res: ConversionResult, pages: list[SignalPage], n_pages: int) -> list[SignalPage]:
        """The pages with what OCR reads where the text layer is none; without those for which no time is left."""
        doubtful = [(signals, page._doubt) for page in pages if page._doubt and (signals := page.signals)]
        if not doubtful:
            return pages
        progress = conv_res._progress
        progress._emit(
            OcrBegins(
                document_index=progress.document_index,
                document_name=progress.document_name,
                pages=len(doubtful),
                done=len(pages) - len(doubtful),
                total=n_pages,
            )
        )
        assert isinstance(conv_res.input.file, Path) and isinstance(self.pipeline_options, RulesPipelineOptions)
        read, late = self.ocr.read(
            doubtful,
            conv_res.input.file,
            time.monotonic() + len(doubtful) * self.pipeline_options.scan_page_s,
            lambda number: progress.page_completed(number, n_pages, success=True),
            side_by_side=2 if n_pages <= _LONG else 1,
        )
        for page in pages:
            if page.page_no in read:
                signals, page.ocr_confidence = read[page.page_no]
                page.keep(signals, packed=page.page_no > _OPEN_PAGES)
                conv_res.confidence.pages[page.page_no].parse_score = page.ocr_confidence
        if late:
            conv_res.errors.append(_error(f"out of time with {len(late)} pages left for OCR", FailureCategory.TIMEOUT))
        return [page for page in pages if page.page_no not in late]

    def _parse(self, conv_res: ConversionResult, backend: UnrenderedBackend, deadline: float) -> list[SignalPage]:
        """The pages that could be parsed in time; each that failed leaves an error."""
        pages: list[SignalPage] = []
        assert isinstance(backend.path_or_stream, Path)
        fonts = FontBook(backend.path_or_stream)
        try:
            for result in _in_order(backend.results(deadline)):
                if time.monotonic() > deadline:
                    break
                if not result.success:
                    conv_res.errors.append(_error(_message(result), FailureCategory.BACKEND_FAILURE, result.page_number))
                    continue
                try:
                    signals = read_signals(result, fonts)
                except (
                    ValueError,
                    RuntimeError,
                    OverflowError,
                ) as error:  # a font's name that is no text, a number that is none
                    conv_res.errors.append(_error(str(error), FailureCategory.BACKEND_FAILURE, result.page_number))
                    continue
                pages.append(self._page(conv_res, signals, backend.page_count()))
                if len(pages) % _PAGES_PER_TRIM == 0:
                    give_memory_back()
        finally:
            fonts.close()
        return pages

    def _salvage(self, conv_res: ConversionResult, backend: Any, parsed: set[int], deadline: float) -> list[SignalPage]:
        """The pages that the parser could not read in time, as PDFium reads them; each that it cannot read either leaves an
        error, and no other does."""
        missing = [number for number in range(1, backend.page_count() + 1) if number not in parsed]
        if isinstance(backend, UnrenderedBackend):
            reasons = {error.page_no: error.error_message.rstrip(".") for error in conv_res.errors}
            conv_res.errors.clear()
        else:
            reasons = dict.fromkeys(missing, "")
        pages: list[SignalPage] = []
        copies = read_in_copies(
            lambda: open_pdfium_reader(backend.path_or_stream), missing, page_s=_PDFIUM_PAGE_S, deadline=deadline
        )
        for number, signals in copies:
            reason = reasons.get(number, "it was not parsed in time")
            if isinstance(signals, Unread):
                why = "; ".join(filter(None, [reason, signals.reason]))
                is_late = number not in reasons or signals.reason == "out of time"
                conv_res.errors.append(
                    _error(why, FailureCategory.TIMEOUT if is_late else FailureCategory.BACKEND_FAILURE, number)
                )
                continue
            page = self._page(conv_res, signals, backend.page_count())
            page._read_by, page._reason = Backend.PDFIUM, reason
            pages.append(page)
        return pages

    def _page(self, conv_res: ConversionResult, signals: PageSignals, n_pages: int) -> SignalPage:
        page = SignalPage(page_no=signals.number, size=Size(width=signals.width, height=signals.height))
        page.keep(signals, packed=signals.number > _OPEN_PAGES)
        page._doubt = self.ocr.doubt_of(signals)
        conv_res.confidence.pages[page.page_no].parse_score = _text_quality(signals)
        if not page._doubt:
            conv_res._progress.page_completed(signals.number, n_pages, success=True)
        return page

    def _assemble_document(self, conv_res: ConversionResult) -> ConversionResult:
        source = conv_res.input
        document = DoclingDocument(name=Path(source.file.name).stem)
        document.origin = DocumentOrigin(
            mimetype="application/pdf",
            filename=source.file.name,
            binary_hash=source.document_hash,  # type: ignore[arg-type]  # its validator takes the hex, as in Docling's pipeline
        )
        for page in conv_res.pages:
            assert page.size is not None
            document.pages[page.page_no] = PageItem(page_no=page.page_no, size=page.size)
        clusters = [c for page in conv_res.pages if page.predictions.layout for c in page.predictions.layout.clusters]
        blocks = [cluster.block for cluster in clusters if isinstance(cluster, BlockCluster)]
        add_blocks(document, blocks)
        self._add_figure_text(document, blocks, conv_res)
        conv_res.assembled = AssembledUnit()
        conv_res.document = document
        return conv_res

    def _add_figure_text(self, document: DoclingDocument, blocks: Sequence[Block], conv_res: ConversionResult) -> None:
        figures = [block for block in blocks if block.kind is Kind.FIGURE]
        drawn = {figure.page for figure in figures}
        pages, read = dict[int, PageSignals](), set[int]()
        for page in conv_res.pages:
            assert isinstance(page, SignalPage)
            if page.page_no in drawn and (signals := page.signals):
                pages[page.page_no] = signals
            if page.ocr_confidence is not None:
                read.add(page.page_no)
        labels = labels_of(blocks, pages)
        bare = [n for n, found in enumerate(labels) if not found and figures[n].page not in read]
        assert isinstance(conv_res.input.file, Path)
        regions = [(pages[figures[n].page], figures[n].rect) for n in bare]
        seen = self.ocr.read_figures(regions, conv_res.input.file, self._figures_until)
        for n, found in zip(bare, seen, strict=True):
            labels[n] = found
        for item, figure, found in zip(document.pictures, figures, labels, strict=True):
            add_labels(document, item, figure.page, found)


def _strip(conv_res: ConversionResult, pages: Sequence[SignalPage]) -> None:
    """Takes out of the pages what PDFium says cannot be seen."""
    assert isinstance(conv_res.input.file, Path)
    hidden = hidden_texts(conv_res.input.file, {page.page_no: page.unseen for page in pages})
    for page in pages:
        if page.page_no in hidden and (signals := page.signals):
            page.keep(without_hidden(signals, hidden[page.page_no]), packed=page.page_no > _OPEN_PAGES)


def _trim_after(pages: Sequence[SignalPage]) -> None:
    """Return what many pages have left in pieces, before the next step asks for more."""
    if len(pages) > _PAGES_PER_TRIM:
        give_memory_back()


def _message(result: Any) -> str:
    """Why a page failed. The parser quotes the file, and a broken file is no text."""
    try:
        return str(result.error_message)
    except UnicodeDecodeError as error:
        return error.object.decode("utf-8", "replace")


def _in_order(results: Iterable[Any]) -> Iterator[Any]:
    """Parsed pages by number, so that the same file always gives the same document: a font is measured where it is first met.

    A page that takes very long is not waited for without end, because each that waits holds memory; it is read as soon as it comes.
    """
    waiting: dict[int, Any] = {}
    following = 1
    for result in results:
        waiting[result.page_number] = result
        while waiting and (min(waiting) <= following or len(waiting) > WAITING_PAGES):
            number = min(waiting)
            yield waiting.pop(number)
            following = max(following, number + 1)
    yield from (waiting[number] for number in sorted(waiting))


def _text_quality(page: PageSignals) -> float:
    """Share of the page's characters that mean something: not replaced, not private to a font."""
    text = "".join(word.text for word in page.words)
    return 1.0 - share_unmapped(text) if text else 0.0


def _error(message: str, category: FailureCategory, page_no: int | None = None) -> ErrorItem:
    return ErrorItem(
        component_type=DoclingComponentType.DOCUMENT_BACKEND,
        module_name="RulesPipeline",
        error_message=message,
        category=category,
        page_no=page_no,
    )
