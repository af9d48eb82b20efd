"""Front matter: the title, and what stands between it and the text.

Authors and affiliations are often bold, short and alone, as headings are.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace

from ingest.layout.block import Block, Kind
from ingest.layout.headings import depth_of
from ingest.layout.hyphens import join_texts
from ingest.layout.names import is_known
from ingest.layout.page import Line, enclosing
from ingest.layout.people import is_names, may_be_names
from ingest.layout.style import DocumentStyle
from ingest.layout.titles import with_title

#: Words; a paragraph this long is text, not an affiliation.
_LONG = 45
#: Pages over which a list of authors may run.
_FRONT_PAGES = 4
#: A raised label and the name of a place.
_LABELLED = re.compile(r"^[*†‡§¹²³⁰⁴-⁹ᵃ-ᶻ]+\s?[A-ZÀ-Þ]")
_ADDRESS = re.compile(r"universi|department|institut|laborator|faculty|college|hospital|\S@\S", re.I)
_AUTHORS = re.compile(r"^\W*(?:authors?|autor(?:en|es))\W*$", re.I)
#: What the text itself begins with, in most papers.
_OPENS = re.compile(
    r"^\W*(?:[1I][.)]?\s+)?(?:abstract|summary|introduction|background|highlights|significance|zusammenfassung|einleitung|resumo|resumen"
    r"|introdução|introducción)\W*$",
    re.I,
)


def mark_front(pages: list[list[Block]], style: DocumentStyle) -> list[list[Block]]:
    """The pages with the title marked, authors before the abstract, and no headings among them or above the title."""
    if not pages or not pages[0]:
        return pages
    titled, begins = with_title(pages, style)
    title = next((i for i, block in enumerate(titled[0]) if block.kind is Kind.TITLE), None)
    last = max(begins, _page_of_opening(titled))
    page = titled[last]
    start = 0
    if title is not None and not last:
        page, start = _title_first(page, title)
    page = _authors_first(page, start)
    end = _end_of_front(page, start)
    before = [block.named(Kind.TEXT) if block.kind is Kind.HEADING else block for block in page[:start]]
    authors = _by_label(_by_rows(_without_headings(page[start:end]), style), style)
    front = [*before, *authors, *_without_names(page[max(start, end) :])]
    return [*(_without_headings(cover) for cover in titled[:last]), front, *titled[last + 1 :]]


def _page_of_opening(pages: Sequence[Sequence[Block]]) -> int:
    """Index of the page where the text begins: not the first where a list of authors fills it."""
    if not any(block.kind is Kind.HEADING and _AUTHORS.match(block.text) for block in pages[0]):
        return 0
    for at, page in enumerate(pages[:_FRONT_PAGES]):
        if any(block.kind is Kind.HEADING and _OPENS.match(block.text) for block in page):
            return at
    return 0


def _without_headings(blocks: Sequence[Block]) -> list[Block]:
    """These blocks; names and addresses are no headings and no list, and labels before a few words are none either."""
    return [
        block.named(Kind.TEXT) if block.kind in (Kind.HEADING, Kind.LIST_ITEM) and not _stays(block) else block
        for block in blocks
    ]


def _stays(block: Block) -> bool:
    return is_known(block.text) and (not block.is_run_in or bool(_OPENS.match(block.text)))


def _without_names(blocks: Sequence[Block]) -> list[Block]:
    """The rest of the page; names are no headings here either, and neither are the labels of a side column ('Funding:')."""
    return [
        block.named(Kind.TEXT)
        if block.kind is Kind.HEADING and (is_names(block.text) or (_is_label(block) and not _OPENS.match(block.text)))
        else block
        for block in blocks
    ]


def _is_label(block: Block) -> bool:
    return block.is_run_in and block.text.endswith(":")


def _by_rows(blocks: Sequence[Block], style: DocumentStyle) -> list[Block]:
    """The blocks; names in several columns with no addresses between them are one list, row by row."""
    found: list[Block] = []
    for block in blocks:
        if found and _is_of_names(found[-1]) and _is_of_names(block) and found[-1].lines[0].face == block.lines[0].face:
            lines = sorted((*found[-1].lines, *block.lines), key=lambda line: (-round(line.base / 3), line.rect.left))
            text = join_texts((line.text for line in lines), style.known)
            rect = enclosing((found[-1].rect, block.rect))
            found[-1] = replace(block, lines=tuple(lines), rect=rect, text=text)
        else:
            found.append(block)
    return found


def _is_of_names(block: Block) -> bool:
    is_text = block.kind is Kind.TEXT and bool(block.lines)
    return is_text and not re.search(r"\b\d{4}\b", block.text) and all(may_be_names(line.text) for line in block.lines)


def _title_first(blocks: Sequence[Block], title: int) -> tuple[list[Block], int]:
    """The blocks of the first page and the index behind the title; authors in a column that was read before it come after it."""
    below = blocks[title].rect.bottom
    rows = [line for block in blocks[title + 1 :] for line in block.lines[:3] if may_be_names(line.text)]
    early = [
        block for block in blocks[:title] if block.rect.top < below and _is_of_names_alone(block) and _is_in_row(block, rows)
    ]
    before = [block for block in blocks[:title] if block not in early]
    return [*before, blocks[title], *early, *blocks[title + 1 :]], len(before) + 1


def _is_in_row(block: Block, rows: Sequence[Line]) -> bool:
    """True beside other names in the same type: those of an editor, in a side column, stand on rows of their own."""
    first = block.lines[0]
    return any(abs(first.base - row.base) < 1 and first.face == row.face for row in rows)


def _authors_first(blocks: Sequence[Block], start: int) -> list[Block]:
    """The blocks of a page; authors who stand beside others above the abstract come before it too."""
    opening = next((i for i, b in enumerate(blocks) if i >= start and b.kind is Kind.HEADING and _OPENS.match(b.text)), None)
    if opening is None:
        return list(blocks)
    late: list[int] = []
    for i in range(opening + 1, len(blocks)):
        is_below_name = i - 1 in late and bool(_ADDRESS.search(blocks[i].text))
        if blocks[i].rect.bottom > blocks[opening].rect.top and (_is_of_names_alone(blocks[i]) or is_below_name):
            late.append(i)
    kept = [block for i, block in enumerate(blocks) if i > opening and i not in late]
    return [*blocks[:opening], *(blocks[i] for i in late), blocks[opening], *kept]


def _is_of_names_alone(block: Block) -> bool:
    is_text = block.kind in (Kind.TEXT, Kind.HEADING, Kind.LIST_ITEM) and bool(block.lines)
    return is_text and len(block.text.split()) < _LONG and all(may_be_names(line.text) for line in block.lines)


def _by_label(blocks: Sequence[Block], style: DocumentStyle) -> list[Block]:
    """The blocks; each line that begins with a raised label and a name begins another address."""
    found: list[Block] = []
    for block in blocks:
        starts = (
            [i for i, line in enumerate(block.lines) if i and _LABELLED.match(line.text)] if block.kind is Kind.TEXT else []
        )
        if not starts:
            found.append(block)
        for start, end in zip([0, *starts], [*starts, len(block.lines)], strict=True) if starts else ():
            lines = block.lines[start:end]
            text = join_texts((line.text for line in lines), style.known)
            found.append(replace(block, lines=lines, rect=enclosing(line.rect for line in lines), text=text))
    return found


def _end_of_front(blocks: Sequence[Block], start: int) -> int:
    """Index of the first block of the text itself: a known heading, a numbered one, a long paragraph."""
    named = [i for i, block in enumerate(blocks) if i > start and block.kind is Kind.HEADING and _OPENS.match(block.text)]
    if named:
        return named[0]
    for index in range(start, len(blocks)):
        block = blocks[index]
        if block.kind is Kind.HEADING and (is_known(block.text) or (depth_of(block.text) and _opens_text(blocks, index))):
            return index
        if (
            block.kind is Kind.TEXT
            and len(block.text.split()) >= _LONG
            and not re.search(r"universit|department|institut", block.text, re.I)
        ):
            back = index
            while back > start and blocks[back - 1].kind is Kind.HEADING:
                back -= 1
            return min(index, max(back, index - 1)) if index > start + 1 else index
    return start


def _opens_text(blocks: Sequence[Block], index: int) -> bool:
    """True where a paragraph follows this numbered heading: affiliations are numbered too."""
    following = blocks[index + 1] if index + 1 < len(blocks) else None
    return following is not None and (len(following.text.split()) >= 25 or depth_of(following.text) > 1)
