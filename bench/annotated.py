"""What the scorers of the annotated sets share: a text as a unit, the reader as users have it, and F1."""

from __future__ import annotations

import functools
import json
import sys
from collections.abc import Hashable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1]))

from read_embedded import chunk_of

from extract.embedded.reader import EmbeddedReader, open_embedded_reader
from extract.prompts.files import load_prompt
from extract.units import make_units
from records import Prompt, Reading
from store.embedding import SHIPPED_MODEL, Embedder

PROMPTS = Path(__file__).parent / "prompts"


@dataclass
class Score:
    """Counts of one kind of value."""

    hits: int = 0
    made: int = 0
    gold: int = 0

    def add(self, made: Iterable[Hashable], gold: Iterable[Hashable]) -> None:
        made, gold = set(made), set(gold)
        self.hits, self.made, self.gold = self.hits + len(made & gold), self.made + len(made), self.gold + len(gold)

    @property
    def f1(self) -> float:
        return 2 * self.hits / max(self.made + self.gold, 1)

    def __str__(self) -> str:
        precision, recall = self.hits / max(self.made, 1), self.hits / max(self.gold, 1)
        return f"F1 {self.f1:.3f}  precision {precision:.3f}  recall {recall:.3f}  ({self.hits} of {self.made} made, {self.gold} gold)"


def norm(value: Any) -> str:
    """White space and case apart."""
    return " ".join(str(value).lower().split())


def lines_of(path: str | Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in Path(path).read_text().splitlines() if line.strip()]


@functools.cache
def reader() -> EmbeddedReader:
    return open_embedded_reader(Embedder(SHIPPED_MODEL, dtype="auto").embed, embedding_key=SHIPPED_MODEL)


def prompt_of(name: str) -> Prompt:
    return load_prompt(PROMPTS / f"{name}.yaml")


def read_all(prompt: Prompt, documents: Sequence[Sequence[str]]) -> list[Reading]:
    """What the embedded reader reads from each document, given as the texts of its chunks; one unit per document."""
    units = []
    for n, texts in enumerate(documents):
        chunks = [chunk_of(text, n * 10_000 + i) for i, text in enumerate(texts)]
        units += make_units(chunks, None, prompt.unit)
    return list(reader().read(prompt, units))
