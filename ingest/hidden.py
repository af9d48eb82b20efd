"""What a PDF says and its reader does not see: counted page by page, and told as warnings of the conversion.

The parser's signals tell of ink, place and size (`ingest.layout.unseen`). Colour and what covers what only PDFium tells, and to ask it
of every page takes a twentieth of a conversion; so the file's streams are searched for a sign first, which takes a hundredth.

What a newcomer would get wrong: white text is no fault by itself. On a dark heading or a photograph it is there to be read, so
it counts only where nothing dark was painted beneath it.
"""

from __future__ import annotations

import ctypes
import re
import zlib
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import Any

from ingest.layout.page import Rect, Unseen
from invisible import invisible_signs, split_letters
from orders import orders_in

#: Characters of a page that count as a sentence; fewer are a mark of the printer's or a stray label.
_FEW = 20
#: Warnings of one paper; a hostile one has them on each of a thousand pages.
_MOST_TOLD = 20
#: Of 255: a lighter ink is white; and of opacity, a lower one is none.
_WHITE, _CLEAR = 245, 13
#: Rendering modes of ISO 32000-1, table 106, that fill and do not stroke.
_FILLED = (0, 4)
#: A page with more objects is a drawing; looking at each in Python would take seconds.
_MANY_OBJECTS = 20_000
#: Bytes of all streams that are searched for a sign; in a larger file PDFium is asked at once.
_MOST_BYTES = 64 << 20

_ONE, _NONE = rb"(?:1(?:\.0*)?|0?\.9[6-9]\d*)", rb"(?:0(?:\.0*)?|0?\.0[0-3]\d*)"
#: White as the colour of what follows, in grey, RGB and CMYK; or no opacity.
_WHITENED = re.compile(
    rb"(?<![\d.])(?<![\d.]\s)(?:%(one)b\s+(?:%(one)b\s+%(one)b\s+(?:rg|scn?)|g|scn?)|%(none)b(?:\s+%(none)b){3}\s+(?:k|scn?))\s"
    % {b"one": _ONE, b"none": _NONE}
)
_CLEARED = re.compile(rb"/ca\s+0?(?:\.0[0-4]?\d*|0)[\s/>]")
#: What comes first after it: another colour, the end of this state, or text.
_NEXT = re.compile(rb"(?<=\s)(?:g|rg|k|scn?|cs|Q)\s|(T[jJ]|[)>\]]\s*['\"])")
_STREAM = re.compile(rb"stream\r?\n")
_NO_CONTENT = (b"/Image", b"/Length1", b"/Length2", b"/Type1C", b"/CIDFontType0C", b"/OpenType", b"/XRef", b"/CMapName")


def hidden_warnings(path: Path, pages: Iterable[Any], texts: Iterable[tuple[int, str]]) -> list[str]:
    """What is told of this paper: `pages` are those that were read, `texts` the words of each page."""
    signals = {page.page_no: unseen for page in pages if (unseen := getattr(page, "unseen", None))}
    found: dict[int, Counter[str]] = {number: _told(unseen) for number, unseen in signals.items()}
    covered = [number for number, one in signals.items() if one.over_pictures >= _FEW]
    for number, counts in _painted(path, sorted(signals) if may_paint_white(path) else covered, covered):
        found.setdefault(number, Counter()).update(counts)
    told = [*_of_pages(found), *_of_words(texts)]
    more = [f"the same on other pages, {len(told) - _MOST_TOLD} times"] if len(told) > _MOST_TOLD else []
    return [*told[:_MOST_TOLD], *more, *_of_file(path)]


def _told(unseen: Unseen) -> Counter[str]:
    return Counter({"no ink": unseen.unprinted, "beside the page": unseen.outside, "below 2 pt": unseen.tiny})


def _of_pages(found: dict[int, Counter[str]]) -> Iterator[str]:
    for number, counts in sorted(found.items()):
        reasons = {reason: n for reason, n in counts.items() if n >= _FEW}
        if reasons:
            yield f"page {number}: {sum(reasons.values()):,} characters that cannot be seen ({', '.join(reasons)})"


def _of_words(texts: Iterable[tuple[int, str]]) -> Iterator[str]:
    signs, orders = Counter[int](), dict[int, str]()
    for number, text in texts:
        signs[number] += invisible_signs(text) + split_letters(text)
        for order in orders_in(text):
            orders.setdefault(number, order)
    yield from (f"page {number}: {n:,} signs that nobody sees among its letters" for number, n in sorted(signs.items()) if n)
    yield from (f'page {number}: words made for a model, "{order}"' for number, order in sorted(orders.items()))


def _of_file(path: Path) -> Iterator[str]:
    """What the file says of itself: a title may end up in a prompt."""
    import pypdfium2

    try:
        with pypdfium2.PdfDocument(path) as pdf:
            told = pdf.get_metadata_dict(skip_empty=True)
    except pypdfium2.PdfiumError:
        return
    for name, text in told.items():
        for order in orders_in(text):
            yield f'the file\'s own {name.lower()} holds words made for a model, "{order}"'
            break


