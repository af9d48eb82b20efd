"""The numbers that a text prints, whatever way it prints them: 1,200; 1 200; 3.2 × 10⁻⁴; 2e5; 31%; three; 0,05.

One printed number may be read in two ways ('0,05' in a paper that sets commas); then it says either.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from typing import NamedTuple

from extract.embedded.numbers import FIGURES, WORDS, number_of

_NUMBER = re.compile(rf"(?<![\d.])(?:{FIGURES}|(?i:\b(?:{WORDS}|one|zero)(?!\w)))")
_COMMA = re.compile(r"[+\-−–]?\d+,\d+")
#: '10–20' is a range, '10−4' most likely a power whose raised digits were laid flat: read both ways.
_RANGE_FROM_TEN = re.compile(r"10[−–](\d{1,2})")
_TIMES = re.compile(r"(\d)\s?[xX*]\s?10(?=[\^{\s\-−–⁻¯⁰¹²³⁴-⁹])")
_PERCENT = re.compile(r"\s?(?:%|percent\b|per cent\b)")
#: Share by which a number may differ from the printed one: floats that came through text, no more.
CLOSE = 1e-9


class Printed(NamedTuple):
    """One number in a text."""

    start: int
    end: int
    values: tuple[float, ...]  #: what it may be read as; the first is the likelier
    rounding: float  #: what it may be off by for its digits alone: half of its last one; 0 for a plain whole number
    is_percent: bool

    def says(self, value: float) -> bool:
        return any(is_close(value, read) for read in self.values) or (self.is_percent and is_close(value, self.values[0] / 100))


def is_close(one: float, other: float) -> bool:
    return math.isclose(one, other, rel_tol=CLOSE, abs_tol=1e-300)


def numbers_in(text: str) -> Iterator[Printed]:
    """Every number of this text in its order, labels and citations too."""
    for match in _NUMBER.finditer(text):
        start, end = match.span()
        values = _values(text, start, end)
        if values:
            is_percent = bool(_PERCENT.match(text, end))
            yield Printed(start, end, values, _rounding(match[0], values[0], is_percent), is_percent)


_MANTISSA = re.compile(r"\d[\d,\u2009\u202f\u00a0 ]*(?:\.(\d+))?|\.(\d+)")


def _rounding(words: str, value: float, is_percent: bool) -> float:
    """Half of the last digit of a number. A plain whole number is taken for a count; a share of 33% is rounded."""
    found = _MANTISSA.match(words.lstrip("+-−–"))
    if found is None:
        return 0.0
    mantissa = float(re.sub(r"[^\d.]", "", found[0]))
    scale = abs(value) / mantissa if mantissa else 1.0
    is_whole = not (found[1] or found[2])
    if is_whole and scale == 1 and not is_percent:
        return 0.0
    return 0.5 * 10.0 ** -len(found[1] or found[2] or "") * scale


def _values(text: str, start: int, end: int) -> tuple[float, ...]:
    """What text[start:end] may be read as; a dash before it may be a sign or join a range."""
    words = text[start:end]
    found = []
    comma = _COMMA.match(text, start)
    if comma and "," not in words:  # FIGURES stops at a comma that groups no thousands
        found.append(float(comma[0].replace(",", ".").translate(_MINUS)))
    value = number_of(_TIMES.sub(r"\1×10", words))
    if value is not None:
        found.insert(0, value)
        if words[0] in "-−–" and start and not text[start - 1].isspace():
            found.append(-value)
    if ends := _RANGE_FROM_TEN.fullmatch(words):
        found += [10.0, float(ends[1]), -float(ends[1])]
    if words[0].isalpha() and " " in words:  # 'twenty eight-second integrations' are twenty
        found += [part for part in map(number_of, words.split()) if part is not None]
    if "," in words and re.fullmatch(r"[+\-−–]?\d{1,3},\d{3}", words):
        found.append(float(words.translate(_MINUS).replace(",", ".")))
    return tuple(found)


_MINUS = str.maketrans("−–", "--")


def printed_ways(value: float) -> list[str]:
    """How a paper may print this number: 1200, 1,200, 1 200, 0.50."""
    plain = f"{value:.12g}" if isinstance(value, float) else str(value)
    ways = [plain]
    if abs(value) >= 1000 and "e" not in plain:
        whole, dot, rest = plain.partition(".")
        grouped = f"{int(whole):,}"
        ways += [grouped + dot + rest, grouped.replace(",", " ") + dot + rest]
    if "e" not in plain:
        ways += [f"{plain}0", f"{plain}00"] if "." in plain else [f"{plain}.0", f"{plain}.00"]
    return ways
