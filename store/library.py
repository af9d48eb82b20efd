"""A library: one folder with everything that is known of its papers, opened by path, copied by copying.

Writing goes blobs first, then rows, and only then the ledger says done (jobs.py): a crash in between leaves work that is done
again, never a half that counts as whole. That is why every save here first removes what a crash may have left of the same thing.
"""

from __future__ import annotations

import json
import tempfile
import time
import tomllib
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence, Set
from contextlib import AbstractContextManager, contextmanager, suppress
from dataclasses import replace
from datetime import timedelta
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from errors import EmbeddingMismatch, LibraryError, LibraryTooNew, NotFound
from leftovers import name_in_progress, remove_leftovers
from records import Chunk, Conversion, Document, Extraction, Paper, Reference
from store import tables
from store.blobs import Blobs
from store.joining import entry_of, with_entry
from store.lock import WriterLock

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa

FORMAT = 1
#: Old versions of a table are removed after this long: a query that is under way keeps its version until then. An hour was a thousand
#: versions of a table that a paper comes to every four seconds, and as many files.
KEEP_VERSIONS = timedelta(minutes=5)
#: A table with more versions or data files than this loses the old ones in the next round of maintenance, though nobody adds to it.
MANY_FILES = 40
#: What LanceDB may keep of indices and of its own files' headers. Its own limits are 6 GB and 1 GB, and a writer grows until it has them.
#: With these and two arenas of malloc (service.py) it is flat after 8,000 papers; over 200,000 chunks, a search by words takes as long
#: as with sixteen times as much (both measured).
INDEX_CACHE_BYTES, HEADER_CACHE_BYTES = 8 << 20, 8 << 20
#: See whether a table is due for compaction after so many commits (LanceDB's own rule of thumb).
COMMITS_PER_LOOK = 20
ROWS_PER_REWRITE = 2000
#: Pieces of a table, each from one commit, that are let be; a large table may have one more for so many rows. Compaction rewrites
#: all pieces of less than a million rows, and what it replaces stays for KEEP_VERSIONS: done every 20 commits, it wrote a
#: table of 60,000 chunks anew for 3,500 added ones, and the disk grew by its size each time (measured).
PIECES = 20
ROWS_PER_PIECE = {tables.DOCUMENTS: 2000, tables.CONVERSIONS: 2000, tables.CHUNKS: 20_000, tables.EXTRACTIONS: 20_000}
#: Rows of a searched table that may stay out of its index, and how many rows allow one more: a search by words reads each of them,
#: 14 µs a row (measured).
FRESH_ROWS, ROWS_PER_FRESH_ROW = 250, 50

#: Tables with a full-text index.
SEARCHED = (tables.CHUNKS, tables.EXTRACTIONS)


