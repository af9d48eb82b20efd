"""Jobs on their way: submit, claim with a lease and a fence, hand over, finish, fail; give back what the dead held.

Whoever takes a job gets a lease and a fence: a process that slept past its lease finds its fence stale and may not write. A job
whose holder died is taken again at once on the same host, elsewhere when the lease ends. Two things are counted apart: tries that
ended in the job's own failure (`attempt`, few are allowed) and deaths of the process that held it (`losses`, many are).
"""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from datetime import UTC, datetime, timedelta
from typing import Any

from errors import GaveUp, RereadError
from jobs.access import Admission, admit
from jobs.database import Row, Subject, batches, is_alive, now, seconds
from jobs.manifest import Done, write_lines, write_names
from jobs.notices import owe_job
from records import Job, JobState, Queue, content_id

LEASE_S = 60.0
RENEW_EVERY_S = 15.0
#: Deaths of its holder after which a job is given up: past this the job itself is what kills them. A converter child that dies is
#: not its holder. Machines that are switched off again and again must not make innocent work fail.
MAX_LOSSES = 10
#: The writer takes many results at once: past so many deaths one of them may be what kills it, and each is taken alone, so that it
#: does not take its neighbours with it to MAX_LOSSES.
SUSPECT_LOSSES = 4
#: A role is its holder's for so long after it was last taken; a dead holder on the same host loses it at once.
ROLE_S = 45.0
#: A job whose holder died waits 0, 1, 2, 4 ... seconds, so that what kills everything near it is met less and less often.
LONGEST_WAIT_S = 30.0
#: Papers queued for workers of another version are taken over when nobody has touched them for so long, so many at a time.
ADOPT_S = 120.0
ADOPT_AT_ONCE = 500


