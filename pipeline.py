"""The whole flow on one page: add converts papers once, reprocess reads them with a prompt, search finds.

Nothing is opened here; everything is handed in. Every effect is in one order: blobs, then rows, then the ledger says done. So a
process that is killed anywhere leaves work that is simply done again.
"""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import adding
import rereading
import storing
from errors import NotFound
from ingest.bibfile import BibFile
from jobs import Done, Ledger
from records import (
    Chunk,
    Conversion,
    Document,
    Embed,
    Extraction,
    Filter,
    Hit,
    Job,
    JobState,
    Reference,
    Run,
    SearchMode,
    content_id,
)
from rereading import Question, Readings, ReadReport, Reread
from store import tables
from store.audit import Finding, audit_library
from store.joining import join
from store.library import Library
from store.search import search as search_library
from store.tables import now
from storing import AddReport, Desk, Failure, Recipe

if TYPE_CHECKING:
    from ingest.sandbox import ConverterChild


def add(
    paths: Iterable[Path],
    *,
    library: Library,
    ledger: Ledger,
    recipe: Recipe,
    max_bytes: int,
    children: Callable[[], Sequence[ConverterChild]],
    attempts: int,
    embed: Callable[[], Embed],
    progress: storing.Progress,
) -> AddReport:
    """Convert, split, embed and store every paper that was never converted this way; say what became of each.

    `children` and `embed` open the converters and the embedding model, only when there is something to do. Work that an
    earlier add left undone is finished too. A file that cannot be read costs itself only.
    """
    report, started = AddReport(), time.monotonic()
    given_up = ledger.sweep()
    report.resumed = ledger.waits(recipe.job_kind)
    adding.submit_files(paths, ledger=ledger, recipe=recipe, max_bytes=max_bytes, given_up=given_up, report=report)
    if ledger.waits(recipe.job_kind):
        with library.scratch() as scratch, ledger.renewing():
            desk = Desk(library, ledger, recipe, report, progress, attempts)
            adding.convert_queued(desk, children(), embed, scratch)
        library.maintain()
    report.wall_s = time.monotonic() - started
    return report


def reprocess(
    question: Question,
    *,
    model: str,
    doc_ids: Sequence[str],
    selection: str,
    library: Library,
    ledger: Ledger,
    progress: rereading.Progress,
) -> ReadReport:
    """Put a question to these documents. What was read with the same question before is not read again.

    The run is recorded before the first unit is read and again at the end; its id is the hash of the question and the
    documents, so the same reprocess is the same run, however often it is started or killed; one that is whole stays as it is.
    """
    started = time.monotonic()
    work = _work(question.key, doc_ids, ledger)
    done = ledger.done("read", list(work))
    run = _run(question, model, doc_ids, selection)
    report = ReadReport(run_id=run.id, documents=len(doc_ids), cached_documents=len(done))
    given_up = {job.key for job in ledger.sweep()} & work.keys()
    if given_up:
        report.failed["gave_up"] = len(given_up)
    # Jobs of this run only: what an interrupted run over other documents left waits for that run.
    ledger.submit(_kind(run), _jobs({key: line for key, line in work.items() if key not in done and key not in given_up}))
    if len(done) < len(work) or not ledger.has_run(run.id):
        ledger.save_run(run, doc_ids)
        _read_queued(question, _kind(run), library=library, ledger=ledger, report=report, progress=progress)
        library.maintain()
        ledger.save_run(_finished(run, report.failed.total(), ledger, list(work)), doc_ids)
    report.wall_s = time.monotonic() - started
    return report


def _read_queued(
    question: Question, kind: str, *, library: Library, ledger: Ledger, report: ReadReport, progress: rereading.Progress
) -> None:
    claimed: list[Job] = []

    def store(readings: Readings) -> None:
        rereading.store_readings(readings, claimed, library=library, ledger=ledger)

    claim = rereading.claim_documents(ledger, kind, claimed)
    try:
        with ledger.renewing():
            Reread(question, library=library, claim=claim, store=store, report=report, progress=progress).run()
    finally:
        ledger.release(claimed)


