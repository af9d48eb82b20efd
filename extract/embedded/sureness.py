"""How sure the embedded reader is of a record: the mean of how likely each of its values is to be right.

What the pointer's network takes for sure is right less often, so its probabilities are set right by what was found on papers that it had
not seen. A lone field is judged by how well its sentence fits the field's words and how far the next best sentence is behind; that
nothing was found is judged the same way. All weights are fitted by `bench/score_confidence.py`, which also shows that accuracy rises
with the figure. Values of a kind that nobody measured are left out, and a record that holds nothing else has no figure at all.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import NamedTuple

from extract.embedded.naming import By, Named
from extract.embedded.pointer import Pointed


class Fit(NamedTuple):
    """What a lone field's answer rests on."""

    best: float  #: how well the words of its sentence fit the field, 0 to 2: shared words, then likeness
    rest: float  #: the same of the best other sentence that would give another answer; 0 = there is none
    is_null: bool


#: Weights of a constant, `best` and `rest`: of an answer, and of none.
ANSWERED = (-0.08, 0.92, -1.38)
SILENT = (4.58, -7.94, 0.0)
#: Weights of a constant and of the log odds that the network gives, by what is named and what the answer comes from.
NAMES: dict[tuple[str, By], tuple[float, float]] = {
    ("property", By.POINTER): (-0.32, 0.45),
    ("property", By.SHAPE): (-0.26, -0.43),
    ("property", By.SILENCE): (-0.73, 0.27),
    ("entity", By.POINTER): (-0.59, 0.44),
    ("entity", By.SHAPE): (0.19, 0.15),
    ("entity", By.SILENCE): (-2.58, 0.45),
}
#: The same for whether it is a quantity that one would list.
LISTED = (0.37, 0.37)


def sure_of_lone(fit: Fit) -> float:
    """How likely this answer, or that there is none, is right: 0 to 1."""
    constant, best, rest = SILENT if fit.is_null else ANSWERED
    return _chance(constant + best * fit.best + rest * fit.rest)


#: How often a sentence in which no quantity is found holds none: 957 of 969 in MeasEval.
EMPTY = 0.988


def sure_of_nothing(sentences: int) -> float:
    """How likely so many sentences without a number of interest hold none."""
    return EMPTY**sentences


def sure_of_names(pointed: Pointed) -> dict[str, float]:
    """How likely it is that the property and the entity are right, or that there is none where none is named."""
    return {kind: _set_right(NAMES[kind, named.by], named.chance) for kind, named in _named(pointed)}


def sure_of_quantity(pointed: Pointed) -> float:
    return _set_right(LISTED, pointed.listed)


def _named(pointed: Pointed) -> tuple[tuple[str, Named], ...]:
    return ("property", pointed.property), ("entity", pointed.entity)


def log_odds(chance: float) -> float:
    kept = min(max(chance, 0.001), 0.999)
    return math.log(kept / (1 - kept))


def _set_right(weights: tuple[float, float], chance: float) -> float:
    return _chance(weights[0] + weights[1] * log_odds(chance))


def _chance(total: float) -> float:
    return 1 / (1 + math.exp(-total))


def confidence(sure: Iterable[float | None]) -> float | None:
    """Of a record, from how sure its values are; None where nothing is known of any."""
    known = [one for one in sure if one is not None]
    return round(sum(known) / len(known), 3) if known else None
