"""What happens to a job, or to all jobs of a run, as server-sent events (https://html.spec.whatwg.org/multipage/server-sent-events.html).

Each event's id is its number in the ledger, so a client that was cut off sends it as `Last-Event-ID` and misses nothing, whichever
process it meets. A stream ends after the final event; a browser, which then comes again, is told 204 and stops. While a stream waits
it holds no thread and asks the ledger nothing (watching.py).
"""

from __future__ import annotations

import json
import time
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from typing import Annotated, Any

from anyio import to_thread
from fastapi import APIRouter, Header, Path, Request, Response
from fastapi.responses import StreamingResponse

from api.context import Reads, Service, ServiceDep
from api.jobs import LOOK_EVERY_S, JobId
from api.problems import documented
from api.visible import run_seen
from api.watching import wait
from errors import RereadError
from jobs.control import Event

router = APIRouter(tags=["events"])

#: A comment is sent so often while nothing happens, so that nothing on the way thinks the connection dead.
PING_EVERY_S = 15.0
#: A client that is cut off comes again after so long.
RETRY_MS = 2000
#: Events that are read from the ledger at once.
BATCH = 500

LastEventId = Annotated[
    str | None, Header(alias="Last-Event-ID", pattern="^[0-9]{1,18}$", description="The id of the last event that was seen.")
]
#: One event, as OpenAPI describes a stream of them.
_EVENT = {
    "type": "object",
    "required": ["event", "data"],
    "properties": {
        "id": {"type": "string", "description": "Its number; the last one has none where it is not of a job."},
        "event": {"type": "string"},
        "data": {"type": "string", "contentMediaType": "application/json"},
    },
}
_STREAM: dict[str, Any] = {
    "response_class": StreamingResponse,
    "responses": {
        **documented(404),
        200: {
            "description": "Events until the final one: queued, running, progress, writing, done, failed, cancelled, paused, retried. "
            "`data` is JSON; `id` rises.",
            "content": {"text/event-stream": {"schema": _EVENT}},
        },
        204: {"description": "It is final and there is nothing after the event of Last-Event-ID."},
    },
}


@dataclass(frozen=True, slots=True)
class _Story:
    """What a stream tells: how to read on after an event, and the end of it, once there is one."""

    topic: str
    read: Callable[[int], list[Event]]
    ending: Callable[[], str | None]  #: the last words; '' where the last event says it all; None while it goes on


@router.get("/v1/jobs/{job_id}/events", summary="What happens to a job, as it happens", **_STREAM)
async def stream_job_events(
    request: Request, job_id: JobId, service: ServiceDep, caller: Reads, last_event_id: LastEventId = None
) -> Response:
    ledger = service.ledger
    await to_thread.run_sync(lambda: ledger.job(job_id, tenant=caller.sees))
    story = _Story(
        topic=job_id,
        read=lambda after: ledger.events(job_id, after=after, limit=BATCH),
        ending=lambda: "" if ledger.job(job_id, tenant=None).state.is_final else None,
    )
    return await _stream(request, story, int(last_event_id or 0))


@router.get("/v1/runs/{run_id}/events", summary="What happens to the jobs of a run, as it happens", **_STREAM)
async def stream_run_events(
    request: Request,
    run_id: Annotated[str, Path(pattern="^[0-9a-f]{1,64}$")],
    service: ServiceDep,
    caller: Reads,
    last_event_id: LastEventId = None,
) -> Response:
    run = await to_thread.run_sync(run_seen, run_id, service, caller)
    story = _Story(
        topic=f"read:{run.id}",
        read=lambda after: service.ledger.run_events(run.id, after=after, limit=BATCH),
        ending=lambda: _run_ending(service, run.id),
    )
    return await _stream(request, story, int(last_event_id or 0))


def _run_ending(service: Service, run_id: str) -> str | None:
    run = service.ledger.run(run_id)
    if not run.state.is_final:
        return None
    return _sse(None, f"run.{run.state.value}", {"run_id": run.id, "state": run.state.value, "counts": run.counts})


async def _stream(request: Request, story: _Story, after: int) -> Response:
    """The stream, or 204 where it would say nothing any more."""
    if after:
        ending, events = await to_thread.run_sync(_look, story, after)
        if ending is not None and not events:
            return Response(status_code=204)
    headers = {"Cache-Control": "no-cache, no-store", "X-Accel-Buffering": "no"}
    return StreamingResponse(_told(request, story, after), media_type="text/event-stream", headers=headers)


def _look(story: _Story, after: int) -> tuple[str | None, list[Event]]:
    ending = story.ending()  # before the events: what happens in between is told with the next look
    return ending, story.read(after)


async def _told(request: Request, story: _Story, after: int) -> AsyncIterator[str]:
    yield f"retry: {RETRY_MS}\n\n"
    pinged = time.monotonic()
    async with request.app.state.watch.on(story.topic) as event:
        while True:
            try:
                ending, events = await to_thread.run_sync(_look, story, after)
            except RereadError:
                return  # the ledger is away, or the job was deleted: the client comes again, and hears it then
            for happened in events:
                after = happened.seq
                yield _sse(after, happened.kind, {"job_id": happened.job_id, "at": happened.at, **happened.data})
            if ending is not None and len(events) < BATCH:
                if ending:
                    yield ending
                return
            if events:
                pinged = time.monotonic()
                if len(events) == BATCH:
                    continue
            await wait(event, min(LOOK_EVERY_S, PING_EVERY_S))
            if time.monotonic() - pinged >= PING_EVERY_S:
                pinged = time.monotonic()
                yield ": ping\n\n"


def _sse(seq: int | None, kind: str, data: dict[str, Any]) -> str:
    number = f"id: {seq}\n" if seq is not None else ""
    return f"{number}event: {kind}\ndata: {json.dumps(data, ensure_ascii=False)}\n\n"
