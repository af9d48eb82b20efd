"""The ledger as those who submit see it: whose turn it is, what may be done to a job, and what they are told of it."""

from __future__ import annotations

import json
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from made_jobs import DEAD, FAR, as_other, claimed, done_line, finish, found, kinds_of_events, staged, state_of, submit

import jobs
from errors import Conflict, NotFound
from jobs import Ledger
from jobs.database import now
from jobs.presence import ROLE_S, WORKER_S, Measure
from records import JobState, Queue, Run

pytest_plugins = ("postgres",)


@pytest.fixture
def ledger(where: str) -> Iterator[Ledger]:
    ledger = Ledger(where)
    yield ledger
    ledger.close()


def numbered(tenant: str, n: int) -> list[str]:
    return [f"{tenant}{number:04d}" for number in range(n)]


def turns(ledger: Ledger, n: int) -> str:
    """Whose jobs the next claims take, by the first letter of the tenant."""
    return "".join(claimed(ledger).tenant[0] for _ in range(n))


# Whose turn it is


def test_ten_jobs_of_one_tenant_do_not_wait_behind_a_thousand_of_another(ledger):
    submit(ledger, *numbered("big", 1000), tenant="big")
    assert turns(ledger, 100) == "b" * 100
    submit(ledger, *numbered("small", 10), tenant="small")

    assert Counter(turns(ledger, 20))["s"] >= 9
    assert Counter(turns(ledger, 2))["s"] <= 1
    assert turns(ledger, 10) == "b" * 10


def test_the_most_urgent_job_of_a_tenant_is_taken_first_and_urgency_buys_no_turn(ledger):
    submit(ledger, "a1", "a2", tenant="a")
    submit(ledger, "b1", "b2", tenant="b")
    submit(ledger, "a3", tenant="a", priority=9)
    ledger.prioritise(found(ledger, "b2", "b"), 5)

    assert [claimed(ledger).key for _ in range(4)] == ["a3", "b2", "a1", "b1"]


def test_a_tenant_that_comes_back_after_a_rest_has_no_credit(ledger):
    submit(ledger, "r0", tenant="rest")
    submit(ledger, *numbered("work", 100), tenant="work")
    assert Counter(turns(ledger, 41)) == {"r": 1, "w": 40}
    finish(ledger, next(job for job in ledger.jobs("add:r", JobState.RUNNING) if job.tenant == "rest"))

    submit(ledger, *numbered("rest", 20), tenant="rest")
    assert 9 <= Counter(turns(ledger, 20))["r"] <= 11


def test_a_tenant_whose_jobs_were_paused_has_no_credit_when_they_go_on(ledger):
    submit(ledger, *numbered("rest", 20), tenant="rest")
    for job in ledger.find_jobs(tenant="rest"):
        ledger.pause(job)
    submit(ledger, *numbered("work", 100), tenant="work")
    assert turns(ledger, 30) == "w" * 30

    assert ledger.resume_all("add:r") == 20
    assert 9 <= Counter(turns(ledger, 20))["r"] <= 11


def test_what_a_tenant_had_while_nobody_else_was_there_is_no_debt(ledger):
    submit(ledger, *numbered("early", 50), tenant="early")
    for _ in range(50):
        finish(ledger, claimed(ledger))
    submit(ledger, *numbered("late", 100), tenant="late")
    submit(ledger, *numbered("early", 60)[50:], tenant="early")

    assert Counter(turns(ledger, 20))["e"] >= 9


def test_a_tenant_that_waits_for_its_turn_keeps_it_when_it_submits_more(ledger):
    submit(ledger, *numbered("a", 60), tenant="a")
    submit(ledger, *numbered("b", 60), tenant="b")
    [behind] = {"a", "b"} - {job.tenant for job in ledger.claim_some("add:r", budget=40)}

    assert turns(ledger, 1) == behind
    submit(ledger, "one more", tenant=behind)
    assert turns(ledger, 38) == behind * 38


