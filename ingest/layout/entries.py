"""Reference lists: the lines of one entry, over columns and pages, as one block.

A newcomer would cut them as paragraphs are cut. But the lines of an entry end early, change their type (a journal in italics, an
address in a font of fixed width), come to full stops and begin with '518.'. Only two things say where an entry begins: the next
number, or, in a list without numbers, a line that stands out to the left.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import groupby, pairwise, takewhile
from statistics import median

from ingest.blocks import REFERENCE_HEADING
from ingest.layout.block import FURNITURE, Block, Kind, Part
from ingest.layout.lines import join_texts, make_line
from ingest.layout.looks import look_of
from ingest.layout.page import Line
from ingest.layout.paragraphs import rect_of_lines
from ingest.layout.style import DocumentStyle

#: Entries that make a list, and the most lines that one has on average.
_FEWEST, _LONGEST = 4, 12
#: Entries that make a list without a heading.
_FEWEST_ALONE = 8
#: Numbers that may be missing between two entries: hidden in a line, or read wrongly.
_MISSED = 2
#: Points; the narrowest column of a list.
_COLUMN = 90.0
#: Widest drop between two lines of one entry, in usual ones.
_DROP = 1.6
_PASSED = FURNITURE | {Kind.FIGURE, Kind.TABLE, Kind.CAPTION}
_RAISED = str.maketrans("⁰¹²³⁴⁵⁶⁷⁸⁹", "0123456789")
_NUMBER = re.compile(
    r"^(?:(?P<open>[\[(]?)(?P<number>\d{1,4})(?:(?P<close>[\])]\.?|\.(?!\d))\s*(?:\S|$)|\s+(?=[A-ZÀ-Ž\"“]))"
    r"|(?P<raised>[¹²³⁴-⁹][⁰¹²³⁴-⁹]*)\s?(?=[^\W\d]))"
)
#: What an entry without a number begins with.
_OPENS = re.compile(r"^[\"“‘'(\[—–_]*(?:[^\W_a-z]|(?:[a-z'’]{1,5}\s){1,3}[A-Z])")
_YEAR = re.compile(r"(?:1[6-9]|20)\d\d")


@dataclass(frozen=True, slots=True)
class _Row:
    """One line of the list."""

    line: Line
    page: int
    column: int  #: counted through the whole list
    homes: tuple[Block, ...]  #: that held it, or its pieces
    is_beyond: bool  #: the heading of another section stands between this and the list's own


@dataclass(frozen=True, slots=True)
class _Edges:
    """Where the entries of one column begin, and where their other lines do; None where the column does not tell."""

    entry: float | None
    text: float | None


def set_entries(pages: Sequence[Sequence[Block]], style: DocumentStyle) -> list[list[Block]]:
    """The pages with each entry of a reference list as one block."""
    made = [list(page) for page in pages]
    blocks = [block for page in pages for block in page if block.kind not in _PASSED]
    starts = [at + 1 for at, block in enumerate(blocks) if block.kind is Kind.HEADING and REFERENCE_HEADING.match(block.text)]
    for start, end in pairwise([*(starts or _first_entries(blocks, style)), len(blocks)]):
        rows = _rows(_listed(blocks[start:end]))
        edges, openings = _openings(rows)
        if len(openings) >= (_FEWEST if starts else _FEWEST_ALONE):
            made = _placed(made, rows, _gathered(rows, edges, openings), style)
    return made


def _first_entries(blocks: Sequence[Block], style: DocumentStyle) -> list[int]:
    """Where a list without a heading begins: the last block of the paper's second half with a first number as references have it."""
    found = [
        at
        for at, block in enumerate(blocks)
        if at > 0.4 * len(blocks) and block.lines and (label := _label(block.lines[0])) and label[1] == 1
        and (label[0] == "[]" or (label[0] == "." and block.lines[0].size < style.size - 0.4))
    ]  # fmt: skip
    return found[-1:]


