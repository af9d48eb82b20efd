"""What a worker promises, without Celery: jobs are converted, read and written once, whatever stumbles on the way.

`Station` is worked by hand here, over fast parts; tests/test_faults.py has real workers on a real Redis that are really killed.
"""

from __future__ import annotations

import errno
import os
import shutil
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from fake_flow import FakeChild, FakeReader, panel_of, write_pdf
from made_jobs import DEAD, FAR, as_other
from makers import embed
from processes import ROOT

import pipeline
import staging
import working
from broker import Bell
from errors import ConverterDied, Damaged, LibraryBusy, ModelUnreachable, OutOfMemory
from extract.panel import Panel
from extract.prompts.files import parse_prompt
from ingest.source import read_source
from jobs import MAX_LOSSES, Ledger
from jobs.access import Admission
from keeping import keep_order
from records import Job, JobState, Queue, Run
from rereading import Question
from settings import load_settings
from store import tables
from store.library import Library
from storing import Recipe
from submitting import Submission, submit_papers
from working import FIRST_SHARD, SHARD_S, Station
from workplace import Workplace

PROMPT = (ROOT / "prompts" / "findings.yaml").read_text()
ATTEMPTS = 3


class FastPlace(Workplace):
    """A workplace of doubles over a real library and ledger."""

    recipe = Recipe(converter="rules/1", embedding="test", chunker="lines/1")

    def __init__(self, library: Library, ledger: Ledger) -> None:
        super().__init__(load_settings(library=library.root, convert_attempts=ATTEMPTS))
        self.library, self.ledger = library, ledger
        self.child = FakeChild()
        self.fake = FakeReader()
        self.encoder = embed

    def children(self) -> list[Any]:
        return [self.child]

    def embed(self) -> Any:
        return self.encoder

    def panel(self, named: str) -> Panel:
        return panel_of(self.fake)

    def in_hands_of(self, owner: str) -> FastPlace:
        """The same library as another process has it."""
        other = FastPlace(self.library, as_other(self.ledger, owner))
        other.child, other.fake = self.child, self.fake
        return other


class Shop:
    """A station with its parts, and papers to put into its queue."""

    def __init__(self, place: FastPlace, folder: Path) -> None:
        self.place, self.folder = place, folder
        self.library, self.ledger, self.child = place.library, place.ledger, place.child
        self.rung: list[Queue] = []
        self.station = Station(place, self.rung.append)

    def submit(self, *names: str, lines: Sequence[str] = (), tenant: str = "") -> list[Job]:
        sources = [read_source(write_pdf(self.folder, name, *lines), 1 << 20) for name in names]
        wish = Submission(tenant=tenant, admission=Admission(max_queued=10_000))
        return submit_papers(sources, wish, ledger=self.ledger, recipe=self.place.recipe)

    def ask(self, *, tenant: str = "") -> Run:
        """A run over all papers."""
        question = Question(prompt=parse_prompt(PROMPT, named="findings"), panel=panel_of(self.place.fake))
        doc_ids = sorted({line.doc_id for line in self.ledger.lines("chunks")})
        return pipeline.submit_run(
            question, model="fake", doc_ids=doc_ids, selection="all", prompt_text=PROMPT, ledger=self.ledger, tenant=tenant
        )

    def store(self, *names: str, **more: Any) -> list[Job]:
        """Papers that are converted and written."""
        jobs = self.submit(*names, **more)
        self.station.convert_some()
        self.station.write_some()
        assert {self.now(job).state for job in jobs} == {JobState.DONE}
        return jobs

    def now(self, job: Job) -> Job:
        return self.ledger.job(job.id, tenant=None)

    def reading_jobs(self, state: JobState | None = None) -> list[Job]:
        return self.ledger.find_jobs(tenant=None, kind="read", state=state, limit=10_000)

    def in_staging(self) -> list[Path]:
        return sorted(self.station.staging.folder("x").parent.iterdir())

    def in_scratch(self) -> list[Path]:
        return sorted(self.station.scratch.iterdir())

    def is_clean(self) -> bool:
        """Ledger, rows and blobs agree, and nothing is left lying."""
        return not (pipeline.audit(self.library, self.ledger, deep=True) or self.in_staging() or self.in_scratch())


