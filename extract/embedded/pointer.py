"""Point to what a quantity measures: the words of its sentence that name the property and the thing that has it.

A small network on the shipped encoder, fitted by `bench/train_pointer.py`; it copies, so it can be wrong but never invents. Its weights
are of use with that one encoder only (they go on from its lower layers), which is told by the encoder's sha256; beside any other
embedding model the shapes of `measured.py` answer alone.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from extract.embedded.layers import load_bottom, unpacked
from extract.embedded.phrases import Span
from extract.embedded.pointing import BOTTOM, LONGEST, Asked, Marked, batch_of, bottom, marked, scores
from extract.embedded.quantity import Quantity

if TYPE_CHECKING:
    import numpy as np
    from torch import Tensor

#: The shipped weights, and the sha256 of the encoder's model.safetensors that they were fitted on.
WEIGHTS = Path(__file__).with_name("pointer.safetensors")
ENCODER_SHA256 = "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db"
#: Tokens of a batch, padding counted: more leaves the processor's cache.
BATCH_TOKENS = 2048
#: Stretches that are weighed against each other; the others are too unlikely to matter.
WEIGHED = 30
#: A name is given where it is this likely to be right: below, saying nothing is right more often. Fitted by cross-validation for F1.
LEAST_SURE = 0.25


class Named(NamedTuple):
    """A stretch of the sentence, or None where it does not say it; and how likely that is to be right, 0 to 1."""

    span: Span | None
    sure: float


class Pointed(NamedTuple):
    """What one quantity is a quantity of. Spans are of the sentence."""

    property: Named
    entity: Named
    whole: Named  #: where the quantity itself begins and ends
    sure: float  #: how likely it is that a reader would list this quantity at all, 0 to 1


def fits(model: Path) -> bool:
    """Whether this folder holds the encoder that the shipped weights go on from."""
    try:
        with (model / "model.safetensors").open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest() == ENCODER_SHA256
    except FileNotFoundError:
        return False


def asked_of(text: str, quantity: Quantity, sentence: Span, others: Sequence[Quantity]) -> Asked:
    """The question about this quantity of the sentence text[sentence[0]:sentence[1]]; `others` are all quantities of that sentence."""
    start, end = sentence
    rest = tuple((other.start - start, other.end - start) for other in others if other.start != quantity.start)
    return Asked(text[start:end], (quantity.start - start, quantity.end - start), rest)


class Pointer:
    """The network with its tokenizer, opened with the first question."""

    def __init__(self, model: Path, *, top: Mapping[str, Tensor] | None = None, least: float = LEAST_SURE) -> None:
        """`model` is the encoder's folder; `top` are our own layers and heads, else the shipped ones; `least` as LEAST_SURE."""
        self._model, self._top, self._least = model, top, least

    def point(self, asked: Sequence[Asked]) -> list[Pointed]:
        """One answer per question, in order."""
        import torch

        sentences = [marked(one, encoding) for one, encoding in zip(asked, self._encoded(asked), strict=True)]
        found: dict[int, Pointed] = {}
        with torch.inference_mode():
            for places in _batches([len(one.ids) for one in sentences]):
                found |= zip(places, self._read([sentences[at] for at in places]), strict=True)
        return [found[at] for at in range(len(asked))]

    def _encoded(self, asked: Sequence[Asked]) -> list[Any]:
        texts = list(dict.fromkeys(one.text for one in asked))
        known = dict(zip(texts, self.tokenizer.encode_batch(texts), strict=True))
        return [known[one.text] for one in asked]

    @cached_property
    def tokenizer(self) -> Any:
        from tokenizers import Tokenizer

        tokenizer = Tokenizer.from_file(str(self._model / "tokenizer.json"))
        tokenizer.no_truncation()
        tokenizer.no_padding()
        return tokenizer

    @cached_property
    def _weights(self) -> dict[str, Tensor]:
        from safetensors.torch import load_file

        top = self._top if self._top is not None else unpacked(load_file(WEIGHTS))
        return {**load_bottom(self._model, len(BOTTOM)), **top}

    def _read(self, sentences: list[Marked]) -> Iterator[Pointed]:
        import torch

        batch = batch_of(sentences)
        rows: dict[tuple[int, ...], int] = {}
        owners = [
            rows.setdefault(one.ids, len(rows)) for one in sentences
        ]  # two quantities of a sentence share its lower states
        firsts = [owners.index(row) for row in range(len(rows))]
        states = bottom(self._weights, batch_of([sentences[at] for at in firsts]))[torch.tensor(owners)]
        made = scores(self._weights, states, batch)
        spans, none = made.spans.exp().numpy(), made.none.exp().tolist()
        edges, kept = made.edges.exp().numpy(), torch.sigmoid(made.kept).tolist()
        for sentence, chances, silent, ends, sure in zip(sentences, spans, none, edges, kept, strict=True):
            entity = best(sentence, chances[1], silent[1], least=self._least)
            property_ = best(sentence, chances[0], silent[0], least=self._least, taken=entity.span)
            yield Pointed(property_, entity, _whole(sentence, ends), sure)


def _whole(sentence: Marked, ends: np.ndarray) -> Named:
    """The likeliest first and last word of the quantity."""
    first = int(ends[:, 0].argmax())
    last = first + int(ends[first:, 1].argmax())
    return Named((sentence.words[first][0], sentence.words[last][1]), float(ends[first, 0] * ends[last, 1]))


def best(sentence: Marked, chances: np.ndarray, silent: float, *, least: float, taken: Span | None = None) -> Named:
    """The stretch that is most likely to name the right thing with at least half of its words; none where none is likely enough.

    `chances` (words, LONGEST) of each stretch by its first word and its length, `silent` that there is no name. A stretch that overlaps
    many likely ones is better than the likeliest alone: 'the mean grain size' and 'grain size' speak for each other. `taken` is another
    name's.
    """
    import numpy as np

    flat = chances.ravel()
    likely = [at for at in np.argsort(-flat)[:WEIGHED] if flat[at] > 1e-3]
    ranges = [(at // LONGEST, at // LONGEST + at % LONGEST + 1) for at in likely]
    chosen = Named(None, silent)
    for i, (start, end) in enumerate(ranges):
        span = (sentence.words[start][0], sentence.words[min(end, len(sentence.words)) - 1][1])
        if i > 8 or (taken and span[0] < taken[1] and taken[0] < span[1]):
            continue
        sure = float(sum(flat[at] for at, other in zip(likely, ranges, strict=True) if _names((start, end), other)))
        if sure >= least and (chosen.span is None or sure > chosen.sure):
            chosen = Named(span, sure)
    return chosen


def _names(said: Span, true: Span) -> bool:
    """Whether the words from said[0] to said[1] name what the true ones do: half of them, and not twice as many."""
    both = min(said[1], true[1]) - max(said[0], true[0])
    length = true[1] - true[0]
    return 2 * both >= length and said[1] - said[0] <= 2 * max(length, 2)


def _batches(lengths: Sequence[int]) -> Iterator[list[int]]:
    """Places of sentences of much the same length, each batch bounded by its tokens."""
    batch: list[int] = []
    for at in sorted(range(len(lengths)), key=lambda at: lengths[at]):
        if batch and (len(batch) + 1) * lengths[at] > BATCH_TOKENS:
            yield batch
            batch = []
        batch.append(at)
    if batch:
        yield batch
