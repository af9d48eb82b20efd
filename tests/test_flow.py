"""The whole flow, with a converter and a reader that do as they are told: nothing is done twice, nothing is lost, and an
interruption anywhere leaves work that is simply done again."""

from __future__ import annotations

import random
import shutil
import threading
import time
from dataclasses import replace
from pathlib import Path

import pytest
from fake_flow import FAILED, FakeChild, FakeReader, Place, write_pdf
from makers import make_prompt
from processes import finished, start

import adding
import jobs.queue
import pipeline
import rereading
import storing
from errors import (
    ConverterDied,
    Damaged,
    LibraryError,
    ModelUnreachable,
    NoTextLayer,
    NotFound,
    OutOfMemory,
    TimedOut,
    WeightsMissing,
)
from jobs import MAX_LOSSES, Ledger
from jobs.database import open_database
from records import JobState, SearchMode
from store import tables

PROMPT = make_prompt()


@pytest.fixture
def place(library, ledger) -> Place:
    return Place(library, ledger)


@pytest.fixture
def papers(tmp_path) -> list[Path]:
    return [write_pdf(tmp_path / "in", f"{name}.pdf", f"{name} one.", f"{name} two.", f"{name} three.") for name in "abc"]


ALL_LINES = [f"{name} {n}." for name in "abc" for n in ("one", "three", "two")]


# Adding


def test_papers_are_converted_once_and_then_known(place, papers):
    child = FakeChild()
    first, second = place.add(*papers, child=child), place.add(*papers, child=child)

    assert (first.added, first.known, first.pages, first.chunks, first.failures) == (3, 0, 3, 9, [])
    assert (second.added, second.known) == (0, 3)
    assert sorted(child.seen) == ["a.pdf", "b.pdf", "c.pdf"]
    assert place.findings() == []


def test_the_same_bytes_under_two_names_are_one_document_with_both(place, papers):
    twin = Path(shutil.copy(papers[0], papers[0].with_name("twin.pdf")))
    report = place.add(papers[0], twin)

    assert (report.added, report.known) == (1, 1)
    assert place.ledger.find_documents("twin.pdf") == place.ledger.find_documents("a.pdf") != []
    assert place.library.count(tables.DOCUMENTS) == 1


@pytest.mark.parametrize("error", [Damaged, NoTextLayer])
def test_what_will_always_fail_is_tried_once_and_named_every_time(place, papers, error):
    child = FakeChild(a_pdf=[error("why")] * 5)
    reports = [place.add(*papers, child=child) for _ in range(3)]

    assert [[(failure.name, failure.code) for failure in report.failures] for report in reports] == [
        [("a.pdf", error.code)]
    ] * 3
    assert child.seen.count("a.pdf") == 1
    assert [report.added for report in reports] == [2, 0, 0]
    assert place.findings() == []


@pytest.mark.parametrize("error", [TimedOut, ConverterDied])
def test_what_failed_by_chance_is_tried_again_in_the_same_add_even_if_it_is_the_only_file(place, papers, error):
    child = FakeChild(a_pdf=[error("why")])
    report = place.add(papers[0], child=child)

    assert (report.added, report.failures) == (1, [])
    assert child.seen == ["a.pdf", "a.pdf"]


def test_what_keeps_failing_by_chance_is_named_after_two_tries_and_tried_again_by_the_next_add(place, papers):
    child = FakeChild(a_pdf=[TimedOut("slow")] * 2)
    report = place.add(*papers, child=child)
    assert [failure.code for failure in report.failures] == ["timed_out"]
    assert report.added == 2

    again = place.add(*papers, child=child)
    assert (again.added, again.known, again.failures) == (1, 2, [])


def test_a_paper_that_needs_too_much_memory_is_not_tried_twice_in_one_add(place, papers):
    child = FakeChild(a_pdf=[OutOfMemory("why")])

    assert [failure.code for failure in place.add(papers[0], child=child).failures] == ["out_of_memory"]
    assert place.add(papers[0], child=child).added == 1


