"""POST /v1/documents: papers come in, as files or as addresses, and leave as jobs.

A newcomer would answer when the paper is converted, or keep what came in memory. Here a file goes to the disk while it comes, is
answered when the ledger has its job, and one bad file of several costs itself only.
"""

from __future__ import annotations

import re
import time
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import Annotated, Any

from anyio import to_thread
from fastapi import APIRouter, HTTPException, Request, Response
from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel, ConfigDict, Field, ValidationError

import observing
import pipeline
from api.context import Caller, Service, ServiceDep, Submits
from api.jobs import POLL_AFTER_S, JobOut, job_out
from api.problems import Refusal, RequestInvalid, answer_to, documented, problem_answer, status_of
from api.prompts import NAME, PromptName, prompt_text, question_of
from api.repeats import OnceDep
from api.uploads import MAX_FILES, REFUSALS, Form, is_json, is_multipart, receive_form
from errors import InputRefused, QueueFull
from ingest.fetching import fetch
from jobs.access import Admission
from records import Job, JobState, Queue
from rereading import Question
from submitting import Reception, Refused, Submission, submit

router = APIRouter(tags=["documents"])

#: Paths whose bodies may be as large as max_upload_mb.
UPLOAD_PATHS = frozenset({"/v1/documents"})
#: Addresses in one request.
MAX_URLS = 100
#: Seconds for fetching one of them, and for all: less than jobs.access.REQUEST_S, for which a repeat waits.
FETCH_S = 60.0
FETCH_ALL_S = 90.0
#: Once the queue was found full, nothing more is received for so long; and clients are told to come again after so long.
FULL_S = 0.25
FULL_RETRY_S = 10

_TRACE = re.compile(r"[0-9a-f]{2}-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}")

_PROMPT = "Read the papers with this prompt as soon as they are converted."
_MODEL = "The model that reads; else the prompt's own, else the service's."
Alias = Annotated[str, Field(pattern="^[A-Za-z0-9][A-Za-z0-9_.-]{0,99}$")]
Priority = Annotated[int, Field(ge=-10, le=10, description="Higher is sooner, among the jobs of one tenant.")]


