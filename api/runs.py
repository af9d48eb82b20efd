"""/v1/runs: put a prompt to papers, see first what it would cost, follow it, steer it, take its results.

A run is a hash of its question and its papers: the same request is the same run, and what was read before is not read again. That is
why POST may answer with a run that is done. A run of '' is the library's own: all may read it, only an administrator may steer it.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from typing import Annotated, Any

from fastapi import APIRouter, Path, Query, Request, Response
from fastapi.responses import JSONResponse
from pydantic import BaseModel, ConfigDict, Field, model_validator

import observing
import pipeline
from api.context import Caller, Reads, Service, ServiceDep, Submits
from api.extractions import DOCUMENTED, Empty, Field_, FormatOf, HowMany, Status, VerdictOf, answer
from api.pages import Cursor, Limit, decode_cursor, encode_cursor, ndjson, ndjson_documented, set_next_link, wants_ndjson
from api.problems import RequestInvalid, documented
from api.prompts import PromptName, prompt_text, question_of
from api.repeats import OnceDep
from api.search import DocumentId, Year
from api.texts import Text, storable
from api.visible import limited, run_owned, run_seen, seen_runs
from errors import Conflict, NotFound
from records import Filter, JobState, Queue, Run, SearchMode, as_json
from rereading import Question
from store.finding import Wanted, documents_of_years

router = APIRouter(tags=["runs"])

#: Seconds after which a new run is worth looking at.
LOOK_AGAIN_S = 5
#: More than any library holds.
MOST_DOCUMENTS = 1 << 40
#: Hits whose papers a query selects.
MOST_HITS = 1000

#: Any text: an id that is none is not found.
RunId = Annotated[str, Path(max_length=100, examples=["3f2a9c1b7d04"])]


class RunRequest(BaseModel):
    """A prompt and the papers that it is put to. The papers are those that fit everything that is given; else all."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={"examples": [{"prompt": "measurements", "years": [2019, 2021], "dry_run": True}]},
    )

    prompt: PromptName | None = Field(None, description="A prompt by name, as GET /v1/prompts lists them; or `inline`.")
    inline: Text | dict[str, Any] | None = Field(None, description="A prompt as YAML text or as a JSON object.")
    documents: list[DocumentId] | None = Field(None, max_length=10_000)
    years: tuple[Year, Year] | None = Field(None, description="First and last, both included.")
    query: Text | None = Field(None, min_length=1, max_length=2000, description="The papers of the best hits for these words.")
    hits: int = Field(100, ge=1, le=MOST_HITS, description="How many hits of `query` count.")
    model: Text | None = Field(None, max_length=100, description="An alias, as GET /v1/models lists them.")
    dry_run: bool = Field(False, description="Only say what would be read: 200 with the plan.")
    priority: int = Field(0, ge=-10, le=10, description="Higher first, among the caller's own.")

    @model_validator(mode="after")
    def _fits(self) -> RunRequest:
        if (self.prompt is None) == (self.inline is None):
            raise ValueError("give one of `prompt` and `inline`")
        return self


class RunPlanOut(BaseModel):
    """What a run would do."""

    prompt: str
    prompt_hash: str
    model: str
    documents: int
    documents_done: int = Field(description="Read with the same question before, whole.")
    chunks: int
    chunks_to_read: int = Field(description="Of the other documents; some are skipped by their kind, or were read before.")


class RunJobs(BaseModel):
    """How many documents of the run are in each state; those that were read before have no job."""

    queued: int = 0
    running: int = 0
    paused: int = 0
    done: int = 0
    failed: int = 0
    cancelled: int = 0


class RunLinks(BaseModel):
    self: str
    results: str
    events: str


class RunOut(BaseModel):
    """A prompt over papers, and how far it is."""

    id: str
    state: JobState
    is_final: bool
    prompt: str
    prompt_hash: str
    reading_key: str
    model: str
    selection: str
    documents: int
    jobs: RunJobs
    counts: dict[str, float] = Field(description="Sums over what was read: units, extractions, values, tokens, seconds.")
    created: str
    finished: str | None
    links: RunLinks


class RunList(BaseModel):
    items: list[RunOut]
    next_cursor: str | None


_ACCEPTED: dict[int | str, dict[str, Any]] = {
    200: {"model": RunPlanOut, "description": "With `dry_run`: what the run would do. Nothing was queued."},
    202: {
        "model": RunOut,
        "description": "The run is queued, or was done before.",
        "headers": {
            "Location": {"description": "The run.", "schema": {"type": "string"}},
            "Retry-After": {"description": "Seconds until it is worth a look.", "schema": {"type": "integer"}},
        },
    },
    **documented(404, 408, 409, 413, 415),
}


@router.post("/v1/runs", status_code=202, summary="Put a prompt to papers", response_model=RunOut, responses=_ACCEPTED)
async def submit_run(asked: RunRequest, service: ServiceDep, caller: Submits, once: OnceDep) -> Response:
    """Queue a run for the workers; with `dry_run`, only say what it would read."""
    trace = observing.traceparent()
    return await once.answer(("run", asked.model_dump(mode="json")), partial(_submit, asked, service, caller, trace))