def _listed(blocks: Sequence[Block]) -> list[Block]:
    """The headings among these blocks, and what is set in the size of the first of them: the rest of the list, if not other text."""
    first = list(takewhile(lambda block: not _is_head(block), blocks))
    size = _size([line for block in first[:3] for line in block.lines])
    n_first = len(first)
    return [
        block
        for at, block in enumerate(blocks)
        if _is_head(block) or (block.lines and _is_alike(block.lines, size, may_be_less=at < n_first))
    ]


def _size(lines: Sequence[Line]) -> float:
    """Points; fonts of fixed width, in which addresses are set, have sizes of their own and do not count. 0 without others."""
    return median([word.size for line in lines for word in line.words if not word.face.is_mono] or [0.0])


def _is_alike(lines: Sequence[Line], size: float, *, may_be_less: bool) -> bool:
    """True for about the same size, or for none."""
    own = _size(lines)
    return not own or (0.68 if may_be_less else 0.92) * size < own < 1.06 * size


def _rows(blocks: Sequence[Block]) -> list[_Row]:
    """The lines of a list down each column."""
    rows: list[_Row] = []
    column, is_beyond = 0, False
    for stretch in _stretches(blocks):
        is_beyond = is_beyond or _is_head(stretch[0])
        homes = {id(line): block for block in stretch for line in block.lines if not _is_head(block)}
        lines_in = [line for block in stretch for line in block.lines if id(line) in homes]
        for lines in _columns(lines_in) if lines_in else []:
            column += 1
            for pieces in _pieces(lines):
                whole = pieces[0] if len(pieces) == 1 else make_line([word for piece in pieces for word in piece.words])
                rows.append(_Row(whole, stretch[0].page, column, tuple(homes[id(piece)] for piece in pieces), is_beyond))
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


def _pieces(lines: Sequence[Line]) -> list[list[Line]]:
    """The lines of a column from the top down, each as the pieces into which justification pulled it apart."""
    rows: list[list[Line]] = []
    for line in sorted(lines, key=lambda line: -line.base):
        if rows and abs(rows[-1][0].base - line.base) < 0.3 * line.size:
            rows[-1].append(line)
        else:
            rows.append([line])
    return [sorted(row, key=lambda line: line.rect.left) for row in rows]


def _label(line: Line) -> tuple[str, int] | None:
    """How an entry is numbered and its number: ('[]', 12), None where the line begins with none."""
    match = _NUMBER.match(line.text)
    if not match:
        return None
    if match["raised"]:
        return "raised", int(match["raised"].translate(_RAISED))
    return f"{match['open']}{match['close'] or ''}", int(match["number"])


def _openings(rows: Sequence[_Row]) -> tuple[dict[int, _Edges], set[int]]:
    """The edges of each column and the indexes of the rows that begin an entry; none where this is no list."""
    labels = [_label(row.line) for row in rows]
    styles = Counter(label[0] for label in labels if label)
    for name, n in styles.most_common(3):
        numbers = [label[1] if label and label[0] == name else None for label in labels]
        found = _chain(rows, numbers, {})
        if n < _FEWEST or len(found) < _FEWEST:
            continue
        edges = _numbered_edges(rows, found)
        found = _chain(rows, numbers, edges)
        if len(found) >= _FEWEST and max(found) - min(found) < _LONGEST * len(found):
            return edges, found
    edges = _standing_edges(rows)
    found = _standing(rows, edges)
    return (edges, found) if len(found) >= _FEWEST else ({}, set())


def _standing(rows: Sequence[_Row], edges: dict[int, _Edges]) -> set[int]:
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


def _chain(rows: Sequence[_Row], numbers: Sequence[int | None], edges: dict[int, _Edges]) -> set[int]:
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


