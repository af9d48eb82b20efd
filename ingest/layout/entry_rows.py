"""The lines of a reference list down each column, and which of them begin an entry.

In a list with numbers the next number does, wherever it stands but at the edge of the other lines; in one without, a line that
stands out to the left of those.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import groupby, takewhile
from statistics import median

from ingest.layout.block import Block, Kind
from ingest.layout.lines import make_line
from ingest.layout.looks import look_of
from ingest.layout.page import Line, baseline_rows

#: Entries that make a list, and the most lines that one has on average.
FEWEST, _LONGEST = 4, 12
#: Numbers that may be missing between two entries: hidden in a line, or read wrongly.
_MISSED = 2
#: Points; the narrowest column of a list.
_COLUMN = 90.0
_RAISED = str.maketrans("⁰¹²³⁴⁵⁶⁷⁸⁹", "0123456789")
_NUMBER = re.compile(
    r"^(?:(?P<open>[\[(]?)(?P<number>\d{1,4})(?:(?P<close>[\])]\.?|\.(?!\d))\s*(?:\S|$)|\s+(?=[A-ZÀ-Ž\"“]))"
    r"|(?P<raised>[¹²³⁴-⁹][⁰¹²³⁴-⁹]*)\s?(?=[^\W\d]))"
)
#: What an entry without a number begins with.
_OPENS = re.compile(r"^[\"“‘'(\[—–_]*(?:[^\W_a-z]|(?:[a-z'’]{1,5}\s){1,3}[A-Z])")
_YEAR = re.compile(r"(?:1[6-9]|20)\d\d")


@dataclass(frozen=True, slots=True)
class Row:
    """One line of the list."""

    line: Line
    page: int
    column: int  #: counted through the whole list
    homes: tuple[Block, ...]  #: that held it, or its pieces
    is_beyond: bool  #: the heading of another section stands between this and the list's own


@dataclass(frozen=True, slots=True)
class Edges:
    """Where the entries of one column begin, and where their other lines do; None where the column does not tell."""

    entry: float | None
    text: float | None


def _listed(blocks: Sequence[Block]) -> list[Block]:
    """The headings among these blocks, and what is set in the size of the first of them: the rest of the list, if not other text."""
    first = list(takewhile(lambda block: not _is_head(block), blocks))
    size = size_of([line for block in first[:3] for line in block.lines])
    n_first = len(first)
    return [
        block
        for at, block in enumerate(blocks)
        if _is_head(block) or (block.lines and is_alike(block.lines, size, may_be_less=at < n_first))
    ]


def size_of(lines: Sequence[Line]) -> float:
    """Points; fonts of fixed width, in which addresses are set, have sizes of their own and do not count. 0 without others."""
    return median([word.size for line in lines for word in line.words if not word.face.is_mono] or [0.0])


def is_alike(lines: Sequence[Line], size: float, *, may_be_less: bool) -> bool:
    """True for about the same size, or for none."""
    own = size_of(lines)
    return not own or (0.68 if may_be_less else 0.92) * size < own < 1.06 * size


def list_rows(blocks: Sequence[Block]) -> list[Row]:
    """The lines of a list down each column."""
    rows: list[Row] = []
    column, is_beyond = 0, False
    for stretch in _stretches(_listed(blocks)):
        is_beyond = is_beyond or _is_head(stretch[0])
        homes = {id(line): block for block in stretch for line in block.lines if not _is_head(block)}
        lines_in = [line for block in stretch for line in block.lines if id(line) in homes]
        for lines in _columns(lines_in) if lines_in else []:
            column += 1
            for pieces in baseline_rows(lines):  # justification may have pulled a line apart
                whole = pieces[0] if len(pieces) == 1 else make_line([word for piece in pieces for word in piece.words])
                rows.append(Row(whole, stretch[0].page, column, tuple(homes[id(piece)] for piece in pieces), is_beyond))
    return rows


def _is_head(block: Block) -> bool:
    """True for the heading of another section; what looks like one in a list, though it is not bold, may be a journal's name."""
    if block.kind is not Kind.HEADING or block.is_run_in:
        return False
    look = look_of(block.lines)
    return look.bold or look.caps


def _stretches(blocks: Sequence[Block]) -> Iterator[list[Block]]:
    """Blocks that follow each other on one page; a heading begins the next."""
    n = 0
    marked = []
    for block in blocks:
        n += _is_head(block)
        marked.append((n, block))
    for _, found in groupby(marked, key=lambda pair: (pair[0], pair[1].page)):
        yield [block for _, block in found]


def _columns(lines: Sequence[Line]) -> list[list[Line]]:
    """The lines of each column, from left to right; a line too long for its column does not join two."""
    columns: list[list[Line]] = []
    left = 0.0
    widest, size = (median(values) for values in zip(*((1.5 * x.rect.width, x.size) for x in lines), strict=True))
    usual = [x.rect for x in lines if x.rect.width < widest and x.size > 0.9 * size]  # others may run below all columns
    for line in sorted(lines, key=lambda line: line.rect.left):
        x = line.rect.left
        if not columns or (x - left > _COLUMN and sum(o.left < x - 1 < o.right for o in usual) <= 0.02 * len(usual)):
            columns.append([])
            left = x
        columns[-1].append(line)
    return columns


def label_of(line: Line) -> tuple[str, int] | None:
    """How an entry is numbered and its number: ('[]', 12), None where the line begins with none."""
    match = _NUMBER.match(line.text)
    if not match:
        return None
    if match["raised"]:
        return "raised", int(match["raised"].translate(_RAISED))
    return f"{match['open']}{match['close'] or ''}", int(match["number"])


