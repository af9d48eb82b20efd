"""What a font looks like, asked of PDFium once per font and document.

docling-parse gives a word's font name and a box whose height depends on the font's own metrics. PDFium knows the
true size and baseline of a character. One character per font is enough to turn every box height into a size.
"""

from __future__ import annotations

import ctypes
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from ingest.layout.encodings import Ink, Readings, plain_name
from ingest.layout.page import Face

_BOLD = re.compile(
    r"bold|black|heavy|demi|semib|medi(?!um|eval)|\.B(I)?$|[-,]B(I|d)?$|cmbx|cmssbx|sfbx|sfsx|cmb\d|-Bd|BdCn|BX\d", re.I
)
_ITALIC = re.compile(r"ital|obli|slant|\.B?I$|[-,]B?I(t)?$|cmti|cmsl|sfti|-It|cmbxti", re.I)
_MONO = re.compile(r"mono|courier|consol|typewriter|cmtt|sftt|hack|inconsolata|code|menlo|nimbusmonl", re.I)
_MATH = re.compile(r"cmmi|cmsy|cmex|msam|msbm|math|symbol|stix.*(sym|math)|mtmi|mtsy|mtex|rmtmi|euex|eufm|eurm|lmmath", re.I)
#: PDFium keeps what it has read of a document: after so many pages it is opened anew.
_PAGES_PER_OPENING = 100
#: What docling-parse writes for signs that PDFium tells apart.
_FOLDED = dict.fromkeys("‐‑‒–—−", "-") | dict.fromkeys("‘’", "'") | dict.fromkeys("“”", '"')
#: Font descriptor flags of ISO 32000-1, table 123.
_FIXED, _ITALIC_FLAG, _FORCE_BOLD = 1, 1 << 6, 1 << 18
#: How many letters of a new font are compared, and how much more than the flattest the highest box may be.
_COMPARED, _UNEVEN = 4, 1.1
#: A font that PDFium could not be asked about: the box as TeX fonts have it.
_DEFAULT_SIZE, _DEFAULT_BASE = 1.0, 0.2


