"""Pages read by PDFium, for those that docling-parse cannot read: the same signals, so that the same rules lay them out.

Docling's own pypdfium2 backend gives text and boxes but no font, and without fonts there are no headings; so words are built here
from PDFium's characters. Clipping paths and patterns are not looked at: a drawing may be larger here than what is seen of it.
"""

from __future__ import annotations

import ctypes
import math
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

from ingest.layout.fonts import make_face
from ingest.layout.page import ASCENT, DESCENT, Face, PageSignals, Rect, Word

#: Rendering modes of ISO 32000-1, table 106, that paint no ink: invisible, clip only.
_INVISIBLE = (3, 7)
#: Points. A filled box no thicker than this is a ruling.
_RULING = 2.0
#: A page with more shapes or characters is a drawing or an attack; the rest of them is left out.
_MANY_SHAPES, _MANY_CHARS = 4_000, 200_000
#: A gap before a character that ends a word, in font sizes.
_GAP = 0.12


def open_pdfium_reader(path: Path) -> Callable[[int], PageSignals]:
    """What reads pages of this file, by number from 1; raises PdfiumError for a page that cannot be loaded."""
    import pypdfium2

    document = pypdfium2.PdfDocument(path)

    def read(number: int) -> PageSignals:
        page = document[number - 1]
        text = page.get_textpage()
        try:
            return _signals(number, page, text)
        finally:
            text.close()
            page.close()

    return read


class _Frame:
    """From a page's own coordinates to the page as it is seen: turned by /Rotate, its visible box at the origin."""

    def __init__(self, page: Any) -> None:
        self.width, self.height = page.get_size()
        self.turn = page.get_rotation() % 360
        self._left, self._bottom = page.get_bbox()[:2]

    def point(self, x: float, y: float) -> tuple[float, float]:
        x, y = x - self._left, y - self._bottom
        if self.turn == 90:
            return y, self.height - x
        if self.turn == 180:
            return self.width - x, self.height - y
        if self.turn == 270:
            return self.width - y, x
        return x, y

    def rect(self, left: float, bottom: float, right: float, top: float) -> Rect:
        (x0, y0), (x1, y1) = self.point(left, bottom), self.point(right, top)
        return Rect(min(x0, x1), min(y0, y1), max(x0, x1), max(y0, y1))


class _Char(NamedTuple):
    text: str
    rect: Rect
    origin: tuple[float, float]


class _Look(NamedTuple):
    """What one character's font is asked, once per word."""

    face: Face
    size: float
    turn: int
    is_visible: bool


def _signals(number: int, page: Any, text: Any) -> PageSignals:
    frame = _Frame(page)
    words = [word for word in _words(text.raw, frame) if 0 <= word.rect.left <= frame.width and word.size > 0]
    across, down, bitmaps, drawings = _shapes(page, frame)
    return PageSignals(
        number=number,
        width=frame.width,
        height=frame.height,
        words=tuple(words),
        n_chars=sum(len(word.text) for word in words),
        across=tuple(across),
        down=tuple(down),
        bitmaps=tuple(bitmaps),
        drawings=tuple(drawings),
    )


def _words(raw_text: Any, frame: _Frame) -> Iterator[Word]:
    """Characters without a gap and of one font, as words, in the order of the page's content."""
    faces: dict[tuple[str, int, int], Face] = {}
    run: list[_Char] = []
    look: _Look | None = None
    for index, char in _chars(raw_text, frame):
        if run and (char is None or look is None or _is_apart(run[-1], char, look)):
            yield from _word(run, look)
            run, look = [], None
        if char is None:
            continue
        new = _look(raw_text, index, frame, faces)
        if run and look and (new.face is not look.face or abs(new.size - look.size) > 0.1 or new.turn != look.turn):
            yield from _word(run, look)
            run = []
        run.append(char)
        look = new
    yield from _word(run, look)


def _chars(raw_text: Any, frame: _Frame) -> Iterator[tuple[int, _Char | None]]:
    """Each character with its index; None for what divides words."""
    import pypdfium2.raw as raw

    x, y, box = ctypes.c_double(), ctypes.c_double(), raw.FS_RECTF()
    pair = 0  #: the first half of a character outside the basic plane
    for index in range(min(raw.FPDFText_CountChars(raw_text), _MANY_CHARS)):
        code = raw.FPDFText_GetUnicode(raw_text, index)
        if 0xD800 <= code < 0xDC00:
            pair = code
            continue
        if 0xDC00 <= code < 0xE000:
            code, pair = 0x10000 + ((pair - 0xD800) << 10) + (code - 0xDC00) if pair else 0, 0
        if code == 2:  # how PDFium says that a hyphen ends the line
            code = ord("-")
        if code < 32 or chr(code).isspace() or (raw.FPDFText_IsGenerated(raw_text, index) == 1 and code != ord("-")):
            yield index, None
            continue
        # The loose box is as wide as the character's advance: between two of one word there is then no gap.
        raw.FPDFText_GetLooseCharBox(raw_text, index, box)
        raw.FPDFText_GetCharOrigin(raw_text, index, x, y)
        rect = frame.rect(box.left, box.bottom, box.right, box.top)
        yield index, _Char(chr(code), rect, frame.point(x.value, y.value))


