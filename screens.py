"""What the command line shows: progress while work goes on, tables and summaries when it is done.

Data goes to stdout, everything else to stderr. Rich is imported only where something is drawn: `--help` and `--json` do not
wait for it.
"""

from __future__ import annotations

import re
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import rereading
import storing
from records import Hit, Run
from rereading import ReadReport
from storing import AddReport, Failure

if TYPE_CHECKING:
    from rich.console import Console

    from pipeline import JoinReport, Status

#: Without a terminal, a plain line of progress at most so often.
PLAIN_EVERY_S = 5.0
#: Characters of a passage that a search shows, and values of a record.
PASSAGE = 260
ITEMS = 2


def out() -> Console:
    """Where data goes."""
    from rich.console import Console

    # A pipe has no width: a table is then as wide as what it holds.
    return Console(highlight=False, soft_wrap=not sys.stdout.isatty(), width=None if sys.stdout.isatty() else 240)


def note(text: str) -> None:
    """Say something that is not data."""
    print(printable(text), file=sys.stderr, flush=True)


def printable(text: str) -> str:
    """Text without the control signs that a terminal would obey: papers and models may hold any."""
    return re.sub(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]", "\N{REPLACEMENT CHARACTER}", text)


@contextmanager
def add_progress(total_bytes: int) -> Iterator[storing.Progress]:
    """Progress of an add: pages done, rate and time left; the time left is judged by bytes."""
    with _progress(total_bytes) as advance:
        yield lambda name, report, size: advance(size, report.pages, "pages", name)


@contextmanager
def read_progress(total_units: int) -> Iterator[rereading.Progress]:
    """Progress of a reprocess: units settled, rate and time left."""
    done = 0

    with _progress(total_units) as advance:

        def step(report: ReadReport, size: int) -> None:
            nonlocal done
            done += size
            advance(size, done, "chunks", f"{report.values:,} values")

        yield step


@contextmanager
def _progress(total: int) -> Iterator[Any]:
    """A function (size, done, unit, label) that shows the step on stderr: a bar on a terminal, else plain lines."""
    started = time.monotonic()
    if not sys.stderr.isatty():
        yield _plain_lines(total, started)
        return
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

    columns = (TextColumn("{task.fields[count]}"), BarColumn(), TextColumn("{task.percentage:>3.0f} %"), TimeElapsedColumn())
    with Progress(
        *columns, TextColumn("left"), TimeRemainingColumn(), TextColumn("{task.fields[label]}"), console=Console(stderr=True)
    ) as bar:
        task = bar.add_task("", total=total, count="starting", label="")

        def show(size: int, done: int, unit: str, label: str) -> None:
            rate = done / max(time.monotonic() - started, 0.001)
            bar.update(task, advance=size, count=f"{done:,} {unit}, {rate:.1f}/s", label=label[:40])

        yield show


def _plain_lines(total: int, started: float) -> Any:
    sizes, last = 0, started

    def show(size: int, done: int, unit: str, label: str) -> None:
        nonlocal sizes, last
        sizes += size
        now = time.monotonic()
        if now - last >= PLAIN_EVERY_S:
            last = now
            left = (now - started) * (total - sizes) / max(sizes, 1)
            note(f"{done:,} {unit}, {done / (now - started):.1f}/s, about {max(left, 0):.0f} s left")

    return show


def show_add(report: AddReport) -> None:
    console = out()
    console.print(f"{report.added} added, {report.known} already here, {len(report.failures)} failed")
    if report.added:
        rate = report.pages / max(report.wall_s, 0.001)
        console.print(f"{report.pages:,} pages, {report.chunks:,} chunks in {report.wall_s:.1f} s: {rate:.1f} pages/s")
        total = sum(report.stage_s.values())
        shares = ", ".join(f"{stage} {seconds / total:.0%}" for stage, seconds in report.stage_s.items())
        console.print(f"of the work: {shares}")
    else:
        files = report.known + len(report.failures)
        console.print(f"{files:,} files looked at in {report.wall_s:.2f} s, 0 converted")
    for warning in report.warnings:
        note(f"note: {warning}")
    show_failures(report.failures)


def show_joined(report: JoinReport) -> None:
    """What a bibliography was joined to, and what of it was not."""
    console = out()
    console.print(
        f"bibliography: {report.entries:,} entries, joined to {report.joined:,} papers, {len(report.unmatched):,} matched none"
    )
    for key in report.unmatched:
        console.print(f"  matched none  {printable(key)}", markup=False)
    for line in report.unread:
        note(f"not read: {line}")


def show_failures(failures: Sequence[Failure]) -> None:
    """Each failure with its name, then once per name what to do."""
    if not failures:
        return
    console = out()
    console.print()
    for failure in sorted(failures, key=lambda failure: (failure.code, failure.name)):
        console.print(f"  {failure.code:<17} {failure.name}", markup=False)
    console.print("\nWhat to do:")
    for code, advice in sorted({failure.code: failure.advice for failure in failures}.items()):
        if advice:
            console.print(f"  {code:<17} {advice}", markup=False)


