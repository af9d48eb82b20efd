"""Fractions and roots in a line of text, each made one word on that line before lines are built.

A numerator stands higher than a raised script and a denominator lower: left alone, both become lines of their own,
and the sentence loses them. Only a bar makes a fraction: two scripts of one letter look the same without it.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import replace
from itertools import pairwise

from ingest.layout.composing import distinct_bars, with_bar
from ingest.layout.page import ASCENT, DESCENT, PageSignals, Rect, Word
from ingest.layout.pieces import AXIS

#: Points; height of the bands by which words are looked up.
_BAND = 8.0
#: Longest bar in a line of text, in points.
_LONGEST = 90.0
#: The bar is so near to the axis of its line, in sizes, and the next word of the line to its end.
_NEAR_AXIS, _BESIDE = 0.15, 1.05
#: What stands on the bar or hangs from it is so near to the line, in sizes: the next line of text is farther. So are scripts.
_STACKED, _SCRIPT = 1.0, 1.2
#: Words of a language beside the bar that make its line one of text: in a formula stands one ('if', 'otherwise') or none.
_SENTENCE = 2

_Bands = dict[int, list[Word]]


def with_inline_fractions(page: PageSignals) -> PageSignals:
    """The page with each fraction and root of its running text as one word."""
    bars = distinct_bars(bar for bar in (*page.bars, *page.across) if bar.width <= _LONGEST)
    if not bars:
        return page
    words = list(page.words)
    bands = _bands(words)
    for bar in sorted(bars, key=lambda bar: bar.width):
        host = _host(bar, bands)
        if host:
            _compose(bar, bars, host, words, bands)
    return replace(page, words=tuple(words))


def _bands(words: Iterable[Word]) -> _Bands:
    bands: _Bands = defaultdict(list)
    for word in words:
        if not word.turn:
            bands[int(word.base // _BAND)].append(word)
    return bands


def _near(y: float, reach: float, bands: _Bands) -> list[Word]:
    first, last = int((y - reach) // _BAND), int((y + reach) // _BAND)
    return [word for band in range(first, last + 1) for word in bands.get(band, ())]


def _host(bar: Rect, bands: _Bands) -> Word | None:
    """A word of the line of text in which this bar stands, or of whose root it is the top."""
    y = bar.middle[1]
    near = _near(y, 14.0, bands)
    for word in near:
        gap = max(bar.left - word.rect.right, word.rect.left - bar.right)
        is_level = abs(word.base + AXIS * word.size - y) < _NEAR_AXIS * word.size and -1.0 < gap < _BESIDE * word.size
        if (is_level or _is_root(word, bar)) and _is_text(word, near):
            return word
    return None


def _is_root(word: Word, bar: Rect) -> bool:
    return (
        word.text.endswith("√")
        and abs(word.rect.right - bar.left) < 0.35 * word.size
        and 0.5 * word.size < bar.bottom - word.base < 1.2 * word.size
    )


def _is_text(host: Word, near: Iterable[Word]) -> bool:
    """True where words of a language stand on the same line, without a gap as wide as that between two columns."""
    row = sorted((word for word in near if abs(word.base - host.base) < 0.1 * host.size), key=lambda word: word.rect.left)
    at = next(n for n, word in enumerate(row) if word is host)
    return sum(_said(part, host.size) for part in (row[at:], row[at::-1])) >= _SENTENCE + _is_word(host)


def _said(row: Sequence[Word], size: float) -> int:
    """How many words of a language follow each other in this row from its first on."""
    said = 0
    for last, word in pairwise([row[0], *row]):
        gap = max(word.rect.left - last.rect.right, last.rect.left - word.rect.right)
        if gap > _BESIDE * size:
            break
        said += _is_word(word)
    return said


def _is_word(word: Word) -> bool:
    return len(word.text) > 2 and not word.face.is_math and word.text.strip(",.;:()").isalpha()


def _compose(bar: Rect, bars: Sequence[Rect], host: Word, words: list[Word], bands: _Bands) -> None:
    """Replace what stands over and under the bar by one word on the host's line, in the order of the page's content."""
    size, base = host.size, host.base
    beside = Rect(bar.left - 3 * size, base - 2 * size, bar.right + 3 * size, base + 2 * size)
    near = [
        word
        for word in _near(bar.middle[1], 2 * size, bands)
        if abs(word.base - base) < (_STACKED if word.size > 0.85 * size else _SCRIPT) * size and word.rect.meets(beside)
    ]
    made = with_bar(near, bar, [b for b in bars if b.meets(beside)], size)
    kept = {id(word) for word in made}
    gone = {id(word) for word in near} - kept
    if not gone:
        return
    old = {id(word) for word in near}
    whole = made[-1].rect._replace(bottom=base - DESCENT * size, top=base + ASCENT * size)
    made[-1] = replace(made[-1], rect=whole, size=size, base=base)
    new = sorted((word for word in made if id(word) not in old), key=lambda word: word.rect.left)
    at = next(n for n, word in enumerate(words) if id(word) in gone)
    words[at:] = [*new, *(word for word in words[at:] if id(word) not in gone)]
    for band in bands.values():
        band[:] = [word for word in band if id(word) not in gone]
    bands[int(base // _BAND)].extend(new)
