"""Choose the name among the likely stretches of a sentence: what the pointer's probabilities mean in words.

A stretch that overlaps many likely ones is better than the likeliest alone: 'the mean grain size' and 'grain size' speak for each other.
A name begins and ends with a word that says something, and does not hold the quantity itself.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from enum import StrEnum
from typing import TYPE_CHECKING, NamedTuple

from extract.embedded.phrases import FUNCTION, Span
from extract.embedded.pointing import LONGEST, NAMED, Marked

if TYPE_CHECKING:
    import numpy as np

#: Stretches that are weighed against each other; the others are too unlikely to matter.
WEIGHED = 40
#: Of these the likeliest that can be names are candidates.
CANDIDATES = 10
#: Weight of a stretch's own probability: of two that speak for the same, the likelier is said.
LIKELIER = 0.1


#: How often a name is right beside what the network says, and how often one that the shape of the sentence gives.
WORTH = {"property": 0.7, "entity": 0.7}
SHAPE_WORTH = {"property": 0.55, "entity": 0.35}
#: A name worth less is not given: silence is right more often. These are fitted by cross-validation for F1.
LEAST = 0.2


class By(StrEnum):
    """What an answer comes from."""

    POINTER = "pointer"
    SHAPE = "shape"  #: of the sentence, by `measured.py`, where the pointer was silent
    SILENCE = "silence"  #: neither names anything


class Named(NamedTuple):
    """A stretch of the sentence, or None where it does not say it; and the network's probability of that, 0 to 1.

    What the network takes for sure is right less often: `sureness.py` says how often.
    """

    span: Span | None
    chance: float
    by: By
    exactly: float = 0.0  #: the part of it that is of exactly these words


def candidates(text: str, sentence: Marked, chances: np.ndarray) -> list[Named]:
    """The stretches that are likeliest to name the right thing with at least half of their words, the best first.

    `chances` (words, LONGEST) of each stretch by its first word and its length.
    """
    import numpy as np

    flat = chances.ravel()
    likely = [int(at) for at in np.argsort(-flat)[:WEIGHED] if flat[at] > 1e-3]
    ranges = [(at // LONGEST, at // LONGEST + at % LONGEST + 1) for at in likely]
    own = [i for i, first in enumerate(sentence.firsts) if sentence.marks[first] == 1]
    rated = []
    for start, end in _names_only(text, sentence.words, ranges, own)[:CANDIDATES]:
        span = (sentence.words[start][0], sentence.words[end - 1][1])
        chance = sum(flat[at] for at, other in zip(likely, ranges, strict=True) if names((start, end), other))
        rated.append(Named(span, min(1.0, float(chance)), By.POINTER, float(chances[start, end - start - 1])))
    return sorted(rated, key=_rating, reverse=True)


def _rating(named: Named) -> float:
    return named.chance + LIKELIER * named.exactly


def best_pair(
    found: tuple[list[Named], list[Named]], silent: Sequence[float], hints: Sequence[Span | None]
) -> tuple[Named, Named]:
    """The property and the entity that together are worth most and do not overlap; what the shapes of sentences say is considered too.

    `found` are the candidates of both, `silent` the chances that there is none.
    """
    options = [
        [
            (0.0, Named(None, silence, By.SILENCE)),
            *((WORTH[kind] * _rating(one) - LEAST, one) for one in named),
            *([(SHAPE_WORTH[kind] - LEAST, Named(hint, silence, By.SHAPE))] if hint else []),
        ]
        for kind, named, silence, hint in zip(NAMED, found, silent, hints, strict=True)
    ]
    pairs = ((a + b, -i, -j) for i, (a, _) in enumerate(options[0]) for j, (b, _) in enumerate(options[1]))
    for _, i, j in sorted(pairs, reverse=True):
        one, other = options[0][-i][1], options[1][-j][1]
        if not (one.span and other.span and one.span[0] < other.span[1] and other.span[0] < one.span[1]):
            return one, other
    raise AssertionError("silence overlaps nothing")


#: One in a hundred annotated names holds a sign or a verb like these.
_NO_NAME = re.compile(r"[,;:=?!]|(?<!\w)(?:is|are|was|were|be|been|being|has|have|had|which|that)(?!\w)")
_NO_EDGE = FUNCTION | {"of", "is", "are", "was", "were", "be", "been", "has", "have", "had"}


def _names_only(text: str, words: Sequence[Span], ranges: Sequence[Span], own: Sequence[int]) -> list[Span]:
    """Those of these ranges of words that can be names."""
    says = [text[a].isalnum() and text[a:b].lower() not in _NO_EDGE and text[a - 1 : a] not in ("'", "’") for a, b in words]
    return [
        (start, end)
        for start, end in ranges
        if end <= len(words)
        and says[start]
        and says[end - 1]
        and not any(start <= i < end for i in own)
        and _is_plain(text[words[start][0] : words[end - 1][1]])
        and not _is_of_another(text, words[end - 1][1], words[own[0]][0] if own else None)
    ]


_EQUALS = re.compile(r"\s?[=<>≤≥≈]\s?")


def _is_of_another(text: str, end: int, quantity: int | None) -> bool:
    """Whether the name that ends here is set equal to another number: in '57.4% (p = 0.9)' p is none of 57.4%."""
    sign = _EQUALS.match(text, end)
    return sign is not None and (quantity is None or not end <= quantity <= sign.end())


def _is_plain(text: str) -> bool:
    return not _NO_NAME.search(text) and all(text.count(left) == text.count(right) for left, right in ("()", "[]"))


def names(said: Span, true: Span) -> bool:
    """Whether the words from said[0] to said[1] name what the true ones do: half of them, and not twice as many."""
    both = min(said[1], true[1]) - max(said[0], true[0])
    length = true[1] - true[0]
    return 2 * both >= length and said[1] - said[0] <= 2 * max(length, 2)
