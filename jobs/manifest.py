"""What is whole: blobs and rows were there when a line of the manifest was written. And under which names, on whose shelf."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from jobs.database import Subject, batches, now


@dataclass(frozen=True, slots=True, kw_only=True)
class Done:
    """One line of the manifest: this stage of this thing is whole."""

    stage: str  #: document, conversion, chunks or read
    key: str
    doc_id: str
    detail: dict[str, Any]


class Manifest(Subject):
    """What is done."""

    def record(self, done: Iterable[Done]) -> None:
        """Write lines of the manifest that end no job."""
        with self._transaction() as db:
            write_lines(db, done)

    def done(self, stage: str, keys: Sequence[str]) -> dict[str, dict[str, Any]]:
        """Of these keys, those that are done at this stage, each with its detail."""
        found: dict[str, dict[str, Any]] = {}
        for batch, marks in batches(keys):
            rows = self._query(f"SELECT key, detail FROM manifest WHERE stage = ? AND key IN ({marks})", (stage, *batch))
            found.update({row["key"]: json.loads(row["detail"]) for row in rows})
        return found

    def lines(self, stage: str) -> list[Done]:
        """Every line of the manifest of this stage, oldest first."""
        rows = self._query("SELECT * FROM manifest WHERE stage = ? ORDER BY done, key", (stage,))
        return [Done(stage=stage, key=row["key"], doc_id=row["doc_id"], detail=json.loads(row["detail"])) for row in rows]

    def newest(self, stage: str, doc_ids: Sequence[str]) -> dict[str, Done]:
        """Of each of these documents that has any, the newest line of this stage."""
        found: dict[str, Done] = {}
        for batch, marks in batches(doc_ids):
            sql = f"SELECT * FROM manifest WHERE doc_id IN ({marks}) AND stage = ? ORDER BY done, key"
            for row in self._query(sql, (*batch, stage)):
                found[row["doc_id"]] = Done(stage=stage, key=row["key"], doc_id=row["doc_id"], detail=json.loads(row["detail"]))
        return found

    def forget(self, doc_ids: Sequence[str]) -> None:
        """Remove everything that the ledger says of these documents: they were deleted."""
        with self._transaction() as db:
            for batch, marks in batches(doc_ids):
                for table in ("manifest", "names", "shelves", "run_documents"):
                    db.execute(f"DELETE FROM {table} WHERE doc_id IN ({marks})", batch)
                db.execute(f"DELETE FROM events WHERE job_id IN (SELECT id FROM jobs WHERE doc_id IN ({marks}))", batch)
                db.execute(f"DELETE FROM jobs WHERE doc_id IN ({marks})", batch)

    def add_names(self, names: Iterable[tuple[str, str]], *, tenant: str = "") -> None:
        """Remember (name, doc_id) pairs, and that this tenant may see these documents; what '' added, all may."""
        with self._transaction() as db:
            write_names(db, names, tenant)

    def may_see(self, doc_ids: Sequence[str], tenant: str) -> set[str]:
        """Of these documents, those on this tenant's shelf or on everybody's."""
        found: set[str] = set()
        for batch, marks in batches(doc_ids):
            sql = f"SELECT DISTINCT doc_id FROM shelves WHERE tenant IN ('', ?) AND doc_id IN ({marks})"
            found.update(row["doc_id"] for row in self._query(sql, (tenant, *batch)))
        return found

    def shelf(self, tenant: str) -> list[str]:
        """Every stored document that this tenant may see, by id."""
        rows = self._query(
            "SELECT DISTINCT s.doc_id FROM shelves s JOIN manifest m ON m.stage = 'document' AND m.key = s.doc_id "
            "WHERE s.tenant IN ('', ?) ORDER BY s.doc_id",
            (tenant,),
        )
        return [row["doc_id"] for row in rows]

    def hidden(self, tenant: str) -> list[str]:
        """The documents that are on other tenants' shelves only: what a search for this tenant must leave out."""
        rows = self._query(
            "SELECT DISTINCT o.doc_id FROM shelves o WHERE o.tenant NOT IN ('', ?) AND NOT EXISTS "
            "(SELECT 1 FROM shelves s WHERE s.doc_id = o.doc_id AND s.tenant IN ('', ?)) ORDER BY o.doc_id",
            (tenant, tenant),
        )
        return [row["doc_id"] for row in rows]

    def stored_documents(self, *, tenant: str | None, after: str = "", limit: int) -> list[str]:
        """Ids of the stored documents that this tenant may see, all for None, in their order from the first after `after`."""
        sql = "SELECT m.key FROM manifest m WHERE m.stage = 'document' AND m.key > ?"
        if tenant is None:
            rows = self._query(f"{sql} ORDER BY m.key LIMIT ?", (after, limit))
        else:
            seen = "EXISTS (SELECT 1 FROM shelves s WHERE s.doc_id = m.key AND s.tenant IN ('', ?))"
            rows = self._query(f"{sql} AND {seen} ORDER BY m.key LIMIT ?", (after, tenant, limit))
        return [row["key"] for row in rows]

    def find_documents(self, wanted: str) -> list[str]:
        """Ids of the stored documents that are called so: a file name, an id, or the beginning of one."""
        by_name = self._query(
            "SELECT DISTINCT n.doc_id FROM names n JOIN manifest m ON m.stage = 'document' AND m.key = n.doc_id WHERE n.name = ?",
            (wanted,),
        )
        if by_name or not wanted or any(sign not in "0123456789abcdef" for sign in wanted):
            return [row["doc_id"] for row in by_name]
        rows = self._query("SELECT key FROM manifest WHERE stage = 'document' AND key >= ? AND key < ?", (wanted, wanted + "g"))
        return [row["key"] for row in rows]


def write_lines(db: Any, done: Iterable[Done]) -> None:
    """Write lines of the manifest in the caller's transaction, in place of those with the same keys."""
    values = [(line.stage, line.key, line.doc_id, json.dumps(line.detail), now()) for line in done]
    if values:
        db.executemany(
            "INSERT INTO manifest (stage, key, doc_id, detail, done) VALUES (?, ?, ?, ?, ?) ON CONFLICT (stage, key) DO UPDATE "
            "SET doc_id = excluded.doc_id, detail = excluded.detail, done = excluded.done",
            values,
        )


def write_names(db: Any, names: Iterable[tuple[str, str]], tenant: str) -> None:
    """Remember names, and whose shelf their documents are on, in the caller's transaction."""
    pairs = list(names)
    if pairs:
        shelved = [(doc_id, tenant) for doc_id in {doc_id for _, doc_id in pairs}]
        db.executemany("INSERT INTO names (name, doc_id) VALUES (?, ?) ON CONFLICT DO NOTHING", pairs)
        db.executemany("INSERT INTO shelves (doc_id, tenant) VALUES (?, ?) ON CONFLICT DO NOTHING", shelved)
