"""The command `reread dev-server`: a model server with made answers, for writing prompts without a GPU and for trying faults."""

from __future__ import annotations

import signal
import sys
import threading
from pathlib import Path
from typing import Annotated

import typer

from commands import JsonOption, print_json
from errors import SettingsInvalid

DEFAULT_PORT = 8999


def register(app: typer.Typer) -> None:
    """Add this command to the `reread` command."""
    app.command("dev-server")(dev_server)


def dev_server(
    ctx: typer.Context,
    port: Annotated[int, typer.Option(min=0, max=65535, help="On loopback; 0 takes a free one.")] = DEFAULT_PORT,
    models: Annotated[str, typer.Option(metavar="NAME,NAME", help="What it says it serves.")] = "text,vision",
    script: Annotated[
        Path | None, typer.Option(metavar="FILE", help="YAML: answers and faults; see docs/dev-server.md.")
    ] = None,
    fault: Annotated[
        list[str] | None, typer.Option(metavar="NAME:SHARE", help="Such as 503:0.1 or timeout:0.02; may be given again.")
    ] = None,
    seed: Annotated[int, typer.Option(help="Another seed, other requests that meet faults.")] = 0,
    seconds: Annotated[float, typer.Option(min=0, help="How long a good answer takes.")] = 0.0,
    slots: Annotated[int, typer.Option(min=1, help="Requests that are answered at once; the others wait.")] = 256,
    context_tokens: Annotated[int, typer.Option(min=1, help="Longer requests are refused.")] = 32_768,
    as_json_: JsonOption = False,
) -> None:
    """Serve an OpenAI-compatible API whose answers fit every schema, with the faults of real servers. Ctrl-C ends it."""
    from extract.devserver.script import Script, fault_shares, following, load_script
    from extract.devserver.server import DevServer

    plan = load_script(script) if script else Script()
    in_order, otherwise = following(plan, fault_shares(fault or []), seed=seed, after_s=seconds)
    names = [name.strip() for name in models.split(",") if name.strip()]
    try:
        opened = DevServer(port=port, models=names, context_tokens=context_tokens, slots=slots)
    except OSError as error:
        raise SettingsInvalid(
            f"Port {port} is not to be had ({error.strerror}), so no server was started. Name another with --port, or 0 for a free one."
        ) from error
    with opened as server:
        server.script(*in_order)
        server.otherwise = otherwise
        if ctx.obj["json"] or as_json_:
            print_json({"base_url": server.base_url, "models": names})
            sys.stdout.flush()
        print(f"Serving {', '.join(names)} on {server.base_url}, without a model. Ctrl-C ends it.", file=sys.stderr, flush=True)
        _wait_for_the_end()
        print(f"{server.n_requests:,} requests, {server.most_in_flight} at once at most", file=sys.stderr)


def _wait_for_the_end() -> None:
    told = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: told.set())
    while not told.wait(1.0):  # with a limit, so that signals are seen on every platform
        pass
