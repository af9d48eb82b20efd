"""Events as they happen: nothing missed, nothing twice, no thread held, and an end."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from api_server import Api, serving
from test_api_jobs import finish, later

from api import events
from records import JobState, Run


@pytest.fixture
def api(tmp_path: Path) -> Iterator[Api]:
    with serving(tmp_path) as api:
        yield api


def told(text: str) -> list[tuple[str, str, dict]]:
    """(id, event, data) of a whole stream."""
    found = []
    for block in text.split("\n\n"):
        fields = dict(line.split(": ", 1) for line in block.splitlines() if ": " in line and not line.startswith(":"))
        if "event" in fields:
            found.append((fields.get("id", ""), fields["event"], json.loads(fields["data"])))
    return found


@contextmanager
def stream(api: Api, path: str, **headers: str) -> Iterator[Iterator[str]]:
    with api.client.stream("GET", path, headers={"Authorization": f"Bearer {api.alice}", **headers}) as answer:
        assert answer.status_code == 200
        assert answer.headers["content-type"].startswith("text/event-stream")
        yield answer.iter_lines()


def test_a_stream_tells_everything_and_ends_with_the_final_event(api):
    (job,) = api.submit("a")
    later(0.3, finish, api)

    answer = api.get(job["links"]["events"], key=api.alice)

    found = told(answer.text)
    assert [kind for _, kind, _ in found] == ["queued", "running", "progress", "done"]
    assert {data["job_id"] for _, _, data in found} == {job["id"]}
    assert found[2][2]["pages_total"] == 2
    numbers = [int(number) for number, _, _ in found]
    assert numbers == sorted(set(numbers))


def test_an_event_is_told_as_it_happens(api):
    (job,) = api.submit("a")

    with stream(api, job["links"]["events"]) as lines:
        assert next(line for line in lines if line.startswith("event")) == "event: queued"
        happened = time.monotonic()
        api.claim()
        assert next(line for line in lines if line.startswith("event")) == "event: running"

    assert time.monotonic() - happened < 2


def test_a_client_that_was_cut_off_misses_nothing_and_hears_nothing_twice(api):
    (job,) = api.submit("a")
    with stream(api, job["links"]["events"]) as lines:
        seen = next(line for line in lines if line.startswith("id")).removeprefix("id: ")
    finish(api)

    rest = told(api.get(job["links"]["events"], key=api.alice, headers={"Last-Event-ID": seen}).text)

    assert [kind for _, kind, _ in rest] == ["running", "progress", "done"]


def test_a_browser_that_comes_again_after_the_end_is_told_to_stop(api):
    (job,) = api.submit("a")
    api.post(f"/v1/jobs/{job['id']}/cancel", key=api.alice)
    last = told(api.get(job["links"]["events"], key=api.alice).text)[-1][0]

    assert api.get(job["links"]["events"], key=api.alice, headers={"Last-Event-ID": last}).status_code == 204


def test_a_quiet_stream_is_kept_alive(api, monkeypatch):
    monkeypatch.setattr(events, "PING_EVERY_S", 0.3)
    (job,) = api.submit("a")

    with stream(api, job["links"]["events"]) as lines:
        assert ": ping" in lines


def test_hundred_open_streams_hold_no_thread(api):
    (job,) = api.submit("a")
    ended = []

    def listen() -> None:
        ended.append(told(api.get(job["links"]["events"], key=api.alice).text)[-1][1])

    listeners = [threading.Thread(target=listen, daemon=True) for _ in range(100)]
    for listener in listeners:
        listener.start()
    time.sleep(2)
    started = time.monotonic()
    assert api.get("/v1/jobs", key=api.bob).status_code == 200
    assert time.monotonic() - started < 1
    finish(api)
    for listener in listeners:
        listener.join(timeout=20)

    assert ended == ["done"] * 100


@pytest.mark.parametrize("number", ["x", "-1", "1.5", "9" * 19])
def test_a_last_event_id_that_is_no_number_is_refused(api, number):
    (job,) = api.submit("a")

    assert api.get(job["links"]["events"], key=api.alice, headers={"Last-Event-ID": number}).status_code == 422


def test_somebody_elses_events_are_not_there(api):
    (job,) = api.submit("a")

    assert api.get(job["links"]["events"], key=api.bob).status_code == 404


def test_the_events_of_a_run_are_those_of_its_jobs_and_how_it_ended(api):
    run = Run(
        id="0123456789ab", reading_key="k", prompt_name="p", prompt_hash="h", model="embedded", selection="all",
        state=JobState.RUNNING, created="2026-01-01T00:00:00+00:00", finished=None, counts={}, tenant="alice", prompt="x",
    )  # fmt: skip
    doc_ids = [f"{n}" * 64 for n in range(2)]
    api.ledger.save_run(run, doc_ids)
    kind = f"read:{run.id}"
    api.ledger.submit(kind, [(d, {"doc_id": d, "chunks": 1}, 1) for d in doc_ids], tenant="alice")

    def work() -> None:
        for _ in doc_ids:
            job = api.ledger.claim(kind)
            assert job
            api.ledger.finish(job, [])
        api.ledger.set_run_state(run.id, JobState.DONE)

    later(0.3, work)
    found = told(api.get(f"/v1/runs/{run.id}/events", key=api.alice).text)

    assert [event for _, event, _ in found].count("done") == 2
    assert found[-1][1] == "run.done" and found[-1][2]["state"] == "done"
    assert api.get(f"/v1/runs/{run.id}/events", key=api.bob).status_code == 404
