"""Papers that are stored: list them, fetch what was made of them, delete them.

What came from outside goes out as a download of a type that no browser runs, never as a page. A document that the caller may not see
is answered exactly like one that is not there.
"""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Path, Request, Response
from pydantic import BaseModel, Field

import pipeline
from api.context import Administers, Caller, Reads, Service, ServiceDep
from api.jobs import NOT_MODIFIED, IfNoneMatch, matches
from api.pages import Cursor, Limit, decode_cursor, encode_cursor, ndjson, ndjson_documented, set_next_link, wants_ndjson
from api.problems import documented
from api.shelf import Shelf, edition
from errors import NotFound
from ingest.report import quality_report
from jobs import Done
from records import Box, Chunk, ChunkKind, Conversion, Document

router = APIRouter(tags=["documents"])

DocumentId = Annotated[str, Path(pattern="^[0-9a-f]{64}$", examples=["ab" * 32], description="sha256 of the file.")]


class DocumentOut(BaseModel):
    """One paper of the library."""

    id: str = Field(description="sha256 of the file.")
    name: str
    size: int = Field(description="Bytes.")
    title: str | None
    authors: list[str]
    year: int | None
    doi: str | None
    arxiv_id: str | None
    csl: dict[str, Any] = Field(
        description="The CSL-JSON item; `custom.witnesses` names those who agree on each field: bib, page, head, info, xmp, name."
    )
    links: dict[str, str]


class DocumentPage(BaseModel):
    """Papers, by id."""

    items: list[DocumentOut]
    next_cursor: str | None


class BoxOut(BaseModel):
    """A rectangle on a page: PDF points, origin bottom left."""

    left: float
    bottom: float
    right: float
    top: float


class FigureOut(BaseModel):
    """One figure or display formula: where it stands and where its picture is."""

    number: int = Field(description="From 1.")
    kind: Literal["figure", "formula"]
    ref: str
    page: int | None = Field(description="From 1; null where the document has no pages.")
    box: BoxOut | None
    links: dict[str, str]


class Figures(BaseModel):
    items: list[FigureOut]


class PageOut(BaseModel):
    """What the converter knows of one page."""

    page: int = Field(description="From 1.")
    width: float
    height: float
    n_chars: int
    figure_share: float
    confidence: float
    backend: str = Field(description="What read it; empty where it is not known.")
    ocr_share: float = Field(description="Share of its characters that OCR read.")
    turned: int = Field(description="Degrees that it was turned for its text to run across.")
    hyphens: int = Field(description="Words closed that a line's end had divided.")
    letters: int = Field(description="Ligatures taken apart, accents put on their letters.")
    furniture: int = Field(description="Running heads, feet and page numbers kept out of the text.")
    joins: int = Field(description="Stretches joined to a paragraph that began before.")


class RepairsOut(BaseModel):
    """What was mended over all pages."""

    hyphens: int
    letters: int
    furniture: int
    joins: int
    turned: list[int] = Field(description="Pages.")


class Quality(BaseModel):
    """How well a paper could be read."""

    conversion_id: str
    converter: str
    n_pages: int
    is_partial: bool = Field(description="Some pages could not be read; `warnings` name them.")
    missing: list[int] = Field(description="Pages that could not be read.")
    confidence: float = Field(description="Mean over the pages, 0 to 1.")
    doubtful: list[int] = Field(description="Pages that a reader should look at.")
    ocr_share: float
    backends: dict[str, list[int]] = Field(description="What read which pages.")
    repairs: RepairsOut
    warnings: list[str]
    seconds: float
    pages: list[PageOut]


class PlaceOut(BaseModel):
    """text[start:end] is printed in this box of this page."""

    start: int
    end: int
    page: int
    box: BoxOut


class ChunkOut(BaseModel):
    """One chunk of a paper."""

    id: str
    document_id: str
    ordinal: int = Field(description="Reading order, from 0.")
    kind: ChunkKind
    headings: list[str]
    text: str
    pages: list[int]
    places: list[PlaceOut]
    holds: list[str]
    cites: list[str]


class ChunkPage(BaseModel):
    """Chunks in reading order."""

    items: list[ChunkOut]
    next_cursor: str | None


class ReferenceOut(BaseModel):
    """One entry of the paper's reference list. What it does not say in a shape that we know is null; its text is always whole."""

    id: str = Field(description="What chunks cite it by: 'Reference 3'.", examples=["Reference 3"])
    label: str = Field(description="Its printed number, or 'Smith 2019a' in a list without numbers.")
    text: str = Field(description="As printed, without the number.")
    page: int = Field(description="From 1, where it begins; 0 = not known.")
    authors: list[str] = Field(description="'Family, Given'.")
    title: str | None
    year: int | None
    container: str | None = Field(description="Journal, proceedings or book.")
    volume: str | None
    issue: str | None
    pages: str | None
    doi: str | None
    arxiv_id: str | None
    url: str | None


