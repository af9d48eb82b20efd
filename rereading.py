"""What `pipeline.reprocess` is made of: documents to units, units to a reader, readings to stored extractions.

A document is read when every unit of it is read or skipped; only then does the ledger say done. Units that were read before
keep their extraction, by id; a unit that failed is kept as a named failure and tried again by the next reprocess.
"""

from __future__ import annotations

import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any

from errors import LibraryError, RereadError
from extract.routing import ROUTER, route_unit
from extract.units import make_units
from jobs import Done, Ledger
from records import Extraction, Job, Lane, Prompt, Reader, Reading, Route, Unit, content_id
from store.library import Library

if TYPE_CHECKING:
    import numpy as np

#: Units handed to a reader at once: enough for full batches, few enough to hold in memory.
UNITS_PER_READ = 400
#: A commit of rows waits for so many, or for so many seconds: what a killed process would have to read again.
ROWS_PER_COMMIT = 1000
SECONDS_PER_COMMIT = 5.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """A prompt with what reads it: everything but the documents."""

    prompt: Prompt
    reader: Reader

    @property
    def key(self) -> str:
        """What a run shares with every repeat of it."""
        return content_id("reading", self.prompt.hash, self.reader.key, ROUTER)

    def extraction_id(self, unit: Unit, route: Route) -> str:
        return content_id("extraction", unit.id, self.key, route.lane.value)


@dataclass(slots=True, kw_only=True)
class ReadReport:
    """What a reprocess did."""

    run_id: str
    documents: int = 0
    cached_documents: int = 0  #: read before, whole
    units: int = 0  #: of the documents that were looked at now
    read: int = 0
    cached: int = 0
    skipped: Counter[str] = field(default_factory=Counter)  #: by reason
    failed: Counter[str] = field(default_factory=Counter)  #: by error code
    values: int = 0
    wall_s: float = 0.0


#: Called after each commit with the report so far and the number of units that it settled.
Progress = Callable[[ReadReport, int], None]


@dataclass(slots=True, kw_only=True)
class _Open:
    """A document whose units are being read."""

    job: Job
    to_read: int = 0
    was_to_read: int = 0
    sums: dict[str, float] = field(default_factory=lambda: defaultdict(float))  #: what the manifest will say of the document
    extraction_ids: set[str] = field(default_factory=set)  #: of all its units that are not skipped
    n_failed: int = 0


