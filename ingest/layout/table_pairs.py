"""Lists of abbreviations and the like: short terms, and beside each, on its line, what it means.

They have neither rulings nor a caption, and two paragraphs that stand side by side look the same. What tells them apart is that
every line on the left has its own on the right, at one distance from an edge that all share, and is short.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from itertools import pairwise

from ingest.layout.group import Group
from ingest.layout.page import PageSignals, Rect, enclosing

#: Lines; fewer that stand side by side may be chance.
_FEW = 5
#: Points by which lines that begin at one edge differ.
_EDGE = 1.5
#: Longest term, in characters.
_LONG = 28
_NUMBER = re.compile(r"^\W*(?:\d+|[ivx]+|[a-z])\W*$", re.I)


def paired_areas(page: PageSignals, groups: Sequence[Group]) -> list[Rect]:
    """Where terms stand with their meanings."""
    plain = [g for g in groups if not g.caption and len(g.lines) >= _FEW and _has_one_edge(g)]
    found = []
    for left in plain:
        for right in plain:
            if _are_pairs(left, right):
                area = enclosing((left.rect, right.rect))
                if not any(d.meets(area) for d in (*page.bitmaps, *_drawn(page))):
                    found.append(area)
    return found


def _drawn(page: PageSignals) -> list[Rect]:
    """What is drawn, without rulings and without frames around the page."""
    return [d for d in page.drawings if d.height > 3 and d.width > 3 and d.area < 0.5 * page.width * page.height]


def _has_one_edge(group: Group) -> bool:
    lefts = [line.rect.left for line in group.lines]
    return max(lefts) - min(lefts) < _EDGE


def _are_pairs(left: Group, right: Group) -> bool:
    """True where each line on the left is a term and has its line on the right; a meaning may go on over more lines."""
    gap = min(line.rect.left for line in right.lines) - left.rect.right
    size = left.lines[0].size
    if (
        not 0.5 * size < gap < 12 * size
        or abs(right.lines[0].size - size) > 0.3
        or abs(right.lines[0].base - left.lines[0].base) > 1
    ):
        return False
    terms = [line.text for line in left.lines]
    if max(map(len, terms)) > _LONG or sum(bool(_NUMBER.match(term)) for term in terms) > 0.2 * len(terms):
        return False
    bases = [line.base for line in right.lines]
    paired = sum(any(abs(line.base - base) < 1 for base in bases) for line in left.lines)
    words = sum(any(c.isalpha() for c in line.text) and len(line.text) > 3 for line in right.lines)
    evenly = all(upper.base - lower.base < 4 * size for upper, lower in pairwise(left.lines))
    return evenly and paired == len(left.lines) and words > 0.9 * len(bases) and len(bases) < 2.5 * len(terms)
