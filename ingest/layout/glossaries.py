"""Glossaries: short terms in one column, what they stand for in the next; each pair is one line of text.

Left to the rules for columns, all terms would be one paragraph and all meanings another.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise
from statistics import median

from ingest.layout.block import Block, Kind, make_block
from ingest.layout.page import Line
from ingest.layout.style import DocumentStyle

#: Pairs that make a glossary; words of a term, at most.
_FEWEST, _TERM = 5, 4
#: Narrowest and widest gap between a term and its meaning, and widest drop from pair to pair, in font sizes.
_GAP, _DROP = (1.0, 14.0), 3.6

Pair = tuple[Line, list[Line]]


def find_glossaries(lines: Sequence[Line], page: int, style: DocumentStyle) -> tuple[list[list[Block]], list[Line]]:
    """The glossaries among these lines, each as its pairs, and the lines that are left."""
    edges: dict[tuple[int, int], list[Pair]] = defaultdict(list)
    for term, meaning in _side_by_side(lines):
        edges[round(term.rect.left / 2), round(meaning.rect.left / 2)].append((term, [meaning]))
    found: list[list[Block]] = []
    taken: set[int] = set()
    for pairs in edges.values():
        for run in _runs(pairs):
            if not _is_glossary(run):
                continue
            _add_second_lines(run, lines)
            made = [make_block(Kind.TEXT, (term, *meaning), page, style) for term, meaning in run]
            found.append([replace(block, is_entry=True) for block in made])
            taken |= {id(line) for term, meaning in run for line in (term, *meaning)}
    return found, [line for line in lines if id(line) not in taken]


def _side_by_side(lines: Sequence[Line]) -> list[tuple[Line, Line]]:
    """Lines of one size on one baseline, the left one a few words; from the top down."""
    rows: dict[int, list[Line]] = defaultdict(list)
    for line in lines:
        rows[round(line.base)].append(line)
    pairs = []
    for row in rows.values():
        for left, right in pairwise(sorted(row, key=lambda line: line.rect.left)):
            gap = (right.rect.left - left.rect.right) / left.size
            if _GAP[0] < gap < _GAP[1] and abs(left.size - right.size) < 0.3 and len(left.text.split()) <= _TERM:
                pairs.append((left, right))
    return sorted(pairs, key=lambda pair: -pair[0].base)


def _runs(pairs: Sequence[Pair]) -> list[list[Pair]]:
    """The pairs that follow each other without a wide gap."""
    runs = [[pairs[0]]]
    for last, pair in pairwise(pairs):
        if last[0].base - pair[0].base < _DROP * pair[0].size:
            runs[-1].append(pair)
        else:
            runs.append([pair])
    return runs


def _is_glossary(run: Sequence[Pair]) -> bool:
    """True for terms of letters with meanings of words; the cells of a table of numbers are none."""
    if len(run) < _FEWEST:
        return False
    has_letters = sum(any(c.isalpha() for c in term.text) for term, _ in run) > 0.8 * len(run)
    words = sum(len(word) > 2 and word[0].isalpha() for _, meaning in run for word in meaning[0].text.split())
    return has_letters and words > 1.5 * len(run) and median(len(term.text.split()) for term, _ in run) <= 2


def _add_second_lines(run: Sequence[Pair], lines: Sequence[Line]) -> None:
    """To each meaning the lines right below it that stand beside no term."""
    firsts = {id(meaning[0]) for _, meaning in run}
    for term, meaning in run:
        for line in sorted(lines, key=lambda line: -line.base):
            last = meaning[-1]
            below = 0 < last.base - line.base < 1.4 * last.size and abs(line.rect.left - last.rect.left) < 2
            if below and id(line) not in firsts and abs(line.size - last.size) < 0.3 and line.base < term.base:
                meaning.append(line)
