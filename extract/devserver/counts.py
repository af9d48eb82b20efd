"""What requests cost and what `/metrics` says of them, counted as vLLM counts, under its names.

Without a model there is no tokenizer: a token is four characters here. The prefix cache is the real thing on a small scale:
blocks of 16 tokens, each known by everything up to its end, so that a prompt whose layout spoils the cache shows it here too.
"""

from __future__ import annotations

import hashlib
import threading
from collections import Counter
from dataclasses import dataclass
from typing import Any

from extract.devserver.asked import Asked, pixels_of

CHARS_PER_TOKEN = 4
_BLOCK_TOKENS = 16  #: vLLM's block
PIXELS_PER_TOKEN = 784  #: 28 x 28, as the Qwen-VL family reads them
_KNOWN_BLOCKS = 1_000_000  #: beyond so many the cache begins anew


@dataclass(frozen=True, slots=True, kw_only=True)
class Costs:
    """The usage that an answer states."""

    prompt_tokens: int = 100
    completion_tokens: int = 20
    cached_tokens: int | None = 80  #: None = the server does not say

    def as_body(self) -> dict[str, Any]:
        details = {"prompt_tokens_details": {"cached_tokens": self.cached_tokens}} if self.cached_tokens is not None else {}
        total = self.prompt_tokens + self.completion_tokens
        return {
            "prompt_tokens": self.prompt_tokens, "completion_tokens": self.completion_tokens, "total_tokens": total, **details,
        }  # fmt: skip


def tokens_in(text: str) -> int:
    return -(-len(text) // CHARS_PER_TOKEN)


def prompt_tokens(asked: Asked) -> int:
    """Of the words and the pictures. Raises NoImage."""
    return tokens_in(asked.text) + sum(-(-pixels_of(image) // PIXELS_PER_TOKEN) for image in asked.images)


class Book:
    """The sums since the server was started."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._blocks: set[bytes] = set()
        self._images: set[bytes] = set()
        self._sums: Counter[str] = Counter()
        self._ends: Counter[str] = Counter()
        self.n_running = 0
        self.n_waiting = 0

    def move(self, *, running: int = 0, waiting: int = 0) -> None:
        """So many requests more, or fewer, run or wait."""
        with self._lock:
            self.n_running += running
            self.n_waiting += waiting

    def enter(self, asked: Asked, answer: str, finish_reason: str | None) -> Costs:
        """What this answer to this request costs; it is added to the sums. Raises NoImage."""
        images = [hashlib.sha256(image).digest() for image in asked.images]
        blocks = _blocks_of(asked.text)
        with self._lock:
            known = next((i for i, block in enumerate(blocks) if block not in self._blocks), len(blocks))
            costs = Costs(
                prompt_tokens=prompt_tokens(asked), completion_tokens=tokens_in(answer), cached_tokens=known * _BLOCK_TOKENS
            )
            self._sums["prompt_tokens"] += costs.prompt_tokens
            self._sums["generation_tokens"] += costs.completion_tokens
            self._sums["prefix_cache_queries"] += costs.prompt_tokens
            self._sums["prefix_cache_hits"] += costs.cached_tokens or 0
            self._sums["mm_cache_queries"] += len(images)
            self._sums["mm_cache_hits"] += sum(image in self._images for image in images)
            self._ends[str(finish_reason)] += 1
            if len(self._blocks) > _KNOWN_BLOCKS:
                self._blocks.clear()
            self._blocks.update(blocks)
            self._images.update(images)
        return costs

    def as_metrics(self, model: str) -> str:
        """The sums in Prometheus' text format, under vLLM's names."""
        labels = f'engine="0",model_name="{model}"'
        names = [
            "prompt_tokens", "generation_tokens", "prefix_cache_queries", "prefix_cache_hits", "mm_cache_queries",
            "mm_cache_hits",
        ]  # fmt: skip
        with self._lock:
            gauges = {"num_requests_running": self.n_running, "num_requests_waiting": self.n_waiting}
            lines = [f"# TYPE vllm:{name} gauge\nvllm:{name}{{{labels}}} {float(n)}" for name, n in gauges.items()]
            lines += [f"# TYPE vllm:{name} counter\nvllm:{name}_total{{{labels}}} {float(self._sums[name])}" for name in names]
            lines.append("# TYPE vllm:request_success counter")
            lines += [
                f'vllm:request_success_total{{{labels},finished_reason="{reason}"}} {float(n)}'
                for reason, n in sorted(self._ends.items())
            ]
        return "\n".join(lines) + "\n"


def _blocks_of(text: str) -> list[bytes]:
    """The whole blocks of this text, each as the hash of everything up to its end."""
    size = _BLOCK_TOKENS * CHARS_PER_TOKEN
    so_far, found = hashlib.sha256(), []
    for end in range(size, len(text) + 1, size):
        so_far.update(text[end - size : end].encode(errors="surrogatepass"))
        found.append(so_far.digest())
    return found
