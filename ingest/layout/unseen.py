"""Characters of a page's text layer that its reader cannot see, as far as the parser's own signals tell.

What is painted without ink or beside the page is left out of the text, and so are sentences in print that no eye can read. Tiny labels
stay: those of plots that were scaled down are honest. Colour is not among the parser's signals: `ingest.painted` asks PDFium.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Any

from ingest.layout.page import PageSignals, Rect, Unseen, Word

#: Points. The smallest print that is made to be read, in footnotes of patents and on packages, is twice this.
_TINY = 2.0
#: Points. A picture with a side shorter than this covers no words; of pages with more pictures than this, the first are looked at.
_SMALL, _MANY = 12.0, 200
#: Characters: with fewer on a page, tiny print is a label or a mark.
_SENTENCE = 40


def unseen_of(
    unprinted: Iterable[Any], outside: Iterable[Word], words: Sequence[Word], bitmaps: Sequence[Rect], drawings: Sequence[Rect]
) -> Unseen:
    """Of the parser's cells without ink, the words beside the page and those on it."""
    pictures = [box for box in bitmaps if min(box.width, box.height) > _SMALL][:_MANY]
    return Unseen(
        unprinted=sum(len(cell.text.strip()) for cell in unprinted if not _lies_in(_rect(cell), pictures)),
        outside=sum(len(word.text) for word in outside),
        tiny=sum(len(word.text) for word in words if _is_tiny(word, bitmaps, drawings)),
        over_pictures=sum(len(word.text) for word in words if _lies_in(word.rect, pictures)) if pictures else 0,
    )


def without_tiny(page: PageSignals) -> PageSignals:
    """The page without sentences in print that no eye can read; as it is where most of it is so small, for it may be scaled."""
    if not _SENTENCE <= page.unseen.tiny <= page.n_chars / 2:
        return page
    words = tuple(word for word in page.words if not _is_tiny(word, page.bitmaps, page.drawings))
    return replace(page, words=words, n_chars=page.n_chars - page.unseen.tiny)


def _is_tiny(word: Word, bitmaps: Sequence[Rect], drawings: Sequence[Rect]) -> bool:
    return word.size < _TINY and not _lies_in(word.rect, bitmaps) and not _lies_in(word.rect, drawings)


def _rect(cell: Any) -> Rect:
    xs, ys = (cell.r_x0, cell.r_x1, cell.r_x2, cell.r_x3), (cell.r_y0, cell.r_y1, cell.r_y2, cell.r_y3)
    return Rect(min(xs), min(ys), max(xs), max(ys))


def _lies_in(rect: Rect, boxes: Sequence[Rect]) -> bool:
    x, y = rect.middle
    return any(box.holds(x, y) for box in boxes)
