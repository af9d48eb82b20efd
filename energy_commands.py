"""The command `reread energy`: what a run cost, and what it is to be compared with."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from commands import JsonOption, LibraryOption, open_place, print_json
from records import as_json

if TYPE_CHECKING:
    from accounting import Account


def register(app: typer.Typer) -> None:
    """Add this command to the `reread` command."""
    app.command()(energy)


def energy(
    ctx: typer.Context,
    run: Annotated[
        str | None, typer.Argument(metavar="RUN", help="A run's id or its prompt's name; the newest where left out.")
    ] = None,
    png: Annotated[Path | None, typer.Option(metavar="FILE", help="Also draw the plot as a PNG.")] = None,
    vision: Annotated[
        str | None, typer.Option(metavar="ALIAS", help="The model that every page as an image is counted with.")
    ] = None,
    large: Annotated[str | None, typer.Option(metavar="ALIAS", help="The model that every chunk is counted with.")] = None,
    questions: Annotated[int, typer.Option(min=1, max=100_000, help="How many questions the plot goes to.")] = 20,
    library: LibraryOption = None,
    as_json_: JsonOption = False,
) -> None:
    """What a run cost in joules, lane by lane, and how they are known; beside every page as an image and one large model."""
    import accounting
    import energy_screens
    import screens

    place = open_place(ctx, library, as_json_)
    chosen = place.ledger.run(run) if run else accounting.newest_run(place.ledger)
    account = accounting.account_of(
        chosen, library=place.library, ledger=place.ledger, settings=place.settings, vision=vision, large=large
    )
    if ctx.obj["json"]:
        print_json(as_document(account))
    else:
        energy_screens.show_account(account, questions)
    if png:
        _draw(account, png, questions)
        screens.note(f"drawn to {png}")


def _draw(account: Account, png: Path, questions: int) -> None:
    from energy_plot import draw

    try:
        draw(account, questions).save(png, "PNG")
    except OSError as error:
        raise typer.BadParameter(f"{png} cannot be written: {error.strerror}", param_hint="--png") from error


def as_document(account: Account) -> dict[str, Any]:
    """The account as JSON: null for what is unknown."""
    unit, curves = account.curves()
    lanes = [
        {
            **asdict(lane),
            "joules": lane.joules if lane.known else None,
            "sources": sorted(lane.sources),
            "models": sorted(lane.models),
            "joules_per_try": lane.joules_per_try,
        }
        for lane in account.lanes
    ]
    return {
        **as_json(account),
        "lanes": lanes,
        "own": as_json(account.own),
        "break_even_questions": account.break_even,
        "curves": {"unit": unit, "ways": as_json(curves)},
        "unknown": account.unknown,
    }
