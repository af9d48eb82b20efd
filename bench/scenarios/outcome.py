"""What every scenario has: its size, a seeded schedule of faults with its log, and the audit at its end."""

from __future__ import annotations

import random
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from bench.service_rig import Rig
from records import Job, JobState

#: The promise: everything is final within ten minutes of the last fault.
CALM_S = 600.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Size:
    """How much of it."""

    jobs: int
    storm_s: float = 0.0  #: for how long faults are injected
    workers: int = 2
    pace: float = 1.0  #: times the seconds between two kills: real workers take ten of them to start


@dataclass(slots=True, kw_only=True)
class Outcome:
    """One line of the table."""

    scenario: str
    seed: int
    jobs: int
    faults: Counter[str]
    done: int
    failed: Counter[str]  #: by error code, and cancelled
    lost: int
    doubled: int
    stuck: int
    calm_s: float  #: from the last fault until all were final
    broken: list[str] = field(default_factory=list)  #: promises, in words
    notes: list[str] = field(default_factory=list)  #: what was measured besides


class FaultLog:
    """What was done to the service and when: with the seed, enough to do it again."""

    def __init__(self, path: Path, seed: int) -> None:
        self._file = path.open("a", encoding="utf-8", buffering=1)
        self._file.write(f"seed {seed}\n")
        self._began = self.last = time.monotonic()
        self.counts: Counter[str] = Counter()

    def note(self, kind: str, target: object = "") -> None:
        self.last = time.monotonic()
        self.counts[kind] += 1
        self._file.write(f"{self.last - self._began:8.2f} s  {kind:<16} {target}\n")


@dataclass(frozen=True, slots=True)
class Fault:
    at_s: float
    kind: str
    draw: float  #: 0 to 1: which of those that are there at that time


def schedule(seed: int, storm_s: float, every_s: Mapping[str, float], once: Sequence[str] = ()) -> list[Fault]:
    """Faults of each kind at its pace, a little early or late, and some in the middle of it all."""
    chance = random.Random(seed)
    faults = [
        Fault(step * pace + chance.uniform(-0.4, 0.4) * pace, kind, chance.random())
        for kind, pace in every_s.items()
        for step in range(1, int(storm_s / pace) + 1)
    ]
    faults += [Fault(storm_s * chance.uniform(0.3, 0.6), kind, chance.random()) for kind in once]
    return sorted(faults, key=lambda fault: fault.at_s)


def in_time(faults: Sequence[Fault]) -> Iterator[Fault]:
    """Each when its time has come."""
    began = time.monotonic()
    for fault in faults:
        time.sleep(max(began + fault.at_s - time.monotonic(), 0))
        yield fault


def audit(
    rig: Rig, scenario: str, seed: int, jobs: Sequence[Job], log: FaultLog, *, expected: Mapping[str, str] | None = None
) -> Outcome:
    """Wait until all is final, then count. `expected` says of some jobs, by id, in which other way than done they should end:
    an error code, or 'cancelled'."""
    is_calm = rig.wait_until_final(CALM_S)
    calm_s = time.monotonic() - log.last
    expected = expected or {}
    found = {job.id: job for job in rig.ledger.find_jobs(tenant=None, limit=1_000_000)}
    ends = {job.id: _end_of(found.get(job.id)) for job in jobs}
    done = [job for job in jobs if ends[job.id] == "done"]
    outcome = Outcome(
        scenario=scenario,
        seed=seed,
        jobs=len(jobs),
        faults=log.counts,
        done=len(done),
        failed=Counter(end for end in ends.values() if end not in ("done", "open")),
        lost=sum(end not in (expected.get(job_id, "done"), "open") for job_id, end in ends.items()),
        doubled=rig.doubled(),
        stuck=rig.n_open(),
        calm_s=calm_s,
    )
    rows, wanted = rig.library.count("documents"), len({job.payload["doc_id"] for job in done})
    outcome.lost += max(wanted - rows, 0)
    outcome.broken += [f"{outcome.lost} lost"] if outcome.lost else []
    outcome.broken += [f"{outcome.doubled} rows twice"] if outcome.doubled else []
    outcome.broken += [f"{outcome.stuck} jobs not final"] if outcome.stuck or not is_calm else []
    outcome.broken += [f"{rows} documents stored for {wanted} done"] if rows != wanted else []
    outcome.broken += rig.findings()[:5]
    return outcome


def _end_of(job: Job | None) -> str:
    if job is None:
        return "gone"
    if not job.state.is_final:
        return "open"
    return (job.error_code or "error") if job.state is JobState.FAILED else job.state.value
