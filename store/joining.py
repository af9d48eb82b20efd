"""Join a bibliography that somebody keeps to the documents: by DOI, by arXiv id, else by title and year.

Its fields win over what was read off the page, because somebody has checked them; what it does not say stays. The entry is kept whole in
the document's CSL item (`custom.bib`), so that the document can be converted again without losing it.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from records import BibEntry, Document

#: Fields of which it is told who agrees on them.
WITNESSED = frozenset({"title", "author", "issued", "DOI", "archive_location", "container-title", "volume", "issue", "page"})
SHORTEST_TITLE = 12  #: letters; 'Editorial' is the title of many papers


@dataclass(frozen=True, slots=True, kw_only=True)
class Joined:
    """What became of a bibliography."""

    documents: tuple[Document, ...]  #: those that an entry was found for, with its fields
    unmatched: tuple[BibEntry, ...]  #: entries that no document was found for


def join(documents: Iterable[Document], entries: Sequence[BibEntry]) -> Joined:
    """Each document with the first entry that is it."""
    by_name: dict[tuple[str, str], BibEntry] = {}
    for entry in entries:
        for name in _names(entry.item):
            by_name.setdefault(name, entry)
    found: list[Document] = []
    used: set[int] = set()
    for document in documents:
        named = (by_name[name] for name in _names_of(document) if name in by_name)
        if own := next((entry for entry in named if _agrees(document, entry)), None):
            used.add(id(own))
            found.append(with_entry(document, own))
    # An entry that stands twice in the file is not told as one that matched nothing.
    known = {name for entry in entries if id(entry) in used for name in _names(entry.item)}
    unmatched = [entry for entry in entries if id(entry) not in used and not known.intersection(_names(entry.item))]
    return Joined(documents=tuple(found), unmatched=tuple(unmatched))


def with_entry(document: Document, entry: BibEntry) -> Document:
    """The document with the fields of this entry in place of its own."""
    item = {name: value for name, value in entry.item.items() if name not in ("id", "custom")}
    custom = dict(document.csl.get("custom", {}))
    witnesses = dict(custom.get("witnesses", {}))
    for name in sorted(item.keys() & WITNESSED):
        value = item[name]
        others = [who for who in witnesses.get(name, []) if who != "bib"] if _same(document.csl.get(name), value) else []
        witnesses[name] = ["bib", *others]
    custom |= {"witnesses": witnesses, "bib": {"key": entry.key, "item": entry.item}}
    return replace(
        document,
        title=item.get("title") or document.title,
        authors=tuple(map(_written, item["author"])) if item.get("author") else document.authors,
        year=_year(item) or document.year,
        doi=str(item["DOI"]).lower() if item.get("DOI") else document.doi,
        arxiv_id=item.get("archive_location") if item.get("archive") == "arXiv" else document.arxiv_id,
        csl={**document.csl, **item, "custom": custom},
    )


def entry_of(document: Document) -> BibEntry | None:
    """The entry that was joined to this document before."""
    told = document.csl.get("custom", {}).get("bib")
    return BibEntry(key=told["key"], item=told["item"]) if told else None


def _names(item: Mapping[str, Any]) -> list[tuple[str, str]]:
    """What an entry is known by, surest first."""
    names = []
    if item.get("DOI"):
        names.append(("doi", str(item["DOI"]).lower()))
    if item.get("archive") == "arXiv" and item.get("archive_location"):
        names.append(("arxiv", str(item["archive_location"])))
    if len(title := _squeezed(str(item.get("title", "")))) >= SHORTEST_TITLE:
        names.append(("title", title))
    return names


def _names_of(document: Document) -> list[tuple[str, str]]:
    title = _squeezed(document.title or "")
    names = [("doi", (document.doi or "").lower()), ("arxiv", document.arxiv_id or "")]
    return [*(name for name in names if name[1]), *([("title", title)] if len(title) >= SHORTEST_TITLE else [])]


def _agrees(document: Document, entry: BibEntry) -> bool:
    """A shared identifier is enough; a title only where the years do not contradict it: a preprint may be a year older."""
    shared = set(_names_of(document)) & set(_names(entry.item))
    year = _year(entry.item)
    return any(kind != "title" for kind, _ in shared) or not (year and document.year) or abs(year - document.year) <= 1


def _year(item: Mapping[str, Any]) -> int | None:
    try:
        return int(item["issued"]["date-parts"][0][0])
    except (KeyError, IndexError, TypeError, ValueError):
        return None


def _written(name: Mapping[str, str]) -> str:
    """A CSL name in print order."""
    parts = (
        name.get("given"),
        name.get("non-dropping-particle"),
        name.get("family") or name.get("literal"),
        name.get("suffix"),
    )
    return " ".join(part for part in parts if part)


def _same(one: Any, other: Any) -> bool:
    return _squeezed(str(one)) == _squeezed(str(other))


def _squeezed(text: str) -> str:
    """Letters and digits without accents and mark-up: two files never agree on the rest."""
    plain = unicodedata.normalize("NFKD", re.sub(r"<[^<>]{1,20}>", "", text))
    return re.sub(r"[\W_]", "", "".join(sign for sign in plain if not unicodedata.combining(sign))).lower()
