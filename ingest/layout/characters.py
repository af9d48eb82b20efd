"""The characters of one page beside its words: what the parser's words hide.

The parser closes a word where a space is narrower than a third of the letters beside it ('andWang', '15min'), forgets
which font each letter has and leaves accents as signs of their own. All of that is seen here, character by character,
before the rules see a word.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Any
from unicodedata import normalize

from ingest.layout.fonts import FontBook
from ingest.layout.page import Face, Rect
from ingest.layout.pieces import Glyph

#: Widest gap inside a word, in font sizes, beyond the usual one between its letters.
_GAP = 0.12
#: Points. In no type is a space so narrow.
_NO_GAP = 0.4
#: Width of the narrowest em dash, in font sizes.
_EM_DASH = 0.78
#: How far apart in its text a page's words and characters may get.
_REACH = 400
_ACCENTS = dict(
    zip(
        "´`¨˜ˆˇ˚¸˘¯˙˝˛",
        "\u0301\u0300\u0308\u0303\u0302\u030c\u030a\u0327\u0306\u0304\u0307\u030b\u0328",
        strict=True,
    )
)
_DOTLESS = {"ı": "i", "ȷ": "j"}
_LETTERLIKE = "∆∇∂"
_UNKNOWN = "\ufffd"
Span = tuple[int, int]


class Characters:
    """The characters of one page, each with the sign that the page shows."""

    def __init__(self, decoder: Any, fonts: FontBook, page_no: int) -> None:
        self._cells = list(decoder.get_char_cells())
        self._fonts, self._page_no = fonts, page_no
        self._lefts = [cell.r_x0 for cell in self._cells]
        self._rights = [cell.r_x1 for cell in self._cells]  # of the foot: a slanted letter's head reaches over the next
        self._given = [cell.text for cell in self._cells]
        self._texts = self._read()
        self._set_accents()
        self._set_dashes()

    def spans(self, words: Sequence[str]) -> list[Span | None]:
        """For each of the page's words its characters; None where they are not plainly its own.

        Both come in the order of the content stream, the words without its spaces.
        """
        owners: list[int] = []
        for at, text in enumerate(self._given):
            if text.strip():
                owners.extend([at] * len(text))
        whole = "".join(text for text in self._given if text.strip())
        spans: list[Span | None] = []
        at = 0
        for word in words:
            found = at if whole.startswith(word, at) else whole.find(word, at, at + _REACH + len(word))
            if found < 0 or not word:
                spans.append(None)
                continue
            at = found + len(word)
            spans.append((owners[found], owners[at - 1] + 1))
        return spans

    def text(self, span: Span) -> str:
        return "".join(self._texts[slice(*span)])

    def edges(self, span: Span) -> tuple[float, float]:
        """Left and right end of these characters."""
        printed = [at for at in range(*span) if self._texts[at]] or list(range(*span))
        return min(self._lefts[at] for at in printed), max(self._rights[at] for at in printed)

    def has_accents(self, span: Span) -> bool:
        """True where an accent was put on a letter: the parser's box is higher than the letters'."""
        return not all(self._texts[slice(*span)])

    def is_after_space(self, span: Span) -> bool:
        """True where the text layer itself has a space before these characters."""
        return span[0] > 0 and self._given[span[0] - 1].isspace()

    def glyphs(self, span: Span) -> list[Glyph]:
        return [
            Glyph(text, Rect(cell.r_x0, cell.r_y0, cell.r_x2, cell.r_y2), self._fonts.face(cell, self._page_no))
            for cell, text in zip(self._cells[slice(*span)], self._texts[slice(*span)], strict=True)
            if text
        ]

    def parts(self, span: Span) -> list[Span]:
        """The words that these characters are: cut where the gap between two is wider than inside a word."""
        start, end = span
        gaps = [left - right for left, right in zip(self._lefts[start + 1 : end], self._rights[start:end], strict=False)]
        if not gaps or max(gaps) < _NO_GAP:
            return [span]
        size, face = self._size(start)
        usual = sorted(gaps)[(len(gaps) - 1) // 2] if len(gaps) > 1 else 0.0
        is_short = len(gaps) == 1 and self._texts[start].isalpha() and self._texts[start + 1].isalpha()
        if face.is_math or is_short:
            return [span]
        cuts = [at for at, gap in enumerate(gaps, start + 1) if gap - usual > _GAP * size and self._may_part(at)]
        return list(pairwise([start, *cuts, end]))

    def _size(self, at: int) -> tuple[float, Face]:
        """Font size and face of this character."""
        cell = self._cells[at]
        face = self._fonts.face(cell, self._page_no)
        return (cell.r_y2 - cell.r_y0) * face.size_per_height, face

    def _may_part(self, at: int) -> bool:
        """False before this character where no word ends: in a number, at a bracket, between slanted letters of mathematics."""
        left, right = self._texts[at - 1], self._texts[at]
        if (left.isdigit() or left in ".,") and (right.isdigit() or right in ".,"):  # in some fonts digits stand apart
            return False
        if left in "([" or right in ".,;:!?)]":
            return False
        return not (left.isalpha() and right.isalpha() and self._size(at - 1)[1].is_math)

    def _read(self) -> list[str]:
        """The signs that the fonts print for these characters."""
        names = [cell.font_name for cell in self._cells]
        readings = self._fonts.readings
        for name, cells in self._of_open_fonts(names).items():
            self._fonts.see(name, list(cells.values()), self._page_no)
            readings.see(name, cells, self._page_no)
        signs = {name: found for name in set(names) if (found := readings.signs(name))}
        texts = list(self._given)
        for at, name in enumerate(names) if signs or _UNKNOWN in texts else ():
            if texts[at] == _UNKNOWN:
                ink = self._fonts.ink(self._cells[at], self._page_no)
                texts[at] = ink.text if ink else _UNKNOWN
            if name in signs:
                texts[at] = signs[name].get(texts[at], texts[at])
        return texts

    def _of_open_fonts(self, names: Sequence[str]) -> dict[str, dict[str, Any]]:
        """Of each font that is not yet known, one cell of each of its signs."""
        found: dict[str, dict[str, Any]] = {name: {} for name in set(names) if self._fonts.readings.is_open(name)}
        if found:
            for name, text, cell in zip(names, self._given, self._cells, strict=True):
                if name in found and text not in found[name] and not text.isspace():
                    found[name][text] = cell
        return found

    def _set_accents(self) -> None:
        """Accents that are characters of their own, put on the letter that they stand over: the one before or after."""
        texts = self._texts
        for at in [at for at, text in enumerate(texts) if text in _ACCENTS]:
            accent = texts[at]
            on = min((n for n in (self._letter(at, -1), self._letter(at, 1)) if n is not None), key=self._off(at), default=None)
            if on is not None:
                letter = _DOTLESS.get(texts[on], texts[on])
                texts[on], texts[at] = normalize("NFC", letter + _ACCENTS[accent]), ""
            elif accent == "˚" and at and texts[at - 1].isdigit():
                texts[at] = "°"
        for at, text in enumerate(texts):
            if text == "∘" and at and texts[at - 1].isdigit():
                texts[at] = "°"

    def _set_dashes(self) -> None:
        """Em dashes, which the parser gives as hyphens: a hyphen is a third as wide."""
        for at in [at for at, text in enumerate(self._texts) if text == "-"]:
            size, face = self._size(at)
            if not face.is_math and _EM_DASH * size < self._rights[at] - self._lefts[at] < 1.3 * size:
                self._texts[at] = "—"

    def _off(self, at: int) -> Any:
        """A function: how far a character's middle is from that of this one."""
        middle = self._lefts[at] + self._rights[at]
        return lambda other: abs(self._lefts[other] + self._rights[other] - middle)

    def _letter(self, at: int, step: int) -> int | None:
        """The next letter in this direction, past other accents, that the character stands over."""
        other = at + step
        while 0 <= other < len(self._texts) and (not self._texts[other] or self._texts[other] in _ACCENTS):
            other += step
        if not 0 <= other < len(self._texts) or not (self._texts[other][:1].isalpha() or self._texts[other] in _LETTERLIKE):
            return None
        cell, accent = self._cells[other], self._cells[at]
        left, right, middle = self._lefts[other], self._rights[other], (self._lefts[at] + self._rights[at]) / 2
        slack = 0.15 * (right - left)
        is_near = abs(cell.r_y0 - accent.r_y0) < max(cell.r_y2 - cell.r_y0, accent.r_y2 - accent.r_y0)
        return other if is_near and left - slack <= middle <= right + slack else None