def _submit(asked: RunRequest, service: Service, caller: Caller, trace: str | None) -> Response:
    question, text, alias = _question(asked, service)
    doc_ids = _selected(asked, service, caller)
    if asked.dry_run:
        plan = pipeline.plan_run(question, doc_ids, ledger=service.ledger)
        about = {"prompt": question.prompt.name, "prompt_hash": question.prompt.hash, "model": alias}
        said: dict[str, Any] = {**about, **as_json(plan)}
        return JSONResponse(RunPlanOut(**said).model_dump(mode="json"))
    if not doc_ids:
        raise RequestInvalid("body", "no paper that you may see fits this selection")
    run = pipeline.submit_run(
        question,
        model=alias,
        doc_ids=doc_ids,
        selection=_said(asked),
        prompt_text=text,
        ledger=service.ledger,
        tenant=caller.tenant,
        priority=asked.priority,
        trace=trace,
    )
    service.ring(Queue.EXTRACT)
    headers = {"Location": f"/v1/runs/{run.id}"} | ({} if run.state.is_final else {"Retry-After": str(LOOK_AGAIN_S)})
    return JSONResponse(_run(run, service).model_dump(mode="json"), 202, headers)


def _question(asked: RunRequest, service: Service) -> tuple[Question, str, str]:
    """The question, its prompt as text, and the alias of the model that reads."""
    if asked.prompt is not None:
        text = prompt_text(service.place.settings.prompts, asked.prompt)
    else:
        text = asked.inline if isinstance(asked.inline, str) else _as_text(asked.inline or {})
    question, alias = question_of(text, named=asked.prompt or "inline", model=asked.model, service=service)
    return question, text, alias


def _as_text(inline: dict[str, Any]) -> str:
    """A prompt that came as JSON; JSON is YAML, and what the workers get is the file that it would have been."""
    try:
        return storable(json.dumps(inline, ensure_ascii=False, indent=1))
    except (ValueError, RecursionError) as error:
        raise RequestInvalid("body.inline", str(error)) from error


def _selected(asked: RunRequest, service: Service, caller: Caller) -> list[str]:
    """The stored papers that the caller sees and that fit everything that was given."""
    library = service.place.library
    chosen = set(service.ledger.stored_documents(tenant=caller.sees, limit=MOST_DOCUMENTS))
    if asked.documents is not None:
        missing = sorted(set(asked.documents) - chosen)
        if missing:
            raise NotFound(f"No document has the id {missing[0]!r}. Nothing was queued. GET /v1/documents lists them.")
        chosen = set(asked.documents)
    if asked.years is not None:
        chosen &= documents_of_years(library, *asked.years)
    if asked.query is not None and chosen:
        is_limited = asked.documents is not None or asked.years is not None
        only = limited(Filter(doc_ids=tuple(sorted(chosen)) if is_limited else None), service, caller)
        embed = service.place.embed()
        hits = pipeline.search(asked.query, library=library, embed=embed, mode=SearchMode.HYBRID, limit=asked.hits, only=only)
        chosen &= {hit.doc_id for hit in hits}
    return sorted(chosen)


def _said(asked: RunRequest) -> str:
    """The selection in words."""
    parts = [f"{len(asked.documents):,} documents"] if asked.documents is not None else []
    parts += [f"years {asked.years[0]}-{asked.years[1]}"] if asked.years is not None else []
    parts += [f"the {asked.hits:,} best hits for {asked.query!r}"] if asked.query is not None else []
    return ", ".join(parts) or "all"


@router.get(
    "/v1/runs",
    summary="Runs, newest first",
    response_model=RunList,
    responses={**documented(), **ndjson_documented("RunOut")},
)
def list_runs(
    request: Request,
    response: Response,
    service: ServiceDep,
    caller: Reads,
    state: JobState | None = None,
    prompt: Annotated[str | None, Query(min_length=1, max_length=100, description="A prompt's name, or its hash.")] = None,
    limit: Limit = 50,
    cursor: Cursor = None,
) -> RunList | Response:
    """The caller's runs and the library's own."""
    after = decode_cursor(cursor, str, str)
    found = [run for run in reversed(seen_runs(service, caller)) if after is None or (run.created, run.id) < after]
    found = [run for run in found if state is None or run.state is state]
    found = [run for run in found if prompt is None or prompt in (run.prompt_name, run.prompt_hash)]
    items = [_run(run, service) for run in found[:limit]]
    next_cursor = encode_cursor(items[-1].created, items[-1].id) if len(found) > limit else None
    if wants_ndjson(request):
        return ndjson(request, items, next_cursor)
    set_next_link(request, response, next_cursor)
    return RunList(items=items, next_cursor=next_cursor)


@router.get("/v1/runs/{run_id}", summary="One run and how far it is", responses=documented(404))
def get_run(run_id: RunId, service: ServiceDep, caller: Reads) -> RunOut:
    """The run with the states of its documents and, once there are any, its sums."""
    return _run(run_seen(run_id, service, caller), service)


