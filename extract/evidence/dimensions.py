"""The words that `x-dimension` may be, each with a unit that measures it; a unit itself may stand there too: 'W/cm2'."""

from __future__ import annotations

from extract.embedded.conversion_of_units import is_same_measure
from extract.embedded.unit_words import unit_pattern

DIMENSIONS: dict[str, tuple[str, ...]] = {
    "temperature": ("K",),
    "temperature difference": ("K",),
    "length": ("m",),
    "area": ("m2",),
    "volume": ("m3",),
    "mass": ("kg",),
    "time": ("s",),
    "frequency": ("Hz",),
    "speed": ("m/s",),
    "acceleration": ("m/s2",),
    "force": ("N",),
    "pressure": ("Pa",),
    "energy": ("J", "J/mol"),
    "power": ("W",),
    "current": ("A",),
    "current density": ("A/m2",),
    "charge": ("C",),
    "capacity": ("C", "C/kg"),
    "voltage": ("V",),
    "resistance": ("Ω",),
    "resistivity": ("Ω m",),
    "conductivity": ("S/m",),
    "capacitance": ("F", "F/kg", "F/m2"),
    "magnetic field": ("T",),
    "power density": ("W/m2", "W/kg", "W/m3"),
    "energy density": ("J/kg", "J/m3"),
    "density": ("kg/m3",),
    "viscosity": ("Pa s",),
    "amount": ("mol",),
    "concentration": ("mol/L", "g/L", "mol/kg", "g/kg", "%", "L-1"),
    "dose": ("kg", "kg/kg", "Gy"),
    "molar mass": ("g/mol",),
    "angle": ("degree",),
    "share": ("%",),
    "thermal conductivity": ("W/(m K)",),
    "heat capacity": ("J/K", "J/(kg K)", "J/(mol K)"),
    "diffusivity": ("m2/s",),
    "mobility": ("m2/(V s)",),
    "rate": ("Hz",),
    "flow": ("m3/s", "kg/s"),
}


#: Units that pint knows by another spelling.
_SPELT = {"C": "°C", "F": "°F", "Torr": "torr", "mTorr": "millitorr", "degC": "°C", "Celsius": "°C"}


def measures(unit: str, dimension: str) -> bool:
    """Whether this unit measures this dimension, or the same thing as the unit that is named in its place."""
    known = DIMENSIONS.get(dimension.strip().lower().replace("_", " "), (dimension,))
    spellings = (unit, _SPELT.get(unit, unit))
    return any(
        is_same_measure(one, other) or (other == "kg/kg" and _is_mass_share(one)) for one in spellings for other in known
    )


def is_dimension(words: str) -> bool:
    """Whether `x-dimension` may be this: a word of the list, or a unit."""
    return words.strip().lower().replace("_", " ") in DIMENSIONS or bool(unit_pattern().fullmatch(words.strip()))


def _is_mass_share(unit: str) -> bool:
    """pint takes mg/kg for a bare number; beside a length it shows that it is one."""
    return is_same_measure(f"m {unit}", "m kg/kg") and not is_same_measure(unit, "degree")
