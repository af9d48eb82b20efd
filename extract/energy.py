"""What reading cost in joules, how that is known, and what other ways to read the same would have cost.

Joules are counted by the hardware, or made of tokens by a model's coefficients, or unknown. Unknown is None and never zero: a sum says
of how many of its parts it knows the joules. Prompt tokens that the server had cached cost nothing here; they are counted beside, so that
nobody takes them for read. Everything in this file is arithmetic on records; what is stored is brought by `accounting`.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace

from records import Extraction, Lane, Step, Usage
from settings import ModelSettings

#: Pixels per PDF point of a page that is read as an image, before the model's own limit: 144 dpi, at which footnotes can be read.
PAGE_SCALE = 2.0
#: Characters of a record in JSON for one token, for lanes that do not write tokens.
CHARS_PER_TOKEN = 4
#: Operations of one token for each parameter that it passes through: one multiplication, one addition.
_OPERATIONS = 2e9  #: for each billion

#: The model of this lane and alias; None where nobody knows it any more.
ModelOf = Callable[[Lane, str], ModelSettings | None]


@dataclass(frozen=True, slots=True, kw_only=True)
class PerToken:
    """What one token costs, in joules or in operations. None is unknown."""

    read: float | None
    written: float | None

    def of(self, read: int, written: int) -> float | None:
        """The cost of so many tokens; a token that there is none of may be unknown."""
        costs = [(read, self.read), (written, self.written)]
        if any(tokens and cost is None for tokens, cost in costs):
            return None
        return sum(tokens * (cost or 0.0) for tokens, cost in costs)


def joules_per_token(model: ModelSettings) -> PerToken:
    return PerToken(read=model.j_per_prompt_token, written=model.j_per_token)


def operations_per_token(model: ModelSettings) -> PerToken:
    """Floating-point operations: what models can be compared by before joules are measured. Attention itself is left out."""
    each = None if model.parameters_b is None else _OPERATIONS * model.parameters_b
    return PerToken(read=each, written=each)


def cost_of(usage: Usage, per_token: PerToken) -> float | None:
    """The cost of one reading: tokens that were computed, and tokens written. None where it does not say how many."""
    if usage.prompt_tokens is None or usage.completion_tokens is None:
        return None
    return per_token.of(usage.prompt_tokens - (usage.cached_tokens or 0), usage.completion_tokens)


def with_joules(usage: Usage, model: ModelSettings) -> Usage:
    """This usage with the joules that the model's coefficients give; as it is where it has joules, or they are unknown."""
    if usage.energy_j is not None:
        return usage
    joules = cost_of(usage, joules_per_token(model))
    return usage if joules is None else replace(usage, energy_j=joules, energy_source="coefficient")


def weights_of(model: ModelSettings) -> PerToken:
    """What tokens count for when joules are shared out: their coefficients where there are both, else one is like another."""
    both = joules_per_token(model)
    return both if both.read and both.written else PerToken(read=1.0, written=1.0)


def apportioned(joules: float, usages: Sequence[Usage], model: ModelSettings) -> list[Usage]:
    """What a counter saw while these requests ran, shared out among them: by the coefficients where there are both, else by
    tokens. A request that does not say its tokens stays unknown and is taken for one like the others."""
    weigh = weights_of(model)
    weights = [cost_of(usage, weigh) for usage in usages]
    known = [weight for weight in weights if weight is not None]
    total = sum(known) * len(usages) / len(known) if known else 0.0
    if not total:
        return list(usages)
    return [
        usage if weight is None else replace(usage, energy_j=joules * weight / total, energy_source="counter")
        for usage, weight in zip(usages, weights, strict=True)
    ]


@dataclass(slots=True, kw_only=True)
class Spent:
    """What one lane cost in a run. A try is one lane's reading of one unit: a cascade may try a unit several times."""

    lane: Lane
    tries: int = 0
    known: int = 0  #: tries whose joules are known
    joules: float = 0.0  #: of those
    operations: float | None = 0.0  #: None where a model's parameters or a try's tokens are unknown
    sources: set[str] = field(default_factory=set)  #: counter, coefficient
    models: set[str] = field(default_factory=set)  #: aliases
    prompt_tokens: int = 0
    cached_tokens: int = 0
    completion_tokens: int = 0
    images: int = 0
    pixels: int = 0
    seconds: float = 0.0

    @property
    def is_known(self) -> bool:
        return self.known == self.tries

    @property
    def joules_per_try(self) -> float | None:
        return self.joules / self.known if self.known else None


