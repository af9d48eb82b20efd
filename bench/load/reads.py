"""How quickly the API answers while real Docling children and the real encoder take every core they can get.

The papers are variants of the samples, more of them than can be converted meanwhile. A few readers ask one after the other, each with a
pause, as people and their programs do.
"""

from __future__ import annotations

import asyncio
import random
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable
from pathlib import Path

from bench.load.clients import Client, upload
from bench.load.door import Door, open_door
from bench.load.papers import variant
from bench.load.table import Line, percentile, times_said
from bench.service_rig import Rig, real_parts, wait_until
from records import JobState

P95_MS = 50.0
READERS = 4
PAUSE_S = 0.1
QUERIES = (
    "half-life in mouse plasma",
    "error of the forecast",
    "perovskite cells after ageing",
    "temperature",
    "median of the errors",
)


def reads(seconds: float = 60.0, papers: int = 400, stored: int = 6) -> list[Line]:
    with tempfile.TemporaryDirectory(prefix="reads-") as folder, Rig(Path(folder), real_parts()) as rig:
        rig.hire(queues=("convert",), concurrency=2)
        rig.hire(queues=("write", "maintain"))
        with open_door(rig, is_light=False) as door:
            rig.wait_for_workers()
            asyncio.run(_submit(door, range(papers)))
            assert wait_until(lambda: rig.states().get(JobState.DONE, 0) >= stored, timeout_s=180), rig.states()
            began, started = rig.states().get(JobState.DONE, 0), time.monotonic()
            times = asyncio.run(_read_all(door, seconds))
            converted = (rig.states().get(JobState.DONE, 0) - began) / (time.monotonic() - started)
    lines = [
        Line(
            name=f"reads: {name}",
            goal=f"p95 < {P95_MS:.0f} ms",
            measured=times_said(found),
            is_met=percentile(found, 0.95) < P95_MS,
        )
        for name, found in sorted(times.items())
    ]
    return [
        *lines,
        Line(name="reads: converted meanwhile", goal="> 0", measured=f"{converted:.2f} papers/s", is_met=converted > 0),
    ]


async def _submit(door: Door, numbers: range, at_once: int = 20) -> None:
    client = Client(door.port, door.key)
    for first in range(0, len(numbers), at_once):
        body, kind = upload([(f"variant-{n}.pdf", variant(n)) for n in numbers[first : first + at_once]])
        answer = await client.ask("POST", "/v1/documents", body, kind)
        assert answer.status == 202, answer
    client.close()


async def _read_all(door: Door, seconds: float) -> dict[str, list[float]]:
    times: dict[str, list[float]] = defaultdict(list)
    await asyncio.gather(*(_read(Client(door.port, door.key), times, time.monotonic() + seconds, n) for n in range(READERS)))
    return times


async def _read(client: Client, times: dict[str, list[float]], end: float, seed: int) -> None:
    chance = random.Random(seed)
    papers = (await client.ask("GET", "/v1/documents?limit=20")).json()["items"]
    jobs = (await client.ask("GET", "/v1/jobs?limit=100")).json()["items"]
    asked: dict[str, Callable[[], tuple[str, str, bytes]]] = {
        "GET /v1/jobs": lambda: ("GET", "/v1/jobs?limit=50", b""),
        "GET /v1/jobs/{id}": lambda: ("GET", f"/v1/jobs/{chance.choice(jobs)['id']}", b""),
        "GET /v1/documents/{id}": lambda: ("GET", f"/v1/documents/{chance.choice(papers)['id']}", b""),
        "GET /v1/documents/{id}/markdown": lambda: ("GET", f"/v1/documents/{chance.choice(papers)['id']}/markdown", b""),
        "POST /v1/search (words)": lambda: (
            "POST", "/v1/search", f'{{"query": "{chance.choice(QUERIES)}", "mode": "text"}}'.encode(),
        ),
    }  # fmt: skip
    while time.monotonic() < end:
        for name, request in asked.items():
            answer = await client.ask(*request())
            assert answer.status == 200, (name, answer.status, answer.body[:300])
            times[name].append(answer.ms)
            await asyncio.sleep(chance.uniform(0, 2 * PAUSE_S))
    client.close()
