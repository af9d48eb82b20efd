"""Read units with a model on any OpenAI-compatible endpoint (vLLM, llama.cpp, a hosted one): the text lane and the vision lane.

One unit is one request; they run in a thread of their own, as many at once as the servers take (`extract.models.pace`).
Closing a session cancels what is in flight, so that the server stops working on it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

from errors import ModelUnreachable, NotFound, ReadingFailed
from extract.energy import with_joules
from extract.evidence import grounding
from extract.evidence.regions import ground_seen
from extract.metering import open_meter
from extract.models.answers import Tally
from extract.models.asking import Asker, Told
from extract.models.calls import Endpoint, open_endpoint
from extract.models.loop_thread import LoopThread
from extract.models.seeing import Eyes, images_of, pictures_of, reads_all, seen_unit, told_pictures
from extract.prompts.messages import render
from records import Document, Evidence, Lane, Prompt, Reading, Session, Unit, Usage, content_id
from settings import ModelSettings

#: Requests that are made while all that servers take at once are in flight, so that the next is at hand.
_PREPARED = 8
#: The evidence for a record: record, schema, unit.
Ground = Callable[[dict[str, Any], dict[str, Any], Unit], tuple[Evidence, ...]]
#: The document of this id; None where nothing is known of it.
DocumentOf = Callable[[str], Document | None]


def open_model_reader(
    alias: str,
    model: ModelSettings,
    *,
    document: DocumentOf = lambda doc_id: None,
    eyes: Eyes | None = None,
    ground_record: Ground = grounding.ground_record,
) -> ModelReader:
    """The reader for this model of the portfolio. Raises SettingsInvalid where its key is named and missing; asks the
    server nothing. A model of the vision lane needs `eyes`."""
    model.api_key()
    return ModelReader(alias, model, document, eyes, ground_record)


def check_endpoint(alias: str, model: ModelSettings) -> str:
    """One line on what answers there. Raises ModelUnreachable, SettingsInvalid or NotFound where nothing does that could read."""

    async def ask() -> list[str]:
        async with open_endpoint(alias, model) as endpoint:
            return await endpoint.served()

    names, where = asyncio.run(ask()), ", ".join(model.base_urls)
    if model.model not in names:
        raise NotFound(f"{where} serves {', '.join(names) or 'nothing'}, not {model.model!r}. Check model of [models.{alias}].")
    return f"{model.model} at {where}"


class ModelReader:
    """A model on endpoints, as a Reader. Where it stands is not part of what it is: `key` leaves base_url out."""

    def __init__(
        self, alias: str, model: ModelSettings, document: DocumentOf, eyes: Eyes | None, ground_record: Ground
    ) -> None:
        self.alias = alias
        self.model = model
        self.lane = Lane(model.lane)
        seen = [model.lane, model.max_images, model.max_pixels] if self.lane is Lane.VISION else []
        self.key = content_id("openai", model.model, model.revision, *seen)
        self._document = document
        self._eyes = eyes
        self._ground_record = ground_record

    @contextmanager
    def open(self, prompt: Prompt) -> Iterator[Session]:
        """A session for this prompt; its requests are cancelled when the block is left."""
        thread = LoopThread()
        try:
            endpoint = thread.run(thread.stack.enter_async_context(open_endpoint(self.alias, self.model))).result()
            yield _ModelSession(self, prompt, endpoint, thread)
        finally:
            thread.close()

    def tell(self, prompt: Prompt, unit: Unit) -> Told:
        """What this model is told of the unit. Raises PromptInvalid, or ReadingFailed where there is nothing to see."""
        document = self._document(unit.doc_id)
        if self.lane is not Lane.VISION or self._eyes is None:
            system, user = render(prompt, unit, document)
            return Told(system=system, user=user)
        images = images_of(unit, prompt, self.model, self._eyes)
        shown = unit if prompt.sees == "pages" else seen_unit(unit)
        pictures = told_pictures(unit, prompt, self.model.max_images)
        system, user = render(reads_all(prompt), shown, document, pictures=pictures)
        return Told(system=system, user=user, images=images)

    def evidence(self, record: dict[str, Any], prompt: Prompt, unit: Unit) -> tuple[Evidence, ...]:
        if self.lane is not Lane.VISION:
            return self._ground_record(record, prompt.schema, unit)
        return ground_seen(record, prompt.schema, unit) if unit.figures else self._ground_record(record, prompt.schema, unit)


class _ModelSession:
    """Units in, readings out, each when it is there."""

    def __init__(self, reader: ModelReader, prompt: Prompt, endpoint: Endpoint, thread: LoopThread) -> None:
        self._reader = reader
        self._prompt = prompt
        self._thread = thread
        self._asker = Asker(endpoint, prompt, lambda unit: reader.tell(prompt, unit))
        self._seen: dict[tuple[str, ...], Future[Reading]] = {}
        self._endpoint = endpoint
        self._at_once = asyncio.Semaphore(len(reader.model.base_urls) * reader.model.concurrency + _PREPARED)
        self._meter = open_meter(reader.model)

    def submit(self, unit: Unit) -> Future[Reading]:
        """The reading of this unit, as it will be. Pictures that were sent before are not sent again."""
        if self._reader.lane is not Lane.VISION or self._prompt.sees == "pages":
            return self._thread.run(self._read(unit))
        pictures = tuple(figure.crop.png for figure in pictures_of(unit, self._reader.model.max_images))
        if pictures and pictures in self._seen:
            return self._again(unit, self._seen[pictures])
        reading = self._thread.run(self._read(unit))
        self._seen[pictures] = reading
        return reading

    def flush(self) -> None:
        """Nothing waits here for more."""

    async def _read(self, unit: Unit) -> Reading:
        tally, alias = Tally(), self._reader.alias
        if self._meter:
            self._meter.begin()
        try:
            async with self._at_once:  # a request with pictures is large: those that wait for their turn are not made yet
                record = await self._asker.record(unit, tally)
        except (ReadingFailed, ModelUnreachable) as error:
            usage = self._paid(tally)
            return Reading(record=None, usage=usage, error_code=error.code, error=str(error), raw=tally.raw, model=alias)
        evidence = self._reader.evidence(record, self._prompt, unit)
        return Reading(record=record, evidence=evidence, usage=self._paid(tally), model=alias)

    def _paid(self, tally: Tally) -> Usage:
        """What the tries cost together: joules as the GPUs' counter has them, else by the model's coefficients."""
        usage = self._meter.end(tally.usage, self._endpoint.in_flight) if self._meter else tally.usage
        return with_joules(usage, self._reader.model)

    def _again(self, unit: Unit, first: Future[Reading]) -> Future[Reading]:
        """The first reading of these pictures, its evidence sought in this unit; it costs nothing more."""

        async def wait() -> Reading:
            reading = await asyncio.wrap_future(first)
            found = self._reader.evidence(reading.record, self._prompt, unit) if reading.record is not None else ()
            return replace(reading, evidence=found, usage=Usage())

        return self._thread.run(wait())
