"""Tables and text set sideways on an upright page: laid out on a turned page of their own, and put back.

Most words written up a page are none of its text: the labels of axes, stamps in the margin, the names below the bars
of a plot. A block is told by what it holds once it is laid out: a table with a caption, or lines of running text.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

from ingest.layout.block import Block, Kind
from ingest.layout.page import PageSignals, Rect, Word, enclosing
from ingest.layout.turned import turned_back, turned_page

#: Words written one way; fewer are labels.
_FEWEST = 25
#: Points between two words of one block.
_NEAR = 30.0
#: Share of the page's width at either side that is margin.
_MARGIN = 0.08
#: Words of a line of running text, and lines of a block of it.
_WORDS, _LINES = 6, 3


def sideways_regions(page: PageSignals) -> list[tuple[int, Rect]]:
    """How each group of words is written, and the box around it. Lines in the outer margin belong to none."""
    edge = _MARGIN * page.width
    words = [w for w in page.words if w.turn and w.rect.right > edge and w.rect.left < page.width - edge]
    found = []
    for turn in (90, -90):
        boxes = [word.rect for word in words if word.turn == turn]
        if len(boxes) >= _FEWEST:
            found += [(turn, box) for box, n in _groups(boxes) if n >= _FEWEST]
    return found


def _groups(boxes: Sequence[Rect]) -> list[tuple[Rect, int]]:
    """The boxes that stand close together as one, with how many they are."""
    groups: list[tuple[Rect, int]] = []
    for box in boxes:
        union, n = box, 1
        for other, m in [group for group in groups if group[0].grown(_NEAR, _NEAR).meets(box)]:
            groups.remove((other, m))
            union, n = enclosing((union, other)), n + m
        groups.append((union, n))
    return groups


def sideways_page(page: PageSignals, turn: int, region: Rect) -> PageSignals:
    """The turned page with nothing but what stands in this region."""
    inside = region.grown(6.0, 6.0)

    def kept(rects: Sequence[Rect]) -> tuple[Rect, ...]:
        return tuple(rect for rect in rects if rect.share_inside(inside) > 0.9)

    words = tuple(word for word in page.words if word.turn == turn and region.grown(1.0, 1.0).holds(*word.rect.middle))
    alone = replace(page, words=words, across=kept(page.across), down=kept(page.down), drawings=kept(page.drawings), bitmaps=())
    return turned_page(alone, turn)


def read_sideways(page: PageSignals, read: Callable[[PageSignals], list[Block]]) -> list[tuple[Rect, list[Block]]]:
    """The blocks set sideways on this page, each group with its box; `read` lays out a page that stands upright."""
    found = []
    for turn, region in sideways_regions(page):
        blocks = read(sideways_page(page, turn, region))
        if _is_text(blocks):
            found.append((region, [turned_back(block, page, turn) for block in blocks]))
    return found


def _is_text(blocks: Sequence[Block]) -> bool:
    if any(block.kind is Kind.TABLE and block.captions for block in blocks):
        return True
    lines = [line for block in blocks if block.kind in (Kind.TEXT, Kind.LIST_ITEM) for line in block.lines]
    return sum(_is_running(line.words) for line in lines) >= _LINES


def _is_running(words: Sequence[Word]) -> bool:
    return sum(len(word.text) > 1 for word in words) >= _WORDS


def without(page: PageSignals, regions: Sequence[Rect]) -> PageSignals:
    """The page without what is drawn in these regions."""

    def left(rects: Sequence[Rect]) -> tuple[Rect, ...]:
        return tuple(r for r in rects if not any(r.share_inside(region.grown(6.0, 6.0)) > 0.9 for region in regions))

    return replace(page, across=left(page.across), down=left(page.down), drawings=left(page.drawings)) if regions else page