class Library:
    """An open library. Nothing is imported from LanceDB until a table is touched."""

    def __init__(self, root: Path, *, embedding: str, dimension: int) -> None:
        self.root = root
        self.embedding = embedding  #: identity of the model that made every vector here
        self.dimension = dimension
        self.blobs = Blobs(root / "blobs")
        self._lock = WriterLock(root / "write.lock")
        self._commits = 0
        self._fresh: Counter[str] = Counter()  #: rows added by table since it was maintained

    def writing(self) -> AbstractContextManager[None]:
        """The only writer of this library, while the context lasts."""
        return self._lock.held()

    @cached_property
    def _database(self) -> Any:
        import lancedb

        caches = lancedb.Session(index_cache_size_bytes=INDEX_CACHE_BYTES, metadata_cache_size_bytes=HEADER_CACHE_BYTES)
        # 0: every read sees what other processes have written; the default never would.
        return lancedb.connect(str(self.root / "lance"), read_consistency_interval=timedelta(0), session=caches)

    @cached_property
    def _tables(self) -> dict[str, Any]:
        return {}

    def table(self, name: str) -> Any:
        """The LanceDB table of this name, made where it is not there yet."""
        if name not in self._tables:
            self._tables[name] = self._open_table(name)
        return self._tables[name]

    @cached_property
    def _schemas(self) -> dict[str, pa.Schema]:
        from store.schemas import schemas  # an add that has nothing to do need not wait for Arrow

        return schemas(self.dimension)

    def _open_table(self, name: str) -> Any:
        with suppress(ValueError):  # not there, or only its folder: its making was cut short
            return self._with_new_columns(name, self._database.open_table(name))
        with self.writing():
            with suppress(ValueError):  # made by another process while this one waited
                return self._database.open_table(name)
            table = self._database.create_table(name, schema=self._schemas[name], exist_ok=True)
            table.set_unenforced_primary_key("id")
            return table

    def _with_new_columns(self, name: str, table: Any) -> Any:
        """The table, given the columns that came after it was made; their values are null in the rows that it has."""
        fresh = [field for field in self._schemas[name] if field.name not in table.schema.names]
        if fresh:
            with self.writing():
                table.checkout_latest()
                if fresh := [field for field in fresh if field.name not in table.schema.names]:
                    table.add_columns(fresh)
        if any(table.schema.field(field.name).type != field.type for field in self._schemas[name]):
            with self.writing():
                return self._with_new_fields(name, self._database.open_table(name))
        return table

    def _with_new_fields(self, name: str, table: Any) -> Any:
        """The table written anew, in one commit, where a column of records has fields that came later; theirs are null. LanceDB adds
        whole columns only."""
        import pyarrow as pa

        schema = self._schemas[name]
        if all(table.schema.field(field.name).type == field.type for field in schema):
            return table  # another process was first
        batches = table.search().to_batches(batch_size=ROWS_PER_REWRITE)
        fresh = pa.RecordBatchReader.from_batches(
            schema, (pa.RecordBatch.from_pylist(b.to_pylist(), schema=schema) for b in batches)
        )
        table = self._database.create_table(name, data=fresh, mode="overwrite")
        table.set_unenforced_primary_key("id")
        self._index(name, table)
        return table

    def save_papers(self, papers: Sequence[Paper]) -> None:
        """Store these papers' rows in one commit per table, in place of what a crash may have left of them."""
        papers = list({paper.conversion.id: paper for paper in papers}.values())
        doc_ids = [paper.document.id for paper in papers]
        conversions = [paper.conversion.id for paper in papers]
        with self.writing():
            papers = [replace(paper, document=document) for paper, document in zip(papers, self._rejoined(papers), strict=True)]
            added = self._added(doc_ids)
            self._delete(tables.CONVERSIONS, within("id", conversions))
            self._delete(tables.CHUNKS, f"{within('doc_id', doc_ids)} AND {within('conversion_id', conversions)}")
            self._retire_chunks(doc_ids)
            self._add(tables.DOCUMENTS, [tables.document_row(p.document) for p in papers if p.document.id not in added])
            known = [paper.document for paper in papers if paper.document.id in added]
            self._replace(tables.DOCUMENTS, [tables.document_row(document, added[document.id]) for document in known])
            self._add(tables.CONVERSIONS, [tables.conversion_row(paper.conversion) for paper in papers])
            self._add(tables.CHUNKS, [row for paper in papers for row in _chunk_rows(paper)])

    def save_documents(self, documents: Sequence[Document]) -> None:
        """Store what is now known of documents that are here, and their years wherever a search filters by them."""
        with self.writing():
            known = {document.id: document for document in self.documents([document.id for document in documents])}
            added = self._added(list(known))
            changed = [document for document in documents if document.id in known and document != known[document.id]]
            self._replace(tables.DOCUMENTS, [tables.document_row(document, added[document.id]) for document in changed])
            for document in changed:
                if document.year is not None and document.year != known[document.id].year:
                    for name in SEARCHED:
                        self.table(name).update(where=within("doc_id", [document.id]), values={"year": document.year})

    def _added(self, doc_ids: Sequence[str]) -> dict[str, str]:
        """When each of these documents that are here came."""
        return {row["id"]: row["added"] for row in self._rows(tables.DOCUMENTS, where=within("id", doc_ids))}

    def _rejoined(self, papers: Sequence[Paper]) -> list[Document]:
        """The papers' documents, each with the bibliography entry that was joined to it before it was converted again."""
        known = {document.id: entry_of(document) for document in self.documents([paper.document.id for paper in papers])}
        entries = ((paper.document, known.get(paper.document.id)) for paper in papers)
        return [with_entry(document, entry) if entry else document for document, entry in entries]

    def references(self, conversion: Conversion) -> tuple[Reference, ...]:
        """The entries of a conversion's reference list; none where it was made before they were read."""
        if conversion.references is None:
            return ()
        told = json.loads(self.blobs.get_text(conversion.references))
        return tuple(Reference(**{**entry, "authors": tuple(entry["authors"])}) for entry in told)

    def save_extractions(self, extractions: Sequence[tuple[Extraction, np.ndarray]], *, years: dict[str, int | None]) -> None:
        """Store extractions, each with the vector of its unit, in place of rows with the same ids."""
        extractions = list({pair[0].id: pair for pair in extractions}.values())
        doc_ids = {extraction.doc_id for extraction, _ in extractions}  # indexed, so that no whole column is read
        ids = [extraction.id for extraction, _ in extractions]
        with self.writing():
            self._delete(tables.EXTRACTIONS, f"{within('doc_id', doc_ids)} AND {within('id', ids)}")
            rows = [
                tables.extraction_row(extraction, vector, years.get(extraction.doc_id)) for extraction, vector in extractions
            ]
            self._add(tables.EXTRACTIONS, rows)

    def retire_extractions(self, reading_key: str, current: Mapping[str, Set[str]]) -> None:
        """Of these documents, given with the ids of all that was now read of them with this key, mark what is not among them:
        it was read from chunks that a newer conversion has replaced."""
        if not current:
            return
        where = f"is_current AND {within('reading_key', [reading_key])} AND {within('doc_id', current)}"
        with self.writing():
            rows = self._rows(tables.EXTRACTIONS, where=where, columns=["id", "doc_id"])
            old = [row["id"] for row in rows if row["id"] not in current[row["doc_id"]]]
            if old:
                self.table(tables.EXTRACTIONS).update(
                    where=f"{within('doc_id', current)} AND {within('id', old)}", values={"is_current": False}
                )

    def documents(self, ids: Sequence[str] | None = None) -> list[Document]:
        """These documents, or all, by name."""
        rows = self._rows(tables.DOCUMENTS, where=within("id", ids) if ids is not None else None)
        return sorted((tables.document_of(row) for row in rows), key=lambda document: (document.name, document.id))

    def document_ids(self, where: str) -> set[str]:
        """The documents that this SQL condition over their columns holds for (docs/tables.md). Raises NotFound where it is none."""
        try:
            return {row["id"] for row in self._rows(tables.DOCUMENTS, where=where, columns=["id"])}
        except (RuntimeError, ValueError, OSError) as error:  # what LanceDB raises for SQL that it cannot read
            columns = ", ".join(name for name in self._schemas[tables.DOCUMENTS].names if name != "csl")
            raise NotFound(
                f"{where!r} is no condition over documents: {str(error).splitlines()[0][:200]}. Their columns are {columns}, as in "
                "\"year >= 2020 AND title LIKE '%solar%'\"."
            ) from error

    def conversions(self, doc_id: str) -> list[Conversion]:
        """The conversions of a document, newest first."""
        rows = self._rows(tables.CONVERSIONS, where=within("doc_id", [doc_id]))
        return [tables.conversion_of(row) for row in sorted(rows, key=lambda row: row["created"], reverse=True)]

    def chunks(self, doc_ids: Sequence[str]) -> dict[str, tuple[list[Chunk], np.ndarray]]:
        """The current chunks of each document in reading order, with their vectors, shape (chunks, dimension)."""
        import numpy as np

        rows = self._rows(tables.CHUNKS, where=f"is_current AND {within('doc_id', doc_ids)}")
        by_document: dict[str, list[dict[str, Any]]] = {doc_id: [] for doc_id in doc_ids}
        for row in sorted(rows, key=lambda row: row["ordinal"]):
            by_document[row["doc_id"]].append(row)
        found: dict[str, tuple[list[Chunk], np.ndarray]] = {}
        for doc_id, own in by_document.items():
            vectors = np.array([row["vector"] for row in own], dtype=np.float32).reshape(len(own), self.dimension)
            found[doc_id] = ([tables.chunk_of(row) for row in own], vectors)
        return found

    def extractions(self, reading_key: str, doc_ids: Sequence[str]) -> Iterator[Extraction]:
        """What was read with this key from these documents' newest conversions, in the order of the documents."""
        for start in range(0, len(doc_ids), 200):
            batch = doc_ids[start : start + 200]
            where = f"is_current AND {within('reading_key', [reading_key])} AND {within('doc_id', batch)}"
            rows = self._rows(tables.EXTRACTIONS, where=where)
            order = {doc_id: position for position, doc_id in enumerate(batch)}
            yield from (tables.extraction_of(row) for row in sorted(rows, key=lambda row: order[row["doc_id"]]))

    def readings(self, reading_key: str, doc_ids: Sequence[str]) -> dict[str, dict[str, float]]:
        """What was read successfully with this key from these documents: by extraction id, its values, tokens and seconds."""
        where = f"is_current AND status = 'ok' AND {within('reading_key', [reading_key])} AND {within('doc_id', doc_ids)}"
        rows = self._rows(tables.EXTRACTIONS, where=where, columns=["id", *tables.SUMMED])
        return {row["id"]: {name: row[name] for name in tables.SUMMED if row[name] is not None} for row in rows}

    def bytes(self) -> int:
        """Of everything in the folder."""
        total = 0
        for path in self.root.rglob("*"):
            with suppress(FileNotFoundError):  # a file in progress, removed since it was listed
                total += path.stat().st_size if path.is_file() else 0
        return total

    def count(self, name: str) -> int:
        """Rows of this table."""
        return self.table(name).count_rows()

    def delete_documents(self, ids: Sequence[str]) -> None:
        """Remove these documents' rows from every table; the blobs are the caller's to remove."""
        with self.writing():
            for name in (tables.EXTRACTIONS, tables.CHUNKS, tables.CONVERSIONS):
                self._delete(name, within("doc_id", ids))
            self._delete(tables.DOCUMENTS, within("id", ids))

    @contextmanager
    def scratch(self) -> Iterator[Path]:
        """A folder for work in progress, removed at the end; those of processes that died are removed at the beginning."""
        parent = self.root / "tmp"
        parent.mkdir(exist_ok=True)
        remove_leftovers(parent)
        remove_leftovers(self.blobs.in_progress)
        with tempfile.TemporaryDirectory(dir=parent, prefix=name_in_progress()) as folder:
            yield Path(folder)

    def maintain(self) -> None:
        """Compact, forget old versions and bring new rows into the indices, in tables that are in many pieces or have many new rows.
        Rows that are not in an index yet are found all the same."""
        if not self._commits:
            return
        with self.writing():
            for name, table in self._tables.items():
                if self._is_in_pieces(name, table) or self._is_fresh(name, table):
                    table.optimize(cleanup_older_than=KEEP_VERSIONS)
                    self._fresh[name] = 0
        self._commits = 0

    def _is_in_pieces(self, name: str, table: Any) -> bool:
        pieces: int = table.stats()["fragment_stats"]["num_fragments"]
        return pieces >= PIECES + table.count_rows() // ROWS_PER_PIECE[name]

    def _is_fresh(self, name: str, table: Any) -> bool:
        return name in SEARCHED and self._fresh[name] >= FRESH_ROWS + table.count_rows() // ROWS_PER_FRESH_ROW

    def forget_versions(self) -> None:
        """Remove what is left of old versions in tables that have many files, whoever wrote them and however long ago."""
        for name in ROWS_PER_PIECE:
            versions, data = (_ages_s(self.root / "lance" / f"{name}.lance" / part) for part in ("_versions", "data"))
            if max(len(versions), len(data)) > MANY_FILES and max(versions, default=0.0) > KEEP_VERSIONS.total_seconds():
                with self.writing():
                    self.table(name).optimize(cleanup_older_than=KEEP_VERSIONS)

    def _retire_chunks(self, doc_ids: Sequence[str]) -> None:
        table, where = self.table(tables.CHUNKS), f"is_current AND {within('doc_id', doc_ids)}"
        if table.count_rows(where):
            table.update(where=where, values={"is_current": False})

    def _delete(self, name: str, where: str) -> None:
        table = self.table(name)
        if table.count_rows(where):
            table.delete(where)

    def _replace(self, name: str, rows: list[dict[str, Any]]) -> None:
        """Add these rows in place of those with the same ids, in one commit, so that no reader misses them in between."""
        if rows:
            merge = self.table(name).merge_insert("id").use_index(False)  # an index would switch the key's check off
            merge.when_matched_update_all().when_not_matched_insert_all().execute(self._arrow(name, rows))
            self._committed()

    def _add(self, name: str, rows: list[dict[str, Any]]) -> None:
        if rows:
            table = self.table(name)
            table.add(self._arrow(name, rows))
            self._fresh[name] += len(rows)
            self._index(name, table)
            self._committed()

    def _arrow(self, name: str, rows: list[dict[str, Any]]) -> Any:
        import pyarrow as pa

        return pa.Table.from_pylist(rows, schema=self._schemas[name])

    def _committed(self) -> None:
        self._commits += 1
        is_due = any(self._is_fresh(name, table) for name, table in self._tables.items())
        if is_due or self._commits >= COMMITS_PER_LOOK:
            self.maintain()

    def _index(self, name: str, table: Any) -> None:
        """Make the indices of a table once it has rows: an index over an empty table finds nothing later."""
        from lancedb.index import FTS, BTree

        wanted: dict[str, Any] = {}
        if name in SEARCHED:
            wanted = {"searchable": FTS(with_position=False, language="English"), "doc_id": BTree()}
        there = {column for index in table.list_indices() for column in index.columns} if wanted else set()
        for column, config in wanted.items():
            if column not in there:
                table.create_index(column, config=config)

    def _rows(self, name: str, *, where: str | None, columns: list[str] | None = None) -> list[dict[str, Any]]:
        query = self.table(name).search()
        if where:
            query = query.where(where)
        if columns:
            query = query.select(columns)
        return query.to_arrow().to_pylist()


