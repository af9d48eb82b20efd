#!/usr/bin/env python3
"""What becomes of chunks that are read while the model's server misbehaves: `python bench/model_faults.py --library DIR`

For each kind of fault, a share of the requests to the dev-server meets it while `reread reprocess` reads the same chunks. Then the
server is well again and the same command is given twice more. Promised: every chunk ends as an answer that fits the schema or as
a named failure, only the failures are read again, nothing is converted, no row is there twice, ledger and rows agree, and the command
needs no more memory at its end than in its middle. One line for each kind; exit code 1 where a promise is broken.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [folder for folder in (str(ROOT),) if folder not in sys.path]

import yaml  # noqa: E402
from jsonschema import Draft202012Validator  # noqa: E402

from bench.rereads import PROMPT, Desk, docs_with, rss_mb  # noqa: E402
from extract.devserver.acts import ok  # noqa: E402
from extract.devserver.script import Script, following  # noqa: E402
from extract.devserver.server import DevServer  # noqa: E402

KINDS = (
    "timeout", "reset", "429", "503", "truncated", "cut-json", "wrong-schema", "whitespace", "trickle", "no-choices", "html",
)  # fmt: skip
GROWTH_MB = 30  #: from the middle of the reading to its end; above that it is no noise


@dataclass(slots=True)
class Memory:
    """What the command held while it read, at each share of the requests."""

    server: DevServer
    seen: list[tuple[int, float]] = field(default_factory=list)

    def look(self, pid: int) -> None:
        self.seen.append((self.server.n_requests, rss_mb(pid)))

    @property
    def growth_mb(self) -> float:
        """From the last look in the first half of the requests to the most that was seen after it."""
        half = self.seen[-1][0] / 2
        early = [mb for n, mb in self.seen if 0 < n <= half]
        return max(mb for n, mb in self.seen if n > half) - (early[-1] if early else 0)


def try_kind(kind: str, share: float, desk: Desk, seed: int) -> list[str]:
    """Read under this fault, then without; what broke a promise."""
    schema = Draft202012Validator(yaml.safe_load(PROMPT.read_text())["schema"])
    conversions = facts(desk)
    with DevServer(models=["text"]) as server:
        desk.configure(server.base_url, timeout_s=1, concurrency=16)
        _, server.otherwise = following(Script(), {kind: share}, seed=seed, after_s=0)
        memory, started = Memory(server), time.monotonic()
        first = desk.reprocess(memory.look)
        seconds, asked = time.monotonic() - started, server.n_requests
        under = desk.readings(first["run_id"])
        server.otherwise = ok()
        second, third = desk.reprocess(), desk.reprocess()
        after = desk.readings(third["run_id"])
    failed = Counter(row["reading"]["error_code"] for row in under if row["reading"]["error_code"])
    n_failed = sum(failed.values())
    good = [row["reading"]["record"] for row in [*under, *after] if not row["reading"]["error_code"]]
    broken = {
        "not every chunk is final": len(under) != first["read"] + n_failed or not under,
        "an answer that does not fit was stored": not all(map(schema.is_valid, good)),
        "failures and report disagree": dict(failed) != first["failed"],
        "not just the failures were read again": second["read"] != n_failed or third["read"] != 0,
        "failures are left": second["failed"] or any(row["reading"]["error_code"] for row in after) or len(after) != len(under),
        "a row is there twice": any(len({row["id"] for row in rows}) != len(rows) for rows in (under, after)),
        "something was converted": facts(desk) != conversions,
        "ledger and rows disagree": not json.loads(desk.command("audit", "--json"))["agrees"],
        "memory grew": memory.growth_mb > GROWTH_MB,
    }
    print(
        f"{kind:13} {len(under)} chunks, {asked} requests, {seconds:5.1f} s, {n_failed} failed {dict(failed)}, "
        f"then {second['read']} read, then {third['read']}; memory {memory.growth_mb:+.1f} MB",
        flush=True,
    )
    return [f"{kind}: {what}" for what, is_so in broken.items() if is_so]


def facts(desk: Desk) -> Any:
    """What is stored of papers: a reading changes none of it."""
    told = json.loads(desk.command("status", "--json"))
    return {name: told[name] for name in ("documents", "chunks", "blobs")}


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--library", type=Path, required=True)
    parser.add_argument("--chunks", type=int, default=300)
    parser.add_argument("--share", type=float, default=0.3, help="of the requests that meet the fault")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--only", help="kinds of faults, with commas between")
    given = parser.parse_args()
    docs, n = docs_with(given.library, given.chunks)
    print(f"{n} chunks of {len(docs)} documents; {given.share:.0%} of the requests meet the fault", flush=True)
    broken: list[str] = []
    with tempfile.TemporaryDirectory() as work:
        for kind in given.only.split(",") if given.only else KINDS:
            broken += try_kind(kind, given.share, Desk(Path(work) / "desk", given.library.resolve(), docs), given.seed)
    print("\n".join(broken) or "every promise held")
    return int(bool(broken))


if __name__ == "__main__":
    sys.exit(main())