def test_files_that_are_no_papers_cost_only_themselves(place, papers, tmp_path):
    text = tmp_path / "notes.pdf"
    text.write_text("just notes")
    report = place.add(text, tmp_path / "missing.pdf", *papers)

    assert report.added == 3
    assert [failure.code for failure in report.failures] == ["unsupported_format", "unreadable"]


def test_a_file_that_changes_or_vanishes_while_it_is_converted_is_refused(place, papers):
    def change() -> None:
        papers[0].write_text("%PDF-1.7\nother words")

    report = place.add(papers[0], child=FakeChild(a_pdf=[change]))
    assert [failure.code for failure in report.failures] == ["unreadable"]

    class Vanishing(FakeChild):
        def convert(self, source, **given):
            converted = super().convert(source, **given)
            source.path.unlink()
            return converted

    report = place.add(papers[1], child=Vanishing())
    assert [failure.code for failure in report.failures] == ["unreadable"]
    assert place.library.count(tables.CHUNKS) == 0
    assert place.findings() == []


def test_a_job_whose_file_was_moved_goes_on_from_where_it_is_now(place, papers, tmp_path):
    with pytest.raises(KeyboardInterrupt):
        place.add(*papers, child=FakeChild(**{f"{name}_pdf": [KeyboardInterrupt()] for name in "abc"}))
    moved = shutil.move(papers[0].parent, tmp_path / "elsewhere")

    report = place.add(*sorted(Path(moved).iterdir()))
    assert (report.added, report.resumed, report.failures) == (3, 3, [])


def test_the_scratch_folder_is_emptied_with_every_commit(place, tmp_path, monkeypatch):
    monkeypatch.setattr(storing, "ROWS_PER_COMMIT", 4)  # two papers
    left: list[int] = []

    class Looking(FakeChild):
        def convert(self, source, **given):
            left.append(sum(1 for _ in (place.library.root / "tmp").glob("*/*")))
            return super().convert(source, **given)

    place.add(*(write_pdf(tmp_path / "in", f"{n}.pdf") for n in range(20)), child=Looking())

    assert len(left) == 20
    assert max(left) <= 7  # those that wait for the commit, those in the child, in the queue and in hand; never all
    assert list((place.library.root / "tmp").iterdir()) == []


def test_an_interrupted_add_keeps_what_is_converted_and_the_next_one_goes_on(place, papers):
    with pytest.raises(KeyboardInterrupt):
        place.add(*papers, child=FakeChild(c_pdf=[KeyboardInterrupt()]))
    assert place.ledger.jobs("add", JobState.RUNNING) == []

    rest = FakeChild()
    report = place.add(child=rest)  # no file is named: what was begun is finished

    assert "c.pdf" in rest.seen
    assert place.library.count(tables.CHUNKS) == 9
    assert report.resumed == report.added == len(rest.seen)
    assert place.findings() == []


@pytest.mark.parametrize("cut", ["save_papers", "blobs.put_text", "blobs.put_file"])
def test_an_add_that_is_cut_anywhere_in_storing_is_whole_after_the_next(place, papers, monkeypatch, cut):
    owner = place.library.blobs if cut.startswith("blobs") else place.library
    name = cut.rpartition(".")[2]
    whole, calls = getattr(owner, name), []

    def cut_short(*given):
        calls.append(1)
        if len(calls) == 2:
            raise KeyboardInterrupt
        return whole(*given)

    monkeypatch.setattr(storing, "ROWS_PER_COMMIT", 1)
    monkeypatch.setattr(owner, name, cut_short)
    with pytest.raises(KeyboardInterrupt):
        place.add(*papers)
    monkeypatch.undo()
    place.add(*papers)

    assert place.library.count(tables.CHUNKS) == 9
    assert place.findings() == []


