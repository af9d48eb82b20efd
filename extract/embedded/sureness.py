"""How sure the embedded reader is of a record: the share of its values that are likely to be right.

Measured quantities bring the pointer's probabilities. A lone field is judged by how well its sentence fits the field's words and how
far the next best sentence is behind; that it is null is judged the same way. The weights are fitted by `bench/score_confidence.py`,
which also shows that accuracy rises with the figure. Values of a kind that nobody measured say nothing, and a record that holds
nothing else has no figure at all.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import NamedTuple


class Fit(NamedTuple):
    """What a lone field's answer rests on."""

    best: float  #: how well the words of its sentence fit the field, 0 to 2: shared words, then likeness
    rest: float  #: the same of the best other sentence that would give another answer; 0 = there is none
    is_null: bool


#: Weights of a constant, `best`, `rest`: for an answer, and for none.
ANSWERED = (0.0, 0.0, 0.0)
SILENT = (0.0, 0.0, 0.0)


def sure_of(fit: Fit) -> float:
    """How likely this answer, or that there is none, is right: 0 to 1."""
    constant, best, rest = SILENT if fit.is_null else ANSWERED
    return 1 / (1 + math.exp(-(constant + best * fit.best + rest * fit.rest)))


def confidence(sure: Iterable[float | None]) -> float | None:
    """Of a record, from how sure its values are; None where nothing is known of any."""
    known = [one for one in sure if one is not None]
    return round(sum(known) / len(known), 3) if known else None
