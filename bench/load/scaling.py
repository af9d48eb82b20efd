"""Two convert workers against one: the same papers' worth of work, in turns.

Stand-ins sleep, so what is measured is whether the queue lets two work side by side. Real conversions are told beside it: they want a
core each, for the child, and more for the encoder, so on a machine of two cores two workers cannot be twice one.
"""

from __future__ import annotations

import os
import sqlite3
import statistics
import tempfile
from collections.abc import Sequence
from pathlib import Path

from bench.load.papers import small, variant
from bench.load.table import Line
from bench.service_rig import Parts, Rig, Worker, light_parts, real_parts, wait_until
from ingest.source import read_source
from records import Job, Source

GOAL = 1.8
PATIENCE_S = 400.0
#: Two workers' children and encoders, and whoever measures.
ENOUGH_CORES = 4


def scaling(sleeping: int = 80, real: int = 18, turns: int = 2) -> list[Line]:
    one, two = _rates(light_parts(), sleeping, turns, is_real=False)
    lines = [_line(f"scaling: two convert workers, {sleeping} sleeping conversions a turn", one, two, f">= {GOAL}")]
    if real:
        one, two = _rates(real_parts(), real, turns, is_real=True)
        n_cores = os.cpu_count() or 1
        goal = f">= {GOAL}" if n_cores >= ENOUGH_CORES else ""
        lines.append(_line(f"scaling: the same with real Docling and encoder on {n_cores} cores", one, two, goal))
    return lines


def _line(name: str, one: float, two: float, goal: str) -> Line:
    ratio = two / one
    return Line(
        name=name, goal=goal, measured=f"{one:.2f} and {two:.2f} papers/s: ratio {ratio:.2f}", is_met=not goal or ratio >= GOAL
    )


def _rates(parts: Parts, n: int, turns: int, *, is_real: bool) -> tuple[float, float]:
    """Papers a second with one worker and with two, the median of so many turns of each."""
    rates: dict[int, list[float]] = {1: [], 2: []}
    with tempfile.TemporaryDirectory(prefix="scaling-") as folder, Rig(Path(folder), parts) as rig:
        rig.hire(queues=("write", "maintain"))
        rig.hire(queues=("convert",))
        rig.wait_for_workers()
        _convert(rig, _papers(rig, 1000, 2, is_real))  # what is opened once is open then
        for turn in range(turns):
            rates[1].append(_rate(rig, _papers(rig, 2 * turn, n, is_real)))
            rig.hire(queues=("convert",))
            rig.wait_for_workers()
            _convert(rig, _papers(rig, 2000 + turn, 4, is_real))
            rates[2].append(_rate(rig, _papers(rig, 2 * turn + 1, n, is_real)))
            _dismiss(rig, rig.workers[-1])
    return statistics.median(rates[1]), statistics.median(rates[2])


def _dismiss(rig: Rig, worker: Worker) -> None:
    rig.workers.remove(worker)
    worker.end()
    rig.ledger.sweep()


def _papers(rig: Rig, batch: int, n: int, is_real: bool) -> list[Source]:
    folder = rig.folder / f"batch-{batch}"
    folder.mkdir()
    sources = []
    for number in range(n):
        path = folder / f"{batch}-{number}.pdf"
        path.write_bytes(variant(n * batch + number) if is_real else small(path.name))
        sources.append(read_source(path, 10 << 20))
    return sources


def _convert(rig: Rig, papers: Sequence[Source]) -> list[Job]:
    jobs = rig.submit(papers)
    assert wait_until(lambda: not rig.n_open(), timeout_s=PATIENCE_S, tick_s=0.05), rig.states()
    return jobs


def _rate(rig: Rig, papers: Sequence[Source]) -> float:
    """Papers a second, from the first that is taken to the last that is handed over."""
    jobs = _convert(rig, papers)
    began, ended = _span([job.id for job in jobs], rig.library.root)
    return len(jobs) / (ended - began)


def _span(job_ids: Sequence[str], root: Path) -> tuple[float, float]:
    """When the first of these jobs was taken and the last one handed over, in seconds since the epoch."""
    marks = ", ".join("?" * len(job_ids))
    with sqlite3.connect(f"file:{root / 'ledger.sqlite'}?mode=ro", uri=True) as db:
        sql = f"SELECT min(julianday(at)), max(julianday(at)) FROM events WHERE job_id IN ({marks}) AND kind IN ('running', 'writing')"
        first, last = db.execute(sql, list(job_ids)).fetchone()
    return first * 86400, last * 86400
