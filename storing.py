"""Where converted papers become part of the library: blobs, then rows, then the ledger says done.

All of it happens while nobody else writes, for many papers at once, because every commit of rows is a file and a version. Papers come
here from the converters of this process (the `reread add` command) or from staged folders that workers left (the service).
"""

from __future__ import annotations

import json
import shutil
import time
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from errors import ConverterDied, InputRefused, RereadError, TimedOut, error_of_code
from ingest.chunking import CHUNKER
from jobs import Done, Ledger
from records import Conversion, FigureCrop, Job, Paper, Source, as_json, content_id
from store.library import Library

if TYPE_CHECKING:  # the search command need not wait for what only an add uses
    import numpy as np

    from ingest.sandbox import Converted

#: A commit of rows waits for so many, or for so many seconds.
ROWS_PER_COMMIT = 500
SECONDS_PER_COMMIT = 5.0


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


@dataclass(frozen=True, slots=True)
class _Waiting:
    """A converted paper that is not stored yet; its files lie in `folder`, which goes when it is stored."""

    job: Job
    converted: Converted
    vectors: np.ndarray

    @property
    def folder(self) -> Path:
        return self.converted.docling_json.parent


class Desk:
    """Where converted papers wait to be stored together, and where each job ends."""

    def __init__(
        self, library: Library, ledger: Ledger, recipe: Recipe, report: AddReport, progress: Progress, attempts: int
    ) -> None:
        self.library, self.ledger, self.recipe, self.report = library, ledger, recipe, report
        self._progress, self._attempts = progress, attempts
        self._waiting: list[_Waiting] = []
        self._last_commit = time.monotonic()

    def take(self, job: Job, converted: Converted, vectors: np.ndarray) -> None:
        """Store this paper with the next commit, which may be now. The desk removes the folder of its files."""
        self._waiting.append(_Waiting(job, converted, vectors))
        rows = sum(len(waiting.converted.chunks) for waiting in self._waiting)
        if rows >= ROWS_PER_COMMIT or time.monotonic() - self._last_commit > SECONDS_PER_COMMIT:
            self.commit()

    def commit(self) -> None:
        """Store what waits. A job that was cancelled, or that another process has taken over, writes nothing."""
        started = time.monotonic()
        with self.library.writing():
            held = {job.id for job in self.ledger.start_writing(waiting.job for waiting in self._waiting)}
            papers = [(w.job, paper) for w in self._waiting if w.job.id in held and (paper := self._with_blobs(w))]
            self.library.save_papers([paper for _, paper in papers])
            self.ledger.finish_all((job, lines_of(paper, self.recipe)) for job, paper in papers)
        for waiting in self._waiting:
            shutil.rmtree(waiting.folder, ignore_errors=True)  # the files of a large add would fill the disk
        self._waiting, self._last_commit = [], time.monotonic()
        self.report.stage_s["store"] += self._last_commit - started
        for job, paper in papers:
            self.report.added += 1
            self.report.pages += paper.conversion.n_pages
            self.report.chunks += len(paper.chunks)
            self.report.warnings += [f"{paper.document.name}: {warning}" for warning in paper.conversion.warnings]
            self._progress(paper.document.name, self.report, job.payload["size"])

    def _with_blobs(self, waiting: _Waiting) -> Paper | None:
        """The paper with its blobs stored; None where its file is no longer what was converted, and the job has failed."""
        try:
            conversion = _store_blobs(waiting.job, waiting.converted, self.library, self.recipe)
        except InputRefused as error:
            self.refuse(waiting.job, error)
            return None
        converted = waiting.converted
        return Paper(document=converted.document, conversion=conversion, chunks=converted.chunks, vectors=waiting.vectors)

    def refuse(self, job: Job, error: RereadError) -> None:
        """The job failed: try again what may be chance, else end it by name."""
        if retry_or_fail(self.ledger, job, error, attempts=self._attempts):
            self.report.failures.append(failure_of(job.payload["name"], error))
            self._progress(job.payload["name"], self.report, job.payload["size"])


def retry_or_fail(ledger: Ledger, job: Job, error: RereadError, *, attempts: int) -> bool:
    """Queue the job again where its failure may be chance; else end it by name: then True."""
    if isinstance(error, TimedOut | ConverterDied) and job.attempt < attempts:
        ledger.requeue(job)
        return False
    return ledger.fail(job, code=error.code, message=str(error))


def payload_of(source: Source) -> dict[str, Any]:
    """What a job says of the file that it converts."""
    return {"doc_id": source.sha256, "name": source.name, "path": str(source.path.absolute()), "size": source.size}


def source_of(job: Job) -> Source:
    """The file that a job converts."""
    fields = job.payload
    return Source(name=fields["name"], path=Path(fields["path"]), sha256=fields["doc_id"], size=fields["size"])


def _store_blobs(job: Job, converted: Converted, library: Library, recipe: Recipe) -> Conversion:
    source, blobs = source_of(job), library.blobs
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
        references=blobs.put_text(json.dumps([as_json(entry) for entry in converted.references], ensure_ascii=False)),
    )


def lines_of(paper: Paper, recipe: Recipe) -> list[Done]:
    """What the ledger writes down of a stored paper: enough for an audit to compare."""
    doc_id, conversion = paper.document.id, paper.conversion
    blobs = [conversion.docling_json, conversion.markdown, *(figure.png for figure in conversion.figures)]
    blobs += [conversion.references] if conversion.references else []
    chunks = {"conversion_id": conversion.id, "chunks": len(paper.chunks), "pages": conversion.n_pages}
    return [
        Done(stage="document", key=doc_id, doc_id=doc_id, detail={"blobs": [doc_id]}),
        Done(stage="conversion", key=conversion.id, doc_id=doc_id, detail={"blobs": blobs}),
        Done(stage="chunks", key=recipe.chunks_key(doc_id), doc_id=doc_id, detail=chunks),
    ]


def stored_failure(job: Job) -> Failure:
    """What the ledger says of a job that failed."""
    return failure_of(job.payload["name"], error_of_code(job.error_code or "error", job.error or ""))


def failure_of(name: str, error: RereadError) -> Failure:
    return Failure(name=name, code=error.code, reason=str(error), advice=error.advice)