class UrlsIn(BaseModel):
    """Papers to fetch, from hosts that the service allows."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [{"urls": ["https://arxiv.org/pdf/1706.03762"]}]})

    urls: Annotated[list[Annotated[str, Field(min_length=1, max_length=2000)]], Field(min_length=1, max_length=MAX_URLS)]
    priority: Priority = 0
    prompt: PromptName | None = Field(None, description=_PROMPT)
    model: Alias | None = Field(None, description=_MODEL)


class _FormIn(BaseModel):
    """The fields of a multipart submission."""

    model_config = ConfigDict(extra="forbid")

    priority: Priority = 0
    prompt: PromptName | None = None
    model: Alias | None = None


class RunRef(BaseModel):
    """The run that begins when the papers are converted."""

    id: str
    state: JobState
    links: dict[str, str]


class Submitted(BaseModel):
    """What became of a submission: a job for each file that was taken, in their order, and why others were not."""

    jobs: list[JobOut]
    refused: list[Refusal]
    run: RunRef | None = Field(None, description="Where a prompt was named.")


_SMALLEST = "%PDF-1.7\n%%EOF\n"  #: what the door takes for a PDF; a converter will not
_UPLOAD_SCHEMA = {
    "type": "object",
    "required": ["files"],
    "additionalProperties": False,
    "properties": {
        "files": {
            "type": "array",
            "minItems": 1,
            "description": f"At most {MAX_FILES:,}, and together no more than max_upload_mb.",
            "items": {"type": "string", "format": "binary", "examples": [_SMALLEST]},
        },
        "priority": {"type": "integer", "minimum": -10, "maximum": 10, "default": 0},
        "prompt": {"type": "string", "pattern": f"^{NAME.pattern}$", "description": _PROMPT},
        "model": {"type": "string", "pattern": "^[A-Za-z0-9][A-Za-z0-9_.-]{0,99}$", "description": _MODEL},
    },
}
_SUBMIT: dict[str, Any] = {
    "status_code": 202,
    "response_model": Submitted,
    "responses": {
        **documented(404, 409, *REFUSALS),
        202: {
            "description": "Accepted: what is listed under `jobs` is kept and will be worked on.",
            "headers": {
                "Location": {"schema": {"type": "string"}, "description": "The job, or the list of jobs."},
                "Retry-After": {"schema": {"type": "integer"}, "description": "Seconds after which to look at it."},
            },
        },
    },
    "openapi_extra": {
        "requestBody": {
            "required": True,
            "content": {
                "multipart/form-data": {
                    "schema": _UPLOAD_SCHEMA,
                    "examples": {"one paper": {"value": {"files": [_SMALLEST], "priority": 1}}},
                },
                "application/json": {"schema": {"$ref": "#/components/schemas/UrlsIn"}},
            },
        }
    },
}


@router.post("/v1/documents", summary="Submit papers: files, or addresses where that is switched on", **_SUBMIT)
async def submit_documents(request: Request, service: ServiceDep, caller: Submits, once: OnceDep) -> Response:
    if is_json(request):
        urls = await _urls_in(request)
        async with request.app.state.fetchers:  # a few requests fetch at once; their threads are not those of everybody else
            with _reception(service) as reception:
                asked = await to_thread.run_sync(_asked, urls, service)
                work = partial(
                    _fetch_and_queue, urls, reception, service, _wish(request, service, caller, urls.priority), asked
                )
                return await once.answer(("POST /v1/documents", urls.model_dump()), partial(work, request))
    if not is_multipart(request):
        raise HTTPException(415, "Papers are submitted as multipart/form-data, or as application/json with their addresses.")
    if not once.key:  # a repeat of what was accepted gets its answer, however full it is now
        _refuse_while_full(request)
    with _reception(service) as reception:
        form = await receive_form(request, reception)
        fields = _fields_of(form)
        asked = await to_thread.run_sync(_asked, fields, service) if fields.prompt else None
        if once.key:  # it can be told from another request only when all of it is known
            await to_thread.run_sync(form.take_steps)
        came = [[upload.name, upload.sha256] for upload in reception.uploads]
        wish = _wish(request, service, caller, fields.priority)
        work = partial(_take_and_queue, form, reception, service, wish, asked, request)
        return await once.answer(("POST /v1/documents", came, fields.model_dump()), work)


@dataclass(frozen=True, slots=True)
class _Asked:
    """What the papers are to be read with when they are converted."""

    question: Question
    alias: str
    text: str


def _asked(fields: UrlsIn | _FormIn, service: Service) -> _Asked | None:
    """Raises NotFound or PromptInvalid before anything is queued."""
    if fields.prompt is None:
        return None
    text = prompt_text(service.place.settings.prompts, fields.prompt)
    question, alias = question_of(text, named=fields.prompt, model=fields.model, service=service)
    return _Asked(question, alias, text)


def _refuse_while_full(request: Request) -> None:
    """Raises QueueFull where that was just found out: a queue that is full should not cost an upload each time."""
    if time.monotonic() < request.app.state.full_until:
        raise QueueFull("The queue is full. Nothing of this request was read.", retry_after_s=FULL_RETRY_S)


def _reception(service: Service) -> Reception:
    return Reception(service.place.library, max_file_bytes=service.place.settings.max_file_mb << 20)


async def _urls_in(request: Request) -> UrlsIn:
    try:
        return UrlsIn.model_validate_json(await request.body())
    except ValidationError as error:
        raise _does_not_fit(error) from error


def _fields_of(form: Form) -> _FormIn:
    try:
        return _FormIn.model_validate({name: value for name, value in form.fields.items() if value != ""})
    except ValidationError as error:
        raise _does_not_fit(error) from error


def _does_not_fit(error: ValidationError) -> RequestValidationError:
    return RequestValidationError(
        [{**e, "loc": ("body", *e["loc"])} for e in error.errors(include_url=False, include_input=False)]
    )


def _wish(request: Request, service: Service, caller: Caller, priority: int) -> Submission:
    admission = Admission(max_queued=service.place.settings.max_queued, quotas=caller.quotas)
    came = request.headers.get("traceparent", "")
    trace = observing.traceparent() or (came if _TRACE.fullmatch(came) else None)
    return Submission(tenant=caller.tenant, priority=priority, admission=admission, trace=trace)


def _fetch_and_queue(
    urls: UrlsIn, reception: Reception, service: Service, wish: Submission, asked: _Asked | None, request: Request
) -> Response:
    """Fetch what is at these addresses, one after the other, within the time and the bytes of one request."""
    settings = service.place.settings
    until, left_bytes = time.monotonic() + FETCH_ALL_S, settings.max_upload_mb << 20
    for url in urls.urls:
        max_bytes = min(settings.max_file_mb << 20, left_bytes)
        timeout_s = max(min(FETCH_S, until - time.monotonic()), 0.001)
        with reception.fetching(url) as into:
            fetched = fetch(url, hosts=settings.url_hosts, max_bytes=max_bytes, into=into, timeout_s=timeout_s)
            left_bytes -= fetched.size
            reception.take(fetched.path, fetched.name)
    return _queue(reception, service, wish, asked, request)


def _take_and_queue(
    form: Form, reception: Reception, service: Service, wish: Submission, asked: _Asked | None, request: Request
) -> Response:
    form.take_steps()
    if not reception.uploads and not reception.refused:
        raise RequestInvalid("body.files", "no file came")
    return _queue(reception, service, wish, asked, request)


def _queue(reception: Reception, service: Service, wish: Submission, asked: _Asked | None, request: Request) -> Response:
    """The answer to a submission whose files are here."""
    refused = [_refusal(refused) for refused in reception.refused]
    if not reception.uploads:
        return _all_refused(request, reception.refused, refused)
    try:
        jobs = submit(reception, wish, library=service.place.library, ledger=service.ledger, recipe=service.place.recipe)
    except QueueFull:
        request.app.state.full_until = time.monotonic() + FULL_S
        raise
    if any(job.state is JobState.QUEUED for job in jobs):
        service.ring(Queue.CONVERT)
    run = _announced(asked, jobs, service, wish.tenant) if asked else None
    answer = Submitted(jobs=[job_out(job) for job in jobs], refused=refused, run=run)
    location = f"/v1/jobs/{jobs[0].id}" if len(jobs) == 1 else "/v1/jobs"
    headers = {"Location": location, "Retry-After": str(POLL_AFTER_S)}
    return Response(answer.model_dump_json(), 202, headers, "application/json")


def _announced(asked: _Asked, jobs: Sequence[Job], service: Service, tenant: str) -> RunRef:
    """The run over these papers; it begins when the last of them is converted."""
    run = pipeline.announce_run(
        asked.question,
        model=asked.alias,
        doc_ids=sorted({job.payload["doc_id"] for job in jobs}),
        prompt_text=asked.text,
        ledger=service.ledger,
        tenant=tenant,
    )
    service.ring(Queue.EXTRACT)
    at = f"/v1/runs/{run.id}"
    return RunRef(id=run.id, state=run.state, links={"self": at, "results": f"{at}/results", "events": f"{at}/events"})


def _refusal(refused: Refused) -> Refusal:
    error = refused.error
    return Refusal(name=refused.name, code=error.code, detail=str(error), hint=error.advice or "see `detail`")


def _all_refused(request: Request, refused: Sequence[Refused], listed: list[Refusal]) -> Response:
    """Nothing was taken: the one reason, where it is one, as the problem."""
    if len({status_of(one.error) for one in refused}) == 1:
        return answer_to(request, refused[0].error, refused=listed)
    detail = f"None of {len(refused)} files could be taken; `refused` says why of each. Nothing was queued."
    return problem_answer(request, 422, InputRefused.code, detail, "see `refused`", refused=listed)
