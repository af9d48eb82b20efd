"""The ledger is the only truth about work: nothing is done twice, lost, or written by who no longer holds it.

Every test runs on SQLite and on PostgreSQL; what is one of the two's own is in test_schema.py.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import partial
from types import SimpleNamespace
from typing import Any

import hypothesis.strategies as st
import pytest
from hypothesis import settings
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule, run_state_machine_as_test
from made_jobs import DEAD, FAR, as_other, claimed, done_line, finish, found, kinds_of_events, staged, state_of, submit
from processes import finished, start

import jobs
from errors import Conflict, NotFound
from jobs import LEASE_S, MAX_LOSSES, Done, Ledger
from records import Job, JobState, Queue, Run

pytest_plugins = ("postgres",)

CLAIM_ALL = """
import sys
from jobs import Ledger
ledger = Ledger(sys.argv[1])
while job := ledger.claim("add:r"):
    print(job.key)
    assert ledger.finish(job, [])
"""
CLAIM_AND_WAIT = """
import sys
from jobs import Ledger
job = Ledger(sys.argv[1]).claim("add:r")
print(job.key if job else "nothing", flush=True)
sys.stdin.read()
"""


@pytest.fixture
def ledger(where: str) -> Iterator[Ledger]:
    ledger = Ledger(where)
    yield ledger
    ledger.close()


def test_the_same_work_is_one_job(ledger):
    assert submit(ledger, "a", "b", "a") == 2
    assert submit(ledger, "a") == 0
    assert ledger.job_counts() == {"add:r": {"queued": 2}}


def test_the_largest_job_is_taken_first_and_the_oldest_of_equals(ledger):
    ledger.submit("add:r", [("small", {}, 1), ("large", {}, 9)])
    time.sleep(0.002)
    ledger.submit("add:r", [("late", {}, 9)])

    assert [claimed(ledger).key for _ in range(3)] == ["large", "late", "small"]
    assert ledger.claim("add:r") is None


def test_a_claim_takes_only_jobs_of_its_kind(ledger):
    submit(ledger, "a", kind="read:x")

    assert ledger.claim("add:r") is None
    assert ledger.claim("read:x")


def test_work_that_failed_is_queued_afresh_when_it_is_submitted_again(ledger):
    submit(ledger, "a")
    ledger.fail(claimed(ledger), code="timed_out", message="too slow")
    assert ledger.failed(["a", "b"])["a"].error_code == "timed_out"

    assert submit(ledger, "a") == 1
    job = claimed(ledger)
    assert (job.attempt, job.error_code) == (1, None)


def test_work_that_is_done_is_not_queued_again_even_by_who_looked_before(ledger):
    submit(ledger, "a")
    ledger.finish(claimed(ledger), [done_line("a")])

    assert submit(ledger, "a") == 0
    assert ledger.claim("add:r") is None


def test_work_whose_result_was_deleted_is_queued_again(ledger):
    submit(ledger, "a")
    ledger.finish(claimed(ledger), [done_line("a")])
    ledger.forget(["a"])

    assert submit(ledger, "a") == 1


def test_work_that_waits_under_another_kind_or_for_another_path_now_waits_under_the_new_one(ledger):
    ledger.submit("read:all", [("a", {"path": "old"}, 1)])

    assert ledger.submit("read:one", [("a", {"path": "new"}, 1)]) == 1
    assert ledger.claim("read:all") is None
    assert claimed(ledger, "read:one").payload == {"path": "new"}


def test_threads_never_take_the_same_job_twice(ledger):
    submit(ledger, *map(str, range(200)))
    taken: list[str] = []

    def take() -> None:
        while job := ledger.claim("add:r"):
            taken.append(job.key)

    threads = [threading.Thread(target=take) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert sorted(taken, key=int) == list(map(str, range(200)))


def test_four_processes_do_400_jobs_each_exactly_once(where, ledger):
    submit(ledger, *map(str, range(400)))

    taken = [key for process in [start(CLAIM_ALL, where) for _ in range(4)] for key in finished(process).split()]

    assert sorted(taken, key=int) == list(map(str, range(400)))
    assert ledger.job_counts() == {"add:r": {"done": 400}}


def test_the_job_of_a_killed_process_is_taken_again_at_once_and_that_of_a_live_one_is_not(where, ledger):
    submit(ledger, "a")
    holder = start(CLAIM_AND_WAIT, where)
    assert holder.stdout and holder.stdout.readline() == "a\n"
    before = found(ledger, "a")

    assert ledger.sweep() == []
    assert ledger.claim("add:r") is None

    holder.kill()
    time.sleep(0.1)  # it is a zombie now: nobody has waited for it
    assert ledger.sweep() == []
    job = claimed(ledger)
    assert (job.key, job.attempt, job.losses) == ("a", 1, 1)
    assert job.fence > before.fence
    holder.communicate()


def test_the_job_of_another_host_is_taken_when_its_lease_ends(ledger, monkeypatch):
    submit(ledger, "a")
    elsewhere = as_other(ledger, FAR)
    before = claimed(elsewhere)

    ledger.sweep()
    assert ledger.claim("add:r") is None

    monkeypatch.setattr(jobs.queue, "LEASE_S", -1.0)
    elsewhere.renew()
    assert claimed(ledger).fence > before.fence


def test_a_sweep_gives_back_what_another_host_let_lapse_and_leaves_what_it_renewed(ledger, monkeypatch):
    submit(ledger, "lapsed", "renewed")
    claimed(as_other(ledger, FAR))
    monkeypatch.setattr(jobs.queue, "seconds", lambda: time.time() + LEASE_S - 1)
    claimed(as_other(ledger, "third-host/1/1"))
    monkeypatch.setattr(jobs.queue, "seconds", lambda: time.time() + LEASE_S + 1)

    assert ledger.sweep() == []
    assert sorted(job.state for job in ledger.find_jobs(tenant=None)) == ["queued", "running"]


def test_a_lease_is_renewed_while_its_holder_works(ledger, monkeypatch):
    monkeypatch.setattr(jobs.queue, "LEASE_S", 1.0)
    monkeypatch.setattr(jobs.queue, "RENEW_EVERY_S", 0.1)
    submit(ledger, "a")
    claimed(ledger)

    with ledger.renewing():
        time.sleep(1.5)
        assert ledger.claim("add:r") is None


def refuses_all(ledger: Ledger, job: Job) -> bool:
    """True where whoever has this claim can change nothing."""
    return not (
        ledger.still_holds(job)
        or ledger.finish(job, [done_line(job.key, "late")])
        or ledger.fail(job, code="late", message="")
        or ledger.requeue(job)
        or ledger.release([job])
        or ledger.hand_over([job], "late")
        or ledger.start_writing([job])
        or ledger.take_again(job)
        or ledger.progress(job, 1, 2)
    )


def test_who_slept_past_his_lease_can_write_nothing(ledger, monkeypatch):
    submit(ledger, "a")
    monkeypatch.setattr(jobs.queue, "LEASE_S", -1.0)
    sleeper = claimed(ledger)
    monkeypatch.setattr(jobs.queue, "LEASE_S", 60.0)
    holder = claimed(ledger)

    assert refuses_all(ledger, sleeper)
    assert ledger.lines("late") == []
    assert ledger.still_holds(holder)
    assert finish(ledger, holder)
    assert refuses_all(ledger, holder)


def test_a_job_that_was_forgotten_can_no_longer_be_finished(ledger):
    submit(ledger, "a")
    job = claimed(ledger)
    ledger.forget(["a"])

    assert refuses_all(ledger, job)
    assert ledger.lines("chunks") == []


def test_the_holder_of_a_job_that_was_forgotten_cannot_end_the_next_one_of_the_same_work(ledger):
    submit(ledger, "a")
    before = claimed(ledger)
    ledger.forget(["a"])
    submit(ledger, "a")
    holder = claimed(as_other(ledger, FAR))

    assert holder.id == before.id
    assert refuses_all(ledger, before)
    assert ledger.still_holds(holder)


def test_a_job_whose_holders_die_waits_longer_each_time_and_is_given_up_at_last(ledger, monkeypatch):
    clock = [1000.0]
    monkeypatch.setattr(jobs.queue, "seconds", lambda: clock[0])
    submit(ledger, "a")
    dying = as_other(ledger, DEAD)
    waits = []
    for _ in range(MAX_LOSSES - 1):
        assert claimed(dying).attempt == 1
        assert ledger.sweep() == []
        began = clock[0]
        while not ledger.depths():
            assert dying.claim("add:r") is None
            clock[0] += 1
        waits.append(clock[0] - began)
    assert claimed(dying).losses == MAX_LOSSES - 1

    assert [job.key for job in ledger.sweep()] == ["a"]
    assert waits == [0, 1, 2, 4, 8, 16, 30, 30, 30]
    assert ledger.failed(["a"])["a"].error_code == "gave_up"
    assert ledger.claim("add:r") is None


def test_a_job_whose_holders_let_every_lease_lapse_is_given_up_too(ledger, monkeypatch):
    clock = [1000.0]
    monkeypatch.setattr(jobs.queue, "seconds", lambda: clock[0])
    submit(ledger, "a")
    claims = 0
    while state_of(ledger, "a") is not JobState.FAILED:
        claims += ledger.claim("add:r") is not None
        clock[0] += LEASE_S + 1

    assert claims == MAX_LOSSES


def test_what_is_released_counts_as_never_attempted(ledger):
    submit(ledger, "a", "b")
    mine, other = claimed(ledger), claimed(ledger)

    assert ledger.release([mine]) == 1
    assert claimed(ledger).attempt == 1
    assert ledger.still_holds(other)


def test_what_is_requeued_counts_as_attempted_and_waits_as_long_as_it_is_told(ledger, monkeypatch):
    submit(ledger, "a")
    assert ledger.requeue(claimed(ledger), wait_s=60)
    assert ledger.claim("add:r") is None

    monkeypatch.setattr(jobs.queue, "seconds", lambda: time.time() + 61)
    assert claimed(ledger).attempt == 2


def test_what_is_handed_over_waits_for_the_writer_alone_and_keeps_its_try(ledger):
    submit(ledger, "a")
    maker = claimed(ledger)
    assert ledger.hand_over([maker], "staging/a") == 1

    assert ledger.claim("add:r") is None
    assert submit(ledger, "a") == 0
    job = staged(ledger)
    assert (job.key, job.queue, job.staged, job.attempt) == ("a", Queue.WRITE, "staging/a", 1)
    assert refuses_all(ledger, maker)
    assert ledger.claim_staged(1) == []
    assert finish(ledger, job)


def test_the_writer_takes_what_waits_longest_and_no_more_than_it_asked_for(ledger):
    submit(ledger, *"abc")
    for job in [claimed(ledger) for _ in range(3)]:
        ledger.hand_over([job], job.key)
    first = [ledger.find_jobs(tenant=None, doc_id=key)[0] for key in "abc"]

    assert [job.key for job in ledger.claim_staged(2)] == [job.key for job in sorted(first, key=lambda j: j.updated)][:2]
    assert len(ledger.claim_staged(2)) == 1


def test_a_staged_result_outlives_the_death_and_the_leaving_of_its_writer_but_not_being_unusable(ledger):
    submit(ledger, "a")
    ledger.hand_over([claimed(ledger)], "staging/a")

    staged(as_other(ledger, DEAD))
    ledger.sweep()
    job = staged(ledger)
    assert (job.staged, job.attempt, job.losses) == ("staging/a", 1, 1)

    assert ledger.release([job]) == 1
    job = staged(ledger)
    assert (job.staged, job.attempt) == ("staging/a", 1)

    assert ledger.take_again(job)
    assert ledger.claim_staged(1) == []
    job = claimed(ledger)
    assert (job.queue, job.staged, job.attempt) == (Queue.CONVERT, None, 2)


def test_what_died_in_a_writer_of_its_own_process_is_made_again(ledger):
    submit(ledger, "a")
    dying = as_other(ledger, DEAD)
    assert dying.start_writing([claimed(dying)])

    ledger.sweep()
    job = claimed(ledger)
    assert (job.queue, job.attempt, job.losses) == (Queue.CONVERT, 1, 1)


def test_many_jobs_of_one_tenant_are_taken_up_to_a_budget(ledger):
    ledger.submit("read:x", [(key, {"doc_id": key}, 10) for key in "abcde"])

    assert len(ledger.claim_some("read:x", budget=25)) == 3
    assert len(ledger.claim_some("read:x", budget=100)) == 2
    assert ledger.claim_some("read:x", budget=100) == []


def test_work_that_was_whole_before_it_was_asked_for_has_a_job_that_is_done(ledger):
    ledger.record([done_line("a")])

    job = ledger.note_done("add:r", "a", {"doc_id": "a"}, tenant="t")
    assert (job.state, job.queue) == (JobState.DONE, Queue.CONVERT)
    assert ledger.note_done("add:r", "a", {"doc_id": "a"}, tenant="t") == job
    assert kinds_of_events(ledger, job) == ["done"]
    assert submit(ledger, "a", tenant="t") == 0


def test_work_in_progress_is_not_called_done_by_who_finds_its_result(ledger):
    submit(ledger, "a")
    job = claimed(ledger)

    assert ledger.note_done("add:r", "a", {"doc_id": "a"}).state is JobState.RUNNING
    assert ledger.still_holds(job)


def test_states_and_queues_are_stored_by_their_values(ledger):
    submit(ledger, "a", "b")
    finish(ledger, claimed(ledger))
    ledger.hand_over([claimed(ledger)], "x")

    rows = ledger._query("SELECT state, queue FROM jobs ORDER BY state")
    assert [tuple(dict(row).values()) for row in rows] == [("done", "convert"), ("queued", "write")]
    assert {type(value) for row in rows for value in dict(row).values()} == {str}
    assert {row["queue"] for row in ledger._query("SELECT queue FROM shares")} == {"convert"}
    assert {event.kind for job in ledger.find_jobs(tenant=None) for event in ledger.events(job.id)} == {
        "queued", "running", "done", "writing",
    }  # fmt: skip


def test_text_that_a_database_refuses_is_mended_and_the_job_still_ends(ledger):
    submit(ledger, "a")
    assert ledger.fail(claimed(ledger), code="damaged", message="in x\0y \udcff.pdf")

    assert ledger.failed(["a"])["a"].error == "in x\ufffdy ?.pdf"
    ledger.record([done_line("d", "document")])
    ledger.add_names([("x\0\udcff.pdf", "d")])
    assert ledger.find_documents("x\0\udcff.pdf") == ["d"]
    assert ledger.find_jobs(tenant="\0", doc_id="\udcff") == []


def test_lines_of_the_manifest_come_back_oldest_first_and_the_newest_stands(ledger):
    ledger.record([done_line("a"), done_line("b")])
    time.sleep(0.002)
    ledger.record([Done(stage="chunks", key="a", doc_id="a", detail={"chunks": 2})])

    assert [(line.key, line.detail["chunks"]) for line in ledger.lines("chunks")] == [("b", 1), ("a", 2)]
    assert ledger.done("chunks", ["a", "c"]) == {"a": {"chunks": 2}}


def test_more_keys_than_one_statement_holds_are_looked_up(ledger, monkeypatch):
    monkeypatch.setattr(jobs.database, "VALUES_PER_STATEMENT", 3)
    keys = list(map(str, range(10)))
    ledger.record(map(done_line, keys))
    submit(ledger, *keys)
    while job := ledger.claim("add:r"):
        ledger.fail(job, code="timed_out", message="")

    assert ledger.done("chunks", keys).keys() == set(keys)
    assert ledger.failed(keys).keys() == set(keys)
    ledger.forget(keys)
    assert ledger.lines("chunks") == []


def test_a_document_is_found_by_each_of_its_names_its_id_and_a_beginning_of_it(ledger):
    ledger.record([done_line("abc1", "document"), done_line("abd2", "document")])
    ledger.add_names([("x.pdf", "abc1"), ("y.pdf", "abc1"), ("y.pdf", "abd2"), ("never-stored.pdf", "fff")])

    assert ledger.find_documents("x.pdf") == ["abc1"]
    assert sorted(ledger.find_documents("y.pdf")) == ["abc1", "abd2"]
    assert ledger.find_documents("abc1") == ledger.find_documents("abc") == ["abc1"]
    assert sorted(ledger.find_documents("ab")) == ["abc1", "abd2"]
    for nothing in ("never-stored.pdf", "", "x", "' OR 1=1 --", "abc%", "é"):
        assert ledger.find_documents(nothing) == []


def make_run(run_id: str, *, prompt: str = "findings", created: str = "2026-01-01") -> Run:
    return Run(
        id=run_id, reading_key="r", prompt_name=prompt, prompt_hash="p", model="embedded", selection="all",
        state=JobState.DONE, created=created, finished=None, counts={"units": 3},
    )  # fmt: skip


def test_a_run_is_found_by_its_id_a_beginning_of_it_and_its_prompt(ledger):
    older, newer = make_run("aa11"), make_run("aa22", created="2026-01-02")
    ledger.save_run(newer, ["d1"])
    ledger.save_run(older, ["d1", "d2"])

    assert ledger.run("aa11") == ledger.run("aa1") == older
    assert ledger.run("findings") == newer
    assert ledger.runs() == [older, newer]
    assert ledger.run_documents("aa11") == ["d1", "d2"]
    for wrong in ("aa", "", "nothing", "%", "aa11x"):
        with pytest.raises(NotFound):
            ledger.run(wrong)


def test_what_was_deleted_is_forgotten_everywhere(ledger):
    submit(ledger, "a", "b")
    ledger.record([done_line(key, stage) for key in ("a", "b") for stage in ("document", "read")])
    ledger.add_names([("a.pdf", "a"), ("b.pdf", "b")])
    ledger.save_run(make_run("r1"), ["a", "b"])

    ledger.forget(["a"])

    assert ledger.find_documents("a.pdf") == []
    assert [line.key for line in ledger.lines("document") + ledger.lines("read")] == ["b", "b"]
    assert ledger.run_documents("r1") == ["b"]
    assert [job.key for job in ledger.jobs("add:r", JobState.QUEUED)] == ["b"]


def test_an_interruption_inside_a_transaction_leaves_the_ledger_usable(ledger):
    submit(ledger, "a")
    job = claimed(ledger)

    def interrupted():
        yield done_line("a")
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        ledger.finish(job, interrupted())

    assert ledger.lines("chunks") == []
    assert ledger.finish(job, [done_line("a")])


@dataclass
class Expected:
    """What a job is, by the model."""

    state: str = "queued"
    queue: str = "convert"
    attempt: int = 0
    losses: int = 0
    priority: int = 0
    not_before: float = 0.0
    staged: str | None = None
    holder: str | None = None
    lease_until: float = 0.0
    claim: Job | None = field(default=None, compare=False)

    @property
    def is_written(self) -> bool:
        return self.state == "running" and self.queue == "write"

    def seen(self) -> tuple[Any, ...]:
        return (self.state, self.queue, self.attempt, self.losses, self.priority, self.staged)


Slot = tuple[str, str]  #: key, tenant
CLOCK = SimpleNamespace(at=0.0)
FEW_LOSSES = 3


class LedgerAgainstAModel(RuleBasedStateMachine):
    """Whatever is done in whatever order: a job is as a dictionary says, has at most one holder, and what is final stays so."""

    slots = st.tuples(st.sampled_from("abc"), st.sampled_from(["", "t"]))
    who = st.sampled_from(["here", "dead", "far"])
    nth = st.integers(0, 9)

    def __init__(self, where: str) -> None:
        super().__init__()
        here = Ledger(where)
        with here._transaction() as db:
            for table in ("jobs", "manifest", "events", "shares"):
                db.execute(f"DELETE FROM {table}")
        self.ledger = here
        self.ledgers = {"here": here, "dead": as_other(here, DEAD), "far": as_other(here, FAR)}
        self.jobs: dict[Slot, Expected] = {}
        self.done: set[str] = set()
        self.stale: list[Job] = []
        CLOCK.at = 1000.0

    def teardown(self) -> None:
        self.ledger.close()

    # What the model knows

    def held(self) -> list[Slot]:
        return sorted(slot for slot, job in self.jobs.items() if job.holder)

    def drop(self, slot: Slot, **to: Any) -> None:
        """The job is no longer held."""
        job = self.jobs[slot]
        if job.claim:
            self.stale.append(job.claim)
        job.claim = job.holder = None
        for name, value in to.items():
            setattr(job, name, value)

    def pick(self, nth: int) -> tuple[Slot, Expected, Job]:
        slot = self.held()[nth % len(self.held())]
        job = self.jobs[slot]
        assert job.claim
        return slot, job, job.claim

    def give_back(self, slot: Slot, **to: Any) -> None:
        job = self.jobs[slot]
        if job.staged is None:
            to |= {"attempt": job.attempt - 1, "queue": "convert"}
        self.drop(slot, state="queued", **to)

    def lose(self, slot: Slot) -> bool:
        """The holder died or let its lease lapse; True where that was once too often."""
        job = self.jobs[slot]
        if job.losses + 1 >= FEW_LOSSES:
            self.drop(slot, state="failed", staged=None, not_before=0.0)
            return True
        wait_s = 0.0 if job.losses == 0 else 2.0 ** (job.losses - 1)
        self.give_back(slot, losses=job.losses + 1, not_before=CLOCK.at + wait_s)
        return False

    def lapse(self, queue: str) -> None:
        for slot in self.held():
            if self.jobs[slot].queue == queue and self.jobs[slot].lease_until < CLOCK.at:
                self.lose(slot)

    def take(self, claim: Job, who: str, **to: Any) -> None:
        job = self.jobs[claim.key, claim.tenant]
        assert job.holder is None
        assert claim.fence not in {old.fence for old in self.stale if old.id == claim.id}
        job.state, job.holder, job.claim, job.lease_until = "running", who, claim, CLOCK.at + LEASE_S
        for name, value in to.items():
            setattr(job, name, value)

    def waits_for_another(self, slot: Slot) -> bool:
        others = (job for (key, tenant), job in self.jobs.items() if key == slot[0] and tenant != slot[1])
        return any(job.state == "running" or (job.state == "queued" and job.queue == "write") for job in others)

    # What workers do

    @initialize()
    def begin(self) -> None:
        for slot in [(key, tenant) for key in "abc" for tenant in ("", "t")]:
            self.submit(slot, 0)

    @rule(slot=slots, priority=st.integers(0, 2))
    def submit(self, slot: Slot, priority: int) -> None:
        known = self.jobs.get(slot)
        is_fresh = known is None or known.state in ("failed", "cancelled")
        assert submit(self.ledger, slot[0], tenant=slot[1], priority=priority) == is_fresh
        if is_fresh:
            self.jobs[slot] = Expected(priority=priority)

    @rule(who=who, times=st.integers(1, 4))
    def claim(self, who: str, times: int) -> None:
        for _ in range(times):
            self.claim_one(who)

    def claim_one(self, who: str) -> None:
        self.lapse("convert")
        claimable = {
            slot
            for slot, job in self.jobs.items()
            if (job.state, job.queue) == ("queued", "convert")
            and job.not_before <= CLOCK.at
            and not self.waits_for_another(slot)
        }
        claim = self.ledgers[who].claim("add:r")
        assert (claim is None) == (not claimable)
        if claim:
            assert (claim.key, claim.tenant) in claimable
            assert claim.priority == max(self.jobs[slot].priority for slot in claimable if slot[1] == claim.tenant)
            self.take(claim, who, attempt=self.jobs[claim.key, claim.tenant].attempt + 1)

    @rule(who=who, limit=st.integers(1, 3))
    def claim_staged(self, who: str, limit: int) -> None:
        self.lapse("write")
        waiting = {
            slot
            for slot, job in self.jobs.items()
            if (job.state, job.queue) == ("queued", "write") and job.not_before <= CLOCK.at
        }
        claims = self.ledgers[who].claim_staged(limit)
        assert len(claims) == min(limit, len(waiting))
        assert {(claim.key, claim.tenant) for claim in claims} <= waiting
        for claim in claims:
            self.take(claim, who)

    @precondition(lambda self: self.held())
    @rule(nth=nth)
    def start_writing(self, nth: int) -> None:
        _, job, claim = self.pick(nth)
        assert self.ledger.start_writing([claim]) == [claim]
        job.queue = "write"

    @precondition(lambda self: self.held())
    @rule(nth=nth)
    def hand_over(self, nth: int) -> None:
        slot, _, claim = self.pick(nth)
        assert self.ledger.hand_over([claim], f"staging/{claim.fence}") == 1
        self.drop(slot, state="queued", queue="write", staged=f"staging/{claim.fence}")

    @precondition(lambda self: self.held())
    @rule(nth=nth)
    def take_again(self, nth: int) -> None:
        slot, _, claim = self.pick(nth)
        assert self.ledger.take_again(claim)
        self.drop(slot, state="queued", queue="convert", staged=None)

    @precondition(lambda self: self.held())
    @rule(nth=nth)
    def finish(self, nth: int) -> None:
        slot, _, claim = self.pick(nth)
        assert finish(self.ledger, claim)
        self.drop(slot, state="done", staged=None, not_before=0.0)
        self.done.add(slot[0])

    @precondition(lambda self: self.held())
    @rule(nth=nth)
    def fail(self, nth: int) -> None:
        slot, _, claim = self.pick(nth)
        assert self.ledger.fail(claim, code="x", message="")
        self.drop(slot, state="failed", staged=None, not_before=0.0)

    @precondition(lambda self: self.held())
    @rule(nth=nth, wait_s=st.sampled_from([0.0, 5.0]))
    def requeue(self, nth: int, wait_s: float) -> None:
        slot, _, claim = self.pick(nth)
        assert self.ledger.requeue(claim, wait_s=wait_s)
        not_before = CLOCK.at + wait_s if wait_s else 0.0
        self.drop(slot, state="queued", queue="convert", staged=None, not_before=not_before)

    @precondition(lambda self: self.held())
    @rule(nth=nth)
    def release(self, nth: int) -> None:
        slot, _, claim = self.pick(nth)
        assert self.ledger.release([claim]) == 1
        self.give_back(slot)

    @precondition(lambda self: self.held())
    @rule(nth=nth)
    def progress(self, nth: int) -> None:
        assert self.ledger.progress(self.pick(nth)[2], 1, 3)

    @rule()
    def sweep(self) -> None:
        gone = [slot for slot in self.held() if self.jobs[slot].holder == "dead"]
        gone += [slot for slot in self.held() if self.jobs[slot].holder == "far" and self.jobs[slot].lease_until < CLOCK.at]
        given_up = {slot for slot in gone if self.lose(slot)}
        assert {(job.key, job.tenant) for job in self.ledger.sweep()} == given_up

    @rule(times=st.integers(1, 4))
    def workers_die(self, times: int) -> None:
        for _ in range(times):
            self.claim_one("dead")
        self.sweep()

    @rule(who=who)
    def renew(self, who: str) -> None:
        self.ledgers[who].renew()
        for slot in self.held():
            if self.jobs[slot].holder == who:
                self.jobs[slot].lease_until = CLOCK.at + LEASE_S

    @rule(s=st.sampled_from([1.0, 40.0, LEASE_S + 1]))
    def time_passes(self, s: float) -> None:
        CLOCK.at += s

    # What owners do

    def act(self, name: str, slot: Slot, *, is_allowed: bool, **to: Any) -> None:
        action, job = getattr(self.ledger, name), found(self.ledger, *slot)
        if is_allowed:
            action(job)
            self.drop(slot, not_before=0.0, **to)
        else:
            with pytest.raises(Conflict):
                action(job)

    def any_job(self, nth: int) -> tuple[Slot, Expected]:
        slot = sorted(self.jobs)[nth % len(self.jobs)]
        return slot, self.jobs[slot]

    @precondition(lambda self: self.jobs)
    @rule(nth=nth)
    def cancel(self, nth: int) -> None:
        slot, job = self.any_job(nth)
        is_allowed = job.state in ("queued", "running", "paused") and not job.is_written
        self.act("cancel", slot, is_allowed=is_allowed, state="cancelled", staged=None)

    @precondition(lambda self: self.jobs)
    @rule(nth=nth)
    def pause(self, nth: int) -> None:
        slot, job = self.any_job(nth)
        attempt = job.attempt - (job.state == "running")
        is_allowed = job.state in ("queued", "running") and not job.is_written
        self.act("pause", slot, is_allowed=is_allowed, state="paused", attempt=attempt)

    @precondition(lambda self: any(job.state == "paused" for job in self.jobs.values()))
    @rule(nth=nth)
    def resume(self, nth: int) -> None:
        slot, job = self.any_job(nth)
        self.act("resume", slot, is_allowed=job.state == "paused", state="queued")

    @precondition(lambda self: any(job.state in ("failed", "cancelled") for job in self.jobs.values()))
    @rule(nth=nth)
    def retry(self, nth: int) -> None:
        slot, job = self.any_job(nth)
        is_allowed = job.state in ("failed", "cancelled")
        self.act("retry", slot, is_allowed=is_allowed, state="queued", queue="convert", attempt=0, losses=0, staged=None)

    @precondition(lambda self: self.jobs)
    @rule(nth=nth, priority=st.integers(0, 2))
    def prioritise(self, nth: int, priority: int) -> None:
        slot, job = self.any_job(nth)
        if job.state in ("queued", "running", "paused"):
            assert self.ledger.prioritise(found(self.ledger, *slot), priority).priority == priority
            job.priority = priority

    @rule(key=st.sampled_from("abc"))
    def delete(self, key: str) -> None:
        self.ledger.forget([key])
        self.done.discard(key)
        for slot in [slot for slot in self.jobs if slot[0] == key]:
            self.drop(slot)
            del self.jobs[slot]

    # What must always hold

    @invariant()
    def they_agree(self) -> None:
        rows = self.ledger.find_jobs(tenant=None, limit=100)
        seen = {(j.key, j.tenant): (j.state.value, j.queue.value, j.attempt, j.losses, j.priority, j.staged) for j in rows}
        assert seen == {slot: job.seen() for slot, job in self.jobs.items()}
        assert {line.key for line in self.ledger.lines("chunks")} == self.done

    @invariant()
    def every_holder_holds_and_nobody_else(self) -> None:
        assert all(self.ledger.still_holds(self.pick(nth)[2]) for nth in range(len(self.held())))
        running = self.ledger._query("SELECT count(*) AS n FROM jobs WHERE state = 'running'")[0]["n"]
        assert running == len(self.held())

    @invariant()
    def who_lost_a_job_writes_nothing(self) -> None:
        assert all(refuses_all(self.ledger, job) for job in self.stale[-3:])
        assert self.ledger.lines("late") == []

    @invariant()
    def the_last_event_of_what_is_final_says_so(self) -> None:
        for job in self.ledger.find_jobs(tenant=None, limit=100):
            if job.state.is_final:
                assert kinds_of_events(self.ledger, job)[-1] == job.state.value


def test_the_ledger_agrees_with_a_model_of_it_whatever_is_done_in_whatever_order(where, monkeypatch):
    monkeypatch.setattr(jobs.queue, "seconds", lambda: CLOCK.at)
    monkeypatch.setattr(jobs.queue, "MAX_LOSSES", FEW_LOSSES)
    examples = 12 if where.startswith("postgresql") else 120
    run_state_machine_as_test(
        partial(LedgerAgainstAModel, where), settings=settings(max_examples=examples, stateful_step_count=50, deadline=None)
    )
