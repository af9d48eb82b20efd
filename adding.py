"""What `pipeline.add` is made of: files to jobs, jobs to converted papers; storing.py makes them part of the library.

The converter children work in parallel; embedding and storing happen in the one thread that takes their results.
"""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING

from errors import ConversionFailed, InputRefused, LibraryError, RereadError, error_of_code
from ingest.crew import convert_all
from ingest.source import label, read_source
from jobs import Ledger
from records import Embed, Job, Source
from storing import AddReport, Desk, Recipe, failure_of, payload_of, source_of, stored_failure

if TYPE_CHECKING:  # the search command need not wait for what only an add uses
    from ingest.sandbox import Converted, ConverterChild

#: Files read and hashed at once: hashing leaves Python's lock alone.
HASHERS = 4
#: Before another look at work that may not be taken yet: its last holder died, or another process has the same paper in hand.
WAIT_S = 0.2


def submit_files(
    paths: Iterable[Path], *, ledger: Ledger, recipe: Recipe, max_bytes: int, given_up: Sequence[Job], report: AddReport
) -> None:
    """Hash every file and queue those that were never converted this way. What was given up just now waits for the next time."""
    started = time.monotonic()
    sources: dict[str, Source] = {}
    names: list[tuple[str, str]] = []
    for path, source in _read_all(paths, max_bytes):
        if isinstance(source, InputRefused):
            report.failures.append(failure_of(label(path), source))
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
    ledger.submit(recipe.job_kind, [(key, payload_of(source), source.size) for key, source in fresh])
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
        source = source_of(job)
        return child.convert(source, conversion_id=recipe.conversion_id(source.sha256), workdir=workdir)

    def stop() -> None:
        for child in children:
            child.close()

    try:
        # A job that is to be tried again may come back after the last child has found the queue empty: then all start again.
        while ledger.waits(recipe.job_kind):
            taken = len(claimed)
            with closing(convert_all(children, take=take, convert=convert, stop=stop)) as results:
                for job, result in results:
                    _settle(job, result, desk, embed, _workdir(scratch, job))
            desk.commit()
            if len(claimed) == taken:
                time.sleep(WAIT_S)
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
        report, started = desk.report, time.monotonic()
        vectors = embed()([chunk.searchable for chunk in result.chunks])
        report.stage_s["embed"] += time.monotonic() - started
        report.stage_s["convert"] += result.convert_s
        report.stage_s["split"] += result.split_s
        desk.take(job, result, vectors)
    except (InputRefused, ConversionFailed) as error:
        shutil.rmtree(workdir, ignore_errors=True)
        desk.refuse(job, error)
