"""One parsed page as PageSignals.

Reads docling-parse's decoder directly: as pydantic cells (`get_segmented_page`) the same words take five times as long.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from ingest.layout.characters import Characters
from ingest.layout.encodings import mended
from ingest.layout.fonts import FontBook
from ingest.layout.page import ASCENT, DESCENT, Face, PageSignals, Rect, Word
from ingest.layout.pieces import Piece, odd_boxes, pieces, with_roots
from ingest.layout.unseen import unseen_of, without_tiny

#: Rendering modes of ISO 32000-1, table 106, that paint no ink: invisible, clip only.
_INVISIBLE = (3, 7)
#: Points. A filled box no thicker than this is a ruling.
_RULING = 2.0
#: Points. The shade of the narrowest cell is wider.
_SHADE = 12.0
#: Points. The bar of the narrowest fraction in small print is longer.
_SHORT = 2.5
#: A page with more shapes is a drawing; looking at each in Python would take seconds.
_MANY_SHAPES = 4_000


def read_signals(result: Any, fonts: FontBook) -> PageSignals:
    """The signals of a docling-parse `PageParseResult`."""
    decoder = result._require_page_decoder()
    number, width, height = result.page_number, result.page_width, result.page_height
    page = Rect(-2.0, -2.0, width + 2.0, height + 2.0)
    cells = list(decoder.get_word_cells())
    characters = Characters(decoder, fonts, number)
    printed = [word for word in with_roots(list(_words(cells, characters, fonts, number))) if word.size > 0]
    words = [word for word in printed if page.meets(word.rect)]
    n_chars = sum(len(word.text) for word in words)
    words = _true_sizes(words)
    across, down, bars, drawings, shades = _shapes(result, decoder, page)
    bitmaps = [
        Rect(i.visible_x0, i.visible_y0, i.visible_x1, i.visible_y1) if i.has_visible_bbox else Rect(i.x0, i.y0, i.x1, i.y1)
        for i in decoder.get_page_images()
        if i.is_visible
    ]
    drawn = [b for b in bitmaps if min(b.width, b.height) <= _RULING]  # some programs draw their rulings as images
    across += [b for b in drawn if b.width > 8]
    bitmaps = [b for b in bitmaps if b not in drawn]
    unprinted = [cell for cell in cells if cell.rendering_mode in _INVISIBLE]
    outside = [word for word in printed if not page.meets(word.rect)]
    page_signals = PageSignals(
        number=number,
        width=width,
        height=height,
        words=tuple(words),
        n_chars=n_chars,
        across=tuple(across),
        down=tuple(down),
        bitmaps=tuple(clipped for b in bitmaps if (clipped := _clip(b, page)).area > 4),
        drawings=tuple(drawings),
        bars=tuple(bars),
        shades=tuple(shades),
        unseen=unseen_of(unprinted, outside, words, bitmaps, drawings),
    )
    return without_tiny(page_signals)


def _is_seen(cell: Any) -> bool:
    return cell.rendering_mode not in _INVISIBLE and bool(cell.text.strip())


def _words(cells: list[Any], characters: Characters, fonts: FontBook, page_no: int) -> Iterator[Word]:
    """The words of these cells, each script a word of its own."""
    spans = characters.spans([cell.text.strip() for cell in cells])
    seen = [(cell, span) for cell, span in zip(cells, spans, strict=True) if _is_seen(cell)]
    faces = [fonts.face(cell, page_no) for cell, _ in seen]
    odd = odd_boxes([cell for cell, _ in seen], faces)
    for (cell, span), face, is_odd in zip(seen, faces, odd, strict=True):
        word = _word(cell, face)
        if span is None or word.turn:
            yield word
            continue
        for part in characters.parts(span):
            yield from _part(word, part, characters, is_odd=is_odd)


def _part(word: Word, span: tuple[int, int], characters: Characters, *, is_odd: bool) -> Iterator[Word]:
    """These characters of a parser's word: as one word, or each stretch of one size and height as one."""
    has_accents = characters.has_accents(span)
    glyphs = characters.glyphs(span) if is_odd or has_accents else []
    parts = pieces(glyphs)
    after_space = characters.is_after_space(span)
    if has_accents and glyphs and not parts:
        size, base = Counter((glyph.size, glyph.base) for glyph in glyphs).most_common(1)[0][0]
        parts = [Piece(characters.text(span), *characters.edges(span), size, base, word.face)]
    elif not parts:
        text = mended(characters.text(span))
        left, right = characters.edges(span)
        if text:
            yield replace(word, text=text, rect=word.rect._replace(left=left, right=right), after_space=after_space)
        return
    for text, left, right, size, base, face in parts:
        rect = Rect(left, base - DESCENT * size, right, base + ASCENT * size)
        yield Word(mended(text), rect, size, base, face, after_space=after_space)
        after_space = False


