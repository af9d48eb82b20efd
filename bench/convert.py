"""How fast papers are converted, and where the time goes: `python bench/convert.py [FOLDER]`.

    ours, one core             our converter in one process held to one core
    ours, one process          the same with both cores: the parser has threads of its own
    ours, two processes        as `reread add` has them, without embedding and storing
    add, end to end            the command itself: start of the children, conversion, chunks, vectors, library
    Docling, our layout        Docling's StandardPdfPipeline as it is, with our rules as its layout plugin
    Docling, empty layout      the same with no clusters at all: every line a paragraph
    docling-parse alone        parsing as we ask for it, nothing done with the pages
    scans with OCR             the papers without a text layer, which all the others leave out; one process, both cores

All in one run, because the machine may be shared: compare ratios, and pages per CPU second before pages per second. What a process
needs to open (imports, models) is not counted, but for `add`.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from multiprocessing import get_context
from multiprocessing.synchronize import Barrier
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))  # by hand: processes that are spawned import this file from its folder

Read = Callable[[Path], int]  #: one paper; the pages that were read


@dataclass(slots=True)
class Measured:
    """What one way of converting took for all papers."""

    pages: int = 0
    wall_s: float = 0.0
    cpu_s: float = 0.0
    stage_s: dict[str, float] = field(default_factory=lambda: defaultdict(float))
    unread: list[Path] = field(default_factory=list)  #: without a text layer

    def line(self, name: str) -> str:
        return f"{name:<24} {self.pages:6} {self.pages / self.wall_s:10.2f} {self.pages / self.cpu_s:16.2f} {self.cpu_s:8.1f}"


def open_ours(*, with_ocr: bool = False) -> Read:
    from ingest.converter import open_converter
    from records import OcrChoice

    ocr = OcrChoice(mode="auto" if with_ocr else "off")
    convert = open_converter("rules", max_pages=1000, timeout_s=600.0, artifacts=None, ocr=ocr)
    return lambda path: convert(path).n_pages


def open_parser() -> Read:
    from docling.datamodel.base_models import InputFormat
    from docling.datamodel.document import InputDocument

    from ingest.layout.backend import UnrenderedBackend

    def read(path: Path) -> int:
        backend = InputDocument(path_or_stream=path, format=InputFormat.PDF, backend=UnrenderedBackend)._backend
        assert isinstance(backend, UnrenderedBackend)
        pages = sum(1 for result in backend.results() if result.success)
        backend.unload()
        return pages

    return read


def open_docling(*, with_rules: bool) -> Read:
    """Docling's own pipeline and backend. Its factories would import torchvision for engines that are not used here."""
    from docling.datamodel.base_models import InputFormat, LayoutPrediction
    from docling.datamodel.pipeline_options import ThreadedPdfPipelineOptions
    from docling.document_converter import DocumentConverter, PdfFormatOption
    from docling.pipeline import standard_pdf_pipeline

    from ingest.layout.fonts import FontBook
    from ingest.layout.models import RulesLayoutModel, RulesLayoutOptions, RulesTableModel, RulesTableOptions, SignalPage
    from ingest.layout.signals import read_signals

    class EmptyLayout(RulesLayoutModel):
        requires_layout_postprocessing = True

        def predict_layout(self, conv_res: Any, pages: Sequence[Any]) -> Sequence[Any]:
            return [LayoutPrediction(clusters=[]) for _ in pages]

    class OurLayout(RulesLayoutModel):
        """Our rules on the few pages that Docling brings at once."""

        def predict_layout(self, conv_res: Any, pages: Sequence[Any]) -> Sequence[Any]:
            fonts, signed = FontBook(conv_res.input.file), []
            for page in pages:
                signed.append(SignalPage(page_no=page.page_no, size=page.size))
                signed[-1].keep(read_signals(page._backend._result, fonts))
            fonts.close()
            return super().predict_layout(conv_res, signed)

    class Factory:
        def __init__(self, model: Any) -> None:
            self.model = model

        def create_instance(self, **_: Any) -> Any:
            return self.model

    layout = (OurLayout if with_rules else EmptyLayout)(options=RulesLayoutOptions())
    pipeline: Any = standard_pdf_pipeline
    pipeline.get_layout_factory = lambda **_: Factory(layout)
    pipeline.get_table_structure_factory = lambda **_: Factory(RulesTableModel(options=RulesTableOptions()))
    options = PdfFormatOption(pipeline_options=ThreadedPdfPipelineOptions(do_ocr=False, do_table_structure=with_rules))
    docling = DocumentConverter(allowed_formats=[InputFormat.PDF], format_options={InputFormat.PDF: options})

    def read(path: Path) -> int:
        result = docling.convert(path, raises_on_error=False)
        result.document.export_to_markdown()
        return len(result.document.pages)

    return read


