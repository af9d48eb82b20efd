"""A second model that judges what the first one read (`extract.evidence.second_opinion`), on any OpenAI-compatible endpoint."""

from __future__ import annotations

import json
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

from jsonschema import Draft202012Validator

from errors import ModelUnreachable, ReadingFailed
from extract.checking import Opinion
from extract.energy import with_joules
from extract.evidence.second_opinion import second_opinion
from extract.models.answers import Tally, record_of
from extract.models.calls import Endpoint, open_endpoint
from extract.models.loop_thread import LoopThread
from extract.models.requests import DEFAULT_MAX_TOKENS, request_body
from extract.usage import added
from records import Prompt, Reading, Unit, content_id
from settings import ModelSettings

_AT_ONCE = 16  #: readings that are judged side by side; each asks chunk by chunk


class ModelOpinion:
    """A model of the portfolio as the second one."""

    def __init__(self, alias: str, model: ModelSettings) -> None:
        model.api_key()
        self.alias = alias
        self.model = model
        self.key = content_id("opinion", model.model, model.revision)

    @contextmanager
    def open(self, prompt: Prompt) -> Iterator[Opinion]:
        """The model, ready to be asked; its requests are cancelled when the block is left."""
        thread, workers = LoopThread(), ThreadPoolExecutor(_AT_ONCE, thread_name_prefix="reread-opinion")
        try:
            endpoint = thread.run(thread.stack.enter_async_context(open_endpoint(self.alias, self.model))).result()
            yield _Asking(self, prompt, endpoint, thread, workers)
        finally:
            workers.shutdown(wait=False, cancel_futures=True)
            thread.close()


class _Asking:
    def __init__(
        self, judge: ModelOpinion, prompt: Prompt, endpoint: Endpoint, thread: LoopThread, workers: ThreadPoolExecutor
    ) -> None:
        self._judge, self._prompt, self._endpoint, self._thread, self._workers = judge, prompt, endpoint, thread, workers

    def submit(self, reading: Reading, unit: Unit) -> Future[Reading]:
        return self._workers.submit(self._judged, reading, unit)

    def _judged(self, reading: Reading, unit: Unit) -> Reading:
        tally = Tally()

        def ask(messages: list[dict[str, str]], schema: dict[str, Any]) -> dict[str, Any]:
            request = request_body(self._prompt, list(messages), DEFAULT_MAX_TOKENS, schema)
            completion = self._thread.run(self._endpoint.complete(request, tally)).result()
            return record_of(
                completion, Draft202012Validator(schema), about=f"Second model {self._judge.alias!r}, unit {unit.id[:12]}"
            )

        try:
            evidence = second_opinion(
                reading.record or {}, reading.evidence, prompt=self._prompt, unit=unit, alias=self._judge.alias, ask=ask
            )
        except (ReadingFailed, ModelUnreachable) as error:
            raw = json.dumps(reading.record, ensure_ascii=False)
            return replace(reading, record=None, evidence=(), error_code=error.code, error=str(error), raw=raw)
        usage = with_joules(tally.usage, self._judge.model)
        return replace(reading, evidence=evidence, usage=added([reading.usage, usage]) if tally.completions else reading.usage)
