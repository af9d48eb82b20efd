"""What `pipeline.add` is made of: files to jobs, jobs to converted papers, converted papers to stored ones.

The converter children work in parallel; embedding and storing happen in the one thread that takes their results, and rows are
stored in batches because every commit is a file and a version.
"""

from __future__ import annotations

import shutil
import time
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from errors import ConversionFailed, ConverterDied, InputRefused, LibraryError, RereadError, TimedOut, error_of_code
from ingest.chunking import CHUNKER
from ingest.crew import convert_all
from ingest.source import label, read_source
from jobs import Done, Ledger
from records import Conversion, Embed, FigureCrop, Job, Paper, Source, content_id
from store.library import Library

if TYPE_CHECKING:  # the search command need not wait for what only an add uses
    from ingest.sandbox import Converted, ConverterChild

#: A commit of rows waits for so many, or for so many seconds.
ROWS_PER_COMMIT = 500
SECONDS_PER_COMMIT = 5.0
#: Files read and hashed at once: hashing leaves Python's lock alone.
HASHERS = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class Recipe:
    """How papers become chunks here. Each stage's key holds its own inputs and those of the stages before it."""

    converter: str  #: name, version and options
    embedding: str  #: identity of the embedding model
    chunker: str = CHUNKER

    @property
    def job_kind(self) -> str:
        """Jobs of one recipe are only taken by a process that works by it."""
        return f"add:{content_id('recipe', self.converter, self.chunker, self.embedding)[:16]}"

    def conversion_id(self, doc_id: str) -> str:
        return content_id("conversion", doc_id, self.converter)

    def chunks_key(self, doc_id: str) -> str:
        return content_id("chunks", self.conversion_id(doc_id), self.chunker, self.embedding)


@dataclass(frozen=True, slots=True, kw_only=True)
class Failure:
    """One thing that could not be done, by name."""

    name: str
    code: str
    reason: str
    advice: str


@dataclass(slots=True, kw_only=True)
class AddReport:
    """What an add did. The seconds of a stage are summed over processes, so they may exceed the wall clock."""

    added: int = 0
    known: int = 0
    resumed: int = 0  #: of those added, begun by an earlier command
    failures: list[Failure] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
    pages: int = 0
    chunks: int = 0
    wall_s: float = 0.0
    stage_s: dict[str, float] = field(default_factory=lambda: defaultdict(float))


#: Called after each step with the name of the file, the report so far, and the file's size in bytes.
Progress = Callable[[str, AddReport, int], None]


def submit_files(
    paths: Iterable[Path], *, ledger: Ledger, recipe: Recipe, max_bytes: int, given_up: Sequence[Job], report: AddReport
) -> None:
    """Hash every file and queue those that were never converted this way. What was given up just now waits for the next time."""
    started = time.monotonic()
    sources: dict[str, Source] = {}
    names: list[tuple[str, str]] = []
    for path, source in _read_all(paths, max_bytes):
        if isinstance(source, InputRefused):
            report.failures.append(_failure(label(path), source))
            continue
        report.known += source.sha256 in sources
        sources.setdefault(source.sha256, source)
        names.append((source.name, source.sha256))
    keys = {recipe.chunks_key(doc_id): doc_id for doc_id in sources}
    done = ledger.done("chunks", list(keys))
    spared = {job.key for job in given_up}
    failed = ledger.failed(list(keys))
    hopeless = {key: job for key, job in failed.items() if key in spared or error_of_code(job.error_code or "", "").is_final}
    fresh = [(key, sources[doc_id]) for key, doc_id in keys.items() if key not in done and key not in hopeless]
    report.known += len(done)
    report.failures += map(stored_failure, hopeless.values())
    ledger.add_names(names)
    ledger.submit(recipe.job_kind, [(key, _payload(source), source.size) for key, source in fresh])
    report.stage_s["hash"] += time.monotonic() - started


