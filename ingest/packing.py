"""Pack passages into texts that the embedding model reads to the end.

The limit is hard and is counted by the model's own tokenizer: what a model does not read, search cannot find. The tokenizer
file of a sentence model says how it was trained (all-MiniLM-L6-v2: cut and padded at 128), not what we ask of it, so both are
switched off before anything is counted.
"""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Iterator, Sequence
from functools import cache
from pathlib import Path

from ingest.passage import Passage, join
from ingest.sentences import sentence_ends

#: A word of over 100 letters is one [UNK] for the model; so that a blob without spaces cannot make an endless chunk, no token
#: counts for more letters than this. English has 4 to 5.
LETTERS_PER_TOKEN = 8


class Measure:
    """Counts tokens as the embedding model does."""

    def __init__(self, tokenizer_file: Path, max_tokens: int) -> None:
        from tokenizers import Tokenizer

        self._tokenizer = Tokenizer.from_file(str(tokenizer_file))
        self._tokenizer.no_truncation()
        self._tokenizer.no_padding()
        self.max_tokens = max_tokens
        self.special = len(self._tokenizer.encode("").ids)  #: tokens that every text costs: [CLS] and [SEP]

    def cost(self, text: str) -> int:
        """Tokens of this text alone, special ones not counted."""
        tokens = len(self._tokenizer.encode(text, add_special_tokens=False).ids)
        return max(tokens, -(-len(text) // LETTERS_PER_TOKEN))

    def fits(self, text: str) -> bool:
        """Whether the model reads all of it."""
        return self.special + self.cost(text) <= self.max_tokens

    def token_starts(self, text: str) -> list[int]:
        """Where each token begins in the text."""
        return [start for start, _ in self._tokenizer.encode(text, add_special_tokens=False).offsets]


@cache
def open_measure(tokenizer_file: Path, max_tokens: int) -> Measure:
    return Measure(tokenizer_file, max_tokens)


def pack(parts: Sequence[Passage], *, limit: int, measure: Measure, separator: str) -> list[Passage]:
    """The parts in as few passages as neighbours allow, none over the limit; a part is cut only where it alone is over it."""
    packed: list[Passage] = []
    waiting: list[Passage] = []
    room = limit
    for piece in _pieces(parts, limit, measure):
        cost = measure.cost(piece.text) + 1  # 1: the separator, for tokenizers that count it
        if waiting and cost > room:
            packed.append(join(waiting, separator))
            waiting, room = [], limit
        waiting.append(piece)
        room -= cost
    if waiting:
        packed.append(join(waiting, separator))
    return packed


def _pieces(parts: Sequence[Passage], limit: int, measure: Measure) -> Iterator[Passage]:
    for part in parts:
        if measure.cost(part.text) < limit:
            yield part
        else:
            yield from split_long(part, limit=limit - 1, measure=measure)


def split_long(passage: Passage, *, limit: int, measure: Measure) -> Iterator[Passage]:
    """A passage over the limit in pieces of about one length, cut at sentence ends, else between words, else anywhere."""
    text, starts = passage.text, measure.token_starts(passage.text)
    total = max(len(starts), len(text) // LETTERS_PER_TOKEN)
    fair = total / -(-total // limit)  # so that the last piece is no stub
    sentences = sentence_ends(text)
    words = [found.start() for found in re.finditer(r"\s+", text)]
    begin = 0
    while begin < len(text):
        furthest = _furthest(begin, starts, len(text), limit)
        wanted = _furthest(begin, starts, len(text), round(fair * 1.1))
        near = min(wanted, furthest)
        cuts = [_last(sentences, begin, near), _last(sentences, begin, furthest), _last(words, begin, furthest)]
        end = len(text) if furthest == len(text) else next((cut for cut in cuts if cut), max(furthest, begin + 1))
        if (piece := passage.cut(begin, end)).text:
            yield piece
        begin = end


def _furthest(begin: int, starts: Sequence[int], length: int, limit: int) -> int:
    """How far a piece that begins here may reach."""
    past = bisect_left(starts, begin) + limit
    by_tokens = starts[past] if past < len(starts) else length
    return min(by_tokens, begin + limit * LETTERS_PER_TOKEN, length)


def _last(cuts: Sequence[int], begin: int, end: int) -> int | None:
    """The last of these cuts in (begin, end]."""
    n = bisect_left(cuts, end + 1)
    return cuts[n - 1] if n and cuts[n - 1] > begin else None
