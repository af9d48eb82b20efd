"""Does the paper say what the record says? First what can be told without a model, value by value.

The order: the quote stands in its chunk; the value keeps what its schema declares (range, dimension of its unit); the number,
the unit, the words stand in the quote; what is left null is not said there; the record keeps the arithmetic of its prompt.
What no rule can tell stays `unchecked`, with its evidence: a second model may judge that (`extract.evidence.second_opinion`).

What a newcomer would get wrong: the words that are checked are the chunk's own, not the model's copy of them. A quote that was
found by alignment reads a little differently, and the paper is right.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

from extract.embedded.fields import fields_of
from extract.evidence.arithmetic import Interval, Numbers, breaches
from extract.evidence.checks import parse_check
from extract.evidence.claims import Claim, Words, chunk_named, claims_of, words_of
from extract.evidence.finding import ALIGNED, EXACT, NORMALISED, find
from extract.evidence.findings import Finding, contradicted, not_found
from extract.evidence.grounding import QUOTE, REGION
from extract.evidence.missing import check_missing
from extract.evidence.numbers import check_number, check_quantity, saying
from extract.evidence.pairing import crossed, pair_of
from extract.evidence.unit_check import check_dimension, check_kind, check_range, check_unit
from extract.evidence.wording import check_choice, check_words
from records import Evidence, Prompt, Unit, Verdict

ARITHMETIC = "arithmetic"


def verify_record(record: dict[str, Any], evidence: Sequence[Evidence], *, prompt: Prompt, unit: Unit) -> tuple[Evidence, ...]:
    """The evidence with the verdict, the check and the reason for each value, in its order; then one more for each field that
    is null although the text says it. Raises PromptInvalid where a check of the prompt is none."""
    claims = list(claims_of(record, fields_of(prompt.schema)))
    of_path = {claim.path: claim for claim in claims}
    judged = [_judged(one, of_path.get(one.field), prompt, unit) for one in evidence]
    by_path = {one.field: one for one in judged}
    broken = dict([*_crossed(claims, by_path, unit), *_broken(prompt.checks, claims, by_path, unit)])
    judged = [replace(one, **_as_fields(broken[one.field])) if _may_break(one, broken) else one for one in judged]
    return (*judged, *_missing(claims, judged, unit))


def _judged(evidence: Evidence, claim: Claim | None, prompt: Prompt, unit: Unit) -> Evidence:
    if claim and _is_choice(claim) and evidence.span is None and evidence.quote in (claim.value, str(claim.value).lower()):
        return replace(evidence, verdict=Verdict.UNCHECKED, method="", reason="a choice that came without a quote")
    found = _of_quote(evidence, unit) or (_of_value(evidence, claim, prompt, unit) if claim else None)
    return replace(evidence, **_as_fields(found)) if found else evidence


def _as_fields(found: Finding) -> dict[str, Any]:
    return {"verdict": found.verdict, "method": found.method, "reason": found.reason}


def _of_quote(evidence: Evidence, unit: Unit) -> Finding | None:
    """What is wrong with the quote itself; None where it stands in its chunk."""
    if evidence.found_by == REGION:
        return None
    if evidence.span is None:
        return not_found(QUOTE, evidence.reason or "these words do not stand in the text")
    chunk = chunk_named(evidence.chunk_id, unit)
    if chunk is None:
        return not_found(QUOTE, "its chunk is not one of those that were read")
    said = chunk.text[slice(*evidence.span)]
    if said != evidence.quote and not any(find(evidence.quote.strip(), said, by=by) for by in (EXACT, NORMALISED, ALIGNED)):
        return not_found(QUOTE, "other words stand at its place in the chunk")
    return None


def _of_value(evidence: Evidence, claim: Claim, prompt: Prompt, unit: Unit) -> Finding | None:
    """What the checks say of the value; None where none of them can tell."""
    if claim.value is None:
        return None
    if broken := check_kind(claim) or check_range(claim) or check_dimension(claim):
        return broken
    words = words_of(evidence, unit)
    if words is None:
        return None
    if _is_choice(claim):
        return check_choice(claim, words)
    if isinstance(claim.value, (int, float)):
        return check_number(claim, words, prompt.system)
    if claim.field.kind == "unit":
        return check_unit(claim, words)
    if claim.field.kind in ("quantity", "number", "value", "count", "year"):
        return check_quantity(claim, words) or check_words(claim, words)
    return check_words(claim, words)


def _is_choice(claim: Claim) -> bool:
    """Whether the value is one of a few that the schema names: it need not be in the paper's words."""
    return isinstance(claim.value, bool) or claim.field.kind == "enum"


