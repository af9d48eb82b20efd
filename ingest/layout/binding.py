"""Captions bound to the figure or table that they name."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from ingest.layout.block import Block, Kind, Part
from ingest.layout.lines import join_texts
from ingest.layout.page import Rect, overlap
from ingest.layout.style import DocumentStyle

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


def join_halves(blocks: Sequence[Block], style: DocumentStyle) -> list[Block]:
    """The blocks of one page; the right half of a caption that is set in two columns below its figure joined to the left one."""
    joined: dict[int, Block] = {}
    gone: set[int] = set()
    for at, caption in enumerate(blocks):
        if caption.kind is not Kind.CAPTION or caption.size > style.size - 0.4:
            continue
        halves = [i for i, block in enumerate(blocks) if i not in gone and _is_other_half(caption, block)]
        if len(halves) == 1:
            other = blocks[halves[0]]
            text = join_texts((caption.text, other.text), style.known)
            part = Part(other.page, other.rect, text[len(text) - len(other.text) :])
            joined[at] = replace(caption, text=text, lines=caption.lines + other.lines, more=(part,))
            gone.add(halves[0])
    return [joined.get(at, block) for at, block in enumerate(blocks) if at not in gone]


def _is_other_half(caption: Block, block: Block) -> bool:
    """True for text of the same type that begins at the same height in the next column."""
    if block.kind is not Kind.TEXT or not block.lines or abs(block.size - caption.size) > 0.2:
        return False
    faces = [{word.face.name for line in half.lines for word in line.words} for half in (caption, block)]
    return (
        abs(block.lines[0].base - caption.lines[0].base) < 1.5
        and 3 < block.rect.left - caption.rect.right < 40
        and bool(faces[0] & faces[1])
    )


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
