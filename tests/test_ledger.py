"""The ledger is the only truth about work: nothing is done twice, lost, or written by who no longer holds it."""

from __future__ import annotations

import threading
import time
from pathlib import Path

import hypothesis.strategies as st
import pytest
from hypothesis import settings
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule
from processes import finished, start

import jobs
from errors import LibraryError, NotFound
from jobs import MAX_CLAIMS, Done, Ledger
from records import Job, JobState, Run

CLAIM_ALL = """
import sys
from pathlib import Path
from jobs import Ledger
ledger = Ledger(Path(sys.argv[1]))
while job := ledger.claim("add"):
    print(job.key)
"""
CLAIM_AND_WAIT = """
import sys
from pathlib import Path
from jobs import Ledger
job = Ledger(Path(sys.argv[1])).claim("add")
print(job.key if job else "nothing", flush=True)
sys.stdin.read()
"""


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "ledger.sqlite"


@pytest.fixture
def ledger(path: Path) -> Ledger:
    return Ledger(path)


def submit(ledger: Ledger, *keys: str, kind: str = "add") -> int:
    return ledger.submit(kind, [(key, {"doc_id": key, "name": key}, 1) for key in keys])


def claimed(ledger: Ledger, kind: str = "add") -> Job:
    job = ledger.claim(kind)
    assert job
    return job


def done_line(key: str, stage: str = "chunks") -> Done:
    return Done(stage=stage, key=key, doc_id=key, detail={"chunks": 1})


def state_of(ledger: Ledger, key: str) -> JobState:
    return next(job.state for state in JobState for job in ledger.jobs("", state) if job.key == key)


def test_the_same_work_is_one_job(ledger):
    assert submit(ledger, "a", "b", "a") == 2
    assert submit(ledger, "a") == 0
    assert ledger.job_counts() == {"add": {"queued": 2}}


def test_the_largest_job_is_taken_first_and_the_oldest_of_equals(ledger):
    ledger.submit("add", [("small", {}, 1), ("large", {}, 9)])
    time.sleep(0.002)
    ledger.submit("add", [("late", {}, 9)])

    assert [claimed(ledger).key for _ in range(3)] == ["large", "late", "small"]
    assert ledger.claim("add") is None


