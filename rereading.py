"""What `pipeline.reprocess` is made of: documents to units, units to a reader, readings to stored extractions.

A document is read when every unit of it is read or skipped; only then does the ledger say done. Units that were read before
keep their extraction, by id; a unit that failed is kept as a named failure and tried again by the next reprocess.
"""

from __future__ import annotations

import time
from collections import Counter, defaultdict, deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import closing
from dataclasses import asdict, dataclass, field, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any

from errors import LibraryError, ReadingFailed, RereadError
from extract.document_scope import document_fields, merged
from extract.panel import Panel
from extract.routing.lanes import lanes_of
from extract.routing.router import routed_units, router_key, with_sights
from jobs import Done, Ledger
from records import Chunk, Extraction, Job, Lane, Prompt, Reading, Route, Unit, content_id
from store.library import Library

if TYPE_CHECKING:
    import numpy as np

#: Units of the documents that are claimed at once.
UNITS_PER_CLAIM = 400
#: A commit of rows waits for so many, or for so many seconds: what a killed process would have to read again.
ROWS_PER_COMMIT = 1000
SECONDS_PER_COMMIT = 5.0


@dataclass(frozen=True, kw_only=True)
class Question:
    """A prompt with what reads it: everything but the documents."""

    prompt: Prompt
    panel: Panel

    @cached_property
    def key(self) -> str:
        """What a run shares with every repeat of it. Raises SettingsInvalid where the prompt asks for a lane that is not at hand."""
        return content_id("reading", self.prompt.hash, self.panel.key(self.prompt), router_key(self.panel.routing))

    def extraction_id(self, unit: Unit, route: Route) -> str:
        return content_id("extraction", unit.id, self.key, route.lane.value)

    @cached_property
    def lanes(self) -> frozenset[Lane]:
        """Those that may read for this prompt, of those at hand."""
        return lanes_of(self.prompt, self.panel.lanes)

    def routed(self, doc_id: str, chunks: Sequence[Chunk], vectors: np.ndarray, library: Library) -> list[tuple[Unit, Route]]:
        """The units of a document, each with its route."""
        has_eyes = Lane.VISION in self.lanes
        crops = {conversion.id: conversion.figures for conversion in library.conversions(doc_id)} if has_eyes else {}
        return routed_units(chunks, vectors, crops, self.prompt, self.lanes, self.panel.routing)


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


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadDocument:
    """A document whose every unit is settled, and what the manifest is to say of it."""

    job: Job
    sums: dict[str, float]
    extraction_ids: tuple[str, ...]  #: of all its units that are not skipped
    n_failed: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Readings:
    """What was read since the last time: extractions, each with its unit's vector, and the documents that this settled."""

    reading_key: str
    rows: tuple[tuple[Extraction, np.ndarray], ...]
    years: dict[str, int | None]
    ended: tuple[ReadDocument, ...]


@dataclass(slots=True, kw_only=True)
class _Open:
    """A document whose units are being read."""

    job: Job
    to_read: int = 0
    was_to_read: int = 0
    sums: dict[str, float] = field(default_factory=lambda: defaultdict(float))
    extraction_ids: dict[str, None] = field(default_factory=dict)  #: in reading order
    n_failed: int = 0
    read: dict[str, Extraction] = field(default_factory=dict)  #: what was read now, where the prompt asks of whole documents


