"""The answers and the faults that the dev-server can give: each is a function that takes a request and answers it, or fails to."""

from __future__ import annotations

import json
import socket
import struct
import time
from collections.abc import Callable
from typing import Any

from extract.devserver.asked import Asked
from extract.devserver.counts import Costs
from extract.devserver.samples import record_for
from extract.devserver.server import LOOPBACK, Act, Handler

_STALL_S = 30.0


def ok(answer: Callable[[Asked], Any] | None = None, *, costs: Costs | None = None, after_s: float = 0.0) -> Act:
    """A good answer: what this function makes of the request, or a record that fits the request's schema."""
    make = answer or (lambda asked: record_for(asked.schema, asked.paper_text) if asked.schema else asked.paper_text)

    def act(handler: Handler, asked: Asked) -> None:
        if after_s and not handler.still_there(after_s):
            return
        made = make(asked)
        says(made if isinstance(made, str) else json.dumps(made), costs=costs)(handler, asked)

    return act


def says(text: str | None, *, finish_reason: str | None = "stop", costs: Costs | None = None, **message: Any) -> Act:
    """An answer with this text, whatever it is."""
    said = {"index": 0, "message": {"role": "assistant", "content": text, **message}, "finish_reason": finish_reason}
    return _completion([said], costs)


def truncated(text: str = '{"findings": [{"claim": "The half-') -> Act:
    return says(text, finish_reason="length")


def whitespace() -> Act:
    """What greedy decoding does under a grammar that allows whitespace: nothing else, until the cap."""
    return says("{" + "\r\n" * 500, finish_reason="length")


def cut_json() -> Act:
    """Half a record with a good finish_reason: what a server does that counts its tokens wrong."""
    return says('{"findings": [{"claim": "The half-')


def wrong_schema() -> Act:
    return says('[{"wrong": "schema"}]')


def no_choices() -> Act:
    return _completion([])


def without_usage(text: str) -> Act:
    said = {"index": 0, "message": {"role": "assistant", "content": text}, "finish_reason": "stop"}
    return _completion([said], states_usage=False)


def another_model() -> Act:
    """A good answer that names another model than the one that was asked."""
    return lambda handler, asked: _completion([_said(asked)], model="another")(handler, asked)


def _said(asked: Asked) -> dict[str, Any]:
    text = json.dumps(record_for(asked.schema or {}, asked.paper_text))
    return {"index": 0, "message": {"role": "assistant", "content": text}, "finish_reason": "stop"}


def _completion(
    choices: list[dict[str, Any]], costs: Costs | None = None, *, states_usage: bool = True, model: str | None = None
) -> Act:
    """A chat completion with these choices. What it states to have cost: these costs, the server's, or what is counted."""
    text = (choices[0]["message"]["content"] or "") if choices else ""
    reason = choices[0]["finish_reason"] if choices else None

    def act(handler: Handler, asked: Asked) -> None:
        counted = handler.endpoint.book.enter(asked, text, reason)
        usage = {"usage": (costs or handler.endpoint.costs or counted).as_body()} if states_usage else {}
        body = {"id": "chatcmpl-1", "object": "chat.completion", "created": 1, "model": model or asked.body["model"], **usage}
        handler.send(200, json.dumps({**body, "choices": choices}).encode())

    return act


def fails(status: int, message: str = "the engine is busy", headers: dict[str, str] | None = None) -> Act:
    return lambda handler, _: handler.refuse(status, message, headers)


def busy(status: int = 503, *, retry_after_s: float | str | None = None) -> Act:
    return fails(status, headers={} if retry_after_s is None else {"Retry-After": str(retry_after_s)})


def wrong_key() -> Act:
    return fails(401, "Unauthorized")


def unknown_model() -> Act:
    return fails(404, "The model `text` does not exist.")


def html() -> Act:
    """What a proxy says in place of the server."""
    page = b"<!doctype html><html><body>Please sign in</body></html>"
    return lambda handler, _: handler.send(200, page, {"Content-Type": "text/html"})


def closes_mid_body() -> Act:
    return lambda handler, _: handler.send(200, b'{"id": "chatcmpl-1", "choices": [{"message": {"cont', cut=20)


def resets() -> Act:
    """The connection is torn down with RST, before any answer."""

    def act(handler: Handler, _: Asked) -> None:
        handler.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        handler.close_connection = True
        handler.connection.close()

    return act


def stalls(seconds: float = _STALL_S) -> Act:
    """Says nothing for so long, unless the client gives up or the server is stopped; then closes."""

    def act(handler: Handler, _: Asked) -> None:
        handler.close_connection = True
        handler.still_there(seconds)

    return act


def trickles(seconds: float = _STALL_S) -> Act:
    """Sends a byte of whitespace now and then, so that a limit on the time between two bytes never strikes."""

    def act(handler: Handler, _: Asked) -> None:
        until = time.monotonic() + seconds
        handler.send(200, b" " * 1000, cut=999)
        while time.monotonic() < until and handler.still_there(0.05):
            handler.wfile.write(b" ")

    return act


def refusing_url() -> str:
    """A base_url where nothing listens: connections are refused."""
    with socket.socket() as found:
        found.bind((LOOPBACK, 0))
        return f"http://{LOOPBACK}:{found.getsockname()[1]}/v1"
