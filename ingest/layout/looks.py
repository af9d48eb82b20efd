"""How a heading looks: size, weight, slant, capitals. Headings of one rank share one look through a whole document."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from ingest.layout.page import Line


@dataclass(frozen=True, slots=True)
class Look:
    """What headings of one rank share."""

    size: float
    bold: bool
    italic: bool
    caps: bool
    face: str
    is_run_in: bool = False
    is_lower: bool = False  #: True for the lesser of two families of one size and weight

    @property
    def rank(self) -> tuple[bool, float, bool, bool, bool, bool]:
        """Sorts looks from the most prominent down; fonts do not count."""
        return (self.is_run_in, -self.size, not self.caps, not self.bold, self.italic, self.is_lower)


def look_of(lines: Sequence[Line], *, is_run_in: bool = False) -> Look:
    n = sum(len(line.text) for line in lines) or 1
    text = " ".join(line.text for line in lines)
    main = max(lines, key=lambda line: len(line.text))
    return Look(
        size=round(main.size * 2) / 2,
        bold=sum(line.bold * len(line.text) for line in lines) > 0.6 * n,
        italic=sum(line.italic * len(line.text) for line in lines) > 0.6 * n,
        caps=is_caps(text),
        face=main.face,
        is_run_in=is_run_in,
    )


def is_caps(text: str) -> bool:
    letters = [c for c in text if c.isalpha()]
    return len(letters) > 3 and sum(c.isupper() for c in letters) > 0.85 * len(letters)


def is_small_caps(look: Look) -> bool:
    return bool(re.search(r"caps|csc\d|smallcap|[-,]SC$|cmcsc", look.face, re.I))


def is_mixed(lines: Sequence[Line]) -> bool:
    """True where whole words are italic and others are not."""
    italic = {word.face.is_italic for line in lines for word in line.words if len(word.text) > 1 and word.text[0].isalpha()}
    return len(italic) > 1