class Queueing(Subject):
    """The jobs as workers see them."""

    def submit(
        self,
        kind: str,
        work: Iterable[tuple[str, dict[str, Any], int]],
        *,
        tenant: str = "",
        priority: int = 0,
        trace: str | None = None,
        admission: Admission | None = None,
        names: Iterable[tuple[str, str]] = (),
    ) -> int:
        """Queue work given as (key, payload, size); returns how many were not queued so or running already.

        The same key is the same work: what waits under another kind or payload now waits under these. Work that
        failed or was cancelled is queued afresh: whoever submits it wants it done again. Work whose result stands in the
        manifest is not: another process may have done it since the caller looked. Raises QueueFull or QuotaExceeded, with
        nothing queued, where the new jobs do not pass the admission. With the jobs go (name, doc_id) pairs, as in `add_names`:
        one transaction, because each waits for the disk.
        """
        queue, at = first_queue(kind), now()
        rows = [
            (
                _job_id(key, tenant),
                queue,
                kind,
                key,
                tenant,
                payload.get("doc_id", ""),
                json.dumps(payload),
                priority,
                size,
                trace,
                _first_fence(),
                at,
                at,
            )
            for key, payload, size in work
        ]
        with self._transaction() as db:
            join_share(db, queue, tenant)
            changed = dict.fromkeys(fresh["id"] for row in rows for fresh in db.execute(_SUBMIT, row).fetchall())
            if changed and admission:
                admit(db, tenant, admission, len(changed))
            if changed:
                data = json.dumps({"queue": queue.value})
                db.executemany(_EVENT, [(job_id, tenant, "queued", data, now()) for job_id in changed])
            write_names(db, names, tenant)
        return len(changed)

    def note_done(self, kind: str, key: str, payload: dict[str, Any], *, tenant: str = "") -> Job:
        """The job of work that was whole before it was asked for, so that whoever asks sees a job as for any other work."""
        queue, at = first_queue(kind), now()
        ids = (_job_id(key, tenant), queue, kind, key, tenant, payload.get("doc_id", ""))
        values = (*ids, json.dumps(payload), _first_fence(), at, at)
        with self._transaction() as db:
            fresh = db.execute(
                "INSERT INTO jobs (id, queue, kind, key, tenant, doc_id, payload, state, fence, created, updated) "
                "VALUES (?, ?, ?, ?, ?, ?, ?, 'done', ?, ?, ?) ON CONFLICT (key, tenant) DO UPDATE SET state = 'done', "
                "error_code = NULL, error = NULL, updated = excluded.updated WHERE jobs.state IN ('failed', 'cancelled') RETURNING id",
                values,
            ).fetchone()
            if fresh:
                add_event(db, fresh["id"], tenant, "done", {"reason": "it was already here"})
            row = db.execute("SELECT * FROM jobs WHERE key = ? AND tenant = ?", (key, tenant)).fetchone()
        return job_of(row)

    def claim(self, kind: str) -> Job | None:
        """Take the next job of this kind, with a lease; None where there is none to take. The tenant who has had least of
        the queue is next; of its jobs the most urgent one, then the largest."""
        jobs = self.claim_some(kind, budget=0)
        return jobs[0] if jobs else None

    def claim_some(self, kind: str, *, budget: int) -> list[Job]:
        """Take jobs of one tenant and this kind until their sizes make up the budget: at least one where there is any."""
        queue = first_queue(kind)
        with self._transaction() as db:
            self._take_back_lapsed(db, queue)
            for share in db.execute("SELECT tenant FROM shares WHERE queue = ? ORDER BY served, tenant", (queue,)).fetchall():
                jobs = self._take(db, queue, kind, share["tenant"], budget)
                if jobs:
                    return jobs
        return []

    def _take(self, db: Any, queue: Queue, kind: str, tenant: str, budget: int) -> list[Job]:
        jobs: list[Job] = []
        size = 0
        while not jobs or size < budget:
            row = db.execute(_CLAIM, (self.owner, seconds() + LEASE_S, now(), queue, kind, tenant, seconds())).fetchone()
            if row is None:
                break
            jobs.append(job_of(row))
            size += max(int(row["size"]), 1)
            add_event(db, row["id"], tenant, "running", {"queue": queue.value, "attempt": row["attempt"]})
        if jobs:
            db.execute("UPDATE shares SET served = served + ? WHERE queue = ? AND tenant = ?", (len(jobs), queue, tenant))
        return jobs

    def claim_staged(self, limit: int) -> list[Job]:
        """Take what waits for the writer, the longest waiting first; what its holders died of again and again is taken alone."""
        with self._transaction() as db:
            self._take_back_lapsed(db, Queue.WRITE)
            found = db.execute(
                "SELECT id, losses FROM jobs WHERE state = 'queued' AND queue = 'write' AND not_before <= ? ORDER BY updated LIMIT ?",
                (seconds(), limit),
            ).fetchall()
            is_suspect = bool(found) and found[0]["losses"] >= SUSPECT_LOSSES
            found = found[:1] if is_suspect else [row for row in found if row["losses"] < SUSPECT_LOSSES]
            values = (self.owner, seconds() + LEASE_S, now())
            sql = "UPDATE jobs SET state = 'running', fence = fence + 1, owner = ?, lease_until = ?, updated = ? WHERE id = ? RETURNING *"
            return [job_of(db.execute(sql, (*values, row["id"])).fetchone()) for row in found]

    def start_writing(self, jobs: Iterable[Job]) -> list[Job]:
        """Of these jobs, those that are still held: they can no longer be cancelled, their result is being written."""
        with self._transaction() as db:
            sql = "UPDATE jobs SET queue = 'write', updated = ? WHERE id = ? AND fence = ? AND state = 'running'"
            return [job for job in jobs if db.execute(sql, (now(), job.id, job.fence)).rowcount == 1]

    def hand_over(self, jobs: Iterable[Job], staged: str) -> int:
        """The result of these jobs is whole in this folder and waits for the writer. Returns how many were still held."""
        n = 0
        with self._transaction() as db:
            for job in jobs:
                changed = db.execute(
                    "UPDATE jobs SET state = 'queued', queue = 'write', staged = ?, owner = NULL, lease_until = NULL, updated = ? "
                    "WHERE id = ? AND fence = ? AND state = 'running'",
                    (staged, now(), job.id, job.fence),
                )
                n += changed.rowcount
                if changed.rowcount:
                    add_event(db, job.id, job.tenant, "writing", {})
        return n

    def take_again(self, job: Job) -> bool:
        """The staged result of a job that the writer holds cannot be used: it goes back to where it was made."""
        with self._transaction() as db:
            return bool(
                db.execute(
                    "UPDATE jobs SET state = 'queued', queue = ?, staged = NULL, owner = NULL, lease_until = NULL, updated = ? "
                    "WHERE id = ? AND fence = ? AND state = 'running'",
                    (first_queue(job.kind), now(), job.id, job.fence),
                ).rowcount
            )

    def sweep(self) -> list[Job]:
        """Queue again what the dead held: processes of this host that are gone, and leases that have run out anywhere.
        Returns what was lost too often and is now given up."""
        held = self._query("SELECT * FROM jobs WHERE state = 'running' AND owner IS NOT NULL")
        dead = [
            job_of(r) for r in held if r["owner"] != self.owner and (r["lease_until"] < seconds() or not is_alive(r["owner"]))
        ]
        if not dead:
            return []
        with self._transaction() as db:
            return [job for job in dead if _take_back(db, job)]

    def _take_back_lapsed(self, db: Any, queue: Queue) -> None:
        sql = "SELECT * FROM jobs WHERE state = 'running' AND queue = ? AND lease_until < ?"
        for row in db.execute(sql, (queue, seconds())).fetchall():
            _take_back(db, job_of(row))

    def renew(self) -> None:
        """Prolong every lease and every role that this process holds."""
        with self._transaction() as db:
            db.execute(
                "UPDATE jobs SET lease_until = ? WHERE state = 'running' AND owner = ?", (seconds() + LEASE_S, self.owner)
            )
            db.execute("UPDATE roles SET lease_until = ? WHERE owner = ?", (seconds() + ROLE_S, self.owner))

    @contextmanager
    def renewing(self) -> Iterator[None]:
        """Keep this process's leases alive in the background."""
        stop = threading.Event()

        def keep() -> None:
            while not stop.wait(RENEW_EVERY_S):
                with suppress(RereadError):  # the next round tries again; a lease that lapses costs work, never the result
                    self.renew()

        thread = threading.Thread(target=keep, name="leases", daemon=True)
        thread.start()
        try:
            yield
        finally:
            stop.set()
            thread.join()

    def still_holds(self, job: Job) -> bool:
        """True while nobody else has claimed, cancelled or paused the job since."""
        rows = self._query("SELECT 1 AS held FROM jobs WHERE id = ? AND fence = ? AND state = 'running'", (job.id, job.fence))
        return bool(rows)

    def progress(self, job: Job, pages_done: int, pages_total: int) -> bool:
        """Say how far it is. False where the job is no longer held."""
        with self._transaction() as db:
            changed = db.execute(
                "UPDATE jobs SET pages_done = ?, pages_total = ?, updated = ? WHERE id = ? AND fence = ? AND state = 'running'",
                (pages_done, pages_total, now(), job.id, job.fence),
            )
            if changed.rowcount:
                add_event(db, job.id, job.tenant, "progress", {"pages_done": pages_done, "pages_total": pages_total})
            return bool(changed.rowcount)

    def finish(self, job: Job, done: Iterable[Done]) -> bool:
        """The job's effects are whole: say so, and what they are, in one transaction. False where the job is no longer held."""
        return bool(self.finish_all([(job, done)]))

    def finish_all(self, ended: Iterable[tuple[Job, Iterable[Done]]]) -> list[Job]:
        """Finish several jobs in one transaction; returns those that were still held."""
        with self._transaction() as db:
            held = []
            for job, done in ended:
                if set_state(db, job, JobState.DONE):
                    write_lines(db, done)
                    held.append(job)
            return held

    def fail(self, job: Job, *, code: str, message: str) -> bool:
        """End the job by the name of its error. False where the job is no longer held."""
        with self._transaction() as db:
            return set_state(db, job, JobState.FAILED, code, message)

    def requeue(self, job: Job, *, wait_s: float = 0.0) -> bool:
        """Give the job back to be tried again, after this long. False where the job is no longer held."""
        with self._transaction() as db:
            return set_state(db, job, JobState.QUEUED, wait_s=wait_s)

    def release(self, jobs: Iterable[Job]) -> int:
        """Give back those of these jobs that are still held, unattempted; returns how many."""
        with self._transaction() as db:
            return sum(
                db.execute(
                    f"UPDATE jobs SET state = 'queued', {_GIVEN_BACK}, "
                    "owner = NULL, lease_until = NULL, updated = ? WHERE id = ? AND fence = ? AND state = 'running'",
                    (first_queue(job.kind), now(), job.id, job.fence),
                ).rowcount
                for job in jobs
            )

    def adopt(self, kind: str, key_of: Callable[[str], str]) -> int:
        """Take over papers that wait under another kind and that nobody has taken for a while: the workers that they were
        queued for are gone, after an upgrade for example. `key_of` gives the key of a document here. Returns how many."""
        before = (datetime.now(UTC) - timedelta(seconds=ADOPT_S)).isoformat(timespec="microseconds")
        with self._transaction() as db:
            found = db.execute(
                "SELECT id, doc_id, tenant FROM jobs WHERE state = 'queued' AND queue = 'convert' AND kind <> ? AND updated < ? "
                "AND substr(kind, 1, 4) = 'add:' ORDER BY updated LIMIT ?",
                (kind, before, ADOPT_AT_ONCE),
            ).fetchall()
            for row in found:
                key = key_of(row["doc_id"])
                taken = db.execute("SELECT 1 AS taken FROM jobs WHERE key = ? AND tenant = ?", (key, row["tenant"])).fetchone()
                if taken:  # the same paper was submitted again since
                    db.execute("UPDATE jobs SET state = 'cancelled', updated = ? WHERE id = ?", (now(), row["id"]))
                    add_event(db, row["id"], row["tenant"], "cancelled", {"reason": "the same paper was submitted again"})
                else:
                    db.execute("UPDATE jobs SET kind = ?, key = ?, updated = ? WHERE id = ?", (kind, key, now(), row["id"]))
        return len(found)

    def staged_names(self) -> set[str]:
        """The staged results that some job waits to have stored."""
        return {row["staged"] for row in self._query("SELECT staged FROM jobs WHERE staged IS NOT NULL")}

    def needs_upload(self, doc_id: str) -> bool:
        """True while a job may still read the uploaded bytes of this document: it is not over, or it failed and may be retried."""
        return bool(
            self._query(
                "SELECT 1 AS needed FROM jobs WHERE doc_id = ? AND state NOT IN ('done', 'cancelled') LIMIT 1", (doc_id,)
            )
        )

    def on_their_way(self, doc_ids: Sequence[str], *, tenant: str) -> bool:
        """True while one of these papers is still to be converted for this tenant."""
        for batch, marks in batches(doc_ids):
            sql = (
                f"SELECT 1 AS open FROM jobs WHERE doc_id IN ({marks}) AND tenant = ? AND substr(kind, 1, 4) = 'add:' "
                "AND state IN ('queued', 'running', 'paused') LIMIT 1"
            )
            if self._query(sql, (*batch, tenant)):
                return True
        return False

    def failed(self, keys: Sequence[str]) -> dict[str, Job]:
        """Of the work with these keys, what has failed."""
        found: dict[str, Job] = {}
        for batch, marks in batches(keys):
            rows = self._query(f"SELECT * FROM jobs WHERE state = 'failed' AND key IN ({marks})", batch)
            found.update({row["key"]: job_of(row) for row in rows})
        return found

    def jobs(self, kinds: str, state: JobState) -> list[Job]:
        """The jobs in this state whose kind begins so, the longest untouched first."""
        rows = self._query(
            "SELECT * FROM jobs WHERE substr(kind, 1, ?) = ? AND state = ? ORDER BY updated", (len(kinds), kinds, state)
        )
        return [job_of(row) for row in rows]

    def waits(self, kind: str) -> int:
        """How many jobs of this kind are queued."""
        return int(self._query("SELECT count(*) AS n FROM jobs WHERE kind = ? AND state = 'queued'", (kind,))[0]["n"])

    def depths(self) -> dict[Queue, int]:
        """How many jobs could be taken now from each queue."""
        rows = self._query(
            "SELECT queue, count(*) AS n FROM jobs WHERE state = 'queued' AND not_before <= ? GROUP BY queue", (seconds(),)
        )
        return {Queue(row["queue"]): row["n"] for row in rows}

    def job_counts(self) -> dict[str, dict[str, int]]:
        """How many jobs of each kind are in each state."""
        counts: dict[str, dict[str, int]] = {}
        for row in self._query("SELECT kind, state, count(*) AS n FROM jobs GROUP BY kind, state"):
            counts.setdefault(row["kind"], {})[row["state"]] = row["n"]
        return counts


