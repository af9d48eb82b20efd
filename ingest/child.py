"""The converter child, `python -m ingest.child SETUP`: reads hostile files so that nothing else has to.

It takes one JSON line per document from stdin and gives one JSON line back (see wire.py). What a newcomer would get wrong:
native libraries print to stdout, so stdout belongs to them (it leads to stderr) and answers go over a private descriptor;
limits are set here, before anything is imported or opened, because a `preexec_fn` in a parent with threads can deadlock.
"""

from __future__ import annotations

import ctypes
import os
import resource
import signal
import sys
import time
from collections.abc import Callable
from functools import partial
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

from errors import ConversionFailed, OutOfMemory, RereadError
from ingest.wire import (
    ANSWER,
    DOCLING_JSON,
    FIGURES,
    MARKDOWN,
    REQUEST,
    SETUP,
    Answer,
    ChildSetup,
    ConvertedInfo,
    FigurePlace,
    Limits,
    Request,
    write_chunks,
)
from records import Chunk, Source

if TYPE_CHECKING:
    from docling_core.types.doc.document import DoclingDocument

    from ingest.converter import ConvertedPaper

PR_SET_PDEATHSIG = 1  #: linux/prctl.h
MAX_FILE_BYTES = 1 << 30  #: of any file the child writes; the DoclingDocument of a 1,000-page book has about 60 MB
CPU_SLACK_S = 30  #: beyond what the wall clock allows: the belt below the parent's kill must never be the one that acts first

Convert = Callable[[Path], "ConvertedPaper"]


def main() -> None:
    """Open the converter, say ready, answer requests until stdin ends."""
    setup = SETUP.validate_json(sys.argv[1])
    _die_with_parent(setup.parent_pid)
    requests, answers = _private_channels()
    _set_limits(setup.limits)
    convert: Convert | None = None

    def ready() -> Answer:
        nonlocal convert
        convert = _open(setup)
        return Answer(peak_mb=_peak_mb())

    _say(answers, _answer_of(ready, "the converter"))
    if convert is None:
        return
    for line in requests:
        request = REQUEST.validate_json(line)
        _allow_cpu(setup.limits.timeout_s)
        name = request.source.name if request.source else f"document {request.doc_id[:12]}"
        _say(answers, _answer_of(partial(_serve, request, convert, setup), name))


def _die_with_parent(parent_pid: int) -> None:
    """Be killed when the parent is. On other systems than Linux, the end of stdin ends the child after its document."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent_pid:  # it died before we asked
        sys.exit("the parent is gone")


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
    memory = limits.memory_mb << 20
    resource.setrlimit(resource.RLIMIT_DATA, (memory, memory))
    resource.setrlimit(resource.RLIMIT_FSIZE, (MAX_FILE_BYTES, MAX_FILE_BYTES))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def _allow_cpu(timeout_s: float) -> None:
    """CPU seconds until SIGXCPU ends the child, should nobody be there to look at the clock."""
    usage = resource.getrusage(resource.RUSAGE_SELF)
    seconds = usage.ru_utime + usage.ru_stime + timeout_s * (os.cpu_count() or 1) + CPU_SLACK_S
    resource.setrlimit(resource.RLIMIT_CPU, (int(seconds), resource.RLIM_INFINITY))


def _open(setup: ChildSetup) -> Convert:
    limits = setup.limits
    opener: Any = import_module(setup.opener)
    return opener.open_converter(
        setup.converter, max_pages=limits.max_pages, timeout_s=limits.timeout_s, artifacts=setup.artifacts
    )


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


def _serve(request: Request, convert: Convert, setup: ChildSetup) -> Answer:
    if request.source is None:
        from docling_core.types.doc.document import DoclingDocument

        document = DoclingDocument.load_from_json(request.workdir / DOCLING_JSON)
        return Answer(split_s=_split(document, request, setup), peak_mb=_peak_mb())
    started = time.perf_counter()
    paper = convert(request.source.path)
    info = _write_paper(paper, request.source, request.workdir)
    convert_s = time.perf_counter() - started
    request = Request(workdir=request.workdir, doc_id=request.doc_id, conversion_id=request.conversion_id, pages=paper.pages)
    split_s = _split(paper.document, request, setup)
    return Answer(converted=info, convert_s=convert_s, split_s=split_s, peak_mb=_peak_mb())


def _write_paper(paper: ConvertedPaper, source: Source, workdir: Path) -> ConvertedInfo:
    from ingest.bibliography import read_bibliography, read_pdf_info

    (workdir / DOCLING_JSON).write_text(paper.document.model_dump_json(by_alias=True, exclude_none=True), encoding="utf-8")
    (workdir / MARKDOWN).write_text(paper.markdown, encoding="utf-8", errors="replace")
    (workdir / FIGURES).mkdir(exist_ok=True)
    for position, (_, _, _, png) in enumerate(paper.figures):
        (workdir / FIGURES / f"{position}.png").write_bytes(png)
    return ConvertedInfo(
        document=read_bibliography(paper.document, source, read_pdf_info(source.path)),
        n_pages=paper.n_pages,
        is_partial=paper.is_partial,
        warnings=paper.warnings,
        pages=paper.pages,
        figures=tuple(FigurePlace(ref=ref, page=page, box=box) for ref, page, box, _ in paper.figures),
    )


def _split(document: DoclingDocument, request: Request, setup: ChildSetup) -> float:
    """Write the chunks; the seconds it took."""
    from ingest.chunking import split_chunks

    started = time.perf_counter()
    chunks: list[Chunk] = split_chunks(
        document,
        doc_id=request.doc_id,
        conversion_id=request.conversion_id,
        pages=request.pages,
        tokenizer_file=setup.tokenizer_file,
        max_tokens=setup.max_tokens,
    )
    write_chunks(request.workdir, chunks)
    return time.perf_counter() - started


def _peak_mb() -> int:
    """Most resident memory so far. ru_maxrss is in KiB on Linux, in bytes on macOS."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak >> (20 if sys.platform == "darwin" else 10)


def _say(answers: BinaryIO, answer: Answer) -> None:
    answers.write(ANSWER.dump_json(answer) + b"\n")
    answers.flush()


if __name__ == "__main__":
    main()