@pytest.fixture(autouse=True)
def impatient_writer(monkeypatch):
    """These tests have one result at a time and no use for waiting until more have gathered."""
    monkeypatch.setattr(working, "PACE_S", 0.0)


@pytest.fixture
def shop(library: Library, ledger: Ledger, tmp_path: Path) -> Iterator[Shop]:
    shop = Shop(FastPlace(library, ledger), tmp_path / "papers")
    yield shop
    shop.station.close()


# Converting


def test_a_worker_stages_what_it_converts_and_the_writer_stores_it(shop):
    [job] = shop.submit("a.pdf")
    assert shop.station.convert_some() == 1
    assert (shop.now(job).state, shop.now(job).queue) == (JobState.QUEUED, Queue.WRITE)
    assert shop.rung == [Queue.WRITE, Queue.WRITE] or shop.rung == [Queue.WRITE]
    assert shop.library.count(tables.DOCUMENTS) == 0

    assert shop.station.write_some() == 1
    assert shop.now(job).state is JobState.DONE
    assert shop.library.count(tables.CHUNKS) == 2
    assert shop.is_clean()


def test_nobody_opens_a_tool_while_nothing_waits(shop):
    shop.place.children = lambda: pytest.fail("a converter was opened")

    assert (shop.station.convert_some(), shop.station.read_some(), shop.station.write_some()) == (0, 0, 0)


def test_two_tenants_same_paper_is_converted_once_and_both_jobs_end_done(shop):
    [mine], [theirs] = shop.submit("a.pdf", tenant="me"), shop.submit("a.pdf", tenant="them")
    for _ in range(2):
        shop.station.convert_some()
        shop.station.write_some()

    assert mine.id != theirs.id
    assert (shop.now(mine).state, shop.now(theirs).state) == (JobState.DONE, JobState.DONE)
    assert shop.child.seen == ["a.pdf"]
    assert shop.is_clean()


def test_a_job_that_is_cancelled_while_it_is_converted_leaves_nothing(shop):
    [job] = shop.submit("a.pdf")
    shop.child.outcomes["a.pdf"] = [lambda: shop.ledger.cancel(job)]
    shop.station.convert_some()
    shop.station.write_some()

    assert shop.now(job).state is JobState.CANCELLED
    assert shop.library.count(tables.DOCUMENTS) == 0
    assert shop.is_clean()


def test_a_job_that_is_cancelled_while_it_waits_for_the_writer_is_not_written(shop):
    [job, other] = shop.submit("a.pdf", "b.pdf")
    shop.station.convert_some()
    shop.ledger.cancel(shop.now(job))
    shop.station.write_some()

    assert (shop.now(job).state, shop.now(other).state) == (JobState.CANCELLED, JobState.DONE)
    assert shop.library.count(tables.DOCUMENTS) == 1
    assert pipeline.audit(shop.library, shop.ledger, deep=True) == []


def test_what_a_cancelled_job_staged_is_removed_once_it_is_old(shop, monkeypatch):
    [job] = shop.submit("a.pdf")
    shop.station.convert_some()
    shop.ledger.cancel(shop.now(job))
    keep_order(shop.library, shop.ledger, shop.station.staging, keep_days=7)
    assert len(shop.in_staging()) == 1

    monkeypatch.setattr(staging, "ABANDONED_S", 0)
    keep_order(shop.library, shop.ledger, shop.station.staging, keep_days=7)
    assert shop.in_staging() == []


def test_a_paused_job_keeps_its_staged_result_and_is_written_when_it_is_resumed(shop, monkeypatch):
    [job] = shop.submit("a.pdf")
    shop.station.convert_some()
    shop.ledger.pause(shop.now(job))
    monkeypatch.setattr(staging, "ABANDONED_S", 0)
    keep_order(shop.library, shop.ledger, shop.station.staging, keep_days=7)
    assert shop.station.write_some() == 0

    shop.ledger.resume(shop.now(job))
    shop.station.write_some()
    assert shop.now(job).state is JobState.DONE
    assert shop.child.seen == ["a.pdf"]
    assert shop.is_clean()


