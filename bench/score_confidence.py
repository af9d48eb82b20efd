#!/usr/bin/env python3
"""Whether the embedded reader is right as often as its confidence says, on questions made from annotated paragraphs.

    bench/score_confidence.py TRAIN.jsonl TRIAL.jsonl [--folds OUT.jsonl]

Lone fields: every annotated quantity that has a property and an entity is asked for by those words, of its own paragraph, where an
answer is right if it overlaps the quantity, and of another paper's, where null is right. The weights of extract/embedded/sureness.py are
fitted on TRAIN and judged on TRIAL. Lists: --folds is what bench/train_pointer.py --folds wrote; a paragraph's confidence, the
mean over its quantities, properties and entities, is set beside the share of them that is right in the annotation.
"""

from __future__ import annotations

import argparse
import json
import random
import re
import sys
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np

sys.path.insert(0, str(Path(__file__).parents[1]))

from bench.read_embedded import chunk_of
from extract.embedded.fields import fields_of
from extract.embedded.filling import doubts, lone
from extract.embedded.sureness import ANSWERED, SILENT, Fit, log_odds
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
    return logistic(table, np.array([float(is_right) for _, is_right in made]))


def show(name: str, pairs: list[tuple[float, float]]) -> None:
    """How right the answers of each stretch of confidence are."""
    print(f"{name}: {len(pairs)}, right {np.mean([right for _, right in pairs]):.3f}")
    for low, high in pairwise(BINS):
        inside = [(sure, right) for sure, right in pairs if low <= sure < high]
        if inside:
            sure, right = np.mean(inside, axis=0)
            print(f"  {low:.1f} to {min(high, 1):.1f}: {len(inside):4}  said {sure:.2f}  right {right:.2f}")


#: Of one answer: its paragraph, which weights judge it, the network's probability, whether it is right.
Answer = tuple[str, tuple[str, str], float, bool]


def listed(lines: list[dict[str, Any]], documents: list[dict[str, Any]]) -> list[Answer]:
    """Every quantity, property and entity read, or not read, in paragraphs that a fit had not seen."""
    by_doc = {document["doc"]: document for document in documents}
    made: list[Answer] = []
    for line in lines:
        by_set: dict[int, dict[str, Any]] = {}
        for one in by_doc[line["doc"]]["annotations"]:
            by_set.setdefault(one["set"], {}).setdefault(one["type"], one)
        true = [one for one in by_set.values() if "Quantity" in one]
        for said in line["quantities"]:
            near = next((one for one in true if _is_same(one["Quantity"], said)), None)
            made.append((line["doc"], ("listed", ""), said["listed"], near is not None))
            for name, kind in (("property", "MeasuredProperty"), ("entity", "MeasuredEntity")):
                text = near[kind]["text"] if near and kind in near else None
                is_right = near is not None and _says(said[name], text)
                made.append((line["doc"], (name, said[f"{name} by"]), said[f"{name} chance"], is_right))
    return made


def judge_lists(made: list[Answer]) -> None:
    """The weights of all answers; and, with the weights of the other papers for each, whether paragraphs are as right as is said."""
    for key in sorted({key for _, key, _, _ in made}):
        print(f"{key}: {platt([one for one in made if one[1] == key])}")
    papers = sorted({doc.split("-")[0] for doc, *_ in made})
    said: dict[str, list[tuple[float, float]]] = {}
    for fold in range(5):
        out = set(papers[fold::5])
        seen = [one for one in made if one[0].split("-")[0] not in out]
        weights = {key: platt([one for one in seen if one[1] == key]) for key in {one[1] for one in seen}}
        for doc, key, chance, is_right in made:
            if doc.split("-")[0] in out and key in weights:
                sure = 1 / (1 + np.exp(-(weights[key][0] + weights[key][1] * log_odds(chance))))
                said.setdefault(doc, []).append((float(sure), float(is_right)))
    show("answers", [one for answered in said.values() for one in answered])
    show("paragraphs", [tuple(np.mean(answered, axis=0)) for answered in said.values()])


def platt(made: list[Answer]) -> tuple[float, ...]:
    """Weights of a constant and of the log odds."""
    return logistic(
        np.array([(1.0, log_odds(chance)) for _, _, chance, _ in made]), np.array([float(right) for *_, right in made])
    )


def logistic(table: np.ndarray, right: np.ndarray) -> tuple[float, ...]:
    """A logistic regression, a little held back: weights rounded to two places."""
    weights = np.zeros(table.shape[1])
    for _ in range(25):
        chance = 1 / (1 + np.exp(-table @ weights))
        bend = (table * (chance * (1 - chance))[:, None]).T @ table + 0.5 * np.eye(len(weights))
        weights += np.linalg.solve(bend, table.T @ (right - chance) - 0.5 * weights)
    return tuple(round(float(weight), 2) for weight in weights)


def _is_same(true: dict[str, Any], said: dict[str, Any]) -> bool:
    both = min(true["end"], said["end"]) - max(true["start"], said["start"])
    return 2 * both >= max(true["end"] - true["start"], said["end"] - said["start"])


def _says(said: str | None, true: str | None) -> bool:
    """Whether it names what is annotated: half of its words and not twice as many; nothing, where nothing is annotated."""
    if said is None or true is None:
        return said is true
    given, wanted = set(re.findall(r"\w+", said.lower())), set(re.findall(r"\w+", true.lower()))
    return 2 * len(given & wanted) >= len(wanted) and len(given) <= 2 * max(len(wanted), 2)


def sure_with(weights: dict[bool, tuple[float, ...]], fit: Fit) -> float:
    constant, best, rest = weights[fit.is_null]
    return float(1 / (1 + np.exp(-(constant + best * fit.best + rest * fit.rest))))


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("train", type=Path)
    parser.add_argument("trial", type=Path)
    parser.add_argument("--folds", type=Path)
    args = parser.parse_args()
    if args.folds:
        judge_lists(listed(read(args.folds), read(args.train)))
        return 0
    train = answers(questions(read(args.train)))
    fitted = {null: weights_of([one for one in train if one[0].is_null is null]) for null in (False, True)}
    print(f"ANSWERED = {fitted[False]}, now {ANSWERED}\nSILENT = {fitted[True]}, now {SILENT}")
    show("train", [(sure_with(fitted, fit), float(is_right)) for fit, is_right in train])
    trial = answers(questions(read(args.trial)))
    show("trial", [(sure_with(fitted, fit), float(is_right)) for fit, is_right in trial])
    return 0


if __name__ == "__main__":
    sys.exit(main())
