"""GET /v1/extractions: what was read, with the quote, the page and the box behind every value; by page, or all of it as a file.

JSON comes in pages with a cursor. NDJSON and Parquet come as one stream of everything that fits, a batch of documents at a time, so
that a million extractions cost no memory; whoever reads too slowly only makes the server wait. A page may be shorter than its limit
where little fits the filter: the end is where `next_cursor` is null.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator
from dataclasses import asdict
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Query, Request, Response
from fastapi.responses import JSONResponse, StreamingResponse
from pydantic import BaseModel, Field

from api.context import Caller, Reads, Service, ServiceDep
from api.documents import BoxOut
from api.pages import NDJSON, Cursor, decode_cursor, encode_cursor, set_next_link
from api.problems import documented
from api.search import DocumentId, RunId, box_out
from api.visible import run_seen, seen_documents, seen_runs
from records import Document, Evidence, Extraction, Lane, Run, Verdict
from store.finding import AFTER_ALL, Batch, Wanted, find_extractions, parquet_of

PARQUET = "application/vnd.apache.parquet"
PAGE = 50
#: A page that is not full after so many seconds is given as it is, with the cursor to go on from.
PAGE_S = 3.0

router = APIRouter(tags=["extractions"])

Format = Literal["json", "ndjson", "parquet"]


class DocumentRef(BaseModel):
    id: str
    name: str
    title: str | None
    year: int | None
    doi: str | None


class PromptRef(BaseModel):
    name: str
    hash: str


class EvidenceOut(BaseModel):
    """The words that support one value, and where they stand."""

    field: str = Field(description="Path of the value in the record.", examples=["measurements[0].value"])
    quote: str = Field(description="As the reader gave it.")
    chunk_id: str
    span: tuple[int, int] | None = Field(
        description="Where the quote stands in the chunk's text; null: it was not found there."
    )
    page: int | None
    box: BoxOut | None = Field(description="Of the words, or of the figure that the value was seen in.")
    found_by: str = Field(description="exact, normalised, aligned, or region for a figure; empty: it was not found.")
    verdict: Verdict
    method: str = Field(description="The check that gave the verdict.", examples=["number", "model:qwen-8b"])
    reason: str = Field(description="What that check saw; empty for what is supported.")


class UsageOut(BaseModel):
    """What the reading cost; null is unknown, never zero."""

    prompt_tokens: int | None
    cached_tokens: int | None
    completion_tokens: int | None
    images: int
    pixels: int
    seconds: float
    energy_j: float | None
    energy_source: Literal["counter", "coefficient"] | None = Field(description="How the joules are known.")


class FailureOut(BaseModel):
    code: str
    detail: str
    raw: str | None = Field(description="The answer as it came.")


class ExtractionOut(BaseModel):
    """One record that was read from one unit of one paper, or why none could be read."""

    id: str
    document: DocumentRef
    unit_id: str
    chunk_ids: list[str]
    prompt: PromptRef
    reading_key: str = Field(description="Shared by every run of the same prompt, model and router.")
    model_key: str
    model: str = Field(description="Alias of what read it.")
    lane: Lane
    reason: str = Field(description="Why it went to this lane.")
    status: Literal["ok", "failed"]
    record: dict[str, Any] | None
    evidence: list[EvidenceOut]
    confidence: float | None = Field(description="How sure the reader is of the whole record, 0 to 1; null: it does not say.")
    usage: UsageOut
    error: FailureOut | None


class ExtractionPage(BaseModel):
    items: list[ExtractionOut]
    next_cursor: str | None = Field(description="Of the next page; null at the end.")


#: One filter for every list of extractions.
Field_ = Annotated[
    str | None,
    Query(
        alias="field",
        pattern=r"^[^.\x00]{1,100}(\.[^.\x00]{1,100}){0,9}$",
        description="A field that the record holds and that is not null, as a path.",
        examples=["measurements.value"],
    ),
]
Status = Annotated[Literal["ok", "failed"] | None, Query(description="Only what was read, or only what could not be.")]
VerdictOf = Annotated[Verdict | None, Query(description="Of at least one value.")]
Empty = Annotated[bool, Query(description="Also what was read and held nothing.")]
FormatOf = Annotated[Format | None, Query(description="Else as the header Accept says.")]
HowMany = Annotated[
    int | None, Query(ge=1, le=500, description="Of a page of JSON: 50 if not given. Of a stream: all if not given.")
]

DOCUMENTED: dict[int | str, dict[str, Any]] = {
    200: {
        "model": ExtractionPage,
        "description": "A page; or all that fits, as a stream.",
        "content": {
            NDJSON: {"schema": {"type": "string", "description": "One ExtractionOut as JSON per line."}},
            PARQUET: {"schema": {"type": "string", "contentMediaType": PARQUET, "description": "A row per extraction."}},
        },
        "headers": {"Link": {"description": 'The next page: `<…>; rel="next"`.', "schema": {"type": "string"}}},
    },
    **documented(404),
}


@router.get("/v1/extractions", summary="What was read, filtered", response_model=ExtractionPage, responses=DOCUMENTED)
def list_extractions(
    request: Request,
    service: ServiceDep,
    caller: Reads,
    run: Annotated[RunId | None, Query(description="Of this run.")] = None,
    prompt: Annotated[str | None, Query(min_length=1, max_length=100, description="A prompt's name, or its hash.")] = None,
    document: Annotated[list[DocumentId] | None, Query(max_length=200, description="May be given again.")] = None,
    field: Field_ = None,
    status: Status = None,
    verdict: VerdictOf = None,
    empty: Empty = False,
    format: FormatOf = None,  # noqa: A002  the name of the parameter in the address
    limit: HowMany = None,
    cursor: Cursor = None,
) -> Response:
    """Extractions of the runs that the caller sees, in documents that it sees, in a fixed order."""
    runs = [run_seen(run, service, caller)] if run else seen_runs(service, caller)
    if prompt:
        runs = [found for found in runs if prompt in (found.prompt_name, found.prompt_hash)]
    wanted = Wanted(is_ok=None if status is None else status == "ok", field=field, verdict=verdict, with_empty=empty)
    return answer(
        request, runs, wanted, service=service, caller=caller, chosen=document, asked=format, limit=limit, cursor=cursor
    )


def answer(
    request: Request,
    runs: list[Run],
    wanted: Wanted,
    *,
    service: Service,
    caller: Caller,
    chosen: list[str] | None,
    asked: Format | None,
    limit: int | None,
    cursor: str | None,
) -> Response:
    """The extractions of these runs in the form that is asked for."""
    after = decode_cursor(cursor, str, str)
    batches = find_extractions(
        service.place.library,
        wanted,
        reading_keys=sorted({run.reading_key for run in runs}),
        doc_ids=_documents(runs, chosen, service, caller),
        after=(after[0], after[1]) if after else None,
    )
    form = asked or _accepted(request)
    if form == "json":
        return _page(request, batches, limit or PAGE)
    some = _first(batches if limit is None else _cut(batches, limit))
    if form == "parquet":
        return StreamingResponse(parquet_of(some), media_type=PARQUET, headers=_named("extractions.parquet"))
    return StreamingResponse(_lines(some), media_type=NDJSON)


def _documents(runs: list[Run], chosen: list[str] | None, service: Service, caller: Caller) -> set[str]:
    covered = {doc_id for run in runs for doc_id in service.ledger.run_documents(run.id)}
    return seen_documents(covered if chosen is None else covered & set(chosen), service, caller)


def _accepted(request: Request) -> Format:
    accept = request.headers.get("accept", "")
    return "ndjson" if NDJSON in accept else "parquet" if PARQUET in accept else "json"


def _named(name: str) -> dict[str, str]:
    return {"Content-Disposition": f'attachment; filename="{name}"'}


def _page(request: Request, batches: Iterator[Batch], limit: int) -> Response:
    items: list[ExtractionOut] = []
    last: tuple[str, str] | None = None
    until = time.monotonic() + PAGE_S
    next_cursor = None
    for batch in batches:
        for extraction in batch.extractions:
            if len(items) == limit:
                assert last is not None
                next_cursor = encode_cursor(*last)
                break
            items.append(shaped(extraction, batch.documents[extraction.doc_id]))
            last = (extraction.doc_id, extraction.id)
        if next_cursor is not None:
            break
        last = (batch.through, AFTER_ALL)
        if time.monotonic() > until:
            next_cursor = encode_cursor(*last)
            break
    page = JSONResponse(ExtractionPage(items=items, next_cursor=next_cursor).model_dump(mode="json"))
    set_next_link(request, page, next_cursor)
    return page


def _first(batches: Iterator[Batch]) -> Iterator[Batch]:
    """The same batches, the first of them made now: what fails at once is answered as a problem, not as a stream that breaks off."""
    head = next(batches, None)

    def both() -> Iterator[Batch]:
        if head is not None:
            yield head
        yield from batches

    return both()


def _cut(batches: Iterable[Batch], limit: int) -> Iterator[Batch]:
    for batch in batches:
        kept = batch.extractions[:limit]
        yield Batch(extractions=kept, documents=batch.documents, through=batch.through)
        limit -= len(kept)
        if limit <= 0:
            return


def _lines(batches: Iterable[Batch]) -> Iterator[str]:
    for batch in batches:
        lines = [shaped(e, batch.documents[e.doc_id]).model_dump_json() + "\n" for e in batch.extractions]
        if lines:
            yield "".join(lines)


def shaped(extraction: Extraction, document: Document) -> ExtractionOut:
    """One extraction as the API gives it."""
    reading = extraction.reading
    failure = FailureOut(code=reading.error_code, detail=reading.error or "", raw=reading.raw) if reading.error_code else None
    return ExtractionOut(
        id=extraction.id,
        document=DocumentRef(id=document.id, name=document.name, title=document.title, year=document.year, doi=document.doi),
        unit_id=extraction.unit_id,
        chunk_ids=list(extraction.chunk_ids),
        prompt=PromptRef(name=extraction.prompt_name, hash=extraction.prompt_hash),
        reading_key=extraction.reading_key,
        model_key=extraction.model_key,
        model=reading.model,
        lane=extraction.route.lane,
        reason=extraction.route.reason,
        status="ok" if reading.is_ok else "failed",
        record=reading.record,
        evidence=[_evidence(found) for found in reading.evidence],
        confidence=reading.confidence,
        usage=UsageOut(**asdict(reading.usage)),
        error=failure,
    )


def _evidence(found: Evidence) -> EvidenceOut:
    return EvidenceOut(
        field=found.field,
        quote=found.quote,
        chunk_id=found.chunk_id,
        span=found.span,
        page=found.page,
        box=box_out(found.box) if found.box else None,
        found_by=found.found_by,
        verdict=found.verdict,
        method=found.method,
        reason=found.reason,
    )