def _numbered_edges(rows: Sequence[_Row], openings: set[int]) -> dict[int, _Edges]:
    """The edges of each column: where most of its lines without a number begin, where these stand further in than the numbers."""
    edges: dict[int, _Edges] = {}
    for column, pairs in groupby(enumerate(rows), key=lambda pair: pair[1].column):
        members = list(pairs)
        entry = _commonest([row.line.rect.left for at, row in members if at in openings])
        text = _commonest([row.line.rect.left for at, row in members if at not in openings and entry is not None])
        edges[column] = _Edges(entry, text)
    offsets = [e.text - e.entry for e in edges.values() if e.entry is not None and e.text is not None]
    deep = [offset for offset in offsets if offset > 2]
    if len(deep) < 0.7 * len(offsets) or not deep:
        return {column: replace(e, text=None) for column, e in edges.items()}
    hung = {
        column: replace(e, text=e.entry + median(deep)) if e.entry is not None and (e.text or 0.0) - e.entry <= 2 else e
        for column, e in edges.items()  # other text below the list has its own edge
    }
    return _with_lone_edges(hung, rows)


def _standing_edges(rows: Sequence[_Row]) -> dict[int, _Edges]:
    """The edges of each column of a list without numbers, from its two commonest left edges."""
    edges: dict[int, _Edges] = {}
    for column, found in groupby(rows, key=lambda row: row.column):
        members = list(found)
        size = median(row.line.size for row in members)
        lefts = Counter(round(row.line.rect.left / 2) * 2.0 for row in members)
        common = sorted(x for x, n in lefts.items() if n + lefts[x + 2] + lefts[x - 2] > max(1, 0.12 * len(members)))
        inner = [x for x in common if 0.6 * size < x - common[0] < 6 * size]
        edges[column] = _Edges(common[0], max(inner, key=lambda x: lefts[x])) if inner else _Edges(None, None)
    return _with_lone_edges(edges, rows)


def _with_lone_edges(edges: dict[int, _Edges], rows: Sequence[_Row]) -> dict[int, _Edges]:
    """The edges of all columns; one that does not tell its own has those of another that begins in the same place."""
    known = [e for e in edges.values() if e.entry is not None]
    lefts = {column: min(row.line.rect.left for row in found) for column, found in groupby(rows, key=lambda row: row.column)}
    return {column: e if e.entry is not None else _like(lefts[column], known) for column, e in edges.items()}


def _like(left: float, known: Sequence[_Edges]) -> _Edges:
    """The edges of the column that has one of its edges here: a column of one entry has only one."""
    near = (
        e for e in known if e.entry is not None and e.text is not None and min(abs(left - e.entry), abs(left - e.text)) < 2.5
    )
    return next(near, _Edges(None, None))


def _commonest(lefts: Sequence[float]) -> float | None:
    counts = Counter(round(left) for left in lefts)
    return float(max(counts, key=lambda left: counts[left])) if counts else None


def _is_in(row: _Row, edges: dict[int, _Edges]) -> bool:
    """True at the edge of an entry's later lines."""
    text = edges[row.column].text if edges else None
    return text is not None and row.line.rect.left > text - 0.25 * row.line.size


def _is_out(row: _Row, edges: dict[int, _Edges]) -> bool:
    """True at the edge where entries begin."""
    entry = edges[row.column].entry
    return entry is not None and abs(row.line.rect.left - entry) < 0.5 * row.line.size


def _gathered(rows: Sequence[_Row], edges: dict[int, _Edges], openings: set[int]) -> list[list[int]]:
    """The rows of each entry."""
    size = median(_size([rows[at].line]) for at in openings)
    drops = [a.line.base - b.line.base for a, b in pairwise(rows) if a.column == b.column]
    usual = median(drops) if drops else 1.2 * size
    ends = {rows[at].column: at for at in sorted(openings)}  # before the last number of a column, its numbers alone divide it
    is_numbered = all(_label(rows[at].line) for at in openings)
    entries: list[list[int]] = []
    is_open = False
    for at, row in enumerate(rows):
        own = replace(edges[row.column], text=None) if is_numbered and at < ends.get(row.column, 0) else edges[row.column]
        if at in openings:
            entries.append([at])
            is_open = True
        elif is_open and _goes_on(rows[at - 1], row, own, usual, size):
            entries[-1].append(at)
        else:
            is_open = False
    return entries