_SUBMIT = """
INSERT INTO jobs (id, queue, kind, key, tenant, doc_id, payload, state, priority, size, trace, fence, created, updated)
VALUES (?, ?, ?, ?, ?, ?, ?, 'queued', ?, ?, ?, ?, ?, ?)
ON CONFLICT (key, tenant) DO UPDATE SET
    queue = excluded.queue, kind = excluded.kind, state = 'queued', payload = excluded.payload, priority = excluded.priority,
    attempt = CASE jobs.state WHEN 'queued' THEN jobs.attempt ELSE 0 END,
    losses = CASE jobs.state WHEN 'queued' THEN jobs.losses ELSE 0 END,
    error_code = NULL, error = NULL, owner = NULL, staged = NULL, not_before = 0, pages_done = 0, updated = excluded.updated
WHERE jobs.state IN ('failed', 'cancelled')
   OR (jobs.state = 'queued' AND jobs.queue <> 'write' AND (jobs.kind <> excluded.kind OR jobs.payload <> excluded.payload))
   OR (jobs.state = 'done' AND NOT EXISTS
       (SELECT 1 FROM manifest m WHERE m.stage IN ('chunks', 'read') AND m.key = jobs.key))
RETURNING id
"""

_EVENT = "INSERT INTO events (job_id, tenant, kind, data, at) VALUES (?, ?, ?, ?, ?)"

