"""A document as Markdown.

Docling's own writer joins the rows of a table's header into one and repeats a cell in every column that it spans. Ours
keeps each row as it stands in the paper, and each cell once: what is read is what is printed.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from docling_core.types.doc.document import DoclingDocument


def document_markdown(document: DoclingDocument) -> str:
    from docling_core.transforms.serializer.markdown import MarkdownDocSerializer, MarkdownParams, MarkdownTableSerializer
    from docling_core.types.doc.document import DEFAULT_CONTENT_LAYERS, DOCUMENT_TOKENS_EXPORT_LABELS

    class RowByRow(MarkdownTableSerializer):
        def serialize(self, *, item: Any, **kwargs: Any) -> Any:
            plain = [
                cell.model_copy(
                    update={
                        "row_span": 1,
                        "col_span": 1,
                        "end_row_offset_idx": cell.start_row_offset_idx + 1,
                        "end_col_offset_idx": cell.start_col_offset_idx + 1,
                        "column_header": False,
                    }
                )
                for cell in item.data.table_cells
            ]
            return super().serialize(
                item=item.model_copy(update={"data": item.data.model_copy(update={"table_cells": plain})}), **kwargs
            )

    params = MarkdownParams(
        labels=DOCUMENT_TOKENS_EXPORT_LABELS,
        layers=DEFAULT_CONTENT_LAYERS,
        escape_html=False,
        escape_underscores=False,
        image_placeholder="",
    )
    return MarkdownDocSerializer(doc=document, table_serializer=RowByRow(), params=params).serialize().text
