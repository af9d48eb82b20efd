"""Fill a prompt's record from one unit, with the evidence of every value.

`doubts` says first which sentences need the encoder: those that could be meant by a field of free text, judged by shared words.
`fill` then makes the record. Fields with a shape of their own (quantities, identifiers, entries, names) need no encoder.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

from extract.embedded.claims import is_whole
from extract.embedded.fields import FREE, Field
from extract.embedded.items import Likeness, items
from extract.embedded.leaves import Context, all_of_finder, fitted, leaf
from extract.embedded.measurements import is_answer, is_of_measurements
from extract.embedded.sentences import Sentence
from extract.embedded.sureness import Fit, sure_of_lone, sure_of_nothing
from extract.embedded.view import UnitView
from extract.embedded.words import overlap

#: Cosine of a sentence to a field's name and description above which it answers, and above which it does with shared words.
ALIKE, ALIKE_WITH_WORDS = 0.55, 0.35
#: Sentences of a unit that are asked about one field: two, and more of a long unit.
MAX_DOUBTS, SENTENCES_PER_DOUBT = 2, 15


class Told(NamedTuple):
    """A value's path in the record and the sentence it was read from, or None where nothing was found."""

    path: str
    sentence: Sentence | None
    sure: float | None = None  #: how likely it is right, 0 to 1; None = not known


class Cannot(Exception):
    """The schema requires a value that the text does not hold."""


def fill(field: Field, view: UnitView, likeness: Likeness, path: str = "") -> tuple[dict[str, Any], list[Told]]:
    """The record of this field's schema. Raises Cannot where a required value that may not be null is not to be had."""
    record: dict[str, Any] = {}
    told: list[Told] = []
    for part in field.fields:
        at = f"{path}.{part.name}" if path else part.name
        value, evidence = _value(part, view, likeness, at)
        if value is None and not part.is_nullable:
            if part.is_required:
                raise Cannot(at)
            continue
        record[part.name] = value
        told += evidence
    return record, told


def _value(part: Field, view: UnitView, likeness: Likeness, path: str) -> tuple[Any, list[Told]]:
    if part.kind == "list" and part.item is not None and part.item.kind == "record":
        made = items(part, view, likeness)
        told = [
            Told(f"{path}[{i}].{inner}", item.told.get(str(value), item.sentence), item.sure.get(inner))
            for i, item in enumerate(made)
            for inner, value in _leaves(item.record, part.item)
        ]
        blanks = [
            Told(f"{path}[{i}].{name}", None, sure)
            for i, item in enumerate(made)
            for name, sure in item.sure.items()
            if item.record.get(name) is None
        ]
        if not made and is_of_measurements(part.item) and not view.quantities and not view.cells:
            blanks = [Told(path, None, sure_of_nothing(len(view.sentences)))]
        return [item.record for item in made], told + blanks
    if part.kind == "list":
        return _values(part, view, likeness, path)
    if part.kind == "record":
        try:
            return fill(part, view, likeness, path)
        except Cannot:
            return None, []
    value, sentence, fit = lone(part, view, likeness)
    return value, [Told(path, sentence, sure_of_lone(fit) if fit and part.kind in _JUDGED else None)]


def _leaves(record: dict[str, Any], field: Field, path: str = "") -> Iterator[tuple[str, Any]]:
    """The values in an item with their paths, its quote left out: that is evidence, not a value."""
    quotes = {part.name for part in field.fields if part.kind == "quote"}
    inner = {part.name: part for part in field.fields}
    for name, value in record.items():
        if isinstance(value, dict):
            yield from _leaves(value, inner[name], f"{path}{name}.")
        elif isinstance(value, list):
            yield from ((f"{path}{name}[{i}]", one) for i, one in enumerate(value))
        elif value is not None and name not in quotes:
            yield f"{path}{name}", value


def _values(part: Field, view: UnitView, likeness: Likeness, path: str) -> tuple[list[Any], list[Told]]:
    """A list of values: all of a kind, or the sentences that mean what the field asks for."""
    inner, limit = part.item, part.schema.get("maxItems", 50)
    if inner is None:
        return [], []
    found: dict[Any, Sentence] = {}
    for sentence in view.sentences:
        for value in _all(part, inner, sentence, view, likeness):
            if (fit := fitted(inner, value)) is not None:
                found.setdefault(fit, sentence)
    kept = list(found.items())[:limit]
    return [value for value, _ in kept], [Told(f"{path}[{i}]", sentence) for i, (_, sentence) in enumerate(kept)]