#: What a holder gives back: with a staged result it was the writer's, and the result stays; else the try does not count.
_GIVEN_BACK = (
    "attempt = attempt - CASE WHEN staged IS NULL THEN 1 ELSE 0 END, queue = CASE WHEN staged IS NULL THEN ? ELSE queue END"
)

#: The same work of another tenant that is under way, or whole and waiting for the writer, is waited for: it is done once.
_CLAIM = """
UPDATE jobs SET state = 'running', attempt = attempt + 1, fence = fence + 1, owner = ?, lease_until = ?, updated = ?
WHERE id = (
    SELECT j.id FROM jobs j
    WHERE j.queue = ? AND j.kind = ? AND j.state = 'queued' AND j.tenant = ? AND j.not_before <= ?
      AND NOT EXISTS (SELECT 1 FROM jobs o WHERE o.key = j.key AND o.tenant <> j.tenant
                      AND (o.state = 'running' OR (o.state = 'queued' AND o.queue = 'write')))
    ORDER BY j.priority DESC, j.size DESC, j.created, j.id LIMIT 1)
RETURNING *
"""


def set_state(
    db: Any, job: Job, state: JobState, code: str | None = None, message: str | None = None, *, wait_s: float = 0.0
) -> bool:
    """Move a running job on; False, and nothing is written, where somebody else has claimed it since."""
    changed = db.execute(
        "UPDATE jobs SET state = ?, error_code = ?, error = ?, owner = NULL, lease_until = NULL, not_before = ?, staged = NULL, "
        "queue = CASE ? WHEN 'queued' THEN ? ELSE queue END, "
        "pages_done = CASE ? WHEN 'done' THEN pages_total ELSE pages_done END, updated = ? "
        "WHERE id = ? AND fence = ? AND state = 'running'",
        (
            state,
            code,
            message,
            seconds() + wait_s if wait_s else 0.0,
            state,
            first_queue(job.kind),
            state,
            now(),
            job.id,
            job.fence,
        ),
    )
    if changed.rowcount:
        add_event(db, job.id, job.tenant, state.value, {"error_code": code, "error": message} if code else {})
        if state.is_final:
            owe_job(db, job, state.value, code)
    return bool(changed.rowcount)


