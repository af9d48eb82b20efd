"""How many requests a server is sent at once: found by trying, and given up where the server says so."""

import asyncio
from collections.abc import Callable

from extract.models.pace import FIRST, HOLD, WINDOW_S, Pace


class Clock:
    """A clock that the test moves."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def settle(
    rate_at: Callable[[int, int], float], *, most: int = 256, windows: int = 12, waiting_at: Callable[[int], int] | None = None
) -> Pace:
    """A pace after so many windows with a server that gives so many answers a second, by requests in flight and number of the window."""

    async def run() -> Pace:
        clock = Clock()
        pace = Pace(most, clock=clock)
        for window in range(windows):
            rate = rate_at(pace.limit, window)
            if waiting_at:
                pace.queued(waiting_at(pace.limit))
            pace.is_wanted = True
            for _ in range(max(pace.limit, int(rate * WINDOW_S) + 1)):
                clock.now += 1 / rate
                pace.answered()
        return pace

    return asyncio.run(run())


def test_it_grows_while_the_server_answers_faster_for_it():
    assert settle(lambda n, _: 10 * n).limit > 100


def test_it_stays_where_more_would_not_help():
    assert 12 <= settle(lambda n, _: 10 * min(n, 20), windows=10).limit <= 32


def test_where_the_server_says_that_nothing_waits_a_gain_too_small_to_measure_is_taken():
    def slow_gain(n: int, _: int) -> float:
        return 10 * n**0.05

    assert settle(slow_gain).limit < 20
    assert settle(slow_gain, waiting_at=lambda n: max(0, n - 100)).limit > 80


def test_it_never_asks_more_than_the_settings_allow():
    assert settle(lambda n, _: 10 * n, most=24).limit == 24
    assert settle(lambda n, _: 10 * n, most=3).limit == 3


def test_a_run_that_asks_for_little_moves_nothing():
    async def run() -> int:
        clock = Clock()
        pace = Pace(64, clock=clock)
        for _ in range(100):
            with pace.request():
                clock.now += 0.1
            pace.answered()
        return pace.limit

    assert asyncio.run(run()) == FIRST


def test_a_server_that_has_too_much_gets_half_once_and_none_for_as_long_as_it_asks():
    async def run() -> tuple[int, bool, bool]:
        clock = Clock()
        pace = Pace(64, clock=clock)
        for _ in range(5):
            pace.pushed_back(2.0)
        was_full = pace.is_full
        clock.now += 2.1
        return pace.limit, was_full, pace.is_full

    assert asyncio.run(run()) == (FIRST // 2, True, False)


def test_requests_that_wait_in_the_servers_own_queue_are_too_many():
    async def run() -> int:
        pace = Pace(64)
        pace.limit = 40
        pace.queued(2)
        assert pace.limit == 40, "a few are what keeps it full"
        pace.queued(15)
        return pace.limit

    assert asyncio.run(run()) == 25


def test_a_larger_number_is_tried_again_after_a_while():
    def grown(n: int, window: int) -> float:
        return 10 * (min(n, 12) if window < 4 else n)

    assert settle(grown, windows=4).limit < 24
    assert settle(grown, windows=HOLD + 12).limit > 48
