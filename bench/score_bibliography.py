"""How much of the bibliography is read, and how much of what is read is right.

python bench/score_bibliography.py ../shared/corpus/papers [--match 'PMC*'] [--keep DIR] [--facts bench/bibliography.json]

The truths (NAME.gt.json) have the title and the references as text; what else is printed on first pages stands in bench/bibliography.json,
read by eye. A true reference counts as found where one entry holds most of its words and little else; a DOI, where the paper prints it.
--keep DIR keeps each converted document, so that a second run need not convert.
"""

from __future__ import annotations

import argparse
import json
import re
import sys
import unicodedata
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from errors import RereadError
from ingest.bibliography import read_bibliography, read_pdf_info
from ingest.citations_entries import open_citer
from ingest.references import read_references
from ingest.references_names import family_of
from ingest.source import read_source
from records import Document, Reference

if TYPE_CHECKING:
    from docling_core.types.doc.document import DoclingDocument

FACTS = Path(__file__).parent / "bibliography.json"
#: Share of a true reference's words that its entry must hold, and how much longer than it the entry may be.
SAME_WORDS, MOST_EXTRA = 0.7, 2.2


@dataclass(slots=True)
class Tally:
    """Right, given and true, by field."""

    right: Counter[str] = field(default_factory=Counter)
    given: Counter[str] = field(default_factory=Counter)
    true: Counter[str] = field(default_factory=Counter)

    def count(self, name: str, *, right: float, given: float, true: float) -> None:
        self.right[name] += right  # type: ignore[assignment]
        self.given[name] += given  # type: ignore[assignment]
        self.true[name] += true  # type: ignore[assignment]

    def add(self, other: Tally) -> None:
        for name in other.true:
            self.count(name, right=other.right[name], given=other.given[name], true=other.true[name])


def squeezed(text: str) -> str:
    """Letters and digits alone, without accents: publishers and truths write the rest in their own ways."""
    plain = unicodedata.normalize("NFKD", re.sub(r"<[^>]+>", "", text))
    return re.sub(r"[\W_]", "", "".join(sign for sign in plain if not unicodedata.combining(sign))).lower()


def words_of(text: str) -> Counter[str]:
    plain = unicodedata.normalize("NFKD", re.sub(r"<[^>]+>", "", text)).lower()
    plain = "".join(sign for sign in plain if not unicodedata.combining(sign))
    return Counter(re.findall(r"[a-z]{4,}|\d{4}", plain))


def pairs(truths: Sequence[str], entries: Sequence[Reference]) -> dict[int, Reference]:
    """Each true reference with the entry that is it, best first, none twice."""
    bags = [words_of(entry.text) for entry in entries]
    scored = []
    for t, truth in enumerate(truths):
        wanted = words_of(truth)
        for e, bag in enumerate(bags):
            shared, smaller = (wanted & bag).total(), min(wanted.total(), bag.total())
            if (
                smaller
                and shared / smaller >= SAME_WORDS
                and bag.total() <= MOST_EXTRA * wanted.total()
                and shared >= 0.4 * wanted.total()
            ):
                scored.append((shared / max(wanted.total(), bag.total()), t, e))
    found: dict[int, Reference] = {}
    taken: set[int] = set()
    for _, t, e in sorted(scored, reverse=True):
        if t not in found and e not in taken:
            found[t] = entries[e]
            taken.add(e)
    return found


def score_references(truths: Sequence[str], entries: Sequence[Reference], printed: str) -> Tally:
    """`printed` is all text of the paper, squeezed: a DOI that it does not print cannot be read off it."""
    tally, found = Tally(), pairs(truths, entries)
    tally.count("entries", right=len(found), given=len(entries), true=len(truths))
    for t, truth in enumerate(truths):
        entry, true_doi = found.get(t), _doi(truth)
        is_printed = bool(true_doi) and squeezed(true_doi) in printed
        if is_printed or (entry and entry.doi and true_doi):
            got = entry.doi if entry else None
            tally.count("ref DOI", right=squeezed(got or "") == squeezed(true_doi), given=bool(got), true=is_printed)
        if not entry:
            continue
        plain = squeezed(truth)
        tally.count(
            "ref author",
            right=bool(entry.authors) and squeezed(family_of(entry.authors[0])) in plain,
            given=bool(entry.authors),
            true=1,
        )
        n_words = len((entry.title or "").split())
        tally.count("ref title", right=n_words >= 2 and squeezed(entry.title or "") in plain, given=bool(entry.title), true=1)
        if years := re.findall(r"\b(?:1[6-9]|20)\d{2}\b", truth):
            tally.count("ref year", right=str(entry.year) in years, given=entry.year is not None, true=1)
        tally.count(
            "ref journal",
            right=bool(entry.container) and squeezed(entry.container or "") in plain,
            given=bool(entry.container),
            true=1,
        )
    return tally


def _doi(truth: str) -> str:
    found = re.search(r"10\.\d{4,9}/\S+", truth)
    return found.group().rstrip(".,;").lower() if found else ""


