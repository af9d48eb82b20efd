"""Put small neighbouring sections into one chunk: 'Funding', 'Data availability' and 'Ethics' of one sentence each.

A chunk of ten words costs as much to embed, store and read as one of two hundred, and is found by chance. The headings that the
small sections do not share stand in the text instead of the path, so no word is lost. A large section keeps its own path.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import groupby, takewhile

from ingest.blocks import Block
from ingest.packing import Measure
from ingest.passage import Passage
from records import ChunkKind


def fold_small(flow: Sequence[Block], *, most: int, measure: Measure) -> Iterator[Block]:
    """The blocks, with neighbouring sections of at most `most` tokens under the headings that they share."""
    small: list[list[Block]] = []
    for (kind, _), run in groupby(flow, key=lambda block: (block.kind, block.headings)):
        section = list(run)
        if kind is ChunkKind.TEXT and sum(measure.cost(part.text) for block in section for part in block.parts) <= most:
            small.append(section)
            continue
        yield from _folded(small)
        small = []
        yield from section
    yield from _folded(small)


def _folded(sections: Sequence[Sequence[Block]]) -> Iterator[Block]:
    if len(sections) < 2:
        yield from (block for section in sections for block in section)
        return
    paths = [section[0].path for section in sections]
    shared = _shared(paths)
    before = shared
    for section, path in zip(sections, paths, strict=True):
        own = path[len(_shared([before, path])) :]
        headings = tuple(replace(heading, order=section[0].parts[0].order) for heading in own)
        yield replace(section[0], path=shared, parts=(*headings, *section[0].parts))
        yield from (replace(block, path=shared) for block in section[1:])
        before = path


def _shared(paths: Sequence[tuple[Passage, ...]]) -> tuple[Passage, ...]:
    """The headings that all these paths begin with."""
    return tuple(level[0] for level in takewhile(lambda level: len(set(level)) == 1, zip(*paths, strict=False)))
