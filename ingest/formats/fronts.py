"""What Office files, OpenDocument, EPUB, web pages, Markdown and LaTeX say of themselves in fields of their own.

Office programs fill in the name of whoever installed them and the date of the last save, so of Office only a title is believed,
and that only where the text has none. Publishers' tags are believed whole.
"""

from __future__ import annotations

import re
import zipfile
from collections import defaultdict
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path
from typing import TYPE_CHECKING, Any

from errors import RereadError
from ingest.formats.front import Author, Front, arxiv_in, author_of, doi_in, year_in
from ingest.formats.jats import parse_safely

if TYPE_CHECKING:
    from docling_core.types.doc.document import DoclingDocument

_MAX_BYTES = 1 << 20  #: of a member or a page's head that is looked at for metadata
_DUBLIN = "{http://purl.org/dc/elements/1.1/}"
_NOT_A_TITLE = re.compile(
    r"(?:microsoft (?:word|powerpoint|excel).*|power ?point.*|untitled.*|document\d*|presentation\d*|.*\.(?:docx?|pptx?|tex|rtf)|[\d\W]*)",
    re.IGNORECASE,
)
_NOT_A_NAME = re.compile(r"\d|@|universit|institut|department|laborator|school|college|cent(?:er|re)\b|hospital|https?:", re.I)
_FRONT_MATTER = re.compile(rb"\A(?:\xef\xbb\xbf)?---[ \t]*\r?\n(.*?)\r?\n(?:---|\.\.\.)[ \t]*(?:\r?\n|\Z)", re.DOTALL)


def office_front(path: Path) -> Front:
    return Front(title=_believed(_fields(path, "docProps/core.xml").get("title", [""])[0]))


def opendocument_front(path: Path) -> Front:
    return Front(title=_believed(_fields(path, "meta.xml").get("title", [""])[0]))


def epub_front(path: Path) -> Front:
    """Title, creators, date and identifiers of the package."""
    with zipfile.ZipFile(path) as archive:
        package = next((name for name in archive.namelist() if name.lower().endswith(".opf")), "")
    told = _fields(path, package)
    return Front(
        title=told["title"][0] if told.get("title") else "",
        authors=tuple(author_of(name) for name in told.get("creator", ())),
        year=year_in(told["date"][0]) if told.get("date") else None,
        doi=next(filter(None, map(doi_in, told.get("identifier", ()))), ""),
        kind="book",
        more={"publisher": told["publisher"][0]} if told.get("publisher") else {},
    )


def _fields(path: Path, member: str) -> dict[str, list[str]]:
    """The Dublin Core fields of an XML member by their names; none where it is missing or no XML."""
    told: dict[str, list[str]] = defaultdict(list)
    try:
        with zipfile.ZipFile(path) as archive, archive.open(member) as file:
            root = parse_safely(file.read(_MAX_BYTES), member).getroot()
    except (KeyError, ValueError, zipfile.BadZipFile, RereadError):
        return told
    for node in root.iter():
        text = " ".join((node.text or "").split())
        if isinstance(node.tag, str) and node.tag.startswith(_DUBLIN) and text:
            told[node.tag.removeprefix(_DUBLIN)].append(text)
    return told


def html_front(data: bytes) -> Front:
    """The tags that publishers write for Google Scholar, then Dublin Core."""
    reader = _Meta()
    reader.feed(data[:_MAX_BYTES].decode("utf-8", "replace"))
    told = reader.told

    def first(*names: str) -> str:
        return next((told[name][0] for name in names if told.get(name)), "")

    pages = "-".join(filter(None, [first("citation_firstpage"), first("citation_lastpage")]))
    date = first("citation_publication_date", "citation_date", "citation_online_date", "dc.date", "dc.date.issued")
    more = {
        "container-title": first("citation_journal_title"),
        "volume": first("citation_volume"),
        "issue": first("citation_issue"),
        "page": pages,
        "publisher": first("citation_publisher", "dc.publisher"),
    }
    return Front(
        title=first("citation_title", "dc.title"),
        authors=tuple(author_of(name) for name in told.get("citation_author") or told.get("dc.creator") or ()),
        year=year_in(date),
        doi=next(filter(None, (doi_in(first(name)) for name in ("citation_doi", "dc.identifier", "prism.doi"))), ""),
        arxiv_id=arxiv_in(first("citation_arxiv_id")),
        kind="article-journal" if first("citation_journal_title", "citation_doi") else "webpage",
        more={key: value for key, value in more.items() if value},
    )


