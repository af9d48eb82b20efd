"""GET /metrics: what Prometheus asks for, read from the ledger when it asks.

Nothing is counted twice: workers write their counters into the ledger (`Ledger.count`), jobs are rows of it, and only what this
process alone knows, its own requests, is counted here. Counting a hundred thousand rows takes longer than a scrape should, so an
answer of the ledger serves for a few seconds; what the library's tables say is looked up beside the scrape, never in it.

`reread_jobs_total` is a count of rows, as `reread_jobs` is: it falls where a job leaves its state (a failed one is retried) or a
document is deleted, which Prometheus takes for the restart of a counter.
"""

from __future__ import annotations

import logging
import shutil
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from typing import Any, Generic, TypeVar

from fastapi import APIRouter, Request, Response
from prometheus_client import CollectorRegistry, Counter, Histogram, ProcessCollector
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.exposition import CONTENT_TYPE_LATEST, generate_latest
from prometheus_client.registry import Collector

from api.context import Reads, Service, ServiceDep
from api.problems import documented
from errors import RereadError
from jobs.presence import Measure
from records import Queue
from store import tables
from store.measuring import table_facts

PREFIX = "reread_"
#: Seconds that an answer of the ledger serves; two Prometheus servers then cost as much as one.
LEDGER_S = 5.0
#: Seconds between two looks at the library's tables: each reads the statistics of every index and lists the folder.
LIBRARY_S = 60.0
SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0)
METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})

log = logging.getLogger("reread.metrics")
router = APIRouter(tags=["metrics"])
T = TypeVar("T")
Labels = tuple[tuple[str, str], ...]


class Kept(Generic[T]):
    """A value that is made again after so many seconds, by one thread at a time."""

    def __init__(self, make: Callable[[], T], seconds: float) -> None:
        self._make, self._seconds = make, seconds
        self._mutex = threading.Lock()
        self._made_at = float("-inf")
        self._value: T

    def get(self) -> T:
        with self._mutex:
            if time.monotonic() - self._made_at > self._seconds:
                self._value = self._make()
                self._made_at = time.monotonic()
            return self._value


#: Of this process: its requests, its memory and time.
PROCESS = CollectorRegistry()
ProcessCollector(registry=PROCESS)
_NAMED: dict[str, Any] = {"namespace": PREFIX.rstrip("_"), "registry": PROCESS}
_REQUESTS = Counter("http_requests", "Requests by route, method and status.", ["route", "method", "status"], **_NAMED)
_SECONDS = Histogram("http_request_seconds", "Seconds to the last byte of an answer.", ["route"], buckets=SECONDS, **_NAMED)


def observe(method: str, route: str, status: int, seconds: float) -> None:
    """Count one request. Only names of ours become labels: an address that a stranger makes up must not become a series."""
    route = route or "none"
    _REQUESTS.labels(route, method if method in METHODS else "other", str(status or "broken")).inc()
    _SECONDS.labels(route).observe(seconds)


class _ServiceCollector(Collector):
    """What ledger, broker and library say."""

    def __init__(self, service: Service) -> None:
        self._service = service
        self._ledger: Kept[list[Metric] | None] = Kept(self._ask_ledger, LEDGER_S)
        self._tables: list[Metric] = []
        self._tables_asked = float("-inf")

    def describe(self) -> Iterable[Metric]:
        return []  # registering must not ask the ledger

    def collect(self) -> Iterator[Metric]:
        found = self._ledger.get()
        yield _gauge("ledger_up", "1 where the ledger answers.", [((), float(found is not None))])
        yield _gauge("broker_up", "1 where the broker answers.", [((), float(self._service.broker_is_up()))])
        yield from found or []
        self._look_at_tables()
        yield from self._tables

    def _ask_ledger(self) -> list[Metric] | None:
        ledger = self._service.ledger
        try:
            depths, workers = ledger.depths(), ledger.workers()
            by_queue: list[tuple[Labels, Queue]] = [((("queue", queue.value),), queue) for queue in Queue]
            serving = [(key, float(sum(queue.value in worker.queues for worker in workers))) for key, queue in by_queue]
            return [
                *_jobs(ledger.error_counts()),
                _ages(ledger.oldest()),
                _gauge("queue_depth", "Jobs to be taken now.", [(key, float(depths.get(q, 0))) for key, q in by_queue]),
                _gauge("workers", "Worker processes that serve a queue.", serving),
                *_measured(ledger.measures()),
            ]
        except RereadError as error:
            log.warning("the ledger does not answer", extra={"code": error.code})
            return None

    def _look_at_tables(self) -> None:
        """Begin a look at the tables where the last one is old; the next scrape has what it finds."""
        if time.monotonic() - self._tables_asked > LIBRARY_S:
            self._tables_asked = time.monotonic()
            threading.Thread(target=self._measure_tables, name="measure-tables", daemon=True).start()

    def _measure_tables(self) -> None:
        try:
            facts = table_facts(self._service.place.library)
            free = shutil.disk_usage(self._service.place.library.root).free
        except (RereadError, OSError) as error:
            log.warning("the library's tables cannot be measured", extra={"error": str(error)})
            return
        by_table = [((("table", fact.table),), fact) for fact in facts]
        self._tables = [
            _gauge("lance_rows", "Rows of a table.", [(key, float(fact.rows)) for key, fact in by_table]),
            _gauge(
                "lance_unindexed_rows",
                "Rows that are in no index yet.",
                [
                    (key, float(fact.unindexed_rows))
                    for key, fact in by_table
                    if fact.table in (tables.CHUNKS, tables.EXTRACTIONS)
                ],
            ),
            _gauge("lance_bytes", "Bytes of all tables on the disk.", [((), float(sum(fact.bytes for fact in facts)))]),
            _gauge("disk_free_bytes", "Bytes that are free where the library lies.", [((), float(free))]),
        ]


