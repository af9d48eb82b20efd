#!/usr/bin/env python3
"""nDCG@10 of the library's own search on SciFact: claims against 5,183 abstracts.

    bench/score_scifact.py SCIFACT_FOLDER LIBRARY [test|train|tune]

LIBRARY is made where it does not exist: each abstract is a paper, its title the heading above its chunks, cut as conversion cuts. A
paper's rank is that of its best chunk. Three ways to search: by words (BM25), by meaning (vectors), by both. 'tune' tries other constants
of the fusion on the train claims.
"""

from __future__ import annotations

import csv
import itertools
import math
import sys
import time
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).parents[1]))

from annotated import lines_of
from read_embedded import chunk_of

import store.search
from ingest.packing import open_measure, split_long
from ingest.passage import Passage
from pipeline import search
from records import Chunk, Conversion, Document, Filter, PageQuality, Paper, SearchMode, content_id
from store.embedding import SHIPPED_MODEL, Embedder, max_tokens, tokenizer_file
from store.library import Library, create_library, open_library

DEPTH = 10
#: Abstracts of one write.
BATCH = 256


def build(folder: Path, at: Path, embedder: Embedder) -> Library:
    """The library of all abstracts; goes on where it was stopped."""
    if not at.exists():
        create_library(at, embedding=embedder.identity, dimension=embedder.dimension)
    library = open_library(at, embedding=embedder.identity)
    known = {document.name for document in library.documents()}
    abstracts = [one for one in lines_of(folder / "corpus.jsonl") if one["_id"] not in known]
    for start in range(0, len(abstracts), BATCH):
        papers = [_paper(one["_id"], one["title"], one["text"]) for one in abstracts[start : start + BATCH]]
        vectors = iter(embedder.embed([chunk.searchable for paper in papers for chunk in paper.chunks]))
        library.save_papers([replace(paper, vectors=np.array([next(vectors) for _ in paper.chunks])) for paper in papers])
        print(f"{start + len(papers)} of {len(abstracts)}", file=sys.stderr)
    library.maintain()
    return library


def _paper(name: str, title: str, text: str) -> Paper:
    document = Document(id=content_id("scifact", name), name=name, size=len(text), title=title)
    page = PageQuality(page=1, width=600, height=800, n_chars=len(text), figure_share=0, confidence=1)
    conversion = Conversion(
        id=content_id("conversion", document.id), doc_id=document.id, converter="bench", n_pages=1, is_partial=False, warnings=(),
        pages=(page,), figures=(), seconds=0, docling_json=content_id("json", name), markdown=content_id("markdown", name),
    )  # fmt: skip
    chunks = tuple(_chunk(conversion, i, title, part) for i, part in enumerate(_parts(title, text)))
    return Paper(document=document, conversion=conversion, chunks=chunks, vectors=np.empty((len(chunks), 0)))


def _parts(title: str, text: str) -> Sequence[str]:
    """The abstract in as many stretches as the embedding model needs to read all of it."""
    measure = open_measure(tokenizer_file(SHIPPED_MODEL), max_tokens(SHIPPED_MODEL))
    limit = measure.max_tokens - measure.special - measure.cost(title + "\n") - 1
    return [piece.text for piece in split_long(Passage(text=text), limit=max(limit, 64), measure=measure)]


def _chunk(conversion: Conversion, ordinal: int, title: str, text: str) -> Chunk:
    chunk_id = content_id("chunk", conversion.id, ordinal)
    plain = chunk_of(text, ordinal)
    return replace(plain, id=chunk_id, doc_id=conversion.doc_id, conversion_id=conversion.id, headings=(title,))


def ndcg(found: Sequence[str], wanted: dict[str, int]) -> float:
    """nDCG of the first DEPTH papers, with the judgments as gains (BEIR's form)."""
    gain = sum(wanted.get(name, 0) / math.log2(i + 2) for i, name in enumerate(found[:DEPTH]))
    best = sum(value / math.log2(i + 2) for i, value in enumerate(sorted(wanted.values(), reverse=True)[:DEPTH]))
    return gain / best if best else 0.0


def judgments(path: Path) -> dict[str, dict[str, int]]:
    made: dict[str, dict[str, int]] = defaultdict(dict)
    with path.open() as lines:
        for row in csv.DictReader(lines, delimiter="\t"):
            made[row["query-id"]][row["corpus-id"]] = int(row["score"])
    return made


def papers_found(library: Library, embedder: Embedder, query: str, mode: SearchMode) -> list[str]:
    """The names of the papers, best first."""
    embed = None if mode is SearchMode.TEXT else embedder.embed
    hits = search(query, library=library, embed=embed, mode=mode, limit=3 * DEPTH, only=Filter())
    return list(dict.fromkeys(hit.doc_name for hit in hits))


def score(library: Library, embedder: Embedder, folder: Path, part: str, mode: SearchMode) -> str:
    """nDCG and time a claim of one way to search."""
    claims = {one["_id"]: one["text"] for one in lines_of(folder / f"queries_{part}.jsonl")}
    wanted = judgments(folder / f"qrels_{part}.tsv")
    start = time.perf_counter()
    scores = [ndcg(papers_found(library, embedder, claims[name], mode), of) for name, of in wanted.items()]
    seconds = (time.perf_counter() - start) / len(scores)
    return f"nDCG@10 {sum(scores) / len(scores):.4f}  {len(scores)} claims, {1000 * seconds:.0f} ms each"


def main() -> int:
    if len(sys.argv) < 3:
        print(__doc__, file=sys.stderr)
        return 2
    folder, at, part = Path(sys.argv[1]), Path(sys.argv[2]), sys.argv[3] if len(sys.argv) > 3 else "test"
    embedder = Embedder(SHIPPED_MODEL, dtype="auto")
    library = build(folder, at, embedder)
    if part == "tune":
        for store.search.FUSED, store.search.RRF_K in itertools.product((10, 50, 100, 200), (5, 10, 20, 60)):
            told = score(library, embedder, folder, "train", SearchMode.HYBRID)
            print(f"{store.search.FUSED:3} of each, k={store.search.RRF_K:2}  {told}", flush=True)
        return 0
    for mode in SearchMode:
        print(f"{mode.value:8} {score(library, embedder, folder, part, mode)}", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
