"""Find a quote whose words a model changed a little: a word changed, left out or added.

Semi-global alignment of words (Sellers, J. Algorithms 1, 1980): the whole quote against any stretch of the text, within a bound
that grows slowly with its length. Some words may never be aligned away, on either side: a number, a sign of comparison, a
'not'; nor may 'increased' stand for 'decreased'. They are what a quote is kept for.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache
from typing import NamedTuple

from extract.embedded.words import listed
from extract.evidence.normalising import canonical, folded

#: A quote of fewer words fits too many places when one of them is free.
MIN_WORDS = 6
#: One change is allowed, and one more for each so many words beyond the fewest.
WORDS_PER_CHANGE = 8
#: Words of four letters or more, other than those of every text, that must stand unchanged.
MIN_CONTENT = 3
#: Signs of a quote beyond which it is no quote: the work grows with the square.
_LONGEST = 4_000

_TOKEN = re.compile(
    r"(?:(?<![^\s(\[<>=~±,/])[-+]\s?)?(?:(?:\d{1,3}(?:[, ]\d{3})+(?![\d])|\d+)(?:\.\d+)?|\.\d+)(?:\^[-+]?\d+)?"
    r"|[^\W\d_]+|[<>=±%!]"
)
_CITATION = re.compile(r"\[\s*\d+(?:\s*[-,;]\s*\d+)*\s*\]")
_LINE_HYPHEN = re.compile(r"(?<=[^\W\d_])-\s(?=[^\W\d_])")
_NUMBER_WORDS = {
    "two": "2", "three": "3", "four": "4", "five": "5", "six": "6", "seven": "7", "eight": "8", "nine": "9", "ten": "10",
    "eleven": "11", "twelve": "12",
}  # fmt: skip
NEVER_CHANGED = frozenset(
    listed(
        """
        not no nor never none neither without cannot nothing non un isn aren wasn weren didn doesn don hasn haven couldn only
        less more fewer greater lower higher below above under over before after
        """
    )
)
#: Said the other way round: one may never be aligned with the other.
_OPPOSITES = (
    "increas decreas", "increas reduc", "rise fall", "rose fell", "gain loss", "high low", "large small", "strong weak",
    "positive negative", "presence absence", "present absent", "maxim minim", "upper lower", "significant insignificant",
    "better worse", "best worst", "faster slower", "longer shorter", "improv worsen", "improv degrad", "enhanc suppress",
    "activ inhibit", "up down", "male female", "men women", "with without", "first last", "oxid reduc", "hot cold", "heat cool",
    "possible impossible", "able unable", "likely unlikely", "stable unstable", "always never", "most least", "all none",
)  # fmt: skip
_COMMON = frozenset(
    listed(
        """
        this that these those with from were been have which their there than then they into also such between when where
        while each both other more most only over under after before about shown show shows using used figure table study
        results
        """
    )
)


class Token(NamedTuple):
    """One word, number or sign of a text, and where it stands there."""

    word: str
    start: int
    end: int
    is_kept: bool  #: it may not be changed, left out or added


@dataclass(frozen=True, slots=True)
class Alignment:
    span: tuple[int, int]
    cost: int  #: words changed, left out or added


def align(quote: str, text: str) -> Alignment | None:
    """The stretch of the text that says the quote with the fewest changes; None where it takes more than the bound."""
    if len(quote) > _LONGEST:
        return None
    wanted, said = _tokens(quote), _tokens(text)
    if len(wanted) < MIN_WORDS:
        return None
    bound = 1 + (len(wanted) - MIN_WORDS) // WORDS_PER_CHANGE
    if not _has_enough(wanted, _words(text), bound):
        return None
    best = _best(wanted, said)
    if best is None or best.cost > bound or sum(_is_content(word) for word in best.kept) < MIN_CONTENT or best.is_opposite:
        return None
    return Alignment((said[best.first].start, said[best.last].end), best.cost)


@lru_cache(maxsize=2048)
def _tokens(text: str) -> tuple[Token, ...]:
    """The words of a text with its citations left out; 'three' is 3, and 1,200 is 1200."""
    plain = canonical(text).without(_LINE_HYPHEN)
    small = folded(plain.text)
    cited = [match.span() for match in _CITATION.finditer(small)]
    found = []
    for match in _TOKEN.finditer(small):
        if any(start <= match.start() < end for start, end in cited):
            continue
        word = _NUMBER_WORDS.get(match[0], match[0])
        is_number = any(sign.isdigit() for sign in word)
        if is_number:
            word = _plain_number(word)
        is_kept = is_number or not word[0].isalpha() or word in NEVER_CHANGED
        found.append(Token(word, *plain.span(*match.span()), is_kept))
    return tuple(found)


@lru_cache(maxsize=2048)
def _words(text: str) -> frozenset[str]:
    return frozenset(token.word for token in _tokens(text))


def _plain_number(word: str) -> str:
    """1,200 as 1200 and 3.20 as 3.2."""
    plain = re.sub(r"[,\s+]", "", word)
    whole, power, exponent = plain.partition("^")
    if "." in whole:
        whole = whole.rstrip("0").rstrip(".")
    return f"{whole or '0'}{power}{exponent}"


def _has_enough(wanted: tuple[Token, ...], words: frozenset[str], bound: int) -> bool:
    """Whether the text has all words of the quote but as many as may change, and all that may not: the cheap test first."""
    missing = [token for token in wanted if token.word not in words]
    return len(missing) <= bound and not any(token.is_kept for token in missing)


def _is_content(word: str) -> bool:
    return any(sign.isdigit() for sign in word) or (len(word) >= 4 and word not in _COMMON)


#: Cost of a change, and what a word that stands unchanged takes off: of alignments with as many changes the fuller one wins.
_CHANGE, _SAME_WORD = 1_000, -1
_FAR = 100_000_000


@dataclass(frozen=True, slots=True)
class _Path:
    """One alignment, in words."""

    cost: int
    first: int  #: of the stretch's words in the text
    last: int
    kept: list[str]  #: that stand unchanged
    lost: list[str]  #: of the quote only
    gained: list[str]  #: of the text only

    @property
    def is_opposite(self) -> bool:
        """Whether it takes one word for its opposite, side by side or apart."""
        return any(_are_opposite(one, other) for one in self.lost for other in self.gained)


def _best(wanted: tuple[Token, ...], said: tuple[Token, ...]) -> _Path | None:
    """The alignment of the whole quote with any stretch of the text that has the fewest changes."""
    n, m = len(wanted), len(said)
    costs = [[0] * (m + 1)]
    for token in wanted:
        above = costs[-1]
        row = [above[0] + _gap(token)]
        for j, other in enumerate(said, start=1):
            row.append(min(above[j - 1] + _change(token, other), above[j] + _gap(token), row[j - 1] + _gap(other)))
        costs.append(row)
    least = min(costs[n])
    ends = [j for j in range(1, m + 1) if costs[n][j] == least]
    if least >= _FAR // 2 or not ends:
        return None
    paths = [_path(costs, wanted, said, j) for j in ends]
    return min(paths, key=lambda path: (abs(path.last - path.first + 1 - n), path.first))


def _path(costs: list[list[int]], wanted: tuple[Token, ...], said: tuple[Token, ...], end: int) -> _Path:
    """Back from this end."""
    i, j = len(wanted), end
    kept: list[str] = []
    lost: list[str] = []
    gained: list[str] = []
    while i:
        token = wanted[i - 1]
        if j and costs[i][j] == costs[i - 1][j - 1] + _change(token, said[j - 1]):
            i, j = i - 1, j - 1
            if token.word == said[j].word:
                kept.append(token.word)
            else:
                lost.append(token.word)
                gained.append(said[j].word)
        elif costs[i][j] == costs[i - 1][j] + _gap(token):
            i -= 1
            lost.append(token.word)
        else:
            j -= 1
            gained.append(said[j].word)
    n_changes = -(-costs[-1][end] // _CHANGE)
    return _Path(n_changes, min(j, end - 1), end - 1, kept, lost, gained)


def _gap(token: Token) -> int:
    """What it costs that one side has this word and the other has not."""
    return _FAR if token.is_kept else _CHANGE


def _change(token: Token, other: Token) -> int:
    """What it costs to read one word for the other."""
    if token.word == other.word:
        return _SAME_WORD
    return _FAR if token.is_kept or other.is_kept else _CHANGE


def _are_opposite(one: str, other: str) -> bool:
    for pair in _OPPOSITES:
        left, right = pair.split()
        if (one.startswith(left) and other.startswith(right)) or (one.startswith(right) and other.startswith(left)):
            return True
    return any(one == prefix + other or other == prefix + one for prefix in ("un", "in", "im", "non", "dis"))