def _read_all(paths: Iterable[Path], max_bytes: int) -> Iterator[tuple[Path, Source | InputRefused]]:
    """Each path with its source or why it is refused, in their order; hashed on several cores."""

    def read(path: Path) -> tuple[Path, Source | InputRefused]:
        try:
            return path, read_source(path, max_bytes)
        except InputRefused as error:
            return path, error

    with ThreadPoolExecutor(HASHERS) as pool:
        yield from pool.map(read, paths)


def _payload(source: Source) -> dict[str, Any]:
    return {"doc_id": source.sha256, "name": source.name, "path": str(source.path.absolute()), "size": source.size}


def _source_of(job: Job) -> Source:
    fields = job.payload
    return Source(name=fields["name"], path=Path(fields["path"]), sha256=fields["doc_id"], size=fields["size"])


class Desk:
    """Where converted papers wait to be stored together, and where each job ends."""

    def __init__(
        self, library: Library, ledger: Ledger, recipe: Recipe, report: AddReport, progress: Progress, attempts: int
    ) -> None:
        self.library, self.ledger, self.recipe, self.report = library, ledger, recipe, report
        self._progress, self._attempts = progress, attempts
        self._waiting: list[tuple[Job, Paper]] = []
        self._last_commit = time.monotonic()

    def take(self, job: Job, paper: Paper) -> None:
        self._waiting.append((job, paper))
        rows = sum(len(waiting.chunks) for _, waiting in self._waiting)
        if rows >= ROWS_PER_COMMIT or time.monotonic() - self._last_commit > SECONDS_PER_COMMIT:
            self.commit()

    def commit(self) -> None:
        """Store what waits: rows first, then the ledger. A job that another process has taken over writes nothing."""
        started = time.monotonic()
        with self.library.writing():
            held = [(job, paper) for job, paper in self._waiting if self._may_store(job, paper)]
            self.library.save_papers([paper for _, paper in held])
            for job, paper in held:
                self.ledger.finish(job, _lines_of(paper, self.recipe))
        self._waiting, self._last_commit = [], time.monotonic()
        self.report.stage_s["store"] += self._last_commit - started
        for job, paper in held:
            self.report.added += 1
            self.report.pages += paper.conversion.n_pages
            self.report.chunks += len(paper.chunks)
            self.report.warnings += [f"{paper.document.name}: {warning}" for warning in paper.conversion.warnings]
            self._progress(paper.document.name, self.report, job.payload["size"])

    def _may_store(self, job: Job, paper: Paper) -> bool:
        """True while the job is ours and its blobs are there: the removal of another document may have taken one they shared."""
        if not self.ledger.still_holds(job):
            return False
        if all(
            self.library.blobs.has(digest) for line in _lines_of(paper, self.recipe) for digest in line.detail.get("blobs", ())
        ):
            return True
        self.ledger.requeue(job)
        return False

    def refuse(self, job: Job, error: RereadError) -> None:
        """The job failed: try again what may be chance, else end it by name."""
        if isinstance(error, TimedOut | ConverterDied) and job.attempt < self._attempts:
            self.ledger.requeue(job)
            return
        if not self.ledger.fail(job, code=error.code, message=str(error)):
            return  # another process has it now
        self.report.failures.append(_failure(job.payload["name"], error))
        self._progress(job.payload["name"], self.report, job.payload["size"])


def convert_queued(desk: Desk, children: Sequence[ConverterChild], embed: Callable[[], Embed], scratch: Path) -> None:
    """Work through the queue with all children, until it is empty."""
    ledger, recipe = desk.ledger, desk.recipe
    claimed: list[Job] = []

    def take() -> Job | None:
        if job := ledger.claim(recipe.job_kind):
            claimed.append(job)
        return job

    def convert(child: ConverterChild, job: Job) -> Converted:
        workdir = _workdir(scratch, job)
        workdir.mkdir()
        source = _source_of(job)
        return child.convert(source, conversion_id=recipe.conversion_id(source.sha256), workdir=workdir)

    def stop() -> None:
        for child in children:
            child.close()

    try:
        # A job that is to be tried again may come back after the last child has found the queue empty: then all start again.
        while ledger.waits(recipe.job_kind):
            with closing(convert_all(children, take=take, convert=convert, stop=stop)) as results:
                for job, result in results:
                    _settle(job, result, desk, embed, _workdir(scratch, job))
            desk.commit()
    except LibraryError:
        raise  # nothing can be stored
    except (RereadError, KeyboardInterrupt):
        desk.commit()  # what is converted is kept
        raise
    finally:
        ledger.release(claimed)


