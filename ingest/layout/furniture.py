"""Running heads, feet and page numbers: told by repetition, never by place alone.

What stands at the same height on several pages with the same words (numbers aside) is furniture. A first line of
the body also stands at the same height on every page, but its words differ.
"""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import replace

from ingest.layout.page import Line, PageSignals, Rect
from ingest.layout.style import DocumentStyle

#: Share of the page's height at the top and at the bottom where furniture may stand.
_MARGIN = 0.14
#: Points by which repeated lines may differ in height.
_SHIFT = 4.0
_NUMBER = re.compile(
    r"^\W*(?:(?:page|p\.|seite)\s*)?[A-Z]?-?\d{1,5}(?:\s*(?:/|of|von)\s*\d{1,4})?\W*$|^\W*[ivxl]{1,6}\W*$", re.I
)


def find_furniture(pages: Sequence[PageSignals], lines: Sequence[Sequence[Line]], style: DocumentStyle) -> list[set[int]]:
    """For each page, the indexes of its lines that are furniture."""
    found: list[set[int]] = [set() for _ in pages]
    places: dict[str, list[tuple[int, int, float]]] = defaultdict(list)
    for at, (page, page_lines) in enumerate(zip(pages, lines, strict=True)):
        for index, line in enumerate(page_lines):
            if _in_margin(line, page):
                places[_pattern(line.text)].append((at, index, _from_edge(line, page)))
    need = 2 if len(pages) < 6 else 3
    for pattern, seen in places.items():
        for at, index, height in seen:
            pages_with = {other for other, _, h in seen if abs(h - height) <= _SHIFT}
            if len(pages_with) >= (max(need, 3) if len(pattern) < 3 and pattern != "#" else need):
                found[at].add(index)
    for at, index in _watermarks(lines):
        found[at].add(index)
    for at, (page, page_lines) in enumerate(zip(pages, lines, strict=True)):
        found[at] |= _numbers(page, page_lines)
        found[at] |= _beside(found[at], page_lines, page, style)
    return found


def _watermarks(lines: Sequence[Sequence[Line]]) -> list[tuple[int, int]]:
    """Lines inside the text area that stand with the same words at one place on most pages, as (page, line)."""
    places: dict[tuple[str, int, int], list[tuple[int, int]]] = defaultdict(list)
    for at, page_lines in enumerate(lines):
        for index, line in enumerate(page_lines):
            if len(line.text) > 3:
                places[line.text, round(line.rect.left / _SHIFT), round(line.base / _SHIFT)].append((at, index))
    need = max(3, 0.6 * len(lines))
    return [place for seen in places.values() if len({at for at, _ in seen}) >= need for place in seen]


def _in_margin(line: Line, page: PageSignals) -> bool:
    return line.base > (1 - _MARGIN) * page.height or line.base < _MARGIN * page.height


def _from_edge(line: Line, page: PageSignals) -> float:
    """Height above the lower edge, or below the upper one as a negative number: pages can differ in height."""
    return line.base if line.base < page.height / 2 else line.base - page.height


def _pattern(text: str) -> str:
    """The words without their numbers: page 3 and page 4 are the same line."""
    text = re.sub(r"\b[ivxl]+\b", "#", text.lower())
    return re.sub(r"(?:#\W*)+", "#", re.sub(r"\d+", "#", text)).strip()


def _numbers(page: PageSignals, lines: Sequence[Line]) -> set[int]:
    """Lone numbers that are the outermost line of the page."""
    found = set()
    if lines:
        top, bottom = max(line.base for line in lines), min(line.base for line in lines)
        for index, line in enumerate(lines):
            outermost = line.base > top - 3 or line.base < bottom + 3
            if outermost and _in_margin(line, page) and _NUMBER.match(line.text):
                found.add(index)
    return found


def _beside(found: set[int], lines: Sequence[Line], page: PageSignals, style: DocumentStyle) -> set[int]:
    """Lines in a row with furniture (the page's own half of a running head), and small print outside of it."""
    rows = [lines[index].base for index in found]
    more = set()
    for index, line in enumerate(lines):
        if index in found or not _in_margin(line, page):
            continue
        if any(abs(line.base - base) < 2.5 for base in rows) and len(line.text) < 120:
            more.add(index)
    return more


def without_repeated_graphics(pages: Sequence[PageSignals]) -> list[PageSignals]:
    """The pages without the logos and backgrounds that stand at one place on several of them.

    Figures of one size at the top of several pages repeat as well; what makes a logo is that it reaches into the margin.
    """
    seen: Counter[tuple[int, ...]] = Counter()
    for page in pages:
        seen.update({_rounded(rect) for rect in (*page.bitmaps, *page.drawings) if _at_edge(rect, page)})
    often = {place for place, n in seen.items() if n >= 3}
    return [
        replace(
            page,
            bitmaps=tuple(rect for rect in page.bitmaps if _rounded(rect) not in often or not _at_edge(rect, page)),
            drawings=tuple(rect for rect in page.drawings if _rounded(rect) not in often or not _at_edge(rect, page)),
        )
        for page in pages
    ]


def _at_edge(rect: Rect, page: PageSignals) -> bool:
    across, up = 0.07 * page.width, 0.1 * page.height
    return rect.left < across or rect.right > page.width - across or rect.bottom < up or rect.top > page.height - up


def _rounded(rect: Rect) -> tuple[int, ...]:
    return tuple(round(edge / 2) for edge in rect)
