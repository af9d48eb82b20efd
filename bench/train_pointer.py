#!/usr/bin/env python3
"""Fit the pointer (extract/embedded/pointer.py) on annotated paragraphs, and say how well it does on papers it has not seen.

    bench/train_pointer.py TRAIN.jsonl... --out extract/embedded/pointer.safetensors
    bench/train_pointer.py TRAIN.jsonl --folds OUT.jsonl [--also TRIAL.jsonl]

The JSONL files are MeasEval as ../shared/corpus/knowledge/measeval has it. With --folds it fits five times, each time leaving out a fifth
of the papers, and writes what it reads in those: score OUT.jsonl with ../shared/score/score_quantities.py. --also adds paragraphs to
every fit, without those of a paper that is left out. Seeded; the lower layers stay as they are, so their states are made once.
"""

from __future__ import annotations

import argparse
import json
import random
import sys
import time
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors.numpy import save_file

sys.path.insert(0, str(Path(__file__).parents[1]))

from bench.score_quantities import predicted
from extract.embedded.layers import load_bottom, load_top, packed, unpacked
from extract.embedded.naming import names
from extract.embedded.phrases import Span
from extract.embedded.pointer import Pointer, _batches, asked_of
from extract.embedded.pointing import BOTTOM, LONGEST, TOP, Asked, Marked, batch_of, bottom, fresh_heads, marked, scores
from extract.embedded.quantities import find_quantities
from extract.embedded.sentences import sentence_spans
from store.embedding import shipped_folder

EPOCHS, BATCH, RATE, RATE_OF_HEADS, DROPOUT = 5, 12, 1.2e-4, 1.5e-3, 0.15
#: Weight of naming exactly the annotated words beside naming the right thing.
EXACT = 0.3
#: What is kept of the running mean of the weights at each step: the mean of the last 50 or so is steadier than the last.
KEPT = 0.98
FOLDS = 5


@dataclass
class Example:
    """One candidate in a sentence, and what is annotated of it. Spans are of the sentence."""

    paper: str
    asked: Asked
    is_true: bool  #: whether it is a quantity by the annotation
    named: tuple[Span | None, ...] = (None, None)  #: its property and entity; None = not said
    sentence: Marked | None = None
    states: Any = None  #: of its tokens after the shared layers

    def targets(self) -> list[tuple[int, int] | None]:
        """(first word, length - 1) of each NAMED."""
        assert self.sentence is not None
        return [_words(self.sentence, span) for span in self.named]


def _words(sentence: Marked, span: Span | None) -> tuple[int, int] | None:
    if span is None:
        return None
    inside = [i for i, (a, b) in enumerate(sentence.words) if a < span[1] and span[0] < b]
    return (inside[0], min(len(inside), LONGEST) - 1) if inside else None


def documents(paths: list[Path]) -> list[dict[str, Any]]:
    return [json.loads(line) for path in paths for line in path.read_text().splitlines() if line.strip()]


def paper_of(document: dict[str, Any]) -> str:
    return str(document["doc"]).split("-")[0]


def examples(document: dict[str, Any]) -> list[Example]:
    """Every candidate of the rules with the annotated quantity that it touches, and those that none touches."""
    text = document["text"]
    by_set: dict[int, dict[str, Span]] = defaultdict(dict)
    for one in document["annotations"]:
        by_set[one["set"]].setdefault(one["type"], (one["start"], one["end"]))
    true = {found["Quantity"]: found for found in by_set.values() if "Quantity" in found}
    rules = find_quantities(text)
    missed = [span for span in true if not any(_overlap(span, (other.start, other.end)) for other in rules)]
    made = []
    for start, end in sentence_spans(text):
        inside = [quantity for quantity in rules if start <= quantity.start < end]
        asked = [(asked_of(text, quantity, (start, end), inside), (quantity.start, quantity.end)) for quantity in inside]
        spans = tuple((quantity.start - start, quantity.end - start) for quantity in inside)
        asked += [(Asked(text[start:end], _moved(span, start), spans), span) for span in missed if start <= span[0] < end]
        for one, span in asked:
            near = max(true, key=lambda annotated: _overlap(annotated, span), default=None)
            if near is None or not _overlap(near, span):
                made.append(Example(paper_of(document), one, is_true=False))
                continue
            named = tuple(_within(true[near].get(kind), start, end) for kind in ("MeasuredProperty", "MeasuredEntity"))
            made.append(Example(paper_of(document), one, is_true=True, named=named))
    return made


def _overlap(one: Span, other: Span) -> int:
    return max(0, min(one[1], other[1]) - max(one[0], other[0]))


def _moved(span: Span, start: int) -> Span:
    return span[0] - start, span[1] - start


def _within(span: Span | None, start: int, end: int) -> Span | None:
    return _moved(span, start) if span and start <= span[0] < end else None


def prepare(found: list[Example], model: Path) -> None:
    """The states after the shared layers, once for all fits."""
    weights, tokenizer = load_bottom(model, len(BOTTOM)), Pointer(model).tokenizer
    for one in found:
        one.sentence = marked(one.asked, tokenizer.encode(one.asked.text))
    with torch.inference_mode():
        for places in _batches([len(one.sentence.ids) for one in found]):  # type: ignore[union-attr]
            batch = batch_of([found[at].sentence for at in places])  # type: ignore[misc]
            for at, states in zip(places, bottom(weights, batch), strict=True):
                found[at].states = states[: len(found[at].sentence.ids)].clone()  # type: ignore[union-attr]


