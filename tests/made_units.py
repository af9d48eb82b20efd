"""Chunks and units of a few words, for tests of what is said where."""

from __future__ import annotations

from extract.units import make_units
from records import Box, Chunk, ChunkKind, Features, Place, Unit, UnitKind

FEATURES = Features(
    n_words=9, n_numbers=1, figure_share=0, table_share=0, formula_share=0, has_caption=False, text_confidence=1
)


def box(top: float, left: float = 72) -> Box:
    return Box(left=left, bottom=top - 12, right=left + 200, top=top)


def chunk(text: str, *, places: tuple[Place, ...] | None = None, ordinal: int = 0) -> Chunk:
    return Chunk(
        id=f"chunk {ordinal}",
        doc_id="paper",
        conversion_id="conversion",
        ordinal=ordinal,
        kind=ChunkKind.TEXT,
        headings=(),
        text=text,
        places=places if places is not None else (Place(start=0, end=len(text), page=3, box=box(700)),),
        holds=(),
        cites=(),
        features=FEATURES,
    )


def unit(*texts: str) -> Unit:
    return make_units([chunk(text, ordinal=i) for i, text in enumerate(texts)], None, UnitKind.DOCUMENT)[0]