@pytest.mark.parametrize("error", [Damaged("no PDF inside"), OutOfMemory("too much"), MemoryError("std::bad_alloc")])
def test_a_paper_that_cannot_be_converted_fails_by_name_and_leaves_nothing_in_scratch(shop, error):
    bad, good = shop.submit("bad.pdf", "good.pdf")
    shop.child.outcomes["bad.pdf"] = [error]
    shop.station.convert_some()
    shop.station.write_some()

    assert shop.now(bad).error_code == ("damaged" if isinstance(error, Damaged) else "out_of_memory")
    assert shop.now(good).state is JobState.DONE
    assert shop.is_clean()


def test_a_paper_that_kills_its_child_is_tried_so_often_and_not_more(shop):
    [job] = shop.submit("bad.pdf")
    shop.child.outcomes["bad.pdf"] = [ConverterDied("killed by SIGKILL") for _ in range(9)]
    shop.station.convert_some()

    assert shop.child.seen == ["bad.pdf"] * ATTEMPTS
    assert (shop.now(job).state, shop.now(job).error_code) == (JobState.FAILED, "converter_died")


def test_an_error_that_nobody_foresaw_ends_its_job_by_name_after_a_few_tries(shop, monkeypatch):
    monkeypatch.setattr(working, "AGAIN_S", 0.0)
    bad, good = shop.submit("bad.pdf", "good.pdf")
    shop.child.outcomes["bad.pdf"] = [ZeroDivisionError("a bug of ours") for _ in range(9)]
    shop.station.convert_some()
    shop.station.write_some()

    assert shop.child.seen.count("bad.pdf") == ATTEMPTS
    assert (shop.now(bad).error_code, shop.now(good).state) == ("conversion_failed", JobState.DONE)
    assert "ZeroDivisionError: a bug of ours" in (shop.now(bad).error or "")


@pytest.mark.parametrize(
    "error", [OSError(errno.ENOSPC, "no space left"), LibraryBusy("busy"), KeyboardInterrupt(), SystemExit()]
)
def test_what_is_no_fault_of_the_paper_gives_the_job_back_uncounted(shop, error):
    [job] = shop.submit("a.pdf")
    shop.child.outcomes["a.pdf"] = [error]
    with pytest.raises(type(error)):
        shop.station.convert_some()

    assert (shop.now(job).state, shop.now(job).attempt) == (JobState.QUEUED, 0)
    assert shop.in_scratch() == []


def test_a_task_out_of_memory_anywhere_does_not_raise_what_would_end_the_whole_worker(shop, monkeypatch):
    shop.submit("a.pdf")
    shop.child.start = lambda: bytearray(1 << 60)
    with pytest.raises(OutOfMemory):
        shop.station.convert_some()
    monkeypatch.setattr(shop.ledger, "open_runs", lambda: bytearray(1 << 60))
    with pytest.raises(OutOfMemory):
        shop.station.read_some()
    monkeypatch.setattr(shop.ledger, "claim_staged", lambda _: bytearray(1 << 60))
    with pytest.raises(OutOfMemory):
        shop.station.write_some()


def test_a_worker_takes_work_for_one_slice_and_rings_for_the_rest(shop, monkeypatch):
    monkeypatch.setattr(working, "SLICE_S", 0.2)
    shop.submit(*(f"{n}.pdf" for n in range(9)))
    shop.child.outcomes = {f"{n}.pdf": [lambda: time.sleep(0.15)] for n in range(9)}

    assert shop.station.convert_some() == 2
    assert shop.rung[-1] is Queue.CONVERT


def test_work_that_a_dead_worker_held_is_taken_over_and_stored_once(shop):
    [job] = shop.submit("a.pdf")
    dead = shop.place.in_hands_of(DEAD)
    assert dead.ledger.claim(shop.place.recipe.job_kind)
    assert shop.station.convert_some() == 0
    shop.ledger.sweep()
    shop.station.convert_some()
    shop.station.write_some()

    assert (shop.now(job).state, shop.now(job).losses, shop.now(job).attempt) == (JobState.DONE, 1, 1)
    assert shop.is_clean()


