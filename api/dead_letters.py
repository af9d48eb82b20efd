"""/v1/dead-letters: jobs that failed, with why and what to do, and the way to try them again, by id or all of one cause.

A failed job is not lost and not moved: it stays in the ledger as it is, so this is a view of the jobs and replaying is retrying many.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Annotated, Literal

from fastapi import APIRouter, Query, Request, Response
from pydantic import BaseModel, ConfigDict, Field, model_validator

from api.context import Caller, Reads, Service, ServiceDep, Submits
from api.jobs import JobOut, job_out
from api.pages import Cursor, Limit, decode_cursor, encode_cursor, ndjson, ndjson_documented, set_next_link, wants_ndjson
from api.problems import documented
from errors import Conflict, NotFound, RereadError
from records import Job, JobState, Queue

router = APIRouter(tags=["dead letters"])

#: Jobs that one replay queues; the rest are the next one's.
MOST = 1000

ErrorCode = Annotated[str, Field(pattern="^[a-z0-9_]{1,64}$", examples=["timed_out"])]


class DeadLetterList(BaseModel):
    """Jobs that failed, newest first."""

    items: list[JobOut]
    next_cursor: str | None


class ReplayRequest(BaseModel):
    """Which of them to try again: these, or all of one cause, or all of one kind."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [{"code": "timed_out"}]})

    ids: list[Annotated[str, Field(pattern="^[0-9a-f]{1,64}$")]] | None = Field(None, min_length=1, max_length=MOST)
    code: ErrorCode | None = None
    kind: Literal["add", "read"] | None = None

    @model_validator(mode="after")
    def _fits(self) -> ReplayRequest:
        if (self.ids is None) == (self.code is None and self.kind is None):
            raise ValueError("give `ids`, or else `code` or `kind` or both")
        return self


class NotReplayed(BaseModel):
    id: str
    code: str
    detail: str


class Replayed(BaseModel):
    """What became of a replay."""

    queued: int
    left_out: list[NotReplayed]
    more: bool = Field(description=f"More than {MOST:,} fit: send the same again.")


@router.get(
    "/v1/dead-letters",
    summary="Jobs that failed, with why and what to do",
    response_model=DeadLetterList,
    responses={**documented(), **ndjson_documented("JobOut")},
)
def list_dead_letters(
    request: Request,
    response: Response,
    service: ServiceDep,
    caller: Reads,
    code: Annotated[ErrorCode | None, Query(description="Only what failed for this reason.")] = None,
    kind: Annotated[Literal["add", "read"] | None, Query(description="Papers to convert, or documents to read.")] = None,
    limit: Limit = 50,
    cursor: Cursor = None,
) -> DeadLetterList | Response:
    after = decode_cursor(cursor, str, str)
    found = _failed(service, caller, code, kind, limit + 1, (after[0], after[1]) if after else None)
    items = [job_out(job) for job in found[:limit]]
    next_cursor = encode_cursor(found[limit - 1].created, found[limit - 1].id) if len(found) > limit else None
    if wants_ndjson(request):
        return ndjson(request, items, next_cursor)
    set_next_link(request, response, next_cursor)
    return DeadLetterList(items=items, next_cursor=next_cursor)


@router.post("/v1/dead-letters/replay", summary="Try failed jobs again", responses=documented(408, 413, 415))
def replay_dead_letters(asked: ReplayRequest, service: ServiceDep, caller: Submits) -> Replayed:
    """Queue failed jobs afresh, with all their tries. One that cannot be queued costs itself only."""
    left_out: list[NotReplayed] = []
    if asked.ids is not None:
        found, more = _by_id(dict.fromkeys(asked.ids), service, caller, left_out), False
    else:
        some = _failed(service, caller, asked.code, asked.kind, MOST + 1, None)
        found, more = some[:MOST], len(some) > MOST
    queued = [job for job in found if _replayed(job, service, left_out)]
    _ring(queued, service)
    return Replayed(queued=len(queued), left_out=left_out, more=more)


def _failed(
    service: Service, caller: Caller, code: str | None, kind: str | None, limit: int, after: tuple[str, str] | None
) -> list[Job]:
    return service.ledger.find_jobs(
        tenant=caller.sees,
        state=JobState.FAILED,
        kind=f"{kind}:" if kind else None,
        error_code=code,
        after=after,
        limit=limit,
    )


def _by_id(ids: Iterable[str], service: Service, caller: Caller, left_out: list[NotReplayed]) -> list[Job]:
    found = []
    for job_id in ids:
        try:
            job = service.ledger.job(job_id, tenant=caller.sees)
        except NotFound as error:
            left_out.append(_left_out(job_id, error))
            continue
        if job.state is JobState.FAILED:
            found.append(job)
        else:
            left_out.append(_left_out(job_id, Conflict(f"Job {job_id} is {job.state.value} and not failed.")))
    return found


def _replayed(job: Job, service: Service, left_out: list[NotReplayed]) -> bool:
    try:
        if _is_of_the_command_line(job, service):
            raise Conflict(f"Job {job.id} belongs to a run of the command line; run the same `reread reprocess` again.")
        service.ledger.retry(job)
    except (Conflict, NotFound) as error:  # it was retried or deleted in between
        left_out.append(_left_out(job.id, error))
        return False
    return True


def _is_of_the_command_line(job: Job, service: Service) -> bool:
    """Workers have no prompt for such a run."""
    kind, _, run_id = job.kind.partition(":")
    return kind == "read" and (not service.ledger.has_run(run_id) or service.ledger.run(run_id).prompt is None)


def _ring(jobs: list[Job], service: Service) -> None:
    for queue in sorted({Queue.EXTRACT if job.kind.startswith("read:") else Queue.CONVERT for job in jobs}):
        service.ring(queue)


def _left_out(job_id: str, error: RereadError) -> NotReplayed:
    return NotReplayed(id=job_id, code=error.code, detail=str(error))
