"""A document as Markdown: the one place where it is written.

Some things that Docling does are changed. It writes every formula as `$$...$$`, which is right for LaTeX and wrong for what was
read from a page: a formula read by rule is plain text with Unicode mathematics, and a renderer of LaTeX would run its letters
together or fail. Which of the two a document holds, its converter knows. It writes every list tight: to a reader of Markdown
such a list is one block, and paragraphs that stand in it are lost in it; a list with a long item is loose here, each item a
block of its own. It leaves a paragraph that begins with the sign of a footnote, '# These authors', to be read as a heading:
such a first sign is escaped here, as nothing else is. And it joins the rows of a table's header into one, repeats a cell in every
column that it spans, and leaves out the notes below a table: here each row stands as it does in the paper, each cell once, and each
note is a paragraph below its table.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from docling_core.transforms.serializer.markdown import MarkdownDocSerializer
    from docling_core.types.doc import DoclingDocument, TableCell

#: Words; an item longer than this is a paragraph rather than an entry.
_LONG = 40
#: What makes a heading, a list or a quotation of a paragraph that begins with it.
_SIGN = re.compile(r"^(?:#{1,6}(?=\s|$)|[+*-](?=\s|$)|>)")
_NUMBER = re.compile(r"^(\d{1,9})([.)])(?=\s)")


def document_markdown(document: DoclingDocument, *, has_latex: bool = False) -> str:
    """The document's Markdown, its signs not escaped but where a paragraph would be read as something else.

    `has_latex`: the text of its formulas is LaTeX, as that of Docling's formula model or of a LaTeX or Markdown source is; it goes
    between dollar signs. Else a formula is a block of plain text, a line for each row.
    """
    return str(_serializer(document, has_latex=has_latex).serialize().text)


def _serializer(document: DoclingDocument, *, has_latex: bool) -> MarkdownDocSerializer:
    from docling_core.transforms.serializer.common import create_ser_result
    from docling_core.transforms.serializer.markdown import (
        MarkdownDocSerializer,
        MarkdownListSerializer,
        MarkdownParams,
        MarkdownTableSerializer,
        MarkdownTextSerializer,
    )
    from docling_core.types.doc import DocItemLabel
    from docling_core.types.doc.document import DOCUMENT_TOKENS_EXPORT_LABELS

    class PlainFormulas(MarkdownTextSerializer):
        """Docling's own, but for formulas that are no LaTeX and for paragraphs that begin with a sign of Markdown."""

        def serialize(self, *, item: Any, **rest: Any) -> Any:
            if item.label == DocItemLabel.FORMULA and item.text:
                return create_ser_result(text=item.text.replace("\n", "  \n"), span_source=item)  # rows stay rows
            made = super().serialize(item=item, **rest)
            if item.label in (DocItemLabel.TEXT, DocItemLabel.PARAGRAPH, DocItemLabel.CAPTION):
                made.text = _as_paragraph(made.text)
            elif item.label == DocItemLabel.FOOTNOTE:  # '1) The word' may be read as a list: its number stays
                made.text = _SIGN.sub(_escaped, made.text)
            return made

    class LooseLists(MarkdownListSerializer):
        def serialize(self, *, list_level: int = 0, **rest: Any) -> Any:
            made = super().serialize(list_level=list_level, **rest)
            if list_level == 0:
                made.text = _loosened(made.text)
            return made

    class RowByRow(MarkdownTableSerializer):
        def serialize(self, *, item: Any, **rest: Any) -> Any:
            data = item.data.model_copy(update={"table_cells": [_alone(cell) for cell in item.data.table_cells]})
            made = super().serialize(item=item.model_copy(update={"data": data}), **rest)
            notes = (note.resolve(document).text for note in item.footnotes)
            made.text = "\n\n".join(text for text in (made.text, *notes) if text)
            return made

    params = MarkdownParams(
        labels=DOCUMENT_TOKENS_EXPORT_LABELS, image_placeholder="", escape_html=False, escape_underscores=False
    )
    text = MarkdownTextSerializer() if has_latex else PlainFormulas()
    return MarkdownDocSerializer(
        doc=document, params=params, text_serializer=text, list_serializer=LooseLists(), table_serializer=RowByRow()
    )


def _as_paragraph(text: str) -> str:
    """The text with its first sign escaped, where Markdown would not take it for a paragraph's."""
    return _NUMBER.sub(r"\1\\\2", _SIGN.sub(_escaped, text))


def _escaped(sign: re.Match[str]) -> str:
    return f"\\{sign[0]}"


def _alone(cell: TableCell) -> TableCell:
    """The cell in its first row and column only, no heading."""
    return cell.model_copy(
        update={
            "row_span": 1,
            "col_span": 1,
            "end_row_offset_idx": cell.start_row_offset_idx + 1,
            "end_col_offset_idx": cell.start_col_offset_idx + 1,
            "column_header": False,
        }
    )


def _loosened(items: str) -> str:
    """The list with blank lines between its items, where one of them is long."""
    lines = items.split("\n")
    if len(lines) < 2 or max(len(line.split()) for line in lines) <= _LONG:
        return items
    return "\n\n".join(line for line in lines if line)
