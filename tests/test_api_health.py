"""Alive whatever is missing; ready only when what is submitted can be kept; every answer with its id and its guards."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from api_server import Api, serving

from api import about, health
from errors import LedgerUnreachable, subclasses
from jobs import Ledger


@pytest.fixture
def api(tmp_path: Path) -> Iterator[Api]:
    with serving(tmp_path) as api:
        yield api


class Away(Ledger):
    """A ledger whose server cannot be reached."""

    def _query(self, *_):  # type: ignore[no-untyped-def]
        raise LedgerUnreachable("The ledger is away.")

    _transaction = _query  # type: ignore[assignment]


def states(answer) -> dict[str, bool]:
    return {one["name"]: one["is_up"] for one in answer.json()["dependencies"]}


def test_everything_is_there(api):
    assert api.get("/livez").json() == api.get("/health").json() == {"status": "ok"}
    for path in ("/readyz", "/ready"):
        answer = api.get(path)
        assert answer.status_code == 200
        assert states(answer) == {"ledger": True, "library": True, "disk": True, "broker": True}
    assert api.get("/version").json()["api"] == "v1"


def test_without_its_broker_the_service_accepts_work_all_the_same(tmp_path):
    with serving(tmp_path, broker_is_up=False) as api:
        answer = api.get("/readyz")

        assert (answer.status_code, states(answer)["broker"]) == (200, False)
        assert api.submit("a")


def test_without_its_ledger_the_service_lives_and_says_what_is_missing(tmp_path):
    with serving(tmp_path, has_keys=False, ledger=Away(":memory:")) as api:
        assert api.get("/livez").status_code == 200
        ready = api.get("/readyz")
        assert (ready.status_code, ready.json()["status"], states(ready)["ledger"]) == (503, "not_ready", False)
        asked = api.get("/v1/jobs")
        assert (asked.status_code, asked.json()["code"], asked.json()["retryable"]) == (503, "ledger_unreachable", True)
        assert int(asked.headers["retry-after"]) > 0


def test_without_its_library_the_service_lives_and_says_what_is_missing(api):
    shutil.rmtree(api.root)

    answer = api.get("/readyz")

    assert api.get("/livez").status_code == 200
    assert (answer.status_code, states(answer)["library"]) == (503, False)


def test_a_full_disk_is_not_ready(api, monkeypatch):
    monkeypatch.setattr(health, "MIN_FREE_BYTES", 1 << 62)

    assert (api.get("/readyz").status_code, states(api.get("/readyz"))["disk"]) == (503, False)


def test_every_answer_has_its_guards_and_an_id(api):
    for path in ("/livez", "/v1/jobs", "/nothing", "/errors/not_found"):
        headers = api.get(path).headers
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["cache-control"] == "no-store"
        assert "default-src 'none'" in headers["content-security-policy"]
        assert len(headers["x-request-id"]) == 16 and "server" not in headers


def test_a_request_id_is_taken_over_unless_it_could_do_harm(api):
    assert api.get("/livez", headers={"X-Request-Id": "trace-1:a.b"}).headers["x-request-id"] == "trace-1:a.b"
    for bad in ("a b", "x" * 65, 'a"b', "<b>"):
        assert api.get("/livez", headers={"X-Request-Id": bad}).headers["x-request-id"] != bad


def test_a_problem_names_its_request(api):
    answer = api.get("/nothing", headers={"X-Request-Id": "mine"})

    assert answer.headers["content-type"] == "application/problem+json"
    assert {"status": 404, "code": "not_found", "instance": "/nothing", "request_id": "mine"}.items() <= answer.json().items()


def test_a_fault_of_ours_is_a_problem_that_tells_nothing(api, monkeypatch, capfd):
    def broken(*_: object, **__: object) -> None:
        raise ZeroDivisionError("a secret of the inside")

    monkeypatch.setattr(api.ledger, "find_jobs", broken)

    answer = api.get("/v1/jobs", key=api.alice)

    assert (answer.status_code, answer.json()["code"]) == (500, "internal")
    assert answer.headers["content-type"] == "application/problem+json"
    assert "secret" not in answer.text and answer.json()["request_id"] == answer.headers["x-request-id"]
    assert "".join(capfd.readouterr()).count(answer.json()["request_id"]) >= 1


def test_every_error_code_has_a_page(api):
    for code in {kind.code for kind in subclasses()} | {"invalid_request", "internal"}:
        page = api.get(f"/errors/{code}")
        assert page.status_code == 200 and page.json()["cause"] and page.json()["hint"], code
    assert api.get("/errors/unheard_of").status_code == 404


def test_the_list_of_addresses_needs_no_script(api):
    page = api.get("/docs", key=api.reader)

    assert page.headers["content-type"].startswith("text/html")
    assert "/v1/documents" in page.text and "<script" not in page.text and about.version() in page.text
