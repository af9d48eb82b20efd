"""What `reread route` shows: the decision table with its cost, an audit, a fitted threshold."""

from __future__ import annotations

from extract.routing.audit import Audit, Fit, Share
from extract.routing.plan import Cost, Plan
from screens import note, out, printable, show_table


def show_plan(plan: Plan, prompt_name: str) -> None:
    """By lane and rule what would be read, all of it, and beside it every page as a picture."""
    from rich.table import Table
    from rich.text import Text

    columns = ("requests", "tokens", "cached", "images", "Mpixels", "sent", "J")
    table = Table("lane", "because", "units", *columns, box=None, pad_edge=False)
    for column in table.columns[2:]:
        column.justify = "right"
    for line in plan.lines:
        table.add_row(line.lane.value, Text(printable(line.rule)), f"{line.units:,}", *_cells(line.cost))
    table.add_section()
    table.add_row("", "as routed", f"{plan.units:,}", *_cells(plan.total))
    table.add_row("", f"every page as a picture ({plan.pages:,} pages)", "", *_cells(plan.all_vision))
    out().print(table)
    whole = plan.all_vision
    rendered = plan.total.pixels / whole.pixels if whole.pixels else 0.0
    sent = plan.total.sent_pixels / whole.sent_pixels if whole.sent_pixels else 0.0
    note(
        f"{prompt_name}: {plan.vision_share:.1%} of the units go to eyes, with {rendered:.1%} of the pixels of whole pages at 150 dpi "
        f"({sent:.1%} after the model's own limit). Tokens are foreseen from the text's length; what the models write is not."
    )
    if not plan.has_vision:
        note(
            "No model with eyes is at hand: pages are foreseen by the sizes of a common one. Name one with --model TEXT+VISION."
        )
    if plan.all_vision.energy_j is None or plan.total.energy_j is None:
        note("Joules are not known where a model has no j_per_prompt_token: `reread models calibrate` measures it.")


def _cells(cost: Cost) -> tuple[str, ...]:
    if not cost.requests:
        return ("",) * 7
    joules = "?" if cost.energy_j is None else f"{cost.energy_j:,.1f}"
    counts = (f"{cost.requests:,}", f"{cost.prompt_tokens:,}", f"{cost.cached_tokens:,}", f"{cost.images:,}")
    return (*counts, f"{cost.pixels / 1e6:,.1f}", f"{cost.sent_pixels / 1e6:,.1f}", joules)


def show_audit(audit: Audit, prompt_name: str) -> None:
    """How well what was routed agrees with the dearest lane, by lane and by field."""
    rows = [("all", *_share(audit.overall))]
    rows += [(f"lane {lane.value}", *_share(share)) for lane, share in audit.by_lane().items()]
    rows += [(name, *_share(share)) for name, share in audit.by_field().items()]
    show_table(("", "agrees", "95 % interval", "units"), rows)
    note(
        f"{prompt_name}: {len(audit.units):,} units read both ways; in {audit.both_empty:,} neither found anything, "
        f"{audit.failed:,} could not be read. Agreement with the dearest lane is not correctness: it may be wrong too."
    )


def _share(share: Share) -> tuple[str, str, str]:
    low, high = share.interval
    return ("-" if share.value is None else f"{share.value:.1%}", f"{low:.1%} to {high:.1%}", f"{share.of:,}")


def show_fit(fit: Fit | None, target: float) -> None:
    """The line for reread.toml, or that there is none."""
    if fit is None:
        note(
            f"No threshold keeps {target:.0%} agreement at the lower end of its interval on these units. "
            "Audit more of them, or ask for less."
        )
        return
    value, low, units = _share(fit.kept)[0], f"{fit.kept.interval[0]:.1%}", fit.kept.of
    out().print(f"[routing]\nunsure_below = {fit.unsure_below:g}", markup=False)
    note(f"What stays cheap then agrees in {value} (at least {low}, {units:,} units); {fit.escalated:,} would be asked again.")
