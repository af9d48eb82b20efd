#!/usr/bin/env python3
"""Write the quantities that the embedded reader finds in MeasEval paragraphs, in the form that shared/score/score_quantities.py reads.

    bench/score_quantities.py TRUTH.jsonl PREDICTED.jsonl [--errors] [--rules]

With --rules the shapes of sentences alone say what was measured, without the pointer. With --errors it prints each true quantity that
was missed or cut otherwise, and each that is not true, in its sentence.
"""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path

import torch

sys.path.insert(0, str(Path(__file__).parents[1]))

from extract.embedded.measured import Measured, measured
from extract.embedded.pointer import LEAST_LISTED, Pointer, asked_of
from extract.embedded.quantities import Quantity, find_quantities
from extract.embedded.sentences import sentence_spans
from store.embedding import shipped_folder


def predicted(text: str, pointer: Pointer | None) -> list[dict[str, object]]:
    """The quantities of one paragraph as the scorer reads them; without a pointer the shapes of sentences name what they are of."""
    found = find_quantities(text)
    made, asked = [], []
    for span in sentence_spans(text):
        inside = [quantity for quantity in found if span[0] <= quantity.start < span[1]]
        made += [as_scored(text, quantity, measured(text, quantity, span, inside)) for quantity in inside]
        asked += [asked_of(text, quantity, span, inside) for quantity in inside]
    if pointer:
        for one, question, answer in zip(made, asked, pointer.point(asked), strict=True):
            for name in ("entity", "property"):
                named = getattr(answer, name)
                one[name] = question.text[slice(*named.span)] if named.span else None
                one[f"{name} chance"], one[f"{name} by"] = named.chance, named.by
            one["listed"] = answer.listed
        made = [one for one in made if one["listed"] >= LEAST_LISTED]  # type: ignore[operator]
    return made


def as_scored(text: str, quantity: Quantity, of: Measured) -> dict[str, object]:
    return {
        "start": quantity.start,
        "end": quantity.end,
        "unit": text[slice(*quantity.unit)] if quantity.unit else None,
        "entity": text[slice(*of.entity)] if of.entity else None,
        "property": text[slice(*of.property)] if of.property else None,
    }


def show_errors(document: dict[str, object], made: list[dict[str, object]]) -> None:
    text = str(document["text"])
    true = {(a["start"], a["end"]) for a in document["annotations"] if a["type"] == "Quantity"}  # type: ignore[attr-defined]
    mine = {(q["start"], q["end"]) for q in made}
    for sign, spans in (("missed", true - mine), ("extra ", mine - true)):
        for start, end in sorted(spans):
            print(f"{sign} {text[max(0, start - 40) : start]!r} [[{text[start:end]}]] {text[end : end + 30]!r}")


def main() -> int:
    if len(sys.argv) < 3:
        print(__doc__, file=sys.stderr)
        return 2
    documents = [json.loads(line) for line in Path(sys.argv[1]).read_text().splitlines() if line.strip()]
    torch.set_num_threads(1)
    pointer = None if "--rules" in sys.argv else Pointer(shipped_folder())
    predicted("It weighs 1 mg.", pointer)  # compiles the patterns, opens the weights
    start = time.process_time()
    made = [{"doc": document["doc"], "quantities": predicted(document["text"], pointer)} for document in documents]
    seconds = time.process_time() - start
    Path(sys.argv[2]).write_text("".join(json.dumps(line, ensure_ascii=False) + "\n" for line in made))
    if "--errors" in sys.argv:
        for document, line in zip(documents, made, strict=True):
            show_errors(document, line["quantities"])
    print(f"{len(documents)} paragraphs in {seconds:.2f} CPU seconds, {len(documents) / seconds:.0f}/s", file=sys.stderr)
    return 0


if __name__ == "__main__":
    sys.exit(main())
