"""A model server that answers as OpenAI-compatible servers do, their faults included: real HTTP on loopback.

    with FakeEndpoint() as server:
        server.script(busy(503, retry_after_s=1), truncated(), ok())  # then ok() for ever
        ... server.base_url ... server.requests ... server.most_in_flight

Each entry of the script is a function that takes the request and answers it. `ok` makes an answer that fits the request's schema by
construction, its strings copied from the paper's text, so that they are found there.
"""

from __future__ import annotations

import json
import re
import select
import socket
import struct
import sys
import threading
import time
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self

from made_records import record_for

PAPER_TEXT = re.compile(r'<paper-text id="\w+">\n(.*)\n</paper-text', re.DOTALL)


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """One request as it came."""

    path: str
    key: str | None  #: of the Authorization header
    body: dict[str, Any]
    at_s: float  #: time.monotonic()

    @property
    def user(self) -> str:
        """What the user said last."""
        return self.body["messages"][-1]["content"]

    @property
    def schema(self) -> dict[str, Any]:
        return self.body["response_format"]["json_schema"]["schema"]


Act = Callable[["_Handler", Asked], None]  #: answers one request, or fails to


class FakeEndpoint:
    """Serves `POST /v1/chat/completions` on a port that the system chooses, from entering to leaving the block."""

    def __init__(self) -> None:
        self.models = ["fake"]  #: what it says it serves
        self.requests: list[Asked] = []
        self.most_in_flight = 0
        self.n_abandoned = 0  #: requests that the client gave up while they were stalled
        self.otherwise: Act = ok()  #: what answers when the script is at its end
        self.stopped = threading.Event()
        self._script: deque[Act] = deque()
        self._in_flight = 0
        self._lock = threading.Lock()
        self._server = _Server(self)

    @property
    def base_url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_address[1]}/v1"

    def script(self, *acts: Act) -> None:
        """Answer the next requests so, in the order in which they come."""
        self._script.extend(acts)

    def wait_for(self, is_so: Callable[[FakeEndpoint], bool], within_s: float = 5.0) -> bool:
        """Whether this comes true in time."""
        until = time.monotonic() + within_s
        while not is_so(self) and time.monotonic() < until:
            time.sleep(0.005)
        return is_so(self)

    def __enter__(self) -> Self:
        threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stopped.set()
        self._server.shutdown()
        self._server.server_close()

    def begin(self, asked: Asked) -> Act:
        with self._lock:
            self.requests.append(asked)
            self._in_flight += 1
            self.most_in_flight = max(self.most_in_flight, self._in_flight)
            return self._script.popleft() if self._script else self.otherwise

    def end(self) -> None:
        with self._lock:
            self._in_flight -= 1

    def abandoned(self) -> None:
        with self._lock:
            self.n_abandoned += 1


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, endpoint: FakeEndpoint) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.endpoint = endpoint

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that goes away is what many tests are about; anything else is a fault of this file."""
        if not isinstance(sys.exception(), (ConnectionError, ValueError)):
            super().handle_error(request, client_address)


class _Handler(BaseHTTPRequestHandler):
    server: _Server
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    @property
    def endpoint(self) -> FakeEndpoint:
        return self.server.endpoint

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        key = (self.headers.get("Authorization") or "").removeprefix("Bearer ") or None
        asked = Asked(path=self.path, key=key, body=body, at_s=time.monotonic())
        act = self.endpoint.begin(asked)
        try:
            with suppress(ConnectionError):
                act(self, asked) if self.path == "/v1/chat/completions" else unknown_path()(self, asked)
        finally:
            self.endpoint.end()

    def do_GET(self) -> None:
        if self.path != "/v1/models":
            self.send(404, b'{"error": {"message": "Not Found"}}')
            return
        models = [{"id": name, "object": "model", "created": 0, "owned_by": "tests"} for name in self.endpoint.models]
        self.send(200, json.dumps({"object": "list", "data": models}).encode())

    def send(self, status: int, body: bytes, headers: dict[str, str] | None = None, *, cut: int = 0) -> None:
        """Answer; `cut` leaves out so many bytes at the end and closes the connection."""
        self.send_response(status)
        for name, value in {"Content-Type": "application/json", "Content-Length": str(len(body)), **(headers or {})}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body[: len(body) - cut])
        self.close_connection = self.close_connection or cut > 0

    def log_message(self, *_: object) -> None:
        """Tests want silence."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Costs:
    """The usage that an answer states."""

    prompt_tokens: int = 100
    completion_tokens: int = 20
    cached_tokens: int | None = 80

    def as_body(self) -> dict[str, Any]:
        details = {"prompt_tokens_details": {"cached_tokens": self.cached_tokens}} if self.cached_tokens is not None else {}
        return {"prompt_tokens": self.prompt_tokens, "completion_tokens": self.completion_tokens, **details}


