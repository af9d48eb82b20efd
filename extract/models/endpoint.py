"""Read units with a text model on any OpenAI-compatible endpoint (vLLM, llama.cpp, a hosted one).

One unit is one request; at most `model.concurrency` are in flight, and readings come in the order of the units. The requests
run in a thread of their own, so that they go on while the caller writes what it was given; they run ahead of the caller
by a window, not without end. Closing the generator cancels what is in flight, so that the server stops working on it.

A unit is asked at most three times: once, once more with twice the tokens where the answer was cut off, and once more with
the error where it broke the schema. Tries while the server is away are another matter: see `extract.models.calls`.
"""

from __future__ import annotations

import asyncio
import threading
from collections import deque
from collections.abc import Callable, Coroutine, Generator, Iterator, Sequence
from concurrent.futures import Future
from contextlib import AsyncExitStack, closing
from typing import Any

from jsonschema import Draft202012Validator

from errors import AnswerInvalid, ModelUnreachable, NotFound, ReadingFailed
from extract.evidence import grounding
from extract.models.answers import RAW_LIMIT, Completion, Tally, record_of
from extract.models.calls import Endpoint, open_endpoint
from extract.prompts.messages import render
from extract.prompts.requests import DEFAULT_MAX_TOKENS, Messages, estimate_tokens, messages_of, request_body
from records import Evidence, Lane, Prompt, Reading, Unit, content_id
from settings import ModelSettings

#: Says one unit to a model: the system and the user message.
Render = Callable[[Prompt, Unit], tuple[str, str]]
#: The evidence for a record: record, schema, unit.
Ground = Callable[[dict[str, Any], dict[str, Any], Unit], tuple[Evidence, ...]]

_LEAST_ANSWER = 64  #: tokens; with less room than this nothing useful can be answered
_AHEAD = 4  #: units begun but not yet handed over, per request in flight
_AWAY_AT_FIRST = 3  #: units in a row that find no server before any was answered: then there is none

_AGAIN = """\
This answer was not accepted. {error}
Answer again with one JSON object that fits the schema, and nothing else."""


def render_alone(prompt: Prompt, unit: Unit) -> tuple[str, str]:
    """The two messages for a unit of a document that nothing is known of."""
    return render(prompt, unit, None)


def open_endpoint_reader(
    alias: str, model: ModelSettings, *, render: Render = render_alone, ground_record: Ground = grounding.ground_record
) -> EndpointReader:
    """The reader for this model of the portfolio. Raises SettingsInvalid where its key is named and missing; asks the
    server nothing."""
    model.api_key()
    return EndpointReader(alias, model, render, ground_record)


def check_endpoint(alias: str, model: ModelSettings) -> str:
    """One line on what answers there. Raises ModelUnreachable, SettingsInvalid or NotFound where nothing does that could read."""

    async def ask() -> list[str]:
        async with open_endpoint(alias, model) as endpoint:
            return await endpoint.served()

    names = asyncio.run(ask())
    if model.model not in names:
        raise NotFound(
            f"{model.base_url} serves {', '.join(names) or 'nothing'}, not {model.model!r}. Check model of [models.{alias}]."
        )
    return f"{model.model} at {model.base_url}"


