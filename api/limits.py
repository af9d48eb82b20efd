"""What stands around every request: its id, its clock, its limits, the headers of every answer, and the last net for our faults.

Bodies are bounded while they come: a promise in Content-Length is refused at once when it is too large, and what comes is counted
whatever was promised. Two things a newcomer would leave to the server: uvicorn waits for ever for the rest of a request's head,
and for the rest of a body that comes byte by byte.
"""

from __future__ import annotations

import asyncio
import json
import re
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from http import HTTPStatus
from secrets import token_hex
from traceback import format_exception
from typing import Any

import structlog
from fastapi import HTTPException, Request
from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import ClientDisconnect
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from uvicorn.protocols.http.h11_impl import H11Protocol

from api.problems import MEDIA_TYPE, OUTSIDE, http_problem

log = structlog.get_logger("reread.api")

#: Of a JSON body; a prompt or a list of 10,000 document ids fits many times.
MAX_JSON_BYTES = 2 << 20
#: Headers of one request. h11 bounds their bytes (64 KiB) before.
MAX_HEADERS = 100
#: Seconds until the head of a request must be whole, and between two parts of its body.
HEAD_S = 10.0
PAUSE_S = 10.0
#: A body may take this long, and longer only if it came at this rate: 200 MB at a mobile phone's speed take half an hour.
PATIENCE_S = 30.0
MIN_BYTES_PER_S = 32 << 10

#: Of a body that is refused, so much is read on, for so long.
DROP_BYTES = 16 << 20
DROP_S = 1.0

_REQUEST_ID = re.compile(r"[A-Za-z0-9._:-]{1,64}")
#: Of every answer. Nothing here is a page that runs anything or may stand in another one.
_HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'; sandbox",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Resource-Policy": "same-origin",
}

#: Called after each answer with method, route template, status and seconds.
Observe = Callable[[str, str, int, float], None]


class BodyRefused(HTTPException):
    """The body is not read further: it is too large or too slow. The connection is closed with the answer."""

    def __init__(self, status: int, detail: str) -> None:
        super().__init__(status, detail, {"Connection": "close"})


class Gate:
    """The outermost layer of the app."""

    def __init__(self, app: ASGIApp, *, max_upload_bytes: int, json_bytes: Mapping[str, int], observe: Observe) -> None:
        """`json_bytes` names each path that takes uploads, and how large a JSON body may be there."""
        self._app, self._observe = app, observe
        self._max_upload_bytes, self._json_bytes = max_upload_bytes, json_bytes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        started = time.perf_counter()
        headers = Headers(scope=scope)
        body = _Body(receive, limit=self._limit(scope, headers), is_expected=_has_body(headers))
        answer = _Answer(send, body, _request_id(headers.get("x-request-id", "")))
        scope["request_id"] = answer.request_id
        with structlog.contextvars.bound_contextvars(request_id=answer.request_id):
            try:
                await self._answer(scope, headers, body, answer)
            except ClientDisconnect:  # nobody hears this, but the log and the counters do
                gone = http_problem(Request(scope), 400, "The connection ended before the body did. Nothing of it was kept.")
                await gone(scope, receive, answer.send)
            except Exception as error:  # the last net: a fault of ours is answered and logged, never told
                # As text made here: a renderer of tracebacks might show local variables, keys among them.
                log.error("a fault in the API", error=type(error).__name__, traceback="".join(format_exception(error)))
                if answer.status:
                    raise  # the answer has begun: all that can be done is to break it off
                fault = http_problem(Request(scope), 500, "The service has a fault. It is in its log under this request id.")
                await fault(scope, receive, answer.send)
            seconds = time.perf_counter() - started
            self._observe(scope["method"], getattr(scope.get("route"), "path", ""), answer.status, seconds)
            log.info("request", method=scope["method"], path=scope["path"], status=answer.status, ms=round(seconds * 1000, 1))

    def _limit(self, scope: Scope, headers: Headers) -> int:
        json_bytes = self._json_bytes.get(scope["path"])
        if json_bytes is not None and headers.get("content-type", "").lower().startswith("multipart/"):
            return self._max_upload_bytes
        return json_bytes or MAX_JSON_BYTES

    async def _answer(self, scope: Scope, headers: Headers, body: _Body, answer: _Answer) -> None:
        refused = _refusal(scope, headers, body.limit)
        if refused:
            status, detail = refused
            problem = http_problem(Request(scope), status, detail, headers={"Connection": "close"})
            await problem(scope, body.receive, answer.send)
            return
        await self._app(scope, body.receive, answer.send)


def _refusal(scope: Scope, headers: Headers, limit: int) -> tuple[int, str] | None:
    """What is refused before a byte of the body is read."""
    if len(scope["headers"]) > MAX_HEADERS:
        return 431, f"More than {MAX_HEADERS} headers. Nothing was read."
    if headers.get("content-encoding", "identity") != "identity":
        return 415, "Compressed bodies are not unpacked. Nothing was read."
    length = headers.get("content-length", "0")
    if length.isdecimal() and int(length) > limit:
        return 413, f"The body has {int(length):,} bytes and may have {limit:,}. Nothing was read."
    return None


