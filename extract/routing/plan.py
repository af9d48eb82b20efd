"""What a prompt would cost before anything is read: which units go where and why, and what every page to a model with eyes would be.

Pure functions over routed units. Tokens are foreseen, not counted: CHARS_PER_TOKEN for text, the model's own `pixels_per_token` for
pictures. What the models will write is not foreseen, on either side. Joules are there only where every model that reads has a
coefficient; None is unknown, never zero.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from extract.prompts.messages import ANSWER
from extract.routing.pixels import crop_pixels, image_tokens, page_pixels, sent_pixels
from extract.routing.router import LANES
from records import Lane, PageQuality, Prompt, Route, Unit
from settings import ModelSettings

#: Characters of one token. Of English prose a byte-pair encoding makes 4 to 4.5, of numbers and formulas 2 to 3.
CHARS_PER_TOKEN = 3.5


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


def plan_routes(
    routed: Iterable[tuple[Unit, Route]],
    prompt: Prompt,
    *,
    models: Mapping[Lane, ModelSettings | None],
    pages: Iterable[PageQuality],
) -> Plan:
    """The plan for these units; `models` are those at hand by lane (None: the embedded reader, which is no model on a server)."""
    prefix = _prefix_tokens(prompt)
    seen: set[str] = set()
    lines: dict[tuple[Lane, str], list[Cost]] = defaultdict(list)
    started: set[Lane] = set()
    for unit, route in routed:
        is_first = route.lane not in started
        cost = _unit_cost(unit, prompt, route.lane, models, prefix, seen, is_first=is_first)
        lines[route.lane, rule_of(route)].append(cost)
        started.add(route.lane)
    order = [Lane.VISION, Lane.TEXT, Lane.EMBEDDED, Lane.SKIP]
    told = [PlanLine(lane=lane, rule=rule, units=len(costs), cost=sum(costs, Cost())) for (lane, rule), costs in lines.items()]
    all_pages = list(pages)
    return Plan(
        units=sum(line.units for line in told),
        pages=len(all_pages),
        lines=tuple(sorted(told, key=lambda line: (order.index(line.lane), -line.units, line.rule))),
        total=sum((line.cost for line in told), Cost()),
        all_vision=_all_vision(all_pages, models.get(Lane.VISION), prefix),
        has_vision=models.get(Lane.VISION) is not None,
    )


def rule_of(route: Route) -> str:
    """The rule that decided, without what of the unit it was applied to."""
    return route.reason.split(";")[0]


def dearest(lanes: Iterable[Lane]) -> Lane:
    """The dearest of these lanes."""
    return max(lanes, key=LANES.index)


def _unit_cost(
    unit: Unit,
    prompt: Prompt,
    lane: Lane,
    models: Mapping[Lane, ModelSettings | None],
    prefix: int,
    seen: set[str],
    *,
    is_first: bool,
) -> Cost:
    model = models.get(lane)
    if lane is Lane.SKIP:
        return Cost()
    if lane is Lane.EMBEDDED or model is None:
        return Cost(requests=1, energy_j=None)
    texts = [chunk.text for chunk in unit.chunks if chunk.kind in prompt.kinds]
    rendered: list[int] = []
    if lane is Lane.VISION:
        fresh = [figure for figure in unit.figures if figure.crop.png not in seen]
        seen.update(figure.crop.png for figure in fresh)
        rendered = [crop_pixels(figure.crop) for figure in fresh[: model.max_images]]
        texts += [chunk.text for chunk in {c.id: c for figure in fresh for c in figure.citing}.values()]
    return _cost(tokens_of(" ".join(texts)), rendered, model, prefix, is_first=is_first)


def _cost(text_tokens: int, pixels: list[int], model: ModelSettings, prefix: int, *, is_first: bool) -> Cost:
    sent = [sent_pixels(count, model) for count in pixels]
    fresh = text_tokens + sum(image_tokens(count, model) for count in sent)
    cached = 0 if is_first else prefix
    joules = model.j_per_prompt_token
    return Cost(
        requests=1,
        prompt_tokens=fresh + prefix,
        cached_tokens=cached,
        images=len(pixels),
        pixels=sum(pixels),
        sent_pixels=sum(sent),
        energy_j=None if joules is None else (fresh + prefix - cached) * joules,
    )


def _all_vision(pages: list[PageQuality], model: ModelSettings | None, prefix: int) -> Cost:
    reads = model or ModelSettings.model_validate({"lane": "vision", "base_url": "none", "model": "none"})
    costs = [_cost(0, [page_pixels(page)], reads, prefix, is_first=n == 0) for n, page in enumerate(pages)]
    return sum(costs, Cost())


def _prefix_tokens(prompt: Prompt) -> int:
    """Of what is the same for every unit: instructions and schema."""
    return tokens_of(prompt.system + ANSWER + str(prompt.schema) + prompt.template)


def tokens_of(text: str) -> int:
    """About how many tokens this text is."""
    return round(len(text) / CHARS_PER_TOKEN)
