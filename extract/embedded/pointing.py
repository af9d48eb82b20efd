"""The pointer's network: from a sentence with one quantity marked to how likely each stretch of words names its property or entity.

The encoder's bottom layers read the sentence once; then every token is told whether it belongs to this quantity, to another, or to what
the shapes of `measured.py` take for a name, and how many words it stands from the quantity; and layers of our own go on. A stretch is
scored by its first and its last word, so that whole words are named: pieces of words ('Zn', '##O') would cut formulas. One score more
stands for 'not said'.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

from extract.embedded.layers import embedded, through
from extract.embedded.phrases import Span

if TYPE_CHECKING:
    from torch import Tensor

#: Layers of the shipped encoder that are shared, and those that are ours.
BOTTOM, TOP = (0, 1, 2), (3, 4, 5)
#: What is pointed to, in the order of the heads.
NAMED = ("property", "entity")
#: Words of the longest stretch that is considered, punctuation counted: 98 in 100 of the annotated ones are shorter.
LONGEST = 12
#: Tokens of a sentence that are read around the quantity; few sentences are longer.
MOST_TOKENS = 160
_STEPS = (1, 2, 3, 4, 6, 9, 14, 22, 35)  #: words from the quantity at which a new distance begins
DISTANCES = 2 * len(_STEPS) + 1


class Asked(NamedTuple):
    """A sentence, and the quantity in it that is asked about. Spans are of the sentence."""

    text: str
    quantity: Span
    others: tuple[Span, ...] = ()  #: its other quantities
    hints: tuple[Span | None, ...] = (None, None)  #: what the shapes of `measured.py` take for each NAMED


@dataclass(frozen=True)
class Marked:
    """One sentence as the network takes it."""

    ids: tuple[int, ...]
    marks: tuple[
        int, ...
    ]  #: of each token: 1 in this quantity, 2 in another, 3 in the hint of a property, 4 of an entity, else 0
    distances: tuple[int, ...]  #: of each token, which of DISTANCES
    firsts: tuple[int, ...]  #: of each word, its first token
    words: tuple[Span, ...]  #: of each word, where it stands in the sentence


def marked(asked: Asked, encoding: Any) -> Marked:
    """The sentence cut to MOST_TOKENS around its quantity; `encoding` is what the encoder's tokenizer made of its text."""
    spans, owners = encoding.offsets, encoding.word_ids
    inside = [i for i, (a, b) in enumerate(spans) if owners[i] is not None and a < asked.quantity[1] and b > asked.quantity[0]]
    middle = (inside[0] + inside[-1]) // 2 if inside else 0
    start = max(1, min(middle - MOST_TOKENS // 2, len(spans) - 1 - MOST_TOKENS))
    kept = list(range(start, min(start + MOST_TOKENS, len(spans) - 1)))
    words: dict[int, list[int]] = {}
    for i in kept:
        words.setdefault(owners[i], []).append(i)
    order = {owner: at for at, owner in enumerate(words)}
    held = [order[owners[i]] for i in inside if owners[i] in order] or [0]
    tokens = [0, *kept, len(spans) - 1]
    return Marked(
        ids=tuple(encoding.ids[i] for i in tokens),
        marks=tuple(_mark(spans[i], asked) if owners[i] is not None else 0 for i in tokens),
        distances=tuple(
            _distance(order[owners[i]], held[0], held[-1]) if owners[i] is not None else len(_STEPS) for i in tokens
        ),
        firsts=tuple(pieces[0] - start + 1 for pieces in words.values()),
        words=tuple((spans[pieces[0]][0], spans[pieces[-1]][1]) for pieces in words.values()),
    )


def _mark(span: Span, asked: Asked) -> int:
    if span[0] < asked.quantity[1] and asked.quantity[0] < span[1]:
        return 1
    if any(span[0] < end and start < span[1] for start, end in asked.others):
        return 2
    hinted = (3 + k for k, hint in enumerate(asked.hints) if hint and span[0] < hint[1] and hint[0] < span[1])
    return next(hinted, 0)


def _distance(word: int, first: int, last: int) -> int:
    """Which distance a word is at: the middle one is the quantity itself, lower ones stand before it."""
    far = first - word if word < first else word - last if word > last else 0
    step = sum(far >= least for least in _STEPS)
    return len(_STEPS) - step if word < first else len(_STEPS) + step


@dataclass(frozen=True)
class Batch:
    """Sentences side by side, the shorter ones padded. All tensors are (sentences, ...)."""

    ids: Tensor
    seen: Tensor
    marks: Tensor
    distances: Tensor
    firsts: Tensor
    is_word: Tensor


def batch_of(sentences: Sequence[Marked]) -> Batch:
    import torch

    tokens, words = max(len(one.ids) for one in sentences), max(len(one.firsts) for one in sentences)

    def table(rows: Sequence[Sequence[int]], width: int) -> Tensor:
        return torch.tensor([[*row, *[0] * (width - len(row))] for row in rows])

    return Batch(
        ids=table([one.ids for one in sentences], tokens),
        seen=table([[1] * len(one.ids) for one in sentences], tokens).bool(),
        marks=table([one.marks for one in sentences], tokens),
        distances=table([one.distances for one in sentences], tokens),
        firsts=table([one.firsts for one in sentences], words),
        is_word=table([[1] * len(one.firsts) for one in sentences], words).bool(),
    )


@dataclass(frozen=True)
class Scores:
    """Log probabilities, but for `kept`."""

    spans: Tensor  #: (sentences, 2, words, LONGEST): that the stretch that begins at this word and is so long is the name of each NAMED
    none: Tensor  #: (sentences, 2): that there is no name
    kept: Tensor  #: (sentences): logit that it is a quantity one would list


def bottom(weights: Mapping[str, Tensor], batch: Batch) -> Tensor:
    """The states after the shared layers; they do not depend on which quantity is asked about."""
    return through(weights, BOTTOM, embedded(weights, batch.ids), batch.seen)


def scores(weights: Mapping[str, Tensor], states: Tensor, batch: Batch, dropout: float = 0.0) -> Scores:
    """What our own layers make of the states after the shared ones."""
    import torch
    from torch.nn import functional

    states = states + weights["mark"][batch.marks] + weights["distance"][batch.distances]
    states = through(weights, TOP, states, batch.seen, dropout)
    words = states.gather(1, batch.firsts[..., None].expand(-1, -1, states.shape[-1]))
    is_own = (batch.marks == 1)[..., None]
    own = (states * is_own).sum(1) / is_own.sum(1).clamp(min=1)
    ends = functional.linear(words, weights["ends"]).masked_fill(~batch.is_word[..., None], -1e4)
    start, end = ends.split(len(NAMED), -1)
    padded = functional.pad(end, (0, 0, 0, LONGEST - 1), value=-1e4)
    lasts = torch.stack([padded[:, i : i + words.shape[1]] for i in range(LONGEST)], -1)  # (sentences, words, 2, LONGEST)
    spans = (start[..., None] + lasts + weights["length"]).transpose(1, 2)
    heads = functional.linear(own, weights["own"], weights["own_bias"])
    none, kept = heads[:, : len(NAMED)], heads[:, len(NAMED)]
    joint = torch.cat([spans.flatten(2), none[..., None]], -1).float().log_softmax(-1)
    return Scores(joint[..., :-1].view(spans.shape), joint[..., -1], kept.float())


def fresh_heads(width: int, generator: Any) -> dict[str, Tensor]:
    """Heads that nothing was learned with, small."""
    import torch

    def small(*shape: int) -> Tensor:
        return torch.randn(*shape, generator=generator) * 0.02

    return {
        "mark": small(3 + len(NAMED), width),
        "distance": small(DISTANCES, width),
        "ends": small(2 * len(NAMED), width),
        "length": torch.zeros(len(NAMED), LONGEST),
        "own": small(len(NAMED) + 1, width),
        "own_bias": torch.zeros(len(NAMED) + 1),
    }
