"""One call to a model, tried again while its servers are busy or away.

This is the only place that tries again: the openai client is told not to (`max_retries=0`), and whoever calls this must not,
or three layers of three tries make 27 requests. It is also the home of the client's errors: past this file there are only
ours. An answer that came but is no good is not tried again here; that is for `extract.models.asking` to judge.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, Any

from pydantic import ValidationError

from errors import AnswerRefused, ModelUnreachable, NotFound, RereadError, SettingsInvalid
from extract.models.answers import Completion, Tally
from extract.models.servers import Server, Servers, open_servers
from settings import CONFIG_FILE, ModelSettings

if TYPE_CHECKING:
    from openai import APIStatusError
    from stamina.instrumentation import RetryDetails

_LOG = logging.getLogger(__name__)

#: A server that asks for a longer pause than this is away: the unit fails and the run goes on or stops.
LONGEST_PAUSE_S = 300.0
_FIRST_PAUSE_S, _LAST_PAUSE_S = 0.5, 20.0  #: doubling, where the server does not say
_BUSY = frozenset({408, 409, 425, 429})  #: with every 5xx: the same request may be answered later
_FULL = frozenset({429, 503})  #: of these, what a server says that has too much to do
_SAID = 300  #: characters of a server's message that are repeated


class _Away(Exception):
    """This try got no answer, but a later one may."""

    def __init__(self, reason: str, pause_s: float | None = None) -> None:
        super().__init__(reason)
        self.pause_s = pause_s  #: before the next try; None = as long as is usual
        self.is_full = False  #: the server is there and has too much to do


class Endpoint:
    """An open connection to one model, on all its servers. Made by `open_endpoint`."""

    def __init__(self, alias: str, model: ModelSettings, servers: Servers) -> None:
        self.alias = alias
        self.model = model
        self._servers = servers

    async def complete(self, request: dict[str, Any], tally: Tally) -> Completion:
        """The answer to this chat completion request; what it cost is added to the tally.

        Raises ModelUnreachable after model.attempts tries, AnswerRefused where the server rejects this request,
        SettingsInvalid for a wrong key and NotFound for an unknown model or address.
        """
        import stamina

        pauses: dict[str, Any] = {"wait_initial": _FIRST_PAUSE_S, "wait_max": _LAST_PAUSE_S, "timeout": None}
        server: Server | None = None
        try:
            async for attempt in stamina.retry_context(on=_worth_a_pause, attempts=self.model.attempts, **pauses):
                with attempt:
                    async with self._servers.slot(avoid=server) as server:
                        tally.completions.append(await self._try(server, request, tally))
        except _Away as error:
            raise ModelUnreachable(
                f"Model {self.alias!r} at {self._servers.urls} gave no answer in {self.model.attempts} tries: {error}. "
                "Check that the server is up."
            ) from error
        return tally.completions[-1]

    @property
    def in_flight(self) -> int:
        """The requests that are at the servers now."""
        return self._servers.in_flight

    def hold(self, in_flight: int) -> None:
        """Keep so many requests in flight at each server, instead of finding out how many it takes: for whoever measures."""
        self._servers.hold(in_flight)

    async def served(self) -> list[str]:
        """The names of the models that the first server says it serves. Raises what `complete` raises, after one try."""
        server = self._servers.first()
        try:
            async with self._answered(server):
                return [model.id async for model in server.client.models.list()]
        except _Away as error:
            raise ModelUnreachable(f"Model {self.alias!r} at {server.url} gave no answer: {error}.") from error

    async def _try(self, server: Server, request: dict[str, Any], tally: Tally) -> Completion:
        started = time.perf_counter()
        try:
            async with self._answered(server):
                response = await server.client.chat.completions.with_raw_response.create(model=self.model.model, **request)
            completion = Completion.model_validate_json(response.text)
        except ValidationError as error:
            away = _Away(f"what came is not a chat completion: {response.text[:80]!r}")
            self._note(server, away)
            raise away from error
        except _Away as error:
            self._note(server, error)
            raise
        finally:
            tally.seconds += time.perf_counter() - started
        server.answered()
        return completion

    def _note(self, server: Server, error: _Away) -> None:
        """Let the server's state know, and try another at once where there is one."""
        if error.is_full and (error.pause_s or 0) <= LONGEST_PAUSE_S:
            server.pace.pushed_back(error.pause_s or 0.0)
        elif not error.is_full:
            server.failed(str(error))
        if self._servers.has_another(server):
            error.pause_s = 0.0

    @asynccontextmanager
    async def _answered(self, server: Server) -> AsyncIterator[None]:
        """One request, within the time that the model has; the client's errors become ours."""
        import openai

        try:
            async with asyncio.timeout(self.model.timeout_s):  # the client's own limit starts anew with every byte
                yield
        except (TimeoutError, openai.APITimeoutError) as error:
            raise _Away(f"no answer within {self.model.timeout_s:g} s") from error
        except openai.APIConnectionError as error:
            raise _Away(f"{error} ({error.__cause__!r})"[:_SAID]) from error
        except openai.APIStatusError as error:
            raise self._translated(error, server.url) from error

    def _translated(self, error: APIStatusError, url: str) -> RereadError | _Away:
        where = f"Model {self.model.model!r} at {url}"
        words = error.message.removeprefix(f"Error code: {error.status_code}").lstrip(" -")
        said = f"HTTP {error.status_code}: {(words or str(error.body or 'no reason given'))[:_SAID]}"
        section = f"[models.{self.alias}] in {CONFIG_FILE}"
        if error.status_code in (401, 403):
            variable = self.model.api_key_env or "none named: set api_key_env"
            return SettingsInvalid(
                f"{where} does not accept the key ({said}). Reading stopped; what was read is kept. Check the variable that "
                f"holds the key ({variable}) and {section}, then run the same command again."
            )
        if error.status_code == 404:
            return NotFound(
                f"{where} was not found ({said}). Reading stopped; what was read is kept. Check model and base_url of "
                f"{section}; base_url usually ends in /v1."
            )
        if error.status_code in _BUSY or error.status_code >= 500:
            away = _Away(said, pause_asked_for(error.response.headers.get("retry-after")))
            away.is_full = error.status_code in _FULL
            return away
        return AnswerRefused(f"{where} rejected the request ({said}). The unit is kept as failed; other units go on.")


@asynccontextmanager
async def open_endpoint(alias: str, model: ModelSettings) -> AsyncIterator[Endpoint]:
    """The endpoint of this model; raises SettingsInvalid where its key is named and missing."""
    import stamina.instrumentation

    stamina.instrumentation.set_on_retry_hooks([_log_pause])  # its own prints to standard output where structlog is installed
    async with open_servers(model) as servers:
        yield Endpoint(alias, model, servers)


def _log_pause(details: RetryDetails) -> None:
    _LOG.info("try %d failed, the next in %.1f s: %s", details.retry_num, details.wait_for, details.caused_by)


def _worth_a_pause(error: Exception) -> bool | float:
    """Whether to try again after this error; as a number, after how many seconds."""
    if not isinstance(error, _Away):
        return False
    if error.pause_s is None:
        return True
    return error.pause_s if error.pause_s <= LONGEST_PAUSE_S else False


def pause_asked_for(header: str | None) -> float | None:
    """The seconds that a Retry-After header asks for (a number or a date); None where it asks for nothing readable."""
    if header is None:
        return None
    try:
        return max(0.0, float(header))
    except ValueError:
        pass
    try:
        until = parsedate_to_datetime(header)
    except ValueError:
        return None
    return max(0.0, (until.astimezone(UTC) - datetime.now(UTC)).total_seconds())