def openings_of(rows: Sequence[Row]) -> tuple[dict[int, Edges], set[int]]:
    """The edges of each column and the indexes of the rows that begin an entry; none where this is no list."""
    labels = [label_of(row.line) for row in rows]
    styles = Counter(label[0] for label in labels if label)
    for name, n in styles.most_common(3):
        numbers = [label[1] if label and label[0] == name else None for label in labels]
        found = _chain(rows, numbers, {})
        if n < FEWEST or len(found) < FEWEST:
            continue
        edges = _numbered_edges(rows, found)
        # With the edges known, a number that lost its stop ('34 Berg A') is told, too.
        numbers = [label[1] if label and label[0] in (name, "") else None for label in labels]
        found = _chain(rows, numbers, edges)
        if len(found) >= FEWEST and max(found) - min(found) < _LONGEST * len(found):
            return edges, found
    edges = _standing_edges(rows)
    found = _standing(rows, edges)
    return (edges, found) if len(found) >= FEWEST else ({}, set())


def _standing(rows: Sequence[Row], edges: dict[int, Edges]) -> set[int]:
    """Rows of a list without numbers that begin an entry. Several of them in a row may be a paragraph or an address below the list."""
    found: set[int] = set()
    for (is_out, column), run in groupby(range(len(rows)), key=lambda at: (_is_out(rows[at], edges), rows[at].column)):
        members = list(run)
        texts = [rows[at].line.text for at in members]
        if not is_out or sum(bool(_OPENS.match(text)) for text in texts) <= 0.7 * len(texts):
            continue
        if len(texts) < 3 or sum(bool(_YEAR.search(text)) for text in texts) > 0.6 * len(texts):
            found.update(members)
        elif members[-1] + 1 < len(rows) and rows[members[-1] + 1].column == column:
            found.add(members[-1])
    return found


def _chain(rows: Sequence[Row], numbers: Sequence[int | None], edges: dict[int, Edges]) -> set[int]:
    """Rows whose numbers rise one by one. With `edges`, those at the text's edge are none, and one or two may be missing."""
    found: set[int] = set()
    last = None
    missed = _MISSED if edges else 0
    for at, (row, number) in enumerate(zip(rows, numbers, strict=True)):
        if number is None or (last is None and (number != 1 or row.is_beyond)):
            continue
        allowed = 0 if row.is_beyond else missed
        if (last is None or 0 < number - last <= 1 + allowed) and not _is_in(row, edges):
            found.add(at)
            last = number
    return found


def _numbered_edges(rows: Sequence[Row], openings: set[int]) -> dict[int, Edges]:
    """The edges of each column: where most of its lines without a number begin, where these stand further in than the numbers."""
    edges: dict[int, Edges] = {}
    for column, pairs in groupby(enumerate(rows), key=lambda pair: pair[1].column):
        members = list(pairs)
        entry = _commonest([row.line.rect.left for at, row in members if at in openings])
        text = _commonest([row.line.rect.left for at, row in members if at not in openings and entry is not None])
        edges[column] = Edges(entry, text)
    offsets = [e.text - e.entry for e in edges.values() if e.entry is not None and e.text is not None]
    deep = [offset for offset in offsets if offset > 2]
    if len(deep) < 0.7 * len(offsets) or not deep:
        return {column: replace(e, text=None) for column, e in edges.items()}
    hung = {
        column: replace(e, text=e.entry + median(deep)) if e.entry is not None and (e.text or 0.0) - e.entry <= 2 else e
        for column, e in edges.items()  # other text below the list has its own edge
    }
    return _with_lone_edges(hung, rows)


def _standing_edges(rows: Sequence[Row]) -> dict[int, Edges]:
    """The edges of each column of a list without numbers, from its two commonest left edges."""
    edges: dict[int, Edges] = {}
    for column, found in groupby(rows, key=lambda row: row.column):
        members = list(found)
        size = median(row.line.size for row in members)
        lefts = Counter(round(row.line.rect.left / 2) * 2.0 for row in members)
        common = sorted(x for x, n in lefts.items() if n + lefts[x + 2] + lefts[x - 2] > max(1, 0.12 * len(members)))
        inner = [x for x in common if 0.6 * size < x - common[0] < 6 * size]
        edges[column] = Edges(common[0], max(inner, key=lambda x: lefts[x])) if inner else Edges(None, None)
    return _with_lone_edges(edges, rows)


def _with_lone_edges(edges: dict[int, Edges], rows: Sequence[Row]) -> dict[int, Edges]:
    """The edges of all columns; one that does not tell its own has those of another that begins in the same place."""
    known = [e for e in edges.values() if e.entry is not None]
    lefts = {column: min(row.line.rect.left for row in found) for column, found in groupby(rows, key=lambda row: row.column)}
    return {column: e if e.entry is not None else _like(lefts[column], known) for column, e in edges.items()}


def _like(left: float, known: Sequence[Edges]) -> Edges:
    """The edges of the column that has one of its edges here: a column of one entry has only one."""
    near = (
        e for e in known if e.entry is not None and e.text is not None and min(abs(left - e.entry), abs(left - e.text)) < 2.5
    )
    return next(near, Edges(None, None))


def _commonest(lefts: Sequence[float]) -> float | None:
    counts = Counter(round(left) for left in lefts)
    return float(max(counts, key=lambda left: counts[left])) if counts else None


def _is_in(row: Row, edges: dict[int, Edges]) -> bool:
    """True at the edge of an entry's later lines."""
    text = edges[row.column].text if edges else None
    return text is not None and row.line.rect.left > text - 0.25 * row.line.size


def _is_out(row: Row, edges: dict[int, Edges]) -> bool:
    """True at the edge where entries begin."""
    entry = edges[row.column].entry
    return entry is not None and abs(row.line.rect.left - entry) < 0.5 * row.line.size
