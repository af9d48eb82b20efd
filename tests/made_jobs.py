"""Jobs for the tests of the ledger: submitted, claimed and finished in a word, and other processes that work on them."""

from __future__ import annotations

import socket
from collections.abc import Sequence
from typing import Any

from jobs import Done, Ledger
from jobs.database import Database, Row
from records import Job, JobState

#: As a lease names a process of this host that has died, and one of a host that cannot be looked into.
DEAD = f"{socket.gethostname()}/{2**22 + 1}/1"
FAR = "another-host/1/1"


def submit(ledger: Ledger, *keys: str, kind: str = "add:r", **more: Any) -> int:
    return ledger.submit(kind, [(key, {"doc_id": key, "name": key}, 1) for key in keys], **more)


def claimed(ledger: Ledger, kind: str = "add:r") -> Job:
    job = ledger.claim(kind)
    assert job
    return job


def staged(ledger: Ledger) -> Job:
    [job] = ledger.claim_staged(1)
    return job


def done_line(key: str, stage: str = "chunks") -> Done:
    return Done(stage=stage, key=key, doc_id=key, detail={"chunks": 1})


def finish(ledger: Ledger, job: Job) -> bool:
    return ledger.finish(job, [done_line(job.key)])


def found(ledger: Ledger, key: str, tenant: str = "") -> Job:
    job = ledger.job_of_key(key, tenant=tenant)
    assert job
    return job


def state_of(ledger: Ledger, key: str, tenant: str = "") -> JobState:
    return found(ledger, key, tenant).state


def kinds_of_events(ledger: Ledger, job: Job) -> list[str]:
    return [event.kind for event in ledger.events(job.id)]


class Elsewhere(Database):
    """The same database as another process has it."""

    def __init__(self, database: Database, owner: str) -> None:
        self.owner, self._database = owner, database

    def transaction(self) -> Any:
        return self._database.transaction()

    def query(self, sql: str, values: Sequence[Any] = ()) -> list[Row]:
        return self._database.query(sql, values)

    def close(self) -> None:
        pass


def as_other(ledger: Ledger, owner: str) -> Ledger:
    """This ledger in the hands of another process."""
    return Ledger(Elsewhere(ledger._database, owner))
