"""Wait for what happens to jobs without holding a thread or asking the ledger once per client.

One task reads the ledger's new events a few times a second, while anybody waits, and wakes those whom they concern. So 1,000
open streams cost what one costs, and an idle service asks nothing.
"""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

import structlog
from anyio import to_thread

from errors import RereadError
from jobs import Ledger

log = structlog.get_logger("reread.api")

#: Between two looks at the ledger while somebody waits.
LOOK_EVERY_S = 0.2
#: While the ledger cannot be asked.
RETRY_EVERY_S = 2.0


class Watch:
    """Who waits for what. A topic is a job's id or a kind of jobs, such as 'read:<run>'."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger
        self._waiting: dict[str, set[asyncio.Event]] = defaultdict(set)
        self._somebody = asyncio.Event()

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """The task that looks, for as long as the app runs."""
        task = asyncio.create_task(self._look())
        try:
            yield
        finally:
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task

    @asynccontextmanager
    async def on(self, topic: str) -> AsyncIterator[asyncio.Event]:
        """An event that is set whenever something happens to the topic; whoever waits clears it before looking again."""
        event = asyncio.Event()
        self._waiting[topic].add(event)
        self._somebody.set()
        try:
            yield event
        finally:
            self._waiting[topic].discard(event)
            if not self._waiting[topic]:
                del self._waiting[topic]
            if not self._waiting:
                self._somebody.clear()

    async def _look(self) -> None:
        while True:
            await self._somebody.wait()
            try:
                seen = await to_thread.run_sync(self._ledger.last_event)
                self._wake(list(self._waiting))  # something may have happened since they looked, and before this did
                while self._waiting:
                    await asyncio.sleep(LOOK_EVERY_S)
                    happened = await to_thread.run_sync(self._ledger.happened_since, seen)
                    for seq, *topics in happened:
                        seen = max(seen, seq)
                        self._wake(topics)
            except RereadError as error:
                log.warning("events cannot be read now", code=error.code)
                await asyncio.sleep(RETRY_EVERY_S)

    def _wake(self, topics: list[str]) -> None:
        for topic in topics:
            for event in self._waiting.get(topic, ()):
                event.set()


async def wait(event: asyncio.Event, timeout_s: float) -> bool:
    """True where the event was set in time; it is cleared for the next look."""
    try:
        async with asyncio.timeout(timeout_s):
            await event.wait()
    except TimeoutError:
        return False
    event.clear()
    return True