def _has_body(headers: Headers) -> bool:
    return "transfer-encoding" in headers or headers.get("content-length", "0") != "0"


class _Body:
    """A request's body, bounded in bytes and in time."""

    def __init__(self, receive: Receive, *, limit: int, is_expected: bool) -> None:
        self._receive, self.limit = receive, limit
        self._n_bytes, self._started = 0, time.monotonic()
        self.is_whole = not is_expected  #: nothing more of it will come

    async def receive(self) -> Message:
        """The next part. Raises BodyRefused for a body that is too large or comes too slowly."""
        if self.is_whole:
            return await self._receive()  # it waits for the client to go
        try:
            async with asyncio.timeout(PAUSE_S):
                message = await self._receive()
        except TimeoutError:
            raise BodyRefused(408, f"No part of the body came for {PAUSE_S:g} s. Nothing of it was kept.") from None
        self._n_bytes += len(message.get("body", b""))
        self.is_whole = not message.get("more_body", False)
        if self._n_bytes > self.limit:
            raise BodyRefused(413, f"The body has more than {self.limit:,} bytes. Nothing of it was kept.")
        if time.monotonic() - self._started > PATIENCE_S + self._n_bytes / MIN_BYTES_PER_S:
            raise BodyRefused(408, f"The body comes at less than {MIN_BYTES_PER_S:,} bytes a second. Nothing of it was kept.")
        return message

    async def drop_rest(self) -> None:
        """Read on for a moment what nobody wants. A connection that is closed with bytes unread is reset, and the client, still
        sending, would lose the answer that tells it why."""
        n_bytes = 0
        with suppress(TimeoutError):
            async with asyncio.timeout(DROP_S):
                while not self.is_whole and n_bytes < DROP_BYTES:
                    message = await self._receive()
                    n_bytes += len(message.get("body", b""))
                    self.is_whole = not message.get("more_body", False)


class _Answer:
    """An answer on its way out: what every one of them has."""

    def __init__(self, send: Send, body: _Body, request_id: str) -> None:
        self._send, self._body, self.request_id = send, body, request_id
        self.status = 0  #: once it has begun

    async def send(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.status = message["status"]
            _add_headers(message, self.request_id)
        elif message["type"] == "http.response.body" and not message.get("more_body", False) and not self._body.is_whole:
            await self._send({**message, "more_body": True})
            await self._body.drop_rest()
            message = {"type": "http.response.body", "body": b""}
        await self._send(message)


def _request_id(given: str) -> str:
    return given if _REQUEST_ID.fullmatch(given) else token_hex(8)


def _add_headers(message: Message, request_id: str) -> None:
    headers = MutableHeaders(scope=message)
    for name, value in _HEADERS.items():
        headers.setdefault(name, value)
    headers.setdefault("Cache-Control", "no-store")
    headers["X-Request-Id"] = request_id


class PatientProtocol(H11Protocol):
    """uvicorn's HTTP/1.1 with an end to its patience: a connection on which no whole request head comes in time is closed.

    Give it to uvicorn as `http=`. What is no HTTP at all is answered as a problem, too.
    """

    _deadline: asyncio.TimerHandle | None = None
    _has_spoken = False

    def connection_made(self, transport: Any) -> None:
        super().connection_made(transport)
        self._await_head()

    def data_received(self, data: bytes) -> None:
        before, self._has_spoken = self.cycle, True
        super().data_received(data)
        if self.cycle is not before:
            self._stop_waiting()
        elif self._deadline is None and (self.cycle is None or self.cycle.response_complete):
            self._await_head()

    def connection_lost(self, exc: Exception | None) -> None:
        self._stop_waiting()
        super().connection_lost(exc)

    def send_400_response(self, msg: str) -> None:
        self._end(400, "bad_request", f"{msg} Nothing was done.")

    def _await_head(self) -> None:
        self._deadline = self.loop.call_later(HEAD_S, self._give_up)

    def _stop_waiting(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None

    def _give_up(self) -> None:
        self._deadline = None
        if self._has_spoken:
            self._end(408, "too_slow", f"The head of the request was not whole after {HEAD_S:g} s.")
        else:
            self.transport.close()

    def _end(self, status: int, code: str, detail: str) -> None:
        """Answer below HTTP's state machine, which is stuck in a request that is none, and close."""
        if self.transport.is_closing():
            return
        title, hint = HTTPStatus(status).phrase, OUTSIDE[status][1]
        known = {"type": f"/errors/{code}", "title": title, "status": status, "detail": detail, "instance": "/"}
        body = json.dumps({**known, "code": code, "hint": hint, "retryable": False}).encode()
        head = f"HTTP/1.1 {status} {title}\r\nContent-Type: {MEDIA_TYPE}\r\nContent-Length: {len(body)}\r\nConnection: close\r\n\r\n"
        self.transport.write(head.encode() + body)
        self.transport.close()
