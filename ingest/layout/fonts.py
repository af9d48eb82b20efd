"""What a font looks like, asked of PDFium once per font and document.

docling-parse gives a word's font name and a box whose height depends on the font's own metrics. PDFium knows the
true size and baseline of a character. One character per font is enough to turn every box height into a size, but not
one of any word: the box of 'x₂' is as high as both its fonts together.
"""

from __future__ import annotations

import ctypes
import re
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from ingest.layout.page import Face

_BOLD = re.compile(
    r"bold|black|heavy|demi|semib|medi(?!um|eval)|\.B(I)?$|[-,]B(I|d)?$|cmbx|cmssbx|sfbx|sfsx|cmb\d|-Bd|BdCn|BX\d", re.I
)
_ITALIC = re.compile(r"ital|obli|slant|\.B?I$|[-,]B?I(t)?$|cmti|cmsl|sfti|-It|cmbxti", re.I)
_MONO = re.compile(r"mono|courier|consol|typewriter|cmtt|sftt|hack|inconsolata|code|menlo|nimbusmonl", re.I)
_MATH = re.compile(r"cmmi|cmsy|cmex|msam|msbm|math|symbol|stix.*(sym|math)|mtmi|mtsy|mtex|rmtmi|euex|eufm|eurm|lmmath", re.I)
#: Font descriptor flags of ISO 32000-1, table 123.
_FIXED, _ITALIC_FLAG, _FORCE_BOLD = 1, 1 << 6, 1 << 18
#: A font that PDFium could not be asked about: the box as TeX fonts have it.
_DEFAULT_SIZE, _DEFAULT_BASE = 1.0, 0.2
#: Words or characters of a new font that are measured until one gives its size: on one page, and in all.
_TRIES, _MOST_TRIES = 6, 30
#: Size per height of a box that is the font's; where a sign's is not between, it is as high as the ink.
_FONT_BOX = 0.7, 1.6

#: Size and baseline per height of a box, weight, descriptor flags.
_Measure = tuple[float, float, int, int]


