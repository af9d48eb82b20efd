"""The columns of the four LanceDB tables.

They are public: pandas, polars and whatever else reads Lance opens these tables without us (docs/tables.md). Ids come first because
LanceDB looks a key up faster there.
"""

from __future__ import annotations

import pyarrow as pa

from store.tables import CHUNKS, CONVERSIONS, DOCUMENTS, EXTRACTIONS

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
        ("references", pa.string()),  # a blob; null where the paper was converted before entries were read
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
            ("found_by", pa.string()),
            ("method", pa.string()),
            ("reason", pa.string()),
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
        ("energy_source", pa.string()),  # counter or coefficient; null where the joules are not known
        ("images", pa.int64()),
        ("pixels", pa.int64()),
        ("model", pa.string()),  # alias of what read it
        ("confidence", pa.float64()),
        ("steps", pa.string()),  # of a cascade, as JSON: lane, model, usage, why the next lane was asked
        ("error_code", pa.string()),
        ("error", pa.string()),
        ("raw", pa.string()),
        ("created", pa.string()),
    ]
)
