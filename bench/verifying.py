#!/usr/bin/env python3
"""Plant seven kinds of faults into true records, and count what the checks without a model catch and what they wrongly doubt.

    bench/verifying.py MEASEVAL.jsonl... --library LIBRARY [--faults 50] [--seed 5] [--errors]

True records: of MeasEval, one for each annotated quantity in the schema of prompts/measurements.yaml, quoting the sentences that hold the
quantity, what was measured and of what; of the library's papers, whole numbers of one sentence of which two make the third.
A fault is caught where a value of its record is contradicted or not found that was not before; a false alarm is a true record
with such a value. Missing field: any of five required ones, null or not there at all.
Swapped entity: two quantities of one paragraph take one another's (shown apart: one takes the other's, which keeps it).
Number: a digit or the decimal point, or a number from elsewhere in
the paragraph. Arithmetic: a part is replaced by another number of its own sentence.
"""

from __future__ import annotations

import argparse
import json
import random
import sys
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from true_records import DOUBTS, Case, item_of, measeval_cases, sum_cases

from extract.evidence.printed import numbers_in
from extract.evidence.verifying import verify_record
from extract.units import make_units
from records import Evidence, UnitKind


@dataclass(frozen=True)
class Planted:
    """A case with a fault in it, the evidence that came with it, and the items that the fault is in."""

    case: Case
    evidence: tuple[Evidence, ...]
    items: tuple[int, ...]


Fault = Callable[[Case, random.Random, Sequence[Case]], Planted | None]


def told(case: Case, *items: int) -> Planted:
    return Planted(case, case.evidence(), items or (case.at,))


def number(case: Case, rng: random.Random, _: Sequence[Case]) -> Planted | None:
    value, text = case.item["value"], case.item["quantity"]
    printed = next(numbers_in(text), None)
    if value is None or printed is None:
        return None
    digits = text[printed.start : printed.end]
    kind = rng.choice(["digit", "point", "elsewhere"])
    if kind == "digit" or not digits.replace(".", "").isdigit():
        at = rng.choice([i for i, sign in enumerate(digits) if sign.isdigit()] or [-1])
        if at < 0:
            return None
        wrong = digits[:at] + rng.choice([d for d in "123456789" if d != digits[at]]) + digits[at + 1 :]
    elif kind == "point":
        wrong = f"{float(digits) * rng.choice([0.1, 10]):.12g}"
    else:
        elsewhere = [case.unit.chunks[0].text[n.start : n.end] for n in numbers_in(case.unit.chunks[0].text)]
        quoted = [n.values for n in numbers_in(case.item["quote"])]
        free = [w for w in elsewhere if w[0].isdigit() and not any(next(numbers_in(w)).values[0] in v for v in quoted)]
        if not free:
            return None
        wrong = rng.choice(free)
    read = next(numbers_in(wrong), None)
    if read is None:
        return None
    changed = text[: printed.start] + wrong + text[printed.end :]
    return told(case.with_item(value=read.values[0], quantity=changed))


def unit(case: Case, rng: random.Random, cases: Sequence[Case]) -> Planted | None:
    if case.item["unit"] is None:
        return None
    units = sorted(
        {other.item["unit"] for other in cases if other.item.get("unit") and other.item["unit"] != case.item["unit"]}
    )
    return told(case.with_item(unit=rng.choice(units)))


def wrong_chunk(case: Case, rng: random.Random, _: Sequence[Case]) -> Planted | None:
    if len(case.unit.chunks) < 2:
        return None
    other = rng.choice(case.unit.chunks[1:])
    if rng.random() < 0.5:  # the rows name another chunk
        return Planted(case, tuple(replace(one, chunk_id=other.id) for one in case.evidence()), (case.at,))
    return told(replace(case, unit=make_units([other], None, UnitKind.CHUNK)[0]))  # it was looked for in another chunk


def made_up_quote(case: Case, rng: random.Random, cases: Sequence[Case]) -> Planted | None:
    item = case.item
    of = f"{item['property'] or 'value'} of {item['entity']}"
    said = [f"The {of} was {item['quantity']}.", f"We measured {item['quantity']} for the {of}.", None]
    quote = rng.choice(said) or rng.choice([other.item["quote"] for other in cases if other.unit.doc_id != case.unit.doc_id])
    return told(case.with_item(quote=quote))


def swapped_entity(case: Case, rng: random.Random, _: Sequence[Case]) -> Planted | None:
    """Two quantities of one paragraph take one another's entity."""
    own = (case.item["entity"] or "").lower()
    names = {i: item["entity"] for i, item in enumerate(case.items) if item["entity"]}
    free = [i for i, name in names.items() if own and name.lower() not in own and own not in name.lower()]
    if not free:
        return None
    i = rng.choice(free)
    swapped = {case.at: {**case.item, "entity": names[i]}, i: {**case.items[i], "entity": case.item["entity"]}}
    return told(case.with_items(swapped), case.at, i)


