"""Everything that is not a PDF, with Docling's own backends: one open converter for all of them.

A newcomer would hand Docling the path. Then it looks at the ending again, and resolves what the document names (pictures, parts,
style sheets) beside that path. So it is handed bytes under a name of ours: there is no folder to look in, fetching is switched
off in every backend, and what the bytes may do was checked before (see archives.py, jats.py, latex.py).
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING

from errors import Damaged, NotInstalled, OutOfMemory, TooLarge
from ingest.figures import Figure
from ingest.formats.archives import check_archive, latex_files
from ingest.formats.front import Front
from ingest.formats.fronts import epub_front, html_front, markdown_front, office_front, opendocument_front, text_front
from ingest.formats.jats import parse_safely, prepared
from ingest.formats.jats_front import read_jats_front
from ingest.formats.latex import flatten
from ingest.formats.mending import cut_pictures, mend
from ingest.formats.names import Format
from ingest.formats.office import prepared_word
from ingest.formats.pages import prepared_book, prepared_page
from ingest.formats.speech import speech_option
from records import PageQuality

if TYPE_CHECKING:
    from docling.datamodel.document import ConversionResult
    from docling.document_converter import DocumentConverter
    from docling_core.types.doc.document import DoclingDocument

_MAX_BYTES = 1 << 30
_PACKED = frozenset({Format.DOCX, Format.PPTX, Format.XLSX, Format.ODT, Format.ODS, Format.ODP, Format.EPUB})
_MAX_CELLS = 250_000  #: of a CSV; Docling takes a kilobyte for each
_DEEPEST = 150  #: levels of a document's tree; books have ten. Docling walks it by recursion


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadDocument:
    """What was read of one file that is no PDF."""

    document: DoclingDocument
    front: Front
    figures: tuple[Figure, ...]
    pages: tuple[PageQuality, ...]  #: slides and sheets; none for what has no pages
    warnings: tuple[str, ...]
    is_partial: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class _Prepared:
    """Bytes for Docling, and what was learned on the way to them."""

    data: bytes
    front: Front = field(default_factory=Front)
    missing: tuple[str, ...] = ()


Read = Callable[[Path, Format, str, int], ReadDocument]


def open_formats(artifacts: Path | None) -> Read:
    """The reader of all formats but PDF, opened once. What it gives takes path, format, name and the most pages allowed, and
    raises Damaged, TooLarge, Encrypted, NotInstalled or MemoryError."""
    docling = _open_docling()

    def read(path: Path, kind: Format, name: str, max_pages: int) -> ReadDocument:
        try:
            given = _prepare(path, kind, name)
            if kind is Format.AUDIO:
                docling.format_to_options.update(speech_option(artifacts, name))
            with _overheard() as heard:
                result = _converted(docling, given, kind, name, max_pages)
            return _as_read(result, given, kind, name, heard)
        except RecursionError as error:
            raise _too_deep(name) from error

    return read


def _open_docling() -> DocumentConverter:
    from docling.datamodel.backend_options import LatexBackendOptions
    from docling.datamodel.base_models import InputFormat
    from docling.document_converter import DocumentConverter, LatexFormatOption

    allowed = [InputFormat(kind.value) for kind in Format if kind not in (Format.PDF, Format.IMAGE, Format.SOURCES)]
    # Its timeout would leave a thread behind that goes on parsing; the parent's clock ends the whole child.
    latex = LatexFormatOption(backend_options=LatexBackendOptions.model_validate({"parse_timeout": None}))
    return DocumentConverter(allowed_formats=allowed, format_options={InputFormat.LATEX: latex})


def _prepare(path: Path, kind: Format, name: str) -> _Prepared:
    """Check the bytes, and change those that Docling would read with loss."""
    if kind in _PACKED:
        check_archive(path, name)
    if kind is Format.SOURCES:
        paper = flatten(latex_files(path, name), name)
        return _Prepared(data=paper.text.encode(), missing=paper.missing)
    if kind is Format.DOCX:
        return _Prepared(data=prepared_word(path, name), front=office_front(path))
    if kind is Format.EPUB:
        return _Prepared(data=prepared_book(path), front=epub_front(path))
    data = path.read_bytes()
    if kind is Format.HTML:
        return _Prepared(data=prepared_page(data), front=html_front(data))
    if kind is Format.LATEX:
        paper = flatten({name: data}, name)
        return _Prepared(data=paper.text.encode(), missing=paper.missing)
    if kind is Format.JATS:
        tree = parse_safely(data, name)
        front = read_jats_front(tree)
        return _Prepared(data=prepared(tree), front=front)
    if kind is Format.MARKDOWN:
        front, data = markdown_front(data)
        return _Prepared(data=data, front=front)
    if kind is Format.CSV and max(map(data.count, (b",", b";", b"\t", b"|"))) + data.count(b"\n") > _MAX_CELLS:
        raise TooLarge(
            f"{name} has more than {_MAX_CELLS:,} cells: data, not a paper. Nothing was read. Add the part that is read."
        )
    if kind is Format.PATENT:
        parse_safely(data, name)
    return _Prepared(data=data, front=_front(path, kind))


def _front(path: Path, kind: Format) -> Front:
    if kind in (Format.PPTX, Format.XLSX):
        return office_front(path)
    return opendocument_front(path) if kind in (Format.ODT, Format.ODS, Format.ODP) else Front()


def _converted(docling: DocumentConverter, given: _Prepared, kind: Format, name: str, max_pages: int) -> ConversionResult:
    from docling.datamodel.base_models import DocumentStream
    from docling.exceptions import ConversionError

    stream = DocumentStream(name=f"{Path(name).stem or 'document'}{kind.ending}", stream=BytesIO(given.data))
    try:
        return docling.convert(stream, raises_on_error=False, max_num_pages=max_pages, max_file_size=_MAX_BYTES)
    except ConversionError as error:  # it took the file for something else
        raise Damaged(f"Docling could not read {name}: {error}. Nothing was kept. Fetch it again.") from error
    except ImportError as error:
        raise NotInstalled(
            f"{name} could not be read: its format needs a package that is not here ({error}). Nothing was kept. "
            "Install Reread with all that it depends on, then add the file again."
        ) from error


def _as_read(result: ConversionResult, given: _Prepared, kind: Format, name: str, heard: list[str]) -> ReadDocument:
    from docling.datamodel.base_models import ConversionStatus

    reasons = "; ".join(dict.fromkeys(error.error_message.rstrip(".") for error in result.errors)) or "; ".join(heard)
    if any(sign in reasons for sign in OutOfMemory.signs):
        raise MemoryError(reasons)
    if "recursion" in reasons:
        raise _too_deep(name)
    if result.status not in (ConversionStatus.SUCCESS, ConversionStatus.PARTIAL_SUCCESS):
        raise Damaged(f"Docling could not read {name}: {reasons or 'no reason given'}. Nothing was kept. Fetch it again.")
    document = result.document
    _check_depth(document, name)
    mend(document, kind, name)
    figures, lost = cut_pictures(document)
    if not _says_anything(document):
        raise Damaged(f"{name} holds no text, table or picture that could be read. Nothing was kept. Check what is in it.")
    warnings = [*(f"{part!r} is named and not in the file: its text is missing" for part in given.missing)]
    warnings += [f"Docling says: {line}" for line in heard] + lost
    return ReadDocument(
        document=document,
        front=given.front if kind is Format.DOCLING and document.pages else text_front(document, given.front),
        figures=tuple(figures),
        pages=tuple(_pages(document)),
        warnings=tuple(warnings),
        is_partial=bool(given.missing or heard) or result.status == ConversionStatus.PARTIAL_SUCCESS,
    )


def _check_depth(document: DoclingDocument, name: str) -> None:
    """Raises where the tree is deeper than whoever walks it can go, or bites its own tail."""
    level, nodes, seen = 0, [document.body], 0
    limit = 2 * (len(document.texts) + len(document.groups) + len(document.tables) + len(document.pictures)) + 100
    while nodes:
        level, seen = level + 1, seen + len(nodes)
        if level > _DEEPEST or seen > 4 * limit:
            raise _too_deep(name)
        nodes = [ref.resolve(document) for node in nodes for ref in node.children]


def _too_deep(name: str) -> TooLarge:
    return TooLarge(f"The parts of {name} lie within each other too deep to be walked. Nothing was kept. Save it flatter.")


def _says_anything(document: DoclingDocument) -> bool:
    return bool(document.tables or document.pictures or any(item.text.strip() for item in document.texts))


def _pages(document: DoclingDocument) -> Iterator[PageQuality]:
    """What is known of each slide or sheet: nothing was guessed, so the confidence is 1."""
    n_chars: dict[int, int] = {}
    for item in document.texts:
        for prov in item.prov[:1]:
            n_chars[prov.page_no] = n_chars.get(prov.page_no, 0) + len(item.text)
    for table in document.tables:
        for prov in table.prov[:1]:
            n_chars[prov.page_no] = n_chars.get(prov.page_no, 0) + sum(len(cell.text) for cell in table.data.table_cells)
    areas: dict[int, float] = {}
    for picture in document.pictures:
        for prov in picture.prov[:1]:
            areas[prov.page_no] = areas.get(prov.page_no, 0.0) + abs(prov.bbox.width * prov.bbox.height)
    for number, page in sorted(document.pages.items()):
        whole = max(1.0, page.size.width * page.size.height)
        yield PageQuality(
            page=number,
            width=page.size.width,
            height=page.size.height,
            n_chars=n_chars.get(number, 0),
            figure_share=min(1.0, areas.get(number, 0.0) / whole),
            confidence=1.0,
        )


@contextmanager
def _overheard() -> Iterator[list[str]]:
    """What Docling's backends log as an error: several of them catch a failure half-way, log it and call the half a success."""
    heard: list[str] = []

    class _Ear(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            words = record.getMessage().strip().splitlines() or [""]
            if len(heard) < 5:
                heard.append(words[-1][:300])

    ear, logger = _Ear(logging.ERROR), logging.getLogger("docling.backend")
    logger.addHandler(ear)
    try:
        yield heard
    finally:
        logger.removeHandler(ear)
