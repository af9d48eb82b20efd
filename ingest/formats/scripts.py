"""Raised figures as the signs that Unicode has for them: 10⁻³ must not become 10−3, nor 5 m² become 5 m2.

Lowered ones stay plain: CO2 is what people type when they search, and nobody takes it for another number.
"""

from __future__ import annotations

_RAISED = str.maketrans("0123456789+-\N{MINUS SIGN}\N{EN DASH}()n", "⁰¹²³⁴⁵⁶⁷⁸⁹⁺⁻⁻⁻⁽⁾ⁿ")
_PASSING = " ,;"  #: between the numbers of citations


def superscript(text: str) -> str:
    """The text in raised signs, where every sign of it has one; else as it is."""
    raised = text.translate(_RAISED)
    is_whole = all(old != new or old in _PASSING for old, new in zip(text, raised, strict=True))
    return raised if is_whole else text
