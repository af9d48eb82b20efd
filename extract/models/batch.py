"""Requests as a file, answers as a file: OpenAI's Batch format, which vLLM's run-batch and most hosts take.

One line is one unit: `custom_id` is the id of its extraction, the body is what would be sent online. The answers come back in any
order, with errors among them, perhaps twice, perhaps cut off at the end; each is parsed, checked and grounded as if it had
come online. What a batch cannot do is ask again: a cut-off or invalid answer is a named failure, and the next reprocess reads it.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import Future
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from jsonschema import Draft202012Validator
from pydantic import BaseModel, ValidationError

from errors import AnswerEmpty, AnswerRefused, ReadingFailed
from extract.energy import with_joules
from extract.models.answers import Completion, Tally, record_of
from extract.models.reader import ModelReader
from extract.models.requests import LEAST_ANSWER, answer_limit, estimated_tokens, first_messages, image_tokens, request_body
from records import Lane, Prompt, Reading, Session, Unit

URL = "/v1/chat/completions"
#: What OpenAI takes in one file; vLLM has no limit.
MOST_LINES, MOST_BYTES = 50_000, 200_000_000
_SAID = 300  #: characters of an error that are repeated

Answer = Completion | ReadingFailed


class _Response(BaseModel):
    status_code: int = 200
    body: dict[str, Any] | None = None


class _Line(BaseModel):
    custom_id: str
    response: _Response | None = None
    error: Any = None


@dataclass(slots=True, kw_only=True)
class Answers:
    """What an answers file holds."""

    by_id: dict[str, Answer] = field(default_factory=dict)
    repeated: int = 0  #: lines for an id that had one
    unreadable: list[str] = field(default_factory=list)  #: lines that are none, with their numbers and why


def request_line(reader: ModelReader, prompt: Prompt, unit: Unit, custom_id: str) -> str:
    """One line of a batch. Raises ReadingFailed where the unit does not fit the model's context, or has nothing to see."""
    told = reader.tell(prompt, unit)
    messages = first_messages(told.system, told.user, told.images)
    room = reader.model.context_tokens - estimated_tokens(messages, image_tokens=image_tokens(told.images, reader.model))
    if room < LEAST_ANSWER:
        raise ReadingFailed(
            f"Model {reader.alias!r}, unit {unit.id[:12]}: it is too long for {reader.model.context_tokens} tokens."
        )
    body = request_body(prompt, messages, answer_limit(prompt, room))
    line = {"custom_id": custom_id, "method": "POST", "url": URL, "body": {"model": reader.model.model, **body}}
    return json.dumps(line, ensure_ascii=False)


def read_answers(lines: Iterable[str], into: Answers) -> None:
    """Add these lines. Of several for one id the first that is an answer stands; an error gives way to it."""
    for number, text in enumerate(lines, 1):
        if not text.strip():
            continue
        try:
            line = _Line.model_validate_json(text)
        except ValidationError as error:
            into.unreadable.append(f"line {number}: {error.errors()[0]['msg']}"[:_SAID])
            continue
        into.repeated += line.custom_id in into.by_id
        if not isinstance(into.by_id.get(line.custom_id), Completion):
            into.by_id[line.custom_id] = _answer(line)


def _answer(line: _Line) -> Answer:
    response = line.response
    if response is None or response.status_code != 200 or line.error or response.body is None:
        status = f"HTTP {response.status_code}: " if response and response.status_code != 200 else ""
        said = line.error or (response.body if response else None) or "no reason given"
        words = said if isinstance(said, str) else json.dumps(said, ensure_ascii=False)
        return AnswerRefused(
            f"The batch has no answer for it ({status}{words[:_SAID]}). Run the same reprocess to read it online."
        )
    try:
        return Completion.model_validate(response.body)
    except ValidationError:
        return AnswerRefused("What the batch holds for it is not a chat completion. Run the same reprocess to read it online.")


class BatchReader:
    """Answers that were made elsewhere, as a Reader: it is the model whose answers they are, so what it reads has the same ids."""

    def __init__(self, reader: ModelReader, answers: Mapping[str, Answer], id_of: Callable[[Unit, Lane], str]) -> None:
        self.alias = reader.alias
        self.lane = reader.lane
        self.key = reader.key
        self._reader = reader
        self._answers = answers
        self._id_of = id_of

    @contextmanager
    def open(self, prompt: Prompt) -> Iterator[Session]:
        """A session in which everything is there already."""
        yield _Answered(self, prompt)

    def reading(self, prompt: Prompt, unit: Unit, schema: Draft202012Validator) -> Reading:
        """What the file holds for this unit, as it would have been read online."""
        tally, alias = Tally(), self.alias
        try:
            record = self._record(prompt, unit, schema, tally)
        except ReadingFailed as error:
            usage = with_joules(tally.usage, self._reader.model)
            return Reading(record=None, usage=usage, error_code=error.code, error=str(error), raw=tally.raw, model=alias)
        evidence = self._reader.evidence(record, prompt, unit)
        return Reading(record=record, evidence=evidence, usage=with_joules(tally.usage, self._reader.model), model=alias)

    def _record(self, prompt: Prompt, unit: Unit, schema: Draft202012Validator, tally: Tally) -> dict[str, Any]:
        answer = self._answers.get(self._id_of(unit, self.lane))
        if answer is None:
            raise AnswerEmpty(
                "The batch holds no answer for it. Import the file that does, or run the same reprocess to read it online."
            )
        if isinstance(answer, ReadingFailed):
            raise answer
        tally.completions.append(answer)
        if self.lane is Lane.VISION:
            images = self._reader.tell(prompt, unit).images
            tally.images, tally.pixels = len(images), sum(image.pixels for image in images)
        return record_of(answer, schema, about=f"Model {self._reader.alias!r}, unit {unit.id[:12]}, from a batch")


class _Answered:
    """Units in, readings out at once."""

    def __init__(self, reader: BatchReader, prompt: Prompt) -> None:
        self._reader, self._prompt = reader, prompt
        self._schema = Draft202012Validator(prompt.schema)

    def submit(self, unit: Unit) -> Future[Reading]:
        done: Future[Reading] = Future()
        done.set_result(self._reader.reading(self._prompt, unit, self._schema))
        return done

    def flush(self) -> None:
        """Nothing waits."""
