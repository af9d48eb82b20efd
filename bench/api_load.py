"""How long the API takes to answer while 50 clients ask at once: submissions, and reads beside them.

    python bench/api_load.py --clients 50 --submissions 2000 --max-queued 500

The server is a process of its own with a durable ledger, as `reread serve` starts it, and nothing converts: what is measured is the
door. The clients are raw sockets in this process, so that they cost little of the two cores that both sides share.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import random
import statistics
import subprocess
import sys
import tempfile
import time
from collections import Counter, defaultdict
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
SERVER = """
import sys, threading
from pathlib import Path
import structlog, logging
structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.WARNING))
from api_server import serving
from jobs import Ledger
folder, max_queued = Path(sys.argv[1]), int(sys.argv[2])
(folder / "library").mkdir()
ledger = Ledger(folder / "library" / "ledger.sqlite", is_durable=True)
with serving(folder, ledger=ledger, max_queued=max_queued) as api:
    ids = api.store_named(*(f"paper-{n}.pdf" for n in range(200)), tenant="alice")
    print(api.port, api.alice, ",".join(ids), flush=True)
    sys.stdin.read()
"""


class Client:
    """One connection that asks again and again."""

    def __init__(self, port: int, key: str) -> None:
        self._port, self._key = port, key

    async def open(self) -> Client:
        self._in, self._out = await asyncio.open_connection("127.0.0.1", self._port)
        return self

    async def ask(self, method: str, path: str, body: bytes = b"", kind: str = "application/json") -> tuple[int, bytes, float]:
        """The status, the body, and the milliseconds that it took."""
        head = f"{method} {path} HTTP/1.1\r\nHost: localhost\r\nX-Api-Key: {self._key}\r\nContent-Length: {len(body)}\r\n"
        started = time.perf_counter()
        self._out.write(f"{head}Content-Type: {kind}\r\n\r\n".encode() + body)
        lines = (await self._in.readuntil(b"\r\n\r\n")).decode().lower().split("\r\n")
        length = next((int(line[15:]) for line in lines if line.startswith("content-length:")), 0)
        found = await self._in.readexactly(length)
        return int(lines[0].split()[1]), found, 1000 * (time.perf_counter() - started)


def upload(n_bytes: int) -> tuple[bytes, str]:
    pdf = b"%PDF-1.7\n" + random.randbytes(n_bytes)
    part = b'--b\r\nContent-Disposition: form-data; name="files"; filename="a.pdf"\r\nContent-Type: application/pdf\r\n\r\n'
    return part + pdf + b"\r\n--b--\r\n", "multipart/form-data; boundary=b"


def said(name: str, times: list[float]) -> str:
    times = sorted(times)
    p95 = times[int(0.95 * (len(times) - 1))]
    return f"{name:32} n {len(times):5}   p50 {statistics.median(times):6.1f} ms   p95 {p95:6.1f} ms   max {times[-1]:6.1f} ms"


def cpu_s(pid: int) -> float:
    """Processor time that a process has used: what a busy machine does not blur."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


async def measure(chosen: argparse.Namespace, port: int, key: str, doc_ids: list[str], pid: int) -> None:
    clients = [await Client(port, key).open() for _ in range(chosen.clients)]
    times: dict[str, list[float]] = defaultdict(list)
    statuses: Counter[int] = Counter()
    jobs: list[str] = []

    async def submit(client: Client, n: int) -> None:
        for _ in range(n):
            body, kind = upload(chosen.kilobytes << 10)
            status, answer, ms = await client.ask("POST", "/v1/documents", body, kind)
            statuses[status] += 1
            times[f"submit ({chosen.kilobytes} KB) {status}"].append(ms)
            if status == 202:
                jobs.append(json.loads(answer)["jobs"][0]["id"])
            await asyncio.sleep(chosen.pause_s)

    used_s, started = cpu_s(pid), time.perf_counter()
    await asyncio.gather(*(submit(client, chosen.submissions // chosen.clients) for client in clients))
    wall_s = time.perf_counter() - started
    cpu_ms = 1000 * (cpu_s(pid) - used_s) / chosen.submissions
    print(f"{chosen.submissions} submissions by {chosen.clients} clients in {wall_s:.1f} s: {dict(statuses)}")
    print(f"the server used {cpu_ms:.1f} ms of processor time for each; load of the machine {os.getloadavg()[0]:.1f}")
    for name in sorted(times):
        print(said(name, times[name]))

    async def read(client: Client, path: str, n: int) -> None:
        await asyncio.sleep(random.random() * chosen.read_pause_s)
        for _ in range(n):
            status, _, ms = await client.ask("GET", path.format(job=random.choice(jobs), document=random.choice(doc_ids)))
            assert status == 200, (path, status)
            times[path].append(ms)
            await asyncio.sleep(random.expovariate(1 / chosen.read_pause_s))

    paths = (
        "/v1/jobs/{job}",
        "/v1/jobs?limit=20",
        "/v1/documents?limit=20",
        "/v1/documents/{document}",
        "/v1/documents/{document}/markdown",
    )
    for path in paths:
        used_s = cpu_s(pid)
        clients = [await Client(port, key).open() for _ in range(chosen.clients)]  # the server closes those that rest
        await asyncio.gather(*(read(client, path, chosen.reads // chosen.clients) for client in clients))
        print(said(path, times[path]), f"  cpu {1000 * (cpu_s(pid) - used_s) / len(times[path]):.1f} ms")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name, default in (("clients", 50), ("submissions", 2000), ("reads", 2000), ("max-queued", 500), ("kilobytes", 200)):
        parser.add_argument(f"--{name}", type=int, default=default)
    parser.add_argument("--pause-s", type=float, default=0.0, help="of a client between two submissions")
    parser.add_argument("--read-pause-s", type=float, default=0.25, help="of a client between two reads, on average")
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        server = subprocess.Popen(
            [sys.executable, "-c", SERVER, folder, str(chosen.max_queued)],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=ROOT,
            env={"PATH": "/usr/bin:/bin", "PYTHONPATH": f"{ROOT}:{ROOT / 'tests'}"},
        )  # fmt: skip
        try:
            assert server.stdout
            port, key, ids = server.stdout.readline().split()
            asyncio.run(measure(chosen, int(port), key, ids.split(","), server.pid))
        finally:
            server.terminate()
            server.wait()


if __name__ == "__main__":
    main()
