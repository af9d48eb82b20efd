"""What the command line shows of one paper: what is known of it, how well it could be read, what it cites."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from records import Run
from screens import note, out, show_table

if TYPE_CHECKING:
    from ingest.report import QualityReport, Repairs
    from pipeline import StoredPaper
    from records import PageQuality


def show_paper(paper: StoredPaper, runs: Sequence[Run]) -> None:
    """A paper's bibliography, conversion and structure."""
    document, conversion = paper.document, paper.conversion
    facts = {
        "title": document.title or "unknown",
        "authors": ", ".join(document.authors) or "unknown",
        "year": document.year or "unknown",
        "doi": document.doi or "unknown",
        "arxiv": document.arxiv_id,
        "in": _published_in(document.csl),
        "agreed on by": _witnesses(document.csl),
        "file": f"{document.name}, {document.size / 1e6:.1f} MB",
        "id": document.id,
        "converted": f"by {conversion.converter} in {conversion.seconds:.1f} s" + (", partly" if conversion.is_partial else ""),
        "holds": f"{conversion.n_pages} pages, {len(paper.chunks)} chunks, {len(conversion.figures)} figures, "
        f"{sum('/tables/' in ref for chunk in paper.chunks for ref in chunk.holds)} tables, "
        f"{len(paper.references)} references (--references lists them)",
        "runs": ", ".join(f"{run.id} ({run.prompt_name})" for run in runs) or "none yet",
    }
    show_table(("", ""), [(name, value) for name, value in facts.items() if value])
    for warning in conversion.warnings:
        note(f"note: {warning}")
    headings = dict.fromkeys(chunk.headings[: n + 1] for chunk in paper.chunks for n in range(len(chunk.headings)))
    out().print("\n" + "\n".join("  " * len(path) + path[-1] for path in headings), markup=False)


def show_quality(report: QualityReport) -> None:
    """How well a paper could be read: of all, then page by page."""
    by = [f"{name or 'not known'} ({len(pages)})" for name, pages in report.backends.items()]
    facts = {
        "converted": f"by {report.converter} in {report.seconds:.1f} s",
        "pages": _pages_read(report),
        "read by": ", ".join(by),
        "confidence": f"{report.confidence:.2f}" + (f"; look at pages {_listed(report.doubtful)}" if report.doubtful else ""),
        "by OCR": f"{report.ocr_share:.0%} of the characters" if report.ocr_share else None,
        "repaired": _repaired(report.repairs) if report.pages else None,
    }
    show_table(("", ""), [(name, value) for name, value in facts.items() if value])
    for warning in report.warnings:
        note(f"note: {warning}")
    if not report.pages:
        return
    columns = (
        "page",
        "confidence",
        "characters",
        "figures",
        "OCR",
        "read by",
        "hyphens",
        "letters",
        "joins",
        "left out",
        "turned",
    )
    out().print()
    show_table(columns, [_page_row(page) for page in report.pages])


def _pages_read(report: QualityReport) -> str:
    if not report.n_pages:
        return "none: the format has no pages"
    missing = f"; missing: {_listed(report.missing)}" if report.missing else ""
    return f"{report.n_pages - len(report.missing):,} of {report.n_pages:,} read{missing}"


def _repaired(repairs: Repairs) -> str:
    turned = f", turned: pages {_listed(repairs.turned)}" if repairs.turned else ""
    return (
        f"{repairs.hyphens:,} hyphens closed, {repairs.letters:,} letters mended, {repairs.joins:,} joins, "
        f"{repairs.furniture:,} running heads and feet left out{turned}"
    )


def _page_row(page: PageQuality) -> tuple[str, ...]:
    counts = [f"{n:,}" if n else "" for n in (page.hyphens, page.letters, page.joins, page.furniture, page.turned)]
    shares = [f"{share:.0%}" if share else "" for share in (page.figure_share, page.ocr_share)]
    return (str(page.page), f"{page.confidence:.2f}", f"{page.n_chars:,}", *shares, page.backend, *counts)


def _listed(pages: Sequence[int], most: int = 12) -> str:
    return ", ".join(map(str, pages[:most])) + (f" and {len(pages) - most} more" if len(pages) > most else "")


def _published_in(csl: Mapping[str, Any]) -> str:
    """'J. Growth 12(3), 4-5' of a CSL item; empty where it names no journal."""
    if not csl.get("container-title"):
        return ""
    issue = f"({csl['issue']})" if csl.get("issue") else ""
    where = f"{csl['container-title']} {csl.get('volume', '')}{issue}".strip()
    return f"{where}, {csl['page']}" if csl.get("page") else where


def _witnesses(csl: Mapping[str, Any]) -> str:
    told = csl.get("custom", {}).get("witnesses", {})
    return "; ".join(f"{name}: {', '.join(who)}" for name, who in told.items())


def show_references(paper: StoredPaper) -> None:
    """The entries of a paper's reference list, each with what was read of it."""
    if paper.conversion.references is None:
        note("Its reference list was not read when it was converted. Add the file again to read it.")
        return
    rows = [
        (
            entry.label,
            ", ".join(name.partition(",")[0] for name in entry.authors[:3]) + (" et al." if len(entry.authors) > 3 else ""),
            entry.year or "",
            entry.title or f"({entry.text[:100]})",
            " ".join(filter(None, (entry.container, entry.volume, entry.pages))),
            entry.doi or (f"arXiv:{entry.arxiv_id}" if entry.arxiv_id else entry.url or ""),
        )
        for entry in paper.references
    ]
    show_table(("", "authors", "year", "title", "in", "found at"), rows)
