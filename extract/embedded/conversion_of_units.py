"""Whether a printed unit measures what a field asks for, and the factor between them, by pint.

A field called `gap_ev` wants electron volts: '3.2 eV' fits, '320 meV' fits as 0.32, '3.2 nm' does not. Only a field that names
its unit has a value converted; the evidence shows what is printed.
"""

from __future__ import annotations

import re
from functools import cache
from typing import Any

_NAMES = {
    "%": "percent",
    "°C": "degC",
    "℃": "degC",
    "° C": "degC",
    "oC": "degC",
    "° K": "kelvin",
    "° F": "degF",
    "°F": "degF",
    "°": "degree",
    "Å": "angstrom",
    "Ω": "ohm",
    "‰": "permille",
    "h": "hour",
    "hr": "hour",
    "hrs": "hour",
    "d": "day",
    "M": "molar",
    "mM": "millimolar",
    "µM": "micromolar",
    "nM": "nanomolar",
    "wt%": "percent",
    "yr": "year",
    "yrs": "year",
    "min": "minute",
    "mins": "minute",
}
_SHARES = {"%", "percent", "per cent", "‰", "ppm", "ppb", "wt%"}
#: A value that far off in the wanted unit is of another thing: training that takes hours is not the step of 0.4 s.
_FARTHEST = 1000
_SUPERSCRIPTS = str.maketrans("⁰¹²³⁴⁵⁶⁷⁸⁹⁻−–", "0123456789---")
_TERM = re.compile(r"([A-Za-zµμΩÅ°%‰]+)\s?\^?(-?\d)?")


@cache
def _registry() -> Any:
    import pint

    return pint.UnitRegistry(cache_folder=None)


@cache
def _parsed(unit: str) -> Any:
    """The unit in pint's words; None where pint does not know it."""
    import pint

    if unit in _NAMES:
        return _registry().Unit(_NAMES[unit])
    text = unit.translate(_SUPERSCRIPTS).replace("μ", "µ").replace("per ", "/")
    parts = ["*".join(f"{_NAMES.get(m[1], m[1])}**{m[2] or 1}" for m in _TERM.finditer(part)) for part in text.split("/")]
    try:
        return _registry().Unit("/".join(f"({part})" for part in parts))
    except (pint.PintError, ValueError, TypeError, AssertionError, AttributeError, SyntaxError):
        return None


def is_unit(unit: str) -> bool:
    """Whether this names something that pint can measure."""
    return _parsed(unit) is not None


def is_same_measure(unit: str, wanted: str) -> bool:
    """Whether both units measure the same thing (metres and miles do)."""
    if unit == wanted:
        return True
    printed, asked = _parsed(unit), _parsed(wanted)
    if printed is None or asked is None or printed.dimensionality != asked.dimensionality:
        return False
    return not printed.dimensionless or {unit, wanted} <= _SHARES  # an angle and a percentage are both without dimension


def converted(number: float, unit: str, wanted: str) -> float | None:
    """The number in the wanted unit; None where the units do not measure the same."""
    if unit == wanted:
        return number
    if not is_same_measure(unit, wanted):
        return None
    value = _registry().Quantity(number, _parsed(unit)).to(_parsed(wanted)).magnitude
    is_near = number == 0 or value == 0 or 1 / _FARTHEST <= abs(value / number) <= _FARTHEST
    return float(f"{value:.12g}") if is_near else None
