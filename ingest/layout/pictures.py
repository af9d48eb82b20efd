"""Figures as whole regions.

A figure is bitmaps and drawings that stand close together, with the labels inside and around them. It must not
swallow a framed text: a region that is full of running text is a box, not a figure.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from ingest.layout.block import Block, Kind
from ingest.layout.group import Group
from ingest.layout.page import PageSignals, Rect, enclosing, overlap
from ingest.layout.style import DocumentStyle, family_of

#: Points; drawings closer than this belong together.
_NEAR = 11.0
#: Points between a figure and small print in its own type, and the letter of a panel, which stands alone.
_LABEL_REACH, _PANEL_REACH = 25.0, 40.0
_PANEL = re.compile(r"^\(?[A-Za-z]\)?[.:]?$")
#: Labels, and strokes, of a drawing whose box is not known; and their size, in that of the text.
_FEWEST_LABELS, _TINY = 4, 0.75
#: Points; the smallest side of a figure that has no caption.
_SMALL = 36.0


def _seeds(page: PageSignals) -> list[Rect]:
    """Bitmaps and drawings that can be part of a figure: no rulings, no backgrounds."""
    area = page.width * page.height
    drawn = [d for d in page.drawings if d.width > 3 and d.height > 3 and d.area < 0.8 * area]
    bitmaps = [b for b in page.bitmaps if b.area < 0.9 * area]
    return drawn + bitmaps


def find_figures(page: PageSignals, groups: Sequence[Group], tables: Sequence[Block], style: DocumentStyle) -> list[Block]:
    """The figures of a page outside of its tables."""
    seeds = [s for s in _seeds(page) if not any(s.share_inside(t.rect.grown(6, 6)) > 0.6 for t in tables)]
    captions = [g for g in groups if g.caption == "figure"]
    labels = find_labels(page, groups, style)
    own = {id(g) for g in labels}
    prose = [g for g in groups if (g.is_prose or g.caption or is_display(g, style)) and id(g) not in own]
    loose = [g for g in groups if not (g.is_prose or g.caption or is_display(g, style)) or id(g) in own]
    others = [g for g in groups if id(g) not in own]
    seeds = [s for s in seeds if not _is_box(s, prose)]
    clusters = _merged(seeds + [g.rect for g in labels], prose)
    clusters = [c for c in clusters if any(s.meets(c) for s in seeds)]
    clusters = _gathered(clusters, captions, prose)
    found = []
    for cluster in clusters:
        region = _with_labels(cluster, loose, own, prose, style)
        has_caption = any(_near_caption(region, c.rect) for c in captions)
        if _is_figure(region, others, style, has_caption=has_caption) and not any(
            region.share_inside(t.rect) > 0.5 for t in tables
        ):
            found.append(Block(kind=Kind.FIGURE, page=page.number, rect=region))
    for caption in captions:
        if not any(_near_caption(block.rect, caption.rect) for block in (*found, *tables)):
            drawn = _region_of_labels(caption, groups, own, page, style)
            if drawn and not any(drawn.meets(block.rect) for block in (*found, *tables)):
                found.append(Block(kind=Kind.FIGURE, page=page.number, rect=drawn))
    return found


def _region_of_labels(
    caption: Group, groups: Sequence[Group], own: set[int], page: PageSignals, style: DocumentStyle
) -> Rect | None:
    """Strokes and labels above a caption, up to the text above them: a drawing that runs into the page's background."""
    beside = [g.rect for g in groups if g.is_prose and overlap(g.rect.left, g.rect.right, *caption.rect[::2]) > 0]
    left, _, right, _ = enclosing([caption.rect, *beside])
    above = [g for g in groups if g.rect.bottom > caption.rect.top - 2 and overlap(g.rect.left, g.rect.right, left, right) > 0]
    labels = [g for g in above if not g.is_prose and not g.caption and (id(g) in own or g.lines[0].size < _TINY * style.size)]
    mine = {id(g) for g in labels}
    ceiling = min((g.rect.bottom for g in above if id(g) not in mine), default=page.height)
    area = Rect(left, caption.rect.top - 2, right, ceiling)
    labels = [g for g in labels if area.holds(*g.rect.middle)]
    strokes = [r for r in (*page.across, *page.down) if r.share_inside(area) > 0.9]
    if min(len(labels), len(strokes)) < _FEWEST_LABELS:
        return None
    return enclosing([*(g.rect for g in labels), *strokes])


def _is_box(seed: Rect, prose: Sequence[Group]) -> bool:
    """True for a frame or a shade around running text, or a background that runs into it."""
    inside = [g for g in prose if g.rect.share_inside(seed.grown(2, 2)) > 0.7 and g.is_prose]
    if sum(g.rect.area for g in inside) > 0.35 * seed.area:
        return True
    return any(0.1 < g.rect.share_inside(seed) < 0.9 for g in prose if not g.caption)


def _merged(seeds: Sequence[Rect], prose: Sequence[Group]) -> list[Rect]:
    """Seeds that stand close together as one, as long as no running text gets between them."""
    clusters = list(seeds)
    if len(clusters) > 400:  # a drawing of very many strokes
        clusters = _coarse(clusters)
    again = True
    while again:
        again = False
        merged: list[Rect] = []
        for rect in sorted(clusters, key=lambda r: (-r.top, r.left)):
            for at, other in enumerate(merged):
                union = enclosing((rect, other))
                if rect.grown(_NEAR, _NEAR).meets(other) and not _swallows(union, prose):
                    merged[at] = union
                    again = True
                    break
            else:
                merged.append(rect)
        clusters = merged
    return clusters


