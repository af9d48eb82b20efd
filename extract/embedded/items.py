"""Fill a list of records: one item for each thing in the text that the item's fields ask for.

What an item hangs on follows from its fields. With a quantity among them, each quantity is a candidate; with the parts of a
reference, each entry of the reference list; with a claim, each sentence that claims; with a name, each name. The other fields
are then taken from the same sentence. An item without what its schema requires is dropped, and so is one that would tell a
reader nothing: a number of nothing in particular.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from extract.embedded.claims import MIN_WEIGHT, claim_weight
from extract.embedded.conversion_of_units import is_same_measure
from extract.embedded.fields import MATERIAL_KINDS, Field
from extract.embedded.frames import frames, is_frame, procedures
from extract.embedded.leaves import Context, fitted, leaf
from extract.embedded.measurements import NUMBER_KINDS, is_answer, measurements
from extract.embedded.names import named
from extract.embedded.sample_sizes import is_sample_size
from extract.embedded.sentences import Sentence, sentence_spans
from extract.embedded.sureness import sure_of_names, sure_of_quantity
from extract.embedded.view import UnitView
from records import ChunkKind

Likeness = dict[tuple[int, str], float]  #: of a sentence (its id) and a field's meaning, -1 to 1, where it was asked for

_ENTRY_KINDS = ("authors", "title", "venue", "volume", "pages")


@dataclass(frozen=True)
class Item:
    """One record of a list with the sentence it was read from; `weight` decides where there are too many."""

    record: dict[str, Any]
    sentence: Sentence
    weight: float
    sure: dict[str, float]  #: of its fields whose answers can be judged, null ones too: how likely each is right
    told: dict[str, Sentence]  #: the sentences of values that stand in another one


def items(field: Field, view: UnitView, likeness: Likeness) -> list[Item]:
    """The items of this list of records, in the text's order, no more than its schema takes, none twice."""
    record = field.item
    assert record is not None
    made: dict[str, Item] = {}
    for at, weight in _candidates(field, record, view, likeness):
        item = _item(record, at, weight)
        if item is not None:
            key = repr({name: value for name, value in item.record.items() if name not in _quotes(record)})
            made.setdefault(key, item)
    limit = field.schema.get("maxItems", 50)
    kept = sorted(made.values(), key=lambda item: -item.weight)[:limit]
    return sorted(kept, key=lambda item: (item.sentence.index, item.sentence.start))


def _quotes(record: Field) -> set[str]:
    return {part.name for part in record.fields if part.kind == "quote"}


def _candidates(field: Field, record: Field, view: UnitView, likeness: Likeness) -> Iterator[tuple[Context, float]]:
    kinds = {part.kind for part in record.fields}
    if is_frame(record):
        yield from ((Context(sentence, [], frame=values), float(len(values))) for sentence, values in frames(record, view))
    elif "operation" in kinds:
        yield from ((Context(sentence, [], frame=values), 1.0) for sentence, values in procedures(record, view))
    elif len(kinds & set(_ENTRY_KINDS)) >= 2:
        yield from ((Context(sentence, [], entry=entry), 1.0) for sentence, entry in view.entries)
    elif kinds & set(MATERIAL_KINDS) and not kinds & set(NUMBER_KINDS):
        yield from ((Context(sentence, [], material=subject), 1.0) for sentence, subject in view.materials)
    elif "count" in kinds and not kinds & {"unit", "quantity"}:
        yield from _counts(view)
    elif kinds & set(NUMBER_KINDS):
        yield from measurements(record, view)
    elif "claim" in kinds:
        yield from _claims(view)
    elif "name" in kinds:
        yield from _names(field, record, view)
    else:
        yield from _identified_or_alike(field, record, view, likeness)


def _counts(view: UnitView) -> Iterator[tuple[Context, float]]:
    for sentence, quantities in view.quantities.items():
        for quantity in quantities:
            if is_sample_size(sentence.chunk.text, quantity):
                yield Context(sentence, quantities, quantity), 1.0


def _claims(view: UnitView) -> Iterator[tuple[Context, float]]:
    for sentence in view.sentences:
        weight = claim_weight(sentence.text)
        if weight >= MIN_WEIGHT and sentence.chunk.kind is ChunkKind.TEXT:
            yield Context(sentence, []), weight


def _names(field: Field, record: Field, view: UnitView) -> Iterator[tuple[Context, float]]:
    name = record.of_kind("name")
    assert name is not None
    asked = name.stems | field.stems
    for sentence in view.sentences:
        for span in named(sentence.chunk.text, (sentence.start, sentence.end), asked):
            yield Context(sentence, [], name=span), 1.0


