"""From Docling's provenance to our places: pages from 1, boxes with their origin bottom left."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from records import Box, Place

if TYPE_CHECKING:
    from docling_core.types.doc.document import DoclingDocument


def places_of(item: Any, document: DoclingDocument, length: int, shift: int = 0) -> tuple[Place, ...]:
    """Each provenance with its stretch of a text of this length, which `shift` signs of marker stand before.

    Docling's charspans can be off by a hyphen or two, so each stretch ends where the next begins.
    """
    provs = sorted(item.prov, key=lambda prov: prov.charspan[0])
    starts = [min(max(prov.charspan[0], 0), length) for prov in provs]
    ends = [*starts[1:], length][: len(starts)]
    return tuple(
        Place(
            start=start + shift if n else 0, end=end + shift, page=prov.page_no, box=box_of(prov.bbox, prov.page_no, document)
        )
        for n, (prov, start, end) in enumerate(zip(provs, starts, ends, strict=True))
    )


def box_of(bbox: Any, page: int, document: DoclingDocument) -> Box:
    """A box to a tenth of a point (0.035 mm)."""
    size = document.pages[page].size if page in document.pages else None
    low = bbox.to_bottom_left_origin(size.height) if size else bbox
    left, right = sorted((low.l, low.r))
    bottom, top = sorted((low.b, low.t))
    return Box(left=round(left, 1), bottom=round(bottom, 1), right=round(right, 1), top=round(top, 1))


def area(box: Box) -> float:
    return max(box.right - box.left, 0) * max(box.top - box.bottom, 0)


def clean(text: str) -> str:
    """Text that can be encoded: half a surrogate pair becomes U+FFFD, so that every span stays where it is."""
    return text if text.isascii() else "".join("\ufffd" if "\ud800" <= sign <= "\udfff" else sign for sign in text)
