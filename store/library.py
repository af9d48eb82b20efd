"""A library: one folder with everything that is known of its papers, opened by path, copied by copying.

Writing goes blobs first, then rows, and only then the ledger says done (jobs.py): a crash in between leaves work that is done
again, never a half that counts as whole. That is why every save here first removes what a crash may have left of the same thing.
"""

from __future__ import annotations

import os
import shutil
import tempfile
import tomllib
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from datetime import timedelta
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from errors import EmbeddingMismatch, LibraryError, LibraryTooNew
from records import Chunk, Conversion, Document, Extraction, Paper
from store import tables
from store.blobs import Blobs
from store.lock import WriterLock

FORMAT = 1
#: Old versions of a table are removed after this long: a reader that is open keeps its version until then.
KEEP_VERSIONS = timedelta(hours=1)
#: Compact after so many commits (LanceDB's own rule of thumb).
COMMITS_PER_COMPACTION = 20


class Library:
    """An open library. Nothing is imported from LanceDB until a table is touched."""

    def __init__(self, root: Path, *, embedding: str, dimension: int) -> None:
        self.root = root
        self.embedding = embedding  #: identity of the model that made every vector here
        self.dimension = dimension
        self.blobs = Blobs(root / "blobs")
        self._lock = WriterLock(root / "write.lock")
        self._commits = 0

    def writing(self) -> AbstractContextManager[None]:
        """The only writer of this library, while the context lasts."""
        return self._lock.held()

    @cached_property
    def _database(self) -> Any:
        import lancedb

        # 0: every read sees what other processes have written; the default never would.
        return lancedb.connect(str(self.root / "lance"), read_consistency_interval=timedelta(0))

    @cached_property
    def _tables(self) -> dict[str, Any]:
        return {}

    def table(self, name: str) -> Any:
        """The LanceDB table of this name, made where it is not there yet."""
        if name not in self._tables:
            self._tables[name] = self._open_table(name)
        return self._tables[name]

    def _open_table(self, name: str) -> Any:
        if (self.root / "lance" / f"{name}.lance").exists():
            return self._database.open_table(name)
        with self.writing():
            table = self._database.create_table(name, schema=tables.schemas(self.dimension)[name], exist_ok=True)
            table.set_unenforced_primary_key("id")
            return table

    def save_papers(self, papers: Sequence[Paper]) -> None:
        """Store these papers' rows in one commit per table, in place of what a crash may have left of them."""
        with self.writing():
            known = self._known(tables.DOCUMENTS, "id", [paper.document.id for paper in papers])
            conversions = [paper.conversion.id for paper in papers]
            self._delete(tables.CONVERSIONS, "id", conversions)
            self._delete(tables.CHUNKS, "conversion_id", conversions)
            self._retire_chunks(known)
            self._add(tables.DOCUMENTS, [tables.document_row(p.document) for p in papers if p.document.id not in known])
            self._add(tables.CONVERSIONS, [tables.conversion_row(paper.conversion) for paper in papers])
            self._add(tables.CHUNKS, [row for paper in papers for row in _chunk_rows(paper)])

    def save_extractions(self, extractions: Sequence[tuple[Extraction, np.ndarray]], *, years: dict[str, int | None]) -> None:
        """Store extractions, each with the vector of its unit, in place of rows with the same ids."""
        with self.writing():
            self._delete(tables.EXTRACTIONS, "id", [extraction.id for extraction, _ in extractions])
            rows = [
                tables.extraction_row(extraction, vector, years.get(extraction.doc_id)) for extraction, vector in extractions
            ]
            self._add(tables.EXTRACTIONS, rows)

    def documents(self, ids: Sequence[str] | None = None) -> list[Document]:
        """These documents, or all, by name."""
        rows = self._rows(tables.DOCUMENTS, where=within("id", ids) if ids is not None else None)
        return sorted((tables.document_of(row) for row in rows), key=lambda document: (document.name, document.id))

    def conversions(self, doc_id: str) -> list[Conversion]:
        """The conversions of a document, newest first."""
        rows = self._rows(tables.CONVERSIONS, where=within("doc_id", [doc_id]))
        return [tables.conversion_of(row) for row in sorted(rows, key=lambda row: row["created"], reverse=True)]

    def chunks(self, doc_ids: Sequence[str]) -> dict[str, tuple[list[Chunk], np.ndarray]]:
        """The current chunks of each document in reading order, with their vectors, shape (chunks, dimension)."""
        rows = self._rows(tables.CHUNKS, where=f"is_current AND {within('doc_id', doc_ids)}")
        found: dict[str, tuple[list[Chunk], np.ndarray]] = {}
        for doc_id in doc_ids:
            own = sorted((row for row in rows if row["doc_id"] == doc_id), key=lambda row: row["ordinal"])
            vectors = np.array([row["vector"] for row in own], dtype=np.float32).reshape(len(own), self.dimension)
            found[doc_id] = ([tables.chunk_of(row) for row in own], vectors)
        return found

    def extractions(self, reading_key: str, doc_ids: Sequence[str]) -> Iterator[Extraction]:
        """What was read with this key from these documents, in the order of the documents."""
        for start in range(0, len(doc_ids), 200):
            batch = doc_ids[start : start + 200]
            rows = self._rows(tables.EXTRACTIONS, where=f"{within('reading_key', [reading_key])} AND {within('doc_id', batch)}")
            order = {doc_id: position for position, doc_id in enumerate(batch)}
            yield from (tables.extraction_of(row) for row in sorted(rows, key=lambda row: order[row["doc_id"]]))

    def readings(self, reading_key: str, doc_ids: Sequence[str]) -> dict[str, dict[str, float]]:
        """What was read successfully with this key from these documents: by extraction id, its values, tokens and seconds."""
        where = f"{within('reading_key', [reading_key])} AND {within('doc_id', doc_ids)} AND status = 'ok'"
        rows = self._rows(tables.EXTRACTIONS, where=where, columns=["id", *tables.SUMMED])
        return {row["id"]: {name: row[name] for name in tables.SUMMED if row[name] is not None} for row in rows}

    def count(self, name: str) -> int:
        """Rows of this table."""
        return self.table(name).count_rows()

    def delete_documents(self, ids: Sequence[str]) -> None:
        """Remove these documents' rows from every table; the blobs are the caller's to remove."""
        with self.writing():
            for name in (tables.EXTRACTIONS, tables.CHUNKS, tables.CONVERSIONS):
                self._delete(name, "doc_id", ids)
            self._delete(tables.DOCUMENTS, "id", ids)

    @contextmanager
    def scratch(self) -> Iterator[Path]:
        """A folder for work in progress, removed at the end; those of processes that died are removed at the beginning."""
        parent = self.root / "tmp"
        parent.mkdir(exist_ok=True)
        for left in parent.iterdir():
            if not is_alive(int(left.name.partition("-")[0])):
                shutil.rmtree(left, ignore_errors=True)
        with tempfile.TemporaryDirectory(dir=parent, prefix=f"{os.getpid()}-") as folder:
            yield Path(folder)

    def maintain(self) -> None:
        """Compact, forget old versions and bring new rows into the indices, where something was written since the last time."""
        if not self._commits:
            return
        with self.writing():
            for table in self._tables.values():
                table.optimize(cleanup_older_than=KEEP_VERSIONS)
        self._commits = 0

    def _retire_chunks(self, doc_ids: set[str]) -> None:
        if doc_ids:
            self.table(tables.CHUNKS).update(where=f"is_current AND {within('doc_id', doc_ids)}", values={"is_current": False})

    def _known(self, name: str, column: str, values: Sequence[str]) -> set[str]:
        rows = self._rows(name, where=within(column, values), columns=[column])
        return {row[column] for row in rows}

    def _delete(self, name: str, column: str, values: Sequence[str]) -> None:
        table, where = self.table(name), within(column, values)
        if table.count_rows(where):
            table.delete(where)

    def _add(self, name: str, rows: list[dict[str, Any]]) -> None:
        if not rows:
            return
        import pyarrow as pa

        table = self.table(name)
        table.add(pa.Table.from_pylist(rows, schema=tables.schemas(self.dimension)[name]))
        self._index(name, table)
        self._commits += 1
        if self._commits >= COMMITS_PER_COMPACTION:
            self.maintain()

    def _index(self, name: str, table: Any) -> None:
        """Make the indices of a table once it has rows: an index over an empty table finds nothing later."""
        from lancedb.index import FTS, BTree

        wanted: dict[str, Any] = {}
        if name in (tables.CHUNKS, tables.EXTRACTIONS):
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


