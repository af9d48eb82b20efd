#!/usr/bin/env python3
"""Does `reread reprocess` keep a real vLLM server as busy as a loop that does nothing else? `python bench/vllm_throughput.py --library DIR`

The library's chunks are read with the tiny text model of `make vllm`: end to end by the command (its start, reading, grounding and
storing included), and by a bare asyncio loop that sends the very same requests, at the best of several concurrencies, in turn. Each pass
has a word of its own at the beginning of its instructions, so that no pass finds the prefix cache filled by another. Prints output
tokens a second of both, the share of stored answers that fit the schema, and the prefix-cache hits against those that the shared
instructions allow. Server and client share this machine's cores: repeat it before you believe a difference.
"""

from __future__ import annotations

import argparse
import json
import re
import statistics
import subprocess
import sys
import tempfile
import time
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [folder for folder in (str(ROOT),) if folder not in sys.path]

import httpx2  # noqa: E402
import yaml  # noqa: E402
from jsonschema import Draft202012Validator  # noqa: E402

from bench.rereads import PROMPT, Desk, docs_with  # noqa: E402
from bench.tiny_vllm.servers import ENVIRONMENT, running  # noqa: E402
from extract.devserver.server import DevServer  # noqa: E402

PLACEHOLDER = "Pass zzzz."
TRIAL = 300  #: requests with which the best concurrency is found


@dataclass(frozen=True, slots=True, kw_only=True)
class Pass:
    """What one pass over the chunks gave."""

    who: str
    requests: int
    tokens: float  #: written by the server
    seconds: float
    hits: float  #: prompt tokens that the prefix cache had
    queries: float  #: prompt tokens

    @property
    def rate(self) -> float:
        return self.tokens / self.seconds

    def __str__(self) -> str:
        return f"{self.who:12} {self.requests:5} requests  {self.tokens:8.0f} tokens  {self.seconds:6.1f} s  {self.rate:7.1f} tokens/s"


