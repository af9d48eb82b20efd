"""A model server that answers as OpenAI-compatible servers do, their faults included: real HTTP on loopback.

    with DevServer() as server:
        server.script(busy(503, retry_after_s=1), truncated(), ok())  # then server.otherwise for ever
        ... server.base_url ... server.requests ... server.most_in_flight

Each entry of the script is an act (`acts.py`): a function that takes the request and answers it. What is wrong with a request
itself (key, model, context, picture) is refused before any act, in vLLM's words.
"""

from __future__ import annotations

import json
import selectors
import socket
import sys
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, NamedTuple, Self

from extract.devserver.asked import Asked, NoImage
from extract.devserver.counts import Book, Costs, prompt_tokens

LOOPBACK = "127.0.0.1"  #: this server has no business elsewhere
CHAT = "/v1/chat/completions"
_KEPT = 2_000  #: of the last requests, at least so many are kept to be looked at

Act = Callable[["Handler", Asked], None]  #: answers one request, or fails to
_TYPES = {400: "BadRequestError", 404: "NotFoundError"}  #: what vLLM calls its errors


class Refusal(NamedTuple):
    """What is wrong with a request."""

    status: int
    message: str
    param: str | None = None  #: the part of the request that is meant


class DevServer:
    """Serves from entering to leaving the block."""

    def __init__(
        self,
        *,
        port: int = 0,
        models: Sequence[str] = ("text", "vision"),
        context_tokens: int = 32_768,
        slots: int = 256,
        api_key: str | None = None,
    ) -> None:
        from extract.devserver.acts import ok

        self.models = list(models)  #: what it says it serves
        self.context_tokens = context_tokens
        self.api_key = api_key  #: None = any is taken
        self.otherwise: Act = ok()  #: what answers when the script is at its end
        self.costs: Costs | None = None  #: what every answer states that it cost; None = counted
        self.book = Book()
        self.requests: list[Asked] = []  #: the last ones
        self.n_requests = 0
        self.most_in_flight = 0
        self.n_abandoned = 0  #: requests that the client gave up while they were stalled
        self.stopped = threading.Event()
        self._script: deque[Act] = deque()
        self._in_flight = 0
        self._lock = threading.Lock()
        self._slots = threading.BoundedSemaphore(slots)  #: requests that are answered at once; the others wait
        self._server = _Server(self, port)

    @property
    def base_url(self) -> str:
        return f"http://{LOOPBACK}:{self._server.server_address[1]}/v1"

    def script(self, *acts: Act) -> None:
        """Answer the next requests so, in the order in which they come."""
        self._script.extend(acts)

    def wait_for(self, is_so: Callable[[DevServer], bool], within_s: float = 5.0) -> bool:
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

    def refusal(self, asked: Asked) -> Refusal | None:
        """What is wrong with this request; None where it may be answered."""
        body = asked.body
        if self.api_key and asked.key != self.api_key:
            return Refusal(401, "Unauthorized")
        if asked.path != CHAT:
            return Refusal(404, "Not Found")
        if not isinstance(body.get("messages"), list) or body.get("stream"):
            return Refusal(400, "`messages` must be a list, and streams are not served here", "messages")
        if body.get("model") not in self.models:
            return Refusal(404, f"The model `{body.get('model')}` does not exist.", "model")
        try:
            return self._too_long(prompt_tokens(asked), body.get("max_tokens") or 0)
        except NoImage as error:
            return Refusal(400, str(error))

    def _too_long(self, n_prompt: int, n_answer: int) -> Refusal | None:
        """vLLM takes a request whose answer may run into the context's end, but none that cannot be answered at all."""
        limit = self.context_tokens
        if n_prompt > limit:
            return Refusal(
                400,
                f"This model's maximum context length is {limit} tokens. However, your prompt contains {n_prompt} input tokens, "
                "which exceeds this limit even without any output tokens. Please reduce the length of the input prompt.",
                "input_tokens",
            )
        if n_answer > limit:
            message = f"max_tokens={n_answer} cannot be greater than max_model_len={limit}. Please request fewer output tokens."
            return Refusal(400, message, "max_tokens")
        return None

    @contextmanager
    def flight(self, asked: Asked) -> Iterator[Act]:
        """The act for this request, which is in flight for as long as the block lasts."""
        with self._lock:
            if len(self.requests) >= 2 * _KEPT:
                del self.requests[:_KEPT]
            self.requests.append(asked)
            self.n_requests += 1
            self._in_flight += 1
            self.most_in_flight = max(self.most_in_flight, self._in_flight)
            act = self._script.popleft() if self._script else self.otherwise
        try:
            yield act
        finally:
            with self._lock:
                self._in_flight -= 1

    @contextmanager
    def slot(self, handler: Handler) -> Iterator[bool]:
        """Wait for a slot and hold it; False where the client went away first."""
        self.book.move(waiting=1)
        has_slot = self._slots.acquire(blocking=False)
        while not has_slot and handler.still_there(0.005):
            has_slot = self._slots.acquire(blocking=False)
        self.book.move(waiting=-1, running=int(has_slot))
        try:
            yield has_slot
        finally:
            if has_slot:
                self.book.move(running=-1)
                self._slots.release()

    def abandoned(self) -> None:
        with self._lock:
            self.n_abandoned += 1


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 1024

    def __init__(self, endpoint: DevServer, port: int) -> None:
        super().__init__((LOOPBACK, port), Handler)
        self.endpoint = endpoint

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that goes away is what many tests are about; anything else is a fault of this file."""
        if not isinstance(sys.exception(), (ConnectionError, ValueError)):
            super().handle_error(request, client_address)


class Handler(BaseHTTPRequestHandler):
    """One connection."""

    server: _Server
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    @property
    def endpoint(self) -> DevServer:
        return self.server.endpoint

    def do_POST(self) -> None:
        try:
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"] or 0)))
        except ValueError as error:
            return self.refuse(400, f"the body is not JSON: {error}")
        asked = Asked(path=self.path, key=self._key, body=body if isinstance(body, dict) else {}, at_s=time.monotonic())
        with suppress(ConnectionError), self.endpoint.flight(asked) as act:
            refusal = self.endpoint.refusal(asked)
            if refusal:
                return self.refuse(refusal.status, refusal.message, param=refusal.param)
            with self.endpoint.slot(self) as has_slot:
                if has_slot:
                    act(self, asked)
        return None

    def do_GET(self) -> None:
        if self.path == "/health":
            return self.send(200, b"")
        if self.path == "/metrics":
            text = self.endpoint.book.as_metrics(self.endpoint.models[0] if self.endpoint.models else "")
            return self.send(200, text.encode(), {"Content-Type": "text/plain; version=0.0.4"})
        if self.path != "/v1/models":
            return self.refuse(404, "Not Found")
        if self.endpoint.api_key and self._key != self.endpoint.api_key:
            return self.refuse(401, "Unauthorized")
        about = {"object": "model", "created": 0, "owned_by": "reread", "max_model_len": self.endpoint.context_tokens}
        models = [{"id": name, **about} for name in self.endpoint.models]
        return self.send(200, json.dumps({"object": "list", "data": models}).encode())

    @property
    def _key(self) -> str | None:
        return (self.headers.get("Authorization") or "").removeprefix("Bearer ") or None

    def refuse(self, status: int, message: str, headers: dict[str, str] | None = None, *, param: str | None = None) -> None:
        """An error in the shape that OpenAI gave it."""
        error = {"message": message, "type": _TYPES.get(status, "error"), "param": param, "code": status}
        self.send(status, json.dumps({"error": error}).encode(), headers)

    def send(self, status: int, body: bytes, headers: dict[str, str] | None = None, *, cut: int = 0) -> None:
        """Answer; `cut` leaves out so many bytes at the end and closes the connection."""
        self.send_response(status)
        for name, value in {"Content-Type": "application/json", "Content-Length": str(len(body)), **(headers or {})}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body[: len(body) - cut])
        self.close_connection = self.close_connection or cut > 0

    def still_there(self, seconds: float) -> bool:
        """Whether the client was still there after so long; False at once where it gave up or the server is stopped."""
        until = time.monotonic() + seconds
        with selectors.DefaultSelector() as events:
            events.register(self.connection, selectors.EVENT_READ)
            while not self.endpoint.stopped.is_set():
                left = until - time.monotonic()
                if left <= 0:
                    return True
                if events.select(min(left, 0.01)) and not self.connection.recv(1, socket.MSG_PEEK):
                    self.endpoint.abandoned()
                    return False
        return False

    def log_message(self, *_: object) -> None:
        """Nobody reads it."""