def _all(part: Field, inner: Field, sentence: Sentence, view: UnitView, likeness: Likeness) -> Iterator[Any]:
    if inner.kind in ("quantity", "value", "number", "count"):
        for quantity in view.quantities.get(sentence, []):
            at = Context(sentence, view.quantities[sentence], quantity)
            if is_answer(inner, at):
                yield leaf(inner, at)
    elif inner.kind in FREE or inner.kind == "enum":
        if _is_alike(part, sentence, likeness):
            yield leaf(inner, Context(sentence, []))
    else:
        yield from all_of_finder(inner, sentence)


class Lone(NamedTuple):
    """The answer of a lone field; what it rests on, where that can be judged."""

    value: Any | None
    sentence: Sentence | None
    fit: Fit | None


def lone(part: Field, view: UnitView, likeness: Likeness) -> Lone:
    """The value of a lone field: from the sentence that speaks of it most."""
    scores = [_shared(part, sentence) + likeness.get((id(sentence), part.meaning), 0.0) for sentence in view.sentences]
    ranked = sorted(((score, -i) for i, score in enumerate(scores)), reverse=True)
    found: list[tuple[float, Any, Sentence]] = []
    for score, i in ranked[:6] if part.kind not in _ALONE else ranked:
        value = _of_sentence(part, view.sentences[-i], view, likeness)
        if value is not None:
            found.append((score, value, view.sentences[-i]))
    if found and found[0][0] > 0:
        score, value, sentence = found[0]
        rest = max((other for other, another, _ in found if another != value), default=0.0)
        return Lone(value, sentence, Fit(score, rest, is_null=False))
    if part.kind in _ALONE and len({value for _, value, _ in found}) == 1:
        return Lone(found[0][1], found[0][2], None)
    return Lone(None, None, Fit(ranked[0][0] if ranked else 0.0, 0.0, is_null=True))


#: Kinds of which the only one in a text is the answer, whatever words stand around it.
_ALONE = ("doi", "arxiv", "url", "email", "identifier")
#: Kinds whose lone answers were judged against annotated ones.
_JUDGED = ("quantity", "value", "number", "count", "unit")


def _of_sentence(part: Field, sentence: Sentence, view: UnitView, likeness: Likeness) -> Any | None:
    quantities = view.quantities.get(sentence, [])
    if part.kind in ("quantity", "value", "number", "count", "unit"):
        answers = (Context(sentence, quantities, one) for one in quantities)
        return next((value for at in answers if is_answer(part, at) and (value := leaf(part, at)) is not None), None)
    if part.kind in FREE or part.kind in ("enum", "boolean", "property", "entity", "condition"):
        if not _is_alike(part, sentence, likeness):
            return None
        return True if part.kind == "boolean" else leaf(part, Context(sentence, quantities))
    return leaf(part, Context(sentence, quantities))


def _shared(part: Field, sentence: Sentence) -> float:
    return 0.6 * overlap(part.stems, sentence.stems_around) + 0.4 * overlap(part.about, sentence.stems)


def _is_alike(part: Field, sentence: Sentence, likeness: Likeness) -> bool:
    alike = likeness.get((id(sentence), part.meaning), 0.0)
    return alike >= ALIKE or (alike >= ALIKE_WITH_WORDS and overlap(part.stems, sentence.stems_around) >= 0.5)


def free_fields(field: Field) -> list[Field]:
    """The fields that only meaning finds a value for."""
    found: list[Field] = []
    for part in field.fields:
        inner = part.item if part.kind == "list" else part
        if inner is None:
            continue
        if inner.kind == "record":
            hangs = {one.kind for one in inner.fields}
            if part.kind == "record":
                found += free_fields(inner)
            elif hangs <= {"sentence", "phrase", "enum", "boolean", "quote", "property", "entity", "condition", "list"}:
                found.append(part)
        elif inner.kind in FREE or inner.kind in ("enum", "boolean", "property", "entity", "condition"):
            found.append(part)
    return found


def doubts(part: Field, view: UnitView) -> list[tuple[float, Sentence]]:
    """The sentences of this unit that share most words with a free field, each with that share: those worth the encoder's time."""
    ranked = sorted(
        (
            (_shared(part, sentence), -i)
            for i, sentence in enumerate(view.sentences)
            if is_whole(sentence.text, least_words=5, letters=0.55)
        ),
        reverse=True,
    )
    limit = MAX_DOUBTS + len(view.sentences) // SENTENCES_PER_DOUBT
    return [(score, view.sentences[-i]) for score, i in ranked[:limit] if score > 0 or len(view.sentences) <= MAX_DOUBTS]
