"""A run by way of files: what is still to be read as a batch of requests, and the answers back as if they had been read online.

Emitting stores nothing and claims nothing; between the two anything may happen, and whatever was read meanwhile is neither asked for
nor overwritten. Importing is a reprocess whose reader has its answers already.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TextIO

from errors import BatchInvalid, ReadingFailed
from extract.models.batch import Answers, BatchReader, read_answers, request_line
from extract.models.reader import ModelReader
from records import Lane, Reader, Route, RouteMode, Unit
from rereading import Question
from store.library import Library

#: Documents whose chunks are held at once.
_DOCUMENTS = 50


@dataclass(slots=True, kw_only=True)
class Emitted:
    """What was written."""

    requests: dict[str, int] = field(default_factory=dict)  #: by alias
    too_long: int = 0  #: units that do not fit the model, which no batch could read
    read_here: int = 0  #: units of the embedded lane, which the import reads
    known: int = 0  #: units that were read before


@dataclass(frozen=True, slots=True, kw_only=True)
class Fit:
    """How an answers file fits what is left to read."""

    answers: int  #: for units that are left
    known: int  #: for units that were read before: nothing becomes of them
    unknown: int  #: for no unit of this question over these papers
    missing: int  #: units that are left and have no answer
    repeated: int
    unreadable: tuple[str, ...]


def emit(question: Question, doc_ids: Sequence[str], *, library: Library, open_file: Callable[[str], TextIO]) -> Emitted:
    """Write a request for every unit that is left, to one file for each model: a batch may not mix them.

    Raises BatchInvalid for a cascade: whom it asks next depends on answers that are not there.
    """
    _refuse_cascade(question)
    report = Emitted()
    files: dict[str, TextIO] = {}
    try:
        for unit, route, known in _units(question, doc_ids, library):
            reader = question.panel.reader_of(route.lane)
            if known:
                report.known += 1
            elif not isinstance(reader, ModelReader):
                report.read_here += 1
            elif line := _line(question, reader, unit, route):
                if reader.alias not in files:
                    files[reader.alias] = open_file(reader.alias)
                files[reader.alias].write(line + "\n")
                report.requests[reader.alias] = report.requests.get(reader.alias, 0) + 1
            else:
                report.too_long += 1
    finally:
        for file in files.values():
            file.close()
    return report


def _line(question: Question, reader: ModelReader, unit: Unit, route: Route) -> str | None:
    try:
        return request_line(reader, question.prompt, unit, question.extraction_id(unit, route))
    except ReadingFailed:
        return None  # a reprocess names it as a failure


def _units(question: Question, doc_ids: Sequence[str], library: Library) -> Iterator[tuple[Unit, Route, bool]]:
    """Every unit of these documents that is not skipped, its route, and whether it was read before."""
    for start in range(0, len(doc_ids), _DOCUMENTS):
        some = doc_ids[start : start + _DOCUMENTS]
        known = library.readings(question.key, some)
        for doc_id, (chunks, vectors) in library.chunks(some).items():
            for unit, route in question.routed(doc_id, chunks, vectors, library):
                if route.lane is not Lane.SKIP:
                    yield unit, route, question.extraction_id(unit, route) in known


def answers_of(paths: Sequence[Path]) -> Answers:
    """What these answers files hold. Raises BatchInvalid where one cannot be opened or holds no line of a batch."""
    answers = Answers()
    for path in paths:
        try:
            with path.open(encoding="utf-8", errors="replace") as lines:
                read_answers(lines, answers)
        except OSError as error:
            raise BatchInvalid(f"{path} cannot be read: {error.strerror}. Nothing was stored.") from error
    if not answers.by_id:
        named = ", ".join(map(str, paths))
        first = f" ({answers.unreadable[0]})" if answers.unreadable else ""
        raise BatchInvalid(
            f"{named} holds no answer of a batch{first}. Nothing was stored. Give the output file that the batch made."
        )
    return answers


def fit(question: Question, answers: Answers, doc_ids: Sequence[str], *, library: Library) -> Fit:
    """How these answers fit what is left. Raises BatchInvalid where not one of them is for this question over these papers."""
    _refuse_cascade(question)
    left: set[str] = set()
    known: set[str] = set()
    for unit, route, was_read in _units(question, doc_ids, library):
        if isinstance(question.panel.reader_of(route.lane), ModelReader):
            (known if was_read else left).add(question.extraction_id(unit, route))
    given = answers.by_id.keys()
    if not given & (left | known):
        raise BatchInvalid(
            f"None of the {len(given):,} answers is for this prompt with this model over these papers. Nothing was stored. "
            "Import with the prompt file, --model and --doc that the batch was made with."
        )
    return Fit(
        answers=len(given & left),
        known=len(given & known),
        unknown=len(given - left - known),
        missing=len(left - given),
        repeated=answers.repeated,
        unreadable=tuple(answers.unreadable),
    )


def answered(question: Question, answers: Answers) -> Question:
    """The same question, with these answers in place of its models: what it reads has the ids that it would have online."""

    def id_of(unit: Unit, lane: Lane) -> str:
        return question.extraction_id(unit, Route(lane=lane, reason=""))

    def from_file(reader: Reader) -> Reader:
        return BatchReader(reader, answers.by_id, id_of) if isinstance(reader, ModelReader) else reader

    return Question(prompt=question.prompt, panel=question.panel.changed(from_file))


def _refuse_cascade(question: Question) -> None:
    if question.prompt.route is RouteMode.CASCADE:
        raise BatchInvalid(
            f"The prompt {question.prompt.name!r} asks for a cascade, and whom a cascade asks next depends on answers that a batch has "
            "not yet. Nothing was written or stored. Give it route: auto or text for a batch."
        )
