"""Numbers as papers print them: 1,200; 1 200; .05; 3.2 × 10−4; 2e5; three; two million.

`NUMBER` finds where one begins; `number_of` gives its value. A digit that belongs to a name (H2O, PM2.5, CD4, Figure 3,
[12]) is no number: the finder of quantities sorts those out by what stands around them.
"""

from __future__ import annotations

import re

_SMALL = {
    word: value
    for value, word in enumerate(
        [
            "zero",
            "one",
            "two",
            "three",
            "four",
            "five",
            "six",
            "seven",
            "eight",
            "nine",
            "ten",
            "eleven",
            "twelve",
            "thirteen",
            "fourteen",
            "fifteen",
            "sixteen",
            "seventeen",
            "eighteen",
            "nineteen",
        ]
    )
}
_TENS = {
    word: 10 * (i + 2) for i, word in enumerate(["twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety"])
}
_SCALES = {"hundred": 1e2, "thousand": 1e3, "million": 1e6, "billion": 1e9, "trillion": 1e12, "dozen": 12.0}

_SIGN = r"(?:[+\-−–](?=[\d.]))?"
_DIGITS = r"(?:\d{1,3}(?:,\d{3})+(?!\d)|\d{1,3}(?:[\u2009\u202f\u00a0 ]\d{3})+(?![\d.])|\d+)"
_POWER = r"(?:\s?[×x·⋅∙*]\s?10\s?(?:\^?\{?\s?[-−–]?\s?\d{1,2}\}?|[⁻¯]?[⁰¹²³⁴⁵⁶⁷⁸⁹]+)|[eE][-−–+]?\d{1,2}(?!\w))"
_ALONE = r"10(?:\^\{?[-−–]?\d{1,2}\}?|[−–]\d{1,2}(?!\d)|[⁻¯]?[⁰¹²³⁴⁵⁶⁷⁸⁹]+)"
_SCALE = r"(?:\s(?:hundred|thousand|million|billion|trillion)s?(?!\w))"
FIGURES = rf"{_SIGN}(?:{_ALONE}|(?:{_DIGITS}(?:\.\d+)?|\.\d+){_POWER}?){_SCALE}?"
WORDS = (
    rf"(?:(?:{'|'.join(_TENS)})(?:[- ](?:{'|'.join(list(_SMALL)[1:10])}))?|{'|'.join(list(_SMALL)[19:0:-1])}|"
    rf"hundreds?|dozens?)"
    rf"(?:\s(?:hundred|thousand|million|billion|dozen)s?)*(?!\w)"
)
#: A number in figures, at its start.
NUMBER = re.compile(FIGURES)

_SUPERSCRIPTS = str.maketrans("⁰¹²³⁴⁵⁶⁷⁸⁹⁻¯−–", "0123456789----")
_SCIENTIFIC = re.compile(r"^(?:([+-]?[\d.]+)\s?[×x·⋅∙*]\s?)?10\s?\^?\{?\s?(-?\s?\d{1,2})\}?$")


def number_of(text: str) -> float | None:
    """The value of one printed number; None where it is none."""
    words = text.strip().lower().split()
    scale = 1.0
    while words and words[-1].rstrip("s") in _SCALES:
        scale *= _SCALES[words.pop().rstrip("s")]
    plain = " ".join(words)
    value = _in_words(plain) if plain[:1].isalpha() else _in_figures(plain) if plain else 1.0
    return None if value is None else value * scale


def _in_words(text: str) -> float | None:
    parts = text.replace("-", " ").split()
    if not all(part in _SMALL or part in _TENS for part in parts):
        return None
    return float(sum(_SMALL.get(part, 0) + _TENS.get(part, 0) for part in parts))


def _in_figures(text: str) -> float | None:
    plain = text.translate(_SUPERSCRIPTS)
    power = _SCIENTIFIC.match(re.sub(r"(?<=\d)[,\u2009\u202f\u00a0 ](?=\d{3})", "", plain)) if "10" in plain else None
    try:
        if power and (power[1] or "^" in text or not text.isascii()):
            return float(power[1] or 1) * 10.0 ** int(power[2].replace(" ", ""))
        return float(re.sub(r"[,\s]", "", plain))
    except ValueError:
        return None
