"""Workers and Redis die, Redis forgets everything, all workers are replaced: no accepted paper is lost, none is stored twice."""

from __future__ import annotations

import signal
import time
from collections import Counter

from bench.scenarios.outcome import Fault, FaultLog, Outcome, Size, audit, in_time, schedule
from bench.service_rig import Rig, Worker, kill, wait_until
from broker import PREFIX
from records import Job, JobState, Queue

#: Papers come in so many waves while the storm lasts.
WAVES = 5
#: The figure of a deploy: seconds in which a worker that is told to stop may finish.
GRACE_S = 30.0
IDLE_EXIT_S = 5.0
#: The figure of a wiped broker: seconds until every queue is rung again.
RUNG_AGAIN_S = 60.0


def kills(rig: Rig, seed: int, size: Size, log: FaultLog) -> Outcome:
    """Every 2 s a worker's main process, every 5 s a process of some pool, and once Redis, all with SIGKILL."""
    rig.hire(size.workers)
    rig.wait_for_workers()
    papers, jobs = rig.papers(size.jobs), list[Job]()
    faults = schedule(seed, size.storm_s, {"kill_main": 2.0 * size.pace, "kill_child": 5.0 * size.pace}, once=["kill_redis"])
    waves = [Fault(size.storm_s * wave / WAVES, "submit", 0) for wave in range(WAVES)]
    for fault in in_time(sorted([*faults, *waves], key=lambda fault: fault.at_s)):
        if fault.kind == "submit":
            jobs += rig.submit(papers[len(jobs) : len(jobs) + -(-len(papers) // WAVES)])
        else:
            inject(rig, fault, log)
    outcome = audit(rig, "kills", seed, jobs, log)
    losses = max(job.losses for job in rig.ledger.find_jobs(tenant=None, limit=len(jobs)))
    outcome.notes.append(f"{losses} holders of one job died at most")
    return outcome


def inject(rig: Rig, fault: Fault, log: FaultLog) -> None:
    """Kill what the fault's draw falls on, of what is there now."""
    if fault.kind == "kill_redis":
        log.note("kill_redis")
        rig.redis.kill()
        time.sleep(1 + 2 * fault.draw)
        rig.redis.start()
        return
    living = [worker for worker in rig.workers if worker.is_alive]
    if fault.kind == "kill_main":
        targets = [worker.pid for worker in living]
    else:
        targets = [pid for worker in living for pid in (*worker.pool(), *worker.converters())]
    if targets:
        target = targets[int(fault.draw * len(targets))]
        log.note(fault.kind, f"pid {target}")
        kill(target)


def flushall(rig: Rig, seed: int, size: Size, log: FaultLog) -> Outcome:
    """Redis forgets everything in the middle of the work; every queue that has any is rung for again."""
    rig.hire(size.workers)
    rig.wait_for_workers()
    jobs = rig.submit(rig.papers(size.jobs))
    wait_until(lambda: rig.states().get(JobState.DONE, 0) >= size.jobs // 4, timeout_s=120)
    log.note("flushall", f"{rig.n_open()} jobs open")
    rig.redis.client().flushall()
    silent = set(rig.ledger.depths())
    is_rung = wait_until(lambda: _none_silent(rig, silent), timeout_s=RUNG_AGAIN_S, tick_s=0.02)
    rung_s = time.monotonic() - log.last
    outcome = audit(rig, "flushall", seed, jobs, log)
    outcome.notes.append(f"rung again after {rung_s:.0f} s")
    outcome.broken += [] if is_rung else [f"not rung again within {RUNG_AGAIN_S:.0f} s: {' '.join(silent)}"]
    return outcome


def _none_silent(rig: Rig, silent: set[Queue]) -> bool:
    """Strike out the queues that have messages by now, or no work any more."""
    client, depths = rig.redis.client(), rig.ledger.depths()
    silent -= {queue for queue in silent if client.llen(f"{PREFIX}{queue.value}") or not depths.get(queue)}
    return not silent


def deploy(rig: Rig, seed: int, size: Size, log: FaultLog) -> Outcome:
    """One worker after the other is told to stop, as an orchestrator does, and a new one takes its place."""
    rig.hire(size.workers, concurrency=2)
    rig.wait_for_workers()
    jobs = rig.submit(rig.papers(size.jobs))
    wait_until(lambda: rig.states().get(JobState.RUNNING, 0) > 0, timeout_s=60)
    slowest = max(_replace(rig, worker, log) for worker in rig.workers)
    outcome = audit(rig, "deploy", seed, jobs, log)
    starts = Counter(event.job_id for job in jobs for event in rig.ledger.events(job.id) if event.kind == "running")
    repeats = max(starts.values()) - 1
    idle = max(_replace(rig, worker, log) for worker in rig.workers)
    outcome.notes.append(
        f"a busy worker went within {slowest:.0f} s, an idle one within {idle:.1f} s; {repeats} repeats at most"
    )
    outcome.broken += [f"a worker took {slowest:.0f} s to stop"] if slowest > GRACE_S else []
    outcome.broken += [f"an idle worker took {idle:.1f} s to stop"] if idle > IDLE_EXIT_S else []
    outcome.broken += [f"a job was begun {repeats + 1} times"] if repeats > 1 else []
    return outcome


def _replace(rig: Rig, worker: Worker, log: FaultLog) -> float:
    """The seconds it took to go, killed where it took longer than it may; its successor serves when this returns."""
    starts, began = worker.starts, time.monotonic()
    log.note("sigterm", f"{worker.name} pid {worker.pid}")
    worker.tell(signal.SIGTERM)
    is_gone = wait_until(lambda: worker.starts > starts, timeout_s=GRACE_S + 5, tick_s=0.02)
    seconds = time.monotonic() - began
    if not is_gone:
        worker.end()
        wait_until(lambda: worker.starts > starts, timeout_s=10)
    is_back = wait_until(lambda: any(w.name.endswith(f"/{worker.pid}") for w in rig.ledger.workers()), timeout_s=60)
    assert is_back, f"{worker.name} did not come back"
    return seconds
