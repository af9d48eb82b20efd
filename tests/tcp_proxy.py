"""A network that goes bad on demand: a TCP proxy between a client and one port of this machine.

latency_s     every piece of data waits so long, in both directions
black_hole    connections are taken, and nothing passes until it ends; then what was held back does
cut()         every connection is reset
go_deaf()     half-open: what is connected now hears nothing ever again and is never closed; new connections work
"""

from __future__ import annotations

import asyncio
import socket
import struct
import threading
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field

#: SO_LINGER with no time: closing sends a reset.
RESET = struct.pack("ii", 1, 0)


@dataclass(eq=False)
class _Link:
    """One client with its way to the server."""

    client: asyncio.StreamWriter
    server: asyncio.StreamWriter
    is_deaf: bool = False
    tasks: list[asyncio.Task[None]] = field(default_factory=list)


class Proxy:
    """Listens on a port of its own in a thread of its own. A context manager."""

    def __init__(self, target_port: int) -> None:
        self._target = target_port
        self.latency_s = 0.0
        self.port = 0
        self._links: set[_Link] = set()
        self._is_listening = threading.Event()
        self._thread = threading.Thread(target=lambda: asyncio.run(self._run()), name="proxy", daemon=True)

    def __enter__(self) -> Proxy:
        self._thread.start()
        assert self._is_listening.wait(10)
        return self

    def __exit__(self, *_: object) -> None:
        self._in_loop(self._end.set)
        self._thread.join(10)

    @property
    def connections(self) -> int:
        return sum(not link.is_deaf for link in self._links)

    def black_hole(self, is_on: bool) -> None:
        self._in_loop(self._passes.clear if is_on else self._passes.set)

    def cut(self) -> None:
        self._in_loop(lambda: [_reset(link) for link in list(self._links)])

    def go_deaf(self) -> None:
        def deafen() -> None:
            for link in self._links:
                link.is_deaf = True
                link.server.close()

        self._in_loop(deafen)

    def _in_loop(self, act: Callable[[], object]) -> None:
        self._loop.call_soon_threadsafe(act)

    async def _run(self) -> None:
        self._loop, self._end, self._passes = asyncio.get_running_loop(), asyncio.Event(), asyncio.Event()
        self._passes.set()
        server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.port = server.sockets[0].getsockname()[1]
        self._is_listening.set()
        await self._end.wait()
        server.close()
        for link in list(self._links):
            _reset(link)
        await asyncio.sleep(0.1)

    async def _serve(self, from_client: asyncio.StreamReader, to_client: asyncio.StreamWriter) -> None:
        await self._passes.wait()
        try:
            from_server, to_server = await asyncio.open_connection("127.0.0.1", self._target)
        except OSError:
            to_client.close()
            return
        link = _Link(to_client, to_server)
        self._links.add(link)
        link.tasks = [
            asyncio.create_task(self._pass(from_client, to_server, link)),
            asyncio.create_task(self._pass(from_server, to_client, link)),
        ]
        try:
            await asyncio.wait(link.tasks, return_when=asyncio.FIRST_COMPLETED)
            if link.is_deaf:  # it is for the client to find out
                await asyncio.wait(link.tasks[:1])
        except asyncio.CancelledError:  # the proxy ends
            pass
        finally:
            _close(link)
            self._links.discard(link)

    async def _pass(self, source: asyncio.StreamReader, target: asyncio.StreamWriter, link: _Link) -> None:
        with suppress(OSError):
            while data := await source.read(1 << 16):
                if link.is_deaf:
                    continue
                await asyncio.sleep(self.latency_s)
                await self._passes.wait()
                target.write(data)
                await target.drain()


def _reset(link: _Link) -> None:
    for task in link.tasks:
        task.cancel()
    for writer in (link.client, link.server):
        with suppress(OSError):
            writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
        writer.transport.abort()


def _close(link: _Link) -> None:
    for writer in (link.client, link.server):
        writer.close()