class Reread:
    """One question put to documents that are claimed a batch at a time; `store` is handed what was read, again and again."""

    def __init__(
        self,
        question: Question,
        *,
        library: Library,
        claim: Callable[[], Sequence[Job]],
        store: Callable[[Readings], None],
        report: ReadReport,
        progress: Progress,
    ) -> None:
        self.question, self.library, self.report = question, library, report
        self._claim, self._store, self._progress = claim, store, progress
        self._open: dict[str, _Open] = {}
        self._of_document = bool(document_fields(question.prompt.schema))
        self._begun: deque[tuple[Unit, Route]] = deque()
        self._years: dict[str, int | None] = {}
        self._waiting: list[tuple[Extraction, np.ndarray]] = []
        self._last_commit = time.monotonic()

    def run(self) -> None:
        """Read until there is nothing to claim. What is unfinished when this is left is the caller's to give back."""
        try:
            with closing(self.question.panel.read(self.question.prompt, self._tasks())) as readings:
                for reading in readings:
                    self._take(*self._begun.popleft(), reading)
            self._commit()
        except LibraryError:
            raise  # nothing can be stored
        except (RereadError, KeyboardInterrupt):
            self._commit()  # what was read is kept
            raise

    def _tasks(self) -> Iterator[tuple[Unit, Route]]:
        """Every unit that is to be read, with its route, of one claim of documents after the other."""
        while jobs := self._claim():
            for task in self._tasks_of(jobs):
                self._begun.append(task)
                yield task
            if not self._begun:
                self._commit()  # documents that were whole before are ended as they come

    def _tasks_of(self, jobs: Sequence[Job]) -> list[tuple[Unit, Route]]:
        """The units of these documents that are to be read now, each with its route."""
        doc_ids = [job.payload["doc_id"] for job in jobs]
        papers = self.library.chunks(doc_ids)
        self._years |= {document.id: document.year for document in self.library.documents(doc_ids)}
        known = self.library.readings(self.question.key, doc_ids)
        tasks: list[tuple[Unit, Route]] = []
        for job in jobs:
            doc_id = job.payload["doc_id"]
            chunks, vectors = papers[doc_id]
            routed = self.question.routed(doc_id, chunks, vectors, self.library)
            tasks += self._open_document(job, routed, known)
        return tasks

    def _open_document(
        self, job: Job, routed: list[tuple[Unit, Route]], known: dict[str, dict[str, float]]
    ) -> Iterator[tuple[Unit, Route]]:
        document = _Open(job=job)
        document.sums["units"] = len(routed)
        self._open[job.payload["doc_id"]] = document
        self.report.units += len(routed)
        for unit, route in routed:
            extraction_id = self.question.extraction_id(unit, route)
            if route.lane is Lane.SKIP:
                document.sums["skipped"] += 1
                self.report.skipped[route.reason.split(";")[0]] += 1
                continue
            document.extraction_ids[extraction_id] = None
            if extraction_id in known:
                _sum(document.sums, extractions=1, **known[extraction_id])
                self.report.cached += 1
            else:
                document.to_read += 1
                document.was_to_read += 1
                yield with_sights(unit, self.question.prompt, self.question.panel.routing), route

    def _take(self, unit: Unit, route: Route, reading: Reading) -> None:
        question, document = self.question, self._open[unit.doc_id]
        extraction = Extraction(
            id=question.extraction_id(unit, route),
            doc_id=unit.doc_id,
            unit_id=unit.id,
            chunk_ids=tuple(chunk.id for chunk in unit.chunks),
            prompt_name=question.prompt.name,
            prompt_hash=question.prompt.hash,
            model_key=question.panel.key_of(reading.steps[-1].lane if reading.steps else route.lane),
            reading_key=question.key,
            route=route,
            reading=reading,
        )
        self._waiting.append((extraction, _mean(unit)))
        if self._of_document and reading.is_ok:
            document.read[extraction.id] = extraction
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
        n_values = sum(not one.is_of_nothing for one in reading.evidence)
        report.values += n_values
        usage = {name: value for name, value in asdict(reading.usage).items() if isinstance(value, (int, float))}
        _sum(document.sums, extractions=1, n_values=n_values, **usage)

    def _add_votes(self, document: _Open) -> None:
        """What the units of this document say of the document, as one more extraction; none where one of them failed."""
        doc_id = document.job.payload["doc_id"]
        if document.n_failed:
            return
        known = document.read
        if known.keys() < document.extraction_ids.keys():  # some were read before, and with them perhaps the votes
            known = {found.id: found for found in self.library.extractions(self.question.key, [doc_id])} | known
        units = [known[extraction_id] for extraction_id in document.extraction_ids if extraction_id in known]
        votes = votes_of(self.question, units)
        if votes is None:
            return
        document.extraction_ids[votes.id] = None
        _sum(document.sums, extractions=1, n_values=len(votes.reading.evidence))
        if votes.id not in known:
            self._waiting.append((votes, self._vector_of(votes)))

    def _vector_of(self, votes: Extraction) -> np.ndarray:
        """The direction of the chunks that its evidence stands in."""
        chunks, vectors = self.library.chunks([votes.doc_id])[votes.doc_id]
        rows = [i for i, chunk in enumerate(chunks) if chunk.id in votes.chunk_ids]
        return _direction(vectors[rows or slice(None)])

    def _commit(self) -> None:
        """Hand on what waits, with the documents that are whole by it."""
        whole = {doc_id: document for doc_id, document in self._open.items() if document.to_read == 0}
        settled = len(self._waiting)
        for document in whole.values() if self._of_document else ():
            self._add_votes(document)
        ended = tuple(
            ReadDocument(job=d.job, sums=dict(d.sums), extraction_ids=tuple(sorted(d.extraction_ids)), n_failed=d.n_failed)
            for d in whole.values()
        )
        rows = tuple(self._waiting)
        if rows or ended:
            self._store(Readings(reading_key=self.question.key, rows=rows, years=self._years, ended=ended))
        for doc_id, document in whole.items():
            del self._open[doc_id]
            settled += int(document.sums["units"]) - document.was_to_read
        self._waiting, self._last_commit = [], time.monotonic()
        self._progress(self.report, settled)


