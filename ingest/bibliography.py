"""Who wrote what, when, where: title, authors, year, DOI, arXiv id and journal of a converted paper.

The witnesses: the first page, the edges of the pages, the PDF's information dictionary, its XMP packet, the file's name. None is believed
blindly, because a wrong title is worse than none: metadata says 'Microsoft Word - final2.docx', a first page prints the DOI of the
paper it corrects, a file name may be anything. Where they leave a doubt, the field is None. How sure a field is, is said by those who
agree on it (`csl["custom"]["witnesses"]`), and by no number of ours.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ingest.authors import read_authors
from ingest.identifiers import arxiv_of, doi_of
from ingest.journals import Imprint, imprint_of
from ingest.provenance import clean
from ingest.witnesses import Claims, witnesses_of
from ingest.xmp import NO_XMP, Xmp, read_xmp
from ingest.years import year_of
from records import Document, Source

if TYPE_CHECKING:
    from docling_core.types.doc.document import DoclingDocument

LONGEST_TITLE = 400  #: signs; the longest in the shared corpus has 298
INFO_KEYS = ("Title", "Author", "Subject", "Keywords", "CreationDate", "doi", "DOI", "WPS-ARTICLEDOI")

#: What stands in a title field or in large type on a first page without being a title.
NOT_A_TITLE = re.compile(
    r"(?:microsoft (?:word|powerpoint)\b.*|untitled.*|document\d*|title|paper|main|manuscript|article|full paper|"
    r"(?:original )?research(?: article| paper)?|(?:mini[- ]?)?review(?: article)?|letters?|editorial|case report|preprint|"
    r"(?:brief |short )?(?:communication|report)s?|open access|abstract|introduction|contents|"
    r"supplementary (?:information|materials?)|.*\.(?:docx?|tex|dvi|pdf|indd|qxd|ps|odt|rtf|pmd|fm)|[\d\W]*|"
    r"[a-z0-9_.:/-]*\d[a-z0-9_.:/-]*|journal of [\w ]*|.*\bconference series\b.*|.*previously published works?|\d[A-Z].*|.*:)",
    re.IGNORECASE,
)

#: What publishers print in front of a title, on its line.
BANNER = re.compile(r"^(?:OPEN(?: ACCESS)?|RESEARCH(?: ARTICLE)?|REVIEW(?: ARTICLE)?|ARTICLE)\s+(?=[A-Z])")


@dataclass(frozen=True, slots=True, kw_only=True)
class PdfInfo:
    """The PDF's own metadata, as it says it: nothing here is checked."""

    title: str = ""
    author: str = ""
    subject: str = ""
    doi: str = ""
    xmp: Xmp = NO_XMP


@dataclass(frozen=True, slots=True, kw_only=True)
class FirstPage:
    """The texts of page 1 in reading order, and what is printed at the edge of every page."""

    title: str  #: what the converter took for the title; empty where it found none
    after_title: tuple[str, ...]  #: paragraphs between the title and the first heading
    texts: tuple[str, ...]  #: all of page 1, its header and footer included
    furniture: tuple[str, ...]  #: running heads and feet of the first pages


def read_pdf_info(path: Path) -> PdfInfo:
    """The metadata of a file that PDFium can open; nothing where it cannot."""
    import pypdfium2

    try:
        with pypdfium2.PdfDocument(path) as pdf:
            told = {key: pdf.get_metadata_value(key) for key in INFO_KEYS}
    except pypdfium2.PdfiumError:
        return PdfInfo()
    plain = {key: " ".join(clean(value).replace("\0", "").split()) for key, value in told.items()}
    doi = next((plain[key] for key in ("doi", "DOI", "WPS-ARTICLEDOI") if plain[key]), "")
    return PdfInfo(title=plain["Title"], author=plain["Author"], subject=plain["Subject"], doi=doi, xmp=read_xmp(path))


def read_bibliography(document: DoclingDocument, source: Source, info: PdfInfo) -> Document:
    """The Document of this source, with None or nothing for what the paper does not say clearly."""
    page, xmp = _first_page(document), info.xmp
    title = _title(page, info)
    authors = read_authors(page.after_title, info.author, page.texts, xmp.creators)
    arxiv_id = arxiv_of(page.texts, source.name)
    year = year_of(page.texts, page.furniture, arxiv_id)
    doi = doi_of(page.texts, page.furniture, (info.doi, xmp.doi, info.subject), source.name, year or xmp.year)
    printed = imprint_of(page.texts, page.furniture, title, doi)
    year = (printed.year if printed else None) or year or xmp.year  # a journal's own line names the year of its volume
    imprint = _imprint(printed, xmp)
    claims = Claims(
        page_title=page.title,
        page_texts=page.texts,
        furniture=page.furniture,
        info_title=info.title,
        info_authors=info.author,
        info_subject=f"{info.subject} {info.doi}",
        xmp=xmp,
        printed=printed,
        file_name=source.name,
    )
    item = _csl(source.sha256, title, authors, year, doi, arxiv_id) | _csl_imprint(imprint, xmp)
    if found := witnesses_of(item, claims):
        item["custom"] = {"witnesses": found}
    return Document(
        id=source.sha256,
        name=source.name,
        size=source.size,
        title=title,
        authors=authors,
        year=year,
        doi=doi,
        arxiv_id=arxiv_id,
        csl=item,
    )


