"""Papers that are submitted with a prompt are read with it as soon as they are converted."""

from __future__ import annotations

import pytest
from fake_flow import FakeChild, FakeReader, Place, panel_of, write_pdf
from makers import make_prompt

import pipeline
from ingest.source import read_source
from records import JobState
from rereading import Question
from storing import payload_of

QUESTION = Question(prompt=make_prompt(), panel=panel_of(FakeReader()))


@pytest.fixture
def place(library, ledger) -> Place:
    return Place(library, ledger)


def submitted(place: Place, path) -> str:
    source = read_source(path, 1 << 20)
    place.ledger.submit(place.recipe.job_kind, [(place.recipe.chunks_key(source.sha256), payload_of(source), 0)])
    return source.sha256


def announced(place: Place, *doc_ids: str):
    return pipeline.announce_run(
        QUESTION, model="fake", doc_ids=doc_ids, prompt_text="system: Find.", ledger=place.ledger, tenant=""
    )


def test_a_run_waits_for_its_papers_and_then_begins(place, tmp_path):
    one, two = (submitted(place, write_pdf(tmp_path, name)) for name in ("a.pdf", "b.pdf"))
    run = announced(place, one, two)
    assert run.state is JobState.QUEUED
    assert pipeline.close_run(run, ledger=place.ledger).state is JobState.QUEUED
    assert place.ledger.waits(f"read:{run.id}") == 0

    place.add()  # converts what is queued
    assert pipeline.close_run(run, ledger=place.ledger).state is JobState.RUNNING
    assert place.ledger.waits(f"read:{run.id}") == 2


def test_a_paper_that_cannot_be_converted_holds_up_no_run(place, tmp_path):
    from errors import Damaged

    good, bad = (submitted(place, write_pdf(tmp_path, name)) for name in ("a.pdf", "b.pdf"))
    run = announced(place, good, bad)
    place.add(child=FakeChild(b_pdf=[Damaged("no")]))

    assert pipeline.close_run(run, ledger=place.ledger).state is JobState.RUNNING
    assert place.ledger.waits(f"read:{run.id}") == 1


def test_a_run_over_papers_that_are_here_begins_at_once(place, tmp_path):
    doc_id = submitted(place, write_pdf(tmp_path, "a.pdf"))
    place.add()

    assert announced(place, doc_id).state is JobState.RUNNING
