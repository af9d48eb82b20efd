"""Reference lists: the lines of one entry, over columns and pages, as one block.

A newcomer would cut them as paragraphs are cut. But the lines of an entry end early, change their type (a journal in italics, an
address in a font of fixed width), come to full stops and begin with '518.'. Only two things say where an entry begins: the next
number, or, in a list without numbers, a line that stands out to the left.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from itertools import groupby, pairwise
from statistics import median

from ingest.blocks import REFERENCE_HEADING
from ingest.layout.block import FURNITURE, Block, Kind, Part, make_block
from ingest.layout.entry_rows import FEWEST, Edges, Row, is_alike, label_of, list_rows, openings_of, size_of
from ingest.layout.hyphens import join_texts
from ingest.layout.paragraphs import rect_of_lines
from ingest.layout.style import DocumentStyle

#: Entries that make a list without a heading.
_FEWEST_ALONE = 8
#: Widest drop between two lines of one entry, in usual ones.
_DROP = 1.6
_PASSED = FURNITURE | {Kind.FIGURE, Kind.TABLE, Kind.CAPTION}


def set_entries(pages: Sequence[Sequence[Block]], style: DocumentStyle) -> list[list[Block]]:
    """The pages with each entry of a reference list as one block."""
    made = [list(page) for page in pages]
    blocks = [block for page in pages for block in page if block.kind not in _PASSED]
    starts = [at + 1 for at, block in enumerate(blocks) if block.kind is Kind.HEADING and REFERENCE_HEADING.match(block.text)]
    for start, end in pairwise([*(starts or _first_entries(blocks, style)), len(blocks)]):
        rows = list_rows(blocks[start:end])
        edges, openings = openings_of(rows)
        if len(openings) >= (FEWEST if starts else _FEWEST_ALONE):
            made = _placed(made, rows, _gathered(rows, edges, openings), style)
    return made


def _first_entries(blocks: Sequence[Block], style: DocumentStyle) -> list[int]:
    """Where a list without a heading begins: the last block of the paper's second half with a first number as references have it."""
    found = []
    for at, block in enumerate(blocks):
        label = label_of(block.lines[0]) if block.lines and at > 0.4 * len(blocks) else None
        is_small = bool(block.lines) and block.lines[0].size < style.size - 0.4
        if label == ("[]", 1) or (label == (".", 1) and is_small):
            found.append(at)
    return found[-1:]


def _gathered(rows: Sequence[Row], edges: dict[int, Edges], openings: set[int]) -> list[list[int]]:
    """The rows of each entry."""
    size = median(size_of([rows[at].line]) for at in openings)
    drops = [a.line.base - b.line.base for a, b in pairwise(rows) if a.column == b.column]
    usual = median(drops) if drops else 1.2 * size
    ends = {rows[at].column: at for at in sorted(openings)}  # before the last number of a column, its numbers alone divide it
    is_numbered = all(label_of(rows[at].line) for at in openings)
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


def _goes_on(last: Row, row: Row, edges: Edges, usual: float, size: float) -> bool:
    """True where this row is of the entry that the last one is of."""
    if not is_alike([row.line], size, may_be_less=True) or row.is_beyond != last.is_beyond:
        return False
    if row.column == last.column and last.line.base - row.line.base > _DROP * usual:
        return False
    if edges.text is not None:
        return row.line.rect.left > edges.text - 0.6 * size
    return row.column == last.column or edges.entry is not None or row.line.text[:1].islower()


def _placed(
    pages: list[list[Block]], rows: Sequence[Row], entries: Sequence[Sequence[int]], style: DocumentStyle
) -> list[list[Block]]:
    """The pages with these entries where their first lines stood; what was no part of one stays."""
    taken = {at for entry in entries for at in entry}
    starts = {entry[0]: _entry_block([rows[at] for at in entry], style) for entry in entries}
    gone = _touched(rows, taken)
    made: dict[int, list[Block]] = {}
    rest: list[Row] = []
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


def _touched(rows: Sequence[Row], taken: set[int]) -> set[int]:
    """The blocks that entries took lines of, and those that share a line with one of these."""
    gone = {id(home) for at in taken for home in rows[at].homes}
    while True:
        more = {id(home) for row in rows if any(id(home) in gone for home in row.homes) for home in row.homes}
        if more <= gone:
            return gone
        gone |= more


def _entry_block(rows: Sequence[Row], style: DocumentStyle) -> Block:
    """One entry; each stretch in another column is a part of its own."""
    parts = [[row.line for row in found] for _, found in groupby(rows, key=lambda row: row.column)]
    pages = [next(found).page for _, found in groupby(rows, key=lambda row: row.column)]
    text = join_texts((line.text for line in parts[0]), style.known)
    more = []
    for page, lines in zip(pages[1:], parts[1:], strict=True):
        added = join_texts((line.text for line in lines), style.known)
        text = join_texts((text, added), style.known)
        more.append(Part(page, rect_of_lines(lines), added))
    label = label_of(rows[0].line)
    kind = Kind.LIST_ITEM if label and label[0] not in ("", "raised") else Kind.TEXT
    own = tuple(row.line for row in rows)
    return Block(kind=kind, page=pages[0], rect=rect_of_lines(parts[0]), lines=own, text=text, more=tuple(more), is_entry=True)


def _rest_block(rows: Sequence[Row], style: DocumentStyle) -> Block:
    home, lines = rows[0].homes[0], tuple(row.line for row in rows)
    if home.lines == lines:
        return home
    kind = home.kind if home.kind is Kind.FOOTNOTE else Kind.TEXT
    return make_block(kind, lines, home.page, style)
