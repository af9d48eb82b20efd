"""What every command shares: exit codes, the options that all take, the workplace that they open, how an answer is printed."""

from __future__ import annotations

import json
from enum import IntEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from errors import (
    BatchInvalid,
    InputRefused,
    JobLost,
    LibraryError,
    NotFound,
    NotMeasured,
    PromptInvalid,
    RequestRefused,
    RereadError,
    SettingsInvalid,
    Unreachable,
)

if TYPE_CHECKING:
    from workplace import Workplace


class Exit(IntEnum):
    OK = 0
    SOME_FAILED = 1
    USAGE = 2
    UNREACHABLE = 3
    REFUSED = 4
    CONFIG = 5
    INTERRUPTED = 130


#: The first class that fits decides.
EXITS: tuple[tuple[type[RereadError], Exit], ...] = (
    (NotFound, Exit.USAGE),
    (Unreachable, Exit.UNREACHABLE),
    (InputRefused, Exit.REFUSED),
    (RequestRefused, Exit.REFUSED),
    (BatchInvalid, Exit.CONFIG),
    (NotMeasured, Exit.SOME_FAILED),
    (JobLost, Exit.INTERRUPTED),
    (PromptInvalid, Exit.CONFIG),
    (SettingsInvalid, Exit.CONFIG),
    (LibraryError, Exit.CONFIG),
)

LibraryOption = Annotated[
    Path | None,
    typer.Option("--library", metavar="DIR", help="The library's folder; else $REREAD_LIBRARY, else ./library."),
]
JsonOption = Annotated[bool, typer.Option("--json", help="One JSON document on stdout.")]
DocArgument = Annotated[str, typer.Argument(metavar="DOC", help="A document's id, a unique beginning of it, or its file name.")]
WhereOption = Annotated[
    str | None, typer.Option("--where", metavar="SQL", help="Only documents of which this holds, such as 'year >= 2020'.")
]
DocsOption = Annotated[list[str] | None, typer.Option("--doc", metavar="DOC", help="Only this document; may be given again.")]


def open_place(ctx: typer.Context, library: Path | None, as_json_: bool, **overrides: Any) -> Workplace:
    """The workplace of this command; its options hold wherever they were given."""
    from settings import load_settings
    from workplace import Workplace

    ctx.obj["json"] = ctx.obj["json"] or as_json_
    return Workplace(load_settings(library=library or ctx.obj["library"], **overrides))


def print_json(value: Any) -> None:
    print(json.dumps(value, ensure_ascii=False, indent=2, default=str))
