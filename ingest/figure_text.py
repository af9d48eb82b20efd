"""The words inside figures: axis titles, legends, boxes of a diagram. They are found with the figure and stand in no running text.

Where the text layer has them they cost nothing. A figure that is a picture has its words in the picture alone: OCR reads
them where that is asked for.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from docling_core.types.doc import DocItemLabel, DoclingDocument, PictureItem, ProvenanceItem

from ingest.layout.block import Block, Kind
from ingest.layout.document import bounding_box
from ingest.layout.lines import build_lines
from ingest.layout.page import PageSignals, Rect

#: Labels, and characters, that are kept of one figure: a map has thousands, and a chunk holds a few hundred words.
_MOST_LABELS, _MOST_CHARS = 80, 2_000


@dataclass(frozen=True, slots=True)
class Label:
    """A few words inside a figure."""

    text: str
    rect: Rect  #: where they stand on the page


def labels_of(blocks: Sequence[Block], pages: Mapping[int, PageSignals]) -> list[list[Label]]:
    """For each figure among these blocks, in their order, what the text layer has inside it."""
    others = defaultdict[int, list[Rect]](list)
    for block in _all(blocks):
        if block.kind is not Kind.FIGURE:
            others[block.page].append(block.rect)
    figures = [block for block in blocks if block.kind is Kind.FIGURE]
    return [_labels(figure.rect, pages[figure.page], others[figure.page]) if figure.page in pages else [] for figure in figures]


def _all(blocks: Iterable[Block]) -> Iterable[Block]:
    for block in blocks:
        yield block
        yield from block.captions
        yield from block.notes


def _labels(region: Rect, page: PageSignals, others: Sequence[Rect]) -> list[Label]:
    inside = [
        word
        for word in page.words
        if region.holds(*word.rect.middle) and not any(other.holds(*word.rect.middle) for other in others)
    ]
    labels = [Label(line.text, line.rect) for line in build_lines([word for word in inside if not word.turn])]
    return labels + [Label(word.text, word.rect) for word in inside if word.turn]


def add_labels(document: DoclingDocument, figure: PictureItem, page: int, labels: Iterable[Label]) -> None:
    """These words as children of the figure: part of its chunk, not of the Markdown's running text."""
    room = _MOST_CHARS
    for label in list(labels)[:_MOST_LABELS]:
        room -= len(label.text)
        if room < 0:
            return
        place = ProvenanceItem(page_no=page, bbox=bounding_box(label.rect), charspan=(0, len(label.text)))
        document.add_text(label=DocItemLabel.TEXT, text=label.text, parent=figure, prov=place)
