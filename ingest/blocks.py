"""Walk a DoclingDocument in reading order: one Block per paragraph, list item, table, figure and formula.

docling-core's own chunkers stop here short of what we need: their serializer writes Markdown, in which a character can no
longer be traced to its box, and a table becomes 'row, column = value' triplets that no reader would quote. So this is their
walk (iterate_items, headings by level), with the items' own text and provenance. Furniture (running heads, page numbers)
and hidden layers are left out: what a person does not see on the page must not be read as the paper's words.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from ingest.inline import InlineTexts
from ingest.passage import Passage, join
from ingest.provenance import area, clean, places_of
from ingest.tabletext import chart_passages, table_passages
from records import ChunkKind, Place

if TYPE_CHECKING:
    from docling_core.types.doc.document import DoclingDocument

#: Headings of a reference list, in the languages seen so far.
REFERENCE_HEADING = re.compile(
    r"^[\W\d]*(?:list of )?(?:selected |cited |key )?(?:references?(?: and notes| cited| list)?|bibliograph(?:y|ie)|literature(?: cited)?|"
    r"works cited|literatur(?:verzeichnis)?|quellen(?:verzeichnis)?|refer[eê]ncias(?: bibliogr[aá]ficas)?|bibliografia|referencias|"
    r"références(?: bibliographiques)?)\W*$",
    re.IGNORECASE,
)
#: A bullet carries nothing; a number or a label in a list is part of the text.
BULLET = re.compile(r"^[^\w\[(]*$")
SMALLEST_FIGURE = 0.02  #: share of the page below which a picture without any text is ornament: logos, rules, licence badges
CAPTION_KIND = (
    (re.compile(r"(?:extended data |supp\w* )?(?:fig|abb)", re.I), ChunkKind.FIGURE),
    (re.compile(r"tab", re.I), ChunkKind.TABLE),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Block:
    """One item of the paper with all that belongs to it."""

    kind: ChunkKind
    path: tuple[Passage, ...]  #: the headings above it from the top, the title left out
    parts: tuple[Passage, ...]  #: what must not be cut where it can be helped: paragraphs, rows
    leads: tuple[Passage, ...] = ()  #: what each chunk of it begins with, best first; the first that is short enough is taken
    holds: tuple[str, ...] = ()
    has_caption: bool = False
    float_share: float = 0.0  #: share of the block's area that is the figure or the table itself

    @property
    def headings(self) -> tuple[str, ...]:
        return tuple(heading.text for heading in self.path)


def read_blocks(document: DoclingDocument) -> list[Block]:
    """The blocks of the body in reading order, with the heading path of each."""
    return list(_Walk(document).blocks())


class _Walk:
    def __init__(self, document: DoclingDocument) -> None:
        self._document = document
        self._inline = InlineTexts(document)
        self._is_latex = document.origin is not None and document.origin.mimetype != "application/pdf"
        self._taken: set[str] = set()  #: items that were told with the float they belong to
        self._path: dict[int, Passage] = {}  #: level -> heading now open
        self._is_bare = False  #: the innermost heading has nothing below it yet
        self._order = 0

    def blocks(self) -> Iterator[Block]:
        from docling_core.types.doc.document import PictureItem, SectionHeaderItem, TableItem

        items = [item for item, _ in self._document.iterate_items(traverse_pictures=True)]
        floats = [item for item in items if isinstance(item, TableItem | PictureItem)]
        # A caption may stand before or after its float, or below it in the tree: it is always told with it.
        captions = {ref.cref for item in floats for ref in (*item.captions, *item.footnotes)}
        for item in items:
            if item.self_ref in self._taken or item.self_ref in captions or item.self_ref in self._inline.silent:
                continue
            if isinstance(item, SectionHeaderItem):
                yield from self._open_heading(item)
            elif block := self._block(item):
                self._is_bare = False
                self._order += 1
                yield block
        yield from self._bare_heading(level=0)

    def _open_heading(self, item: Any) -> Iterator[Block]:
        yield from self._bare_heading(item.level)
        self._path = {level: heading for level, heading in self._path.items() if level < item.level}
        self._path[item.level] = self._passage(item)
        self._is_bare = bool(self._path[item.level].text)

    def _bare_heading(self, level: int) -> Iterator[Block]:
        """The heading that is about to be left with nothing below it, as text: its words would stand nowhere else."""
        if not self._is_bare or max(self._path) < level:
            return
        self._is_bare = False
        heading = self._path.pop(max(self._path))
        yield Block(kind=ChunkKind.TEXT, path=self._open_path(), parts=(heading,))

    def _open_path(self) -> tuple[Passage, ...]:
        return tuple(heading for _, heading in sorted(self._path.items()) if heading.text)

    def _block(self, item: Any) -> Block | None:
        from docling_core.types.doc.document import DocItemLabel, PictureItem, TableItem, TextItem

        if isinstance(item, TableItem):
            return self._table(item)
        if isinstance(item, PictureItem):
            return self._figure(item)
        if not isinstance(item, TextItem):
            return None
        passage = self._passage(item)
        if not passage.text:
            return None
        kind, has_caption = ChunkKind.TEXT, item.label == DocItemLabel.CAPTION
        if item.label == DocItemLabel.FORMULA and self._inline.is_formula_alone(item):
            kind = ChunkKind.FORMULA
        elif has_caption:  # of a float that was not found: its words still say what it is
            kind = next((kind for sign, kind in CAPTION_KIND if sign.match(passage.text)), ChunkKind.TEXT)
        elif item.label == DocItemLabel.REFERENCE or self._is_in_references():
            kind = ChunkKind.REFERENCES
        return Block(kind=kind, path=self._open_path(), parts=(passage,), has_caption=has_caption)

    def _is_in_references(self) -> bool:
        return bool(self._path) and bool(REFERENCE_HEADING.match(self._path[max(self._path)].text))

    def _table(self, item: Any) -> Block | None:
        captions, notes = self._belonging(item.captions), self._belonging(item.footnotes)
        header, rows = table_passages(item, self._document, self._order)
        parts = (*rows, *notes)
        caption = join(captions, "\n")
        if not (header.text or rows):  # found without its cells: then its place is all we have, for a reader with eyes
            places = self._boxes(item)
            if not (caption.text or notes or self._is_large(places)):
                return None
            parts = (Passage(text="", places=places, order=self._order), *parts)
        label = _label_of(caption)
        leads = [join([caption, header], "\n"), join([label, header], "\n"), header, label]
        return Block(
            kind=ChunkKind.TABLE,
            path=self._open_path(),
            parts=parts,
            leads=tuple(lead for lead in leads if lead.text),
            holds=(item.self_ref,),
            has_caption=bool(caption.text),
            float_share=_share(self._boxes(item), caption),
        )

    def _figure(self, item: Any) -> Block | None:
        captions, notes = self._belonging(item.captions), self._belonging(item.footnotes)
        inside = self._inside(item) + chart_passages(item, self._order)
        places = self._boxes(item)
        caption = join(captions, "\n")
        if not (caption.text or notes or inside) and not self._is_large(places):
            return None
        # The picture itself has no text: its place has an empty span, at the start.
        parts = (Passage(text="", places=places, order=self._order), *captions, *notes, *inside)
        return Block(
            kind=ChunkKind.FIGURE,
            path=self._open_path(),
            parts=parts,
            leads=tuple(lead for lead in [_label_of(caption)] if lead.text),
            holds=(item.self_ref,),
            has_caption=bool(caption.text),
            float_share=_share(places, caption),
        )

    def _belonging(self, refs: list[Any]) -> list[Passage]:
        """Captions or notes of a float, told with it and not again."""
        items = [ref.resolve(self._document) for ref in refs if ref.cref not in self._taken]
        self._taken |= {item.self_ref for item in items}
        return [passage for item in items if (passage := self._passage(item)).text]

    def _inside(self, picture: Any) -> list[Passage]:
        """The text that stands in a figure: axis titles, legends, boxes of a diagram."""
        from docling_core.types.doc.document import PictureItem, TextItem

        passages = []
        for item, _ in self._document.iterate_items(root=picture, traverse_pictures=True):
            if item is picture or item.self_ref in self._taken or not isinstance(item, TextItem | PictureItem):
                continue
            if item.self_ref in self._inline.silent:
                continue
            self._taken.add(item.self_ref)
            if isinstance(item, PictureItem):
                passages += self._belonging([*item.captions, *item.footnotes])
            elif (passage := self._passage(item)).text:
                passages.append(passage)
        return passages

    def _passage(self, item: Any) -> Passage:
        """The item's text with its marker, and a place for each stretch that has its own page or column."""
        from docling_core.types.doc.document import DocItemLabel, ListItem

        marker = item.marker if isinstance(item, ListItem) and not BULLET.match(item.marker) else ""
        if whole := self._inline.passage(item, self._order):
            prefix = f"{clean(marker)} " if marker and not whole.text.startswith(marker) else ""
            whole = join([Passage(text=prefix, order=self._order), whole], "")
            return whole.cut(0, len(whole.text))
        text = clean(item.text or item.orig)
        if item.label == DocItemLabel.FORMULA and self._is_latex and text.strip():
            text = f"$${text.strip()}$$"
        prefix = f"{clean(marker)} " if marker and not text.startswith(marker) else ""
        places = places_of(item, self._document, len(text), len(prefix))
        text = prefix + text
        formulas = ((0, len(text)),) if item.label == DocItemLabel.FORMULA else ()
        return Passage(text=text, places=places, formulas=formulas, order=self._order).cut(0, len(text))

    def _boxes(self, item: Any) -> tuple[Place, ...]:
        return tuple(replace(place, start=0, end=0) for place in places_of(item, self._document, 0))

    def _is_large(self, places: tuple[Place, ...]) -> bool:
        for place in places:
            page = self._document.pages.get(place.page)
            if page and area(place.box) >= SMALLEST_FIGURE * page.size.width * page.size.height > 0:
                return True
        return False


def _label_of(caption: Passage) -> Passage:
    """'Table 2.' of a caption, for its later parts."""
    found = re.match(r"[^\W\d]+\.?(?: data)?(?: fig\w*\.?)?\s*[A-Z]?\d+[.:]?", caption.text, re.IGNORECASE)
    return caption.cut(0, found.end()) if found else Passage(text="", order=caption.order)


def _share(places: tuple[Place, ...], caption: Passage) -> float:
    own = sum(area(place.box) for place in places)
    whole = own + sum(area(place.box) for place in caption.places)
    return round(own / whole, 3) if whole else 0.0
