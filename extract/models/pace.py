"""How many requests one server is sent at once: as many as keep it full, and no more.

Too few leave a GPU idle; too many wait in the server's queue, where they time out and are paid for twice. Nobody knows the number
beforehand: it depends on the model, the machine, the lengths of the texts and on who else asks. So it is found: it grows by half
while the server answers faster for it, and goes back where it does not. A server that says how many wait (vLLM's /metrics)
or that it has enough (429, 503) is believed at once.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

FIRST = 8  #: requests in flight at the start
GAIN = 1.04  #: answers per second, over the best so far, that make a larger number worth it
LOSS = 0.85  #: the same, where the server says that nothing waits
GROWTH = 1.5
WINDOW_S = 0.75  #: the least time over which a rate is taken
HOLD = 20  #: windows after which a larger number is tried again: what a server can take changes


class Pace:
    """The requests in flight at one server, and how many there may be. Belongs to one event loop; `on_room` is called when there may
    be room again."""

    def __init__(
        self, most: int, *, on_room: Callable[[], None] = lambda: None, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self.limit = min(FIRST, most)
        self.in_flight = 0
        self.is_wanted = False  #: whether a request had to wait for room since the window began
        self._most = most
        self._on_room = on_room
        self._clock = clock
        self._closed_until = 0.0
        self._is_held = False
        self._is_told = False  #: whether the server says how many wait
        self._begin_window()
        self._best, self._before, self._hold = 0.0, self.limit, 0

    @contextmanager
    def request(self) -> Iterator[None]:
        """One request, for which there is room."""
        self.in_flight += 1
        try:
            yield
        finally:
            self.in_flight -= 1
            self._on_room()

    @property
    def is_full(self) -> bool:
        return self.in_flight >= self.limit or self._clock() < self._closed_until

    def hold(self, limit: int) -> None:
        """Stay at this number, whatever the answers say: for whoever measures."""
        self._most = limit
        self._is_held = True
        self._set(limit)

    def answered(self) -> None:
        """One answer came. At the end of a window the limit moves, but only where it was the limit that held us."""
        self._n_answers += 1
        passed = self._clock() - self._began
        if self._is_held or passed < WINDOW_S or self._n_answers < self.limit:
            return
        rate, was_wanted = self._n_answers / passed, self.is_wanted
        self._begin_window()
        if was_wanted:
            self._move(rate)

    def pushed_back(self, pause_s: float) -> None:
        """The server has too much: half as many, and none for this long."""
        now = self._clock()
        if now >= self._closed_until and not self._is_held:  # once for all the requests that it sent back together
            self._set(self.limit // 2)
            self._best, self._hold = 0.0, HOLD
        self._closed_until = max(self._closed_until, now + pause_s)
        asyncio.get_running_loop().call_later(pause_s, self._on_room)

    def queued(self, n_waiting: int) -> None:
        """The server says how many requests wait in its own queue: that many are too many. Where it says that none does, more are
        tried without proof: from 16 to 128 in flight each step gains 5 %, which is less than a rate's noise."""
        self._is_told = True
        if n_waiting > max(2, self.limit // 10) and not self._is_held:
            self._set(self.limit - n_waiting)
            self._hold = HOLD

    def _move(self, rate: float) -> None:
        if self._hold:
            self._hold -= 1
            if not self._hold:
                self._best = rate  # what it does now is what a larger number has to beat
                self._try_more()
            return
        if rate > self._best * (LOSS if self._is_told else GAIN):
            self._best = max(self._best, rate)
            self._try_more()
        else:
            self._set(self._before)
            self._hold = HOLD

    def _try_more(self) -> None:
        self._before = self.limit
        self._set(int(self.limit * GROWTH) + 1)

    def _set(self, limit: int) -> None:
        self.limit = min(max(limit, 1), self._most)
        self._on_room()

    def _begin_window(self) -> None:
        self._began, self._n_answers, self.is_wanted = self._clock(), 0, False
