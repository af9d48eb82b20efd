"""Captions bound to the figure or table that they name."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from ingest.layout.block import Block, Kind
from ingest.layout.page import Rect, overlap

#: Points between a caption and what it names.
_REACH = 70.0
#: Share of its page that a figure fills whose caption stands on another.
_LARGE = 0.25
_TABLE_WORDS = ("tab", "supplementary tab", "supplemental tab", "extended data tab", "appendix tab", "online tab")


def bind_captions(blocks: Sequence[Block]) -> list[Block]:
    """The blocks of one page, captions moved into the nearest figure or table, order kept.

    A bound block stands where it stood; a caption that finds none stays a block of its own.
    """
    bound: dict[int, list[Block]] = {}
    gone: set[int] = set()
    for at, caption in enumerate(blocks):
        if caption.kind is not Kind.CAPTION:
            continue
        wanted = Kind.TABLE if caption.text.lower().startswith(_TABLE_WORDS) else Kind.FIGURE
        near = [
            (d, i)
            for i, b in enumerate(blocks)
            if b.kind is wanted and i not in bound and (d := _distance(caption.rect, b.rect)) < _REACH
        ]
        if near:
            _, target = min(near)
            bound[target] = [caption]
            gone.add(at)
    return [replace(b, captions=tuple(bound.get(i, ()))) if i in bound else b for i, b in enumerate(blocks) if i not in gone]


def bind_over_pages(pages: Sequence[Sequence[Block]], areas: Sequence[float]) -> list[list[Block]]:
    """The pages; a caption without a figure belongs to the large figure without a caption on the next page, or the one before.

    `areas` are those of the pages, in square points. Figures that fill a page have their captions on the facing one.
    """
    bound = [list(page) for page in pages]
    for at, page in enumerate(bound):
        captions = [block for block in page if block.kind is Kind.CAPTION and not block.text.lower().startswith(_TABLE_WORDS)]
        if len(captions) != 1:
            continue
        for other in (at + 1, at - 1):
            figure = _lone_figure(bound[other], areas[other]) if 0 <= other < len(bound) else None
            if figure is not None:
                bound[other][figure] = replace(bound[other][figure], captions=(captions[0],))
                bound[at] = [block for block in page if block is not captions[0]]
                break
    return bound


def _lone_figure(blocks: Sequence[Block], area: float) -> int | None:
    """Index of the one large figure of a page, where it has no caption."""
    large = [at for at, block in enumerate(blocks) if block.kind is Kind.FIGURE and block.rect.area > _LARGE * area]
    return large[0] if len(large) == 1 and not blocks[large[0]].captions else None


def _distance(caption: Rect, region: Rect) -> float:
    """Points from edge to edge; what stands neither above, below nor beside is far."""
    across = -overlap(caption.left, caption.right, region.left, region.right)
    up = -overlap(caption.bottom, caption.top, region.bottom, region.top)
    if across > 0 and up > 0:
        return 1e6
    return max(0.0, across, up)
