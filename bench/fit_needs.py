#!/usr/bin/env python3
"""Fit the word model that tells which fields of a prompt have to be looked at, and say how well it does.

    bench/fit_needs.py          writes extract/routing/needs.json from the lines `fit` of bench/needs_fields.tsv
    bench/fit_needs.py --check  only says how many lines `check`, which it never saw, it gets right

Softmax regression over the words of a field's name and description, one weight for each word and kind; the penalty on the
weights is the only choice, taken by leaving out each tenth of the lines `fit` in turn.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

import numpy as np

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT))

from extract.routing.needs import Sight, judge, words_of  # noqa: E402

FIELDS = Path(__file__).with_name("needs_fields.tsv")
TARGET = ROOT / "extract" / "routing" / "needs.json"
KINDS = ["words", *Sight]
PENALTIES = (0.0003, 0.001, 0.003, 0.01)
STEPS, RATE = 300, 1.0
LEAST = 0.3  #: weights closer to zero are left out


def lines_of(part: str) -> list[tuple[str, str]]:
    """Kind and text of each line of this part, 'fit' or 'check'."""
    rows = [line.split("\t") for line in FIELDS.read_text(encoding="utf-8").splitlines() if not line.startswith("#")]
    return [(kind, text) for where, kind, text in rows if where == part]


def table_of(lines: list[tuple[str, str]], words: list[str]) -> tuple[np.ndarray, np.ndarray]:
    at = {word: i for i, word in enumerate(words)}
    x = np.zeros((len(lines), len(words)))
    for row, (_, text) in enumerate(lines):
        for word in set(words_of(text)) & at.keys():
            x[row, at[word]] = 1
    y = np.array([[kind == known for known in KINDS] for kind, _ in lines], dtype=float)
    return x, y


def fitted(x: np.ndarray, y: np.ndarray, penalty: float) -> tuple[np.ndarray, np.ndarray]:
    """Weights of shape (words, kinds) and biases of shape (kinds,), by Nesterov's accelerated gradient."""
    ones = np.hstack([x, np.ones((len(x), 1))]).astype(np.float32)
    shrink = np.full((ones.shape[1], 1), penalty, dtype=np.float32)
    shrink[-1] = 0  # a bias is not held back
    weights = before = np.zeros((ones.shape[1], y.shape[1]), dtype=np.float32)
    for step in range(STEPS):
        ahead = weights + step / (step + 3) * (weights - before)
        scores = ones @ ahead
        p = np.exp(scores - scores.max(axis=1, keepdims=True))
        slope = ones.T @ (p / p.sum(axis=1, keepdims=True) - y) / len(x) + shrink * ahead
        before, weights = weights, ahead - RATE * slope.astype(np.float32)
    return weights[:-1], weights[-1]


def left_out_score(x: np.ndarray, y: np.ndarray, penalty: float) -> float:
    """Share of the lines that are told right by a model that was fitted without them."""
    right = 0
    for part in range(10):
        out = np.arange(len(x)) % 10 == part
        weights, bias = fitted(x[~out], y[~out], penalty)
        right += int(((x[out] @ weights + bias).argmax(axis=1) == y[out].argmax(axis=1)).sum())
    return right / len(x)


def fit() -> None:
    fields = lines_of("fit")
    words = sorted({word for _, text in fields for word in words_of(text)})
    x, y = table_of(fields, words)
    scores = {penalty: left_out_score(x, y, penalty) for penalty in PENALTIES}
    penalty = max(PENALTIES, key=lambda known: scores[known])
    print(f"{len(fields)} fields, {len(words)} words; left out: {scores}; penalty {penalty}")
    weights, bias = fitted(x, y, penalty)
    model = {
        "bias": {kind: round(float(value), 3) for kind, value in zip(KINDS, bias, strict=True)},
        "words": {
            word: {kind: round(float(w), 3) for kind, w in zip(KINDS, row, strict=True) if abs(w) >= LEAST}
            for word, row in zip(words, weights, strict=True)
            if np.abs(row).max() >= LEAST
        },
    }
    lines = [f"{json.dumps(word)}: {json.dumps(known)}" for word, known in sorted(model["words"].items())]
    told = f'{{"bias": {json.dumps(model["bias"])}, "words": {{\n' + ",\n".join(lines) + "\n}}\n"
    TARGET.write_text(told, encoding="utf-8")


def check() -> None:
    for part in ("fit", "check"):
        lines = lines_of(part)
        told = [(kind, judge(text)[0], text) for kind, text in lines]
        eyes = [(kind != "words", sight is not None) for kind, sight, _ in told]
        found = sum(want and got for want, got in eyes)
        print(
            f"{part}: {len(lines)} fields; to be looked at {sum(want for want, _ in eyes)}, found {found}, "
            f"falsely {sum(got and not want for want, got in eyes)}; "
            f"of the right sort {sum((sight or 'words') == kind for kind, sight, _ in told)}"
        )
        if part == "check":
            for kind, sight, text in told:
                if (sight or "words") != kind:
                    print(f"  {kind} taken for {sight or 'words'}: {text}")


if __name__ == "__main__":
    if "--check" not in sys.argv:
        fit()
    check()
