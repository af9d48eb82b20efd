"""A unit as the embedded reader sees it: its sentences, and what stands in each, found once and only when asked for."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property

from extract.embedded.entries import Entry, entries
from extract.embedded.pointer import Pointed
from extract.embedded.quantities import Quantity, find_quantities
from extract.embedded.sentences import Sentence, sentences_of
from extract.embedded.subjects import Subject, subjects
from extract.embedded.tables import Cell, cells
from records import Chunk, ChunkKind


@dataclass(frozen=True)
class UnitView:
    """The chunks that the prompt reads of one unit."""

    chunks: tuple[Chunk, ...]
    #: What the quantities of running text are of, where the pointer was asked; by sentence and quantity.
    pointed: dict[tuple[Sentence, Quantity], Pointed] = field(default_factory=dict)

    @cached_property
    def sentences(self) -> list[Sentence]:
        return [one for i, chunk in enumerate(self.chunks) for one in _sentences(chunk, i)]

    @cached_property
    def entries(self) -> list[tuple[Sentence, Entry]]:
        """The entries of the reference list, each with its whole text as its sentence."""
        found = [(i, entry) for i, chunk in enumerate(self.chunks) if _has_entries(chunk) for entry in entries(chunk.text)]
        return [(Sentence(self.chunks[i], i, entry.start, entry.end), entry) for i, entry in found]

    @cached_property
    def cells(self) -> list[tuple[Sentence, Cell]]:
        """The numbers of the tables, each with its row as its sentence."""
        found = [
            (i, cell) for i, chunk in enumerate(self.chunks) if chunk.kind is ChunkKind.TABLE for cell in cells(chunk.text)
        ]
        return [(Sentence(self.chunks[i], i, *cell.line), cell) for i, cell in found]

    @cached_property
    def materials(self) -> list[tuple[Sentence, Subject]]:
        """The materials that each chunk is about, with the sentence of their first mention."""
        found = []
        for i, chunk in enumerate(self.chunks):
            of_chunk = [sentence for sentence in self.sentences if sentence.index == i]
            for subject in subjects(chunk.text, [(sentence.start, sentence.end) for sentence in of_chunk]):
                inside = [sentence for sentence in of_chunk if sentence.start <= subject.at[0] < sentence.end]
                found += [(sentence, subject) for sentence in inside]
        return found

    @cached_property
    def quantities(self) -> dict[Sentence, list[Quantity]]:
        """The quantities of each sentence that has any; their spans are of the chunk's text."""
        found: dict[Sentence, list[Quantity]] = {}
        by_chunk = [find_quantities(chunk.text) for chunk in self.chunks]
        for sentence in self.sentences:
            inside = [q for q in by_chunk[sentence.index] if sentence.start <= q.start and q.end <= sentence.end + 1]
            if inside:
                found[sentence] = inside
        return found


def _sentences(chunk: Chunk, index: int) -> list[Sentence]:
    """A table's sentences are its lines."""
    if chunk.kind is not ChunkKind.TABLE:
        return sentences_of(chunk, index)
    found, start = [], 0
    for line in chunk.text.splitlines(keepends=True):
        if line.strip():
            found.append(Sentence(chunk, index, start, start + len(line.rstrip())))
        start += len(line)
    return found


def _has_entries(chunk: Chunk) -> bool:
    return chunk.kind is ChunkKind.REFERENCES
