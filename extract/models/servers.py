"""The servers behind one model: which of them is asked next, and which is left alone for a while.

Several servers with the same weights are used side by side, each as much as its own pace allows. One that fails three times in a
row is left alone and asked for a single token now and then, until it gives one: a server's /health can say that all is well
while its engine is dead (vLLM issue 39863), so only an answer counts. Where no other is left, a failing server is still asked:
then each try is a probe.
"""

from __future__ import annotations

import asyncio
import logging
import re
from collections.abc import AsyncIterator, Coroutine, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from typing import TYPE_CHECKING, Any

from extract.models.pace import Pace
from settings import ModelSettings

if TYPE_CHECKING:
    from openai import AsyncOpenAI

_LOG = logging.getLogger(__name__)

_CONNECT_S = 5.0
FAILURES_IN_A_ROW = 3  #: after which a server is left alone
FIRST_REST_S, LAST_REST_S = 5.0, 60.0  #: for which it is, doubling with each probe that fails
PROBE_S = 10.0  #: for one token
METRICS_EVERY_S = 1.0
_WAITING = re.compile(r"^vllm:num_requests_waiting(?:\{[^}]*\})? ([\d.e+]+)$", re.MULTILINE)


class Server:
    """One address of a model: its client, its pace, and whether it answers."""

    def __init__(self, url: str, model: ModelSettings, client: AsyncOpenAI) -> None:
        self.url = url
        self.client = client
        self.pace = Pace(model.concurrency)
        self.is_resting = False
        self._model = model
        self._n_failures = 0
        self._tasks: set[asyncio.Task[None]] = set()

    def answered(self) -> None:
        self._n_failures = 0
        self.is_resting = False
        self.pace.answered()

    def failed(self, reason: str) -> None:
        """It gave no answer. After three in a row it rests, and is probed."""
        self._n_failures += 1
        if self._n_failures >= FAILURES_IN_A_ROW and not self.is_resting:
            _LOG.warning("%s is left alone for a while: %s", self.url, reason)
            self.is_resting = True
            self._start(self._probe())

    def watch(self) -> None:
        """Begin to look at how many requests wait in its queue, where it says so."""
        self._start(self._watch())

    async def close(self) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self.client.close()

    def _start(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _probe(self) -> None:
        import openai

        rest_s = FIRST_REST_S
        while self.is_resting:
            await asyncio.sleep(rest_s)
            rest_s = min(2 * rest_s, LAST_REST_S)
            with suppress(openai.OpenAIError, TimeoutError):
                async with asyncio.timeout(PROBE_S):
                    await self.client.chat.completions.create(
                        model=self._model.model, messages=[{"role": "user", "content": "1"}], max_tokens=1
                    )
                self.is_resting, self._n_failures = False, 0

    async def _watch(self) -> None:
        """Ends with the first answer that does not tell it: then the server is none of vLLM's, or hides its metrics."""
        import httpx2

        async with httpx2.AsyncClient(timeout=PROBE_S) as client:
            with suppress(httpx2.HTTPError):
                while True:
                    await asyncio.sleep(METRICS_EVERY_S)
                    found = _WAITING.findall((await client.get(f"{self.url.rstrip('/').removesuffix('/v1')}/metrics")).text)
                    if not found:
                        return
                    self.pace.queued(int(sum(map(float, found))))


class Servers:
    """All servers of one model."""

    def __init__(self, servers: Sequence[Server]) -> None:
        self._servers = servers

    def choose(self, avoid: Server | None = None) -> Server:
        """The server to ask next: one that answers before one that rests, another before the one to avoid, then the one with most
        room."""
        return min(
            self._servers,
            key=lambda one: (one.is_resting, one is avoid, one.pace.is_full, one.pace.in_flight / max(one.pace.limit, 1)),
        )

    def has_another(self, server: Server) -> bool:
        """Whether a server other than this one answers."""
        return any(not one.is_resting for one in self._servers if one is not server)

    @property
    def urls(self) -> str:
        return ", ".join(server.url for server in self._servers)


@asynccontextmanager
async def open_servers(model: ModelSettings) -> AsyncIterator[Servers]:
    """The servers of this model, watched until the block is left; raises SettingsInvalid where its key is named and missing."""
    import httpx2
    from openai import AsyncOpenAI

    timeout = httpx2.Timeout(model.timeout_s, connect=min(_CONNECT_S, model.timeout_s))
    key = model.api_key().get_secret_value()
    async with AsyncExitStack() as stack:
        servers = []
        for url in model.base_urls:
            server = Server(url, model, AsyncOpenAI(base_url=url, api_key=key, max_retries=0, timeout=timeout))
            stack.push_async_callback(server.close)
            server.watch()
            servers.append(server)
        yield Servers(servers)
