"""Rulings of tables: pieces of one line put together, and the columns that their ends show; shades, and the rows that theirs show.

Typesetting programs draw the ruling above a row as one piece per column, so the joints between pieces are the
borders of columns, even where the text of two columns nearly touches.
"""

from __future__ import annotations

from collections.abc import Sequence

from ingest.layout.page import Rect, enclosing, overlap

#: Points by which the heights of two pieces of one ruling may differ.
_LEVEL = 1.6


def merged_rulings(rulings: Sequence[Rect], *, gap: float = 10.0) -> list[Rect]:
    """Rulings at one height that touch or nearly do, as one, from the top down; between those below headings there are gaps too."""
    merged: list[Rect] = []
    for ruling in sorted(rulings, key=lambda r: (-round(r.bottom), r.left)):
        level = [
            at
            for at, last in enumerate(merged[-40:], start=max(0, len(merged) - 40))
            if abs(last.bottom - ruling.bottom) < _LEVEL
        ]
        near = [at for at in level if overlap(merged[at].left, merged[at].right, ruling.left, ruling.right) > -gap]
        if near:
            merged[near[-1]] = enclosing((merged[near[-1]], ruling))
        else:
            merged.append(ruling)
    return [r for r in merged if r.width > 30]


def column_cuts(rulings: Sequence[Rect], area: Rect) -> list[float]:
    """x of the joints of pieces that together run over the whole table; joints that one height alone has may be chance."""
    heights: list[list[Rect]] = []
    for ruling in sorted(set(rulings), key=lambda r: -r.bottom):
        if heights and abs(heights[-1][0].bottom - ruling.bottom) < _LEVEL:
            heights[-1].append(ruling)
        else:
            heights.append([ruling])
    joints = [_joints(pieces) for pieces in heights if enclosing(pieces).width > 0.85 * area.width]
    joints = [found for found in joints if found]
    if not joints:
        return []
    best = max(joints, key=len)
    return [x for x in best if len(joints) == 1 or sum(any(abs(x - y) < 2 for y in found) for found in joints) > 1]


def _joints(pieces: Sequence[Rect]) -> list[float]:
    return sorted(
        {
            round(left.right, 1)
            for left in pieces
            if left.width > 8
            for right in pieces
            if right.width > 8
            and abs(left.right - right.left) < 1.0
            and not any(p.left < left.right - 3 and p.right > right.left + 3 for p in pieces)
        }
    )


def standing_rulings(down: Sequence[Rect], area: Rect) -> list[float]:
    """x of vertical rulings inside the table that run, in pieces perhaps, over more than half of its height."""
    found: list[list[Rect]] = []
    for ruling in sorted(set(down), key=lambda r: r.left):
        if found and abs(found[-1][0].left - ruling.left) < 2:
            found[-1].append(ruling)
        else:
            found.append([ruling])
    return [
        sum(r.left + r.right for r in pieces) / 2 / len(pieces)
        for pieces in found
        if area.left + 3 < pieces[0].left < area.right - 3
        and enclosing(pieces).height > 0.5 * area.height
        and sum(r.height for r in pieces) > 0.4 * area.height
    ]


def shaded_rows(shades: Sequence[Rect], area: Rect) -> list[Rect]:
    """The shades of whole rows, pieces of one put together, from the top down; not one that lies behind several others."""
    bands: list[Rect] = []
    for shade in sorted((s for s in shades if s.meets(area) and s.height < 0.9 * area.height), key=lambda s: (-s.top, s.left)):
        at = next((n for n, b in enumerate(bands) if abs(b.top - shade.top) < 1 and abs(b.bottom - shade.bottom) < 1), None)
        if at is None:
            bands.append(shade)
        else:
            bands[at] = enclosing((bands[at], shade))
    bands = [b for b in bands if overlap(b.left, b.right, area.left, area.right) > 0.8 * area.width]
    return [b for b in bands if sum(_lies_in(other, b) for other in bands) < 2 or not _is_filled_by(b, bands)]


def _lies_in(inner: Rect, outer: Rect) -> bool:
    return inner is not outer and outer.bottom - 1 < inner.bottom and inner.top < outer.top + 1


def _is_filled_by(band: Rect, others: Sequence[Rect]) -> bool:
    """True where shades of rows together cover the whole of this."""
    return sum(other.height for other in others if _lies_in(other, band)) > 0.6 * band.height


def without_outlines(rulings: Sequence[Rect], rows: Sequence[Rect]) -> list[Rect]:
    """The rulings that are no edge of a piece of a shaded row."""
    pieces = [row for row in rows if any(_lies_in(row, other) for other in rows)]
    return [
        r for r in rulings if not any(abs(r.bottom - y) < 1 or abs(r.top - y) < 1 for p in pieces for y in (p.bottom, p.top))
    ]


def edges_of(rows: Sequence[Rect]) -> list[Rect]:
    """The edges of shaded rows, as if they were ruled."""
    whole = [row for row in rows if not any(_lies_in(row, other) for other in rows)]
    return [Rect(row.left, y, row.right, y) for row in whole for y in (row.top, row.bottom)]