@dataclass(frozen=True, slots=True, kw_only=True)
class RunPlan:
    """What a run would do, said before anything is read."""

    documents: int
    documents_done: int  #: read with the same question before, whole
    chunks: int
    chunks_to_read: int  #: of the other documents; some of them are skipped by their kind, or were read before


def plan_run(question: Question, doc_ids: Sequence[str], *, ledger: Ledger) -> RunPlan:
    """What this question would cost on these documents."""
    work = _work(question.key, doc_ids, ledger)
    done = ledger.done("read", list(work))
    return RunPlan(
        documents=len(work),
        documents_done=len(done),
        chunks=sum(line.detail["chunks"] for line in work.values()),
        chunks_to_read=sum(line.detail["chunks"] for key, line in work.items() if key not in done),
    )


def submit_run(
    question: Question,
    *,
    model: str,
    doc_ids: Sequence[str],
    selection: str,
    prompt_text: str,
    ledger: Ledger,
    tenant: str,
    priority: int = 0,
    trace: str | None = None,
) -> Run:
    """Queue a run for the workers. The same question over the same documents is the same run: what is done of it stays done."""
    run = replace(_run(question, model, doc_ids, selection, tenant), prompt=prompt_text)
    ledger.save_run(run, doc_ids)  # before its jobs: a worker that takes one looks for its run
    _queue_work(run, doc_ids, ledger, priority=priority, trace=trace)
    return close_run(run, ledger=ledger)


def _queue_work(run: Run, doc_ids: Sequence[str], ledger: Ledger, *, priority: int = 0, trace: str | None = None) -> None:
    """Queue what of a run's documents was not read with its question before."""
    work = _work(run.reading_key, doc_ids, ledger)
    done = ledger.done("read", list(work))
    to_read = {key: line for key, line in work.items() if key not in done}
    ledger.submit(_kind(run), _jobs(to_read), tenant=run.tenant, priority=priority, trace=trace)


def announce_run(
    question: Question, *, model: str, doc_ids: Sequence[str], prompt_text: str, ledger: Ledger, tenant: str
) -> Run:
    """A run over papers that were just submitted: it begins by itself when the last of them is converted, or has failed."""
    selection = f"{len(doc_ids):,} papers as they were submitted"
    run = replace(_run(question, model, doc_ids, selection, tenant), state=JobState.QUEUED, prompt=prompt_text)
    ledger.save_run(run, doc_ids)
    return close_run(run, ledger=ledger)


def _begin(run: Run, ledger: Ledger) -> Run:
    """Queue the work of a run whose papers are all there; it is as it was while one of them is on its way."""
    doc_ids = ledger.run_documents(run.id)
    if ledger.on_their_way(doc_ids, tenant=run.tenant):
        return run
    _queue_work(run, doc_ids, ledger)
    ledger.set_run_state(run.id, JobState.RUNNING)
    return replace(run, state=JobState.RUNNING)


def close_run(run: Run, *, ledger: Ledger) -> Run:
    """The run as it now stands: begun where its papers have come, with its sums, and final where none of its jobs is open."""
    if run.state is JobState.QUEUED:
        run = _begin(run, ledger)
        if run.state is JobState.QUEUED:
            return run
    counts = ledger.run_job_counts(run.id)
    if any(not state.is_final for state in counts):
        return run
    keys = list(_work(run.reading_key, ledger.run_documents(run.id), ledger))
    closed = _finished(run, counts.get(JobState.FAILED, 0), ledger, keys)
    if counts.get(JobState.CANCELLED) and closed.state is not JobState.DONE:
        closed = replace(closed, state=JobState.CANCELLED)
    ledger.end_run(closed)
    return closed


def _work(reading_key: str, doc_ids: Sequence[str], ledger: Ledger) -> dict[str, Done]:
    """By the key of each reading, the newest chunks of one of these documents."""
    return {content_id("read", line.key, reading_key): line for line in ledger.newest("chunks", doc_ids).values()}


