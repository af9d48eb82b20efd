"""Captions bound to the figure or table that they name."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from ingest.layout.block import Block, Kind
from ingest.layout.page import Rect, overlap

#: Points between a caption and what it names.
_REACH = 70.0
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


def _distance(caption: Rect, region: Rect) -> float:
    """Points from edge to edge; what stands neither above, below nor beside is far."""
    across = -overlap(caption.left, caption.right, region.left, region.right)
    up = -overlap(caption.bottom, caption.top, region.bottom, region.top)
    if across > 0 and up > 0:
        return 1e6
    return max(0.0, across, up)
