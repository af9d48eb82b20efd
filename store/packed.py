"""A BERT encoder that reads texts packed end to end, without padding. Twice as many texts per CPU second as sentence-transformers.

A newcomer would pad a batch and let torch's threads share each product. Padding is work for nothing and its mask a slow way through
attention; and threads that meet after every product wait for the slowest, which beside converters is the one whose core is taken. So
the words of a batch stand in one matrix, attention looks at one text at a time, and each thread has batches of its own.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np
    from torch import Tensor

#: Tokens of a batch: below 500 the products are too small, above 2,000 the activations leave the cache.
BATCH_TOKENS = 1024
#: Smaller batches are not made to give every core one.
LEAST_TOKENS = 256


class PackedEncoder:
    """The mean of BERT's last states, as unit vectors; one thread per core that this process may use."""

    def __init__(self, bert: Any, tokenizer: Any, *, max_tokens: int) -> None:
        import torch

        torch.set_num_threads(1)  # the threads are ours: each works through batches of its own
        self._embeddings = bert.embeddings
        self._layers = [_Layer(layer) for layer in bert.encoder.layer]
        self._tokenizer = type(tokenizer).from_str(
            tokenizer.to_str()
        )  # transformers sets padding anew with each call of its own
        self._tokenizer.no_padding()
        self._tokenizer.enable_truncation(max_tokens)
        self._threads = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
        self._pool = ThreadPoolExecutor(self._threads, thread_name_prefix="embed") if self._threads > 1 else None

    def encode(self, texts: Sequence[str]) -> np.ndarray:
        """Unit vectors, float32 of shape (len(texts), dimension)."""
        import numpy as np

        tokens = [encoding.ids for encoding in self._tokenizer.encode_batch(list(texts))]
        batches = list(_batches([len(ids) for ids in tokens], self._threads))
        read = self._pool.map if self._pool and len(batches) > 1 else map
        found = list(read(self._read, [[tokens[at] for at in batch] for batch in batches]))
        vectors = np.empty((len(tokens), found[0].shape[1]), dtype=np.float32)
        for batch, values in zip(batches, found, strict=True):
            vectors[batch] = values
        return vectors

    def _read(self, batch: Sequence[Sequence[int]]) -> np.ndarray:
        import torch
        from torch.nn import functional

        lengths = [len(ids) for ids in batch]
        table = self._embeddings
        with torch.inference_mode():
            words = torch.tensor([token for ids in batch for token in ids])
            places = torch.cat([torch.arange(n) for n in lengths])
            states = table.word_embeddings(words) + table.token_type_embeddings.weight[0] + table.position_embeddings(places)
            states = table.LayerNorm(states)
            for layer in self._layers:
                states = layer.read(states, lengths)
            means = torch.stack([text.float().mean(0) for text in states.split(lengths)])  # bf16 would round what is summed
            return functional.normalize(means).numpy()


class _Layer:
    """One layer of BERT, its three projections as one product."""

    def __init__(self, layer: Any) -> None:
        import torch

        attention = layer.attention.self
        projections = (attention.query, attention.key, attention.value)
        self._weight = torch.cat([projection.weight for projection in projections])
        self._bias = torch.cat([projection.bias for projection in projections])
        self._heads: int = attention.num_attention_heads
        self._attention, self._inner, self._outer = layer.attention.output, layer.intermediate, layer.output

    def read(self, states: Tensor, lengths: Sequence[int]) -> Tensor:
        """The states of these texts' tokens after this layer: (tokens, width), as they came in."""
        from torch.nn import functional

        projected = functional.linear(states, self._weight, self._bias).view(len(states), 3, self._heads, -1)
        attended = self._attended(projected, lengths)
        states = self._attention.LayerNorm(self._attention.dense(attended) + states)
        return self._outer.LayerNorm(self._outer.dense(functional.gelu(self._inner.dense(states))) + states)

    def _attended(self, projected: Tensor, lengths: Sequence[int]) -> Tensor:
        import torch
        from torch.nn import functional

        found = []
        for text in projected.split(list(lengths)):  # (tokens, 3, heads, width of a head)
            query, key, value = text.permute(1, 2, 0, 3).unsqueeze(1)
            seen = functional.scaled_dot_product_attention(query, key, value)[0]
            found.append(seen.transpose(0, 1).reshape(len(text), -1))
        return torch.cat(found)


def is_readable(bert: Any) -> bool:
    """True for the BERT that `PackedEncoder` reads: its own positions, exact GELU, every token seen by every other."""
    config = bert.config
    return (
        config.model_type == "bert"
        and config.hidden_act == "gelu"
        and getattr(config, "position_embedding_type", None) in (None, "absolute")
        and not config.is_decoder
    )


def _batches(lengths: Sequence[int], threads: int) -> Iterator[list[int]]:
    """Positions of texts in batches, the longest texts first, each batch bounded by its tokens; at least one per thread."""
    most = min(BATCH_TOKENS, max(LEAST_TOKENS, sum(lengths) // threads + 1))
    batch: list[int] = []
    room = most
    for position in sorted(range(len(lengths)), key=lambda position: -lengths[position]):
        if batch and lengths[position] > room:
            yield batch
            batch, room = [], most
        batch.append(position)
        room -= lengths[position]
    if batch:
        yield batch
