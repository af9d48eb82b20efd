#!/usr/bin/env python3
"""Score the frames that the embedded reader finds in the papers of SOFC-Exp: F1 of each slot.

    bench/score_sofc.py SOFC.jsonl [--errors SLOT]

A slot's value counts once for its paper, white space and case apart. The prompt is bench/prompts/fuel-cells.yaml.
"""

from __future__ import annotations

import sys
import time
from collections import defaultdict
from typing import Any

from annotated import Score, lines_of, norm, prompt_of, read_all

#: Characters of a chunk: about 256 tokens, as conversion cuts.
CHUNK = 1200
SLOTS = (
    "power_density", "working_temperature", "open_circuit_voltage", "voltage", "current_density", "resistance", "conductivity",
    "time_of_operation", "degradation_rate", "anode_material", "cathode_material", "electrolyte_material", "interlayer_material",
    "support_material", "fuel_used", "device",
)  # fmt: skip


def chunks_of(paper: dict[str, Any]) -> list[str]:
    """The paper in stretches of whole sentences."""
    made = [""]
    for _, _, start, end in paper["sentences"]:
        sentence = paper["text"][start:end]
        if made[-1] and len(made[-1]) + len(sentence) > CHUNK:
            made.append("")
        made[-1] = f"{made[-1]}\n{sentence}" if made[-1] else sentence
    return made


def gold_of(paper: dict[str, Any]) -> dict[str, set[str]]:
    spans = {span["id"]: norm(span["text"]) for span in paper["spans"]}
    found: dict[str, set[str]] = defaultdict(set)
    for experiment in paper["experiments"]:
        for slot, span in experiment["slots"]:
            found[slot].add(spans[span])
    return found


def main() -> int:
    if len(sys.argv) < 2:
        print(__doc__, file=sys.stderr)
        return 2
    papers = lines_of(sys.argv[1])
    start = time.perf_counter()
    scores = {slot: Score() for slot in SLOTS}
    for paper in papers:
        readings = read_all(prompt_of("fuel-cells"), [[text] for text in chunks_of(paper)])
        frames = [frame for reading in readings if reading.record for frame in reading.record["experiments"]]
        gold = gold_of(paper)
        for slot, score in scores.items():
            made = {norm(value) for frame in frames for value in frame[slot]}
            score.add(made, gold[slot])
            if slot in sys.argv:
                print(paper["doc"], "missed", sorted(gold[slot] - made), "extra", sorted(made - gold[slot]))
    for slot, score in scores.items():
        print(f"{slot:22} {score}")
    total = Score(*(sum(getattr(score, name) for score in scores.values()) for name in ("hits", "made", "gold")))
    print(f"{'all slots':22} {total}")
    print(f"{len(papers)} papers in {time.perf_counter() - start:.1f} s", file=sys.stderr)
    return 0


if __name__ == "__main__":
    sys.exit(main())
