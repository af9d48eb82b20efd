"""Jobs are cancelled in every state: they are final at once, nothing of them is written afterwards, and what converted them is gone.

The one exception is a job whose result is being written: it says so, and is done a moment later.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence

import pipeline
from bench.scenarios.outcome import FaultLog, Outcome, Size, audit
from bench.scenarios.reread import asked
from bench.service_rig import Rig, wait_until
from errors import Conflict
from records import Job, JobState, Queue
from store import tables

#: The figure: seconds until a cancelled job is final and its converter child gone.
FINAL_S = 10.0


def cancel(rig: Rig, seed: int, size: Size, log: FaultLog) -> Outcome:
    """As many jobs as the size says in each state, one state after the other."""
    jobs, expected, slowest, broken = list[Job](), dict[str, str](), 0.0, list[str]()
    for state in (queued, paused, converting, waiting, being_written):
        own = state(rig, size.jobs, state.__name__)
        for job in own:
            seconds, end = cancelled(rig, job)
            log.note(f"cancel_{state.__name__}", f"{job.id} {end} after {seconds:.2f} s")
            slowest, expected[job.id] = max(slowest, seconds), end
        jobs += own
        if not wait_until(lambda: not any(worker.converters() for worker in rig.workers), timeout_s=FINAL_S):
            broken.append(f"a converter child outlived a job that was cancelled while {state.__name__}")
    read, more = _cancel_a_run(rig, size, log)
    jobs, broken = [*jobs, *read], [*broken, *more]
    time.sleep(2)  # for whoever would write something after all
    outcome = audit(rig, "cancel", seed, jobs, log, expected=expected)
    away = [job.payload["doc_id"] for job in jobs if expected.get(job.id) == "cancelled"]
    broken += [f"{rig.rows_of(away)} cancelled papers were stored"] if rig.rows_of(away) else []
    broken += [f"a cancelled job was final after {slowest:.0f} s"] if slowest > FINAL_S else []
    outcome.notes.append(f"final after {slowest:.1f} s at most")
    outcome.broken += broken
    return outcome


def cancelled(rig: Rig, job: Job) -> tuple[float, str]:
    """The seconds until the job was final, and how it ended."""
    began = time.monotonic()
    try:
        rig.ledger.cancel(job)
    except Conflict:
        wait_until(lambda: rig.ledger.job(job.id, tenant=None).state.is_final, timeout_s=2 * FINAL_S)
    return time.monotonic() - began, rig.ledger.job(job.id, tenant=None).state.value


def queued(rig: Rig, n: int, name: str) -> list[Job]:
    """There is no worker yet."""
    return rig.submit(rig.papers(n, named=name))


def paused(rig: Rig, n: int, name: str) -> list[Job]:
    return [rig.ledger.pause(job) for job in rig.submit(rig.papers(n, named=name))]


def converting(rig: Rig, n: int, name: str) -> list[Job]:
    """Papers that would be converted for ever, by real children; two at a time are."""
    if not rig.workers:
        rig.hire(2, queues=["convert"])
        rig.wait_for_workers()
    [job] = rig.submit([rig.poison("spins")])
    assert _reached(rig, [job], lambda found: found.state is JobState.RUNNING)
    assert wait_until(lambda: any(worker.converters() for worker in rig.workers), timeout_s=30)
    return [job]


def waiting(rig: Rig, n: int, name: str) -> list[Job]:
    """Converted, and there is no writer yet."""
    jobs = rig.submit(rig.papers(n, named=name))
    assert _reached(rig, jobs, lambda job: job.state is JobState.QUEUED and job.queue is Queue.WRITE)
    return jobs


def being_written(rig: Rig, n: int, name: str) -> list[Job]:
    """By a writer that takes its time."""
    jobs = waiting(rig, n, name)
    rig.hire(1, queues=["write", "maintain"])
    assert _reached(rig, jobs, lambda job: job.queue is Queue.WRITE and job.state is JobState.RUNNING)
    return jobs


def _reached(rig: Rig, jobs: Sequence[Job], is_there: Callable[[Job], bool]) -> bool:
    return wait_until(lambda: all(is_there(rig.ledger.job(job.id, tenant=None)) for job in jobs), timeout_s=60, tick_s=0.02)


def _cancel_a_run(rig: Rig, size: Size, log: FaultLog) -> tuple[list[Job], list[str]]:
    """A run is cancelled while it is read; what of it is not stored by then never is. The papers it was about, and what is wrong."""
    rig.hire(1, queues=["extract"])
    papers = rig.submit(rig.papers(3 * size.jobs, named="read", lines=30))
    if not rig.wait_until_final(120):
        return papers, ["the papers of the run were not stored"]
    run = asked(rig)
    wait_until(lambda: rig.states("read:").get(JobState.RUNNING, 0), timeout_s=60, tick_s=0.02)
    began = time.monotonic()
    n = rig.ledger.cancel_all(f"read:{run.id}")
    log.note("cancel_reading", f"{n} documents of run {run.id}")
    if not wait_until(lambda: not rig.n_open(), timeout_s=FINAL_S):
        return papers, [f"the cancelled run was not final after {time.monotonic() - began:.0f} s"]
    stored = rig.library.count(tables.EXTRACTIONS)
    time.sleep(FINAL_S)
    pipeline.close_run(rig.ledger.run(run.id), ledger=rig.ledger)
    late = rig.library.count(tables.EXTRACTIONS) - stored
    state = rig.ledger.run(run.id).state
    return papers, [
        *([f"{late} extractions were stored after their run was cancelled"] if late else []),
        *([f"the cancelled run is {state}"] if state is not JobState.CANCELLED else []),
    ]
