"""24 hours in minutes: 20,000 short jobs in a row through API, workers and writer, with somebody reading and searching beside them.

Memory is compared between the first tenth after the warm-up and the last one, process by process.
"""

from __future__ import annotations

import asyncio
import tempfile
import time
from pathlib import Path

from bench.load.clients import Client, upload
from bench.load.door import Door, open_door
from bench.load.papers import small
from bench.load.table import Line
from bench.load.watching import Disk, Sampler, disk_of, pids_of, wait_for
from bench.service_rig import Rig, light_parts
from broker import PREFIX
from records import JobState, Queue
from service import MALLOC
from store.library import KEEP_VERSIONS, MANY_FILES

#: Share of the jobs that is warm-up: modules, connections and caches of fixed size fill.
WARM_UP = 0.2
FLAT = 0.10
#: Processes that Celery ends and starts anew after so many tasks (broker.py); any other is to live from beginning to end.
RECYCLED = "convert pool"
MOST_VERSIONS, MOST_DATA_FILES = 100, 50
MOST_REDIS_MB, MOST_WAL_MB, MOST_LEDGER_KB_PER_JOB = 80.0, 20.0, 8.0
FILES_PER_REQUEST = 20
#: Papers that may wait: enough to keep everybody busy.
WAITING = 400
PATIENCE_S = 1200.0


def endurance(jobs: int = 20_000, every_s: float = 3.0, settle_s: float = KEEP_VERSIONS.total_seconds() + 10) -> list[Line]:
    with (
        tempfile.TemporaryDirectory(prefix="endurance-") as folder,
        Rig(Path(folder), light_parts(STANDIN_CONVERT="0", **MALLOC)) as rig,
    ):
        rig.hire(queues=("convert",), concurrency=2)
        rig.hire(queues=("write", "maintain"))
        with open_door(rig, is_light=True) as door:
            rig.wait_for_workers()
            redis_pid = rig.redis._process.pid if rig.redis._process else 0
            sampler = Sampler(lambda: pids_of(rig, api=door.pid, redis=redis_pid), lambda: _done(rig), every_s)
            sampler.start()
            started = time.monotonic()
            sent = asyncio.run(_work(door, rig, jobs))
            is_final = rig.wait_until_final(PATIENCE_S)
            wall_s = time.monotonic() - started
            sampler.stop()
            before = disk_of(rig)
            _maintain(rig, settle_s)
            after = disk_of(rig)
        states = rig.states()
    failed = sum(n for state, n in states.items() if state is not JobState.DONE)
    return [
        Line(
            name="endurance: jobs", goal=f"{jobs:,} done", is_met=is_final and sent == states.get(JobState.DONE) and not failed,
            measured=f"{states.get(JobState.DONE, 0):,} done, {failed} not, in {wall_s:.0f} s: {jobs / wall_s:.0f} jobs/s",
        ),
        *_memory_lines(sampler, jobs),
        *_disk_lines(before, after, jobs),
    ]  # fmt: skip


def _done(rig: Rig) -> int:
    return rig.states().get(JobState.DONE, 0)


async def _work(door: Door, rig: Rig, jobs: int) -> int:
    """Submit so many papers, as fast as they are done; returns how many were accepted."""
    reading = asyncio.create_task(_read(Client(door.port, door.key)))
    client, sent = Client(door.port, door.key), 0
    try:
        while sent < jobs:
            if await asyncio.to_thread(rig.n_open) > WAITING:
                await asyncio.sleep(0.1)
                continue
            names = [f"paper-{n}.pdf" for n in range(sent, min(sent + FILES_PER_REQUEST, jobs))]
            body, kind = upload([(name, small(name)) for name in names])
            answer = await client.ask("POST", "/v1/documents", body, kind)
            assert answer.status == 202, answer
            sent += len(answer.json()["jobs"])
    finally:
        reading.cancel()
    return sent


