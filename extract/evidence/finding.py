"""Find the words of a quote in one text: as they are, then normalised, then stretch by stretch where the quote leaves out some.

What a newcomer would get wrong: "5 mg" stands in "1.5 mg", "15 mg" and "−5 mg" as a string, but the paper does not say it
there. A match may not begin or end within a word or a number, and never just after a sign. And 'Co' is not 'CO': in a quote
of a few short words capitals count.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NamedTuple

from extract.evidence.aligning import align
from extract.evidence.normalising import Plain, folded, loose, stands_free, strict

Span = tuple[int, int]

EXACT, NORMALISED, ALIGNED = "exact", "normalised", "aligned"
#: How models show that they left words out.
_ELLIPSIS = re.compile(r"\s*(?:[\[(]\s*(?:\.\s?\.\s?\.|…)\s*[\])]|\.\s?\.\s?\.(?:\s?\.)*|…)\s*")
#: Characters that may be left out at one ellipsis: some two sentences. Farther apart the words are of different things.
_GAP = 300
#: From so many words on, or in words of so many letters, capitals carry no meaning of their own.
_MANY_WORDS, _LONG_WORD = 4, 4
_ENDS = " \t\n\"'.,;:\u201c\u201d\u2018\u2019"


class Match(NamedTuple):
    """Where a quote stands in a text, and how it was found."""

    span: Span
    by: str
    cost: int = 0  #: words changed, left out or added


def find(quote: str, text: str, *, by: str) -> Match | None:
    """The first stretch of this text that says the quote, found in this way; None where there is none."""
    if by == EXACT:
        span = next(_exact(quote, text), None)
        return Match(span, EXACT) if span else None
    parts = [part for part in _ELLIPSIS.split(" ".join(quote.split())) if part.strip(_ENDS)]
    if len(parts) > 1:
        return _in_parts(parts, text, may_align=by == ALIGNED)
    if not parts:
        return None
    if by == NORMALISED:
        span = next(_normalised(parts[0], text), None)
        return Match(span, NORMALISED) if span else None
    return _aligned(parts[0], text)


def _aligned(quote: str, text: str) -> Match | None:
    found = align(quote, text)
    return Match(found.span, ALIGNED if found.cost else NORMALISED, found.cost) if found else None


def _exact(quote: str, text: str) -> Iterator[Span]:
    start = text.find(quote)
    while start >= 0:
        if stands_free(text, (start, start + len(quote))):
            yield start, start + len(quote)
        start = text.find(quote, start + 1)


def _normalised(quote: str, text: str) -> Iterator[Span]:
    """Where the text says this quote, with ever more differences taken away."""
    for form, words in ((strict, quote), (loose, quote.strip(_ENDS))):
        yield from _same(form(words), form(text), words, text)


def _same(wanted: Plain, plain: Plain, quote: str, text: str) -> Iterator[Span]:
    small, all_small = folded(wanted.text), folded(plain.text)
    start = all_small.find(small) if small else -1
    while start >= 0:
        end = start + len(small)
        span = plain.span(start, end)
        if stands_free(text, span) and (plain.text[start:end] == wanted.text or _may_fold(quote, text[slice(*span)])):
            yield span
        start = all_small.find(small, start + 1)


_WORD = re.compile(r"[^\W\d_]+")


def _may_fold(quote: str, said: str) -> bool:
    """Whether capitals may differ between these two, which are otherwise the same words."""
    words, others = _WORD.findall(quote), _WORD.findall(said)
    if len(words) >= _MANY_WORDS:
        return True
    if len(words) != len(others):
        return all(len(word) >= _LONG_WORD for word in words)
    return all(
        word == other or len(word) >= _LONG_WORD or (i == 0 and len(words) > 1 and word[1:] == other[1:])
        for i, (word, other) in enumerate(zip(words, others, strict=True))
    )


def _in_parts(parts: list[str], text: str, *, may_align: bool) -> Match | None:
    """The stretches of a quote with ellipses, one after the other, as the span from the first to the last."""
    if any(len(part.split()) < 2 and len(part) < 2 * _LONG_WORD for part in parts):
        return None  # a lone number or short word after an ellipsis could come from anywhere
    for first in _ways(parts[0], text, may_align=may_align):
        start, end = first.span
        by, cost = NORMALISED, first.cost
        for part in parts[1:]:
            rest = text[end : end + _GAP + 2 * len(part)]
            found = next((way for way in _ways(part, rest, may_align=may_align) if way.span[0] <= _GAP), None)
            if found is None:
                break
            end, cost = end + found.span[1], cost + found.cost
        else:
            return Match((start, end), ALIGNED if cost else by, cost)
    return None


def _ways(part: str, text: str, *, may_align: bool) -> Iterator[Match]:
    yield from (Match(span, NORMALISED) for span in _normalised(part, text))
    if may_align and (found := _aligned(part, text)):
        yield found
