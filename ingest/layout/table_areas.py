"""Where tables may be: between rulings of the same width, or in rows below a caption.

Running text between two rulings ends an area, but a cell can hold as much text as a paragraph. What tells them
apart is company: a paragraph of the column has nothing beside it between the rulings, a cell has other cells.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

from ingest.layout.group import Group, has_company, is_beside
from ingest.layout.page import PageSignals, Rect, enclosing, overlap
from ingest.layout.style import DocumentStyle
from ingest.layout.table_fakes import is_in_figure
from ingest.layout.table_rulings import column_cuts, merged_rulings, standing_rulings

#: How a note below a table begins.
_NOTE = re.compile(
    r"^(?:(?:[Nn]otes?|NOTES?|[Aa]bbreviations?|[Ss]ources?|[Ll]egend)\b.{0,3}:|(?:Data|Values) are\b|[*†‡§¶#∗]|\(?[a-h1-9]\)?\s?[A-Z])"
)
#: Points between a caption and the first ruling or row of its table.
CAPTION_GAP = 45.0


@dataclass(frozen=True, slots=True)
class Area:
    rect: Rect
    is_captioned: bool
    n_rulings: int


def table_areas(page: PageSignals, groups: Sequence[Group], style: DocumentStyle) -> list[Area]:
    """Areas to be read as tables, the captioned ones first."""
    rulings = merged_rulings(page.across)
    stacks = _stacks(rulings, groups, page)
    areas = []
    for caption in (g for g in groups if g.caption == "table"):
        stack = _nearest(caption.rect, stacks)
        if stack:
            stacks.remove(stack)
        stack = _extended(stack, caption, rulings, groups, page)
        if stack:
            areas.append(_open_above(_open_below(stack, groups, style), caption, groups))
        elif rect := _unruled_area(caption, groups, style):
            areas.append(Area(rect, is_captioned=True, n_rulings=0))
    return areas + [
        Area(enclosing(stack), is_captioned=False, n_rulings=len(stack))
        for stack in stacks
        if not any(enclosing(stack).meets(area.rect) for area in areas)
        and _is_headed(stack, page, style)
        and not is_in_figure(enclosing(stack), page, groups, style)
    ]


def _is_headed(stack: Sequence[Rect], page: PageSignals, style: DocumentStyle) -> bool:
    """True where rulings alone make a table: one below its first lines, or others between its columns."""
    area = enclosing(stack)
    if len(standing_rulings(page.down, area)) > 0 or len(column_cuts([r for r in page.across if r.meets(area)], area)) > 0:
        return True
    heights = [upper.bottom - lower.bottom for upper, lower in pairwise(stack)]
    heights = [h for h in heights if h > 0.6 * style.size]
    return len(heights) > 1 and heights[0] < min(5 * style.pitch, 0.6 * area.height)


def _stacks(rulings: Sequence[Rect], groups: Sequence[Group], page: PageSignals) -> list[list[Rect]]:
    """Rulings of the same width with no running text between them, each stack from the top down."""
    stacks: list[list[Rect]] = []
    for ruling in rulings:
        for stack in stacks:
            if _aligned(stack, ruling) and not _text_between(stack, ruling, groups, page):
                stack.append(ruling)
                break
        else:
            stacks.append([ruling])
    return [stack for stack in stacks if len(stack) > 1 and enclosing(stack).height > 12]


def _aligned(stack: Sequence[Rect], ruling: Rect) -> bool:
    """True where the ruling is as wide as the stack.

    A narrower one (below a heading that spans some columns) counts for nothing here: between full rulings it lies inside their
    area anyway, and below the last of them it belongs to something else.
    """
    whole = enclosing(stack)
    return abs(whole.left - ruling.left) < 8 and abs(whole.right - ruling.right) < 8


def _text_between(stack: Sequence[Rect], ruling: Rect, groups: Sequence[Group], page: PageSignals) -> bool:
    """True where running text stands between the stack and this ruling; in a box that a table began, a cell may be running text."""
    upper = stack[-1]
    if len(stack) > 1 and _is_boxed(upper, ruling, page.down):
        return _ends_between(upper, ruling, groups, page)
    return _prose_between(upper, ruling, groups)


def _is_boxed(upper: Rect, lower: Rect, down: Sequence[Rect]) -> bool:
    """True where rulings join these two at both ends."""
    gap = upper.bottom - lower.bottom
    sides = [
        [r for r in set(down) if abs(r.left - x) < 4 and r.meets(enclosing((upper, lower)).grown(4, 0))]
        for x in (upper.left, upper.right)
    ]
    return all(sum(overlap(r.bottom, r.top, lower.bottom, upper.bottom) for r in side) > 0.8 * gap for side in sides)


def _prose_between(upper: Rect, lower: Rect, groups: Sequence[Group]) -> bool:
    return any(
        group.caption or group.rect.width > 0.6 * min(upper.width, lower.width)
        for group in _between(upper, lower, groups)
        if group.is_prose or group.caption
    )


def _between(upper: Rect, lower: Rect, groups: Sequence[Group]) -> list[Group]:
    return [
        g
        for g in groups
        if lower.bottom < g.rect.middle[1] < upper.top and overlap(g.rect.left, g.rect.right, upper.left, upper.right) > 5
    ]


def _nearest(caption: Rect, stacks: Sequence[list[Rect]]) -> list[Rect] | None:
    """The stack that begins below the caption, or else ends above it."""
    near = [(enclosing(stack), stack) for stack in stacks]
    near = [(area, stack) for area, stack in near if is_beside(caption, area)]
    below = [(caption.bottom - a.top, s) for a, s in near if -8 <= caption.bottom - a.top <= CAPTION_GAP]
    inside = [(0.0, s) for a, s in near if a.bottom < caption.bottom < a.top]
    above = [(a.bottom - caption.top, s) for a, s in near if -8 <= a.bottom - caption.top <= CAPTION_GAP]
    found = inside or below or above
    return min(found, key=lambda pair: pair[0])[1] if found else None


def _extended(
    stack: list[Rect] | None, caption: Group, rulings: Sequence[Rect], groups: Sequence[Group], page: PageSignals
) -> list[Rect] | None:
    """The rulings below a caption with those that follow beyond cells of running text."""
    if stack is None:
        tops = [r for r in rulings if -3 <= caption.rect.bottom - r.top <= CAPTION_GAP and is_beside(caption.rect, r)]
        if not tops or _between(caption.rect, max(tops, key=lambda r: r.top), [g for g in groups if g is not caption]):
            return None
        stack = [max(tops, key=lambda r: r.top)]
    elif enclosing(stack).bottom > caption.rect.bottom:
        return stack
    grown = list(stack)
    for ruling in rulings:
        if ruling.bottom < grown[-1].bottom - 2 and _aligned(grown, ruling):
            if _ends_between(grown[-1], ruling, groups, page):
                break
            grown.append(ruling)
    return grown if len(grown) > 1 else None


def _ends_between(upper: Rect, lower: Rect, groups: Sequence[Group], page: PageSignals) -> bool:
    """True where a caption, a paragraph or a heading of the page stands between these rulings."""
    between = _between(upper, lower, groups)
    return any(
        g.caption
        or (g.is_prose and (_is_page_column(g, upper, page) or not has_company(g, between)))
        or (len(between) > 1 and g.rect.left < upper.left + 4 and not has_company(g, between) and _is_outside(g, between))
        for g in between
    )


def _is_page_column(group: Group, ruling: Rect, page: PageSignals) -> bool:
    """True for a paragraph as wide as one of two columns of the page."""
    return (
        ruling.width > 0.65 * page.width
        and 0.43 * ruling.width < group.rect.width < 0.53 * ruling.width
        and len(group.lines) > 4
    )


def _is_outside(group: Group, between: Sequence[Group]) -> bool:
    """True for a line in larger type than what stands beside it: a heading between two tables."""
    return group.lines[0].size > max(g.lines[0].size for g in between if g is not group) + 0.8


def _open_below(stack: Sequence[Rect], groups: Sequence[Group], style: DocumentStyle) -> Area:
    """The area of these rulings with the rows below the last: only the header may be ruled, or all but the last rows."""
    area = enclosing(stack)
    is_header = len(stack) < 3 and area.height <= 5.5 * style.pitch
    floor = area.bottom
    rows = [g for g in groups if g.rect.top < area.bottom + 2 and overlap(g.rect.left, g.rect.right, area.left, area.right) > 0]
    first = max(rows, key=lambda g: g.rect.top, default=None)
    is_row = first is not None and floor - first.rect.top <= 1.3 * style.pitch
    if first is None or not is_row or not (has_company(first, rows) if is_header else _is_row_of(first, rows, area, groups)):
        return Area(area, is_captioned=True, n_rulings=len(stack))
    for group in sorted(rows, key=lambda g: -g.rect.top):
        is_text = group.is_prose and (group.rect.width > 0.6 * area.width or not is_header or not has_company(group, rows))
        if group.caption or is_text or floor - group.rect.top > 2.0 * style.pitch or _is_note_below(first, group, rows):
            break
        floor = min(floor, group.rect.bottom)
    return Area(Rect(area.left, floor, area.right, area.top), is_captioned=True, n_rulings=len(stack))


def _open_above(area: Area, caption: Group, groups: Sequence[Group]) -> Area:
    """The area with the header between it and the caption, where the first ruling stands below the header only."""
    rect = area.rect
    above = Rect(rect.left, caption.rect.bottom, rect.right, caption.rect.bottom)
    header = _between(above, Rect(rect.left, rect.top, rect.right, rect.top), [g for g in groups if g is not caption])
    inside = [line.rect for g in groups for line in g.lines if rect.holds(*line.rect.middle)]
    below = [g for g in header if not g.is_prose and any(_stand_below(upper, g.lines[-1].rect) for upper in inside)]
    if len(header) < 2 or len(below) < 0.7 * len(header) or not all(has_company(g, header) for g in header):
        return area
    return replace(area, rect=enclosing([rect, *(g.rect for g in header)]))


def _is_row_of(first: Group, rows: Sequence[Group], area: Rect, groups: Sequence[Group]) -> bool:
    """True where the first line below a table is one more row: its pieces stand below those of the table."""
    top = first.rect.top
    line = [g for g in rows if abs(g.rect.top - top) < 0.5 * g.lines[0].size]
    above = [line.rect for g in groups for line in g.lines if area.holds(*line.rect.middle)]
    below = [g for g in line if any(_stand_below(g.lines[0].rect, rect) for rect in above)]
    return len(line) > 1 and len(below) == len(line) and not any(g.is_prose for g in line)


def _stand_below(lower: Rect, upper: Rect) -> bool:
    """True where the two have an edge or their middle in common."""
    return min(abs(lower.left - upper.left), abs(lower.right - upper.right), abs(lower.middle[0] - upper.middle[0])) < 2


def _unruled_area(caption: Group, groups: Sequence[Group], style: DocumentStyle) -> Rect | None:
    """Rows without rulings below a caption: what follows until running text, a caption or a wide gap."""
    rows: list[Group] = []
    floor = caption.rect.bottom
    column = [
        g.rect for g in groups if g.is_prose and overlap(g.rect.left, g.rect.right, caption.rect.left, caption.rect.right) > 0
    ]
    limit = enclosing([caption.rect, *column]) if column else enclosing(g.rect for g in groups)
    for group in sorted(groups, key=lambda g: -g.rect.top):
        if group is caption or group.rect.top > caption.rect.bottom + 2:
            continue
        if group.rect.left < limit.left - 5 or group.rect.right > limit.right + 5:
            continue
        if group.is_prose or group.caption or floor - group.rect.top > 2.5 * style.pitch:
            if overlap(group.rect.left, group.rect.right, caption.rect.left, caption.rect.right) > 0:
                break
            continue
        if rows and _is_note_below(rows[0], group, groups):
            break
        rows.append(group)
        floor = min(floor, group.rect.bottom)
    return enclosing(g.rect for g in rows) if len(rows) > 2 else None


def begins_note(group: Group) -> bool:
    """True for the words with which the notes below a table begin."""
    return bool(_NOTE.match(group.lines[0].text))


def _is_note_below(row: Group, group: Group, groups: Sequence[Group]) -> bool:
    """True for text that stands alone below a table's rows, in smaller type or with the first words of a note."""
    is_small = group.lines[0].size < row.lines[0].size - 0.3
    return not has_company(group, groups) and (is_small or begins_note(group)) and len(group.lines[0].words) > 3
