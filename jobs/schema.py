"""The ledger's tables, and the numbered steps that bring an older ledger to them.

A step, once released, is never changed: a ledger on somebody's disk has been through it. `{serial}` is the database's own way
to number rows. DOUBLE PRECISION and BIGINT because PostgreSQL's REAL and INTEGER are too small for a clock and for bytes.
"""

from __future__ import annotations

from typing import Any

from errors import LibraryTooNew

#: Of the first release: one table of jobs without owners, queues and events.
FIRST = (
    """CREATE TABLE IF NOT EXISTS jobs (
        id TEXT PRIMARY KEY, kind TEXT NOT NULL, key TEXT NOT NULL UNIQUE, payload TEXT NOT NULL, state TEXT NOT NULL,
        attempt INTEGER NOT NULL DEFAULT 0, fence INTEGER NOT NULL DEFAULT 0, owner TEXT, lease_until DOUBLE PRECISION,
        size BIGINT NOT NULL DEFAULT 0, error_code TEXT, error TEXT, created TEXT NOT NULL, updated TEXT NOT NULL)""",
    """CREATE TABLE IF NOT EXISTS manifest (           -- what is whole: blobs and rows were there when this was written
        stage   TEXT NOT NULL,                      -- document, conversion, chunks, read
        key     TEXT NOT NULL,
        doc_id  TEXT NOT NULL,
        detail  TEXT NOT NULL,                      -- JSON: the counts and digests that an audit compares
        done    TEXT NOT NULL,
        PRIMARY KEY (stage, key))""",
    "CREATE INDEX IF NOT EXISTS manifest_by_document ON manifest (doc_id, stage)",
    """CREATE TABLE IF NOT EXISTS names (              -- every name under which a document was added
        name TEXT NOT NULL, doc_id TEXT NOT NULL, PRIMARY KEY (name, doc_id))""",
    """CREATE TABLE IF NOT EXISTS runs (
        id TEXT PRIMARY KEY, reading_key TEXT NOT NULL, prompt_name TEXT NOT NULL, prompt_hash TEXT NOT NULL,
        model TEXT NOT NULL, selection TEXT NOT NULL, state TEXT NOT NULL, created TEXT NOT NULL, finished TEXT,
        counts TEXT NOT NULL)""",
    """CREATE TABLE IF NOT EXISTS run_documents (
        run_id TEXT NOT NULL, doc_id TEXT NOT NULL, PRIMARY KEY (run_id, doc_id))""",
)

