"""How numbers that stand next to each other belong together, and which words around them belong to the quantity.

'5 to 8', '3.2 ± 0.1', '10 × 20', '80/20', '4, 6 and 13': the words and signs between two numbers tell. 'about', 'at least' and
'>' before a number, and 'or more' after it, are part of what is printed as the quantity.
"""

from __future__ import annotations

import re
from typing import NamedTuple


class Atom(NamedTuple):
    """One number with the unit right after it."""

    start: int
    end: int  #: of the number
    unit: tuple[int, int] | None
    is_word: bool

    @property
    def stop(self) -> int:
        return self.unit[1] if self.unit else self.end


_MODIFIER = re.compile(
    r"(?:(?<!\w)(?:about|approximately|approx\.?|around|roughly|nearly|almost|circa|ca\.?|c\.|at least|at most|"
    r"up ?to|down to|"
    r"more than|less than|fewer than|greater than|higher than|lower than|larger than|smaller than|longer than|shorter than|"
    r"no more than|no less than|not more than|not less than|over|above|below|within|exceeding|in excess of|(?:in|of) the order of|"
    r"on the order of|every|near|an? average of|(?:on )?average|over an?|over the|past|last|upper|before|"
    r"range(?! of)|ranges? from|as (?:low|high|much|many|few|little) as|better than)\s|[~∼≈≃≲≳<>≤≥⩽⩾±≪≫]=?\s?)+$",
    re.I,
)
_BETWEEN = re.compile(r"(?<!\w)(?:between|from)\s$", re.I)
_TAIL = re.compile(r"\s?(?:or|and)\s(?:more|less|fewer|greater|higher|lower|above|below|older|younger|over)(?!\w)")
_SIGNS = r"[~∼≈<>≤≥≲≳]?\s?"
_RANGE = re.compile(
    rf"\s?(?:[–—−\-]|\.\.\.|…)\s?{_SIGNS}|\s(?:to|through|till|until)\s(?:around\s|about\s|"
    rf"approximately\s|up to\s)?{_SIGNS}"
)
_TOLERANCE = re.compile(r"\s?(?:±|\+/[-−–]|\+[-−])\s?")
_TIMES = re.compile(r"\s?[×x]\s?|\sby\s")
_RATIO = re.compile(r"\s?[:/]\s?")
_LIST = re.compile(rf",?\s(?:and|or)\s{_SIGNS}|,\s{_SIGNS}")
_AND = re.compile(rf"\sand\s{_SIGNS}")


def joint_of(text: str, left: Atom, right: Atom, *, may_be_range: bool) -> str | None:
    """How two neighbouring numbers belong together; None where they do not."""
    gap = text[left.stop : right.start]
    if len(gap) > 20:
        return None
    same = left.unit is None or (right.unit is not None and text[slice(*left.unit)] == text[slice(*right.unit)])
    if _RANGE.fullmatch(gap) and (same or right.unit is None or gap.strip() == "to"):
        return "range"
    if _TOLERANCE.fullmatch(gap):
        return "tolerance"
    if may_be_range and _AND.fullmatch(gap) and same:
        return "range"
    if _TIMES.fullmatch(gap) and same:
        return "times"
    if _RATIO.fullmatch(gap) and left.unit is None and not (left.is_word or right.is_word):
        return "ratio"
    if _LIST.fullmatch(gap) and left.unit is None and not left.is_word and not right.is_word:
        return "and" if gap.strip(" <>~∼≈≤≥")[-2:] in ("nd", "or") else "comma"
    return None


def is_between(text: str, start: int) -> bool:
    """Whether 'between' or 'from' stands right before: an 'and' that follows then makes a range."""
    return bool(_BETWEEN.search(text, max(0, start - 20), start))


def widened(text: str, start: int, end: int, *, is_range: bool) -> tuple[int, int]:
    """The span with the words of comparison before and after it."""
    modifier = _MODIFIER.search(text, max(0, start - 40), start)
    if modifier and modifier[0].lower() == "over " and text[start].isalpha():
        modifier = None  # 'over eight cycles' are eight
    begin = modifier.start() if modifier else start
    between = _BETWEEN.search(text, max(0, begin - 20), begin) if is_range else None
    tail = _TAIL.match(text, end)
    return min(match.start() if match else start for match in (modifier, between)), tail.end() if tail else end
