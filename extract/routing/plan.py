"""What a prompt would cost before anything is read: which units go where and why, and what every page to a model with eyes would be.

Pure functions over routed units. Tokens are foreseen, not counted: four characters for one of text, the model's own `pixels_per_token` for
pictures. What the models will write is not foreseen, on either side. Joules are there only where every model that reads has a
coefficient; None is unknown, never zero.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from extract.energy import CHARS_PER_TOKEN
from extract.prompts.messages import ANSWER
from extract.routing.pixels import crop_pixels, image_tokens, page_pixels, sent_pixels
from extract.units import chunks_read
from records import Chunk, Lane, PageQuality, Prompt, Route, Unit
from settings import ModelSettings

_ORDER = (Lane.VISION, Lane.TEXT, Lane.EMBEDDED, Lane.SKIP)
#: What pages are foreseen by where no model with eyes is at hand: the sizes of the Qwen-VL family.
_COMMON = ModelSettings.model_validate({"lane": "vision", "base_url": "none", "model": "none"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Cost:
    """What reading some units would take."""

    requests: int = 0
    prompt_tokens: int = 0  #: all that is sent, pictures included
    cached_tokens: int = 0  #: of these, what the server has read before: the instructions, after the first request
    images: int = 0
    pixels: int = 0  #: as they are rendered, 150 dots per inch
    sent_pixels: int = 0  #: after scaling to what the model reads
    energy_j: float | None = 0.0  #: of reading; None = a model has no coefficient

    def __add__(self, other: Cost) -> Cost:
        known = self.energy_j is not None and other.energy_j is not None
        return Cost(
            requests=self.requests + other.requests,
            prompt_tokens=self.prompt_tokens + other.prompt_tokens,
            cached_tokens=self.cached_tokens + other.cached_tokens,
            images=self.images + other.images,
            pixels=self.pixels + other.pixels,
            sent_pixels=self.sent_pixels + other.sent_pixels,
            energy_j=(self.energy_j or 0.0) + (other.energy_j or 0.0) if known else None,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class RoutedDocument:
    """The units of one document, each with its route, and the document's pages."""

    routed: tuple[tuple[Unit, Route], ...]
    pages: tuple[PageQuality, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class PlanLine:
    """The units that one rule sends to one lane."""

    lane: Lane
    rule: str
    units: int
    cost: Cost


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """The decision table of a prompt over a selection, beside reading every page as a picture."""

    units: int
    pages: int
    lines: tuple[PlanLine, ...]  #: dearest lane first, within it the most units first
    total: Cost
    all_vision: Cost  #: every page as one picture with the same instructions
    has_vision: bool  #: False = no model with eyes is at hand: `all_vision` is by a common one's sizes, its joules unknown

    @property
    def vision_share(self) -> float:
        """Share of the units that go to a model with eyes."""
        return sum(line.units for line in self.lines if line.lane is Lane.VISION) / max(self.units, 1)


def plan_routes(documents: Iterable[RoutedDocument], prompt: Prompt, *, models: Mapping[Lane, ModelSettings | None]) -> Plan:
    """The plan for these documents; `models` are those at hand by lane (None: the embedded reader, which is no model on a server)."""
    costing = _Costing(prompt, models)
    units: Counter[tuple[Lane, str]] = Counter()
    costs: dict[tuple[Lane, str], Cost] = {}
    pages = 0
    all_vision = Cost()
    for document in documents:
        sizes = {page.page: page_pixels(page) for page in document.pages}
        for unit, route in document.routed:
            key = route.lane, rule_of(route)
            units[key] += 1
            costs[key] = costs.get(key, Cost()) + costing.of(unit, route.lane, sizes)
        for size in sizes.values():
            all_vision += costing.of_page(size, is_first=not pages)
            pages += 1
    told = [PlanLine(lane=key[0], rule=key[1], units=units[key], cost=cost) for key, cost in costs.items()]
    return Plan(
        units=units.total(),
        pages=pages,
        lines=tuple(sorted(told, key=lambda line: (_ORDER.index(line.lane), -line.units, line.rule))),
        total=sum((line.cost for line in told), Cost()),
        all_vision=all_vision,
        has_vision=models.get(Lane.VISION) is not None,
    )


def rule_of(route: Route) -> str:
    """The rule that decided, without what of the unit it was applied to."""
    return route.reason.split(";")[0]


class _Costing:
    """What units would cost, one after the other: instructions are read once by each lane."""

    def __init__(self, prompt: Prompt, models: Mapping[Lane, ModelSettings | None]) -> None:
        self._prompt, self._models = prompt, models
        self._prefix = tokens_of(prompt.system + ANSWER + json.dumps(prompt.schema) + prompt.template)
        self._started: set[Lane] = set()

    def of(self, unit: Unit, lane: Lane, page_sizes: Mapping[int, int]) -> Cost:
        model = self._models.get(lane)
        if lane is Lane.SKIP:
            return Cost()
        if model is None:
            return Cost(requests=1, energy_j=None)
        chunks = {chunk.id: chunk for chunk in chunks_read(unit, self._prompt)}
        pixels: list[int] = []
        if lane is Lane.VISION:
            chunks, pixels = self._seen_of(unit, chunks, page_sizes)
        is_first = lane not in self._started
        self._started.add(lane)
        text = sum(tokens_of(chunk.text) for chunk in chunks.values())
        return _cost(text, pixels[: model.max_images], model, self._prefix, is_first=is_first)

    def _seen_of(
        self, unit: Unit, chunks: dict[str, Chunk], page_sizes: Mapping[int, int]
    ) -> tuple[dict[str, Chunk], list[int]]:
        """The chunks and the pixels that the vision lane is sent of a unit."""
        if self._prompt.sees == "pages":
            pages = sorted({page for chunk in unit.chunks for page in chunk.pages})
            return chunks, [page_sizes[page] for page in pages if page in page_sizes]
        holders = {figure.chunk_id for figure in unit.figures}
        told = {chunk.id: chunk for chunk in unit.chunks if chunk.id in holders}
        told |= {chunk.id: chunk for figure in unit.figures for chunk in figure.citing}
        return told, [crop_pixels(figure.crop) for figure in unit.figures]

    def of_page(self, size: int, *, is_first: bool) -> Cost:
        """A whole page as one picture, with the same instructions."""
        return _cost(0, [size], self._models.get(Lane.VISION) or _COMMON, self._prefix, is_first=is_first)


def _cost(text_tokens: int, pixels: list[int], model: ModelSettings, prefix: int, *, is_first: bool) -> Cost:
    sent = [sent_pixels(count, model) for count in pixels]
    fresh = text_tokens + sum(image_tokens(count, model) for count in sent) + (prefix if is_first else 0)
    cached = 0 if is_first else prefix
    joules = model.j_per_prompt_token
    return Cost(
        requests=1,
        prompt_tokens=fresh + cached,
        cached_tokens=cached,
        images=len(pixels),
        pixels=sum(pixels),
        sent_pixels=sum(sent),
        energy_j=None if joules is None else fresh * joules,
    )


def tokens_of(text: str) -> int:
    """About how many tokens this text is."""
    return round(len(text) / CHARS_PER_TOKEN)