def _identified_or_alike(field: Field, record: Field, view: UnitView, likeness: Likeness) -> Iterator[tuple[Context, float]]:
    """Items that hang on an identifier (a DOI, a URL), or on a sentence that means what the list asks for."""
    has_identifier = next((part for part in record.fields if part.kind in ("doi", "arxiv", "url", "identifier", "email")), None)
    for sentence in view.sentences:
        at = Context(sentence, view.quantities.get(sentence, []))
        if has_identifier is not None:
            value = leaf(has_identifier, at)
            if value is not None and _is_about(field, has_identifier, sentence, str(value)):
                yield at, 1.0
        elif (alike := likeness.get((id(sentence), field.meaning), 0.0)) > 0:
            yield at, alike


#: Where data and code are kept.
_HOSTS = re.compile(
    r"github|gitlab|bitbucket|zenodo|figshare|dryad|osf\.io|kaggle|huggingface|sourceforge|cran\.r|"
    r"pypi\.org|dataverse|ncbi\.nlm|ebi\.ac",
    re.I,
)


def _is_about(field: Field, part: Field, sentence: Sentence, value: str) -> bool:
    """Whether this identifier is one that the list asks for: its sentence has one of the list's words, and it is no licence."""
    if "creativecommons.org" in value:
        return False
    wanted = part.about | field.about | field.stems
    return not wanted or bool(wanted & sentence.stems) or bool(_HOSTS.search(value))


def _item(record: Field, at: Context, weight: float) -> Item | None:
    """The item's record; None where a required value is not to be had."""
    values: dict[str, Any] = {}
    for part in record.fields:
        value = _part(part, record, at)
        if value is None and not part.is_nullable:
            if part.is_required:
                return None
            continue
        values[part.name] = value
    told = [name for name, value in values.items() if value not in (None, []) and name not in _quotes(record)]
    return Item(values, at.sentence, weight, _sure(record, at), _sentences(at)) if told else None


def _sentences(at: Context) -> dict[str, Sentence]:
    """Of what is said of a material, the sentence that says it."""
    if at.material is None:
        return {}
    chunk, spans = at.sentence.chunk, sentence_spans(at.sentence.chunk.text)
    inside = {
        value: next((span for span in spans if span[0] <= where[0] < span[1]), None)
        for value, where in at.material.where.items()
    }
    return {value: Sentence(chunk, at.sentence.index, *span) for value, span in inside.items() if span}


def _sure(record: Field, at: Context) -> dict[str, float]:
    """How likely each field is right that the pointer spoke of."""
    if at.pointed is None:
        return {}
    by_kind = {**sure_of_names(at.pointed), **dict.fromkeys(NUMBER_KINDS, sure_of_quantity(at.pointed))}
    return {part.name: by_kind[part.kind] for part in record.fields if part.kind in by_kind}


def _part(part: Field, record: Field, at: Context) -> Any | None:
    if part.kind == "list":
        return _list(part, at)
    if part.kind == "record":
        inner = _item(part, at, 1.0)
        return inner.record if inner else None
    if part.kind in ("number", "quantity", "value") and part.unit_hint and not (at.quantity and is_answer(part, at)):
        return _other_quantity(part, at)
    return leaf(part, at)


def _other_quantity(part: Field, at: Context) -> Any | None:
    """A second number of the item, such as a temperature: the only quantity of the sentence in its unit."""
    fits = [
        other for other in at.quantities if other.unit and is_same_measure(at.text[slice(*other.unit)], part.unit_hint or "")
    ]
    return leaf(part, Context(at.sentence, at.quantities, fits[0])) if len(fits) == 1 else None


def _list(part: Field, at: Context) -> list[Any]:
    inner, limit = part.item, part.schema.get("maxItems", 50)
    if inner is None:
        return []
    if at.frame is not None:
        values = [fitted(inner, value) for value in dict.fromkeys(at.frame.get(part.name, []))]
    elif at.material is not None and inner.kind in at.material.values:
        values = [fitted(inner, value) for value in at.material.values[inner.kind]]
    elif at.entry is not None and inner.kind in at.entry.parts:
        values = [fitted(inner, at.text[slice(*span)]) for span in at.entry.parts[inner.kind]]
    else:
        value = leaf(inner, at)
        values = [value]
    return [value for value in values if value is not None][:limit]
