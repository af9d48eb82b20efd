"""Fractions in the cells of a table: the cell's text with each formula composed as those between paragraphs are."""

from __future__ import annotations

from collections.abc import Sequence

from ingest.layout.composing import formula_text
from ingest.layout.page import Rect, Word, enclosing


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


def _sides(bar: Rect, words: Sequence[Word]) -> tuple[list[Word], list[Word]]:
    """The words right over and right under a bar."""
    near = [w for w in words if bar.left - 2 < w.rect.middle[0] < bar.right + 2]
    over = [w for w in near if 0 < w.rect.middle[1] - bar.bottom < 1.1 * w.size]
    return over, [w for w in near if 0 < bar.bottom - w.rect.middle[1] < 1.1 * w.size]


def _fits(bar: Rect, over: Sequence[Word], under: Sequence[Word]) -> bool:
    """True where the bar is as wide as what stands on it or under it: one below a heading is wider."""
    return abs(max(enclosing(w.rect for w in side).width for side in (over, under)) - bar.width) < 0.8 * over[0].size


def _merged(spans: Sequence[tuple[float, float]]) -> list[tuple[float, float]]:
    """Spans of height that overlap, as one, from the top down."""
    merged: list[tuple[float, float]] = []
    for low, high in sorted(spans, reverse=True, key=lambda span: span[1]):
        if merged and high >= merged[-1][0]:
            merged[-1] = (min(low, merged[-1][0]), merged[-1][1])
        else:
            merged.append((low, high))
    return merged
