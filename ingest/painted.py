"""What PDFium tells of a page and the parser does not: text in white on white, without opacity, or under a picture.

To ask it of every page would take a twentieth of a conversion; so the file's streams are searched for a sign first, which takes a
hundredth.

What a newcomer would get wrong: white text is no fault by itself. On a dark heading or a photograph it is there to be read, so
it counts only where nothing dark was painted beneath it.
"""

from __future__ import annotations

import ctypes
import re
import zlib
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import islice
from pathlib import Path
from typing import Any, NamedTuple

from ingest.layout.page import PageSignals, Rect, Unseen

#: Characters that words over pictures must have for a page to be looked at; and that must be hidden for them to be left out: with
#: fewer, publishers mark their pages (the digits and brackets in white on those of one of them are 30).
_FEW, _MANY = 20, 40
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


class Hidden(NamedTuple):
    """One object of text that is on the page and cannot be seen."""

    reason: str
    rect: Rect
    text: str
    seen: tuple[tuple[Rect, str], ...] = ()  #: what is printed at its place


def hidden_texts(path: Path, pages: Mapping[int, Unseen]) -> dict[int, list[Hidden]]:
    """What is hidden on each of these pages, from the parser's signals of them; pages without it are left out."""
    covered = [number for number, unseen in pages.items() if unseen.over_pictures >= _FEW]
    asked = sorted(pages) if may_paint_white(path) else covered
    return {number: found for number, found in _painted(path, asked, covered) if found}


def without_hidden(page: PageSignals, hidden: Sequence[Hidden]) -> PageSignals:
    """The page with the number of these characters told, and without them unless they are as few as a printer's mark has.

    A word goes where it lies in hidden text that holds it: what is printed over that text stays.
    """
    counts: Counter[str] = Counter()
    for one in hidden:
        counts[one.reason] += len(one.text)
    unseen = replace(page.unseen, painted=tuple(counts.items()))
    if counts.total() < _MANY:
        return replace(page, unseen=unseen)
    words = tuple(word for word in page.words if not _is_hidden(word.rect, word.text, hidden))
    n_gone = sum(len(word.text) for word in page.words) - sum(len(word.text) for word in words)
    return replace(page, words=words, n_chars=max(0, page.n_chars - n_gone), unseen=unseen)


def _is_hidden(rect: Rect, text: str, hidden: Sequence[Hidden]) -> bool:
    x, y = rect.middle
    here = [one for one in hidden if one.rect.grown(1, 1).holds(x, y) and text in one.text]
    return bool(here) and not any(place.grown(1, 1).holds(x, y) and text in said for one in here for place, said in one.seen)


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


def _painted(path: Path, numbers: Sequence[int], covered: Sequence[int]) -> Iterator[tuple[int, list[Hidden]]]:
    """For each of these pages the text in white and what something covers; the latter where that is asked."""
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


def _of_page(page: Any) -> list[Hidden]:
    """Objects in the order in which they are painted. What is inside a form has places of its own: a form counts as one picture."""
    import pypdfium2.raw as raw

    found: list[Hidden] = []
    dark: list[Rect] = []  #: of what was painted so far, all but white
    printed: list[tuple[Rect, Any]] = []
    for drawn in islice(page.get_objects(max_depth=1, textpage=page.get_textpage()), _MANY_OBJECTS):
        rect = Rect(*drawn.get_bounds())
        if drawn.type != raw.FPDF_PAGEOBJ_TEXT:
            if drawn.type != raw.FPDF_PAGEOBJ_PATH or _is_filled(drawn):
                dark.append(rect)
            if drawn.type == raw.FPDF_PAGEOBJ_IMAGE and not raw.FPDFPageObj_HasTransparency(drawn):
                found += [_hidden("under a picture", place, text) for place, text in printed if rect.holds(*place.middle)]
                printed = [(place, text) for place, text in printed if not rect.holds(*place.middle)]
        elif raw.FPDFTextObj_GetTextRenderMode(drawn) in _FILLED and (reason := _reason(drawn, rect, dark)):
            found.append(_hidden(reason, rect, drawn))
        else:
            printed.append((rect, drawn))
    return [one._replace(seen=_seen_at(one.rect, printed)) for one in found if one.text]


def _seen_at(rect: Rect, printed: Sequence[tuple[Rect, Any]]) -> tuple[tuple[Rect, str], ...]:
    return tuple((place, text.extract()) for place, text in printed if place.meets(rect))


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


def _hidden(reason: str, rect: Rect, text: Any) -> Hidden:
    return Hidden(reason, rect, text.extract().strip())
