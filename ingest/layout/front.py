"""Front matter: the title, and what stands between it and the text.

Authors and affiliations are often bold, short and alone, as headings are.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from ingest.layout.block import Block, Kind
from ingest.layout.headings import depth_of
from ingest.layout.hyphens import join_texts
from ingest.layout.looks import look_of
from ingest.layout.names import is_known
from ingest.layout.page import enclosing
from ingest.layout.style import DocumentStyle

#: Words; a paragraph this long is text, not an affiliation.
_LONG = 45
#: Pages over which a list of authors may run.
_FRONT_PAGES = 4
_AUTHORS = re.compile(r"^\W*(?:authors?|autor(?:en|es))\W*$", re.I)
#: What the text itself begins with, in most papers.
_OPENS = re.compile(
    r"^\W*(?:[1I][.)]?\s+)?(?:abstract|summary|introduction|background|highlights|significance|zusammenfassung|einleitung|resumo|resumen"
    r"|introdução|introducción)\W*$",
    re.I,
)


def mark_front(pages: list[list[Block]], style: DocumentStyle) -> list[list[Block]]:
    """The pages with the title marked and no headings among the authors."""
    if not pages or not pages[0]:
        return pages
    first = _with_title(pages[0], style)
    title = next((i for i, block in enumerate(first) if block.kind is Kind.TITLE), None)
    last_page = _page_of_opening([first, *pages[1:]])
    marked = [_without_headings(page, len(page)) for page in [first, *pages[1:last_page]][:last_page]]
    last = first if last_page == 0 else pages[last_page]
    end = _end_of_front(last, 0 if title is None or last_page else title + 1)
    return [*marked, _without_headings(last, end), *pages[last_page + 1 :]]


def _page_of_opening(pages: Sequence[Sequence[Block]]) -> int:
    """Index of the page where the text begins: not the first where a list of authors fills it."""
    if not any(block.kind is Kind.HEADING and _AUTHORS.match(block.text) for block in pages[0]):
        return 0
    for at, page in enumerate(pages[:_FRONT_PAGES]):
        if any(block.kind is Kind.HEADING and _OPENS.match(block.text) for block in page):
            return at
    return 0


def _without_headings(blocks: Sequence[Block], end: int) -> list[Block]:
    """These blocks; up to `end`, names and addresses are no headings and no list."""
    return [
        block.named(Kind.TEXT)
        if i < end and block.kind in (Kind.HEADING, Kind.LIST_ITEM) and not is_known(block.text)
        else block
        for i, block in enumerate(blocks)
    ]


def _with_title(blocks: Sequence[Block], style: DocumentStyle) -> list[Block]:
    candidates = [i for i, block in enumerate(blocks) if _may_be_title(block, style)]
    if not candidates:
        return list(blocks)
    size = max(_size(blocks[i]) for i in candidates)
    if size < style.size + 0.75:  # no larger type: a line in capitals or bold near the top
        candidates = [i for i in candidates if i < 6 and len(blocks[i].text.split()) > 3 and _is_marked(blocks[i])]
    else:
        candidates = [i for i in candidates if _size(blocks[i]) > size - 0.6]
    if not candidates:
        return list(blocks)
    start = candidates[0]
    end = start + 1
    while end < len(blocks) and _continues(blocks[end - 1], blocks[end]):
        end += 1
    parts = blocks[start:end]
    lines = [line for part in parts for line in part.lines]
    title = Block(
        kind=Kind.TITLE,
        page=parts[0].page,
        rect=enclosing(part.rect for part in parts),
        lines=tuple(lines),
        text=join_texts((line.text for line in lines), style.known),
    )
    return [*blocks[:start], title, *blocks[end:]]


def _may_be_title(block: Block, style: DocumentStyle) -> bool:
    if block.kind not in (Kind.TEXT, Kind.HEADING, Kind.LIST_ITEM) or not block.lines or len(block.text) > 320:
        return False
    words = re.findall(r"[^\W\d_]{2,}", block.text)
    enough = len(words) >= 2 and len("".join(words)) >= 10
    if not enough and not (_size(block) > style.size + 1.5 and len(block.text) >= 8):
        return False
    return not is_known(block.text) and _size(block) >= style.size - 0.1


def _is_marked(block: Block) -> bool:
    look = look_of(block.lines)
    return look.bold or look.caps


def _size(block: Block) -> float:
    return max(block.lines, key=lambda line: len(line.text)).size


def _continues(last: Block, block: Block) -> bool:
    if block.kind not in (Kind.TEXT, Kind.HEADING) or not block.lines or is_known(block.text):
        return False
    same = abs(_size(last) - _size(block)) < 0.6 and last.lines[0].face == block.lines[0].face
    return same and 0 < last.rect.bottom - block.rect.bottom < 3.0 * _size(block) * max(1, len(block.lines))


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