class FontBook:
    """The faces of one open document. Not thread-safe, as PDFium is not."""

    def __init__(self, path: Path) -> None:
        import pypdfium2

        self._path, self._document = path, pypdfium2.PdfDocument(path)
        self._turned = 0  #: pages opened since the document was
        self._faces: dict[tuple[str, str], Face] = {}
        self._tries: dict[tuple[str, str], int] = {}
        self._uneven: set[str] = set()
        self._page: tuple[int, Any, Any] | None = None
        self.readings = Readings(self.ink)

    def close(self) -> None:
        self._turn_to(None)
        self._document.close()

    def face(self, cell: Any, page_no: int) -> Face:
        """The face of this cell's font, measured on this cell where the font is new."""
        name = cell.font_name
        key = (name, cell.text) if name in self._uneven else (name, "")
        found = self._faces.get(key)
        if found is not None:
            return found
        tries = self._tries.get(key, 0)
        measured = self._measure(cell, page_no) if tries < 6 else None
        face = make_face(name, measured)
        if measured is not None or tries >= 6:
            self._faces[key] = face
        self._tries[key] = tries + 1
        return face

    def see(self, name: str, cells: Sequence[Any], page_no: int) -> None:
        """Measures a font on a few of its characters. Where their boxes end with the ink, each has a face of its own."""
        if (name, "") in self._faces or name in self._uneven:
            return
        letters = [cell for cell in cells if cell.text.isalpha()][:_COMPARED] or cells[:_COMPARED]
        ratios = [measured[0] for cell in letters if (measured := self._measure(cell, page_no))]
        if ratios and max(ratios) > _UNEVEN * min(ratios):
            self._uneven.add(name)
        for cell in letters[:1]:
            self.face(cell, page_no)

    def _turn_to(self, page_no: int | None) -> Any:
        import pypdfium2

        if self._page and self._page[0] == page_no:
            return self._page[2]
        if self._page:
            self._page[2].close()
            self._page[1].close()
            self._page = None
        if page_no is None:
            return None
        if self._turned >= _PAGES_PER_OPENING:
            self._document.close()
            self._document, self._turned = pypdfium2.PdfDocument(self._path), 0
        self._turned += 1
        page = self._document[page_no - 1]
        self._page = (page_no, page, page.get_textpage())
        return self._page[2]

    def _measure(self, cell: Any, page_no: int) -> tuple[float, float, int, int] | None:
        """Size and baseline per box height, weight, flags; None where PDFium sees another font's there."""
        import pypdfium2.raw as raw

        height = cell.r_y2 - cell.r_y0
        page, index = self._place(cell, page_no)
        if page is None:
            return None
        seen = chr(raw.FPDFText_GetUnicode(page, index))
        if _FOLDED.get(seen, seen) not in cell.text.strip() and not _is_of_font(page, index, cell.font_name):
            return None
        flags = ctypes.c_int()
        raw.FPDFText_GetFontInfo(page, index, None, 0, flags)
        size, _, y = _origin(page, index)
        ratio, base = size / height, (y - cell.r_y0) / height
        if not (0.5 <= ratio <= 40 and -40 <= base <= 2):
            return None
        return ratio, base, raw.FPDFText_GetFontWeight(page, index), flags.value

    def ink(self, cell: Any, page_no: int) -> Ink | None:
        """What PDFium sees at this character cell; None where it sees another font's character or none."""
        import pypdfium2.raw as raw

        page, index = self._place(cell, page_no)
        if page is None:
            return None
        size, x, y = _origin(page, index)
        if size <= 0 or not _is_of_font(page, index, cell.font_name):
            return None
        left, right, bottom, top = (ctypes.c_double() for _ in range(4))
        raw.FPDFText_GetCharBox(page, index, left, right, bottom, top)
        box = ((side.value - at) / size for side, at in ((left, x), (bottom, y), (right, x), (top, y)))
        return Ink(chr(raw.FPDFText_GetUnicode(page, index)), *box)

    def _place(self, cell: Any, page_no: int) -> tuple[Any, int]:
        """The text page and the index in it of this cell's first character; no page where PDFium has none there."""
        import pypdfium2
        import pypdfium2.raw as raw

        height = cell.r_y2 - cell.r_y0
        if height <= 0 or not cell.text.strip() or abs(cell.r_y1 - cell.r_y0) > 0.01:
            return None, -1
        try:
            page = self._turn_to(page_no).raw
        except pypdfium2.PdfiumError:  # docling-parse reads some pages that PDFium does not
            return None, -1
        advance = (cell.r_x2 - cell.r_x0) / max(1, len(cell.text))
        index = raw.FPDFText_GetCharIndexAtPos(page, cell.r_x0 + advance / 2, (cell.r_y0 + cell.r_y2) / 2, advance, height)
        return (page, index) if index >= 0 else (None, -1)


def _is_of_font(page: Any, index: int, font_name: str) -> bool:
    import pypdfium2.raw as raw

    name = ctypes.create_string_buffer(128)
    raw.FPDFText_GetFontInfo(page, index, name, 128, None)
    return plain_name(name.value.decode(errors="replace")) == plain_name(font_name)


def _origin(page: Any, index: int) -> tuple[float, float, float]:
    """Font size and place of the origin of this character."""
    import pypdfium2.raw as raw

    matrix, x, y = raw.FS_MATRIX(), ctypes.c_double(), ctypes.c_double()
    raw.FPDFText_GetMatrix(page, index, matrix)
    raw.FPDFText_GetCharOrigin(page, index, x, y)
    return raw.FPDFText_GetFontSize(page, index) * (matrix.b**2 + matrix.d**2) ** 0.5, x.value, y.value


def make_face(font_name: str, measured: tuple[float, float, int, int] | None) -> Face:
    """The face of a font of this name; `measured` is size and baseline per height of a box, weight, descriptor flags."""
    name = plain_name(font_name)
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
