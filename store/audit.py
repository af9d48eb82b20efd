"""Prove that ledger, blobs and rows agree, or say where they do not.

The ledger's manifest is handed in as plain lines (key, document, detail) by stage. Rows or blobs that the ledger does not know
are what an interrupted command left; the next one takes them over, so they are findings, but lose nothing.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from store import tables
from store.library import Library

Line = tuple[str, str, dict[str, Any]]  #: key, doc_id, detail


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One disagreement."""

    what: str  #: missing, surplus, doubled or damaged
    kind: str  #: table or 'blob'
    key: str  #: of the thing
    reason: str


def audit_library(library: Library, lines: Mapping[str, Iterable[Line]], *, deep: bool) -> list[Finding]:
    """Every disagreement; an empty list proves that all three agree. `deep` hashes every blob."""
    return [
        *_audit_ids(library, tables.DOCUMENTS, {key for key, _, _ in lines["document"]}),
        *_audit_ids(library, tables.CONVERSIONS, {key for key, _, _ in lines["conversion"]}),
        *_audit_counts(
            library, tables.CHUNKS, ["conversion_id"], {(d["conversion_id"],): d["chunks"] for _, _, d in lines["chunks"]}
        ),
        *_audit_counts(
            library,
            tables.EXTRACTIONS,
            ["doc_id", "reading_key"],
            {(doc_id, d["reading_key"]): d.get("extractions", 0) for _, doc_id, d in lines["read"]},
        ),
        *_audit_blobs(
            library, {digest for s in ("document", "conversion") for _, _, d in lines[s] for digest in d["blobs"]}, deep
        ),
    ]


def _columns(library: Library, name: str, columns: list[str], where: str | None = None) -> Any:
    """These columns as an Arrow table: as Python objects those of a large library would not fit into memory."""
    query = library.table(name).search().select(columns)
    return (query.where(where) if where else query).to_arrow()


def _counts(rows: Any, group: list[str]) -> Counter[tuple[str, ...]]:
    """How many rows each group has."""
    counted = rows.group_by(group).aggregate([([], "count_all")]).to_pydict()
    keys = zip(*(counted[column] for column in group), strict=True)
    return Counter(dict(zip(keys, counted["count_all"], strict=True)))


def _doubled(rows: Any, name: str) -> list[Finding]:
    import pyarrow.compute as pc

    if pc.count_distinct(rows["id"]).as_py() == rows.num_rows:
        return []
    return [
        Finding(what="doubled", kind=name, key=key, reason=f"{n} rows have this id")
        for (key,), n in _counts(rows, ["id"]).items()
        if n > 1
    ]


def _audit_ids(library: Library, name: str, wanted: set[str]) -> list[Finding]:
    """Each id of the ledger has one row, and no row is without a line."""
    rows = _columns(library, name, ["id"])
    ids = set(rows["id"].to_pylist())
    missing = [
        Finding(what="missing", kind=name, key=key, reason="the ledger says done, and there is no row")
        for key in sorted(wanted - ids)
    ]
    return [*missing, *_surplus(name, ids - wanted), *_doubled(rows, name)]


def _audit_counts(library: Library, name: str, group: list[str], wanted: dict[tuple[str, ...], int]) -> list[Finding]:
    """Each group of rows is as large as the ledger says, and no finished group is unknown to it."""
    where = "is_current AND status = 'ok'" if name == tables.EXTRACTIONS else None
    rows = _columns(library, name, ["id", *group], where)
    found = _counts(rows, group)
    wrong = [
        Finding(
            what="missing" if found[key] < n else "surplus",
            kind=name,
            key=" ".join(key),
            reason=f"{found[key]} rows; the ledger says {n}",
        )
        for key, n in wanted.items()
        if found[key] != n
    ]
    # Readings of a document of which some units failed are rows without a line, and rightly so.
    unknown = set() if name == tables.EXTRACTIONS else {" ".join(key) for key in found.keys() - wanted.keys()}
    return [*wrong, *_surplus(name, unknown), *_doubled(rows, name)]


def _audit_blobs(library: Library, wanted: set[str], deep: bool) -> list[Finding]:
    there = set(library.blobs.digests())
    missing = [
        Finding(what="missing", kind="blob", key=key, reason="the ledger names it, and there is no file")
        for key in sorted(wanted - there)
    ]
    damaged = [
        Finding(what="damaged", kind="blob", key=key, reason="its bytes do not hash to its name")
        for key in (sorted(there & wanted) if deep else ())
        if not library.blobs.is_sound(key)
    ]
    return [*missing, *_surplus("blob", there - wanted), *damaged]


def _surplus(kind: str, keys: set[str]) -> list[Finding]:
    reason = "the ledger does not know it: an interrupted command left it; the same command again takes it over"
    return [Finding(what="surplus", kind=kind, key=key, reason=reason) for key in sorted(keys)]
