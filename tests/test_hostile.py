"""The short form of bench/hostile.py: a few mutants of each class and the quick bombs, through the real converter."""

from __future__ import annotations

import pytest
from paper_maker import MAIN

from bench.bombs import BOMBS
from bench.endless import SAMPLES, open_child
from bench.hostile import Case, convert_all
from bench.mutants import MUTATIONS, mutants
from ingest.sandbox import Limits

LIMITS = Limits(timeout_s=60, memory_mb=1500, max_pages=100)
PAPERS = [MAIN / "samples" / name for name in SAMPLES]


def mutant_cases() -> list[Case]:
    return [Case(name=name, group=kind, content=content) for name, kind, content in mutants(PAPERS, 20, seed=7)]


def bomb_cases() -> list[Case]:
    return [Case(name=bomb.__name__, group="bomb", content=bomb()) for bomb in BOMBS[:6]]


@pytest.mark.parametrize("cases", [mutant_cases, bomb_cases])
def test_hostile_files_end_by_name_within_their_limits_and_harm_no_neighbour(tmp_path, cases):
    with open_child(LIMITS) as child:
        endings, harmed = convert_all(cases(), child, tmp_path, every=5)
    assert [f"{ending.case.name} {promise}" for ending in endings for promise in ending.broken(LIMITS)] == []
    assert harmed == []
    assert any(ending.code != "ok" for ending in endings)


def test_the_same_seed_draws_the_same_mutants():
    assert mutant_cases() == mutant_cases()
    assert {case.group for case in mutant_cases()} == {mutate.__name__ for mutate in MUTATIONS}
