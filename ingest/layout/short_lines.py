"""Lines that end early each: the keywords, settings and addresses of a paper are lists without marks, one line each."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby, pairwise

from ingest.layout.page import Line


def broken_off(group: Sequence[Line], left: float, right: float) -> list[list[Line]]:
    """The lines of a paragraph apart where each ends early for no reason but that the next is a new one: keywords, an address."""
    pairs = list(pairwise(group))
    ends = [n for n, (last, line) in enumerate(pairs, start=1) if _may_begin(last, line, left)]
    parts = [[group[0]]]
    for _, run in groupby(enumerate(ends), key=lambda pair: pair[1] - pair[0]):
        stretch = [at for _, at in run]
        forced = sum(_is_forced(*pairs[at - 1], right - left, right) for at in stretch)
        if forced < max(2, 0.5 * len(stretch)):
            ends = [at for at in ends if at not in stretch]
    for at, (_, line) in enumerate(pairs, start=1):
        if at in ends:
            parts.append([line])
        else:
            parts[-1].append(line)
    return parts


def _may_begin(last: Line, line: Line, left: float) -> bool:
    """True for a line at the edge that does not clearly go on with the one above."""
    flush = abs(last.rect.left - line.rect.left) < 0.2 * line.size and abs(line.rect.left - left) < line.size
    return flush and not line.text[:1].islower() and last.text[-1:] not in "-,\u00ad\u2010"


def _is_forced(last: Line, line: Line, width: float, right: float) -> bool:
    """True where the next line's first word would have stood at the end of this one with room to spare."""
    room = right - last.rect.right
    return room > first_word(line) + 2 * line.size and room > 0.2 * width


def first_word(line: Line) -> float:
    """Points that the first word takes with the space after it; a word may be of several fonts."""
    end = line.words[0].rect.right
    for word in line.words[1:]:
        if word.rect.left - end > 0.15 * line.size:
            break
        end = word.rect.right
    return end - line.words[0].rect.left + 0.3 * line.size
