"""Blocks: what the rules make of lines. One block becomes one item of the DoclingDocument."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum

from ingest.layout.hyphens import join_texts
from ingest.layout.page import Line, Rect, Word, enclosing
from ingest.layout.style import DocumentStyle


class Kind(StrEnum):
    TITLE = "title"
    HEADING = "section_header"
    TEXT = "text"
    LIST_ITEM = "list_item"
    CAPTION = "caption"
    FOOTNOTE = "footnote"
    FORMULA = "formula"
    CODE = "code"
    FIGURE = "picture"
    TABLE = "table"
    PAGE_HEADER = "page_header"
    PAGE_FOOTER = "page_footer"


#: Kinds that are not part of the running text.
FURNITURE = frozenset({Kind.PAGE_HEADER, Kind.PAGE_FOOTER})


@dataclass(frozen=True, slots=True)
class Part:
    """One stretch of a block on one page: a paragraph that runs over a column has two."""

    page: int
    rect: Rect
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Cell:
    """One cell of a table; rows and columns from 0, ends exclusive."""

    rect: Rect
    text: str
    row: int
    row_end: int
    column: int
    column_end: int
    is_header: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Grid:
    n_rows: int
    n_columns: int
    cells: tuple[Cell, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Block:
    kind: Kind
    page: int
    rect: Rect
    lines: tuple[Line, ...] = ()
    text: str = ""
    level: int = 0  #: of a heading, from 1
    is_run_in: bool = False  #: of a heading: its paragraph goes on in the same line
    is_entry: bool = False  #: of a reference list or a glossary: whole as it stands
    more: tuple[Part, ...] = ()  #: what was joined from the next column or page
    words: tuple[Word, ...] = ()  #: inside a table or a figure
    grid: Grid | None = None
    captions: tuple[Block, ...] = ()  #: of a figure or a table
    notes: tuple[Block, ...] = field(default=())  #: below a table

    @property
    def size(self) -> float:
        """Font size of its longest line, in points; a limit or an index may be smaller. There must be lines."""
        return max(self.lines, key=lambda line: len(line.text)).size

    def named(self, kind: Kind, **changes: object) -> Block:
        """The same block as another kind."""
        return replace(self, kind=kind, **changes)  # type: ignore[arg-type]


def make_block(kind: Kind, lines: Sequence[Line], page: int, style: DocumentStyle) -> Block:
    """These lines as one block of running text."""
    text = join_texts((line.text for line in lines), style.known)
    return Block(kind=kind, page=page, rect=enclosing(line.rect for line in lines), lines=tuple(lines), text=text)