def test_the_same_work_of_two_tenants_is_done_once_and_the_second_is_next_when_it_is_whole(ledger):
    submit(ledger, "same", tenant="a")
    submit(ledger, "same", tenant="b")
    first = claimed(ledger)

    assert ledger.claim("add:r") is None
    ledger.hand_over([first], "staging/x")
    assert ledger.claim("add:r") is None
    job = staged(ledger)
    assert ledger.claim("add:r") is None

    finish(ledger, job)
    second = claimed(ledger)
    assert {first.tenant, second.tenant} == {"a", "b"}
    assert ledger.done("chunks", [second.key])  # so whoever holds it has nothing left to do
    assert finish(ledger, second)


@pytest.mark.parametrize("end", ["fail", "cancel", "pause", "die"])
def test_the_second_tenant_does_the_work_where_the_first_did_not(ledger, end):
    submit(ledger, "same", tenant="a")
    submit(ledger, "same", tenant="b")
    first = claimed(as_other(ledger, DEAD))

    if end == "fail":
        ledger.fail(first, code="timed_out", message="")
    elif end == "die":
        ledger.sweep()
    else:
        getattr(ledger, end)(first)
    assert claimed(ledger).key == "same"


# What may be done to a job


def test_what_is_cancelled_is_so_at_once_and_its_holder_can_write_nothing(ledger):
    submit(ledger, "a")
    job = claimed(ledger)

    assert ledger.cancel(job).state is JobState.CANCELLED
    assert not ledger.still_holds(job)
    assert not finish(ledger, job)
    assert ledger.lines("chunks") == []


def test_what_is_being_written_cannot_be_cancelled_or_paused_and_is_done(ledger):
    submit(ledger, "a")
    [job] = ledger.start_writing([claimed(ledger)])

    for action in (ledger.cancel, ledger.pause):
        with pytest.raises(Conflict, match="being written"):
            action(job)
    assert finish(ledger, job)


def test_what_is_paused_waits_and_goes_on_where_it_was(ledger):
    submit(ledger, "a", "b")
    ledger.hand_over([job for job in [claimed(ledger)] if job.key], "staging/one")
    ready = ledger.find_jobs(tenant=None, state=JobState.QUEUED)
    assert ledger.pause_all("add:r") == len(ready) == 2
    assert ledger.claim("add:r") is None
    assert ledger.claim_staged(5) == []

    assert ledger.resume_all("add:r") == 2
    assert staged(ledger).staged == "staging/one"
    assert claimed(ledger).attempt == 1


def test_what_is_retried_begins_afresh(ledger):
    submit(ledger, "a")
    ledger.fail(claimed(ledger), code="timed_out", message="too slow")

    job = ledger.retry(found(ledger, "a"))
    assert (job.state, job.attempt, job.losses, job.error_code, job.error) == (JobState.QUEUED, 0, 0, None, None)
    assert claimed(ledger).attempt == 1


def test_what_was_cancelled_while_it_waited_for_the_writer_is_made_again_when_it_is_retried(ledger):
    submit(ledger, "a")
    ledger.hand_over([claimed(ledger)], "staging/a")
    ledger.cancel(found(ledger, "a"))
    ledger.retry(found(ledger, "a"))

    assert ledger.claim_staged(1) == []
    assert (job := claimed(ledger)).staged is None and job.queue is Queue.CONVERT


@pytest.mark.parametrize("action", ["cancel", "pause", "resume"])
def test_what_is_final_stays_so(ledger, action):
    submit(ledger, "a")
    finish(ledger, claimed(ledger))

    with pytest.raises(Conflict, match="is done"):
        getattr(ledger, action)(found(ledger, "a"))
    with pytest.raises(Conflict):
        ledger.prioritise(found(ledger, "a"), 3)
    assert state_of(ledger, "a") is JobState.DONE


def test_all_jobs_of_a_run_are_cancelled_and_retried_together(ledger):
    for run in ("one", "two"):
        submit(ledger, f"{run}a", f"{run}b", kind=f"read:{run}")
    claimed(ledger, "read:one")

    assert ledger.cancel_all("read:one") == 2
    assert ledger.run_job_counts("one") == {JobState.CANCELLED: 2}
    assert ledger.run_job_counts("two") == {JobState.QUEUED: 2}
    assert ledger.retry_all("read:one") == 2
    assert claimed(ledger, "read:one").queue is Queue.EXTRACT


