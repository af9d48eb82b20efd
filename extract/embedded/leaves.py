"""Take one field's value from one sentence, or from what was found in it (a quantity, a reference's entry, a name).

Every value is copied: text as printed (`tidy` joins what a line break parted), numbers as printed or, where the field names
its unit, in that unit. None where the sentence does not hold what the field asks for.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from extract.embedded.claims import claim_span
from extract.embedded.conversion_of_units import converted
from extract.embedded.entries import Entry
from extract.embedded.fields import Field
from extract.embedded.finders import FINDERS
from extract.embedded.measured import Measured, measured
from extract.embedded.names import named
from extract.embedded.numbers import number_of
from extract.embedded.phrases import Span, phrase_before
from extract.embedded.pointer import Pointed
from extract.embedded.quantities import Quantity, QuantityKind
from extract.embedded.sentences import Sentence
from extract.embedded.subjects import Subject
from extract.embedded.unit_words import is_counted
from extract.embedded.words import listed, stem, stems_of

_BREAK = re.compile(r"(?<=[a-z])-\s*\n\s*(?=[a-z])|\u00ad\s*")
_VERSION_AFTER = re.compile(r"[\s,]{0,2}\(?(?:version|ver\.?|v\.?|release)?\s?(\d+(?:\.\d+)*[a-z]?\d*)(?![\w%]|\s?%)", re.I)


@dataclass(frozen=True)
class Context:
    """A sentence, and what in it an item is about."""

    sentence: Sentence
    quantities: list[Quantity]  #: of the sentence
    quantity: Quantity | None = None
    entry: Entry | None = None
    name: Span | None = None
    of: Measured | None = None  #: what the quantity is of, where a table or the pointer says so
    pointed: Pointed | None = None  #: what the pointer said of it
    material: Subject | None = None
    frame: dict[str, list[str]] | None = None  #: printed values by field, where the sentence was read as a frame

    @property
    def text(self) -> str:
        return self.sentence.chunk.text

    @property
    def span(self) -> Span:
        return self.sentence.start, self.sentence.end

    @cached_property
    def measured(self) -> Measured:
        if self.of is not None:
            return self.of
        return measured(self.text, self.quantity, self.span, self.quantities) if self.quantity else Measured()


def tidy(text: str) -> str:
    """The words without line breaks and hyphenation."""
    return re.sub(r"\s+", " ", _BREAK.sub("", text)).strip()


def leaf(field: Field, at: Context) -> Any | None:
    """The field's value here, fit for its schema; None where there is none."""
    value = _raw(field, at)
    return None if value is None else fitted(field, value)


def fitted(field: Field, value: Any) -> Any | None:
    """The value as the schema takes it; None where it cannot (too long, no number, not among the choices)."""
    if isinstance(value, str):
        value = re.sub(r"\s+", "", value) if field.kind in ("doi", "url", "arxiv") else tidy(value)
        if not field.is_text and field.kind != "enum":
            number = number_of(value)
            return None if number is None else _as_number(field, number)
        limit = field.schema.get("maxLength")
        if limit is not None and len(value) > limit:
            return value[:limit].rstrip() if field.kind == "quote" else None
        return value if value and len(value) >= field.schema.get("minLength", 0) else None
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        return str(value) if field.is_text else _as_number(field, value)
    return value


def _as_number(field: Field, number: float) -> float | int | None:
    if field.is_whole:
        return int(number) if float(number).is_integer() else None
    low, high = field.schema.get("minimum"), field.schema.get("maximum")
    if (low is not None and number < low) or (high is not None and number > high):
        return None
    return int(number) if float(number).is_integer() and abs(number) < 1e15 else number


def _raw(field: Field, at: Context) -> Any | None:
    if field.kind == "quote":
        return at.text[slice(*at.span)]
    if field.kind == "enum":
        return chosen(field, at.sentence)
    if at.entry is not None and field.kind in ("authors", "title", "venue", "volume", "pages", "year", "doi", "arxiv", "url"):
        return _of_entry(field, at)
    if at.frame is not None:
        return next(iter(at.frame.get(field.name, [])), None)
    if at.material is not None and field.kind in at.material.values:
        return next(iter(at.material.values[field.kind]), None)
    if field.kind in FINDERS:
        return _of_finder(field, at)
    if field.kind in ("quantity", "value", "unit", "number", "count"):
        return of_quantity(field, at)
    if field.kind in ("property", "entity", "condition"):
        span = getattr(at.measured, field.kind)
        if field.kind == "entity" and at.quantity and at.quantity.unit and is_counted(at.text[slice(*at.quantity.unit)]):
            span = at.quantity.unit
        return at.text[slice(*span)] if span else None
    if field.kind == "claim":
        return at.text[slice(*claim_span(at.text, at.span))]
    if field.kind == "sentence":
        return at.text[slice(*at.span)]
    if field.kind in ("name", "label"):
        return at.text[slice(*at.name)] if at.name else next(iter(_named(field, at)), None)
    return phrase_of(field, at)


