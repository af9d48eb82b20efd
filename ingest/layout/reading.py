"""The whole of a paper's layout on one page: signals in, blocks in reading order out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from ingest.layout.bands import split_bands
from ingest.layout.binding import bind_captions, bind_over_pages
from ingest.layout.block import Block, Kind, make_block
from ingest.layout.captions import caption_of, goes_on, with_second_columns
from ingest.layout.columns import reading_order
from ingest.layout.continued import join_tables
from ingest.layout.entries import set_entries
from ingest.layout.footnotes import mark_footnotes
from ingest.layout.formulas import find_formulas
from ingest.layout.front import mark_front
from ingest.layout.furniture import find_furniture, without_repeated_graphics
from ingest.layout.glossaries import find_glossaries
from ingest.layout.gutters import find_gutters, within_column
from ingest.layout.headings import is_heading
from ingest.layout.inline import with_inline_fractions
from ingest.layout.joins import join_blocks
from ingest.layout.ligatures import with_ligatures
from ingest.layout.lines import build_lines
from ingest.layout.listings import find_listings
from ingest.layout.lists import settle_lists, with_bullets
from ingest.layout.margins import split_margins
from ingest.layout.outline import with_lookalikes, with_outline
from ingest.layout.page import Line, PageSignals, Rect, enclosing
from ingest.layout.paragraphs import MARKER, flows, split_flow
from ingest.layout.raised import mark_citations
from ingest.layout.regions import find_regions
from ingest.layout.runins import split_run_in
from ingest.layout.sideways import sideways_tables
from ingest.layout.style import DocumentStyle, document_style, page_style
from ingest.layout.table_rulings import merged_rulings
from ingest.layout.torn import with_labels
from ingest.layout.turned import page_turn, turned_back, turned_page

#: Pages on which authors may stand: the paper's first, behind a cover and a contents.
_FIRST_PAGES = 3
#: Words that follow a run-in heading in a paragraph of one line; fewer are the value of a label.
_FEWEST_WORDS = 5


def read_layout(pages: Sequence[PageSignals]) -> list[list[Block]]:
    """The blocks of each page, in reading order."""
    turns = [page_turn(page) for page in pages]
    set_pages = with_bullets(with_ligatures([turned_page(page, turn) for page, turn in zip(pages, turns, strict=True)]))
    set_pages = [with_inline_fractions(page) for page in set_pages]
    set_pages, margins = split_margins(set_pages)
    lines = [
        with_labels(build_lines([word for word in page.words if not word.turn]), page, has_icons=at < _FIRST_PAGES)
        for at, page in enumerate(set_pages)
    ]
    furniture = find_furniture(set_pages, lines, document_style(lines))
    kept = [[line for i, line in enumerate(page) if i not in gone] for page, gone in zip(lines, furniture, strict=True)]
    style = document_style(kept)
    read = []
    for page, page_lines, gone, all_lines, margin in zip(
        without_repeated_graphics(set_pages), kept, furniture, lines, margins, strict=True
    ):
        blocks = mark_footnotes(_page_blocks(page, page_lines, page_style(style, page_lines)), page, style)
        read.append([*blocks, *(_furniture_block(all_lines[i], page) for i in sorted(gone)), *margin])
    read = with_outline(mark_front(with_lookalikes(read, style), style), style)
    read = mark_citations(join_tables(join_blocks(settle_lists(set_entries(read, style)), style)))
    placed = [
        [turned_back(block, page, turn) for block in blocks] for page, turn, blocks in zip(pages, turns, read, strict=True)
    ]
    return bind_over_pages(placed, [page.width * page.height for page in pages])


def _page_blocks(page: PageSignals, lines: Sequence[Line], style: DocumentStyle) -> list[Block]:
    gutters = find_gutters(lines)
    regions, rest = find_regions(page, lines, style, sideways_tables(page, style))
    listings, rest = find_listings(rest, page.number)
    formulas, rest = find_formulas(rest, page, style, gutters)
    glossaries, rest = find_glossaries(rest, page.number, style)
    units = [[block] for block in (*regions, *listings, *formulas)] + glossaries
    for flow in flows(rest, merged_rulings(page.across), style):
        units.extend(_with_run_ins(_flow_blocks(flow, page, style)))
    boxes = {id(unit): within_column(enclosing(block.rect for block in unit), gutters) for unit in units}

    def rect_of(unit: list[Block]) -> Rect:
        return boxes[id(unit)]

    ordered = [unit for band in split_bands(units, rect_of, page, style) for unit in reading_order(band, rect_of)]
    return bind_captions(with_second_columns([block for unit in ordered for block in unit], style))


def _with_run_ins(blocks: Sequence[Block]) -> list[list[Block]]:
    """Each block alone, but a run-in heading with its paragraph: they share a line, so their boxes do not tell their order."""
    units: list[list[Block]] = []
    for block in blocks:
        if units and units[-1][-1].kind is Kind.HEADING and block.rect.holds(*units[-1][-1].rect.middle):
            units[-1].append(block)
        else:
            units.append([block])
    return units


def _flow_blocks(flow: Sequence[Line], page: PageSignals, style: DocumentStyle) -> list[Block]:
    """The paragraphs of one flow, each as what it is."""
    groups = _with_whole_captions(split_flow(flow, style), style)
    blocks: list[Block] = []
    for at, group in enumerate(groups):
        above = groups[at - 1][-1].base - group[0].base - style.pitch if at else style.pitch
        below = group[-1].base - groups[at + 1][0].base - style.pitch if at + 1 < len(groups) else style.pitch
        if caption_of(group, style):
            blocks.append(make_block(Kind.CAPTION, group, page.number, style))
        elif is_heading(group, style, white_above=above, white_below=below):
            blocks.append(make_block(Kind.HEADING, group, page.number, style))
        else:
            blocks.extend(_text_blocks(group, page, style))
    return blocks


def _with_whole_captions(groups: Sequence[list[Line]], style: DocumentStyle) -> list[list[Line]]:
    whole: list[list[Line]] = []
    for group in groups:
        if whole and caption_of(whole[-1], style) and goes_on(whole[-1], group, style):
            whole[-1] = [*whole[-1], *group]
        else:
            whole.append(group)
    return whole


def _text_blocks(group: Sequence[Line], page: PageSignals, style: DocumentStyle) -> list[Block]:
    run_in = split_run_in(group, style)
    if run_in and run_in[1] and (len(group) > 1 or len(run_in[1][0].words) >= _FEWEST_WORDS):
        head = replace(make_block(Kind.HEADING, run_in[0], page.number, style), is_run_in=True)
        return [head, make_block(Kind.TEXT, run_in[1], page.number, style)]
    kind = Kind.LIST_ITEM if MARKER.match(group[0].text) else Kind.TEXT
    return [make_block(kind, group, page.number, style)]


def _furniture_block(line: Line, page: PageSignals) -> Block:
    kind = Kind.PAGE_HEADER if line.base > page.height / 2 else Kind.PAGE_FOOTER
    return Block(kind=kind, page=page.number, rect=line.rect, lines=(line,), text=line.text)
