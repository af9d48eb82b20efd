"""The job ledger: submit, claim with a lease, finish, fail; what is done; which runs there are. SQLite, one file in the library.

The ledger is the only truth about work. Whoever takes a job gets a lease and a fence: a process that slept past its lease finds
its fence stale and may not write. A job whose holder died is taken again at once on the same host, elsewhere when the lease ends.
"""

from __future__ import annotations

import json
import os
import socket
import sqlite3
import threading
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path
from typing import Any

from errors import GaveUp, LibraryBusy, LibraryError, NotFound
from records import Job, JobState, Run, content_id

LEASE_S = 60.0
RENEW_EVERY_S = 15.0
#: Claims of one job before it is given up: past this the job itself is what kills its holders.
MAX_CLAIMS = 5
#: Seconds to wait for another process that writes to the ledger; a write takes milliseconds.
PATIENCE_S = 60.0
#: SQLite's limit on the values of one statement is 32,766 at the least; this leaves room.
VALUES_PER_STATEMENT = 5000


_SCHEMA = """
CREATE TABLE IF NOT EXISTS jobs (
    id           TEXT PRIMARY KEY,
    kind         TEXT NOT NULL,
    key          TEXT NOT NULL UNIQUE,          -- idempotency: the same work is one row
    payload      TEXT NOT NULL,                 -- JSON
    state        TEXT NOT NULL,                 -- queued, running, done, failed, cancelled
    attempt      INTEGER NOT NULL DEFAULT 0,
    fence        INTEGER NOT NULL DEFAULT 0,    -- rises with every claim
    owner        TEXT,                          -- host/pid/start of the process that holds it
    lease_until  REAL,                          -- seconds since the epoch
    size         INTEGER NOT NULL DEFAULT 0,    -- larger ones first, so that none is left alone at the end
    error_code   TEXT,
    error        TEXT,
    created      TEXT NOT NULL,
    updated      TEXT NOT NULL
);
-- In the order in which they are claimed: a claim among 100,000 queued jobs then reads one row, not all.
CREATE INDEX IF NOT EXISTS jobs_to_claim ON jobs (kind, state, size DESC, created, id);

CREATE TABLE IF NOT EXISTS manifest (           -- what is whole: blobs and rows were there when this was written
    stage   TEXT NOT NULL,                      -- document, conversion, chunks, read
    key     TEXT NOT NULL,
    doc_id  TEXT NOT NULL,
    detail  TEXT NOT NULL,                      -- JSON: the counts and digests that an audit compares
    done    TEXT NOT NULL,
    PRIMARY KEY (stage, key)
);
CREATE INDEX IF NOT EXISTS manifest_by_document ON manifest (doc_id, stage);

CREATE TABLE IF NOT EXISTS names (              -- every name under which a document was added
    name    TEXT NOT NULL,
    doc_id  TEXT NOT NULL,
    PRIMARY KEY (name, doc_id)
);

CREATE TABLE IF NOT EXISTS runs (
    id           TEXT PRIMARY KEY,
    reading_key  TEXT NOT NULL,
    prompt_name  TEXT NOT NULL,
    prompt_hash  TEXT NOT NULL,
    model        TEXT NOT NULL,
    selection    TEXT NOT NULL,
    state        TEXT NOT NULL,
    created      TEXT NOT NULL,
    finished     TEXT,
    counts       TEXT NOT NULL                  -- JSON
);
CREATE TABLE IF NOT EXISTS run_documents (
    run_id   TEXT NOT NULL,
    doc_id   TEXT NOT NULL,
    PRIMARY KEY (run_id, doc_id)
);
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Done:
    """One line of the manifest: this stage of this thing is whole."""

    stage: str  #: document, conversion, chunks or read
    key: str
    doc_id: str
    detail: dict[str, Any]


class Ledger:
    """The ledger of one library, safe to share between threads."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._mutex = threading.RLock()
        self.owner = f"{socket.gethostname()}/{os.getpid()}/{_started(os.getpid())}"

    @cached_property
    def _connection(self) -> sqlite3.Connection:
        connection = sqlite3.connect(self._path, timeout=PATIENCE_S, isolation_level=None, check_same_thread=False)
        connection.row_factory = sqlite3.Row
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = NORMAL")
        connection.executescript(_SCHEMA)
        return connection

    @contextmanager
    def _translated(self) -> Iterator[None]:
        """What SQLite says, in our words."""
        try:
            yield
        except sqlite3.DatabaseError as error:
            if getattr(error, "sqlite_errorcode", 0) & 0xFF in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED):
                raise LibraryBusy(
                    f"Another process has been writing to the ledger {self._path} for {PATIENCE_S:.0f} s. "
                    "Nothing of this write was stored. Wait for it, or end it, and run the command again."
                ) from error
            raise LibraryError(
                f"The ledger {self._path} cannot be used: {error}. Nothing was changed. "
                "Check that there is space left and that the file may be written; else restore it from a copy of the library."
            ) from error

    @contextmanager
    def _transaction(self) -> Iterator[sqlite3.Connection]:
        """All or nothing; the only way anything is written here."""
        with self._mutex, self._translated():
            db = self._connection
            try:
                db.execute("BEGIN IMMEDIATE")
                yield db
                db.execute("COMMIT")
            except BaseException:
                if db.in_transaction:
                    db.execute("ROLLBACK")
                raise

    def _query(self, sql: str, values: Sequence[Any] = ()) -> list[sqlite3.Row]:
        with self._mutex, self._translated():
            return self._connection.execute(sql, values).fetchall()

    def close(self) -> None:
        with self._mutex:
            if connection := self.__dict__.pop("_connection", None):
                connection.close()

    # Jobs

    def submit(self, kind: str, work: Iterable[tuple[str, dict[str, Any], int]]) -> int:
        """Queue work given as (key, payload, size); returns how many were not queued so or running already.

        The same key is the same work: what waits under another kind or payload now waits under these. Work that
        failed or was cancelled is queued afresh: whoever submits it wants it done again. Work whose result stands in the
        manifest is not: another process may have done it since the caller looked.
        """
        rows = [(content_id(kind, key), kind, key, json.dumps(payload), size, _now(), _now()) for key, payload, size in work]
        with self._transaction() as db:
            before = db.total_changes
            db.executemany(
                "INSERT INTO jobs (id, kind, key, payload, state, size, created, updated) VALUES (?, ?, ?, ?, 'queued', ?, ?, ?) "
                "ON CONFLICT (key) DO UPDATE SET kind = excluded.kind, state = 'queued', payload = excluded.payload, "
                "attempt = CASE state WHEN 'queued' THEN attempt ELSE 0 END, "
                "error_code = NULL, error = NULL, owner = NULL, updated = excluded.updated "
                "WHERE state IN ('failed', 'cancelled') OR (state = 'queued' AND (kind <> excluded.kind OR "
                "payload <> excluded.payload)) OR (state = 'done' AND "
                "NOT EXISTS (SELECT 1 FROM manifest m WHERE m.stage IN ('chunks', 'read') AND m.key = jobs.key))",
                rows,
            )
            return db.total_changes - before

    def claim(self, kind: str) -> Job | None:
        """Take the largest queued job of this kind, with a lease; None where there is none to take."""
        now = time.time()
        with self._transaction() as db:
            lapsed = db.execute(
                "SELECT * FROM jobs WHERE kind = ? AND state = 'running' AND lease_until < ?", (kind, now)
            ).fetchall()
            for row in lapsed:
                self._take_back(db, _job(row))
            row = db.execute(
                "UPDATE jobs SET state = 'running', attempt = attempt + 1, fence = fence + 1, owner = ?, lease_until = ?, updated = ? "
                "WHERE id = (SELECT id FROM jobs WHERE kind = ? AND state = 'queued' "
                "ORDER BY size DESC, created, id LIMIT 1) RETURNING *",
                (self.owner, now + LEASE_S, _now(), kind),
            ).fetchone()
        return _job(row) if row else None

    def sweep(self) -> list[Job]:
        """Queue again what dead processes of this host held. Returns what was claimed too often and is now given up."""
        held = self._query("SELECT * FROM jobs WHERE state = 'running' AND owner IS NOT NULL")
        dead = [_job(row) for row in held if row["owner"] != self.owner and not _is_alive(row["owner"])]
        with self._transaction() as db:
            return [job for job in dead if self._take_back(db, job)]

    def _take_back(self, db: sqlite3.Connection, job: Job) -> bool:
        """Queue what its holder will not finish, or give it up: then True."""
        if job.attempt < MAX_CLAIMS:
            self._set(db, job, "queued")
            return False
        message = (
            f"The process that worked on it died {job.attempt} times. It was given up. Run the same command again to retry."
        )
        return self._set(db, job, "failed", GaveUp.code, message)

    def renew(self) -> None:
        """Prolong every lease that this process holds."""
        with self._transaction() as db:
            db.execute(
                "UPDATE jobs SET lease_until = ? WHERE state = 'running' AND owner = ?", (time.time() + LEASE_S, self.owner)
            )

    @contextmanager
    def renewing(self) -> Iterator[None]:
        """Keep this process's leases alive in the background."""
        stop = threading.Event()

        def keep() -> None:
            while not stop.wait(RENEW_EVERY_S):
                with suppress(LibraryError):  # the next round tries again; a lease that lapses costs work, never the result
                    self.renew()

        thread = threading.Thread(target=keep, name="leases", daemon=True)
        thread.start()
        try:
            yield
        finally:
            stop.set()
            thread.join()

    def still_holds(self, job: Job) -> bool:
        """True while nobody else has claimed the job since."""
        rows = self._query("SELECT 1 FROM jobs WHERE id = ? AND fence = ? AND state = 'running'", (job.id, job.fence))
        return bool(rows)

    def finish(self, job: Job, done: Iterable[Done]) -> bool:
        """The job's effects are whole: say so, and what they are, in one transaction. False where the job is no longer held."""
        with self._transaction() as db:
            if not self._set(db, job, "done"):
                return False
            db.executemany(
                "INSERT OR REPLACE INTO manifest (stage, key, doc_id, detail, done) VALUES (?, ?, ?, ?, ?)", _lines(done)
            )
            return True

    def record(self, done: Iterable[Done]) -> None:
        """Write lines of the manifest that end no job."""
        with self._transaction() as db:
            db.executemany(
                "INSERT OR REPLACE INTO manifest (stage, key, doc_id, detail, done) VALUES (?, ?, ?, ?, ?)", _lines(done)
            )

    def fail(self, job: Job, *, code: str, message: str) -> bool:
        """End the job by the name of its error. False where the job is no longer held."""
        with self._transaction() as db:
            return self._set(db, job, "failed", code, message)

    def requeue(self, job: Job) -> bool:
        """Give the job back to be tried again. False where the job is no longer held."""
        with self._transaction() as db:
            return self._set(db, job, "queued")

    def release(self, jobs: Iterable[Job]) -> int:
        """Give back those of these jobs that are still held, unattempted; returns how many."""
        with self._transaction() as db:
            return db.executemany(
                "UPDATE jobs SET state = 'queued', attempt = attempt - 1, owner = NULL, lease_until = NULL, updated = ? "
                "WHERE id = ? AND fence = ? AND state = 'running'",
                [(_now(), job.id, job.fence) for job in jobs],
            ).rowcount

    def failed(self, keys: Sequence[str]) -> dict[str, Job]:
        """Of the work with these keys, what has failed."""
        found: dict[str, Job] = {}
        for start in range(0, len(keys), VALUES_PER_STATEMENT):
            batch = keys[start : start + VALUES_PER_STATEMENT]
            rows = self._query(f"SELECT * FROM jobs WHERE state = 'failed' AND key IN ({', '.join('?' * len(batch))})", batch)
            found.update({row["key"]: _job(row) for row in rows})
        return found

    def jobs(self, kinds: str, state: JobState) -> list[Job]:
        """The jobs in this state whose kind begins so, the longest untouched first."""
        rows = self._query(
            "SELECT * FROM jobs WHERE substr(kind, 1, length(?1)) = ?1 AND state = ?2 ORDER BY updated", (kinds, state.value)
        )
        return [_job(row) for row in rows]

    def waits(self, kind: str) -> int:
        """How many jobs of this kind are queued."""
        return int(self._query("SELECT count(*) AS n FROM jobs WHERE kind = ? AND state = 'queued'", (kind,))[0]["n"])

    def job_counts(self) -> dict[str, dict[str, int]]:
        """How many jobs of each kind are in each state."""
        counts: dict[str, dict[str, int]] = {}
        for row in self._query("SELECT kind, state, count(*) AS n FROM jobs GROUP BY kind, state"):
            counts.setdefault(row["kind"], {})[row["state"]] = row["n"]
        return counts

    @staticmethod
    def _set(db: sqlite3.Connection, job: Job, state: str, code: str | None = None, message: str | None = None) -> bool:
        """Move a running job on; False, and nothing is written, where somebody else has claimed it since."""
        changed = db.execute(
            "UPDATE jobs SET state = ?, error_code = ?, error = ?, owner = NULL, lease_until = NULL, updated = ? "
            "WHERE id = ? AND fence = ? AND state = 'running'",
            (state, code, message, _now(), job.id, job.fence),
        )
        return changed.rowcount == 1

    # What is done

    def done(self, stage: str, keys: Sequence[str]) -> dict[str, dict[str, Any]]:
        """Of these keys, those that are done at this stage, each with its detail."""
        found: dict[str, dict[str, Any]] = {}
        for start in range(0, len(keys), VALUES_PER_STATEMENT):
            batch = keys[start : start + VALUES_PER_STATEMENT]
            marks = ", ".join("?" * len(batch))
            rows = self._query(f"SELECT key, detail FROM manifest WHERE stage = ? AND key IN ({marks})", (stage, *batch))
            found.update({row["key"]: json.loads(row["detail"]) for row in rows})
        return found

    def lines(self, stage: str) -> list[Done]:
        """Every line of the manifest of this stage, oldest first."""
        rows = self._query("SELECT * FROM manifest WHERE stage = ? ORDER BY done, rowid", (stage,))
        return [Done(stage=stage, key=row["key"], doc_id=row["doc_id"], detail=json.loads(row["detail"])) for row in rows]

    def forget(self, doc_ids: Sequence[str]) -> None:
        """Remove everything that the ledger says of these documents: they were deleted."""
        with self._transaction() as db:
            for start in range(0, len(doc_ids), VALUES_PER_STATEMENT):
                batch = doc_ids[start : start + VALUES_PER_STATEMENT]
                marks = ", ".join("?" * len(batch))
                for table in ("manifest", "names", "run_documents"):
                    db.execute(f"DELETE FROM {table} WHERE doc_id IN ({marks})", batch)
                db.execute(f"DELETE FROM jobs WHERE json_extract(payload, '$.doc_id') IN ({marks})", batch)

    def add_names(self, names: Iterable[tuple[str, str]]) -> None:
        """Remember (name, doc_id) pairs."""
        with self._transaction() as db:
            db.executemany("INSERT OR IGNORE INTO names (name, doc_id) VALUES (?, ?)", names)

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

    # Runs

    def save_run(self, run: Run, doc_ids: Sequence[str]) -> None:
        """Write a run with the documents it covers; of one that is known, how far it is."""
        values = (run.id, run.reading_key, run.prompt_name, run.prompt_hash, run.model, run.selection, run.state.value)
        with self._transaction() as db:
            db.execute(
                "INSERT INTO runs VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (id) DO UPDATE "
                "SET state = excluded.state, finished = excluded.finished, counts = excluded.counts",
                (*values, run.created, run.finished, json.dumps(run.counts)),
            )
            db.executemany("INSERT OR IGNORE INTO run_documents VALUES (?, ?)", [(run.id, doc_id) for doc_id in doc_ids])

    def has_run(self, run_id: str) -> bool:
        return bool(self._query("SELECT 1 FROM runs WHERE id = ?", (run_id,)))

    def runs(self) -> list[Run]:
        """All runs, oldest first."""
        return [_run(row) for row in self._query("SELECT * FROM runs ORDER BY created, rowid")]

    def run(self, wanted: str) -> Run:
        """The run with this id or the only one whose id begins so; else the newest run of the prompt of this name."""
        rows = self._query("SELECT * FROM runs WHERE id = ?1 OR substr(id, 1, length(?1)) = ?1", (wanted,))
        if not rows:
            rows = self._query("SELECT * FROM runs WHERE prompt_name = ? ORDER BY created DESC, rowid DESC LIMIT 1", (wanted,))
        if len(rows) != 1 or not wanted:
            found = f"{len(rows)} runs begin with" if rows else "No run is called"
            raise NotFound(f"{found} {wanted!r}. `reread runs` lists them.")
        return _run(rows[0])

    def run_documents(self, run_id: str) -> list[str]:
        return [
            row["doc_id"] for row in self._query("SELECT doc_id FROM run_documents WHERE run_id = ? ORDER BY doc_id", (run_id,))
        ]


def _lines(done: Iterable[Done]) -> list[tuple[str, str, str, str, str]]:
    return [(line.stage, line.key, line.doc_id, json.dumps(line.detail), _now()) for line in done]


def _job(row: sqlite3.Row) -> Job:
    fields = {key: row[key] for key in ("id", "kind", "key", "attempt", "fence", "error_code", "error")}
    return Job(**fields, payload=json.loads(row["payload"]), state=JobState(row["state"]))


def _run(row: sqlite3.Row) -> Run:
    return Run(**{**dict(row), "state": JobState(row["state"]), "counts": json.loads(row["counts"])})


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="milliseconds")


def _started(pid: int) -> str:
    """When this process started, in clock ticks since boot: a pid alone is used again. Empty where the system does not say,
    and for a zombie: it is dead, though nobody has asked what it died of."""
    try:
        state, *fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return ""
    return "" if state == "Z" else fields[18]


def _is_alive(owner: str) -> bool:
    """False only where the owner was a process of this host that is gone; another host's is trusted until its lease ends."""
    host, pid, started = owner.rsplit("/", 2)
    if host != socket.gethostname():
        return True
    try:
        os.kill(int(pid), 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return _started(int(pid)) == started
