"""Who may ask the ledger for what, how often, and that a request sent twice is answered once."""

from __future__ import annotations

import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Barrier
from typing import Any

import pytest
from made_jobs import claimed, finish, state_of, submit

import jobs
from errors import Conflict, KeyReused, NoKey, NotFound, QueueFull, QuotaExceeded, RequestRefused
from jobs import Ledger
from jobs.access import REPEAT_S, REQUEST_S, Admission, Quotas, Scope, StoredAnswer
from records import JobState

pytest_plugins = ("postgres",)

TABLES = (
    "jobs", "manifest", "names", "runs", "run_documents", "shares", "events", "shelves", "api_keys", "usage", "requests",
    "webhooks", "deliveries", "roles", "workers", "measures",
)  # fmt: skip
ANSWER = StoredAnswer(status=202, headers={"Location": "/v1/jobs/1"}, body='{"id": 1}')


@pytest.fixture
def ledger(where: str) -> Iterator[Ledger]:
    ledger = Ledger(where)
    yield ledger
    ledger.close()


def admission(max_queued: int = 1000, *, n_bytes: int = 0, **quotas: Any) -> Admission:
    return Admission(max_queued=max_queued, quotas=Quotas(**quotas), n_bytes=n_bytes)


def everything(ledger: Ledger) -> dict[str, list[Any]]:
    return {table: sorted(map(repr, (dict(row) for row in ledger._query(f"SELECT * FROM {table}")))) for table in TABLES}


# Keys


def test_a_key_opens_what_its_scopes_say_until_it_is_revoked(ledger):
    quotas = Quotas(jobs_per_day=3, queue_share=0.5)
    key, token = ledger.create_key("lab", tenant="t", scopes=[Scope.SUBMIT, Scope.READ], quotas=quotas)
    other, _ = ledger.create_key("boss", tenant="t", scopes=[Scope.ADMIN])

    assert ledger.key_of(token) == key
    assert (key.tenant, key.scopes, key.quotas) == ("t", {Scope.SUBMIT, Scope.READ}, quotas)
    assert {known.id for known in ledger.keys()} == {key.id, other.id}  # noqa: SIM118

    ledger.revoke_key(key.id)
    with pytest.raises(NoKey):
        ledger.key_of(token)
    with pytest.raises(NotFound):
        ledger.revoke_key(key.id)
    assert [known.id for known in ledger.keys() if known.revoked] == [key.id]  # noqa: SIM118
    assert ledger.has_keys()
    ledger.revoke_key(other.id)
    assert not ledger.has_keys()


def test_a_key_that_is_wrong_in_any_way_opens_nothing(ledger):
    _, token = ledger.create_key("lab", tenant="t", scopes=[Scope.READ])

    for wrong in ("", token[:-1], token + "x", token.upper(), token.removeprefix("reread_"), "\0", "' OR 1=1 --", "é"):
        with pytest.raises(NoKey):
            ledger.key_of(wrong)


def test_the_secret_of_a_key_is_in_no_column(ledger, where):
    _, token = ledger.create_key("lab", tenant="t", scopes=[Scope.READ])
    secret = token.rpartition("_")[2]

    assert not [row for rows in everything(ledger).values() for row in rows if token in row or secret in row]
    if not where.startswith("postgresql"):
        assert not any(secret.encode() in file.read_bytes() for file in Path(where).parent.iterdir())


# Admission


def test_a_full_queue_refuses_the_whole_request_and_leaves_nothing_of_it(ledger):
    submit(ledger, "a", "b", tenant="t", admission=admission(3))
    before = everything(ledger)

    with pytest.raises(QueueFull) as refused:
        submit(ledger, "c", "d", tenant="t", admission=admission(3, n_bytes=10), names=[("c.pdf", "c"), ("d.pdf", "d")])
    assert refused.value.retry_after_s
    assert everything(ledger) == before

    assert submit(ledger, "c", tenant="t", admission=admission(3), names=[("c.pdf", "c")]) == 1
    assert submit(ledger, "a", "b", tenant="t", admission=admission(3)) == 0  # they have their places already
    assert ledger.may_see(["c", "d"], "t") == {"c"}


def test_places_are_free_again_when_jobs_end_and_runs_take_none(ledger):
    submit(ledger, "a", "b", admission=admission(2))
    submit(ledger, *"xyz", kind="read:r")
    with pytest.raises(QueueFull):
        submit(ledger, "c", admission=admission(2))

    finish(ledger, claimed(ledger))
    assert submit(ledger, "c", admission=admission(2)) == 1


@pytest.mark.parametrize(
    ("quotas", "n_bytes"), [({"jobs_per_day": 3}, 0), ({"bytes_per_day": 100}, 40), ({"queue_share": 0.003}, 0)]
)
def test_a_quota_refuses_what_goes_beyond_it_and_leaves_nothing_of_it(ledger, quotas, n_bytes):
    submit(ledger, "a", "b", tenant="t", admission=admission(n_bytes=n_bytes, **quotas))
    before = everything(ledger)

    with pytest.raises(QuotaExceeded) as refused:
        submit(ledger, "c", "d", tenant="t", admission=admission(n_bytes=n_bytes * 2, **quotas))
    assert refused.value.retry_after_s and 0 < refused.value.retry_after_s <= 86_400
    assert everything(ledger) == before

    assert submit(ledger, "c", tenant="t", admission=admission(**quotas)) == 1
    assert submit(ledger, "c", "d", tenant="other", admission=admission(**quotas)) == 2


