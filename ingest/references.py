"""The entries of a paper's reference list: where the list stands, and where each entry begins and ends.

A newcomer would take each paragraph below 'References' for an entry. Columns and pages cut entries in two, close lines run several
into one paragraph, a word of an entry set in bold is taken for a heading, and the heading itself may be lost. So a numbered list is
found by its numbers, which must rise one by one, wherever they stand; a list without numbers by what an entry begins with.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from ingest.blocks import REFERENCE_HEADING
from ingest.references_fields import has_year, opens_dated, opens_entry, read_fields
from ingest.references_names import is_family_first
from ingest.references_pieces import Piece, joined, read_pieces
from records import Reference

if TYPE_CHECKING:
    from docling_core.types.doc.document import DoclingDocument

LEAST_WITHOUT_HEADING = 4  #: entries that make a list where no heading says so
MOST_MISSED = 60  #: numbers that may be hidden inside one paragraph
LONGEST_PIECE = 700  #: signs that a paragraph without a label may have to be the rest of an entry; longer ones are text between
LONGEST_REST = 250  #: signs of a paragraph that goes on after an entry which has come to a full stop
LONGEST_ENTRY = 3000  #: signs; a collaboration's authors may fill a page
NEAR = 3  #: paragraphs after a false heading in which the list goes on
LATEST_NUMBER = 5000
SHORTEST_OWN_TITLE = 25  #: signs; a shorter one may stand in any entry

#: How numbers are printed before entries, and where inside a paragraph the next entry may begin.
_STYLES = (
    (r"\[{}\]\s*", r"(?<=[.;,)\]\d\w/])\s*\[{}\]\s*"),
    (r"{}\.\s*(?=[^\d\s])", r"(?<=[.;)\]\d/a-z])\s+{}\.\s+(?=[A-ZÀ-Ž\"“])"),
    (r"\({}\)\s*", r"(?<=[.;)\]\d/])\s+\({}\)\s+(?=[A-ZÀ-Ž\"“])"),
    (r"{}\s+(?=[A-ZÀ-Ž\"“])", r"(?<=[.)\]])\s+{}\s+(?=[A-ZÀ-Ž\"“])"),
)
#: What comes after a list of references, or between its parts, and is none.
_SECTION = re.compile(
    r"\W*(?:acknowledge?ments?|danksagung|agradecimentos|funding|author contributions?|contributions?|conflicts? of interest|"
    r"competing interests?|declarations?|data availability|(?:code )?availability|additional information|supplement\w*|supporting"
    r"|appendix|appendices|anhang|about the authors?|publisher.s note|how to cite|open access|received|methods?|star methods|"
    r"key resources table|e-?mail address|figures?|tables?|disclaimer|ethics|abbreviations|notes?)\b",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class _Cut:
    """One entry as it was cut out: its number, if it has one, and its text."""

    number: int | None
    text: str
    page: int


def read_references(document: DoclingDocument) -> tuple[Reference, ...]:
    """The entries of the paper's reference list in their order; none where no list is found."""
    pieces = read_pieces(document)
    starts = [n + 1 for n, piece in enumerate(pieces) if piece.is_heading and REFERENCE_HEADING.match(piece.text)]
    found = [cuts for start in starts if (cuts := _entries(pieces[start:]))]
    best = max(found, key=len, default=[])
    if len(best) < LEAST_WITHOUT_HEADING:
        loose = _without_heading(pieces)
        best = loose if len(loose) > len(best) else best
    own = _own_title(document)
    best = [cut for cut in best if cut.number or not own or own not in _squeezed(cut.text)]  # 'How to cite this article'
    family_first = is_family_first([cut.text for cut in best])
    return tuple(_reference(cut, position, family_first) for position, cut in enumerate(best, start=1))


def _reference(cut: _Cut, position: int, family_first: bool) -> Reference:
    fields = read_fields(cut.text, family_first=family_first)
    number = cut.number or position
    label = str(cut.number) if cut.number else fields.label
    return Reference(
        id=f"Reference {number}",
        label=label,
        text=cut.text,
        page=cut.page,
        authors=fields.authors,
        title=fields.title,
        year=fields.year,
        container=fields.container,
        volume=fields.volume,
        issue=fields.issue,
        pages=fields.pages,
        doi=fields.doi,
        arxiv_id=fields.arxiv_id,
        url=fields.url,
    )


