"""The thread that every long-lived process of the service runs: it says that the process is there, and one of them all sweeps.

Sweeping is what makes the promise that nothing is lost: whatever the ledger says is to be done is rung for again and again,
whoever died and whatever the broker forgot.
"""

from __future__ import annotations

import logging
import socket
import threading
import time
from collections.abc import Callable, Sequence

import pipeline
from errors import RereadError
from jobs import Ledger
from records import Queue
from webhooks import deliver_due

log = logging.getLogger("reread.watch")

#: Seconds between two looks.
TICK_S = 5.0
#: Between two rounds of compaction and tidying up.
MAINTAIN_S = 120.0

Ring = Callable[[Queue, int], None]


class Watch:
    """Heartbeat and sweeper of one process; `queues` are those that it serves, none for the API."""

    def __init__(self, ledger: Ledger, ring: Ring, *, name: str, queues: Sequence[str], webhook_hosts: Sequence[str]) -> None:
        self._ledger, self._ring, self._hosts = ledger, ring, tuple(webhook_hosts)
        self._name, self._queues = name, tuple(queues)
        self._stop = threading.Event()
        self._threads = [
            threading.Thread(target=self._keep, args=(round_,), name=round_.__name__.strip("_"), daemon=True)
            for round_ in (self._look, self._deliver)
        ]
        self._maintained = time.monotonic()

    def start(self) -> None:
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        """End at once; another process takes over what this one watched."""
        self._stop.set()
        try:
            self._ledger.leave_worker(self._name)
            for role in ("sweep", "deliver"):
                self._ledger.give_role(role)
        except RereadError as error:
            log.warning("could not sign off: %s", error)

    def _keep(self, round_: Callable[[], None]) -> None:
        while not self._stop.is_set():
            try:
                round_()
            except RereadError as error:
                log.warning("%s; tried again in %g s", error, TICK_S)
            except Exception:  # a watch that ends is work that is lost; told with its traceback, and tried again
                log.exception("the watch stumbled; it goes on in %g s", TICK_S)
            self._stop.wait(TICK_S)

    def _look(self) -> None:
        if self._queues:
            self._ledger.see_worker(self._name, socket.gethostname(), self._queues)
        if self._ledger.take_role("sweep"):
            sweep(self._ledger, self._ring)
            if time.monotonic() - self._maintained > MAINTAIN_S:
                self._maintained = time.monotonic()
                self._ring(Queue.MAINTAIN, 1)

    def _deliver(self) -> None:
        if self._hosts and self._ledger.take_role("deliver"):
            deliver_due(self._ledger, self._hosts)


def sweep(ledger: Ledger, ring: Ring) -> None:
    """Queue again what the dead held, end the runs that are over, and ring wherever there is work."""
    for job in ledger.sweep():
        log.warning("job %s was given up: its holders died %d times", job.id, job.losses + 1)
    for run in ledger.open_runs():
        pipeline.close_run(run, ledger=ledger)
    for queue, waiting in ledger.depths().items():
        ring(queue, waiting)