def _of_entry(field: Field, at: Context) -> str | None:
    spans = at.entry.parts.get(field.kind, []) if at.entry else []
    return at.text[spans[0][0] : spans[-1][1]] if spans else None


def _of_finder(field: Field, at: Context) -> str | None:
    """The first of its kind, after the item's name where there is one; identifiers are whole, so a line break in one is cut."""
    if field.kind == "version" and at.name:
        told = _VERSION_AFTER.match(at.text, at.name[1], at.span[1])
        return told[1] if told else None
    start, end = at.name[1] if at.name else at.span[0], at.span[1]
    return next((at.text[start + a : start + b] for a, b in FINDERS[field.kind](at.text[start:end])), None)


def all_of_finder(field: Field, sentence: Sentence) -> Iterator[str]:
    """Every value of this kind in the sentence, for a list."""
    at = Context(sentence, [])
    if field.kind in FINDERS:
        for a, b in FINDERS[field.kind](sentence.text):
            yield sentence.text[a:b]
    elif field.kind in ("name", "label"):
        yield from _named(field, at)


def _named(field: Field, at: Context) -> Iterator[str]:
    for span in named(at.text, at.span, field.stems or field.about):
        yield at.text[slice(*span)]


def of_quantity(field: Field, at: Context) -> Any | None:
    """The part of the quantity at hand that the field asks for, in the field's unit where it names one."""
    quantity = at.quantity
    if quantity is None:
        return None
    if field.unit_hint and field.kind in ("number", "value", "quantity"):
        if quantity.unit is None or quantity.number is None:
            return None
        number = converted(quantity.number, at.text[slice(*quantity.unit)], field.unit_hint)
        if number is None or field.is_text:
            return at.text[quantity.start : quantity.end] if number is not None else None
        return number
    if field.kind == "unit":
        return at.text[slice(*quantity.unit)] if quantity.unit else None
    if field.is_text:
        return at.text[slice(*quantity.value)] if field.kind == "value" else at.text[quantity.start : quantity.end]
    if quantity.low_high is not None:
        return None  # a range is no single number
    if field.kind == "count" and quantity.kind not in (QuantityKind.COUNT, QuantityKind.NUMBER, QuantityKind.MEASURE):
        return None
    return quantity.number


def chosen(field: Field, sentence: Sentence) -> Any | None:
    """The enum's value whose words the sentence shares most; else its default, null where it may be, the first value."""
    said = stems_of(sentence.text) if not sentence.stems else sentence.stems
    scores = [
        (len(words & said) / (1 + len(words)) ** 0.25, -i, value)
        for i, (value, words) in enumerate(field.choices)
        if value is not None
    ]
    best = max(scores, default=None)
    if best and best[0] > 0:
        return best[2]
    if "default" in field.schema:
        return field.schema["default"]
    return None if field.is_nullable or not scores else scores[0][2]


def phrase_of(field: Field, at: Context) -> str | None:
    """The words that stand with the field's own name: '(catalyst) Pt/C catalyst', 'solvent: ethanol', 'the dopant was Al'."""
    for match in re.finditer(r"[A-Za-z][\w-]*", at.sentence.text):
        if stem(match[0]) not in field.stems:
            continue
        start, end = at.sentence.start + match.start(), at.sentence.start + match.end()
        told = re.match(
            r"\s?(?::|=|\(|is|was|were|are)\s?(?:the\s|"
            r"an?\s)?([A-Za-z][\w\-/+]*(?:\s[A-Z\d][\w\-/+]*){0,3})",
            at.text[end : at.span[1]],
        )
        if told and told[1].lower() not in _NOT_TOLD:
            return told[1]
        phrase = phrase_before(at.text, end, at.span[0])
        if phrase and phrase[0] < start and " of " not in at.text[slice(*phrase)]:
            return at.text[slice(*phrase)]
    return None


_NOT_TOLD = frozenset(
    listed(
        """
        not also then used added prepared shown found the a an in on at by to of see fig e.g i.e based performed measured
        calculated obtained reported made done given taken set kept more less very highly only as being still well
        """
    )
)
