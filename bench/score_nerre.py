#!/usr/bin/env python3
"""Score what the embedded reader finds in NERRE's general abstracts: F1 of the values of each key.

    bench/score_nerre.py NERRE.jsonl [--errors KEY]

A value counts once for its abstract, white space and case apart. The prompt is bench/prompts/materials.yaml.
"""

from __future__ import annotations

import sys
import time
from collections import Counter
from typing import Any

from annotated import Score, lines_of, norm, prompt_of, read_all

KEYS = ("formula", "name", "applications", "acronym", "structure_or_phase", "description")


def values_of(records: list[dict[str, Any]], key: str) -> set[str]:
    """The distinct values of this key, empty ones left out."""
    found = [
        one for record in records for value in [record.get(key)] for one in (value if isinstance(value, list) else [value])
    ]
    return {norm(one) for one in found if one and norm(one)}


def main() -> int:
    if len(sys.argv) < 2:
        print(__doc__, file=sys.stderr)
        return 2
    papers = lines_of(sys.argv[1])
    start = time.perf_counter()
    readings = read_all(prompt_of("materials"), [[paper["text"]] for paper in papers])
    seconds = time.perf_counter() - start
    scores = {key: Score() for key in KEYS}
    missed: Counter[tuple[str, str]] = Counter()
    for paper, reading in zip(papers, readings, strict=True):
        made = reading.record["materials"] if reading.record else []
        for key, score in scores.items():
            true, mine = values_of(paper["gold"], key), values_of(made, key)
            score.add(mine, true)
            if key in sys.argv:
                missed.update([("missed", one) for one in true - mine] + [("extra", one) for one in mine - true])
    for key, score in scores.items():
        print(f"{key:20} {score}")
    for (sort, value), n in missed.most_common():
        print(f"{sort:7} {n:3} {value}")
    print(f"{len(papers)} abstracts in {seconds:.1f} s", file=sys.stderr)
    return 0


if __name__ == "__main__":
    sys.exit(main())