def _gauge(name: str, told: str, samples: Iterable[tuple[Labels, float]]) -> Metric:
    family = GaugeMetricFamily(PREFIX + name, told)
    for labels, value in samples:
        family.add_sample(PREFIX + name, dict(labels), value)
    return family


def _jobs(counts: dict[tuple[str, str, str], int]) -> Iterator[Metric]:
    samples = [
        ((("kind", kind), ("state", state), ("error_code", code)), float(n))
        for (kind, state, code), n in sorted(counts.items())
    ]
    yield _gauge("jobs", "Jobs in the ledger.", samples)
    yield _counter("jobs_total", "Jobs in the ledger, to take rates of.", samples)


def _ages(oldest: dict[tuple[str, Any], float]) -> Metric:
    told = "Seconds since the job was touched that waits or runs the longest."
    return _gauge(
        "job_age_seconds", told, [((("queue", q), ("state", state.value)), age) for (q, state), age in oldest.items()]
    )


def _counter(name: str, told: str, samples: Iterable[tuple[Labels, float]]) -> Metric:
    """A counter by exactly this name: prometheus_client would take `_total` off and find `jobs` twice."""
    family = _Exact(PREFIX + name, told, "counter")
    for labels, value in samples:
        family.add_sample(PREFIX + name, dict(labels), value)
    return family


class _Exact(Metric):
    """A family whose name is written as it stands."""

    def __init__(self, name: str, told: str, kind: str) -> None:
        super().__init__(name.removesuffix("_total") if kind == "counter" else name, told, kind)


def _measured(measures: Iterable[Measure]) -> Iterator[Metric]:
    """The counters that workers wrote, as the families that Prometheus knows: counters, histograms, and gauges for what else there is."""
    families: dict[str, tuple[str, list[Measure]]] = {}
    found = list(measures)
    histograms = {m.name.removesuffix("_bucket") for m in found if m.name.endswith("_bucket")}
    for measure in found:
        base = next((h for h in histograms if measure.name in (f"{h}_bucket", f"{h}_sum", f"{h}_count")), None)
        kind = "histogram" if base else "counter" if measure.name.endswith("_total") else "gauge"
        families.setdefault(base or measure.name, (kind, []))[1].append(measure)
    for name, (kind, own) in families.items():
        family = _Exact(_prefixed(name), "Counted by the workers.", kind)
        for measure in sorted(own, key=_as_written):
            family.add_sample(_prefixed(measure.name), dict(measure.labels), measure.value)
        yield family


def _prefixed(name: str) -> str:
    return name if name.startswith(PREFIX) else PREFIX + name


def _as_written(measure: Measure) -> tuple[Any, ...]:
    """Buckets of one series side by side and by their bound, as the format demands."""
    bound = dict(measure.labels).get("le")
    others = tuple(label for label in measure.labels if label[0] != "le")
    return (others, measure.name, float(bound) if bound else 0.0)


@router.get(
    "/metrics",
    summary="Metrics for Prometheus",
    response_class=Response,
    responses={
        200: {"description": "Prometheus' text format.", "content": {"text/plain": {"schema": {"type": "string"}}}},
        **documented(),
    },
)
def metrics(request: Request, service: ServiceDep, caller: Reads) -> Response:
    """Queues, jobs, workers, requests, tables; what the workers counted."""
    state = request.app.state
    if not hasattr(state, "service_metrics"):
        state.service_metrics = CollectorRegistry()
        state.service_metrics.register(_ServiceCollector(service))
    return Response(generate_latest(PROCESS) + generate_latest(state.service_metrics), media_type=CONTENT_TYPE_LATEST)
