"""One paragraph that a column, a page or a figure cuts in two, made whole again."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace

from ingest.layout.block import FURNITURE, Block, Kind, Part
from ingest.layout.hyphens import HYPHENS, join_texts
from ingest.layout.people import is_names, may_be_names
from ingest.layout.style import DocumentStyle

_JOINED = (Kind.TEXT, Kind.LIST_ITEM)
_FLOATS = FURNITURE | {Kind.FIGURE, Kind.TABLE, Kind.CAPTION, Kind.FOOTNOTE}
_ENDS = re.compile(r"[.:;?!…]['\"”’)\]]*\s*(?:\[?[\d⁰¹²³⁴-⁹,–\-]+\]?)?$")


def join_blocks(pages: list[list[Block]], style: DocumentStyle) -> list[list[Block]]:
    """The pages with every second part moved to the block that it continues."""
    joined: list[list[Block]] = []
    last: tuple[int, int] | None = None
    unfinished: tuple[int, int] | None = None  # stands further back: addresses or notes came between
    note: tuple[int, int] | None = None  # the last footnote
    small: tuple[int, int] | None = None  # the last in small print, in which whole sections may be set
    for page in pages:
        keep: list[Block] = []
        joined.append(keep)
        for block in page:
            if block.kind is Kind.FOOTNOTE:
                if note and _note_goes_on(joined[note[0]][note[1]], block):
                    joined[note[0]][note[1]] = _joined(joined[note[0]][note[1]], block, style)
                    continue
                note = (len(joined) - 1, len(keep))
            if block.kind in _FLOATS or block.is_entry:
                keep.append(block)
                continue
            if last is not None and _is_small_print(block, style):
                if small and _goes_on_in_small_print(joined[small[0]][small[1]], block):
                    joined[small[0]][small[1]] = _joined(joined[small[0]][small[1]], block, style)
                else:
                    keep.append(block)
                    small = (len(joined) - 1, len(keep) - 1)
                continue
            place = _place_before(block, [at for at in (last, unfinished) if at], joined)
            if place:
                held = joined[place[0]][place[1]]
                joined[place[0]][place[1]] = _joined(held, block, style)
                last, unfinished = place, None
                continue
            keep.append(block)
            if block.kind not in _JOINED:
                last = unfinished = small = None
                continue
            if last and _is_unfinished(joined[last[0]][last[1]]):
                unfinished = last
            last = (len(joined) - 1, len(keep) - 1)
            small = last if _is_small_print(block, style) else small
    return joined


def _place_before(block: Block, places: Sequence[tuple[int, int]], pages: Sequence[Sequence[Block]]) -> tuple[int, int] | None:
    """Where the block stands that this one continues: the last, or an unfinished one further back in the same type."""
    for nth, (page, at) in enumerate(places):
        held = pages[page][at]
        if not _continues(held, block) or (is_names(held.text) and not may_be_names(block.lines[0].text)):
            continue
        if nth == 0 or (block.lines[0].text[:1].islower() and block.page - held.page < 2):
            return page, at
    return None


def _goes_on_in_small_print(last: Block, block: Block) -> bool:
    """True where a paragraph in small print goes on elsewhere; of addresses and notes, one often ends without a stop."""
    begins_lower = bool(block.lines) and block.lines[0].text[:1].islower()
    if not begins_lower or last.kind not in _JOINED or block.page - last.page > 1 or len(last.lines) < 3:
        return False
    return _is_moved(_end_of(last), block) and _continues(last, block)


def _end_of(block: Block) -> Part:
    return block.more[-1] if block.more else Part(block.page, block.rect, block.text)


def _is_moved(end: Part, block: Block) -> bool:
    """True where the block stands on another page or in another column."""
    return block.page != end.page or block.rect.left > end.rect.right or block.rect.bottom > end.rect.top


def _is_unfinished(block: Block) -> bool:
    return len(block.lines) > 1 and not _ENDS.search(block.text)


def _note_goes_on(note: Block, block: Block) -> bool:
    """True for the rest of a footnote at the foot of the next page: it has no mark and begins in the middle of a sentence."""
    return (
        block.page == note.page + 1 and _is_unfinished(note) and block.text[:1].islower() and bool(_faces(note) & _faces(block))
    )


def _is_small_print(block: Block, style: DocumentStyle) -> bool:
    """True for notes and addresses that the running text passes over."""
    if block.kind not in (*_JOINED, Kind.FORMULA) or not block.lines:
        return False
    if block.kind is Kind.FORMULA:  # its longest line may be a limit or an index
        return max(line.size for line in block.lines) < style.size - 0.9
    return max(block.lines, key=lambda line: len(line.text)).size < style.size - 0.9


def _continues(last: Block, block: Block) -> bool:
    """True where `block` goes on with the sentence of `last` in the next column, page, or below a float."""
    if block.kind is not Kind.TEXT or not last.lines or not block.lines:
        return False
    tail, head = last.lines[-1], block.lines[0]
    if abs(tail.size - head.size) > 0.6 or not _faces(last) & _faces(block):
        return False
    end = _end_of(last)
    moved = _is_moved(end, block)
    begins_lower = head.text[:1].islower()
    if tail.text[-1:] in HYPHENS:
        return True
    if _ENDS.search(last.text):
        return (moved and begins_lower) or (moved and last.kind is Kind.TEXT and _is_full(last, end) and _begins_flush(block))
    if moved:
        return begins_lower or not head.text[:1].isalpha() or tail.rect.right > end.rect.right - 3 * tail.size
    return begins_lower and end.rect.bottom - block.rect.top < 400


def _faces(block: Block) -> set[str]:
    return {line.face for line in block.lines}


def _is_full(last: Block, end: Part) -> bool:
    """True where the last line runs to the edge of its column: seldom does a paragraph end just there."""
    above = [line for line in last.lines[:-1] if line.rect.bottom <= end.rect.top and line.rect.left < end.rect.right]
    tail = last.lines[-1]
    return len(above) > 1 and tail.rect.right > end.rect.right - 0.2 * tail.size


def _begins_flush(block: Block) -> bool:
    """True without an indent, which would begin a new paragraph."""
    return (
        len(block.lines) > 1
        and block.lines[0].rect.left < min(line.rect.left for line in block.lines) + 0.4 * block.lines[0].size
    )


def _joined(last: Block, block: Block, style: DocumentStyle) -> Block:
    text = join_texts((last.text, block.text), style.known)
    start = len(text) - len(block.text)
    part = Part(block.page, block.rect, text[start:])
    return replace(last, text=text, lines=last.lines + block.lines, more=(*last.more, part))