def votes_of(question: Question, units: Sequence[Extraction]) -> Extraction | None:
    """What these extractions of one document's units, in reading order, say of the document; None where they say nothing."""
    found = merged([unit.reading for unit in units], question.prompt.schema)
    if found is None:
        return None
    reading, reason = found
    return replace(
        units[0],
        id=content_id("votes", question.key, [unit.id for unit in units]),
        unit_id=content_id("document", [unit.unit_id for unit in units]),
        chunk_ids=tuple(dict.fromkeys(one.chunk_id for one in reading.evidence)),
        route=Route(lane=Lane.VOTES, reason=reason),
        reading=reading,
        model_key="",
    )


def claim_documents(ledger: Ledger, kind: str, claimed: list[Job]) -> Callable[[], list[Job]]:
    """What takes the next documents of this kind, about as many as make one batch of units, and notes them in `claimed`."""

    def claim() -> list[Job]:
        jobs = ledger.claim_some(kind, budget=UNITS_PER_CLAIM)
        claimed.extend(jobs)
        return jobs

    return claim


def store_readings(readings: Readings, open_jobs: Iterable[Job], *, library: Library, ledger: Ledger) -> None:
    """Store what was read and end the jobs of the documents that are whole; of a job that is no longer held nothing is written.
    `open_jobs` are those of documents that are still being read."""
    with library.writing():
        ended = {document.job.id: document for document in readings.ended}
        held = {job.payload["doc_id"] for job in open_jobs if job.id not in ended and ledger.still_holds(job)}
        ending = {job.payload["doc_id"]: ended[job.id] for job in ledger.start_writing(d.job for d in readings.ended)}
        rows = [row for row in readings.rows if row[0].doc_id in held or row[0].doc_id in ending]
        library.save_extractions(rows, years=readings.years)
        library.retire_extractions(readings.reading_key, {doc_id: set(d.extraction_ids) for doc_id, d in ending.items()})
        ledger.finish_all((d.job, [_line(d, readings.reading_key)]) for d in ending.values() if not d.n_failed)
        for document in ending.values():
            if document.n_failed:
                message = f"{document.n_failed} of its units could not be read; they are kept as failures. Run the same reprocess again."
                ledger.fail(document.job, code=ReadingFailed.code, message=message)


def _line(document: ReadDocument, reading_key: str) -> Done:
    detail: dict[str, Any] = {"reading_key": reading_key, **document.sums}
    return Done(stage="read", key=document.job.key, doc_id=document.job.payload["doc_id"], detail=detail)


def _sum(sums: dict[str, float], **more: float) -> None:
    for name, number in more.items():
        sums[name] += number


def _mean(unit: Unit) -> np.ndarray:
    """The direction of a unit: the mean of its chunks' vectors, of length 1."""
    assert unit.vectors is not None
    return _direction(unit.vectors)


def _direction(vectors: np.ndarray) -> np.ndarray:
    import numpy as np

    mean = vectors.mean(axis=0)
    return mean / max(float(np.linalg.norm(mean)), 1e-9)
