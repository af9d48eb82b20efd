"""Characters of a page's text layer that its reader cannot see, as far as the parser's own signals tell.

Left out of the text are only those that are nowhere to be seen: painted without ink, or beside the page. Tiny print stays, since the
labels of plots that were scaled down are tiny too. Colour is not among the parser's signals: `ingest.hidden` asks PDFium.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from ingest.layout.page import Rect, Unseen, Word

#: Points. The smallest print that is made to be read, in footnotes of patents and on packages, is twice this.
_TINY = 2.0
#: Points. A picture with a side shorter than this covers no words; of pages with more pictures than this, the first are looked at.
_SMALL, _MANY = 12.0, 200


def unseen_of(
    unprinted: Iterable[Any], outside: Iterable[Word], words: Sequence[Word], bitmaps: Sequence[Rect], drawings: Sequence[Rect]
) -> Unseen:
    """Of the parser's cells without ink, the words beside the page and those on it."""
    pictures = [box for box in bitmaps if min(box.width, box.height) > _SMALL][:_MANY]
    tiny = [word for word in words if word.size < _TINY]
    return Unseen(
        unprinted=sum(len(cell.text.strip()) for cell in unprinted if not _lies_in(_rect(cell), pictures)),
        outside=sum(len(word.text) for word in outside),
        tiny=sum(len(word.text) for word in tiny if not _lies_in(word.rect, [*pictures, *drawings])),
        over_pictures=sum(len(word.text) for word in words if _lies_in(word.rect, pictures)) if pictures else 0,
    )


def _rect(cell: Any) -> Rect:
    xs, ys = (cell.r_x0, cell.r_x1, cell.r_x2, cell.r_x3), (cell.r_y0, cell.r_y1, cell.r_y2, cell.r_y3)
    return Rect(min(xs), min(ys), max(xs), max(ys))


def _lies_in(rect: Rect, boxes: Sequence[Rect]) -> bool:
    x, y = rect.middle
    return any(box.holds(x, y) for box in boxes)