def test_what_a_worker_staged_before_it_died_is_not_stored_beside_what_the_next_one_makes(shop, monkeypatch):
    [job] = shop.submit("a.pdf")
    monkeypatch.setattr(shop.ledger, "hand_over", lambda *_: (_ for _ in ()).throw(SystemExit()))
    with pytest.raises(SystemExit):
        shop.station.convert_some()
    monkeypatch.undo()
    shop.station.convert_some()
    shop.station.write_some()
    assert (shop.now(job).state, shop.library.count(tables.CHUNKS), len(shop.in_staging())) == (JobState.DONE, 2, 1)

    monkeypatch.setattr(staging, "ABANDONED_S", 0)
    keep_order(shop.library, shop.ledger, shop.station.staging, keep_days=7)
    assert shop.is_clean()


# Staged results that are not what was put there


def remove(folder: Path) -> None:
    shutil.rmtree(folder)


def cut(name: str) -> Any:
    def cut_file(folder: Path) -> None:
        path = folder / name
        path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])

    return cut_file


def empty(name: str) -> Any:
    def empty_file(folder: Path) -> None:
        (folder / name).write_bytes(b"")

    return empty_file


FILES = ("converted.json", "vectors.npy", "docling.json", "paper.md", "figures/0.png", "sums.json")
DAMAGES = {"removed": remove} | {f"{act.__name__} {name}": act(name) for name in FILES for act in (cut, empty)}


@pytest.mark.parametrize("damage", DAMAGES.values(), ids=DAMAGES)
def test_a_staged_paper_that_is_not_whole_is_converted_again(shop, damage):
    bad, good = shop.submit("bad.pdf", "good.pdf")
    shop.station.convert_some()
    damage(shop.station.staging.folder(shop.now(bad).staged))
    shop.station.write_some()
    assert (shop.now(bad).state, shop.now(good).state) == (JobState.QUEUED, JobState.DONE)

    shop.station.convert_some()
    shop.station.write_some()
    assert shop.now(bad).state is JobState.DONE
    assert shop.child.seen.count("bad.pdf") == 2
    assert shop.is_clean()


def test_a_result_that_is_never_whole_ends_by_name(shop):
    [job] = shop.submit("a.pdf")
    for _ in range(ATTEMPTS):
        shop.station.convert_some()
        remove(shop.station.staging.folder(shop.now(job).staged))
        shop.station.write_some()

    assert (shop.now(job).state, shop.now(job).error_code) == (JobState.FAILED, "staged_unusable")


def test_vectors_of_another_length_are_never_stored(shop):
    bad, good = shop.submit("bad.pdf", "good.pdf")
    shop.place.encoder = lambda texts: embed(texts)[:, :5] if any("bad.pdf" in text for text in texts) else embed(texts)
    for _ in range(ATTEMPTS):
        shop.station.convert_some()
        shop.station.write_some()

    assert (shop.now(bad).error_code, shop.now(good).state) == ("staged_unusable", JobState.DONE)
    assert shop.is_clean()


@pytest.mark.parametrize("error", [ValueError("a bug of the table's"), MemoryError()])
def test_a_result_that_the_writer_stumbles_over_holds_up_nobody(shop, monkeypatch, error):
    jobs = shop.submit(*(f"{n}.pdf" for n in range(5)))
    save = shop.library.save_papers

    def stumble(papers: Sequence[Any]) -> None:
        if any(paper.document.name == "2.pdf" for paper in papers):
            raise error
        save(papers)

    monkeypatch.setattr(shop.library, "save_papers", stumble)
    for _ in range(ATTEMPTS):
        shop.station.convert_some()
        shop.station.write_some()

    bad = jobs.pop(2)
    assert {shop.now(job).state for job in jobs} == {JobState.DONE}
    assert (shop.now(bad).state, shop.now(bad).error_code) == (JobState.FAILED, "staged_unusable")
    assert shop.in_staging() == []


