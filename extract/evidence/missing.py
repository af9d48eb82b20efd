"""What a record leaves out although the words that it quotes say it.

Only what can be told for certain: a required key that is not there; the number of a quote that prints one quantity; the unit
behind the record's own number; the thing that a quote is about; a DOI, where the text has one. A property is not asked for:
much is stated without one ('75 g glucose'). That a list could have had more items is not judged here.
"""

from __future__ import annotations

import re

from extract.embedded.measured import measured
from extract.embedded.quantities import Quantity, QuantityKind, find_quantities
from extract.embedded.sentences import sentence_spans
from extract.embedded.unit_words import is_counted
from extract.evidence.claims import NUMBERS, Claim, Words
from extract.evidence.findings import Finding, contradicted
from extract.evidence.normalising import readable
from extract.evidence.numbers import saying
from extract.evidence.printed import numbers_in
from extract.evidence.unit_check import numbers_beside, unit_after
from records import MISSING

_SHAPES = {
    "doi": re.compile(r"(?<![\w.])10\.\d{4,9}/[^\s\"<>]*[\w)]"),
    "arxiv": re.compile(r"(?i)arxiv:\s?(\d{4}\.\d{4,5})"),
    "email": re.compile(r"[\w.+-]+@[\w-]+(?:\.[\w-]+)+"),
}


def check_missing(claim: Claim, words: Words | None, named: str | None) -> Finding | None:
    """Why this field, which is null or not there, should not be; None where nothing says so. `named` is what the record gives
    in this field for another item of the same quote."""
    if claim.field.is_required and (claim.is_absent or not claim.field.is_nullable):
        how = "has no such key" if claim.is_absent else "has null, which it does not allow"
        return contradicted(MISSING, f"the schema requires it; the record {how}")
    if words is None:
        return None
    if claim.field.kind == "entity" and named and _is_measured(claim):
        return contradicted(MISSING, f"null, but the same quote names {named!r} for another of its quantities")
    told = _told(claim, words)
    return contradicted(MISSING, f"null, but the text says {told!r}") if told else None


def _is_measured(claim: Claim) -> bool:
    """Whether a unit stands beside, where there is a place for one: a p-value or a count may be of nothing in particular."""
    return claim.neighbour("unit") is not None or not any(part.kind == "unit" for part in claim.fields.fields)


def _told(claim: Claim, words: Words) -> str | None:
    kind = claim.field.kind
    if kind in NUMBERS:
        return _number_told(claim, words)
    if kind == "unit":
        return _unit_told(claim, words)
    if kind == "entity":
        return _entity_told(claim, words)
    if kind in _SHAPES:
        text = words.said if "[" in claim.path else words.chunk.text  # an item is of its quote, a record of the whole chunk
        found = {match[0] for match in _SHAPES[kind].finditer(text)}
        return found.pop() if len(found) == 1 else None
    return None


def _number_told(claim: Claim, words: Words) -> str | None:
    """The quantity of a quote that prints just one; of the quantity beside, where that is told as text."""
    beside = next(
        (claim.beside[f.name] for f in claim.fields.fields if f.kind == "quantity" and claim.beside.get(f.name)), None
    )
    if isinstance(beside, str):
        numbers = list(numbers_in(readable(beside)))
        is_one = len(numbers) == 1 and len(numbers[0].values) == 1
        return beside if is_one and claim.field.kind != "quantity" else None
    if any(claim.beside.get(part.name) is not None for part in claim.fields.fields if part.kind in NUMBERS):
        return None
    found = [one for one in find_quantities(words.said) if one.kind is QuantityKind.MEASURE]
    return words.said[found[0].start : found[0].end] if len(found) == 1 and found[0].low_high is None else None


def _unit_told(claim: Claim, words: Words) -> str | None:
    """The unit within the quantity beside; else the one behind the number beside, at each place where the quote prints it."""
    beside = claim.neighbour("quantity")
    if isinstance(beside, str):
        units = {unit_after(readable(beside), number) for number in numbers_in(readable(beside))}
        is_sure = True
    else:
        numbers = [number for value in numbers_beside(claim) for number in saying(value, words)]
        units = {unit_after(words.said, number) for number in numbers}
        is_sure = False  # a lone letter after a number may be a label: '5 A'
    unit = units.pop() if len(units) == 1 else None
    return unit if unit and not is_counted(unit) and (is_sure or len(unit) > 1 or not unit.isalpha()) else None


def _entity_told(claim: Claim, words: Words) -> str | None:
    """What the quote's own shape names as the thing measured: '75 g glucose'."""
    values = numbers_beside(claim)
    for span in sentence_spans(words.said):
        inside = [one for one in find_quantities(words.said) if span[0] <= one.start < span[1]]
        for quantity in (one for one in inside if _is_of(one, values)):
            named = measured(words.said, quantity, span, inside).entity
            if named:
                return words.said[slice(*named)]
    return None


def _is_of(quantity: Quantity, values: list[float]) -> bool:
    return quantity.number in values or any(one in values for one in quantity.low_high or ())
