"""Jobs as those who submitted them see them: look, wait for a change, cancel, pause, resume, retry, prioritise."""

from __future__ import annotations

import hashlib
import time
from datetime import datetime
from typing import Annotated, Any, Literal

from anyio import to_thread
from fastapi import APIRouter, Header, Path, Query, Request, Response
from pydantic import BaseModel, ConfigDict, Field

from api.context import Caller, Reads, Service, ServiceDep, Submits
from api.pages import Cursor, Limit, decode_cursor, encode_cursor, ndjson, ndjson_documented, set_next_link, wants_ndjson
from api.problems import documented
from api.watching import wait
from errors import error_of_code
from records import Job, JobState, Queue

router = APIRouter(tags=["jobs"])

#: Seconds after which it is worth asking again how far a job is.
POLL_AFTER_S = 2
#: A client that waits for a change is answered after so long at the latest.
MAX_WAIT_S = 60.0
#: Some changes leave no event (a worker gives a job back, for example): whoever waits looks so often anyway.
LOOK_EVERY_S = 5.0

JobId = Annotated[str, Path(pattern="^[0-9a-f]{1,64}$", examples=["0f" * 16])]
Wait = Annotated[float, Query(ge=0, le=MAX_WAIT_S, description="Seconds to wait for a change before answering.")]
IfNoneMatch = Annotated[str | None, Header(description="The ETag of an answer before: 304 while nothing has changed.")]
#: 304 has no body; FastAPI would describe one.
NOT_MODIFIED: dict[int | str, dict[str, Any]] = {304: {"description": "Nothing has changed since the answer of this ETag."}}


class JobError(BaseModel):
    """Why a job failed."""

    code: str = Field(examples=["encrypted"])
    detail: str
    hint: str


class JobOut(BaseModel):
    """One paper to convert, or one document to read for a run."""

    id: str
    kind: Literal["add", "read"]
    state: JobState
    is_final: bool = Field(description="It will not change any more unless it is retried.")
    queue: Queue = Field(description="Where it waits or is worked on.")
    document_id: str
    name: str | None = Field(description="What the file was called when it was submitted.")
    run_id: str | None = None
    position: int | None = Field(None, description="Jobs before it; only where one job is asked for, and only while it waits.")
    attempts: int
    losses: int = Field(description="Times that the process which worked on it died.")
    priority: int
    pages_done: int
    pages_total: int = Field(description="0 while it is not known.")
    error: JobError | None = None
    created: datetime
    updated: datetime
    links: dict[str, str]


class JobPage(BaseModel):
    """Jobs, newest first."""

    items: list[JobOut]
    next_cursor: str | None


