"""POST /v1/search: passages of papers, or values that were read from them, by meaning, by words, or both.

Where several tenants share the library, a search is limited to what the caller may see before it ranks, not after: a limit of ten
must give the ten best of its own.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Request
from pydantic import BaseModel, ConfigDict, Field, model_validator

import pipeline
from api.context import Caller, Reads, Service, ServiceDep
from api.documents import BoxOut
from api.problems import documented
from api.shelf import Shelf, edition
from api.texts import Text
from api.visible import limited, reading_keys, run_seen, seen_hits
from records import Box, ChunkKind, Document, Filter, Hit, SearchMode

router = APIRouter(tags=["search"])

DocumentId = Annotated[str, Field(pattern="^[0-9a-f]{64}$")]
RunId = Annotated[str, Field(pattern="^[0-9a-f]{12}$", examples=["3f2a9c1b7d04"])]
Year = Annotated[int, Field(ge=0, le=9999)]
Page = Annotated[int, Field(ge=1, le=100_000)]
Span = tuple[int, int]


class SearchFilter(BaseModel):
    """What a search is limited to. What is null or left out does not limit."""

    model_config = ConfigDict(extra="forbid")

    documents: list[DocumentId] | None = Field(None, max_length=1000)
    years: tuple[Year, Year] | None = Field(None, description="First and last, both included.", examples=[[2019, 2021]])
    pages: tuple[Page, Page] | None = Field(None, description="First and last, both included.", examples=[[1, 3]])
    kinds: list[ChunkKind] | None = Field(None, max_length=10, description="Of passages; not for extractions.")
    run: RunId | None = Field(None, description="Of extractions: of this run. Of passages: of the papers that it read.")


class SearchRequest(BaseModel):
    """What to look for, how, and where."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={"examples": [{"query": "half-life in mouse plasma", "mode": "hybrid", "limit": 10}]},
    )

    query: Text = Field(min_length=1, max_length=2000)
    mode: SearchMode = Field(SearchMode.HYBRID, description="By meaning (vector), by words (text), or both.")
    filter: SearchFilter = SearchFilter()  # type: ignore[call-arg]
    limit: int = Field(10, ge=1, le=200)
    in_: Literal["papers", "extractions"] = Field("papers", alias="in")

    @model_validator(mode="after")
    def _fits(self) -> SearchRequest:
        if self.in_ == "extractions" and self.filter.kinds is not None:
            raise ValueError("`kinds` limits passages; extractions have none")
        return self


class HitPlace(BaseModel):
    """Where a stretch of text stands on paper."""

    page: int
    box: BoxOut


class HitOut(BaseModel):
    """One result with its place in its paper."""

    document_id: str
    document_name: str
    title: str | None
    year: int | None
    doi: str | None
    chunk_id: str
    kind: str = Field(
        description="Of a passage: text, table, figure, formula, references. Of an extraction: its prompt's name."
    )
    headings: list[str]
    page: int | None = Field(description="Where it begins.")
    box: BoxOut | None
    pages: list[int]
    places: list[HitPlace]
    text: str = Field(description="The passage; of an extraction, the quotes that support it.")
    record: dict[str, Any] | None = Field(description="Of an extraction.")
    score: float
    score_kind: Literal["rrf", "bm25", "cosine"] = Field(
        description="Higher is better in each; scores of two kinds do not compare."
    )


class SearchAnswer(BaseModel):
    """Results, best first."""

    query: str
    mode: SearchMode
    hits: list[HitOut]


@router.post("/v1/search", summary="Search papers or extractions", responses=documented(404, 408, 413, 415))
def search(asked: SearchRequest, request: Request, service: ServiceDep, caller: Reads) -> SearchAnswer:
    """The best hits, best first, each with its document, its page and its box."""
    hits = pipeline.search(
        asked.query,
        library=service.place.library,
        embed=service.place.embed() if asked.mode is not SearchMode.TEXT else None,
        mode=asked.mode,
        limit=asked.limit,
        only=_filter(asked, service, caller),
        in_extractions=asked.in_ == "extractions",
        documents=partial(_documents, request.app.state.shelf, service),
    )
    shown = [_hit(hit) for hit in seen_hits(hits, service, caller)]
    return SearchAnswer(query=asked.query, mode=asked.mode, hits=shown)


def _filter(asked: SearchRequest, service: Service, caller: Caller) -> Filter:
    only, ledger = asked.filter, service.ledger
    run = run_seen(only.run, service, caller) if only.run else None
    doc_ids = set(only.documents) if only.documents is not None else None
    if run is not None:
        covered = set(ledger.run_documents(run.id))
        doc_ids = covered if doc_ids is None else doc_ids & covered
    is_in_extractions = asked.in_ == "extractions"
    wanted = Filter(
        doc_ids=tuple(doc_ids) if doc_ids is not None else None,
        years=only.years,
        pages=only.pages,
        kinds=tuple(kind.value for kind in only.kinds) if only.kinds is not None else None,
        reading_key=run.reading_key if run is not None and is_in_extractions else None,
        reading_keys=reading_keys(service, caller) if is_in_extractions else None,
    )
    return limited(wanted, service, caller)


def _documents(shelf: Shelf, service: Service, ids: Sequence[str]) -> list[Document]:
    newest = service.ledger.newest("chunks", ids)
    return shelf.documents(service.place.library, {doc_id: edition(line) for doc_id, line in newest.items()})


def box_out(box: Box) -> BoxOut:
    return BoxOut(left=box.left, bottom=box.bottom, right=box.right, top=box.top)


def _hit(hit: Hit) -> HitOut:
    places = [HitPlace(page=place.page, box=box_out(place.box)) for place in hit.places]
    pages = list(hit.pages)
    return HitOut(
        document_id=hit.doc_id,
        document_name=hit.doc_name,
        title=hit.title,
        year=hit.year,
        doi=hit.doi,
        chunk_id=hit.chunk_id,
        kind=hit.kind,
        headings=list(hit.headings),
        page=places[0].page if places else pages[0] if pages else None,
        box=places[0].box if places else None,
        pages=pages,
        places=places,
        text=hit.text,
        record=hit.record,
        score=hit.score,
        score_kind=hit.score_kind,  # type: ignore[arg-type]  # of store.search
    )
