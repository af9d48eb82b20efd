"""A bibliography that somebody keeps: BibTeX or CSL-JSON, as CSL-JSON items.

What a newcomer would get wrong: braces in BibTeX are not decoration. '{The ATLAS Collaboration}' is one name, so names are taken apart
before braces are removed. An entry that cannot be read costs itself only, and is named.
"""

from __future__ import annotations

import json
import logging
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from errors import Unreadable
from ingest.identifiers import arxiv_in, dois_in
from records import BibEntry

LARGEST = 64 << 20  #: bytes; a library of 100,000 entries has about 40 MB

#: BibTeX's types in CSL's words; what is not here is a document of its own kind.
TYPES = {
    "article": "article-journal",
    "inproceedings": "paper-conference",
    "conference": "paper-conference",
    "proceedings": "book",
    "book": "book",
    "inbook": "chapter",
    "incollection": "chapter",
    "phdthesis": "thesis",
    "mastersthesis": "thesis",
    "thesis": "thesis",
    "techreport": "report",
    "report": "report",
    "unpublished": "manuscript",
    "software": "software",
    "dataset": "dataset",
    "online": "webpage",
}
#: BibTeX's fields (BibLaTeX's too) in CSL's words, where the value is taken as it is.
FIELDS = {
    "title": "title",
    "journal": "container-title",
    "journaltitle": "container-title",
    "booktitle": "container-title",
    "volume": "volume",
    "number": "issue",
    "issue": "issue",
    "publisher": "publisher",
    "address": "publisher-place",
    "location": "publisher-place",
    "edition": "edition",
    "issn": "ISSN",
    "isbn": "ISBN",
    "url": "URL",
    "abstract": "abstract",
    "language": "language",
    "note": "note",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class BibFile:
    """What stands in a bibliography file."""

    entries: tuple[BibEntry, ...]
    unread: tuple[str, ...]  #: what could not be read, each in one line


def read_bib_file(path: Path) -> BibFile:
    """The entries of a BibTeX (.bib) or CSL-JSON (.json) file. Raises Unreadable where it is neither, or cannot be opened."""
    try:
        if path.stat().st_size > LARGEST:
            raise Unreadable(f"{path} has more than {LARGEST >> 20} MB. Nothing was joined. Split the file.")
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise Unreadable(
            f"{path} cannot be read: {error}. Nothing was joined. It should be BibTeX or CSL-JSON in UTF-8."
        ) from error
    return _read_csl(text, path) if text.lstrip()[:1] in ("[", "{") else _read_bibtex(text, path)


def _read_csl(text: str, path: Path) -> BibFile:
    try:
        told = json.loads(text)
    except ValueError as error:
        raise Unreadable(f"{path} is not JSON: {error}. Nothing was joined. Export it again as CSL-JSON.") from error
    items = told.get("items", [told]) if isinstance(told, dict) else told
    entries, unread = [], []
    for n, item in enumerate(items, start=1):
        if isinstance(item, dict) and (item.get("title") or item.get("DOI")):
            entries.append(BibEntry(key=str(item.get("id") or item.get("citation-key") or n), item=_sound(item)))
        else:
            unread.append(f"item {n} has neither title nor DOI")
    return BibFile(entries=tuple(entries), unread=tuple(unread))


def _sound(item: Mapping[str, Any]) -> dict[str, Any]:
    """A CSL item whose year is a number and whose DOI is bare, whoever wrote it."""
    sound = {name: value for name, value in item.items() if value not in (None, "", [])}
    try:
        sound["issued"] = {"date-parts": [[int(part) for part in sound["issued"]["date-parts"][0]]]}
    except (KeyError, IndexError, TypeError, ValueError):
        found = re.search(r"\b(?:1[5-9]|20)\d{2}\b", str(sound.pop("issued", "")))
        if found:
            sound["issued"] = {"date-parts": [[int(found.group())]]}
    if names := [
        name for name in sound.get("author", []) if isinstance(name, dict) and (name.get("family") or name.get("literal"))
    ]:
        sound["author"] = names
    else:
        sound.pop("author", None)
    return sound | _identifiers(sound)


def _identifiers(item: Mapping[str, Any]) -> dict[str, Any]:
    """DOI and arXiv id wherever an item has them: in a field of their own, in an address, in a note."""
    told = " ".join(str(item.get(name, "")) for name in ("DOI", "URL"))
    found: dict[str, Any] = {}
    if dois := dois_in(told):
        found["DOI"] = dois[0][0]
    places = " ".join(
        str(item.get(name, "")) for name in ("archive_location", "number", "URL", "DOI", "container-title", "note")
    )
    if arxiv_id := item.get("archive_location") or arxiv_in(places):
        found |= {"archive": "arXiv", "archive_location": str(arxiv_id)}
    return found


def _read_bibtex(text: str, path: Path) -> BibFile:
    import bibtexparser
    from bibtexparser.middlewares import SeparateCoAuthors

    logging.getLogger("bibtexparser").setLevel(logging.CRITICAL)  # it says on stderr what we say in our own words
    logging.getLogger("pylatexenc").setLevel(logging.CRITICAL)
    library = bibtexparser.parse_string(text, append_middleware=[SeparateCoAuthors()])
    unread = [f"line {(block.start_line or 0) + 1}: {type(block).__name__}" for block in library.failed_blocks]
    if not library.entries:
        raise Unreadable(f"{path} has no entry that can be read. Nothing was joined. It should be BibTeX or CSL-JSON.")
    entries = [BibEntry(key=entry.key, item=_item(entry)) for entry in library.entries]
    return BibFile(entries=tuple(entries), unread=tuple(unread))


def _item(entry: Any) -> dict[str, Any]:
    """A BibTeX entry as a CSL item."""
    told = {name.lower(): field.value for name, field in entry.fields_dict.items()}
    item: dict[str, Any] = {"id": entry.key, "type": TYPES.get(entry.entry_type.lower(), "document")}
    for name, wanted in FIELDS.items():
        if told.get(name) and wanted not in item:
            item[wanted] = told[name] if name == "url" else _plain(str(told[name]))
    if authors := [_name(name) for name in told.get("author", []) if name.strip() and name.strip().lower() != "others"]:
        item["author"] = authors
    if year := re.search(r"\b(?:1[5-9]|20)\d{2}\b", str(told.get("year") or told.get("date") or "")):
        item["issued"] = {"date-parts": [[int(year.group())]]}
    if told.get("pages"):
        item["page"] = re.sub(r"\s*[-–—]+\s*", "-", _plain(str(told["pages"])))
    if told.get("doi"):
        item["DOI"] = str(told["doi"]).replace("\\_", "_")
    is_arxiv = "arxiv" in f"{told.get('archiveprefix', '')}{told.get('eprinttype', '')}".lower()
    if eprint := told.get("eprint"):
        found = arxiv_in(str(eprint)) or (
            re.sub(r"v\d+$", "", str(eprint)) if is_arxiv or re.fullmatch(r"\d{4}\.\d{4,5}(v\d+)?", str(eprint)) else None
        )
        if found:
            item["archive_location"] = found
    return item | _identifiers(item)


def _name(written: str) -> dict[str, str]:
    """A CSL name. What stands in braces as a whole is nobody's family name."""
    from bibtexparser.middlewares.names import parse_single_name_into_parts

    written = " ".join(written.split())
    if re.fullmatch(r"\{[^{}]*\}", written):
        return {"literal": _plain(written)}
    parts = parse_single_name_into_parts(_plain(written), strict=False)
    family = " ".join([*parts.von, *parts.last])
    name = {"family": family, "given": " ".join(parts.first), "suffix": " ".join(parts.jr)}
    return {part: value for part, value in name.items() if value} if parts.first else {"literal": family}


def _plain(latex: str) -> str:
    """Text without LaTeX: accents as letters, braces gone; mathematics stays as it is written."""
    from pylatexenc.latex2text import LatexNodes2Text

    try:
        text: str = LatexNodes2Text(math_mode="verbatim", strict_latex_spaces=False).latex_to_text(latex)
    except (ValueError, IndexError, RecursionError):  # LaTeX that it cannot read
        text = latex.replace("{", "").replace("}", "")
    return " ".join(text.split())
