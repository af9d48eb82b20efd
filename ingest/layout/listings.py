"""Listings: programs and what they print, with their lines in order, their indents and their columns.

The rules for paragraphs would put a brace after the line that it closes, and a column of numbers after the other columns.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from itertools import pairwise
from statistics import median

from ingest.layout.block import Block, Kind
from ingest.layout.page import Line, Rect, Word, baseline_rows, enclosing, overlap
from ingest.layout.paragraphs import is_code

#: Widest drop from line to line, in font sizes: a blank line may stand between.
_DROP = 3.0
_ADDRESS = re.compile(r"^(?:https?:|www\.)\S+$|^\S+@\S+$")


def find_listings(lines: Sequence[Line], page: int) -> tuple[list[Block], list[Line]]:
    """The listings among these lines, and the lines that are left."""
    mono = [line for line in lines if _is_mono(line)]
    others = [line for line in lines if not _is_mono(line)]
    found = [rows for rows in _clusters(mono, [x.rect for x in others]) if _is_listing(rows) and not _is_in_text(rows, others)]
    taken = {id(line) for rows in found for line in rows}
    return [_block(rows, page) for rows in found], [line for line in lines if id(line) not in taken]


def _is_mono(line: Line) -> bool:
    n = sum(len(w.text) for w in line.words if w.face.is_mono)
    return n > 0 and n > 0.85 * sum(len(w.text) for w in line.words)


def _clusters(lines: Sequence[Line], others: Sequence[Rect]) -> list[list[Line]]:
    """Lines that follow each other down the page with no other text between them."""
    clusters: list[list[Line]] = []
    for line in sorted(lines, key=lambda line: (-line.base, line.rect.left)):
        near = next((c for c in reversed(clusters) if _is_next(c, line, others)), None)
        if near is None:
            clusters.append([line])
        else:
            near.append(line)
    return clusters


def _is_next(cluster: Sequence[Line], line: Line, others: Sequence[Rect]) -> bool:
    last = cluster[-1]
    box = enclosing(x.rect for x in cluster)
    if not last.base - line.base < _DROP * line.size or abs(last.size - line.size) > 0.15 * last.size:
        return False
    across = -overlap(box.left, box.right, line.rect.left, line.rect.right)
    if across > 12 * line.size:
        return False
    both = enclosing((box, line.rect))
    return not any(
        line.rect.bottom < other.middle[1] < box.top and overlap(other.left, other.right, both.left, both.right) > 0
        for other in others
    )


def _is_listing(lines: Sequence[Line]) -> bool:
    """True for code; not for addresses, nor for words that have nothing of a program's."""
    if all(_ADDRESS.match(word.text.strip(",;")) for line in lines for word in line.words):
        return False
    return is_code(lines)


def _is_in_text(lines: Sequence[Line], others: Sequence[Line]) -> bool:
    """True for a line or two of a paragraph that are all names of functions or files: the text goes on right above or below."""
    if lines[0].base - lines[-1].base > 1.8 * lines[0].size:
        return False
    return any(
        -1.0 < other.rect.left - line.rect.left < 2.5 * line.size
        and 0.5 * line.size < abs(other.base - line.base) < 1.4 * line.size
        for line in lines
        for other in others
    )


def _block(lines: Sequence[Line], page: int) -> Block:
    return Block(
        kind=Kind.CODE, page=page, rect=enclosing(line.rect for line in lines), lines=tuple(lines), text=listing_text(lines)
    )


def listing_text(lines: Sequence[Line]) -> str:
    """The lines as they stand on the page, with as many spaces and blank lines as it has room for."""
    words = [word for line in lines for word in line.words]
    step = median([word.rect.width / len(word.text) for word in words if len(word.text) > 2] or [0.6 * lines[0].size])
    left = min(word.rect.left for word in words)
    rows = baseline_rows(words)
    drops = [a[0].base - b[0].base for a, b in pairwise(rows)]
    usual = min(drops, default=lines[0].size)
    texts = []
    for at, row in enumerate(rows):
        if at and drops[at - 1] > 1.7 * usual:
            texts.append("")
        texts.append(_row_text(row, left, step))
    return "\n".join(texts)


def _row_text(row: Sequence[Word], left: float, step: float) -> str:
    text = ""
    for word in row:
        gap = word.rect.left - left - len(text) * step
        text += " " * max(round(gap / step), 1 if text and gap > 0.4 * step else 0) + word.text
    return text