def _own_title(document: DoclingDocument) -> str:
    from docling_core.types.doc.document import TitleItem

    title = next((item.text for item in document.texts if isinstance(item, TitleItem)), "")
    return _squeezed(title) if len(title) >= SHORTEST_OWN_TITLE else ""


def _squeezed(text: str) -> str:
    return re.sub(r"[\W_]", "", text).lower()


def _entries(pieces: Sequence[Piece]) -> list[_Cut]:
    """The entries of a list that begins with the first of these paragraphs."""
    numbered = _numbered(pieces)
    return numbered if len(numbered) >= 2 else _unnumbered(pieces)


def _without_heading(pieces: Sequence[Piece]) -> list[_Cut]:
    """The entries of a list whose heading was lost: numbered anywhere, or a run of entries at the end."""
    half = len(pieces) // 3
    tail = [piece for piece in pieces[half:] if not piece.is_column]
    numbered = _numbered(tail)
    if len(numbered) >= LEAST_WITHOUT_HEADING and sum(map(_is_dated, numbered)) >= 0.6 * len(numbered):
        return numbered
    first = next((n for n in range(len(tail)) if sum(map(_is_entry, tail[n : n + NEAR])) > 1 and _is_entry(tail[n])), None)
    loose = [] if first is None else _unnumbered(tail[first:])
    return loose if len(loose) >= LEAST_WITHOUT_HEADING else []


def _is_dated(cut: _Cut) -> bool:
    return has_year(cut.text) or bool(re.search(r"https?:|arxiv|\bdoi\b|10\.\d{4}", cut.text, re.IGNORECASE))


def _is_entry(piece: Piece) -> bool:
    return not piece.is_heading and len(piece.text) < LONGEST_PIECE and opens_entry(piece.text) and has_year(piece.text)


def _numbered(pieces: Sequence[Piece]) -> list[_Cut]:
    """The entries by the style of number that gives most of them."""
    cuts = (_cut_by_style(pieces, at_start, inside) for at_start, inside in _STYLES)
    return max(cuts, key=len, default=[])


def _cut_by_style(pieces: Sequence[Piece], at_start: str, inside: str) -> list[_Cut]:
    label = re.compile(at_start.format(r"(\d{1,4})"))
    labels = [(n, match) for n, piece in enumerate(pieces) if (match := label.match(piece.text))]
    chain = _rising([(n, int(match[1])) for n, match in labels if 0 < int(match[1]) <= LATEST_NUMBER])
    ends = {n: match.end() for n, match in labels}
    cuts: list[_Cut] = []
    for place, (n, number) in enumerate(chain):
        following = chain[place + 1] if place + 1 < len(chain) else None
        rest = _rest(pieces, n, following[0] if following else None)
        text = joined([pieces[n].text[ends[n] :], *rest])
        last = following[1] - 1 if following else number + MOST_MISSED
        cuts += _split_inside(text, number, last, inside, pieces[n].page)
    return [cut for cut in cuts if cut.text]


def _rising(labels: Sequence[tuple[int, int]]) -> list[tuple[int, int]]:
    """The longest rising chain of (place, number), begun near 1; numbers may be skipped, at a price."""
    best: list[tuple[float, int | None]] = []
    for j, (_, number) in enumerate(labels):
        score, before = (1.0 - 0.05 * (number - 1), None) if number <= MOST_MISSED else (-1e9, None)
        chosen: int | None = before
        for i in range(j - 1, max(j - 400, -1), -1):
            step = number - labels[i][1]
            if 0 < step <= MOST_MISSED and best[i][0] + 1 - 0.05 * (step - 1) > score:
                score, chosen = best[i][0] + 1 - 0.05 * (step - 1), i
        best.append((score, chosen))
    if not best:
        return []
    at: int | None = max(range(len(best)), key=lambda j: best[j][0])
    if best[at][0] < 0:  # type: ignore[index]
        return []
    chain = []
    while at is not None:
        chain.append(labels[at])
        at = best[at][1]
    return chain[::-1]