def _missing(claims: Sequence[Claim], judged: Sequence[Evidence], unit: Unit) -> Iterator[Evidence]:
    """Evidence against each null that the text fills. Its words are those of the values beside it."""
    by_path = {one.field: one for one in judged}
    named = {
        (by_path[claim.path].chunk_id, by_path[claim.path].span, claim.pattern): str(claim.value)
        for claim in claims
        if claim.value is not None and claim.path in by_path
    }
    for claim in (claim for claim in claims if claim.value is None):
        beside = _beside(claim, judged)
        words = words_of(beside, unit) if beside else None
        other = named.get((beside.chunk_id, beside.span, claim.pattern)) if beside and beside.span else None
        if found := check_missing(claim, words, other):
            yield replace(beside or _nowhere(unit), field=claim.path, **_as_fields(found))


def _beside(claim: Claim, judged: Sequence[Evidence]) -> Evidence | None:
    """The evidence of a neighbour of this field, one with a span first."""
    around = claim.path.removesuffix(claim.field.name)
    near = [one for one in judged if one.field.startswith(around) and "." not in one.field[len(around) :]]
    return next((one for one in near if one.span), near[0] if near else None)


def _nowhere(unit: Unit) -> Evidence:
    return Evidence(field="", quote="", chunk_id=unit.chunks[0].id, span=None, page=None, box=None)


def _crossed(claims: Sequence[Claim], judged: dict[str, Evidence], unit: Unit) -> Iterator[tuple[str, Finding]]:
    """Names that the record puts with one another's numbers."""
    pairs = []
    for claim in claims:
        if claim.field.kind == "entity" and isinstance(claim.value, str) and claim.path in judged:
            words = words_of(judged[claim.path], unit)
            if words and (pair := pair_of(claim, words)):
                pairs.append(pair)
    yield from crossed(pairs)


def _broken(
    checks: Sequence[str], claims: Sequence[Claim], judged: dict[str, Evidence], unit: Unit
) -> Iterator[tuple[str, Finding]]:
    """The values between which a declared relation does not hold."""
    if not checks:
        return
    of_path = {claim.path: claim for claim in claims}

    def at(path: str) -> Interval | None:
        claim = of_path.get(path)
        if claim is None or isinstance(claim.value, bool) or not isinstance(claim.value, (int, float)):
            return None
        words = words_of(judged[path], unit) if path in judged else None
        off = _rounding(claim, words)
        return claim.value - off, claim.value + off

    numbers = Numbers(at, lambda path: len({one.split("]")[0] for one in _items(path, of_path)}))
    for text in checks:
        for breach in breaches(parse_check(text), numbers):
            yield from ((path, contradicted(ARITHMETIC, breach.reason)) for path in breach.paths)


def _items(path: str, of_path: dict[str, Claim]) -> Iterator[str]:
    return (one.removeprefix(f"{path}[") for one in of_path if one.startswith(f"{path}["))


def _rounding(claim: Claim, words: Words | None) -> float:
    """What this number may be off by for the digits that it is printed with."""
    value = float(claim.value)
    if claim.field.is_whole:
        return 0.0
    if words is not None:
        for number in saying(value, words):
            return number.rounding
    digits = f"{value:.12g}".partition(".")[2]
    return 0.5 * 10.0 ** -len(digits) if digits.isdigit() else 0.0


def _may_break(evidence: Evidence, broken: dict[str, Finding]) -> bool:
    """Whether arithmetic has a word here: a value that is already known to be wrong keeps its reason."""
    return evidence.field in broken and evidence.verdict in (Verdict.SUPPORTED, Verdict.UNCHECKED)