async def _read(client: Client) -> None:
    """Somebody who looks at jobs and papers, and searches."""
    while True:
        listed = await client.ask("GET", "/v1/documents?limit=20")
        for document in listed.json()["items"][:2]:
            await client.ask("GET", f"/v1/documents/{document['id']}/markdown")
        await client.ask("GET", "/v1/jobs?limit=20")
        await client.ask("POST", "/v1/search", b'{"query": "line of paper", "mode": "text"}')
        await asyncio.sleep(1.0)


def _maintain(rig: Rig, settle_s: float) -> None:
    """A round of maintenance, as the sweeper rings for it every two minutes, once the last versions are old enough to go."""
    time.sleep(settle_s)
    versions = rig.library.root / "lance" / "chunks.lance" / "_versions"
    before = _names(versions)
    rig.bell.ring(Queue.MAINTAIN)
    client = rig.redis.client()
    wait_for(lambda: not client.llen(f"{PREFIX}maintain") and not client.hlen(f"{PREFIX}unacked"), 60.0)
    if settle_s:
        wait_for(lambda: _names(versions) != before or len(before) <= MANY_FILES, 60.0)


def _names(folder: Path) -> set[str]:
    return {path.name for path in folder.glob("*")}


def _memory_lines(sampler: Sampler, jobs: int) -> list[Line]:
    lines = []
    for name in sorted(sampler.samples):
        first = sampler.mean_mb(name, WARM_UP * jobs, (WARM_UP + 0.1) * jobs)
        last = sampler.mean_mb(name, 0.9 * jobs, jobs)
        growth = last / first - 1 if first else 1.0
        n_lives = len({sample.pid for sample in sampler.samples[name]})
        is_alive = n_lives == 1 or name.startswith(RECYCLED)
        lines.append(
            Line(
                name=f"endurance: memory of {name}", goal=f"within {FLAT:.0%}", is_met=growth <= FLAT and is_alive,
                measured=f"{first:.0f} MB, then {last:.0f} MB: {growth:+.0%}" + ("" if n_lives == 1 else f"; {n_lives} lives"),
            )
        )  # fmt: skip
    return lines


def _disk_lines(before: Disk, after: Disk, jobs: int) -> list[Line]:
    kb_per_job = 1024 * after.ledger_mb / jobs
    return [
        Line(
            name="endurance: LanceDB after maintenance", goal=f"<= {MOST_VERSIONS} versions, <= {MOST_DATA_FILES} data files per table",
            measured=f"versions {after.versions}, data files {after.data_files}, rows {after.rows}, {after.lance_mb:.0f} MB; "
            f"before: versions {before.versions}, data files {before.data_files}, {before.lance_mb:.0f} MB",
            is_met=max(after.versions.values()) <= MOST_VERSIONS and max(after.data_files.values()) <= MOST_DATA_FILES,
        ),
        Line(
            name="endurance: left in staging, scratch, uploads", goal="nothing", measured=f"{after.left}; before maintenance {before.left}",
            is_met=not any(after.left.values()),
        ),
        Line(
            name="endurance: Redis's append-only file", goal=f"<= {MOST_REDIS_MB:.0f} MB", measured=f"{after.redis_mb:.1f} MB",
            is_met=after.redis_mb <= MOST_REDIS_MB,
        ),
        Line(
            name="endurance: ledger", goal=f"<= {MOST_LEDGER_KB_PER_JOB:.0f} KB per job, WAL <= {MOST_WAL_MB:.0f} MB",
            measured=f"{after.ledger_mb:.0f} MB: {kb_per_job:.1f} KB per job; WAL {after.wal_mb:.1f} MB, "
            f"at the end of the work {before.wal_mb:.1f} MB",
            is_met=kb_per_job <= MOST_LEDGER_KB_PER_JOB and max(after.wal_mb, before.wal_mb) <= MOST_WAL_MB,
        ),
    ]  # fmt: skip