def _word(cell: Any, face: Face) -> Word:
    text = mended(cell.text.strip())
    # Each of the cell's attributes crosses into C++ and takes as long as all the arithmetic: they are read once.
    x0, y0, x1, y1, x2, y2 = cell.r_x0, cell.r_y0, cell.r_x1, cell.r_y1, cell.r_x2, cell.r_y2
    left, right = (x2, x0) if x2 < x0 else (x0, x2)
    bottom, top = (y2, y0) if y2 < y0 else (y0, y2)
    if abs(x1 - x0) < abs(y1 - y0):  # written up or down the page
        size = (right - left) * face.size_per_height
        return Word(text, Rect(left, bottom, right, top), size, bottom, face, 90 if y1 > y0 else -90)
    return set_word(text, Rect(left, bottom, right, top), face)


def set_word(text: str, box: Rect, face: Face) -> Word:
    """A word that is written across, from the parser's box."""
    size = box.height * face.size_per_height
    base = box.bottom + box.height * face.baseline
    return Word(text, Rect(box.left, base - DESCENT * size, box.right, base + ASCENT * size), size, base, face)


def _true_sizes(words: list[Word]) -> list[Word]:
    """Words that took in a script, and so have a higher box than their letters, back at their font's usual size."""
    plain = [word for word in words if not any(c.isdigit() for c in word.text)]
    usual: Counter[tuple[str, float]] = Counter((word.face.name, round(word.size, 1)) for word in plain)
    sizes: dict[str, list[float]] = {}
    for (name, size), n in usual.items():
        if n >= 3:
            sizes.setdefault(name, []).append(size)
    return [_resized(word, sizes) if usual[word.face.name, round(word.size, 1)] < 3 else word for word in words]


def _resized(word: Word, sizes: dict[str, list[float]]) -> Word:
    below = [size for size in sizes.get(word.face.name, ()) if 1.04 * size < word.size < 2.2 * size]
    if not below or word.turn or not (any(c.isdigit() for c in word.text) or word.face.is_math):
        return word
    size = max(below)
    base = word.base
    return replace(word, size=size, rect=Rect(word.rect.left, base - DESCENT * size, word.rect.right, base + ASCENT * size))


def _clip(rect: Rect, page: Rect) -> Rect:
    return Rect(max(rect.left, page.left), max(rect.bottom, page.bottom), min(rect.right, page.right), min(rect.top, page.top))


def _shapes(result: Any, decoder: Any, page: Rect) -> tuple[list[Rect], list[Rect], list[Rect], list[Rect], list[Rect]]:
    """Rulings across, rulings down, short ones across, boxes around everything drawn, and filled boxes."""
    segments = [Rect(b.l, b.b, b.r, b.t) for b in result.get_shape_lines(horizontal=True, vertical=True, tolerance=0.5)]
    drawings = [Rect(b.l, b.b, b.r, b.t) for b in result.get_connected_shape_bounding_boxes(tolerance=1.0)]
    shapes = decoder.get_page_shapes()
    boxes = [box for shape in shapes if (box := _box(shape))] if len(shapes) <= _MANY_SHAPES else []
    segments += [box for box in boxes if min(box.width, box.height) <= _RULING]  # rulings filled as thin boxes are no strokes
    shades = [box for box in boxes if min(box.width, box.height) > _RULING and max(box.width, box.height) > _SHADE]
    across = [s for s in segments if s.width > max(8.0, s.height) and s.meets(page)]
    down = [s for s in segments if s.height > max(8.0, s.width) and s.meets(page)]
    bars = [s for s in segments if _SHORT < s.width <= max(8.0, s.height) and s.height <= _RULING and s.meets(page)]
    return across, down, bars, [_clip(d, page) for d in drawings if d.meets(page)], [s for s in shades if s.meets(page)]


def _box(shape: Any) -> Rect | None:
    xs, ys = shape.get_x(), shape.get_y()
    return Rect(min(xs), min(ys), max(xs), max(ys)) if len(xs) else None
