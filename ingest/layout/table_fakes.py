"""What looks like a table and is drawn: between lines that are axes or frames, the labels of a plot make rows too."""

from __future__ import annotations

from collections.abc import Sequence
from statistics import median

from ingest.layout.group import Group, is_beside
from ingest.layout.page import PageSignals, Rect, enclosing, overlap
from ingest.layout.style import DocumentStyle


def is_in_figure(area: Rect, page: PageSignals, groups: Sequence[Group], style: DocumentStyle) -> bool:
    """True for rulings of a drawing: over a bitmap, or with a figure's caption below and no text between."""
    if any(_share(area, bitmap) > 0.15 for bitmap in page.bitmaps) or _is_among_labels(area, groups):
        return True
    inside = [line for g in groups for line in g.lines if area.holds(*line.rect.middle)]
    if inside and median(line.size for line in inside) < 0.42 * style.size:
        return True
    around = [d for d in page.drawings if area.share_inside(d) > 0.95 and d.height < 0.9 * page.height]
    if any(d.area > 4 * area.area and not any(g.is_prose and g.rect.share_inside(d) > 0.5 for g in groups) for d in around):
        return True
    whole = enclosing([area, *around])
    for caption in groups:
        if caption.caption == "figure" and caption.rect.top < whole.bottom + 6 and is_beside(caption.rect, whole):
            between = [g for g in groups if g.is_prose and caption.rect.top < g.rect.middle[1] < area.bottom]
            if not any(overlap(g.rect.left, g.rect.right, area.left, area.right) > 10 for g in between):
                return True
    return False


def _is_among_labels(area: Rect, groups: Sequence[Group]) -> bool:
    """True where more words stand close beside the area, on a page with a figure: it is a part of one."""
    beside = [
        g
        for g in groups
        if not g.is_prose
        and not g.caption
        and overlap(g.rect.bottom, g.rect.top, area.bottom, area.top) > 2
        and -40 < overlap(g.rect.left, g.rect.right, area.left, area.right) < 2
    ]
    return len(beside) > 2 and any(g.caption == "figure" for g in groups)


def _share(rect: Rect, other: Rect) -> float:
    """Share of the smaller of the two that both cover."""
    return max(rect.share_inside(other), other.share_inside(rect))
