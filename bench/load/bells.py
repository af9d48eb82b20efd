"""A Celery application with nothing to do: `celery -A bench.load.bells worker -Q bare,convert,write`.

`reread.bare` is a task as Celery has it: a message per task. `reread.convert` and `reread.write` are ours: the real Station going
through the real ledger, with papers that are converted and stored by doing nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from typing import cast

import worker
from bench.light_parts import LightPlace
from bench.load.queueing import HOPS
from broker import Bell, broker_address
from ingest.sandbox import ConverterChild
from jobs import Done
from records import Embed, Job
from settings import load_settings
from worker import app
from working import Station
from workplace import Workplace

__all__ = ["app"]

app.conf.include = ["bench.load.bells"]
#: A message per task would have processes replaced again and again, and a message per ten seconds would not.
app.conf.worker_max_tasks_per_child = None


class _Nobody:
    def start(self) -> None:
        """There is nothing to wait for."""


class Idle(Station):
    """A station whose work is none."""

    child = cast(ConverterChild, _Nobody())
    embed = cast(Embed, staticmethod(lambda texts: None))

    def _convert(self, job: Job) -> None:
        if job.payload[HOPS] == 1:
            self.ledger.finish(job, [_line(job)])
        else:
            self._hand_over([job], "nothing")

    def _write(self, jobs: Sequence[Job]) -> None:
        self.ledger.finish_all((job, [_line(job)]) for job in self.ledger.start_writing(jobs))


def _line(job: Job) -> Done:
    return Done(stage="chunks", key=job.key, doc_id=str(job.payload["doc_id"]), detail={"chunks": 0})


@cache
def place() -> Workplace:
    return LightPlace(load_settings())


@cache
def station() -> Idle:
    return Idle(place(), Bell(broker_address(place().settings)).ring)


@app.task(name="reread.bare")
def bare() -> None:
    """Nothing."""


worker.place = place
worker.station = station
