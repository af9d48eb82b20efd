"""GET /metrics: what Prometheus reads is what the ledger says, quickly, and says when something is away."""

from __future__ import annotations

import statistics
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from api_server import Api, running, serving
from prometheus_client.parser import text_string_to_metric_families

from api import metrics
from errors import LedgerUnreachable
from jobs import Ledger
from jobs.presence import Measure

Samples = dict[tuple[str, frozenset[tuple[str, str]]], float]


@pytest.fixture
def api(tmp_path: Path) -> Iterator[Api]:
    with serving(tmp_path) as api:
        yield api


def scraped(api: Api) -> Samples:
    answer = api.get("/metrics", key=api.reader or None)
    assert answer.status_code == 200, answer.text
    assert answer.headers["Content-Type"].startswith("text/plain")
    families = list(text_string_to_metric_families(answer.text))
    return {(s.name, frozenset(s.labels.items())): s.value for family in families for s in family.samples}


def value(samples: Samples, name: str, **labels: str) -> float | None:
    return samples.get((f"reread_{name}", frozenset(labels.items())))


def test_jobs_queues_and_workers_are_those_of_the_ledger(api):
    api.submit("a", "b", "c")
    api.ledger.fail(api.claim(), code="damaged", message="broken")
    api.ledger.see_worker("w1", "here", ["convert", "write"])
    samples = scraped(api)

    for name in ("jobs", "jobs_total"):
        assert value(samples, name, kind="add", state="queued", error_code="") == 2
        assert value(samples, name, kind="add", state="failed", error_code="damaged") == 1
    assert value(samples, "queue_depth", queue="convert") == 2
    assert value(samples, "queue_depth", queue="maintain") == 0
    assert (value(samples, "workers", queue="write"), value(samples, "workers", queue="extract")) == (1, 0)
    age = value(samples, "job_age_seconds", queue="convert", state="queued")
    assert age is not None
    assert 0 <= age < 60
    assert (value(samples, "ledger_up"), value(samples, "broker_up")) == (1, 1)


def test_what_workers_counted_is_a_counter_or_a_histogram_by_its_name(api):
    buckets = [
        Measure(name="conversion_seconds_bucket", labels=(("le", le),), value=n)
        for le, n in (("+Inf", 3), ("0.5", 1), ("10", 3))
    ]
    api.ledger.count(
        [
            *buckets,
            Measure(name="conversion_seconds_sum", value=7.5),
            Measure(name="conversion_seconds_count", value=3),
            Measure(name="pages_total", value=40),
            Measure(name="llm_requests_total", labels=(("route", "text"), ("status", "ok")), value=5),
        ]
    )
    text = api.get("/metrics", key=api.reader).text
    samples = scraped(api)

    assert value(samples, "conversion_seconds_bucket", le="0.5") == 1
    assert value(samples, "conversion_seconds_bucket", le="+Inf") == 3
    assert value(samples, "pages_total") == 40
    assert value(samples, "llm_requests_total", route="text", status="ok") == 5
    assert "# TYPE reread_conversion_seconds histogram" in text
    assert "# TYPE reread_pages_total counter" in text
    bounds = [line.split('"')[1] for line in text.splitlines() if line.startswith("reread_conversion_seconds_bucket")]
    assert bounds == ["0.5", "10", "+Inf"]


def test_requests_are_counted_by_their_route_and_never_by_an_address_that_somebody_made_up(api):
    for doc_id in ("a" * 64, "b" * 64):
        api.get(f"/v1/documents/{doc_id}", key=api.alice)
    api.get("/v1/of-my-own-making", key=api.alice)
    samples = scraped(api)

    assert (value(samples, "http_requests_total", route="/v1/documents/{document_id}", method="GET", status="404") or 0) >= 2
    assert (value(samples, "http_request_seconds_count", route="/v1/documents/{document_id}") or 0) >= 2
    assert not [key for key in samples if "of-my-own-making" in str(key) or "a" * 64 in str(key)]


def test_the_tables_are_measured_beside_the_scrape(api):
    api.store_named("a.pdf", "b.pdf")
    deadline = time.monotonic() + 20
    while (rows := value(scraped(api), "lance_rows", table="chunks")) is None and time.monotonic() < deadline:
        time.sleep(0.05)
    samples = scraped(api)

    assert rows == 6
    assert value(samples, "lance_unindexed_rows", table="chunks") == 0
    assert (value(samples, "lance_bytes") or 0) > 1000


def test_a_ledger_that_is_away_is_said_and_the_scrape_goes_on(api, monkeypatch):
    def away(*_: object) -> None:
        raise LedgerUnreachable("away")

    monkeypatch.setattr(Ledger, "error_counts", away)
    samples = scraped(api)

    assert (value(samples, "ledger_up"), value(samples, "broker_up")) == (0, 1)
    assert value(samples, "queue_depth", queue="convert") is None


def test_a_broker_that_is_away_is_said(tmp_path):
    with serving(tmp_path, broker_is_up=False) as api:
        assert value(scraped(api), "broker_up") == 0


def test_a_stranger_reads_no_metrics(api):
    assert api.get("/metrics").status_code == 401
    assert api.get("/metrics", key="reread_00000000_wrong").status_code == 401


def test_a_scrape_of_a_hundred_thousand_jobs_takes_less_than_200_ms(api, monkeypatch):
    for part in range(20):
        work = [(f"k{part}-{n}", {"doc_id": f"{n:064x}", "name": f"{n}.pdf"}, 1) for n in range(5000)]
        api.ledger.submit(f"read:run{part:02}" if part % 2 else "add:recipe", work, tenant=f"t{part % 3}")
    with api.ledger._transaction() as db:
        db.execute("UPDATE jobs SET state = 'done' WHERE substr(id, 1, 1) < '8'")
        db.execute("UPDATE jobs SET state = 'failed', error_code = 'damaged' WHERE substr(id, 1, 1) = '8'")
    monkeypatch.setattr(metrics, "LEDGER_S", 0.0)
    with running(api.service) as port:
        seconds = []
        for _ in range(5):
            started = time.perf_counter()
            answer = api.client.get(f"http://127.0.0.1:{port}/metrics", headers={"X-Api-Key": api.reader})
            seconds.append(time.perf_counter() - started)
            assert answer.status_code == 200

    print(f"scrape of 100,000 jobs, nothing kept: median {statistics.median(seconds) * 1000:.0f} ms")
    assert statistics.median(seconds) < 0.2