def copied_entity(case: Case, rng: random.Random, cases: Sequence[Case]) -> Planted | None:
    """One quantity takes the entity of another one of its paragraph, which keeps it."""
    made = swapped_entity(case, rng, cases)
    if made is None:
        return None
    return told(case.with_item(entity=made.case.item["entity"]))


def arithmetic(case: Case, rng: random.Random, _: Sequence[Case]) -> Planted | None:
    numbers = [int(n.values[0]) for n in numbers_in(case.item["quote"]) if n.values[0] == int(n.values[0])]
    name = rng.choice(["total", "first", "second"])
    others = sorted({n for n in numbers if n != case.item[name]})
    return told(case.with_item(**{name: rng.choice(others)}))


def missing_field(case: Case, rng: random.Random, _: Sequence[Case]) -> Planted | None:
    names = [name for name in ("quantity", "value", "unit", "property", "entity") if case.item[name] is not None]
    name = rng.choice(names)
    if rng.random() < 0.5:
        return told(case.with_item(**{name: None}))
    item = {key: value for key, value in case.item.items() if key != name}
    return told(case.with_items({case.at: item}))


FAULTS: dict[str, Fault] = {
    "number": number, "unit": unit, "wrong chunk": wrong_chunk, "made-up quote": made_up_quote,
    "swapped entity": swapped_entity, "arithmetic": arithmetic, "missing field": missing_field,
}  # fmt: skip


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("measeval", type=Path, nargs="+")
    parser.add_argument("--library", type=Path, required=True)
    parser.add_argument("--faults", type=int, default=50)
    parser.add_argument("--seed", type=int, default=5)
    parser.add_argument("--errors", action="store_true")
    options = parser.parse_args()
    cases = [case for path in options.measeval for case in measeval_cases(path)]
    sums = sum_cases(options.library)
    begun = time.perf_counter()
    false = alarms([*cases, *sums], errors=options.errors)
    rate = len([*cases, *sums]) / (time.perf_counter() - begun)
    caught = sum(plant(name, sums if name == "arithmetic" else cases, options) for name in FAULTS)
    n = options.faults * len(FAULTS)
    plant("(copied entity)", cases, options, copied_entity)
    print(f"all kinds: {caught} of {n} caught, {caught / n:.1%} (goal 95%); {rate:,.0f} records a second")
    return 0 if caught >= 0.95 * n and false <= 0.02 else 1


def plant(name: str, cases: Sequence[Case], options: argparse.Namespace, fault: Fault | None = None) -> int:
    """How many faults of this kind are caught."""
    rng = random.Random(f"{options.seed} {name}")
    n = caught = 0
    by: Counter[str] = Counter()
    while n < options.faults:
        case = rng.choice(cases)
        made = (fault or FAULTS[name])(case, rng, cases)
        if made is None:
            continue
        n += 1
        before = {(one.field, one.method) for one in case.doubts(case.evidence(), made.items)}
        doubts = [one for one in made.case.doubts(made.evidence, made.items) if (one.field, one.method) not in before]
        caught += bool(doubts)
        by.update({one.method for one in doubts[:1]})
        if not doubts and options.errors:
            print(f"   missed {name}: {json.dumps(made.case.item, ensure_ascii=False)}")
    print(f"{name:16} {caught:3} of {n} caught, {caught / n:.0%}   {', '.join(f'{k} {v}' for k, v in by.most_common())}")
    return caught


def alarms(cases: Sequence[Case], *, errors: bool) -> float:
    """The share of true records with a doubt. A record is one quantity, or one sum."""
    records = 0
    verdicts: Counter[str] = Counter()
    methods: Counter[str] = Counter()
    for case in (case for case in cases if case.at == 0):
        judged = verify_record(case.record, case.evidence(), prompt=case.prompt, unit=case.unit)
        doubts = [one for one in judged if one.verdict in DOUBTS]
        records += len({item_of(one) for one in doubts})
        verdicts.update(one.verdict.value for one in judged)
        methods.update(f"{one.method} of {one.field.split('.')[-1]}" for one in doubts)
        for one in doubts if errors else []:
            print(f"   doubted {one.field} by {one.method}: {one.reason}")
            print(f"      {json.dumps(case.items[item_of(one)], ensure_ascii=False)}")
    print(f"true records: {records} of {len(cases)} doubted, {records / len(cases):.1%} (goal 2%); {dict(verdicts)} values")
    print(f"   doubts: {dict(methods.most_common())}")
    return records / len(cases)


if __name__ == "__main__":
    sys.exit(main())