def test_a_claim_takes_only_jobs_of_its_kind(ledger):
    submit(ledger, "a", kind="read:x")

    assert ledger.claim("add") is None
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
    assert ledger.claim("add") is None


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
        while job := ledger.claim("add"):
            taken.append(job.key)

    threads = [threading.Thread(target=take) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert sorted(taken, key=int) == list(map(str, range(200)))


def test_processes_never_take_the_same_job_twice(path, ledger):
    submit(ledger, *map(str, range(200)))

    taken = [key for process in [start(CLAIM_ALL, path) for _ in range(4)] for key in finished(process).split()]

    assert sorted(taken, key=int) == list(map(str, range(200)))


def test_processes_that_open_a_new_ledger_together_all_find_it_whole(path):
    opening = "import sys; from pathlib import Path; from jobs import Ledger; print(Ledger(Path(sys.argv[1])).runs())"

    assert [finished(process).strip() for process in [start(opening, path) for _ in range(6)]] == ["[]"] * 6


def test_the_job_of_a_killed_process_is_taken_again_at_once_and_that_of_a_live_one_is_not(path, ledger):
    submit(ledger, "a")
    holder = start(CLAIM_AND_WAIT, path)
    assert holder.stdout and holder.stdout.readline() == "a\n"

    assert ledger.sweep() == []
    assert ledger.claim("add") is None

    holder.kill()
    time.sleep(0.1)  # it is a zombie now: nobody has waited for it
    assert ledger.sweep() == []
    assert (job := ledger.claim("add")) and (job.key, job.attempt, job.fence) == ("a", 2, 2)
    holder.communicate()


def test_the_job_of_another_host_is_taken_when_its_lease_ends(path, ledger, monkeypatch):
    submit(ledger, "a")
    elsewhere = Ledger(path)
    elsewhere.owner = "another-host/1/1"
    elsewhere.claim("add")

    ledger.sweep()
    assert ledger.claim("add") is None

    monkeypatch.setattr(jobs, "LEASE_S", -1.0)
    elsewhere.renew()
    assert claimed(ledger).fence == 2


def test_a_lease_is_renewed_while_its_holder_works(ledger, monkeypatch):
    monkeypatch.setattr(jobs, "LEASE_S", 0.5)
    monkeypatch.setattr(jobs, "RENEW_EVERY_S", 0.1)
    submit(ledger, "a")
    ledger.claim("add")

    with ledger.renewing():
        time.sleep(0.8)
        assert ledger.claim("add") is None


def test_who_slept_past_his_lease_can_write_nothing(ledger, monkeypatch):
    submit(ledger, "a")
    monkeypatch.setattr(jobs, "LEASE_S", -1.0)
    sleeper = claimed(ledger)
    monkeypatch.setattr(jobs, "LEASE_S", 60.0)
    holder = claimed(ledger)

    assert not ledger.still_holds(sleeper)
    assert not ledger.finish(sleeper, [done_line("a")])
    assert not ledger.fail(sleeper, code="timed_out", message="")
    assert not ledger.requeue(sleeper)
    assert ledger.release([sleeper]) == 0
    assert ledger.done("chunks", ["a"]) == {}
    assert ledger.still_holds(holder)
    assert ledger.finish(holder, [done_line("a")])


def test_a_job_that_was_forgotten_can_no_longer_be_finished(ledger):
    submit(ledger, "a")
    job = claimed(ledger)
    ledger.forget(["a"])

    assert not ledger.finish(job, [done_line("a")])
    assert ledger.lines("chunks") == []


def test_a_job_that_kills_its_holders_is_given_up(path, ledger):
    submit(ledger, "a")
    dying = Ledger(path)
    dying.owner = f"{ledger.owner.split('/')[0]}/{2**22 + 1}/1"
    for _ in range(MAX_CLAIMS - 1):
        assert dying.claim("add")
        assert ledger.sweep() == []
    assert dying.claim("add")

    assert [job.key for job in ledger.sweep()] == ["a"]
    assert ledger.failed(["a"])["a"].error_code == "gave_up"
    assert ledger.claim("add") is None


def test_a_job_whose_holders_let_every_lease_lapse_is_given_up_too(ledger, monkeypatch):
    monkeypatch.setattr(jobs, "LEASE_S", -1.0)
    submit(ledger, "a")
    for _ in range(MAX_CLAIMS):
        assert ledger.claim("add")

    assert ledger.claim("add") is None
    assert state_of(ledger, "a") is JobState.FAILED


def test_what_is_released_counts_as_never_attempted(ledger):
    submit(ledger, "a", "b")
    mine, other = claimed(ledger), claimed(ledger)

    assert ledger.release([mine]) == 1
    assert claimed(ledger).attempt == 1
    assert ledger.still_holds(other)


def test_what_is_requeued_counts_as_attempted(ledger):
    submit(ledger, "a")
    assert ledger.requeue(claimed(ledger))

    assert claimed(ledger).attempt == 2


def test_lines_of_the_manifest_come_back_oldest_first_and_the_newest_stands(ledger):
    ledger.record([done_line("a"), done_line("b")])
    time.sleep(0.002)
    ledger.record([Done(stage="chunks", key="a", doc_id="a", detail={"chunks": 2})])

    assert [(line.key, line.detail["chunks"]) for line in ledger.lines("chunks")] == [("b", 1), ("a", 2)]
    assert ledger.done("chunks", ["a", "c"]) == {"a": {"chunks": 2}}


def test_more_keys_than_one_statement_holds_are_looked_up(ledger, monkeypatch):
    monkeypatch.setattr(jobs, "VALUES_PER_STATEMENT", 3)
    keys = list(map(str, range(10)))
    ledger.record(map(done_line, keys))
    submit(ledger, *keys)
    while job := ledger.claim("add"):
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
    assert [job.key for job in ledger.jobs("add", JobState.QUEUED)] == ["b"]


def test_a_file_that_is_no_ledger_is_refused_and_left_as_it_is(path):
    path.write_bytes(b"this is not a database, and long enough to tell" * 100)
    before = path.read_bytes()

    with pytest.raises(LibraryError, match="restore it"):
        Ledger(path).runs()
    assert path.read_bytes() == before


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


def test_a_claim_among_many_jobs_reads_one_row(ledger):
    plan = ledger._query(
        "EXPLAIN QUERY PLAN SELECT id FROM jobs WHERE kind = 'add' AND state = 'queued' ORDER BY size DESC, created, id LIMIT 1"
    )

    assert not [row["detail"] for row in plan if "TEMP B-TREE" in row["detail"]]


class LedgerAgainstAModel(RuleBasedStateMachine):
    """Whatever is done in whatever order, a job is in the state that a dictionary says, and has at most one holder."""

    keys = st.sampled_from("abcd")
    who = st.sampled_from(["here", "dead"])

    @initialize()
    def open(self) -> None:
        self.ledgers = {"here": Ledger(Path(":memory:"))}
        self.ledgers["dead"] = Ledger(Path(":memory:"))
        self.ledgers["dead"].__dict__["_connection"] = self.ledgers["here"]._connection
        self.ledgers["dead"].owner = f"{self.ledgers['here'].owner.split('/')[0]}/{2**22 + 1}/1"
        self.states: dict[str, str] = {}
        self.attempts: dict[str, int] = {}
        self.held: dict[str, tuple[str, Job]] = {}  #: by key: who holds it, and the claim
        self.stale: list[Job] = []

    def drop(self, key: str, state: str) -> None:
        self.stale.append(self.held.pop(key)[1])
        self.states[key] = state

    @rule(key=keys)
    def submit(self, key: str) -> None:
        fresh = self.states.get(key) in (None, "failed")
        assert submit(self.ledgers["here"], key) == fresh
        if fresh:
            self.states[key], self.attempts[key] = "queued", 0

    @rule(who=who)
    def claim(self, who: str) -> None:
        job = self.ledgers[who].claim("add")
        waiting = {key for key, state in self.states.items() if state == "queued"}
        assert (job is None) == (not waiting)
        if job:
            assert job.key in waiting
            self.states[job.key], self.held[job.key] = "running", (who, job)
            self.attempts[job.key] += 1
            assert job.attempt == self.attempts[job.key]

    @rule(key=keys)
    def finish(self, key: str) -> None:
        if key in self.held:
            assert self.ledgers["here"].finish(self.held[key][1], [done_line(key)])
            self.drop(key, "done")

    @rule(key=keys, again=st.booleans())
    def fail(self, key: str, again: bool) -> None:
        if key in self.held:
            job = self.held[key][1]
            assert self.ledgers["here"].requeue(job) if again else self.ledgers["here"].fail(job, code="x", message="")
            self.drop(key, "queued" if again else "failed")

    @rule(key=keys)
    def release(self, key: str) -> None:
        if key in self.held:
            assert self.ledgers["here"].release([self.held[key][1]]) == 1
            self.attempts[key] -= 1
            self.drop(key, "queued")

    @rule()
    def sweep(self) -> None:
        dead = {key: job for key, (who, job) in self.held.items() if who == "dead"}
        hopeless = {key for key in dead if self.attempts[key] >= MAX_CLAIMS}
        assert {job.key for job in self.ledgers["here"].sweep()} == hopeless
        for key in dead:
            self.drop(key, "failed" if key in hopeless else "queued")

    @rule()
    def write_late(self) -> None:
        for job in self.stale:
            assert not self.ledgers["here"].finish(job, [done_line(job.key, "late")])
            assert not self.ledgers["here"].fail(job, code="late", message="")

    @invariant()
    def they_agree(self) -> None:
        ledger = self.ledgers["here"]
        found = {job.key: job.state.value for state in JobState for job in ledger.jobs("add", state)}
        assert found == self.states
        assert {line.key for line in ledger.lines("chunks")} == {key for key, state in found.items() if state == "done"}
        assert ledger.lines("late") == []
        assert all(ledger.still_holds(job) for _, job in self.held.values())


TestLedgerAgainstAModel = LedgerAgainstAModel.TestCase
TestLedgerAgainstAModel.settings = settings(max_examples=40, stateful_step_count=30, deadline=None)
