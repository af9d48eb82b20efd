"""The converter child, `python -m ingest.child SETUP`: reads hostile files so that nothing else has to.

It takes one JSON line per document from stdin and gives JSON lines back (see wire.py). What a newcomer would get wrong:
native libraries print to stdout, so stdout belongs to them (it leads to stderr) and answers go over a private descriptor;
limits are set here, before anything is imported or opened, because a `preexec_fn` in a parent with threads can deadlock;
and root is given up after a page of our own was converted, because Docling imports half of what it needs with its first page.
"""

from __future__ import annotations

import encodings
import os
import pkgutil
import resource
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

from errors import ConversionFailed, OutOfMemory, RereadError
from ingest.isolation import change_user, confine
from ingest.wire import (
    DOCLING_JSON,
    FIGURES,
    GIVEN,
    MARKDOWN,
    REQUEST,
    SAID,
    SETUP,
    Answer,
    ChildSetup,
    ConvertedInfo,
    FigurePlace,
    Limits,
    Progress,
    Request,
    write_chunks,
    write_references,
)
from kernel import die_with_parent, give_memory_back, step_back
from records import Chunk, Source

if TYPE_CHECKING:
    from docling_core.types.doc.document import DoclingDocument

    from ingest.converter import Convert, ConvertedPaper

MAX_FILE_BYTES = 1 << 30  #: of any file the child writes; the DoclingDocument of a 1,000-page book has about 60 MB
CPU_SLACK_S = 30  #: beyond what the wall clock allows: the belt below the parent's kill must never be the one that acts first
#: Of its own: the parser has two threads, neural models some more. Counted over all processes of nobody, who may have others.
MAX_PROCESSES = 1024
MAX_OPEN_FILES = 512  #: a child holds some twenty
PROGRESS_S = 0.2  #: between two words to the parent about pages


def main() -> None:
    """Open the converter, say ready, answer requests until stdin ends."""
    setup = SETUP.validate_json(sys.argv[1])
    die_with_parent(setup.parent_pid)
    step_back(os.nice(0))
    requests, answers = _private_channels()
    isolation = confine(Path.cwd())
    _set_limits(setup.limits)
    convert: Convert | None = None

    def ready() -> Answer:
        nonlocal convert
        opened = _open(setup)
        if setup.limits.uid is not None:
            _rehearse(opened, setup)
        _limit_memory(setup.limits.memory_mb - _shared_mb())
        in_force = change_user(isolation, setup.limits.uid)
        die_with_parent(setup.parent_pid)
        convert = opened
        return Answer(peak_mb=_peak_mb(), isolation=in_force)

    _say(answers, _answer_of(ready, "the converter"))
    if convert is None:
        return
    for line in requests:
        request = REQUEST.validate_json(line)
        used_s = _cpu_s()
        _allow_cpu(setup.limits, used_s)
        name = request.source.name if request.source else f"document {request.doc_id[:12]}"
        pages = _Pages(answers, on_ocr=partial(_allow_cpu, setup.limits, used_s))
        answer = _answer_of(partial(_serve, request, convert, setup, pages), name)
        pages.say_newest()
        _say(answers, answer)
        give_memory_back()


def _private_channels() -> tuple[BinaryIO, BinaryIO]:
    """Requests and answers on descriptors of their own; 0 reads nothing, 1 leads to stderr."""
    requests, answers = os.fdopen(os.dup(0), "rb"), os.fdopen(os.dup(1), "wb")
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.dup2(2, 1)
    return requests, answers


def _set_limits(limits: Limits) -> None:
    """Data, not address space: torch and its threads reserve addresses by the gigabyte that they never touch, CUDA by the
    hundred. RLIMIT_DATA counts private memory that can be written (Linux >= 4.7); the parent watches the rest."""
    _limit_memory(limits.memory_mb)
    resource.setrlimit(resource.RLIMIT_FSIZE, (MAX_FILE_BYTES, MAX_FILE_BYTES))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_NOFILE, (MAX_OPEN_FILES, MAX_OPEN_FILES))
    if limits.uid is not None:  # another user of this machine may have any number of processes
        resource.setrlimit(resource.RLIMIT_NPROC, (MAX_PROCESSES, MAX_PROCESSES))


def _limit_memory(memory_mb: int) -> None:
    resource.setrlimit(resource.RLIMIT_DATA, (max(memory_mb, 1) << 20,) * 2)


def _shared_mb() -> int:
    """Memory that the limit does not count and the parent does: pages of files, such as the libraries loaded by now. Taken off the
    limit, an allocation fails where it would otherwise pass between two looks of the parent."""
    try:
        pages = int(Path("/proc/self/statm").read_text().split()[2])
    except (OSError, ValueError):  # not Linux
        return 0
    return pages * os.sysconf("SC_PAGE_SIZE") >> 20


