"""What a prompt asks that only eyes can answer.

A field says so itself (`x-needs: vision`, or `x-needs: text` for the contrary), or its name and description do: a small word model
(`needs.json`, fitted by bench/fit_needs.py on fields written by hand) tells values of a plot, what an image shows, the parts of
a diagram, a formula, or simply a figure from everything that the text says itself. It is linear, so the words that decided can
be named. What a newcomer would get wrong: 'leave out numbers of figures' asks for no figure, so instructions that forbid are
not heard.
"""

from __future__ import annotations

import hashlib
import json
import math
import re
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from functools import cache, lru_cache
from pathlib import Path

from extract.schema import Schema, core, inlined, properties, types_of
from records import Prompt

_MODEL_FILE = Path(__file__).with_name("needs.json")
#: Of the word model: a model that was fitted anew routes anew.
MODEL_HASH = hashlib.sha256(_MODEL_FILE.read_bytes()).hexdigest()[:16]

_WORD = re.compile(r"[^\W\d_]{2,}")
#: Words that carry nothing here; a model of so few examples would learn from their chance company.
_EMPTY = frozenset(re.findall(r"\w+", """
    the of a an and or in on at to is are was were it its as by for from with that this which what who how one each every all any be
    been has have not no do does can there where such than then them they their into out up per if whether
"""))  # fmt: skip
_FORBIDS = re.compile(r"\b(?:not|never|no|leave out|ignore|omit|skip|except|without|instead of|do not|don't)\b", re.IGNORECASE)
_SENTENCE = re.compile(r"(?<=[.;:!?])\s+|\n\s*\n")
_TEMPLATE = re.compile(r"\{[{%#].*?[}%#]\}", re.DOTALL)


class Sight(StrEnum):
    """What has to be looked at."""

    PLOT = "plot"
    IMAGE = "image"
    DIAGRAM = "diagram"
    FIGURE = "figure"  #: whatever figure it is
    FORMULA = "formula"


@dataclass(frozen=True, slots=True, kw_only=True)
class Need:
    """One thing that a prompt asks and that has to be looked at."""

    sight: Sight
    why: str  #: in words: the field and what of it says so


@dataclass(frozen=True, slots=True)
class _Model:
    bias: dict[str, float]
    words: dict[str, dict[str, float]]  #: word -> class -> weight


def needs_of(prompt: Prompt, sure: float = 0.5) -> tuple[Need, ...]:
    """What of this prompt has to be looked at, the first that says so of each sort; none where text answers all of it.

    sure: less sure than this that something must be seen, a field counts as one that the text answers.
    """
    return _needs(json.dumps(prompt.schema), prompt.system, prompt.template, sure)


@lru_cache(maxsize=64)
def _needs(schema: str, system: str, template: str, sure: float) -> tuple[Need, ...]:
    found: dict[Sight, Need] = {}
    is_declared = False
    for name, part in _fields(core(inlined(json.loads(schema)))):
        declared = part.get("x-needs")
        is_declared |= declared is not None
        if need := _of_field(name, part, declared, sure):
            found.setdefault(need.sight, need)
    if not is_declared:  # who marks fields has said what is asked
        for sentence in _instructions(system, template):
            if need := _of_words(sentence, "the prompt", sure):
                found.setdefault(need.sight, need)
    return tuple(found.values())


def _of_field(name: str, part: Schema, declared: object, sure: float) -> Need | None:
    told = f"{name.rpartition('.')[2]}: {part.get('description', '')}"
    if declared == "text":
        return None
    guess = _of_words(told, f"field {name!r}", sure)
    if declared == "vision":
        return Need(sight=guess.sight if guess else Sight.FIGURE, why=f"field {name!r} is marked x-needs: vision")
    return guess


def _of_words(told: str, whose: str, sure: float) -> Need | None:
    sight, probability, words = judge(told)
    if sight is None or probability < sure:
        return None
    return Need(sight=sight, why=f"{whose} asks for what is seen ({', '.join(words)})")


def judge(told: str) -> tuple[Sight | None, float, tuple[str, ...]]:
    """What these words ask to look at, the probability that anything must be looked at, and the words that said so most."""
    model = _model()
    known = [word for word in dict.fromkeys(words_of(told)) if word in model.words]
    scores = {kind: bias + sum(model.words[word].get(kind, 0.0) for word in known) for kind, bias in model.bias.items()}
    top = max(scores.values())
    weights = {kind: math.exp(score - top) for kind, score in scores.items()}
    sure = 1 - weights["words"] / sum(weights.values())
    seen = max((kind for kind in scores if kind != "words"), key=lambda kind: scores[kind])
    if not known or scores[seen] <= scores["words"]:
        return None, sure, ()
    loud = sorted(known, key=lambda word: model.words[word].get("words", 0.0) - model.words[word].get(seen, 0.0))
    return Sight(seen), sure, tuple(word for word in known if word in loud[:2])


def words_of(told: str) -> list[str]:
    """The words of a field's name and description, small, in the singular, without those that carry nothing."""
    return [_singular(word) for word in _WORD.findall(told.lower().replace("_", " ")) if word not in _EMPTY]


def _singular(word: str) -> str:
    if word.endswith("ies") and len(word) > 4:
        return word[:-3] + "y"
    if word.endswith("s") and not word.endswith(("ss", "us", "is", "series")) and len(word) > 3:
        return word[:-1]
    return word


def _fields(schema: Schema, path: str = "") -> Iterator[tuple[str, Schema]]:
    """Every property at any depth with its path; those that hold a quote are not asked for themselves."""
    for name, part in properties(schema).items():
        part = core(part)
        at = f"{path}.{name}" if path else name
        if name == "quote" or part.get("x-kind") == "quote":
            continue
        yield at, part
        inner = core(part.get("items", {})) if "array" in types_of(part) else part
        if "description" in inner and inner is not part:
            yield at, inner
        yield from _fields(inner, at)


def _instructions(*texts: str) -> Iterator[str]:
    for text in texts:
        for sentence in _SENTENCE.split(_TEMPLATE.sub(" ", text)):
            if sentence.strip() and not _FORBIDS.search(sentence):
                yield " ".join(sentence.split())


@cache
def _model() -> _Model:
    told = json.loads(_MODEL_FILE.read_text(encoding="utf-8"))
    return _Model(told["bias"], told["words"])
