"""Documents as a bibliography that other tools read: BibTeX or CSL-JSON.

A key is made of the document alone ('smith2019growth'), never of a counter, so the same paper has the same key in every export; where two
papers of a library would share one, both have the beginning of their ids after it. A key from a joined bibliography is kept.
"""

from __future__ import annotations

import json
import re
import unicodedata
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, TextIO

from records import Document
from store.joining import entry_of

FORMATS = ("bibtex", "csl-json")

#: CSL's types in BibTeX's words.
TYPES = {
    "article-journal": "article",
    "paper-conference": "inproceedings",
    "book": "book",
    "chapter": "incollection",
    "thesis": "phdthesis",
    "report": "techreport",
    "manuscript": "unpublished",
}
#: CSL's fields in BibTeX's words, in the order in which they are written.
FIELDS = {"volume": "volume", "issue": "number", "page": "pages", "publisher": "publisher", "ISSN": "issn", "ISBN": "isbn"}
#: Words that say nothing of a title.
_SMALL = frozenset(
    (
        "a",
        "an",
        "the",
        "on",
        "of",
        "in",
        "for",
        "to",
        "and",
        "or",
        "from",
        "with",
        "by",
        "at",
        "is",
        "are",
        "do",
        "does",
        "how",
        "what",
    )
)
_SPECIAL = {
    "\\": r"\textbackslash{}", "&": r"\&", "%": r"\%", "$": r"\$", "#": r"\#", "_": r"\_", "{": r"\{", "}": r"\}",
    "~": r"\textasciitilde{}", "^": r"\textasciicircum{}",
}  # fmt: skip
_SPECIALS = str.maketrans(_SPECIAL)


def citation_keys(documents: Iterable[Document]) -> dict[str, str]:
    """The BibTeX key of each document of a library, by its id."""
    wanted = {document.id: _key(document) for document in documents}
    times = Counter(wanted.values())
    return {doc_id: key if times[key] == 1 else f"{key}-{doc_id[:6]}" for doc_id, key in wanted.items()}


def write_bibtex(documents: Iterable[Document], keys: Mapping[str, str], out: TextIO) -> int:
    """One entry a document; returns how many. Text is UTF-8, signs that LaTeX would obey are escaped."""
    n = 0
    for document in documents:
        out.write(_entry(document, keys[document.id]) + "\n\n")
        n += 1
    return n


def write_csl(documents: Iterable[Document], keys: Mapping[str, str], out: TextIO) -> int:
    """A list of CSL-JSON items; returns how many. What is our own (`custom`) is left out."""
    items = [{**_public(document.csl), "id": keys[document.id]} for document in documents]
    out.write(json.dumps(items, ensure_ascii=False, indent=2) + "\n")
    return len(items)


def _public(csl: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in csl.items() if name != "custom"}


def _entry(document: Document, key: str) -> str:
    csl = document.csl
    kind = TYPES.get(csl.get("type", ""), "misc")
    container = "booktitle" if kind in ("inproceedings", "incollection") else "journal"
    fields: dict[str, str] = {}
    if document.title:
        fields["title"] = "{" + escaped(document.title) + "}"  # or a style would write Escherichia small
    if names := csl.get("author") or [{"literal": name} for name in document.authors]:
        fields["author"] = " and ".join(map(_name, names))
    if document.year:
        fields["year"] = str(document.year)
    if csl.get("container-title"):
        fields[container] = escaped(str(csl["container-title"]))
    fields |= {name: escaped(str(csl[told])) for told, name in FIELDS.items() if csl.get(told)}
    if "pages" in fields:
        fields["pages"] = re.sub(r"(?<=\w)[-–](?=\w)", "--", fields["pages"])
    if document.doi:
        fields["doi"] = _unbroken(document.doi)
    if document.arxiv_id:
        fields |= {"eprint": document.arxiv_id, "archiveprefix": "arXiv"}
    if csl.get("URL"):
        fields["url"] = _unbroken(str(csl["URL"]))
    body = "".join(f"  {name} = {{{value}}},\n" for name, value in fields.items())
    return f"@{kind}{{{key},\n{body}}}"


def escaped(text: str) -> str:
    """Text whose signs mean themselves in LaTeX; what breaks a line or is no sign at all becomes a space."""
    return re.sub(r"[\s\x00-\x1f\x7f]+", " ", text).translate(_SPECIALS).strip()


def _unbroken(address: str) -> str:
    """A DOI or an address as BibTeX styles take it: as it is, but for signs that would end the field."""
    return re.sub(r"[\s{}\\]", lambda sign: f"%{ord(sign.group()):02X}", address)


def _name(name: Mapping[str, str]) -> str:
    """'Family, Given'; a group, and a name that 'and' or a comma would split, in braces."""
    family, given = name.get("family"), name.get("given")
    if not family:
        return "{" + escaped(name.get("literal", "")) + "}"
    whole = f"{name['non-dropping-particle']} {family}" if name.get("non-dropping-particle") else family
    whole = "{" + escaped(whole) + "}" if re.search(r",|\band\b", whole) else escaped(whole)
    parts = [whole, *([escaped(name["suffix"])] if name.get("suffix") else []), *([escaped(given)] if given else [])]
    return ", ".join(parts)


def _key(document: Document) -> str:
    if entry := entry_of(document):
        return re.sub(r"[^\w:.+/-]", "", entry.key) or document.id[:12]
    names = document.csl.get("author") or []
    first = names[0].get("family") or names[0].get("literal", "") if names else ""
    title = [word for word in re.findall(r"[^\W\d_]{2,}", _ascii(document.title or "")) if word.lower() not in _SMALL]
    parts: Sequence[str] = (_letters(first), str(document.year or ""), _letters(title[0]) if title else "")
    return "".join(parts) or f"doc{document.id[:12]}"


def _letters(text: str) -> str:
    return re.sub(r"[^A-Za-z]", "", _ascii(text)).lower()


def _ascii(text: str) -> str:
    plain = unicodedata.normalize(
        "NFKD",
        text.replace("ß", "ss").replace("ø", "o").replace("Ø", "O").replace("æ", "ae").replace("ł", "l").replace("Ł", "L"),
    )
    return "".join(sign for sign in plain if not unicodedata.combining(sign))
