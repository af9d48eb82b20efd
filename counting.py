"""What workers count, by the names that Prometheus knows: of conversions, of readings, of what was written."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import TYPE_CHECKING

from errors import ConversionFailed, RereadError
from jobs.presence import Measure
from records import Extraction, Job, Run, Usage
from rereading import ReadReport
from storing import AddReport

if TYPE_CHECKING:
    from ingest.sandbox import Converted

#: Upper bounds of the buckets of conversion_seconds.
CONVERSION_BUCKETS = (0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 120.0, 300.0)


def conversion(converted: Converted) -> list[Measure]:
    """Of one converted paper."""
    seconds = converted.convert_s + converted.split_s
    buckets = [f"{bound:g}" for bound in CONVERSION_BUCKETS if seconds <= bound] + ["+Inf"]
    return [
        *(Measure(name="conversion_seconds_bucket", labels=(("le", bound),)) for bound in buckets),
        Measure(name="conversion_seconds_sum", value=seconds),
        Measure(name="conversion_seconds_count"),
        Measure(name="pages_total", value=converted.n_pages),
    ]


def child_memory(converted: Converted) -> Measure:
    """The most that the converter child has held so far."""
    return Measure(name="child_rss_bytes", value=converted.peak_mb << 20)


def failure(error: RereadError) -> list[Measure]:
    """Of one paper that could not be converted."""
    if not isinstance(error, ConversionFailed):
        return []
    return [Measure(name="child_kills_total", labels=(("reason", error.code),))]


def readings(run: Run, rows: Sequence[Extraction], report: ReadReport) -> list[Measure]:
    """Of one shard of a run."""
    lanes = Counter(extraction.route.lane.value for extraction in rows)
    lanes["skip"] += sum(report.skipped.values())
    return [
        *(Measure(name="route_chunks_total", labels=(("route", lane),), value=n) for lane, n in lanes.items() if n),
        *_requests(rows),
        *_tokens(rows),
        Measure(name="reprocess_rows_total", labels=(("prompt", run.prompt_name),), value=len(rows)),
    ]


def _requests(rows: Sequence[Extraction]) -> list[Measure]:
    """Readings by lane and outcome: what finished well finished by itself."""
    outcomes = Counter((extraction.route.lane.value, extraction.reading.error_code) for extraction in rows)
    return [
        Measure(
            name="llm_requests_total",
            labels=(("finish_reason", code or "stop"), ("route", lane), ("status", code or "ok")),
            value=n,
        )
        for (lane, code), n in outcomes.items()
    ]


def _tokens(rows: Sequence[Extraction]) -> list[Measure]:
    """Tokens by lane and kind, and joules where a reader knows them."""
    sums: Counter[tuple[str, str]] = Counter()
    joules = 0.0
    for extraction in rows:
        usage: Usage = extraction.reading.usage
        lane = extraction.route.lane.value
        known = {"prompt": usage.prompt_tokens, "cached": usage.cached_tokens, "completion": usage.completion_tokens}
        for kind, n in known.items():
            sums[lane, kind] += n or 0
        joules += usage.energy_j or 0.0
    tokens = [
        Measure(name="llm_tokens_total", labels=(("kind", kind), ("route", lane)), value=n)
        for (lane, kind), n in sums.items()
        if n
    ]
    return [*tokens, Measure(name="energy_joules_total", value=joules)] if joules else tokens


def writing(report: AddReport, jobs: Sequence[Job]) -> list[Measure]:
    """Of one commit of the writer."""
    read = sum(job.kind.startswith("read:") for job in jobs)
    counted = [
        Measure(name="rows_written_total", labels=(("table", "chunks"),), value=report.chunks),
        Measure(name="documents_read_total", value=read),
    ]
    return [measure for measure in counted if measure.value]
