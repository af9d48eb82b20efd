"""What is SQLite's or PostgreSQL's own: older and newer ledgers, a server that goes away, what a claim reads among many jobs."""

from __future__ import annotations

import json
import sqlite3
import threading
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psycopg
import pytest
from made_jobs import DEAD, claimed, finish, found, state_of, submit
from processes import start

import jobs
from errors import LedgerUnreachable, LibraryBusy, LibraryError, LibraryTooNew, SettingsInvalid
from jobs import Ledger, schema
from jobs.database import WRITERS
from records import JobState, Queue

if TYPE_CHECKING:
    from postgres import Server

pytest_plugins = ("postgres",)

#: The tables as the release before the service made them.
BEFORE_THE_SERVICE = """
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
DOCS = {key: f"{number}" * 64 for number, key in enumerate(["queued", "running", "failed", "done", "read"])}
OPEN = "import sys; from jobs import Ledger; l = Ledger(sys.argv[1]); sys.stdin.read(1); print(len(l.find_jobs(tenant=None)))"


@pytest.fixture
def ledger(where: str) -> Iterator[Ledger]:
    ledger = Ledger(where)
    yield ledger
    ledger.close()


@pytest.fixture
def old(tmp_path: Path) -> Path:
    """A ledger as the release before the service left it, in the middle of work."""
    path = tmp_path / "ledger.sqlite"
    db = sqlite3.connect(path)
    db.execute("PRAGMA journal_mode = WAL")
    db.executescript(BEFORE_THE_SERVICE)
    states = [("queued", 0, 0, None), ("running", 1, 1, DEAD), ("failed", 2, 2, None), ("done", 1, 1, None)]
    for state, attempt, fence, owner in states:
        payload = {"doc_id": DOCS[state], "name": f"{state}.pdf", "path": f"/papers/{state}.pdf", "size": 7}
        error = ("timed_out", "too slow") if state == "failed" else (None, None)
        until = time.time() + 60 if owner else None
        row = (
            f"id-{state}",
            "add:r",
            state,
            json.dumps(payload),
            state,
            attempt,
            fence,
            owner,
            until,
            7,
            *error,
            "2026-01-01",
            "2026-01-02",
        )
        db.execute(f"INSERT INTO jobs VALUES ({', '.join('?' * len(row))})", row)
    read = (
        "id-read",
        "read:aa11",
        "read",
        json.dumps({"doc_id": DOCS["read"]}),
        "queued",
        0,
        0,
        None,
        None,
        1,
        None,
        None,
        "2026-01-01",
        "2026-01-02",
    )
    db.execute(f"INSERT INTO jobs VALUES ({', '.join('?' * len(read))})", read)
    for stage, key in (("document", DOCS["done"]), ("chunks", "done")):
        db.execute("INSERT INTO manifest VALUES (?, ?, ?, ?, ?)", (stage, key, DOCS["done"], '{"chunks": 3}', "2026-01-02"))
    db.execute("INSERT INTO names VALUES ('done.pdf', ?)", (DOCS["done"],))
    run = ("aa11", "r", "findings", "p", "embedded", "all", "running", "2026-01-01", None, '{"units": 3}')
    db.execute(f"INSERT INTO runs VALUES ({', '.join('?' * len(run))})", run)
    db.execute("INSERT INTO run_documents VALUES ('aa11', ?)", (DOCS["done"],))
    db.commit()
    db.close()
    return path


# Older and newer ledgers


def test_a_ledger_of_the_release_before_keeps_everything(old):
    ledger = Ledger(old)

    assert {job.key: job.state.value for job in ledger.find_jobs(tenant="")} == {
        "queued": "queued", "running": "running", "failed": "failed", "done": "done", "read": "queued",
    }  # fmt: skip
    assert {key: [job.key for job in ledger.find_jobs(tenant="", doc_id=doc_id)] for key, doc_id in DOCS.items()} == {
        key: [key] for key in DOCS
    }
    assert (found(ledger, "read").queue, found(ledger, "queued").queue) == (Queue.EXTRACT, Queue.CONVERT)
    failed = ledger.failed(["failed"])["failed"]
    assert (failed.attempt, failed.fence, failed.error_code, failed.error) == (2, 2, "timed_out", "too slow")
    assert ledger.done("chunks", ["done"]) == {"done": {"chunks": 3}}
    assert ledger.find_documents("done.pdf") == [DOCS["done"]]
    assert ledger.shelf("any tenant") == [DOCS["done"]]
    run = ledger.run("aa1")
    assert (run.state, run.counts, run.tenant, run.prompt) == (JobState.RUNNING, {"units": 3}, "", None)
    assert ledger.run_documents("aa11") == [DOCS["done"]]
    ledger.close()


def test_work_goes_on_in_a_ledger_of_the_release_before(old):
    ledger = Ledger(old)

    assert ledger.sweep() == []
    jobs = [claimed(ledger), claimed(ledger)]
    assert {job.key: (job.attempt, job.losses) for job in jobs} == {"queued": (1, 0), "running": (1, 1)}
    assert all(finish(ledger, job) for job in jobs)
    assert claimed(ledger, "read:aa11").key == "read"
    assert submit(ledger, "failed", "done") == 1
    assert claimed(ledger).key == "failed"
    ledger.forget([DOCS["done"]])
    assert ledger.job_of_key("done", tenant="") is None
    ledger.close()


def test_processes_that_open_an_older_ledger_together_migrate_it_once(old):
    processes = [start(OPEN, old) for _ in range(4)]

    assert [process.communicate("\n", timeout=60)[0].strip() for process in processes] == ["5"] * 4
    assert [process.returncode for process in processes] == [0] * 4
    ledger = Ledger(old)
    assert [row["version"] for row in ledger._query("SELECT version FROM versions")] == [1, 2]
    ledger.close()


def test_a_migration_that_cannot_be_finished_leaves_the_older_ledger_as_it_was(old, monkeypatch):
    monkeypatch.setattr(schema, "STEPS", (schema.FIRST, (*schema.SERVICE, "THIS IS NO SQL")))
    with pytest.raises(LibraryError):
        Ledger(old).runs()
    with sqlite3.connect(old) as db:
        assert db.execute(
            "SELECT count(*) FROM sqlite_master WHERE name IN ('versions', 'service_jobs', 'events')"
        ).fetchone() == (0,)
        assert db.execute("SELECT count(*) FROM jobs").fetchone() == (5,)
    db.close()

    monkeypatch.undo()
    assert len(Ledger(old).find_jobs(tenant=None)) == 5


def test_a_ledger_of_a_newer_release_is_refused_and_left_as_it_is(ledger, where):
    with ledger._transaction() as db:
        db.execute(f"INSERT INTO versions VALUES ({schema.VERSION + 1})")

    for _ in range(2):
        with pytest.raises(LibraryTooNew, match="Upgrade"):
            Ledger(where).runs()


def test_processes_that_open_a_new_ledger_together_all_find_it_whole(tmp_path, postgres):
    for where in (tmp_path / "new.sqlite", postgres.address(postgres.create(template="template0"))):
        processes = [start(OPEN, where) for _ in range(6)]
        assert [process.communicate("\n", timeout=60)[0].strip() for process in processes] == ["0"] * 6


def test_a_file_that_is_no_ledger_is_refused_and_left_as_it_is(tmp_path):
    path = tmp_path / "ledger.sqlite"
    path.write_bytes(b"this is not a database, and long enough to tell" * 100)
    before = path.read_bytes()

    with pytest.raises(LibraryError, match="restore it"):
        Ledger(path).runs()
    assert path.read_bytes() == before


# Who may not write, who must wait


def test_a_role_that_may_not_create_tables_is_enough_once_they_are_there(postgres, postgres_database):
    name = postgres_database.partition("@/")[2].partition("?")[0]
    postgres.execute(f"CREATE ROLE {name} LOGIN")
    guest = postgres_database.replace("reread@", f"{name}@")
    empty = postgres.create(template="template0")
    for _ in range(2):
        with pytest.raises(LibraryError, match="permission denied"):
            Ledger(guest.replace(f"/{name}?", f"/{empty}?")).runs()

    postgres.execute(
        f"GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO {name}; "
        f"GRANT USAGE ON ALL SEQUENCES IN SCHEMA public TO {name}",
        database=name,
    )
    ledger = Ledger(guest)
    submit(ledger, "a")
    assert finish(ledger, claimed(ledger))
    ledger.close()


@contextmanager
def held_up(where: str) -> Iterator[None]:
    """While a writer that is not ours sits on the ledger."""
    if where.startswith("postgresql"):
        with psycopg.connect(where) as connection:
            connection.execute("SELECT pg_advisory_lock(%s)", (WRITERS,))
            yield
    else:
        with closing(sqlite3.connect(where, isolation_level=None)) as connection:
            connection.execute("BEGIN IMMEDIATE")
            yield


def test_who_cannot_write_because_another_does_says_so_after_a_while_and_can_read_meanwhile(where, monkeypatch):
    monkeypatch.setattr(jobs.database, "PATIENCE_S", 1.0)
    ledger = Ledger(where)
    submit(ledger, "a")

    with held_up(where):
        assert state_of(ledger, "a") is JobState.QUEUED
        with pytest.raises(LibraryBusy, match="Wait for it"):
            submit(ledger, "b")
    assert submit(ledger, "b") == 1
    ledger.close()


def test_a_process_that_stands_still_in_the_middle_of_a_write_does_not_hold_up_the_others(postgres_database, monkeypatch):
    monkeypatch.setattr(jobs.database, "PATIENCE_S", 2.0)
    ledger, still = Ledger(postgres_database), Ledger(postgres_database)
    submit(ledger, "a")

    with pytest.raises(LedgerUnreachable), still._transaction() as db:
        db.execute("DELETE FROM jobs")
        assert submit(ledger, "b") == 1
    assert ledger.waits("add:r") == still.waits("add:r") == 2
    ledger.close()
    still.close()


def test_what_a_transaction_leaves_open_when_it_is_broken_off_is_taken_back(ledger):
    with pytest.raises(KeyboardInterrupt), ledger._transaction() as db:
        db.execute("INSERT INTO names VALUES ('x', 'y')")
        raise KeyboardInterrupt

    assert ledger._query("SELECT * FROM names") == []
    assert submit(ledger, "a") == 1


# A server that goes away


def test_a_server_that_was_restarted_costs_one_call(postgres: Server, postgres_database):
    ledger = Ledger(postgres_database)
    submit(ledger, "a")
    job = claimed(ledger)
    assert found(ledger, "a") == job

    postgres.stop()
    postgres.start()
    with pytest.raises(LedgerUnreachable, match="does not answer"):
        finish(ledger, job)
    assert finish(ledger, job)
    assert state_of(ledger, "a") is JobState.DONE  # the connection for reads was dead too, and nobody had noticed

    postgres.stop()
    postgres.start()
    with pytest.raises(LedgerUnreachable):
        ledger.runs()
    assert ledger.runs() == []
    ledger.close()


def test_a_server_that_is_away_is_named_at_once_and_back_when_it_is(postgres: Server, postgres_database):
    ledger = Ledger(postgres_database)
    submit(ledger, "a")
    postgres.stop()
    try:
        for call in (lambda: ledger.claim("add:r"), ledger.runs, lambda: submit(ledger, "b"), Ledger(postgres_database).runs):
            began = time.monotonic()
            with pytest.raises(LedgerUnreachable):
                call()
            assert time.monotonic() - began < 2
    finally:
        postgres.start()

    assert claimed(ledger).key == "a"
    ledger.close()


def test_threads_that_work_while_the_server_restarts_lose_nothing_and_do_nothing_twice(postgres: Server, postgres_database):
    ledger = Ledger(postgres_database)
    submit(ledger, *map(str, range(150)))
    ended: list[str] = []
    outages: list[LedgerUnreachable] = []

    def asked(call: Any) -> Any:
        while True:
            try:
                return call()
            except LedgerUnreachable as error:
                outages.append(error)
                time.sleep(0.05)

    def work() -> None:
        while job := asked(lambda: ledger.claim("add:r")):
            asked(ledger.runs)
            time.sleep(0.01)
            if asked(lambda job=job: finish(ledger, job)):
                ended.append(job.key)

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    while len(ended) < 30:
        time.sleep(0.01)
    postgres.stop()
    postgres.start()
    for thread in threads:
        thread.join(timeout=60)

    assert outages
    counts = ledger.job_counts()["add:r"]
    # A claim whose answer was lost is nobody's until its lease ends; that is at most one for each thread.
    assert counts.get("running", 0) <= len(threads)
    assert counts["done"] == 150 - counts.get("running", 0)
    assert len(ended) == len(set(ended))
    assert len(ledger.lines("chunks")) == counts["done"]
    ledger.close()


@pytest.mark.parametrize(
    "address", ["postgresql://u:sec%zret@h/db", "postgresql://u:secret@h:port/db", "postgres://u:secret@/d?x=y"]
)
def test_an_address_that_is_none_is_refused_without_showing_the_password(address):
    with pytest.raises((SettingsInvalid, LedgerUnreachable)) as refused:
        Ledger(address).runs()
    error: BaseException | None = refused.value
    while error:
        assert "secret" not in str(error) and "sec%zret" not in str(error)
        error = error.__cause__


# What is read among many jobs


def fill(ledger: Ledger, n: int) -> None:
    """Queue so many jobs of three tenants in the one statement that both databases understand."""
    for tenant in ("a", "b", "c"):
        submit(ledger, f"first {tenant}", tenant=tenant)
    with ledger._transaction() as db:
        db.execute(
            "INSERT INTO jobs (id, queue, kind, key, tenant, doc_id, payload, state, priority, size, created, updated) "
            "WITH RECURSIVE counted(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM counted WHERE n < ?) "
            "SELECT 'id' || n, 'convert', 'add:r', 'key' || n, substr('abc', n - n / 3 * 3 + 1, 1), 'doc' || n, '{}', 'queued', "
            "n - n / 7 * 7, n - n / 1000 * 1000, '2026-01-01', '2026-01-01' FROM counted",
            (n,),
        )


def steps_of(ledger: Ledger, call: Any) -> int:
    """How many hundred steps SQLite's machine takes for this."""
    ticks = [0]

    def tick() -> int:
        ticks[0] += 1
        return 0

    connection = ledger._database._writer  # type: ignore[attr-defined]
    connection.set_progress_handler(tick, 100)
    call()
    connection.set_progress_handler(None, 0)
    return ticks[0]


