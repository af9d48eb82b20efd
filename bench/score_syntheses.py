#!/usr/bin/env python3
"""Score what the embedded reader finds in synthesis paragraphs: F1 of entities, and of the arguments of the steps.

    bench/score_syntheses.py SYNTHESES.jsonl [--errors KIND]

An entity counts once for its paragraph and kind, white space and case apart; the four kinds of units are one. An argument is a pair of
the words of a step and of a material of its event, or of the unit of a condition of it. The prompt is bench/prompts/syntheses.yaml.
"""

from __future__ import annotations

import sys
import time
from collections import defaultdict
from typing import Any

from annotated import Score, lines_of, norm, prompt_of, read_all

KINDS = ("Operation", "Material", "Number", "Unit")


def gold_of(paragraph: dict[str, Any]) -> dict[str, set[Any]]:
    """The annotated entities by kind, and the pairs under 'materials of steps' and 'conditions of steps'."""
    found: dict[str, set[Any]] = defaultdict(set)
    words, kinds = {}, {}
    for name, kind, _, text in paragraph["entities"]:
        kinds[name] = "Unit" if kind.endswith("-Unit") else kind
        words[name] = norm(text)
        found[kinds[name]].add(words[name])
    verbs = {}
    for name, parts in paragraph["events"]:
        ends = [part.split(":")[1] for part in parts.split()]
        verbs[name] = words[ends[0]]
        found["materials of steps"] |= {(words[ends[0]], words[end]) for end in ends[1:] if kinds[end] == "Material"}
    for _, relation in paragraph["relations"]:
        sort, first, second = relation.split()
        condition, event = first.split(":")[1], second.split(":")[1]
        if sort == "Condition_Of" and event in verbs and kinds.get(condition) == "Unit":
            found["conditions of steps"].add((verbs[event], words[condition]))
    return found


def made_of(steps: list[dict[str, Any]]) -> dict[str, set[Any]]:
    found: dict[str, set[Any]] = defaultdict(set)
    for step in steps:
        verb = norm(step["operation"])
        found["Operation"].add(verb)
        for key, kind, pairs in (("materials", "Material", "materials of steps"), ("units", "Unit", "conditions of steps")):
            found[kind] |= {norm(value) for value in step[key]}
            found[pairs] |= {(verb, norm(value)) for value in step[key]}
        found["Number"] |= {norm(value) for value in step["numbers"]}
    return found


def main() -> int:
    if len(sys.argv) < 2:
        print(__doc__, file=sys.stderr)
        return 2
    paragraphs = lines_of(sys.argv[1])
    start = time.perf_counter()
    readings = read_all(prompt_of("syntheses"), [[paragraph["text"]] for paragraph in paragraphs])
    scores = {kind: Score() for kind in (*KINDS, "materials of steps", "conditions of steps")}
    for paragraph, reading in zip(paragraphs, readings, strict=True):
        gold, made = gold_of(paragraph), made_of(reading.record["steps"] if reading.record else [])
        for kind, score in scores.items():
            score.add(made[kind], gold[kind])
            if kind in sys.argv:
                print(paragraph["doc"], "missed", sorted(gold[kind] - made[kind]), "extra", sorted(made[kind] - gold[kind]))
    for name, kinds in (("entities", KINDS), ("arguments", ("materials of steps", "conditions of steps"))):
        scores[name] = Score(*(sum(getattr(scores[kind], part) for kind in kinds) for part in ("hits", "made", "gold")))
    for kind, score in scores.items():
        print(f"{kind:20} {score}")
    print(f"{len(paragraphs)} paragraphs in {time.perf_counter() - start:.1f} s", file=sys.stderr)
    return 0


if __name__ == "__main__":
    sys.exit(main())
