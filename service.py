"""The commands of the service: serve, worker, keys."""

from __future__ import annotations

import os
import signal
import socket
import sys
from typing import Annotated

import typer

from commands import Exit, JsonOption, LibraryOption, open_place, print_json
from errors import SettingsInvalid
from kernel import die_with_parent
from records import Queue, as_json

DEFAULT_PORT = 8321
#: For the processes of a worker's pool: glibc keeps what was freed for each of LanceDB's many threads, and for weeks.
MALLOC = {"MALLOC_ARENA_MAX": "2", "MALLOC_TRIM_THRESHOLD_": str(128 << 10)}

keys = typer.Typer(help="API keys of the service.", no_args_is_help=True, add_completion=False)


def register(app: typer.Typer) -> None:
    """Add these commands to the `reread` command."""
    app.command()(serve)
    app.command()(worker)
    app.add_typer(keys, name="keys")


def serve(
    ctx: typer.Context,
    host: Annotated[
        str, typer.Option(help="Where to listen; beyond this machine only once there is an API key.")
    ] = "127.0.0.1",
    port: Annotated[int, typer.Option(help="0 takes a free one.")] = DEFAULT_PORT,
    only: Annotated[str | None, typer.Option(metavar="api", help="Only the API: workers run elsewhere.")] = None,
    library: LibraryOption = None,
) -> None:
    """Run the service: the API, workers, and a Redis of its own where none is configured. Ctrl-C ends it; nothing is lost."""
    from serving import serve as run

    if only not in (None, "api"):
        raise typer.BadParameter("it is api, or left out", param_hint="--only")
    place = open_place(ctx, library, False)
    run(place.settings, host=host, port=port, only_api=only == "api")


def worker(
    ctx: typer.Context,
    queues: Annotated[str, typer.Option(metavar="Q,Q", help="Of convert, extract, write, maintain.")] = ",".join(Queue),
    concurrency: Annotated[
        int | None, typer.Option(min=1, help="Jobs at once; as many as fit this machine where left out.")
    ] = None,
    is_alive: Annotated[
        bool, typer.Option("--is-alive", help="Exit 0 where a worker of this host was seen within a minute; for health checks.")
    ] = False,
    with_parent: Annotated[bool, typer.Option("--with-parent", hidden=True)] = False,
    library: LibraryOption = None,
) -> None:
    """Serve queues of a service that runs here or elsewhere, until told to stop."""
    place = open_place(ctx, library, False)
    if is_alive:
        here = [found for found in place.ledger.workers() if found.host == socket.gethostname()]
        raise typer.Exit(Exit.OK if here else Exit.SOME_FAILED)
    chosen = _queues(queues)
    n = concurrency or _default_concurrency(chosen, place.settings.converters, place.settings.readers)
    # Read by Celery when it is imported: SIGTERM lets work under way finish, for as long as broker.py says.
    os.environ.setdefault("REMAP_SIGTERM", "SIGQUIT")
    for name, value in MALLOC.items():
        os.environ.setdefault(name, value)
    os.environ.setdefault("OMP_NUM_THREADS", str(max((os.cpu_count() or 1) // n, 1)))
    os.environ["REREAD_LIBRARY"] = str(place.settings.library)
    if with_parent:
        die_with_parent(os.getppid(), signal.SIGTERM)  # as if it were told to stop
    place.create_library_if_missing()
    place.ledger.close()
    from worker import run

    run(chosen, concurrency=n)


def _queues(text: str) -> list[Queue]:
    try:
        return list(dict.fromkeys(Queue(name.strip()) for name in text.split(",")))
    except ValueError as error:
        raise typer.BadParameter(f"{error}; there are {', '.join(Queue)}", param_hint="--queues") from error


def _default_concurrency(queues: list[Queue], converters: int, readers: int) -> int:
    return converters if Queue.CONVERT in queues else readers if Queue.EXTRACT in queues else 1


@keys.command("create")
def create_key(
    ctx: typer.Context,
    name: Annotated[str, typer.Argument(help="Whose it is, or what for.")],
    scope: Annotated[
        list[str] | None, typer.Option(metavar="submit|read|admin", help="May be given again; submit and read.")
    ] = None,
    tenant: Annotated[
        str | None, typer.Option(help="Keys of one tenant see the same things; the key's name where left out.")
    ] = None,
    jobs_per_day: Annotated[int | None, typer.Option(min=1)] = None,
    pages_per_day: Annotated[int | None, typer.Option(min=1)] = None,
    mb_per_day: Annotated[int | None, typer.Option(min=1)] = None,
    queue_share: Annotated[float | None, typer.Option(min=0.0, max=1.0, help="Of the places in the queue, 0 to 1.")] = None,
    library: LibraryOption = None,
    as_json_: JsonOption = False,
) -> None:
    """Make a key. It is shown once, and only its hash is kept."""
    from jobs.access import Quotas, Scope

    try:
        scopes = [Scope(given) for given in scope or ("submit", "read")]
    except ValueError as error:
        raise typer.BadParameter(f"{error}; there are {', '.join(Scope)}", param_hint="--scope") from error
    place = open_place(ctx, library, as_json_)
    place.create_library_if_missing()
    quotas = Quotas(
        jobs_per_day=jobs_per_day,
        pages_per_day=pages_per_day,
        bytes_per_day=mb_per_day << 20 if mb_per_day else None,
        queue_share=queue_share,
    )
    if (tenant or name).strip() == "":
        raise SettingsInvalid("A key needs a name. Nothing was made.")
    key, token = place.ledger.create_key(name, tenant=tenant or name, scopes=scopes, quotas=quotas)
    if ctx.obj["json"]:
        print_json({**as_json(key), "key": token})
        return
    print(token)
    print(f"Key {key.id} of {key.tenant!r} may {', '.join(sorted(key.scopes))}. It is not shown again.", file=sys.stderr)


@keys.command("list")
def list_keys(ctx: typer.Context, library: LibraryOption = None, as_json_: JsonOption = False) -> None:
    """The keys there are, without their secrets."""
    import screens

    place = open_place(ctx, library, as_json_)
    found = place.ledger.keys()
    if ctx.obj["json"]:
        print_json(as_json(found))
    else:
        rows = [(k.id, k.name, k.tenant, " ".join(sorted(k.scopes)), k.created[:10], (k.revoked or "")[:10]) for k in found]
        screens.show_table(("id", "name", "tenant", "scopes", "created", "revoked"), rows)


@keys.command("revoke")
def revoke_key(ctx: typer.Context, key_id: Annotated[str, typer.Argument(metavar="ID")], library: LibraryOption = None) -> None:
    """Make a key useless from now on."""
    place = open_place(ctx, library, False)
    place.ledger.revoke_key(key_id)
    print(f"{key_id} revoked")