def _workdir(scratch: Path, job: Job) -> Path:
    """A folder for this claim of the job alone: an earlier one may have left half a conversion."""
    return scratch / f"{job.id}-{job.fence}"


def _settle(job: Job, result: Converted | RereadError, desk: Desk, embed: Callable[[], Embed], workdir: Path) -> None:
    """Hand a converted paper to the desk, or the reason why there is none. What is no fault of the file is raised."""
    try:
        if isinstance(result, RereadError):
            raise result
        desk.report.stage_s["convert"] += result.convert_s
        desk.report.stage_s["split"] += result.split_s
        paper = _paper_of(job, result, desk, embed())
    except (InputRefused, ConversionFailed) as error:
        desk.refuse(job, error)
    else:
        desk.take(job, paper)
    finally:
        shutil.rmtree(workdir, ignore_errors=True)  # the files of a large add would fill the disk


def _paper_of(job: Job, converted: Converted, desk: Desk, embed: Embed) -> Paper:
    """The converted paper with its blobs stored and its chunks embedded."""
    started = time.monotonic()
    conversion = _store_blobs(job, converted, desk.library, desk.recipe)
    stored = time.monotonic()
    vectors = embed([chunk.searchable for chunk in converted.chunks])
    desk.report.stage_s["store"] += stored - started
    desk.report.stage_s["embed"] += time.monotonic() - stored
    return Paper(document=converted.document, conversion=conversion, chunks=converted.chunks, vectors=vectors)


def _store_blobs(job: Job, converted: Converted, library: Library, recipe: Recipe) -> Conversion:
    source, blobs = _source_of(job), library.blobs
    blobs.put_file(source.path, source.sha256)
    figures = [
        FigureCrop(ref=figure.ref, page=figure.page, box=figure.box, png=blobs.put(figure.png.read_bytes()))
        for figure in converted.figures
    ]
    return Conversion(
        id=recipe.conversion_id(source.sha256),
        doc_id=source.sha256,
        converter=recipe.converter,
        n_pages=converted.n_pages,
        is_partial=converted.is_partial,
        warnings=converted.warnings,
        pages=converted.pages,
        figures=tuple(figures),
        docling_json=blobs.put_text(converted.docling_json.read_text(encoding="utf-8")),
        markdown=blobs.put_text(converted.markdown.read_text(encoding="utf-8")),
        seconds=converted.convert_s,
    )


def _lines_of(paper: Paper, recipe: Recipe) -> list[Done]:
    """What the ledger writes down of a stored paper: enough for an audit to compare."""
    doc_id, conversion = paper.document.id, paper.conversion
    blobs = [conversion.docling_json, conversion.markdown, *(figure.png for figure in conversion.figures)]
    chunks = {"conversion_id": conversion.id, "chunks": len(paper.chunks), "pages": conversion.n_pages}
    return [
        Done(stage="document", key=doc_id, doc_id=doc_id, detail={"blobs": [doc_id]}),
        Done(stage="conversion", key=conversion.id, doc_id=doc_id, detail={"blobs": blobs}),
        Done(stage="chunks", key=recipe.chunks_key(doc_id), doc_id=doc_id, detail=chunks),
    ]


def stored_failure(job: Job) -> Failure:
    """What the ledger says of a job that failed."""
    return _failure(job.payload["name"], error_of_code(job.error_code or "error", job.error or ""))


def _failure(name: str, error: RereadError) -> Failure:
    return Failure(name=name, code=error.code, reason=str(error), advice=error.advice)