def _chunk_rows(paper: Paper) -> list[dict[str, Any]]:
    pairs = zip(paper.chunks, paper.vectors, strict=True)
    return [tables.chunk_row(chunk, vector, paper.document.year) for chunk, vector in pairs]


def _ages_s(folder: Path) -> list[float]:
    """Seconds since each file of a folder was written."""
    ages = []
    for path in folder.glob("*"):
        with suppress(FileNotFoundError):  # another process removes them too
            ages.append(time.time() - path.stat().st_mtime)
    return ages


def within(column: str, values: Iterable[str]) -> str:
    """SQL: the column is one of these values; quotes inside them are doubled."""
    quoted = ", ".join("'" + value.replace("'", "''") + "'" for value in values)
    return f"{column} IN ({quoted})" if quoted else "false"


def create_library(root: Path, *, embedding: str, dimension: int) -> Library:
    """A new, empty library in this folder."""
    root.mkdir(parents=True, exist_ok=True)
    text = (
        "# A Reread library. Written once; a library of a newer format is refused, never changed.\n"
        f"format = {FORMAT}\nembedding_model = {json.dumps(embedding, ensure_ascii=False)}\n"
        f'dimension = {dimension}\ncreated = "{tables.now()}"\n'
    )
    temporary = root / f"library.toml.{name_in_progress()}"
    temporary.write_text(text, encoding="utf-8")
    temporary.rename(root / "library.toml")
    return Library(root, embedding=embedding, dimension=dimension)