class Bench:
    """The server, a library to read, and the requests that reading it makes."""

    def __init__(self, url: str, library: Path, work: Path, n_chunks: int) -> None:
        self.url, self.work, self._library = url, work, library
        self.docs, self.n_chunks = docs_with(library, n_chunks)
        self._n_passes = 0
        self.bodies = self._requests()

    def _requests(self) -> list[str]:
        """The bodies that the command sends, as the dev-server saw them."""
        with DevServer(models=["text"], context_tokens=1 << 20) as server:
            desk = Desk(self.work / "asked", self._library, self.docs)
            desk.configure(server.base_url, opening=PLACEHOLDER)
            desk.reprocess()
            return [json.dumps(asked.body, ensure_ascii=False) for asked in server.requests]

    def bare(self, concurrency: int, bodies: list[str]) -> Pass:
        file, label = self.work / "requests.jsonl", self._label()
        file.write_text("\n".join(body.replace(PLACEHOLDER, label) for body in bodies))
        before = metrics(self.url)
        command = [ENVIRONMENT / "bin/python", ROOT / "bench/tiny_vllm/bare_loop.py", self.url, file, str(concurrency)]
        told = json.loads(subprocess.run(command, capture_output=True, text=True, check=True).stdout)
        return self._pass(f"bare {concurrency}", told["requests"], told["seconds"], before)

    def ours(self, concurrency: int) -> tuple[Pass, list[dict[str, Any]]]:
        """The command, from its start to its end, with what it stored."""
        desk = Desk(self.work / "ours", self._library, self.docs)
        desk.configure(self.url, opening=self._label(), concurrency=concurrency, timeout_s=600)
        before, started = metrics(self.url), time.perf_counter()
        report = desk.reprocess()
        done = self._pass(f"reread {concurrency}", report["read"], time.perf_counter() - started, before)
        return done, [extraction["reading"] for extraction in desk.readings(report["run_id"])]

    def _pass(self, who: str, requests: int, seconds: float, before: dict[str, float]) -> Pass:
        now = metrics(self.url)
        tokens, hits, queries = (
            now[f"{name}_total"] - before[f"{name}_total"]
            for name in ("generation_tokens", "prefix_cache_hits", "prefix_cache_queries")
        )
        return Pass(who=who, requests=requests, tokens=tokens, seconds=seconds, hits=hits, queries=queries)

    def shared_tokens(self) -> int:
        """The tokens that all requests begin with, by the server's own tokenizer, in whole blocks of its cache."""
        ask = self.url.removesuffix("/v1") + "/tokenize"
        bodies = self.bodies[:: max(len(self.bodies) // 50, 1)]
        asked = ({"model": "text", "messages": json.loads(body)["messages"]} for body in bodies)
        said = [httpx2.post(ask, json=one, timeout=60).json()["tokens"] for one in asked]
        shared = next(i for i, tokens in enumerate(zip(*said, strict=False)) if len(set(tokens)) > 1)
        return shared // block_tokens(self.url) * block_tokens(self.url)

    def _label(self) -> str:
        self._n_passes += 1
        return f"Pass {self._n_passes:04}."


def metrics(url: str) -> dict[str, float]:
    text = httpx2.get(url.removesuffix("/v1") + "/metrics", timeout=60).text
    return {name: float(value) for name, value in re.findall(r"^vllm:(\w+)\{[^}]*\} (\S+)$", text, re.MULTILINE)}


def block_tokens(url: str) -> int:
    """The tokens of one block of the server's prefix cache: 16 on a GPU, 128 on a CPU."""
    text = httpx2.get(url.removesuffix("/v1") + "/metrics", timeout=60).text
    return int(re.findall(r'vllm:cache_config_info\{.*?[{,]block_size="(\d+)"', text)[0])


def best_concurrency(bench: Bench, candidates: list[int]) -> int:
    trials = {n: bench.bare(n, bench.bodies[:TRIAL]) for n in candidates}
    for trial in trials.values():
        print(f"trial  {trial}", flush=True)
    return max(trials, key=lambda n: trials[n].rate)


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--library", type=Path, required=True)
    parser.add_argument("--chunks", type=int, default=1000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--concurrency", default="8,16,32,64,128")
    parser.add_argument("--url", help="of a tiny text server that runs already; else one is started")
    given = parser.parse_args()
    with ExitStack() as stack:
        work = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        url = given.url or stack.enter_context(running("text"))["text"].base_url
        bench = Bench(url, given.library.resolve(), work, given.chunks)
        print(f"{bench.n_chunks} chunks of {len(bench.docs)} documents, {len(bench.bodies)} requests", flush=True)
        n = best_concurrency(bench, [int(part) for part in given.concurrency.split(",")])
        bare, ours, stored = [], [], []
        for i in range(given.rounds):
            for is_ours in (False, True) if i % 2 == 0 else (True, False):
                if is_ours:
                    done, readings = bench.ours(n)
                    ours.append(done)
                    stored += readings
                else:
                    bare.append(done := bench.bare(n, bench.bodies))
                print(f"round {i + 1}  {done}", flush=True)
        whole = bench.shared_tokens()
    return show(bare, ours, stored, whole)


def show(bare: list[Pass], ours: list[Pass], stored: list[dict[str, Any]], whole: int) -> int:
    """Print what is promised beside what was seen; 1 where a promise is broken."""
    schema = Draft202012Validator(yaml.safe_load(PROMPT.read_text())["schema"])
    good = [reading for reading in stored if reading["error_code"] is None]
    valid = sum(schema.is_valid(reading["record"]) for reading in good)
    ratio = statistics.median(one.rate for one in ours) / statistics.median(one.rate for one in bare)
    allowed = sum(one.requests for one in ours) * whole
    hits = sum(one.hits for one in ours)
    print(f"output tokens/s: reread {[round(one.rate) for one in ours]}, bare {[round(one.rate) for one in bare]}")
    print(f"ratio of the medians: {ratio:.3f} (promised 0.95)")
    print(f"stored as answers: {len(good)} of {len(stored)}; of them {valid} fit the schema (promised all)")
    print(f"prefix cache: {hits:.0f} tokens hit of {sum(one.queries for one in ours):.0f};", end=" ")
    print(f"the {whole} shared ones allow {allowed}: {hits / allowed:.3f} (promised 0.9)")
    return int(ratio < 0.95 or valid < len(good) or hits < 0.9 * allowed)


if __name__ == "__main__":
    sys.exit(main())
