"""How the service bears load: `python -m bench.load SCENARIO...` from the root, or `all`.

    overload       50 clients, 2,000 submissions, a queue of 500: only 202 and 429, p95 under 300 ms, accepted = finished
    queue          jobs/s of ledger, Celery and Redis together, as a share of bare Celery's
    scaling        two convert workers against one
    reads          answers of the API while papers are converted
    endurance      20,000 short jobs: memory of every process, the disk
    first_result   from `reread serve` to a value found, as someone new does it

Each prints one line per figure, its goal beside it, and ends with 1 where one is missed. All processes are started here and ended here.
"""

from __future__ import annotations

import argparse
import os
import sys
import time
from importlib import import_module
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
#: Module by scenario.
SCENARIOS = {
    "overload": "overload",
    "queue": "queueing",  # queue.py would hide Python's own from who runs this folder
    "scaling": "scaling",
    "reads": "reads",
    "endurance": "endurance",
    "first_result": "first_result",
}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("scenarios", nargs="+", choices=[*SCENARIOS, "all"], metavar="SCENARIO")
    chosen = parser.parse_args().scenarios
    sys.path[:0] = [str(ROOT), str(ROOT / "tests")]
    from bench.load.table import Line

    is_met = True
    print("| figure | goal | measured | met |\n|---|---|---|---|", flush=True)
    for name in SCENARIOS if "all" in chosen else chosen:
        started, before = time.monotonic(), os.getloadavg()[0]
        for line in getattr(import_module(f"bench.load.{SCENARIOS[name]}"), name)():
            print(line, flush=True)
            is_met = is_met and line.is_met
        took = f"{time.monotonic() - started:.0f} s; {before:.1f}, {os.getloadavg()[0]:.1f}"
        print(Line(name=f"{name}: wall clock; load of the machine before, after", goal="", measured=took), flush=True)
    return 0 if is_met else 1


if __name__ == "__main__":
    sys.exit(main())
