"""What `reread energy` shows on a terminal: tables, and the plot in characters."""

from __future__ import annotations

from typing import TYPE_CHECKING

from screens import note, show_table

if TYPE_CHECKING:
    from accounting import Account, Curve
    from extract.energy import Way

_BAR = 24  #: characters of the longest bar
_PREFIXES = ((1e18, "E"), (1e15, "P"), (1e12, "T"), (1e9, "G"), (1e6, "M"), (1e3, "k"), (1.0, ""))


def show_account(account: Account, questions: int) -> None:
    """Lanes, alternatives, cumulative costs; then what is not known."""
    run = account.run
    print(
        f"run {run.id}, {run.prompt_name}, read by {run.model}: {account.documents:,} papers, {account.pages:,} pages, "
        f"{account.units:,} chunks, {account.skipped:,} of them skipped, {account.failed:,} failed"
    )
    _show_lanes(account)
    _show_ways(account)
    _show_cumulative(account, questions)
    if account.unknown:
        note("\nNot known:")
        for line in account.unknown:
            note(f"  {line}")


def amount(value: float | None, unit: str = "J") -> str:
    """Three digits with a prefix: '12.3 kJ'; 'unknown' for None."""
    if value is None:
        return "unknown"
    for factor, prefix in _PREFIXES:
        if abs(value) >= factor:
            return f"{value / factor:.3g} {prefix}{unit}"
    return f"{value:.2g} {unit}"


def bar(value: float, most: float, size: int = _BAR) -> str:
    """A bar of eighths of a character."""
    eighths = round(8 * size * value / most) if most > 0 else 0
    return "█" * (eighths // 8) + ("▏▎▍▌▋▊▉"[eighths % 8 - 1] if eighths % 8 else "")


def _show_lanes(account: Account) -> None:
    most = max((lane.joules_per_try or 0.0 for lane in account.lanes), default=0.0)
    print()
    show_table(
        ("lane", "readings", "J each", "", "in all", "known by", "tokens read", "cached (free)", "written", "images", "Mpixel", "s"),
        [
            (
                lane.lane.value, f"{lane.tries:,}", amount(lane.joules_per_try), bar(lane.joules_per_try or 0.0, most),
                amount(lane.joules if lane.known else None), _known(lane.sources, lane.known, lane.tries),
                f"{lane.prompt_tokens - lane.cached_tokens:,}", f"{lane.cached_tokens:,}", f"{lane.completion_tokens:,}",
                f"{lane.images:,}", f"{lane.pixels / 1e6:.1f}", f"{lane.seconds:,.1f}",
            )
            for lane in account.lanes
        ],
    )  # fmt: skip


def _known(sources: set[str], known: int, tries: int) -> str:
    how = ", ".join(sorted(sources)) or "nothing"
    return how if known in (0, tries) else f"{how}, of {known / tries:.0%}"


def _show_ways(account: Account) -> None:
    unit = account.curves()[0]
    own = account.own
    print()
    show_table(
        ("way to read", "model", "calls", "tokens read", "written", "Mpixel", "joules", "computing", "saved by this run"),
        [
            (
                way.name, way.model, f"{way.calls:,}", f"{way.prompt_tokens:,}", f"{way.completion_tokens:,}",
                f"{way.pixels / 1e6:,.1f}", amount(way.joules), amount(way.operations, "FLOP"),
                _saved(_cost(own, unit), _cost(way, unit)),
            )
            for way in (own, *account.alternatives)
        ],
    )  # fmt: skip
    print(f"\nconversion, once: {account.conversion_s:,.1f} s of one core, {amount(account.conversion_joules)}")
    if account.break_even is not None:
        print(f"break-even: converting has paid from question {account.break_even} on, against every page as an image")
    elif unit == "J":
        print("break-even: never; this run costs more for each question than every page as an image")


def _cost(way: Way, unit: str) -> float | None:
    return way.joules if unit == "J" else way.operations


def _saved(own: float | None, other: float | None) -> str:
    if own is None or not other or own == other:
        return ""
    return f"{1 - own / other:.0%}"


def _show_cumulative(account: Account, questions: int) -> None:
    unit, curves = account.curves()
    if not curves:
        return
    print(f"\n{'joules' if unit == 'J' else 'computing by models, joules are not known'} over the number of questions")
    most = max(curve.after(questions) for curve in curves)
    rows = [
        (n if i == 0 else "", curve.name, amount(curve.after(n), unit), bar(curve.after(n), most))
        for n in steps(questions)
        for i, curve in enumerate(curves)
    ]
    show_table(("questions", "way", "in all", ""), rows)


def steps(questions: int) -> list[int]:
    """1, 2, 5, 10, 20 … and the last."""
    series = [digit * 10**power for power in range(6) for digit in (1, 2, 5)]
    return [*(n for n in series if n < questions), questions]


def crossing(curves: tuple[Curve, ...]) -> tuple[float, float] | None:
    """Where the first way becomes cheaper than the second: questions, cost; None where it is from the start, or never."""
    first, second = curves[:2]
    if first.each >= second.each or first.once <= second.once:
        return None
    questions = (first.once - second.once) / (second.each - first.each)
    return questions, first.once + questions * first.each
