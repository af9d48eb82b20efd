"""The lanes of a run together: side by side, in order, and a cascade from the cheapest to the dearest."""

from dataclasses import replace

import pytest
from fake_flow import FakeReader
from makers import make_prompt
from small_reader import some_units

from errors import SettingsInvalid
from extract.panel import Panel
from records import Lane, Reading, Route, RouteMode, Usage, Verdict
from settings import RoutingSettings


class LaneReader(FakeReader):
    """A reader of this lane that is this sure of everything."""

    def __init__(self, lane, *, sure=None, outcomes=None, verdict=Verdict.UNCHECKED):
        super().__init__(str(lane), outcomes)
        self.lane, self.alias, self._sure, self._verdict = lane, f"small-{lane}", sure, verdict

    def read(self, prompt, units):
        for reading in super().read(prompt, units):
            evidence = tuple(replace(one, verdict=self._verdict) for one in reading.evidence)
            usage = Usage(prompt_tokens=None if self.lane is Lane.EMBEDDED else 10, completion_tokens=2, seconds=0.5)
            yield replace(reading, evidence=evidence, confidence=self._sure, model=self.alias, usage=usage)


def read(panel, prompt, units, lane=Lane.EMBEDDED):
    return list(panel.read(prompt, ((unit, Route(lane=lane, reason="")) for unit in units)))


def cascading(**more):
    return make_prompt(route=RouteMode.CASCADE, **more)


def panel_of_both(first, second, unsure_below=0.6):
    return Panel([first, second], RoutingSettings(unsure_below=unsure_below))


def test_readings_come_in_order_whatever_their_lane():
    panel = Panel([LaneReader(Lane.EMBEDDED), LaneReader(Lane.TEXT)], RoutingSettings())
    units = some_units(50)
    lanes = [(Lane.EMBEDDED, Lane.TEXT)[i % 3 == 0] for i in range(50)]

    readings = list(panel.read(make_prompt(), ((u, Route(lane=lane, reason="")) for u, lane in zip(units, lanes, strict=True))))

    assert [reading.record["value"] for reading in readings] == [unit.chunks[0].text for unit in units]
    assert [reading.model for reading in readings] == [f"small-{lane}" for lane in lanes]


def test_units_are_taken_as_there_is_room_for_them(monkeypatch):
    monkeypatch.setattr("extract.panel.WINDOW", 10)
    taken = []

    def tasks():
        for unit in some_units(100):
            taken.append(unit)
            yield unit, Route(lane=Lane.EMBEDDED, reason="")

    readings = Panel([LaneReader(Lane.EMBEDDED)], RoutingSettings()).read(make_prompt(), tasks())
    next(readings)

    assert len(taken) <= 10
    readings.close()


def test_what_the_cheap_lane_is_sure_of_is_not_asked_again():
    cheap, dear = LaneReader(Lane.EMBEDDED, sure=0.9), LaneReader(Lane.TEXT)

    readings = read(panel_of_both(cheap, dear), cascading(), some_units(4))

    assert dear.seen == [] and all(reading.model == "small-embedded" for reading in readings)
    assert [step.why for step in readings[0].steps] == [""]


def test_what_it_is_not_sure_of_goes_to_the_next_lane_with_the_reason_and_both_costs():
    cheap, dear = LaneReader(Lane.EMBEDDED, sure=0.4), LaneReader(Lane.TEXT, sure=0.4)

    (reading,) = read(panel_of_both(cheap, dear), cascading(), some_units(1))

    assert reading.model == "small-text"
    assert [(step.lane, step.why) for step in reading.steps] == [
        (Lane.EMBEDDED, "it is 0.40 sure; less than 0.60"),
        (Lane.TEXT, ""),
    ]
    assert (reading.usage.prompt_tokens, reading.usage.seconds) == (10, 1.0)


@pytest.mark.parametrize("verdict", [Verdict.NOT_FOUND, Verdict.CONTRADICTED])
def test_values_that_the_paper_does_not_support_go_to_the_next_lane(verdict):
    cheap, dear = LaneReader(Lane.EMBEDDED, sure=0.99, verdict=verdict), LaneReader(Lane.TEXT)

    (reading,) = read(panel_of_both(cheap, dear), cascading(), some_units(1))

    assert reading.model == "small-text" and "1 of 1 values" in reading.steps[0].why


def test_a_failed_answer_goes_to_the_next_lane():
    failed = Reading(record=None, error_code="answer_invalid", error="no JSON")
    units = some_units(1)
    cheap, dear = LaneReader(Lane.EMBEDDED, outcomes={units[0].chunks[0].text: [failed]}), LaneReader(Lane.TEXT)

    (reading,) = read(panel_of_both(cheap, dear), cascading(), units)

    assert reading.is_ok and reading.steps[0].why == "its answer failed (answer_invalid)"


def test_eyes_are_asked_only_where_there_is_something_to_see():
    cheap, dear = LaneReader(Lane.TEXT, verdict=Verdict.NOT_FOUND), LaneReader(Lane.VISION)

    (reading,) = read(panel_of_both(cheap, dear), cascading(), some_units(1), Lane.TEXT)

    assert dear.seen == [] and reading.model == "small-text"


def test_an_error_of_a_later_lane_reaches_whoever_waits():
    units = some_units(2)
    cheap = LaneReader(Lane.EMBEDDED, sure=0.1)
    dear = LaneReader(Lane.TEXT, outcomes={units[0].chunks[0].text: [SettingsInvalid("a wrong key")]})

    with pytest.raises(SettingsInvalid, match="a wrong key"):
        read(panel_of_both(cheap, dear), cascading(), units)


def test_a_threshold_is_part_of_what_a_cascade_reads_and_of_nothing_else():
    cheap, dear = LaneReader(Lane.EMBEDDED), LaneReader(Lane.TEXT)
    low, high = panel_of_both(cheap, dear, 0.2), panel_of_both(cheap, dear, 0.8)

    assert low.key(cascading()) != high.key(cascading())
    assert low.key(make_prompt()) == high.key(make_prompt())


def test_a_prompt_for_a_lane_that_is_not_at_hand_is_refused_with_what_to_do():
    with pytest.raises(SettingsInvalid, match=r"text lane, and no model of that lane is named.*--model"):
        Panel([LaneReader(Lane.EMBEDDED)], RoutingSettings()).key(make_prompt(route=RouteMode.TEXT))
