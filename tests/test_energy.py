"""Joules are counted, or made of tokens by coefficients, or unknown; unknown is never zero, and sums say how much they know."""

import pytest

from extract.energy import (
    all_vision,
    apportioned,
    break_even,
    cost_of,
    dearest,
    joules_per_token,
    one_large,
    spent_by_lane,
    tokens_written,
    with_joules,
)
from records import Extraction, Lane, Reading, Route, Step, Usage
from settings import ModelSettings

TEXT = ModelSettings(base_url="u", model="t", parameters_b=2, j_per_prompt_token=0.01, j_per_token=0.2, energy_from="a meter")
VISION = ModelSettings(
    base_url="u", model="v", lane="vision", parameters_b=8, pixels_per_token=1024, j_per_prompt_token=0.04, j_per_token=0.8,
    energy_from="a meter",
)  # fmt: skip
NOT_MEASURED = ModelSettings(base_url="u", model="n", parameters_b=4)
USAGE = Usage(prompt_tokens=500, cached_tokens=300, completion_tokens=50, seconds=1.5)
JOULES = 200 * 0.01 + 50 * 0.2


def model_of(lane, alias):
    return {"t": TEXT, "v": VISION, "n": NOT_MEASURED}.get(alias)


def extraction(usage=USAGE, *, lane=Lane.TEXT, model="t", steps=(), record=None):
    reading = Reading(record=record, usage=usage, model=model, steps=steps)
    return Extraction(
        id="e", doc_id="d", unit_id="u", chunk_ids=("c",), prompt_name="p", prompt_hash="h", model_key="m", reading_key="r",
        route=Route(lane=lane, reason=""), reading=reading,
    )  # fmt: skip


def test_tokens_that_the_server_had_cached_cost_nothing():
    assert cost_of(USAGE, joules_per_token(TEXT)) == pytest.approx(JOULES)


def test_joules_made_of_tokens_say_that_they_are():
    usage = with_joules(USAGE, TEXT)

    assert (usage.energy_j, usage.energy_source) == (pytest.approx(JOULES), "coefficient")


def test_joules_that_were_counted_stay():
    counted = Usage(prompt_tokens=500, completion_tokens=50, energy_j=3.0, energy_source="counter")

    assert with_joules(counted, TEXT) == counted


@pytest.mark.parametrize(
    ("usage", "model"),
    [
        (USAGE, NOT_MEASURED),
        (USAGE, TEXT.model_copy(update={"j_per_prompt_token": None})),
        (Usage(prompt_tokens=500, cached_tokens=None, completion_tokens=None), TEXT),
        (Usage(), TEXT),
    ],
)
def test_what_is_not_known_is_unknown_and_not_zero(usage, model):
    assert with_joules(usage, model).energy_j is None
    assert with_joules(usage, model).energy_source is None


def test_a_prompt_that_was_cached_whole_needs_no_figure_for_reading():
    usage = Usage(prompt_tokens=300, cached_tokens=300, completion_tokens=10)

    assert with_joules(usage, TEXT.model_copy(update={"j_per_prompt_token": None})).energy_j == pytest.approx(2.0)


def test_what_a_counter_saw_is_shared_out_whole_by_what_tokens_cost():
    long, short = Usage(prompt_tokens=1000, completion_tokens=50), Usage(prompt_tokens=100, completion_tokens=5)
    shared = apportioned(66.0, [long, short], TEXT)

    assert [usage.energy_j for usage in shared] == pytest.approx([60.0, 6.0])
    assert {usage.energy_source for usage in shared} == {"counter"}


def test_without_coefficients_a_counter_is_shared_out_by_tokens():
    shared = apportioned(
        40.0, [Usage(prompt_tokens=20, completion_tokens=10), Usage(prompt_tokens=5, completion_tokens=5)], NOT_MEASURED
    )

    assert [usage.energy_j for usage in shared] == pytest.approx([30.0, 10.0])


def test_a_request_that_does_not_say_its_tokens_is_left_its_share_and_stays_unknown():
    shared = apportioned(
        30.0, [Usage(prompt_tokens=9, completion_tokens=1), Usage(), Usage(prompt_tokens=9, completion_tokens=1)], TEXT
    )

    assert [usage.energy_j for usage in shared] == [pytest.approx(10.0), None, pytest.approx(10.0)]
    assert apportioned(30.0, [Usage(), Usage()], TEXT) == [Usage(), Usage()]


