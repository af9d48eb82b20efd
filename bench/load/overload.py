"""50 clients submit 2,000 papers to a queue that takes 500: who is not accepted is told so, quickly, and nothing is lost.

Twice: clients that take a 429 for an answer, and clients that come again after the time that it names until every paper is accepted.
"""

from __future__ import annotations

import asyncio
import tempfile
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

from bench.load.clients import Client, upload
from bench.load.door import Door, open_door
from bench.load.papers import small
from bench.load.table import Line, percentile, times_said
from bench.load.watching import cpu_s
from bench.service_rig import Rig, light_parts
from records import JobState

P95_MS = 300.0
#: Seconds within which what was accepted is to be finished.
FINISH_S = 420.0


@dataclass(slots=True)
class Seen:
    """What the clients saw."""

    statuses: Counter[int] = field(default_factory=Counter)
    times_ms: list[float] = field(default_factory=list)
    jobs: set[str] = field(default_factory=set)
    without_retry_after: int = 0


def overload(
    clients: int = 50, submissions: int = 2000, max_queued: int = 500, converters: int = 4, *, is_once: bool = False
) -> list[Line]:
    """`is_once` leaves out the clients that come again."""
    lines = []
    for name, comes_again in (("go away", False), ("come again", True))[: 1 if is_once else 2]:
        with (
            tempfile.TemporaryDirectory(prefix="overload-") as folder,
            Rig(Path(folder), light_parts(STANDIN_CONVERT="0.5")) as rig,
        ):
            rig.hire(queues=("convert",), concurrency=converters)
            rig.hire(queues=("write", "maintain"))
            with open_door(rig, is_light=True, max_queued=max_queued) as door:
                rig.wait_for_workers()
                before_s = cpu_s(door.pid)
                seen, wall_s = asyncio.run(_submit_all(door, clients, submissions, comes_again))
                spent_ms = 1000 * (cpu_s(door.pid) - before_s) / len(seen.times_ms)
                is_final = rig.wait_until_final(FINISH_S)
            lines += _lines(f"overload, {name}", seen, wall_s, rig, is_final, submissions if comes_again else None)
            lines.append(Line(name=f"overload, {name}: CPU of the API", goal="", measured=f"{spent_ms:.1f} ms per answer"))
    return lines


async def _submit_all(door: Door, clients: int, submissions: int, comes_again: bool) -> tuple[Seen, float]:
    seen, started = Seen(), time.perf_counter()
    share = submissions // clients
    each = (_submit(Client(door.port, door.key), range(n * share, (n + 1) * share), seen, comes_again) for n in range(clients))
    await asyncio.gather(*each)
    return seen, time.perf_counter() - started


async def _submit(client: Client, numbers: range, seen: Seen, comes_again: bool) -> None:
    for n in numbers:
        body, kind = upload([(f"paper-{n}.pdf", small(f"paper {n}"))])
        while True:
            answer = await client.ask("POST", "/v1/documents", body, kind)
            seen.statuses[answer.status] += 1
            seen.times_ms.append(answer.ms)
            if answer.status == 202:
                seen.jobs.update(job["id"] for job in answer.json()["jobs"])
            if answer.status == 429 and "retry-after" not in answer.headers:
                seen.without_retry_after += 1
            if answer.status != 429 or not comes_again:
                break
            await asyncio.sleep(float(answer.headers["retry-after"]))
    client.close()


def _lines(name: str, seen: Seen, wall_s: float, rig: Rig, is_final: bool, wanted: int | None) -> list[Line]:
    known = {job.id: job.state for job in rig.ledger.find_jobs(tenant=None, limit=1_000_000)}
    finished = sum(known.get(job_id) is JobState.DONE for job_id in seen.jobs)
    others = {status: n for status, n in seen.statuses.items() if status not in (202, 429)}
    p95 = percentile(seen.times_ms, 0.95)
    accepted = len(seen.jobs)
    is_whole = is_final and accepted == finished == len(known) and (wanted is None or accepted == wanted)
    return [
        Line(
            name=f"{name}: answers", goal="only 202 and 429 with Retry-After",
            measured=f"{dict(sorted(seen.statuses.items()))} in {wall_s:.0f} s, 429 without Retry-After {seen.without_retry_after}",
            is_met=not others and not seen.without_retry_after,
        ),
        Line(name=f"{name}: time of an answer", goal=f"p95 < {P95_MS:.0f} ms", measured=times_said(seen.times_ms), is_met=p95 < P95_MS),
        Line(
            name=f"{name}: accepted = finished", goal="equal" if wanted is None else f"equal, {wanted:,}",
            measured=f"{accepted:,} accepted, {finished:,} finished, {len(known):,} in the ledger", is_met=is_whole,
        ),
    ]  # fmt: skip
