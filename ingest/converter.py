"""One PDF with Docling: a lossless document, its Markdown, its figures. Runs inside the sandboxed child.

Two converters: 'rules' reads the layout from the parser's signals and needs no weights; 'neural' is Docling's own
layout model and TableFormer. Both refuse a file for the same reasons, before Docling sees it, and both give the
same record. Nothing slow is imported before `open_converter`.
"""

from __future__ import annotations

import importlib.metadata
import importlib.util
import os
import re
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from errors import ConversionFailed, Damaged, Encrypted, NoTextLayer, OutOfMemory, TimedOut, TooLarge, WeightsMissing
from ingest.figures import Figure, cut_figures
from ingest.source import HEADER_BYTES, refuse_unless_pdf
from records import PageQuality

if TYPE_CHECKING:
    from docling.datamodel.document import ConversionResult
    from docling.datamodel.progress import ConversionProgressEvent
    from docling.document_converter import DocumentConverter
    from docling_core.types.doc import DoclingDocument

#: Raised with every change of the rules that changes a document: it is part of each conversion's identity.
RULES_VERSION = 1
#: Points; the largest page that the PDF standard allows (200 inches).
_MAX_SIDE = 14_400
#: Bytes; a file over this is refused by the intake, here it only bounds what Docling would accept.
_MAX_BYTES = 1 << 30
#: Visible characters on a page below which it counts as a page without text: a stamp or a page number.
_FEW_CHARS = 50
_FILLED = 0.3  #: share of a page: a picture this large may be the page itself
#: Letters among letters and rare signs; a text layer with fewer is not usable. Numbers are no sign of a fault.
_MIN_LETTERS = 0.3


@dataclass(frozen=True, slots=True, kw_only=True)
class ConvertedPaper:
    """What the converter made of one file."""

    document: DoclingDocument  #: page and box on every item
    markdown: str
    n_pages: int
    is_partial: bool  #: True where pages are missing; `warnings` name them
    warnings: tuple[str, ...]
    pages: tuple[PageQuality, ...]
    figures: tuple[Figure, ...]


OnPage = Callable[[int, int], None]  #: pages read, pages in all


class Convert(Protocol):
    """What `open_converter` gives.

    `on_page` is called before the first page and as pages are read. With 'rules', reading takes half of the time: layout,
    figures and Markdown come after the last page, for all pages together. It must not raise: Docling would only log that.
    """

    def __call__(self, path: Path, on_page: OnPage | None = None, *, name: str | None = None) -> ConvertedPaper: ...


def converter_key(name: str) -> str:
    """Name, version and options of a converter: part of the identity of all that it makes."""
    engine = f"rules/{RULES_VERSION}" if name == "rules" else name
    versions = [f"{package}/{importlib.metadata.version(dist)}" for package, dist in _PACKAGES]
    return " ".join([engine, *versions])


_PACKAGES = (("docling", "docling-slim"), ("docling-parse", "docling-parse"))


def open_converter(name: str, *, max_pages: int, timeout_s: float, artifacts: Path | None) -> Convert:
    """The converter of this name, loaded once for many documents.

    Raises WeightsMissing for 'neural' where its weights or packages are not there.
    """
    if name not in ("rules", "neural"):
        raise ValueError(f"there is no converter {name!r}; the names are 'rules' and 'neural'")
    os.environ.setdefault("HF_HUB_OFFLINE", "1")
    docling = _open_neural(timeout_s, artifacts) if name == "neural" else _open_rules(timeout_s)

    def convert(path: Path, on_page: OnPage | None = None, *, name: str | None = None) -> ConvertedPaper:
        name = name or path.name  # an upload is stored under its hash; whoever sent it knows it by its name
        n_pages = _preflight(path, name, max_pages)
        if on_page:
            on_page(0, n_pages)
        result = docling.convert(
            path,
            raises_on_error=False,
            max_num_pages=max_pages,
            max_file_size=_MAX_BYTES,
            progress_callback=_pages_of(on_page) if on_page else None,
        )
        _check_result(result, name)
        return _as_paper(result, path, name)

    return convert


def _pages_of(on_page: OnPage) -> Callable[[ConversionProgressEvent], None]:
    """Docling's own progress, of which we pass on the pages. Both converters' pipelines report through it."""
    from docling.datamodel.progress import PageCompletedProgress

    def heard(event: ConversionProgressEvent) -> None:
        if isinstance(event, PageCompletedProgress):
            on_page(event.completed_pages, event.total_pages)

    return heard