class FontBook:
    """The faces of one open document. Not thread-safe, as PDFium is not."""

    def __init__(self, path: Path) -> None:
        import pypdfium2

        self._document = pypdfium2.PdfDocument(path)
        self._faces: dict[str, Face] = {}
        self._tries: dict[str, int] = {}
        self._inked: set[str] = set()  # fonts of signs whose boxes are as high as the ink: each sign has a face of its own
        self._page: tuple[int, Any, Any] | None = None

    def close(self) -> None:
        self._turn_to(None)
        self._document.close()

    def learn(self, words: Sequence[Any], chars: Callable[[], Sequence[Any]], page_no: int) -> None:
        """Measure the fonts that are new on this page: on words of one font, else on characters, which take long to get."""
        new = {cell.font_name for cell in words} - self._faces.keys() - self._inked
        if new:
            new = self._learn_on(words, new, page_no)
        if new:
            self._learn_on(chars(), new, page_no)

    def _learn_on(self, cells: Sequence[Any], names: set[str], page_no: int) -> set[str]:
        """Measure the fonts of these names on a few of these cells. Returns those that are still unknown."""
        left = dict.fromkeys(names, _TRIES)
        for cell in cells:
            name = cell.font_name
            if left.get(name) and cell.text.strip():
                self.face(cell, page_no)
                is_known = name in self._faces or name in self._inked
                left[name] = 0 if is_known else left[name] - 1
        return names - self._faces.keys() - self._inked

    def face(self, cell: Any, page_no: int) -> Face:
        """The face of this cell's font, measured on this cell where the font is new."""
        name, text = cell.font_name, cell.text.strip()
        key = f"{name} {text}" if name in self._inked else name
        found = self._faces.get(key)
        if found is not None:
            return found
        tries = self._tries.get(key, 0)
        measured = self._measure(cell, page_no) if tries < _MOST_TRIES else None
        face = make_face(name, measured)
        if measured and len(text) == 1 and not text.isalnum() and not _FONT_BOX[0] < measured[0] < _FONT_BOX[1]:
            self._inked.add(name)
            key = f"{name} {text}"
        if measured or tries >= _MOST_TRIES:
            self._faces[key] = face
        self._tries[key] = tries + 1
        return face

    def _turn_to(self, page_no: int | None) -> Any:
        if self._page and self._page[0] == page_no:
            return self._page[2]
        if self._page:
            self._page[2].close()
            self._page[1].close()
            self._page = None
        if page_no is None:
            return None
        page = self._document[page_no - 1]
        self._page = (page_no, page, page.get_textpage())
        return self._page[2]

    def _measure(self, cell: Any, page_no: int) -> _Measure | None:
        """Size and baseline per box height, weight, flags; None where PDFium sees another character or several fonts there."""
        import pypdfium2
        import pypdfium2.raw as raw

        height = cell.r_y2 - cell.r_y0
        text = cell.text.strip()
        if height <= 0 or not text or abs(cell.r_y1 - cell.r_y0) > 0.01:
            return None
        try:
            page = self._turn_to(page_no).raw
        except pypdfium2.PdfiumError:  # docling-parse reads some pages that PDFium does not
            return None
        advance = (cell.r_x2 - cell.r_x0) / max(1, len(cell.text))
        index = raw.FPDFText_GetCharIndexAtPos(page, cell.r_x0 + advance / 2, (cell.r_y0 + cell.r_y2) / 2, advance, height)
        if index < 0:
            return None
        looks = {_look(page, at) for at in range(index, index + len(text))}
        is_same = chr(raw.FPDFText_GetUnicode(page, index)) in text or cell.font_name.endswith(next(iter(looks))[0])
        if len(looks) > 1 or not is_same:
            return None
        matrix, x, y, flags = raw.FS_MATRIX(), ctypes.c_double(), ctypes.c_double(), ctypes.c_int()
        raw.FPDFText_GetMatrix(page, index, matrix)
        raw.FPDFText_GetCharOrigin(page, index, x, y)
        raw.FPDFText_GetFontInfo(page, index, None, 0, flags)
        size = raw.FPDFText_GetFontSize(page, index) * (matrix.b**2 + matrix.d**2) ** 0.5
        ratio, base = size / height, (y.value - cell.r_y0) / height
        if not (0.5 <= ratio <= 40 and -40 <= base <= 2):
            return None
        return ratio, base, raw.FPDFText_GetFontWeight(page, index), flags.value


def _look(page: Any, index: int) -> tuple[str, float]:
    """Font and height of a character of this text page: those of one word are the same unless it took in a script."""
    import pypdfium2.raw as raw

    name, x, y = ctypes.create_string_buffer(64), ctypes.c_double(), ctypes.c_double()
    raw.FPDFText_GetFontInfo(page, index, name, 64, None)
    raw.FPDFText_GetCharOrigin(page, index, x, y)
    return name.value.decode("utf-8", "replace") or "?", round(y.value, 1)


def make_face(font_name: str, measured: _Measure | None) -> Face:
    """The face of a font of this name; `measured` is size and baseline per height of a box, weight, descriptor flags."""
    name = font_name.lstrip("/").split("+", 1)[-1]
    ratio, base, weight, flags = measured or (_DEFAULT_SIZE, _DEFAULT_BASE, 0, 0)
    return Face(
        name=name,
        is_bold=bool(_BOLD.search(name)) or bool(flags & _FORCE_BOLD and weight >= 500) or weight >= 700,
        is_italic=bool(_ITALIC.search(name)) or bool(flags & _ITALIC_FLAG and not _MATH.search(name)),
        is_mono=bool(_MONO.search(name)) or bool(flags & _FIXED and not _MATH.search(name)),
        is_math=bool(_MATH.search(name)),
        size_per_height=ratio,
        baseline=base,
    )
