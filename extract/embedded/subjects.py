"""Put together what a text says of each material that it is about: formula, name, abbreviation, uses, phases, forms.

A formula in brackets after a name is the same material ('alumina (Al2O3)'), and a word of capitals in brackets after either is its
abbreviation. What is said in a sentence belongs to the materials that the sentence names; where it names none, to those named last
before it, since a text goes on about its subject; a title's first sentence to those named next.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from extract.embedded.applications import applications, same_application
from extract.embedded.formulas import is_formula
from extract.embedded.materials import Material, material_formulas, material_names
from extract.embedded.phases import forms, phases

Span = tuple[int, int]
Find = Callable[[str], Iterator[Span]]

#: What each kind of field is found by, in a sentence.
SAID: dict[str, Find] = {"application": applications, "phase": phases, "form": forms}
_ABBREVIATION = re.compile(r"\s?\(([A-Z][A-Za-z\d–-]*[A-Z\d][A-Za-z\d–-]*)\)")


@dataclass(frozen=True)
class Subject:
    """One material with what the text says of it, by the kinds of fields; `at` is its first mention."""

    at: Span
    values: dict[str, list[str]]  #: of 'formula', 'material', 'acronym' at most one each; of the kinds of SAID any number
    where: dict[str, Span]  #: of each value, where it stands first


def subjects(text: str, sentences: Sequence[Span]) -> list[Subject]:
    """The materials of this text in order, each once."""
    formulas, names = material_formulas(text), material_names(text)
    groups = _paired(text, formulas, names)
    mentions = [[span for one in group for span in one.spans] for group in groups]
    said = _said(text, sentences, mentions)
    found = []
    for i, group in enumerate(groups):
        told = {("formula" if one.is_formula else "material"): {one.value: min(one.spans)} for one in group}
        told["acronym"] = _abbreviation(text, mentions[i])
        told |= {kind: said[kind].get(i, {}) for kind in SAID}
        where = {value: span for values in told.values() for value, span in values.items()}
        found.append(Subject(min(mentions[i]), {kind: list(values) for kind, values in told.items()}, where))
    return sorted(found, key=lambda one: one.at)


def _paired(text: str, formulas: list[Material], names: list[Material]) -> list[list[Material]]:
    """Each material by all that it is called."""
    groups: list[list[Material]] = []
    left = list(names)
    for formula in formulas:
        name = next((one for one in left if _is_same(text, one, formula)), None)
        groups.append([formula, name] if name else [formula])
        left = [one for one in left if one is not name]
    return [*groups, *([one] for one in left)]


def _is_same(text: str, name: Material, formula: Material) -> bool:
    return any(
        (text[a_end:b] in (" (", "(") and text[b_end : b_end + 1] in ")")
        or (text[b_end:a] in (" (", "(") and text[a_end : a_end + 1] in ")")
        for a, a_end in name.spans
        for b, b_end in formula.spans
    )


def _abbreviation(text: str, spans: Sequence[Span]) -> dict[str, Span]:
    for _, end in spans:
        found = _ABBREVIATION.match(text, end)
        if found and not is_formula(found[1]):
            return {found[1]: found.span(1)}
    return {}


def _said(text: str, sentences: Sequence[Span], mentions: list[list[Span]]) -> dict[str, dict[int, dict[str, Span]]]:
    """By kind and material, what the sentences say of it and where; what is said twice, in one form or another, once."""
    made: dict[str, dict[int, dict[str, tuple[str, Span]]]] = {kind: {} for kind in SAID}
    named = [[i for i, spans in enumerate(mentions) if any(a <= at < b for at, _ in spans)] for a, b in sentences]
    last: list[int] = next((one for one in named if one), [])
    for (start, end), here in zip(sentences, named, strict=True):
        last = here or last
        for kind, find in SAID.items():
            for a, b in find(text[start:end]):
                words = re.sub(r"\s+", " ", text[start + a : start + b]).strip()
                for i in last:
                    made[kind].setdefault(i, {}).setdefault(same_application(words), (words, (start + a, start + b)))
    return {kind: {i: dict(values.values()) for i, values in of.items()} for kind, of in made.items()}