def test_a_lane_says_of_how_many_of_its_tries_the_joules_are_known():
    (text,) = spent_by_lane([extraction(), extraction(model="n"), extraction()], model_of, None)

    assert (text.tries, text.known, text.is_known) == (3, 2, False)
    assert text.joules == pytest.approx(2 * JOULES) and text.joules_per_try == pytest.approx(JOULES)
    assert (text.prompt_tokens, text.cached_tokens, text.completion_tokens) == (1500, 900, 150)


def test_a_lane_of_which_nothing_is_known_has_no_joules_per_chunk():
    (text,) = spent_by_lane([extraction(model="n")], model_of, None)

    assert text.joules_per_try is None and text.operations == 2e9 * 4 * 250


def test_every_lane_that_a_cascade_asked_is_paid_for():
    steps = (
        Step(lane=Lane.TEXT, model="t", usage=USAGE, why="unsure"),
        Step(lane=Lane.VISION, model="v", usage=Usage(prompt_tokens=100, completion_tokens=10, images=1, pixels=9000), why=""),
    )
    text, vision = spent_by_lane([extraction(lane=Lane.VISION, model="v", steps=steps)], model_of, None)

    assert (text.lane, vision.lane) == (Lane.TEXT, Lane.VISION)
    assert text.joules == pytest.approx(JOULES) and vision.joules == pytest.approx(100 * 0.04 + 10 * 0.8)
    assert (vision.images, vision.pixels) == (1, 9000)


def test_the_embedded_lane_costs_what_a_core_draws_where_that_is_known():
    read = extraction(Usage(seconds=0.5), lane=Lane.EMBEDDED, model="embedded")

    (unknown,) = spent_by_lane([read], model_of, None)
    (known,) = spent_by_lane([read], model_of, 8.0)
    assert not unknown.is_known and known.joules == pytest.approx(4.0)
    assert known.operations is None, "it has no tokens to count operations by"


def test_an_answer_that_nobody_counted_is_as_long_as_its_record():
    assert tokens_written(extraction()) == 50
    assert tokens_written(extraction(Usage(), record={"value": 2.3})) == 4
    assert tokens_written(extraction(Usage())) == 0


def test_whole_pages_are_sent_at_the_pixels_that_the_model_takes():
    letter, small = (612.0, 792.0), (100.0, 100.0)
    other = all_vision([letter, small], 70, "v", VISION)

    assert other.pixels == VISION.max_pixels + 40_000
    assert (other.calls, other.prompt_tokens) == (2, 1024 + 40)
    assert other.joules == pytest.approx(1064 * 0.04 + 70 * 0.8)
    assert other.operations == pytest.approx(2 * 8e9 * (1064 + 70))


def test_one_large_model_reads_what_was_skipped_too():
    other = one_large(10, 250.4, 70, "t", TEXT)

    assert (other.calls, other.prompt_tokens) == (10, 2504)
    assert other.joules == pytest.approx(2504 * 0.01 + 70 * 0.2)


def test_what_another_way_would_cost_is_unknown_where_its_model_was_not_measured():
    other = one_large(10, 250, 70, "n", NOT_MEASURED)

    assert other.joules is None and other.operations


@pytest.mark.parametrize(
    ("once", "each", "other", "questions"),
    [(100, 10, 30, 5), (101, 10, 30, 6), (0, 10, 30, 1), (100, 30, 30, None), (100, 31, 30, None)],
)
def test_converting_pays_from_the_question_on_that_saves_it_back(once, each, other, questions):
    assert break_even(once, each, other) == questions


def test_the_dearest_model_is_the_dearest_of_those_that_were_measured():
    assert dearest([("n", NOT_MEASURED), ("t", TEXT), ("v", VISION)]) == ("v", VISION)
    assert dearest([("n", NOT_MEASURED), ("s", NOT_MEASURED.model_copy(update={"parameters_b": 1}))]) == ("n", NOT_MEASURED)
    assert dearest([]) is None
