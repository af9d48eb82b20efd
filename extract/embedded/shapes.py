"""Quantities whose shape alone tells what they are: dates and times, coordinates, two numbers in brackets before a unit or a power."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from itertools import pairwise

from extract.embedded.numbers import FIGURES, number_of
from extract.embedded.quantity import Quantity, QuantityKind
from extract.embedded.unit_words import unit_pattern

_MONTH = (
    r"(?:Jan(?:uary)?|Feb(?:ruary)?|Mar(?:ch)?|Apr(?:il)?|May|June?|July?|Aug(?:ust)?|Sept?(?:ember)?|"
    r"Oct(?:ober)?|Nov(?:ember)?|Dec(?:ember)?)\.?"
)
_DATE = re.compile(
    rf"(?<!\w)(?:\d{{1,2}}(?:st|nd|rd|th)?(?:\s(?:of\s)?)(?=[A-Z]))?{_MONTH}(?:\s\d{{1,2}}(?:st|nd|rd|"
    rf"th)?(?!\d))?,?(?:\s(?:of\s)?(?:1[5-9]|20)\d\d)?"
    r"(?!\w)(?:\sUTC?(?!\w))?|(?<![\w-])(?:19|20)\d\d-[01]\d-[0-3]\d(?!\d)"
    r"|(?<![\w:.])[0-2]?\d:[0-5]\d(?::[0-5]\d)?(?:\s?(?:UTC?|GMT|LT|[ap]\.?m\.?)(?!\w)|(?![\w:]))"
)
_BETWEEN = re.compile(r"(?<!\w)(?:between|from)\s[~∼≈]?$", re.I)
_TO = re.compile(r"\s?[–—-]\s?|\s(?:to|until|till)\s[~∼≈]?")
_AND = re.compile(r"\sand\s[~∼≈]?")
_DEGREES = r"\d{1,3}°\s?\d{1,2}(?:\.\d+)?\s?[′'’](?:\s?\d{1,2}(?:\.\d+)?\s?[″\"”])?\s?[NSEW](?!\w)"
_PLACE = re.compile(rf"(?<![\w.]){_DEGREES}(?:[;,]?\s{_DEGREES})?")
_POWER = r"10\s?\^?[-−–+]?\d{1,2}(?!\d)"
_BRACKETED = re.compile(
    rf"\((?P<low>{FIGURES})\s?(?P<sign>[–—−-]|±)\s?(?P<high>{FIGURES})\)(?:\s?[×x·⋅]\s?(?P<power>{_POWER}))?"
)


def shaped(text: str) -> list[Quantity]:
    """The quantities of such shapes, in the text's order."""
    found = [*_joined(text, list(_dates(text))), *_places(text), *_bracketed(text)]
    return sorted(found, key=lambda quantity: quantity.start)


def _dates(text: str) -> Iterator[Quantity]:
    for match in _DATE.finditer(text):
        if any(sign.isdigit() for sign in match[0]):
            end = match.start() + len(match[0].rstrip(" ,"))
            span = (match.start(), end)
            yield Quantity(match.start(), end, span, None, QuantityKind.DATE, None)


def _joined(text: str, dates: list[Quantity]) -> Iterator[Quantity]:
    """The dates, two of them as one where they are the ends of a stretch of time: 'between 05:28 UT and 05:47 UT'."""
    taken = -1
    for one, other in pairwise([*dates, None]):
        if one is None or one.start < taken:
            continue
        between = _BETWEEN.search(text, max(0, one.start - 12), one.start)
        gap = text[one.end : other.start] if other else ""
        if other and (_TO.fullmatch(gap) or (between and _AND.fullmatch(gap))):
            start, taken = (between.start() if between else one.start), other.end
            yield Quantity(start, other.end, (one.start, other.end), None, QuantityKind.DATE, None)
        else:
            yield one


def _places(text: str) -> Iterator[Quantity]:
    for match in _PLACE.finditer(text):
        yield Quantity(*match.span(), match.span(), None, QuantityKind.PLACE, None)


def _bracketed(text: str) -> Iterator[Quantity]:
    """'(0.28–0.42) × 10−10 m', '(−18 ± 2) °C': what stands after the bracket is of both numbers."""
    for match in _BRACKETED.finditer(text):
        unit = unit_pattern().match(text, match.end() + (text[match.end() : match.end() + 1] == " "))
        if not unit and not match["power"]:
            continue
        low, high = (number_of(f"{match[end]} × {match['power']}" if match["power"] else match[end]) for end in ("low", "high"))
        made = Quantity(
            match.start(),
            unit.end() if unit else match.end(),
            match.span(),
            unit.span() if unit else None,
            QuantityKind.MEASURE if unit else QuantityKind.NUMBER,
            low,
        )
        if match["sign"] != "±" and low is not None and high is not None:
            made = replace(made, low_high=(low, high))
        yield made