class Reread:
    """One question put to the documents that are queued under one kind of job."""

    def __init__(
        self, question: Question, job_kind: str, *, library: Library, ledger: Ledger, report: ReadReport, progress: Progress
    ) -> None:
        self.question, self.library, self.ledger, self.report = question, library, ledger, report
        self._job_kind, self._progress = job_kind, progress
        self._claimed: list[Job] = []
        self._open: dict[str, _Open] = {}
        self._years: dict[str, int | None] = {}
        self._waiting: list[tuple[Extraction, np.ndarray]] = []
        self._last_commit = time.monotonic()

    def run(self) -> None:
        """Read until no document is queued. What is unfinished when this is left goes back to the queue."""
        try:
            while jobs := self._claim():
                tasks = self._tasks(jobs)
                readings = self.question.reader.read(self.question.prompt, [unit for unit, _ in tasks])
                for (unit, route), reading in zip(tasks, readings, strict=True):
                    self._take(unit, route, reading)
                self._commit()
        except LibraryError:
            raise  # nothing can be stored
        except (RereadError, KeyboardInterrupt):
            self._commit()  # what was read is kept
            raise
        finally:
            self.ledger.release(self._claimed)

    def _claim(self) -> list[Job]:
        """The next documents, about as many as make one batch of units."""
        jobs: list[Job] = []
        size = 0
        while size < UNITS_PER_READ and (job := self.ledger.claim(self._job_kind)):
            jobs.append(job)
            self._claimed.append(job)
            size += max(int(job.payload["chunks"]), 1)
        return jobs

    def _tasks(self, jobs: Sequence[Job]) -> list[tuple[Unit, Route]]:
        """The units of these documents that are to be read now, each with its route."""
        doc_ids = [job.payload["doc_id"] for job in jobs]
        papers = self.library.chunks(doc_ids)
        self._years |= {document.id: document.year for document in self.library.documents(doc_ids)}
        known = self.library.readings(self.question.key, doc_ids)
        tasks: list[tuple[Unit, Route]] = []
        for job in jobs:
            chunks, vectors = papers[job.payload["doc_id"]]
            tasks += self._open_document(job, make_units(chunks, vectors, self.question.prompt.unit), known)
        self._commit()
        return tasks

    def _open_document(self, job: Job, units: list[Unit], known: dict[str, dict[str, float]]) -> Iterator[tuple[Unit, Route]]:
        document = _Open(job=job)
        document.sums["units"] = len(units)
        self._open[job.payload["doc_id"]] = document
        self.report.units += len(units)
        for unit in units:
            route = route_unit(unit, self.question.prompt, self.question.reader.lane)
            extraction_id = self.question.extraction_id(unit, route)
            if route.lane is Lane.SKIP:
                document.sums["skipped"] += 1
                self.report.skipped[route.reason.split(";")[0]] += 1
                continue
            document.extraction_ids.add(extraction_id)
            if extraction_id in known:
                _sum(document.sums, extractions=1, **known[extraction_id])
                self.report.cached += 1
            else:
                document.to_read += 1
                document.was_to_read += 1
                yield unit, route

    def _take(self, unit: Unit, route: Route, reading: Reading) -> None:
        question, document = self.question, self._open[unit.doc_id]
        extraction = Extraction(
            id=question.extraction_id(unit, route),
            doc_id=unit.doc_id,
            unit_id=unit.id,
            chunk_ids=tuple(chunk.id for chunk in unit.chunks),
            prompt_name=question.prompt.name,
            prompt_hash=question.prompt.hash,
            model_key=question.reader.key,
            reading_key=question.key,
            route=route,
            reading=reading,
        )
        self._waiting.append((extraction, _mean(unit)))
        document.to_read -= 1
        self._count(document, reading)
        if len(self._waiting) >= ROWS_PER_COMMIT or time.monotonic() - self._last_commit > SECONDS_PER_COMMIT:
            self._commit()

    def _count(self, document: _Open, reading: Reading) -> None:
        report = self.report
        if reading.error_code:
            document.n_failed += 1
            report.failed[reading.error_code] += 1
            return
        report.read += 1
        report.values += len(reading.evidence)
        usage = {name: value for name, value in asdict(reading.usage).items() if value is not None}
        _sum(document.sums, extractions=1, n_values=len(reading.evidence), **usage)

    def _commit(self) -> None:
        """Store what waits, then end the jobs of the documents that are whole."""
        whole = [document for document in self._open.values() if document.to_read == 0]
        settled = len(self._waiting)
        with self.library.writing():
            held = {doc_id for doc_id, document in self._open.items() if self.ledger.still_holds(document.job)}
            rows = [waiting for waiting in self._waiting if waiting[0].doc_id in held]
            self.library.save_extractions(rows, years=self._years)
            ended = {doc_id: self._open[doc_id] for doc_id in held if self._open[doc_id].to_read == 0}
            self.library.retire_extractions(self.question.key, {key: value.extraction_ids for key, value in ended.items()})
            for document in ended.values():
                self._end(document)
        for document in whole:
            del self._open[document.job.payload["doc_id"]]
            settled += int(document.sums["units"]) - document.was_to_read
        self._waiting, self._last_commit = [], time.monotonic()
        self._progress(self.report, settled)

    def _end(self, document: _Open) -> None:
        job, doc_id = document.job, document.job.payload["doc_id"]
        if document.n_failed:
            message = (
                f"{document.n_failed} of its units could not be read; they are kept as failures. Run the same reprocess again."
            )
            self.ledger.fail(job, code="reading_failed", message=message)
            return
        detail: dict[str, Any] = {"reading_key": self.question.key, **document.sums}
        self.ledger.finish(job, [Done(stage="read", key=job.key, doc_id=doc_id, detail=detail)])


def _sum(sums: dict[str, float], **more: float) -> None:
    for name, number in more.items():
        sums[name] += number


def _mean(unit: Unit) -> np.ndarray:
    """The direction of a unit: the mean of its chunks' vectors, of length 1."""
    import numpy as np

    assert unit.vectors is not None
    mean = unit.vectors.mean(axis=0)
    return mean / max(float(np.linalg.norm(mean)), 1e-9)
