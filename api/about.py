"""What the API says of itself: its OpenAPI, a plain list of its addresses, and a page per error code that a problem's `type` names."""

from __future__ import annotations

import html
import re
from functools import cache
from http import HTTPStatus
from importlib.metadata import PackageNotFoundError
from importlib.metadata import version as installed
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Path, Request
from fastapi.responses import HTMLResponse, JSONResponse
from pydantic import BaseModel, Field

import errors
from api.context import may
from api.problems import OUTSIDE, documented, status_of
from errors import NotFound, RereadError, subclasses
from jobs.access import Scope

router = APIRouter(tags=["about"])

DESCRIPTION = (
    "Submit papers, put prompts to them, follow the work, search and export what was found. Work is accepted with 202 and done by "
    "workers; every error is problem+json (RFC 9457) with a stable `code`."
)


#: What the tree at the top of errors.py says of each code.
_CAUSES = dict(re.findall(r"[├└]── \w+ +(\w+)  +(\w.*)", errors.__doc__ or ""))


class ErrorPage(BaseModel):
    """What an error code means and what to do."""

    code: str
    status: int = Field(description="Of the answer. 500 also for errors that only jobs end with.")
    title: str
    cause: str
    hint: str


@cache
def version() -> str:
    try:
        return installed("reread")
    except PackageNotFoundError:
        return "0"


@cache
def _error_pages() -> dict[str, ErrorPage]:
    pages = {
        code: ErrorPage(
            code=code,
            status=status,
            title=HTTPStatus(status).phrase,
            cause=HTTPStatus(status).description or HTTPStatus(status).phrase,
            hint=hint,
        )
        for status, (code, hint) in OUTSIDE.items()
    }
    kinds: list[type[RereadError]] = [RereadError, *subclasses()]
    for kind in kinds:
        status = status_of(kind)
        cause = _CAUSES.get(kind.code) or _words(kind.__name__)
        hint = kind.advice or "`detail` of the problem, or `error` of the job, says what to do"
        pages[kind.code] = ErrorPage(code=kind.code, status=status, title=_words(kind.__name__), cause=cause, hint=hint)
    return pages


def _words(name: str) -> str:
    return "".join(f" {sign.lower()}" if sign.isupper() else sign for sign in name).strip().capitalize()


@router.get(
    "/errors/{code}",
    summary="What an error code means",
    responses=documented(404, always=(400, 422, 500)),
    openapi_extra={"security": []},
)
async def explain_error(code: Annotated[str, Path(max_length=64)]) -> ErrorPage:
    if code not in _error_pages():
        raise NotFound(f"No error has the code {code!r}.")
    return _error_pages()[code]


@router.get("/openapi.json", include_in_schema=False, dependencies=[Depends(may(Scope.READ))])
async def openapi(request: Request) -> JSONResponse:
    return JSONResponse(request.app.openapi())


@router.get("/docs", include_in_schema=False, dependencies=[Depends(may(Scope.READ))])
async def docs(request: Request) -> HTMLResponse:
    """Every address on one page, without a script from elsewhere."""
    rows = "".join(
        _row(path, method, entry)
        for path, entries in request.app.openapi()["paths"].items()
        for method, entry in entries.items()
    )
    return HTMLResponse(
        f"<!doctype html><title>Reread {html.escape(version())}</title><h1>Reread {html.escape(version())}</h1>"
        f'<p>{html.escape(DESCRIPTION)}</p><p><a href="openapi.json">openapi.json</a></p><table>{rows}</table>'
    )


def _row(path: str, method: str, entry: dict[str, Any]) -> str:
    return f"<tr><td>{method.upper()}<td><code>{html.escape(path)}</code><td>{html.escape(entry.get('summary', ''))}"
