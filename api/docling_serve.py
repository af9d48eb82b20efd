"""docling-serve's routes for converting one paper, so that its clients work here unchanged: submit, poll, fetch the result.

A thin alias: a task is a job, its id the job's id; the paper is stored, chunked and searchable like any other, and its result stays.
What docling-serve offers beyond that is refused by name and not ignored: other targets than the answer's body, several files in one
task, headers for a URL. Options of the conversion are taken and change nothing: the library has one way to convert. Three things that
its SDK relies on and no schema says: submitting answers 200, "Task not found." is compared word by word, and a client that asks for
presigned URLs first goes on with the body only where `detail` speaks of artifact storage.
"""

from __future__ import annotations

import base64
import binascii
import json
import time
from collections.abc import Callable
from enum import StrEnum
from functools import partial
from typing import Annotated, Any, Literal

from anyio import to_thread
from fastapi import APIRouter, Path, Query, Request, Response
from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel, ConfigDict, Field, ValidationError

import observing
from api.context import Caller, Reads, Service, ServiceDep, Submits
from api.jobs import LOOK_EVERY_S, MAX_WAIT_S
from api.problems import RequestInvalid, documented, http_problem, problem_answer
from api.texts import Text
from api.uploads import REFUSALS, is_multipart, receive_form
from api.watching import wait as wait_for
from errors import InputRefused, NotFound, RereadError, TimedOut, error_of_code
from extract.schema import inlined
from ingest.fetching import fetch
from jobs.access import Admission
from records import Conversion, Job, JobState, Queue
from submitting import Reception, Submission, submit

router = APIRouter(tags=["docling-serve"])

#: Bodies here may be as large as an upload: a file inside JSON is bounded by MAX_JSON_BYTES below.
UPLOAD_PATHS = frozenset({"/v1/convert/file", "/v1/convert/file/async", "/v1/convert/source/async"})
#: Of a request whose file stands in it as base64: all of it is in memory. Larger files go as multipart.
MAX_JSON_BYTES = 48 << 20
#: docling-serve's own limit on a synchronous conversion.
SYNC_S = 120.0
FETCH_S = 60.0

_NOT_FOUND = "Task not found."
_NOT_READY = "Task result not found. Please wait for a completion status."
_NO_STORAGE = (
    "target {kind!r} requires artifact storage to be configured, and there is none: the result is in the body (inbody)"
)

#: Any text: an id that is none is not found.
TaskId = Annotated[str, Path(max_length=100, examples=["0f" * 16])]


class TaskStatus(StrEnum):
    """docling-serve's states; a paused job is pending, and a partly read paper is a success."""

    PENDING = "pending"
    STARTED = "started"
    SUCCESS = "success"
    FAILURE = "failure"


class DoclingFailure(BaseModel):
    """Why a task failed, in docling-serve's words."""

    category: Literal["policy", "source_unavailable", "timeout", "internal", "backend_failure", "unknown"]
    message: str
    retryable: bool
    phase: Literal["execution"] = "execution"
    details: dict[str, str] = Field(description="`code` is this service's own error code.")


class DoclingTask(BaseModel):
    """How far a task is."""

    task_id: str
    task_type: Literal["convert"] = "convert"
    task_status: TaskStatus
    task_position: int | None = Field(description="Jobs before it, while it waits.")
    task_meta: dict[str, int] | None = None
    error_message: str | None = None
    failure: DoclingFailure | None = None


class DoclingDocumentOut(BaseModel):
    """A converted paper. HTML, plain text and DocTags are not made here."""

    filename: str
    md_content: str
    json_content: dict[str, Any] = Field(description="The lossless DoclingDocument.")
    html_content: None = None
    text_content: None = None
    doctags_content: None = None


class DoclingErrorItem(BaseModel):
    component_type: Literal["document_backend"] = "document_backend"
    module_name: str
    error_message: str


class DoclingResult(BaseModel):
    """The result of a conversion."""

    document: DoclingDocumentOut
    status: Literal["success", "partial_success"]
    errors: list[DoclingErrorItem]
    processing_time: float
    timings: dict[str, Any] = {}


