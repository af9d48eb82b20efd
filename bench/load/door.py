"""The real API in a process of its own, over the library of a rig.

    python -m bench.load.door PORT light      `reread serve --only api`, knowing papers by the stand-ins' recipe
    python -m bench.load.door PORT real       `reread serve --only api`

Started by `open_door`.
"""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from urllib.error import URLError
from urllib.request import urlopen

from bench.service_rig import ROOT, Rig, free_port, wait_until
from jobs.access import Scope

START_S = 60.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Door:
    """A running API."""

    port: int
    key: str  #: of a tenant 'team' that submits and reads
    pid: int


@contextmanager
def open_door(rig: Rig, *, is_light: bool, **settings: object) -> Iterator[Door]:
    """The API of this rig's library until the context ends; `settings` go to it as REREAD_*."""
    key = rig.ledger.create_key("load", tenant="team", scopes=(Scope.SUBMIT, Scope.READ))[1]
    port, log = free_port(), rig.folder / "api.log"
    more = {f"REREAD_{name.upper()}": str(value) for name, value in settings.items()}
    with log.open("wb") as out:
        process = subprocess.Popen(
            [sys.executable, "-m", "bench.load.door", str(port), "light" if is_light else "real"],
            cwd=ROOT, env={**rig.environment(), **more}, stdout=out, stderr=out, start_new_session=True,
        )  # fmt: skip
    try:
        is_up = wait_until(lambda: process.poll() is not None or _answers(port), timeout_s=START_S)
        assert is_up and process.poll() is None, f"the API did not start:\n{log.read_text()[-3000:]}"
        yield Door(port=port, key=key, pid=process.pid)
    finally:
        process.terminate()
        try:
            process.wait(timeout=30)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _answers(port: int) -> bool:
    try:
        with urlopen(f"http://127.0.0.1:{port}/livez", timeout=2) as answer:
            return bool(answer.status == 200)
    except (URLError, OSError):
        time.sleep(0.1)
        return False


def main() -> None:
    import serving
    from settings import load_settings

    port, parts = sys.argv[1:]
    if parts == "light":
        from bench.light_parts import LightPlace

        serving.Workplace = LightPlace  # type: ignore[misc]
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # as the command line has it
    with suppress(KeyboardInterrupt):
        serving.serve(load_settings(), host="127.0.0.1", port=int(port), only_api=True)


if __name__ == "__main__":
    main()
