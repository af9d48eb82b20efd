"""Which format a file has: from its bytes wherever bytes can say it.

A newcomer would trust the ending. Endings lie: an error page is saved as paper.pdf, an upload has no ending at all. Only among
plain texts, where nearly anything is Markdown, does the ending choose, and a text under the name of a PDF is refused.
Two looks: at the door a few first bytes, by whoever holds many uploads and opens nothing; in the converter child the whole
file, where reading it can do no harm.
"""

from __future__ import annotations

import re
from enum import StrEnum
from pathlib import Path

from errors import UnsupportedFormat
from ingest.formats.archives import format_of_gzip, format_of_zip
from ingest.formats.names import Format

HEADER_BYTES = 4096  #: what the door looks at
PDF_MARK_WITHIN = 1024  #: how far into the file '%PDF-' may stand; what PDFium and Acrobat accept
SEEN_BYTES = 1 << 16  #: what the child looks at, for a root element behind a licence, a \documentclass behind comments


class _Family(StrEnum):
    """What first bytes alone can tell."""

    ZIP = "a ZIP archive"
    GZIP = "a gzip archive"
    MARKUP = "an HTML page or XML"
    JSON = "JSON"
    TEXT = "plain text"


_MAGIC: tuple[tuple[bytes, Format | _Family], ...] = (
    (b"PK\x03\x04", _Family.ZIP),
    (b"\x1f\x8b", _Family.GZIP),
    (b"\x89PNG\r\n", Format.IMAGE),
    (b"\xff\xd8\xff", Format.IMAGE),
    (b"II*\x00", Format.IMAGE),
    (b"MM\x00*", Format.IMAGE),
    (b"fLaC", Format.AUDIO),
    (b"OggS", Format.AUDIO),
    (b"ID3", Format.AUDIO),
)
_MP3_FRAME = re.compile(rb"\xff[\xfb\xfa\xf3\xf2]")
_WAVE = re.compile(rb"RIFF....WAVE", re.DOTALL)
_M4A = re.compile(rb"....ftypM4A", re.DOTALL)

#: First bytes of what is often sent and is not read here.
_REFUSED = (
    (b"\xd0\xcf\x11\xe0", "an old or an encrypted Office document"),
    (b"%!PS", "PostScript"),
    (b"{\\rtf", "RTF"),
    (b"GIF8", "a GIF image"),
    (b"RIFF", "a RIFF file"),
    (b"PK\x05\x06", "an empty ZIP archive"),
)

#: Among plain texts the ending says how they are written.
_TEXT_ENDINGS = {
    ".md": Format.MARKDOWN,
    ".markdown": Format.MARKDOWN,
    ".txt": Format.MARKDOWN,
    ".csv": Format.CSV,
    ".tsv": Format.CSV,
    ".adoc": Format.ASCIIDOC,
    ".asciidoc": Format.ASCIIDOC,
    ".asc": Format.ASCIIDOC,
    ".tex": Format.LATEX,
    ".latex": Format.LATEX,
    ".ltx": Format.LATEX,
}
_LATEX = re.compile(r"^[^%\n]*\\(?:documentclass|documentstyle|begin\s*\{document\})", re.MULTILINE)
_PROLOG = re.compile(r"\s*(?:<\?.*?\?>|<!--.*?-->|<!DOCTYPE(?:[^\[>]|\[.*?\]\s*)*>)", re.DOTALL | re.IGNORECASE)
_ROOT = re.compile(r"\s*<(?:[\w.-]+:)?([\w.-]+)")
_PATENTS = frozenset(
    {"us-patent-application", "us-patent-application-publication", "us-patent-grant", "patent-application-publication"}
)


def refuse_unless_readable(head: bytes, name: str) -> None:
    """Raises UnsupportedFormat where these first bytes, `HEADER_BYTES` of them or the whole file, belong to no format
    that is read. What passes may still be refused when the whole file is seen: each ZIP archive passes here."""
    _first_look(head[:HEADER_BYTES], name)


def format_of(path: Path, name: str) -> Format:
    """The format of a whole file; to be called where the file may do harm. Raises UnsupportedFormat."""
    with path.open("rb") as file:
        head = file.read(SEEN_BYTES)
    found = _first_look(head, name)
    if isinstance(found, Format):
        return found
    if found is _Family.ZIP:
        return format_of_zip(path, name)
    if found is _Family.GZIP:
        return format_of_gzip(path, name)
    if found is _Family.MARKUP:
        return _format_of_markup(_text(head), name)
    if found is _Family.JSON:
        return _format_of_json(path, head, name)
    return _format_of_text(_text(head), name)


