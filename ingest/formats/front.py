"""What a file says of itself in fields of its own: title, authors, DOI, where and when it was published.

The pages of a PDF are witnesses that may be mistaken. JATS, an EPUB's package or a page's citation tags are written by who
published the paper, so where they speak they are believed before any guess from the text.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from records import Document

_DOI = re.compile(r"10\.\d{4,9}/\S+")
_ARXIV = re.compile(r"(?:arxiv[:/. ]*(?:abs/|pdf/)?)?(\d{4}\.\d{4,5})(?:v\d+)?", re.IGNORECASE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Author:
    """One author. `given` is empty for a group, whose whole name is `family`."""

    family: str
    given: str = ""

    @property
    def name(self) -> str:
        return f"{self.given} {self.family}".strip()


@dataclass(frozen=True, slots=True, kw_only=True)
class Front:
    """What a file says of itself; empty where it is silent. `more` holds CSL variables such as 'container-title'."""

    title: str = ""
    authors: tuple[Author, ...] = ()
    year: int | None = None
    date: tuple[int, ...] = ()  #: year, month, day, as far as they are told
    doi: str = ""
    arxiv_id: str = ""
    kind: str = "article-journal"  #: CSL type
    more: Mapping[str, str] = field(default_factory=dict)


def with_front(document: Document, front: Front) -> Document:
    """The document with what its file says of itself put before what was found in the text."""
    title = front.title or document.title
    authors = tuple(author.name for author in front.authors) or document.authors
    doi, arxiv_id = front.doi or document.doi, front.arxiv_id or document.arxiv_id
    year = front.year or document.year
    csl = {**document.csl, "type": front.kind, **{key: value for key, value in front.more.items() if value}}
    csl |= {"id": doi or arxiv_id or document.id[:12]}
    if title:
        csl["title"] = title
    if front.authors:
        csl["author"] = _csl_authors(front.authors)
    if year:
        csl["issued"] = {"date-parts": [list(front.date) or [year]]}
    if doi:
        csl["DOI"] = doi
    return replace(document, title=title, authors=authors, year=year, doi=doi, arxiv_id=arxiv_id, csl=csl)


def _csl_authors(authors: Sequence[Author]) -> list[dict[str, Any]]:
    return [
        {"family": author.family, "given": author.given} if author.given else {"literal": author.family} for author in authors
    ]


def author_of(name: str) -> Author:
    """'Ada Lovelace' or 'Lovelace, Ada' as an author; 'van den Berg' is a family name from its first small letter on."""
    name = " ".join(name.split())
    if name.count(",") == 1:
        family, given = (part.strip() for part in name.split(","))
        return Author(family=family, given=given)
    words = name.split()
    start = next((n for n, word in enumerate(words) if n and word[0].islower()), len(words) - 1)
    return Author(family=" ".join(words[max(start, 0) :]), given=" ".join(words[: max(start, 0)]))


def doi_in(text: str) -> str:
    """The DOI in a field that may hold it as an address; empty where there is none."""
    found = _DOI.search(text)
    return found.group().rstrip(".,;)").lower() if found else ""


def arxiv_in(text: str) -> str:
    found = _ARXIV.fullmatch(text.strip())
    return found.group(1) if found else ""


def year_in(text: str) -> int | None:
    """The year in a date as 2021-05-09, 9 May 2021 or 2021."""
    found = re.search(r"(?<!\d)(1[6-9]\d\d|20\d\d)(?!\d)", text)
    return int(found.group()) if found else None
