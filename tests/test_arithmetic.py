"""The arithmetic that a prompt may declare, and nothing else."""

from __future__ import annotations

import re

import pytest

from errors import PromptInvalid
from extract.evidence.arithmetic import Numbers, breaches
from extract.evidence.checks import parse_check


def broken(check: str, values: dict[str, float], *, off: float = 0.0) -> list[tuple[str, ...]]:
    """The values between which a relation does not hold."""

    def length(path: str) -> int:
        found = [int(m[1]) for key in values if (m := re.match(rf"{re.escape(path)}\[(\d+)\]", key))]
        return max(found, default=-1) + 1

    numbers = Numbers(lambda path: (values[path] - off, values[path] + off) if path in values else None, length)
    return [breach.paths for breach in breaches(parse_check(check), numbers)]


@pytest.mark.parametrize(
    ("check", "holds", "breaks"),
    [
        ("total = a + b", {"total": 5, "a": 2, "b": 3}, {"total": 6, "a": 2, "b": 3}),
        ("a - b == c", {"a": 5, "b": 2, "c": 3}, {"a": 5, "b": 2, "c": 4}),
        ("share = 100 * n / total", {"share": 25, "n": 1, "total": 4}, {"share": 26, "n": 1, "total": 4}),
        ("low <= mid <= high", {"low": 1, "mid": 2, "high": 3}, {"low": 1, "mid": 4, "high": 3}),
        ("low < high", {"low": 1, "high": 3}, {"low": 3, "high": 3}),
        ("a != b", {"a": 1, "b": 2}, {"a": 2, "b": 2}),
        ("abs(a) = b", {"a": -2, "b": 2}, {"a": -2, "b": 3}),
        ("x.n = -y.n", {"x.n": 2, "y.n": -2}, {"x.n": 2, "y.n": 2}),
        ("n = sum(g[*].n)", {"n": 5, "g[0].n": 2, "g[1].n": 3}, {"n": 5, "g[0].n": 2, "g[1].n": 2}),
        ("m = mean(g[*].n)", {"m": 3, "g[0].n": 2, "g[1].n": 4}, {"m": 3, "g[0].n": 2, "g[1].n": 5}),
        ("max(g[*].n, 4) = m", {"m": 4, "g[0].n": 2}, {"m": 3, "g[0].n": 2}),
    ],
)
def test_a_relation_holds_or_breaks(check, holds, breaks):
    assert broken(check, holds) == []
    assert len(broken(check, breaks)) == 1


def test_a_relation_of_items_is_judged_item_by_item():
    values = {"g[0].a": 1, "g[0].b": 1, "g[1].a": 1, "g[1].b": 2, "g[2].a": 5}

    assert broken("g[*].a = g[*].b", values) == [("g[1].a", "g[1].b")]


def test_a_sum_names_every_item_that_it_is_of():
    assert broken("n = sum(g[*].n)", {"n": 9, "g[0].n": 2, "g[1].n": 3}) == [("n", "g[0].n", "g[1].n")]


def test_rounded_numbers_are_equal_where_their_intervals_meet():
    values = {"total": 100.1, "a": 33.4, "b": 66.6}

    assert broken("total = a + b", values, off=0.05) == []
    assert len(broken("total = a + b", values)) == 1
    assert len(broken("total = a + b", {**values, "b": 66.5}, off=0.05)) == 1


def test_what_divides_by_nothing_or_names_no_value_is_not_judged():
    assert broken("a = b / c", {"a": 1, "b": 1, "c": 0}) == []
    assert broken("a = b", {"a": 1}) == []
    assert broken("n = sum(g[*].n)", {"n": 1}) == []


@pytest.mark.parametrize(
    "check",
    [
        "total", "total = ", "__import__('os').system('true') = 1", "a = b ** 9", "a = [b for b in c]", "a = 'text'", "a in b",
        "open(a) = 1", "a = True", "a = b if c else d", "a.b() = 1", "a[b] = 1", "a = b and c", "a := b", "sum() = 1", "(" * 500,
        "a = " + "+".join(["b"] * 300), "a[-1] = 1", "lambda: a = 1",
    ],
)  # fmt: skip
def test_what_is_no_relation_of_fields_and_numbers_is_refused(check):
    with pytest.raises(PromptInvalid):
        parse_check(check)


def test_a_check_names_its_fields():
    assert parse_check("n = sum(g[*].n) - 2 * g[0].k").fields == ("n", "g[*].n", "g[0].k")
