"""A PDF made by hand, read as the converter reads it."""

from __future__ import annotations

from pathlib import Path

from pdf_maker import PdfMaker

from ingest.layout.block import Block, Kind


def read_pdf(pdf: PdfMaker, folder: Path) -> list[list[Block]]:
    """The blocks of each page."""
    from docling.datamodel.base_models import InputFormat
    from docling.datamodel.document import InputDocument

    from ingest.layout.backend import UnrenderedBackend
    from ingest.layout.fonts import FontBook
    from ingest.layout.reading import read_layout
    from ingest.layout.signals import read_signals

    path = folder / "paper.pdf"
    path.write_bytes(pdf.to_bytes())
    document = InputDocument(path_or_stream=path, format=InputFormat.PDF, backend=UnrenderedBackend)
    fonts = FontBook(path)
    backend = document._backend
    assert isinstance(backend, UnrenderedBackend)
    pages = sorted((read_signals(result, fonts) for result in backend.results()), key=lambda page: page.number)
    fonts.close()
    return read_layout(pages)


def texts(blocks: list[Block], kind: Kind) -> list[str]:
    return [block.text for block in blocks if block.kind is kind]
