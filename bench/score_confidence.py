#!/usr/bin/env python3
"""Whether the embedded reader is right as often as its confidence says, on questions made from annotated paragraphs.

    bench/score_confidence.py TRAIN.jsonl TRIAL.jsonl [--folds OUT.jsonl]

Lone fields: every annotated quantity that has a property and an entity is asked for by those words, of its own paragraph, where an
answer is right if it overlaps the quantity, and of another paper's, where null is right. The weights of extract/embedded/sureness.py are
fitted on TRAIN and judged on TRIAL. Lists: --folds is what bench/train_pointer.py --folds wrote with --least at its default; a
paragraph's confidence, the mean over its quantities, properties and entities, is set beside the share of them that is right.
"""

from __future__ import annotations

import argparse
import json
import random
import sys
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np

sys.path.insert(0, str(Path(__file__).parents[1]))

from bench.read_embedded import chunk_of
from extract.embedded.fields import fields_of
from extract.embedded.filling import doubts, lone
from extract.embedded.sureness import ANSWERED, SILENT, Fit
from extract.embedded.view import UnitView
from store.embedding import Embedder

BINS = (0.0, 0.2, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1.01)


def read(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text().splitlines() if line.strip()]


def questions(documents: list[dict[str, Any]]) -> list[tuple[str, str, tuple[int, int] | None]]:
    """(text, what is asked, the annotated quantity or None where the text is another paper's)."""
    chance = random.Random(5)
    found = []
    for document in documents:
        others = [one for one in documents if one["doc"].split("-")[0] != document["doc"].split("-")[0]]
        by_set: dict[int, dict[str, Any]] = {}
        for one in document["annotations"]:
            by_set.setdefault(one["set"], {}).setdefault(one["type"], one)
        for one in by_set.values():
            if {"Quantity", "MeasuredProperty", "MeasuredEntity"} <= one.keys():
                asked = f"{one['MeasuredProperty']['text']} of {one['MeasuredEntity']['text']}"
                found.append((document["text"], asked, (one["Quantity"]["start"], one["Quantity"]["end"])))
                found.append((chance.choice(others)["text"], asked, None))
    return found


def answers(found: list[tuple[str, str, tuple[int, int] | None]]) -> list[tuple[Fit, bool]]:
    """What each answer rests on, and whether it is right."""
    encoder = Embedder("all-MiniLM-L6-v2", dtype="float32")
    made = []
    for text, asked, truth in found:
        schema = {
            "type": "object",
            "properties": {"value": {"type": ["string", "null"], "x-kind": "quantity", "description": asked}},
        }
        (field,) = fields_of(schema).fields
        view = UnitView((chunk_of(text, 0),))
        near = [sentence for _, sentence in doubts(field, view)]
        vectors = encoder.embed([field.meaning, *(sentence.text for sentence in near)])
        likeness = {(id(one), field.meaning): float(v @ vectors[0]) for one, v in zip(near, vectors[1:], strict=True)}
        value, sentence, fit = lone(field, view, likeness)
        at = text.find(value, sentence.start) if value and sentence else -1
        is_right = value is None if truth is None else at >= 0 and at < truth[1] and truth[0] < at + len(value)
        if fit:
            made.append((fit, is_right))
    return made


def weights_of(made: list[tuple[Fit, bool]]) -> tuple[float, ...]:
    """A logistic regression of being right on (1, best, rest)."""
    table = np.array([(1.0, fit.best, fit.rest) for fit, _ in made])
    right = np.array([float(is_right) for _, is_right in made])
    weights = np.zeros(3)
    for _ in range(25):
        chance = 1 / (1 + np.exp(-table @ weights))
        bend = (table * (chance * (1 - chance))[:, None]).T @ table + 1e-3 * np.eye(3)
        weights += np.linalg.solve(bend, table.T @ (right - chance) - 1e-3 * weights)
    return tuple(round(float(weight), 2) for weight in weights)


def show(name: str, pairs: list[tuple[float, float]]) -> None:
    """How right the answers of each stretch of confidence are."""
    print(f"{name}: {len(pairs)}, right {np.mean([right for _, right in pairs]):.3f}")
    for low, high in pairwise(BINS):
        inside = [(sure, right) for sure, right in pairs if low <= sure < high]
        if inside:
            sure, right = np.mean(inside, axis=0)
            print(f"  {low:.1f} to {min(high, 1):.1f}: {len(inside):4}  said {sure:.2f}  right {right:.2f}")


def sure_with(weights: dict[bool, tuple[float, ...]], fit: Fit) -> float:
    constant, best, rest = weights[fit.is_null]
    return float(1 / (1 + np.exp(-(constant + best * fit.best + rest * fit.rest))))


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("train", type=Path)
    parser.add_argument("trial", type=Path)
    args = parser.parse_args()
    train = answers(questions(read(args.train)))
    fitted = {null: weights_of([one for one in train if one[0].is_null is null]) for null in (False, True)}
    print(f"ANSWERED = {fitted[False]}, now {ANSWERED}\nSILENT = {fitted[True]}, now {SILENT}")
    show("train", [(sure_with(fitted, fit), float(is_right)) for fit, is_right in train])
    trial = answers(questions(read(args.trial)))
    show("trial", [(sure_with(fitted, fit), float(is_right)) for fit, is_right in trial])
    return 0


if __name__ == "__main__":
    sys.exit(main())
