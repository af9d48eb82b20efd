"""Read records that gather several things of one sentence, as a table row would: an experiment with its conditions, a step of a synthesis.

A record with an operation is a step of a procedure (operations.py). A list of records with two or more lists of quantities in it is a
frame, and each sentence that measures gives one. A unit that few things are measured in (W/cm2) says by itself what a number is. One that
many things are (°C, V, h) does not: its number is taken where the sentence says the field's words, or where another number of the sentence
is certain, since conditions stand beside results.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from extract.embedded.conversion_of_units import is_same_measure
from extract.embedded.fields import Field
from extract.embedded.operations import steps
from extract.embedded.quantities import Quantity
from extract.embedded.roles import MATTER, players
from extract.embedded.sentences import Sentence
from extract.embedded.view import UnitView
from extract.embedded.words import overlap

Span = tuple[int, int]

_QUANTITIES = ("quantity", "value", "number")
#: A unit made of several is telling.
_COMPOUND = re.compile(r"[/·*^\s]|[a-zA-Z]\d")
_SHARE = re.compile("%|per ?cent")
#: Words that only say 'roughly': no part of a value that a table would hold.
_ROUGHLY = re.compile(
    r"(?:(?:about|approximately|approx\.|around|roughly|nearly|almost|ca\.?|circa|up to|as (?:high|low|much|many|little) as|some|"
    r"(?:the |a )?range (?:of|from)|ranges? from|an? average of)\s)+",
    re.I,
)
_BETWEEN_MEMBERS = re.compile(r",?\s(?:and|or)\s|,\s")
#: What leads a condition in.
_CONDITION = re.compile(
    r"(?:\b(?:at|under|between|from|below|above|to|and|or|temperatures?|the|for|after|during|over|until|"
    r"(?<!amplitude )(?<!signal )of)\s|[,(]\s?|[-–]\s?)$"
)
_LIMIT = re.compile(r"between|from|below|above|under|<|>|≤|≥", re.I)


def is_frame(record: Field) -> bool:
    """Whether its items are read sentence by sentence: at least two of its fields are lists of quantities in a unit."""
    return sum(_asks_unit(part) is not None for part in record.fields) >= 2


def frames(record: Field, view: UnitView) -> Iterator[tuple[Sentence, dict[str, list[str]]]]:
    """Each sentence that measures what the record asks for, with the printed values by the names of its fields."""
    parts = [part for part in record.fields if _asks_unit(part)]
    for sentence in view.sentences:
        found: dict[str, list[str]] = {}
        is_sure = False
        for quantity in view.quantities.get(sentence, []):
            part = _part_of(parts, sentence, quantity)
            if part is not None and _is_told(part, sentence, quantity):
                found.setdefault(part.name, []).extend(members(sentence.chunk.text, quantity))
                is_sure |= bool(_COMPOUND.search(_asks_unit(part) or "")) or _said(part, sentence) > 0.5
        roles = dict(_roles(record, sentence))
        if is_sure or roles:
            yield sentence, roles | (found if is_sure else {})


def procedures(record: Field, view: UnitView) -> Iterator[tuple[Sentence, dict[str, list[str]]]]:
    """Each step of a procedure with what belongs to it, by the names of the record's fields."""
    for sentence, step in steps(view):
        text = sentence.chunk.text
        found: dict[str, list[str]] = {}
        for part in record.fields:
            inner = part.item or part
            if inner.kind == "operation":
                found[part.name] = [text[slice(*step.verb)]]
            elif inner.kind in ("material", "formula"):
                found[part.name] = [text[slice(*span)] for span in step.materials]
            elif inner.kind in (*_QUANTITIES, "unit"):
                found[part.name] = [value for one in step.quantities for value in _printed(inner, text, one)]
        yield sentence, found


def _printed(field: Field, text: str, quantity: Quantity) -> list[str]:
    """What of this quantity the field takes: all of it, its figures or its unit; nothing where it is in another measure."""
    unit = text[slice(*quantity.unit)] if quantity.unit else None
    if field.unit_hint and not (unit and is_same_measure(unit, field.unit_hint)):
        return []
    if field.kind == "unit":
        return [unit] if unit else []
    return [text[slice(*quantity.value)]] if field.kind == "value" else members(text, quantity)


def _asks_unit(part: Field) -> str | None:
    """The unit of a list of quantities; None for all other fields."""
    inner = part.item
    if part.kind != "list" or inner is None or inner.kind not in _QUANTITIES:
        return None
    return inner.unit_hint or part.unit_hint


def _part_of(parts: list[Field], sentence: Sentence, quantity: Quantity) -> Field | None:
    """The field that this quantity is of: of those in its measure the one whose words the sentence says, else the plainest."""
    if quantity.unit is None:
        return None
    unit = sentence.chunk.text[slice(*quantity.unit)]
    fits = [part for part in parts if _fits(unit, _asks_unit(part) or "")]
    return max(
        fits,
        key=lambda part: (_said(part, sentence) > 0.5, len(part.stems) if _said(part, sentence) > 0.5 else -len(part.stems)),
        default=None,
    )


def _fits(unit: str, wanted: str) -> bool:
    """Whether they measure the same; '%/h' and 'Hz' have one dimension and do not."""
    return bool(_SHARE.search(unit)) == bool(_SHARE.search(wanted)) and is_same_measure(unit, wanted)


def _is_told(part: Field, sentence: Sentence, quantity: Quantity) -> bool:
    """Whether the unit says what the number is, or the sentence does, or it stands as a condition stands: 'at 0.7 V'."""
    text, start = sentence.chunk.text, quantity.start
    is_telling = _COMPOUND.search(_asks_unit(part) or "") or _said(part, sentence) > 0.5
    return bool(is_telling or _CONDITION.search(text, max(sentence.start, start - 30), start) or _LIMIT.match(text, start))


def _said(part: Field, sentence: Sentence) -> float:
    """How much of the field's name the sentence says; an abbreviation in its description says all of it."""
    described = " ".join(str(one.schema.get("description", "")) for one in (part, part.item) if one is not None)
    short = re.findall(r"\b[A-Z]{2,}s?\b", described)
    return 1.0 if any(re.search(rf"\b{word}s?\b", sentence.text) for word in short) else overlap(part.stems, sentence.stems)


def members(text: str, quantity: Quantity) -> list[str]:
    """The values of a list that shares its unit, '590, 535 and 464 mW' as '590', '535', '464 mW'; else the quantity alone, without
    the words that say 'roughly'."""
    start, end = quantity.value
    stop = quantity.unit[1] if quantity.unit else end
    cuts = [match.span() for match in _BETWEEN_MEMBERS.finditer(text, start, end)] if quantity.low_high is None else []
    if not cuts:
        whole = text[quantity.start : quantity.end]
        return [whole[roughly.end() :] if (roughly := _ROUGHLY.match(whole)) else whole]
    starts, ends = [start, *(b for _, b in cuts)], [*(a for a, _ in cuts), stop]
    return [text[a:b] for a, b in zip(starts, ends, strict=True)]


def _roles(record: Field, sentence: Sentence) -> Iterator[tuple[str, list[str]]]:
    """The materials beside the word of each field that asks for one in a role."""
    for part in record.fields:
        if part.kind == "list" and part.item is not None and part.item.kind == "material":
            values = players(sentence.text, (part.stems or part.about) - MATTER)
            if values:
                yield part.name, values
