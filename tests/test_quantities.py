"""Quantities are found as they are printed, and numbers that measure nothing are left alone."""

from __future__ import annotations

import pytest

from extract.embedded.quantities import find_quantities
from extract.embedded.quantity import QuantityKind


def found(text: str) -> list[str]:
    return [text[quantity.start : quantity.end] for quantity in find_quantities(text)]


def units(text: str) -> list[str | None]:
    return [text[slice(*quantity.unit)] if quantity.unit else None for quantity in find_quantities(text)]


@pytest.mark.parametrize(
    "text",
    [
        "Expression in hSOX2-23 and of TRA-1–60 was high, that of Oct3/4 low, at the well Ktzi202/2007.",
        "The {111} planes and the 001 peak were indexed; codes 040301–040304 were left out.",
        "It was made of poly(3,4-ethylenedioxythiophene).",
        "This follows from Eqs. (9.2) and (9.10) alone.",
        "See Figures 3I and 3J for the fractions 1 and 2 and for clone 23, and the base of bed 86.",
    ],
)
def test_numbers_of_names_and_notations_are_no_quantities(text):
    assert found(text) == []


def test_degrees_of_freedom_are_left_out_and_the_statistic_is_kept():
    assert found("It differed (F(3, 8.9) = 4.1, p = 0.03; t(39) = 1.31).") == ["4.1", "0.03", "1.31"]


@pytest.mark.parametrize(
    ("text", "quantity", "unit"),
    [
        ("a mean coefficient of 1.4%–3.1%.", "1.4%–3.1%", "%"),
        ("in the scenarios (34 and 38 °C) that", "34 and 38 °C", "°C"),
        ("was very short (<20\u00a0 ms), so", "<20\u00a0 ms", "ms"),
        ("a rate of 3.7 ± 0.9 fold per passage was", "3.7 ± 0.9 fold per passage", "fold per passage"),
        ("at a level <1 ppm by mass in", "<1 ppm by mass", "ppm by mass"),
        ("taken at 10,500× magnification", "10,500×", "×"),
        ("at 11.3mm.s⁻¹ and", "11.3mm.s⁻¹", "mm.s⁻¹"),
        ("with 12 kJ.mol−1 more", "12 kJ.mol−1", "kJ.mol−1"),
        ("a mobility of 3.4 cm2/Vs was", "3.4 cm2/Vs", "cm2/Vs"),
        ("eGB=(0.28–0.42)×10-10m for random", "(0.28–0.42)×10-10m", "m"),
        ("stored at (−18 ± 2) ℃ for", "(−18 ± 2) ℃", "℃"),
        ("was (3.2 ± 0.1) × 10−4 m long", "(3.2 ± 0.1) × 10−4 m", "m"),
        ("at −18 ± 2 ° C, and", "−18 ± 2 ° C", "° C"),
        ("between 05:28 UT and 05:47 UT were", "between 05:28 UT and 05:47 UT", None),
        ("was at 57°44’8.47”N; 1°50’26.59”E in", "57°44’8.47”N; 1°50’26.59”E", None),
    ],
)
def test_a_quantity_is_whole_with_its_unit(text, quantity, unit):
    assert (found(text), units(text)) == ([quantity], [unit])


def test_a_range_times_a_power_of_ten_has_both_its_ends():
    (quantity,) = find_quantities("It was (0.28–0.42)×10−10 m wide.")

    assert quantity.low_high == pytest.approx((0.28e-10, 0.42e-10))
    assert quantity.kind is QuantityKind.MEASURE
    (tolerance,) = find_quantities("It was (3.2 ± 0.1) × 10−4 m wide.")
    assert (tolerance.number, tolerance.low_high) == (pytest.approx(3.2e-4), None)


def test_a_multiplication_sign_between_numbers_is_no_unit():
    assert units("a plate of 10 × 20 mm and 3 × 106 cells/mL") == ["mm", "cells/mL"]


def test_a_list_is_one_quantity_and_with_respectively_each_is_its_own():
    text = "They were 0.63 and 0.51 ppm respectively, and lay at 1180 and 1980 mm."

    assert found(text) == ["0.63", "0.51 ppm", "1180 and 1980 mm"]
    assert units(text) == ["ppm", "ppm", "mm"]


def test_a_formula_after_an_arrow_is_no_mass():
    assert found("as shown: Mg3N2 + MgF2→2Mg2NF") == []


def test_a_unit_may_have_a_space_before_its_percent_sign():
    assert (found("about 0.4–0.6 wt. % of the soil"), units("about 0.4–0.6 wt. % of it")) == (
        ["about 0.4–0.6 wt. %"],
        ["wt. %"],
    )
