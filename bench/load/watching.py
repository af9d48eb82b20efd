"""What processes hold and what a library takes on the disk, looked at again and again while something else happens."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from bench.service_rig import Rig, Worker
from store import tables
from store.library import Library

TABLES = (tables.DOCUMENTS, tables.CONVERSIONS, tables.CHUNKS, tables.EXTRACTIONS)


def pss_mb(pid: int) -> float:
    """Memory of one process, what it shares counted by its share; 0 where it is gone."""
    try:
        lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    except OSError:
        return 0.0
    return sum(int(line.split()[1]) for line in lines if line.startswith("Pss:")) / 1024


def cpu_s(pid: int) -> float:
    """Seconds of CPU that a process has had, in the kernel and outside it."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / 100


def pids_of(rig: Rig, **more: int) -> dict[str, int]:
    """Every long-lived process of the service, by what it is for."""
    found = dict(more)
    for worker in rig.workers:
        queues = _queues(worker)
        found[f"{queues} main"] = worker.pid
        found.update({f"{queues} pool {n}": pid for n, pid in enumerate(worker.pool())})
    return found


def _queues(worker: Worker) -> str:
    command = worker._command
    return command[command.index("-Q") + 1].replace(",", "+")


@dataclass(frozen=True, slots=True)
class Sample:
    """What one process held when so many jobs were done."""

    done: int
    pid: int
    mb: float


class Sampler(threading.Thread):
    """Looks at every process of a service until it is stopped."""

    def __init__(self, pids: Callable[[], dict[str, int]], done: Callable[[], int], every_s: float) -> None:
        super().__init__(name="sampler", daemon=True)
        self._pids, self._done, self._every_s = pids, done, every_s
        self._ended = threading.Event()
        self.samples: dict[str, list[Sample]] = {}

    def run(self) -> None:
        while not self._ended.wait(self._every_s):
            done = self._done()
            for name, pid in self._pids().items():
                if mb := pss_mb(pid):
                    self.samples.setdefault(name, []).append(Sample(done, pid, mb))

    def stop(self) -> None:
        self._ended.set()
        self.join()

    def mean_mb(self, name: str, first: float, last: float) -> float:
        """Of what this process held while the jobs from `first` to `last` were done; 0 where it was not looked at then."""
        found = [sample.mb for sample in self.samples.get(name, []) if first <= sample.done <= last]
        return sum(found) / len(found) if found else 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Disk:
    """What a library and its broker take."""

    versions: dict[str, int]  #: by table
    data_files: dict[str, int]
    rows: dict[str, int]
    lance_mb: float
    ledger_mb: float
    wal_mb: float
    redis_mb: float
    left: dict[str, int]  #: entries in staging, scratch and uploads


def disk_of(rig: Rig) -> Disk:
    library, root = rig.library, rig.library.root
    there = [name for name in TABLES if (root / "lance" / f"{name}.lance").is_dir()]
    return Disk(
        versions={name: _n_files(root / "lance" / f"{name}.lance" / "_versions") for name in there},
        data_files={name: _n_files(root / "lance" / f"{name}.lance" / "data") for name in there},
        rows={name: _rows(library, name) for name in there},
        lance_mb=_mb(root / "lance"),
        ledger_mb=_mb(root / "ledger.sqlite"),
        wal_mb=_mb(root / "ledger.sqlite-wal"),
        redis_mb=_mb(rig.folder / "redis"),
        left={name: _n_entries(root / name) for name in ("staging", "tmp", "uploads")},
    )


def _rows(library: Library, name: str) -> int:
    return int(library.count(name))


def _n_files(folder: Path) -> int:
    return sum(path.is_file() for path in folder.glob("*"))


def _n_entries(folder: Path) -> int:
    """Folders of processes that work now are no leftovers: what is in them is."""
    if folder.name == "tmp":
        return sum(1 for own in folder.glob("*") for _ in own.glob("*"))
    return sum(path.name != "tmp" for path in folder.glob("*"))


def _mb(path: Path) -> float:
    paths = [path] if path.is_file() else [found for found in path.rglob("*") if found.is_file()]
    return sum(found.stat().st_size for found in paths) / (1 << 20)


def wait_for(is_so: Callable[[], bool], timeout_s: float, tick_s: float = 0.2) -> bool:
    end = time.monotonic() + timeout_s
    while not is_so() and time.monotonic() < end:
        time.sleep(tick_s)
    return is_so()
