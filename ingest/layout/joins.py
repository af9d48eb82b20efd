"""One paragraph that a column, a page or a figure cuts in two, made whole again."""

from __future__ import annotations

import re
from dataclasses import replace

from ingest.layout.block import FURNITURE, Block, Kind, Part
from ingest.layout.lines import join_texts
from ingest.layout.style import DocumentStyle

_JOINED = (Kind.TEXT, Kind.LIST_ITEM)
_FLOATS = FURNITURE | {Kind.FIGURE, Kind.TABLE, Kind.CAPTION, Kind.FOOTNOTE}
_ENDS = re.compile(r"[.:;?!…]['\"”’)\]]*\s*(?:\[?[\d⁰¹²³⁴-⁹,–\-]+\]?)?$")


def join_blocks(pages: list[list[Block]], style: DocumentStyle) -> list[list[Block]]:
    """The pages with every second part moved to the block that it continues."""
    pages = [list(page) for page in pages]
    last: tuple[int, int] | None = None
    for p, page in enumerate(pages):
        keep = []
        for block in page:
            if block.kind in _FLOATS or (last is not None and _is_small_print(block, style)):
                keep.append(block)
                continue
            if last is not None:
                holder = keep if last[0] == p else pages[last[0]]
                if _continues(holder[last[1]], block):
                    holder[last[1]] = _joined(holder[last[1]], block, style)
                    continue
            keep.append(block)
            last = (p, len(keep) - 1) if block.kind in _JOINED else None
        pages[p] = keep
    return pages


def _is_small_print(block: Block, style: DocumentStyle) -> bool:
    """True for notes and addresses that the running text passes over."""
    if block.kind not in _JOINED or not block.lines:
        return False
    return max(block.lines, key=lambda line: len(line.text)).size < style.size - 0.9


def _continues(last: Block, block: Block) -> bool:
    """True where `block` goes on with the sentence of `last` in the next column, page, or below a float."""
    if block.kind is not Kind.TEXT or not last.lines or not block.lines:
        return False
    tail, head = last.lines[-1], block.lines[0]
    if abs(tail.size - head.size) > 0.6:
        return False
    end = last.more[-1] if last.more else Part(last.page, last.rect, last.text)
    moved = block.page != end.page or block.rect.left > end.rect.right or block.rect.bottom > end.rect.top
    if _ENDS.search(last.text):
        return False
    starts_lower = head.text[:1].islower() or not head.text[:1].isalpha()
    if tail.text[-1:] in "-\u00ad\u2010":
        return True
    if moved:
        return starts_lower or tail.rect.right > last.rect.right - 3 * tail.size
    return head.text[:1].islower() and end.rect.bottom - block.rect.top < 400


def _joined(last: Block, block: Block, style: DocumentStyle) -> Block:
    text = join_texts((last.text, block.text), style.known)
    start = len(text) - len(block.text)
    part = Part(block.page, block.rect, text[start:])
    return replace(last, text=text, lines=last.lines + block.lines, more=(*last.more, part))
