"""Idempotency-Key: the same request sent again, at once or later, here or to another process, is answered once."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from hashlib import sha256
from pathlib import Path

import httpx2
import pytest
from api_server import PDF, Api, pdf, running, serving

from api import repeats
from records import content_id


@pytest.fixture
def api(tmp_path: Path) -> Iterator[Api]:
    with serving(tmp_path) as api:
        yield api


def post(api: Api, paper: bytes = PDF, *, repeat: str = "once", key: str = "", **fields: str) -> httpx2.Response:
    headers = {"Idempotency-Key": repeat}
    return api.post("/v1/documents", key=key or api.alice, files=[("files", ("a.pdf", paper))], headers=headers, data=fields)


def test_fifty_at_once_with_one_key_are_one_job_and_fifty_equal_answers(api):
    with ThreadPoolExecutor(50) as pool:
        answers = list(pool.map(lambda _: post(api), range(50)))

    assert Counter(answer.status_code for answer in answers) == {202: 50}
    assert len({answer.content for answer in answers}) == 1
    assert len({answer.headers["location"] for answer in answers}) == 1
    (job,) = api.get("/v1/jobs", key=api.admin).json()["items"]
    assert job["id"] == answers[0].json()["jobs"][0]["id"]
    assert api.ledger.usage("alice")["jobs"] == 1 and len(api.rung) == 1


def test_a_repeat_gets_the_first_answer_though_the_job_has_moved_on(api):
    first = post(api)
    api.claim()

    again = post(api)

    assert (again.status_code, again.content) == (202, first.content)
    assert again.headers["location"] == first.headers["location"]
    assert again.headers["x-request-id"] != first.headers["x-request-id"]


def test_a_repeat_that_meets_another_process_gets_the_first_answer(api):
    first = post(api)

    with running(api.service) as port, httpx2.Client(base_url=f"http://127.0.0.1:{port}") as client:
        headers = {"Idempotency-Key": "once", "X-Api-Key": api.alice}
        again = client.post("/v1/documents", headers=headers, files=[("files", ("a.pdf", PDF))])

    assert (again.status_code, again.content) == (202, first.content)


@pytest.mark.parametrize("other", [{"paper": pdf("other")}, {"priority": "1"}])
def test_the_same_key_with_another_request_is_refused(api, other):
    post(api)

    answer = post(api, **other)

    assert (answer.status_code, answer.json()["code"]) == (422, "key_reused")
    assert len(api.get("/v1/jobs", key=api.admin).json()["items"]) == 1


def test_a_key_is_its_tenants_own(api):
    assert post(api).content != post(api, key=api.bob).content


def test_a_refusal_is_not_kept(tmp_path):
    with serving(tmp_path, max_queued=1) as api:
        (job,) = api.submit("before")
        assert post(api).status_code == 429
        api.post(f"/v1/jobs/{job['id']}/cancel", key=api.alice)
        assert post(api).status_code == 202


def test_a_repeat_waits_only_so_long_for_the_first_answer(api, monkeypatch):
    monkeypatch.setattr(repeats, "PATIENCE_S", 0.4)
    fields = {"priority": 0, "prompt": None, "model": None}
    fingerprint = content_id("request", "POST /v1/documents", [["a.pdf", sha256(PDF).hexdigest()]], fields)
    api.ledger.begin_request("alice", "once", fingerprint)  # somebody who never answers

    answer = post(api)

    assert (answer.status_code, answer.json()["code"]) == (409, "conflict")
    assert int(answer.headers["retry-after"]) > 0


@pytest.mark.parametrize("repeat", ["", "x" * 256, "with space"])
def test_a_key_that_is_none_is_refused(api, repeat):
    assert post(api, repeat=repeat).status_code == 422
