"""Chain steps that are futures: the outcome of one is taken by the next, and an error in it goes to whoever waits for the whole."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future
from typing import Any


def then(step: Future[Any], take: Callable[[Any], None], whole: Future[Any]) -> None:
    """Have `take` called with what this step gives, in the thread that gives it; what the step or `take` raises becomes the
    error of `whole`."""

    def ended(done: Future[Any]) -> None:
        try:
            take(done.result())
        except BaseException as error:  # noqa: BLE001 - it is for whoever waits, not for the thread that read
            if not whole.done():
                whole.set_exception(error)

    step.add_done_callback(ended)