def is_library(root: Path) -> bool:
    return (root / "library.toml").exists()


def open_library(root: Path, *, embedding: str) -> Library:
    """The library in this folder. `embedding` is the identity of the model that is asked for.

    Raises LibraryError where there is none or its library.toml cannot be read, LibraryTooNew, EmbeddingMismatch.
    """
    try:
        facts = tomllib.loads((root / "library.toml").read_text(encoding="utf-8"))
        version, model, dimension = int(facts["format"]), str(facts["embedding_model"]), int(facts["dimension"])
    except FileNotFoundError as error:
        raise LibraryError(f"There is no library in {root}. Make one with `reread add PAPERS --library {root}`.") from error
    except (OSError, KeyError, TypeError, ValueError) as error:  # ValueError: not TOML, not UTF-8, or not a number
        raise LibraryError(
            f"{root / 'library.toml'} cannot be read: {error}. Nothing was changed. Restore the file from a copy of the library."
        ) from error
    if version > FORMAT:
        raise LibraryTooNew(
            f"The library in {root} has format {version}; this Reread reads up to {FORMAT}. Nothing was changed. Upgrade Reread."
        )
    if model != embedding:
        raise EmbeddingMismatch(
            f"The library in {root} was embedded with {model!r}, and {embedding!r} is asked for: their vectors cannot be compared. "
            f"Nothing was changed. Set embedding_model to {model!r}, or make a new library."
        )
    return Library(root, embedding=model, dimension=dimension)
