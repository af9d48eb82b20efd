"""A service to mistreat: a redis-server of our own, workers that are started again when they die, papers, and the audit afterwards.

Every process is started here and ended here, by its id. What needs our code on the path (`bench`, `tests`) is started with it.
"""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from fake_flow import write_pdf
from makers import DIMENSION

import pipeline
from broker import Bell
from ingest.source import read_source
from jobs import Ledger
from jobs.access import Admission
from records import Job, JobState, Queue, Source
from store import tables
from store.library import Library, create_library
from storing import Recipe
from submitting import Submission, submit_papers

ROOT = Path(__file__).resolve().parent.parent
ALL_QUEUES = ("convert", "extract", "write", "maintain")
TICK_S = 0.1


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def descendants(pid: int) -> list[int]:
    """Every process below this one."""
    found: list[int] = []
    for task in Path(f"/proc/{pid}/task").glob("*/children"):
        with suppress(OSError):
            found += [int(child) for child in task.read_text().split()]
    return [*found, *(below for child in found for below in descendants(child))]


def command_of(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
    except OSError:
        return ""


def kill(pid: int) -> None:
    with suppress(ProcessLookupError):
        os.kill(pid, signal.SIGKILL)


def wait_until(is_so: Callable[[], Any], *, timeout_s: float, tick_s: float = TICK_S) -> bool:
    """True as soon as it is so; False where it is not within this time."""
    end = time.monotonic() + timeout_s
    while time.monotonic() < end:
        if is_so():
            return True
        time.sleep(tick_s)
    return bool(is_so())


class Redis:
    """A redis-server with its append-only file on, as the service is told to run it."""

    def __init__(self, folder: Path) -> None:
        self._folder, self.port = folder, free_port()
        self._folder.mkdir()
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def address(self) -> str:
        return f"redis://127.0.0.1:{self.port}/0"

    def client(self) -> Any:
        import redis

        return redis.Redis(port=self.port, socket_timeout=5)

    def start(self) -> None:
        program = shutil.which("redis-server")
        assert program, "redis-server is not installed (apt-get install redis-server)"
        options = {"port": self.port, "bind": "127.0.0.1", "dir": self._folder, "appendonly": "yes", "appendfsync": "everysec"}
        command = [program, "--save", "", *(str(part) for key, value in options.items() for part in (f"--{key}", value))]
        with (self._folder / "log").open("ab") as log:
            self._process = subprocess.Popen(command, stdout=log, stderr=log)
        assert wait_until(self._answers, timeout_s=20), (self._folder / "log").read_text()

    def _answers(self) -> bool:
        import redis

        with suppress(redis.RedisError):
            return bool(self.client().ping())
        return False

    def kill(self) -> None:
        if self._process:
            self._process.kill()
            self._process.wait()
            self._process = None


class Worker:
    """One worker's main process, started again whenever it has ended."""

    def __init__(self, name: str, *, app: str, queues: Sequence[str], concurrency: int, environment: dict[str, str], log: Path):
        self.name, self._environment, self._log = name, environment, log
        self._command = [
            sys.executable, "-m", "celery", "-A", app, "worker", "-Q", ",".join(queues), "-c", str(concurrency),
            "-n", f"{name}@%h", "--without-gossip", "--without-mingle", "--without-heartbeat", "-l", "WARNING",
        ]  # fmt: skip
        self.starts = 0
        self._process: subprocess.Popen[bytes] | None = None
        self.start()

    def start(self) -> None:
        with self._log.open("ab") as log:
            # In a session of its own, as `reread serve` starts it: the kernel shares out the processor by session.
            self._process = subprocess.Popen(
                self._command, cwd=ROOT, env=self._environment, stdout=log, stderr=log, start_new_session=True
            )
        self.starts += 1

    @property
    def pid(self) -> int:
        assert self._process
        return self._process.pid

    @property
    def is_alive(self) -> bool:
        return self._process is not None and self._process.poll() is None

    def pool(self) -> list[int]:
        """The processes of its pool, in their order."""
        return sorted(
            pid for pid in descendants(self.pid) if "--billiard-fork" in command_of(pid) or "spawn_main" in command_of(pid)
        )

    def converters(self) -> list[int]:
        return [pid for pid in descendants(self.pid) if "ingest.child" in command_of(pid)]

    def tell(self, number: signal.Signals) -> None:
        with suppress(ProcessLookupError):
            os.kill(self.pid, number)

    def wait(self, timeout_s: float) -> bool:
        """True where it ended by itself within this time."""
        assert self._process
        with suppress(subprocess.TimeoutExpired):
            self._process.wait(timeout=timeout_s)
            return True
        return False

    def end(self) -> None:
        """Kill it with everything below it."""
        below = descendants(self.pid)
        for pid in (self.pid, *below):
            kill(pid)
        self.wait(10)
        wait_until(lambda: not any(map(command_of, below)), timeout_s=10)


@dataclass(frozen=True, slots=True, kw_only=True)
class Parts:
    """What a rig works with: which Celery application, and which library fits it."""

    app: str
    recipe: Recipe
    embedding: str
    dimension: int
    environment: dict[str, str]
    write_paper: Callable[[Path, str, int], Path]  #: a paper of this number into this folder under this name, unlike all others


def light_parts(**environment: str) -> Parts:
    """Stand-ins for converter, encoder and reader."""
    from bench.light_parts import MODEL, RECIPE

    return Parts(
        app="bench.standins", recipe=RECIPE, embedding=MODEL, dimension=DIMENSION, environment=environment,
        write_paper=lambda folder, name, i: write_pdf(folder, name, *(f"Line {line} of {name}." for line in range(3))),
    )  # fmt: skip


def real_parts(**environment: str) -> Parts:
    """Real Docling children and the real encoder."""
    from settings import load_settings
    from workplace import Workplace

    place = Workplace(load_settings())
    return Parts(
        app="worker", recipe=place.recipe, embedding=place.embedder.identity, dimension=place.embedder.dimension,
        environment=environment, write_paper=write_variant,
    )  # fmt: skip


def write_variant(folder: Path, name: str, i: int) -> Path:
    """One of the samples with a comment after its end: other bytes, the same paper."""
    samples = [path for path in sorted((ROOT / "samples").glob("*.pdf")) if "scanned" not in path.name]
    folder.mkdir(exist_ok=True)
    (folder / name).write_bytes(samples[i % len(samples)].read_bytes() + f"\n% {name}\n".encode())
    return folder / name


class Rig:
    """Redis, a library with its ledger, and workers that a thread keeps alive. A context manager."""

    def __init__(self, folder: Path, parts: Parts, *, ledger: str | None = None) -> None:
        self.folder, self.parts = folder, parts
        self.redis = Redis(folder / "redis")
        self.library: Library = create_library(folder / "library", embedding=parts.embedding, dimension=parts.dimension)
        self._ledger_address = ledger
        self.ledger = Ledger(ledger or self.library.root / "ledger.sqlite")
        self.workers: list[Worker] = []
        self.is_supervised = True
        self._ended = threading.Event()
        self._supervisor = threading.Thread(target=self._supervise, name="supervisor", daemon=True)

    def __enter__(self) -> Rig:
        self.redis.start()
        self.bell = Bell(self.redis.address)
        self._supervisor.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        self._supervisor.join()
        for worker in self.workers:
            worker.end()
        self.redis.kill()
        self.ledger.close()

    def _supervise(self) -> None:
        while not self._ended.wait(TICK_S):
            for worker in list(self.workers):
                if self.is_supervised and not worker.is_alive:
                    worker.start()

    def environment(self, *, broker: str | None = None) -> dict[str, str]:
        more = {"REREAD_LEDGER": self._ledger_address} if self._ledger_address else {}
        return {
            **os.environ,
            "PYTHONPATH": f"{ROOT}{os.pathsep}{ROOT / 'tests'}",
            "REREAD_LIBRARY": str(self.library.root),
            "REREAD_BROKER": broker or self.redis.address,
            "REMAP_SIGTERM": "SIGQUIT",
            "OMP_NUM_THREADS": "1",
            **more,
            **self.parts.environment,
        }

    def hire(self, n: int = 1, *, queues: Sequence[str] = ALL_QUEUES, concurrency: int = 1, broker: str | None = None) -> None:
        """Start so many more workers."""
        for _ in range(n):
            name = f"w{len(self.workers)}"
            environment = self.environment(broker=broker)
            log = self.folder / f"{name}.log"
            app = self.parts.app
            self.workers.append(Worker(name, app=app, queues=queues, concurrency=concurrency, environment=environment, log=log))

    def wait_for_workers(self, timeout_s: float = 90) -> None:
        """Until every worker has said in the ledger that it is there."""
        names = {worker.name for worker in self.workers}
        is_there = wait_until(lambda: {w.name.partition("@")[0] for w in self.ledger.workers()} >= names, timeout_s=timeout_s)
        assert is_there, "the workers did not start; see their logs"

    # Work

    def papers(self, n: int, *, named: str = "paper", lines: int = 0) -> list[Source]:
        """So many papers that are all different; with `lines`, stand-ins of so many chunks each."""
        found, folder = [], self.folder / "papers"
        for i in range(n):
            name = f"{named}-{i}.pdf"
            text = [f"Line {line} of {name}." for line in range(lines)]
            path = write_pdf(folder, name, *text) if lines else self.parts.write_paper(folder, name, i)
            found.append(read_source(path, 1 << 24))
        return found

    def poison(self, behaviour: str) -> Source:
        path = write_pdf(self.folder / "papers", f"poison-{behaviour}.pdf", f"poison: {behaviour}")
        return read_source(path, 1 << 20)

    def submit(self, sources: Sequence[Source], *, tenant: str = "") -> list[Job]:
        """Accept these papers and ring for them."""
        wish = Submission(tenant=tenant, admission=Admission(max_queued=100_000))
        jobs = submit_papers(sources, wish, ledger=self.ledger, recipe=self.parts.recipe)
        self.bell.ring(Queue.CONVERT, len(jobs))
        return jobs

    def states(self, kind: str = "") -> dict[JobState, int]:
        """How many jobs whose kind begins so are in each state."""
        found: dict[JobState, int] = {}
        for name, counts in self.ledger.job_counts().items():
            for state, n in counts.items() if name.startswith(kind) else ():
                found[JobState(state)] = found.get(JobState(state), 0) + n
        return found

    def n_open(self) -> int:
        return sum(n for state, n in self.states().items() if not state.is_final)

    def wait_until_final(self, timeout_s: float) -> bool:
        return wait_until(lambda: not self.n_open(), timeout_s=timeout_s, tick_s=0.25)

    # Audit

    def rows_of(self, doc_ids: Sequence[str]) -> int:
        """How many of these documents have rows."""
        return len(self.library.documents(doc_ids))

    def doubled(self) -> int:
        """Rows beyond the first of each id, in every table."""
        surplus = 0
        for name in (tables.DOCUMENTS, tables.CONVERSIONS, tables.CHUNKS, tables.EXTRACTIONS):
            ids = self.library.table(name).search().select(["id"]).to_arrow()["id"].to_pylist()
            surplus += len(ids) - len(set(ids))
        return surplus

    def findings(self) -> list[str]:
        """What the audit finds, and what is left lying in staging and scratch once the maintenance was there."""
        from keeping import keep_order
        from staging import ABANDONED_S, Staging

        found = [f"{f.what} {f.kind} {f.key}: {f.reason}" for f in pipeline.audit(self.library, self.ledger, deep=True)]
        staging = self.library.root / "staging"
        for folder in staging.glob("*"):  # as if the time had passed after which what nobody names is removed
            os.utime(folder, (time.time() - 2 * ABANDONED_S,) * 2)
        keep_order(self.library, self.ledger, Staging(self.library.root), keep_days=7)
        with self.library.scratch() as own:
            # What dead processes left is gone by now; a living one keeps its folder, and nothing in it.
            left = [*staging.glob("*"), *(path for folder in own.parent.glob("*") for path in folder.glob("*"))]
        return [*found, *(f"left: {path.relative_to(self.library.root)}" for path in left)]
