"""Examples, tests, checks, routes and hints of prompt files: what is read, what is refused, and what counts as the same prompt."""

from __future__ import annotations

from pathlib import Path

import pytest

from errors import PromptInvalid
from extract.batches import open_batches
from extract.prompts.files import load_prompt, parse_prompt, parse_prompt_file
from extract.prompts.trials import PromptTest, missed, try_tests, unit_of_text
from extract.schema import without_hints
from records import ChunkKind, Example, Lane, Reading, RouteMode

SHIPPED = Path(__file__).parents[1] / "prompts"

GOOD = """\
name: doses
unit: chunk
reads: [text, figure]
prompt: List the doses.
schema:
  type: object
  additionalProperties: false
  required: [doses, total]
  properties:
    doses:
      type: array
      maxItems: 5
      items:
        type: object
        additionalProperties: false
        required: [quote, dose]
        properties:
          quote: {type: string, maxLength: 400}
          dose: {type: number, x-dimension: mass, x-range: [0, null]}
    total: {type: [number, "null"], x-scope: document, x-needs: vision}
"""
PARTS = """\
route: cascade
sees: pages
verify: large
checks:
  - total = sum(doses[*].dose)
  - dose > 0
examples:
  - text: The dose was 5 mg.
    answer: {doses: [{quote: The dose was 5 mg., dose: 5}], total: null}
tests:
  - name: one dose
    text: The dose was 7 mg.
    headings: [Methods]
    expect: {"doses[0].dose": 7}
  - name: nothing
    kind: figure
    text: We thank the editors.
    expect: {empty: true}
"""


def problems(text: str) -> list[str]:
    with pytest.raises(PromptInvalid) as refused:
        parse_prompt(text, named="doses.yaml")
    return [line.strip().removeprefix("doses.yaml:") for line in str(refused.value).splitlines()[1:]]


def test_every_part_is_read():
    found = parse_prompt_file(GOOD + PARTS, named="doses.yaml", folder=None)
    prompt = found.prompt

    assert (prompt.route, prompt.sees, prompt.verify) == (RouteMode.CASCADE, "pages", "large")
    assert prompt.checks == ("total = sum(doses[*].dose)", "dose > 0")
    assert prompt.examples == (
        Example(text="The dose was 5 mg.", answer={"doses": [{"quote": "The dose was 5 mg.", "dose": 5}], "total": None}),
    )
    assert found.tests[0] == PromptTest(
        name="one dose", text="The dose was 7 mg.", kind=ChunkKind.TEXT, headings=("Methods",), expect={"doses[0].dose": 7}
    )
    assert (found.tests[1].kind, found.tests[1].expect) == (ChunkKind.FIGURE, {"empty": True})


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ("route: cascade", "route: fast", "21: route 'fast' is not one of auto, embedded, text, vision, cascade"),
        ("sees: pages", "sees: all", "22: sees 'all' is not one of figures, pages"),
        ("verify: large", "verify: [large]", "23: 'verify' must be text, not ['large']"),
        ("dose: 5}", "dose: high}", "29: the answer does not fit the schema: 'high' is not of type 'number'"),
        ("quote: The dose was 5 mg.,", "quote: It was 5 mg.,", "the quote 'It was 5 mg.' does not stand in the example's text"),
        ("    answer:", "    anwser:", "29: unknown key 'anwser'; known are text, answer"),
        ("    answer:", "    anwser:", "28: the key 'answer' is missing"),
        ("  - text: The dose was 5 mg.\n", "  - text: 5\n", "28: 'text' must be text, not 5"),
        ('"doses[0].dose": 7', '"doses[0].size": 7', "34: the schema has nothing at 'doses[0].size'"),
        ('"doses[0].dose": 7', "doses: [{dos: 7}]", "34: the schema has nothing at 'doses[0].dos'"),
        ('"doses[0].dose": 7', '"doses..dose": 7', "the schema has nothing at 'doses..dose'"),
        ("{empty: true}", "{empty: false}", "38: 'empty: true' stands alone"),
        ("{empty: true}", "{empty: true, total: 1}", "38: 'empty: true' stands alone"),
        ("kind: figure", "kind: table", "36: kind 'table' is not one that the prompt reads: text, figure"),
        ("headings: [Methods]", "headings: Methods", "33: 'headings' must be a list of texts"),
        ("  - name: nothing\n    kind", "  - kind", "35: the key 'name' is missing"),
        ("doses[*].dose)", "doses[*].doze)", "25: the check names 'doses[*].doze', which is no field of the schema"),
        ("  - dose > 0", "  - dose", "26: The check 'dose' compares nothing"),
        ("  - dose > 0", "  - dose > open('x')", "a check may have fields, numbers"),
        ("  - dose > 0", "  - [dose]", "26: The check '[\"dose\"]' compares nothing"),
        ("examples:\n", "examples: none\nx:\n", "'examples' must be a list of at most 20"),
        ("x-dimension: mass", "x-dimension: weight", "19: doses.items.dose: x-dimension 'weight' must be a unit, such as W/cm2, or one of"),
        ("x-dimension: mass", "x-dimension: 5", "x-dimension 5 must be a unit"),
        ("x-range: [0, null]", "x-range: [5, 0]", "x-range [5, 0] is empty"),
        ("x-range: [0, null]", "x-range: 5", "x-range 5 must be [low, high]"),
        ("x-scope: document", "x-scope: page", "x-scope 'page' is unknown; known are document"),
        ("x-needs: vision", "x-needs: eyes", "x-needs 'eyes' is unknown; known are vision, text"),
        ("x-needs: vision", "x-neds: vision", "the hint 'x-neds' is unknown; known are x-kind, x-needs"),
    ],
)  # fmt: skip
def test_a_problem_of_a_part_names_its_line_and_its_reason(old, new, told):
    assert old in GOOD + PARTS
    assert any(told in problem for problem in problems((GOOD + PARTS).replace(old, new, 1)))


