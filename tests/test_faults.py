"""The service is mistreated, in small: real Celery workers on a real Redis, killed, cut off, told to stop, fed poison.

The same scenarios at full size are `python bench/faults.py --long`; their promises stand in bench/scenarios/, each with its figure.
"""

from __future__ import annotations

import shutil
from pathlib import Path

from needs import need

from bench.faults import run
from bench.scenarios.outcome import Outcome, Size


def after(scenario: str, folder: Path, size: Size, *, ledger: str | None = None) -> Outcome:
    """What came of it; no promise was broken."""
    need(shutil.which("redis-server"), "redis-server is not installed (apt-get install redis-server)")
    outcome = run(scenario, folder, seed=1, size=size, ledger=ledger)
    assert outcome.broken == []
    return outcome


def test_no_paper_is_lost_or_doubled_while_workers_and_redis_are_killed(tmp_path):
    outcome = after("kills", tmp_path, Size(jobs=60, storm_s=16, workers=2))

    assert outcome.done == 60
    assert outcome.faults["kill_main"] >= 7
    assert outcome.faults["kill_redis"] == 1


def test_a_redis_that_forgets_everything_loses_nothing(tmp_path):
    assert after("flushall", tmp_path, Size(jobs=40)).done == 40


def test_a_paper_that_kills_exhausts_crashes_or_spins_costs_itself_and_nothing_else(tmp_path):
    outcome = after("poison", tmp_path, Size(jobs=20))

    assert outcome.done == 20
    assert outcome.failed == {"converter_died": 2, "out_of_memory": 1, "timed_out": 1}


def test_workers_that_are_replaced_lose_nothing_and_begin_no_paper_twice_more(tmp_path):
    assert after("deploy", tmp_path, Size(jobs=30, workers=1)).done == 30


def test_a_job_can_be_cancelled_in_every_state_and_nothing_is_written_after(tmp_path):
    outcome = after("cancel", tmp_path, Size(jobs=2))

    assert outcome.failed == {"cancelled": 7}
    assert outcome.faults["cancel_being_written"] == 2


def test_workers_go_on_after_their_way_to_redis_was_slow_cut_silent_and_half_open(tmp_path):
    assert after("network", tmp_path, Size(jobs=3, storm_s=4, workers=1)).done == 12


def test_a_run_whose_workers_are_killed_reads_each_chunk_into_one_row(tmp_path):
    assert after("reread", tmp_path, Size(jobs=40, storm_s=10, workers=2)).faults["kill_main"] >= 1


def test_hostile_messages_are_refused_and_end_no_worker(tmp_path):
    assert after("pickle", tmp_path, Size(jobs=5)).done == 5
