"""How many jobs a second go through the ledger, Celery and Redis together, beside bare Celery: a message per task, nothing in it.

Both are consumed by the same worker processes, with the settings of broker.py (spawned pool, late acknowledgement, one message at a
time), from the same Redis, in turns. Two clocks: for bringing all work in, and for getting through it once it is let at the workers.
"""

from __future__ import annotations

import statistics
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path

from bench.load.table import Line
from bench.service_rig import Rig, light_parts, wait_until
from broker import PREFIX, make_app
from jobs import Ledger
from records import JobState, Queue

GOAL = 0.8
#: Threads that submit, as the API has them.
SUBMITTERS = 8
PATIENCE_S = 300.0
TICK_S = 0.02
#: A job's payload names its way: finished by who took it, or handed over and finished by the writer, as a paper is.
HOPS = "hops"
WAYS = {"bare Celery": 0, "claim, finish": 1, "claim, hand over, take, finish": 2}


@dataclass(frozen=True, slots=True)
class Round:
    """Seconds for n jobs."""

    submit_s: float
    drain_s: float


def queue(n: int = 3000, rounds: int = 3, concurrency: int = 2) -> list[Line]:
    parts = replace(light_parts(), app="bench.load.bells")
    found: dict[str, list[Round]] = defaultdict(list)
    with tempfile.TemporaryDirectory(prefix="queue-") as folder, Rig(Path(folder), parts) as rig:
        rig.hire(queues=("bare", "convert", "write"), concurrency=concurrency)
        rig.wait_for_workers()
        ledger = Ledger(rig.library.root / "ledger.sqlite", is_durable=True)  # as the API has it
        for turn in range(rounds + 1):  # the first is for what is opened once
            for name, hops in WAYS.items():
                size = n if turn else 200
                measured = _ours(rig, ledger, f"{turn}-{hops}", size, hops) if hops else _bare(rig, size)
                if turn:
                    found[name].append(measured)
        ledger.close()
    return _lines(n, found)


def _bare(rig: Rig, n: int) -> Round:
    """A message per task, kept from the worker under another name until all are there."""
    app, client = make_app(rig.redis.address), rig.redis.client()
    submit_s = _clocked(lambda: [app.send_task("reread.bare", queue="held") for _ in range(n)])

    def drain() -> None:
        client.rename(f"{PREFIX}held", f"{PREFIX}bare")
        is_over = wait_until(
            lambda: not client.llen(f"{PREFIX}bare") and not client.hlen(f"{PREFIX}unacked"),
            timeout_s=PATIENCE_S,
            tick_s=TICK_S,
        )
        assert is_over, "bare Celery did not get through its tasks"

    return Round(submit_s, _clocked(drain))


def _ours(rig: Rig, ledger: Ledger, mark: str, n: int, hops: int) -> Round:
    """A row in the ledger per job, and bells."""
    kind = rig.parts.recipe.job_kind
    names = [f"{mark}-{number}" for number in range(n)]

    def submit(name: str) -> None:
        ledger.submit(kind, [(name, {"doc_id": name, "name": name, HOPS: hops}, 0)], tenant="team")

    def submit_all() -> None:
        with ThreadPoolExecutor(SUBMITTERS) as pool:
            list(pool.map(submit, names))

    before = rig.states().get(JobState.DONE, 0)
    submit_s = _clocked(submit_all)

    def drain() -> None:
        rig.bell.ring(Queue.CONVERT, n)
        is_over = wait_until(lambda: rig.states().get(JobState.DONE, 0) == before + n, timeout_s=PATIENCE_S, tick_s=TICK_S)
        assert is_over, f"the queue did not get through its jobs: {rig.states()}"

    return Round(submit_s, _clocked(drain))


def _clocked(work: Callable[[], object]) -> float:
    started = time.perf_counter()
    work()
    return time.perf_counter() - started


def _lines(n: int, found: dict[str, list[Round]]) -> list[Line]:
    drained = {name: statistics.median(n / one.drain_s for one in rounds) for name, rounds in found.items()}
    whole = {name: statistics.median(n / (one.submit_s + one.drain_s) for one in rounds) for name, rounds in found.items()}
    bare, lines = next(iter(WAYS)), []
    for name in list(WAYS)[1:]:
        ratio = drained[name] / drained[bare]
        lines.append(
            Line(
                name=f"queue: {name}", goal=f">= {GOAL} of bare Celery",
                measured=f"{drained[name]:,.0f} jobs/s, bare {drained[bare]:,.0f}: ratio {ratio:.2f}", is_met=ratio >= GOAL,
            )
        )  # fmt: skip
        lines.append(
            Line(
                name=f"queue: {name}, submitting counted in", goal="",
                measured=f"{whole[name]:,.0f} jobs/s, bare {whole[bare]:,.0f}: ratio {whole[name] / whole[bare]:.2f}",
            )
        )  # fmt: skip
    return lines
