"""The title: which of the large lines on a first page it is, also where a cover of a repository stands before the paper.

The largest line may name the journal, the series or the library that keeps the paper.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence

from ingest.layout.block import Block, Kind
from ingest.layout.hyphens import join_texts
from ingest.layout.looks import look_of
from ingest.layout.names import is_known
from ingest.layout.page import enclosing
from ingest.layout.people import begins_with_names
from ingest.layout.style import DocumentStyle

#: Pages, the first included, on which a paper begins that has a cover.
_COVERS = 3
#: Blocks that may stand between a title and its authors: a second title, a date.
_BETWEEN = 3
#: Share of the words that the title on a cover and the title of the paper have in common.
_ALIKE = 0.8
_PERIODICAL = re.compile(
    r"^(?:the\s+)?(?:[\w&]+\s+){0,4}(?:journal|annals|transactions|proceedings|bulletin|archives|acta|revista|zeitschrift)\b"
    r"|\bconference series\b",
    re.I,
)
#: What stands by the name of a journal: volume, number, ISSN, its address.
_IMPRINT = re.compile(r"\bvol(?:ume|\.)?\s*\d|\bissue\s+\d|\bissn\b|\d\s*\(\d{1,4}\)|^(?:https?://|www\.)\S+$", re.I)
_HOME_PAGE = re.compile(r"\bhome ?page\b", re.I)


def with_title(pages: Sequence[list[Block]], style: DocumentStyle) -> tuple[list[list[Block]], int]:
    """The pages with the title marked, and the index of the page on which the paper begins: not the first behind a cover."""
    for page, blocks in enumerate(pages[1:_COVERS], start=1):
        for large in _large_types(blocks, style):
            repeated = _joined(large, Kind.TEXT, style)
            on_cover = _like(repeated.text, pages[0])
            if on_cover:
                title = _joined([on_cover], Kind.TITLE, style)
                first = [title if block is on_cover else block for block in pages[0]]
                later = [repeated if block is large[0] else block for block in blocks if block not in large[1:]]
                return [first, *pages[1:page], later, *pages[page + 1 :]], page
    return [_with_largest(pages[0], style), *pages[1:]], 0


def _large_types(blocks: Sequence[Block], style: DocumentStyle) -> list[list[Block]]:
    """What stands in the upper part of a page in each kind of large type."""
    middle = 0.4 * max((block.rect.top for block in blocks), default=0.0)
    found: dict[tuple[float, str], list[Block]] = {}
    for block in blocks:
        if block.kind not in (Kind.TEXT, Kind.HEADING) or not block.lines or block.rect.bottom < middle or is_known(block.text):
            continue
        if _size(block) >= style.size + 2.5:
            found.setdefault((round(_size(block)), block.lines[0].face), []).append(block)
    return [large for large in found.values() if sum(_n_words(block.text) for block in large) > 3]


def _like(text: str, blocks: Sequence[Block]) -> Block | None:
    """The block that says this, the largest of several."""
    same = [block for block in blocks if _is_cover_line(block) and _share(block.text, text) >= _ALIKE]
    return max(same, key=_size, default=None)


def _joined(parts: Sequence[Block], kind: Kind, style: DocumentStyle) -> Block:
    """These as one, row by row: a title is often set so wide that its words stand apart."""
    lines = sorted((line for part in parts for line in part.lines), key=lambda line: (-round(line.base / 3), line.rect.left))
    text = join_texts((line.text for line in lines), style.known)
    return Block(kind=kind, page=parts[0].page, rect=enclosing(part.rect for part in parts), lines=tuple(lines), text=text)


def _is_cover_line(block: Block) -> bool:
    kinds = (Kind.TEXT, Kind.HEADING, Kind.LIST_ITEM, Kind.CODE)
    return block.kind in kinds and bool(block.lines) and _n_words(block.text) > 3 and not re.search(r"\s\d{1,3}$", block.text)


def _n_words(text: str) -> int:
    return len(re.findall(r"[^\W\d_]{2,}", text))


def _share(one: str, other: str) -> float:
    words = [Counter(re.findall(r"\w+", text.lower())) for text in (one, other)]
    return 2 * (words[0] & words[1]).total() / (words[0].total() + words[1].total())


def _with_largest(blocks: Sequence[Block], style: DocumentStyle) -> list[Block]:
    candidates = [i for i, block in enumerate(blocks) if _may_be_title(block, style)]
    larger = [i for i in candidates if _size(blocks[i]) >= style.size + 0.75 and not _names_periodical(blocks, i)]
    candidates = larger or candidates
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
    if not _is_above_names(blocks, _end(blocks, start), within=_BETWEEN):  # a banner; the title has its authors below
        start = next((i for i in larger if _is_above_names(blocks, _end(blocks, i), within=1)), start)
    end = _end(blocks, start)
    return [*blocks[:start], _joined(blocks[start:end], Kind.TITLE, style), *blocks[end:]]


def _end(blocks: Sequence[Block], start: int) -> int:
    """Index behind the last block of the title that begins here."""
    end = start + 1
    while end < len(blocks) and _continues(blocks[end - 1], blocks[end]):
        end += 1
    return end


def _is_above_names(blocks: Sequence[Block], at: int, *, within: int) -> bool:
    """True where one of the next blocks begins with authors."""
    return any(block.lines and begins_with_names(block.lines[0].text) for block in blocks[at : at + within])


def _may_be_title(block: Block, style: DocumentStyle) -> bool:
    if block.kind not in (Kind.TEXT, Kind.HEADING, Kind.LIST_ITEM) or not block.lines or len(block.text) > 320:
        return False
    words = re.findall(r"[^\W\d_]{2,}", block.text)
    enough = len(words) >= 2 and len("".join(words)) >= 10
    if not enough and not (_size(block) > style.size + 1.5 and len(block.text) >= 8):
        return False
    return not is_known(block.text) and _size(block) >= style.size - 0.1


def _names_periodical(blocks: Sequence[Block], at: int) -> bool:
    """True for the name of a journal with its volume or its address below; above a home page any name is one."""
    below = [b.text for b in blocks[at + 1 : at + 4] if len(b.text) < 150 and b.rect.top < blocks[at].rect.top]
    if any(_HOME_PAGE.search(text) for text in below[:2]):
        return True
    return bool(_PERIODICAL.search(blocks[at].text)) and any(_IMPRINT.search(text) for text in below)


def _is_marked(block: Block) -> bool:
    look = look_of(block.lines)
    return look.bold or look.caps


def _size(block: Block) -> float:
    return max(block.lines, key=lambda line: len(line.text)).size


def _continues(last: Block, block: Block) -> bool:
    if block.kind not in (Kind.TEXT, Kind.HEADING) or not block.lines or is_known(block.text):
        return False
    same = abs(_size(last) - _size(block)) < 0.6 and last.lines[0].face == block.lines[0].face
    beside = abs(last.lines[-1].base - block.lines[0].base) < 2
    return same and (beside or 0 < last.rect.bottom - block.rect.bottom < 3.0 * _size(block) * max(1, len(block.lines)))
