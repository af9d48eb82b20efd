"""One line per figure: what was promised, what was measured, and whether they agree."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One figure of a scenario."""

    name: str
    goal: str  #: '' for what is only told
    measured: str
    is_met: bool = True

    def __str__(self) -> str:
        verdict = "" if not self.goal else "yes" if self.is_met else "NO"
        return f"| {self.name} | {self.goal} | {self.measured} | {verdict} |"


def percentile(values: Sequence[float], share: float) -> float:
    """The smallest value that this share of them does not exceed."""
    ordered = sorted(values)
    return ordered[min(int(share * len(ordered)), len(ordered) - 1)]


def times_said(times_ms: Sequence[float]) -> str:
    p50, p95 = statistics.median(times_ms), percentile(times_ms, 0.95)
    return f"n {len(times_ms):,}, p50 {p50:.0f} ms, p95 {p95:.0f} ms, max {max(times_ms):.0f} ms"
