"""Split a converted paper into chunks: the smallest things that are found and cited.

Neighbouring paragraphs of one section are packed together up to what the embedding model reads; a table, a figure and a
display formula are chunks of their own. What a newcomer would get wrong: a float stands where there was room on the page, so
paragraphs are packed across it; and the limit counts the heading path too, because that is embedded with the text.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING

from ingest.blocks import Block, read_blocks
from ingest.citations import cited_labels
from ingest.citations_entries import Citer, open_citer
from ingest.features import measure_features
from ingest.formulas import move_neighbours
from ingest.packing import Measure, open_measure, pack, split_long
from ingest.passage import Passage, join
from ingest.sections import fold_small
from records import Chunk, ChunkKind, PageQuality, Reference, content_id

if TYPE_CHECKING:
    from docling_core.types.doc.document import DoclingDocument

#: Version of the rules in this file and those it uses: part of every chunk's identity through the recipe of a library.
CHUNKER = "chunks/2"

LEAST_TOKENS = 16  #: below this no chunk can hold a heading and a word
HEADING_SHARE = 3  #: a heading path may take one in so many tokens
NEIGHBOUR_SHARE = 3  #: a sentence that moves to its formula, likewise
SMALL_SHARE = 4  #: a section that may share a chunk with its neighbours, likewise
LEAD_SHARE = 2  #: what is repeated at the head of each part of a table, likewise

#: Kinds whose neighbours are packed together, and what stands between them.
FLOWING = {ChunkKind.TEXT: "\n\n", ChunkKind.REFERENCES: "\n", ChunkKind.FORMULA: "\n"}
FLOATS = frozenset({ChunkKind.TABLE, ChunkKind.FIGURE})


def split_chunks(
    document: DoclingDocument,
    *,
    doc_id: str,
    conversion_id: str,
    pages: Sequence[PageQuality],
    tokenizer_file: Path,
    max_tokens: int,
    references: Sequence[Reference] = (),
) -> list[Chunk]:
    """The chunks of this document in reading order; none where it has neither text nor figures.

    `references` are the entries of its reference list, which chunks of running text cite.

    No chunk's `searchable` has more than `max_tokens` tokens of this tokenizer, special ones included. Raises ValueError
    where `max_tokens` is below 16.
    """
    if max_tokens < LEAST_TOKENS:
        raise ValueError(f"max_tokens is {max_tokens}; a chunk needs at least {LEAST_TOKENS}")
    measure = open_measure(tokenizer_file, max_tokens)
    by_page = {page.page: page for page in pages}
    blocks = read_blocks(document)
    body = [part.text for block in blocks if block.kind is not ChunkKind.REFERENCES for part in block.parts]
    citer = open_citer(references, body)
    drafts = sorted(_drafts(blocks, measure), key=lambda draft: draft[1].order)
    return [
        _chunk(block, passage, ordinal, citer, doc_id=doc_id, conversion_id=conversion_id, pages=by_page)
        for ordinal, (block, passage) in enumerate(drafts)
    ]


def _chunk(
    block: Block,
    passage: Passage,
    ordinal: int,
    citer: Citer,
    *,
    doc_id: str,
    conversion_id: str,
    pages: dict[int, PageQuality],
) -> Chunk:
    entries = citer(passage.text) if block.kind is not ChunkKind.REFERENCES else ()
    return Chunk(
        id=content_id(conversion_id, ordinal, block.kind.value, block.headings, passage.text),
        doc_id=doc_id,
        conversion_id=conversion_id,
        ordinal=ordinal,
        kind=block.kind,
        headings=block.headings,
        text=passage.text,
        places=passage.places,
        holds=block.holds,
        cites=(*cited_labels(passage.text), *entries),
        features=measure_features(
            passage,
            figure_share=block.float_share if block.kind is ChunkKind.FIGURE else 0.0,
            table_share=block.float_share if block.kind is ChunkKind.TABLE else 0.0,
            has_caption=block.has_caption,
            pages=pages,
        ),
    )


def _drafts(blocks: Sequence[Block], measure: Measure) -> Iterator[tuple[Block, Passage]]:
    """Each chunk's text with the block that says the rest of it."""
    fitted = list(_fit_paths(blocks, measure))
    flow = [block for block in fitted if block.kind not in FLOATS]
    flow = move_neighbours(flow, most=measure.max_tokens // NEIGHBOUR_SHARE, measure=measure)
    flow = list(fold_small(flow, most=measure.max_tokens // SMALL_SHARE, measure=measure))
    for _, run in groupby(flow, key=lambda block: (block.kind, block.headings)):
        together = list(run)
        parts = [part for block in together for part in block.parts]
        first = replace(together[0], has_caption=any(block.has_caption for block in together))
        yield from _packed(first, parts, None, FLOWING[first.kind], measure)
    for block in fitted:
        if block.kind in FLOATS:
            yield from _float_drafts(block, measure)


def _float_drafts(block: Block, measure: Measure) -> Iterator[tuple[Block, Passage]]:
    """A table's or a figure's parts, each with what it needs to stand alone."""
    limit = _limit(block, measure)
    leads = [lead for lead in block.leads if measure.cost(lead.text) <= limit // LEAD_SHARE]
    parts = list(block.parts)
    again = leads[0] if leads else None
    if block.kind is ChunkKind.TABLE and block.leads and again is not block.leads[0]:
        parts = [block.leads[0], *parts]  # a long caption: said once, in pieces of its own
    yield from _packed(block, parts, again, "\n", measure)


def _packed(
    block: Block, parts: Sequence[Passage], lead: Passage | None, separator: str, measure: Measure
) -> Iterator[tuple[Block, Passage]]:
    limit = _limit(block, measure)
    if lead:
        limit -= measure.cost(lead.text) + 1
    packed = pack(parts, limit=limit, measure=measure, separator=separator) or [
        Passage(text="", order=lead.order if lead else 0)
    ]
    for n, passage in enumerate(packed):
        repeats = lead and (n > 0 or block.kind is ChunkKind.TABLE)
        whole = join([lead, passage], separator) if repeats and lead else passage
        for piece in _within(block.headings, whole, measure):
            yield block, piece


def _limit(block: Block, measure: Measure) -> int:
    headings = measure.cost(" > ".join(block.headings) + "\n") if block.headings else 0
    return measure.max_tokens - measure.special - headings - 1


def _within(headings: tuple[str, ...], passage: Passage, measure: Measure) -> Iterator[Passage]:
    """The passage, halved until it fits: sums of counts are not counts of sums for every tokenizer, and this limit is hard."""
    head = " > ".join(headings) + "\n" if headings else ""
    if measure.fits(head + passage.text) or len(passage.text) < 2:
        yield passage
        return
    half = max(measure.cost(passage.text) // 2, 1)
    for piece in split_long(passage, limit=half, measure=measure):
        yield from _within(headings, piece, measure)


def _fit_paths(blocks: Sequence[Block], measure: Measure) -> Iterator[Block]:
    """The blocks with as much of their heading paths, from the leaf up, as leaves room for text. A heading for which there is
    no room (most often a paragraph that was taken for one) is text of its own, once."""
    room = measure.max_tokens // HEADING_SHARE
    said: set[Passage] = set()
    for block in blocks:
        n = len(block.path)
        while n and measure.cost(" > ".join(block.headings[-n:])) > room:
            n -= 1
        kept = block.path[len(block.path) - n :]
        for heading in block.path[: len(block.path) - n]:
            if heading not in said:
                said.add(heading)
                yield Block(kind=ChunkKind.TEXT, path=(), parts=(heading,))
        yield replace(block, path=kept)