@pytest.mark.parametrize("value", ["5", "[5]", "{a: 1}", "null", "true", "[[]]", "[null]", "text"])
@pytest.mark.parametrize(
    "key", ["route", "sees", "verify", "checks", "examples", "tests", "reads", "unit", "schema", "options"]
)
def test_no_value_of_a_key_breaks_the_lint(key, value):
    try:
        parse_prompt(f"{GOOD if key not in ('reads', 'unit', 'schema') else 'name: a'}\n{key}: {value}\n", named="doses.yaml")
    except PromptInvalid as refused:
        assert "doses.yaml:" in str(refused)


@pytest.mark.parametrize("dimension", ["temperature", "current density", "W/cm2", "eV", "'%'"])
def test_a_dimension_is_a_word_of_physics_or_a_unit(dimension):
    assert parse_prompt(GOOD.replace("x-dimension: mass", f"x-dimension: {dimension}"), named="doses.yaml")


def test_no_hint_of_ours_reaches_a_server():
    assert "x-" not in str(without_hints(parse_prompt(GOOD, named="doses.yaml").schema))


# Identity


def test_the_shipped_prompts_ask_what_they_asked_before_there_were_parts():
    hashes = {name: load_prompt(SHIPPED / f"{name}.yaml").hash for name in ("measurements", "findings")}

    assert hashes == {
        "measurements": "ea681e810a3daf4ff3f25e570aaa1914876cb1311480d30a70c4090e4f661f14",
        "findings": "e4551f0fe9ae9aff8eb54214ca89c083a9908bf5cee81f9017f300c500a54886",
    }


def test_a_part_that_says_what_holds_anyway_and_a_test_change_no_hash():
    tests = PARTS[PARTS.index("tests:") :]
    same = GOOD + "route: auto\nsees: figures\nexamples: []\nchecks: []\n" + tests

    assert parse_prompt(same, named="x").hash == parse_prompt(GOOD, named="x").hash


@pytest.mark.parametrize(
    "part",
    [
        "route: vision\n",
        "sees: pages\n",
        "verify: large\n",
        "checks: [dose > 0]\n",
        "examples:\n  - {text: None., answer: {doses: [], total: null}}\n",
        "examples:\n  - {text: None., answer: {total: null, doses: []}}\n",
    ],
)
def test_a_part_is_part_of_the_question(part):
    others = [GOOD, GOOD + "route: text\n", GOOD + "examples:\n  - {text: No., answer: {doses: [], total: null}}\n"]

    assert parse_prompt(GOOD + part, named="x").hash not in {parse_prompt(other, named="x").hash for other in others}


# What a test expects

RECORD = {
    "doses": [{"quote": "a", "dose": 5}, {"quote": "b", "dose": 7.0, "unit": "mg / kg"}],
    "total": None,
    "is_blind": True,
}


@pytest.mark.parametrize(
    "expect",
    [
        {"doses": [{"dose": 7}]},
        {"doses": [{"dose": 7}, {"dose": 5}]},
        {"doses": [{"quote": "a"}, {}]},
        {"doses": [{}, {"quote": "a"}]},  # the first may not keep the only one that the second can have
        {"doses[1].dose": 7},
        {"doses[*].dose": 7, "doses[*].unit": "mg/kg"},
        {"total": None, "doses[2].dose": None},
        {"is_blind": True},
    ],
)
def test_what_is_a_part_of_the_record_is_held(expect):
    assert not list(missed(expect, RECORD))


@pytest.mark.parametrize(
    "expect",
    [
        {"doses": [{"dose": 7}, {"dose": 7}]},
        {"doses": []},
        {"doses": [{}, {}, {}]},
        {"doses[0].dose": 7},
        {"doses[*].dose": 9},
        {"doses[0].dose": "5"},
        {"doses[0].dose": True},
        {"total": 0},
        {"is_blind": 1},
        {"empty": True},
    ],
)
def test_what_is_no_part_of_the_record_is_missed(expect):
    assert list(missed(expect, RECORD))


def test_a_record_that_says_nothing_is_empty():
    assert not list(missed({"empty": True}, {"doses": [], "total": None, "more": {"a": ""}}))


def test_a_test_is_read_by_a_reader_and_a_failure_of_the_reader_fails_it():
    class Scripted:
        key, lane = "k", Lane.TEXT

        alias = "scripted"

        def open(self, prompt):
            right = Reading(record={"doses": [{"quote": "q", "dose": 7}], "total": None})
            none = Reading(record=None, error_code="answer_empty", error="it said nothing")
            return open_batches(lambda units: iter([right, none]))

    found = parse_prompt_file(GOOD + PARTS, named="x", folder=None)
    first, second = try_tests(found.prompt, found.tests, Scripted())

    assert first.passed
    assert (second.passed, second.error) == (False, "answer_empty: it said nothing")


def test_a_text_of_no_paper_is_a_unit_with_an_id_of_its_content():
    assert unit_of_text("A.").id == unit_of_text("A.").id != unit_of_text("B.").id
