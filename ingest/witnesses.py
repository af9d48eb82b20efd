"""Who agrees on each field of a paper's bibliography.

A field's confidence is the list of its witnesses: two that are independent of each other are seldom wrong together, and a reader can see
which they are. Nothing is weighed or turned into a share; nobody has measured what such a number would mean.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ingest.journals import Imprint
from ingest.xmp import Xmp

#: The names of the witnesses, in the order in which they are listed; 'bib' is a bibliography file that was joined (store/joining.py).
WITNESSES = ("bib", "page", "head", "info", "xmp", "name")


@dataclass(frozen=True, slots=True, kw_only=True)
class Claims:
    """What each witness said, before anything was decided."""

    page_title: str
    page_texts: Sequence[str]
    furniture: Sequence[str]  #: running heads and feet
    info_title: str
    info_authors: str
    info_subject: str
    xmp: Xmp
    printed: Imprint | None
    file_name: str


def witnesses_of(item: Mapping[str, Any], claims: Claims) -> dict[str, list[str]]:
    """By CSL field, the witnesses that say the same as the item; a field that was inferred from another has none."""
    page, head = _squeezed(" ".join(claims.page_texts)), _squeezed(" ".join(claims.furniture))
    body = _squeezed(" ".join(text for text in claims.page_texts if text not in set(claims.furniture)))
    info, xmp = _squeezed(f"{claims.info_title} {claims.info_authors} {claims.info_subject}"), claims.xmp
    printed = claims.printed or Imprint()
    year = str(_year(item))
    families = [_squeezed(name.get("family", name.get("literal", ""))) for name in item.get("author", [])]
    told_names = _squeezed(" ".join(xmp.creators))
    agreed = {
        "title": {
            "page": _says(page, item.get("title")),
            "head": _says(head, item.get("title")),
            "info": _says(_squeezed(claims.info_title), item.get("title")),
            "xmp": _says(_squeezed(xmp.title), item.get("title")),
        },
        "author": {
            "page": all(name in page for name in families),
            "info": all(name in _squeezed(claims.info_authors) for name in families),
            "xmp": all(name in told_names for name in families),
        },
        "issued": {
            "page": any(re.search(rf"\b{year}\b", text) for text in claims.page_texts if text not in claims.furniture),
            "head": any(re.search(rf"\b{year}\b", text) for text in claims.furniture),
            "xmp": str(xmp.year) == year,
        },
        "DOI": {
            "page": _says(body, item.get("DOI")),
            "head": _says(head, item.get("DOI")),
            "info": _says(info, item.get("DOI")),
            "xmp": _says(_squeezed(xmp.doi), item.get("DOI")),
            "name": _says(_squeezed(claims.file_name), item.get("DOI")),
        },
        "archive_location": {
            "page": _says(page, item.get("archive_location")),
            "name": _says(_squeezed(claims.file_name), item.get("archive_location")),
        },
        "container-title": {
            "page": _says(page + head, item.get("container-title")),
            "xmp": _says(_squeezed(xmp.journal), item.get("container-title")),
        },
        "volume": {"page": printed.volume == item.get("volume"), "xmp": xmp.volume == item.get("volume")},
        "issue": {"page": printed.issue == item.get("issue"), "xmp": xmp.issue == item.get("issue")},
        "page": {"page": printed.pages == item.get("page"), "xmp": xmp.pages == item.get("page")},
    }
    found = {field: [name for name in WITNESSES if said.get(name)] for field, said in agreed.items() if field in item}
    return {field: names for field, names in found.items() if names}


def _year(item: Mapping[str, Any]) -> Any:
    parts = item.get("issued", {}).get("date-parts") or [[None]]
    return parts[0][0]


def _says(words: str, value: Any) -> bool:
    return bool(value) and bool(words) and _squeezed(str(value)) in words


def _squeezed(text: str) -> str:
    plain = unicodedata.normalize("NFKD", text)
    return re.sub(r"[\W_]", "", "".join(sign for sign in plain if not unicodedata.combining(sign))).lower()
