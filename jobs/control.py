"""Jobs as those who submitted them see them: look, cancel, pause, resume, retry, prioritise, and what happened so far.

A cancelled or paused job is so at once: its fence rises, so whoever works on it may no longer write and finds out within seconds.
The one exception is a job whose result is being written at this moment; it is done before anyone could look again.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from errors import Conflict, NotFound
from jobs.database import Row, Subject, now, seconds
from jobs.notices import owe_job
from jobs.queue import add_event, first_queue, job_of, join_share
from records import Job, JobState


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """One thing that happened to a job. `seq` rises over all jobs of the ledger."""

    seq: int
    job_id: str
    kind: str  #: queued, running, progress, writing, done, failed, cancelled, paused, retried
    data: dict[str, Any]
    at: str  #: ISO 8601, UTC


@dataclass(frozen=True, slots=True)
class _Action:
    """What may be done to a job, and in which states."""

    name: str
    to: JobState
    when: str  #: SQL: the rows that it may be done to
    also: str = ""  #: SQL: what else is set


_IS_WRITTEN = "(state = 'running' AND queue = 'write')"
_CANCEL = _Action(
    "cancelled", JobState.CANCELLED, f"state IN ('queued', 'running', 'paused') AND NOT {_IS_WRITTEN}", ", staged = NULL"
)
_PAUSE = _Action(
    "paused",
    JobState.PAUSED,
    f"state IN ('queued', 'running') AND NOT {_IS_WRITTEN}",
    ", attempt = attempt - CASE state WHEN 'running' THEN 1 ELSE 0 END",
)
_RESUME = _Action("queued", JobState.QUEUED, "state = 'paused'")
_RETRY = _Action(
    "retried",
    JobState.QUEUED,
    "state IN ('failed', 'cancelled')",
    ", attempt = 0, losses = 0, error_code = NULL, error = NULL, staged = NULL, pages_done = 0, "
    "queue = CASE substr(kind, 1, 5) WHEN 'read:' THEN 'extract' ELSE 'convert' END",
)


class Control(Subject):
    """The jobs as their owners see them. A tenant of None is the administrator, who sees all."""

    def job(self, job_id: str, *, tenant: str | None) -> Job:
        """The job of this id; raises NotFound where there is none, or it is somebody else's."""
        rows = self._query("SELECT * FROM jobs WHERE id = ?", (job_id,))
        if not rows or (tenant is not None and rows[0]["tenant"] != tenant):
            raise NotFound(f"No job has the id {job_id!r}. GET /v1/jobs lists them.")
        return job_of(rows[0])

    def job_of_key(self, key: str, *, tenant: str) -> Job | None:
        """The job of this work, where the tenant has one."""
        rows = self._query("SELECT * FROM jobs WHERE key = ? AND tenant = ?", (key, tenant))
        return job_of(rows[0]) if rows else None

    def find_jobs(
        self,
        *,
        tenant: str | None,
        state: JobState | None = None,
        kind: str | None = None,
        doc_id: str | None = None,
        error_code: str | None = None,
        after: tuple[str, str] | None = None,
        limit: int = 50,
    ) -> list[Job]:
        """Jobs by age, newest first. `kind` is how it begins: 'add', 'read', 'read:<run>'; `after` is the (created, id) of the
        last one seen."""
        tests: list[tuple[str, Sequence[Any]]] = []
        if tenant is not None:
            tests.append(("tenant = ?", (tenant,)))
        if state is not None:
            tests.append(("state = ?", (state.value,)))
        if kind is not None:
            tests.append(("substr(kind, 1, ?) = ?", (len(kind), kind)))
        if doc_id is not None:
            tests.append(("doc_id = ?", (doc_id,)))
        if error_code is not None:
            tests.append(("error_code = ?", (error_code,)))
        if after is not None:
            tests.append(("(created < ? OR (created = ? AND id < ?))", (after[0], *after)))
        where = " AND ".join(test for test, _ in tests) or "1 = 1"
        values = [value for _, given in tests for value in given]
        rows = self._query(f"SELECT * FROM jobs WHERE {where} ORDER BY created DESC, id DESC LIMIT ?", (*values, limit))
        return [job_of(row) for row in rows]

    def position(self, job: Job) -> int | None:
        """How many jobs of this queue are likely to be taken before it; None where it does not wait. An estimate: tenants take turns."""
        if job.state is not JobState.QUEUED:
            return None
        rows = self._query(
            "SELECT count(*) AS n FROM jobs WHERE queue = ? AND state = 'queued' AND id <> ? "
            "AND (priority > ? OR (priority = ? AND created < ?))",
            (job.queue, job.id, job.priority, job.priority, job.created),
        )
        return int(rows[0]["n"])

    def run_job_counts(self, run_id: str) -> dict[JobState, int]:
        """How many documents of a run are in each state."""
        rows = self._query("SELECT state, count(*) AS n FROM jobs WHERE kind = ? GROUP BY state", (f"read:{run_id}",))
        return {JobState(row["state"]): row["n"] for row in rows}

    def cancel(self, job: Job) -> Job:
        """End the job; nothing of it is written after this returns. Raises Conflict where it is final or being written."""
        return self._one(_CANCEL, job)

    def pause(self, job: Job) -> Job:
        """Put the job aside until it is resumed; work under way is given up. Raises Conflict."""
        return self._one(_PAUSE, job)

    def resume(self, job: Job) -> Job:
        """Queue a paused job again. Raises Conflict."""
        return self._one(_RESUME, job)

    def retry(self, job: Job) -> Job:
        """Queue a failed or cancelled job afresh. Raises Conflict."""
        return self._one(_RETRY, job)

    def cancel_all(self, kind: str) -> int:
        """Cancel every job of this kind that can be; returns how many."""
        return self._many(_CANCEL, kind)

    def pause_all(self, kind: str) -> int:
        return self._many(_PAUSE, kind)

    def resume_all(self, kind: str) -> int:
        return self._many(_RESUME, kind)

    def retry_all(self, kind: str) -> int:
        return self._many(_RETRY, kind)

    def prioritise(self, job: Job, priority: int) -> Job:
        """Change a job's place among its tenant's. Raises Conflict where it is final."""
        with self._transaction() as db:
            changed = db.execute(
                "UPDATE jobs SET priority = ?, updated = ? WHERE id = ? AND state IN ('queued', 'running', 'paused') RETURNING *",
                (priority, now(), job.id),
            ).fetchone()
        if changed is None:
            raise self._refusal("prioritised", job)
        return job_of(changed)

    def events(self, job_id: str, *, after: int = 0, limit: int = 500) -> list[Event]:
        """What happened to a job since the event of this number, oldest first."""
        rows = self._query("SELECT * FROM events WHERE job_id = ? AND seq > ? ORDER BY seq LIMIT ?", (job_id, after, limit))
        return [_event(row) for row in rows]

    def run_events(self, run_id: str, *, after: int = 0, limit: int = 500) -> list[Event]:
        """What happened to the jobs of a run since the event of this number, oldest first."""
        rows = self._query(
            "SELECT e.* FROM events e JOIN jobs j ON j.id = e.job_id WHERE j.kind = ? AND e.seq > ? ORDER BY e.seq LIMIT ?",
            (f"read:{run_id}", after, limit),
        )
        return [_event(row) for row in rows]

    def last_event(self) -> int:
        """The number of the newest event of all."""
        return int(self._query("SELECT coalesce(max(seq), 0) AS seq FROM events")[0]["seq"])

    def happened_since(self, after: int, *, limit: int = 1000) -> list[tuple[int, str, str]]:
        """To which jobs something happened since the event of this number, oldest first: (seq, job id, kind of job)."""
        rows = self._query(
            "SELECT e.seq, e.job_id, j.kind FROM events e JOIN jobs j ON j.id = e.job_id WHERE e.seq > ? ORDER BY e.seq LIMIT ?",
            (after, limit),
        )
        return [(row["seq"], row["job_id"], row["kind"]) for row in rows]

    def forget_events(self, before: str) -> int:
        """Remove events older than this time (ISO 8601) of jobs that are final; returns how many."""
        with self._transaction() as db:
            return int(
                db.execute(
                    "DELETE FROM events WHERE at < ? AND job_id IN "
                    "(SELECT id FROM jobs WHERE state IN ('done', 'failed', 'cancelled'))",
                    (before,),
                ).rowcount
            )

    def oldest(self) -> dict[tuple[str, JobState], float]:
        """By queue and state, the seconds since the longest waiting job was touched."""
        rows = self._query(
            "SELECT queue, state, min(updated) AS since FROM jobs WHERE state IN ('queued', 'running') GROUP BY queue, state"
        )
        return {
            (row["queue"], JobState(row["state"])): max(seconds() - datetime.fromisoformat(row["since"]).timestamp(), 0.0)
            for row in rows
        }

    def error_counts(self) -> dict[tuple[str, str, str], int]:
        """How many jobs there are by kind ('add', 'read'), state and error code ('' for none)."""
        counts: dict[tuple[str, str, str], int] = {}
        for row in self._query(
            "SELECT kind, state, coalesce(error_code, '') AS code, count(*) AS n FROM jobs GROUP BY kind, state, error_code"
        ):
            key = (row["kind"].partition(":")[0], row["state"], row["code"])
            counts[key] = counts.get(key, 0) + row["n"]
        return counts

    def _one(self, action: _Action, job: Job) -> Job:
        with self._transaction() as db:
            rows = _apply(db, action, "id = ?", job.id)
        if not rows:
            raise self._refusal(action.name, job)
        return job_of(rows[0])

    def _many(self, action: _Action, kind: str) -> int:
        with self._transaction() as db:
            return len(_apply(db, action, "kind = ?", kind))

    def _refusal(self, wish: str, job: Job) -> Conflict:
        found = self.job(job.id, tenant=None)
        state = "being written" if found.state is JobState.RUNNING else found.state.value
        return Conflict(f"Job {job.id} is {state}, so it cannot be {wish} now. Nothing was changed.")


