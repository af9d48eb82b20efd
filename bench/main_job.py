"""The figures of the main job on a folder of papers: `make bench`, or `python bench/main_job.py PAPERS`.

    add            pages/s end to end, the share of each stage, peak memory of all processes together
    add again      conversions, files/s
    reprocess      two prompts, seconds, and the second as a share of the add
    search         milliseconds per query inside one process, seconds of a cold command

All in one run on one library, because the machine may be shared: compare the ratios.
"""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
QUERIES = (
    "error of the weather forecast",
    "risk factors for mortality",
    "neural network training loss",
    "Bayesian inference with Markov chains",
    "gene expression in mouse liver",
    "p value below 0.05",
    "limitations of this study",
    "source code repository",
    "mass of the Higgs boson",
    "attention mechanism",
)


class Memory(threading.Thread):
    """The most memory that a process and its children held together, in MB: proportional set size where the system tells it."""

    def __init__(self, pid: int) -> None:
        super().__init__(daemon=True)
        self.pid, self.peak_mb, self.ended = pid, 0.0, threading.Event()

    def run(self) -> None:
        while not self.ended.wait(0.5):
            self.peak_mb = max(self.peak_mb, sum(_pss_mb(pid) for pid in _family(self.pid)))


def _family(pid: int) -> list[int]:
    try:
        tasks = list(Path(f"/proc/{pid}/task").iterdir())
        children = [int(child) for task in tasks for child in (task / "children").read_text().split()]
    except OSError:
        return []
    return [pid, *(found for child in children for found in _family(child))]


def _pss_mb(pid: int) -> float:
    try:
        lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    except OSError:
        return 0.0
    return sum(int(line.split()[1]) for line in lines if line.startswith("Pss:")) / 1024


def reread(library: str, *arguments: str) -> tuple[dict[str, Any], float, float]:
    """The command's JSON, its seconds, and the peak memory of it and its children in MB."""
    started = time.monotonic()
    process = subprocess.Popen(
        [sys.executable, "-m", "cli", "--library", library, "--json", *arguments],
        stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, cwd=ROOT,
    )  # fmt: skip
    memory = Memory(process.pid)
    memory.start()
    out, _ = process.communicate()
    memory.ended.set()
    return json.loads(out), time.monotonic() - started, memory.peak_mb


def bench_add(library: str, papers: str) -> float:
    report, seconds, peak = reread(library, "add", papers)
    total = sum(report["stage_s"].values())
    shares = ", ".join(f"{stage} {s:.0f} s ({s / total:.0%})" for stage, s in report["stage_s"].items())
    print(
        f"add         {report['added']} added, {len(report['failures'])} failed, {report['pages']} pages, {report['chunks']} chunks"
    )
    print(
        f"            {seconds:.1f} s with start-up: {report['pages'] / seconds:.2f} pages/s; peak {peak:,.0f} MB in all processes"
    )
    print(f"            work by stage: {shares}")
    for failure in report["failures"]:
        print(f"            {failure['code']}: {failure['name']}")
    report, again, _ = reread(library, "add", papers)
    files = report["known"] + len(report["failures"])
    print(
        f"add again   {report['added']} added, {files} files in {report['wall_s']:.2f} s: {files / report['wall_s']:.0f} files/s"
    )
    print(f"            {again:.2f} s as a cold command: {files / again:.0f} files/s")
    return seconds


def bench_reprocess(library: str, add_s: float) -> None:
    for prompt in ("findings", "measurements", "measurements"):
        report, seconds, peak = reread(library, "reprocess", str(ROOT / f"prompts/{prompt}.yaml"))
        print(
            f"reprocess   {prompt}: {report['read']} read, {report['cached_documents']} documents cached, {report['values']} values "
            f"in {seconds:.1f} s, {seconds / add_s:.3f} of the add; peak {peak:,.0f} MB"
        )


def bench_search(library: str) -> None:
    from pipeline import search
    from records import SearchMode
    from settings import load_settings
    from workplace import Workplace

    place = Workplace(load_settings(library=library))
    for mode in SearchMode:
        search("warm up", library=place.library, embed=place.embed(), mode=mode)
        times = [
            _ms(lambda q=query, m=mode: search(q, library=place.library, embed=place.embed(), mode=m)) for query in QUERIES * 3
        ]
        print(f"search      {mode.value}: median {statistics.median(times):.0f} ms, worst {max(times):.0f} ms inside a process")
    for mode in ("hybrid", "text"):
        seconds = [reread(library, "search", QUERIES[0], "--mode", mode)[1] for _ in range(3)]
        print(f"search      {mode}: {statistics.median(seconds):.2f} s as a cold command (median of 3)")


def _ms(work: Any) -> float:
    started = time.perf_counter()
    work()
    return 1000 * (time.perf_counter() - started)


def main(arguments: Sequence[str]) -> int:
    papers = Path(arguments[0]) if arguments else ROOT.parent / "shared/corpus/papers"
    if not papers.exists():
        print(f"There are no papers in {papers}: name a folder of PDFs.", file=sys.stderr)
        return 2
    with tempfile.TemporaryDirectory(prefix="reread-bench-") as folder:
        library = f"{folder}/library"
        add_s = bench_add(library, str(papers.resolve()))
        bench_reprocess(library, add_s)
        bench_search(library)
    return 0


if __name__ == "__main__":
    sys.path.insert(0, str(ROOT))
    sys.exit(main(sys.argv[1:]))
