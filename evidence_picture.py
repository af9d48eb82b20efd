"""What a run read of one page, drawn on the page: each value's words line by line, or its figure, in the colour of its verdict.

The page is rendered from the stored original, in a child of its own (`ingest.page_view`); nothing of the picture is stored.
"""

from __future__ import annotations

import io
import textwrap
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from errors import NotFound
from records import WORST_FIRST, Chunk, Evidence, Extraction, Place, Verdict

if TYPE_CHECKING:
    from PIL import Image

    from ingest.page_view import PageView

DPI = 110
_COLOURS = {
    Verdict.SUPPORTED: (21, 128, 61),
    Verdict.CONTRADICTED: (185, 28, 28),
    Verdict.NOT_FOUND: (180, 83, 9),
    Verdict.UNCHECKED: (29, 78, 216),
}
_LEGEND = 380  #: pixels beside the page
_WASH = 46  #: of 255, how strongly a line is tinted


@dataclass(frozen=True, slots=True)
class Mark:
    """One value on the page: where its words are printed, and what is written beside them."""

    places: tuple[Place, ...]
    verdict: Verdict
    label: str


def page_of_evidence(extractions: Sequence[Extraction], page: int | None) -> int:
    """The page to draw: the one that was asked for, else the one with most evidence. Raises NotFound where there is none."""
    pages = [one.page for extraction in extractions for one in extraction.reading.evidence if one.page]
    if page is not None and page in pages:
        return page
    if page is not None or not pages:
        where = f"on page {page}" if page is not None else "on any page"
        known = ", ".join(map(str, sorted(set(pages)))) or "none"
        raise NotFound(f"This run has no evidence {where} of this paper; it has on {known}.")
    return max(sorted(set(pages)), key=pages.count)


def marks_of(extractions: Sequence[Extraction], chunks: Sequence[Chunk], view: PageView) -> Iterator[Mark]:
    """Every value with evidence on this page; values of one quote together."""
    from extract.evidence.lines import printed_lines

    by_id = {chunk.id: chunk for chunk in chunks}
    words = {view.page: view.text_and_places()}
    marks: dict[tuple[Place, ...], list[tuple[Evidence, str]]] = {}
    for extraction in extractions:
        for one in extraction.reading.evidence:
            chunk = by_id.get(one.chunk_id)
            places: tuple[Place, ...] = ()
            if chunk and one.span:
                places = tuple(place for place in printed_lines(chunk, one.span, words) if place.page == view.page)
            elif one.box and one.page == view.page:
                places = (Place(start=0, end=0, page=view.page, box=one.box),)
            if places:
                marks.setdefault(places, []).append((one, _told(extraction, one)))
    for places, told in marks.items():
        verdict = min((one.verdict for one, _ in told), key=WORST_FIRST.index)
        yield Mark(places, verdict, "; ".join(dict.fromkeys(label for _, label in told)))


def _told(extraction: Extraction, evidence: Evidence) -> str:
    """The last part of the value's path with the value: 'unit h'."""
    from store.requiring import path_of, value_at

    value = value_at(extraction.reading.record, path_of(evidence.field))
    return f"{evidence.field.rpartition('.')[2]} {value}"


def draw(view: PageView, marks: Sequence[Mark]) -> Image.Image:
    """The page with its marks numbered, and beside it what each number stands for."""
    from PIL import Image, ImageDraw, ImageFont

    page = Image.open(io.BytesIO(view.picture)).convert("RGBA")
    scale = page.width / view.width
    wash = Image.new("RGBA", page.size, (0, 0, 0, 0))
    pen, small = ImageDraw.Draw(wash), ImageFont.load_default(11)
    for number, mark in enumerate(marks, start=1):
        colour = _COLOURS[mark.verdict]
        boxes = [_pixels(place, view.height, scale) for place in mark.places]
        for box in boxes:
            pen.rectangle(box, fill=(*colour, _WASH))
            pen.line([(box[0], box[3]), (box[2], box[3])], fill=(*colour, 255), width=2)
        left, top = boxes[0][:2]
        pen.rectangle([(left - 16, top), (left - 1, top + 13)], fill=(*colour, 255))
        pen.text((left - 8, top + 7), str(number), font=small, fill=(255, 255, 255, 255), anchor="mm")
    whole = Image.new("RGB", (page.width + _LEGEND, page.height), "white")
    whole.paste(Image.alpha_composite(page, wash).convert("RGB"))
    _write_legend(ImageDraw.Draw(whole), marks, page.width + 12)
    return whole


def _write_legend(pen: Any, marks: Sequence[Mark], left: int) -> None:
    from PIL import ImageFont

    font, y = ImageFont.load_default(13), 24
    for number, mark in enumerate(marks, start=1):
        lines = textwrap.wrap(f"{number}  {mark.verdict.value}: {mark.label}", _LEGEND // 7, subsequent_indent="    ")
        for line in lines:
            pen.text((left, y), line, font=font, fill=_COLOURS[mark.verdict])
            y += 17
        y += 8


def _pixels(place: Place, height: float, scale: float) -> tuple[float, float, float, float]:
    box = place.box
    return box.left * scale, (height - box.top) * scale, box.right * scale, (height - box.bottom) * scale