def _apply(db: Any, action: _Action, which: str, value: str) -> list[Row]:
    if action.to is JobState.QUEUED:
        sql = f"SELECT DISTINCT kind, tenant FROM jobs WHERE {which} AND {action.when}"
        for group in db.execute(sql, (value,)).fetchall():
            join_share(db, first_queue(group["kind"]), group["tenant"])
            _reopen_run(db, group["kind"])
    rows: list[Row] = db.execute(
        f"UPDATE jobs SET state = ?, fence = fence + 1, owner = NULL, lease_until = NULL, not_before = 0, updated = ?{action.also} "
        f"WHERE {which} AND {action.when} RETURNING *",
        (action.to, now(), value),
    ).fetchall()
    for row in rows:
        add_event(db, row["id"], row["tenant"], action.name, {})
        if action.to.is_final:
            owe_job(db, job_of(row), action.to.value, None)
    return rows


def _reopen_run(db: Any, kind: str) -> None:
    """A run with a job that is queued again is not over; workers look only for those that are not."""
    db.execute(
        "UPDATE runs SET state = 'running', finished = NULL WHERE id = ? AND state IN ('done', 'failed', 'cancelled')",
        (kind.removeprefix("read:"),),
    )


def _event(row: Row) -> Event:
    return Event(seq=row["seq"], job_id=row["job_id"], kind=row["kind"], data=json.loads(row["data"]), at=row["at"])