OPENERS: dict[str, Callable[[], Read]] = {
    "ours": open_ours,
    "ours-ocr": lambda: open_ours(with_ocr=True),
    "docling-parse": open_parser,
    "docling-rules": lambda: open_docling(with_rules=True),
    "docling-empty": lambda: open_docling(with_rules=False),
}

_OTHERS = (
    ("docling-rules", "Docling, our layout"),
    ("docling-empty", "Docling, empty layout"),
    ("docling-parse", "docling-parse alone"),
)

_read: Read


def _open(way: str, cores: int, ready: Barrier) -> None:
    global _read
    if cores == 1 and hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
    _read = OPENERS[way]()
    _read(min((ROOT / "samples").glob("*.pdf")))  # what is imported with the first paper
    ready.wait()


def _measure(path: Path) -> tuple[Path, int, float]:
    from errors import NoTextLayer

    started = time.process_time()
    try:
        pages = _read(path)
    except NoTextLayer:
        pages = 0
    return path, pages, time.process_time() - started


def convert_all(way: str, papers: Sequence[Path], *, processes: int, cores: int) -> Measured:
    """All papers in this way, longest first."""
    context, found = get_context("spawn"), Measured()
    ready = context.Barrier(processes + 1)
    with context.Pool(processes, _open, (way, cores, ready)) as pool:
        ready.wait()
        started = time.perf_counter()
        for path, pages, cpu_s in pool.imap_unordered(_measure, papers):
            found.pages += pages
            found.cpu_s += cpu_s
            found.unread += [path] * (not pages)
        found.wall_s = time.perf_counter() - started
    return found


def add_all(papers: Sequence[Path]) -> Measured:
    """`reread add` on an empty library. Its CPU seconds are those of all its processes, imports included."""
    with tempfile.TemporaryDirectory(prefix="reread-bench-") as folder:
        before, started = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
        command = [sys.executable, "-m", "cli", "--library", f"{folder}/library", "--json", "add", *map(str, papers)]
        out = subprocess.run(
            command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, cwd=ROOT, text=True, check=False
        ).stdout  # papers without a text layer are not among them
        wall_s, after = time.perf_counter() - started, resource.getrusage(resource.RUSAGE_CHILDREN)
    report = json.loads(out)
    cpu_s = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return Measured(pages=report["pages"], wall_s=wall_s, cpu_s=cpu_s, stage_s=report["stage_s"])


def show_stages(papers: Sequence[Path], store_s: float) -> None:
    """CPU seconds of each stage, in this process; the parser's are those of its own threads."""
    stages, pages = measured_stages(papers)
    stages["store (wall clock)"] = store_s
    total = sum(stages.values())
    print(f"\n{'stage':<24} {'seconds':>8} {'ms/page':>9} {'share':>7}")
    for name, seconds in stages.items():
        print(f"{name:<24} {seconds:8.1f} {1000 * seconds / pages:9.2f} {seconds / total:7.1%}")