def _is_apart(last: _Char, char: _Char, look: _Look) -> bool:
    """True where this character does not go on with the word: a gap, a step back, another line."""
    if look.turn:
        across = char.rect.bottom - last.rect.top if look.turn > 0 else last.rect.bottom - char.rect.top
        shift = abs(char.origin[0] - last.origin[0])
    else:
        across, shift = char.rect.left - last.rect.right, abs(char.origin[1] - last.origin[1])
    return not -1.5 * look.size < across < _GAP * look.size or shift > 0.1 * look.size


def _look(raw_text: Any, index: int, frame: _Frame, faces: dict[tuple[str, int, int], Face]) -> _Look:
    import pypdfium2.raw as raw

    flags, matrix = ctypes.c_int(), raw.FS_MATRIX()
    name = ctypes.create_string_buffer(128)
    raw.FPDFText_GetFontInfo(raw_text, index, name, len(name), flags)
    raw.FPDFText_GetMatrix(raw_text, index, matrix)
    weight = raw.FPDFText_GetFontWeight(raw_text, index)
    key = (name.value.decode("utf-8", "replace"), weight, flags.value)
    if key not in faces:
        faces[key] = make_face(key[0], (1.0, 0.2, weight, flags.value))
    size = raw.FPDFText_GetFontSize(raw_text, index) * math.hypot(matrix.b, matrix.d)
    angle = (round(math.degrees(math.atan2(matrix.b, matrix.a))) - frame.turn) % 360
    turn = 90 if 45 < angle < 135 else -90 if 225 < angle < 315 else 0
    drawn = raw.FPDFText_GetTextObject(raw_text, index)
    is_visible = not drawn or raw.FPDFTextObj_GetTextRenderMode(drawn) not in _INVISIBLE
    return _Look(faces[key], size, turn, is_visible)


def _word(run: list[_Char], look: _Look | None) -> Iterator[Word]:
    if not run or look is None or not look.is_visible:
        return
    text = "".join(char.text for char in run)
    left, right = min(char.rect.left for char in run), max(char.rect.right for char in run)
    if look.turn:
        bottom, top = min(char.rect.bottom for char in run), max(char.rect.top for char in run)
        yield Word(text, Rect(left, bottom, right, top), look.size, bottom, look.face, look.turn)
        return
    base = run[0].origin[1]
    rect = Rect(left, base - DESCENT * look.size, right, base + ASCENT * look.size)
    yield Word(text, rect, look.size, base, look.face)


def _shapes(page: Any, frame: _Frame) -> tuple[list[Rect], list[Rect], list[Rect], list[Rect]]:
    """Rulings across, rulings down, bitmaps, and boxes around everything else that is drawn."""
    import pypdfium2.raw as raw

    seen = Rect(0, 0, frame.width, frame.height)
    across: list[Rect] = []
    down: list[Rect] = []
    bitmaps: list[Rect] = []
    drawings: list[Rect] = []
    for number, drawn in enumerate(page.get_objects(filter=(raw.FPDF_PAGEOBJ_PATH, raw.FPDF_PAGEOBJ_IMAGE), max_depth=4)):
        if number > _MANY_SHAPES:
            break
        rect = frame.rect(*drawn.get_bounds())
        if not rect.meets(seen):
            continue
        rect = Rect(max(rect.left, 0), max(rect.bottom, 0), min(rect.right, frame.width), min(rect.top, frame.height))
        if drawn.type == raw.FPDF_PAGEOBJ_IMAGE:
            bitmaps.append(rect)
        elif rect.height <= _RULING and rect.width > max(8.0, rect.height):
            across.append(rect)
        elif rect.width <= _RULING and rect.height > max(8.0, rect.width):
            down.append(rect)
        else:
            drawings.append(rect)
    return across, down, [b for b in bitmaps if b.area > 4], _merged(drawings)


def _merged(rects: list[Rect]) -> list[Rect]:
    """Boxes around what touches, from left to right."""
    merged: list[Rect] = []
    for rect in sorted(rects):
        touching = [other for other in merged[-200:] if other.grown(1, 1).meets(rect)]
        for other in touching:
            merged.remove(other)
            rect = Rect(min(rect[0], other[0]), min(rect[1], other[1]), max(rect[2], other[2]), max(rect[3], other[3]))
        merged.append(rect)
    return merged
