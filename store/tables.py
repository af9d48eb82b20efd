"""The four LanceDB tables: their schemas, and the way from a record to a row and back.

The schemas are public: DuckDB, pandas and polars read these tables without us (docs/tables.md). Ids come first because LanceDB
looks a key up faster there. JSON columns (`csl`, `record`, `pages`, `features`) hold what has no fixed columns.
"""

from __future__ import annotations

import json
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Any

import numpy as np
import pyarrow as pa

from records import (
    Box,
    Chunk,
    ChunkKind,
    Conversion,
    Document,
    Evidence,
    Extraction,
    Features,
    FigureCrop,
    Lane,
    PageQuality,
    Place,
    Reading,
    Route,
    Usage,
    Verdict,
)

DOCUMENTS, CONVERSIONS, CHUNKS, EXTRACTIONS = "documents", "conversions", "chunks", "extractions"

_STRINGS = pa.list_(pa.string())
_BOX = [(side, pa.float32()) for side in ("left", "bottom", "right", "top")]


def _key(name: str) -> pa.Field:
    return pa.field(name, pa.string(), nullable=False)


def schemas(dimension: int) -> dict[str, pa.Schema]:
    """The schema of each table, for vectors of this many dimensions."""
    vector = pa.field("vector", pa.list_(pa.float32(), dimension))
    return {
        DOCUMENTS: _DOCUMENTS,
        CONVERSIONS: _CONVERSIONS,
        CHUNKS: _CHUNKS.append(vector),
        EXTRACTIONS: _EXTRACTIONS.append(vector),
    }


_DOCUMENTS = pa.schema(
    [
        _key("id"),
        ("name", pa.string()),
        ("size", pa.int64()),
        ("title", pa.string()),
        ("authors", _STRINGS),
        ("year", pa.int32()),
        ("doi", pa.string()),
        ("arxiv_id", pa.string()),
        ("csl", pa.string()),
        ("added", pa.string()),
    ]
)

_CONVERSIONS = pa.schema(
    [
        _key("id"),
        ("doc_id", pa.string()),
        ("converter", pa.string()),
        ("n_pages", pa.int32()),
        ("is_partial", pa.bool_()),
        ("warnings", _STRINGS),
        ("pages", pa.string()),
        ("figures", pa.list_(pa.struct([("ref", pa.string()), ("page", pa.int32()), *_BOX, ("png", pa.string())]))),
        ("docling_json", pa.string()),
        ("markdown", pa.string()),
        ("seconds", pa.float64()),
        ("created", pa.string()),
    ]
)

_PLACES = pa.list_(pa.struct([("start", pa.int32()), ("end", pa.int32()), ("page", pa.int32()), *_BOX]))

_CHUNKS = pa.schema(
    [
        _key("id"),
        ("doc_id", pa.string()),
        ("conversion_id", pa.string()),
        ("is_current", pa.bool_()),  # of the document's newest conversion: what search and runs read
        ("ordinal", pa.int32()),
        ("kind", pa.string()),
        ("headings", _STRINGS),
        ("text", pa.string()),
        ("searchable", pa.string()),  # headings and text: what is embedded and indexed
        ("pages", pa.list_(pa.int32())),
        ("places", _PLACES),
        ("holds", _STRINGS),
        ("cites", _STRINGS),
        ("features", pa.string()),
        ("year", pa.int32()),  # the document's, so that a search can filter by it
    ]
)

_EVIDENCE = pa.list_(
    pa.struct(
        [
            ("field", pa.string()),
            ("quote", pa.string()),
            ("chunk_id", pa.string()),
            ("start", pa.int32()),
            ("end", pa.int32()),
            ("page", pa.int32()),
            *_BOX,
            ("verdict", pa.string()),
        ]
    )
)

_EXTRACTIONS = pa.schema(
    [
        _key("id"),
        ("doc_id", pa.string()),
        ("unit_id", pa.string()),
        ("chunk_ids", _STRINGS),
        ("reading_key", pa.string()),
        ("prompt_name", pa.string()),
        ("prompt_hash", pa.string()),
        ("model_key", pa.string()),
        ("lane", pa.string()),
        ("reason", pa.string()),
        ("is_current", pa.bool_()),  # of the newest chunks that its question has read: what search and export give
        ("status", pa.string()),  # ok or failed
        ("n_values", pa.int32()),
        ("record", pa.string()),
        ("evidence", _EVIDENCE),
        ("searchable", pa.string()),  # the record's words and its quotes
        ("pages", pa.list_(pa.int32())),
        ("year", pa.int32()),
        ("prompt_tokens", pa.int64()),
        ("cached_tokens", pa.int64()),
        ("completion_tokens", pa.int64()),
        ("seconds", pa.float64()),
        ("energy_j", pa.float64()),
        ("error_code", pa.string()),
        ("error", pa.string()),
        ("raw", pa.string()),
        ("created", pa.string()),
    ]
)


#: Columns of an extraction that a run sums; what is unknown is null and adds nothing.
SUMMED = ("n_values", "prompt_tokens", "cached_tokens", "completion_tokens", "seconds", "energy_j")


def now() -> str:
    """This moment as ISO 8601 in UTC, to the second."""
    return datetime.now(UTC).isoformat(timespec="seconds")


def document_row(document: Document, added: str | None = None) -> dict[str, Any]:
    return {**asdict(document), "csl": json.dumps(document.csl, ensure_ascii=False), "added": added or now()}


