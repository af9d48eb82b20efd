"""Lists: which of the paragraphs that begin with a mark are items.

A bullet is always one, also where a font of signs calls it 'd'. A number or a letter needs its neighbour: '[4] has shown' is a
sentence, '(b)' alone is a formula's.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import replace

from ingest.layout.block import Block, Kind
from ingest.layout.page import PageSignals, Word

_MARK = re.compile(r"^(?P<open>[\[(]?)(?:(?P<number>\d{1,3})|(?P<letter>[A-Za-z])|(?P<roman>[ivx]{2,4}))(?P<close>[\].)])")
_ROMANS = ("i", "ii", "iii", "iv", "v", "vi", "vii", "viii", "ix", "x", "xi", "xii")
#: Blocks that may stand between two items: a figure, a formula, the second paragraph of the first.
_BETWEEN = 4

#: Bullets that make a font of bullets, and the share of its signs that must stand where bullets do.
_FEWEST_BULLETS, _AT_PLACE = 3, 0.9


def with_bullets(pages: Sequence[PageSignals]) -> list[PageSignals]:
    """The pages with bullets for the letters of fonts that have one letter only, and that before the first word of lines."""
    texts: dict[str, set[str]] = defaultdict(set)
    for page in pages:
        for word in page.words:
            texts[word.face.name].add(word.text)
    lone = {name for name, own in texts.items() if len(own) == 1 and len(text := next(iter(own))) == 1 and text.isalpha()}
    if not lone:
        return list(pages)
    found: dict[str, list[tuple[int, Word]]] = defaultdict(list)
    for at, page in enumerate(pages):
        for word in page.words:
            if word.face.name in lone:
                found[word.face.name].append((at, word))
    fonts = {name for name, words in found.items() if len(words) >= _FEWEST_BULLETS and _is_at_place(words, pages)}
    if not fonts:
        return list(pages)
    return [
        replace(page, words=tuple(replace(w, text="•") if w.face.name in fonts else w for w in page.words)) for page in pages
    ]


def _is_at_place(words: Sequence[tuple[int, Word]], pages: Sequence[PageSignals]) -> bool:
    """True where nearly all of these words have white before them and, after a small gap, a word."""
    right_place = 0
    for at, bullet in words:
        row = [w.rect for w in pages[at].words if w is not bullet and abs(w.base - bullet.base) < 0.4 * bullet.size]
        before = any(-1 < bullet.rect.left - rect.right < 2 * bullet.size for rect in row)
        after = any(0.3 * bullet.size < rect.left - bullet.rect.right < 3 * bullet.size for rect in row)
        right_place += after and not before
    return right_place >= _AT_PLACE * len(words)


def settle_lists(pages: Sequence[Sequence[Block]]) -> list[list[Block]]:
    """The pages; items whose number has no neighbour before or after are text."""
    items = [block for page in pages for block in page if block.kind in (Kind.LIST_ITEM, Kind.TEXT, Kind.HEADING)]
    marks = [_mark(block) for block in items]
    alone = {
        id(block)
        for at, (block, mark) in enumerate(zip(items, marks, strict=True))
        if block.kind is Kind.LIST_ITEM and mark is not None and not _has_neighbour(mark, marks, at)
    }
    return [[block.named(Kind.TEXT) if id(block) in alone else block for block in page] for page in pages]


def _has_neighbour(mark: tuple[str, frozenset[int]], marks: Sequence[tuple[str, frozenset[int]] | None], at: int) -> bool:
    """True where an item with the same kind of mark, one higher or lower, stands near."""
    near = [*marks[max(0, at - _BETWEEN) : at], *marks[at + 1 : at + 1 + _BETWEEN]]
    style, numbers = mark
    return any(
        other is not None and other[0] == style and any(n + step in other[1] for n in numbers for step in (-1, 1))
        for other in near
    )


def _mark(block: Block) -> tuple[str, frozenset[int]] | None:
    """How the item is marked and which numbers that can mean ('i' is a letter and a number); None for a bullet."""
    match = _MARK.match(block.text)
    if not match:
        return None
    style = match["open"] + match["close"]
    if match["number"]:
        return f"1{style}", frozenset({int(match["number"])})
    word = (match["letter"] or match["roman"]).lower()
    numbers = {_ROMANS.index(word) + 1} if word in _ROMANS else set()
    if match["letter"]:
        numbers.add(100 + ord(word))
    return f"a{style}", frozenset(numbers)