def spent_by_lane(extractions: Iterable[Extraction], model_of: ModelOf, cpu_watts: float | None) -> list[Spent]:
    """What each lane cost, cheapest lane first, failures included: they were paid for too."""
    by_lane: dict[Lane, Spent] = {}
    for extraction in extractions:
        for step in tries(extraction):
            _add(by_lane.setdefault(step.lane, Spent(lane=step.lane)), step, model_of(step.lane, step.model), cpu_watts)
    return [by_lane[lane] for lane in Lane if lane in by_lane]


def tries(extraction: Extraction) -> tuple[Step, ...]:
    """Every lane that was asked for this extraction."""
    reading = extraction.reading
    return reading.steps or (Step(lane=extraction.route.lane, model=reading.model, usage=reading.usage, why=""),)


def _add(spent: Spent, step: Step, model: ModelSettings | None, cpu_watts: float | None) -> None:
    usage = _priced(step, model, cpu_watts)
    spent.tries += 1
    spent.models |= {step.model} - {""}
    if usage.energy_j is not None:
        spent.known += 1
        spent.joules += usage.energy_j
        spent.sources.add(usage.energy_source or "coefficient")
    operations = cost_of(usage, operations_per_token(model)) if model else None
    spent.operations = None if spent.operations is None or operations is None else spent.operations + operations
    for name in ("prompt_tokens", "cached_tokens", "completion_tokens", "images", "pixels", "seconds"):
        setattr(spent, name, getattr(spent, name) + (getattr(usage, name) or 0))


def _priced(step: Step, model: ModelSettings | None, cpu_watts: float | None) -> Usage:
    if model is not None:
        return with_joules(step.usage, model)
    if step.lane is Lane.EMBEDDED and cpu_watts is not None and step.usage.energy_j is None:
        return replace(step.usage, energy_j=step.usage.seconds * cpu_watts, energy_source="coefficient")
    return step.usage


def tokens_written(extraction: Extraction) -> int:
    """The tokens of its answer, where nobody counted them by the length of its record."""
    counted = extraction.reading.usage.completion_tokens
    if counted is not None:
        return counted
    record = extraction.reading.record
    return math.ceil(len(json.dumps(record, ensure_ascii=False)) / CHARS_PER_TOKEN) if record else 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Way:
    """One way to answer a question over the papers of a run."""

    name: str
    model: str  #: alias
    calls: int
    pixels: int
    prompt_tokens: int
    completion_tokens: int
    joules: float | None
    operations: float | None


def all_vision(pages: Iterable[tuple[float, float]], written: int, alias: str, model: ModelSettings) -> Way:
    """Every page, width and height in points, as an image to this model, with answers as long as those of the run.

    In its favour: its instructions count as cached, and nothing is counted for drawing the pages.
    """
    pixels = [page_pixels(width, height, model) for width, height in pages]
    tokens = sum(math.ceil(n / model.pixels_per_token) for n in pixels)
    return _way("every page as an image", alias, model, len(pixels), tokens, written, sum(pixels))


def page_pixels(width: float, height: float, model: ModelSettings) -> int:
    """Of a page that is sent to this model whole."""
    return min(int(width * PAGE_SCALE * height * PAGE_SCALE), model.max_pixels)


def one_large(units: int, tokens_per_unit: float, written: int, alias: str, model: ModelSettings) -> Way:
    """Every unit, those too that were skipped, as text to this model, with answers as long as those of the run."""
    return _way("every chunk to one model", alias, model, units, round(units * tokens_per_unit), written, 0)


def _way(name: str, alias: str, model: ModelSettings, calls: int, read: int, written: int, pixels: int) -> Way:
    return Way(
        name=name,
        model=alias,
        calls=calls,
        pixels=pixels,
        prompt_tokens=read,
        completion_tokens=written,
        joules=joules_per_token(model).of(read, written),
        operations=operations_per_token(model).of(read, written),
    )


def break_even(once: float, each: float, other_each: float) -> int | None:
    """The question from which on converting once is cheaper: the least n with once + n * each <= n * other_each. None = never."""
    if each >= other_each:
        return None
    return max(math.ceil(once / (other_each - each)), 1)


def dearest(models: Iterable[tuple[str, ModelSettings]]) -> tuple[str, ModelSettings] | None:
    """The alias and model whose tokens cost most: by joules where any has them, else by its parameters."""
    known = list(models)
    by_joules = [found for found in known if found[1].j_per_prompt_token is not None]
    if by_joules:
        return max(by_joules, key=lambda found: found[1].j_per_prompt_token or 0.0)
    by_size = [found for found in known if found[1].parameters_b is not None]
    return max(by_size, key=lambda found: found[1].parameters_b or 0.0) if by_size else None
