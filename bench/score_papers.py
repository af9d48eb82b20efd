"""Convert a folder of PDFs to Markdown with a few processes, and say how fast.

python bench/score_papers.py ../shared/corpus/papers /tmp/made
python ../shared/score/score_markdown.py ../shared/corpus/papers /tmp/made
"""

from __future__ import annotations

import argparse
import multiprocessing
import resource
import sys
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from errors import RereadError
from ingest.converter import Convert, open_converter

_convert: Convert | None = None


@dataclass(frozen=True, slots=True)
class Outcome:
    name: str
    n_pages: int
    seconds: float
    memory_mb: float  #: peak of the process so far
    warnings: tuple[str, ...]
    error: str | None


def _open(converter: str) -> None:
    global _convert
    _convert = open_converter(converter, max_pages=2_000, timeout_s=300, artifacts=None)


def _convert_one(job: tuple[Path, Path]) -> Outcome:
    path, out = job
    assert _convert is not None
    started, n_pages, warnings, error = time.monotonic(), 0, (), None
    try:
        paper = _convert(path)
        (out / f"{path.stem}.md").write_text(paper.markdown)
        n_pages, warnings = paper.n_pages, paper.warnings
    except RereadError as failure:
        error = f"{failure.code}: {failure}"
    memory_mb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return Outcome(path.name, n_pages, time.monotonic() - started, memory_mb, warnings, error)


def _outcomes(paths: list[Path], out: Path, converter: str, processes: int) -> Iterator[Outcome]:
    context = multiprocessing.get_context("spawn")
    with context.Pool(processes, initializer=_open, initargs=(converter,)) as pool:
        yield from pool.imap_unordered(_convert_one, [(path, out) for path in paths])


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("papers", type=Path, help="folder of PDFs")
    parser.add_argument("out", type=Path, help="folder for the Markdown")
    parser.add_argument("--converter", default="rules")
    parser.add_argument("--processes", type=int, default=2)
    parser.add_argument("--match", default="*.pdf")
    args = parser.parse_args()
    args.out.mkdir(parents=True, exist_ok=True)
    paths = sorted(args.papers.glob(args.match))
    done = []
    for outcome in _outcomes(paths, args.out, args.converter, args.processes):
        done.append(outcome)
        said = outcome.error or "; ".join(outcome.warnings)
        print(f"{outcome.name:46} {outcome.n_pages:5} pages {outcome.seconds:7.2f} s  {said}", flush=True)
    pages, seconds = sum(o.n_pages for o in done), sum(o.seconds for o in done)
    codes = Counter(o.error.split(":")[0] for o in done if o.error)
    print(
        f"{len(done) - sum(codes.values())} of {len(done)} converted; {pages} pages, {pages / max(seconds, 1e-9):.1f} pages/s per"
    )
    print(f"process, peak memory {max((o.memory_mb for o in done), default=0):.0f} MB; refused or failed: {dict(codes)}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