def _jobs(work: Mapping[str, Done]) -> list[tuple[str, dict[str, Any], int]]:
    return [
        (key, {"doc_id": line.doc_id, "chunks": line.detail["chunks"]}, line.detail["chunks"]) for key, line in work.items()
    ]


def _kind(run: Run) -> str:
    return f"read:{run.id}"


def _run(question: Question, model: str, doc_ids: Sequence[str], selection: str, tenant: str = "") -> Run:
    whose = [tenant] if tenant else []  # the library's own runs keep the ids that they had before there were tenants
    return Run(
        id=content_id("run", question.key, sorted(doc_ids), *whose)[:12],
        reading_key=question.key,
        prompt_name=question.prompt.name,
        prompt_hash=question.prompt.hash,
        model=model,
        selection=selection,
        state=JobState.RUNNING,
        created=now(),
        finished=None,
        counts={},
        tenant=tenant,
    )


def _finished(run: Run, n_failed: int, ledger: Ledger, keys: Sequence[str]) -> Run:
    """The run with its sums, over what was read now and before."""
    sums: dict[str, float] = defaultdict(float)
    done = ledger.done("read", keys)
    for detail in done.values():
        for name in detail.keys() - {"reading_key"}:
            sums[name] += detail[name]
    counts = {**sums, "documents": len(keys), "failed": n_failed}
    if len(done) == len(keys):
        return replace(run, state=JobState.DONE, finished=now(), counts=counts)
    # What neither failed nor is done is being read by another process.
    return replace(run, state=JobState.FAILED if n_failed else JobState.RUNNING, finished=now(), counts=counts)


def search(
    query: str,
    *,
    library: Library,
    embed: Embed | None,
    mode: SearchMode = SearchMode.HYBRID,
    limit: int = 10,
    only: Filter | None = None,
    in_extractions: bool = False,
    documents: Callable[[Sequence[str]], Iterable[Document]] | None = None,
) -> list[Hit]:
    """The best hits for a query, best first. `embed` may be None for a search by words alone; `documents` is who knows documents by
    their ids without asking the library."""
    vector = embed([query])[0] if embed and mode is not SearchMode.TEXT else None
    return search_library(
        library, query, vector=vector, mode=mode, limit=limit, only=only or Filter(), in_extractions=in_extractions, documents=documents,
    )  # fmt: skip


def audit(library: Library, ledger: Ledger, *, deep: bool = False) -> list[Finding]:
    """Where ledger, blobs and rows do not agree; `deep` also hashes every blob."""
    lines = {
        stage: [(line.key, line.doc_id, line.detail) for line in ledger.lines(stage)]
        for stage in ("document", "conversion", "chunks", "read")
    }
    return audit_library(library, lines, deep=deep)


def document_named(wanted: str, ledger: Ledger) -> str:
    """The id of the one document that is called so: an id, a unique beginning of one, or a file name."""
    found = ledger.find_documents(wanted)
    if len(found) == 1:
        return found[0]
    if found:
        listed = ", ".join(doc_id[:12] for doc_id in found)
        raise NotFound(f"{len(found)} documents are called {wanted!r}: {listed}. Name one by its id.")
    raise NotFound(f"No document is called {wanted!r}. `reread status --documents` lists them.")


def chosen_documents(named: Sequence[str] | None, where: str | None, *, library: Library, ledger: Ledger) -> list[str]:
    """The ids of the converted documents that are named, or all; of these the ones for which a condition over their columns holds."""
    doc_ids = {document_named(name, ledger) for name in named} if named else {line.doc_id for line in ledger.lines("chunks")}
    return sorted(doc_ids & library.document_ids(where) if where else doc_ids)


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredPaper:
    """What the library knows of one paper, as its newest conversion has it."""

    document: Document
    conversion: Conversion
    chunks: tuple[Chunk, ...]
    references: tuple[Reference, ...]


