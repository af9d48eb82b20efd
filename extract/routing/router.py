"""Decide for each unit who reads it for a prompt, or that nobody needs to.

Decided when a prompt is run, never when a paper is converted: the same figure goes to a model with eyes for one prompt and is
skipped by the next. A unit goes to the cheapest lane at hand that can see what is asked; a skip is taken only where the unit
cannot hold an answer. Every route says why, in words that a person can check against the page: first the rule, then, after
a semicolon, what of this unit it was applied to.

What a newcomer would get wrong: a figure alone is no reason to look at it. A prompt must ask for something that is seen
(`needs.py`), and the picture must be able to show it (`looks.py`).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from extract.routing.figures import label_of, unit_figures
from extract.routing.looks import is_legible, looks_of
from extract.routing.needs import MODEL_HASH, Need, Sight, needs_of
from extract.schema import core, inlined, needs_number, properties
from extract.units import chunks_read, make_units
from records import Chunk, ChunkKind, FigureCrop, Lane, Prompt, Route, RouteMode, Unit, UnitFigure, content_id
from settings import RoutingSettings

if TYPE_CHECKING:
    import numpy as np

#: Name and version of these rules: a changed rule must change it.
ROUTER = "sights/1"

#: What stands in for a lane that is not at hand: the next cheaper one. A lane with eyes reads no unit without a picture.
_INSTEAD = {Lane.VISION: (Lane.TEXT, Lane.EMBEDDED), Lane.TEXT: (Lane.EMBEDDED,), Lane.EMBEDDED: (Lane.TEXT,)}


def router_key(routing: RoutingSettings) -> str:
    """What a reading depends on of the router: its rules, its word model and its thresholds, those of a cascade left out."""
    return content_id(ROUTER, MODEL_HASH, routing.model_dump(mode="json", exclude={"unsure_below"}))


def route_unit(unit: Unit, prompt: Prompt, lanes: frozenset[Lane], routing: RoutingSettings | None = None) -> Route:
    """Where this unit goes for this prompt; `lanes` are those that something at hand reads."""
    routing = routing or RoutingSettings()
    chunks = chunks_read(unit, prompt)
    if not chunks:
        held, read = _listed(chunk.kind for chunk in unit.chunks), _listed(prompt.kinds)
        return Route(lane=Lane.SKIP, reason=f"holds {held}; the prompt reads {read}")
    sights = list(_sights(unit, chunks, prompt, routing))
    wanted = _wanted(chunks, sights, prompt, lanes, routing)
    if wanted.lane is not Lane.VISION and (reason := _stateless(chunks, prompt, routing, has_sight=bool(sights))):
        return Route(lane=Lane.SKIP, reason=reason)
    return _at_hand(wanted, lanes, has_text=any(chunk.text.strip() for chunk in chunks))


def routed_units(
    chunks: Sequence[Chunk],
    vectors: np.ndarray | None,
    crops: Mapping[str, Sequence[FigureCrop]],
    prompt: Prompt,
    lanes: frozenset[Lane],
    routing: RoutingSettings,
) -> list[tuple[Unit, Route]]:
    """The units of a document, each with its route; `crops` are the pictures of each of its conversions, none where nobody looks."""
    figures = unit_figures(chunks, crops, routing) if crops else {}
    units = make_units(chunks, vectors, prompt.unit, figures=figures)
    return [(unit, route_unit(unit, prompt, lanes, routing)) for unit in units]


def with_sights(unit: Unit, prompt: Prompt, routing: RoutingSettings | None = None) -> Unit:
    """The unit with those of its pictures that answer the prompt, and no others: what a lane with eyes is sent of it."""
    if not unit.figures or prompt.sees == "pages":
        return unit
    sights = list(_sights(unit, chunks_read(unit, prompt), prompt, routing or RoutingSettings()))
    if prompt.route is RouteMode.VISION:  # the prompt itself sends all figures
        kept = [sight for sight in sights if sight.need or sight.figure.crop.kind == "figure"]
    else:
        kept = [sight for sight in sights if sight.need]
    return replace(unit, figures=tuple(sight.figure for sight in kept))


@dataclass(frozen=True, slots=True)
class _SightOf:
    """A picture of the unit, and the need that it answers; None where no field asks for what it shows."""

    figure: UnitFigure
    chunk: Chunk
    need: Need | None
    why_not: str = ""


def _sights(unit: Unit, chunks: Sequence[Chunk], prompt: Prompt, routing: RoutingSettings) -> Iterator[_SightOf]:
    """Every picture that stands in a chunk which the prompt reads."""
    by_id = {chunk.id: chunk for chunk in chunks}
    figures = [figure for figure in unit.figures if figure.chunk_id in by_id]
    needs = {need.sight: need for need in needs_of(prompt, routing.sure_of_sight)} if figures else {}
    for figure in figures:
        chunk = by_id[figure.chunk_id]
        if figure.crop.kind == "formula":
            yield _of_formula(figure, chunk, needs, routing)
        else:
            yield _of_figure(figure, chunk, needs, prompt)


def _of_formula(figure: UnitFigure, chunk: Chunk, needs: dict[Sight, Need], routing: RoutingSettings) -> _SightOf:
    need = needs.get(Sight.FORMULA)
    if need and is_legible(figure, chunk, routing):
        return _SightOf(figure, chunk, None, "the text of the formula is whole")
    return _SightOf(figure, chunk, need, "no field asks for a formula")


def _of_figure(figure: UnitFigure, chunk: Chunk, needs: dict[Sight, Need], prompt: Prompt) -> _SightOf:
    if (label_of(chunk) or "").startswith("Table") and ChunkKind.TABLE in prompt.kinds:
        why = "the table is there only as a picture"
        return _SightOf(figure, chunk, Need(sight=Sight.FIGURE, why=why))
    seen = {sight: need for sight, need in needs.items() if sight is not Sight.FORMULA}
    if not seen:
        return _SightOf(figure, chunk, None, "no field asks for what is seen")
    looks = looks_of(chunk)
    fitting = [need for sight, need in seen.items() if sight is Sight.FIGURE or looks in (None, sight)]
    if not fitting:
        what = " and ".join(sorted(f"{sight}s" for sight in seen))
        return _SightOf(figure, chunk, None, f"its caption tells of a {looks}, and the fields ask for {what}")
    return _SightOf(figure, chunk, fitting[0])


@dataclass(frozen=True, slots=True)
class _Wanted:
    """The lane that a unit should go to, were everything at hand."""

    lane: Lane
    rule: str
    detail: str


def _wanted(
    chunks: Sequence[Chunk], sights: Sequence[_SightOf], prompt: Prompt, lanes: frozenset[Lane], routing: RoutingSettings
) -> _Wanted:
    mode, detail = prompt.route, _told(chunks, sights)
    seen = [sight for sight in sights if sight.need]
    if mode is RouteMode.VISION:
        return _all_vision(sights, prompt, detail)
    if mode in (RouteMode.EMBEDDED, RouteMode.TEXT):
        return _Wanted(Lane(mode.value), f"the prompt asks for the {mode.value} lane", detail)
    cheapest = next((lane for lane in (Lane.EMBEDDED, Lane.TEXT) if lane in lanes), Lane.TEXT)
    if mode is RouteMode.CASCADE and any(chunk.text.strip() for chunk in chunks):
        return _Wanted(cheapest, "a cascade begins with the cheapest lane", detail)
    if seen and seen[0].need:
        return _Wanted(Lane.VISION, seen[0].need.why, detail)
    confidence = min(chunk.features.text_confidence for chunk in chunks)
    has_ocr = any(chunk.features.ocr_share for chunk in chunks)
    if prompt.sees == "pages" and _is_lone_caption(chunks, prompt, routing):
        return _Wanted(Lane.VISION, "a caption whose picture was not found on its page", detail)
    if prompt.sees == "pages" and has_ocr and confidence < routing.illegible_below:
        return _Wanted(Lane.VISION, "its page is hardly legible for OCR", f"confidence {confidence:.2f}")
    if sights:
        return _Wanted(cheapest, f"a picture, but {sights[0].why_not}", detail)
    return _Wanted(cheapest, _listed(chunk.kind for chunk in chunks), detail)


def _is_lone_caption(chunks: Sequence[Chunk], prompt: Prompt, routing: RoutingSettings) -> bool:
    """Whether something is asked that the figure would show, and of the figure there is only the caption."""
    lone = any(chunk.kind is ChunkKind.FIGURE and not chunk.holds for chunk in chunks)
    return lone and any(need.sight is not Sight.FORMULA for need in needs_of(prompt, routing.sure_of_sight))


def _all_vision(sights: Sequence[_SightOf], prompt: Prompt, detail: str) -> _Wanted:
    """The prompt itself sends all that can be seen."""
    if prompt.sees == "pages":
        return _Wanted(Lane.VISION, "the prompt sends whole pages to the vision lane", detail)
    asks_formula = any(sight.need and sight.need.sight is Sight.FORMULA for sight in sights)
    if any(sight.figure.crop.kind == "figure" or asks_formula for sight in sights):
        return _Wanted(Lane.VISION, "the prompt asks for the vision lane", detail)
    return _Wanted(Lane.SKIP, "holds nothing to be seen, and the prompt asks for the vision lane", detail)


def _stateless(chunks: Sequence[Chunk], prompt: Prompt, routing: RoutingSettings, *, has_sight: bool) -> str:
    """Why these chunks cannot hold an answer in words; '' where they can."""
    n_words = sum(chunk.features.n_words for chunk in chunks)
    flowing = all(chunk.kind in (ChunkKind.TEXT, ChunkKind.REFERENCES) for chunk in chunks)
    if n_words < routing.least_words and flowing:
        return f"has fewer than {routing.least_words} words, which state nothing; {n_words} words"
    if has_sight and not any(chunk.text.strip() for chunk in chunks):
        return "is a picture without a word; no field asks for what it shows, or no model here has eyes"
    if _asks_numbers_only(prompt) and not any(chunk.features.n_numbers for chunk in chunks):
        return "has no number, and every answer needs one"
    return ""


def _at_hand(wanted: _Wanted, lanes: frozenset[Lane], *, has_text: bool) -> Route:
    """The wanted lane, or the one that stands in for it; the reason says so."""
    if wanted.lane is Lane.SKIP or wanted.lane in lanes:
        return Route(lane=wanted.lane, reason=f"{wanted.rule}; {wanted.detail}")
    instead = next((lane for lane in _INSTEAD[wanted.lane] if lane in lanes), None)
    if instead is None or not has_text:
        return Route(lane=Lane.SKIP, reason=f"{wanted.rule}, but no {wanted.lane} model is at hand; {wanted.detail}")
    return Route(lane=instead, reason=f"{wanted.rule}, but no {wanted.lane} model is at hand; {wanted.detail}")


def _told(chunks: Sequence[Chunk], sights: Sequence[_SightOf]) -> str:
    """What the unit is, for the second half of a reason: 'Figure 2, 41 words'."""
    names = [label_of(sight.chunk) or f"a {sight.figure.crop.kind} on page {sight.figure.crop.page}" for sight in sights]
    n_words = sum(chunk.features.n_words for chunk in chunks)
    return ", ".join([*dict.fromkeys(names[:3]), *(["…"] if len(names) > 3 else []), f"{n_words} words"])


def _asks_numbers_only(prompt: Prompt) -> bool:
    fields = properties(core(inlined(prompt.schema)))
    return bool(fields) and all(needs_number(part) for part in fields.values())


def _listed(kinds: Iterable[ChunkKind]) -> str:
    """Kinds as words, in the order of ChunkKind, so that the same case has the same reason."""
    present = set(kinds)
    return ", ".join(kind.value for kind in ChunkKind if kind in present)
