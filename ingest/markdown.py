"""A document as Markdown.

Docling writes every list tight: item under item, with no blank line. To a reader of Markdown such a list is one block, and
paragraphs that stand in it are lost in it. Here a list with a long item is loose: each of its items is a block of its own.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from docling_core.types.doc import DoclingDocument

#: Words; an item longer than this is a paragraph rather than an entry.
_LONG = 40


def to_markdown(document: DoclingDocument) -> str:
    """The body of the document as Markdown; its signs are not escaped, because people and models read it as it is."""
    from docling_core.transforms.serializer.markdown import MarkdownDocSerializer, MarkdownListSerializer, MarkdownParams
    from docling_core.types.doc.document import DOCUMENT_TOKENS_EXPORT_LABELS

    class LooseLists(MarkdownListSerializer):
        def serialize(self, *, list_level: int = 0, **rest: Any) -> Any:
            made = super().serialize(list_level=list_level, **rest)
            if list_level == 0:
                made.text = _loosened(made.text)
            return made

    params = MarkdownParams(
        labels=DOCUMENT_TOKENS_EXPORT_LABELS, escape_html=False, escape_underscores=False, image_placeholder=""
    )
    return MarkdownDocSerializer(doc=document, params=params, list_serializer=LooseLists()).serialize().text


def _loosened(items: str) -> str:
    """The list with blank lines between its items, where one of them is long."""
    lines = items.split("\n")
    if len(lines) < 2 or max(len(line.split()) for line in lines) <= _LONG:
        return items
    return "\n\n".join(line for line in lines if line)