def fit(found: list[Example], model: Path, seed: int, epochs: int) -> dict[str, torch.Tensor]:
    """Our own layers and heads, fitted to these examples."""
    torch.manual_seed(seed)
    shuffled = random.Random(seed)
    top = load_top(model, TOP)
    heads = fresh_heads(next(iter(top.values())).shape[-1], torch.Generator().manual_seed(seed))
    weights = {name: tensor.clone().requires_grad_() for name, tensor in {**top, **heads}.items()}
    groups = [
        {"params": [weights[name] for name in top], "lr": RATE, "weight_decay": 0.01},
        {"params": [weights[name] for name in heads], "lr": RATE_OF_HEADS, "weight_decay": 0.0},
    ]
    optimiser = torch.optim.AdamW(groups)
    steps = epochs * -(-len(found) // BATCH)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, [RATE, RATE_OF_HEADS], total_steps=steps + 1, pct_start=0.1)
    mean = {name: tensor.detach().clone() for name, tensor in weights.items()}
    for epoch in range(epochs):
        start, total = time.perf_counter(), 0.0
        for batch in _epoch(found, shuffled):
            loss = loss_of(weights, batch)
            optimiser.zero_grad()
            loss.backward()
            torch.nn.utils.clip_grad_norm_(list(weights.values()), 1.0)
            optimiser.step()
            schedule.step()
            for name, tensor in weights.items():
                mean[name].lerp_(tensor.detach(), 1 - KEPT)
            total += loss.item() * len(batch)
        print(
            f"  epoch {epoch + 1}: loss {total / len(found):.3f}, {time.perf_counter() - start:.0f} s",
            file=sys.stderr,
            flush=True,
        )
    return mean


def _epoch(found: list[Example], shuffled: random.Random) -> list[list[Example]]:
    """Batches of much the same length, in an order of chance."""
    ranked = sorted(found, key=lambda one: len(one.states) + shuffled.random() * 16)
    batches = [ranked[i : i + BATCH] for i in range(0, len(ranked), BATCH)]
    shuffled.shuffle(batches)
    return batches


def loss_of(weights: dict[str, torch.Tensor], found: list[Example]) -> torch.Tensor:
    """Minus the log probability of the true names, and of what is a quantity."""
    batch = batch_of([one.sentence for one in found])  # type: ignore[misc]
    states = torch.zeros(*batch.ids.shape, found[0].states.shape[-1])
    for i, one in enumerate(found):
        states[i, : len(one.states)] = one.states
    with torch.autocast("cpu", torch.bfloat16):  # half the time on processors with instructions for it
        made = scores(weights, states, batch, DROPOUT)
    is_true = torch.tensor([float(one.is_true) for one in found])
    losses = [torch.nn.functional.binary_cross_entropy_with_logits(made.kept, is_true, reduction="sum")]
    for i, one in enumerate(found):
        for k, target in enumerate(one.targets() if one.is_true else []):
            losses.append(-made.none[i, k] if target is None else _miss(made.spans[i, k], target))
    return torch.stack(losses).sum() / len(found) / 3


def _miss(spans: torch.Tensor, target: tuple[int, int]) -> torch.Tensor:
    """Minus the log probability of a name that counts as right, and of just the annotated one."""
    true = (target[0], target[0] + target[1] + 1)
    starts = range(max(0, true[0] - LONGEST), min(len(spans), true[1]))
    right = [(i, n) for i in starts for n in range(LONGEST) if names((i, i + n + 1), true)]
    chances = spans[[i for i, _ in right], [n for _, n in right]]
    return -(1 - EXACT) * chances.logsumexp(0) - EXACT * spans[target[0], target[1]]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("train", type=Path, nargs="+")
    parser.add_argument("--out", type=Path)
    parser.add_argument("--folds", type=Path)
    parser.add_argument("--keep", type=Path, help="folder for the weights of each fold")
    parser.add_argument("--also", type=Path, nargs="*", default=[])
    parser.add_argument("--epochs", type=int, default=EPOCHS)
    parser.add_argument("--seed", type=int, default=5)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--which", type=int, nargs="*", default=list(range(FOLDS)), help="these folds, from 0")
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    model = shipped_folder()
    held, more = documents(args.train), documents(args.also)
    found = [example for document in (*held, *more) for example in examples(document)]
    prepare(found, model)
    print(f"{len(found)} examples, {sum(one.is_true for one in found)} annotated", file=sys.stderr)
    if args.folds:
        cross_validate(found, held, model, args)
    if args.out:
        stored = packed(fit(found, model, args.seed, args.epochs))
        save_file(stored, args.out)
        print(f"{args.out}: {args.out.stat().st_size / 1e6:.1f} MB")
    return 0


def cross_validate(found: list[Example], held: list[dict[str, Any]], model: Path, args: argparse.Namespace) -> None:
    """What is read in the papers that a fit has not seen, as the scorer takes it."""
    papers = sorted({paper_of(document) for document in held})
    random.Random(args.seed).shuffle(papers)
    lines = []
    for fold in args.which:
        out = set(papers[fold::FOLDS])
        top = fit([one for one in found if one.paper not in out], model, args.seed, args.epochs)
        stored = {name: torch.from_numpy(values) for name, values in packed(top).items()}
        if args.keep:
            args.keep.mkdir(exist_ok=True, parents=True)
            save_file(packed(top), args.keep / f"fold{fold}.safetensors", {"papers": json.dumps(sorted(out))})
        pointer = Pointer(model, top=unpacked(stored))
        for document in held:
            if paper_of(document) in out:
                lines.append({"doc": document["doc"], "quantities": predicted(document["text"], pointer)})
        args.folds.write_text("".join(json.dumps(line, ensure_ascii=False) + "\n" for line in lines))
        print(f"fold {fold} of {FOLDS}: {len(lines)} paragraphs read", file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
