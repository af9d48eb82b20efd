"""What a run cost, beside what other ways to read the same papers would have cost, and from which question on converting them paid.

`extract.energy` has the arithmetic; here what it needs is fetched from the library and the portfolio, and what is missing is said in
words. A coefficient that was measured after a run counts for it too: joules that were counted stay as they were.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from errors import NotFound
from extract import energy
from extract.energy import Spent, Way
from jobs import Ledger
from records import Conversion, Lane, Run
from settings import ModelSettings, Settings, aliases_of
from store.library import Library

#: Documents whose text is counted where no lane has counted the tokens of a chunk.
_SAMPLE = 50


@dataclass(frozen=True, slots=True, kw_only=True)
class Curve:
    """What one way costs over the number of questions."""

    name: str
    once: float
    each: float

    def after(self, questions: int) -> float:
        return self.once + questions * self.each


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """What a run cost, and what it is to be compared with."""

    run: Run
    documents: int
    pages: int
    units: int
    skipped: int
    failed: int
    lanes: tuple[Spent, ...]
    all_vision: Way | None
    one_large: Way | None
    conversion_s: float
    conversion_joules: float | None

    @property
    def own(self) -> Way:
        """This run as one of the ways. Joules are None where those of one reading are unknown; operations are of the lanes that
        work in tokens, and None where there is no such lane or a model's parameters are unknown."""
        lanes = self.lanes
        operations = [lane.operations for lane in lanes if lane.lane is not Lane.EMBEDDED]
        return Way(
            name="this run",
            model=self.run.model,
            calls=sum(lane.tries for lane in lanes),
            pixels=sum(lane.pixels for lane in lanes),
            prompt_tokens=sum(lane.prompt_tokens - lane.cached_tokens for lane in lanes),
            completion_tokens=sum(lane.completion_tokens for lane in lanes),
            joules=sum(lane.joules for lane in lanes) if all(lane.is_known for lane in lanes) else None,
            operations=None if None in operations or not operations else sum(part or 0.0 for part in operations),
        )

    @property
    def unknown(self) -> tuple[str, ...]:
        return _unknown(self)

    @property
    def alternatives(self) -> tuple[Way, ...]:
        return tuple(found for found in (self.all_vision, self.one_large) if found)

    @property
    def break_even(self) -> int | None:
        """Questions until converting and reading is cheaper than every page as an image; None where that is never, or unknown."""
        own, other = self.own.joules, self.all_vision.joules if self.all_vision else None
        if own is None or self.conversion_joules is None or other is None:
            return None
        return energy.break_even(self.conversion_joules, own, other)

    def curves(self) -> tuple[str, tuple[Curve, ...]]:
        """The unit ('J', 'FLOP' or '' where nothing can be drawn) and what each way costs over the questions, this run's first.

        Joules where they are known of all; else operations, of the models alone.
        """
        ways = (self.own, *self.alternatives)
        if len(ways) > 1 and self.conversion_joules is not None and all(way.joules is not None for way in ways):
            return "J", self._curves([way.joules for way in ways], self.conversion_joules)
        if len(ways) > 1 and all(way.operations is not None for way in ways):
            return "FLOP", self._curves([way.operations for way in ways], 0.0)
        return "", ()

    def _curves(self, each: list[float | None], once: float) -> tuple[Curve, ...]:
        names = ["Reread", *(way.name for way in self.alternatives)]
        draws_pages = self.all_vision.name if self.all_vision else ""  # it alone needs no conversion
        return tuple(
            Curve(name=name, once=0.0 if name == draws_pages else once, each=cost or 0.0)
            for name, cost in zip(names, each, strict=True)
        )


