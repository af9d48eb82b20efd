"""What does not grow: `python bench/endless.py long PAPERS` for one document of 1,000 pages, `many` for 500 documents in one process.

`long` shows the memory of the converter child while it reads, and after it; `many` that of the parent, how often children were
replaced, and whether the last hundred conversions were as quick as the first.
"""

from __future__ import annotations

import argparse
import itertools
import os
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT)]

from ingest.sandbox import Converted, ConverterChild, Limits  # noqa: E402
from ingest.source import read_source  # noqa: E402
from records import Source  # noqa: E402
from store.embedding import max_tokens, tokenizer_file  # noqa: E402

MODEL = "all-MiniLM-L6-v2"
SAMPLES = ("forecast-errors.pdf", "mouse-kinetics.pdf", "perovskite-ageing.pdf")
SAMPLE_S = 0.25  #: between two looks at memory


def main(arguments: Sequence[str]) -> int:
    wish = parsed(arguments)
    with tempfile.TemporaryDirectory(prefix="reread-endless-") as folder:
        if wish.what == "long":
            return long(wish.papers, wish.pages, wish.memory_mb, Path(folder))
        return many(wish.documents, wish.per_child, Path(folder))


def parsed(arguments: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("what", choices=["long", "many"])
    parser.add_argument("papers", nargs="?", type=Path, default=ROOT / "samples", help="folder of PDFs to take pages from")
    parser.add_argument("--pages", type=int, default=1000)
    parser.add_argument("--memory-mb", type=int, default=2048, help="limit of the child")
    parser.add_argument("--documents", type=int, default=500)
    parser.add_argument("--per-child", type=int, default=100, help="documents before a child is replaced")
    return parser.parse_args(arguments)


def long(papers: Path, n_pages: int, memory_mb: int, folder: Path) -> int:
    """One document of so many pages; 1 where the child went over the limit."""
    path = make_long(papers, n_pages, folder / "long.pdf")
    limits = Limits(timeout_s=3600, memory_mb=4 * memory_mb, max_pages=n_pages)
    with open_child(limits) as child:
        child.start()
        with watched(child) as seen:
            converted = child.convert(
                read_source(path, 1 << 30), conversion_id="c", workdir=folder, on_page=lambda done, _: seen.reach(done)
            )
        print(f"{path.stat().st_size / 1e6:.0f} MB, {converted.n_pages:,} pages, {len(converted.chunks):,} chunks")
        print(f"convert {converted.convert_s:.0f} s, split {converted.split_s:.0f} s: "
              f"{converted.n_pages / (converted.convert_s + converted.split_s):.1f} pages/s")  # fmt: skip
    for pages, mb in seen.by_hundred():
        print(f"{pages:>6,} pages read: {mb:>6,} MB")
    print(f"  after them: {max(seen.afterwards):>6,} MB (most)\n peak of all: {converted.peak_mb:>6,} MB")
    return int(converted.peak_mb > memory_mb)


def many(n_documents: int, per_child: int, folder: Path) -> int:
    """So many conversions in this process; 1 where it grew by more than 50 MB or the last fifth was slower than .95 of the first."""
    sources = [read_source(ROOT / "samples" / name, 1 << 30) for name in SAMPLES]
    times, children, parent = list[float](), set[int | None](), [resident_mb(os.getpid())]
    fifth = n_documents // 5
    with open_child(Limits(documents_per_child=per_child)) as child:
        for number, source in enumerate(itertools.islice(itertools.cycle(sources), n_documents)):
            started = time.perf_counter()
            convert(child, source, folder / f"{number}")
            times.append(time.perf_counter() - started)
            children.add(child.pid)
            parent.append(resident_mb(os.getpid()))
            if len(times) % fifth == 0:
                rate = fifth / sum(times[-fifth:])
                print(f"{len(times):>5,} conversions: {rate:5.2f} a second, parent {parent[-1]:,} MB", flush=True)
    warm = parent[min(len(SAMPLES), n_documents)]
    growth, rate = parent[-1] - parent[0], sum(times[:fifth]) / sum(times[-fifth:])
    print(f"parent grew by {growth} MB ({parent[-1] - warm} after the first {len(SAMPLES)}), {len(children)} children")
    print(f"the last {fifth} went at {rate:.2f} of the rate of the first {fifth}")
    return int(growth > 50 or rate < 0.95)


def convert(child: ConverterChild, source: Source, workdir: Path) -> Converted:
    workdir.mkdir()
    return child.convert(source, conversion_id="c", workdir=workdir)


def open_child(limits: Limits) -> ConverterChild:
    return ConverterChild(converter="rules", limits=limits, tokenizer_file=tokenizer_file(MODEL), max_tokens=max_tokens(MODEL))


def make_long(papers: Path, n_pages: int, path: Path) -> Path:
    """A PDF of so many pages, taken from these papers again and again."""
    import pypdfium2

    made = pypdfium2.PdfDocument.new()
    for paper in itertools.cycle(sorted(papers.glob("*.pdf"))):
        with suppress(pypdfium2.PdfiumError), pypdfium2.PdfDocument(paper) as part:
            made.import_pages(part, range(min(len(part), n_pages - len(made))))
        if len(made) >= n_pages:
            break
    made.save(path)
    made.close()
    return path


class Seen:
    """Memory of a child at each look, with the pages that were read by then."""

    def __init__(self) -> None:
        self.pages = 0
        self.looks: list[tuple[int, int]] = []

    def reach(self, pages: int) -> None:
        self.pages = pages

    def by_hundred(self) -> Iterator[tuple[int, int]]:
        """Most memory within each tenth of the pages."""
        last = max(self.pages, 1)
        for tenth in range(1, 11):
            inside = [mb for pages, mb in self.looks if (tenth - 1) * last / 10 < pages <= tenth * last / 10 and pages < last]
            if inside:
                yield tenth * last // 10, max(inside)

    @property
    def afterwards(self) -> list[int]:
        return [mb for pages, mb in self.looks if pages == self.pages] or [0]


@contextmanager
def watched(child: ConverterChild) -> Iterator[Seen]:
    """Look at the child's memory all the time."""
    seen, is_over = Seen(), threading.Event()

    def look() -> None:
        while not is_over.wait(SAMPLE_S):
            if child.pid:
                seen.looks.append((seen.pages, resident_mb(child.pid)))

    thread = threading.Thread(target=look, daemon=True)
    thread.start()
    try:
        yield seen
    finally:
        is_over.set()
        thread.join()


def resident_mb(pid: int) -> int:
    """MB that a process holds now; 0 for one that has ended."""
    try:
        return int(Path(f"/proc/{pid}/statm").read_bytes().split()[1]) * os.sysconf("SC_PAGE_SIZE") >> 20
    except (OSError, IndexError):
        return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
