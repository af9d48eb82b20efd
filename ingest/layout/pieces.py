"""Words that the parser closed over a script, taken apart again: '10-3mm2/s' is 10, a raised -3, mm, a raised 2, /s.

The parser joins characters that touch, whatever their size and height. Only words whose box is not the usual one of
their font are looked at character by character: all characters of all pages would cost as much as the words.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Any, NamedTuple
from unicodedata import combining, normalize

from ingest.layout.page import ASCENT, DESCENT, Face, Rect, Word

#: Signs that stand on the axis of a formula, a quarter of the size above the baseline. Fonts of signs often have boxes
#: that end with the ink: for such a sign the middle tells the row, not the bottom.
AXIS_SIGNS = frozenset("-−–+±∓×·=≡∼≈≃≅<>≤≥≪≫∗*∘→←⇒|∝∈")
_ACCENTS = "˜ˆ¯˙¨ˇ˘´`"
_OPENING, _CLOSING = "√([{⟨", ")]}⟩"
#: Height of the axis above the baseline, in sizes.
AXIS = 0.25


@dataclass(frozen=True, slots=True)
class Glyph:
    """One character as the parser sees it."""

    text: str
    box: Rect
    face: Face

    @property
    def size(self) -> float:
        return self.box.height * self.face.size_per_height

    @property
    def base(self) -> float:
        return self.box.bottom + self.box.height * self.face.baseline

    @property
    def hangs_on_axis(self) -> bool:
        return self.text in AXIS_SIGNS and self.face.is_math

    @property
    def is_boxless(self) -> bool:
        """True where the box does not tell the row."""
        return (
            self.hangs_on_axis
            or self.text in _ACCENTS
            or (hangs(self.face) and self.text in _OPENING + _CLOSING)
            or sum(not combining(c) for c in normalize("NFKC", self.text)) > 1  # a ligature, often of another font
        )


def hangs(face: Face) -> bool:
    """True for TeX's fonts of tall signs, whose baseline is the top of the sign."""
    return face.is_math and face.baseline > 0.9


class Piece(NamedTuple):
    """A stretch of characters of one size and height."""

    text: str
    left: float
    right: float
    size: float
    base: float
    face: Face


def odd_boxes(cells: Sequence[Any], faces: Sequence[Face]) -> list[bool]:
    """For each word cell, whether it may hold a script: its box is not as high as most of its font, or it is mathematics."""
    heights = [(cell.font_name, round(cell.r_y2 - cell.r_y0, 1)) for cell in cells]
    plain = Counter(height for cell, height in zip(cells, heights, strict=True) if cell.text.strip().isalpha())
    usual = {name: height for (name, height), _ in sorted(plain.items(), key=lambda item: item[1])}
    return [
        len(cell.text.strip()) > 1
        and abs(cell.r_y1 - cell.r_y0) < 0.01 < cell.r_x1 - cell.r_x0
        and (face.is_math or usual.get(cell.font_name) != height)
        for cell, face, (_, height) in zip(cells, faces, heights, strict=True)
    ]


def pieces(glyphs: Sequence[Glyph]) -> list[Piece]:
    """Each stretch of one size and height; one alone where the word is better left whole."""
    rows = _rows(glyphs)
    found: list[Piece] = []
    start = 0
    for end in range(1, len(glyphs) + 1):
        if end < len(glyphs) and _is_one_row(rows[end - 1], rows[end]) and "√" not in (glyphs[end - 1].text, glyphs[end].text):
            continue
        stretch = glyphs[start:end]
        size, base = Counter(rows[start:end]).most_common(1)[0][0]
        face = next((glyph.face for glyph in stretch if not glyph.hangs_on_axis), stretch[0].face)
        left, right = min(g.box.left for g in stretch), max(g.box.right for g in stretch)
        found.append(Piece("".join(glyph.text for glyph in stretch), left, right, size, base, face))
        start = end
    return [] if _is_one_word(glyphs) else found


def _is_one_word(glyphs: Sequence[Glyph]) -> bool:
    """True for letters of one text font: where its boxes end with the ink, the g of 'homogeneous' seems lowered."""
    text = "".join(glyph.text for glyph in glyphs)
    return len(text) > 3 and text.isalpha() and not glyphs[0].face.is_math and len({glyph.face.name for glyph in glyphs}) == 1


def with_roots(words: Sequence[Word]) -> list[Word]:
    """The words with each root's sign that hangs from its top set on the baseline of what follows it."""
    placed = list(words)
    for at, (word, following) in enumerate(pairwise(words)):
        if word.text != "√":
            continue
        gap, drop = following.rect.left - word.rect.right, word.base - following.base
        if abs(gap) < 0.4 * following.size and 0 < drop < 1.3 * following.size:
            size, base = following.size, following.base
            rect = Rect(word.rect.left, base - DESCENT * size, word.rect.right, base + ASCENT * size)
            placed[at] = replace(word, size=size, base=base, rect=rect)
    return placed


def _rows(glyphs: Sequence[Glyph]) -> list[tuple[float, float]]:
    """Size and baseline of each character. Signs whose box tells nothing have those of a neighbour: operators of the one
    whose axis is nearest, roots and opening brackets of the next, accents of the last."""
    known = [not glyph.is_boxless for glyph in glyphs]
    if not any(known):
        return [(glyph.size, glyph.base) for glyph in glyphs]
    rows = []
    for i, glyph in enumerate(glyphs):
        before = [(g.size, g.base) for g, is_known in zip(glyphs[:i], known, strict=False) if is_known][-1:]
        after = [(g.size, g.base) for g, is_known in zip(glyphs[i + 1 :], known[i + 1 :], strict=True) if is_known][:1]
        row = (glyph.size, glyph.base)
        if glyph.hangs_on_axis:
            middle = glyph.box.middle[1]
            nearest = min(before + after, key=lambda row: abs(row[1] + AXIS * row[0] - middle))
            row = nearest if abs(nearest[1] + AXIS * nearest[0] - middle) < 0.15 * nearest[0] else row
        elif glyph.is_boxless and glyph.text not in _CLOSING:  # of ')²' and '²)' the bracket is not raised
            row = (after + before if glyph.text in _OPENING else before + after)[0]
        rows.append(row)
    return rows


def _is_one_row(a: tuple[float, float], b: tuple[float, float]) -> bool:
    size = max(a[0], b[0])
    return abs(a[0] - b[0]) <= 0.12 * size and abs(a[1] - b[1]) <= 0.1 * size
