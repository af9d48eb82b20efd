"""Read the entries of a reference list: authors, title, year, venue, volume, pages, by the shapes of citation styles.

Every part is a span of the text. Styles differ in order and signs, and a converter may have broken lines within an entry; so
each part is looked for in what the parts found before it leave over, and a part that does not look like itself is left out.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from extract.embedded.finders import FINDERS

Span = tuple[int, int]

_MARK = r"(?:\[\w{1,12}[+]?\d{0,4}\]|\(?\d{1,3}\)|\d{1,3}\.(?=\s))"
_MARK_AT_LINE = re.compile(rf"(?m)^\s*(?:[-•]\s)?{_MARK}\s*")
_MARK_INLINE = re.compile(r"(?<!\S)\[\d{1,3}\]\s+(?=\S)")
_NUMBER_INLINE = re.compile(r"(?:(?<=[.)\]])\s|^\s*)(\d{1,3})\.\s(?=[A-ZÀ-Þ])")
_LEADING = re.compile(rf"\s*(?:[-•]\s)?(?:{_MARK}\s*)?")

_CAP = r"[A-ZÀ-ÞŁŚŽČĐ][\w’'`´\-‐À-ž]+"
_PARTICLE = r"(?:(?:van|von|de|der|den|la|le|di|da|del|dos|du|el|ten|ter|bin|al)\s)*"
_INITIALS = r"(?:[A-ZÀ-Þ]\.?[\s\-‐]?){1,4}"
_STYLES = [
    re.compile(rf"{_PARTICLE}{_CAP}(?:\s{_CAP})?,\s?(?:[A-ZÀ-Þ]\.[\s\-‐]{{0,2}}){{1,4}}"),  # Smith, J. A.
    re.compile(rf"(?:[A-ZÀ-Þ][a-z]?\.[\s\-‐]?){{1,4}}\s?{_PARTICLE}{_CAP}(?:\s{_CAP})?"),  # J. A. Smith
    re.compile(
        rf"{_PARTICLE}{_CAP}(?:\s{_CAP})?\s[A-ZÀ-Þ](?:-?[A-ZÀ-Þ]){{0,2}}(?![\w’'-])(?!\.\s?[A-Z]\.|"
        rf"\.-)"
    ),  # Smith JA
    re.compile(rf"{_PARTICLE}{_CAP}(?:\s{_CAP})?,\s[A-ZÀ-Þ]{{1,3}}(?![\w’'])"),  # Smith, JA
    re.compile(rf"{_CAP}(?:\s(?:[A-Z]\.?|{_PARTICLE}{_CAP})){{1,3}}(?!\w)"),  # Jane B. Smith
    re.compile(rf"{_PARTICLE}{_CAP}(?:\s{_CAP})?,\s{_CAP}(?:\s[A-Z]\.)?"),  # Smith, Jane
]
_SEPARATOR = re.compile(r",?\s*(?:and|&|und|et)\s+|\s*[,;]\s*(?:and\s|&\s)?(?:\.\.\.\s|…\s)?")
_ET_AL = re.compile(r"\s*,?\s*(?:\bet\s+al\b\.?|and others)")
_QUOTED = re.compile(r"[\s.,:;]*[“\"‘']([^”\"]{8,300}?)[,.]?[”\"’'](?=[\s,.])")
_YEAR = re.compile(r"(?<![\w.:/\-–])((?:1[6-9]|20)\d\d)(?=[a-z]?(?![\w/]|\.\d))")
_TITLE_END = re.compile(
    r"[.?!](?=\s+(?:[A-ZÀ-Þ\d(“]|In:?\s|in:?\s|arXiv|doi|http|bioRxiv|medRxiv)|\s*$)|"
    r",\s(?=(?:in:?\s)?(?:[A-Z][\w.]*\s){0,6}\d{1,4}[,\s(])"
)
_VENUE = re.compile(
    r"[\s.,;:]*(?:[Ii]n:?\s)?(?:[^.(]{3,120}?,\s?\(?(?:editors?|eds?)\.?\)?[.,:]?\s)?((?:[A-Z]|arXiv|bioRxiv|"
    r"medRxiv|e[A-Z])[^\d(;]*?)"
    r"(?=\s*[,.;:]?\s*(?:\d|\(|[Vv]ol\b|pp?\.|doi\b|DOI\b|https?|arXiv:|abs/|Available|Accessed|Retrieved|PMID|$)|;)"
)
_VOLUME = re.compile(r"[\s,.;]*(?:[Vv]ol(?:ume|\.)?\s?)?(\d{1,4})\s?(?=\(\d+[\w\-–]*\)|[:,;]|\s\(|\.\s|\s\d)")
_PAGES = re.compile(r"(?:pp?\.\s?|[:,;]\s?)([A-Z]?\d{1,6}\s?[–—\-]\s?[A-Z]?\d{1,6})(?![\w])")


_ACCESSED = re.compile(r"(?:[Aa]ccessed|[Rr]etrieved|[Aa]vailable)\b")


@dataclass(frozen=True, slots=True)
class Entry:
    """One entry of a reference list: text[start:end], and the spans of its parts by the kind of field that asks for them."""

    start: int
    end: int
    parts: dict[str, list[Span]] = field(default_factory=dict)

    @property
    def is_one(self) -> bool:
        """Whether it looks like a reference at all: who or what, and when or where."""
        return bool({"authors", "title"} & self.parts.keys()) and bool(
            {"year", "doi", "arxiv", "url", "venue"} & self.parts.keys()
        )


def entries(text: str) -> list[Entry]:
    """The entries of this text in its order; what looks like none is left out."""
    found = [_entry(text, start, end) for start, end in _bounds(text)]
    return [entry for entry in found if entry.is_one]


def _bounds(text: str) -> list[Span]:
    """Where each entry begins and ends: at marks such as '[3]' or '3.', else at line ends."""
    starts = _in_sequence(text)
    if len(starts) < 2:
        starts = [match.start() for match in _MARK_AT_LINE.finditer(text)]
    if len(starts) < 2:
        starts = [match.start() for match in _MARK_INLINE.finditer(text)]
    if not starts:
        starts = [0, *(match.end() for match in re.finditer(r"\n+", text) if _looks_begun(text, match.end()))]
    elif starts[0] > 20:
        starts = [0, *starts]
    return [
        (start, end) for start, end in zip(starts, [*starts[1:], len(text)], strict=True) if len(text[start:end].split()) >= 4
    ]


def _in_sequence(text: str) -> list[int]:
    """Where '7. ', '8. ', '9. ' stand, each number one more than the last; other numbers that end a sentence are not in it."""
    starts: list[int] = []
    expected = None
    for match in _NUMBER_INLINE.finditer(text):
        if expected is None or int(match[1]) == expected:
            starts.append(match.start(1))
            expected = int(match[1]) + 1
    return starts


def _looks_begun(text: str, start: int) -> bool:
    """Whether a new line begins an entry rather than going on with one."""
    head = text[start : start + 60]
    return any(style.match(head) for style in _STYLES) and not text[:start].rstrip().endswith((",", "and", "&", "-"))


def _entry(text: str, start: int, end: int) -> Entry:
    while end > start and text[end - 1].isspace():
        end -= 1
    first = _LEADING.match(text, start, end)
    at = first.end() if first else start
    entry = Entry(at, end)
    body = text[:end]
    for kind in ("doi", "arxiv", "url"):
        spans = [(at + a, at + b) for a, b in FINDERS[kind](text[at:end])]
        if spans:
            entry.parts[kind] = [_unbroken(text, spans[0], end)]
    authors, at = _authors(body, at)
    if authors:
        entry.parts["authors"] = authors
    year = _year(body, entry, at)
    if year:
        entry.parts["year"] = [year]
        after = re.match(r"[\s(,.]*(?:19|20)\d\d[a-z]?(?:,\s\w+(?:\s\d+)?)?\)?", body[at:])
        at = at + after.end() if after and at <= year[0] < at + 14 else at
    _rest(body, entry, at)
    return entry


def _unbroken(text: str, span: Span, end: int) -> Span:
    """The identifier with the rest that a line break parted from it, where that rest ends the entry."""
    rest = re.compile(r"\s+([a-z0-9][\w./()-]*\d)\.?\s*$").match(text[:end], span[1])
    return (span[0], rest.end(1)) if rest else span


def _authors(body: str, at: int) -> tuple[list[Span], int]:
    """The authors from here on and where they end. All are written in the first one's style."""
    best: tuple[list[Span], int] = ([], at)
    for style in _STYLES:
        spans, stop = _authors_of_style(body, at, style)
        if len(spans) > len(best[0]) or (
            spans and len(spans) == len(best[0]) and stop > best[1] + 4 and style is not _STYLES[4]
        ):
            best = (spans, stop)
    return best


