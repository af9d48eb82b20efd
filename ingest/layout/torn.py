"""Labels torn off their line: behind the icon that links an author's page, before a footnote, above the end of a name.

The gap at an icon is as wide as the one between two columns, and a label's own box says little: a star hangs in the
middle of its font, a raised figure of a small font above the line.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from ingest.layout.lines import from_top, make_line
from ingest.layout.page import Line, PageSignals, Rect, overlap
from ingest.layout.rows import whole_rows

_MARK = re.compile(r"^(?:[*∗⋆†‡§¶#✉⁺+]{1,3}|\d{1,2}|[a-z])$")
#: Points between an icon and the words beside it.
_NEAR = 5.0
#: Points of height in which labels are looked for at a time: all labels of a large table against all lines would take seconds.
_ROW = 20.0
#: More small pictures than a page has authors with icons.
_MANY = 100


def with_labels(lines: Sequence[Line], page: PageSignals, *, has_icons: bool) -> list[Line]:
    """The lines with what an icon had cut from them and with the labels that stood alone; icons stand beside authors only."""
    whole = list(lines)
    for icon in _icons(page) if has_icons else ():
        whole = _over_icon(whole, icon)
    whole = _with_marks(whole, 1.5 if has_icons else 0.25)
    return sorted(whole_rows(sorted(whole, key=from_top), make_line), key=from_top) if len(whole) < len(lines) else whole


def _with_marks(lines: Sequence[Line], reach: float) -> list[Line]:
    """The lines with each lone label in the line that it belongs to; a raised one stands no farther before it than `reach` sizes."""
    now = dict(enumerate(lines))
    rows: dict[int, list[int]] = {}
    for at, line in now.items():
        rows.setdefault(round(line.base / _ROW), []).append(at)
    for at, mark in enumerate(lines):
        if at not in now or len(mark.text) > 3 or not _MARK.match(mark.text):
            continue
        row = round(mark.base / _ROW)
        near = [n for r in (row - 1, row, row + 1) for n in rows.get(r, ()) if n in now and n != at]
        host = next((n for n in near if _belongs(mark, now[n], reach)), None)
        if host is None:
            continue
        torn = [at, *(n for n in near if n != host and _ends_before(now[n], mark, now[host]))]
        words = [word for n in (*torn, host) for word in now[n].words]
        now[host] = make_line(sorted(words, key=lambda word: word.rect.left))
        for n in torn:
            del now[n]
    return list(now.values())


def _icons(page: PageSignals) -> list[Rect]:
    """Small pictures as wide as they are high, from left to right."""
    small = [rect for rect in (*page.bitmaps, *page.drawings) if 4 < rect.width < 16 and abs(rect.width - rect.height) < 2]
    return sorted(small, key=lambda rect: rect.left) if len(small) < _MANY else []  # the marks of a plot


def _over_icon(lines: list[Line], icon: Rect) -> list[Line]:
    def is_in_row(line: Line) -> bool:
        return overlap(line.rect.bottom, line.rect.top, icon.bottom, icon.top) > 0.4 * min(line.rect.height, icon.height)

    left = next((line for line in lines if abs(line.rect.right - icon.left) < _NEAR and is_in_row(line)), None)
    right = next((line for line in lines if abs(line.rect.left - icon.right) < _NEAR and is_in_row(line)), None)
    if not left or not right or icon.width > 1.8 * left.size:
        return lines
    joined = make_line(left.words + right.words)
    return [joined if line is left else line for line in lines if line is not right]


def _ends_before(line: Line, mark: Line, host: Line) -> bool:
    """True for the beginning of the host's line, which its raised label has cut off: 'The' of 'The ¹²C nucleus'."""
    is_in_row = abs(line.base - host.base) < 1 and line.face == host.face
    return is_in_row and mark is not line and 0 < mark.rect.left - line.rect.right < 0.6 * host.size


def _belongs(mark: Line, line: Line, reach: float) -> bool:
    """True for a label right before or behind a line, or in one of its gaps, and not below it."""
    lift = mark.rect.bottom - line.base
    is_sign = not mark.text.isalnum()
    if (
        len(line.text) < 4
        or (not is_sign and mark.size > 0.85 * line.size)
        or not -0.5 * line.size < lift < line.size
        or mark.size > 1.3 * line.size
    ):
        return False
    before = line.rect.left - mark.rect.right
    if abs(before) < 0.25 * line.size or (0 < before < reach * line.size and lift > 0.1 * line.size and not is_sign):
        return True
    if is_sign and abs(mark.rect.left - line.rect.right) < 0.25 * line.size:
        return True
    gaps = zip(line.words, line.words[1:], strict=False)
    return is_sign and any(
        a.rect.right - 1 < mark.rect.left and mark.rect.right < b.rect.left + 1 and b.rect.left - a.rect.right > mark.rect.width
        for a, b in gaps
    )
