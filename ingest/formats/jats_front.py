"""The front matter of JATS: title, authors, DOI, journal, dates, pages, exactly as the publisher tagged them."""

from __future__ import annotations

import re
from typing import Any

from ingest.formats.front import Author, Front, doi_in

#: When a paper was published, by what publishers put first: its day on the web, then in print, then its volume's year.
_DATES = ("epub", "pub", "epub-ppub", "ppub", "collection", "")
_KINDS = {"book-part": "chapter", "dissertation": "thesis", "preprint": "article"}


def read_jats_front(tree: Any) -> Front:
    """What this article says of itself. The tree is as the file has it, marks and all."""
    meta = tree.find(".//front/article-meta")
    if meta is None:
        return Front()
    date = _date(meta)
    ids = {node.get("pub-id-type", ""): _text(node) for node in meta.findall("article-id")}
    journal = tree.find(".//front/journal-meta")
    return Front(
        title=_title(meta),
        authors=tuple(_authors(meta)),
        year=date[0] if date else None,
        date=date,
        doi=doi_in(ids.get("doi", "")),
        arxiv_id=ids.get("arxiv", ""),
        kind=_KINDS.get(tree.getroot().get("article-type", ""), "article-journal"),
        more=_journal(journal, meta, ids),
    )


def _title(meta: Any) -> str:
    """The title with its subtitle; notes that hang on it are not of it."""
    title = _text(meta.find("title-group/article-title"), without=("xref", "fn"))
    subtitle = _text(meta.find("title-group/subtitle"), without=("xref", "fn"))
    if not subtitle:
        return title
    return f"{title}{'' if title.endswith((':', '?', '!')) else ':'} {subtitle}"


def _authors(meta: Any) -> list[Author]:
    authors = []
    for contrib in meta.findall("contrib-group/contrib"):
        if contrib.get("contrib-type", "author") != "author":
            continue
        name = contrib.find("name")
        if name is None:
            name = contrib.find("name-alternatives/name")
        if name is None:
            name = contrib.find("string-name")
        group = contrib.find("collab")
        if name is not None:
            given = " ".join(filter(None, [_text(name.find("given-names")), _text(name.find("suffix"))]))
            family = " ".join(filter(None, [_text(name.find("prefix")), _text(name.find("surname"))])) or _text(name)
            authors.append(Author(family=family, given=given if family != _text(name) else ""))
        elif group is not None:
            authors.append(Author(family=_text(group, without=("contrib-group", "xref"))))
    return [author for author in authors if author.family]


def _date(meta: Any) -> tuple[int, ...]:
    """Year, month and day of the first date of the best kind. What lies in an archive later was not published then."""
    dates = {node.get("pub-type") or node.get("date-type") or "": node for node in reversed(meta.findall("pub-date"))}
    node = next((dates[kind] for kind in _DATES if kind in dates), None)
    found: list[int] = []
    for part in ("year", "month", "day"):
        number = re.search(r"\d+", _text(node.find(part)) if node is not None else "")
        if not number:
            break
        found.append(int(number.group()))
    return tuple(found)


def _journal(journal: Any, meta: Any, ids: dict[str, str]) -> dict[str, str]:
    first, last = _text(meta.find("fpage")), _text(meta.find("lpage"))
    told = {
        "volume": _text(meta.find("volume")),
        "issue": _text(meta.find("issue")),
        "page": f"{first}-{last}" if first and last and first != last else first or _text(meta.find("elocation-id")),
        "PMID": ids.get("pmid", ""),
        "PMCID": _pmcid(ids.get("pmcid") or ids.get("pmc", "")),
    }
    if journal is not None:
        told |= {
            "container-title": _text(journal.find(".//journal-title")),
            "publisher": _text(journal.find("publisher/publisher-name")),
            "ISSN": _text(journal.find("issn")),
        }
    return {key: value for key, value in told.items() if value}


def _pmcid(text: str) -> str:
    return f"PMC{text}" if text.isdigit() else text


def _text(node: Any, without: tuple[str, ...] = ()) -> str:
    if node is None:
        return ""
    parts = [node.text or ""]
    for child in node:
        if isinstance(child.tag, str) and child.tag not in without:
            parts.append(_text_raw(child, without))
        parts.append(child.tail or "")
    return " ".join("".join(parts).split())


def _text_raw(node: Any, without: tuple[str, ...]) -> str:
    parts = [node.text or ""]
    for child in node:
        if isinstance(child.tag, str) and child.tag not in without:
            parts.append(_text_raw(child, without))
        parts.append(child.tail or "")
    return "".join(parts)
