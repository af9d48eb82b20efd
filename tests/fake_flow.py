"""Doubles for the flow's two slow parts: a converter child and a reader whose outcomes are queued, and a workplace of them.

A file of these tests is '%PDF-' and lines of text; each line becomes a chunk.
"""

from __future__ import annotations

import threading
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager
from functools import partial
from pathlib import Path
from typing import Any, cast

from makers import BOX, embed, make_chunk, make_document, make_evidence

import pipeline
from extract.batches import BatchSession, open_batches
from extract.panel import Panel
from ingest.sandbox import Converted, ConvertedFigure, ConverterChild
from jobs import Ledger
from records import Embed, Lane, PageQuality, Prompt, Reader, Reading, Source, Unit, Usage, content_id
from rereading import Question, ReadReport
from settings import RoutingSettings
from store.library import Library
from storing import AddReport, Recipe

#: What happens instead of a conversion or a reading: an error to raise, or something to do first.
Outcome = BaseException | Callable[[], None] | None


def write_pdf(folder: Path, name: str, *lines: str) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / name
    path.write_text("\n".join(["%PDF-1.7", *(lines or (f"This is {name}.", "The half-life was 2.3 h."))]))
    return path


class FakeChild:
    """Like ingest.sandbox.ConverterChild. `outcomes` holds, by file name, what happens at each conversion before it succeeds."""

    def __init__(self, **outcomes: Sequence[Outcome]) -> None:
        self.outcomes = {name.replace("_", ".", 1): list(queued) for name, queued in outcomes.items()}
        self.seen: list[str] = []
        self.closed = 0
        self._mutex = threading.Lock()

    def close(self) -> None:
        self.closed += 1

    def start(self) -> None:
        """There is nothing to start."""

    def convert(
        self,
        source: Source,
        *,
        conversion_id: str,
        workdir: Path,
        on_page: Callable[[int, int], None] | None = None,
        keep_going: Callable[[], None] | None = None,
    ) -> Converted:
        assert list(workdir.iterdir()) == []
        with self._mutex:
            self.seen.append(source.name)
            outcome = self.outcomes[source.name].pop(0) if self.outcomes.get(source.name) else None
        if isinstance(outcome, BaseException):
            (workdir / "docling.json").write_text("half a conv")
            raise outcome
        if outcome:
            outcome()
        if keep_going:
            keep_going()
        if on_page:
            on_page(1, 1)
        return converted_lines(source, conversion_id, workdir)


def converted_lines(source: Source, conversion_id: str, workdir: Path) -> Converted:
    """What a converter child gives for a file of these tests, its files in the work folder."""
    lines = source.path.read_text().splitlines()[1:]
    (workdir / "figures").mkdir()
    for name in ("docling.json", "paper.md"):
        (workdir / name).write_text(f"{name} of {lines}")
    logo = workdir / "figures" / "0.png"
    logo.write_text("the same logo in every paper")
    page = PageQuality(page=1, width=600, height=800, n_chars=100, figure_share=0, confidence=1)
    return Converted(
        document=make_document(source.name, id=source.sha256, size=source.size),
        n_pages=1,
        is_partial=False,
        warnings=(),
        pages=(page,),
        figures=(ConvertedFigure(ref="#/pictures/0", page=1, box=BOX, png=logo),),
        docling_json=workdir / "docling.json",
        markdown=workdir / "paper.md",
        chunks=tuple(
            make_chunk(line, ordinal=i, doc_id=source.sha256, conversion_id=conversion_id) for i, line in enumerate(lines)
        ),
        convert_s=0.01,
        split_s=0.01,
        peak_mb=1,
    )


class FakeReader:
    """Like any Reader. `outcomes` holds, by a chunk's text, what happens at each reading of it before it succeeds."""

    lane = Lane.EMBEDDED
    alias = "fake"

    def __init__(self, key: str = "fake", outcomes: dict[str, list[Any]] | None = None) -> None:
        self.key = content_id("reader", key)
        self.outcomes: dict[str, list[Any]] = defaultdict(list, outcomes or {})
        self.seen: list[str] = []

    def open(self, prompt: Prompt) -> AbstractContextManager[BatchSession]:
        return open_batches(partial(self.read, prompt))

    def read(self, prompt: Prompt, units: Sequence[Unit]) -> Iterator[Reading]:
        for unit in units:
            chunk = unit.chunks[0]
            outcome = self.outcomes[chunk.text].pop(0) if self.outcomes[chunk.text] else None
            if isinstance(outcome, BaseException):
                raise outcome
            self.seen.append(chunk.text)
            if isinstance(outcome, Reading):
                yield outcome
            else:
                record = {"value": chunk.text, "prompt": prompt.name}
                yield Reading(record=record, evidence=(make_evidence(chunk),), usage=Usage(seconds=0.01))


def panel_of(reader: Reader) -> Panel:
    """This reader alone, as a run has it."""
    return Panel([reader], RoutingSettings())


FAILED = Reading(record=None, error_code="answer_invalid", error="no JSON", raw="{")


class Place:
    """A library with its ledger and what works on them."""

    def __init__(self, library: Library, ledger: Ledger) -> None:
        self.library, self.ledger = library, ledger
        self.recipe = Recipe(converter="rules/1", embedding="test", chunker="chunks/1")

    def add(
        self,
        *paths: Path,
        child: FakeChild | None = None,
        recipe: Recipe | None = None,
        embed: Callable[[], Embed] = lambda: embed,
    ) -> AddReport:
        return pipeline.add(
            paths, library=self.library, ledger=self.ledger, recipe=recipe or self.recipe, max_bytes=1 << 20,
            children=lambda: [cast(ConverterChild, child or FakeChild())], attempts=2, embed=embed, progress=lambda *_: None,
        )  # fmt: skip

    def reprocess(self, prompt: Prompt, reader: FakeReader, doc_ids: Sequence[str] | None = None) -> ReadReport:
        everything = sorted({line.doc_id for line in self.ledger.lines("chunks")})
        return pipeline.reprocess(
            Question(prompt=prompt, panel=panel_of(reader)), model="fake", doc_ids=everything if doc_ids is None else doc_ids,
            selection="all", library=self.library, ledger=self.ledger, progress=lambda *_: None,
        )  # fmt: skip

    def exported(self, run_id: str) -> list[str]:
        """The values of a run."""
        found, _ = pipeline.run_extractions(self.ledger.run(run_id), library=self.library, ledger=self.ledger)
        return sorted(extraction.reading.record["value"] for extraction in found if extraction.reading.record)

    def findings(self) -> list[pipeline.Finding]:
        return pipeline.audit(self.library, self.ledger, deep=True)