def ok(answer: Callable[[Asked], Any] | None = None, *, costs: Costs | None = None, after_s: float = 0.0) -> Act:
    """A good answer: what this function makes of the request, or a record that fits the request's schema."""
    make = answer or (lambda asked: record_for(asked.schema, _paper_text(asked)))

    def act(handler: _Handler, asked: Asked) -> None:
        time.sleep(after_s)
        says(json.dumps(make(asked)), costs=costs)(handler, asked)

    return act


def says(text: str | None, *, finish_reason: str = "stop", costs: Costs | None = None, **message: Any) -> Act:
    """An answer with this text, whatever it is."""
    choice = {"index": 0, "message": {"role": "assistant", "content": text, **message}, "finish_reason": finish_reason}
    return _completion([choice], costs or Costs())


def truncated(text: str = '{"findings": [{"claim": "The half-') -> Act:
    return says(text, finish_reason="length")


def whitespace() -> Act:
    """What greedy decoding does under a grammar that allows whitespace: nothing else, until the cap."""
    return says("{" + "\r\n" * 500, finish_reason="length")


def no_choices() -> Act:
    return _completion([], Costs())


def without_usage(text: str) -> Act:
    return _completion([{"index": 0, "message": {"role": "assistant", "content": text}, "finish_reason": "stop"}], None)


def _completion(choices: list[dict[str, Any]], costs: Costs | None) -> Act:
    body = {"id": "chatcmpl-1", "object": "chat.completion", "created": 1, "model": "fake", "choices": choices}
    stated = {"usage": costs.as_body()} if costs else {}
    return lambda handler, _: handler.send(200, json.dumps(body | stated).encode())


def fails(status: int, message: str = "the engine is busy", headers: dict[str, str] | None = None) -> Act:
    body = json.dumps({"error": {"message": message, "type": "error", "param": None, "code": status}}).encode()
    return lambda handler, _: handler.send(status, body, headers)


def busy(status: int = 503, *, retry_after_s: float | str | None = None) -> Act:
    return fails(status, headers={} if retry_after_s is None else {"Retry-After": str(retry_after_s)})


def wrong_key() -> Act:
    return fails(401, "Unauthorized")


def unknown_model() -> Act:
    return fails(404, "The model `text` does not exist.")


def unknown_path() -> Act:
    return lambda handler, _: handler.send(404, b'{"detail":"Not Found"}')


def html() -> Act:
    """What a proxy says in place of the server."""
    page = b"<!doctype html><html><body>Please sign in</body></html>"
    return lambda handler, _: handler.send(200, page, {"Content-Type": "text/html"})


def closes_mid_body() -> Act:
    return lambda handler, _: handler.send(200, b'{"id": "chatcmpl-1", "choices": [{"message": {"cont', cut=20)


def resets() -> Act:
    """The connection is torn down with RST, before any answer."""

    def act(handler: _Handler, _: Asked) -> None:
        handler.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        handler.close_connection = True
        handler.connection.close()

    return act


def stalls(seconds: float = 30.0) -> Act:
    """Says nothing for so long, unless the client gives up or the server is stopped; then closes."""

    def act(handler: _Handler, _: Asked) -> None:
        handler.close_connection = True
        _wait(handler, seconds)

    return act


def trickles(seconds: float = 30.0) -> Act:
    """Sends a byte of whitespace now and then, so that a limit on the time between two bytes never strikes."""

    def act(handler: _Handler, _: Asked) -> None:
        until = time.monotonic() + seconds
        handler.send(200, b" " * 1000, cut=999)
        while time.monotonic() < until and _wait(handler, 0.05):
            handler.wfile.write(b" ")

    return act


def _wait(handler: _Handler, seconds: float) -> bool:
    """Whether the client was still there after so long; False at once where it gave up or the server is stopped."""
    until = time.monotonic() + seconds
    while time.monotonic() < until and not handler.endpoint.stopped.is_set():
        readable, _, _ = select.select([handler.connection], [], [], 0.01)
        if readable and not handler.connection.recv(1, socket.MSG_PEEK):
            handler.endpoint.abandoned()
            return False
    return not handler.endpoint.stopped.is_set()


def refusing_url() -> str:
    """A base_url where nothing listens: connections are refused."""
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return f"http://127.0.0.1:{found.getsockname()[1]}/v1"


def _paper_text(asked: Asked) -> str:
    """The first paragraph of the paper's text that is no heading."""
    found = PAPER_TEXT.search(asked.body["messages"][1]["content"])
    paragraphs = found.group(1).split("\n\n") if found else []
    return next((text for text in paragraphs if not text.startswith("# ")), "text")
