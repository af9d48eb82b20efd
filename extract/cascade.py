"""Read a unit with the cheapest lane first, and ask the next one only where that is not good enough.

A lane is not good enough where it failed, where it is less sure than the settings ask for (`unsure_below`), or where the paper does not
support what it says. The last answer stands; what every lane cost is summed, and every step is kept with the reason for it.
"""

from __future__ import annotations

from collections.abc import Mapping
from concurrent.futures import Future
from dataclasses import replace

from extract.handing import then
from extract.routing.lanes import LANES
from extract.usage import added
from records import Lane, Reading, Route, Session, Step, Unit, Verdict
from settings import RoutingSettings


class Cascade:
    """The open sessions of a panel, asked one after the other."""

    def __init__(self, sessions: Mapping[Lane, Session], routing: RoutingSettings) -> None:
        self._sessions = sessions
        self._routing = routing
        self._lanes = [lane for lane in LANES if lane in sessions]

    def submit(self, unit: Unit, route: Route) -> Future[Reading]:
        """The reading of this unit by the lane of its route, or by a later one."""
        whole: Future[Reading] = Future()
        self._ask(route.lane, unit, (), whole)
        return whole

    def _ask(self, lane: Lane, unit: Unit, steps: tuple[Step, ...], whole: Future[Reading]) -> None:
        then(self._sessions[lane].submit(unit), lambda reading: self._judge(reading, lane, unit, steps, whole), whole)

    def _judge(self, reading: Reading, lane: Lane, unit: Unit, steps: tuple[Step, ...], whole: Future[Reading]) -> None:
        later = self._next(lane, unit)
        why = why_not(reading, self._routing) if later else None
        steps = (*steps, Step(lane=lane, model=reading.model, usage=reading.usage, why=why or ""))
        if later and why:
            self._ask(later, unit, steps, whole)
            return
        whole.set_result(replace(reading, steps=steps, usage=added(step.usage for step in steps)))

    def _next(self, lane: Lane, unit: Unit) -> Lane | None:
        later = self._lanes[self._lanes.index(lane) + 1 :]
        return next((lane for lane in later if lane is not Lane.VISION or unit.figures), None)


def why_not(reading: Reading, routing: RoutingSettings) -> str | None:
    """Why this reading is not good enough, in words; None where it is."""
    if not reading.is_ok:
        return f"its answer failed ({reading.error_code})"
    lost = [evidence for evidence in reading.evidence if evidence.verdict in (Verdict.NOT_FOUND, Verdict.CONTRADICTED)]
    if lost:
        return f"{len(lost)} of {len(reading.evidence)} values are {lost[0].verdict.value.replace('_', ' ')}"
    if reading.confidence is not None and reading.confidence < routing.unsure_below:
        return f"it is {reading.confidence:.2f} sure; less than {routing.unsure_below:.2f}"
    return None