def measured_stages(papers: Sequence[Path]) -> tuple[dict[str, float], int]:
    """CPU seconds by stage, and the pages."""

    from ingest import converter
    from ingest.chunking import split_chunks
    from ingest.layout import engine, models
    from store.embedding import SHIPPED_MODEL, Embedder, tokenizer_file

    stages = dict.fromkeys(("parse", "signals", "layout", "assemble", "figures", "markdown", "other", "chunk", "embed"), 0.0)
    clock = _Clock(stages)
    for owner, name, stage in (
        (engine, "read_signals", "signals"), (models, "read_layout", "layout"), (engine, "add_blocks", "assemble"),
        (converter, "cut_figures", "figures"), (converter, "document_markdown", "markdown"),
    ):  # fmt: skip
        clock.watch(owner, name, stage)
    convert = converter.open_converter("rules", max_pages=1000, timeout_s=600.0, artifacts=None)
    embedder, tokens, pages = Embedder(SHIPPED_MODEL, dtype="auto"), tokenizer_file(SHIPPED_MODEL), 0
    embedder.embed(["ready"])
    for path in papers:
        process, thread, known = time.process_time(), time.thread_time(), sum(stages.values())
        paper = convert(path)
        mine = time.thread_time() - thread
        stages["parse"] += time.process_time() - process - mine
        stages["other"] += mine - (sum(stages.values()) - known - (time.process_time() - process - mine))
        with clock.of("chunk"):
            chunks = split_chunks(
                paper.document, doc_id="0" * 64, conversion_id="", pages=paper.pages, tokenizer_file=tokens, max_tokens=256
            )
        process = time.process_time()
        embedder.embed([chunk.searchable for chunk in chunks])
        stages["embed"] += time.process_time() - process
        pages += paper.n_pages
    return stages, pages


class _Clock:
    """Seconds of this thread inside some functions, by stage."""

    def __init__(self, stages: dict[str, float]) -> None:
        self.stages = stages

    @contextmanager
    def of(self, stage: str) -> Iterator[None]:
        started = time.thread_time()
        try:
            yield
        finally:
            self.stages[stage] += time.thread_time() - started

    def watch(self, owner: Any, name: str, stage: str) -> None:
        watched = getattr(owner, name)

        def timed(*arguments: Any, **named: Any) -> Any:
            with self.of(stage):
                return watched(*arguments, **named)

        setattr(owner, name, timed)


def main() -> int:
    parser = argparse.ArgumentParser(description="How fast papers are converted, and where the time goes.")
    parser.add_argument("folder", type=Path, nargs="?", help="of PDFs; else ../shared/corpus/papers, else samples/")
    parser.add_argument("--every", type=int, default=1, metavar="N", help="only every Nth paper")
    parser.add_argument("--ours", action="store_true", help="only our own ways")
    chosen = parser.parse_args()
    corpus = ROOT.parent / "shared/corpus/papers"
    folder: Path = chosen.folder or (corpus if corpus.is_dir() else ROOT / "samples")
    papers = sorted(sorted(folder.resolve().glob("*.pdf"))[:: chosen.every], key=lambda path: -path.stat().st_size)
    if not papers:
        print(f"There are no papers in {folder}: name a folder of PDFs.", file=sys.stderr)
        return 2
    print(f"{len(papers)} papers of {folder}, {os.cpu_count()} cores, load {os.getloadavg()[0]:.1f} before the run\n")
    print(f"{'':<24} {'pages':>6} {'pages/s':>10} {'pages/CPU second':>16} {'CPU s':>8}")
    scans = convert_all("ours", papers, processes=2, cores=2).unread  # warms the file cache for all ways, too
    papers = [path for path in papers if path not in scans]
    one_core = convert_all("ours", papers, processes=1, cores=1)
    print(one_core.line("ours, one core"), flush=True)
    print(convert_all("ours", papers, processes=1, cores=2).line("ours, one process"), flush=True)
    both = convert_all("ours", papers, processes=2, cores=2)
    print(both.line("ours, two processes"), flush=True)
    added = add_all(papers)
    print(added.line("add, end to end"), flush=True)
    for way, name in _OTHERS[: 0 if chosen.ours else None]:
        print(convert_all(way, papers, processes=1, cores=2).line(name), flush=True)
    read = convert_all("ours-ocr", scans, processes=1, cores=2) if scans else None
    if read:
        print(read.line("scans with OCR"), flush=True)
    ratio = (both.pages / both.wall_s) / (one_core.pages / one_core.wall_s)
    print(f"\ntwo processes against one core: {ratio:.2f} times (goal 1.7)")
    print(
        f"conversion {both.pages / both.wall_s:.1f} pages/s (goal 11), end to end {added.pages / added.wall_s:.1f} (goal 5.5)"
    )
    if read:
        print(f"OCR {read.wall_s / read.pages:.1f} s a page (goal 5)")
    show_stages(papers, added.stage_s.get("store", 0.0))
    return 0


if __name__ == "__main__":
    sys.exit(main())
