"""The models that are known by an alias before any `reread.toml` names one, and how a section of the same alias is laid over them.

Each is served by the `vllm serve` line of docs/models.md, on loopback, at the port that its address has here; nothing runs until
somebody starts it. All four attend to everything they have read. The newer Qwen3.5 keeps a running state instead, and vLLM can use
what it has read of that only in steps of 528 tokens and more (vllm-project/vllm#40696): instructions that a thousand chunks
share would be read a thousand times.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

#: ML.ENERGY's J per token is that of a whole answer over the tokens written: it holds the prompt's share, which for a chat is
#: small and for a chunk of a paper is most of it. So it stands here to be compared with, and joules stay unknown until both
#: figures are measured (`reread models calibrate`).
_ML_ENERGY = (
    "ML.ENERGY leaderboard v3.0 (2025-12), {task}: GPU energy of the whole answer over its tokens, its prompt's included; one "
    "H100, bfloat16, vLLM 0.11.1, 128 in flight"
)

#: Alias to the keys of its section. A revision is the commit of its repository on huggingface.co.
SHIPPED: dict[str, dict[str, Any]] = {
    "qwen-4b": {
        "lane": "text",
        "base_url": "http://127.0.0.1:8001/v1",
        "model": "Qwen/Qwen3-4B-Instruct-2507",
        "revision": "cdbee75f17c01a7cc42f958dc650907174af0554",
        "context_tokens": 8192,
        "concurrency": 64,
        "parameters_b": 4.0,
    },
    "qwen-8b": {
        "lane": "text",
        "base_url": "http://127.0.0.1:8002/v1",
        "model": "Qwen/Qwen3-8B",
        "revision": "b968826d9c46dd6066d109eabc6255188de91218",
        "context_tokens": 8192,
        "concurrency": 64,
        "parameters_b": 8.2,
        "j_per_token": 0.0966,
        "energy_from": _ML_ENERGY.format(task="text chat"),
    },
    "qwen-vl-4b": {
        "lane": "vision",
        "base_url": "http://127.0.0.1:8003/v1",
        "model": "Qwen/Qwen3-VL-4B-Instruct",
        "revision": "ebb281ec70b05090aa6165b016eac8ec08e71b17",
        "context_tokens": 16384,
        "concurrency": 32,
        "timeout_s": 240.0,
        "pixels_per_token": 1024,  # patches of 16 x 16, four to a token
        "parameters_b": 4.4,
    },
    "qwen-vl-8b": {
        "lane": "vision",
        "base_url": "http://127.0.0.1:8004/v1",
        "model": "Qwen/Qwen3-VL-8B-Instruct",
        "revision": "0c351dd01ed87e9c1b53cbc748cba10e6187ff3b",
        "context_tokens": 16384,
        "concurrency": 32,
        "timeout_s": 240.0,
        "pixels_per_token": 1024,
        "parameters_b": 8.8,
        "j_per_token": 0.1334,
        "energy_from": _ML_ENERGY.format(task="image chat"),
    },
}

#: Figures that were measured or stated together: who gives one of them replaces all of them.
_TOGETHER = (
    ("j_per_prompt_token", "j_per_token", "energy_from"),
    ("usd_per_million_prompt_tokens", "usd_per_million_tokens", "price_from"),
)


def laid_over(alias: str, section: Any) -> Any:
    """This section over the shipped model of its alias, so that it may give some of the keys only, such as base_url.

    One that names another model, or the same at another revision, stands alone: nothing that is known of ours holds for it.
    """
    shipped = SHIPPED.get(alias, {})
    if not isinstance(section, Mapping):
        return section  # whole already, or for the validation to refuse
    is_other = any(section.get(key, shipped.get(key)) != shipped.get(key) for key in ("model", "revision"))
    if is_other:
        return section
    replaced = {key for keys in _TOGETHER if any(key in section for key in keys) for key in keys}
    return {**{key: value for key, value in shipped.items() if key not in replaced}, **section}
