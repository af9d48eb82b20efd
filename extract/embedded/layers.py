"""The layers of a BERT as functions over its named weights, so that a part of one can be read and another part trained.

The pointer reads the bottom of the shipped encoder as it is, and has a top of its own: `bench/train_pointer.py` fits that top with
the functions that read it. Weights keep the names that BERT gives them ('encoder.layer.3.output.dense.weight').
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from torch import Tensor

HEADS = 12
_EPS = 1e-12
_TABLES = ("word_embeddings.weight", "position_embeddings.weight", "LayerNorm.weight", "LayerNorm.bias")


def load_bottom(model: Path, n_layers: int) -> dict[str, Tensor]:
    """The embeddings and the first layers of the encoder in this folder, float32."""
    from safetensors import safe_open

    found: dict[str, Tensor] = {}
    with safe_open(model / "model.safetensors", "pt") as file:
        wanted = ("embeddings.", *(f"encoder.layer.{i}." for i in range(n_layers)))
        for name in file.keys():  # noqa: SIM118 - a safe_open is no mapping
            if name.startswith(wanted) and not name.endswith("position_ids"):
                found[name] = file.get_tensor(name)
    return found


def load_top(model: Path, layers: Sequence[int]) -> dict[str, Tensor]:
    """These layers of the encoder in this folder, float32: what a top of one's own starts from."""
    from safetensors import safe_open

    with safe_open(model / "model.safetensors", "pt") as file:
        wanted = tuple(f"encoder.layer.{i}." for i in layers)
        return {name: file.get_tensor(name) for name in file.keys() if name.startswith(wanted)}  # noqa: SIM118


def embedded(weights: Mapping[str, Tensor], ids: Tensor) -> Tensor:
    """The states that enter the first layer: (texts, tokens, width) of ids (texts, tokens)."""
    from torch.nn import functional

    words, places, gain, bias = (weights[f"embeddings.{name}"] for name in _TABLES)
    states = words[ids] + places[: ids.shape[1]] + weights["embeddings.token_type_embeddings.weight"][0]
    return functional.layer_norm(states, states.shape[-1:], gain, bias, _EPS)


def through(weights: Mapping[str, Tensor], layers: Sequence[int], states: Tensor, seen: Tensor, dropout: float = 0.0) -> Tensor:
    """The states after these layers; `seen` (texts, tokens) is False where a text has ended."""
    for layer in layers:
        states = _layer(weights, f"encoder.layer.{layer}.", states, seen, dropout)
    return states


def _layer(weights: Mapping[str, Tensor], name: str, states: Tensor, seen: Tensor, dropout: float) -> Tensor:
    from torch.nn import functional

    def linear(part: str, given: Tensor) -> Tensor:
        return functional.linear(given, weights[f"{name}{part}.weight"], weights[f"{name}{part}.bias"])

    def normed(part: str, given: Tensor) -> Tensor:
        gain, bias = weights[f"{name}{part}.LayerNorm.weight"], weights[f"{name}{part}.LayerNorm.bias"]
        return functional.layer_norm(given, given.shape[-1:], gain, bias, _EPS)

    n, tokens, width = states.shape
    query, key, value = (
        linear(f"attention.self.{part}", states).view(n, tokens, HEADS, width // HEADS).transpose(1, 2)
        for part in ("query", "key", "value")
    )
    looked = functional.scaled_dot_product_attention(query, key, value, attn_mask=seen[:, None, None, :], dropout_p=dropout)
    looked = linear("attention.output.dense", looked.transpose(1, 2).reshape(n, tokens, width))
    states = normed("attention.output", functional.dropout(looked, dropout, dropout > 0) + states)
    outer = linear("output.dense", functional.gelu(linear("intermediate.dense", states)))
    return normed("output", functional.dropout(outer, dropout, dropout > 0) + states)


def packed(weights: Mapping[str, Tensor]) -> dict[str, np.ndarray]:
    """Matrices as int8 with one scale a row (name + '.scale'), what is smaller as float16."""
    import numpy as np

    found: dict[str, np.ndarray] = {}
    for name, tensor in weights.items():
        values = tensor.detach().float().numpy()
        if values.ndim == 2 and values.size > 100_000:
            scale = np.abs(values).max(axis=1, keepdims=True).clip(1e-8) / 127
            found[name] = np.rint(values / scale).astype(np.int8)
            found[f"{name}.scale"] = scale[:, 0].astype(np.float32)
        else:
            found[name] = values.astype(np.float16)
    return found


def unpacked(stored: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """What `packed` made, as float32."""
    return {
        name: values.float() * stored[f"{name}.scale"][:, None] if f"{name}.scale" in stored else values.float()
        for name, values in stored.items()
        if not name.endswith(".scale")
    }
