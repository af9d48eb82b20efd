"""One PDF with Docling: a lossless document, its Markdown, its figures. Runs inside the sandboxed child.

Three converters: 'rules' reads the layout from the parser's signals and needs no weights; 'neural' is Docling's own
layout model and TableFormer; 'auto' is rules, and neural for the pages where the rules are unsure. All refuse a file for
the same reasons, before Docling sees it, and give the same record. Nothing slow is imported before `open_converter`.
"""

from __future__ import annotations

import importlib.metadata
import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from errors import ConversionFailed, Damaged, OutOfMemory, TimedOut
from ingest.choosing import open_chooser
from ingest.figures import Figure, cut_figures
from ingest.neural import missing_parts, open_neural
from ingest.preflight import count_pages
from ingest.quality import check_text, page_qualities, warnings_of
from records import PageQuality

if TYPE_CHECKING:
    from docling.datamodel.document import ConversionResult
    from docling.datamodel.progress import ConversionProgressEvent
    from docling.document_converter import DocumentConverter
    from docling_core.types.doc import DoclingDocument

#: Raised with every change of the rules that changes a document: it is part of each conversion's identity.
RULES_VERSION = 1
#: Bytes; a file over this is refused by the intake, here it only bounds what Docling would accept.
_MAX_BYTES = 1 << 30


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


def converter_key(name: str, artifacts: Path | None = None) -> str:
    """Name, version and options of a converter: part of the identity of all that it makes. 'auto' without weights is the rules."""
    rules = f"rules/{RULES_VERSION}"
    auto = rules if name == "auto" and missing_parts(artifacts) else f"auto/{rules}"
    engine = {"rules": rules, "auto": auto}.get(name, name)
    versions = [f"{package}/{importlib.metadata.version(dist)}" for package, dist in _PACKAGES]
    return " ".join([engine, *versions])


_PACKAGES = (("docling", "docling-slim"), ("docling-parse", "docling-parse"))


def open_converter(name: str, *, max_pages: int, timeout_s: float, artifacts: Path | None) -> Convert:
    """The converter of this name, loaded once for many documents.

    Raises WeightsMissing for 'neural' where its weights or packages are not there.
    """
    if name not in ("rules", "neural", "auto"):
        raise ValueError(f"there is no converter {name!r}; the names are 'rules', 'neural' and 'auto'")
    os.environ.setdefault("HF_HUB_OFFLINE", "1")
    chooser = open_chooser(timeout_s / 2, artifacts) if name == "auto" else None
    docling = open_neural(timeout_s, artifacts) if name == "neural" else _open_rules(timeout_s / 2 if chooser else timeout_s)

    def convert(path: Path, on_page: OnPage | None = None, *, name: str | None = None) -> ConvertedPaper:
        name = name or path.name  # an upload is stored under its hash; whoever sent it knows it by its name
        n_pages = count_pages(path, name, max_pages)
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
        notes = chooser.improve(result, path) if chooser else []
        return _as_paper(result, path, name, notes)

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


def _as_paper(result: ConversionResult, path: Path, name: str, notes: list[str]) -> ConvertedPaper:
    document = result.document
    pages = tuple(page_qualities(result))
    check_text(pages, result, name)
    done = {page.page for page in pages}
    n_pages = result.input.page_count
    missing = [number for number in range(1, n_pages + 1) if number not in done]
    figures, uncut = cut_figures(path, document)
    return ConvertedPaper(
        document=document,
        markdown=document.export_to_markdown(escape_html=False, escape_underscores=False, image_placeholder=""),
        n_pages=n_pages,
        is_partial=bool(missing),
        warnings=(*notes, *warnings_of(document, pages, missing, uncut)),
        pages=pages,
        figures=tuple(figures),
    )
