"""Figures, formulas and captions on a page, for the tests of the router."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from makers import make_chunk, make_features, make_prompt

from extract.routing.figures import unit_figures
from extract.units import make_units
from records import Box, Chunk, ChunkKind, FigureCrop, Place, Prompt, Unit, UnitKind

CONVERSION = "c" * 64


def box(left: float = 100, bottom: float = 400, width: float = 300, height: float = 200) -> Box:
    return Box(left=left, bottom=bottom, right=left + width, top=bottom + height)


def crop(ref: str = "#/pictures/0", page: int = 3, at: Box | None = None, png: str | None = None) -> FigureCrop:
    return FigureCrop(ref=ref, page=page, box=at or box(), png=png or f"png of {ref}")


def figure(
    text: str = "Figure 2: Yield against temperature.",
    *,
    ordinal: int = 0,
    page: int = 3,
    at: Box | None = None,
    holds: tuple[str, ...] = ("#/pictures/0",),
    cites: tuple[str, ...] | None = None,
    **more: Any,
) -> Chunk:
    """A chunk of a figure with this caption; '' = it has none."""
    label = ("Figure 2",) if text.startswith("Fig") else ()
    features = make_features(n_words=len(text.split()), n_numbers=0, has_caption=bool(label))
    chunk = make_chunk(
        text,
        ordinal=ordinal,
        kind=ChunkKind.FIGURE,
        holds=holds,
        cites=label if cites is None else cites,
        **{"features": features, **more},
    )
    return placed(chunk, page, at or box(bottom=370, height=20))


def placed(chunk: Chunk, page: int, at: Box) -> Chunk:
    """The chunk, its whole text printed here."""
    return replace(chunk, places=(Place(start=0, end=len(chunk.text), page=page, box=at),))


def formula(text: str, at: Box, *, ordinal: int = 0, page: int = 3) -> Chunk:
    return placed(make_chunk(text, ordinal=ordinal, kind=ChunkKind.FORMULA), page, at)


def units_of(*chunks: Chunk, crops: tuple[FigureCrop, ...] | None = None, unit: UnitKind = UnitKind.CHUNK) -> list[Unit]:
    """The chunks of one paper as units, with a crop for each picture that one holds, or with these crops."""
    if crops is None:
        crops = tuple(crop(ref, chunk.pages[0]) for chunk in chunks for ref in chunk.holds if ref.startswith("#/pictures/"))
    return make_units(chunks, None, unit, figures=unit_figures(chunks, {CONVERSION: crops}))


def asking(described: str, **more: Any) -> Prompt:
    """A prompt with one field that is described so."""
    field = {"type": "string", "description": described, **more.pop("field", {})}
    schema = {"type": "object", "required": ["answer"], "properties": {"answer": field}}
    return make_prompt("small", schema=schema, system="Answer.", **more)


PLOT = "Values of each series in the plot."
DIAGRAM = "Components of the diagram and their connections."
FORMULA = "The displayed equation in LaTeX."
WORDS = "Name of the data set."
