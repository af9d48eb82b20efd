"""Running heads, feet and page numbers: told by repetition outside of the text block, never by either alone.

What stands at the same height on several pages with the same words (numbers aside) is furniture. A first line of
the body also stands at the same height on every page, but its words differ. Labels of plots, cells of tables and
numbers of equations repeat as well ('0', '-', '(#)'), but where other pages have running text.
"""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import replace

from ingest.layout.page import Line, PageSignals, Rect, overlap
from ingest.layout.style import DocumentStyle

#: Share of the page's height at the top and at the bottom where furniture may stand.
_MARGIN = 0.14
#: Points by which repeated lines may differ in height.
_SHIFT = 4.0
#: Rows of a footer that one page alone has.
_FEW_ROWS = 5
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
    for at, (page, page_lines) in enumerate(zip(pages, lines, strict=True)):
        found[at] |= _numbers(page, page_lines)
    blocks = [_text_block(page, page_lines, gone, style) for page, page_lines, gone in zip(pages, lines, found, strict=True)]
    for at, (page, page_lines) in enumerate(zip(pages, lines, strict=True)):
        found[at] = {i for i in found[at] if not _in_text_block(_from_edge(page_lines[i], page), at, blocks, style)}
        found[at] |= _beside(found[at], page_lines, page)
        found[at] |= _below_text(page_lines, at, blocks, style)
    for at, index in _watermarks(lines):
        found[at].add(index)
    return found


def _text_block(page: PageSignals, lines: Sequence[Line], repeated: set[int], style: DocumentStyle) -> tuple[float, float]:
    """Where the running text of a page begins and ends, as `_from_edge`: the first and the last line with another close to it.

    A head that names the section differs on every page as well, but it stands alone.
    """
    text = [
        line
        for index, line in enumerate(lines)
        if index not in repeated and len(line.text) > 25 and line.size > style.size - 0.6
    ]
    first = next((line for at, line in enumerate(text) if _is_next(line, text[at + 1 : at + 6], style)), None)
    text.reverse()
    last = next((line for at, line in enumerate(text) if _is_next(line, text[at + 1 : at + 6], style)), None)
    return (first.base if first else 0.0) - page.height, last.base if last else page.height


def _is_next(line: Line, near: Sequence[Line], style: DocumentStyle) -> bool:
    """True where one of the lines `near` is the neighbour of this one in a paragraph."""
    reach = 1.25 * max(style.pitch, 1.2 * line.size)
    return any(
        0.5 * line.size < abs(line.base - other.base) < reach
        and abs(line.size - other.size) < 0.6
        and overlap(line.rect.left, line.rect.right, other.rect.left, other.rect.right) > 30
        for other in near
    )


def _in_text_block(height: float, at: int, blocks: Sequence[tuple[float, float]], style: DocumentStyle) -> bool:
    """True where running text stands at this height, within a line of it, or beyond, on this page or on two others."""
    near = 0.8 * style.pitch
    beyond = {
        page for page, (top, bottom) in enumerate(blocks) if (top > height - near if height < 0 else bottom < height + near)
    }
    return at in beyond or len(beyond) > 1


def _below_text(lines: Sequence[Line], at: int, blocks: Sequence[tuple[float, float]], style: DocumentStyle) -> set[int]:
    """Small print in a few rows, set apart, further down than the text of any other page: a licence that one page alone has."""
    others = [bottom for page, (_, bottom) in enumerate(blocks) if page != at]
    if len(others) < 2:
        return set()
    floor = min(others) - 1.2 * style.pitch
    below = {index for index, line in enumerate(lines) if line.base < floor}
    if not below or len(below) == len(lines) or any(lines[index].size > style.size - 0.4 for index in below):
        return set()
    gap = min(line.base for index, line in enumerate(lines) if index not in below) - max(lines[index].base for index in below)
    is_apart = gap > 1.6 * max(lines[index].size for index in below)
    return below if is_apart and len({round(lines[index].base) for index in below}) <= _FEW_ROWS else set()


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


def _beside(found: set[int], lines: Sequence[Line], page: PageSignals) -> set[int]:
    """Lines in a row with furniture: the page's own half of a running head."""
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

    Figures of one size at the top of several pages repeat as well; a logo stands in the margin, a background runs off the page.
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
    across, up, edge = 0.07 * page.width, 0.12 * page.height, 0.01 * page.height
    in_margin = rect.right < across or rect.left > page.width - across or rect.top < up or rect.bottom > page.height - up
    return in_margin or min(rect.left, rect.bottom, page.width - rect.right, page.height - rect.top) < edge


def _rounded(rect: Rect) -> tuple[int, ...]:
    return tuple(round(edge / 2) for edge in rect)
