"""A stretch of text that knows where it is printed, and keeps knowing when it is cut and joined.

A newcomer would let a serializer write the text and look for the places afterwards. Words repeat on a page; only what carries
its places along can say which of them it is.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from records import Place


@dataclass(frozen=True, slots=True, kw_only=True)
class Passage:
    """Text, where its stretches stand on paper, and which of them are display formulas."""

    text: str
    places: tuple[Place, ...] = ()
    formulas: tuple[tuple[int, int], ...] = ()  #: spans of the text
    order: int = 0  #: of the block that it begins in, in reading order

    def cut(self, start: int, end: int) -> Passage:
        """text[start:end] without the spaces around it; a stretch without any sign keeps no place."""
        inner = self.text[start:end]
        start += len(inner) - len(inner.lstrip())
        end = start + len(inner.strip())
        places = [
            replace(place, start=max(place.start, start) - start, end=min(place.end, end) - start)
            for place in self.places
            if place.start < end and start < place.end
        ]
        formulas = [(max(a, start) - start, min(b, end) - start) for a, b in self.formulas if a < end and start < b]
        return Passage(text=self.text[start:end], places=tuple(places), formulas=tuple(formulas), order=self.order)


def join(passages: Sequence[Passage], separator: str, *, keep_empty: bool = False) -> Passage:
    """These passages one after the other. One without text adds its places, with an empty span, and no separator unless
    `keep_empty` asks for it."""
    text = ""
    places: list[Place] = []
    formulas: list[tuple[int, int]] = []
    for n, passage in enumerate(passages):
        text += separator if (n if keep_empty else text and passage.text) else ""
        shift = len(text)
        places += [replace(place, start=place.start + shift, end=place.end + shift) for place in passage.places]
        formulas += [(start + shift, end + shift) for start, end in passage.formulas]
        text += passage.text
    order = min((passage.order for passage in passages if passage.text or passage.places), default=0)
    return Passage(text=text, places=tuple(places), formulas=tuple(formulas), order=order)