class JobChange(BaseModel):
    """What can be changed of a job."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [{"priority": 5}]})

    priority: Annotated[int, Field(ge=-10, le=10, description="Higher is sooner, among the jobs of one tenant.")]


def job_out(job: Job, *, position: int | None = None) -> JobOut:
    """A job in the shape that leaves the service."""
    kind, _, of = job.kind.partition(":")
    links = {"self": f"/v1/jobs/{job.id}", "events": f"/v1/jobs/{job.id}/events"}
    doc_id = str(job.payload.get("doc_id", ""))
    if job.state is JobState.DONE:
        links["document"] = f"/v1/documents/{doc_id}"
    if kind == "read":
        links["run"] = f"/v1/runs/{of}"
    return JobOut(
        id=job.id,
        kind="read" if kind == "read" else "add",
        state=job.state,
        is_final=job.state.is_final,
        queue=job.queue,
        document_id=doc_id,
        name=job.payload.get("name"),
        run_id=of if kind == "read" else None,
        position=position,
        attempts=job.attempt,
        losses=job.losses,
        priority=job.priority,
        pages_done=job.pages_done,
        pages_total=job.pages_total,
        error=_error(job),
        created=datetime.fromisoformat(job.created),
        updated=datetime.fromisoformat(job.updated),
        links=links,
    )


def _error(job: Job) -> JobError | None:
    if job.error_code is None:
        return None
    error = error_of_code(job.error_code, job.error or "")
    return JobError(code=job.error_code, detail=str(error), hint=error.advice or "`detail` says what to do")


@router.get(
    "/v1/jobs",
    summary="Jobs, newest first",
    response_model=JobPage,
    responses={**documented(), **ndjson_documented("job")},
)
def list_jobs(
    request: Request,
    response: Response,
    service: ServiceDep,
    caller: Reads,
    state: Annotated[JobState | None, Query(description="Only jobs in this state.")] = None,
    kind: Annotated[
        Literal["add", "read"] | None, Query(description="Papers to convert, or documents to read for runs.")
    ] = None,
    document: Annotated[str | None, Query(pattern="^[0-9a-f]{64}$", description="Only jobs about this document.")] = None,
    run: Annotated[str | None, Query(pattern="^[0-9a-f]{1,64}$", description="Only jobs of this run.")] = None,
    limit: Limit = 50,
    cursor: Cursor = None,
) -> JobPage | Response:
    only = f"read:{run}" if run else f"{kind}:" if kind else None
    if run and kind == "add":
        return JobPage(items=[], next_cursor=None)
    after = decode_cursor(cursor, str, str)
    found = service.ledger.find_jobs(tenant=caller.sees, state=state, kind=only, doc_id=document, after=after, limit=limit + 1)
    items = [job_out(job) for job in found[:limit]]
    next_cursor = encode_cursor(found[limit - 1].created, found[limit - 1].id) if len(found) > limit else None
    if wants_ndjson(request):
        return ndjson(request, items, next_cursor)
    set_next_link(request, response, next_cursor)
    return JobPage(items=items, next_cursor=next_cursor)


@router.get(
    "/v1/jobs/{job_id}", summary="One job; waits for a change if asked to", responses={**documented(404), **NOT_MODIFIED}
)
async def show_job(
    request: Request,
    response: Response,
    job_id: JobId,
    service: ServiceDep,
    caller: Reads,
    wait: Wait = 0.0,
    if_none_match: IfNoneMatch = None,
) -> JobOut:
    out = await _changed(request, service, caller, job_id, wait, if_none_match)
    etag = etag_of(out)
    response.headers["ETag"] = etag
    response.headers["Cache-Control"] = "private, no-cache"  # kept by its owner, and asked for with its ETag each time
    if not out.is_final:
        response.headers["Retry-After"] = str(POLL_AFTER_S)
    if matches(if_none_match, etag):
        response.status_code = 304
    return out


async def _changed(request: Request, service: Service, caller: Caller, job_id: str, wait_s: float, known: str | None) -> JobOut:
    """The job once it is not as it was, or final, or the time is up."""
    until = time.monotonic() + wait_s
    async with request.app.state.watch.on(job_id) as event:
        first = out = await to_thread.run_sync(_look, service, caller, job_id)
        while not _is_news(out, first, known) and (left_s := until - time.monotonic()) > 0:
            await wait(event, min(left_s, LOOK_EVERY_S))
            out = await to_thread.run_sync(_look, service, caller, job_id)
    return out


def _is_news(out: JobOut, first: JobOut, known: str | None) -> bool:
    """Different from what the client knows, where it says what that is; else in another state than when it asked."""
    if known:
        return not matches(known, etag_of(out))
    return out.is_final or (out.state, out.queue) != (first.state, first.queue)


def _look(service: Service, caller: Caller, job_id: str) -> JobOut:
    job = service.ledger.job(job_id, tenant=caller.sees)
    return job_out(job, position=service.ledger.position(job))


def etag_of(out: BaseModel) -> str:
    """A strong ETag of an answer."""
    return f'"{hashlib.sha256(out.model_dump_json().encode()).hexdigest()[:24]}"'


def matches(if_none_match: str | None, etag: str) -> bool:
    """True where the client says that it knows this answer."""
    known = [part.strip().removeprefix("W/") for part in (if_none_match or "").split(",")]
    return etag in known or known == ["*"]


def _action(name: str, summary: str) -> dict[str, Any]:
    return {"path": f"/v1/jobs/{{job_id}}/{name}", "summary": summary, "responses": documented(404, 409)}


@router.post(**_action("cancel", "End a job; nothing of it is written from now on"))
def cancel_job(job_id: JobId, service: ServiceDep, caller: Submits) -> JobOut:
    return job_out(service.ledger.cancel(_own(job_id, service, caller)))


@router.post(**_action("pause", "Put a job aside until it is resumed"))
def pause_job(job_id: JobId, service: ServiceDep, caller: Submits) -> JobOut:
    return job_out(service.ledger.pause(_own(job_id, service, caller)))


@router.post(**_action("resume", "Queue a paused job again"))
def resume_job(job_id: JobId, service: ServiceDep, caller: Submits) -> JobOut:
    return _rung(service, service.ledger.resume(_own(job_id, service, caller)))


@router.post(**_action("retry", "Queue a failed or cancelled job afresh"))
def retry_job(job_id: JobId, service: ServiceDep, caller: Submits) -> JobOut:
    return _rung(service, service.ledger.retry(_own(job_id, service, caller)))


@router.patch("/v1/jobs/{job_id}", summary="Change a job's priority", responses=documented(404, 408, 409, 413, 415))
def change_job(job_id: JobId, change: JobChange, service: ServiceDep, caller: Submits) -> JobOut:
    return job_out(service.ledger.prioritise(_own(job_id, service, caller), change.priority))


def _own(job_id: str, service: Service, caller: Caller) -> Job:
    return service.ledger.job(job_id, tenant=caller.sees)


def _rung(service: Service, job: Job) -> JobOut:
    service.ring(job.queue)
    return job_out(job)
