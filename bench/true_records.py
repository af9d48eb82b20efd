"""True records with their units, for bench/verifying.py: of MeasEval's annotations, and of sums that real papers print."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import combinations
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1]))

from extract.embedded.quantities import find_quantities
from extract.embedded.sentences import sentence_spans
from extract.evidence.grounding import ground_record
from extract.evidence.printed import numbers_in
from extract.evidence.verifying import verify_record
from extract.prompts.files import load_prompt
from extract.units import make_units
from records import Box, Chunk, ChunkKind, Evidence, Features, Place, Prompt, Unit, UnitKind, Verdict

ROOT = Path(__file__).parents[1]
MEASUREMENTS = load_prompt(ROOT / "prompts" / "measurements.yaml")
SUM = replace(
    MEASUREMENTS,
    schema={
        "type": "object",
        "properties": {
            "quote": {"type": "string"},
            **{name: {"type": ["integer", "null"]} for name in ("total", "first", "second")},
        },
        "required": ["quote", "total", "first", "second"],
    },
    checks=("total = first + second",),
)
DOUBTS = (Verdict.CONTRADICTED, Verdict.NOT_FOUND)


@dataclass(frozen=True)
class Case:
    """A record with the unit that it was read from, and the item of it that is looked at."""

    record: dict[str, Any]
    unit: Unit
    prompt: Prompt
    at: int = 0

    @property
    def items(self) -> list[dict[str, Any]]:
        return self.record.get("measurements", [self.record])

    @property
    def item(self) -> dict[str, Any]:
        return self.items[self.at]

    def with_item(self, **changes: Any) -> Case:
        return self.with_items({self.at: {**self.item, **changes}})

    def with_items(self, new: dict[int, dict[str, Any]]) -> Case:
        items = [new.get(i, item) for i, item in enumerate(self.items)]
        return replace(self, record={"measurements": items} if "measurements" in self.record else items[0])

    def evidence(self) -> tuple[Evidence, ...]:
        return ground_record(self.record, self.prompt.schema, self.unit)

    def doubts(self, evidence: Sequence[Evidence], items: Sequence[int]) -> list[Evidence]:
        """The values of these items that are contradicted or not found."""
        judged = verify_record(self.record, evidence, prompt=self.prompt, unit=self.unit)
        return [one for one in judged if one.verdict in DOUBTS and item_of(one) in items]


def item_of(evidence: Evidence) -> int:
    found = re.match(r"measurements\[(\d+)\]", evidence.field)
    return int(found[1]) if found else 0


def measeval_cases(path: Path) -> list[Case]:
    """One record for each quantity; the unit is its paragraph, and after it the other paragraphs of the same paper."""
    documents = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines() if line.strip()]
    papers: dict[str, list[Chunk]] = {}
    for n, document in enumerate(documents):
        papers.setdefault(paper_of(document), []).append(chunk_of(document["text"], paper_of(document), n))
    made = []
    n_incomplete = sum(is_incomplete(a) for d in documents for a in d["annotations"] if a["type"] == "Quantity")
    print(f"{path.name}: {n_incomplete} annotations without the unit that their own quantity prints are set aside")
    for n, document in enumerate(documents):
        own = next(chunk for chunk in papers[paper_of(document)] if chunk.ordinal == n)
        rest = [replace(chunk, ordinal=chunk.ordinal + 10_000) for chunk in papers[paper_of(document)] if chunk is not own]
        whole = make_units([own, *rest], None, UnitKind.DOCUMENT)[0]
        items = items_of(document)
        made += [Case({"measurements": items}, whole, MEASUREMENTS, at) for at in range(len(items))]
    return made


def paper_of(document: dict[str, Any]) -> str:
    return str(document["doc"]).rpartition("-")[0]


def items_of(document: dict[str, Any]) -> list[dict[str, Any]]:
    text, sentences = document["text"], sentence_spans(document["text"])
    items = []
    for number_of_set in sorted({a["set"] for a in document["annotations"]}):
        same = {a["type"]: a for a in document["annotations"] if a["set"] == number_of_set and a["type"] != "Qualifier"}
        quantity, entity, prop = (same.get(f) for f in ("Quantity", "MeasuredEntity", "MeasuredProperty"))
        if quantity is None:
            continue
        parts = [part for part in (quantity, entity, prop) if part]
        first, last = min(part["start"] for part in parts), max(part["end"] for part in parts)
        if is_incomplete(quantity):
            continue
        quoted = [(a, b) for a, b in sentences if a < last and first < b]
        if not quoted:
            continue
        numbers = list(numbers_in(quantity["text"]))
        items.append(
            {
                "quote": text[quoted[0][0] : quoted[-1][1]],
                "quantity": quantity["text"],
                "value": numbers[0].values[0] if len(numbers) == 1 and not is_range(quantity["text"]) else None,
                "unit": quantity["other"].get("unit"),
                "property": prop["text"] if prop else None,
                "entity": entity["text"] if entity else None,
                "condition": None,
            }
        )
    return items


def is_incomplete(quantity: dict[str, Any]) -> bool:
    """Whether the annotation has no unit although its own quantity ends with one: '73%', '45 days'. Such a record is not true."""
    return not quantity["other"].get("unit") and bool(re.search(r"\d\s?(?:%|[A-Za-z°µμ]+)(?:\s\w+)?$", quantity["text"]))


def is_range(text: str) -> bool:
    return any(one.low_high for one in find_quantities(text)) or bool(re.search(r"(?<![×x·] )(?<![×x·])10[–−-]\d", text))


def sum_cases(root: Path) -> list[Case]:
    """Sentences of real papers in which two whole numbers make a third: 10,308 employees, 6895 men and 3413 women."""
    from store.embedding import SHIPPED_MODEL
    from store.library import open_library

    library = open_library(root, embedding=SHIPPED_MODEL)
    made = []
    for found, _ in library.chunks([document.id for document in library.documents()]).values():
        for chunk in (c for c in found if c.kind is ChunkKind.TEXT):
            for span in sentence_spans(chunk.text):
                quote = chunk.text[slice(*span)]
                values = [n.values[0] for n in numbers_in(quote) if n.rounding == 0 and n.values[0] >= 10]
                whole = list(dict.fromkeys(int(v) for v in values if v == int(v) and v < 1e7 and not 1900 < v < 2100))
                triple = next((t for t in combinations(sorted(whole), 3) if t[0] + t[1] == t[2]), None)
                if triple and len(whole) <= 6:
                    record = {"quote": quote, "total": triple[2], "first": triple[0], "second": triple[1]}
                    made.append(Case(record, make_units([chunk], None, UnitKind.CHUNK)[0], SUM))
    print(f"{len(made)} sentences of the library have a sum")
    return made


def chunk_of(text: str, paper: str, ordinal: int) -> Chunk:
    place = Place(start=0, end=len(text), page=1, box=Box(left=72, bottom=72, right=523, top=770))
    features = Features(
        n_words=len(text.split()), n_numbers=len(re.findall(r"\d+", text)), figure_share=0, table_share=0, formula_share=0,
        has_caption=False, text_confidence=1,
    )  # fmt: skip
    return Chunk(
        id=f"{paper} {ordinal}", doc_id=paper, conversion_id=paper, ordinal=ordinal, kind=ChunkKind.TEXT, headings=(), text=text,
        places=(place,), holds=(), cites=(), features=features,
    )  # fmt: skip
