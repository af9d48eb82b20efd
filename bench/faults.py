"""Mistreat the service and audit it: `python bench/faults.py --seed 1`, or `--scenario kills --long --ledger postgres`.

One line per scenario; exit code 1 where a promise is broken. With the seed the same faults are drawn again; when they came and
whom they met stands in the log that is named at the end. The promises are those of the issue and of the notes (R1, R2, R4, R17-R19, S4).
"""

from __future__ import annotations

import argparse
import shutil
import signal
import sys
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [folder for folder in (str(ROOT), str(ROOT / "tests")) if folder not in sys.path]

from bench.scenarios.cancel import cancel  # noqa: E402
from bench.scenarios.churn import deploy, flushall, kills  # noqa: E402
from bench.scenarios.network import network  # noqa: E402
from bench.scenarios.outcome import FaultLog, Outcome, Size  # noqa: E402
from bench.scenarios.pickle import pickle  # noqa: E402
from bench.scenarios.poison import poison  # noqa: E402
from bench.scenarios.reread import reread  # noqa: E402
from bench.service_rig import Rig, light_parts, real_parts  # noqa: E402


@dataclass(frozen=True, slots=True, kw_only=True)
class Scenario:
    """What is done, at which size, and what the workers are told besides."""

    run: Callable[[Rig, int, Size, FaultLog], Outcome]
    short: Size
    long: Size
    environment: dict[str, str] = field(default_factory=dict)


SCENARIOS = {
    "kills": Scenario(run=kills, short=Size(jobs=200, storm_s=60, workers=3), long=Size(jobs=1000, storm_s=240, workers=4)),
    "flushall": Scenario(run=flushall, short=Size(jobs=100), long=Size(jobs=300, workers=3)),
    "poison": Scenario(
        run=poison,
        short=Size(jobs=20),
        long=Size(jobs=20),
        environment={"REREAD_CONVERT_TIMEOUT_S": "5", "REREAD_CONVERT_MEMORY_MB": "700"},
    ),
    "deploy": Scenario(run=deploy, short=Size(jobs=100), long=Size(jobs=300, workers=3)),
    "cancel": Scenario(run=cancel, short=Size(jobs=4), long=Size(jobs=20)),
    "network": Scenario(run=network, short=Size(jobs=10, storm_s=8), long=Size(jobs=30, storm_s=60)),
    "reread": Scenario(run=reread, short=Size(jobs=60, storm_s=15), long=Size(jobs=300, storm_s=90, workers=3)),
    "pickle": Scenario(run=pickle, short=Size(jobs=20), long=Size(jobs=20, storm_s=1)),
}
#: With real parts: fewer, for a worker takes ten seconds to start; the other scenarios need stand-ins that can be told what to do.
WITH_REAL_PARTS = ("kills", "flushall", "deploy")
REAL = Size(jobs=60, storm_s=100, workers=2, pace=8.0)


def main(arguments: Sequence[str]) -> int:
    wish = parsed(arguments)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # what was started here ends with it
    print(HEAD)
    broken = 0
    for name in [wish.scenario] if wish.scenario else (WITH_REAL_PARTS if wish.real else SCENARIOS):
        with folder_for(name) as folder, ledger_for(wish.ledger) as ledger:
            outcome = run(name, folder, seed=wish.seed, is_long=wish.long, ledger=ledger, is_real=wish.real)
            print(line_of(outcome), flush=True)
            if outcome.broken:
                broken += 1
                kept = shutil.copytree(folder, f"{folder}-kept", symlinks=True)
                print(*(f"    BROKEN: {promise}" for promise in outcome.broken), f"    see {kept}", sep="\n", flush=True)
    return 1 if broken else 0


def parsed(arguments: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--scenario", choices=SCENARIOS)
    size = parser.add_mutually_exclusive_group()
    size.add_argument("--short", action="store_true", help="a minute each (the default)")
    size.add_argument("--long", action="store_true", help="the figures of the issue")
    parser.add_argument("--ledger", choices=["sqlite", "postgres"], default="sqlite")
    parser.add_argument("--real", action="store_true", help="real Docling, real encoder, samples/ (kills, flushall, deploy)")
    return parser.parse_args(arguments)


def run(
    name: str, folder: Path, *, seed: int, is_long: bool = False, size: Size | None = None, ledger: str | None = None,
    is_real: bool = False,
) -> Outcome:  # fmt: skip
    """One scenario in this folder."""
    scenario = SCENARIOS[name]
    size = size or (REAL if is_real else scenario.long if is_long else scenario.short)
    parts = real_parts(**scenario.environment) if is_real else light_parts(**scenario.environment)
    with Rig(folder, parts, ledger=ledger) as rig:
        return scenario.run(rig, seed, size, FaultLog(folder / "faults.log", seed))


@contextmanager
def folder_for(name: str) -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix=f"reread-{name}-", ignore_cleanup_errors=True) as folder:
        yield Path(folder)


@contextmanager
def ledger_for(kind: str) -> Iterator[str | None]:
    """The address of a ledger in a PostgreSQL of our own; None for SQLite, which lies in the library."""
    if kind == "sqlite":
        yield None
        return
    from postgres import Server

    with tempfile.TemporaryDirectory(prefix="reread-pg-") as folder:
        server = Server(Path(folder), settings=())
        server.start()
        try:
            server.execute("CREATE DATABASE faults")
            yield server.address("faults")
        finally:
            server.stop()


HEAD = f"{'scenario':<9} {'seed':>4} {'jobs':>5} {'done':>5} {'lost':>4} {'doubled':>7} {'stuck':>5} {'calm s':>6}  failed; faults; notes"


def line_of(outcome: Outcome) -> str:
    numbers = (
        f"{outcome.scenario:<9} {outcome.seed:>4} {outcome.jobs:>5} {outcome.done:>5} {outcome.lost:>4} {outcome.doubled:>7} "
        f"{outcome.stuck:>5} {outcome.calm_s:>6.0f}"
    )
    return (
        f"{numbers}  {counted(outcome.failed) or 'none failed'}; {counted(outcome.faults)}; {'; '.join(outcome.notes) or '-'}"
    )


def counted(counter: Counter[str]) -> str:
    return " ".join(f"{name}={n}" for name, n in sorted(counter.items()))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