def _cpu_s() -> float:
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return usage.ru_utime + usage.ru_stime


def _allow_cpu(limits: Limits, used_s: float, ocr_pages: int = 0) -> None:
    """CPU seconds beyond `used_s` until SIGXCPU ends the child: those of the setting, else more than the wall clock allows, should
    nobody be there to look at it."""
    cores = os.cpu_count() or 1
    allowed = (limits.cpu_s or limits.timeout_s * cores + CPU_SLACK_S) + ocr_pages * limits.ocr_page_s * cores
    resource.setrlimit(resource.RLIMIT_CPU, (int(used_s + allowed + 1), resource.RLIM_INFINITY))


def _open(setup: ChildSetup) -> Convert:
    limits = setup.limits
    opener: Any = import_module(setup.opener)
    return opener.open_converter(
        setup.converter,
        max_pages=limits.max_pages,
        timeout_s=limits.timeout_s,
        artifacts=setup.artifacts,
        backend=setup.backend,
        bounds=limits.bounds,
        ocr=setup.ocr,
        ocr_page_s=limits.ocr_page_s,
    )


def _rehearse(convert: Convert, setup: ChildSetup) -> None:
    """Convert and split a page of our own, while everything that is imported or opened on the way can still be. The codecs are
    imported by name: which ones a paper needs, it says itself."""
    for codec in pkgutil.iter_modules(encodings.__path__):
        with suppress(ImportError):  # those of Windows
            import_module(f"encodings.{codec.name}")
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "rehearsal.pdf")
        path.write_bytes(rehearsal_pdf())
        source = Source(name=path.name, path=path, sha256="0" * 64, size=path.stat().st_size)
        _serve(
            Request(workdir=Path(folder), doc_id=source.sha256, conversion_id="", source=source), convert, setup, _Pages(None)
        )
        (Path(folder) / GIVEN).mkdir()
        (Path(folder) / DOCLING_JSON).rename(Path(folder) / GIVEN / DOCLING_JSON)
        _serve(Request(workdir=Path(folder), doc_id=source.sha256, conversion_id=""), convert, setup, _Pages(None))


def rehearsal_pdf() -> bytes:
    """One page with a heading, two lines of text, a figure and its caption: all that takes a way of its own."""
    words = [
        "1 Introduction",
        "The river was sampled twice a month at the same three places,",
        "and the water was kept in the dark.",
    ]
    lines = [(60, 760 - 14 * n, text) for n, text in enumerate(words)] + [(60, 480, "Figure 1. Where the three places are.")]
    drawn = [f"BT /F1 10 Tf {left} {bottom} Td ({text}) Tj ET" for left, bottom, text in lines]
    content = "\n".join([*drawn, "0.5 g 60 500 300 120 re f"])
    objects = [
        "<< /Type /Catalog /Pages 2 0 R >>",
        "<< /Type /Pages /Kids [3 0 R] /Count 1 >>",
        "<< /Type /Page /Parent 2 0 R /MediaBox [0 0 595 842] /Contents 4 0 R /Resources << /Font << /F1 5 0 R >> >> >>",
        f"<< /Length {len(content)} >>\nstream\n{content}\nendstream",
        "<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica /Encoding /WinAnsiEncoding >>",
    ]
    pdf, places = "%PDF-1.4\n", []
    for number, text in enumerate(objects, start=1):
        places.append(len(pdf))
        pdf += f"{number} 0 obj\n{text}\nendobj\n"
    table = "".join(f"{place:010} 00000 n \n" for place in places)
    trailer = f"trailer\n<< /Size {len(objects) + 1} /Root 1 0 R >>\nstartxref\n{len(pdf)}\n%%EOF\n"
    return f"{pdf}xref\n0 {len(objects) + 1}\n0000000000 65535 f \n{table}{trailer}".encode("ascii")


class _Pages:
    """Tells the parent how many pages are read: not each, but the last at once, whatever is still to be done with it."""

    def __init__(self, answers: BinaryIO | None, on_ocr: Callable[[int], None] = lambda _: None) -> None:
        self._answers, self._on_ocr = answers, on_ocr
        self._newest: Progress | None = None
        self._next = 0.0  #: on the clock of time.monotonic
        self._ocr_pages = 0

    def __call__(self, pages_done: int, pages_total: int, ocr_pages: int = 0) -> None:
        is_more = ocr_pages > self._ocr_pages
        self._ocr_pages = max(ocr_pages, self._ocr_pages)
        if is_more:
            self._on_ocr(ocr_pages)
        self._newest = Progress(pages_done=pages_done, pages_total=pages_total, ocr_pages=self._ocr_pages)
        if is_more or time.monotonic() >= self._next or pages_done == pages_total:
            self.say_newest()

    def say_newest(self) -> None:
        if self._answers and self._newest:
            _say(self._answers, self._newest)
        self._newest, self._next = None, time.monotonic() + PROGRESS_S


