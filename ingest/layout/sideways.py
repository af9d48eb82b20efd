"""Tables printed sideways on a page whose text is upright: a wide table may stand beside a column of text."""

from __future__ import annotations

from dataclasses import replace

from ingest.layout.binding import bind_captions
from ingest.layout.block import Block, Kind, make_block
from ingest.layout.lines import build_lines
from ingest.layout.page import PageSignals
from ingest.layout.regions import find_regions, group_lines
from ingest.layout.style import DocumentStyle
from ingest.layout.turned import turned_back, turned_page

#: Characters; labels of axes and lines up the margin have fewer.
_FEW = 60


def sideways_tables(page: PageSignals, style: DocumentStyle) -> list[Block]:
    """The tables with a caption that are written up or down the page, their boxes as they stand on it."""
    found = []
    for turn in (90, -90):
        words = tuple(word for word in page.words if word.turn == turn)
        if sum(len(word.text) for word in words) > _FEW:
            part = turned_page(replace(page, words=words), turn)
            found += [turned_back(block, page, turn) for block in _captioned_tables(part, style)]
    return found


def _captioned_tables(page: PageSignals, style: DocumentStyle) -> list[Block]:
    lines = build_lines(list(page.words))
    regions, rest = find_regions(page, lines, style)
    captions = [
        make_block(Kind.CAPTION, group.lines, page.number, style)
        for group in group_lines(page, rest, style)
        if group.caption == "table"
    ]
    return [block for block in bind_captions([*captions, *regions]) if block.kind is Kind.TABLE and block.captions]
