"""Decide for each unit who reads it for a prompt, or that nobody needs to.

Decided when a prompt is run, never when a paper is converted: the same table is skipped by one prompt and read by the next.
A skip must be safe: it says why in words that a person can check against the page, and it is taken only where the unit
cannot hold an answer. `ROUTER` is part of every reading's key, so a changed rule here must change it.

Figures will go to the vision lane from here, by `Chunk.features`.
"""

from __future__ import annotations

from extract.schema import core, inlined, needs_number, properties
from extract.units import chunks_read
from records import ChunkKind, Lane, Prompt, Route, Unit

#: Name and version of these rules.
ROUTER = "kinds/1"

#: Running text of fewer words is a stray label, a page number or a line of a heading: it states nothing.
MIN_WORDS = 5


def route_unit(unit: Unit, prompt: Prompt, lane: Lane) -> Route:
    """Where this unit goes for this prompt; `lane` is the one of the reader at hand."""
    chunks = chunks_read(unit, prompt)
    if not chunks:
        held, read = _listed(chunk.kind for chunk in unit.chunks), _listed(prompt.kinds)
        return Route(lane=Lane.SKIP, reason=f"holds {held}; the prompt reads {read}")
    n_words = sum(chunk.features.n_words for chunk in chunks)
    if n_words < MIN_WORDS and all(chunk.kind in (ChunkKind.TEXT, ChunkKind.REFERENCES) for chunk in chunks):
        return Route(lane=Lane.SKIP, reason=f"has {n_words} words; fewer than {MIN_WORDS} state nothing")
    if _asks_numbers_only(prompt) and not any(chunk.features.n_numbers for chunk in chunks):
        return Route(lane=Lane.SKIP, reason="has no number, and every answer needs one")
    return Route(lane=lane, reason=f"{_listed(c.kind for c in chunks)}, {n_words} words")


def _asks_numbers_only(prompt: Prompt) -> bool:
    fields = properties(core(inlined(prompt.schema)))
    return bool(fields) and all(needs_number(part) for part in fields.values())


def _listed(kinds: object) -> str:
    """Kinds as words, in the order of ChunkKind, so that the same case has the same reason."""
    present = set(kinds)  # type: ignore[call-overload]
    return ", ".join(kind.value for kind in ChunkKind if kind in present)