def test_readings_that_are_not_whole_are_read_again(shop):
    shop.store("a.pdf", lines=["first."])
    run = shop.ask()
    shop.station.read_some()
    [folder] = shop.in_staging()
    empty("vectors.npy")(folder)
    shop.station.write_some()
    shop.station.read_some()
    shop.station.write_some()

    assert shop.place.fake.seen == ["first."] * 2
    assert shop.ledger.run(run.id).state is JobState.DONE
    assert shop.is_clean()


# The writer


def test_only_one_process_has_the_writers_role_and_a_dead_one_loses_it(shop):
    [job] = shop.submit("a.pdf")
    shop.station.convert_some()
    for holder, is_there in ((FAR, True), (DEAD, False)):
        assert as_other(shop.ledger, holder).take_role("write")
        assert shop.station.write_some() == (0 if is_there else 1)
        as_other(shop.ledger, holder).give_role("write")

    assert shop.now(job).state is JobState.DONE
    assert as_other(shop.ledger, FAR).take_role("write")  # given back when it was done


def test_a_result_that_kills_the_writer_does_not_take_its_neighbours_with_it(shop):
    poison, *good = shop.submit(*(f"{n}.pdf" for n in range(4)))
    shop.station.convert_some()
    dead, deaths = as_other(shop.ledger, DEAD), 0
    while shop.now(poison).state is JobState.QUEUED:
        with shop.ledger._transaction() as db:
            db.execute("UPDATE jobs SET not_before = 0")
        taken = dead.claim_staged(10)
        if poison.id in {job.id for job in taken}:  # it dies of it, whatever else it holds
            deaths += 1
            shop.ledger.sweep()
        else:
            dead.finish_all((job, []) for job in taken)

    assert deaths == MAX_LOSSES
    assert (shop.now(poison).state, shop.now(poison).error_code) == (JobState.FAILED, "gave_up")
    assert {shop.now(job).state for job in good} == {JobState.DONE}


def test_a_writer_that_stumbles_over_the_library_gives_everything_back_and_stores_it_next_time(shop, monkeypatch):
    jobs = shop.submit("a.pdf", "b.pdf")
    shop.station.convert_some()
    monkeypatch.setattr(shop.library, "save_papers", lambda _: (_ for _ in ()).throw(LibraryBusy("compacting")))
    with pytest.raises(LibraryBusy):
        shop.station.write_some()
    assert {(shop.now(job).state, shop.now(job).queue) for job in jobs} == {(JobState.QUEUED, Queue.WRITE)}
    monkeypatch.undo()
    shop.station.write_some()

    assert shop.child.seen == ["a.pdf", "b.pdf"]
    assert shop.is_clean()


def test_a_writer_that_dies_between_rows_and_ledger_leaves_work_that_is_done_again_once(shop, monkeypatch):
    jobs = shop.submit("a.pdf", "b.pdf")
    shop.station.convert_some()
    monkeypatch.setattr(shop.ledger, "finish_all", lambda _: (_ for _ in ()).throw(SystemExit()))
    with pytest.raises(SystemExit):
        shop.station.write_some()
    monkeypatch.undo()
    assert shop.library.count(tables.DOCUMENTS) == 2
    shop.station.write_some()

    assert {shop.now(job).state for job in jobs} == {JobState.DONE}
    assert shop.is_clean()


def test_a_writer_that_lost_its_lease_writes_nothing(shop, monkeypatch):
    [job] = shop.submit("a.pdf")
    shop.station.convert_some()
    paper = shop.station.staging.paper

    def meanwhile(name: str) -> Any:
        """The writer is stopped here for so long that the job is taken back, and somebody else has it."""
        monkeypatch.undo()
        found = paper(name)
        with shop.ledger._transaction() as db:
            db.execute("UPDATE jobs SET lease_until = 0")
        assert as_other(shop.ledger, FAR).claim_staged(1)
        return found

    monkeypatch.setattr(shop.station.staging, "paper", meanwhile)
    shop.station.write_some()

    assert shop.now(job).state is JobState.RUNNING
    assert shop.library.count(tables.DOCUMENTS) == 0