def test_rows_without_their_line_in_the_ledger_are_taken_over(place, papers, monkeypatch):
    def killed(*_: object) -> None:
        raise LibraryError("killed between rows and ledger")

    monkeypatch.setattr(place.ledger, "finish_all", killed)
    with pytest.raises(LibraryError):
        place.add(*papers)
    assert {finding.what for finding in place.findings()} == {"surplus"}
    monkeypatch.undo()
    place.add(*papers)

    assert place.library.count(tables.CHUNKS) == 9
    assert place.findings() == []


def test_an_encoder_that_is_missing_fails_no_paper(place, papers):
    def missing():
        raise WeightsMissing("no weights")

    with pytest.raises(WeightsMissing):
        place.add(*papers, embed=missing)
    assert pipeline.status(library=place.library, ledger=place.ledger).failures == ()
    assert place.add(*papers).added == 3


def test_a_new_recipe_converts_again_and_leaves_another_recipes_queue_alone(place, papers):
    with pytest.raises(KeyboardInterrupt):
        place.add(*papers, child=FakeChild(**{f"{name}_pdf": [KeyboardInterrupt()] for name in "abc"}))

    report = place.add(*papers, recipe=replace(place.recipe, converter="rules/2"))
    assert (report.added, report.resumed) == (3, 0)
    assert place.library.count(tables.CHUNKS) == 9
    assert place.add().added == 3  # the older queue, by its own recipe
    assert place.findings() == []


def test_a_file_that_killed_the_command_each_time_is_passed_over_once(place, papers, monkeypatch):
    for n in range(MAX_LOSSES):
        database = open_database(place.library.root / "ledger.sqlite")
        database.owner = f"{database.owner.split('/')[0]}/{2**22 + 1}/1"
        dying = Ledger(database)
        adding.submit_files(
            papers[:1], ledger=dying, recipe=place.recipe, max_bytes=1 << 20, given_up=[], report=storing.AddReport()
        )
        assert dying.claim(place.recipe.job_kind)
        if n < MAX_LOSSES - 1:
            place.ledger.sweep()
            monkeypatch.setattr(jobs.queue, "seconds", lambda n=n: time.time() + 60 * n)  # it waits longer each time

    report = place.add(*papers)
    assert (report.added, [failure.name for failure in report.failures]) == (2, ["a.pdf"])
    assert place.add(*papers).added == 1


ADD_FOLDER = """
import sys
from pathlib import Path
from fake_flow import Place
import jobs.queue
from jobs import MAX_LOSSES, Ledger
from jobs.database import open_database
from store.library import open_library
library = open_library(Path(sys.argv[1]), embedding="test")
place = Place(library, Ledger(library.root / "ledger.sqlite"))
report = place.add(*sorted(Path(sys.argv[2]).iterdir()))
assert not report.failures
print(report.added)
"""


def test_processes_that_add_the_same_folder_convert_each_paper_once(place, tmp_path):
    for n in range(40):
        write_pdf(tmp_path / "in", f"{n}.pdf")

    added = [int(finished(process)) for process in [start(ADD_FOLDER, place.library.root, tmp_path / "in") for _ in range(3)]]

    assert sum(added) == 40
    assert place.library.count(tables.DOCUMENTS) == 40
    assert place.findings() == []


