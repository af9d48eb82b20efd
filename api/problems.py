"""Every error leaves as RFC 9457 problem+json: a stable code for programs, a sentence and a hint for people.

One table says which status each error of ours has. What is not ours, from a body that does not fit to a fault of this program, is
brought into the same shape; of a fault nothing internal is told, only the number under which it was logged.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Any

import structlog
from fastapi import FastAPI, HTTPException, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from pydantic import BaseModel, Field
from starlette.exceptions import HTTPException as StarletteHTTPException

import errors
from errors import RereadError

MEDIA_TYPE = "application/problem+json"

log = structlog.get_logger("reread.api")

#: The status of each error, and of all below it in the tree that have none of their own. Else 500.
STATUS: dict[type[RereadError], int] = {
    errors.NotFound: 404,
    errors.NoKey: 401,
    errors.ScopeMissing: 403,
    errors.QuotaExceeded: 429,
    errors.QueueFull: 429,
    errors.Conflict: 409,
    errors.KeyReused: 422,
    errors.InputRefused: 422,
    errors.TooLarge: 413,
    errors.PromptInvalid: 422,
    errors.LibraryBusy: 503,
    errors.Unreachable: 503,
}
#: Seconds to wait before a 503 is asked again, where the error does not say.
RETRY_AFTER_S = 5

#: What can go wrong before any of our code is reached, by status: code, advice.
OUTSIDE: dict[int, tuple[str, str]] = {
    400: ("bad_request", "send well-formed HTTP; `detail` says what was not"),
    404: ("not_found", "GET /openapi.json lists every address"),
    405: ("method_not_allowed", "see the header Allow"),
    406: ("not_acceptable", "ask for one of the types that this address offers"),
    408: ("too_slow", "send the whole request without long pauses"),
    413: ("too_large", "send less at once; the limits are max_file_mb and max_upload_mb in reread.toml"),
    415: ("unsupported_media_type", "send one of the content types that this address takes, not compressed"),
    422: ("invalid_request", "`errors` names each field that does not fit"),
    431: ("too_many_headers", "send fewer or shorter headers"),
    500: ("internal", "report it with the request id; trying again may help"),
    503: ("unavailable", "wait for the time in Retry-After, then send the same again"),
}


class FieldError(BaseModel):
    """One part of a request that does not fit."""

    where: str = Field(examples=["body.priority"])
    message: str = Field(examples=["Input should be a valid integer"])


class Refusal(BaseModel):
    """One file of several that was not taken, and why."""

    name: str
    code: str
    detail: str
    hint: str


class Problem(BaseModel):
    """What went wrong (RFC 9457)."""

    type: str = Field(examples=["/errors/not_found"], description="A page about errors of this kind, served here.")
    title: str = Field(examples=["Not Found"])
    status: int = Field(examples=[404])
    detail: str = Field(examples=["No job has the id 'x'. GET /v1/jobs lists them."])
    instance: str = Field(examples=["/v1/jobs/x"], description="The path that was asked for.")
    code: str = Field(examples=["not_found"], description="Stable: programs may rely on it.")
    hint: str = Field(description="What to do.")
    retryable: bool = Field(description="The same request may succeed later.")
    request_id: str | None = Field(None, description="Under this id the request was logged.")
    job_id: str | None = None
    errors: list[FieldError] | None = Field(None, description="Where the request does not fit.")
    refused: list[Refusal] | None = Field(None, description="Of a submission: every file that was not taken.")


class RequestInvalid(HTTPException):
    """A part of a request that no schema can refuse, such as a cursor that was not made here."""

    def __init__(self, where: str, message: str) -> None:
        super().__init__(422, f"{where}: {message}")
        self.where, self.message = where, message


def status_of(error: RereadError | type[RereadError]) -> int:
    """The HTTP status of this error."""
    kind = error if isinstance(error, type) else type(error)
    return next((STATUS[cls] for cls in kind.__mro__ if cls in STATUS), 500)


def documented(*statuses: int, always: Sequence[int] = (400, 401, 403, 422, 500, 503)) -> dict[int | str, dict[str, Any]]:
    """For `responses=`: the problems that an operation can answer with, besides those that every operation can."""
    return {
        status: {
            "description": HTTPStatus(status).phrase,
            "content": {MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}},
            **_headers(status),
        }
        for status in sorted({*always, *statuses})
    }


def _headers(status: int) -> dict[str, Any]:
    if status not in (429, 503):
        return {}
    return {"headers": {"Retry-After": {"description": "Seconds to wait.", "schema": {"type": "integer", "minimum": 0}}}}


def problem_answer(request: Request, status: int, code: str, detail: str, hint: str, **more: Any) -> JSONResponse:
    """One problem as an answer. `headers` goes to its headers, `retry_after_s` too; all else to its body."""
    headers = dict(more.pop("headers", None) or {})
    retry_after_s = more.pop("retry_after_s", None)
    if retry_after_s is None and status == 503:
        retry_after_s = RETRY_AFTER_S
    if retry_after_s is not None:
        headers["Retry-After"] = str(math.ceil(retry_after_s))
    problem = Problem(
        type=f"/errors/{code}",
        title=HTTPStatus(status).phrase,
        status=status,
        detail=detail,
        instance=request.scope["path"],  # request.url would read the header Host, which may be anything
        code=code,
        hint=hint,
        retryable=more.pop("retryable", retry_after_s is not None),
        request_id=request.scope.get("request_id"),
        **more,
    )
    return JSONResponse(problem.model_dump(exclude_none=True), status, headers, MEDIA_TYPE)


def answer_to(request: Request, error: RereadError, **more: Any) -> JSONResponse:
    """The problem of one error of ours."""
    status = status_of(error)
    detail = str(error)
    if status == 500:
        log.error("a request failed", code=error.code, error=detail)
        detail = "The service could not do this. What failed is in its log under this request id."
    if isinstance(error, errors.NoKey):
        more["headers"] = {"WWW-Authenticate": 'Bearer realm="reread"'}
    hint = error.advice or OUTSIDE.get(status, ("", "see `detail`"))[1]
    retry_after_s = getattr(error, "retry_after_s", None)
    return problem_answer(request, status, error.code, detail, hint, **{"retry_after_s": retry_after_s, **more})


async def _on_our_error(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, RereadError)
    return answer_to(request, error)


async def _on_invalid(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, RequestValidationError)
    found = [FieldError(where=".".join(map(str, e["loc"])), message=e["msg"]) for e in error.errors()][:20]
    detail = "; ".join(f"{e.where}: {e.message}" for e in found[:3])
    return problem_answer(request, 422, *_outside(422, f"The request does not fit: {detail}. Nothing was done."), errors=found)


async def _on_http_error(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, StarletteHTTPException)
    return http_problem(request, error.status_code, str(error.detail), headers=error.headers)


async def _on_request_invalid(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, RequestInvalid)
    found = [FieldError(where=error.where, message=error.message)]
    detail = f"The request does not fit: {error.detail}. Nothing was done."
    return problem_answer(request, 422, *_outside(422, detail), errors=found)


def http_problem(request: Request, status: int, detail: str, *, headers: Mapping[str, str] | None = None) -> JSONResponse:
    """The problem of a status that no error of ours stands for."""
    return problem_answer(request, status, *_outside(status, detail), headers=headers)


def _outside(status: int, detail: str) -> tuple[str, str, str]:
    code, hint = OUTSIDE.get(status, (f"http_{status}", "see `detail`"))
    return code, detail, hint


def register(app: FastAPI) -> None:
    """Have every error answered as a problem. Faults of this program are caught by `limits.Gate`, which stands around it all."""
    app.add_exception_handler(RereadError, _on_our_error)
    app.add_exception_handler(RequestValidationError, _on_invalid)
    app.add_exception_handler(RequestInvalid, _on_request_invalid)
    app.add_exception_handler(StarletteHTTPException, _on_http_error)
