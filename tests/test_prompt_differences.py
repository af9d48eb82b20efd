"""What two prompts ask differently, told in what it means and not in how the files are written."""

from __future__ import annotations

from typing import Any

import pytest
from test_prompt_parts import GOOD, PARTS

from extract.prompts.differences import Change, asked_again, differences, field_names, unified
from extract.prompts.files import parse_prompt


def changes(old: str, new: str, text: str = GOOD + PARTS) -> list[Change]:
    assert old in text
    return differences(parse_prompt(text, named="a"), parse_prompt(text.replace(old, new, 1), named="b"))


def told(change: Change) -> tuple[Any, ...]:
    return change.what, change.path, change.how, change.before, change.after


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ("    total: {type: [number, \"null\"], x-scope: document, x-needs: vision}\n",
         "    total: {type: [number, \"null\"], x-scope: document, x-needs: vision}\n    n: {type: integer}\n",
         ("field", "n", "added", "", "integer, may be left out")),
        ("type: number, x-dimension", "type: integer, x-dimension", ("field", "doses[].dose", "type", "number", "integer")),
        ('type: [number, "null"]', 'type: [integer, "null"]', ("field", "total", "type", "number or null", "integer or null")),
        ("maxLength: 400", "maxLength: 500", ("field", "doses[].quote", "bounds", "maxLength 400", "maxLength 500")),
        ("maxLength: 400", "maxLength: 400, description: Words", ("field", "doses[].quote", "description", "", "Words")),
        ("x-dimension: mass, ", "", ("field", "doses[].dose", "hints", 'x-dimension "mass", x-range [0, null]', "x-range [0, null]")),
        ("required: [quote, dose]", "required: [quote]", ("field", "doses[].dose", "type", "number", "number, may be left out")),
        ("[text, figure]", "[figure, text, table]", ("reads", "", "changed", "figure, text", "figure, table, text")),
        ("unit: chunk", "unit: section", ("unit", "", "changed", "chunk", "section")),
        ("route: cascade\n", "", ("route", "", "changed", "cascade", "auto")),
        ("verify: large\n", "", ("verify", "", "changed", "large", "none")),
        ("prompt: List the doses.", "prompt: Give the doses.", ("prompt", "", "changed", "List the doses.", "Give the doses.")),
    ],
)  # fmt: skip
def test_a_change_is_told_by_what_it_means(old, new, expected):
    assert [told(change) for change in changes(old, new)] == [expected]


def test_fields_that_changed_places_are_told_since_a_model_answers_in_their_order():
    quote, dose = "          quote: {type: string, maxLength: 400}\n", GOOD.splitlines(keepends=True)[18]
    (change,) = changes(quote + dose, dose + quote)

    assert (change.what, change.how) == ("field", "moved")
    assert change.before.index("quote") < change.before.index("doses[].dose")


def test_what_changes_the_hash_is_never_passed_over():
    (change,) = changes("{type: string, maxLength: 400}", "{maxLength: 400, type: string}")

    assert change.what == "schema"


@pytest.mark.parametrize(("old", "new"), [("name: doses", "name: other"), ("name: one dose", "name: a dose")])
def test_labels_and_tests_ask_nothing_else(old, new):
    before, after = parse_prompt(GOOD + PARTS, named="a"), parse_prompt((GOOD + PARTS).replace(old, new), named="b")

    assert differences(before, after) == []
    assert asked_again(before, after).startswith("Nothing would be asked again")


def test_another_question_is_asked_of_everything():
    before, after = parse_prompt(GOOD, named="a"), parse_prompt(GOOD + "route: text\n", named="b")

    assert asked_again(before, after).startswith("Everything would be asked again")


def test_a_changed_text_is_a_diff_of_its_lines():
    (change,) = changes("prompt: List the doses.", "prompt: |\n  List the doses.\n  All of them.")

    assert unified(change)[1:] == [" List the doses.", "+All of them."]


def test_the_fields_of_a_prompt_are_told_without_their_quotes():
    assert field_names(parse_prompt(GOOD, named="a").schema) == ["doses: dose", "total"]