def _open_rules(timeout_s: float) -> DocumentConverter:
    from docling.datamodel.base_models import InputFormat
    from docling.document_converter import DocumentConverter, PdfFormatOption

    from ingest.layout.backend import UnrenderedBackend
    from ingest.layout.engine import RulesPipeline, RulesPipelineOptions

    options = RulesPipelineOptions(document_timeout=0.8 * timeout_s, enable_remote_services=False)
    option = PdfFormatOption(pipeline_cls=RulesPipeline, backend=UnrenderedBackend, pipeline_options=options)
    return DocumentConverter(allowed_formats=[InputFormat.PDF], format_options={InputFormat.PDF: option})


#: Folders inside `artifacts`, as `docling-tools models download` lays them out.
_WEIGHTS = ("docling-project--docling-layout-heron", "docling-project--docling-models")


def _open_neural(timeout_s: float, artifacts: Path | None) -> DocumentConverter:
    """Docling's own pipeline with its layout model and TableFormer, from weights on disk."""
    folder = artifacts or Path.home() / ".cache" / "docling" / "models"
    _check_weights(folder)
    from docling.datamodel.base_models import InputFormat
    from docling.datamodel.pipeline_options import ThreadedPdfPipelineOptions
    from docling.document_converter import DocumentConverter, PdfFormatOption

    options = ThreadedPdfPipelineOptions(
        artifacts_path=folder,
        do_ocr=False,
        do_table_structure=True,
        document_timeout=0.8 * timeout_s,
        enable_remote_services=False,
        allow_external_plugins=False,
    )
    docling = DocumentConverter(
        allowed_formats=[InputFormat.PDF], format_options={InputFormat.PDF: PdfFormatOption(pipeline_options=options)}
    )
    docling.initialize_pipeline(InputFormat.PDF)
    return docling


def _check_weights(folder: Path) -> None:
    missing = [f"{folder / name}" for name in _WEIGHTS if not (folder / name).is_dir()]
    packages = [name for name in ("torchvision", "docling_ibm_models") if importlib.util.find_spec(name) is None]
    if not missing and not packages:
        return
    lacks = ", ".join([f"the package {name}" for name in packages] + missing)
    raise WeightsMissing(
        f"The converter 'neural' needs {lacks}. No document was read. Install with `pip install docling torchvision`, "
        f"fetch the weights with `docling-tools models download -o {folder} layout tableformer`, or use the converter 'rules'."
    )


def _preflight(path: Path, name: str, max_pages: int) -> int:
    """Refuse what Docling should not see; the number of pages. Raises NotAPdf, Encrypted, TooLarge, Damaged."""
    import pypdfium2

    with path.open("rb") as file:
        refuse_unless_pdf(file.read(HEADER_BYTES), name)
    # Some failures leave PDFium's last error as the file before left it, which may be a password: put a known one there first.
    with suppress(pypdfium2.PdfiumError):
        pypdfium2.PdfDocument(b"not a PDF")
    try:
        pdf = pypdfium2.PdfDocument(path)
    except pypdfium2.PdfiumError as error:
        raise _load_error(name, error) from error
    try:
        _check_pages(pdf, name, max_pages)
        return len(pdf)
    finally:
        pdf.close()


def _load_error(name: str, error: Exception) -> Encrypted | Damaged:
    if "password" in str(error).lower() or "security" in str(error).lower():
        return Encrypted(f"{name} needs a password. Nothing was read. Save it without a password, then add it again.")
    return Damaged(
        f"PDFium could not open {name}: {str(error).rstrip('.')}. Nothing was read. Fetch it again, or repair it (qpdf, for example)."
    )


def _check_pages(pdf: Any, name: str, max_pages: int) -> None:
    n_pages = len(pdf)
    if n_pages == 0:
        raise Damaged(f"{name} has no pages. Nothing was read. Fetch it again, or repair it (qpdf, for example).")
    if n_pages > max_pages:
        raise TooLarge(f"{name} has {n_pages} pages, {max_pages} are allowed. Nothing was read. Split it, or raise max_pages.")
    for index in range(n_pages):
        width, height = _page_size(pdf, index)
        if max(width, height) > _MAX_SIDE:
            raise TooLarge(
                f"Page {index + 1} of {name} is {width:.0f} x {height:.0f} points, {_MAX_SIDE} are allowed. "
                "Nothing was read. Print it to a normal page size, then add it again."
            )


def _page_size(pdf: Any, index: int) -> tuple[float, float]:
    """Points; nothing for a page that PDFium cannot open, which is then missing from the result."""
    import pypdfium2

    try:
        return pdf.get_page_size(index)
    except pypdfium2.PdfiumError:
        return 0.0, 0.0


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