class References(BaseModel):
    """The paper's reference list."""

    conversion_id: str
    is_read: bool = Field(description="False for a paper that was converted before reference lists were read.")
    items: list[ReferenceOut]


class Removed(BaseModel):
    """The document is gone from everywhere."""

    removed: str


def _file(media_type: str, kind: str) -> dict[str, Any]:
    """How a download is described."""
    content = {media_type: {"schema": {"type": kind}}}
    return {
        "response_class": Response,
        "responses": {**documented(404), **NOT_MODIFIED, 200: {"description": "The file.", "content": content}},
    }


@router.get(
    "/v1/documents",
    summary="Papers that are stored, by id",
    response_model=DocumentPage,
    responses={**documented(), **ndjson_documented("document")},
)
def list_documents(
    request: Request, response: Response, service: ServiceDep, caller: Reads, limit: Limit = 50, cursor: Cursor = None
) -> DocumentPage | Response:
    (after,) = decode_cursor(cursor, str) or ("",)
    ids = service.ledger.stored_documents(tenant=caller.sees, after=after, limit=limit + 1)
    newest = {doc_id: edition(line) for doc_id, line in service.ledger.newest("chunks", ids[:limit]).items()}
    items = [_document_out(document) for document in _documents(request, service, newest)]
    next_cursor = encode_cursor(ids[limit - 1]) if len(ids) > limit else None
    if wants_ndjson(request):
        return ndjson(request, items, next_cursor)
    set_next_link(request, response, next_cursor)
    return DocumentPage(items=items, next_cursor=next_cursor)


_PARTS = ("markdown", "docling", "figures", "quality", "references", "chunks")


def _document_out(document: Document) -> DocumentOut:
    base = f"/v1/documents/{document.id}"
    return DocumentOut(
        **{name: getattr(document, name) for name in ("id", "name", "size", "title", "year", "doi", "arxiv_id", "csl")},
        authors=list(document.authors),
        links={"self": base, **{name: f"{base}/{name}" for name in _PARTS}},
    )


@router.get("/v1/documents/{document_id}", summary="One paper", responses=documented(404))
def show_document(request: Request, document_id: DocumentId, service: ServiceDep, caller: Reads) -> DocumentOut:
    for document in _documents(request, service, {document_id: edition(_line(document_id, service, caller))}):
        return _document_out(document)
    raise _not_here(document_id)


@router.get("/v1/documents/{document_id}/markdown", summary="The paper's text as Markdown", **_file("text/markdown", "string"))
def fetch_markdown(
    request: Request, document_id: DocumentId, service: ServiceDep, caller: Reads, if_none_match: IfNoneMatch = None
) -> Response:
    conversion = _conversion(request, document_id, service, caller)
    return _text(service, conversion, conversion.markdown, "md", "text/markdown; charset=utf-8", if_none_match)


@router.get(
    "/v1/documents/{document_id}/docling", summary="The lossless DoclingDocument", **_file("application/json", "object")
)
def fetch_docling(
    request: Request, document_id: DocumentId, service: ServiceDep, caller: Reads, if_none_match: IfNoneMatch = None
) -> Response:
    conversion = _conversion(request, document_id, service, caller)
    return _text(service, conversion, conversion.docling_json, "docling.json", "application/json", if_none_match)


@router.get(
    "/v1/documents/{document_id}/figures", summary="The paper's figures and display formulas", responses=documented(404)
)
def list_figures(request: Request, document_id: DocumentId, service: ServiceDep, caller: Reads) -> Figures:
    figures = _conversion(request, document_id, service, caller).figures
    return Figures(
        items=[
            FigureOut(
                number=number,
                kind=figure.kind,
                ref=figure.ref,
                page=figure.page,
                box=_box(figure.box) if figure.box else None,
                links={"png": f"/v1/documents/{document_id}/figures/{number}"},
            )
            for number, figure in enumerate(figures, start=1)
        ]
    )


@router.get("/v1/documents/{document_id}/figures/{number}", summary="The picture of one figure", **_file("image/png", "string"))
def fetch_figure(
    request: Request,
    document_id: DocumentId,
    number: Annotated[int, Path(ge=1, le=100_000)],
    service: ServiceDep,
    caller: Reads,
    if_none_match: IfNoneMatch = None,
) -> Response:
    figures = _conversion(request, document_id, service, caller).figures
    if number > len(figures):
        raise NotFound(f"Document {document_id[:12]} has {len(figures)} figures, and no number {number}.")
    digest = figures[number - 1].png
    if matches(if_none_match, f'"{digest}"'):
        return _file_answer(b"", digest, f"{document_id[:12]}-figure-{number}.png", "image/png", is_known=True)
    return _file_answer(service.place.library.blobs.get(digest), digest, f"{document_id[:12]}-figure-{number}.png", "image/png")


