"""Figures and tables as whole regions, and the lines that are left for the text."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace

from ingest.layout.block import Block
from ingest.layout.captions import caption_of
from ingest.layout.group import Group
from ingest.layout.page import Line, PageSignals
from ingest.layout.paragraphs import flows, rect_of_lines, split_flow
from ingest.layout.pictures import find_figures, find_labels, is_display
from ingest.layout.style import DocumentStyle
from ingest.layout.tables import find_tables


def find_regions(
    page: PageSignals, lines: Sequence[Line], style: DocumentStyle, sideways: Sequence[Block] = ()
) -> tuple[list[Block], list[Line]]:
    """The figures and tables of a page, and the lines that are left; `sideways` are tables found already."""
    groups = group_lines(page, lines, style)
    tables = [*sideways, *find_tables(page, groups, style)]
    figures = find_figures(page, groups, tables, style)
    blocks = [*tables, *figures]
    taken = [b.rect.grown(1.5, 1.5) for b in blocks]
    labels = {id(g) for g in find_labels(page, groups, style)}
    captions = {id(line) for g in groups if g.caption for line in g.lines}
    text = {id(line) for g in groups if (g.is_prose or is_display(g, style)) and id(g) not in labels for line in g.lines}
    taken_by_tables = taken[: len(tables)]
    notes = {id(line) for table in tables for note in table.notes for line in note.lines}
    rest = [
        line
        for line in lines
        if id(line) not in notes
        and (
            id(line) in captions
            or not any(t.holds(*line.rect.middle) for t in (taken_by_tables if id(line) in text else taken))
        )
    ]
    return blocks, rest


def group_lines(page: PageSignals, lines: Sequence[Line], style: DocumentStyle) -> list[Group]:
    """The lines as paragraphs, with what can be told of each before regions are known."""
    groups = []
    for flow in flows(lines, page.across, style):
        for part in split_flow(flow, style):
            groups.append(Group(tuple(part), rect_of_lines(part), caption_of(part, style), _is_prose(part, style)))
    return [replace(g, caption=None) if g.caption and _is_cell(g, groups) else g for g in groups]


_ONLY_LABEL = re.compile(r"^\S{3,14}\s*\S{1,4}[.:]?$")


def _is_cell(label: Group, groups: Sequence[Group]) -> bool:
    """True for 'Figure 1' in a row with other words: a table's column of figures, each named and not shown."""
    return all(_ONLY_LABEL.match(line.text) for line in label.lines) and any(
        not g.caption and abs(line.base - label.lines[0].base) < 2 and 0 < abs(line.rect.left - label.rect.right) < 80
        for g in groups
        for line in g.lines
    )


def _is_prose(lines: Sequence[Line], style: DocumentStyle) -> bool:
    """True for running text: several lines of many words in a size near the body's.

    A narrow box has few words to a line; that they run on from one to the next shows in lines that begin in lower case.
    """
    words = [sum(len(w.text) > 1 for w in line.words) for line in lines]
    if sum(words) < 14 or len(lines) < 2 or lines[0].size <= 0.74 * style.size:
        return False
    if sum(words) >= 4.5 * len(lines):
        return True
    runs_on = sum(line.text[:1].islower() for line in lines[1:])
    return len(lines) > 5 and sum(words) > 2.5 * len(lines) and runs_on > 0.5 * len(lines)