def may_paint_white(path: Path) -> bool:
    """Whether a stream of this file paints text in white or without opacity, as far as a search tells. True where it cannot be told."""
    pdf = path.read_bytes()
    if b"/Encrypt" in pdf:
        return True
    left = _MOST_BYTES
    for stream in _streams(pdf):
        left -= len(stream)
        if left < 0 or _paints_white(stream):
            return True
    return bool(_CLEARED.search(pdf))


def _streams(pdf: bytes) -> Iterator[bytes]:
    """The streams of a file that may hold what is painted, unpacked."""
    for found in _STREAM.finditer(pdf):
        about = pdf[max(0, found.start() - 400) : found.start()].rpartition(b"obj")[2]
        if (found.start() >= 3 and pdf[found.start() - 3 : found.start()] == b"end") or any(
            kind in about for kind in _NO_CONTENT
        ):
            continue
        if b"Flate" not in about:
            yield pdf[found.end() : pdf.find(b"endstream", found.end())]
            continue
        try:
            yield zlib.decompressobj().decompress(memoryview(pdf)[found.end() :], _MOST_BYTES)
        except zlib.error:
            continue


def _paints_white(stream: bytes) -> bool:
    if _CLEARED.search(stream):
        return True
    for found in _WHITENED.finditer(stream):
        after = _NEXT.search(stream, found.end() - 1)
        if after and after[1]:
            return True
    return False


def _painted(path: Path, numbers: Sequence[int], covered: Sequence[int]) -> Iterator[tuple[int, Counter[str]]]:
    """For each of these pages the characters in white and those that something covers; the latter where that is asked."""
    if not numbers:
        return
    import pypdfium2

    try:
        with pypdfium2.PdfDocument(path) as pdf:
            for number in numbers:
                page = pdf[number - 1]
                if number in covered or _has_white_text(page):
                    yield number, _of_page(page)
                page.close()
    except pypdfium2.PdfiumError:  # what docling-parse reads and PDFium does not
        return


def _has_white_text(page: Any) -> bool:
    """A quick look, without an object of Python for each object of the page."""
    import pypdfium2.raw as raw

    red, green, blue, alpha = (ctypes.c_uint() for _ in range(4))
    for at in range(min(raw.FPDFPage_CountObjects(page), _MANY_OBJECTS)):
        drawn = raw.FPDFPage_GetObject(page, at)
        if not raw.FPDFPageObj_GetFillColor(drawn, red, green, blue, alpha):
            continue
        if red.value < _WHITE and alpha.value >= _CLEAR:
            continue
        if raw.FPDFPageObj_GetType(drawn) == raw.FPDF_PAGEOBJ_TEXT:
            return True
    return False


def _of_page(page: Any) -> Counter[str]:
    """Objects in the order in which they are painted. What is inside a form has places of its own: a form counts as one picture."""
    import pypdfium2.raw as raw

    counts: Counter[str] = Counter()
    dark: list[Rect] = []  #: of what was painted so far, all but white
    printed: list[tuple[Rect, Any]] = []
    for drawn in islice(page.get_objects(max_depth=1, textpage=page.get_textpage()), _MANY_OBJECTS):
        rect = Rect(*drawn.get_bounds())
        if drawn.type != raw.FPDF_PAGEOBJ_TEXT:
            if drawn.type != raw.FPDF_PAGEOBJ_PATH or _is_filled(drawn):
                dark.append(rect)
            if drawn.type == raw.FPDF_PAGEOBJ_IMAGE and not raw.FPDFPageObj_HasTransparency(drawn):
                counts["under a picture"] += sum(_length(text) for place, text in printed if rect.holds(*place.middle))
                printed = [(place, text) for place, text in printed if not rect.holds(*place.middle)]
        elif raw.FPDFTextObj_GetTextRenderMode(drawn) in _FILLED and (reason := _reason(drawn, rect, dark)):
            counts[reason] += _length(drawn)
        else:
            printed.append((rect, drawn))
    return counts


def _reason(text: Any, rect: Rect, dark: Sequence[Rect]) -> str:
    """Why this text is not seen, as far as its ink tells; empty where it is."""
    white, opacity = _ink(text)
    if opacity < _CLEAR:
        return "without opacity"
    return "white on white" if white >= _WHITE and not any(box.holds(*rect.middle) for box in dark) else ""


def _is_filled(path: Any) -> bool:
    """Whether this path is filled with something else than white."""
    import pypdfium2.raw as raw

    fill, stroke = ctypes.c_int(), ctypes.c_int()
    raw.FPDFPath_GetDrawMode(path, fill, stroke)
    white, opacity = _ink(path)
    return bool(fill.value) and white < _WHITE and opacity >= _CLEAR


def _ink(drawn: Any) -> tuple[int, int]:
    """How white it is filled and how opaque, both from 0 to 255; a colour that PDFium cannot tell is dark."""
    import pypdfium2.raw as raw

    red, green, blue, alpha = (ctypes.c_uint() for _ in range(4))
    if not raw.FPDFPageObj_GetFillColor(drawn, red, green, blue, alpha):
        return 0, 255
    return min(red.value, green.value, blue.value), alpha.value


def _length(text: Any) -> int:
    return len(text.extract().strip())
