"""The commands `reread models`: what there is, whether it answers, what it does here, and the weights of Docling's own models."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from commands import Exit, JsonOption, print_json
from errors import NotMeasured, RereadError
from records import as_json

if TYPE_CHECKING:
    from extract.models.calibrating import Calibration, Rate
    from settings import ModelSettings

models = typer.Typer(
    help="Models: which there are, whether they answer, what they do here; and the weights of Docling's own.",
    no_args_is_help=True,
    add_completion=False,
)
AliasArgument = Annotated[str, typer.Argument(metavar="ALIAS", help="A model's alias; `reread models list` has them.")]

#: Seconds that `list` waits for a server to say what it serves.
_LOOK_S = 5.0
_EMBEDDED = "embedded"


def register(app: typer.Typer) -> None:
    """Add these commands to the `reread` command."""
    app.add_typer(models, name="models")


@models.command("list")
def list_models(ctx: typer.Context, as_json_: JsonOption = False) -> None:
    """The models that have an alias, and which of them answer now."""
    import screens
    from settings import load_settings

    found = load_settings().portfolio
    places = [(alias, model, url) for alias, model in found.items() for url in model.base_urls]
    with ThreadPoolExecutor(min(len(places), 32)) as pool:
        answers = list(pool.map(lambda place: _answers(*place), places))
    if ctx.obj["json"] or as_json_:
        answer_of = {(alias, url): said for (alias, _, url), said in zip(places, answers, strict=True)}
        print_json(
            [
                {"alias": alias, **as_json(model), "answers": {url: answer_of[alias, url] for url in model.base_urls}}
                for alias, model in found.items()
            ]
        )
        return
    rows = [
        (
            alias,
            model.lane,
            url,
            model.model,
            model.revision[:8],
            f"{model.context_tokens:,}",
            model.concurrency,
            _joules(model),
            said,
        )
        for (alias, model, url), said in zip(places, answers, strict=True)
    ]
    screens.show_table(
        ("alias", "lane", "address", "model", "revision", "context", "in flight", "J/token read, written", "answers"), rows
    )
    for alias, model in found.items():
        if model.energy_from:
            screens.note(f"{alias}, joules: {model.energy_from}")


def _answers(alias: str, model: ModelSettings, url: str) -> str:
    from extract.models.reader import check_endpoint

    alone = model.model_copy(update={"base_url": url, "timeout_s": _LOOK_S, "attempts": 1})
    try:
        check_endpoint(alias, alone)
    except RereadError as error:
        return f"no: {error.code}"
    return "yes"


def _joules(model: ModelSettings) -> str:
    figures = (model.j_per_prompt_token, model.j_per_token)
    return ", ".join("unknown" if figure is None else f"{figure:.3g}" for figure in figures)


@models.command()
def check(ctx: typer.Context, alias: AliasArgument, as_json_: JsonOption = False) -> None:
    """Ask a model, at each of its addresses, a little of all that Reread will ask; exits 1 where something does not work."""
    import screens
    from extract.models.checking import check_model
    from settings import load_settings

    found = check_model(alias, load_settings().model_named(alias))
    if ctx.obj["json"] or as_json_:
        print_json(as_json(found))
    else:
        rows = [("ok" if c.is_ok else "fail", c.what, f"{c.seconds:.2f} s", c.url, c.found) for c in found]
        screens.show_table(("", "asked", "took", "of", "found"), rows)
    if not all(checked.is_ok for checked in found):
        raise typer.Exit(Exit.SOME_FAILED)


@models.command()
def calibrate(
    ctx: typer.Context,
    alias: AliasArgument,
    seconds: Annotated[float, typer.Option(min=0.1, help="For each of two loads at each concurrency.")] = 10.0,
    as_json_: JsonOption = False,
) -> None:
    """Measure tokens/s and joules per token, and print the lines for reread.toml. 'embedded' measures the watts of one busy core.

    Joules come from the energy counters of the GPUs that the alias names (`gpus = [0]`); where there are none they stay unknown.
    """
    import screens
    from settings import load_settings

    if alias == _EMBEDDED:
        _calibrate_cpu(seconds, as_json=ctx.obj["json"] or as_json_)
        return
    model = load_settings().model_named(alias)
    found = _measured(alias, model, seconds)
    if ctx.obj["json"] or as_json_:
        print_json({**as_json(found), "toml": found.toml})
        return
    rows = [_row(rate, found) for rate in found.rates]
    screens.show_table(("load", "in flight", "answers", "tokens/s read", "tokens/s written", "joules", ""), rows)
    if found.not_measured:
        screens.note(f"Joules were not measured: {found.not_measured}. They stay unknown.")
    print(f"\n{found.toml}")


def _measured(alias: str, model: ModelSettings, seconds: float) -> Calibration:
    import screens
    from extract.counters import open_gpu_counter
    from extract.models.calibrating import calibrate as measure

    counter, device, reason = None, "", ""
    try:
        counter = open_gpu_counter(model.gpus)
        device = counter.name
    except NotMeasured as error:
        reason = str(error)

    def tell(rate: Rate) -> None:
        screens.note(
            f"{rate.load}, {rate.concurrency} in flight: {rate.read_per_s:,.0f} read/s, {rate.written_per_s:,.0f} written/s"
        )

    return measure(alias, model, seconds=seconds, counter=counter, device=device, not_measured=reason, progress=tell)


def _row(rate: Rate, found: Calibration) -> tuple[Any, ...]:
    mark = "best" if rate.concurrency == found.concurrency and rate.load == "write" else ""
    joules = "not measured" if rate.joules is None else f"{rate.joules:,.1f}"
    return rate.load, rate.concurrency, rate.answers, f"{rate.read_per_s:,.0f}", f"{rate.written_per_s:,.0f}", joules, mark


def _calibrate_cpu(seconds: float, *, as_json: bool) -> None:
    import screens
    from extract.counters import open_cpu_counter, watts_of_a_core

    try:
        watts, reason = watts_of_a_core(open_cpu_counter(), seconds), ""
    except NotMeasured as error:
        watts, reason = None, str(error)
    if as_json:
        print_json({"cpu_watts": watts, "not_measured": reason})
    elif watts is None:
        screens.note(
            f"The watts of a busy core were not measured: {reason}. They stay unknown; cpu_watts in reread.toml may state them."
        )
    else:
        print(f"cpu_watts = {watts:.2g}")


@models.command()
def fetch(
    ctx: typer.Context,
    artifacts: Annotated[Path | None, typer.Option(metavar="DIR", help="Where to; else the folder of the settings.")] = None,
    force: Annotated[bool, typer.Option("--force", help="Fetch again what is there.")] = False,
    as_json_: JsonOption = False,
) -> None:
    """Fetch the weights that the converters neural and auto read with (0.5 GB); the folder may be copied to a machine without network."""
    from ingest.neural import fetch_weights
    from settings import load_settings

    folder = fetch_weights(load_settings(artifacts=artifacts).artifacts, force=force)
    if ctx.obj["json"] or as_json_:
        print_json({"artifacts": str(folder)})
    else:
        print(f"fetched to {folder}")