class _Meta(HTMLParser):
    """The meta tags of a page."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.told: dict[str, list[str]] = defaultdict(list)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        fields = dict(attrs)
        name, content = fields.get("name") or fields.get("property") or "", " ".join((fields.get("content") or "").split())
        if tag == "meta" and name and content and len(self.told[name.lower()]) < 500:
            self.told[name.lower()].append(content)


def markdown_front(data: bytes) -> tuple[Front, bytes]:
    """The YAML before the text, as papers in Markdown have it (JOSS, Quarto, Pandoc), and the text without it."""
    import yaml

    found = _FRONT_MATTER.match(data[:_MAX_BYTES])
    if not found:
        return Front(), data
    try:
        told = yaml.safe_load(found.group(1))
    except (yaml.YAMLError, ValueError, RecursionError):
        return Front(), data
    if not isinstance(told, dict):
        return Front(), data
    named = told.get("authors") or told.get("author") or []
    names = [_name_of(one) for one in (named if isinstance(named, list) else [named])[:1000]]
    front = Front(
        title=_plain(told.get("title")),
        authors=tuple(author_of(name) for name in names if name),
        year=year_in(_plain(told.get("date"))),
        doi=doi_in(_plain(told.get("doi"))),
    )
    return front, data[found.end() :]


def _name_of(one: Any) -> str:
    if not isinstance(one, dict):
        return _plain(one)
    name = one.get("name")
    if isinstance(name, dict):
        one, name = name, None
    given, family = (_plain(one.get(key)) for key in ("given-names", "surname"))
    return _plain(name) or f"{given or _plain(one.get('given'))} {family or _plain(one.get('family'))}".strip()


def _plain(value: Any) -> str:
    """A scalar as one line; nothing for lists and mappings, which aliases can make endless."""
    return " ".join(str(value).split()) if value is not None and not isinstance(value, list | dict | set | tuple) else ""


def text_front(document: DoclingDocument, front: Front) -> Front:
    """The front with the title that the text has, and the authors that LaTeX names as such, where the file told none."""
    from docling_core.types.doc.document import ContentLayer, GroupItem, TitleItem

    titles = [item for item in document.texts if isinstance(item, TitleItem) and item.text.strip()]
    titles.sort(key=lambda item: item.content_layer is not ContentLayer.BODY)  # the window's title of a web page comes last
    printed = " ".join(titles[0].text.split()) if titles else ""
    groups = [group for group in document.groups if isinstance(group, GroupItem) and group.name == "authors"]
    texts = [ref.resolve(document) for group in groups for ref in group.children]
    parts = [part.strip(" .*†‡") for item in texts for part in re.split(r",|;|\n|\band\b", getattr(item, "text", ""))]
    names = [part for part in parts if 2 <= len(part.split()) <= 5 and not _NOT_A_NAME.search(part)]
    authors: tuple[Author, ...] = front.authors or tuple(dict.fromkeys(author_of(name) for name in names))
    is_told = bool(front.authors or front.doi)  # then the title beside them is a publisher's or the author's
    return replace(front, title=(front.title if is_told else "") or printed or front.title, authors=authors)


def _believed(title: str) -> str:
    return "" if _NOT_A_TITLE.fullmatch(title) or len(title) < 4 else title
