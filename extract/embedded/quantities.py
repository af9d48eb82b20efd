"""Find the quantities in a text: numbers with what belongs to them (unit, sign of comparison, range, tolerance).

By rule: each number in figures or words is an atom; what stands around it says whether it is a quantity at all or part of a
name, a citation or a label ('IL-6', '[12]', 'Figure 3', 'Smith et al., 2003'); neighbours are then joined into ranges,
tolerances and lists. What a newcomer would get wrong: most digits in a paper are not measurements, and one wrong
'Figure 3' in a table of results costs more trust than ten missed values.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from itertools import pairwise

from extract.embedded.codes import is_panel, is_part_of_name, is_which, notations
from extract.embedded.joins import Atom, is_between, joint_of, widened
from extract.embedded.labels import DASH, YEAR, barred, ends_name, goes_on, is_cited_year, is_glued, is_labelled
from extract.embedded.numbers import FIGURES, WORDS, number_of
from extract.embedded.quantity import Quantity, QuantityKind
from extract.embedded.shapes import shaped
from extract.embedded.unit_words import unit_pattern
from extract.embedded.words import listed

_NUMBER = re.compile(rf"(?<![\w.])(?:{FIGURES}|(?i:{WORDS}|one(?!\w)))")
_HAS_NUMBER = re.compile(
    r"\d|\b(?:t(?:wo|hree|en|wel|hir|wen)|f(?:our|ive|if|or)|s(?:ix|even)|nine|eight|eleven|"
    r"one|hundred|dozen)",
    re.I,
)

#: Limits of error above and below that were set as scripts: '5.3_{-0.1}^{+0.2} keV'.
_LIMITS = re.compile(r"(?<=\d)(?:[_^]\{[+\-−–]?\d[\d.]*\}|[⁺₋⁻₊][⁰¹²³⁴-⁹₀-₉]+){1,2}")
_GAPS = " \u00a0\u2009\u202f-‐‑"
_WIDE_GAPS = ("  ", "\u00a0 ", " \u00a0", "\u2009 ", " \u2009")


def find_quantities(text: str) -> list[Quantity]:
    """The quantities of this text in its order, none overlapping."""
    if not _HAS_NUMBER.search(text):
        return []
    whole = shaped(text)
    limits = (match.span() for match in _LIMITS.finditer(text))
    closed = [*barred(text), *notations(text), *limits, *((one.start, one.end) for one in whole)]
    atoms = [atom for atom in _atoms(text) if not any(start <= atom.start < end for start, end in closed)]
    found = [quantity for run in _runs(text, atoms) for quantity in _quantities(text, run)]
    return sorted([*whole, *found], key=lambda quantity: quantity.start)


def _atoms(text: str) -> Iterator[Atom]:
    """Every number that stands for itself, with the unit right after it."""
    units = unit_pattern()
    end = 0
    for match in _NUMBER.finditer(text):
        start, stop = match.span()
        if start < end:
            continue
        if text[start] in DASH and start and (text[start - 1].isalnum() or text[start - 1] in ")%°"):
            start += 1  # a dash between two things, not a sign
        if is_glued(text, start, end) or is_part_of_name(text, start, end):
            continue
        limits = _LIMITS.match(text, stop)
        unit = _unit_at(text, limits.end() if limits else stop, units)
        if unit and unit[0] == stop and unit[1] == stop + 1 and text[stop].isalpha() and is_panel(text, start):
            continue
        if unit is None and not limits and goes_on(text, stop):
            continue
        end = unit[1] if unit else stop
        yield Atom(start, stop, unit, match[0][0].isalpha())


def _unit_at(text: str, end: int, units: re.Pattern[str]) -> tuple[int, int] | None:
    start = end
    sign = text[end : end + 1]
    if sign and sign in _GAPS:
        start += 2 if text[end : end + 2] in _WIDE_GAPS else 1
    found = units.match(text, start)
    if not found:
        return None
    if start == end and len(found[0]) == 1 and found[0] not in "%‰°×mshgkKVWJLTNσ€$":
        return None  # 3D, 13C, 2006b
    if start == end and text[found.end() : found.end() + 1].isdigit():
        return None  # 2Mg3NF3
    if start == end and found[0] in "kKMB" and _has_noun(text, found.end()):
        return None  # 32K tokens
    if found[0].isalpha() and len(found[0]) == 1 and re.match(r"[-–]\d", text[found.end() : found.end() + 2]):
        return None  # an address: 4 D-82152
    if start > end and sign in "-‐‑" and len(found[0]) == 1 and found[0] not in "mshgLK":
        return None
    if text[found.end() : found.end() + 2] in ("′", "’", "'") or (
        text[start : start + 1] == "°" and text[start + 1 : start + 2].isdigit()
    ):
        return None
    return found.span()


def _runs(text: str, atoms: list[Atom]) -> Iterator[list[tuple[str, Atom]]]:
    """Neighbours that belong together, each with how it joins the one before ('' for the first)."""
    run: list[tuple[str, Atom]] = []
    for atom in atoms:
        joint = None
        if run:
            joint = joint_of(text, run[-1][1], atom, may_be_range=len(run) == 1 and is_between(text, run[0][1].start))
        if run and joint is None:
            yield run
            run = []
        run.append((joint or "", atom))
    if run:
        yield run


def _quantities(text: str, run: list[tuple[str, Atom]]) -> Iterator[Quantity]:
    """The quantities of one run. A list shares the unit at its end, or falls apart where there is none."""
    years = [bool(YEAR.match(text[atom.start : atom.end])) and atom.unit is None for _, atom in run]
    is_series = sum(joint == "range" for joint, _ in run) > 1  # '0.06 to 0.42 to 0.74 ppm' is no range
    cuts = [i for i, (joint, _) in enumerate(run) if joint in ("and", "comma") or (is_series and joint == "range")]
    is_list = bool(cuts) and run[-1][0] == "and" and (all(years) or _is_shared(text, run[-1][1]))
    shared = run[-1][1].unit if is_list and not all(years) and _RESPECTIVELY.match(text, run[-1][1].stop) else None
    bounds = [0, *([] if is_list and not shared else cuts), len(run)]
    for start, end in pairwise(bounds):
        first = run[start][1]
        has_unit = bool(shared) or any(atom.unit for _, atom in run[start:end])
        if not has_unit and (is_labelled(text, first.start) or is_which(text, first.start)):
            if is_list or start == 0:
                return
            continue
        made = _quantity(text, run[start:end], is_year=all(years[start:end]))
        if made:  # '0.63 and 0.51 ppm respectively' are two quantities in one unit
            yield made if made.unit or not shared else replace(made, unit=shared, kind=QuantityKind.MEASURE)


_RESPECTIVELY = re.compile(r",?\srespectively\b")


def _is_shared(text: str, last: Atom) -> bool:
    """Whether the unit at the end of a list is one of all its numbers."""
    return last.unit is not None and text[slice(*last.unit)] not in _PERCENT


_PERCENT = ("%", "percent")


def _quantity(text: str, run: list[tuple[str, Atom]], *, is_year: bool) -> Quantity | None:
    first, last = run[0][1], run[-1][1]
    unit = last.unit or next((atom.unit for _, atom in run if atom.unit), None)
    if is_year and is_cited_year(text, first.start, last.end):
        return None
    if unit is None and ends_name(text, first.start, first.end):
        return None
    if first.is_word and len(run) == 1 and text[first.start : first.end].lower() == "one" and not _is_exact_one(text, first):
        return None
    is_range = any(joint == "range" for joint, _ in run)
    start, end = widened(text, first.start, last.stop, is_range=is_range)
    numbers = [number_of(text[atom.start : atom.end]) for _, atom in run]
    is_one = not any(joint in ("ratio", "times", "and", "comma") for joint, _ in run)
    made = Quantity(start, end, (first.start, last.end), unit, QuantityKind.NUMBER, numbers[0] if is_one else None)
    if is_range and len(numbers) == 2 and numbers[0] is not None and numbers[1] is not None:
        made = replace(made, low_high=(numbers[0], numbers[1]))
    return replace(made, kind=_kind(text, made, is_year=is_year))


def _is_exact_one(text: str, atom: Atom) -> bool:
    """'one' counts where it has a unit or follows 'at least'; else it is a pronoun or an article."""
    return atom.unit is not None or bool(
        re.search(r"(?:at least|at most|only|exactly|than)\s$", text[max(0, atom.start - 12) : atom.start], re.I)
    )


def _kind(text: str, made: Quantity, *, is_year: bool) -> QuantityKind:
    if made.unit:
        return QuantityKind.MEASURE
    if is_year:
        return QuantityKind.YEAR
    words = text[slice(*made.value)]
    if words.isdecimal() or words[0].isalpha() or re.fullmatch(r"\d{1,3}(?:,\d{3})+", words):
        return QuantityKind.COUNT if _has_noun(text, made.end) else QuantityKind.NUMBER
    return QuantityKind.NUMBER


def _has_noun(text: str, end: int) -> bool:
    """Whether a word follows that may name what was counted."""
    following = re.match(r"\s([a-z][a-z-]+)", text[end : end + 24])
    return bool(following and following[1] not in _NO_NOUN)


_NO_NOUN = frozenset(
    listed(
        """
        and or to in on at of for with by from as is are was were be been than that which who when while where after before
        between but respectively versus vs per had has have showed shows did does do can could may might will would
        """
    )
)