def _authors_of_style(body: str, at: int, style: re.Pattern[str]) -> tuple[list[Span], int]:
    spans: list[Span] = []
    stop = at
    while found := style.match(body, stop if not spans else at):
        end = found.end()
        while body[end - 1] in " ,-‐":
            end -= 1
        spans.append((found.start(), end))
        stop = end
        separator = _SEPARATOR.match(body, end)
        if separator is None:
            break
        at = separator.end()
    others = _ET_AL.match(body, stop)
    after = others.end() if others else stop
    if spans and not re.match(r"\s*(?:[.,:;(“\"]|\(?(?:19|20)\d\d|$|\()", body[after:]) and body[after - 1 : after] != ".":
        spans, after = [], stop  # the last 'author' runs on: it is a title
    return spans, after


def _year(body: str, entry: Entry, at: int) -> Span | None:
    """The year in brackets where there is one, else the last that stands in no identifier and no range of pages."""
    taken = [span for kind in ("doi", "arxiv", "url") for span in entry.parts.get(kind, [])]
    found = [m.span(1) for m in _YEAR.finditer(body, entry.start) if not any(a <= m.start() < b for a, b in taken)]
    bracketed = [
        span for span in found if body[span[0] - 1] == "(" and body[span[1] : span[1] + 2].lstrip("abcd")[:1] in (")", ",")
    ]
    found = [span for span in found if not _ACCESSED.search(body, entry.start, span[0])] or found
    free = [span for span in found if not re.match(r"[a-z]?\s?[–—-]\s?\d", body[span[1] : span[1] + 5])]
    early = [span for span in free if at <= span[0] < at + 8]
    chosen = (bracketed or early or free[-1:])[:1]
    return chosen[0] if chosen else None


