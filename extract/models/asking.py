"""Ask a model for one unit's record, and make the best of what comes.

An answer that was cut off is asked for once more with twice the tokens; cut off again, the unit is asked for in two halves, and
these in halves again, unless the model was going round in circles: then less text would not stop it. An answer that breaks the
schema is asked for once more with the error. Then it is a named failure. Tries while a server is away are another matter: see
`extract.models.calls`.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from jsonschema import Draft202012Validator

from errors import AnswerInvalid, AnswerTruncated, ReadingFailed
from extract.merging import joined
from extract.models.answers import Completion, Tally, record_of
from extract.models.calls import Endpoint
from extract.models.images import SentImage
from extract.models.requests import (
    DEFAULT_MAX_TOKENS,
    LEAST_ANSWER,
    Messages,
    estimated_tokens,
    first_messages,
    image_tokens,
    request_body,
    with_error,
)
from extract.units import halves
from records import Prompt, Unit

_MOST_CUTS = 2  #: times that a unit is halved: four pieces
#: An answer that packs smaller than this share of itself, or is mostly white space, goes round in circles: records of one paper pack
#: to a fifth to a third.
_CIRCLES = 0.08


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """What a model is told of one unit."""

    system: str
    user: str
    images: tuple[SentImage, ...] = ()


class Asker:
    """Asks one model one prompt. `tell` says a unit."""

    def __init__(self, endpoint: Endpoint, prompt: Prompt, tell: Callable[[Unit], Told]) -> None:
        self._endpoint = endpoint
        self._prompt = prompt
        self._tell = tell
        self._schema = Draft202012Validator(prompt.schema)
        self._model = endpoint.model

    async def record(self, unit: Unit, tally: Tally, *, cuts: int = 0) -> dict[str, Any]:
        """The record of this unit. Raises ReadingFailed's kinds, and what `Endpoint.complete` raises."""
        try:
            return await self._record(unit, tally, f"Model {self._endpoint.alias!r}, unit {unit.id[:12]}", is_part=cuts > 0)
        except AnswerTruncated:
            in_circles = _goes_round(tally.completions[-1].text)
            parts = halves(unit, self._prompt) if cuts < _MOST_CUTS and not in_circles else ()
            if not parts:
                raise
        records = [await self.record(part, tally, cuts=cuts + 1) for part in parts]
        return self._joined(records, unit)

    def _joined(self, records: Sequence[dict[str, Any]], unit: Unit) -> dict[str, Any]:
        record = joined(records)
        breach = next(self._schema.iter_errors(record), None)
        if breach:
            raise AnswerTruncated(
                f"Model {self._endpoint.alias!r}, unit {unit.id[:12]}: its answer was cut off at the token limit, and the answers for "
                f"its parts do not fit together: {breach.json_path}: {breach.message[:200]}. It is kept as failed. Raise max_tokens "
                "in the prompt's options, or allow more items."
            )
        return record

    async def _record(self, unit: Unit, tally: Tally, about: str, *, is_part: bool) -> dict[str, Any]:
        told = self._tell(unit)
        messages = first_messages(told.system, told.user, told.images)
        room = self._room(messages, told)
        if room < LEAST_ANSWER:
            raise self._too_long(messages, told, about)
        limit = min(self._prompt.options.get("max_tokens", DEFAULT_MAX_TOKENS) * (2 if is_part else 1), room)
        completion = await self._complete(messages, limit, told, tally)
        if completion.finish_reason == "length" and not is_part:
            more = min(2 * limit, self._room(messages, told, completion))
            if more > limit:
                limit = more
                completion = await self._complete(messages, limit, told, tally)
        try:
            return record_of(completion, self._schema, about=about)
        except AnswerInvalid as error:
            messages = with_error(messages, completion, error)
            limit = min(limit, self._room(messages, told))
            if limit < 1:
                raise
            completion = await self._complete(messages, limit, told, tally)
            return record_of(completion, self._schema, about=f"{about}, asked twice")

    async def _complete(self, messages: Messages, max_tokens: int, told: Told, tally: Tally) -> Completion:
        completion = await self._endpoint.complete(request_body(self._prompt, messages, max_tokens), tally)
        tally.images += len(told.images)
        tally.pixels += sum(image.pixels for image in told.images)
        return completion

    def _room(self, messages: Messages, told: Told, completion: Completion | None = None) -> int:
        """The tokens left beside these messages: counted by the server where this answer says so, else estimated."""
        counted = completion.usage.prompt_tokens if completion and completion.usage else None
        return self._model.context_tokens - (counted or self._estimate(messages, told))

    def _estimate(self, messages: Messages, told: Told) -> int:
        return estimated_tokens(messages, image_tokens=image_tokens(told.images, self._model))

    def _too_long(self, messages: Messages, told: Told, about: str) -> ReadingFailed:
        return ReadingFailed(
            f"{about}: about {self._estimate(messages, told)} tokens are too many for the {self._model.context_tokens} tokens of "
            "context, so it was not sent. Use a smaller unit (section or chunk), or raise context_tokens if the model can hold more."
        )


def _goes_round(text: str) -> bool:
    """Whether a model repeated itself until it was stopped: white space, or one thing over and over."""
    data = text.encode("utf-8", "replace")
    return len(text.split()) < 3 or len(zlib.compress(data)) < _CIRCLES * len(data)