def _as_paper(result: ConversionResult, path: Path, name: str) -> ConvertedPaper:
    document = result.document
    pages = tuple(_page_qualities(result))
    _check_text(pages, result, name)
    done = {page.page for page in pages}
    n_pages = result.input.page_count
    missing = [number for number in range(1, n_pages + 1) if number not in done]
    figures, uncut = cut_figures(path, document)
    return ConvertedPaper(
        document=document,
        markdown=document.export_to_markdown(escape_html=False, escape_underscores=False, image_placeholder=""),
        n_pages=n_pages,
        is_partial=bool(missing),
        warnings=tuple(_warnings(document, pages, missing, uncut)),
        pages=pages,
        figures=tuple(figures),
    )


def _page_qualities(result: ConversionResult) -> list[PageQuality]:
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
        )
        for page in result.pages
        if page.size
    ]


def _confidence(result: ConversionResult, page_no: int) -> float:
    """Mean of the scores that Docling has for this page: of the text, of the layout, of the tables."""
    scores = result.confidence.pages[page_no]
    known = [s for s in (scores.parse_score, scores.layout_score, scores.table_score) if s == s]  # NaN is not known
    return sum(known) / len(known) if known else 0.0


def _warnings(document: DoclingDocument, pages: tuple[PageQuality, ...], missing: list[int], uncut: list[int]) -> list[str]:
    found = []
    if missing:
        found.append(f"pages not read: {_numbers(missing)}; the others were kept")
    bare = [page.page for page in pages if page.n_chars < _FEW_CHARS]
    if bare:
        found.append(f"pages with hardly any text (scans, or figures only): {_numbers(bare)}")
    if uncut:
        found.append(f"figures could not be cut out of pages {_numbers(uncut)}; their text and place were kept")
    if not _reads_as_language(document):
        found.append(
            "the text layer does not read as a language: its letters may be wrong; compare it with the page, or run OCR"
        )
    return found


def _counted(n: int) -> str:
    return f"{n} page" if n == 1 else f"{n} pages"


#: The commonest short words of English, German, French, Spanish, Portuguese, Italian and Dutch.
_COMMON_WORDS = """the of and to in is for that with are was by on as der die und das von mit zu den ist im le la les des et
    en du une un dans el los las que por del con se para o os da do em na no uma il di che per sono della het een van de"""


def _reads_as_language(document: DoclingDocument) -> bool:
    """False for a long Latin text in which the commonest words hardly occur: glyphs mapped to the wrong letters."""
    words = re.findall(r"[a-zà-ÿ]+", " ".join(item.text for item in document.texts).lower())
    common = frozenset(_COMMON_WORDS.split())
    return len(words) < 200 or sum(word in common for word in words) > 0.03 * len(words)


def _numbers(pages: list[int]) -> str:
    """[1, 2, 3, 7] as '1-3, 7'."""
    runs: list[list[int]] = []
    for page in pages:
        if runs and page == runs[-1][-1] + 1:
            runs[-1].append(page)
        else:
            runs.append([page])
    return ", ".join(f"{run[0]}-{run[-1]}" if len(run) > 1 else str(run[0]) for run in runs)


def _check_text(pages: tuple[PageQuality, ...], result: ConversionResult, name: str) -> None:
    """Raises NoTextLayer where the pages hold no usable text: scans, blank pages, a text layer without letters."""
    n_chars = sum(page.n_chars for page in pages)
    # A page with hardly a word is a scan with a stamp on it where a picture fills it, else a page with hardly a word.
    bitmaps = {page.page_no: getattr(page, "image_share", 0.0) for page in result.pages}
    bare = sum(
        page.n_chars < _FEW_CHARS and (max(page.figure_share, bitmaps[page.page]) > _FILLED or not page.n_chars)
        for page in pages
    )
    if n_chars and bare <= len(pages) // 2 and _has_letters(result.document):
        return
    raise NoTextLayer(
        f"{name} has no usable text layer: {n_chars} characters on {_counted(len(pages))}, {_counted(bare)} without text. "
        "Nothing was kept. Run it through OCR (ocrmypdf, for example), then add the result."
    )


def _has_letters(document: DoclingDocument) -> bool:
    """False for a text layer that is mostly signs: glyphs without a mapping to characters."""
    texts = [item.text for item in document.texts]
    texts += [cell.text for table in document.tables for cell in table.data.table_cells]
    text = "".join(texts)
    n_letters = len(re.findall(r"[^\W\d_]", text))
    n_signs = len(re.findall(r"[^\w\s.,;:()\[\]%=+<>*/$'\"-]", text))
    return not text or n_letters >= _MIN_LETTERS * (n_letters + n_signs)
