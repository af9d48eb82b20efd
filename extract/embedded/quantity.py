"""One quantity as it is printed, and what sort of number it is."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class QuantityKind(StrEnum):
    MEASURE = "measure"  #: has a unit
    COUNT = "count"  #: a whole number of things
    NUMBER = "number"  #: without a unit: a ratio, a score, a coefficient
    YEAR = "year"
    DATE = "date"
    PLACE = "place"  #: a latitude, a longitude or both


@dataclass(frozen=True, slots=True)
class Quantity:
    """One quantity. text[start:end] is all of it, with 'about' or '>'; text[value[0]:value[1]] its figures."""

    start: int
    end: int
    value: tuple[int, int]
    unit: tuple[int, int] | None  #: where its unit stands
    kind: QuantityKind
    number: float | None  #: the number, or the first of a range; None for a ratio, a product, a list
    low_high: tuple[float, float] | None = None  #: of a range