def _goes_on(last: _Row, row: _Row, edges: _Edges, usual: float, size: float) -> bool:
    """True where this row is of the entry that the last one is of."""
    if not _is_alike([row.line], size, may_be_less=True) or row.is_beyond != last.is_beyond:
        return False
    if row.column == last.column and last.line.base - row.line.base > _DROP * usual:
        return False
    if edges.text is not None:
        return row.line.rect.left > edges.text - 0.6 * size
    return row.column == last.column or edges.entry is not None or row.line.text[:1].islower()


def _placed(
    pages: list[list[Block]], rows: Sequence[_Row], entries: Sequence[Sequence[int]], style: DocumentStyle
) -> list[list[Block]]:
    """The pages with these entries where their first lines stood; what was no part of one stays."""
    taken = {at for entry in entries for at in entry}
    starts = {entry[0]: _entry_block([rows[at] for at in entry], style) for entry in entries}
    gone = _touched(rows, taken)
    made: dict[int, list[Block]] = {}
    rest: list[_Row] = []
    for at, row in enumerate(rows):
        if rest and (at in taken or row.homes[0] is not rest[0].homes[0]):
            made.setdefault(rest[0].page, []).append(_rest_block(rest, style))
            rest = []
        if at in starts:
            made.setdefault(row.page, []).append(starts[at])
        elif at not in taken and id(row.homes[0]) in gone:
            rest.append(row)
    if rest:
        made.setdefault(rest[0].page, []).append(_rest_block(rest, style))
    return [_with_entries(page, gone, made) for page in pages]


def _with_entries(page: Sequence[Block], gone: set[int], made: dict[int, list[Block]]) -> list[Block]:
    first = next((at for at, block in enumerate(page) if id(block) in gone), None)
    if first is None:
        return list(page)
    return [*page[:first], *made.get(page[first].page, []), *(block for block in page[first:] if id(block) not in gone)]


def _touched(rows: Sequence[_Row], taken: set[int]) -> set[int]:
    """The blocks that entries took lines of, and those that share a line with one of these."""
    gone = {id(home) for at in taken for home in rows[at].homes}
    while True:
        more = {id(home) for row in rows if any(id(home) in gone for home in row.homes) for home in row.homes}
        if more <= gone:
            return gone
        gone |= more


def _entry_block(rows: Sequence[_Row], style: DocumentStyle) -> Block:
    """One entry; each stretch in another column is a part of its own."""
    parts = [[row.line for row in found] for _, found in groupby(rows, key=lambda row: row.column)]
    pages = [next(found).page for _, found in groupby(rows, key=lambda row: row.column)]
    text = join_texts((line.text for line in parts[0]), style.known)
    more = []
    for page, lines in zip(pages[1:], parts[1:], strict=True):
        added = join_texts((line.text for line in lines), style.known)
        text = join_texts((text, added), style.known)
        more.append(Part(page, rect_of_lines(lines), added))
    label = _label(rows[0].line)
    kind = Kind.LIST_ITEM if label and label[0] not in ("", "raised") else Kind.TEXT
    own = tuple(row.line for row in rows)
    return Block(kind=kind, page=pages[0], rect=rect_of_lines(parts[0]), lines=own, text=text, more=tuple(more), is_entry=True)


def _rest_block(rows: Sequence[_Row], style: DocumentStyle) -> Block:
    home, lines = rows[0].homes[0], tuple(row.line for row in rows)
    if home.lines == lines:
        return home
    kind = home.kind if home.kind is Kind.FOOTNOTE else Kind.TEXT
    return Block(
        kind=kind, page=home.page, rect=rect_of_lines(lines), lines=lines, text=join_texts((x.text for x in lines), style.known)
    )
