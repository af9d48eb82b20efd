"""A slice read both ways: what counts as agreement, how sure it is, and the threshold that reaches a target."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from made_figures import PLOT, WORDS, asking, figure, units_of
from makers import make_chunk, make_unit

from extract.routing.audit import (
    Audit,
    Compared,
    Share,
    audit_slice,
    compare,
    dearest_for,
    draw_slice,
    fit_threshold,
    is_same,
    paired,
    wilson,
)
from records import ChunkKind, Lane, Reading, Route

BOTH = frozenset({Lane.TEXT, Lane.VISION})


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (5, 5.0),
        (0.1 + 0.2, 0.3),
        ("Half-life", "half\u2011life"),
        ("µm", "μm"),
        ("the  yield.", "The yield"),
        ("5 °C", "5°C"),
        ("“quoted”", "'quoted'"),
    ],
)
def test_typography_is_no_difference(one, other):
    assert is_same(one, other)


@pytest.mark.parametrize(("one", "other"), [(5, 5.1), ("yield", "yields"), (True, 1), (None, 0), ("5", "-5"), (False, None)])
def test_a_difference_in_meaning_is_one(one, other):
    assert not is_same(one, other)


def test_records_are_compared_field_by_field_and_quotes_are_not():
    one = {"value": 2.3, "unit": "h", "quote": "it was 2.3 h", "entity": {"name": "mouse"}}
    other = {"value": 2.3, "unit": "min", "quote": "2.3 h", "entity": {"name": "Mouse"}}

    assert compare(one, other) == {"value": (1, 1), "unit": (0, 1), "entity.name": (1, 1)}


def test_lists_are_sets_of_records():
    one = {"all": [{"v": 1, "u": "K"}, {"v": 2, "u": "eV"}]}
    other = {"all": [{"v": 2, "u": "eV"}, {"v": 1, "u": "K"}]}

    assert compare(one, other) == {"all[].v": (2, 2), "all[].u": (2, 2)}


def test_what_only_one_found_counts_against_both():
    one = {"all": [{"v": 1}, {"v": 2}]}

    assert compare(one, {"all": [{"v": 1}]}) == compare({"all": [{"v": 1}]}, one) == {"all[].v": (1, 2)}


def test_what_neither_found_is_not_counted():
    assert compare({"v": None, "all": []}, {"v": None, "all": []}) == {}


@given(st.lists(st.integers(0, 5)), st.lists(st.integers(0, 5)))
def test_every_item_of_both_lists_is_paired_once(one, other):
    pairs = list(paired(one, other))

    assert sorted(a for a, _ in pairs if a is not None) == sorted(one)
    assert sorted(b for _, b in pairs if b is not None) == sorted(other)


@pytest.mark.parametrize(("same", "of", "low", "high"), [(9, 10, 0.596, 0.982), (10, 10, 0.722, 1.0), (0, 0, 0.0, 1.0)])
def test_the_interval_is_wilsons(same, of, low, high):
    assert wilson(same, of) == (pytest.approx(low, abs=0.001), pytest.approx(high, abs=0.001))


def test_eyes_are_the_dearest_only_where_there_is_something_to_see():
    (seen,) = units_of(figure())
    blind = make_unit()

    assert dearest_for(seen, asking(PLOT), BOTH) is Lane.VISION
    assert dearest_for(blind, asking(PLOT), BOTH) is Lane.TEXT
    assert dearest_for(blind, asking(PLOT, sees="pages"), BOTH) is Lane.VISION


def routed(lane: Lane = Lane.EMBEDDED, n: int = 50):
    return [(make_unit(make_chunk(f"Text {i}.", ordinal=i)), Route(lane=lane, reason="a test")) for i in range(n)]


def drawn(pairs, n=10, seed=1):
    return [unit.id for unit, _ in draw_slice(pairs, n, asking(WORDS), frozenset({Lane.EMBEDDED, Lane.TEXT}), seed=seed)]


def test_the_same_seed_draws_the_same_units_in_whatever_order_they_come():
    assert drawn(routed()) == drawn(routed()[::-1])
    assert drawn(routed()) != drawn(routed(), seed=2)
    assert len(drawn(routed(), n=500)) == 50


def test_what_goes_to_its_dearest_lane_anyway_is_not_drawn_and_what_is_skipped_is():
    assert drawn(routed(Lane.TEXT)) == []
    assert len(drawn(routed(Lane.SKIP))) == 10


def test_what_the_prompt_does_not_read_is_not_drawn():
    pairs = routed(Lane.SKIP)
    prompt = asking(WORDS, kinds=frozenset({ChunkKind.TABLE}))

    assert draw_slice(pairs, 10, prompt, frozenset({Lane.EMBEDDED, Lane.TEXT}), seed=1) == []


def test_a_slice_is_read_both_ways_and_a_skip_by_nobody():
    pairs = routed(n=2) + routed(Lane.SKIP, n=3)[2:]
    asked = {Lane.EMBEDDED: [], Lane.TEXT: []}

    def reader(lane, records):
        def read(prompt, units):
            asked[lane] += [unit.id for unit in units]
            return [Reading(record=record, confidence=0.5) for record in records[: len(units)]]

        return read

    readers = {
        Lane.EMBEDDED: reader(Lane.EMBEDDED, [{"v": 1}, {"v": 2}]),
        Lane.TEXT: reader(Lane.TEXT, [{"v": 1}, {"v": 3}, {"v": 4}]),
    }
    audit = audit_slice(pairs, asking(WORDS), readers)

    assert asked == {Lane.EMBEDDED: [unit.id for unit, _ in pairs[:2]], Lane.TEXT: [unit.id for unit, _ in pairs]}
    assert audit.overall == Share(same=1, of=3)
    assert audit.by_lane() == {Lane.EMBEDDED: Share(same=1, of=2), Lane.SKIP: Share(same=0, of=1)}
    assert audit.by_field() == {"v": Share(same=1, of=3)}


def test_where_both_found_nothing_there_is_nothing_to_compare():
    audit = audit_slice(
        routed(n=1),
        asking(WORDS),
        {lane: lambda _, units: [Reading(record={"v": None})] for lane in (Lane.EMBEDDED, Lane.TEXT)},
    )

    assert (audit.overall, audit.both_empty, audit.failed) == (Share(same=0, of=0), 1, 0)


def test_a_unit_that_one_could_not_read_is_counted_apart():
    good, bad = Reading(record={"v": 1}), Reading(record=None, error_code="answer_invalid", error="no JSON")
    audit = audit_slice(routed(n=1), asking(WORDS), {Lane.EMBEDDED: lambda *_: [bad], Lane.TEXT: lambda *_: [good]})

    assert (audit.overall.of, audit.failed) == (0, 1)
    assert audit.units[0].escalates


def audited(confidence: float | None, same: int, **more) -> Compared:
    return Compared(unit_id=str(confidence), lane=Lane.EMBEDDED, confidence=confidence, same=same, of=1, **more)


def test_the_threshold_is_the_smallest_whose_lower_bound_reaches_the_target():
    wrong = [audited(0.3, 0)] * 20 + [audited(0.5, 0)] * 20
    right = [audited(0.8, 1)] * 100
    fitted = fit_threshold(Audit(units=tuple(wrong + right)), 0.95)

    assert fitted.unsure_below == pytest.approx(0.501)
    assert fitted.kept == Share(same=100, of=100)
    assert fitted.escalated == 40


def test_a_threshold_is_not_raised_where_everything_agrees():
    assert fit_threshold(Audit(units=(audited(0.2, 1),) * 100), 0.95).unsure_below == 0.0


def test_few_units_do_not_prove_a_high_agreement():
    assert fit_threshold(Audit(units=(audited(0.9, 1),) * 5), 0.95) is None


def test_what_a_cascade_escalates_anyway_is_not_counted_as_kept():
    units = (audited(0.9, 0, escalates=True),) * 50 + (audited(0.9, 1),) * 100
    fitted = fit_threshold(Audit(units=units), 0.95)

    assert (fitted.unsure_below, fitted.escalated) == (0.0, 50)


def test_a_reader_that_does_not_say_how_sure_it_is_stays_whatever_the_threshold():
    assert fit_threshold(Audit(units=(audited(None, 0),) * 50 + (audited(0.9, 1),) * 50), 0.9) is None