def test_threads_that_add_the_same_folder_lose_and_double_nothing(place, tmp_path):
    paths = [write_pdf(tmp_path / "in", f"{n}.pdf") for n in range(40)]
    child, reports = FakeChild(), []
    threads = [threading.Thread(target=lambda: reports.append(place.add(*paths, child=child))) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert sorted(child.seen) == sorted(path.name for path in paths)
    assert sum(report.added for report in reports) == 40
    assert place.findings() == []


# Reading


@pytest.fixture
def full(place, papers) -> Place:
    place.add(*papers)
    return place


def test_a_question_is_answered_once(full):
    reader = FakeReader()
    first, second = full.reprocess(PROMPT, reader), full.reprocess(PROMPT, reader)

    assert (first.read, first.values, first.cached_documents) == (9, 9, 0)
    assert (second.read, second.units, second.cached_documents) == (0, 0, 3)
    assert sorted(reader.seen) == ALL_LINES
    assert first.run_id == second.run_id
    assert full.ledger.run(first.run_id).state is JobState.DONE
    assert full.findings() == []


def test_two_prompts_are_two_runs_side_by_side(full):
    one, two = (full.reprocess(make_prompt(name), FakeReader()) for name in ("one", "two"))

    assert one.run_id != two.run_id
    assert [run.prompt_name for run in full.ledger.runs()] == ["one", "two"]
    assert full.exported(one.run_id) == full.exported(two.run_id) == ALL_LINES
    assert full.library.count(tables.EXTRACTIONS) == 18


def test_another_model_is_another_run(full):
    assert full.reprocess(PROMPT, FakeReader("small")).run_id != full.reprocess(PROMPT, FakeReader("large")).run_id


def test_a_new_paper_is_all_that_the_same_question_reads_later(full, tmp_path):
    reader = FakeReader()
    full.reprocess(PROMPT, reader)
    full.add(write_pdf(tmp_path, "new.pdf", "new one."))
    reader.seen.clear()

    report = full.reprocess(PROMPT, reader)
    assert reader.seen == ["new one."]
    assert (report.read, report.cached_documents) == (1, 3)
    assert full.exported(report.run_id) == sorted([*ALL_LINES, "new one."])


def test_a_server_that_goes_away_costs_nothing_that_was_read(full):
    reader = FakeReader(outcomes={"b two.": [ModelUnreachable("gone")]})
    with pytest.raises(ModelUnreachable):
        full.reprocess(PROMPT, reader)
    before = list(reader.seen)
    assert 0 < full.library.count(tables.EXTRACTIONS) == len(before) < 9

    report = full.reprocess(PROMPT, reader)
    assert sorted(reader.seen) == ALL_LINES  # none twice
    assert report.read == 9 - len(before)
    assert full.exported(report.run_id) == ALL_LINES
    assert full.findings() == []


def test_only_units_that_failed_are_read_again(full):
    reader = FakeReader(outcomes={"a two.": [FAILED], "c one.": [FAILED, FAILED]})
    first = full.reprocess(PROMPT, reader)
    assert (first.read, dict(first.failed)) == (7, {"answer_invalid": 2})
    assert full.ledger.run(first.run_id).state is JobState.FAILED

    reader.seen.clear()
    second, third, fourth = (full.reprocess(PROMPT, reader) for _ in range(3))
    assert sorted(reader.seen) == ["a two.", "c one.", "c one."]
    assert [dict(report.failed) for report in (second, third, fourth)] == [{"answer_invalid": 1}, {}, {}]
    assert full.ledger.run(first.run_id).state is JobState.DONE
    assert full.exported(first.run_id) == ALL_LINES
    assert full.library.count(tables.EXTRACTIONS) == 9
    assert full.findings() == []


@pytest.mark.parametrize("rows_per_commit", [1, 2, 1000])
def test_an_interrupted_reading_goes_on_where_it_was(full, monkeypatch, rows_per_commit):
    monkeypatch.setattr(rereading, "ROWS_PER_COMMIT", rows_per_commit)
    monkeypatch.setattr(rereading, "UNITS_PER_CLAIM", 3)
    reader = FakeReader(outcomes={line: [KeyboardInterrupt()] for line in ("a two.", "b three.", "c one.")})
    for _ in range(3):
        with pytest.raises(KeyboardInterrupt):
            full.reprocess(PROMPT, reader)

    report = full.reprocess(PROMPT, reader)
    assert sorted(reader.seen) == ALL_LINES
    assert full.exported(report.run_id) == ALL_LINES
    assert full.findings() == []


def test_a_reading_cut_between_rows_and_ledger_is_whole_after_the_next(full, monkeypatch):
    monkeypatch.setattr(full.ledger, "finish_all", lambda *_: (_ for _ in ()).throw(LibraryError("killed")))
    with pytest.raises(LibraryError):
        full.reprocess(PROMPT, FakeReader())
    monkeypatch.undo()
    reader = FakeReader()
    report = full.reprocess(PROMPT, reader)

    assert (reader.seen, report.cached) == ([], 9)
    assert full.findings() == []


def test_a_question_to_one_paper_leaves_what_an_interrupted_one_to_all_had_queued(full):
    with pytest.raises(KeyboardInterrupt):
        full.reprocess(PROMPT, FakeReader(outcomes={line: [KeyboardInterrupt()] for line in ALL_LINES}))
    reader = FakeReader()
    one = full.reprocess(PROMPT, reader, full.ledger.find_documents("a.pdf"))
    assert sorted(reader.seen) == ["a one.", "a three.", "a two."]

    everything = full.reprocess(PROMPT, reader)
    assert sorted(reader.seen) == ALL_LINES
    assert everything.cached_documents == 1
    assert full.exported(one.run_id) == ["a one.", "a three.", "a two."]
    assert full.exported(everything.run_id) == ALL_LINES


def test_after_a_new_conversion_a_run_gives_each_value_once(full, papers):
    reader = FakeReader()
    full.reprocess(PROMPT, reader)
    full.add(*papers, recipe=replace(full.recipe, converter="rules/2"))
    reader.seen.clear()

    report = full.reprocess(PROMPT, reader)
    assert sorted(reader.seen) == ALL_LINES
    assert full.exported(report.run_id) == ALL_LINES
    assert full.library.count(tables.EXTRACTIONS) == 18  # the older ones are kept
    hits = pipeline.search("two", library=full.library, embed=None, mode=SearchMode.TEXT, in_extractions=True)
    assert sorted(hit.text for hit in hits) == ["a two.", "b two.", "c two."]
    assert full.findings() == []


def test_a_paper_that_is_read_while_it_is_removed_leaves_nothing(full):
    doomed = full.ledger.find_documents("b.pdf")

    class Removing(FakeReader):
        def read(self, prompt, units):
            pipeline.remove(doomed, library=full.library, ledger=full.ledger)
            yield from super().read(prompt, units)

    report = full.reprocess(PROMPT, Removing())

    assert full.exported(report.run_id) == [line for line in ALL_LINES if not line.startswith("b")]
    assert full.findings() == []


def test_threads_that_ask_the_same_question_read_each_unit_once(full, monkeypatch):
    monkeypatch.setattr(rereading, "UNITS_PER_CLAIM", 3)
    reader = FakeReader()
    threads = [threading.Thread(target=full.reprocess, args=(PROMPT, reader)) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert sorted(reader.seen) == ALL_LINES
    assert full.findings() == []


SLOWLY = """
import sys, time
from pathlib import Path
import rereading, storing
from fake_flow import FakeChild, FakeReader, Place, embed
import jobs.queue
from jobs import MAX_LOSSES, Ledger
from jobs.database import open_database
from makers import make_prompt
from store.library import open_library
storing.ROWS_PER_COMMIT = rereading.ROWS_PER_COMMIT = 2
rereading.UNITS_PER_CLAIM = 7
library = open_library(Path(sys.argv[1]), embedding="test")
place = Place(library, Ledger(library.root / "ledger.sqlite"))

def slowly(texts):
    time.sleep(0.02)
    return embed(texts)

class Slow(FakeReader):
    def read(self, prompt, units):
        for reading in super().read(prompt, units):
            time.sleep(0.01)
            yield reading

print("ready", flush=True)
place.add(*sorted(Path(sys.argv[2]).iterdir()), embed=lambda: slowly)
place.reprocess(make_prompt(), Slow())
print("whole", flush=True)
"""


def test_a_command_that_is_killed_again_and_again_ends_whole_with_everything_once(place, tmp_path):
    names = [f"{n}.pdf" for n in range(30)]
    for name in names:
        write_pdf(tmp_path / "in", name, f"first of {name}", f"second of {name}")
    for seed in range(4):
        command = start(SLOWLY, place.library.root, tmp_path / "in")
        assert command.stdout and command.stdout.readline() == "ready\n"
        time.sleep(random.Random(seed).uniform(0.5, 1.5))
        command.kill()
        command.communicate()
    finished(start(SLOWLY, place.library.root, tmp_path / "in"))

    run = place.ledger.run(PROMPT.name)
    assert place.exported(run.id) == sorted(f"{which} of {name}" for name in names for which in ("first", "second"))
    assert (place.library.count(tables.CHUNKS), place.library.count(tables.EXTRACTIONS)) == (60, 60)
    assert place.findings() == []


# Looking and removing


def test_a_removed_paper_is_gone_everywhere_and_what_others_share_stays(full, papers):
    run_id = full.reprocess(PROMPT, FakeReader()).run_id
    pipeline.remove(full.ledger.find_documents("a.pdf"), library=full.library, ledger=full.ledger)

    assert full.findings() == []  # the logo that all papers hold is still there
    assert full.exported(run_id) == ALL_LINES[3:]
    with pytest.raises(NotFound):
        pipeline.document_named("a.pdf", full.ledger)
    report = full.add(papers[0])
    assert report.added == 1
    assert full.findings() == []


def test_a_paper_is_called_by_its_name_its_id_or_a_beginning_of_it(full, papers):
    doc_id = pipeline.document_named("a.pdf", full.ledger)

    assert pipeline.document_named(doc_id, full.ledger) == pipeline.document_named(doc_id[:20], full.ledger) == doc_id
    full.add(write_pdf(papers[0].parent / "more", "a.pdf", "another"))
    with pytest.raises(NotFound, match="2 documents"):
        pipeline.document_named("a.pdf", full.ledger)


def test_status_counts_what_is_there_what_waits_and_what_failed(full, papers, tmp_path):
    full.reprocess(PROMPT, FakeReader())
    full.add(write_pdf(tmp_path, "bad.pdf", "bad"), child=FakeChild(bad_pdf=[Damaged("why")]))
    status = pipeline.status(library=full.library, ledger=full.ledger)

    assert (status.documents, status.pages, status.chunks, status.extractions, status.runs) == (3, 3, 9, 9, 1)
    assert (
        status.blobs == len(list(full.library.blobs.digests())) == 11
    )  # per paper its bytes, JSON and Markdown; a logo, no references
    assert status.jobs == {"add": {"done": 3, "failed": 1}, "read": {"done": 3}}
    assert [(failure.name, failure.code) for failure in status.failures] == [("bad.pdf", "damaged")]
    assert status.bytes > 10_000


def test_the_samples_come_through_real_docling_and_agree(sample_library, samples, embedder):
    ledger = Ledger(sample_library.root / "ledger.sqlite")
    assert pipeline.audit(sample_library, ledger, deep=True) == []
    doc_id = pipeline.document_named("mouse-kinetics.pdf", ledger)
    paper = pipeline.paper(doc_id, library=sample_library)
    assert paper.document.title and paper.document.title.startswith("Pharmacokinetics and tissue distribution")
    assert paper.chunks and {chunk.conversion_id for chunk in paper.chunks} == {paper.conversion.id}
    hits = pipeline.search("elimination half-life in plasma", library=sample_library, embed=embedder.embed, limit=3)
    assert hits[0].doc_name == "mouse-kinetics.pdf"
    assert [failure.code for failure in pipeline.status(library=sample_library, ledger=ledger).failures] == []
    assert len(sample_library.documents()) == 4