# What they see


def test_nobody_sees_the_job_of_another_tenant(ledger):
    submit(ledger, "a", tenant="one")
    job = found(ledger, "a", "one")

    assert ledger.job(job.id, tenant="one") == ledger.job(job.id, tenant=None) == job
    for job_id, tenant in ((job.id, "two"), ("nothing", None), ("\0", None)):
        with pytest.raises(NotFound):
            ledger.job(job_id, tenant=tenant)
    assert ledger.job_of_key("a", tenant="two") is None
    assert ledger.find_jobs(tenant="two") == []


def test_jobs_are_listed_newest_first_in_pages_that_leave_none_out(ledger):
    submit(ledger, *numbered("k", 7))
    submit(ledger, *numbered("l", 5))
    seen: list[str] = []
    after = None
    while page := ledger.find_jobs(tenant=None, after=after, limit=5):
        seen += [job.key for job in page]
        after = (page[-1].created, page[-1].id)

    assert len(seen) == len(set(seen)) == 12
    assert {key[0] for key in seen[:5]} == {"l"}


def test_jobs_are_found_by_state_kind_and_document(ledger):
    submit(ledger, "a", "b")
    submit(ledger, "c", kind="read:x")
    finish(ledger, claimed(ledger))

    assert len(ledger.find_jobs(tenant=None, state=JobState.DONE)) == 1
    assert [job.key for job in ledger.find_jobs(tenant=None, kind="read")] == ["c"]
    assert ledger.find_jobs(tenant=None, kind="read:y") == []
    assert [job.key for job in ledger.find_jobs(tenant=None, doc_id="b")] == ["b"]


def test_a_job_says_how_many_are_before_it(ledger):
    submit(ledger, "a")
    submit(ledger, "b")
    submit(ledger, "urgent", priority=1)

    assert [ledger.position(found(ledger, key)) for key in ("urgent", "a", "b")] == [0, 1, 2]
    job = claimed(ledger)
    assert (job.key, ledger.position(job)) == ("urgent", None)


def test_everything_that_happens_to_a_job_is_an_event_in_its_order(ledger):
    submit(ledger, "a")
    job = claimed(ledger)
    ledger.progress(job, 1, 4)
    ledger.pause(job)
    ledger.resume(job)
    job = claimed(ledger)
    ledger.hand_over([job], "x")
    finish(ledger, staged(ledger))

    events = ledger.events(job.id)
    assert [event.kind for event in events] == [
        "queued",
        "running",
        "progress",
        "paused",
        "queued",
        "running",
        "writing",
        "done",
    ]
    assert events[2].data == {"pages_done": 1, "pages_total": 4}
    assert [event.seq for event in events] == sorted({event.seq for event in events})
    assert ledger.events(job.id, after=events[5].seq) == events[6:]
    assert ledger.events(job.id, limit=2) == events[:2]
    done = found(ledger, "a")
    assert (done.pages_done, done.pages_total) == (4, 4)


def test_the_events_of_a_run_are_those_of_its_jobs(ledger):
    submit(ledger, "a", "b", kind="read:x")
    submit(ledger, "c", kind="read:y")
    claimed(ledger, "read:x")

    assert [event.kind for event in ledger.run_events("x")] == ["queued", "queued", "running"]


def test_old_events_of_what_is_final_are_forgotten_and_no_others(ledger):
    submit(ledger, "open", "ended")
    job = claimed(ledger)
    ledger.cancel(job)
    other = found(ledger, {"open": "ended", "ended": "open"}[job.key])

    assert ledger.forget_events((datetime.now(UTC) - timedelta(days=1)).isoformat()) == 0
    time.sleep(0.002)
    assert ledger.forget_events(now()) == 3
    assert kinds_of_events(ledger, job) == []
    assert kinds_of_events(ledger, other) == ["queued"]