def paper(doc_id: str, *, library: Library) -> StoredPaper:
    """The stored paper of this id."""
    chunks, _ = library.chunks([doc_id])[doc_id]
    conversions = library.conversions(doc_id)
    current = [conversion for conversion in conversions if chunks and conversion.id == chunks[0].conversion_id]
    conversion = [*current, *conversions][0]
    return StoredPaper(
        document=library.documents([doc_id])[0],
        conversion=conversion,
        chunks=tuple(chunks),
        references=library.references(conversion),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class JoinReport:
    """What a bibliography did."""

    entries: int
    joined: int  #: documents that an entry was found for
    unmatched: tuple[str, ...]  #: keys of entries that no document was found for
    unread: tuple[str, ...]  #: what of the file could not be read


def join_bibliography(bib: BibFile, *, library: Library, ledger: Ledger) -> JoinReport:
    """Give the documents that are here the fields of the entries that are theirs; those of the entries win."""
    with library.writing():
        found = join(library.documents(), bib.entries)
        library.save_documents(found.documents)
        # Whoever remembers documents knows by this that they have changed.
        lines = ledger.newest("chunks", [document.id for document in found.documents])
        by_id = {document.id: content_id(document.csl)[:16] for document in found.documents}
        ledger.record(replace(line, detail={**line.detail, "bib": by_id[doc_id]}) for doc_id, line in lines.items())
    return JoinReport(
        entries=len(bib.entries),
        joined=len(found.documents),
        unmatched=tuple(entry.key for entry in found.unmatched),
        unread=bib.unread,
    )


def run_extractions(
    run: Run, *, library: Library, ledger: Ledger, everything: bool = False
) -> tuple[Iterator[Extraction], dict[str, Document]]:
    """What a run read, and its documents by id; `everything` includes what failed and what was empty."""
    doc_ids = ledger.run_documents(run.id)
    found = library.extractions(run.reading_key, doc_ids)
    wanted = (e for e in found if everything or (e.reading.is_ok and e.reading.evidence))
    return wanted, {document.id: document for document in library.documents(doc_ids)}


@dataclass(frozen=True, slots=True, kw_only=True)
class Status:
    """How much a library holds, what waits, what failed."""

    documents: int
    pages: int
    chunks: int
    extractions: int
    runs: int
    blobs: int
    bytes: int  #: of everything in the folder
    embedding: str
    jobs: dict[str, dict[str, int]]  #: by kind, by state
    failures: tuple[Failure, ...]


def status(*, library: Library, ledger: Ledger) -> Status:
    """How much is stored, what waits, what failed."""
    lines = ledger.lines("chunks")
    jobs: dict[str, dict[str, int]] = {}
    for kind, counts in ledger.job_counts().items():
        states = jobs.setdefault(kind.partition(":")[0], {})
        for state, n in counts.items():
            states[state] = states.get(state, 0) + n
    return Status(
        documents=len({line.doc_id for line in lines}),
        pages=sum({line.doc_id: line.detail["pages"] for line in lines}.values()),
        chunks=sum({line.doc_id: line.detail["chunks"] for line in lines}.values()),
        extractions=library.count(tables.EXTRACTIONS),
        runs=len(ledger.runs()),
        blobs=sum(1 for _ in library.blobs.digests()),
        bytes=library.bytes(),
        embedding=library.embedding,
        jobs=jobs,
        failures=tuple(storing.stored_failure(job) for job in ledger.jobs("add:", JobState.FAILED)),
    )


def remove(doc_ids: Sequence[str], *, library: Library, ledger: Ledger) -> None:
    """Delete these documents everywhere: rows, ledger, and the blobs that no other document uses."""
    with library.writing():
        lines, removed = _blob_lines(ledger), set(doc_ids)
        kept = {digest for line in lines if line.doc_id not in removed for digest in line.detail["blobs"]}
        library.delete_documents(doc_ids)
        library.blobs.remove({digest for line in lines if line.doc_id in removed for digest in line.detail["blobs"]} - kept)
        ledger.forget(doc_ids)  # last: whatever a crash leaves is still named, and the same command removes it


def _blob_lines(ledger: Ledger) -> list[Done]:
    return [*ledger.lines("document"), *ledger.lines("conversion")]
