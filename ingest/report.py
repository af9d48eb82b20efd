"""What was done to read a paper, page by page, and how it went: the quality report of one conversion.

The counts are taken after the fact, from the lines that the rules saw and the document that they made; nothing in the rules counts.
A newcomer would store the report: all of it stands in the conversion's row, and is only put together here.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from ingest.layout.hyphens import HYPHENS
from ingest.letters import count_loose
from records import Conversion, PageQuality

if TYPE_CHECKING:
    from docling.datamodel.document import ConversionResult
    from docling_core.types.doc import DoclingDocument

#: A page below this is one that a reader should look at.
DOUBTFUL = 0.6


@dataclass(frozen=True, slots=True, kw_only=True)
class Repairs:
    """What was mended over all pages."""

    hyphens: int  #: words closed that a line's end had divided
    letters: int  #: ligatures taken apart, accents put on their letters
    furniture: int  #: running heads, feet and page numbers kept out of the text
    joins: int  #: stretches joined to a paragraph that began in another column or page
    turned: tuple[int, ...]  #: pages that were turned for their text to run across


@dataclass(frozen=True, slots=True, kw_only=True)
class QualityReport:
    """How well one paper could be read."""

    converter: str
    n_pages: int
    missing: tuple[int, ...]  #: pages that could not be read
    confidence: float  #: mean over the pages that were read, 0 to 1
    doubtful: tuple[int, ...]  #: pages whose confidence is below DOUBTFUL
    ocr_share: float  #: share of all characters that OCR read, 0 to 1
    backends: dict[str, tuple[int, ...]]  #: what read which pages; '' = not known
    repairs: Repairs
    warnings: tuple[str, ...]
    seconds: float
    pages: tuple[PageQuality, ...]


def quality_report(conversion: Conversion) -> QualityReport:
    """The report of a stored conversion. One without pages (DOCX, HTML) has a confidence of 1: nothing was guessed."""
    pages = conversion.pages
    read = {page.page for page in pages}
    n_chars = sum(page.n_chars for page in pages)
    backends: dict[str, tuple[int, ...]] = {}
    for page in pages:
        backends[page.backend] = (*backends.get(page.backend, ()), page.page)
    return QualityReport(
        converter=conversion.converter,
        n_pages=conversion.n_pages,
        missing=tuple(number for number in range(1, conversion.n_pages + 1) if number not in read) if pages else (),
        confidence=sum(page.confidence for page in pages) / len(pages) if pages else 1.0,
        doubtful=tuple(page.page for page in pages if page.confidence < DOUBTFUL),
        ocr_share=sum(page.n_chars * page.ocr_share for page in pages) / n_chars if n_chars else 0.0,
        backends=backends,
        repairs=Repairs(
            hyphens=sum(page.hyphens for page in pages),
            letters=sum(page.letters for page in pages),
            furniture=sum(page.furniture for page in pages),
            joins=sum(page.joins for page in pages),
            turned=tuple(page.page for page in pages if page.turned),
        ),
        warnings=conversion.warnings,
        seconds=conversion.seconds,
        pages=pages,
    )


def with_repairs(pages: Sequence[PageQuality], result: ConversionResult) -> tuple[PageQuality, ...]:
    """The qualities with what read each page and what was mended on it, as far as this converter tells."""
    furniture, joins = _placed(result.document)
    by_number = {page.page_no: page for page in result.pages}
    written = _letters(result.document)
    found = []
    for quality in pages:
        number = quality.page
        page: Any = by_number.get(number)
        found.append(
            replace(
                quality,
                backend=str(getattr(page, "_read_by", "docling-parse")),
                turned=getattr(page, "turn", 0),
                hyphens=sum(_closed_hyphens(block) for block in _blocks(page)),
                letters=max(0, getattr(page, "loose", 0) - written[number]),
                furniture=furniture[number],
                joins=joins[number],
            )
        )
    return tuple(found)


def salvage_warnings(result: ConversionResult) -> list[str]:
    """Which pages a lesser backend read, and why the missing ones are missing."""
    from ingest.quality import page_ranges

    lesser: dict[tuple[str, str], list[int]] = {}
    for page in result.pages:
        if reason := getattr(page, "_reason", ""):
            lesser.setdefault((page._read_by, reason), []).append(page.page_no)  # type: ignore[attr-defined]
    found = [
        f"read with {backend}, because docling-parse could not ({_short(reason)}): pages {page_ranges(numbers)}"
        for (backend, reason), numbers in lesser.items()
    ]
    reasons: dict[str, list[int]] = {}
    for error in result.errors:
        if error.page_no:
            reasons.setdefault(_short(error.error_message), []).append(error.page_no)
    return found + [f"could not be read ({reason}): pages {page_ranges(numbers)}" for reason, numbers in reasons.items()]


def _short(reason: str) -> str:
    return " ".join(reason.split())[:200].rstrip(". ")


def _placed(document: DoclingDocument) -> tuple[Counter[int], Counter[int]]:
    """Per page: items that are furniture, and second parts of items that begin elsewhere."""
    furniture, joins = Counter[int](), Counter[int]()
    for item in document.texts:
        if item.content_layer.value == "furniture":
            furniture.update(prov.page_no for prov in item.prov[:1])
        joins.update(prov.page_no for prov in item.prov[1:])
    return furniture, joins


def _letters(document: DoclingDocument) -> Counter[int]:
    """Per page: signs in the document that would have been mended, and were not."""
    found = Counter[int]()
    for item in document.texts:
        for prov in item.prov[:1]:
            found[prov.page_no] += count_loose(item.text)
    return found


def _blocks(page: Any) -> Iterator[Any]:
    layout = page.predictions.layout if page else None
    for cluster in layout.clusters if layout else ():
        if block := getattr(cluster, "block", None):
            yield block


def _closed_hyphens(block: Any) -> int:
    """Words of a block that were divided at a line's end and stand whole in its text."""
    closed = 0
    for line, following in zip(block.lines, block.lines[1:], strict=False):
        if not line.text or not following.text or line.text[-1] not in HYPHENS:
            continue
        word = line.text[:-1].split()[-1:] + following.text.split()[:1]
        closed += len(word) == 2 and "".join(word) in block.text
    return closed
