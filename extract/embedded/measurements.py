"""Which quantities of a text are items of a list of measurements, and what each is of.

A field that names nothing and no unit asks for every measurement; one that does is answered by the quantities whose unit fits and whose
sentence speaks of it. What a quantity is of the pointer says where it was asked (`UnitView.pointed`), else the shape of the sentence.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from functools import partial

from extract.embedded.conversion_of_units import is_same_measure
from extract.embedded.fields import Field
from extract.embedded.labels import is_confidence
from extract.embedded.leaves import Context
from extract.embedded.measured import Measured, is_property
from extract.embedded.phrases import Span
from extract.embedded.pointer import LEAST_LISTED, Pointed
from extract.embedded.quantity import QuantityKind
from extract.embedded.unit_words import is_counted
from extract.embedded.view import UnitView
from extract.embedded.words import overlap, stems_of
from records import ChunkKind

NUMBER_KINDS = ("quantity", "value", "number")
_P = re.compile(r"\b[pP]\s?[=<>≤]?\s?$")


def measurements(record: Field, view: UnitView) -> Iterator[tuple[Context, float]]:
    asked = next(part for part in record.fields if part.kind in NUMBER_KINDS)
    is_general = _is_general(asked)
    for at in listed_quantities(record, view):
        told = _told(at, view)
        if not is_general:
            yield told, 1.0
        elif _is_listed(told) and (told.measured.property or told.measured.entity):
            yield told, 1.0 + bool(told.measured.property) + bool(at.quantity and at.quantity.unit)
    for sentence, cell in view.cells:
        at = Context(sentence, [], cell.quantity, of=cell.of)
        if is_general or is_answer(asked, at):
            yield at, 3.0


def _is_listed(at: Context) -> bool:
    return at.pointed is None or at.pointed.listed >= LEAST_LISTED


def _is_general(asked: Field) -> bool:
    """Whether any measured quantity is asked for, and not one that has a name or a unit."""
    return not asked.stems and not asked.unit_hint


def _told(at: Context, view: UnitView) -> Context:
    """The quantity with what the pointer says that it is of."""
    assert at.quantity is not None
    pointed = view.pointed.get((at.sentence, at.quantity))
    return at if pointed is None else replace(at, of=_as_measured(pointed, at), pointed=pointed)


def _as_measured(pointed: Pointed, at: Context) -> Measured:
    def moved(span: Span | None) -> Span | None:
        return (span[0] + at.sentence.start, span[1] + at.sentence.start) if span else None

    return Measured(moved(pointed.property.span), moved(pointed.entity.span), at.measured.condition)


def is_of_measurements(record: Field) -> bool:
    return record.of_kind(*NUMBER_KINDS) is not None


def measured_records(field: Field) -> Iterator[Field]:
    """The records of measurements in this schema that ask what was measured, or of what."""
    for part in field.fields:
        inner = part.item if part.kind == "list" else part
        if inner is None or inner.kind != "record":
            continue
        if part.kind == "list" and is_of_measurements(inner) and inner.of_kind("property", "entity"):
            yield inner
        else:
            yield from measured_records(inner)


def listed_quantities(record: Field, view: UnitView) -> Iterator[Context]:
    """The quantities of running text that may be items of such records."""
    asked = next(part for part in record.fields if part.kind in NUMBER_KINDS)
    may_be = _is_measurement if _is_general(asked) else partial(is_answer, asked)
    for sentence, quantities in view.quantities.items():
        if not _CODE.search(sentence.text):
            yield from (at for quantity in quantities if may_be(at := Context(sentence, quantities, quantity)))


#: Lines of a program, in which every '=' is followed by a number of no interest.
_CODE = re.compile(r"<-|\w\(\w*\s?=|=\s?c\(|==|::|\w\.\w+\s?=\s?[\d.]|\w=[\w.\"']+,\s?\w+=|;\s*$")


def _is_measurement(at: Context) -> bool:
    """Whether the quantity is one that a scientist would list: neither a date, a count of sections, nor a confidence level."""
    quantity, text = at.quantity, at.text
    assert quantity is not None
    if quantity.kind in (QuantityKind.YEAR, QuantityKind.DATE, QuantityKind.COUNT):
        return False
    unit = text[slice(*quantity.unit)] if quantity.unit else ""
    if is_confidence(text, quantity.end, unit) or is_counted(unit):
        return False
    if quantity.kind is QuantityKind.NUMBER:
        return _is_named_number(at)
    return (
        at.sentence.chunk.kind is ChunkKind.TABLE
        or text[slice(*quantity.value)][0].isdigit()
        or text[quantity.value[0]] in "-−–+."
    )


def _is_named_number(at: Context) -> bool:
    """Whether a number without a unit has a name that makes it a measurement: 'odds ratio 2.84', but not 'p = 0.04'."""
    span = at.measured.property
    assert at.quantity is not None
    if span is None or at.text[slice(*span)] in ("p", "P", "n", "N"):
        return False
    printed = at.text[slice(*at.quantity.value)]
    return "." in printed or (printed[-1].isdigit() and is_property(at.text[slice(*span)]))


def is_answer(field: Field, at: Context) -> bool:
    """Whether this quantity answers a field that asks for one thing: its unit fits, and the sentence speaks of it."""
    quantity = at.quantity
    if quantity is None or quantity.kind in (QuantityKind.DATE, QuantityKind.YEAR):
        return False
    if field.unit_hint:
        if quantity.unit is None or not is_same_measure(at.text[slice(*quantity.unit)], field.unit_hint):
            return False
    elif field.kind == "count" and quantity.unit and quantity.number != int(quantity.number or 0.5):
        return False
    if (field.kind == "number" and at.text[quantity.value[0]].isalpha()) or _P.search(at.text, 0, quantity.start):
        return False
    wanted = field.stems or field.about
    if not wanted:
        return field.unit_hint is not None
    return overlap(wanted, _stems_near(at)) > (0.3 if field.unit_hint and not field.stems else 0.5)


#: Characters before and after a quantity in which the words that name it stand.
_BEFORE, _AFTER = 80, 30


def _stems_near(at: Context) -> frozenset[str]:
    """The words that can name this quantity: those before it, up to the one before, and the few after it in the same clause."""
    quantity = at.quantity
    assert quantity is not None
    if at.of is not None and at.of.property is not None:
        return stems_of(at.text[slice(*at.of.property)])
    floor = max([at.span[0], quantity.start - _BEFORE, *(q.end for q in at.quantities if q.end <= quantity.start)])
    ceiling = min([at.span[1], quantity.end + _AFTER, *(q.start for q in at.quantities if q.start >= quantity.end)])
    after = re.split(r"[,;:()]", at.text[quantity.end : ceiling])[0]
    return stems_of(at.text[floor : quantity.end] + " " + after)