def _rest(body: str, entry: Entry, at: int) -> None:
    """Title, venue, volume and pages, in this order, from what is left."""
    title = _title(body, at)
    if title:
        entry.parts["title"] = [title]
        at = title[1]
        while body[at : at + 1] in ("”", '"', "’", ".", "?", "!") and at < len(body):
            at += 1
    venue = _VENUE.match(body, at) if title else None
    if (
        venue
        and 2 < len(venue[1]) < 160
        and not venue[1].lower().startswith(("doi", "http", "available", "retrieved", "accessed", "url"))
    ):
        entry.parts["venue"] = [(venue.start(1), venue.start(1) + len(venue[1].rstrip(" ,.")))]
        volume = _VOLUME.match(body, venue.end())
        if volume and not _YEAR.fullmatch(volume[1]):
            entry.parts["volume"] = [volume.span(1)]
        pages = _PAGES.search(body, venue.end())
        if pages:
            entry.parts["pages"] = [pages.span(1)]


def _title(body: str, at: int) -> Span | None:
    quoted = _QUOTED.match(body, at)
    if quoted:
        return quoted.span(1)
    start = at
    while body[start : start + 1] in (" ", ".", ",", ":", ";", ")", "\n") and start < len(body):
        start += 1
    stop = _TITLE_END.search(body, start)
    end = stop.start() if stop else len(body)
    if stop and stop[0] in "?!":
        end += 1
    words = body[start:end].split()
    if not 2 <= len(words) <= 45 or not (
        words[0][0].isupper() or words[0][0].isdigit() or (words[0][0].islower() and len(words) > 3)
    ):
        return None
    return start, end