@router.get(
    "/v1/runs/{run_id}/results",
    summary="What a run read",
    response_model=DOCUMENTED[200]["model"],
    responses=DOCUMENTED,
)
def get_run_results(
    request: Request,
    run_id: RunId,
    service: ServiceDep,
    caller: Reads,
    document: Annotated[list[DocumentId] | None, Query(max_length=200, description="May be given again.")] = None,
    field: Field_ = None,
    status: Status = None,
    verdict: VerdictOf = None,
    empty: Empty = False,
    format: FormatOf = None,  # noqa: A002  the name of the parameter in the address
    limit: HowMany = None,
    cursor: Cursor = None,
) -> Response:
    """Its extractions so far, as GET /v1/extractions gives them."""
    run = run_seen(run_id, service, caller)
    wanted = Wanted(is_ok=None if status is None else status == "ok", field=field, verdict=verdict, with_empty=empty)
    return answer(
        request, [run], wanted, service=service, caller=caller, chosen=document, asked=format, limit=limit, cursor=cursor
    )


@router.post("/v1/runs/{run_id}/cancel", summary="End a run", responses=documented(404, 409))
def cancel_run(run_id: RunId, service: ServiceDep, caller: Submits) -> RunOut:
    """Nothing more is read. What was read stays, and the same run submitted again goes on from there."""
    run = _steered(run_id, service, caller, _OPEN, "cancelled")
    ledger = service.ledger
    ledger.cancel_all(_kind(run))
    closed = pipeline.close_run(run, ledger=ledger)
    if not closed.state.is_final:  # a document is being written at this moment; it is the last
        ledger.end_run(replace(run, state=JobState.CANCELLED, finished=datetime.now(UTC).isoformat(timespec="seconds")))
    return _run(ledger.run(run.id), service)


@router.post("/v1/runs/{run_id}/pause", summary="Put a run aside", responses=documented(404, 409))
def pause_run(run_id: RunId, service: ServiceDep, caller: Submits) -> RunOut:
    """No more of it is read until it is resumed."""
    run = _steered(run_id, service, caller, (JobState.QUEUED, JobState.RUNNING), "paused")
    service.ledger.set_run_state(run.id, JobState.PAUSED)
    service.ledger.pause_all(_kind(run))
    return _run(service.ledger.run(run.id), service)


@router.post("/v1/runs/{run_id}/resume", summary="Go on with a paused run", responses=documented(404, 409))
def resume_run(run_id: RunId, service: ServiceDep, caller: Submits) -> RunOut:
    run = _steered(run_id, service, caller, (JobState.PAUSED,), "resumed")
    service.ledger.resume_all(_kind(run))
    return _opened(run, service)


@router.post("/v1/runs/{run_id}/retry", summary="Try again what failed or was cancelled", responses=documented(404, 409))
def retry_run(run_id: RunId, service: ServiceDep, caller: Submits) -> RunOut:
    """Only units that have no reading yet are read."""
    run = _steered(run_id, service, caller, tuple(JobState), "retried")
    if run.prompt is None:
        raise Conflict(
            f"Run {run.id} was read by the command line; run the same `reread reprocess` again. Nothing was changed."
        )
    if not service.ledger.retry_all(_kind(run)):
        raise Conflict(f"Run {run.id} has no document that failed or was cancelled. Nothing was changed.")
    return _opened(run, service)


_OPEN = (JobState.QUEUED, JobState.RUNNING, JobState.PAUSED)


def _steered(run_id: str, service: Service, caller: Caller, states: Sequence[JobState], wish: str) -> Run:
    run = run_owned(run_id, service, caller)
    if run.state not in states:
        raise Conflict(f"Run {run.id} is {run.state.value}, so it cannot be {wish}. Nothing was changed.")
    return run


def _opened(run: Run, service: Service) -> RunOut:
    # One that was paused while it waited for its papers waits for them again.
    has_begun = bool(service.ledger.run_job_counts(run.id))
    service.ledger.set_run_state(run.id, JobState.RUNNING if has_begun else JobState.QUEUED)
    service.ring(Queue.EXTRACT)
    return _run(service.ledger.run(run.id), service)


def _kind(run: Run) -> str:
    return f"read:{run.id}"


def _run(run: Run, service: Service) -> RunOut:
    at = f"/v1/runs/{run.id}"
    return RunOut(
        id=run.id,
        state=run.state,
        is_final=run.state.is_final,
        prompt=run.prompt_name,
        prompt_hash=run.prompt_hash,
        reading_key=run.reading_key,
        model=run.model,
        selection=run.selection,
        documents=len(service.ledger.run_documents(run.id)),
        jobs=RunJobs(**{state.value: n for state, n in service.ledger.run_job_counts(run.id).items()}),
        counts=run.counts,
        created=run.created,
        finished=run.finished,
        links=RunLinks(self=at, results=f"{at}/results", events=f"{at}/events"),
    )