def add_event(db: Any, job_id: str, tenant: str, kind: str, data: dict[str, Any]) -> None:
    """Write down what happened to a job, in the transaction that makes it happen."""
    db.execute(_EVENT, (job_id, tenant, kind, json.dumps(data), now()))


def job_of(row: Row) -> Job:
    """The record of a row of `jobs`."""
    names = ("id", "kind", "key", "attempt", "fence", "error_code", "error", "tenant", "priority", "losses", "pages_done")
    more = ("pages_total", "staged", "trace", "created", "updated")
    fields = {name: row[name] for name in (*names, *more)}
    return Job(**fields, payload=json.loads(row["payload"]), state=JobState(row["state"]), queue=Queue(row["queue"]))


def first_queue(kind: str) -> Queue:
    return Queue.EXTRACT if kind.startswith("read:") else Queue.CONVERT


def _job_id(key: str, tenant: str) -> str:
    return content_id("job", key, tenant)[:32]


def _first_fence() -> int:
    """Higher than any that a job of this id had before it was deleted: its old holder may still be at work."""
    return time.time_ns() // 1000


def join_share(db: Any, queue: Queue, tenant: str) -> None:
    """Before a tenant's work is queued: one that had nothing waiting starts level with the least served of those that have, or,
    where nobody has, with whoever had most. So its rest is no credit, and what it had while nobody else was there is no debt."""
    waiting = (
        "SELECT 1 FROM jobs j WHERE j.queue = shares.queue AND j.tenant = shares.tenant AND j.state IN ('queued', 'running')"
    )
    level = db.execute(
        f"SELECT coalesce(min(CASE WHEN EXISTS ({waiting}) THEN served END), max(served), 0) AS level FROM shares WHERE queue = ?",
        (queue,),
    ).fetchone()["level"]
    db.execute(
        "INSERT INTO shares (queue, tenant, served) VALUES (?, ?, ?) ON CONFLICT (queue, tenant) DO UPDATE "
        "SET served = CASE WHEN shares.served < excluded.served THEN excluded.served ELSE shares.served END",
        (queue, tenant, level),
    )


def _take_back(db: Any, job: Job) -> bool:
    """Queue what its holder will not finish, uncharged, or give it up: then True."""
    if job.losses + 1 >= MAX_LOSSES:
        message = (
            f"The process that worked on it died {job.losses + 1} times. It was given up. Run the same command again to retry."
        )
        return set_state(db, job, JobState.FAILED, GaveUp.code, message)
    wait_s = 0.0 if job.losses == 0 else min(2.0 ** (job.losses - 1), LONGEST_WAIT_S)
    changed = db.execute(
        f"UPDATE jobs SET state = 'queued', losses = losses + 1, {_GIVEN_BACK}, "
        "owner = NULL, lease_until = NULL, not_before = ?, updated = ? WHERE id = ? AND fence = ? AND state = 'running'",
        (first_queue(job.kind), seconds() + wait_s, now(), job.id, job.fence),
    )
    if changed.rowcount:
        add_event(db, job.id, job.tenant, "queued", {"reason": "the process that worked on it died"})
    return False