# Reading


def test_a_run_is_read_staged_written_and_then_done(shop):
    shop.store("a.pdf", "b.pdf", lines=["first.", "second."])
    run = shop.ask()
    assert shop.station.read_some() == 1  # both papers are the same bytes
    assert shop.library.count(tables.EXTRACTIONS) == 0
    shop.station.write_some()

    assert shop.ledger.run(run.id).state is JobState.DONE
    assert sorted(shop.place.fake.seen) == ["first.", "second."]
    assert shop.is_clean()


def test_a_model_server_that_is_away_puts_documents_back_and_keeps_what_was_read(shop, monkeypatch):
    for n in range(3):
        shop.store(f"{n}.pdf", lines=[f"text of {n}."])
    run = shop.ask()
    order = []
    shop.place.fake.read = noting(shop.place.fake.read, order)
    shop.place.fake.outcomes["text of 1."] = [ModelUnreachable("connection refused")]
    shop.station.read_some()
    shop.station.write_some()
    waiting = shop.reading_jobs(JobState.QUEUED)
    before = order.index("text of 1.")
    assert len(waiting) == 3 - before
    assert shop.station.read_some() == 0  # not before AWAY_S

    with shop.ledger._transaction() as db:
        db.execute("UPDATE jobs SET not_before = 0")
    shop.station.read_some()
    shop.station.write_some()
    assert shop.ledger.run(run.id).state is JobState.DONE
    assert sorted(shop.place.fake.seen) == ["text of 0.", "text of 1.", "text of 2."]  # none twice
    assert shop.is_clean()


def noting(read: Any, order: list[str]) -> Any:
    def read_and_note(prompt: Any, units: Any) -> Any:
        order.extend(unit.chunks[0].text for unit in units)
        return read(prompt, units)

    return read_and_note


def test_a_run_whose_model_is_another_one_by_now_fails_by_name(shop):
    shop.store("a.pdf")
    run = shop.ask()
    shop.place.fake = FakeReader("another")
    shop.station.read_some()
    shop.ledger.run(run.id)

    [job] = shop.reading_jobs()
    assert (job.state, job.error_code) == (JobState.FAILED, "settings_invalid")
    assert shop.place.fake.seen == []


def test_a_run_that_failed_without_a_result_is_ended_by_the_sweep(shop):
    from watching import sweep

    shop.store("a.pdf")
    run = shop.ask()
    shop.place.fake = FakeReader("another")
    shop.station.read_some()
    sweep(shop.ledger, lambda *_: None)

    assert shop.ledger.run(run.id).state is JobState.FAILED


@pytest.mark.parametrize(("error", "code"), [(ZeroDivisionError("a bug"), "reading_failed"), (MemoryError(), "out_of_memory")])
def test_a_document_that_breaks_the_reader_costs_itself_only(shop, error, code):
    for n in range(4):
        shop.store(f"{n}.pdf", lines=[f"text of {n}."])
    run = shop.ask()
    shop.place.fake.outcomes["text of 2."] = [error] * 9
    shop.station.read_some()
    shop.station.write_some()
    pipeline.close_run(shop.ledger.run(run.id), ledger=shop.ledger)

    assert [job.error_code for job in shop.reading_jobs(JobState.FAILED)] == [code]
    assert len(shop.reading_jobs(JobState.DONE)) == 3
    assert shop.ledger.run(run.id).state is JobState.FAILED
    assert shop.is_clean()


def test_a_shard_is_as_large_as_the_model_is_fast(shop, monkeypatch):
    monkeypatch.setattr(working, "FIRST_SHARD", 4)
    for n in range(12):
        shop.store(f"{n}.pdf", lines=[f"text of {n}."])
    run = shop.ask()
    sizes = []
    read = shop.station._read
    monkeypatch.setattr(shop.station, "_read", lambda run, jobs: (sizes.append(len(jobs)), read(run, jobs)))
    monkeypatch.setattr(shop.station, "_speeds", {})
    monkeypatch.setattr(working, "SHARD_S", 3.0)
    monkeypatch.setattr(shop.station, "_note_speed", lambda run, _: shop.station._speeds.update({run.model: 1.0}))
    shop.station.read_some()

    assert sizes == [4, 3, 3, 2]
    assert FIRST_SHARD >= 16
    assert SHARD_S <= 30
    shop.station.write_some()
    assert shop.ledger.run(run.id).state is JobState.DONE


