"""Give a display formula its sentence: 'The energy is' before it, 'where m is the mass' after it.

A formula alone is found by nobody and understood by nobody. The neighbour sentences move to it rather than being repeated, so
that each sentence of the paper stands in one chunk and is read, paid for and cited once.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from ingest.blocks import Block
from ingest.packing import Measure
from ingest.passage import Passage
from ingest.sentences import sentence_ends
from records import ChunkKind


def move_neighbours(flow: Sequence[Block], *, most: int, measure: Measure) -> list[Block]:
    """The blocks with the sentence before each formula, and the one that goes on after it, moved into the formula's block.

    `flow` has no floats; a sentence of more than `most` tokens, or under another heading, stays where it is.
    """
    blocks = list(flow)
    for n, block in enumerate(blocks):
        if block.kind is not ChunkKind.FORMULA:
            continue
        parts = list(block.parts)
        if n and _is_prose_of(blocks[n - 1], block):
            rest, sentence = _last_sentence(blocks[n - 1].parts[-1])
            if measure.cost(sentence.text) <= most:
                blocks[n - 1] = _with_parts(blocks[n - 1], [*blocks[n - 1].parts[:-1], rest])
                parts = [sentence, *parts]
        if n + 1 < len(blocks) and _is_prose_of(blocks[n + 1], block) and blocks[n + 1].parts[0].text[:1].islower():
            sentence, rest = _first_sentence(blocks[n + 1].parts[0])
            if measure.cost(sentence.text) <= most:
                blocks[n + 1] = _with_parts(blocks[n + 1], [rest, *blocks[n + 1].parts[1:]])
                parts = [*parts, sentence]
        blocks[n] = replace(block, parts=tuple(parts))
    return [block for block in blocks if block.parts]


def _is_prose_of(neighbour: Block, block: Block) -> bool:
    return neighbour.kind is ChunkKind.TEXT and neighbour.headings == block.headings and bool(neighbour.parts)


def _last_sentence(passage: Passage) -> tuple[Passage, Passage]:
    cut = max(sentence_ends(passage.text), default=0)
    return passage.cut(0, cut), passage.cut(cut, len(passage.text))


def _first_sentence(passage: Passage) -> tuple[Passage, Passage]:
    cut = min(sentence_ends(passage.text), default=len(passage.text))
    return passage.cut(0, cut), passage.cut(cut, len(passage.text))


def _with_parts(block: Block, parts: Sequence[Passage]) -> Block:
    return replace(block, parts=tuple(part for part in parts if part.text))
