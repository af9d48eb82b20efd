"""What the vision lane is shown of a unit: the crops of its figures, their captions, and what the paper says of them.

Whole pages are sent only where a prompt says so (`sees: pages`): a page has about ten times the pixels of a figure, and most of
it is text that the text lane reads for less.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from errors import ReadingFailed
from extract.models.images import SentImage, image_to_send
from records import Chunk, ChunkKind, Prompt, Unit, UnitFigure, content_id
from settings import ModelSettings

EVERY_KIND = frozenset(ChunkKind)


@dataclass(frozen=True, slots=True, kw_only=True)
class Eyes:
    """Where pictures come from."""

    crop: Callable[[str], bytes]  #: the PNG of this blob digest
    pages: Callable[[str, Sequence[int]], list[bytes]]  #: PNGs of these pages, from 1, of this document


def pictures_of(unit: Unit, most: int) -> tuple[UnitFigure, ...]:
    """The figures of a unit that are sent: each picture once, in reading order, at most so many."""
    return tuple({figure.crop.png: figure for figure in reversed(unit.figures)}.values())[::-1][:most]


def pages_of(unit: Unit, most: int) -> list[int]:
    """The pages that are sent of a unit where whole ones are, at most so many."""
    return sorted({page for chunk in unit.chunks for page in chunk.pages})[:most]


def told_pictures(unit: Unit, prompt: Prompt, most: int) -> list[str]:
    """What each picture that is sent shows, in their order."""
    if prompt.sees == "pages":
        return [f"page {page}" for page in pages_of(unit, most)]
    crops = [figure.crop for figure in pictures_of(unit, most)]
    return [f"a {crop.kind}" + (f" of page {crop.page}" if crop.page else "") for crop in crops]


def seen_unit(unit: Unit) -> Unit:
    """The part of a unit that is told with its pictures: the chunks that hold them, and the text that cites them."""
    held = {figure.chunk_id for figure in unit.figures}
    chunks: dict[str, Chunk] = {chunk.id: chunk for chunk in unit.chunks if chunk.id in held}
    chunks |= {chunk.id: chunk for figure in unit.figures for chunk in figure.citing}
    together = tuple(chunks.values()) or unit.chunks
    return Unit(
        id=content_id("seen", *(chunk.id for chunk in together)), doc_id=unit.doc_id, chunks=together, figures=unit.figures
    )


def reads_all(prompt: Prompt) -> Prompt:
    """The prompt for a unit whose chunks were chosen already."""
    return replace(prompt, kinds=EVERY_KIND)


def images_of(unit: Unit, prompt: Prompt, model: ModelSettings, eyes: Eyes) -> tuple[SentImage, ...]:
    """The pictures of this unit as they are sent. Raises ReadingFailed where it has none, or one cannot be opened."""
    if prompt.sees == "pages":
        pages = pages_of(unit, model.max_images)
        pngs = eyes.pages(unit.doc_id, pages) if pages else []
    else:
        pngs = [eyes.crop(figure.crop.png) for figure in pictures_of(unit, model.max_images)]
    if not pngs:
        raise ReadingFailed(
            f"Unit {unit.id[:12]} holds no picture, so there is nothing for the vision lane to see. Nothing was sent."
        )
    try:
        return tuple(image_to_send(png, max_pixels=model.max_pixels) for png in pngs)
    except OSError as error:
        raise ReadingFailed(
            f"A picture of unit {unit.id[:12]} cannot be opened: {error}. Nothing was sent; other units go on. "
            "`reread audit --deep` tells whether the library is whole."
        ) from error
