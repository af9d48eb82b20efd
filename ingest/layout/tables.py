"""Where tables are: below or above a caption, between rulings of the same width, or both."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from ingest.layout.block import Block, Grid, Kind
from ingest.layout.grid import read_grid
from ingest.layout.page import Line, PageSignals, Rect, enclosing, overlap
from ingest.layout.style import DocumentStyle

#: Points between a caption and the first ruling or row of its table.
_CAPTION_GAP = 45.0


@dataclass(frozen=True, slots=True)
class Group:
    """Lines of one paragraph, before it is known what they are."""

    lines: tuple[Line, ...]
    rect: Rect
    caption: str | None  #: 'figure', 'table' or None
    is_prose: bool


def find_tables(page: PageSignals, groups: Sequence[Group], style: DocumentStyle) -> list[Block]:
    """The tables of a page, their captions not yet bound."""
    stacks = _stacks(merged_rulings(page.across), groups)
    captions = [g for g in groups if g.caption == "table"]
    areas: list[Rect] = []
    for caption in captions:
        stack = _nearest(caption.rect, stacks)
        if stack:
            stacks.remove(stack)
            areas.append(stack)
        else:
            area = _unruled_area(caption, groups, style)
            if area:
                areas.append(area)
    found = [block for area in areas if (block := _table(page, area, groups, style, min_rows=2))]
    figure_captions = [_with_text_below(g.rect, groups) for g in groups if g.caption == "figure"]
    for stack in stacks:
        if not any(stack.meets(block.rect) for block in found) and not _is_captioned_by(stack, figure_captions):
            block = _table(page, stack, groups, style, min_rows=3)
            if block:
                found.append(block)
    return found


def _is_captioned_by(area: Rect, captions: Sequence[Rect]) -> bool:
    """True where one of these captions stands right below: between rulings that are axes, the labels of a plot make rows too."""
    return any(_beside(caption, area) and -6 <= area.bottom - caption.top <= _CAPTION_GAP for caption in captions)


def _with_text_below(caption: Rect, groups: Sequence[Group]) -> Rect:
    """The caption with the paragraph that goes on below it: its first line may be a short title."""
    below = [g.rect for g in groups if 0 <= caption.bottom - g.rect.top < 14 and abs(g.rect.left - caption.left) < 4]
    return enclosing([caption, *below])


def merged_rulings(rulings: Sequence[Rect]) -> list[Rect]:
    """Rulings at one height that touch, as one, from the top down."""
    merged: list[Rect] = []
    for ruling in sorted(rulings, key=lambda r: (-round(r.bottom), r.left)):
        last = merged[-1] if merged else None
        if last and abs(last.bottom - ruling.bottom) < 1.6 and ruling.left - last.right < 10:
            merged[-1] = enclosing((last, ruling))
        else:
            merged.append(ruling)
    return [r for r in merged if r.width > 30]


def _stacks(rulings: Sequence[Rect], groups: Sequence[Group]) -> list[Rect]:
    """Areas between rulings of the same width with no running text between them."""
    stacks: list[list[Rect]] = []
    for ruling in rulings:
        for stack in stacks:
            if _aligned(stack, ruling) and not _prose_between(stack[-1], ruling, groups):
                stack.append(ruling)
                break
        else:
            stacks.append([ruling])
    return [enclosing(stack) for stack in stacks if len(stack) > 1 and enclosing(stack).height > 12]


def _aligned(stack: Sequence[Rect], ruling: Rect) -> bool:
    """True where the ruling is as wide as the stack.

    A narrower one (below a heading that spans some columns) counts for nothing here: between full rulings it lies inside their
    area anyway, and below the last of them it belongs to something else.
    """
    whole = enclosing(stack)
    return abs(whole.left - ruling.left) < 8 and abs(whole.right - ruling.right) < 8


def _prose_between(upper: Rect, lower: Rect, groups: Sequence[Group]) -> bool:
    for group in groups:
        if not (group.is_prose or group.caption) or overlap(group.rect.left, group.rect.right, upper.left, upper.right) < 20:
            continue
        middle = group.rect.middle[1]
        if lower.bottom < middle < upper.top and (group.caption or group.rect.width > 0.6 * min(upper.width, lower.width)):
            return True
    return False


def _nearest(caption: Rect, stacks: Sequence[Rect]) -> Rect | None:
    """The stack that begins below the caption, or else ends above it."""
    below = [
        (caption.bottom - s.top, s) for s in stacks if -8 <= caption.bottom - s.top <= _CAPTION_GAP and _beside(caption, s)
    ]
    inside = [(0.0, s) for s in stacks if s.bottom < caption.bottom < s.top and _beside(caption, s)]
    above = [
        (s.bottom - caption.top, s) for s in stacks if -8 <= s.bottom - caption.top <= _CAPTION_GAP and _beside(caption, s)
    ]
    return min(inside or below or above, key=lambda pair: pair[0], default=(0.0, None))[1]


def _beside(caption: Rect, area: Rect) -> bool:
    return overlap(caption.left, caption.right, area.left, area.right) > 0.4 * min(caption.width, area.width)


def _unruled_area(caption: Group, groups: Sequence[Group], style: DocumentStyle) -> Rect | None:
    """Rows without rulings below a caption: what follows until running text, a caption or a wide gap."""
    rows: list[Rect] = []
    floor = caption.rect.bottom
    for group in sorted(groups, key=lambda g: -g.rect.top):
        if group is caption or group.rect.top > caption.rect.bottom + 2:
            continue
        if group.is_prose or group.caption or floor - group.rect.top > 2.5 * style.pitch:
            if overlap(group.rect.left, group.rect.right, caption.rect.left, caption.rect.right) > 0:
                break
            continue
        rows.append(group.rect)
        floor = min(floor, group.rect.bottom)
    return enclosing(rows) if len(rows) > 2 else None


def _table(page: PageSignals, area: Rect, groups: Sequence[Group], style: DocumentStyle, *, min_rows: int) -> Block | None:
    """The table in this area, or None where its words make no grid."""
    inside = area.grown(3, 2)
    captions = [g.rect for g in groups if g.caption]
    words = [
        w
        for w in page.words
        if not w.turn and inside.holds(*w.rect.middle) and not any(c.holds(*w.rect.middle) for c in captions)
    ]
    if len(words) < 4:
        return None
    across = [r for r in page.across if r.meets(inside)]
    down = [r for r in page.down if r.meets(inside) and r.height > 6]
    grid = read_grid(words, across, down, style.known)
    if grid is None or grid.n_rows < min_rows or not _is_table(grid):
        return None
    rect = enclosing([w.rect for w in words])
    return Block(kind=Kind.TABLE, page=page.number, rect=rect, words=tuple(words), grid=grid)


def _is_table(grid: Grid) -> bool:
    """False for prose in two columns: its cells are long and most rows fill only some."""
    filled = len(grid.cells) / (grid.n_rows * grid.n_columns)
    mean = sum(len(cell.text) for cell in grid.cells) / len(grid.cells)
    return filled > 0.25 and mean < 160 and not (grid.n_columns == 2 and mean > 55 and grid.n_rows > 8)