def test_a_shard_larger_than_what_the_writer_takes_at_once_is_read_once_and_stored_whole(shop, monkeypatch):
    for n in range(7):
        shop.store(f"{n}.pdf", lines=[f"text of {n}."])
    run = shop.ask()
    monkeypatch.setattr(working, "STAGED_PER_COMMIT", 3)
    shop.station.read_some()
    assert len(shop.in_staging()) == 1
    shop.station.write_some()

    assert shop.ledger.run(run.id).state is JobState.DONE
    assert len(shop.place.fake.seen) == 7
    assert shop.is_clean()


def test_one_document_of_a_shard_can_be_paused_and_comes_later_without_being_read_again(shop):
    for n in range(3):
        shop.store(f"{n}.pdf", lines=[f"text of {n}."])
    run = shop.ask()
    shop.station.read_some()
    paused = shop.reading_jobs()[0]
    shop.ledger.pause(paused)
    shop.station.write_some()
    assert len(shop.reading_jobs(JobState.DONE)) == 2

    shop.ledger.resume(paused)
    shop.station.write_some()
    assert shop.ledger.run(run.id).state is JobState.DONE
    assert len(shop.place.fake.seen) == 3
    assert shop.is_clean()


def test_a_run_that_is_cancelled_while_it_is_read_stores_nothing_more(shop):
    for n in range(3):
        shop.store(f"{n}.pdf", lines=[f"text of {n}."])
    run = shop.ask()
    read = shop.place.fake.read
    shop.place.fake.read = lambda prompt, units: (shop.ledger.cancel_all(f"read:{run.id}"), read(prompt, units))[1]
    shop.station.read_some()
    shop.station.write_some()

    assert shop.library.count(tables.EXTRACTIONS) == 0
    assert {job.state for job in shop.reading_jobs()} == {JobState.CANCELLED}
    assert shop.is_clean()


# The doorbell


def test_a_bell_that_stumbles_rings_again(monkeypatch):
    bell, said = Bell("redis://127.0.0.1:1/0"), []

    def send(queue: Queue, times: int) -> None:
        said.append(queue)
        if len(said) == 1:
            raise AttributeError(
                "'NoneType' object has no attribute 'connection_errors'"
            )  # kombu's, where a connection is lost

    monkeypatch.setattr(bell, "_send", send)
    for queue in (Queue.CONVERT, Queue.WRITE):
        bell.ring(queue)
        bell.flush()

    assert said == [Queue.CONVERT, Queue.WRITE]


def test_whoever_rings_never_waits_for_a_redis_that_is_away():
    bell, began = Bell("redis://127.0.0.1:1/0"), time.monotonic()
    for _ in range(1000):
        bell.ring(Queue.CONVERT)

    assert time.monotonic() - began < 1
    assert not bell.is_up()


# In the end


def test_a_station_that_is_closed_ends_its_child_and_removes_its_scratch(shop):
    shop.store("a.pdf")
    scratch = shop.station.scratch
    shop.station.close()

    assert shop.child.closed
    assert not scratch.exists()


def test_staged_results_never_hold_a_pickle(shop):
    shop.submit("a.pdf")
    shop.station.convert_some()
    [folder] = shop.in_staging()
    hostile = folder / "vectors.npy"
    np.save(hostile, np.array([Touch(folder / "canary")], dtype=object), allow_pickle=True)
    (folder / "sums.json").write_text(staging.json.dumps(staging._sums(folder)))
    shop.station.write_some()

    assert not (folder / "canary").exists()
    assert shop.library.count(tables.DOCUMENTS) == 0


class Touch:
    """Unpickled, it makes a file."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> Any:
        return os.mkdir, (str(self.path),)
