"""Cut a text into sentences, with their places in it.

A full stop ends a sentence unless it belongs to an abbreviation ('et al.', 'Fig. 3'), an initial or a number. Papers have many
of the first kind: a splitter for novels cuts 'Smith et al. (2003)' in two.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cached_property

from extract.embedded.words import stems_of
from records import Chunk

_END = re.compile(
    r"[.!?][)\]”’\"']*(?:\[[\d,\s–-]+\])?(?=\s+[\[(“\"'A-Z0-9α-ωΑ-Ω•])|\n\s*\n|"
    r"(?<=[a-z)])[.!?](?=[A-Z][a-z]+\s)|\s•"
)
_ABBREVIATION = re.compile(
    r"(?:\b(?:al|fig|figs|eq|eqs|eqn|ref|refs|sec|sect|tab|no|nos|vs|cf|e\.g|i\.e|etc|ca|approx|dr|mr|mrs|ms|prof|"
    r"st|vol|pp|p|ed|eds|"
    r"dept|univ|inc|ltd|co|corp|sp|spp|subsp|var|min|max|resp|suppl|ser|jan|feb|mar|apr|jun|jul|aug|sep|sept|oct|nov|dec|"
    r"viz|incl|temp|conc|wt|vol|resp|ch|chap|app|def|thm|assoc)|(?<![A-Za-z])[A-Z](?:\.-?[A-Z])*)$",
    re.I,
)


@dataclass(frozen=True, eq=False)
class Sentence:
    """chunk.text[start:end], where `chunk` is the one at this index of the unit."""

    chunk: Chunk
    index: int  #: of the chunk in its unit
    start: int
    end: int

    @property
    def text(self) -> str:
        return self.chunk.text[self.start : self.end]

    @cached_property
    def stems(self) -> frozenset[str]:
        return stems_of(self.text)

    @cached_property
    def stems_around(self) -> frozenset[str]:
        """Those of its section's heading too: below 'Limitations' a sentence need not say that it is one."""
        return self.stems | stems_of(self.chunk.headings[-1]) if self.chunk.headings else self.stems


def sentence_spans(text: str) -> list[tuple[int, int]]:
    """Where each sentence begins and ends, white space at its ends left out."""
    spans: list[tuple[int, int]] = []
    start = 0
    for match in _END.finditer(text):
        if match[0].startswith(".") and _is_abbreviation(text, match.start()):
            continue
        spans.append((start, match.end()))
        start = match.end()
    spans.append((start, len(text)))
    return [trimmed for span in spans if (trimmed := _trimmed(text, span))]


def sentences_of(chunk: Chunk, index: int) -> list[Sentence]:
    return [Sentence(chunk, index, start, end) for start, end in sentence_spans(chunk.text)]


def _is_abbreviation(text: str, stop: int) -> bool:
    word = text[max(0, stop - 12) : stop]
    found = _ABBREVIATION.search(word)
    if not found:
        return False
    if found[0] in ("min", "max", "vol", "st", "no") and re.search(r"\d\s?\w+$", word):
        return False  # 'for 5 min. Then'
    if len(found[0]) == 1 and found[0].islower() and found[0] != "p":
        return False
    return not (len(found[0]) == 1 and re.search(r"\d\s?°?[A-Z]$|°\s?[CFK]$", word))  # 'at 298 K.' ends one


def _trimmed(text: str, span: tuple[int, int]) -> tuple[int, int] | None:
    start, end = span
    while start < end and (text[start].isspace() or text[start] == "•"):
        start += 1
    while end > start and text[end - 1].isspace():
        end -= 1
    return (start, end) if end > start else None
