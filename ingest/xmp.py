"""What a PDF's XMP packet says of the paper: Dublin Core and PRISM, as publishers fill them in.

docling-parse hands out the packet; here it is only read. It is XML from outside: a document type or an entity in it is refused, and a
packet that is not well formed says nothing. Nothing here is checked against the page.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

LARGEST_PACKET = 4 << 20  #: characters; the packets of the shared corpus have at most 60,000
_RDF = "{http://www.w3.org/1999/02/22-rdf-syntax-ns#}"
_DC = "{http://purl.org/dc/elements/1.1/}"
_DOI = re.compile(r"10\.\d{4,9}/\S+")


@dataclass(frozen=True, slots=True, kw_only=True)
class Xmp:
    """The packet's words, each as it stands; empty where it says nothing."""

    title: str = ""
    creators: tuple[str, ...] = ()
    doi: str = ""
    journal: str = ""
    volume: str = ""
    issue: str = ""
    pages: str = ""
    issn: str = ""
    publisher: str = ""
    year: int | None = None  #: of publication, as PRISM has it; Dublin Core's date may be that of the file


NO_XMP = Xmp()


def read_xmp(path: Path) -> Xmp:
    """The packet of this PDF; all empty where there is none or it cannot be read."""
    from docling_parse.pdf_parser import DoclingPdfParser

    try:
        document = DoclingPdfParser(loglevel="fatal").load(str(path))
        try:
            meta = document.get_meta()
        finally:
            document.unload()
    except (RuntimeError, ValueError, OSError):  # the parser's own words for a file that it cannot open
        return NO_XMP
    return parse_xmp(getattr(meta, "xml", "") or "")


def parse_xmp(packet: str) -> Xmp:
    """The fields of a packet."""
    from defusedxml import DefusedXmlException
    from defusedxml.ElementTree import ParseError, fromstring

    if not packet or len(packet) > LARGEST_PACKET:
        return NO_XMP
    try:
        root = fromstring(packet.encode("utf-8", "replace"), forbid_dtd=True)
    except (ParseError, DefusedXmlException, ValueError):
        return NO_XMP
    told: dict[str, list[str]] = {}
    for name, value in _properties(root):
        told.setdefault(name, []).append(value)

    def first(*names: str) -> str:
        return next((told[name][0] for name in names if told.get(name)), "")

    identifiers = [
        value for name in ("prism:doi", "crossmark:doi", "pdfx:doi", "dc:identifier") for value in told.get(name, [])
    ]
    doi = next((found.group() for value in identifiers if (found := _DOI.search(value))), "")
    pages = first("prism:pagerange") or "-".join(
        dict.fromkeys(page for page in (first("prism:startingpage"), first("prism:endingpage")) if page)
    )
    date = first("prism:publicationdate", "prism:coverdate", "prism:coverdisplaydate")
    year = re.search(r"\b(?:19|20)\d{2}\b", date)
    return Xmp(
        title=first("dc:title"),
        creators=tuple(told.get("dc:creator", ())),
        doi=doi,
        journal=first("prism:publicationname"),
        volume=first("prism:volume"),
        issue=first("prism:number"),
        pages=pages,
        issn=first("prism:issn", "prism:eissn"),
        publisher=first("dc:publisher"),
        year=int(year.group()) if year else None,
    )


def _properties(root: Any) -> Iterator[tuple[str, str]]:
    """Each property as ('prism:doi', value), whichever version of a namespace it is in; a list gives one for each of its items."""
    for description in root.iter(f"{_RDF}Description"):
        for name, value in description.attrib.items():
            yield _short(name), _plain(value)
        for child in description:
            items = [item.text or "" for item in child.iter(f"{_RDF}li")] or [child.text or ""]
            yield from ((_short(child.tag), _plain(item)) for item in items if item.strip())


def _short(tag: str) -> str:
    namespace, _, name = tag.rpartition("}")
    for part, prefix in (("prism", "prism"), ("crossmark", "crossmark"), ("pdfx", "pdfx")):
        if part in namespace.lower():
            return f"{prefix}:{name.lower()}"
    return f"dc:{name.lower()}" if f"{namespace}}}" == _DC else name.lower()


def _plain(value: str) -> str:
    return " ".join(re.sub(r"<[^<>]{1,40}>", "", value).split())
