"""Stand-ins for the service's slow parts: a conversion, an embedding and a reading take their time and cost no model.

Library, ledger, staging and writer are the real ones. A paper that is poison goes to a real converter child, which it really kills.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator, Sequence
from functools import cache
from pathlib import Path
from typing import Any, cast

from fake_flow import FakeReader, converted_lines, panel_of
from makers import embed

from extract.panel import Panel
from ingest.sandbox import Converted, ConverterChild
from records import Embed, Prompt, Reading, Source, Unit
from store.embedding import tokenizer_file
from store.library import Library, open_library
from storing import Recipe
from workplace import Workplace

MODEL = "stand-in"
RECIPE = Recipe(converter="stand-in/1", embedding=MODEL, chunker="lines/1")
#: Seconds of one conversion: which one is the paper's own, by its hash.
FASTEST_S, SLOWEST_S = 0.05, 0.5


def seconds_of(variable: str, default: float) -> float:
    return float(os.environ.get(variable, default))


class LightChild:
    """Like ingest.sandbox.ConverterChild: takes its time, page after page, and makes a chunk of each line."""

    def __init__(self, real: Callable[[], ConverterChild]) -> None:
        self._open_real, self._real = real, cast("ConverterChild | None", None)

    def start(self) -> None:
        """There is nothing to wait for."""

    def close(self) -> None:
        if self._real:
            self._real.close()

    def convert(
        self,
        source: Source,
        *,
        conversion_id: str,
        workdir: Path,
        on_page: Callable[[int, int], None],
        keep_going: Callable[[], None],
    ) -> Converted:
        from bench.poison import behaviour_of

        if behaviour_of(source.path):
            self._real = self._real or self._open_real()
            return self._real.convert(
                source, conversion_id=conversion_id, workdir=workdir, on_page=on_page, keep_going=keep_going
            )
        share = int(source.sha256[:8], 16) / 0xFFFFFFFF
        pages = 4
        for page in range(pages):
            time.sleep((FASTEST_S + share * (SLOWEST_S - FASTEST_S)) / pages * seconds_of("STANDIN_CONVERT", 1.0))
            on_page(page + 1, pages)
        keep_going()
        return converted_lines(source, conversion_id, workdir)


class SlowReader(FakeReader):
    """Reads each chunk in its time."""

    def __init__(self) -> None:
        super().__init__(MODEL)

    def read(self, prompt: Prompt, units: Sequence[Unit]) -> Iterator[Reading]:
        for reading in super().read(prompt, units):
            time.sleep(seconds_of("STANDIN_READ_S", 0.02))
            yield reading


def slow_panel() -> Panel:
    """What every run is read by."""
    return panel_of(SlowReader())


class SlowLibrary(Library):
    """Takes its time for a commit, so that a test can look at a job that is being written."""

    def save_papers(self, papers: Sequence[Any]) -> None:
        time.sleep(seconds_of("STANDIN_WRITE_S", 0.0))
        super().save_papers(papers)


class LightPlace(Workplace):
    """A workplace of these parts."""

    @property
    def recipe(self) -> Recipe:
        return RECIPE

    @property
    def library(self) -> Library:
        return _library(self.settings.library)

    def embed(self) -> Embed:
        return embed

    def children(self) -> Sequence[ConverterChild]:
        return [cast(ConverterChild, LightChild(self._real_child))]

    def _real_child(self) -> ConverterChild:
        from ingest.sandbox import Limits

        chosen = self.settings
        limits = Limits(timeout_s=chosen.convert_timeout_s, memory_mb=chosen.convert_memory_mb)
        return ConverterChild(
            converter="rules", limits=limits, tokenizer_file=tokenizer_file(chosen.embedding_model), opener="bench.poison"
        )

    def panel(self, named: str) -> Panel:
        return slow_panel()


@cache
def _library(root: Path) -> Library:
    library = open_library(root, embedding=MODEL)
    library.__class__ = SlowLibrary
    return library
