"""Who holds a role that only one may have, which workers are there, and what all processes have counted."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass

from jobs.database import Subject, is_alive, now, seconds
from jobs.queue import ROLE_S

#: A worker that has not been seen for so long is gone.
WORKER_S = 60.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Worker:
    """One worker process that serves queues."""

    name: str
    host: str
    queues: tuple[str, ...]
    started: str
    seen: float  #: seconds since the epoch

    @property
    def is_here(self) -> bool:
        return seconds() - self.seen < WORKER_S


@dataclass(frozen=True, slots=True, kw_only=True)
class Measure:
    """Something to count: a name as Prometheus knows it, its labels, how much."""

    name: str
    labels: tuple[tuple[str, str], ...] = ()
    value: float = 1.0


class Presence(Subject):
    """Roles, workers, counters."""

    def take_role(self, name: str) -> bool:
        """True where this process has the role now, for ROLE_S from now: nobody else had it, or no longer."""
        with self._transaction() as db:
            held = db.execute("SELECT owner, lease_until FROM roles WHERE name = ?", (name,)).fetchone()
            if held and held["owner"] != self.owner and held["lease_until"] > seconds() and is_alive(held["owner"]):
                return False
            db.execute(
                "INSERT INTO roles (name, owner, lease_until) VALUES (?, ?, ?) ON CONFLICT (name) DO UPDATE "
                "SET owner = excluded.owner, lease_until = excluded.lease_until",
                (name, self.owner, seconds() + ROLE_S),
            )
            return True

    def give_role(self, name: str) -> None:
        """Let go of a role before its time."""
        with self._transaction() as db:
            db.execute("DELETE FROM roles WHERE name = ? AND owner = ?", (name, self.owner))

    def see_worker(self, name: str, host: str, queues: Iterable[str]) -> None:
        """A worker says that it is there; once in a while is enough."""
        with self._transaction() as db:
            db.execute(
                "INSERT INTO workers (name, host, queues, started, seen) VALUES (?, ?, ?, ?, ?) ON CONFLICT (name) DO UPDATE "
                "SET queues = excluded.queues, seen = excluded.seen",
                (name, host, " ".join(queues), now(), seconds()),
            )
            db.execute("DELETE FROM workers WHERE seen < ?", (seconds() - 60 * WORKER_S,))

    def leave_worker(self, name: str) -> None:
        """A worker says that it goes."""
        with self._transaction() as db:
            db.execute("DELETE FROM workers WHERE name = ?", (name,))

    def workers(self) -> list[Worker]:
        """The workers that were seen lately, by name."""
        rows = self._query("SELECT * FROM workers ORDER BY name")
        found = [
            Worker(**{n: row[n] for n in ("name", "host", "started", "seen")}, queues=tuple(row["queues"].split()))
            for row in rows
        ]
        return [worker for worker in found if worker.is_here]

    def count(self, measures: Iterable[Measure]) -> None:
        """Add to counters that live as long as the ledger."""
        sums: dict[tuple[str, str], float] = {}
        for measure in measures:
            key = (measure.name, json.dumps(dict(measure.labels), sort_keys=True))
            sums[key] = sums.get(key, 0.0) + measure.value
        if sums:
            with self._transaction() as db:
                db.executemany(
                    "INSERT INTO measures (name, labels, value) VALUES (?, ?, ?) ON CONFLICT (name, labels) DO UPDATE "
                    "SET value = measures.value + excluded.value",
                    [(name, labels, value) for (name, labels), value in sorted(sums.items())],
                )

    def clock(self) -> float | None:
        """The clock of the ledger's server, in seconds since the epoch; None where the ledger is a file of this machine."""
        if not self._database.is_server:
            return None
        return float(self._query("SELECT extract(epoch FROM clock_timestamp()) AS clock")[0]["clock"])

    def note(self, measure: Measure) -> None:
        """Write how much there is of something now, in place of what was."""
        labels = json.dumps(dict(measure.labels), sort_keys=True)
        with self._transaction() as db:
            db.execute(
                "INSERT INTO measures (name, labels, value) VALUES (?, ?, ?) ON CONFLICT (name, labels) DO UPDATE "
                "SET value = excluded.value",
                (measure.name, labels, measure.value),
            )

    def measures(self) -> list[Measure]:
        """Every counter, by name and labels."""
        rows = self._query("SELECT * FROM measures ORDER BY name, labels")
        return [Measure(name=row["name"], labels=tuple(json.loads(row["labels"]).items()), value=row["value"]) for row in rows]
