"""docling-parse with rulings and drawings, but without rendering.

Docling's own backend computes shapes only where it renders every page, which takes as long as all the rest.
Pages are rendered later, and only where a figure is cut out (`ingest/figures.py`).
"""

from __future__ import annotations

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

    def results(self) -> Iterator[Any]:
        """docling-parse's PageParseResult of each page, in no fixed order."""
        yield from self._parser.iterate_results()

    def unload(self) -> None:
        if not self._is_open:
            return
        self._is_open = False
        while self._parser.has_tasks():  # the parser cannot let go of a document that is still being parsed
            self._parser.get_task()
        self._parser.unload(self._key)
        super().unload()