def _imprint(printed: Imprint | None, xmp: Xmp) -> Imprint:
    """What the pages print and, where the packet names the same journal or the pages none, what the packet adds."""
    if printed is None:
        return Imprint(journal=xmp.journal, volume=xmp.volume, issue=xmp.issue, pages=xmp.pages)
    if not xmp.journal:
        return printed
    is_same = printed.volume in ("", xmp.volume) or not xmp.volume
    # The packet writes the journal's name in full, the head of a page in capitals or cut short.
    return Imprint(
        journal=xmp.journal,
        volume=printed.volume or xmp.volume,
        issue=printed.issue or (xmp.issue if is_same else ""),
        pages=_longer(printed.pages, xmp.pages) if is_same else printed.pages,
    )


def _longer(printed: str, told: str) -> str:
    """'159-167' where one says only '159'."""
    return told if not printed or told.startswith(f"{printed}-") else printed


def _first_page(document: DoclingDocument) -> FirstPage:
    from docling_core.types.doc.document import ContentLayer, DocItemLabel, SectionHeaderItem, TextItem, TitleItem

    title, after, texts, furniture = "", [], [], []
    is_front = False
    for item, _ in document.iterate_items(
        traverse_pictures=True, included_content_layers={ContentLayer.BODY, ContentLayer.FURNITURE}
    ):
        page = item.prov[0].page_no if isinstance(item, TextItem) and item.prov else 0
        if not isinstance(item, TextItem) or page not in (1, 2, 3):
            continue
        text = " ".join(clean(item.text or item.orig).split())
        if item.label in (DocItemLabel.PAGE_HEADER, DocItemLabel.PAGE_FOOTER):
            furniture.append(text)
        if page != 1:
            continue
        texts.append(text)
        if isinstance(item, TitleItem) and not title:
            title, is_front = text, True
        elif isinstance(item, SectionHeaderItem):
            is_front = False
        elif is_front and item.content_layer is ContentLayer.BODY:
            after.append(text)
    return FirstPage(title=title, after_title=tuple(after), texts=tuple(texts), furniture=tuple(furniture))


def _title(page: FirstPage, info: PdfInfo) -> str | None:
    """The title on the page, or the metadata's where the page prints that too and it says more; else None."""
    printed = BANNER.sub("", page.title)
    shown, all_shown = _squeezed(printed), _squeezed(" ".join(page.texts))
    for metadata in (info.title, info.xmp.title):
        told = _squeezed(metadata)
        is_confirmed = _is_title(metadata) and (told in all_shown or (len(shown) > 20 and shown in told))
        if is_confirmed and told not in shown:
            return metadata
    return printed if _is_title(printed) else None


def _is_title(text: str) -> bool:
    return (
        4 <= len(text) <= LONGEST_TITLE and not NOT_A_TITLE.fullmatch(text.strip()) and len(re.findall(r"[^\W\d_]", text)) >= 4
    )


def _squeezed(text: str) -> str:
    return re.sub(r"[\W_]", "", text).lower()


def _csl(
    doc_id: str, title: str | None, authors: Sequence[str], year: int | None, doi: str | None, arxiv_id: str | None
) -> dict[str, Any]:
    """The CSL-JSON item of what is known."""
    item: dict[str, Any] = {
        "id": doi or arxiv_id or doc_id[:12],
        "type": "article" if arxiv_id and not doi else "article-journal",
    }
    if title:
        item["title"] = title
    if authors:
        item["author"] = [_csl_name(name) for name in authors]
    if year:
        item["issued"] = {"date-parts": [[year]]}
    if doi:
        item["DOI"] = doi
    if arxiv_id:
        item |= {"archive": "arXiv", "archive_location": arxiv_id, "URL": f"https://arxiv.org/abs/{arxiv_id}"}
    return item


def _csl_imprint(imprint: Imprint, xmp: Xmp) -> dict[str, Any]:
    told = {
        "container-title": imprint.journal,
        "volume": imprint.volume,
        "issue": imprint.issue,
        "page": imprint.pages,
        "ISSN": xmp.issn if imprint.journal else "",
    }
    return {name: value for name, value in told.items() if value}


#: Words before a family name that belong to it, written large.
_LARGE_PARTICLES = frozenset(
    {"Van", "Von", "De", "Den", "Der", "Del", "Della", "Di", "Da", "Dos", "Du", "La", "Le", "El", "Al"}
)


def _csl_name(name: str) -> dict[str, str]:
    """Given name and family name; 'van den Berg' is a family name from its first small letter on, 'Le Masson' from its article."""
    words = name.split()
    if len(words) == 1:
        return {"literal": name}
    small = next((n for n, word in enumerate(words) if n and word[0].islower()), len(words) - 1)
    family = small - 1 if small > 1 and words[small - 1] in _LARGE_PARTICLES else small
    return {"family": " ".join(words[family:]), "given": " ".join(words[:family])}
