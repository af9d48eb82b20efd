"""Share what an energy counter shows out among the requests, as they end.

Requests run side by side on one GPU, and a counter shows their sum only. When one ends, it is given its part of what nobody has been
given yet: by its tokens, against those at the servers, each of which is taken to be half done. What is too little for one is left
for the next, so that once none is left all of it has been given out. What is drawn while nobody waits for an answer belongs to none.

The counter is of whole devices: where other processes use them too, their joules are counted here as well.
"""

from __future__ import annotations

import logging
from dataclasses import replace

from errors import NotMeasured
from extract.counters import Counter, open_gpu_counter
from extract.energy import cost_of, weights_of
from records import Usage
from settings import ModelSettings

_LOG = logging.getLogger(__name__)


class Meter:
    """One counter, and the requests that it counts for."""

    def __init__(self, counter: Counter, model: ModelSettings) -> None:
        self._counter = counter
        self._weigh = weights_of(model)
        self._shown = counter()
        self._left = 0.0  #: joules that nobody has been given yet
        self._waiting = 0  #: requests that have begun, those too that wait for a place
        self._weight, self._ended = 0.0, 0  #: of all requests that have ended

    def begin(self) -> None:
        """Somebody waits for an answer."""
        if not self._waiting:
            self._shown = self._counter()
        self._waiting += 1

    def end(self, usage: Usage, others: int) -> Usage:
        """It is there: its usage with its joules, where it says its tokens. `others` are at the servers meanwhile."""
        self._waiting -= 1
        shown = self._counter()
        self._left += shown - self._shown
        self._shown = shown
        weight = cost_of(usage, self._weigh)
        if weight is not None:
            self._weight, self._ended = self._weight + weight, self._ended + 1
        mean = self._weight / self._ended if self._ended else 1.0
        own = mean if weight is None else weight
        theirs = others * mean / 2
        share = self._left * own / (own + theirs) if own + theirs else self._left
        self._left -= share
        return usage if weight is None else replace(usage, energy_j=share, energy_source="counter")


def open_meter(model: ModelSettings) -> Meter | None:
    """The meter of the GPUs that this model names; None where it names none. Where their counter cannot be read the log says why."""
    if not model.gpus:
        return None
    try:
        return Meter(open_gpu_counter(model.gpus), model)
    except NotMeasured as error:
        _LOG.warning("joules of %s are not counted: %s", model.model, error)
        return None
