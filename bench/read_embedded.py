#!/usr/bin/env python3
"""Chunks a second of the embedded reader, for each shipped prompt, with the shipped encoder.

    bench/read_embedded.py FOLDER [N_CHUNKS]

FOLDER holds .txt, .md or .gt.json files (their paragraphs). The text is cut into chunks of about 150 words; where there is not
enough it is read again, as chunks of their own. Chunk vectors are made before the clock starts, as in a library.
"""

from __future__ import annotations

import cProfile
import json
import pstats
import re
import sys
import time
from dataclasses import replace
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).parents[1]))

from extract.embedded.reader import open_embedded_reader
from extract.prompts.files import load_prompt
from extract.routing.router import route_unit
from extract.units import make_units
from records import Box, Chunk, ChunkKind, Features, Lane, Place
from store.embedding import Embedder, shipped_folder

WORDS = 150


def texts_of(folder: Path) -> list[str]:
    """Stretches of about WORDS words from the files of this folder."""
    found: list[str] = []
    for path in sorted(folder.iterdir()):
        if path.name.endswith(".gt.json"):
            words = " ".join(json.loads(path.read_text())["paragraphs"]).split()
        elif path.suffix in (".txt", ".md"):
            words = path.read_text().split()
        else:
            continue
        found += [" ".join(words[i : i + WORDS]) for i in range(0, len(words), WORDS)]
    return found


def chunk_of(text: str, ordinal: int) -> Chunk:
    place = Place(start=0, end=len(text), page=1, box=Box(left=72, bottom=72, right=523, top=770))
    features = Features(
        n_words=len(text.split()),
        n_numbers=len(re.findall(r"\d+", text)),
        figure_share=0,
        table_share=0,
        formula_share=0,
        has_caption=False,
        text_confidence=1,
    )
    return Chunk(
        id=f"chunk-{ordinal}",
        doc_id="bench",
        conversion_id="bench",
        ordinal=ordinal,
        kind=ChunkKind.TEXT,
        headings=(),
        text=text,
        places=(place,),
        holds=(),
        cites=(),
        features=features,
    )


def main() -> int:
    if len(sys.argv) < 2:
        print(__doc__, file=sys.stderr)
        return 2
    n = int(sys.argv[2]) if len(sys.argv) > 2 and sys.argv[2].isdigit() else 1000
    texts = texts_of(Path(sys.argv[1]))
    chunks = [chunk_of(texts[i % len(texts)], i) for i in range(n)]
    embedder = Embedder("all-MiniLM-L6-v2", dtype="bfloat16")
    few = embedder.embed([chunk.text for chunk in chunks[:64]])
    vectors = np.concatenate([few] * (n // len(few) + 1))[:n]
    reader = open_embedded_reader(embedder.embed, embedding_key="bench", encoder=shipped_folder())
    prompts = [Path(p) for p in sys.argv[2:] if p.endswith(".yaml")] or sorted(
        (Path(__file__).parents[1] / "prompts").glob("*.yaml")
    )
    for path in prompts:
        start = time.perf_counter()
        prompt = load_prompt(path)
        kind = ChunkKind.TEXT if ChunkKind.TEXT in prompt.kinds else min(prompt.kinds)
        units = make_units([replace(chunk, kind=kind) for chunk in chunks], vectors, prompt.unit)
        units = [unit for unit in units if route_unit(unit, prompt, frozenset({Lane.EMBEDDED})).lane is not Lane.SKIP]
        profile = cProfile.Profile() if "--profile" in sys.argv else None
        if profile:
            profile.enable()
        readings = [reading for i in range(0, len(units), 256) for reading in reader.read(prompt, units[i : i + 256])]
        if profile:
            profile.disable()
            pstats.Stats(profile).sort_stats("tottime").print_stats(18)
        seconds = time.perf_counter() - start
        values = sum(len(reading.evidence) for reading in readings)
        failed = sum(not reading.is_ok for reading in readings)
        print(
            f"{prompt.name:20} {n / seconds:7.0f} chunks/s  {len(units)} units, {values} values, {failed} failed, {seconds:.1f} s"
        )
    return 0


if __name__ == "__main__":
    sys.exit(main())
