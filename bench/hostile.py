"""Convert hostile files and look at what becomes of each: `python bench/hostile.py --seed 1 --gnarly FOLDER`.

Every file must end as a result or with a named error, within its time and memory, and the good papers converted in between must come
out as they always do. One line per class of file; exit code 1 where a promise is broken. The files are the broken ones of a corpus with
their MANIFEST.tsv, mutants of samples/ drawn with the seed, and bombs; `--only` takes some of them.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import re
import sys
import tempfile
import threading
import time
from collections import defaultdict
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [folder for folder in (str(ROOT),) if folder not in sys.path]

from bench.bombs import BOMBS  # noqa: E402
from bench.endless import SAMPLES, open_child, resident_mb  # noqa: E402
from bench.mutants import mutants  # noqa: E402
from errors import RereadError  # noqa: E402
from ingest.sandbox import Converted, ConverterChild, Limits  # noqa: E402
from ingest.source import read_source  # noqa: E402

SLACK_S = 5.0  #: over the time of a document: to end a child and collect it
SLACK_MB = 64  #: over the memory limit: what a child can take between two looks at it
EVERY = 10  #: hostile files between two good ones
UNNAMED = ("error", "")


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    name: str
    group: str
    content: bytes
    expected: str = ""  #: as the manifest says


@dataclass(frozen=True, slots=True, kw_only=True)
class Ending:
    """What became of one file."""

    case: Case
    code: str  #: of the error; 'ok' for a result
    backend: str  #: what read the pages of a result
    n_pages: int
    n_ocr: int  #: pages of a result that OCR read: each was given more time
    is_partial: bool
    seconds: float
    peak_mb: int
    message: str

    def broken(self, limits: Limits) -> Iterator[str]:
        """The promises that this ending breaks."""
        if self.code in UNNAMED:
            yield f"has no named error: {self.message}"
        told = re.search(r"was not converted within ([\d.]+) s", self.message)  # with what its pages for OCR were given
        allowed = float(told[1]) if told else limits.timeout_s + self.n_ocr * limits.ocr_page_s
        if self.seconds > allowed + SLACK_S:
            yield f"took {self.seconds:.1f} s"
        if self.peak_mb > limits.memory_mb + SLACK_MB:
            yield f"took {self.peak_mb:,} MB"


def main(arguments: Sequence[str]) -> int:
    wish = parsed(arguments)
    limits = Limits(timeout_s=wish.timeout, memory_mb=wish.memory_mb, max_pages=1000)
    cases = [case for case in all_cases(wish) if not wish.only or re.search(wish.only, f"{case.group} {case.name}")]
    with tempfile.TemporaryDirectory(prefix="reread-hostile-") as folder, open_child(limits) as child:
        before = resident_mb(os.getpid())
        endings, harmed = convert_all(cases, child, Path(folder), every=EVERY, is_loud=wish.each)
        growth = resident_mb(os.getpid()) - before
    print_table(endings)
    broken = [f"{ending.case.name} {promise}" for ending in endings for promise in ending.broken(limits)] + harmed
    print(f"{len(endings)} files, 0 deaths of the parent, which grew by {growth} MB; {len(harmed)} neighbours harmed")
    for ending in endings:
        if differs(ending):
            print(f"    not as the manifest says: {ending.case.name}: {ending.case.expected!r}, and it was {ending.code}")
    print(*(f"    BROKEN: {promise}" for promise in broken), sep="\n", end="\n" if broken else "")
    return int(bool(broken))


def parsed(arguments: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--mutants", type=int, default=200)
    parser.add_argument("--bombs", type=int, default=len(BOMBS))
    parser.add_argument(
        "--gnarly", type=Path, default=ROOT.parent / "shared" / "corpus" / "gnarly", help="folder with MANIFEST.tsv"
    )
    parser.add_argument("--only", help="files whose group and name match this expression")
    parser.add_argument("--timeout", type=float, default=60.0, help="seconds for one document")
    parser.add_argument("--memory-mb", type=int, default=2048)
    parser.add_argument("--each", action="store_true", help="a line for each file")
    return parser.parse_args(arguments)


def all_cases(wish: argparse.Namespace) -> Iterator[Case]:
    """The bombs last: they take longest."""
    if (wish.gnarly / "MANIFEST.tsv").is_file():
        yield from gnarly(wish.gnarly)
    papers = [ROOT / "samples" / name for name in SAMPLES]
    for name, kind, content in mutants(papers, wish.mutants, wish.seed):
        yield Case(name=name, group=f"mutant {kind}", content=content)
    for bomb in BOMBS[: wish.bombs]:
        yield Case(name=f"bomb-{bomb.__name__}.pdf", group="bomb", content=bomb())


def gnarly(folder: Path) -> Iterator[Case]:
    rows = [line.split("\t") for line in (folder / "MANIFEST.tsv").read_text(encoding="utf-8").splitlines()]
    name, category, expected = (rows[0].index(column) for column in ("file", "category", "expected"))
    for row in rows[1:]:
        if (path := folder / row[name]).is_file():
            yield Case(
                name=row[name], group=f"gnarly {row[category]}", content=path.read_bytes(), expected=row[expected].strip()
            )


def convert_all(
    cases: Sequence[Case], child: ConverterChild, folder: Path, *, every: int, is_loud: bool = False
) -> tuple[list[Ending], list[str]]:
    """How each ended, and which good papers between them did not come out as before the first."""
    endings, harmed, good = [], [], good_digest(child, folder)
    for number, case in enumerate(cases, start=1):
        endings.append(ending_of(case, child, folder))
        if is_loud:
            last = endings[-1]
            head = f"{last.seconds:6.1f} s {last.peak_mb:>5} MB {last.code:<17} {last.backend:<13} {case.name}"
            print(f"{head}  {last.message[:150]}", flush=True)
        if number % every == 0 or number == len(cases):
            try:
                if good_digest(child, folder) != good:
                    harmed.append(f"a good paper reads differently after {case.name}")
            except RereadError as error:
                harmed.append(f"a good paper could not be read after {case.name}: {error}")
    return endings, harmed


def good_digest(child: ConverterChild, folder: Path) -> str:
    """A hash of what a good paper becomes."""
    with tempfile.TemporaryDirectory(dir=folder) as workdir:
        source = read_source(ROOT / "samples" / SAMPLES[0], 1 << 30)
        converted = child.convert(source, conversion_id="good", workdir=Path(workdir))
        return hashlib.sha256(converted.markdown.read_bytes() + repr(converted.chunks).encode()).hexdigest()


def ending_of(case: Case, child: ConverterChild, folder: Path) -> Ending:
    path = folder / case.name
    path.write_bytes(case.content)
    child.start()  # what the file before cost is not this one's
    with tempfile.TemporaryDirectory(dir=folder) as workdir, watched_group(child) as most:
        started = time.monotonic()
        converted: Converted | None = None
        code, message = "ok", ""
        try:
            converted = child.convert(read_source(path, 1 << 30), conversion_id="c", workdir=Path(workdir))
            message = "; ".join(converted.warnings)
        except RereadError as error:
            code, message = error.code, str(error)
        except Exception as error:  # noqa: BLE001 - what no promise allows is counted, not raised
            code, message = "", repr(error)
        seconds = time.monotonic() - started
    path.unlink()
    backends = sorted({page.backend for page in converted.pages}) if converted else []
    return Ending(
        case=case,
        code=code,
        backend=", ".join(backends),
        n_pages=converted.n_pages if converted else 0,
        n_ocr=sum(page.ocr_share > 0 for page in converted.pages) if converted else 0,
        is_partial=bool(converted and converted.is_partial),
        seconds=seconds,
        peak_mb=max(most),
        message=" ".join(message.split()),
    )


@contextmanager
def watched_group(child: ConverterChild) -> Iterator[list[int]]:
    """Looks at what the child holds, many times a second; the most comes last."""
    most, is_over = [0], threading.Event()

    def look() -> None:
        while not is_over.wait(0.05):
            if child.pid:
                most.append(max(most[-1], resident_mb(child.pid)))

    thread = threading.Thread(target=look, daemon=True)
    thread.start()
    try:
        yield most
    finally:
        is_over.set()
        thread.join()


def differs(ending: Ending) -> bool:
    """True where the manifest wants something else, as far as it is one thing. Scans wait for OCR."""
    expected, code = ending.case.expected, ending.code
    if expected.startswith("must ask for a password"):
        return code != "encrypted"
    if expected.startswith("rejected"):
        return code == "ok"
    if expected.split(" (")[0].split(",")[0] in ("result", "table"):
        return code != "ok"
    return False


HEAD = (
    f"{'class':<24} {'files':>5} {'results':>7} {'partial':>7} {'salvaged':>8} {'named':>5} {'unnamed':>7} {'slowest':>8} "
    f"{'memory':>8}  errors"
)


def print_table(endings: Sequence[Ending]) -> None:
    groups: dict[str, list[Ending]] = defaultdict(list)
    for ending in endings:
        groups[ending.case.group].append(ending)
    print(HEAD)
    for group, members in [*sorted(groups.items()), ("all", list(endings))]:
        results = [ending for ending in members if ending.code == "ok"]
        unnamed = sum(ending.code in UNNAMED for ending in members)
        codes: dict[str, int] = defaultdict(int)
        for ending in members:
            if ending.code != "ok":
                codes[ending.code or "unnamed"] += 1
        salvaged = sum(ending.backend not in ("docling-parse", "") for ending in results)
        print(
            f"{group:<24} {len(members):>5} {len(results):>7} {sum(e.is_partial for e in results):>7} {salvaged:>8} "
            f"{len(members) - len(results) - unnamed:>5} {unnamed:>7} {max((e.seconds for e in members), default=0):>6.1f} s "
            f"{max((e.peak_mb for e in members), default=0):>5,} MB  "
            + " ".join(f"{code}={n}" for code, n in sorted(codes.items()))
        )


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
