"""Webhooks over HTTP: an address is checked, the secret is shown once, what was sent is listed; each tenant its own."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from api_server import Api, serving

import webhooks
from jobs.notices import EVENTS

PUBLIC = "https://93.184.215.14/hook"  #: an address that needs no DNS; nothing is sent there
ALL = list(EVENTS)


@pytest.fixture
def api(tmp_path: Path) -> Iterator[Api]:
    with serving(tmp_path, webhook_hosts=("93.184.215.14", "*.example.org", "127.0.0.1", "localhost")) as api:
        yield api


def made(api: Api, *, key: str | None = None, events: list[str] = ALL) -> dict:
    answer = api.post("/v1/webhooks", key=key or api.alice, json={"url": PUBLIC, "events": events})
    assert answer.status_code == 201, answer.text
    return answer.json()


def test_a_webhook_is_made_with_a_secret_that_is_shown_once(api):
    answer = api.post("/v1/webhooks", key=api.alice, json={"url": PUBLIC, "events": ["job.failed", "job.done", "job.done"]})
    hook = answer.json()
    listed = api.get("/v1/webhooks", key=api.alice)

    assert answer.status_code == 201
    assert hook["secret"].startswith("whsec_")
    assert hook["events"] == ["job.done", "job.failed"]
    assert listed.json()["items"] == [{name: value for name, value in hook.items() if name != "secret"}]
    assert hook["secret"] not in listed.text


@pytest.mark.parametrize(
    "url",
    [
        "http://127.0.0.1/hook", "https://localhost/hook", "https://10.0.0.1/", "https://other.example.com/", "ftp://93.184.215.14/",
        "https://93.184.215.14:6379/", "file:///etc/passwd", "https://user:pw@93.184.215.14.evil.example/", "nonsense",
    ],
)  # fmt: skip
def test_an_address_that_may_not_be_reached_is_refused_before_anything_is_stored(api, url):
    answer = api.post("/v1/webhooks", key=api.alice, json={"url": url, "events": ALL})

    assert (answer.status_code, answer.json()["code"]) == (422, "url_refused")
    assert "webhook_hosts" in answer.json()["hint"]
    assert api.ledger.webhooks(tenant=None) == []


def test_webhooks_are_off_until_hosts_are_named(tmp_path):
    with serving(tmp_path) as api:
        answer = api.post("/v1/webhooks", key=api.alice, json={"url": PUBLIC, "events": ALL})

    assert (answer.status_code, answer.json()["code"]) == (422, "url_refused")
    assert "switched off" in answer.json()["hint"]


@pytest.mark.parametrize(
    "body",
    [{}, {"url": PUBLIC}, {"url": PUBLIC, "events": []}, {"url": PUBLIC, "events": ["job.born"]}, {"url": "a\0", "events": ALL},
     {"url": PUBLIC, "events": ALL, "secret": "mine"}],
)  # fmt: skip
def test_a_request_that_does_not_fit_is_refused(api, body):
    assert api.post("/v1/webhooks", key=api.alice, json=body).status_code == 422


def test_a_tenant_sees_and_deletes_only_its_own(api):
    mine, others = made(api), made(api, key=api.bob)

    assert [hook["id"] for hook in api.get("/v1/webhooks", key=api.alice).json()["items"]] == [mine["id"]]
    assert api.delete(f"/v1/webhooks/{others['id']}", key=api.alice).status_code == 404
    assert api.delete(f"/v1/webhooks/{mine['id']}", key=api.reader).status_code == 403
    assert api.delete(f"/v1/webhooks/{mine['id']}", key=api.alice).status_code == 204
    assert api.delete(f"/v1/webhooks/{mine['id']}", key=api.alice).status_code == 404
    assert [hook["id"] for hook in api.get("/v1/webhooks", key=api.admin).json()["items"]] == [others["id"]]


def test_nobody_has_more_webhooks_than_the_limit(api):
    for _ in range(20):
        made(api)
    answer = api.post("/v1/webhooks", key=api.alice, json={"url": PUBLIC, "events": ALL})

    assert (answer.status_code, answer.json()["code"]) == (409, "conflict")
    made(api, key=api.bob)


def test_the_end_of_a_job_owes_a_notice_that_is_listed_until_it_is_delivered(api):
    made(api, events=["job.failed"])
    (job,) = api.submit("a")
    api.ledger.fail(api.claim(), code="damaged", message="broken")
    (notice,) = api.get("/v1/webhooks/deliveries", key=api.alice).json()["items"]

    assert (notice["event"], notice["state"], notice["attempts"], notice["status"]) == ("job.failed", "due", 0, None)
    assert (notice["data"]["job_id"], notice["data"]["error_code"]) == (job["id"], "damaged")
    assert api.get("/v1/webhooks/deliveries", key=api.bob).json()["items"] == []


def test_a_notice_to_an_address_that_became_private_is_not_sent_and_says_why(api):
    api.ledger.add_webhook(tenant="alice", url="http://127.0.0.1:9/x", secret=webhooks.new_secret(), events=["job.failed"])
    api.submit("a")
    api.ledger.fail(api.claim(), code="damaged", message="broken")

    assert webhooks.deliver_due(api.ledger, api.place.settings.webhook_hosts) == 0
    (notice,) = api.get("/v1/webhooks/deliveries", key=api.alice).json()["items"]
    assert (notice["state"], notice["attempts"]) == ("due", 1)
    assert "refused" in notice["error"]


def test_deliveries_come_by_page_newest_first_each_once(api):
    made(api, events=["job.failed"])
    api.submit(*"abcde")
    for _ in range(5):
        api.ledger.fail(api.claim(), code="damaged", message="broken")
    seen, cursor = [], ""
    while True:
        page = api.get(f"/v1/webhooks/deliveries?limit=2{cursor}", key=api.alice).json()
        seen += page["items"]
        if not page["next_cursor"]:
            break
        cursor = f"&cursor={page['next_cursor']}"

    assert len({notice["id"] for notice in seen}) == 5
    assert [notice["created"] for notice in seen] == sorted((n["created"] for n in seen), reverse=True)
    lines = api.get("/v1/webhooks/deliveries", key=api.alice, headers={"Accept": "application/x-ndjson"}).text.splitlines()
    assert [json.loads(line)["id"] for line in lines] == [notice["id"] for notice in seen]
