"""The commands of prompt files: list, lint, show, test, diff. None of them reads a paper into the library."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, cast

import typer

from commands import Exit, JsonOption, LibraryOption, open_place, print_json
from errors import NotFound
from records import ChunkKind, Document, Prompt, Unit, as_json

if TYPE_CHECKING:
    from extract.models.reader import ModelReader
    from extract.prompts.trials import TrialResult
    from workplace import Workplace

prompts = typer.Typer(help="Prompt files: what they ask, whether they are right.", no_args_is_help=True, add_completion=False)

PromptArgument = Annotated[
    str, typer.Argument(metavar="PROMPT", help="A prompt file, or the name of one in the folder of prompts.")
]
ModelOption = Annotated[str | None, typer.Option(metavar="ALIAS", help="A model of reread.toml.")]

#: What `show` puts where no text is named.
ANY_TEXT = "Here stands the text of one unit."


def register(app: typer.Typer) -> None:
    """Add these commands to the `reread` command."""
    app.add_typer(prompts, name="prompts")


@prompts.command("list")
def list_prompts(ctx: typer.Context, library: LibraryOption = None, as_json_: JsonOption = False) -> None:
    """The prompts of the folder, with what each reads and asks."""
    import prompt_screens
    from extract.prompts.differences import field_names
    from extract.prompts.files import check_prompt, prompt_file_text

    place = open_place(ctx, library, as_json_)
    rows: list[dict[str, Any]] = []
    for path in prompt_files(place.settings.prompts):
        found, problems = check_prompt(prompt_file_text(path), folder=path.parent)
        row: dict[str, Any] = {"file": str(path), "problems": [reason for _, reason in problems]}
        if found:
            prompt = found.prompt
            told = {key: as_json(getattr(prompt, key)) for key in ("name", "hash", "unit", "route", "model")}
            row |= told | {"reads": sorted(prompt.kinds), "fields": field_names(prompt.schema), "tests": len(found.tests)}
        rows.append(row)
    if ctx.obj["json"]:
        print_json(rows)
    else:
        prompt_screens.show_prompts(rows, place.settings.prompts)


@prompts.command()
def lint(
    ctx: typer.Context,
    files: Annotated[list[str] | None, typer.Argument(metavar="PROMPT...", help="Files or names; all of the folder.")] = None,
    library: LibraryOption = None,
    as_json_: JsonOption = False,
) -> None:
    """Every problem of prompt files, each with its line. Exit 5 where there is one."""
    import screens
    from extract.prompts.files import check_prompt, prompt_file_text

    folder = open_place(ctx, library, as_json_).settings.prompts
    paths = [prompt_path(given, folder) for given in files] if files else prompt_files(folder)
    found = {path: check_prompt(prompt_file_text(path), folder=path.parent)[1] for path in paths}
    if ctx.obj["json"]:
        told = [{"line": line, "reason": reason, "file": str(path)} for path in paths for line, reason in found[path]]
        print_json({"files": [str(path) for path in paths], "problems": told})
    else:
        for path in paths:
            for line, reason in found[path]:
                print(screens.printable(f"{path}:{line}: {reason}"))
        n = sum(map(len, found.values()))
        screens.note(f"{len(paths)} prompts, {n} problems" if n else f"{len(paths)} prompts, nothing to mend")
    if any(found.values()):
        raise typer.Exit(Exit.CONFIG)


@prompts.command()
def show(
    ctx: typer.Context,
    prompt_file: PromptArgument,
    doc: Annotated[str | None, typer.Option(metavar="DOC", help="Of this document of the library.")] = None,
    chunk: Annotated[
        int | None, typer.Option(min=0, metavar="N", help="The unit with this chunk, from 0; else the first.")
    ] = None,
    text: Annotated[str | None, typer.Option(metavar="TEXT", help="Of this text.")] = None,
    model: ModelOption = None,
    library: LibraryOption = None,
    as_json_: JsonOption = False,
) -> None:
    """The exact request that would be sent, its size, and which part of it a server reads only once."""
    import prompt_screens
    from extract.models.viewing import view_request
    from extract.prompts.files import load_prompt
    from extract.prompts.trials import unit_of_text

    if (doc is not None and text is not None) or (chunk is not None and doc is None):
        raise typer.BadParameter("name --doc, with --chunk or without, or --text", param_hint="--doc")
    place = open_place(ctx, library, as_json_)
    prompt = load_prompt(prompt_path(prompt_file, place.settings.prompts))
    reader = _first_model(model or prompt.model or place.settings.model, place)
    document: Document | None = None
    if doc is not None:
        unit, document = _unit_of(doc, chunk, prompt, place)
    else:
        unit = unit_of_text(text or ANY_TEXT, kind=next(kind for kind in ChunkKind if kind in prompt.kinds))
    view = view_request(prompt, unit, document, reader)
    if ctx.obj["json"]:
        alias = reader.alias if reader else None
        print_json({"prompt": prompt.name, "hash": prompt.hash, "model": alias, "unit": unit.id, **asdict(view)})
    else:
        prompt_screens.show_request(view, is_sent=reader is not None)


@prompts.command()
def test(
    ctx: typer.Context,
    prompt_file: PromptArgument,
    model: Annotated[
        str | None, typer.Option(metavar="ALIAS", help="A model of reread.toml; 'embedded' where left out.")
    ] = None,
    library: LibraryOption = None,
    as_json_: JsonOption = False,
) -> None:
    """Read the tests that the prompt brings along, and compare. Exit 1 where one fails."""
    import prompt_screens
    import screens
    from extract.prompts.files import load_prompt_file
    from extract.prompts.trials import try_tests
    from workplace import EMBEDDED

    place = open_place(ctx, library, as_json_)
    found = load_prompt_file(prompt_path(prompt_file, place.settings.prompts))
    alias = model or EMBEDDED
    results = list(try_tests(found.prompt, found.tests, place.reader(alias))) if found.tests else []
    failed = [result for result in results if not result.passed]
    if ctx.obj["json"]:
        told = {"prompt": found.prompt.name, "hash": found.prompt.hash, "model": alias, "failed": len(failed)}
        print_json({**told, "tests": [_told(result) for result in results]})
    elif results:
        prompt_screens.show_tests(results, alias)
    else:
        screens.note(f"{prompt_file} has no tests. Add `tests:` with a text and what its record should hold.")
    if failed:
        raise typer.Exit(Exit.SOME_FAILED)


@prompts.command()
def diff(
    ctx: typer.Context,
    before: Annotated[str, typer.Argument(metavar="A", help="A prompt file, or the name of one.")],
    after: Annotated[str, typer.Argument(metavar="B", help="Another.")],
    library: LibraryOption = None,
    as_json_: JsonOption = False,
) -> None:
    """What two prompts ask differently, and whether the second would ask again what the first asked."""
    import prompt_screens
    from extract.prompts.differences import asked_again, differences
    from extract.prompts.files import load_prompt

    place = open_place(ctx, library, as_json_)
    one, other = (load_prompt(prompt_path(given, place.settings.prompts)) for given in (before, after))
    read = _units_read(one, place)
    changes, again = differences(one, other), asked_again(one, other, read)
    if ctx.obj["json"]:
        hashes = {"before": one.hash, "after": other.hash, "is_same": one.hash == other.hash}
        print_json({**hashes, "changes": as_json(changes), "units_read": read, "asked_again": again})
    else:
        prompt_screens.show_changes(changes, again)


def prompt_files(folder: Path) -> list[Path]:
    """The prompt files of this folder, by name."""
    return sorted([*folder.glob("*.yaml"), *folder.glob("*.yml")]) if folder.is_dir() else []


def prompt_path(given: str, folder: Path) -> Path:
    """The prompt file that this names: a path, or the name of a file in the folder. Raises NotFound."""
    for path in (Path(given), folder / f"{given}.yaml", folder / f"{given}.yml"):
        if path.is_file():
            return path
    known = ", ".join(path.stem for path in prompt_files(folder)) or "none"
    raise NotFound(f"No prompt is called {given!r}: there is no such file, and in {folder} are {known}. Nothing was read.")


def _first_model(named: str, place: Workplace) -> ModelReader | None:
    """The first of these aliases ('qwen-4b+qwen-vl-8b') that is asked by requests; None where all are read without a server."""
    from settings import aliases_of
    from workplace import EMBEDDED

    asked = [alias for alias in aliases_of(named) if alias != EMBEDDED]
    return cast("ModelReader", place.reader(asked[0])) if asked else None


def _units_read(prompt: Prompt, place: Workplace) -> int:
    """How many units of the library were read with this prompt, in the run that read most; 0 where there is no library."""
    from store.library import is_library

    if not is_library(place.settings.library):
        return 0
    return max(
        (int(run.counts.get("extractions", 0)) for run in place.ledger.runs() if run.prompt_hash == prompt.hash), default=0
    )


def _unit_of(doc: str, ordinal: int | None, prompt: Prompt, place: Workplace) -> tuple[Unit, Document]:
    """The unit of this document that holds this chunk, or the first that the prompt reads something of."""
    import pipeline
    from extract.routing.figures import unit_figures
    from extract.units import chunks_read, make_units

    paper = pipeline.paper(pipeline.document_named(doc, place.ledger), library=place.library)
    figures = unit_figures(paper.chunks, {paper.conversion.id: paper.conversion.figures}, place.settings.routing)
    for unit in make_units(paper.chunks, None, prompt.unit, figures=figures):
        if ordinal is None and chunks_read(unit, prompt):
            return unit, paper.document
        if ordinal is not None and any(chunk.ordinal == ordinal for chunk in unit.chunks):
            return unit, paper.document
    told = "nothing that the prompt reads" if ordinal is None else f"no chunk {ordinal}; it has {len(paper.chunks)}, from 0"
    raise NotFound(f"{paper.document.name} has {told}. Nothing was read.")


def _told(result: TrialResult) -> dict[str, Any]:
    return {"passed": result.passed, "name": result.test.name, **{
        key: as_json(getattr(result, key)) for key in ("misses", "error", "record", "seconds")
    }}  # fmt: skip
