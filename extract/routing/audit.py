"""How well the cheaper lane agrees with the dearest: the quality figure beside every saving.

A random slice is read both ways. Records are compared field by field: numbers by value, text without its typography, lists as
sets of records that are paired as well as they can be. Where both found nothing there is nothing to compare, and it is counted
apart, so that empty chunks do not look like quality. A quote is no answer and is not compared.

Each unit counts as one observation, however many fields it has: fields of one chunk are right or wrong together. The intervals are
Wilson's (E. B. Wilson, J. Am. Stat. Assoc. 22, 1927), which stay honest for few units and for shares near 1.
"""

from __future__ import annotations

import heapq
import math
import random
import re
import unicodedata
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from extract.cascade import why_not
from extract.routing.lanes import LANES
from extract.units import chunks_read
from records import Lane, Prompt, Reading, Route, Unit
from settings import RoutingSettings

#: 95 % of a normal distribution.
Z = 1.96

Record = Mapping[str, Any]
#: Units to readings, in order: what a reader makes of them alone.
Read = Callable[[Prompt, Sequence[Unit]], Iterable[Reading]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Share:
    """A share with its 95 % interval."""

    same: float
    of: int

    @property
    def value(self) -> float | None:
        return self.same / self.of if self.of else None

    @property
    def interval(self) -> tuple[float, float]:
        return wilson(self.same, self.of)


@dataclass(frozen=True, slots=True, kw_only=True)
class Compared:
    """One unit that was read both ways."""

    unit_id: str
    lane: Lane  #: the one it was routed to
    confidence: float | None  #: of the reader of that lane; None = it does not say
    same: int  #: values that agree
    of: int  #: values that one of the two has, at least
    fields: Mapping[str, tuple[int, int]] = field(default_factory=dict)  #: by field: agreeing, compared
    is_failed: bool = False  #: one of the two could not be read
    escalates: bool = False  #: a cascade asks the next lane however sure the reader is: it failed, or its evidence did

    @property
    def agreement(self) -> float:
        """Share of the values that agree; 1 where both found nothing."""
        return self.same / self.of if self.of else 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Audit:
    """What a slice that was read both ways says."""

    units: tuple[Compared, ...]

    @property
    def overall(self) -> Share:
        """Over the units of which one of the two readings has a value."""
        told = [unit for unit in self.units if unit.of and not unit.is_failed]
        return Share(same=sum(unit.agreement for unit in told), of=len(told))

    @property
    def both_empty(self) -> int:
        return sum(not unit.of and not unit.is_failed for unit in self.units)

    @property
    def failed(self) -> int:
        return sum(unit.is_failed for unit in self.units)

    def by_lane(self) -> dict[Lane, Share]:
        """The agreement of the units that went to each lane; for `skip`, of the nothing that a skip answers."""
        lanes = dict.fromkeys(unit.lane for unit in self.units)
        return {lane: Audit(units=tuple(u for u in self.units if u.lane is lane)).overall for lane in lanes}

    def by_field(self) -> dict[str, Share]:
        """The agreement of each field; here each unit counts once for each field that it has."""
        sums: dict[str, list[float]] = defaultdict(list)
        for unit in self.units:
            for name, (same, of) in unit.fields.items():
                if of and not unit.is_failed:
                    sums[name].append(same / of)
        return {name: Share(same=sum(shares), of=len(shares)) for name, shares in sorted(sums.items())}


def dearest_for(unit: Unit, prompt: Prompt, lanes: Iterable[Lane]) -> Lane:
    """The dearest of these lanes that can read this unit: eyes need something to see."""
    can = [lane for lane in lanes if lane is not Lane.VISION or unit.figures or prompt.sees == "pages"]
    return max(can, key=LANES.index)


def draw_slice(
    routed: Iterable[tuple[Unit, Route]], n: int, prompt: Prompt, lanes: frozenset[Lane], *, seed: int
) -> list[tuple[Unit, Route]]:
    """n of the units that are not sent to their dearest lane anyway, skipped ones among them, but not what is of a kind that the
    prompt does not read. Each unit's lot hangs on the seed and on itself, so that the same seed draws the same units, and papers
    added later change few of them."""
    read = ((unit, route) for unit, route in routed if chunks_read(unit, prompt))
    cheap = ((unit, route) for unit, route in read if route.lane is not dearest_for(unit, prompt, lanes))
    lots = ((random.Random(f"{seed}:{unit.id}").random(), unit.id, unit, route) for unit, route in cheap)
    return [(unit, route) for *_, unit, route in heapq.nsmallest(n, lots, key=lambda lot: lot[:2])]


def audit_slice(drawn: Sequence[tuple[Unit, Route]], prompt: Prompt, readers: Mapping[Lane, Read]) -> Audit:
    """Read each unit of the slice in its own lane and in its dearest; a skip is read by nobody, and so has nothing."""
    lanes = frozenset(readers)
    own = _read([(unit, route.lane) for unit, route in drawn], prompt, readers)
    best = _read([(unit, dearest_for(unit, prompt, lanes)) for unit, _ in drawn], prompt, readers)
    return Audit(units=tuple(_compared(unit, route, own[unit.id], best[unit.id]) for unit, route in drawn))


def _read(asked: Sequence[tuple[Unit, Lane]], prompt: Prompt, readers: Mapping[Lane, Read]) -> dict[str, Reading]:
    """By unit id, what the lane that it is asked of makes of it; each lane reads its units together."""
    found = {unit.id: Reading(record={}) for unit, lane in asked if lane is Lane.SKIP}
    for lane in dict.fromkeys(lane for _, lane in asked if lane is not Lane.SKIP):
        units = [unit for unit, own in asked if own is lane]
        found |= {unit.id: reading for unit, reading in zip(units, readers[lane](prompt, units), strict=True)}
    return found


def _compared(unit: Unit, route: Route, own: Reading, best: Reading) -> Compared:
    escalates = why_not(own, RoutingSettings(unsure_below=0.0)) is not None
    fields = compare(own.record or {}, best.record or {}) if own.is_ok and best.is_ok else {}
    return Compared(
        unit_id=unit.id,
        lane=route.lane,
        confidence=own.confidence,
        same=sum(pair[0] for pair in fields.values()),
        of=sum(pair[1] for pair in fields.values()),
        fields=fields,
        is_failed=not (own.is_ok and best.is_ok),
        escalates=escalates and route.lane is not Lane.SKIP,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Fit:
    """A threshold of the cascade that reaches a target on an audited slice."""

    unsure_below: float
    kept: Share  #: agreement of what stays in the cheap lane; its interval's lower end is at least the target
    escalated: int  #: units of the slice that the dearer lane would be asked of


def fit_threshold(audit: Audit, target: float) -> Fit | None:
    """The smallest `unsure_below` for which what stays cheap agrees with the dearest lane as much as is asked, at the lower end of the
    interval; None where none does. A reader that does not say how sure it is is never escalated by it."""
    told = [unit for unit in audit.units if unit.lane is not Lane.SKIP]
    for threshold in [0.0, *sorted({_above(unit.confidence) for unit in told if unit.confidence is not None})]:
        stays = [unit for unit in told if not unit.escalates and (unit.confidence is None or unit.confidence >= threshold)]
        kept = Audit(units=tuple(stays)).overall
        if kept.of and kept.interval[0] >= target:
            return Fit(unsure_below=threshold, kept=kept, escalated=len(told) - len(stays))
    return None


def _above(confidence: float) -> float:
    """The next threshold, in thousandths, that this confidence is below."""
    return min(math.floor(confidence * 1000 + 1) / 1000, 1.0)


def wilson(same: float, of: int, z: float = Z) -> tuple[float, float]:
    """The 95 % interval of a share; (0, 1) where nothing was compared."""
    if not of:
        return 0.0, 1.0
    share = same / of
    middle = share + z * z / (2 * of)
    half = z * math.sqrt(share * (1 - share) / of + z * z / (4 * of * of))
    whole = 1 + z * z / of
    return max(0.0, (middle - half) / whole), min(1.0, (middle + half) / whole)


def compare(one: Any, other: Any, path: str = "") -> dict[str, tuple[int, int]]:
    """By field, how many values agree and how many were compared; what neither has is not counted."""
    found: dict[str, tuple[int, int]] = {}
    for name, (same, of) in _pairs(one, other, path):
        before = found.get(name, (0, 0))
        found[name] = (before[0] + same, before[1] + of)
    return found


def _pairs(one: Any, other: Any, path: str) -> Iterator[tuple[str, tuple[int, int]]]:
    if isinstance(one, Mapping) or isinstance(other, Mapping):
        mine, theirs = (part if isinstance(part, Mapping) else {} for part in (one, other))
        for name in dict.fromkeys([*mine, *theirs]):
            if name != "quote":
                yield from _pairs(mine.get(name), theirs.get(name), f"{path}.{name}" if path else name)
    elif isinstance(one, list) or isinstance(other, list):
        for left, right in paired(one or [], other or []):
            yield from _pairs(left, right, f"{path}[]")
    elif not (is_empty(one) and is_empty(other)):
        yield path, (int(is_same(one, other)), 1)


def paired(one: Sequence[Any], other: Sequence[Any]) -> Iterator[tuple[Any, Any]]:
    """The items of two lists in pairs, those that agree most first; what is left over is paired with nothing."""
    left, right = dict(enumerate(one)), dict(enumerate(other))
    scored = sorted(((-_closeness(a, b), i, j) for i, a in left.items() for j, b in right.items()), key=lambda found: found)
    for score, i, j in scored:
        if score < 0 and i in left and j in right:
            yield left.pop(i), right.pop(j)
    yield from ((item, None) for item in left.values())
    yield from ((None, item) for item in right.values())


def _closeness(one: Any, other: Any) -> float:
    """Share of the values of two items that agree."""
    told = compare(one, other)
    of = sum(pair[1] for pair in told.values())
    return sum(pair[0] for pair in told.values()) / of if of else 0.0


def is_empty(value: Any) -> bool:
    return value is None or value == "" or value == [] or value == {}


def is_same(one: Any, other: Any) -> bool:
    """Numbers by value, all else by its letters and signs."""
    if isinstance(one, bool) or isinstance(other, bool):
        return one is other
    if isinstance(one, int | float) and isinstance(other, int | float):
        return math.isclose(one, other, rel_tol=1e-9)
    if one is None or other is None:
        return False
    return plain(str(one)) == plain(str(other))


def plain(text: str) -> str:
    """Text without what is typography: case, spaces, kinds of dashes and quotes, a full stop at its end."""
    text = unicodedata.normalize("NFKC", text).casefold()
    text = re.sub(r"[\u2010-\u2015\u2212]", "-", text)
    text = re.sub(r"[\u2018\u2019\u201c\u201d\"'`]", "'", text)
    return re.sub(r"\s+", "", text).rstrip(".,;")