class EndpointReader:
    """A model on an endpoint, as a Reader. Where it stands is not part of what it is: `key` leaves base_url out."""

    lane = Lane.TEXT

    def __init__(self, alias: str, model: ModelSettings, render: Render, ground_record: Ground) -> None:
        self.alias = alias
        self.model = model
        self.key = content_id("openai", model.model, model.revision)
        self._render = render
        self._ground_record = ground_record

    def read(self, prompt: Prompt, units: Sequence[Unit]) -> Iterator[Reading]:
        """One Reading per unit, in order.

        Raises ModelUnreachable where unit after unit finds no server, SettingsInvalid for a wrong key, NotFound for an
        unknown model or address.
        """
        limit = min(_AWAY_AT_FIRST, len(units))
        away: list[Reading] = []  # readings of units in a row that found no server, held back until one did
        n_given = 0
        with closing(self._read_all(prompt, units)) as readings:
            for reading in readings:
                if reading.error_code == ModelUnreachable.code:
                    away.append(reading)
                    if len(away) >= limit:
                        raise self._away(away[-1], n_given, len(units))
                    continue
                yield from away
                yield reading
                n_given += len(away) + 1
                away.clear()
                limit = max(_AWAY_AT_FIRST, 2 * self.model.concurrency)
        yield from away

    def _away(self, last: Reading, n_given: int, n_units: int) -> ModelUnreachable:
        return ModelUnreachable(
            f"{last.error} Reading stopped: {n_given} of {n_units} units were read and {n_units - n_given} are left. "
            "Nothing is lost: run the same command when the server is back, and it goes on from here."
        )

    def _read_all(self, prompt: Prompt, units: Sequence[Unit]) -> Generator[Reading, None, None]:
        """Readings in order, while those of the next units are already being made."""
        if not units:
            return
        schema = Draft202012Validator(prompt.schema)
        loop = _LoopThread()
        try:
            endpoint = loop.run(loop.stack.enter_async_context(open_endpoint(self.alias, self.model))).result()
            begun: deque[Future[Reading]] = deque()
            for unit in units:
                begun.append(loop.run(self._read_unit(endpoint, prompt, unit, schema)))
                if len(begun) >= _AHEAD * self.model.concurrency:
                    yield begun.popleft().result()
            while begun:
                yield begun.popleft().result()
        finally:
            loop.close()

    async def _read_unit(self, endpoint: Endpoint, prompt: Prompt, unit: Unit, schema: Draft202012Validator) -> Reading:
        tally = Tally()
        try:
            record = await self._ask(endpoint, prompt, unit, schema, tally)
        except (ReadingFailed, ModelUnreachable) as error:
            return Reading(record=None, usage=tally.usage, error_code=error.code, error=str(error), raw=tally.raw)
        return Reading(record=record, evidence=self._ground_record(record, prompt.schema, unit), usage=tally.usage)

    async def _ask(
        self, endpoint: Endpoint, prompt: Prompt, unit: Unit, schema: Draft202012Validator, tally: Tally
    ) -> dict[str, Any]:
        about = f"Model {self.alias!r}, unit {unit.id[:12]}"
        system, user = self._render(prompt, unit)
        messages = messages_of(system, user)
        if self._room(messages) < _LEAST_ANSWER:
            raise self._too_long(messages, about)
        limit = min(prompt.options.get("max_tokens", DEFAULT_MAX_TOKENS), self._room(messages))
        completion = await endpoint.complete(request_body(prompt, messages, limit), tally)
        if completion.finish_reason == "length":
            more = min(2 * limit, self._room(messages, completion))
            if more > limit:
                limit = more
                completion = await endpoint.complete(request_body(prompt, messages, limit), tally)
        try:
            return record_of(completion, schema, about=about)
        except AnswerInvalid as error:
            messages = _with_error(messages, completion, error)
            limit = min(limit, self._room(messages))
            if limit < 1:
                raise
            completion = await endpoint.complete(request_body(prompt, messages, limit), tally)
            return record_of(completion, schema, about=f"{about}, asked twice")

    def _room(self, messages: Messages, completion: Completion | None = None) -> int:
        """The tokens left beside these messages: counted by the server where this answer says so, else estimated."""
        counted = completion.usage.prompt_tokens if completion and completion.usage else None
        return self.model.context_tokens - (counted or _estimate(messages))

    def _too_long(self, messages: Messages, about: str) -> ReadingFailed:
        return ReadingFailed(
            f"{about}: about {_estimate(messages)} tokens are too many for the {self.model.context_tokens} tokens of context, "
            "so it was not sent. Use a smaller unit (section or chunk), or raise context_tokens if the model can hold more."
        )


def _estimate(messages: Messages) -> int:
    return estimate_tokens([str(message["content"]) for message in messages])


def _with_error(messages: Messages, completion: Completion, error: AnswerInvalid) -> Messages:
    """The conversation with the rejected answer and why; what was said before stays first, for the prefix cache."""
    rejected = {"role": "assistant", "content": completion.text[:RAW_LIMIT]}
    return [*messages, rejected, {"role": "user", "content": _AGAIN.format(error=error)}]


class _LoopThread:
    """An event loop in a thread of its own, and what is to be closed in it."""

    def __init__(self) -> None:
        self.stack = AsyncExitStack()
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="reread-endpoint", daemon=True)
        self._thread.start()

    def run(self, work: Coroutine[Any, Any, Any]) -> Future[Any]:
        return asyncio.run_coroutine_threadsafe(work, self._loop)

    def close(self) -> None:
        """Cancel what still runs, close what was opened, end the thread."""
        self.run(self._wind_up()).result()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    async def _wind_up(self) -> None:
        running = asyncio.all_tasks() - {asyncio.current_task()}
        for task in running:
            task.cancel()
        await asyncio.gather(*running, return_exceptions=True)
        await self.stack.aclose()
