"""What a worker does when it is rung: convert some, read some, write some. The Celery tasks in worker.py only call these.

Each works through the ledger until nothing is left for it or its time slice ends, so that a worker that is told to stop is soon
done, then rings again for whoever is next. Workers never write to the library: they stage what they made, and the one that holds the
writer's role stores it. A newcomer would claim first and open the tools then: a process that dies while it loads its
models must not hold a job.
"""

from __future__ import annotations

import logging
import shutil
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

import counting
import pipeline
from errors import (
    ConversionFailed,
    InputRefused,
    JobLost,
    NotFound,
    OutOfMemory,
    PromptInvalid,
    ReadingFailed,
    RereadError,
    SettingsInvalid,
    StagedUnusable,
    Unreachable,
)
from jobs import Ledger
from keeping import keep_order, remove_upload
from observing import bound, continued
from records import Embed, Job, JobState, Queue, Run
from rereading import Question, Readings, ReadReport, Reread, store_readings
from staging import Staging
from storing import AddReport, Desk, retry_or_fail, source_of
from workplace import Workplace

if TYPE_CHECKING:
    from ingest.sandbox import ConverterChild

log = logging.getLogger("reread.worker")

#: Seconds that one task takes jobs for. Well below the 25 s that a worker is given to finish when it is told to stop.
SLICE_S = 10.0
#: A shard of a run is about so many seconds of reading: what a worker that dies has to read again.
SHARD_S = 15.0
#: Units of the first shard of a model whose speed is not known yet.
FIRST_SHARD = 64
LARGEST_SHARD = 2000
#: Seconds between two notes of how far a conversion is.
PROGRESS_S = 0.5
#: Seconds before work that a server away has stopped is tried again.
AWAY_S = 15.0
#: Before a job that stumbled over an error that nobody foresaw is tried again.
AGAIN_S = 5.0
#: Seconds between two commits where few results wait: each is a file and a version, and 1,000 of them took the writer 36 MB.
PACE_S = 1.0
#: Results that the writer takes at once.
STAGED_PER_COMMIT = 200


@contextmanager
def _spare_the_worker() -> Iterator[None]:
    """Celery ends a whole worker, with all that it does, for one task's MemoryError (celery/worker/request.py): say it as ours."""
    try:
        yield
    except MemoryError as error:
        raise OutOfMemory(f"The worker had not enough memory for this task ({error!r}). What it held is done again.") from error


