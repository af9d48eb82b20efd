"""A library that is worked on for months: nothing is left lying that nothing refers to, and an upgrade leaves no paper waiting."""

from __future__ import annotations

import os
import time
from datetime import UTC, datetime, timedelta

import pytest
from fake_flow import FakeChild, write_pdf
from makers import embed

import jobs.queue
from ingest.source import read_source
from keeping import FRESH_S, keep_order, remove_upload
from records import Job, JobState
from staging import ABANDONED_S, Staging
from storing import Recipe, payload_of
from submitting import UPLOADS

NEW = Recipe(converter="rules/2", embedding="test", chunker="chunks/1")
OLD = Recipe(converter="rules/1", embedding="test", chunker="chunks/1")


@pytest.fixture
def staging(library) -> Staging:
    return Staging(library.root)


def submitted(ledger, path, recipe: Recipe = OLD, tenant: str = "") -> Job:
    source = read_source(path, 1 << 20)
    ledger.submit(recipe.job_kind, [(recipe.chunks_key(source.sha256), payload_of(source), 0)], tenant=tenant)
    found = ledger.job_of_key(recipe.chunks_key(source.sha256), tenant=tenant)
    assert found
    return found


def aged(path, seconds: float):
    then = time.time() - seconds
    os.utime(path, (then, then))
    return path


def staged(ledger, staging: Staging, tmp_path, name: str = "a.pdf") -> Job:
    """A job that a worker has converted and the writer has not stored."""
    submitted(ledger, write_pdf(tmp_path, name))
    job = ledger.claim(OLD.job_kind)
    workdir = tmp_path / "work" / job.id
    workdir.mkdir(parents=True)
    source = read_source(tmp_path / name, 1 << 20)
    converted = FakeChild().convert(source, conversion_id=OLD.conversion_id(source.sha256), workdir=workdir)
    vectors = embed([chunk.searchable for chunk in converted.chunks])
    assert ledger.hand_over([job], staging.put_paper(job, converted, vectors))
    return ledger.job(job.id, tenant=None)


def test_a_staged_paper_comes_back_as_it_was(ledger, staging, tmp_path):
    job = staged(ledger, staging, tmp_path)
    converted, vectors = staging.paper(job.staged)

    assert [chunk.text for chunk in converted.chunks] == ["This is a.pdf.", "The half-life was 2.3 h."]
    assert converted.figures[0].png.read_text() == "the same logo in every paper"
    assert vectors.shape[0] == 2


def test_a_result_that_nobody_waits_for_is_removed_once_it_is_old(library, ledger, staging, tmp_path):
    wanted, cancelled = (staged(ledger, staging, tmp_path, name) for name in ("a.pdf", "b.pdf"))
    ledger.cancel(cancelled)
    for job in (wanted, cancelled):
        aged(staging.folder(job.staged), ABANDONED_S + 1)
    keep_order(library, ledger, staging, keep_days=7)

    assert staging.folder(wanted.staged).exists()
    assert not staging.folder(cancelled.staged).exists()


def test_an_upload_stays_while_a_job_may_read_it_and_no_longer(library, ledger, staging, tmp_path):
    uploads = library.root / UPLOADS
    uploads.mkdir()
    waiting, cancelled = (submitted(ledger, write_pdf(tmp_path, name)) for name in ("a.pdf", "b.pdf"))
    ledger.cancel(cancelled)
    for job in (waiting, cancelled):
        aged(write_pdf(uploads, job.payload["doc_id"]), FRESH_S + 1)
    fresh = write_pdf(uploads, "c" * 64)
    keep_order(library, ledger, staging, keep_days=7)

    assert sorted(path.name for path in uploads.iterdir()) == sorted([waiting.payload["doc_id"], fresh.name])


def test_an_upload_goes_as_soon_as_the_library_has_its_bytes(library, ledger, tmp_path):
    job = submitted(ledger, write_pdf(tmp_path, "a.pdf"))
    upload = write_pdf(library.root / UPLOADS, job.payload["doc_id"], *["This is a.pdf.", "The half-life was 2.3 h."])
    remove_upload(library, ledger, job)
    assert upload.exists()

    library.blobs.put_file(upload, job.payload["doc_id"])
    ledger.finish(ledger.claim(OLD.job_kind), [])
    remove_upload(library, ledger, job)
    assert not upload.exists()


def test_papers_that_wait_for_workers_of_an_old_version_are_taken_over(ledger, tmp_path, monkeypatch):
    paper, twice = (write_pdf(tmp_path, name) for name in ("a.pdf", "b.pdf"))
    first, superseded = submitted(ledger, paper), submitted(ledger, twice)
    again = submitted(ledger, twice, NEW)
    assert ledger.adopt(NEW.job_kind, NEW.chunks_key) == 0  # somebody may still take them

    later = datetime.now(UTC) + timedelta(seconds=jobs.queue.ADOPT_S + 1)
    monkeypatch.setattr(jobs.queue, "datetime", type("Later", (), {"now": staticmethod(lambda _: later)}))
    assert ledger.adopt(NEW.job_kind, NEW.chunks_key) == 2
    taken = {job.id for job in ledger.claim_some(NEW.job_kind, budget=10)}
    assert taken == {first.id, again.id}
    assert ledger.job(superseded.id, tenant=None).state is JobState.CANCELLED