def is_alive(pid: int) -> bool:
    """True while a process of this host has this id."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def within(column: str, values: Sequence[str] | set[str]) -> str:
    """SQL: the column is one of these values; quotes inside them are doubled."""
    quoted = ", ".join("'" + value.replace("'", "''") + "'" for value in values)
    return f"{column} IN ({quoted})" if quoted else "false"


def create_library(root: Path, *, embedding: str, dimension: int) -> Library:
    """A new, empty library in this folder."""
    root.mkdir(parents=True, exist_ok=True)
    text = (
        "# A Reread library. Written once; a library of a newer format is refused, never changed.\n"
        f'format = {FORMAT}\nembedding_model = "{embedding}"\ndimension = {dimension}\ncreated = "{tables.now()}"\n'
    )
    temporary = root / "library.toml.tmp"
    temporary.write_text(text)
    temporary.rename(root / "library.toml")
    return Library(root, embedding=embedding, dimension=dimension)


def is_library(root: Path) -> bool:
    return (root / "library.toml").exists()


def open_library(root: Path, *, embedding: str) -> Library:
    """The library in this folder. `embedding` is the identity of the model that is asked for.

    Raises LibraryError where there is none or its library.toml cannot be read, LibraryTooNew, EmbeddingMismatch.
    """
    try:
        facts = tomllib.loads((root / "library.toml").read_text())
        version, model, dimension = int(facts["format"]), str(facts["embedding_model"]), int(facts["dimension"])
    except FileNotFoundError as error:
        raise LibraryError(f"There is no library in {root}. Make one with `reread add PAPERS --library {root}`.") from error
    except (tomllib.TOMLDecodeError, KeyError, ValueError, UnicodeDecodeError) as error:
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
