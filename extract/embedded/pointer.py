"""Point to what a quantity measures: the words of its sentence that name the property and the thing that has it.

A small network on the shipped encoder, fitted by `bench/train_pointer.py`; it copies, so it can be wrong but never invents. Its weights
are of use with that one encoder only (they go on from its lower layers), which is told by the encoder's sha256; beside any other
embedding model the shapes of `measured.py` answer alone.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from extract.embedded.layers import load_bottom, unpacked
from extract.embedded.measured import measured
from extract.embedded.naming import Named, best_pair, candidates
from extract.embedded.phrases import Span
from extract.embedded.pointing import BOTTOM, Asked, Marked, batch_of, bottom, marked, scores
from extract.embedded.quantity import Quantity

if TYPE_CHECKING:
    from torch import Tensor

#: The shipped weights, and the sha256 of the encoder's model.safetensors that they were fitted on.
WEIGHTS = Path(__file__).with_name("pointer.safetensors")
ENCODER_SHA256 = "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db"
#: Tokens of a batch, padding counted: more leaves the processor's cache.
BATCH_TOKENS = 2048


#: What the network gives a smaller chance of being listed is no measurement: a label, a date, a pronoun. By cross-validation.
LEAST_LISTED = 0.2


class Pointed(NamedTuple):
    """What one quantity is a quantity of. Spans are of the sentence."""

    property: Named
    entity: Named
    listed: float  #: how likely it is that a reader would list this quantity at all, 0 to 1


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
    of = measured(text, quantity, sentence, list(others))
    hints = tuple((span[0] - start, span[1] - start) if span else None for span in (of.property, of.entity))
    rest = tuple((other.start - start, other.end - start) for other in others if other.start != quantity.start)
    return Asked(text[start:end], (quantity.start - start, quantity.end - start), rest, hints)


class Pointer:
    """The network with its tokenizer, opened with the first question."""

    def __init__(self, model: Path, *, top: Mapping[str, Tensor] | None = None) -> None:
        """`model` is the encoder's folder; `top` are our own layers and heads, else the shipped ones."""
        self._model, self._top = model, top

    def point(self, asked: Sequence[Asked]) -> list[Pointed]:
        """One answer per question, in order."""
        sentences = [marked(one, encoding) for one, encoding in zip(asked, self._encoded(asked), strict=True)]
        batches = list(_batches([len(one.ids) for one in sentences]))
        found: dict[int, Pointed] = {}
        weights = self._weights  # opened before the threads ask for them
        with ThreadPoolExecutor(_cores(), thread_name_prefix="point") as pool:
            read = pool.map(lambda batch: _read(weights, [(asked[at], sentences[at]) for at in batch]), batches)
            for places, answers in zip(batches, read, strict=True):
                found |= zip(places, answers, strict=True)
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


def _read(weights: Mapping[str, Tensor], batch: Sequence[tuple[Asked, Marked]]) -> list[Pointed]:
    import torch

    sentences = [sentence for _, sentence in batch]
    rows: dict[tuple[int, ...], int] = {}  # two quantities of a sentence share its lower states
    owners = [rows.setdefault(one.ids, len(rows)) for one in sentences]
    firsts = [owners.index(row) for row in range(len(rows))]
    with torch.inference_mode():
        states = bottom(weights, batch_of([sentences[at] for at in firsts]))[torch.tensor(owners)]
        made = scores(weights, states, batch_of(sentences))
        spans, none, listed = made.spans.exp().numpy(), made.none.exp().tolist(), torch.sigmoid(made.kept).tolist()
    answers = []
    for (one, sentence), chances, silent, sure in zip(batch, spans, none, listed, strict=True):
        found = (candidates(one.text, sentence, chances[0]), candidates(one.text, sentence, chances[1]))
        answers.append(Pointed(*best_pair(found, silent, one.hints), sure))
    return answers


def _cores() -> int:
    """Those that this process may use: each thread works through batches of its own."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


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
