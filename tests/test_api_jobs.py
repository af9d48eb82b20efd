"""Jobs over HTTP: seen by their owner, waited for, and changed."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from api_server import Api, serving

from errors import Encrypted
from jobs import Done


@pytest.fixture
def api(tmp_path: Path) -> Iterator[Api]:
    with serving(tmp_path) as api:
        yield api


def later(seconds: float, work, *arguments) -> threading.Timer:
    timer = threading.Timer(seconds, work, arguments)
    timer.start()
    return timer


def finish(api: Api) -> None:
    job = api.claim()
    doc_id = job.payload["doc_id"]
    detail = {"conversion_id": "c", "chunks": 1, "pages": 2}
    api.ledger.progress(job, 1, 2)
    assert api.ledger.finish(job, [Done(stage="chunks", key=job.key, doc_id=doc_id, detail=detail)])


def test_a_job_shows_how_far_it_is(api):
    first, second = api.submit("a", "b")
    running = api.claim()
    api.ledger.progress(running, 3, 12)
    waiting = second if running.id == first["id"] else first

    shown = api.get(f"/v1/jobs/{running.id}", key=api.alice).json()

    assert (shown["state"], shown["pages_done"], shown["pages_total"], shown["attempts"]) == ("running", 3, 12, 1)
    assert shown["position"] is None
    assert api.get(f"/v1/jobs/{waiting['id']}", key=api.alice).json()["position"] == 0


def test_a_failed_job_says_why_and_what_to_do(api):
    api.submit("locked")
    job = api.claim()
    api.ledger.fail(job, code=Encrypted.code, message="It needs a password.")

    shown = api.get(f"/v1/jobs/{job.id}", key=api.alice).json()

    assert (shown["state"], shown["is_final"]) == ("failed", True)
    assert shown["error"] == {"code": "encrypted", "detail": "It needs a password.", "hint": Encrypted.advice}


def test_jobs_are_listed_newest_first_page_by_page(api):
    made = [api.submit(str(n))[0]["id"] for n in range(5)]

    first = api.get("/v1/jobs?limit=3", key=api.alice)
    rest = api.get(first.links["next"]["url"], key=api.alice).json()

    assert [job["id"] for job in first.json()["items"] + rest["items"]] == made[::-1]
    assert rest["next_cursor"] is None


def test_jobs_are_filtered(api):
    a, _ = api.submit("a", "b")
    api.submit("c", key=api.bob)
    api.post(f"/v1/jobs/{a['id']}/cancel", key=api.alice)

    def listed(query: str, key: str) -> int:
        return len(api.get(f"/v1/jobs?{query}", key=key).json()["items"])

    assert listed("state=cancelled", api.alice) == 1
    assert listed("state=queued", api.admin) == 2
    assert listed(f"document={a['document_id']}", api.alice) == 1
    assert listed("kind=read", api.alice) == listed("run=abc", api.alice) == listed("kind=add&run=abc", api.alice) == 0
    assert listed("kind=add", api.alice) == 2


@pytest.mark.parametrize("query", ["state=odd", "limit=0", "limit=501", "document=x", "run=read:", "cursor=x", "kind=adding"])
def test_a_filter_that_means_nothing_is_refused(api, query):
    answer = api.get(f"/v1/jobs?{query}", key=api.alice)

    assert (answer.status_code, answer.json()["code"]) == (422, "invalid_request")
    assert answer.json()["errors"][0]["where"] == f"query.{query.partition('=')[0]}"


def test_waiting_ends_when_the_state_changes(api):
    (job,) = api.submit("a")
    later(0.5, api.claim)

    started = time.monotonic()
    shown = api.get(f"/v1/jobs/{job['id']}?wait=20", key=api.alice).json()

    assert shown["state"] == "running"
    assert 0.4 < time.monotonic() - started < 5


def test_waiting_ends_when_the_time_is_up_or_nothing_more_will_change(api):
    (job,) = api.submit("a")
    path = f"/v1/jobs/{job['id']}"

    started = time.monotonic()
    assert api.get(f"{path}?wait=0.5", key=api.alice).json()["state"] == "queued"
    assert 0.4 < time.monotonic() - started < 3
    api.post(f"{path}/cancel", key=api.alice)
    started = time.monotonic()
    assert api.get(f"{path}?wait=30", key=api.alice).json()["state"] == "cancelled"
    assert time.monotonic() - started < 3


def test_waiting_with_an_etag_ends_with_any_news(api):
    api.submit("a")
    job = api.claim()
    etag = api.get(f"/v1/jobs/{job.id}", key=api.alice).headers["etag"]
    later(0.5, api.ledger.progress, job, 1, 9)

    shown = api.get(f"/v1/jobs/{job.id}?wait=20", key=api.alice, headers={"If-None-Match": etag})

    assert (shown.status_code, shown.json()["pages_done"]) == (200, 1)


def test_what_has_not_changed_is_304(api):
    (job,) = api.submit("a")
    etag = api.get(f"/v1/jobs/{job['id']}", key=api.alice).headers["etag"]

    same = api.get(f"/v1/jobs/{job['id']}?wait=0.3", key=api.alice, headers={"If-None-Match": etag})

    assert (same.status_code, same.content) == (304, b"")


def test_those_who_wait_hold_no_thread(api):
    (job,) = api.submit("a")
    waiting = [
        threading.Thread(target=lambda: api.get(f"/v1/jobs/{job['id']}?wait=4", key=api.alice), daemon=True) for _ in range(60)
    ]
    for thread in waiting:
        thread.start()
    time.sleep(1.5)

    started = time.monotonic()
    assert api.get("/v1/jobs", key=api.alice).status_code == 200

    assert time.monotonic() - started < 1
    api.post(f"/v1/jobs/{job['id']}/cancel", key=api.alice)
    for thread in waiting:
        thread.join(timeout=10)
    assert not any(thread.is_alive() for thread in waiting)


def test_a_job_is_paused_resumed_cancelled_and_retried(api):
    (job,) = api.submit("a")

    def act(name: str) -> str:
        answer = api.post(f"/v1/jobs/{job['id']}/{name}", key=api.alice)
        assert answer.status_code == 200, answer.text
        return answer.json()["state"]

    assert [act(name) for name in ("pause", "resume", "cancel", "retry")] == ["paused", "queued", "cancelled", "queued"]
    assert len(api.rung) == 3  # submitted, resumed, retried


def test_what_cannot_be_done_in_this_state_is_a_conflict(api):
    (job,) = api.submit("a")
    finish(api)

    answers = [api.post(f"/v1/jobs/{job['id']}/{name}", key=api.alice) for name in ("pause", "resume", "cancel", "retry")]
    answers.append(api.patch(f"/v1/jobs/{job['id']}", key=api.alice, json={"priority": 1}))

    assert {(answer.status_code, answer.json()["code"]) for answer in answers} == {(409, "conflict")}


def test_the_more_urgent_job_is_taken_first(api):
    _, late = api.submit("a")[0], api.submit("b")[0]

    changed = api.patch(f"/v1/jobs/{late['id']}", key=api.alice, json={"priority": 7})

    assert (changed.status_code, changed.json()["priority"]) == (200, 7)
    assert api.claim().id == late["id"]


@pytest.mark.parametrize("body", [{}, {"priority": 11}, {"priority": "high"}, {"priority": 1, "state": "done"}, []])
def test_only_a_priority_can_be_changed(api, body):
    (job,) = api.submit("a")

    assert api.patch(f"/v1/jobs/{job['id']}", key=api.alice, json=body).status_code == 422


def test_a_key_that_only_reads_changes_nothing(api):
    (job,) = api.submit("a")

    answers = [api.post(f"/v1/jobs/{job['id']}/{name}", key=api.reader) for name in ("pause", "resume", "cancel", "retry")]

    assert {(answer.status_code, answer.json()["code"]) for answer in answers} == {(403, "scope_missing")}
    assert api.get(f"/v1/jobs/{job['id']}", key=api.reader).json()["state"] == "queued"
