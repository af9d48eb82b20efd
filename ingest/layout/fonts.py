"""What a font looks like, asked of PDFium once per font and document.

docling-parse gives a word's font name and a box whose height depends on the font's own metrics. PDFium knows the
true size and baseline of a character. One character per font is enough to turn every box height into a size.
"""

from __future__ import annotations

import ctypes
import re
from pathlib import Path
from typing import Any

from ingest.layout.page import Face

_BOLD = re.compile(
    r"bold|black|heavy|demi|semib|medi(?!um|eval)|\.B(I)?$|[-,]B(I|d)?$|cmbx|cmssbx|sfbx|sfsx|cmb\d|-Bd|BdCn|BX\d", re.I
)
_ITALIC = re.compile(r"ital|obli|slant|\.B?I$|[-,]B?I(t)?$|cmti|cmsl|sfti|-It|cmbxti", re.I)
_MONO = re.compile(r"mono|courier|consol|typewriter|cmtt|sftt|hack|inconsolata|code|menlo|nimbusmonl", re.I)
_MATH = re.compile(r"cmmi|cmsy|cmex|msam|msbm|math|symbol|stix.*(sym|math)|mtmi|mtsy|mtex|rmtmi|euex|eufm|eurm|lmmath", re.I)
#: PDFium keeps what it has read of a document: after so many pages it is opened anew.
_PAGES_PER_OPENING = 100
#: Font descriptor flags of ISO 32000-1, table 123.
_FIXED, _ITALIC_FLAG, _FORCE_BOLD = 1, 1 << 6, 1 << 18
#: A font that PDFium could not be asked about: the box as TeX fonts have it.
_DEFAULT_SIZE, _DEFAULT_BASE = 1.0, 0.2


class FontBook:
    """The faces of one open document. Not thread-safe, as PDFium is not."""

    def __init__(self, path: Path) -> None:
        import pypdfium2

        self._path, self._document = path, pypdfium2.PdfDocument(path)
        self._turned = 0  #: pages opened since the document was
        self._faces: dict[str, Face] = {}
        self._tries: dict[str, int] = {}
        self._page: tuple[int, Any, Any] | None = None

    def close(self) -> None:
        self._turn_to(None)
        self._document.close()

    def face(self, cell: Any, page_no: int) -> Face:
        """The face of this word cell's font, measured on this cell where the font is new."""
        name = cell.font_name
        found = self._faces.get(name)
        if found is not None:
            return found
        tries = self._tries.get(name, 0)
        measured = self._measure(cell, page_no) if tries < 6 else None
        face = make_face(name, measured)
        if measured is not None or tries >= 6:
            self._faces[name] = face
        self._tries[name] = tries + 1
        return face

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
        """Size and baseline per box height, weight, flags; None where PDFium sees another character there."""
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
        if index < 0 or chr(raw.FPDFText_GetUnicode(page, index)) not in text:
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


def make_face(font_name: str, measured: tuple[float, float, int, int] | None) -> Face:
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