class DoclingTaskFailure(BaseModel):
    """In place of a result, where the task failed."""

    kind: Literal["TaskFailureResult"] = "TaskFailureResult"
    failure: DoclingFailure


class FileSource(BaseModel):
    kind: Literal["file"]
    base64_string: str
    filename: Text = Field(max_length=4096)


class HttpSource(BaseModel):
    kind: Literal["http"]
    url: Text = Field(min_length=1, max_length=2000)
    headers: dict[str, Any] = {}


class Target(BaseModel):
    kind: str = Field("inbody", max_length=100)


class ConvertSources(BaseModel):
    """docling-serve's request; `options` changes nothing here."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"sources": [{"kind": "http", "url": "https://arxiv.org/pdf/2206.01062"}]}]}
    )

    sources: list[Annotated[FileSource | HttpSource, Field(discriminator="kind")]] = Field(min_length=1, max_length=1)
    options: dict[str, Any] = {}
    target: Target = Target()  # type: ignore[call-arg]


_FORM = {
    "type": "object",
    "required": ["files"],
    "properties": {
        "files": {"type": "string", "format": "binary", "description": "One PDF."},
        "target_type": {"type": "string", "enum": ["inbody"], "default": "inbody"},
    },
}
_BY_FORM: dict[str, Any] = {"requestBody": {"required": True, "content": {"multipart/form-data": {"schema": _FORM}}}}


def _sources_schema() -> dict[str, Any]:
    """The body of a request that FastAPI does not read, without references into a place that OpenAPI does not have."""
    schema = ConvertSources.model_json_schema()
    del schema["properties"]["sources"]["items"]["discriminator"]
    return inlined(schema)


_BY_JSON: dict[str, Any] = {"requestBody": {"required": True, "content": {"application/json": {"schema": _sources_schema()}}}}
_SUBMITTING = documented(409, *REFUSALS)


@router.post("/v1/convert/file/async", summary="docling-serve: convert a file", responses=_SUBMITTING, openapi_extra=_BY_FORM)
async def docling_convert_file_async(request: Request, service: ServiceDep, caller: Submits) -> DoclingTask:
    """Submit one PDF; the answer names the task to poll."""
    job = await _submit_form(request, service, caller)
    return await to_thread.run_sync(_task, job, service)


@router.post(
    "/v1/convert/source/async", summary="docling-serve: convert a URL or base64", responses=_SUBMITTING, openapi_extra=_BY_JSON
)
async def docling_convert_source_async(request: Request, service: ServiceDep, caller: Submits) -> DoclingTask:
    """Submit what is at a URL, where the service allows its host, or a small file inside the request."""
    asked = await _json_in(request)
    _refuse_target(asked.target.kind)
    async with request.app.state.fetchers:  # they take memory or time: few at once
        job = await to_thread.run_sync(_submit_source, asked.sources[0], service, caller)
    return await to_thread.run_sync(_task, job, service)


@router.post(
    "/v1/convert/file",
    summary="docling-serve: convert a file and wait for it",
    response_model=DoclingResult,
    responses={**_SUBMITTING, **documented(504)},
    openapi_extra=_BY_FORM,
)
async def docling_convert_file(request: Request, service: ServiceDep, caller: Submits) -> Response:
    """Submit one PDF and answer with its result; after two minutes 504, and the work goes on."""
    job = await _submit_form(request, service, caller)
    job = await _watched(request, service, caller, job.id, SYNC_S, lambda now: now.state.is_final)
    if not job.state.is_final:
        said = f"The conversion takes longer than {SYNC_S:.0f} s. It goes on as task {job.id}: GET /v1/status/poll/{job.id}"
        return http_problem(request, 504, said)
    if job.state is not JobState.DONE:
        error = _error(job)
        return problem_answer(request, 422, error.code, str(error), error.advice or "see `detail`", job_id=job.id)
    return await to_thread.run_sync(_result, job, service)


@router.get("/v1/status/poll/{task_id}", summary="docling-serve: how far a task is", responses=documented(404))
async def docling_poll(
    request: Request,
    task_id: TaskId,
    service: ServiceDep,
    caller: Reads,
    wait: Annotated[float, Query(ge=0, le=MAX_WAIT_S, description="Seconds to wait for the task to end.")] = 0.0,
) -> DoclingTask:
    """The state of a task; with `wait`, once it has ended or the time is up."""
    job = await _watched(request, service, caller, task_id, wait, lambda now: now.state.is_final)
    return await to_thread.run_sync(_task, job, service)


@router.get(
    "/v1/result/{task_id}",
    summary="docling-serve: the result of a task",
    response_model=DoclingResult | DoclingTaskFailure,
    responses=documented(404),
)
def docling_result(task_id: TaskId, service: ServiceDep, caller: Reads) -> Response:
    """Markdown and DoclingDocument of the stored conversion, as often as it is asked for; or why there is none."""
    job = _own(task_id, service, caller)
    if not job.state.is_final:
        raise NotFound(_NOT_READY)
    if job.state is not JobState.DONE:
        return Response(DoclingTaskFailure(failure=_failure(job)).model_dump_json(), media_type="application/json")
    return _result(job, service)


async def _submit_form(request: Request, service: Service, caller: Caller) -> Job:
    if not is_multipart(request):
        raise RequestInvalid("body", "a file is sent as multipart/form-data")
    with await to_thread.run_sync(_reception, service) as reception:
        form = await receive_form(request, reception)
        _refuse_target(form.fields.get("target_type", "inbody"))
        await to_thread.run_sync(form.take_steps)
        return await to_thread.run_sync(_queue, reception, service, caller)


async def _json_in(request: Request) -> ConvertSources:
    body = bytearray()
    async for part in request.stream():
        body += part
        if len(body) > MAX_JSON_BYTES:
            raise RequestInvalid(
                "body", f"more than {MAX_JSON_BYTES >> 20} MB; send a file of this size as multipart/form-data"
            )
    try:
        return ConvertSources.model_validate_json(bytes(body))
    except ValidationError as error:
        found = error.errors(include_url=False, include_input=False)
        raise RequestValidationError([{**e, "loc": ("body", *e["loc"])} for e in found]) from error


def _refuse_target(kind: str) -> None:
    if kind != "inbody":
        raise RequestInvalid("body.target", _NO_STORAGE.format(kind=kind[:100]))


def _submit_source(source: FileSource | HttpSource, service: Service, caller: Caller) -> Job:
    settings = service.place.settings
    with _reception(service) as reception:
        if isinstance(source, FileSource):
            try:
                data = base64.b64decode(source.base64_string, validate=True)
            except (binascii.Error, ValueError) as error:
                raise RequestInvalid("body.sources.0.base64_string", f"this is no base64: {error}") from error
            reception.begin(source.filename)
            reception.write(data)
            reception.end()
            return _queue(reception, service, caller)
        if source.headers:
            raise RequestInvalid("body.sources.0.headers", "headers are not sent to other servers from here")
        with reception.fetching(source.url) as into:
            fetched = fetch(
                source.url, hosts=settings.url_hosts, max_bytes=settings.max_file_mb << 20, into=into, timeout_s=FETCH_S
            )
            reception.take(fetched.path, fetched.name)
        return _queue(reception, service, caller)


def _reception(service: Service) -> Reception:
    return Reception(service.place.library, max_file_bytes=service.place.settings.max_file_mb << 20)


def _queue(reception: Reception, service: Service, caller: Caller) -> Job:
    """The job of the one file that came; raises why it was refused."""
    if len(reception.uploads) + len(reception.refused) != 1:
        raise RequestInvalid("body.files", "one file makes one task here; send each in a request of its own")
    if reception.refused:
        raise reception.refused[0].error
    admission = Admission(max_queued=service.place.settings.max_queued, quotas=caller.quotas, n_bytes=reception.uploads[0].size)
    wish = Submission(tenant=caller.tenant, admission=admission, trace=observing.traceparent())
    (job,) = submit(reception, wish, library=service.place.library, ledger=service.ledger, recipe=service.place.recipe)
    if job.state is JobState.QUEUED:
        service.ring(Queue.CONVERT)
    return job


def _own(task_id: str, service: Service, caller: Caller) -> Job:
    """The job of this task, where it converts a paper and the caller may see it."""
    try:
        job = service.ledger.job(task_id, tenant=caller.sees)
    except NotFound as error:
        raise NotFound(_NOT_FOUND) from error
    if not job.kind.startswith("add:"):
        raise NotFound(_NOT_FOUND)
    return job


async def _watched(
    request: Request, service: Service, caller: Caller, task_id: str, wait_s: float, is_enough: Callable[[Job], bool]
) -> Job:
    """The job once it is so, or the time is up."""
    until = time.monotonic() + wait_s
    look = partial(_own, task_id, service, caller)
    async with request.app.state.watch.on(task_id) as event:
        job = await to_thread.run_sync(look)
        while not is_enough(job) and (left_s := until - time.monotonic()) > 0:
            await wait_for(event, min(left_s, LOOK_EVERY_S))
            job = await to_thread.run_sync(look)
    return job


def _task(job: Job, service: Service) -> DoclingTask:
    is_over = job.state in (JobState.FAILED, JobState.CANCELLED)
    return DoclingTask(
        task_id=job.id,
        task_status=_status(job),
        task_position=service.ledger.position(job) if job.queue is Queue.CONVERT else None,
        error_message=str(_error(job)) if is_over else None,
        failure=_failure(job) if is_over else None,
    )


def _status(job: Job) -> TaskStatus:
    if job.state is JobState.DONE:
        return TaskStatus.SUCCESS
    if job.state.is_final:
        return TaskStatus.FAILURE
    is_begun = job.state is JobState.RUNNING or job.queue is not Queue.CONVERT
    return TaskStatus.STARTED if is_begun else TaskStatus.PENDING


def _error(job: Job) -> RereadError:
    if job.state is JobState.CANCELLED:
        return RereadError(f"Job {job.id} was cancelled.")
    return error_of_code(job.error_code or "error", job.error or "It failed for an unknown reason.")


def _failure(job: Job) -> DoclingFailure:
    error = _error(job)
    code = "cancelled" if job.state is JobState.CANCELLED else error.code
    category: Any = (
        "policy"
        if isinstance(error, InputRefused)
        else "timeout"
        if isinstance(error, TimedOut)
        else "unknown"
        if type(error) is RereadError
        else "backend_failure"
    )
    return DoclingFailure(category=category, message=str(error), retryable=not error.is_final, details={"code": code})


def _result(job: Job, service: Service) -> Response:
    """The stored conversion in docling-serve's shape. Its JSON goes in as it is stored: a large one takes seconds to read."""
    library = service.place.library
    conversion = _conversion(job, service)
    about: dict[str, Any] = {
        "status": "partial_success" if conversion.is_partial else "success",
        "errors": [DoclingErrorItem(module_name="reread", error_message=w).model_dump() for w in conversion.warnings],
        "processing_time": conversion.seconds,
        "timings": {},
    }
    document = {"filename": job.payload["name"], "md_content": library.blobs.get_text(conversion.markdown)}
    others = {"html_content": None, "text_content": None, "doctags_content": None}
    text = (
        f'{{"document": {json.dumps({**document, **others})[:-1]}, "json_content": {library.blobs.get_text(conversion.docling_json)}}}, '
        f"{json.dumps(about)[1:]}"
    )
    return Response(text, media_type="application/json")


def _conversion(job: Job, service: Service) -> Conversion:
    """The newest conversion of the job's document."""
    doc_id = str(job.payload["doc_id"])
    found = service.place.library.conversions(doc_id)
    wanted = service.place.recipe.conversion_id(doc_id)
    current = [conversion for conversion in found if conversion.id == wanted] or found
    if not current:
        raise NotFound(_NOT_READY)  # the document was deleted since
    return current[0]
