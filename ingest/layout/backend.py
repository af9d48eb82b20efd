"""docling-parse with rulings and drawings, but without rendering.

Docling's own backend computes shapes only where it renders every page, which takes as long as all the rest.
Pages are rendered later, and only where a figure is cut out (`ingest/figures.py`).
"""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path
from typing import Any

from docling.backend.docling_parse_backend import ThreadedDoclingParsePageBackend
from docling.backend.pdf_backend import PdfDocumentBackend, PdfPageBackend
from docling.datamodel.backend_options import PdfBackendOptions
from docling.datamodel.document import InputDocument
from docling.exceptions import DocumentLoadError
from docling_parse.pdf_parser import (
    ContentConfig,
    ContentLevel,
    DecodeConfig,
    DoclingThreadedPdfParser,
    ThreadedPdfParserConfig,
)

#: Decoded pages that may wait for the rules; each can hold tens of megabytes.
_WAITING_PAGES = 4

#: Seconds that pages which nobody reads any more are waited for.
_LET_GO_S = 1.0

#: Parsers that were left with a page that does not end: to let go of one would wait for that page.
_STUCK: list[Any] = []

#: How the message begins when the parser cannot open a file: Docling keeps the message, not the error.
UNLOADABLE = "docling-parse could not load the file"


class UnrenderedBackend(PdfDocumentBackend):
    """One PDF, parsed by two native threads while the rules read what is parsed."""

    supports_random_page_access = False

    def __init__(self, in_doc: InputDocument, path_or_stream: BytesIO | Path, options: PdfBackendOptions | None = None) -> None:
        super().__init__(in_doc, path_or_stream, options)
        self._parser = DoclingThreadedPdfParser(
            parser_config=ThreadedPdfParserConfig(
                loglevel="fatal",
                threads=2,
                max_concurrent_results=_WAITING_PAGES,
                render_config=None,
                page_content_config=ContentConfig(
                    char_cells_content_level=ContentLevel.COMPUTE,
                    word_cells_content_level=ContentLevel.COMPUTE,
                    line_cells_content_level=ContentLevel.SKIP,
                    shapes_content_level=ContentLevel.COMPUTE,
                    bitmaps_content_level=ContentLevel.COMPUTE,
                    include_bitmap_bytes=False,
                ),
            ),
            decode_config=DecodeConfig(enforce_same_font=True),
        )
        self._is_open = False
        try:
            self._key = self._parser.load(path_or_stream)
        except (RuntimeError, ValueError) as error:
            raise DocumentLoadError(f"{UNLOADABLE}: {error}") from error
        self._is_open = True

    def is_valid(self) -> bool:
        return self._is_open and self.page_count() > 0

    def page_count(self) -> int:
        return self._parser.page_count(self._key)

    def load_page(self, page_no: int) -> PdfPageBackend:
        raise NotImplementedError("pages come one after the other, through iter_pages()")

    def iter_pages(self) -> Iterator[PdfPageBackend]:
        for result in self.results():
            yield ThreadedDoclingParsePageBackend(result, rendered=False)

    def results(self, deadline: float = float("inf")) -> Iterator[Any]:
        """docling-parse's PageParseResult of each page, in no fixed order; ends at the deadline (of time.monotonic), though a
        page is still being parsed."""
        while self._parser.has_tasks():
            answers: queue.Queue[Any] = queue.Queue()
            threading.Thread(target=self._take_result, args=(answers,), name="page", daemon=True).start()
            try:
                answer = answers.get(timeout=max(0.0, min(deadline - time.monotonic(), threading.TIMEOUT_MAX)))
            except queue.Empty:
                _STUCK.append(self._parser)
                return
            if isinstance(answer, BaseException):
                raise answer
            yield answer

    def _take_result(self, answers: queue.Queue[Any]) -> None:
        """Waits in native code, where no deadline is heard; so it has a thread of its own."""
        try:
            answers.put(self._parser.get_task())
        except BaseException as error:  # noqa: BLE001 - raised by whoever waits for the answer
            answers.put(error)

    def unload(self) -> None:
        if not self._is_open:
            return
        self._is_open = False
        if self._parser in _STUCK:
            return
        for _ in self.results(
            time.monotonic() + _LET_GO_S
        ):  # the parser cannot let go of a document that is still being parsed
            pass
        if self._parser in _STUCK:
            return
        self._parser.unload(self._key)
        super().unload()


def is_stuck() -> bool:
    """True where a page of some document is still being parsed although it was given up."""
    return bool(_STUCK)