def document_of(row: dict[str, Any]) -> Document:
    fields = {key: row[key] for key in ("id", "name", "size", "title", "year", "doi", "arxiv_id")}
    return Document(**fields, authors=tuple(row["authors"] or ()), csl=json.loads(row["csl"]))


def conversion_row(conversion: Conversion) -> dict[str, Any]:
    return {
        **asdict(conversion),
        "pages": json.dumps([asdict(page) for page in conversion.pages]),
        "figures": [{"ref": f.ref, "page": f.page, **asdict(f.box), "png": f.png} for f in conversion.figures],
        "created": now(),
    }


def conversion_of(row: dict[str, Any]) -> Conversion:
    keys = ("id", "doc_id", "converter", "n_pages", "is_partial", "docling_json", "markdown", "seconds")
    return Conversion(
        **{key: row[key] for key in keys},
        warnings=tuple(row["warnings"]),
        pages=tuple(PageQuality(**page) for page in json.loads(row["pages"])),
        figures=tuple(FigureCrop(ref=f["ref"], page=f["page"], box=_box_of(f), png=f["png"]) for f in row["figures"]),
    )


def chunk_row(chunk: Chunk, vector: np.ndarray, year: int | None) -> dict[str, Any]:
    return {
        "id": chunk.id,
        "doc_id": chunk.doc_id,
        "conversion_id": chunk.conversion_id,
        "is_current": True,
        "ordinal": chunk.ordinal,
        "kind": chunk.kind.value,
        "headings": list(chunk.headings),
        "text": chunk.text,
        "searchable": chunk.searchable,
        "pages": list(chunk.pages),
        "places": [{"start": p.start, "end": p.end, "page": p.page, **asdict(p.box)} for p in chunk.places],
        "holds": list(chunk.holds),
        "cites": list(chunk.cites),
        "features": json.dumps(asdict(chunk.features)),
        "year": year,
        "vector": vector,
    }


def chunk_of(row: dict[str, Any]) -> Chunk:
    return Chunk(
        **{key: row[key] for key in ("id", "doc_id", "conversion_id", "ordinal", "text")},
        kind=ChunkKind(row["kind"]),
        headings=tuple(row["headings"]),
        places=tuple(Place(start=p["start"], end=p["end"], page=p["page"], box=_box_of(p)) for p in row["places"]),
        holds=tuple(row["holds"]),
        cites=tuple(row["cites"]),
        features=Features(**json.loads(row["features"])),
    )


def extraction_row(extraction: Extraction, vector: np.ndarray, year: int | None) -> dict[str, Any]:
    reading = extraction.reading
    return {
        **{
            key: getattr(extraction, key)
            for key in ("id", "doc_id", "unit_id", "reading_key", "prompt_name", "prompt_hash", "model_key")
        },
        "chunk_ids": list(extraction.chunk_ids),
        "lane": extraction.route.lane.value,
        "reason": extraction.route.reason,
        "is_current": True,
        "status": "ok" if reading.is_ok else "failed",
        "n_values": len(reading.evidence),
        "record": json.dumps(reading.record, ensure_ascii=False) if reading.record is not None else None,
        "evidence": [_evidence_row(evidence) for evidence in reading.evidence],
        "searchable": "\n".join(dict.fromkeys(evidence.quote for evidence in reading.evidence)),
        "pages": sorted({evidence.page for evidence in reading.evidence if evidence.page}),
        "year": year,
        **asdict(reading.usage),
        "error_code": reading.error_code,
        "error": reading.error,
        "raw": reading.raw,
        "created": now(),
        "vector": vector,
    }


def extraction_of(row: dict[str, Any]) -> Extraction:
    return Extraction(
        **{key: row[key] for key in ("id", "doc_id", "unit_id", "reading_key", "prompt_name", "prompt_hash", "model_key")},
        chunk_ids=tuple(row["chunk_ids"]),
        route=Route(lane=Lane(row["lane"]), reason=row["reason"]),
        reading=Reading(
            record=json.loads(row["record"]) if row["record"] else None,
            evidence=tuple(_evidence_of(evidence) for evidence in row["evidence"]),
            usage=Usage(
                **{key: row[key] for key in ("prompt_tokens", "cached_tokens", "completion_tokens", "seconds", "energy_j")}
            ),
            error_code=row["error_code"],
            error=row["error"],
            raw=row["raw"],
        ),
    )


def _evidence_row(evidence: Evidence) -> dict[str, Any]:
    start, end = evidence.span or (None, None)
    sides = asdict(evidence.box) if evidence.box else dict.fromkeys(("left", "bottom", "right", "top"))
    return {
        "field": evidence.field,
        "quote": evidence.quote,
        "chunk_id": evidence.chunk_id,
        "start": start,
        "end": end,
        "page": evidence.page,
        **sides,
        "verdict": evidence.verdict.value,
    }


def _evidence_of(row: dict[str, Any]) -> Evidence:
    return Evidence(
        field=row["field"],
        quote=row["quote"],
        chunk_id=row["chunk_id"],
        span=(row["start"], row["end"]) if row["start"] is not None else None,
        page=row["page"],
        box=_box_of(row) if row["left"] is not None else None,
        verdict=Verdict(row["verdict"]),
    )


def _box_of(row: dict[str, Any]) -> Box:
    return Box(left=row["left"], bottom=row["bottom"], right=row["right"], top=row["top"])
