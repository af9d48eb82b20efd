"""What every document gets before it is kept: lengths in points, and its pictures as crops beside it.

Docling measures a slide in English Metric Units (12,700 to a point) and a sheet in cells. Everything of ours is in points, so
slides are divided and cells are given the size that a new sheet has. Pictures come as base64 inside the document, where they
would be stored, copied and parsed with every look at it: they are kept as files, as those of a PDF are.
"""

from __future__ import annotations

import base64
import binascii
import io
import re
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from ingest.figures import Figure
from ingest.formats.names import Format
from ingest.provenance import box_of

if TYPE_CHECKING:
    from docling_core.types.doc.document import DoclingDocument

_PER_POINT = {Format.PPTX: (1 / 12_700, 1 / 12_700), Format.XLSX: (48.0, 15.0), Format.ODS: (48.0, 15.0)}
_MAX_SIDE = 2_400  #: pixels, as of a PDF's crops
_MAX_PIXELS = 100_000_000
_MAX_FIGURE = 24 << 20  #: bytes of one PNG; the parent takes 32 MB
_MAX_FIGURES = 768 << 20  #: bytes of all of one document; the parent takes 1 GB


def mend(document: DoclingDocument, kind: Format, name: str) -> None:
    """Lengths in points, LaTeX without what numbers it, an origin; in place. Pictures of whole pages are dropped."""
    for page in document.pages.values():
        page.image = None
    if kind in (Format.LATEX, Format.SOURCES):
        _mend_latex(document, name)
    if kind is Format.VTT:
        for item in document.texts[:1]:
            item.text = item.text.lstrip("- ") if item.label.value == "title" else item.text
    if kind is Format.PPTX:
        _head_slides(document)
    if kind not in _PER_POINT:
        return
    across, down = _PER_POINT[kind]
    for page in document.pages.values():
        page.size.width *= across
        page.size.height *= down
    for box in _boxes(document):
        box.l, box.r, box.t, box.b = box.l * across, box.r * across, box.t * down, box.b * down


def _mend_latex(document: DoclingDocument, name: str) -> None:
    """Formulas without the environment that would stand in another one; pictures without their file names for captions."""
    from docling_core.types.doc.document import DocItemLabel, DocumentOrigin

    document.origin = DocumentOrigin(mimetype="text/x-tex", filename=name, binary_hash=0)
    for item in document.texts:
        if item.label == DocItemLabel.FORMULA:
            item.text = _bare(item.text)
        elif item.label == DocItemLabel.CAPTION and item.text.startswith("Image: "):
            item.text = item.orig = ""


def _bare(latex: str) -> str:
    latex = re.sub(r"\\label\s*\{[^{}]*\}|\\(?:nonumber|notag)(?![A-Za-z])", "", latex)
    latex = re.sub(r"\\(begin|end)\s*\{(?:align|eqnarray|gather|multline|flalign|alignat)\*?\}", r"\\\1{aligned}", latex)
    return re.sub(r"\\(?:begin|end)\s*\{(?:equation|displaymath|math)\*?\}|\\[\[\]]", "", latex).strip()


def _head_slides(document: DoclingDocument) -> None:
    """The titles of slides as headings; the first stays the title of all."""
    from docling_core.types.doc.document import SectionHeaderItem, TitleItem

    titles = [n for n, item in enumerate(document.texts) if isinstance(item, TitleItem)]
    for n in titles[1:]:
        fields = document.texts[n].model_dump(exclude={"label"})
        document.texts[n] = SectionHeaderItem.model_validate({**fields, "level": 1})


def _boxes(document: DoclingDocument) -> Iterator[Any]:
    """Each box once: some are shared."""
    seen: set[int] = set()
    items = [
        item for item, _ in document.iterate_items(with_groups=False, traverse_pictures=True, included_content_layers=_layers())
    ]
    cells = [cell for table in document.tables for cell in table.data.table_cells]
    for box in [
        *(prov.bbox for item in items for prov in getattr(item, "prov", ())),
        *(cell.bbox for cell in cells if cell.bbox),
    ]:
        if id(box) not in seen:
            seen.add(id(box))
            yield box


def _layers() -> set[Any]:
    from docling_core.types.doc.document import ContentLayer

    return set(ContentLayer)


def cut_pictures(document: DoclingDocument) -> tuple[list[Figure], list[str]]:
    """The pictures that the document brought along, taken out of it, and what has to be said of those that were lost."""
    figures: list[Figure] = []
    n_lost, room = 0, _MAX_FIGURES
    for item in [*document.pictures, *document.tables]:
        image, item.image = item.image, None
        if image is None or item not in document.pictures:
            continue
        png = _png(str(image.uri))
        if png is None or len(png) > min(room, _MAX_FIGURE):
            n_lost += 1
            continue
        room -= len(png)
        prov = item.prov[0] if item.prov and item.prov[0].page_no in document.pages else None
        box = box_of(prov.bbox, prov.page_no, document) if prov else None
        figures.append((item.self_ref, prov.page_no if prov else None, box, png))
    figures.sort(key=lambda figure: figure[1] or 0)
    return figures, [f"{n_lost} pictures could not be taken out; their text and place were kept"] if n_lost else []


def _png(uri: str) -> bytes | None:
    """The picture of a data: address as PNG; None where it is none. Other addresses are never opened."""
    from PIL import Image

    head, _, data = uri.partition(",")
    if not head.startswith("data:image/") or not head.endswith(";base64"):
        return None
    try:
        with Image.open(io.BytesIO(base64.b64decode(data))) as image:
            if image.width * image.height > _MAX_PIXELS or min(image.size) < 1:
                return None
            image.draft("RGB", (_MAX_SIDE, _MAX_SIDE))
            small = image.convert("RGBA" if "A" in image.getbands() or "transparency" in image.info else "RGB")
            small.thumbnail((_MAX_SIDE, _MAX_SIDE))
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError, binascii.Error):
        return None
    if small.mode == "RGBA":  # a reader of figures expects paper behind the lines
        paper = Image.new("RGB", small.size, "white")
        paper.paste(small, mask=small.getchannel("A"))
        small = paper
    buffer = io.BytesIO()
    small.save(buffer, format="PNG", compress_level=4)
    return buffer.getvalue()