@router.get("/v1/documents/{document_id}/quality", summary="How well the paper could be read", responses=documented(404))
def show_quality(request: Request, document_id: DocumentId, service: ServiceDep, caller: Reads) -> Quality:
    conversion = _conversion(request, document_id, service, caller)
    report = asdict(quality_report(conversion))
    return Quality(conversion_id=conversion.id, is_partial=conversion.is_partial, **report)


@router.get(
    "/v1/documents/{document_id}/references", summary="The entries of the paper's reference list", responses=documented(404)
)
def list_references(request: Request, document_id: DocumentId, service: ServiceDep, caller: Reads) -> References:
    conversion = _conversion(request, document_id, service, caller)
    entries = service.place.library.references(conversion)
    return References(
        conversion_id=conversion.id,
        is_read=conversion.references is not None,
        items=[ReferenceOut(**asdict(entry)) for entry in entries],
    )


@router.get("/v1/documents/{document_id}/chunks", summary="The paper's chunks in reading order", responses=documented(404))
def list_chunks(
    request: Request,
    response: Response,
    document_id: DocumentId,
    service: ServiceDep,
    caller: Reads,
    limit: Limit = 50,
    cursor: Cursor = None,
) -> ChunkPage:
    _conversion_id(document_id, service, caller)
    (after,) = decode_cursor(cursor, int) or (-1,)
    chunks, _ = service.place.library.chunks([document_id])[document_id]
    left = [chunk for chunk in chunks if chunk.ordinal > after]
    next_cursor = encode_cursor(left[limit - 1].ordinal) if len(left) > limit else None
    set_next_link(request, response, next_cursor)
    return ChunkPage(items=[_chunk_out(chunk) for chunk in left[:limit]], next_cursor=next_cursor)


def _chunk_out(chunk: Chunk) -> ChunkOut:
    return ChunkOut(
        id=chunk.id,
        document_id=chunk.doc_id,
        ordinal=chunk.ordinal,
        kind=chunk.kind,
        headings=list(chunk.headings),
        text=chunk.text,
        pages=list(chunk.pages),
        places=[PlaceOut(start=p.start, end=p.end, page=p.page, box=_box(p.box)) for p in chunk.places],
        holds=list(chunk.holds),
        cites=list(chunk.cites),
    )


@router.delete("/v1/documents/{document_id}", summary="Delete a paper everywhere", responses=documented(404))
def remove_document(document_id: DocumentId, service: ServiceDep, caller: Administers) -> Removed:
    _conversion_id(document_id, service, caller)
    pipeline.remove([document_id], library=service.place.library, ledger=service.ledger)
    return Removed(removed=document_id)


def _conversion_id(document_id: str, service: Service, caller: Caller) -> str:
    """The newest conversion of a document that the caller may see; raises NotFound."""
    return str(_line(document_id, service, caller).detail["conversion_id"])


def _line(document_id: str, service: Service, caller: Caller) -> Done:
    """What the ledger says of the newest chunks of a document that the caller may see; raises NotFound."""
    is_seen = caller.sees is None or document_id in service.ledger.may_see([document_id], caller.sees)
    newest = service.ledger.newest("chunks", [document_id]) if is_seen else {}
    if document_id not in newest:
        raise _not_here(document_id)
    return newest[document_id]


def _not_here(document_id: str) -> NotFound:
    return NotFound(f"No document has the id {document_id!r}. GET /v1/documents lists them; GET /v1/jobs what is on its way.")


def _conversion(request: Request, document_id: str, service: Service, caller: Caller) -> Conversion:
    shelf: Shelf = request.app.state.shelf
    conversion = shelf.conversion(service.place.library, document_id, _conversion_id(document_id, service, caller))
    if conversion is None:
        raise _not_here(document_id)
    return conversion


def _documents(request: Request, service: Service, newest: dict[str, str]) -> list[Document]:
    shelf: Shelf = request.app.state.shelf
    return shelf.documents(service.place.library, newest)


def _box(box: Box) -> BoxOut:
    return BoxOut(left=box.left, bottom=box.bottom, right=box.right, top=box.top)


def _text(service: Service, conversion: Conversion, digest: str, ending: str, media_type: str, known: str | None) -> Response:
    """A text of a conversion; its digest is its ETag, because the same text has the same one."""
    name = f"{conversion.doc_id[:12]}.{ending}"
    if matches(known, f'"{digest}"'):
        return _file_answer(b"", digest, name, media_type, is_known=True)
    return _file_answer(service.place.library.blobs.get_text(digest).encode(), digest, name, media_type)


def _file_answer(data: bytes, digest: str, name: str, media_type: str, *, is_known: bool = False) -> Response:
    """A download. The name is made of the id: what a sender called the file stays out of headers."""
    headers = {
        "ETag": f'"{digest}"',
        "Cache-Control": "private, no-cache",
        "Content-Disposition": f'attachment; filename="{name}"',
    }
    return Response(None if is_known else data, 304 if is_known else 200, headers, media_type)