def account_of(
    run: Run, *, library: Library, ledger: Ledger, settings: Settings, vision: str | None = None, large: str | None = None
) -> Account:
    """The account of this run; `vision` and `large` are the aliases to compare with, else the one that was used and the dearest."""
    doc_ids = ledger.run_documents(run.id)
    extractions = list(library.extractions(run.reading_key, doc_ids))
    conversions = [found[0] for doc_id in doc_ids if (found := library.conversions(doc_id))]
    lanes = tuple(energy.spent_by_lane(extractions, _model_of(run, settings), settings.cpu_watts))
    written = sum(map(energy.tokens_written, extractions))
    units = int(run.counts.get("units", len(extractions)))
    seen = _chosen(vision, Lane.VISION, run, settings)
    strong = _chosen(large, Lane.TEXT, run, settings)
    conversion_s = sum(conversion.seconds for conversion in conversions)
    return Account(
        run=run,
        documents=len(doc_ids),
        pages=sum(len(conversion.pages) for conversion in conversions),
        units=units,
        skipped=int(run.counts.get("skipped", 0)),
        failed=sum(not extraction.reading.is_ok for extraction in extractions),
        lanes=lanes,
        all_vision=energy.all_vision(_page_sizes(conversions), written, *seen) if seen else None,
        one_large=energy.one_large(units, _tokens_per_unit(lanes, units, doc_ids, library), written, *strong)
        if strong
        else None,
        conversion_s=conversion_s,
        conversion_joules=None if settings.cpu_watts is None else conversion_s * settings.cpu_watts,
    )


def _model_of(run: Run, settings: Settings) -> Callable[[Lane, str], ModelSettings | None]:
    portfolio = settings.portfolio

    def model_of(lane: Lane, alias: str) -> ModelSettings | None:
        named = [alias] if alias else list(aliases_of(run.model))
        return next((portfolio[name] for name in named if name in portfolio and portfolio[name].lane == lane.value), None)

    return model_of


def _chosen(alias: str | None, lane: Lane, run: Run, settings: Settings) -> tuple[str, ModelSettings] | None:
    """The model to compare with: the one that is named; for pictures the run's own; else the dearest of its lane."""
    if alias:
        return alias, settings.model_named(alias)
    in_lane = {name: model for name, model in settings.portfolio.items() if model.lane == lane.value}
    used = [(name, in_lane[name]) for name in aliases_of(run.model) if name in in_lane]
    if used and lane is Lane.VISION:
        return used[0]
    own = {name: model for name, model in in_lane.items() if name in settings.models}
    return energy.dearest((own or in_lane).items())


def _page_sizes(conversions: list[Conversion]) -> list[tuple[float, float]]:
    return [(page.width, page.height) for conversion in conversions for page in conversion.pages]


def _tokens_per_unit(lanes: tuple[Spent, ...], units: int, doc_ids: list[str], library: Library) -> float:
    """Prompt tokens of one unit without those that are cached: as the text lane counted them, else from the length of the text."""
    for lane in lanes:
        if lane.lane is Lane.TEXT and lane.prompt_tokens:
            return (lane.prompt_tokens - lane.cached_tokens) / lane.tries
    sample = doc_ids[:_SAMPLE]
    chars = sum(len(chunk.searchable) for chunks, _ in library.chunks(sample).values() for chunk in chunks)
    return chars / energy.CHARS_PER_TOKEN / max(units * len(sample) / max(len(doc_ids), 1), 1)


def _unknown(account: Account) -> tuple[str, ...]:
    """What is not known, and what to do about it."""
    watts = "state cpu_watts in reread.toml, or measure it: reread models calibrate embedded"
    lines = [
        f"{lane.lane.value}: joules of {lane.tries - lane.known:,} of {lane.tries:,} readings; "
        + (watts if lane.lane is Lane.EMBEDDED else _measure(*sorted(lane.models or {account.run.model})))
        for lane in account.lanes
        if not lane.is_known
    ]
    lines += [f"{way.name}: joules of {way.model}; {_measure(way.model)}" for way in account.alternatives if way.joules is None]
    if account.all_vision is None:
        lines.append("every page as an image: no vision model has coefficients or parameters")
    if account.one_large is None:
        lines.append("every chunk to one model: no text model has coefficients or parameters")
    if account.conversion_joules is None:
        lines.append(f"conversion: joules; {watts}")
    if account.documents and not account.pages:
        lines.append("pages: these papers have none (HTML, JATS, LaTeX), so they cannot be compared with pages as images")
    return tuple(lines)


def _measure(*aliases: str) -> str:
    return "measure them: " + ", ".join(f"reread models calibrate {alias}" for alias in aliases)


def newest_run(ledger: Ledger) -> Run:
    """The run that was made last; raises NotFound where there is none."""
    runs = ledger.runs()
    if not runs:
        raise NotFound("There is no run yet. `reread reprocess PROMPT` makes one.")
    return runs[-1]
