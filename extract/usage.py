"""Add up what readings cost."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from records import Usage


def added(usages: Iterable[Usage]) -> Usage:
    """The sum; a count that one of them does not know is unknown, but not where a lane has no such thing (no tokens at all)."""
    parts = list(usages)
    asked = [part for part in parts if part.prompt_tokens is not None or part.images]
    sources = {part.energy_source for part in parts if part.energy_j is not None}
    return Usage(
        prompt_tokens=_sum([part.prompt_tokens for part in asked]),
        cached_tokens=_sum([part.cached_tokens for part in asked]),
        completion_tokens=_sum([part.completion_tokens for part in asked]),
        images=sum(part.images for part in parts),
        pixels=sum(part.pixels for part in parts),
        seconds=sum(part.seconds for part in parts),
        energy_j=_sum([part.energy_j for part in parts]),
        energy_source=sources.pop() if len(sources) == 1 else "coefficient" if sources else None,
    )


def _sum(counts: list[Any]) -> Any:
    known = [count for count in counts if count is not None]
    return sum(known) if known and len(known) == len(counts) else None
