"""Papers that kill what reads them cost themselves and nothing else."""

from __future__ import annotations

from bench.scenarios.outcome import FaultLog, Outcome, Size, audit
from bench.service_rig import Rig

#: What each of them ends with.
ENDS = {"killed": "converter_died", "segfault": "converter_died", "hoards": "out_of_memory", "spins": "timed_out"}
MOST_ATTEMPTS = 3


def poison(rig: Rig, seed: int, size: Size, log: FaultLog) -> Outcome:
    """One that kills, one that crashes, one that exhausts, one that spins, among neighbours; real processes die."""
    rig.hire(size.workers)
    rig.wait_for_workers()
    for behaviour in ENDS:
        log.note(behaviour)
    bad = rig.submit([rig.poison(behaviour) for behaviour in ENDS])
    good = rig.submit(rig.papers(size.jobs))
    expected = {job.id: end for job, end in zip(bad, ENDS.values(), strict=True)}
    outcome = audit(rig, "poison", seed, [*bad, *good], log, expected=expected)
    attempts = {job.payload["name"]: rig.ledger.job(job.id, tenant=None).attempt for job in bad}
    restarts = sum(worker.starts - 1 for worker in rig.workers)
    outcome.notes.append(f"attempts {sorted(attempts.values())}")
    outcome.broken += [f"{name} was tried {n} times" for name, n in attempts.items() if n > MOST_ATTEMPTS]
    outcome.broken += [f"workers died {restarts} times"] if restarts else []
    return outcome
