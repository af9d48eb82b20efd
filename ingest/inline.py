"""Paragraphs that Docling keeps in pieces: a run of italics, a superscript, an inline formula are items of their own.

A newcomer would read item by item and get a chunk for each italic word. An inline group is one text: whoever stands at its head
(the empty paragraph, list item or heading that it hangs on, else its first piece) speaks for all of it.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from ingest.passage import Passage, join
from ingest.provenance import clean, places_of

if TYPE_CHECKING:
    from docling_core.types.doc.document import DoclingDocument

_CLINGS = re.compile(r"[,.;:!?)\]}%’”…/]|'s\b")  #: to what stands before it
_OPENS = re.compile(r".*[(\[{“‘/]\Z", re.DOTALL)
_PIECES = 100_000  #: of one group; only a hostile document has more


class InlineTexts:
    """The inline groups of a document, by who speaks for them."""

    def __init__(self, document: DoclingDocument) -> None:
        from docling_core.types.doc.document import GroupLabel, TextItem

        self._document = document
        self._keeps_spaces = document.origin is not None and document.origin.mimetype == "text/x-tex"
        self._pieces: dict[str, list[Any]] = {}
        self.silent: set[str] = set()  #: references of items whose words another one says
        for group in document.groups:
            if group.label != GroupLabel.INLINE or not (pieces := list(self._texts(group))):
                continue
            parent = group.parent.resolve(document) if group.parent else None
            is_head = isinstance(parent, TextItem) and not parent.text.strip()
            head = parent.self_ref if is_head and parent else pieces[0].self_ref
            self._pieces.setdefault(head, []).extend(pieces)
            self.silent |= {piece.self_ref for piece in pieces} - {head}

    def _texts(self, group: Any) -> Any:
        from docling_core.types.doc.document import TextItem

        items = self._document.iterate_items(root=group, traverse_pictures=False)
        return (item for _, (item, _) in zip(range(_PIECES), items, strict=False) if isinstance(item, TextItem))

    def is_formula_alone(self, item: Any) -> bool:
        """True for a formula that is all there is of its paragraph."""
        return len(self._pieces.get(item.self_ref, [item])) == 1

    def passage(self, item: Any, order: int) -> Passage | None:
        """The whole text that this item speaks for; None where it speaks for itself alone."""
        pieces = self._pieces.get(item.self_ref)
        if pieces is None:
            return None
        passages: list[Passage] = []
        before = ""
        for piece in pieces:
            passage = self._piece(piece, order)
            if passage.text:
                glue = " " if not self._keeps_spaces and _is_apart(before, passage.text, piece) else ""
                passages += [Passage(text=glue, order=order), passage] if glue else [passage]
                before = passage.text
        return join(passages, "")

    def _piece(self, piece: Any, order: int) -> Passage:
        from docling_core.types.doc.document import DocItemLabel

        text = clean(piece.text or piece.orig)
        formulas: tuple[tuple[int, int], ...] = ()
        if piece.label == DocItemLabel.FORMULA and text:
            text = f"${text.strip()}$"
            formulas = ((0, len(text)),)
        return Passage(text=text, places=places_of(piece, self._document, len(text)), formulas=formulas, order=order)


def _is_apart(before: str, text: str, piece: Any) -> bool:
    """True where a space stood between two pieces. Docling has often cut it off, so it is guessed from the signs."""
    if not before or before[-1].isspace() or text[0].isspace():
        return False
    script = getattr(getattr(piece, "formatting", None), "script", None)
    if script is not None and script.value != "baseline":
        return False
    return not (_CLINGS.match(text) or _OPENS.match(before))