def _rest(pieces: Sequence[Piece], start: int, end: int | None) -> list[str]:
    """The paragraphs after the one with the label that belong to its entry."""
    rest: list[str] = []
    until = len(pieces) if end is None else end
    for n in range(start + 1, until):
        piece = pieces[n]
        is_last = end is None
        if _SECTION.match(piece.text) and (piece.is_heading or len(piece.text) < 60):
            break
        if is_last and (piece.is_heading or not _goes_on(joined([pieces[start].text, *rest]), piece)):
            break
        if piece.is_heading and until - n > NEAR and _has_ended(joined([pieces[start].text, *rest])):
            break
        if len(piece.text) <= LONGEST_PIECE and not piece.is_column:
            rest.append(piece.text)
    return rest


def _goes_on(entry: str, piece: Piece) -> bool:
    """Whether this paragraph is the rest of an entry that nothing follows: it begins as no sentence does, or the entry is cut off."""
    if len(piece.text) > LONGEST_REST:
        return False
    begins_within = re.match(r"[a-zß-ÿ(]|https?:|doi|arXiv|\d", piece.text)
    return bool(begins_within) or not _has_ended(entry)


def _has_ended(entry: str) -> bool:
    """Whether this may be all of an entry."""
    return bool(re.search(r"[.\d\])/]$", entry))


def _split_inside(text: str, number: int, last: int, inside: str, page: int) -> Iterator[_Cut]:
    """The entries that run on in one paragraph, by the next numbers."""
    while number < last:
        match = re.search(inside.format(number + 1), text)
        if not match:
            break
        yield _Cut(number, text[: match.start()].strip()[:LONGEST_ENTRY], page)
        text, number = text[match.end() :], number + 1
    yield _Cut(number, text.strip()[:LONGEST_ENTRY], page)


def _unnumbered(pieces: Sequence[Piece]) -> list[_Cut]:
    """The entries of a list without numbers: each begins with a name, after one that has its year. Behind a heading the list may go on,
    in another column: there an entry is only what names and year open together."""
    cuts: list[_Cut] = []
    parts: list[str] = []
    page, is_interrupted = 0, False

    def close() -> None:
        text = joined(parts)[:LONGEST_ENTRY]
        if text and _is_dated(cut := _Cut(None, text, page)):
            cuts.append(cut)
        elif text and cuts and len(text) <= LONGEST_REST:  # what began like an entry was the rest of one
            cuts[-1] = replace(cuts[-1], text=joined([cuts[-1].text, text]))
        parts.clear()

    for piece, goes_on in _with_lone_names(pieces):
        if piece.is_heading and not goes_on:
            close()
            is_interrupted = True
        for one in [] if piece.is_heading and not goes_on else _split_run(piece.text):
            begins = opens_dated(one) if is_interrupted else opens_entry(one)
            if begins and len(one) <= LONGEST_ENTRY and (not parts or has_year(joined(parts))):
                close()
                page = piece.page
                parts.append(one)
            elif parts and (len(one) <= LONGEST_REST or not _has_ended(parts[-1])) and len(one) <= LONGEST_PIECE:
                parts.append(one)
            elif parts:
                close()
                is_interrupted = True
    close()
    return cuts


def _with_lone_names(pieces: Sequence[Piece]) -> Iterator[tuple[Piece, bool]]:
    """Each paragraph, and whether entries go on soon after it. A short line before one that begins with its year is its author."""
    waiting: Piece | None = None
    for n, piece in enumerate(pieces):
        following = pieces[n + 1].text if n + 1 < len(pieces) else ""
        if len(piece.text) < 120 and re.match(r"\((?:n\.d\.|(?:19|20)\d{2})", following):
            waiting = piece
            continue
        whole = replace(piece, text=f"{waiting.text} {piece.text}") if waiting else piece
        waiting = None
        yield whole, not _SECTION.match(piece.text) and any(_is_entry(later) for later in pieces[n + 1 : n + 1 + NEAR])


#: Inside a paragraph: an entry has ended and one begins that has names and then its year in brackets.
_RUN_ON = re.compile(
    r"(?<=[.\d/)])\s+(?=[A-ZÀ-Ž][\w'’-]+,? (?:[A-Z]\.[ -]?){1,3}(?:(?:,|&| and|and )[^()]{0,300}| ?)\((?:19|20)\d{2}[a-z]?\))"
)


def _split_run(text: str) -> list[str]:
    """A paragraph in which several entries run on, cut where each has its year."""
    parts: list[str] = []
    for one in _RUN_ON.split(text):
        if parts and not has_year(parts[-1]):
            parts[-1] += " " + one
        else:
            parts.append(one)
    return parts
