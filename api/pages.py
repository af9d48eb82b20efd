"""Lists in parts: a cursor instead of an offset, `Link: rel="next"`, and NDJSON for who asks for it.

A cursor names the last thing seen, so what is added meanwhile shifts nothing. It is made here and only read here.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Sequence
from typing import Annotated, Any
from urllib.parse import urlencode

from fastapi import Query, Request, Response
from pydantic import BaseModel

from api.problems import RequestInvalid

NDJSON = "application/x-ndjson"

Limit = Annotated[int, Query(ge=1, le=500, description="At most so many items.")]
Cursor = Annotated[str | None, Query(max_length=1000, description="`next_cursor` of the page before.")]


def encode_cursor(*parts: str | int) -> str:
    """The cursor that stands for the last item of a page."""
    return base64.urlsafe_b64encode(json.dumps(parts).encode()).decode().rstrip("=")


def decode_cursor(cursor: str | None, *kinds: type) -> tuple[Any, ...] | None:
    """The parts of a cursor, of these types; None for the first page. Raises RequestInvalid."""
    if cursor is None:
        return None
    try:
        parts = json.loads(base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)))
    except (ValueError, RecursionError) as error:
        raise RequestInvalid("query.cursor", "this is no cursor of this service") from error
    is_ours = isinstance(parts, list) and [type(part) for part in parts] == list(kinds)
    if not is_ours or not all("\0" not in part for part in parts if isinstance(part, str)):
        raise RequestInvalid("query.cursor", "this is no cursor of this list")
    return tuple(parts)


def wants_ndjson(request: Request) -> bool:
    """True where NDJSON is asked for by name."""
    return NDJSON in request.headers.get("accept", "")


def ndjson_documented(model: str) -> dict[int | str, dict[str, Any]]:
    """For `responses=`: a page's NDJSON form, one `model` per line."""
    return {200: {"content": {NDJSON: {"schema": {"type": "string", "description": f"One {model} as JSON per line."}}}}}


def set_next_link(request: Request, response: Response, next_cursor: str | None) -> None:
    """Name the next page in the header Link too."""
    if next_cursor is not None:
        query = [(name, value) for name, value in request.query_params.multi_items() if name != "cursor"]
        response.headers["Link"] = f'<{request.scope["path"]}?{urlencode([*query, ("cursor", next_cursor)])}>; rel="next"'


def ndjson(request: Request, items: Sequence[BaseModel], next_cursor: str | None) -> Response:
    """One item per line; the next page is named in the header Link."""
    response = Response("".join(item.model_dump_json() + "\n" for item in items), media_type=NDJSON)
    set_next_link(request, response, next_cursor)
    return response
