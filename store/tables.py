"""The four LanceDB tables: the way from a record to a row and back. Their columns stand in schemas.py.

JSON columns (`csl`, `record`, `pages`, `features`) hold what has no fixed columns.
"""

from __future__ import annotations

import json
from dataclasses import asdict
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

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
    Step,
    Usage,
    Verdict,
)

if TYPE_CHECKING:
    import numpy as np

DOCUMENTS, CONVERSIONS, CHUNKS, EXTRACTIONS = "documents", "conversions", "chunks", "extractions"

#: Columns of an extraction that a run sums; what is unknown is null and adds nothing.
SUMMED = ("n_values", "prompt_tokens", "cached_tokens", "completion_tokens", "images", "pixels", "seconds", "energy_j")


def now() -> str:
    """This moment as ISO 8601 in UTC, to the microsecond: sorts as text."""
    return datetime.now(UTC).isoformat(timespec="microseconds")


def document_row(document: Document, added: str | None = None) -> dict[str, Any]:
    return {**asdict(document), "csl": json.dumps(document.csl, ensure_ascii=False), "added": added or now()}


def document_of(row: dict[str, Any]) -> Document:
    fields = {key: row[key] for key in ("id", "name", "size", "title", "year", "doi", "arxiv_id")}
    return Document(**fields, authors=tuple(row["authors"] or ()), csl=json.loads(row["csl"]))


def conversion_row(conversion: Conversion) -> dict[str, Any]:
    return {
        **asdict(conversion),
        "pages": json.dumps([asdict(page) for page in conversion.pages]),
        "figures": [_figure_row(figure) for figure in conversion.figures],
        "created": now(),
    }


def conversion_of(row: dict[str, Any]) -> Conversion:
    keys = ("id", "doc_id", "converter", "n_pages", "is_partial", "docling_json", "markdown", "seconds")
    return Conversion(
        **{key: row[key] for key in keys},
        warnings=tuple(row["warnings"]),
        pages=tuple(PageQuality(**page) for page in json.loads(row["pages"])),
        references=row.get("references"),
        figures=tuple(_figure_of(figure) for figure in row["figures"]),
    )


def _figure_row(figure: FigureCrop) -> dict[str, Any]:
    box = asdict(figure.box) if figure.box else dict.fromkeys(("left", "bottom", "right", "top"))
    return {"ref": figure.ref, "page": figure.page, **box, "png": figure.png}


def _figure_of(row: dict[str, Any]) -> FigureCrop:
    return FigureCrop(ref=row["ref"], page=row["page"], box=_box_of(row) if row["left"] is not None else None, png=row["png"])


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
        places=places_of(row),
        holds=tuple(row["holds"]),
        cites=tuple(row["cites"]),
        features=Features(**json.loads(row["features"])),
    )


def places_of(row: dict[str, Any]) -> tuple[Place, ...]:
    """Where a chunk's text stands, or the quotes of an extraction: in its row, whichever it is."""
    if "places" in row:
        return tuple(Place(start=p["start"], end=p["end"], page=p["page"], box=_box_of(p)) for p in row["places"])
    found = (e for e in row["evidence"] if e["start"] is not None and e["page"] is not None and e["left"] is not None)
    return tuple(Place(start=e["start"], end=e["end"], page=e["page"], box=_box_of(e)) for e in found)


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
        "n_values": sum(not one.is_of_nothing for one in reading.evidence),
        "record": json.dumps(reading.record, ensure_ascii=False) if reading.record is not None else None,
        "evidence": [_evidence_row(evidence) for evidence in reading.evidence],
        "searchable": "\n".join(dict.fromkeys(evidence.quote for evidence in reading.evidence)),
        "pages": sorted({evidence.page for evidence in reading.evidence if evidence.page}),
        "year": year,
        **asdict(reading.usage),
        "model": reading.model,
        "confidence": reading.confidence,
        "steps": json.dumps([asdict(step) for step in reading.steps]) if reading.steps else None,
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
            usage=_usage_of(row),
            confidence=row["confidence"],
            model=row["model"] or "",
            steps=tuple(_step_of(step) for step in json.loads(row["steps"] or "[]")),
            error_code=row["error_code"],
            error=row["error"],
            raw=row["raw"],
        ),
    )


def _usage_of(row: dict[str, Any]) -> Usage:
    known = ("prompt_tokens", "cached_tokens", "completion_tokens", "seconds", "energy_j", "energy_source")
    return Usage(**{key: row[key] for key in known}, images=row["images"] or 0, pixels=row["pixels"] or 0)


def _step_of(step: dict[str, Any]) -> Step:
    return Step(lane=Lane(step["lane"]), model=step["model"], usage=Usage(**step["usage"]), why=step["why"])


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
        "found_by": evidence.found_by,
        "method": evidence.method,
        "reason": evidence.reason,
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
        found_by=row["found_by"] or "",
        method=row["method"] or "",
        reason=row["reason"] or "",
    )


def _box_of(row: dict[str, Any]) -> Box:
    return Box(left=row["left"], bottom=row["bottom"], right=row["right"], top=row["top"])