def calls(ledger: Ledger) -> dict[str, Any]:
    """What workers and the API ask for all the time."""
    return {
        "claim": lambda: claimed(ledger),
        "claim_staged": lambda: ledger.claim_staged(10),
        "submit for a new tenant": lambda: submit(ledger, "one more", tenant="new"),
        "submit": lambda: submit(ledger, "one more", tenant="a"),
        "find": lambda: ledger.find_jobs(tenant="a", limit=10),
        "find for the administrator": lambda: ledger.find_jobs(tenant=None, limit=10),
    }


def test_among_100_000_queued_jobs_sqlite_takes_few_steps_for_what_is_asked_all_the_time(tmp_path):
    ledger = Ledger(tmp_path / "ledger.sqlite")
    fill(ledger, 100_000)

    assert {name: n for name, call in calls(ledger).items() if (n := steps_of(ledger, call)) > 20} == {}
    plan = ledger._query(f"EXPLAIN QUERY PLAN {jobs.queue._CLAIM}", ("o", 1.0, "u", "convert", "add:r", "a", 1.0))
    assert not [row["detail"] for row in plan if "TEMP B-TREE" in row["detail"] or row["detail"].startswith("SCAN")]
    ledger.close()


@pytest.mark.parametrize("is_analysed", [False, True])
@pytest.mark.parametrize("mode", ["force_custom_plan", "force_generic_plan"])
def test_among_100_000_queued_jobs_a_claim_of_postgresql_reads_few_pages(postgres, postgres_database, is_analysed, mode):
    ledger = Ledger(postgres_database)
    fill(ledger, 100_000)
    if is_analysed:
        with ledger._transaction() as db:
            db.execute("ANALYZE")

    with ledger._transaction() as db:
        db.execute(f"SET LOCAL plan_cache_mode = {mode}")
        types = "text, float8, text, text, text, text, float8"
        sql = jobs.queue._CLAIM
        for number in range(1, 8):
            sql = sql.replace("?", f"${number}", 1)
        db.execute(f"PREPARE claim ({types}) AS {sql}")
        row = db.execute(
            "EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON) EXECUTE claim ('o', 1.0, 'u', 'convert', 'add:r', 'a', 1.0)"
        ).fetchone()
        db.execute("DEALLOCATE claim")
    plan = row["QUERY PLAN"][0]["Plan"]
    assert plan["Shared Hit Blocks"] + plan["Shared Read Blocks"] < 100, json.dumps(plan, indent=1)
    ledger.close()


def test_claims_among_100_000_queued_jobs_take_milliseconds(ledger):
    fill(ledger, 100_000)

    began = time.monotonic()
    for _ in range(200):
        assert finish(ledger, claimed(ledger))
    assert (time.monotonic() - began) / 200 < 0.02