def _coarse(rects: Sequence[Rect]) -> list[Rect]:
    """Rects of one 36 pt tile as one, so that merging stays quick."""
    tiles: dict[tuple[int, int], list[Rect]] = {}
    for rect in rects:
        x, y = rect.middle
        tiles.setdefault((int(x // 36), int(y // 36)), []).append(rect)
    return [enclosing(tile) for tile in tiles.values()]


def _swallows(region: Rect, prose: Sequence[Group]) -> bool:
    return any(g.rect.share_inside(region) > 0.5 for g in prose)


def _gathered(clusters: Sequence[Rect], captions: Sequence[Group], prose: Sequence[Group]) -> list[Rect]:
    """All panels above one caption as one figure."""
    left = list(clusters)
    for caption in captions:
        near = [c for c in left if _above(c, caption.rect) and not _text_between(c, caption, prose)]
        if len(near) > 1:
            union = enclosing(near)
            if not _swallows(union, [p for p in prose if p is not caption]):
                left = [c for c in left if c not in near] + [union]
    return left


def _above(cluster: Rect, caption: Rect) -> bool:
    beside = overlap(cluster.left, cluster.right, caption.left, caption.right) > 0.3 * min(cluster.width, caption.width)
    return beside and cluster.bottom > caption.top - 6


def _text_between(cluster: Rect, caption: Group, prose: Sequence[Group]) -> bool:
    for group in prose:
        if group is caption:
            continue
        beside = overlap(cluster.left, cluster.right, group.rect.left, group.rect.right) > 10
        beside = beside and overlap(caption.rect.left, caption.rect.right, group.rect.left, group.rect.right) > 10
        if beside and caption.rect.top - 2 < group.rect.middle[1] < cluster.top:
            return True
    return False


def _near_caption(region: Rect, caption: Rect) -> bool:
    beside = overlap(region.left, region.right, caption.left, caption.right) > 0.3 * min(region.width, caption.width)
    aside = overlap(region.bottom, region.top, caption.bottom, caption.top) > 0.5 * min(region.height, caption.height)
    return (beside and (-6 < region.bottom - caption.top < 60 or -6 < caption.bottom - region.top < 40)) or (
        aside and (-4 < caption.left - region.right < 40 or -4 < region.left - caption.right < 40)
    )


def _with_labels(
    cluster: Rect, groups: Sequence[Group], labels: set[int], prose: Sequence[Group], style: DocumentStyle
) -> Rect:
    """The region with the short texts at its edges: axis labels, legends, panel letters."""
    region = cluster
    for _ in range(3):
        grown = region
        for group in groups:
            if group.rect.height > 0.5 * max(cluster.height, 40):
                continue
            reach = _reach(group, style, prose, is_own=id(group) in labels)
            inside = group.rect.share_inside(region.grown(2, 2)) > 0.3
            near = group.rect.share_inside(region.grown(reach, reach)) > 0.9 and not _is_script(group, prose)
            if (inside or near) and not _swallows(enclosing((grown, group.rect)), prose):
                grown = enclosing((grown, group.rect))
        if grown == region:
            break
        region = grown
    return region


def _reach(group: Group, style: DocumentStyle, prose: Sequence[Group], *, is_own: bool) -> float:
    """Points from a figure within which this text is a part of it."""
    if len(group.lines) == 1 and _PANEL.match(group.lines[0].text):
        return _PANEL_REACH
    is_small = group.lines[0].size < style.size - 0.4
    if is_small and is_own and not any(p.rect.meets(group.rect.grown(0, _NEAR)) for p in prose):
        return _LABEL_REACH
    return 12.0 if is_small or is_own or sum(len(line.text) for line in group.lines) < 12 else 0.0


def _is_script(group: Group, prose: Sequence[Group]) -> bool:
    """True for an index that stands alone between the lines of a caption or a paragraph."""
    return any(p.rect.grown(2, 2).holds(*group.rect.middle) for p in prose)


def find_labels(page: PageSignals, groups: Sequence[Group], style: DocumentStyle) -> list[Group]:
    """Words in a font family that the text does not use: figures are drawn elsewhere, and bring their own.

    On the first page there are none: a title may have a font of its own.
    """
    if page.number == 1:
        return []
    return [g for g in groups if not g.caption and not any(family_of(line.face) in style.families for line in g.lines)]


def is_display(group: Group, style: DocumentStyle) -> bool:
    """True for words larger than the body: a title or a heading, which no figure takes in."""
    line = group.lines[0]
    if line.bold > 0.9 and line.size > style.size + 0.8 and family_of(line.face) in style.families and line.text[:1].isupper():
        return True
    return line.size > style.size + 1.5 and sum(len(w.text) > 1 for line in group.lines for w in line.words) >= 3


def _is_figure(region: Rect, groups: Sequence[Group], style: DocumentStyle, *, has_caption: bool) -> bool:
    """True where it is large enough and, without a caption, not a frame with text in it."""
    if has_caption:
        return region.width > 20 and region.height > 20
    if region.width <= _SMALL or region.height <= _SMALL:
        return False
    inside = [g for g in groups if g.rect.share_inside(region) > 0.5 and (g.is_prose or g.lines[0].size > 0.85 * style.size)]
    return sum(len(line.text) for g in inside for line in g.lines) < 60