def show_read(report: ReadReport, prompt: str) -> None:
    console = out()
    console.print(
        f"{report.read:,} read, {report.cached:,} read before, {sum(report.skipped.values()):,} skipped, "
        f"{sum(report.failed.values()):,} failed; {report.values:,} values in {report.wall_s:.1f} s"
    )
    if report.cached_documents:
        console.print(
            f"{report.cached_documents} of {report.documents} documents were read whole before: 0 chunks of them read now"
        )
    for reason, n in report.skipped.most_common(3):
        console.print(f"  skipped {n:,}: {reason}", markup=False)
    for code, n in report.failed.most_common():
        console.print(f"  failed {n:,}: {code}")
    console.print(
        f"run {report.run_id}: reread export {report.run_id} --format csv; reread search WORDS --in extractions --run {prompt}",
        markup=False,
    )


def show_hits(hits: Sequence[Hit], query: str) -> None:
    """Each hit with its place; the words of the query stand out on a terminal."""
    from rich.text import Text

    console = out()
    for hit in hits:
        pages = ", ".join(map(str, hit.pages))
        head = Text.assemble(
            (f"{hit.score:.3f} ", "dim"),
            (hit.doc_name, "bold"),
            f", page {pages}" if pages else "",
            ("  " + " > ".join(hit.headings), "dim"),
        )
        console.print(head)
        if hit.record:
            console.print(Text(printable("    " + _one_line(hit.record, query)), "cyan"))
        text = Text(printable("    " + passage(hit.text, query)))
        text.highlight_words(re.findall(r"\w{3,}", query), "bold yellow", case_sensitive=False)
        console.print(text)


def passage(text: str, query: str, size: int = PASSAGE) -> str:
    """The stretch of the text that holds most words of the query, from the start of a sentence where it can be."""
    text = " ".join(text.split())
    if len(text) <= size:
        return text
    stems = _stems(query)
    starts = [0, *(match.end() for match in re.finditer(r"[.;:] ", text))]

    def held(start: int) -> int:
        window = text[start : start + size].lower()
        return sum(stem in window for stem in stems)

    start = max(starts, key=lambda start: (held(start), -start))
    return ("… " if start else "") + text[start : start + size].rstrip() + (" …" if start + size < len(text) else "")


def _one_line(record: dict[str, Any], query: str) -> str:
    """A record's values in one line, those first that hold most words of the query."""
    items = [item for value in record.values() if isinstance(value, list) for item in value if isinstance(item, dict)] or [
        record
    ]
    stems = _stems(query)
    items.sort(key=lambda item: -sum(stem in str(item).lower() for stem in stems))
    lines = [
        ", ".join(f"{name} {value}" for name, value in item.items() if value not in (None, [], "") and name != "quote")
        for item in items[:ITEMS]
    ]
    return " · ".join(lines) + (f" · {len(items) - ITEMS} more" if len(items) > ITEMS else "")


def _stems(query: str) -> set[str]:
    """The beginnings of a query's words, so that 'forecasts' is found by 'forecasting'."""
    return {word.lower()[:6] for word in re.findall(r"\w{3,}", query)}


def show_runs(runs: Sequence[Run]) -> None:
    from rich.table import Table

    table = Table(
        "run",
        "prompt",
        "model",
        "state",
        "documents",
        "units",
        "read",
        "values",
        "seconds",
        "tokens",
        "selection",
        "created",
        box=None,
    )
    for run in runs:
        counts = run.counts
        tokens = counts.get("prompt_tokens", 0) + counts.get("completion_tokens", 0)
        numbers = [f"{int(counts.get(name, 0)):,}" for name in ("documents", "units", "extractions", "n_values")]
        table.add_row(
            run.id, run.prompt_name, run.model, run.state.value, *numbers, f"{counts.get('seconds', 0):.1f}",
            f"{int(tokens):,}" if tokens else "-", run.selection, run.created,
        )  # fmt: skip
    out().print(table)


def show_table(headings: Sequence[str], rows: Sequence[Sequence[Any]]) -> None:
    from rich.table import Table
    from rich.text import Text

    table = Table(*headings, box=None, pad_edge=False)
    for row in rows:
        table.add_row(*(Text(printable(str(cell))) for cell in row))
    out().print(table)


def show_status(status: Status, root: Path) -> None:
    rows = [
        ("library", root.absolute()),
        ("papers", f"{status.documents:,}, {status.pages:,} pages, {status.chunks:,} chunks"),
        ("read", f"{status.extractions:,} extractions in {status.runs:,} runs"),
        ("stored", f"{status.bytes / 1e6:,.1f} MB, {status.blobs:,} blobs"),
        ("embedded by", status.embedding),
        *(
            (f"jobs: {kind}", ", ".join(f"{n:,} {state}" for state, n in sorted(states.items())))
            for kind, states in status.jobs.items()
        ),
    ]
    show_table(("", ""), rows)
    show_failures(status.failures)
