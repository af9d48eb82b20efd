#!/usr/bin/env python3
"""Fit the weights that say which named materials a text is about, and measure them by cross-validation.

    bench/fit_materials.py NERRE.jsonl [--write]

NERRE.jsonl holds abstracts with the records that chemists made of them. F1 is of the distinct values of an abstract, white space and
case apart, each abstract scored by weights that did not see it (five folds, five ways to cut). With --write the weights of all
abstracts become extract/embedded/material_weights.py. Needs scikit-learn, which comes with sentence-transformers.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GroupKFold

sys.path.insert(0, str(Path(__file__).parents[1]))

from extract.embedded.materials import Features, features, formula_candidates, name_candidates

TARGET = Path(__file__).parents[1] / "extract" / "embedded" / "material_weights.py"


def norm(text: str) -> str:
    return " ".join(text.lower().split())


def rows(papers: list[dict[str, Any]], key: str) -> tuple[list[Features], np.ndarray, np.ndarray, int]:
    """Features of every candidate, whether it is gold, its abstract, and how many gold values there are."""
    found, gold, of, total = [], [], [], 0
    for i, paper in enumerate(papers):
        wanted = {norm(record[key]) for record in paper["gold"]} - {""}
        total += len(wanted)
        candidates = (formula_candidates if key == "formula" else name_candidates)(paper["text"])
        for value, spans in candidates.items():
            found.append(features(paper["text"], value, spans, candidates, is_formula=key == "formula"))
            gold.append(norm(value) in wanted)
            of.append(i)
    return found, np.array(gold), np.array(of), total


def matrix(found: list[Features]) -> tuple[np.ndarray, list[str]]:
    names = sorted({name for one in found for name in one})
    return np.array([[one.get(name, 0.0) for name in names] for one in found]), names


def best_threshold(chances: np.ndarray, gold: np.ndarray, total: int) -> tuple[float, float]:
    """The chance from which on a value is kept for the best F1, and that F1."""
    tries = np.arange(0.1, 0.8, 0.02)
    scores = [2 * (gold & (chances >= t)).sum() / max(total + (chances >= t).sum(), 1) for t in tries]
    return float(tries[int(np.argmax(scores))]), float(max(scores))


def fitted(x: np.ndarray, y: np.ndarray, strength: float) -> LogisticRegression:
    return LogisticRegression(C=strength, fit_intercept=False, max_iter=2000).fit(x, y)


def validated(x: np.ndarray, y: np.ndarray, of: np.ndarray, total: int, strength: float, turns: int = 5) -> list[float]:
    """F1 of each way to cut the abstracts into five folds; the threshold too is chosen on the other four."""
    made = []
    for turn in range(turns):
        kept = np.zeros(len(y), bool)
        order = np.random.default_rng(turn).permutation(of.max() + 1)[of]
        for train, test in GroupKFold(5).split(x, y, order):
            model = fitted(x[train], y[train], strength)
            share = total * len(set(of[train])) / len(set(of))
            least, _ = best_threshold(model.predict_proba(x[train])[:, 1], y[train], int(share))
            kept[test] = model.predict_proba(x[test])[:, 1] >= least
        made.append(2 * (y & kept).sum() / (total + kept.sum()))
    return made


def main() -> int:
    if len(sys.argv) < 2:
        print(__doc__, file=sys.stderr)
        return 2
    papers = [json.loads(line) for line in Path(sys.argv[1]).read_text().splitlines() if line.strip()]
    told: dict[str, tuple[dict[str, float], float]] = {}
    for key in ("formula", "name"):
        found, gold, of, total = rows(papers, key)
        x, names = matrix(found)
        plain = 2 * gold.sum() / (total + len(gold))
        for strength in (0.03, 0.1, 0.3, 1.0):
            scores = validated(x, gold, of, total, strength)
            print(
                f"{key}: all candidates {plain:.3f}, C={strength} F1 {np.mean(scores):.3f} (sd {np.std(scores):.3f})",
                file=sys.stderr,
            )
        model = fitted(x, gold, 0.3)
        least, _ = best_threshold(model.predict_proba(x)[:, 1], gold, total)
        told[key] = ({name: round(float(w), 3) for name, w in zip(names, model.coef_[0], strict=True)}, round(least, 2))
    if "--write" in sys.argv:
        TARGET.write_text(_module(told))
    else:
        print(json.dumps(told, indent=1))
    return 0


def _module(told: dict[str, tuple[dict[str, float], float]]) -> str:
    lines = ['"""Weights of materials.py. Made by bench/fit_materials.py; not written by hand."""', ""]
    for key, (weights, least) in told.items():
        lines += [f"{key.upper()} = {{", *(f'    "{name}": {value},' for name, value in weights.items()), "}", ""]
        lines += [f"LEAST_{key.upper()} = {least}", ""]
    return "\n".join(lines[:-1]) + "\n"


if __name__ == "__main__":
    sys.exit(main())
