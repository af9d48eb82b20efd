"""Several converter children at work at once, one thread each.

The threads only wait for their children; all that is Python's own work happens in whoever takes the results. The queue between
them is short, so that converted papers do not pile up faster than they are stored.
"""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable, Generator, Sequence
from typing import Any, TypeVar

from errors import RereadError

Work = TypeVar("Work")
Child = TypeVar("Child")
Result = TypeVar("Result")

#: Results waiting per child: enough to keep it busy, few enough to hold little.
WAITING_PER_CHILD = 2


def convert_all(
    children: Sequence[Child],
    *,
    take: Callable[[], Work | None],
    convert: Callable[[Child, Work], Result],
    stop: Callable[[], None],
) -> Generator[tuple[Work, Result | RereadError], None, None]:
    """Each piece of work with its result or its error, in the order they are finished, until `take` gives None.

    `convert` runs in the child's own thread; an error other than RereadError ends the crew and is raised here. `stop` must make
    every running `convert` end soon, and may be called again and again; it is called when the work is done or the caller stops.
    """
    results: queue.Queue[tuple[Work, Result | RereadError] | BaseException | None] = queue.Queue(
        WAITING_PER_CHILD * len(children)
    )
    stopped = threading.Event()

    def serve(child: Child) -> None:
        end: BaseException | None = None
        try:
            while not stopped.is_set() and (work := take()) is not None:
                results.put((work, _outcome(convert, child, work)))
        except BaseException as error:  # noqa: BLE001 - handed to the caller's thread and raised there
            end = error
        results.put(end)

    threads = [
        threading.Thread(target=serve, args=(child,), name=f"converter {n}", daemon=True) for n, child in enumerate(children)
    ]
    for thread in threads:
        thread.start()
    try:
        running = len(threads)
        while running:
            result = results.get()
            if isinstance(result, BaseException):
                raise result
            if result is None:
                running -= 1
            else:
                yield result
    finally:
        stopped.set()
        while any(thread.is_alive() for thread in threads):
            stop()  # each time: a thread may only now have begun what it took before
            _drain(results)
        stop()


def _outcome(convert: Callable[[Child, Work], Result], child: Child, work: Work) -> Result | RereadError:
    try:
        return convert(child, work)
    except RereadError as error:
        return error


def _drain(results: queue.Queue[Any]) -> None:
    """Let a thread that waits to hand over its result end."""
    try:
        results.get(timeout=0.05)
    except queue.Empty:
        return
