"""The command `reread route`: where a prompt would send what, what it would cost, and how well the cheap lanes would do."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from commands import DocsOption, Exit, JsonOption, LibraryOption, WhereOption, open_place, print_json
from records import Lane, Prompt, as_json

if TYPE_CHECKING:
    from collections.abc import Sequence

    from extract.routing.audit import Audit, Fit, Share
    from settings import ModelSettings
    from workplace import Workplace


def register(app: typer.Typer) -> None:
    """Add this command to the `reread` command."""
    app.command()(route)


def route(
    ctx: typer.Context,
    prompt_file: Annotated[Path, typer.Argument(metavar="PROMPT", help="A prompt file, such as prompts/findings.yaml.")],
    model: Annotated[
        str | None, typer.Option(help="Alias of a model in reread.toml, or one for each lane as 'qwen-4b+qwen-vl-8b'.")
    ] = None,
    doc: DocsOption = None,
    where: WhereOption = None,
    audit: Annotated[
        int | None, typer.Option(min=1, metavar="N", help="Read N units both ways, as routed and by the dearest lane; compare.")
    ] = None,
    seed: Annotated[int, typer.Option(help="Which N units: the same seed draws the same.")] = 1,
    fit: Annotated[
        float | None,
        typer.Option(min=0.0, max=1.0, metavar="TARGET", help="With --audit: the threshold of a cascade for this agreement."),
    ] = None,
    library: LibraryOption = None,
    as_json_: JsonOption = False,
) -> None:
    """Show where a prompt sends each chunk and why, and what reading every page as a picture would cost. Reads nothing, but with
    --audit."""
    import pipeline
    from extract.prompts.files import load_prompt

    if fit is not None and audit is None:
        raise typer.BadParameter(
            "it needs --audit N: the threshold is fitted on units that are read both ways", param_hint="--fit"
        )
    place = open_place(ctx, library, as_json_)
    prompt = load_prompt(prompt_file)
    named = model or prompt.model or place.settings.model
    doc_ids = pipeline.chosen_documents(doc, where, library=place.library, ledger=place.ledger)
    if audit is None:
        _plan(place, prompt, named, doc_ids, is_json=ctx.obj["json"])
    else:
        _audit(place, prompt, named, doc_ids, n=audit, seed=seed, target=fit, is_json=ctx.obj["json"])


def _plan(place: Workplace, prompt: Prompt, named: str, doc_ids: Sequence[str], *, is_json: bool) -> None:
    import planning
    import route_screens

    models = _models(place, named)
    plan = planning.plan_reading(prompt, models, doc_ids, library=place.library, routing=place.settings.routing)
    if is_json:
        print_json({**as_json(plan), "vision_share": plan.vision_share})
    else:
        route_screens.show_plan(plan, prompt.name)


def _audit(
    place: Workplace,
    prompt: Prompt,
    named: str,
    doc_ids: Sequence[str],
    *,
    n: int,
    seed: int,
    target: float | None,
    is_json: bool,
) -> None:
    import planning
    import route_screens
    from extract.routing.audit import fit_threshold
    from workplace import with_embedded

    readers = {reader.lane: reader for reader in map(place.reader, with_embedded(named))}
    routing = place.settings.routing
    audit = planning.audit_routes(prompt, readers, doc_ids, n=n, seed=seed, library=place.library, routing=routing)
    fitted = fit_threshold(audit, target) if target is not None else None
    if is_json:
        print_json(_told(audit, fitted, target))
    else:
        route_screens.show_audit(audit, prompt.name)
        if target is not None:
            route_screens.show_fit(fitted, target)
    if target is not None and fitted is None:
        raise typer.Exit(Exit.SOME_FAILED)


def _models(place: Workplace, named: str) -> dict[Lane, ModelSettings | None]:
    """The models at hand by lane, without asking whether they are there: a plan needs no server."""
    from workplace import EMBEDDED, with_embedded

    known = [(alias, None if alias == EMBEDDED else place.settings.model_named(alias)) for alias in with_embedded(named)]
    return {Lane(model.lane) if model else Lane.EMBEDDED: model for _, model in known}


def _told(audit: Audit, fitted: Fit | None, target: float | None) -> dict[str, Any]:
    def share(share: Share) -> dict[str, Any]:
        return {"agreement": share.value, "interval": share.interval, "units": share.of}

    told: dict[str, Any] = {
        "units": len(audit.units),
        "overall": share(audit.overall),
        "both_empty": audit.both_empty,
        "failed": audit.failed,
        "by_lane": {lane.value: share(own) for lane, own in audit.by_lane().items()},
        "by_field": {name: share(own) for name, own in audit.by_field().items()},
    }
    if target is not None:
        kept = (
            {"unsure_below": fitted.unsure_below, "escalated": fitted.escalated, "kept": share(fitted.kept)} if fitted else None
        )
        told["fit"] = {"target": target, "found": kept}
    return told