def test_the_longest_wait_and_the_errors_are_counted(ledger):
    submit(ledger, "a", "b", "c")
    ledger.fail(claimed(ledger), code="timed_out", message="")
    claimed(ledger)
    time.sleep(0.01)

    oldest = ledger.oldest()
    assert set(oldest) == {("convert", JobState.QUEUED), ("convert", JobState.RUNNING)}
    assert all(0.005 < age < 30 for age in oldest.values())
    assert ledger.error_counts() == {("add", "failed", "timed_out"): 1, ("add", "queued", ""): 1, ("add", "running", ""): 1}
    assert ledger.depths() == {Queue.CONVERT: 1}
    assert ledger.waits("add:r") == 1


def saved_run(ledger: Ledger) -> Run:
    run = Run(
        id="r1", reading_key="r", prompt_name="findings", prompt_hash="p", model="m", selection="all",
        state=JobState.QUEUED, created=now(), finished=None, counts={}, tenant="t", prompt="system: Find.",
    )  # fmt: skip
    ledger.save_run(run, ["d"])
    return run


def test_a_run_that_workers_have_to_do_is_open_until_it_is_final(ledger):
    run = saved_run(ledger)
    assert ledger.open_runs() == [run]
    assert ledger.run("r1") == run

    ledger.set_run_state("r1", JobState.DONE)
    assert ledger.open_runs() == []
    assert ledger.run("r1").state is JobState.DONE


def test_a_tenant_sees_its_shelf_and_everybodys(ledger):
    ledger.record([done_line(key, "document") for key in ("all", "mine", "other")])
    ledger.add_names([("a.pdf", "all")])
    ledger.add_names([("m.pdf", "mine")], tenant="me")
    ledger.add_names([("o.pdf", "other")], tenant="you")

    assert ledger.may_see(["all", "mine", "other", "none"], "me") == {"all", "mine"}
    assert ledger.shelf("me") == ledger.stored_documents(tenant="me", limit=9) == ["all", "mine"]
    assert ledger.stored_documents(tenant=None, after="all", limit=1) == ["mine"]
    assert ledger.hidden("me") == ["other"]
    ledger.forget(["mine"])
    assert ledger.shelf("me") == ["all"]


# What they are told


def hooked(ledger: Ledger, *events: str, tenant: str = "t") -> str:
    return ledger.add_webhook(tenant=tenant, url="https://example.org/hook", secret="whsec_x", events=events).id


def test_who_asked_is_owed_a_notice_of_every_end_and_nobody_else(ledger):
    hooked(ledger, "job.done", "job.failed", "job.cancelled")
    hooked(ledger, "run.done")
    hooked(ledger, "job.done", tenant="other")
    submit(ledger, *"abc", tenant="t")
    finish(ledger, claimed(ledger))
    ledger.fail(claimed(ledger), code="timed_out", message="")
    ledger.cancel(claimed(ledger))

    bodies = [json.loads(delivery.body) for delivery in ledger.due_deliveries()]
    assert sorted(body["type"] for body in bodies) == ["job.cancelled", "job.done", "job.failed"]
    failed = next(body["data"] for body in bodies if body["type"] == "job.failed")
    assert (failed["state"], failed["error_code"]) == ("failed", "timed_out")
    assert ledger.deliveries(tenant="other") == []


def test_a_notice_is_owed_in_the_transaction_that_ends_the_job_or_not_at_all(ledger, monkeypatch):
    hooked(ledger, "job.done")
    submit(ledger, "a", tenant="t")
    job = claimed(ledger)

    def lines():
        yield done_line("a")
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        ledger.finish(job, lines())
    assert ledger.due_deliveries() == []
    assert finish(ledger, job)
    assert len(ledger.due_deliveries()) == 1


