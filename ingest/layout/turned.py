"""Pages printed sideways or scanned upside down: turned for the rules, and their blocks turned back.

A wide table often stands across its page, and a scan may lie any way. The rules know lines that run from left to
right only, so such a page is turned until its text does; every box that they find is then turned back to where it
stands on the real page.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable
from dataclasses import replace

from ingest.layout.block import Block
from ingest.layout.page import PageSignals, Rect, Word
from ingest.layout.signals import set_word

#: Share of the characters in lines that must be written one way for the page to be turned.
_MOST = 0.6
#: Words of the shortest line: the labels of a plot that are written upwards stand each alone.
_LINE = 3


def page_turn(page: PageSignals) -> int:
    """90 where most lines of the page are written upwards, -90 where downwards, 180 where it stands on its head, else 0."""
    if not any(word.turn for word in page.words):
        return 0
    lines: dict[tuple[int, int], list[str]] = defaultdict(list)
    for word in page.words:
        foot = {90: word.rect.right, -90: word.rect.left, 180: word.rect.top}.get(word.turn, word.base)
        lines[word.turn, round(foot)].append(word.text)
    chars: dict[int, int] = defaultdict(int)
    for (turn, _), texts in lines.items():
        if len(texts) >= _LINE:
            chars[turn] += sum(map(len, texts))
    most = max(chars, key=lambda turn: chars[turn], default=0)
    return most if most and chars[most] > _MOST * sum(chars.values()) else 0


def turned_page(page: PageSignals, turn: int) -> PageSignals:
    """The page with the text of this direction running across."""
    if not turn:
        return page

    def to(rect: Rect) -> Rect:
        if turn == 180:
            return _half_turned(rect, page)
        if turn > 0:
            return Rect(rect.bottom, page.width - rect.right, rect.top, page.width - rect.left)
        return Rect(page.height - rect.top, rect.left, page.height - rect.bottom, rect.right)

    def word_to(word: Word) -> Word:
        if word.turn == turn:
            return set_word(word.text, to(word.rect), word.face)
        return replace(word, rect=to(word.rect), turn=90)

    across, down = (page.across, page.down) if turn == 180 else (page.down, page.across)
    return replace(
        page,
        width=page.width if turn == 180 else page.height,
        height=page.height if turn == 180 else page.width,
        words=tuple(word_to(word) for word in page.words),
        across=tuple(to(rect) for rect in across),
        down=tuple(to(rect) for rect in down),
        bitmaps=tuple(to(rect) for rect in page.bitmaps),
        drawings=tuple(to(rect) for rect in page.drawings),
        shades=tuple(to(rect) for rect in page.shades),
        bars=(),
    )


def turned_back(block: Block, page: PageSignals, turn: int) -> Block:
    """A block of the turned page with its boxes as they stand on `page`, which is not turned."""
    return _with_boxes(block, back_from(page, turn)) if turn else block


def back_from(page: PageSignals, turn: int) -> Callable[[Rect], Rect]:
    """What takes a box of the turned page to where it stands on `page`."""

    def back(rect: Rect) -> Rect:
        if turn == 180:
            return _half_turned(rect, page)
        if turn > 0:
            return Rect(page.width - rect.top, rect.left, page.width - rect.bottom, rect.right)
        return Rect(rect.bottom, page.height - rect.right, rect.top, page.height - rect.left)

    return back if turn else lambda rect: rect


def _half_turned(rect: Rect, page: PageSignals) -> Rect:
    return Rect(page.width - rect.right, page.height - rect.top, page.width - rect.left, page.height - rect.bottom)


def _with_boxes(block: Block, back: Callable[[Rect], Rect]) -> Block:
    grid = block.grid and replace(block.grid, cells=tuple(replace(cell, rect=back(cell.rect)) for cell in block.grid.cells))
    return replace(
        block,
        rect=back(block.rect),
        more=tuple(replace(part, rect=back(part.rect)) for part in block.more),
        grid=grid,
        captions=tuple(_with_boxes(caption, back) for caption in block.captions),
        notes=tuple(_with_boxes(note, back) for note in block.notes),
    )
