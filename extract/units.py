"""Put the chunks of documents together into what a prompt reads in one call.

A unit's id is the hash of its chunks' ids and of nothing else: a section of one chunk and that chunk are the same unit, and
two prompts that read by section share theirs. The prompt's kinds are therefore not looked at here: a unit holds all its
chunks, and each reader reads those that its prompt names (`chunks_read`).
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from records import Chunk, Prompt, Unit, UnitFigure, UnitKind, content_id

if TYPE_CHECKING:
    import numpy as np

_SHORTEST_CUT = 200  #: characters; what a shorter text says fits in any answer, so that cutting it would not help
_SENTENCE_END = re.compile(r"[.;!?]\s+|\n")


def make_units(
    chunks: Sequence[Chunk],
    vectors: np.ndarray | None,
    unit: UnitKind,
    *,
    figures: Mapping[str, tuple[UnitFigure, ...]] | None = None,
) -> list[Unit]:
    """The chunks as units, in order of their first chunk. Chunks of several documents may come together; each unit is of one.

    vectors: shape (len(chunks), dimension), row i of chunk i, or None.
    figures: by chunk id, the pictures that it holds (`routing.figures.unit_figures`); None = nobody here has eyes.
    """
    if vectors is not None and len(vectors) != len(chunks):
        raise ValueError(f"{len(chunks)} chunks came with {len(vectors)} vectors; row i must be the vector of chunk i.")
    groups: dict[tuple[object, ...], list[int]] = {}
    for i, chunk in enumerate(chunks):
        groups.setdefault(_group(chunk, unit), []).append(i)
    return [
        _unit([chunks[i] for i in rows], None if vectors is None else vectors[rows], figures or {})
        for rows in map(sorted, groups.values())
    ]


def chunks_read(unit: Unit, prompt: Prompt) -> tuple[Chunk, ...]:
    """The chunks of this unit that the prompt reads."""
    return tuple(chunk for chunk in unit.chunks if chunk.kind in prompt.kinds)


def halves(unit: Unit, prompt: Prompt) -> tuple[Unit, ...]:
    """This unit in two, by its chunks, or by the sentences of its only one; none where it is too short to be cut."""
    chunks = chunks_read(unit, prompt)
    if len(chunks) > 1:
        middle = len(chunks) // 2
        return _part(unit, chunks[:middle]), _part(unit, chunks[middle:])
    text = chunks[0].text if chunks else ""
    cuts = [match.end() for match in _SENTENCE_END.finditer(text)] or [match.end() for match in re.finditer(r"\s", text)]
    cut = min(cuts, key=lambda at: abs(at - len(text) / 2), default=0)
    if len(text) < _SHORTEST_CUT or not 0 < cut < len(text):
        return ()
    return tuple(_part(unit, (replace(chunks[0], text=piece),), piece) for piece in (text[:cut].rstrip(), text[cut:]))


def _part(unit: Unit, chunks: tuple[Chunk, ...], *what: str) -> Unit:
    """A piece of a unit, to be asked for alone. The places of a chunk that was cut are not its own: evidence is sought in the whole."""
    held = {chunk.id for chunk in chunks}
    figures = tuple(figure for figure in unit.figures if figure.chunk_id in held)
    return Unit(id=content_id(*(chunk.id for chunk in chunks), *what), doc_id=unit.doc_id, chunks=chunks, figures=figures)


def _group(chunk: Chunk, unit: UnitKind) -> tuple[object, ...]:
    """What the chunks of one unit have in common."""
    if unit is UnitKind.CHUNK:
        return chunk.conversion_id, chunk.id
    if unit is UnitKind.SECTION:
        return chunk.conversion_id, chunk.headings
    return (chunk.conversion_id,)


def _unit(chunks: list[Chunk], vectors: np.ndarray | None, figures: Mapping[str, tuple[UnitFigure, ...]]) -> Unit:
    order = sorted(range(len(chunks)), key=lambda i: chunks[i].ordinal)
    in_order = tuple(chunks[i] for i in order)
    return Unit(
        id=content_id(*(chunk.id for chunk in in_order)),
        doc_id=in_order[0].doc_id,
        chunks=in_order,
        vectors=None if vectors is None else vectors[order],
        figures=tuple(figure for chunk in in_order for figure in figures.get(chunk.id, ())),
    )