def is_ours(head: bytes, name: str) -> bool:
    """False for the JSON and XML that lies beside papers and is none itself: settings, metadata, figures' data."""
    text = _text(head)
    ending = Path(name).suffix.lower()
    if ending == ".json":
        return "DoclingDocument" in text
    if ending in (".xml", ".nxml"):
        try:
            _format_of_markup(text, name)
        except UnsupportedFormat:
            return False
    return True


def _first_look(head: bytes, name: str) -> Format | _Family:
    if b"%PDF-" in head[:PDF_MARK_WITHIN]:
        return Format.PDF
    for magic, found in _MAGIC:
        if head.startswith(magic):
            return found
    if any(sign.match(head) for sign in (_MP3_FRAME, _WAVE, _M4A)):
        return Format.AUDIO
    start = head.lstrip().lower()
    for magic, what in _REFUSED:
        if start.startswith(magic.lower()):
            raise _refusal(name, f"it starts like {what}")
    if not _is_text(head):
        raise _refusal(name, "its first bytes are those of no format that is read")
    return _look_at_text(_text(head), name)


def _look_at_text(text: str, name: str) -> Format | _Family:
    start = text.lstrip("\ufeff \t\r\n")
    ending = Path(name).suffix.lower()
    if start.startswith("WEBVTT"):
        return Format.VTT
    is_page = re.match(r"<(?:!doctype\s+html|html\b)", start, re.IGNORECASE)
    if ending == ".pdf":
        what = "an HTML page: what a publisher's site or a proxy sends instead of a paper" if is_page else "plain text"
        raise _refusal(name, f"it is called a PDF and is {what}")
    if ending in _TEXT_ENDINGS and not is_page and not start.startswith("<?xml"):
        return _TEXT_ENDINGS[ending]
    if re.match(r"<[?!a-z]", start, re.IGNORECASE):
        return _Family.MARKUP
    if start.startswith("{"):
        return _Family.JSON
    if _LATEX.search(text) or (len(text) >= HEADER_BYTES // 2 and text.lstrip().startswith("%")):
        return _Family.TEXT
    raise _refusal(name, "it is plain text, and no ending says how it is written (.md, .tex, .csv, .adoc)")


def _format_of_markup(text: str, name: str) -> Format:
    """By the root element, and for 'article', which DocBook has too, by what only JATS has."""
    rest = text.lstrip("\ufeff")
    while found := _PROLOG.match(rest):
        rest = rest[found.end() :]
    found = _ROOT.match(rest)
    root = found.group(1) if found else ""
    if root.lower() in ("html", "head", "body"):
        return Format.HTML
    if root == "article" and re.search(r"<article-meta|<front[\s>]|JATS|NLM", text):
        return Format.JATS
    if root in _PATENTS:
        return Format.PATENT
    if not text.lstrip("\ufeff \t\r\n").startswith("<?xml") and re.search(r"<(?:html|body|p|div|h[1-6]|table)\b", text, re.I):
        return Format.HTML  # a fragment
    raise _refusal(name, f"it is XML with the root {root!r}" if root else "it is XML without a root that could be found")


def _format_of_json(path: Path, head: bytes, name: str) -> Format:
    sign = re.compile(rb'"schema_name"\s*:\s*"DoclingDocument"')
    if sign.search(head) or sign.search(path.read_bytes()):
        return Format.DOCLING
    raise _refusal(name, "it is JSON and no DoclingDocument")


def _format_of_text(text: str, name: str) -> Format:
    if _LATEX.search(text):
        return Format.LATEX
    raise _refusal(name, "it is plain text, and no ending says how it is written (.md, .tex, .csv, .adoc)")


def _is_text(head: bytes) -> bool:
    """True where no sign stands that text does not hold. Bytes of UTF-16 are text where a mark says so."""
    if head.startswith((b"\xff\xfe", b"\xfe\xff")):
        return True
    return not re.search(rb"[\x00-\x08\x0e-\x1a\x1c-\x1f]", head)


def _text(head: bytes) -> str:
    if head.startswith((b"\xff\xfe", b"\xfe\xff")):
        return head.decode("utf-16", "replace")
    return head.decode("utf-8", "replace")


def _refusal(name: str, reason: str) -> UnsupportedFormat:
    return UnsupportedFormat(
        f"{name!r} cannot be read: {reason}. It was left out. Check what the file really is; {UnsupportedFormat.advice}."
    )