#: For the service: whose work it is, where it waits, what happened to it, who may ask.
SERVICE = (
    """CREATE TABLE service_jobs (
        id           TEXT PRIMARY KEY,
        queue        TEXT NOT NULL,                 -- convert, extract, then write: where it waits or is worked on
        kind         TEXT NOT NULL,                 -- add:<recipe> or read:<run>
        key          TEXT NOT NULL,                 -- idempotency: the same work of one tenant is one row
        tenant       TEXT NOT NULL DEFAULT '',      -- '' is the library's own
        doc_id       TEXT NOT NULL DEFAULT '',
        payload      TEXT NOT NULL,                 -- JSON
        state        TEXT NOT NULL,                 -- queued, running, paused, done, failed, cancelled
        priority     INTEGER NOT NULL DEFAULT 0,
        size         BIGINT NOT NULL DEFAULT 0,     -- larger ones first, so that none is left alone at the end
        attempt      INTEGER NOT NULL DEFAULT 0,    -- tries that count against the job
        losses       INTEGER NOT NULL DEFAULT 0,    -- times its holder died
        not_before   DOUBLE PRECISION NOT NULL DEFAULT 0,
        fence        BIGINT NOT NULL DEFAULT 0,     -- rises with every claim; never again what it was, even if the row was deleted
        owner        TEXT,                          -- host/pid/start of the process that holds it
        lease_until  DOUBLE PRECISION,              -- seconds since the epoch
        pages_done   INTEGER NOT NULL DEFAULT 0,
        pages_total  INTEGER NOT NULL DEFAULT 0,
        staged       TEXT,                          -- folder of its result, while it waits for the writer
        trace        TEXT,                          -- W3C traceparent of the request that submitted it
        error_code   TEXT,
        error        TEXT,
        created      TEXT NOT NULL,
        updated      TEXT NOT NULL,
        UNIQUE (key, tenant))""",
    """INSERT INTO service_jobs (id, queue, kind, key, doc_id, payload, state, size, attempt, fence, owner, lease_until,
                                 error_code, error, created, updated)
       SELECT id, CASE WHEN substr(kind, 1, 5) = 'read:' THEN 'extract' ELSE 'convert' END, kind, key,
              substr(payload, 13, 64), payload, state, size, attempt, fence, owner, lease_until, error_code, error, created, updated
       FROM jobs""",
    "DROP TABLE jobs",
    "ALTER TABLE service_jobs RENAME TO jobs",
    # In the order in which they are claimed: a claim among 100,000 queued jobs then reads one row, not all.
    "CREATE INDEX jobs_to_claim ON jobs (queue, state, tenant, kind, priority DESC, size DESC, created, id)",
    "CREATE INDEX jobs_by_state ON jobs (state, queue, updated)",
    "CREATE INDEX jobs_by_tenant ON jobs (tenant, created, id)",
    "CREATE INDEX jobs_by_age ON jobs (created, id)",
    "CREATE INDEX jobs_by_document ON jobs (doc_id)",
    "CREATE INDEX jobs_by_kind ON jobs (kind, state, error_code)",  # with the code: metrics count 100,000 rows in 10 ms, not 100
    """CREATE TABLE shares (                        -- how much each tenant has had of a queue: the least served is next
        queue TEXT NOT NULL, tenant TEXT NOT NULL, served DOUBLE PRECISION NOT NULL, PRIMARY KEY (queue, tenant))""",
    "INSERT INTO shares SELECT DISTINCT queue, tenant, 0 FROM jobs",
    """CREATE TABLE events (
        seq     {serial},
        job_id  TEXT NOT NULL,
        tenant  TEXT NOT NULL,
        kind    TEXT NOT NULL,                      -- queued, running, progress, writing, done, failed, cancelled, paused, retried
        data    TEXT NOT NULL,                      -- JSON
        at      TEXT NOT NULL)""",
    "CREATE INDEX events_by_job ON events (job_id, seq)",
    "CREATE INDEX events_by_age ON events (at)",
    "CREATE TABLE shelves (doc_id TEXT NOT NULL, tenant TEXT NOT NULL, PRIMARY KEY (doc_id, tenant))",  # who may see a document
    "INSERT INTO shelves SELECT DISTINCT doc_id, '' FROM names",
    "ALTER TABLE runs ADD COLUMN tenant TEXT NOT NULL DEFAULT ''",
    "ALTER TABLE runs ADD COLUMN prompt TEXT",
    """CREATE TABLE api_keys (
        id TEXT PRIMARY KEY, name TEXT NOT NULL, tenant TEXT NOT NULL, hash TEXT NOT NULL UNIQUE, scopes TEXT NOT NULL,
        quotas TEXT NOT NULL, created TEXT NOT NULL, revoked TEXT)""",
    """CREATE TABLE usage (
        tenant TEXT NOT NULL, day TEXT NOT NULL, jobs BIGINT NOT NULL DEFAULT 0, bytes BIGINT NOT NULL DEFAULT 0,
        pages BIGINT NOT NULL DEFAULT 0, PRIMARY KEY (tenant, day))""",
    """CREATE TABLE requests (                      -- answers to repeat for the same Idempotency-Key
        tenant TEXT NOT NULL, key TEXT NOT NULL, fingerprint TEXT NOT NULL, status INTEGER, headers TEXT, body TEXT,
        began DOUBLE PRECISION NOT NULL, PRIMARY KEY (tenant, key))""",
    "CREATE INDEX requests_by_age ON requests (began)",
    """CREATE TABLE webhooks (
        id TEXT PRIMARY KEY, tenant TEXT NOT NULL, url TEXT NOT NULL, secret TEXT NOT NULL, events TEXT NOT NULL,
        created TEXT NOT NULL)""",
    """CREATE TABLE deliveries (
        id TEXT PRIMARY KEY, webhook_id TEXT NOT NULL, tenant TEXT NOT NULL, body TEXT NOT NULL, state TEXT NOT NULL,
        attempt INTEGER NOT NULL DEFAULT 0, not_before DOUBLE PRECISION NOT NULL DEFAULT 0, status INTEGER, error TEXT,
        created TEXT NOT NULL, updated TEXT NOT NULL)""",
    "CREATE INDEX deliveries_due ON deliveries (state, not_before)",
    """CREATE TABLE roles (
        name TEXT PRIMARY KEY, owner TEXT NOT NULL, lease_until DOUBLE PRECISION NOT NULL)""",
    """CREATE TABLE workers (
        name TEXT PRIMARY KEY, host TEXT NOT NULL, queues TEXT NOT NULL, started TEXT NOT NULL, seen DOUBLE PRECISION NOT NULL)""",
    """CREATE TABLE measures (                      -- counters, summed over all processes that ever were
        name TEXT NOT NULL, labels TEXT NOT NULL, value DOUBLE PRECISION NOT NULL, PRIMARY KEY (name, labels))""",
)

STEPS: tuple[tuple[str, ...], ...] = (FIRST, SERVICE)
VERSION = len(STEPS)


def needs_steps(db: Any, look: str) -> bool:
    """True where the ledger has not been through every step. `look` finds the table `versions`, if it is there: asked without a
    lock, and without the right to create tables, which the service need not have. Raises LibraryTooNew."""
    known = _known(db) if db.execute(look).fetchall() else set()
    if max(known, default=0) > VERSION:
        raise LibraryTooNew(
            f"The ledger has been through step {max(known)} by a newer Reread; this one knows {VERSION}. "
            "Nothing was changed. Upgrade Reread."
        )
    return len(known) < VERSION


def migrate(db: Any, *, serial: str) -> None:
    """Bring the ledger up to this release, inside the caller's transaction. Two processes may come here one after the other."""
    db.execute("CREATE TABLE IF NOT EXISTS versions (version INTEGER PRIMARY KEY)")
    known = _known(db)
    for version, step in enumerate(STEPS, start=1):
        if version in known:
            continue
        for sql in step:
            db.execute(sql.replace("{serial}", serial))
        db.execute(f"INSERT INTO versions VALUES ({version})")


def _known(db: Any) -> set[int]:
    return {row["version"] for row in db.execute("SELECT version FROM versions").fetchall()}
