"""Records with sensible defaults: a test names what it is about and nothing else."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import Any

import numpy as np

from records import (
    Box,
    Chunk,
    ChunkKind,
    Conversion,
    Document,
    Evidence,
    Extraction,
    Features,
    Lane,
    PageQuality,
    Paper,
    Place,
    Prompt,
    Reading,
    Route,
    Unit,
    UnitKind,
    Usage,
    Verdict,
    content_id,
)
from store.library import Library

DIMENSION = 8
BOX = Box(left=50, bottom=700, right=300, top=712)


def embed(texts: Sequence[str]) -> np.ndarray:
    """A unit vector for each text that depends on its bytes alone: equal texts are equal, all others are unrelated."""
    if not texts:
        return np.empty((0, DIMENSION), dtype=np.float32)
    seeds = [int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "big") for text in texts]
    vectors = np.array([np.random.default_rng(seed).normal(size=DIMENSION) for seed in seeds], dtype=np.float32)
    return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)


def make_features(**known: Any) -> Features:
    given: dict[str, Any] = {
        "n_words": 9, "n_numbers": 1, "figure_share": 0.0, "table_share": 0.0, "formula_share": 0.0,
        "has_caption": False, "text_confidence": 1.0, **known,
    }  # fmt: skip
    return Features(**given)


def make_chunk(
    text: str = "The half-life was 2.3 h.",
    *,
    ordinal: int = 0,
    doc_id: str = "d" * 64,
    conversion_id: str = "c" * 64,
    kind: ChunkKind = ChunkKind.TEXT,
    headings: tuple[str, ...] = ("Results",),
    page: int = 1,
    **more: Any,
) -> Chunk:
    return Chunk(
        id=content_id("chunk", conversion_id, ordinal, text),
        doc_id=doc_id,
        conversion_id=conversion_id,
        ordinal=ordinal,
        kind=kind,
        headings=headings,
        text=text,
        places=(Place(start=0, end=len(text), page=page, box=BOX),),
        **{"holds": (), "cites": (), "features": make_features(), **more},
    )


def make_document(name: str = "smith-2021.pdf", **more: Any) -> Document:
    given = {"title": f"On {name}", "authors": ("A. Smith",), "year": 2021, **more}
    return Document(**{"id": content_id("bytes of", name), "name": name, "size": 1000, **given})


def make_conversion(doc_id: str, converter: str = "rules/1", **more: Any) -> Conversion:
    page = PageQuality(page=1, width=600, height=800, n_chars=1000, figure_share=0, confidence=1)
    given = {"n_pages": 1, "is_partial": False, "warnings": (), "pages": (page,), "figures": (), "seconds": 0.1}
    blobs = {"docling_json": content_id("docling", doc_id), "markdown": content_id("markdown", doc_id)}
    conversion_id = content_id("conversion", doc_id, converter)
    return Conversion(**{"id": conversion_id, "doc_id": doc_id, "converter": converter, **given, **blobs, **more})


def make_paper(
    name: str = "smith-2021.pdf",
    texts: Sequence[str] = ("First.", "Second.", "Third."),
    *,
    converter: str = "rules/1",
    **more: Any,
) -> Paper:
    """A paper of one chunk per text, one text per page; `more` goes to its document."""
    document = make_document(name, **more)
    conversion = make_conversion(document.id, converter, n_pages=len(texts))
    chunks = tuple(
        make_chunk(text, ordinal=i, doc_id=document.id, conversion_id=conversion.id, page=i + 1) for i, text in enumerate(texts)
    )
    return Paper(document=document, conversion=conversion, chunks=chunks, vectors=embed([c.searchable for c in chunks]))


def make_unit(*chunks: Chunk) -> Unit:
    chunks = chunks or (make_chunk(),)
    ids = content_id(*(chunk.id for chunk in chunks))
    return Unit(id=ids, doc_id=chunks[0].doc_id, chunks=chunks, vectors=embed([chunk.searchable for chunk in chunks]))


def make_prompt(name: str = "half-life", **more: Any) -> Prompt:
    given: dict[str, Any] = {
        "unit": UnitKind.CHUNK, "system": f"Find the {name}.", "template": "What is it?", "schema": {"type": "object"},
        "kinds": frozenset(ChunkKind), "model": None, "options": {}, **more,
    }  # fmt: skip
    return Prompt(name=name, hash=content_id("prompt", name), **given)


def make_evidence(chunk: Chunk, quote: str | None = None, field: str = "value") -> Evidence:
    quote = chunk.text if quote is None else quote
    start = chunk.text.find(quote)
    span = (start, start + len(quote)) if start >= 0 else None
    return Evidence(
        field=field, quote=quote, chunk_id=chunk.id, span=span, page=chunk.pages[0], box=BOX, verdict=Verdict.SUPPORTED
    )


def make_extraction(
    chunk: Chunk,
    record: dict[str, Any] | None = None,
    *,
    reading_key: str = "r" * 64,
    evidence: Sequence[Evidence] = (),
    **failed: Any,
) -> Extraction:
    unit = make_unit(chunk)
    found = tuple(evidence) or (() if failed else (make_evidence(chunk),))
    answer = None if failed else {"value": chunk.text} if record is None else record
    return Extraction(
        id=content_id("extraction", unit.id, reading_key),
        doc_id=chunk.doc_id,
        unit_id=unit.id,
        chunk_ids=(chunk.id,),
        prompt_name="half-life",
        prompt_hash="p" * 64,
        model_key="m" * 64,
        reading_key=reading_key,
        route=Route(lane=Lane.EMBEDDED, reason="text"),
        reading=Reading(record=answer, evidence=found, usage=Usage(seconds=0.01), **failed),
    )


def save_extractions(library: Library, *extractions: Extraction) -> None:
    """Store extractions with some vector each."""
    vectors = embed([extraction.id for extraction in extractions])
    library.save_extractions(list(zip(extractions, vectors, strict=True)), years={})