def test_a_delivery_is_tried_again_when_it_is_due_and_never_after_it_is_delivered_or_dead(ledger, monkeypatch):
    hooked(ledger, "job.done")
    ledger.notify("t", "job.done", {"n": 1})
    ledger.notify("t", "job.done", {"n": 2})
    first, second = ledger.due_deliveries()
    assert (first.url, first.secret, first.attempt) == ("https://example.org/hook", "whsec_x", 0)

    ledger.delivered(first, status=503, error="no", again_in_s=60)
    ledger.delivered(second, status=200, error=None, again_in_s=None)
    assert ledger.due_deliveries() == []

    monkeypatch.setattr(jobs.notices, "seconds", lambda: time.time() + 61)
    [again] = ledger.due_deliveries()
    assert (again.id, again.attempt, again.body) == (first.id, 1, first.body)
    ledger.delivered(again, status=None, error="no answer", again_in_s=None)
    assert ledger.due_deliveries() == []
    seen = {row["id"]: (row["state"], row["attempt"], row["status"]) for row in ledger.deliveries(tenant="t")}
    assert seen == {first.id: ("dead", 2, None), second.id: ("delivered", 1, 200)}

    time.sleep(0.002)
    ledger.forget_deliveries(now())
    assert ledger.deliveries(tenant=None) == []


def test_a_webhook_that_is_removed_is_owed_nothing_more(ledger):
    hook = hooked(ledger, "job.done")
    ledger.notify("t", "job.done", {})

    with pytest.raises(NotFound):
        ledger.remove_webhook(hook, tenant="other")
    assert [known.id for known in ledger.webhooks(tenant="t")] == [known.id for known in ledger.webhooks(tenant=None)] == [hook]
    ledger.remove_webhook(hook, tenant="t")
    ledger.notify("t", "job.done", {})
    assert ledger.due_deliveries() == ledger.webhooks(tenant=None) == []


# Who is there


def test_a_role_has_one_holder_until_its_lease_ends_or_it_is_given(ledger, monkeypatch):
    far, third = as_other(ledger, FAR), as_other(ledger, "third-host/1/1")
    assert far.take_role("sweeper")
    assert far.take_role("sweeper")
    assert not ledger.take_role("sweeper")
    assert ledger.take_role("writer")

    ledger.give_role("sweeper")  # not his to give
    assert not third.take_role("sweeper")
    far.give_role("sweeper")
    assert third.take_role("sweeper")

    monkeypatch.setattr(jobs.presence, "seconds", lambda: time.time() + ROLE_S + 1)
    assert ledger.take_role("sweeper")
    assert not third.take_role("sweeper")


def test_a_dead_holder_of_this_host_loses_its_role_at_once(ledger):
    assert as_other(ledger, DEAD).take_role("writer")

    assert ledger.take_role("writer")


def test_workers_are_here_while_they_say_so(ledger, monkeypatch):
    ledger.see_worker("w1", "host", ["convert", "extract"])
    ledger.see_worker("w2", "host", ["write"])
    ledger.see_worker("w1", "host", ["convert"])

    assert [(worker.name, worker.queues) for worker in ledger.workers()] == [("w1", ("convert",)), ("w2", ("write",))]
    ledger.leave_worker("w2")
    assert [worker.name for worker in ledger.workers()] == ["w1"]
    monkeypatch.setattr(jobs.presence, "seconds", lambda: time.time() + WORKER_S + 1)
    assert ledger.workers() == []


def test_what_all_processes_count_is_summed(ledger):
    done = Measure(name="jobs_total", labels=(("kind", "add"), ("state", "done")))
    turned = Measure(name="jobs_total", labels=(("state", "done"), ("kind", "add")), value=2)
    ledger.count([done, turned, Measure(name="pages_total", value=0.5)])
    as_other(ledger, FAR).count([done])
    ledger.count([])

    assert [(m.name, dict(m.labels), m.value) for m in ledger.measures()] == [
        ("jobs_total", {"kind": "add", "state": "done"}, 4.0),
        ("pages_total", {}, 0.5),
    ]


def test_a_run_is_open_again_when_one_of_its_jobs_is_retried(ledger):
    run = saved_run(ledger)
    ledger.submit(f"read:{run.id}", [("k", {"doc_id": "d"}, 1)])
    job = ledger.claim(f"read:{run.id}")
    ledger.fail(job, code="x", message="")
    ledger.end_run(replace(run, state=JobState.FAILED))
    assert ledger.open_runs() == []
    ledger.retry(job)

    assert [open_run.id for open_run in ledger.open_runs()] == [run.id]
