"""Tests that a prompt brings along: a text, and what its record should hold.

They are read by a real reader, so they say whether this prompt and this model get right what its author knows to be right. What
is expected is a part of the record: more may stand there, and texts are compared without their white space.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from extract.prompts.paths import steps_of, values_at
from extract.units import make_units
from records import Chunk, ChunkKind, Features, Prompt, Reader, Reading, Unit, UnitKind, content_id

#: In place of fields: the record should say nothing at all.
EMPTY = "empty"


@dataclass(frozen=True, slots=True, kw_only=True)
class PromptTest:
    """A text, and what the record read from it should hold."""

    name: str
    text: str
    kind: ChunkKind
    headings: tuple[str, ...]
    expect: dict[str, Any]  #: fields, or paths, with their values; or {'empty': True}


@dataclass(frozen=True, slots=True, kw_only=True)
class Miss:
    """One thing that was expected and did not come."""

    path: str
    expected: Any
    came: Any


@dataclass(frozen=True, slots=True, kw_only=True)
class TrialResult:
    """What a reader made of one test."""

    test: PromptTest
    record: dict[str, Any] | None
    misses: tuple[Miss, ...]
    error: str | None  #: why there is no record
    seconds: float

    @property
    def passed(self) -> bool:
        return self.error is None and not self.misses


def try_tests(prompt: Prompt, tests: Sequence[PromptTest], reader: Reader) -> Iterator[TrialResult]:
    """The result of each test, in order. Raises what the reader raises where it can read nothing at all."""
    with reader.open(prompt) as session:
        units = [unit_of_text(test.text, kind=test.kind, headings=test.headings) for test in tests]
        futures = [session.submit(unit) for unit in units]
        session.flush()
        for test, future in zip(tests, futures, strict=True):
            yield _result(test, future.result())


def _result(test: PromptTest, reading: Reading) -> TrialResult:
    error = None if reading.record is not None else f"{reading.error_code}: {reading.error}"
    misses = tuple(missed(test.expect, reading.record)) if reading.record is not None else ()
    return TrialResult(test=test, record=reading.record, misses=misses, error=error, seconds=reading.usage.seconds)


def unit_of_text(text: str, *, kind: ChunkKind = ChunkKind.TEXT, headings: Sequence[str] = ()) -> Unit:
    """A unit of one chunk that no paper holds; its document is ''."""
    words = text.split()
    features = Features(
        n_words=sum(any(sign.isalpha() for sign in word) for word in words),
        n_numbers=sum(any(sign.isdigit() for sign in word) for word in words),
        figure_share=float(kind is ChunkKind.FIGURE),
        table_share=float(kind is ChunkKind.TABLE),
        formula_share=float(kind is ChunkKind.FORMULA),
        has_caption=False,
        text_confidence=1.0,
    )
    chunk = Chunk(
        id=content_id("text", text, kind, list(headings)),
        doc_id="",
        conversion_id="",
        ordinal=0,
        kind=kind,
        headings=tuple(headings),
        text=text,
        places=(),
        holds=(),
        cites=(),
        features=features,
    )
    return make_units([chunk], None, UnitKind.CHUNK)[0]


def missed(expect: dict[str, Any], record: dict[str, Any]) -> Iterator[Miss]:
    """What of this the record does not hold."""
    if expect == {EMPTY: True}:
        if not says_nothing(record):
            yield Miss(path="the record", expected="nothing", came=record)
        return
    for path, expected in expect.items():
        came = values_at(record, steps_of(path) or (path,))
        if not any(holds(value, expected) for value in came):
            yield Miss(path=path, expected=expected, came=came[0] if len(came) == 1 else came)


def says_nothing(value: Any) -> bool:
    """Whether no value stands in it, however deep."""
    if isinstance(value, dict):
        return all(map(says_nothing, value.values()))
    return value in (None, "") or (isinstance(value, list) and all(map(says_nothing, value)))


def holds(came: Any, expected: Any) -> bool:
    """Whether what came holds what was expected: the same value, each expected field, each expected item in any order."""
    if isinstance(expected, dict):
        return isinstance(came, dict) and all(holds(came.get(name), value) for name, value in expected.items())
    if isinstance(expected, list):
        return isinstance(came, list) and (bool(expected) or not came) and _each_holds(came, expected)
    if isinstance(expected, str) and isinstance(came, str):
        return "".join(came.split()) == "".join(expected.split())
    is_number = [isinstance(value, int | float) and not isinstance(value, bool) for value in (came, expected)]
    if all(is_number):
        return math.isclose(came, expected, rel_tol=1e-9)
    return not any(is_number) and came == expected


def _each_holds(came: list[Any], expected: list[Any]) -> bool:
    """Whether each expected item has an item of its own (augmenting paths: a later one may move an earlier)."""
    owner: dict[int, int] = {}

    def find(i: int, seen: set[int]) -> bool:
        for j, item in enumerate(came):
            if j not in seen and holds(item, expected[i]):
                seen.add(j)
                if j not in owner or find(owner[j], seen):
                    owner[j] = i
                    return True
        return False

    return all(find(i, set()) for i in range(len(expected)))