def _answer_of(work: Callable[[], Answer], name: str) -> Answer:
    """What the work gave, or its failure as a code and a message: nothing that a document does may end the loop."""
    try:
        return work()
    except MemoryError as error:
        return Answer(error_code=OutOfMemory.code, error=_out_of_memory(name, repr(error)), peak_mb=_peak_mb())
    except RereadError as error:
        if isinstance(error, ConversionFailed) and any(sign in str(error) for sign in OutOfMemory.signs):
            return Answer(error_code=OutOfMemory.code, error=_out_of_memory(name, str(error)), peak_mb=_peak_mb())
        return Answer(error_code=error.code, error=str(error), peak_mb=_peak_mb())
    except Exception as error:  # noqa: BLE001 - the edge of the sandbox: told to the parent with its type, never swallowed
        message = (
            f"Could not convert {name!r}: {type(error).__name__}: {error}. Nothing was stored. "
            "Check that it opens in a viewer; if it looks right there, please report it."
        )
        return Answer(error_code=ConversionFailed.code, error=message, peak_mb=_peak_mb())


def _out_of_memory(name: str, detail: str) -> str:
    return (
        f"Converting {name!r} needed more memory than one child may use ({detail}). Nothing was stored. "
        "Raise convert_memory_mb in reread.toml, then add it again."
    )


def _serve(request: Request, convert: Convert, setup: ChildSetup, pages: _Pages) -> Answer:
    if request.source is None:
        from docling_core.types.doc.document import DoclingDocument

        document = DoclingDocument.load_from_json(request.workdir / GIVEN / DOCLING_JSON)
        return Answer(split_s=_split(document, request, setup), peak_mb=_peak_mb())
    started = time.perf_counter()
    paper = convert(request.source.path, pages, name=request.source.name)
    info = _write_paper(paper, request.source, request.workdir)
    convert_s = time.perf_counter() - started
    request = Request(workdir=request.workdir, doc_id=request.doc_id, conversion_id=request.conversion_id, pages=paper.pages)
    split_s = _split(paper.document, request, setup)
    return Answer(converted=info, convert_s=convert_s, split_s=split_s, peak_mb=_peak_mb(), is_worn=paper.is_worn)


def _write_paper(paper: ConvertedPaper, source: Source, workdir: Path) -> ConvertedInfo:
    from ingest.bibliography import PdfInfo, read_bibliography, read_pdf_info
    from ingest.formats.front import with_front

    (workdir / DOCLING_JSON).write_text(paper.document.model_dump_json(by_alias=True, exclude_none=True), encoding="utf-8")
    (workdir / MARKDOWN).write_text(paper.markdown, encoding="utf-8", errors="replace")
    (workdir / FIGURES).mkdir(exist_ok=True)
    for position, (_, _, _, png) in enumerate(paper.figures):
        (workdir / FIGURES / f"{position}.png").write_bytes(png)
    document = read_bibliography(paper.document, source, PdfInfo() if paper.front else read_pdf_info(source.path))
    return ConvertedInfo(
        document=with_front(document, paper.front) if paper.front else document,
        n_pages=paper.n_pages,
        is_partial=paper.is_partial,
        warnings=paper.warnings,
        pages=paper.pages,
        figures=tuple(FigurePlace(ref=ref, page=page, box=box) for ref, page, box, _ in paper.figures),
    )


def _split(document: DoclingDocument, request: Request, setup: ChildSetup) -> float:
    """Write the entries of the reference list and the chunks, which cite them; the seconds it took."""
    from ingest.chunking import split_chunks
    from ingest.references import read_references

    started = time.perf_counter()
    references = read_references(document)
    write_references(request.workdir, references)
    chunks: list[Chunk] = split_chunks(
        document,
        doc_id=request.doc_id,
        conversion_id=request.conversion_id,
        pages=request.pages,
        tokenizer_file=setup.tokenizer_file,
        max_tokens=setup.max_tokens,
        references=references,
    )
    write_chunks(request.workdir, chunks)
    return time.perf_counter() - started


def _peak_mb() -> int:
    """Most resident memory so far. `ru_maxrss` is the answer only where there is no /proc: on Linux it begins with what the process that
    started this one held, be it gigabytes."""
    with suppress(OSError, StopIteration):
        status = Path("/proc/self/status").read_text().splitlines()
        return int(next(line for line in status if line.startswith("VmHWM:")).split()[1]) >> 10
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss >> (20 if sys.platform == "darwin" else 10)


def _say(answers: BinaryIO, said: Answer | Progress) -> None:
    answers.write(SAID.dump_json(said) + b"\n")
    answers.flush()


if __name__ == "__main__":
    main()