def test_a_tenant_whose_pages_of_the_day_are_used_submits_nothing_more(ledger):
    limits = admission(pages_per_day=10)
    submit(ledger, "a", tenant="t", admission=limits)
    ledger.count_pages("t", 9)
    assert submit(ledger, "b", tenant="t", admission=limits) == 1

    ledger.count_pages("t", 3)
    with pytest.raises(QuotaExceeded, match="pages a day"):
        submit(ledger, "c", tenant="t", admission=limits)


def test_use_is_counted_by_tenant_and_day(ledger, monkeypatch):
    submit(ledger, "a", "b", tenant="t", admission=admission(n_bytes=50, jobs_per_day=2))
    ledger.count_pages("t", 7)
    assert ledger.usage("t") == {"jobs": 2, "bytes": 50, "pages": 7}
    assert ledger.usage("other") == {"jobs": 0, "bytes": 0, "pages": 0}

    monkeypatch.setattr(jobs.access, "_today", lambda: "2999-01-01")
    assert ledger.usage("t") == {"jobs": 0, "bytes": 0, "pages": 0}
    assert submit(ledger, "c", tenant="t", admission=admission(jobs_per_day=2)) == 1


@pytest.mark.parametrize("limits", [admission(20), admission(jobs_per_day=20), admission(200, queue_share=0.1)])
def test_fifty_at_once_never_exceed_a_cap(ledger, where, limits):
    ledgers = [ledger, Ledger(where), Ledger(where)]
    for known in ledgers:
        known.runs()
    barrier = Barrier(50)

    def ask(number: int) -> bool:
        barrier.wait()
        try:
            return bool(submit(ledgers[number % 3], f"k{number}", tenant="t", admission=limits))
        except RequestRefused:
            return False

    with ThreadPoolExecutor(50) as pool:
        accepted = sum(pool.map(ask, range(50)))
    assert accepted == ledger.waits("add:r") == 20
    assert ledger.usage("t")["jobs"] == 20
    for known in ledgers[1:]:
        known.close()


# Requests sent twice


def test_a_request_that_was_answered_is_answered_the_same_again(ledger):
    assert ledger.begin_request("t", "k", "print") is None
    ledger.end_request("t", "k", ANSWER)

    assert ledger.begin_request("t", "k", "print") == ANSWER
    assert ledger.begin_request("other", "k", "print") is None


def test_the_same_key_with_another_request_is_refused(ledger):
    ledger.begin_request("t", "k", "print")
    with pytest.raises(KeyReused):
        ledger.begin_request("t", "k", "other print")

    ledger.end_request("t", "k", ANSWER)
    with pytest.raises(KeyReused):
        ledger.begin_request("t", "k", "other print")


def test_a_request_that_is_being_answered_is_asked_to_wait(ledger):
    ledger.begin_request("t", "k", "print")

    with pytest.raises(Conflict) as refused:
        ledger.begin_request("t", "k", "print")
    assert refused.value.retry_after_s == 1


def test_a_request_that_was_answered_with_nothing_worth_keeping_may_be_tried_again(ledger):
    ledger.begin_request("t", "k", "print")
    ledger.end_request("t", "k", None)

    assert ledger.begin_request("t", "k", "print") is None


def test_whose_answer_never_came_is_replaced_and_can_then_not_replace_the_answer(ledger, monkeypatch):
    ledger.begin_request("t", "k", "print")
    monkeypatch.setattr(jobs.access, "seconds", lambda: time.time() + REQUEST_S + 1)
    assert ledger.begin_request("t", "k", "print") is None
    ledger.end_request("t", "k", ANSWER)

    ledger.end_request("t", "k", StoredAnswer(status=500, headers={}, body="late"))
    ledger.end_request("t", "k", None)
    assert ledger.begin_request("t", "k", "print") == ANSWER


def test_an_answer_is_repeated_for_a_day_and_then_forgotten(ledger, monkeypatch):
    ledger.begin_request("t", "k", "print")
    ledger.end_request("t", "k", ANSWER)
    monkeypatch.setattr(jobs.access, "seconds", lambda: time.time() + REPEAT_S - 60)
    assert ledger.begin_request("t", "k", "print") == ANSWER

    monkeypatch.setattr(jobs.access, "seconds", lambda: time.time() + REPEAT_S + 1)
    assert ledger.begin_request("t", "k", "other print") is None


def test_of_fifty_equal_requests_at_once_one_is_worked_on(ledger):
    barrier = Barrier(50)

    def ask(_: int) -> str:
        barrier.wait()
        try:
            if known := ledger.begin_request("t", "k", "print"):
                return known.body
        except Conflict:
            return "wait"
        submit(ledger, "a", tenant="t")
        ledger.end_request("t", "k", ANSWER)
        return "worked"

    with ThreadPoolExecutor(50) as pool:
        answers = list(pool.map(ask, range(50)))
    assert answers.count("worked") == 1
    assert set(answers) <= {"worked", "wait", ANSWER.body}
    assert ledger.begin_request("t", "k", "print") == ANSWER
    assert state_of(ledger, "a", "t") is JobState.QUEUED