class Station:
    """One worker process at one library, its tools opened when they are first needed."""

    def __init__(self, place: Workplace, ring: Callable[[Queue], None]) -> None:
        self.place, self._ring = place, ring
        self._open = ExitStack()
        self._questions: dict[str, Question] = {}
        self._rest_until = 0.0  #: time.monotonic() before which the writer takes nothing
        self._speeds: dict[str, float] = {}  #: units per second, by model

    @property
    def ledger(self) -> Ledger:
        return self.place.ledger

    @cached_property
    def staging(self) -> Staging:
        return Staging(self.place.library.root)

    @cached_property
    def scratch(self) -> Path:
        """A folder for work in progress, of this process alone, beside `staging`: a folder moves there by its name."""
        return self._open.enter_context(self.place.library.scratch())

    @cached_property
    def child(self) -> ConverterChild:
        child = self.place.children()[0]
        self._open.callback(child.close)
        return child

    @cached_property
    def embed(self) -> Embed:
        return self.place.embed()

    def close(self) -> None:
        self._open.close()

    # Converting

    @_spare_the_worker()
    def convert_some(self) -> int:
        """Convert papers until none waits or the time is over; returns how many jobs were taken."""
        kind, taken, end = self.place.recipe.job_kind, 0, time.monotonic() + SLICE_S
        if not self.ledger.waits(kind) and not self.ledger.adopt(kind, self.place.recipe.chunks_key):
            return 0
        self.child.start()
        self.embed(["ready"])
        with self.ledger.renewing():
            while time.monotonic() < end and (job := self.ledger.claim(kind)):
                taken += 1
                with bound(job_id=job.id, doc_id=job.payload["doc_id"]), continued(job.trace, "convert", job_id=job.id):
                    self._convert(job)
        self._ring_if_waiting(Queue.CONVERT)
        return taken

    def _convert(self, job: Job) -> None:
        """One paper to a staged result, or to a failure by name."""
        try:
            if self.ledger.done("chunks", [job.key]):  # another tenant's job has done it
                self.ledger.finish(job, [])
                return
            with self._workdir(job) as workdir:
                self._hand_over([job], self._staged(job, workdir))
        except JobLost as lost:
            log.info("%s", lost)
        except (InputRefused, ConversionFailed) as error:
            self.ledger.count(counting.failure(error))
            log.warning("%s: %s", error.code, error)
            retry_or_fail(self.ledger, job, error, attempts=self.place.settings.convert_attempts)
        except MemoryError as error:
            failure = OutOfMemory(
                f"The worker had not enough memory for {job.payload['name']!r} ({error!r}). Nothing was stored."
            )
            retry_or_fail(self.ledger, job, failure, attempts=self.place.settings.convert_attempts)
        except (RereadError, OSError):  # no fault of the paper's: a disk that is full, a ledger that is away
            self.ledger.release([job])
            raise
        except Exception as error:  # given back uncounted, it would be taken again for ever
            log.exception("stumbled")
            self._try_again(job, error)
        except BaseException:
            self.ledger.release([job])
            raise

    def _try_again(self, job: Job, error: Exception) -> None:
        """After an error that nobody foresaw: a few times, then it ends by name."""
        if job.attempt < self.place.settings.convert_attempts:
            self.ledger.requeue(job, wait_s=AGAIN_S)
        else:
            message = f"{job.payload['name']!r} failed: {type(error).__name__}: {error}. Nothing was stored. Please report it."
            self.ledger.fail(job, code=ConversionFailed.code, message=message)

    @contextmanager
    def _workdir(self, job: Job) -> Iterator[Path]:
        """A folder for this claim of the job alone, gone by the end unless it was staged."""
        workdir = self.scratch / f"{job.id}-{job.fence}"
        workdir.mkdir()
        try:
            yield workdir
        finally:
            shutil.rmtree(workdir, ignore_errors=True)

    def _staged(self, job: Job, workdir: Path) -> str:
        """The name of the staged result of this job."""
        source, recipe = source_of(job), self.place.recipe
        watch = _Watch(self.ledger, job)
        converted = self.child.convert(
            source,
            conversion_id=recipe.conversion_id(source.sha256),
            workdir=workdir,
            on_page=watch.page,
            keep_going=watch.look,
        )
        vectors = self.embed([chunk.searchable for chunk in converted.chunks])
        watch.look()
        self.ledger.count(counting.conversion(converted))
        self.ledger.note(counting.child_memory(converted))
        return self.staging.put_paper(job, converted, vectors)

    # Reading

    @_spare_the_worker()
    def read_some(self) -> int:
        """Read documents of runs until none waits or the time is over; returns how many jobs were taken."""
        taken, end = 0, time.monotonic() + SLICE_S
        with self.ledger.renewing():
            while time.monotonic() < end and (shard := self._next_shard()):
                run, jobs = shard
                taken += len(jobs)
                with bound(run_id=run.id), continued(jobs[0].trace, "read", run_id=run.id, documents=len(jobs)):
                    self._read(run, jobs)
        self._ring_if_waiting(Queue.EXTRACT)
        return taken

    def _next_shard(self) -> tuple[Run, list[Job]] | None:
        """Documents of the run whose turn it is, about SHARD_S of work for its model."""
        for run in self.ledger.open_runs():
            speed = self._speeds.get(run.model)
            budget = min(int(speed * SHARD_S), LARGEST_SHARD) if speed else FIRST_SHARD
            if jobs := self.ledger.claim_some(f"read:{run.id}", budget=budget):
                return run, jobs
        return None

    def _read(self, run: Run, jobs: list[Job]) -> None:
        """One shard to a staged result; what could not be read at all goes back, or fails by name."""
        parts: list[Readings] = []
        try:
            self._read_to(parts, run, jobs)
        except (PromptInvalid, SettingsInvalid, NotFound, ReadingFailed) as error:
            self._fail_shard(run, jobs, error)
        except Unreachable as error:
            log.warning("run %s: %s", run.id, error)
            self._hand_over_readings(parts, jobs)  # what was read is kept
            for job in jobs:
                self.ledger.requeue(job, wait_s=AWAY_S)
        except (RereadError, OSError):  # no fault of the papers': a disk that is full, a ledger that is away
            raise
        except Exception as error:  # MemoryError too: given back uncounted, it would be taken again for ever
            log.exception("run %s stumbled", run.id)
            self._find_culprit(run, jobs, error)
        finally:
            self.ledger.release(jobs)

    def _read_to(self, parts: list[Readings], run: Run, jobs: list[Job]) -> None:
        """Read these documents, and hand over what came of it; `parts` has it too, should this end early."""
        batches = iter([jobs])
        report, started = ReadReport(run_id=run.id), time.monotonic()
        reread = Reread(
            self._question(run),
            library=self.place.library,
            claim=lambda: next(batches, []),
            store=parts.append,
            report=report,
            progress=lambda *_: None,
        )
        reread.run()
        report.wall_s = time.monotonic() - started
        self._note_speed(run, report)
        self.ledger.count(counting.readings(run, [extraction for part in parts for extraction, _ in part.rows], report))
        self._hand_over_readings(parts, jobs)

    def _note_speed(self, run: Run, report: ReadReport) -> None:
        settled = report.read + sum(report.failed.values())
        if settled and report.wall_s > 0:
            self._speeds[run.model] = settled / report.wall_s

    def _hand_over_readings(self, parts: Sequence[Readings], jobs: Sequence[Job]) -> None:
        """Let the writer have the documents that are whole, all in one folder."""
        ended = tuple(document for part in parts for document in part.ended)
        if not ended:
            return
        readings = Readings(
            reading_key=parts[0].reading_key,
            rows=tuple(row for part in parts for row in part.rows),
            years={doc_id: year for part in parts for doc_id, year in part.years.items()},
            ended=ended,
        )
        with self._workdir(jobs[0]) as workdir:  # put_readings fills it
            name = self.staging.put_readings(jobs[0], readings, workdir)
            self._hand_over([document.job for document in ended], name)

    def _find_culprit(self, run: Run, jobs: Sequence[Job], error: Exception) -> None:
        """One document must not cost its neighbours: each is read alone, and the one that stumbles alone has failed."""
        if len(jobs) == 1:
            self._fail_shard(run, jobs, error)
            return
        for job in jobs:
            self._read(run, [job])

    def _question(self, run: Run) -> Question:
        """What a run asks and who answers; raises where it is no longer what was submitted."""
        from extract.prompts.files import parse_prompt

        if run.id not in self._questions:
            question = Question(prompt=parse_prompt(run.prompt or "", named=run.prompt_name), panel=self.place.panel(run.model))
            if question.key != run.reading_key:
                raise SettingsInvalid(
                    f"Run {run.id} was submitted for another model or router than {run.model!r} is now. Nothing was read. "
                    "Give every worker the same reread.toml, or submit the run again."
                )
            self._questions[run.id] = question
        return self._questions[run.id]

    def _fail_shard(self, run: Run, jobs: Sequence[Job], error: BaseException) -> None:
        unforeseen = OutOfMemory.code if isinstance(error, MemoryError) else ReadingFailed.code
        code = error.code if isinstance(error, RereadError) else unforeseen
        log.warning("run %s: %s: %s", run.id, code, error)
        for job in jobs:
            self.ledger.fail(job, code=code, message=str(error) if isinstance(error, RereadError) else repr(error))

    # Writing

    @_spare_the_worker()
    def write_some(self) -> int:
        """Store what workers have staged, where no other process has the writer's role; returns how many jobs were ended."""
        written = 0
        with self._role(Queue.WRITE) as is_mine, self.ledger.renewing():
            end = time.monotonic() + SLICE_S
            while is_mine and time.monotonic() < end and (jobs := self._next_results()):
                try:
                    self._write(jobs)
                finally:
                    self.ledger.release(jobs)
                written += len(jobs)
            if written:
                self.place.library.maintain()
        if is_mine:
            self._ring_if_waiting(Queue.WRITE)
        return written

    def _next_results(self) -> list[Job]:
        """What waits for the writer; small results are left to gather for a moment, full hands are not kept waiting."""
        time.sleep(max(self._rest_until - time.monotonic(), 0.0))
        jobs = self.ledger.claim_staged(STAGED_PER_COMMIT)
        if 0 < len(jobs) < STAGED_PER_COMMIT:
            self._rest_until = time.monotonic() + PACE_S
        return jobs

    def _write(self, jobs: Sequence[Job]) -> None:
        """Store these results together; where that stumbles, one by one, so that a bad one holds up nobody."""
        by_folder: dict[str, list[Job]] = {}
        for job in jobs:
            by_folder.setdefault(job.staged or "", []).append(job)
        try:
            self._write_folders(by_folder)
        except (RereadError, OSError):  # no fault of these results: a disk that is full, a ledger that is away
            raise
        except Exception as error:
            log.exception("the writer stumbled over %d results", len(by_folder))
            if len(by_folder) > 1:
                for own in by_folder.values():
                    self._write(own)
                return
            unusable = StagedUnusable(f"The staged result {jobs[0].staged} could not be stored: {error!r}. Please report it.")
            for job in jobs:
                self._do_again(job, unusable)
            self._remove_stored(by_folder)

    def _write_folders(self, by_folder: Mapping[str, Sequence[Job]]) -> None:
        report, jobs = AddReport(), [job for own in by_folder.values() for job in own]
        desk = Desk(
            self.place.library,
            self.ledger,
            self.place.recipe,
            report,
            lambda *_: None,
            attempts=self.place.settings.convert_attempts,
        )
        for name, own in by_folder.items():
            try:
                self._write_folder(name, own, desk)
            except StagedUnusable as error:
                log.warning("%s; its %d jobs are done again", error, len(own))
                for job in own:
                    self._do_again(job, error)
        desk.commit()
        self._remove_stored(by_folder)
        self.ledger.count(counting.writing(report, jobs))
        for job in jobs:
            remove_upload(self.place.library, self.ledger, job)
        for run_id in {job.kind.partition(":")[2] for job in jobs if job.kind.startswith("read:")}:
            pipeline.close_run(self.ledger.run(run_id), ledger=self.ledger)
        waiting = [run for run in self.ledger.open_runs() if run.state is JobState.QUEUED]
        if any(not pipeline.close_run(run, ledger=self.ledger).state.is_final for run in waiting):
            self._ring(Queue.EXTRACT)  # its last paper may have come just now

    def _remove_stored(self, names: Iterable[str]) -> None:
        """Remove results that no job waits for any more. A folder holds a shard: others of it may be paused, or come later."""
        waited_for = self.ledger.staged_names()
        for name in names:
            if name and name not in waited_for:
                self.staging.remove(name)

    def _write_folder(self, name: str, jobs: Sequence[Job], desk: Desk) -> None:
        if self.staging.is_paper(name):
            converted, vectors = self.staging.paper(name)
            if vectors.shape[1:] != (self.place.library.dimension,):
                raise StagedUnusable(f"The staged result {name} has vectors of shape {vectors.shape}: another model made them.")
            desk.take(jobs[0], converted, vectors)
            return
        readings = self.staging.readings(name)
        mine = {job.id: job for job in jobs}
        ended = tuple(replace(d, job=mine[d.job.id]) for d in readings.ended if d.job.id in mine)
        store_readings(replace(readings, ended=ended), [], library=self.place.library, ledger=self.ledger)

    def _do_again(self, job: Job, error: StagedUnusable) -> None:
        if job.attempt < self.place.settings.convert_attempts:
            self.ledger.take_again(job)
        else:
            self.ledger.fail(job, code=error.code, message=str(error))

    @contextmanager
    def _role(self, queue: Queue) -> Iterator[bool]:
        is_mine = self.ledger.take_role(queue.value)
        try:
            yield is_mine
        finally:
            if is_mine:
                self.ledger.give_role(queue.value)

    # Keeping order

    @_spare_the_worker()
    def maintain(self) -> None:
        """Compact the tables, and remove what nothing refers to any more."""
        keep_order(self.place.library, self.ledger, self.staging, keep_days=self.place.settings.keep_days)

    # All of them

    def _hand_over(self, jobs: Sequence[Job], name: str) -> None:
        """Let the writer have a staged result; remove it where nobody holds its jobs any more."""
        if self.ledger.hand_over(jobs, name):
            self._ring(Queue.WRITE)
        else:
            self.staging.remove(name)

    def _ring_if_waiting(self, queue: Queue) -> None:
        if self.ledger.depths().get(queue):
            self._ring(queue)


class _Watch:
    """Says how far a conversion is, and ends it when its job is lost."""

    def __init__(self, ledger: Ledger, job: Job) -> None:
        self._ledger, self._job, self._said = ledger, job, 0.0

    def page(self, done: int, total: int) -> None:
        if time.monotonic() - self._said < PROGRESS_S and done < total:
            return
        self._said = time.monotonic()
        self._go_on(self._ledger.progress(self._job, done, total))

    def look(self) -> None:
        self._go_on(self._ledger.still_holds(self._job))

    @staticmethod
    def _go_on(is_held: bool) -> None:
        if not is_held:
            raise JobLost("it was cancelled, paused or taken over; its work here has ended")
