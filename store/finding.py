"""Go through stored extractions by what they are, a batch of documents at a time; as a file that is never whole in memory.

The order is that of the documents' ids and then of the extractions' ids: it stands still while others write, so that a cursor is
the last pair seen. A newcomer would ask for all rows and sort them; a library of a million pages has millions.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from records import Document, Extraction, Verdict
from store import tables
from store.library import Library, within

#: Documents asked for at once: as many as gave about ROWS_PER_BATCH rows last time, between these.
FEWEST, MOST = 10, 640
ROWS_PER_BATCH = 2000
ROWS_PER_GROUP = 2000

#: Sorts after every id, which is hexadecimal: with a document's id, the place behind its last extraction.
AFTER_ALL = "g"

#: Columns of a Parquet file that are the document's and not the extraction's.
_DOCUMENT = ("doc_name", "title", "year", "doi")
_LEFT_OUT = ("is_current", "searchable", "created", "vector", "year")


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """Which extractions; None means any."""

    is_ok: bool | None = None
    field: str | None = None  #: a name, or a path such as 'measurements.value', that the record holds and that is not null
    verdict: Verdict | None = None  #: of at least one value
    with_empty: bool = False  #: also what was read and held nothing


@dataclass(frozen=True, slots=True, kw_only=True)
class Batch:
    """What some documents hold. It may be nothing: the next batch may hold more."""

    extractions: list[Extraction]
    documents: dict[str, Document]
    through: str  #: the last document that was looked at


def find_extractions(
    library: Library,
    wanted: Wanted,
    *,
    reading_keys: Sequence[str],
    doc_ids: Iterable[str],
    after: tuple[str, str] | None = None,
) -> Iterator[Batch]:
    """The current extractions of these readings of these documents, after the (document id, extraction id) last seen."""
    ordered = sorted(doc_id for doc_id in set(doc_ids) if after is None or (doc_id, AFTER_ALL) > after)
    start, size = 0, FEWEST
    while start < len(ordered) and reading_keys:
        part = ordered[start : start + size]
        rows = library.table(tables.EXTRACTIONS).search().where(_where(wanted, reading_keys, part)).to_arrow().to_pylist()
        found = [tables.extraction_of(row) for row in rows if after is None or (row["doc_id"], row["id"]) > after]
        kept = sorted((e for e in found if _fits(e, wanted)), key=lambda e: (e.doc_id, e.id))
        documents = {d.id: d for d in library.documents(sorted({e.doc_id for e in kept}))} if kept else {}
        # A document that is being deleted may be gone before its extractions are.
        yield Batch(extractions=[e for e in kept if e.doc_id in documents], documents=documents, through=part[-1])
        start += size
        size = min(max(size * ROWS_PER_BATCH // max(len(rows), ROWS_PER_BATCH // 4), FEWEST), MOST)


def _where(wanted: Wanted, reading_keys: Sequence[str], doc_ids: Sequence[str]) -> str:
    terms = ["is_current", within("doc_id", doc_ids), within("reading_key", reading_keys)]
    if wanted.is_ok is not None:
        terms.append(f"status = '{'ok' if wanted.is_ok else 'failed'}'")
    if not wanted.with_empty:
        terms.append("(status = 'failed' OR n_values > 0)")
    return " AND ".join(terms)


def _fits(extraction: Extraction, wanted: Wanted) -> bool:
    reading = extraction.reading
    if wanted.verdict is not None and not any(evidence.verdict is wanted.verdict for evidence in reading.evidence):
        return False
    return wanted.field is None or _holds(reading.record, wanted.field.split("."))


def _holds(value: Any, path: Sequence[str]) -> bool:
    """Whether something that is not null stands at this path; a list holds what one of its items holds."""
    if isinstance(value, list):
        return any(_holds(item, path) for item in value)
    if not path:
        return value is not None
    return isinstance(value, Mapping) and path[0] in value and _holds(value[path[0]], path[1:])


def documents_of_years(library: Library, first: int, last: int) -> set[str]:
    """The documents of these years, both included."""
    found = library.table(tables.DOCUMENTS).search().where(f"year BETWEEN {int(first)} AND {int(last)}").select(["id"])
    return set(found.to_arrow()["id"].to_pylist())


def parquet_of(batches: Iterable[Batch]) -> Iterator[bytes]:
    """A Parquet file, part by part: one row per extraction with its evidence as a list; `record` is JSON."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    from store.schemas import schemas

    own = [field for field in schemas(1)[tables.EXTRACTIONS] if field.name not in _LEFT_OUT]
    place = own.index(next(field for field in own if field.name == "doc_id")) + 1
    about = [pa.field(name, pa.int32() if name == "year" else pa.string()) for name in _DOCUMENT]
    schema = pa.schema([*own[:place], *about, *own[place:]], metadata={"reread": json.dumps({"format": 1})})
    sink = _Parts()
    with pq.ParquetWriter(pa.PythonFile(sink, mode="w"), schema, compression="zstd") as writer:
        rows: list[dict[str, Any]] = []
        for batch in batches:
            for extraction in batch.extractions:
                rows.append(_row(extraction, batch.documents[extraction.doc_id]))
                if len(rows) >= ROWS_PER_GROUP:
                    writer.write_table(pa.Table.from_pylist(rows, schema=schema))
                    rows = []
                    yield from sink.taken()
        if rows:
            writer.write_table(pa.Table.from_pylist(rows, schema=schema))
            yield from sink.taken()
    yield from sink.taken()


def _row(extraction: Extraction, document: Document) -> dict[str, Any]:
    row = tables.extraction_row(extraction, None, document.year)  # type: ignore[arg-type]  # its vector is left out
    about = {"doc_name": document.name, "title": document.title, "year": document.year, "doi": document.doi}
    return {**{name: value for name, value in row.items() if name not in _LEFT_OUT}, **about}


class _Parts:
    """A file that is only written to, and whose bytes are taken away while it is written."""

    closed = False

    def __init__(self) -> None:
        self._parts: list[bytes] = []
        self._n_bytes = 0

    def write(self, data: Any) -> int:
        part = bytes(data)
        self._parts.append(part)
        self._n_bytes += len(part)
        return len(part)

    def tell(self) -> int:
        return self._n_bytes

    def flush(self) -> None:
        """Nothing is held back."""

    def close(self) -> None:
        self.closed = True

    def readable(self) -> bool:
        return False

    def writable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return False

    def taken(self) -> list[bytes]:
        parts, self._parts = self._parts, []
        return parts
