"""Fractions in the cells of a table: the cell's text with each formula composed as those between paragraphs are."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise

from ingest.layout.composing import formula_text
from ingest.layout.page import Rect, Word, enclosing
from ingest.layout.pieces import AXIS
from ingest.layout.table_lines import TableLine


def text_with_fractions(words: Sequence[Word], bars: Sequence[Rect]) -> str:
    """What these words of one cell say; empty where no bar stands between two of them, and they are no formula."""
    held = [(bar, *_sides(bar, words)) for bar in bars]
    held = [(bar, over, under) for bar, over, under in held if over and under and _fits(bar, over, under)]
    if not held:
        return ""
    spans = [(w.base, w.base + 0.5 * w.size) for w in words]
    spans += [(min(w.base for w in under), max(w.base for w in over)) for _, over, under in held]
    rows = _merged(spans)
    return " ".join(
        formula_text([w for w in words if low <= w.base <= high], [bar for bar, *_ in held if low <= bar.bottom <= high])
        for low, high in rows
    ).replace("\n", " ")


def lines_with_fractions(lines: Sequence[TableLine], bars: Sequence[Rect]) -> list[TableLine]:
    """The lines, what stands over and under a fraction's bar moved to the line that the bar is in."""
    words = [word for line in lines for word in line.words]
    home = {id(word): at for at, line in enumerate(lines) for word in line.words}
    for bar in bars:
        over, under = _sides(bar, words)
        beside = [at for at, line in enumerate(lines) if abs(line.base + AXIS * line.size - bar.bottom) < 0.3 * line.size]
        if beside and over and under and _fits(bar, over, under):
            home.update({id(word): beside[0] for word in (*over, *under)})
    kept: list[list[Word]] = [[] for _ in lines]
    for word in words:
        kept[home[id(word)]].append(word)
    return [
        replace(line, words=tuple(sorted(own, key=lambda w: w.rect.left))) for line, own in zip(lines, kept, strict=True) if own
    ]


def _sides(bar: Rect, words: Sequence[Word]) -> tuple[list[Word], list[Word]]:
    """The words right over and right under a bar."""
    near = [w for w in words if bar.left - 2 < w.rect.middle[0] < bar.right + 2]
    over = [w for w in near if 0 < w.rect.middle[1] - bar.bottom < 1.1 * w.size]
    return over, [w for w in near if 0 < bar.bottom - w.rect.middle[1] < 1.1 * w.size]


def _fits(bar: Rect, over: Sequence[Word], under: Sequence[Word]) -> bool:
    """True where the bar is as wide as what stands on it or under it; that below a heading is wider, or has several below it."""
    width = max(enclosing(w.rect for w in side).width for side in (over, under))
    return abs(width - bar.width) < 0.8 * over[0].size and _is_run(over) and _is_run(under)


def _is_run(words: Sequence[Word]) -> bool:
    """True for words without a wide gap: what stands below a heading is several words that are apart."""
    ordered = sorted(words, key=lambda w: w.rect.left)
    size = max(word.size for word in words)
    return all(right.rect.left - left.rect.right < 1.5 * size for left, right in pairwise(ordered))


def _merged(spans: Sequence[tuple[float, float]]) -> list[tuple[float, float]]:
    """Spans of height that overlap, as one, from the top down."""
    merged: list[tuple[float, float]] = []
    for low, high in sorted(spans, reverse=True, key=lambda span: span[1]):
        if merged and high >= merged[-1][0]:
            merged[-1] = (min(low, merged[-1][0]), merged[-1][1])
        else:
            merged.append((low, high))
    return merged
