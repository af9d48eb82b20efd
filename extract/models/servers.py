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
from collections import deque
from collections.abc import AsyncIterator, Callable, Coroutine
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

    def __init__(self, url: str, model: ModelSettings, client: AsyncOpenAI, on_room: Callable[[], None]) -> None:
        self.url = url
        self.client = client
        self.pace = Pace(model.concurrency, on_room=on_room)
        self.is_resting = False
        self._model = model
        self._on_room = on_room
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
                self._on_room()

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
    """All servers of one model, and the requests that wait for room at one of them."""

    def __init__(self) -> None:
        self._servers: list[Server] = []
        self._waiting: deque[asyncio.Future[None]] = deque()

    def add(self, url: str, model: ModelSettings, client: AsyncOpenAI) -> Server:
        self._servers.append(Server(url, model, client, self._wake))
        return self._servers[-1]

    @asynccontextmanager
    async def slot(self, avoid: Server | None = None) -> AsyncIterator[Server]:
        """The server to ask next, with room for one request; waits until there is one."""
        while True:
            server = self._choose(avoid)
            if not server.pace.is_full:
                break
            for one in self._servers:
                one.pace.is_wanted = True
            await self._wait()
        with server.pace.request():
            yield server

    def first(self) -> Server:
        return self._servers[0]

    def _choose(self, avoid: Server | None) -> Server:
        """One that answers before one that rests; of these one with room, another than the one to avoid, the least busy."""
        at_work = [one for one in self._servers if not one.is_resting] or self._servers
        return min(at_work, key=lambda one: (one.pace.is_full, one is avoid, one.pace.in_flight / one.pace.limit))

    async def _wait(self) -> None:
        waiter = asyncio.get_running_loop().create_future()
        self._waiting.append(waiter)
        try:
            await waiter
        except asyncio.CancelledError:
            if waiter in self._waiting:
                self._waiting.remove(waiter)
            else:
                self._wake()  # what woke it is for another
            raise

    def _wake(self) -> None:
        """Let those look again that wait, as many as there may be room for."""
        room = sum(max(one.pace.limit - one.pace.in_flight, 0) for one in self._servers)
        for _ in range(min(room, len(self._waiting))):
            waiter = self._waiting.popleft()
            if not waiter.done():
                waiter.set_result(None)

    def has_another(self, server: Server) -> bool:
        """Whether a server other than this one answers."""
        return any(not one.is_resting for one in self._servers if one is not server)

    @property
    def in_flight(self) -> int:
        return sum(server.pace.in_flight for server in self._servers)

    def hold(self, in_flight: int) -> None:
        """Send each of them so many requests at once and no other number: for whoever measures."""
        for server in self._servers:
            server.pace.hold(in_flight)

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
    servers = Servers()
    async with AsyncExitStack() as stack:
        for url in model.base_urls:
            client = AsyncOpenAI(base_url=url, api_key=key, max_retries=0, timeout=timeout)
            server = servers.add(url, model, client)
            stack.push_async_callback(server.close)
            server.watch()
        yield servers
