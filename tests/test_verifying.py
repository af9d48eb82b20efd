"""Whether the paper says what a record says, as far as that can be told without a model."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from made_units import unit
from makers import make_prompt

from extract.evidence.dimensions import DIMENSIONS, is_dimension, measures
from extract.evidence.grounding import ground_record
from extract.evidence.verifying import verify_record
from records import Evidence, Unit, Verdict

ITEM = {
    "type": "object",
    "required": ["quote", "value", "unit", "entity"],
    "properties": {
        "quote": {"type": "string"},
        "quantity": {"type": ["string", "null"], "x-kind": "quantity"},
        "value": {"type": ["number", "null"]},
        "unit": {"type": ["string", "null"], "x-kind": "unit"},
        "property": {"type": ["string", "null"], "x-kind": "property"},
        "entity": {"type": ["string", "null"], "x-kind": "entity"},
    },
}


def schema_with(**changes: dict[str, Any]) -> dict[str, Any]:
    """The schema of one measurement, with more said of some of its fields."""
    fields = {name: {**part, **changes.get(name, {})} for name, part in ITEM["properties"].items()}  # type: ignore[attr-defined]
    return {**ITEM, "properties": fields}


def verified(
    record: dict[str, Any], *texts: str, schema: dict[str, Any] | None = None, checks: tuple[str, ...] = (), system: str = ""
) -> dict[str, Evidence]:
    """The verified evidence of a record that quotes the first text, by field."""
    paper = unit(*texts)
    prompt = replace(make_prompt(), schema=schema or ITEM, checks=checks, system=system)
    record = {"quote": texts[0], **record}
    return {e.field: e for e in verify_record(record, ground_record(record, prompt.schema, paper), prompt=prompt, unit=paper)}


def verdicts(record: dict[str, Any], *texts: str, **more: Any) -> dict[str, str]:
    return {field: evidence.verdict.value for field, evidence in verified(record, *texts, **more).items()}


FULL = {"value": 3.2, "unit": "eV", "property": "band gap", "entity": "ZnO"}


def test_what_the_quote_says_is_supported_value_by_value():
    found = verified(FULL, "The band gap of ZnO was 3.2 eV.")

    assert {(e.field, e.verdict, e.method) for e in found.values()} == {
        ("value", Verdict.SUPPORTED, "number"),
        ("unit", Verdict.SUPPORTED, "unit"),
        ("property", Verdict.SUPPORTED, "words"),
        ("entity", Verdict.SUPPORTED, "words"),
    }


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (1200, "A mass of 1,200 mg was used."),
        (1200, "A mass of 1 200 mg was used."),
        (0.00032, "The rate was 3.2 × 10⁻⁴ per s."),
        (0.00032, "The rate was 3.2×10−4 per s."),
        (0.00032, "The rate was $3.2 \\times 10^{-4}$ per s."),
        (100000, "We seeded 10⁵ cells in each."),
        (14, "In fourteen of the samples it was seen."),
        (2_500_000, "It took 2.5 million years in all."),
        (0.31, "Of these, 31% were women."),
        (31, "Of these, 31% were women."),
        (-5, "It was cooled to −5 °C overnight."),
        (10, "It took 10–20 min to dissolve."),
        (20, "It took 10–20 min to dissolve."),
        (3.2, "The gap is 3.20 ± 0.05 eV here."),
        (0.5, "Die Dosis war 0,5 mg pro Tag."),
        (-12, "The yield decreased by 12% in air."),
        (20, "Each has twenty eight-second runs."),
    ],
)
def test_a_number_is_supported_in_every_way_to_print_it(value, text):
    assert verdicts({"value": value}, text)["value"] == "supported"


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (3.3, "The gap of ZnO is 3.2 eV."),
        (15, "It took 10–20 min to dissolve."),
        (32, "The gap of ZnO is 3.2 eV."),
        (5, "It was cooled to −5 °C overnight."),
        (3, "The gap of ZnO is 3.2 eV."),
        (0.32, "The gap of CdTe is 320 meV."),
    ],
)
def test_a_number_that_the_quote_does_not_print_is_not_found(value, text):
    found = verified({"value": value}, text)["value"]

    assert (found.verdict, found.method) == (Verdict.NOT_FOUND, "number")


def test_the_number_is_looked_for_in_the_quote_and_not_elsewhere_in_the_chunk():
    text = "The gap of ZnO was 3.2 eV. That of CdTe was 1.5 eV."
    record = {"quote": "The gap of ZnO was 3.2 eV.", "value": 1.5}

    assert verdicts(record, text)["value"] == "not_found"


def test_a_number_that_an_ellipsis_leaves_out_is_not_in_the_quote():
    text = "The gap of ZnO was 3.2 eV at first and 3.4 eV after a week in air."
    record = {"quote": "The gap of ZnO was ... 3.4 eV after a week", "value": 3.2}

    assert verdicts(record, text)["value"] == "not_found"


def test_a_converted_number_is_supported_only_where_the_prompt_asks_for_it():
    record, text = {"value": 0.32, "unit": "eV"}, "The gap of CdTe is 320 meV."
    asked = schema_with(unit={"description": "in SI units if possible"})

    found = verified(record, text, schema=asked)

    assert (found["value"].verdict, found["value"].method) == (Verdict.SUPPORTED, "converted")
    assert found["value"].reason == "320 meV is 0.32 eV"
    assert found["unit"].verdict is Verdict.SUPPORTED
    assert verdicts(record, text)["value"] == "not_found"
    assert verdicts(record, text, system="Do not convert units.")["value"] == "not_found"
    assert verdicts({**record, "value": 3.2}, text, schema=asked)["value"] == "not_found"


def test_a_field_that_names_its_unit_asks_for_conversion():
    schema = {"type": "object", "properties": {"quote": {"type": "string"}, "gap_ev": {"type": "number"}}}

    assert verdicts({"gap_ev": 0.32}, "The gap of CdTe is 320 meV.", schema=schema)["gap_ev"] == "supported"
    assert verdicts({"gap_ev": 320}, "The wavelength is 320 nm.", schema=schema)["gap_ev"] == "supported"


@pytest.mark.parametrize(
    ("value", "unit_", "text"),
    [
        (5, "hours", "It was stirred for 5 h."),
        (5, "h", "It was stirred for 5 hours."),
        (10, "mM", "With 10 mmol/L of salt."),
        (2, "kg/m3", "A density of 2 kg m−3 was set."),
        (10, "mg", "Doses of 10, 20 and 40 mg were given."),
        (10, "°C", "It was kept at 10 to 15 °C."),
        (25, "C", "It was kept at 25 °C."),
        (1.5, "°C", "It rose by 1.5 ± 0.2 °C."),
        (5318, "participants", "In 5318 participants it was seen."),
        (31, "percent", "It was seen in 31% of them."),
        (5, "µm", "A film of 5 μm was grown."),
        (20, "$", "It costs $20 a month."),
    ],
)
def test_the_unit_is_the_one_printed_with_the_number_however_written(value, unit_, text):
    assert verdicts({"value": value, "unit": unit_}, text)["unit"] == "supported"


@pytest.mark.parametrize(
    ("value", "unit_", "text"),
    [
        (5, "min", "It was stirred for 5 h and for 20 min."),
        (5, "mm", "A film of 5 nm was grown on 3 mm of glass."),
        (5, "MM", "With 5 mM of salt."),
        (10, "mg", "Doses of 10, 20 and 40 g were given to 3 mg of it."),
    ],
)
def test_another_unit_than_the_one_printed_with_the_number_contradicts(value, unit_, text):
    found = verified({"value": value, "unit": unit_}, text)["unit"]

    assert (found.verdict, found.method) == (Verdict.CONTRADICTED, "unit")


def test_the_unit_of_a_table_may_stand_in_its_head():
    found = verified({"quote": "ZnO 3.2", "value": 3.2, "unit": "eV"}, "material, gap (eV)\nZnO 3.2\nCdTe 1.5")["unit"]

    assert (found.verdict, found.reason) == (Verdict.SUPPORTED, "not in the quote; elsewhere in the chunk")


@pytest.mark.parametrize(
    ("asked", "unit_", "is_right"),
    [
        ("temperature", "°C", True), ("temperature", "K", True), ("temperature", "eV", False), ("time", "hours", True),
        ("concentration", "mM", True), ("concentration", "mg/mL", True), ("concentration", "mg", False), ("pressure", "Torr", True),
        ("power density", "mW cm−2", True), ("power density", "mW", False), ("W/cm2", "mW cm−2", True), ("dose", "mg/kg", True),
        ("share", "%", True), ("share", "K", False), ("temperature", "nonsense", False),
    ],
)  # fmt: skip
def test_the_unit_must_measure_what_the_field_asks(asked, unit_, is_right):
    schema = schema_with(value={"x-dimension": asked})

    found = verified({"value": 5, "unit": unit_}, f"It was 5 {unit_} all day.", schema=schema)["value"]

    assert (found.verdict, found.method) == ((Verdict.SUPPORTED, "number") if is_right else (Verdict.CONTRADICTED, "dimension"))


def test_every_dimension_is_measured_by_its_own_units():
    assert [(name, unit_) for name, units in DIMENSIONS.items() for unit_ in units if not measures(unit_, name)] == []


def test_a_dimension_is_a_word_of_the_list_or_a_unit():
    assert is_dimension("power density")
    assert is_dimension("W/cm2")
    assert not is_dimension("hotness")


def test_the_dimension_may_be_asked_of_the_unit_or_of_the_whole_quantity():
    text = "The gap of ZnO was 3.2 eV."
    record = {"value": 3.2, "unit": "eV", "quantity": "3.2 eV"}

    assert verdicts(record, text, schema=schema_with(unit={"x-dimension": "mass"}))["unit"] == "contradicted"
    assert verdicts(record, text, schema=schema_with(quantity={"x-dimension": "mass"}))["quantity"] == "contradicted"
    assert verdicts(record, text, schema=schema_with(quantity={"x-dimension": "energy"}))["quantity"] == "supported"


@pytest.mark.parametrize(
    ("bounds", "verdict"), [([0, 10], "supported"), ([4, None], "contradicted"), ([None, 3], "contradicted")]
)
def test_a_value_out_of_its_range_contradicts(bounds, verdict):
    assert (
        verdicts({"value": 3.2}, "The gap of ZnO was 3.2 eV.", schema=schema_with(value={"x-range": bounds}))["value"]
        == verdict
    )


def test_a_quantity_as_text_is_checked_number_by_number():
    text = "The gap of ZnO was 3.2 ± 0.1 eV."

    assert verdicts({"quantity": "3.2±0.1 eV"}, text)["quantity"] == "supported"
    assert verdicts({"quantity": "3.2 ± 0.2 eV"}, text)["quantity"] == "not_found"


def test_a_number_that_is_not_the_one_of_its_own_quantity_contradicts():
    found = verified({"quantity": "3.2 eV", "value": 300}, "The gap of ZnO was 3.2 eV at 300 K.")["value"]

    assert (found.verdict, found.reason) == (Verdict.CONTRADICTED, "the record itself has '3.2 eV' for this quantity")


def test_an_entity_must_stand_in_the_quote_with_all_its_words():
    text = "The gap of doped ZnO films was 3.2 eV. CdTe was not measured."
    quote = "The gap of doped ZnO films was 3.2 eV."

    assert verdicts({"quote": quote, "entity": "doped ZnO"}, text)["entity"] == "supported"
    assert verdicts({"quote": quote, "entity": "doped ZnO film"}, text)["entity"] == "supported"
    assert verdicts({"quote": quote, "entity": "undoped ZnO"}, text)["entity"] == "not_found"
    assert "elsewhere in the chunk" in verified({"quote": quote, "entity": "CdTe"}, text)["entity"].reason


def test_a_property_may_stand_elsewhere_in_the_chunk_and_a_summary_may_be_free():
    text = "We measured band gaps. That of ZnO was 3.2 eV."
    schema = schema_with(property={"x-kind": "property"}, quantity={"x-kind": "sentence"})
    record = {"quote": "That of ZnO was 3.2 eV.", "property": "band gaps", "quantity": "A wide band was seen."}

    found = verdicts(record, text, schema=schema)

    assert (found["property"], found["quantity"]) == ("unchecked", "unchecked")
    assert verdicts({**record, "property": "thermal expansion"}, text, schema=schema)["property"] == "not_found"


LIST = {"type": "object", "properties": {"measurements": {"type": "array", "items": ITEM}}}


def of_list(text: str, *pairs: tuple[str | None, float], unit_: str | None = "nm") -> dict[str, Evidence]:
    items = [{"quote": text, "value": value, "unit": unit_, "entity": entity} for entity, value in pairs]
    paper, prompt = unit(text), replace(make_prompt(), schema=LIST)
    record = {"measurements": items}
    return {e.field: e for e in verify_record(record, ground_record(record, LIST, paper), prompt=prompt, unit=paper)}


@pytest.mark.parametrize(
    "text",
    [
        "The film of ZnO was 3 nm thick and the film of CdTe on glass was 5 nm thick.",
        "We grew 3 nm of ZnO and after cleaning the glass 5 nm of CdTe.",
    ],
)
def test_names_that_are_crossed_with_one_anothers_numbers_contradict(text):
    crossed = of_list(text, ("ZnO", 5), ("CdTe", 3))
    straight = of_list(text, ("ZnO", 3), ("CdTe", 5))

    assert {crossed[f"measurements[{i}].entity"].method for i in (0, 1)} == {"pairing"}
    assert {e.verdict for e in crossed.values() if e.field.endswith("entity")} == {Verdict.CONTRADICTED}
    assert {e.verdict for e in straight.values()} == {Verdict.SUPPORTED}


def test_respectively_is_not_judged():
    found = of_list("The films of ZnO and CdTe were 3 and 5 nm thick, respectively.", ("ZnO", 3), ("CdTe", 5))

    assert {e.verdict for e in found.values()} == {Verdict.SUPPORTED}


def test_what_is_null_although_the_quote_says_it_is_missing():
    text = "The band gap of ZnO was 3.2 eV."

    assert verified({**FULL, "value": None}, text)["value"].reason == "null, but the text says '3.2 eV'"
    assert verified({**FULL, "unit": None}, text)["unit"].method == "missing"
    assert verified({"value": 75.0, "unit": "g", "entity": None}, "They drank 75 g glucose.")["entity"].method == "missing"
    assert verified({k: v for k, v in FULL.items() if k != "unit"}, text)["unit"].verdict is Verdict.CONTRADICTED


def test_what_is_null_and_not_said_is_not_missing():
    assert set(verified({"value": 14.0, "unit": None, "entity": None}, "It was seen in 14 of them.")) == {"value"}
    assert "value" not in verified({"quantity": "10–20 nm", "value": None, "unit": "nm", "entity": None}, "It was 10–20 nm.")
    assert "value" not in verified({"value": None, "unit": None, "entity": "ZnO"}, "ZnO was 3 nm or 5 nm.")


def test_a_thing_that_the_same_quote_names_for_another_number_is_missing():
    found = of_list("Films of ZnO were 3 nm and later 5 nm.", ("ZnO", 3), (None, 5))

    assert found["measurements[1].entity"].reason == "null, but the same quote names 'ZnO' for another of its quantities"
    assert "measurements[1].entity" not in of_list("ZnO gave 3 of them (p = 0.02).", ("ZnO", 3), (None, 0.02), unit_=None)


def test_a_doi_that_the_text_prints_is_missing_where_it_is_null():
    schema = {
        "type": "object",
        "properties": {"quote": {"type": "string"}, "title": {"type": "string"}, "doi": {"type": ["string", "null"]}},
    }
    record = {"title": "On gaps", "doi": None}

    assert verified(record, "On gaps. doi:10.1000/xyz.12", schema=schema)["doi"].reason.endswith("'10.1000/xyz.12'")
    assert "doi" not in verified(record, "On gaps. No address.", schema=schema)
    listed = {"type": "object", "properties": {"entries": {"type": "array", "items": schema}}}
    entries = {"entries": [{**record, "quote": "On gaps. 2019."}]}
    assert "entries[0].doi" not in verified(entries, "On gaps. 2019. On films. doi:10.1000/xyz.12", schema=listed)


def test_a_made_up_quote_supports_nothing():
    found = verified({**FULL, "quote": "We found that ZnO has 3.2 eV indeed."}, "The band gap of ZnO was 3.2 eV.")

    assert {(e.verdict, e.method) for e in found.values()} == {(Verdict.NOT_FOUND, "quote")}


def test_a_choice_need_not_be_in_the_papers_words_but_its_quote_must():
    kinds = {"type": "string", "enum": ["trial", "case_report"]}
    bare = {"type": "object", "properties": {"kind": kinds, "is_blind": {"type": "boolean"}}}
    quoted = {"type": "object", "properties": {"quote": {"type": "string"}, **bare["properties"]}}
    text = "This trial was blind."
    record = {"kind": "case_report", "is_blind": True}

    found = {field: verdict for field, verdict in verdicts(record, text, schema=bare).items() if field != "quote"}
    assert found == {"kind": "unchecked", "is_blind": "unchecked"}
    assert verdicts({**record, "kind": "trial"}, text, schema=quoted)["kind"] == "supported"
    assert set(verdicts({**record, "quote": "It was a case."}, text, schema=quoted).values()) == {"not_found"}


def test_evidence_that_names_another_chunk_supports_nothing():
    paper = unit("The band gap of ZnO was 3.2 eV.", "The samples were grown on glass by hand.")
    prompt, record = replace(make_prompt(), schema=ITEM), {"quote": "The band gap of ZnO was 3.2 eV.", "value": 3.2}
    (right,) = ground_record(record, ITEM, paper)

    def judged(one: Evidence, of: Unit) -> Verdict:
        return verify_record(record, [one], prompt=prompt, unit=of)[0].verdict

    assert judged(right, paper) is Verdict.SUPPORTED
    assert judged(replace(right, chunk_id=paper.chunks[1].id), paper) is Verdict.NOT_FOUND
    assert judged(replace(right, chunk_id="elsewhere"), paper) is Verdict.NOT_FOUND


SUM = {
    "type": "object",
    "properties": {"quote": {"type": "string"}, **{name: {"type": ["number", "null"]} for name in ("total", "men", "women")}},
}


def test_arithmetic_that_the_prompt_declares_marks_every_value_it_is_between():
    text = "Of 10,308 employees, 6895 were men and 3413 women; 3412 came again."
    right = verified({"total": 10308, "men": 6895, "women": 3413}, text, schema=SUM, checks=("total = men + women",))
    wrong = verified({"total": 10308, "men": 6895, "women": 3412}, text, schema=SUM, checks=("total = men + women",))

    assert {e.verdict for e in right.values()} == {Verdict.SUPPORTED}
    assert {(e.verdict, e.method) for e in wrong.values()} == {(Verdict.CONTRADICTED, "arithmetic")}
    assert wrong["men"].reason == "total = men + women: 10308 = 10307 does not hold"


def test_shares_may_be_off_by_their_rounding():
    text = "All (100%) were seen: 66.7% men and 33.4% women, or 34.9% of those."
    checks = ("total = men + women",)

    assert verdicts({"total": 100, "men": 66.7, "women": 33.4}, text, schema=SUM, checks=checks)["total"] == "supported"
    assert verdicts({"total": 100, "men": 66.7, "women": 34.9}, text, schema=SUM, checks=checks)["total"] == "contradicted"


def test_arithmetic_with_a_value_that_is_null_is_not_judged():
    text = "Of 10,308 employees, 6895 were men."

    assert verdicts({"total": 10308, "men": 6895, "women": None}, text, schema=SUM, checks=("total = men + women",)) == {
        "total": "supported",
        "men": "supported",
    }
