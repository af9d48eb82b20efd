"""A document as Markdown: the one place where it is written.

Docling writes every formula as `$$...$$`, which is right for LaTeX and wrong for what was read from a page: a formula read
by rule is plain text with Unicode mathematics, and a renderer of LaTeX would run its letters together or fail. Which of the
two a document holds, its converter knows.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from docling_core.transforms.serializer.markdown import MarkdownDocSerializer
    from docling_core.types.doc import DoclingDocument


def document_markdown(document: DoclingDocument, *, has_latex: bool = False) -> str:
    """The document's Markdown. `has_latex`: the text of its formulas is LaTeX, as that of Docling's formula model or of a
    LaTeX or Markdown source is; it goes between dollar signs. Else a formula is a block of plain text, a line for each row.
    """
    return str(_serializer(document, has_latex=has_latex).serialize().text)


def _serializer(document: DoclingDocument, *, has_latex: bool) -> MarkdownDocSerializer:
    from docling_core.transforms.serializer.common import create_ser_result
    from docling_core.transforms.serializer.markdown import MarkdownDocSerializer, MarkdownParams, MarkdownTextSerializer
    from docling_core.types.doc import DocItemLabel
    from docling_core.types.doc.document import DOCUMENT_TOKENS_EXPORT_LABELS

    class PlainFormulas(MarkdownTextSerializer):
        """Docling's own, but for formulas that are no LaTeX."""

        def serialize(self, *, item: Any, **rest: Any) -> Any:
            if item.label == DocItemLabel.FORMULA and item.text:
                return create_ser_result(text=item.text.replace("\n", "  \n"), span_source=item)  # rows stay rows
            return super().serialize(item=item, **rest)

    params = MarkdownParams(
        labels=DOCUMENT_TOKENS_EXPORT_LABELS, image_placeholder="", escape_html=False, escape_underscores=False
    )
    text = MarkdownTextSerializer() if has_latex else PlainFormulas()
    return MarkdownDocSerializer(doc=document, params=params, text_serializer=text)
