"""Clients over raw sockets: on two cores that both sides share, a client library would cost more than what is measured."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

#: Seconds; the API closes a connection that is quiet for longer (serving.py), with a margin.
IDLE_S = 10.0
BOUNDARY = "a-boundary-that-no-paper-holds"


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What came back, and how long it took from the first byte sent to the last one read."""

    status: int
    headers: dict[str, str]  #: names in lower case
    body: bytes
    ms: float

    def json(self) -> Any:
        return json.loads(self.body)


class Client:
    """One connection that asks again and again."""

    def __init__(self, port: int, key: str) -> None:
        self._port, self._key = port, key
        self._out: asyncio.StreamWriter | None = None
        self._used = 0.0

    async def ask(self, method: str, path: str, body: bytes = b"", kind: str = "application/json") -> Answer:
        if time.perf_counter() - self._used > IDLE_S:
            self.close()
        if self._out is None:
            self._in, self._out = await asyncio.open_connection("127.0.0.1", self._port)
        head = f"{method} {path} HTTP/1.1\r\nHost: localhost\r\nX-Api-Key: {self._key}\r\nContent-Length: {len(body)}\r\n"
        started = time.perf_counter()
        try:
            self._out.write(f"{head}Content-Type: {kind}\r\n\r\n".encode() + body)
            status, headers = _head(await self._in.readuntil(b"\r\n\r\n"))
            found = await self._in.readexactly(int(headers.get("content-length", "0")))
        except (asyncio.IncompleteReadError, ConnectionError):
            self.close()
            raise
        self._used = time.perf_counter()
        ms = 1000 * (self._used - started)
        if headers.get("connection") == "close":
            self.close()
        return Answer(status=status, headers=headers, body=found, ms=ms)

    def close(self) -> None:
        if self._out is not None:
            self._out.close()
            self._out = None


def _head(raw: bytes) -> tuple[int, dict[str, str]]:
    first, *lines = raw.decode("latin-1").rstrip().split("\r\n")
    pairs = (line.partition(":") for line in lines)
    return int(first.split()[1]), {name.strip().lower(): value.strip() for name, _, value in pairs}


def upload(files: Sequence[tuple[str, bytes]]) -> tuple[bytes, str]:
    """The body of a submission of these files, and its content type."""
    parts = [
        f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="files"; filename="{name}"\r\n'
        "Content-Type: application/pdf\r\n\r\n".encode()
        + data
        + b"\r\n"
        for name, data in files
    ]
    return b"".join(parts) + f"--{BOUNDARY}--\r\n".encode(), f"multipart/form-data; boundary={BOUNDARY}"
