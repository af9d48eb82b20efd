"""Is the number in the quote? In any of the ways to print it; computed by the reader only where the prompt asks for that.

A model that turns 320 meV into 0.32 eV may be right, but the paper does not say so: such a value is supported only where
the field names its unit ('gap_ev', 'in eV') or the prompt asks for SI units, and then only if pint gets the same number.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator

from extract.embedded.conversion_of_units import converted
from extract.embedded.quantities import find_quantities
from extract.evidence.claims import Claim, Words
from extract.evidence.findings import Finding, contradicted, not_found, supported
from extract.evidence.normalising import readable
from extract.evidence.printed import Printed, numbers_in

METHOD, CONVERTED = "number", "converted"
_FALLS = re.compile(r"decreas|declin|reduc|drop|fell|fall|loss|lost|lower|below|minus|negative|less", re.I)
_ASKS = re.compile(r"\bSI\b|\bconvert", re.I)
_ASKS_NOT = re.compile(r"\b(?:do not|don't|never|without)\s+convert", re.I)
#: Share by which a computed number may differ: models round to three digits.
_ROUNDED = 0.005


def check_number(claim: Claim, words: Words, instructions: str) -> Finding:
    """Whether the words print this number."""
    value = float(claim.value)
    if beside := _otherwise_beside(claim, value):
        return contradicted(METHOD, f"the record itself has {beside!r} for this quantity")
    if any(True for _ in saying(value, words)):
        return supported(METHOD)
    if value < 0 and any(True for _ in saying(-value, words)) and _FALLS.search(words.said):
        return supported(METHOD, "printed without the sign, of something that falls")
    unit = claim.neighbour("unit") or claim.field.unit_hint
    if told := conversion_told(value, unit if isinstance(unit, str) else None, words):
        if asks_conversion(claim, instructions):
            return supported(CONVERTED, told)
        return not_found(METHOD, f"computed and not printed: {told}")
    printed = ", ".join(words.said[n.start : n.end] for n in numbers_in(words.said))
    return not_found(METHOD, f"{_shown(value)} is not in the quote, which prints {printed or 'no number'}")


def _otherwise_beside(claim: Claim, value: float) -> str | None:
    """The quantity as text that stands beside this number and holds other numbers only."""
    beside = claim.neighbour("quantity")
    numbers = list(numbers_in(readable(beside))) if isinstance(beside, str) else []
    is_other = bool(numbers) and not any(number.says(value) for number in numbers)
    return beside if is_other and not claim.field.unit_hint else None


def check_quantity(claim: Claim, words: Words) -> Finding | None:
    """Whether the words print every number of a quantity that is told as text, such as '3.2 ± 0.1 eV'; None where it has none."""
    wanted = list(numbers_in(readable(str(claim.value))))
    missing = [n for n in wanted if not any(any(said.says(value) for value in n.values) for said in _printed(words))]
    if missing:
        text = readable(str(claim.value))
        return not_found(METHOD, f"{', '.join(text[n.start : n.end] for n in missing)} is not in the quote")
    return supported(METHOD) if wanted else None


def saying(value: float, words: Words) -> Iterator[Printed]:
    """The numbers of the chunk's words that say this value; empty where the quote itself left them out."""
    if any(number.says(value) for number in numbers_in(readable(words.quote))):
        yield from (number for number in numbers_in(words.said) if number.says(value))


def _printed(words: Words) -> list[Printed]:
    return list(numbers_in(readable(words.quote)))


def conversion_told(value: float, unit: str | None, words: Words) -> str | None:
    """How this value comes from what the words print, such as '320 meV is 0.32 eV'; None where it does not."""
    if not unit:
        return None
    for quantity in find_quantities(words.said):
        if quantity.number is None or quantity.unit is None:
            continue
        printed = words.said[slice(*quantity.unit)]
        for number in (quantity.number, *(quantity.low_high or ())):
            made = converted(number, printed, unit) if printed != unit else None
            if made is not None and math.isclose(made, value, rel_tol=_ROUNDED):
                return f"{_shown(number)} {printed} is {_shown(made)} {unit}"
    return None


def asks_conversion(claim: Claim, instructions: str) -> bool:
    """Whether the prompt asks for values in units of its own."""
    if claim.field.unit_hint:
        return True
    told = [instructions, *(str(part.schema.get("description", "")) for part in claim.fields.fields)]
    return any(_ASKS.search(text) and not _ASKS_NOT.search(text) for text in told)


def _shown(value: float) -> str:
    return f"{value:.6g}"
