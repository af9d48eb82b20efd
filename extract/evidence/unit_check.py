"""Is the unit the one that the paper prints with this number, and does it measure what the field asks for?

What a newcomer would get wrong: that the unit stands in the quote says little, because a sentence of results has many. It
must be the one behind this number, or behind the last of its range or list ('10 to 20 mg', '5, 10 and 15 °C').
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from extract.embedded.conversion_of_units import converted
from extract.embedded.unit_words import unit_pattern
from extract.evidence.claims import NUMBERS, Claim, Words
from extract.evidence.dimensions import measures
from extract.evidence.finding import NORMALISED, find
from extract.evidence.findings import Finding, contradicted, not_found, supported
from extract.evidence.normalising import readable, strict
from extract.evidence.numbers import conversion_told, saying
from extract.evidence.printed import Printed, numbers_in

#: Kinds of values that are measured or counted, and what none of them holds.
_MEASURED = frozenset({"unit", "quantity", "number", "value", "count", "year"})
_ADDRESS = re.compile(r"\b[a-z][a-z0-9+.-]*://|\bwww\.|\bjavascript:|\bdata:\w+/", re.IGNORECASE)
METHOD, DIMENSION, RANGE = "unit", "dimension", "range"
_GAP = r"[\s\u00a0\u2009\u202f]?"
_NEXT = re.compile(
    rf"{_GAP}(?:\(?±|\+/?-|[-–−]|to|and|or|,|;|/|x|×|vs\.?|versus|of|out of){_GAP}(?:and\s|to\s|or\s|\+|±|about\s|~|≈|∼)?(?=[-−–+]?\.?\d)"
)
_BETWEEN = re.compile(rf"[)\]]?{_GAP}[-‐‑]?{_GAP}[(\[]?")
#: Numbers of one list that may stand between a number and its unit.
_MOST_JOINED = 8
#: How models write what papers print otherwise, where neither pint nor the signs tell.
_ALIASES = {"C": "°C", "F": "°F", "degC": "°C", "degrees C": "°C", "degrees Celsius": "°C", "Celsius": "°C", "deg": "°"}


def check_unit(claim: Claim, words: Words) -> Finding:
    """Whether the words print this unit with the number beside it."""
    unit = str(claim.value).strip()
    numbers = [number for value in numbers_beside(claim) for number in saying(value, words)]
    for number in numbers:
        if _follows(unit, words.said, number):
            return supported(METHOD)
    printed = [one for number in numbers if (one := unit_after(words.said, number))]
    if any(is_same_unit(unit, one) for one in printed):
        return supported(METHOD)
    if not numbers and any(conversion_told(value, unit, words) for value in numbers_beside(claim)):
        return supported("converted", "the paper prints another unit of the same measure")
    if printed and not any(strict(unit).text.startswith(strict(one).text) for one in printed):
        return contradicted(METHOD, f"the text prints {printed[0]!r} with this number, not {unit!r}")
    if find(unit, words.said, by=NORMALISED):
        return supported(METHOD)
    if find(unit, words.chunk.text, by=NORMALISED):
        return supported(METHOD, "not in the quote; elsewhere in the chunk")
    return not_found(METHOD, f"{unit!r} is not in the quote")


def check_kind(claim: Claim) -> Finding | None:
    """Against a quantity or a unit that is an address: a text may hold one, and a model may put it anywhere."""
    if isinstance(claim.value, str) and claim.field.kind in _MEASURED and _ADDRESS.search(claim.value):
        return contradicted("kind", f"{claim.value!r} is an address and no {claim.field.kind}")
    return None


def numbers_beside(claim: Claim) -> list[float]:
    """The numbers that this unit is of: those of the neighbours that hold a quantity."""
    found: list[float] = []
    for part in claim.fields.fields:
        value = claim.beside.get(part.name)
        if part.kind not in NUMBERS or value is None or isinstance(value, bool):
            continue
        if isinstance(value, (int, float)):
            found.append(float(value))
        elif isinstance(value, str):
            found += [number.values[0] for number in numbers_in(readable(value))]
    return list(dict.fromkeys(found))


def _follows(unit: str, text: str, number: Printed) -> bool:
    """Whether this unit stands right behind the number or the list that it is in, whatever word it is; or before it, as '$'."""
    for end in _ends(text, number):
        behind = _BETWEEN.match(text, end)
        start = behind.end() if behind else end
        match = find(unit, text[start : start + len(unit) + 8], by=NORMALISED)
        if match and match.span[0] == 0:
            return True
    before = text[max(0, number.start - len(unit) - 1) : number.start].strip()
    return bool(before) and strict(before).text.endswith(strict(unit).text)


def unit_after(text: str, number: Printed) -> str | None:
    """The unit that is printed with this number; None where there is none."""
    for end in _ends(text, number):
        behind = _BETWEEN.match(text, end)
        found = unit_pattern().match(text, behind.end() if behind else end)
        if found and not (found[0].isalpha() and len(found[0]) == 1 and text[found.end() : found.end() + 1] in ("-", "–")):
            return found[0]
    return None


def _ends(text: str, number: Printed) -> Iterator[int]:
    """Where the number ends, then where each one ends that is joined to it."""
    end = number.end
    yield end
    for _ in range(_MOST_JOINED):
        joint = _NEXT.match(text, end)
        joined = next(numbers_in(text[joint.end() : joint.end() + 40]), None) if joint else None
        if joint is None or joined is None or joined.start > 0:
            return
        end = joint.end() + joined.end
        yield end


def is_same_unit(unit: str, printed: str) -> bool:
    """Whether both are the same unit, however written: h and hours, mM and mmol/L, kg/m3 and kg m−3."""
    unit, printed = _ALIASES.get(unit, unit), _ALIASES.get(printed, printed)
    if strict(unit).text == strict(printed).text:
        return True
    plain, other = unit.lower().rstrip("s."), printed.lower().rstrip("s.")
    if plain == other and len(plain) > 3:
        return True
    return converted(1.0, unit, printed) == 1.0


def check_dimension(claim: Claim) -> Finding | None:
    """Whether the unit of this value parses and measures what `x-dimension` asks; None where there is nothing to check."""
    asked = claim.field.schema.get("x-dimension")
    unit = _unit_of(claim)
    if not isinstance(asked, str) or not unit:
        return None
    if measures(unit, asked):
        return None
    return contradicted(DIMENSION, f"{unit!r} is no unit of {asked}")


def _unit_of(claim: Claim) -> str | None:
    """The unit of this value: itself, the one within its text, or the one beside it."""
    if claim.field.kind == "unit":
        return str(claim.value).strip()
    if isinstance(claim.value, str):
        number = next(numbers_in(claim.value), None)
        return unit_after(claim.value, number) if number else None
    beside = claim.neighbour("unit")
    return beside.strip() if isinstance(beside, str) else claim.field.unit_hint


def check_range(claim: Claim) -> Finding | None:
    """Whether the value lies within `x-range: [lowest, highest]`, either of which may be null; None where it does."""
    bounds = claim.field.schema.get("x-range")
    value = _number_of(claim.value)
    if not (isinstance(bounds, list) and len(bounds) == 2) or value is None:
        return None
    low, high = bounds
    if (low is not None and value < low) or (high is not None and value > high):
        return contradicted(RANGE, f"{value:.6g} is not within {_shown(low)} to {_shown(high)}")
    return None


def _number_of(value: Any) -> float | None:
    if isinstance(value, bool):
        return None
    if isinstance(value, (int, float)):
        return float(value)
    first = next(numbers_in(value), None) if isinstance(value, str) else None
    return first.values[0] if first else None


def _shown(bound: float | None) -> str:
    return "any" if bound is None else f"{bound:g}"
