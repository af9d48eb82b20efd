"""What stands in the margins of manuscripts: line numbers, and words written up the page ('Downloaded from').

Neither can be told by repetition of words. Line numbers are told by counting: one for each line, or each fifth.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise

from ingest.layout.block import Block, Kind
from ingest.layout.page import PageSignals, Word, enclosing

#: Points by which the numbers of one margin may differ at the edge where they are aligned.
_EDGE = 2.0
#: Numbers in one margin of a page; fewer may be anything.
_FEWEST = 5
#: Share of the page's width at either side where they stand.
_MARGIN = 0.17
#: Share of the page's height, at least, from the first number to the last.
_SPAN = 0.3


def split_margins(pages: Sequence[PageSignals]) -> tuple[list[PageSignals], list[list[Block]]]:
    """The pages without their line numbers, and for each what stands in its margins: furniture, kept in the document."""
    numbers = [line_numbers(page) for page in pages]
    if sum(map(bool, numbers)) < 2 and len(pages) > 1:  # a manuscript has them on its other pages too
        numbers = [set() for _ in pages]
    cleared, margins = [], []
    for page, gone in zip(pages, numbers, strict=True):
        numbered: list[Word] = []
        kept: list[Word] = []
        for at, word in enumerate(page.words):
            (numbered if at in gone else kept).append(word)
        cleared.append(replace(page, words=tuple(kept)) if gone else page)
        margins.append([_block(words, page) for words in (numbered, _sideways(page)) if words])
    return cleared, margins


def line_numbers(page: PageSignals) -> set[int]:
    """Indexes of the words of this page that number its lines."""
    numbers = [
        (at, word) for at, word in enumerate(page.words) if not word.turn and word.text.isdecimal() and len(word.text) < 5
    ]
    if len(numbers) < _FEWEST:
        return set()
    found: set[int] = set()
    for side in ("left", "right"):
        for edge in {round(getattr(word.rect, side)) for _, word in numbers}:
            column = [(at, word) for at, word in numbers if abs(getattr(word.rect, side) - edge) <= _EDGE]
            if len(column) >= _FEWEST and _counts(column, page) and _is_outside(column, page):
                found |= {at for at, _ in column}
    return found


def _counts(column: Sequence[tuple[int, Word]], page: PageSignals) -> bool:
    """True where the numbers go on by a fixed step, at a fixed distance, down much of the page."""
    words = sorted((word for _, word in column), key=lambda word: -word.base)
    values = [int(word.text) for word in words]
    steps = [b - a for a, b in pairwise(values)]
    drops = sorted(a.base - b.base for a, b in pairwise(words))
    step = max(set(steps), key=steps.count)
    if (
        step not in (1, 2, 5, 10)
        or steps.count(step) < 0.9 * len(steps)
        or words[0].base - words[-1].base < _SPAN * page.height
    ):
        return False
    usual = drops[len(drops) // 2]
    return sum(abs(drop - usual) < 0.25 * usual for drop in drops) > 0.6 * len(drops)


def _is_outside(column: Sequence[tuple[int, Word]], page: PageSignals) -> bool:
    """True where nearly nothing else stands on this side of them, or between them."""
    own = {at for at, _ in column}
    left, right = min(word.rect.left for _, word in column), max(word.rect.right for _, word in column)
    others = [word for at, word in enumerate(page.words) if at not in own and not word.turn]
    inner = [word for word in others if word.rect.left > right]
    outer = [word for word in others if word.rect.right < left]
    if left > _MARGIN * page.width and right < (1 - _MARGIN) * page.width:
        return False
    crossing = len(others) - len(inner) - len(outer)
    return crossing <= 0.03 * len(others) and min(len(inner), len(outer)) <= 0.03 * len(others)


def _block(words: Sequence[Word], page: PageSignals) -> Block:
    ordered = sorted(words, key=lambda word: (-word.base, word.rect.left))
    text = " ".join(word.text for word in ordered)
    return Block(kind=Kind.PAGE_HEADER, page=page.number, rect=enclosing(word.rect for word in words), text=text)


def _sideways(page: PageSignals) -> list[Word]:
    """Words written up or down at the outer edge of the page."""
    outer = 0.08 * page.width
    return [word for word in page.words if word.turn and (word.rect.right < outer or word.rect.left > page.width - outer)]