def score_document(document: Document, truth: dict[str, Any]) -> Tally:
    """Title, families, year, DOI, journal, volume and pages against what the first page prints."""
    tally = Tally()
    given = document.csl
    families = [name.get("family", name.get("literal", "")) for name in given.get("author", [])]
    facts = {
        "title": (document.title, truth.get("title")),
        "year": (document.year, truth.get("year")),
        "DOI": (document.doi, truth.get("doi")),
        "arXiv": (document.arxiv_id, truth.get("arxiv_id")),
        "journal": (given.get("container-title"), truth.get("journal")),
        "volume": (given.get("volume"), truth.get("volume")),
        "page": (given.get("page"), truth.get("page")),
    }
    for name, (got, wanted) in facts.items():
        if wanted or (got and name in truth_keys(truth)):
            right = bool(got and wanted) and squeezed(str(got)) == squeezed(str(wanted))
            tally.count(name, right=right, given=bool(got), true=bool(wanted))
    if wanted_families := [squeezed(name) for name in truth.get("families", [])]:
        right_names = sum((Counter(map(squeezed, families)) & Counter(wanted_families)).values())
        tally.count("families", right=right_names, given=len(families), true=len(wanted_families))
    return tally


def truth_keys(truth: dict[str, Any]) -> set[str]:
    names = {
        "title": "title",
        "year": "year",
        "doi": "DOI",
        "arxiv_id": "arXiv",
        "journal": "journal",
        "volume": "volume",
        "page": "page",
    }
    return {names[key] for key in truth if key in names}


def document_of(path: Path, keep: Path | None, convert: list[Any]) -> DoclingDocument:
    """The converted document, from `keep` where it is kept."""
    from docling_core.types.doc.document import DoclingDocument

    kept = keep / f"{path.stem}.json" if keep else None
    if kept and kept.exists():
        return DoclingDocument.load_from_json(kept)
    if not convert:
        from ingest.converter import open_converter

        convert.append(open_converter("rules", max_pages=2000, timeout_s=120, artifacts=None))
    document: DoclingDocument = convert[0](path).document
    if kept:
        kept.write_text(document.model_dump_json(by_alias=True, exclude_none=True), encoding="utf-8")
    return document


def linked_share(document: DoclingDocument, entries: Sequence[Reference]) -> float:
    """Share of the entries that the text cites in a way we can follow."""
    if not entries:
        return 0.0
    texts = [
        item.text for item, _ in document.iterate_items() if getattr(item, "text", "") and item.label.value != "section_header"
    ]
    citer = open_citer(entries, texts)
    own = {entry.text[:40] for entry in entries}
    body = [text for text in texts if not any(head in text for head in own)]
    return len({cited for text in body for cited in citer(text)}) / len(entries)


def rows(sums: Tally) -> Iterable[str]:
    for name in sums.true:
        right, given, true = sums.right[name], sums.given[name], sums.true[name]
        shares = f"recall {right / max(true, 1):.3f}  precision {right / max(given, 1):.3f}"
        yield f"{name:12} right {right:6.0f}  given {given:6.0f}  true {true:6.0f}  {shares}"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("papers", type=Path)
    parser.add_argument("--match", default="*")
    parser.add_argument("--keep", type=Path)
    parser.add_argument("--facts", type=Path, default=FACTS)
    parser.add_argument("--wrong", action="store_true", help="print what is wrong")
    args = parser.parse_args()
    facts: dict[str, dict[str, Any]] = json.loads(args.facts.read_text()) if args.facts.exists() else {}
    convert: list[Any] = []
    sums, by_paper = Tally(), defaultdict(str)
    for path in sorted(args.papers.glob(f"{args.match}.pdf")):
        try:
            document = document_of(path, args.keep, convert)
        except RereadError as error:
            print(f"{path.stem}: {error.code}")
            continue
        entries = read_references(document)
        truth_file = path.with_suffix(".gt.json")
        truth = json.loads(truth_file.read_text()) if truth_file.exists() else {}
        known = {**({"title": truth["title"]} if truth.get("title") else {}), **facts.get(path.stem, {})}
        read = read_bibliography(document, read_source(path, 1 << 30), read_pdf_info(path))
        own = score_document(read, known)
        if truth.get("refs"):
            printed = squeezed(" ".join(getattr(item, "text", "") for item, _ in document.iterate_items()))
            own.add(score_references(truth["refs"], entries, printed))
        sums.add(own)
        missed = [
            f"{name} {own.right[name]:.0f}/{own.given[name]:.0f}/{own.true[name]:.0f}"
            for name in own.true
            if not own.right[name] == own.true[name] == own.given[name]
        ]
        by_paper[path.stem] = f"{len(entries):4} entries, linked {linked_share(document, entries):.2f}  {', '.join(missed)}"
        if args.wrong:
            show_wrong(read, known, truth, entries)
    for name, said in by_paper.items():
        print(f"{name:38} {said}")
    print()
    print("\n".join(rows(sums)))
    return 0


def show_wrong(read: Document, known: dict[str, Any], truth: dict[str, Any], entries: Sequence[Reference]) -> None:
    tally = score_document(read, known)
    for name in tally.true:
        if not tally.right[name] == tally.true[name] == tally.given[name]:
            said, wanted = (json.dumps(told, ensure_ascii=False)[:500] for told in (read.csl, known))
            print(f"  {read.name}: {name}: csl {said} known {wanted}")
            break
    found = pairs(truth.get("refs", []), entries)
    for t, reference in enumerate(truth.get("refs", [])):
        entry = found.get(t)
        if entry is None:
            print(f"  {read.name}: not found: {reference[:160]}")
        elif entry.title is None or squeezed(entry.title) not in squeezed(reference):
            print(f"  {read.name}: title {entry.title!r} in: {entry.text[:200]}")
        elif not entry.authors or squeezed(family_of(entry.authors[0])) not in squeezed(reference):
            print(f"  {read.name}: authors {entry.authors[:3]} in: {entry.text[:120]}")


if __name__ == "__main__":
    sys.exit(main())
