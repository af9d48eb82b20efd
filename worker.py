"""The Celery application. Start it with `reread worker --queues convert`, or `celery -A worker worker -Q convert`.

A task is a doorbell: it names no job, takes what the ledger says is next, and gives nothing back. All that it does stands in
working.py.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from functools import cache
from typing import Any

from celery.signals import worker_init, worker_process_init, worker_process_shutdown, worker_ready, worker_shutting_down

from broker import Bell, broker_address, make_app
from kernel import step_back
from observing import configure_logging, flush_traces
from records import Queue
from settings import load_settings
from watching import Watch
from working import Station
from workplace import Workplace

#: Of processes that convert. A tenth of the weight of others, where those have something to do.
NICENESS = 10

app = make_app(broker_address(load_settings()))


@cache
def place() -> Workplace:
    """What the settings open; in each process of the pool anew."""
    return Workplace(load_settings())


@cache
def bell() -> Bell:
    return Bell(broker_address(place().settings))


@cache
def station() -> Station:
    return Station(place(), bell().ring)


@cache
def serve_people_first() -> None:
    """With every core at work, an answer of the API would wait for its time slice."""
    step_back(NICENESS)  # the converter child and the encoder's threads, which come later, do as well


@app.task(name="reread.convert")
def convert() -> None:
    serve_people_first()
    station().convert_some()


@app.task(name="reread.extract")
def extract() -> None:
    serve_people_first()
    station().read_some()


@app.task(name="reread.write")
def write() -> None:
    serve_people_first()
    station().write_some()


@app.task(name="reread.maintain")
def maintain() -> None:
    station().maintain()


@worker_init.connect
@worker_process_init.connect
def speak(**_: Any) -> None:
    configure_logging("worker")


@worker_process_shutdown.connect
def leave(**_: Any) -> None:
    """End the converter child and remove the scratch folder: a process of the pool ends without Python's own tidying up."""
    if station.cache_info().currsize:
        station().close()
    flush_traces()


@worker_ready.connect
def watch(sender: Any, **_: Any) -> None:
    """Say that this worker is there, and sweep where nobody else does."""
    queues = sorted(sender.task_consumer.queues, key=str) if sender.task_consumer else []
    names = [getattr(queue, "name", queue) for queue in queues]
    watcher = Watch(
        place().ledger,
        bell().ring,
        name=f"{sender.hostname}/{os.getpid()}",
        queues=names,
        webhook_hosts=(),  # the API tells the outside world: workers need not reach it
    )
    watcher.start()
    worker_shutting_down.connect(lambda **_: watcher.stop(), weak=False)


def run(queues: Sequence[Queue], *, concurrency: int) -> None:
    """Serve these queues with so many processes until told to stop."""
    names = ",".join(queue.value for queue in queues)
    quiet = ["--without-gossip", "--without-mingle", "--without-heartbeat", "--loglevel", "WARNING"]
    app.worker_main(
        ["worker", "-Q", names, "-c", str(concurrency), "-n", f"{names.replace(',', '+')}-{os.getpid()}@%h", *quiet]
    )
