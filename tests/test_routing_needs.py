"""What a prompt asks that only eyes can answer: told by the fields themselves, or by the words of their descriptions."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from made_figures import DIAGRAM, FORMULA, PLOT, WORDS, asking
from processes import ROOT

from extract.prompts.files import load_prompt
from extract.routing.needs import Sight, judge, needs_of

FIELDS = [
    line.split("\t")
    for line in (ROOT / "bench" / "needs_fields.tsv").read_text(encoding="utf-8").splitlines()
    if not line.startswith("#")
]


@pytest.mark.parametrize(
    ("described", "sight"), [(PLOT, Sight.PLOT), (DIAGRAM, Sight.DIAGRAM), (FORMULA, Sight.FORMULA), (WORDS, None)]
)
def test_the_words_of_a_description_say_what_must_be_looked_at(described, sight):
    assert [need.sight for need in needs_of(asking(described))] == ([sight] if sight else [])


def test_a_need_names_its_field_and_the_words_that_decided():
    (need,) = needs_of(asking("Height of each bar in the bar chart."))

    assert need.why == "field 'answer' asks for what is seen (bar, chart)"


def test_a_field_that_says_x_needs_vision_is_believed_whatever_its_words_are():
    (need,) = needs_of(asking(WORDS, field={"x-needs": "vision"}))

    assert (need.sight, need.why) == (Sight.FIGURE, "field 'answer' is marked x-needs: vision")


def test_a_field_that_says_x_needs_text_is_believed_too():
    assert not needs_of(asking(PLOT, field={"x-needs": "text"}))


def test_fields_inside_lists_and_references_are_read():
    series = {"type": "object", "properties": {"height": {"type": "number", "description": "Height of the bar in the chart."}}}
    schema = {
        "type": "object",
        "$defs": {"series": series},
        "properties": {"all": {"type": "array", "items": {"$ref": "#/$defs/series"}}},
    }
    prompt = asking(WORDS)

    assert [need.why for need in needs_of(replace(prompt, schema=schema))] == [
        "field 'all.height' asks for what is seen (bar, chart)"
    ]


def test_the_instructions_are_read_where_the_fields_say_nothing():
    prompt = asking(WORDS)
    told = replace(prompt, system="Digitise the curves of each plot.")

    assert [need.sight for need in needs_of(told)] == [Sight.PLOT]


@pytest.mark.parametrize(
    "said", ["Do not describe figures.", "Leave out numbers of figures and plots.", "Never read off curves."]
)
def test_an_instruction_that_forbids_to_look_asks_for_nothing(said):
    prompt = asking(WORDS)

    assert not needs_of(replace(prompt, system=said))


@pytest.mark.parametrize("path", sorted((ROOT / "prompts").glob("*.yaml")), ids=lambda path: path.stem)
def test_the_shipped_prompts_need_no_eyes(path: Path):
    assert not needs_of(load_prompt(path))


def test_nearly_all_fields_that_were_kept_out_of_the_fitting_are_told_right():
    kept_out = [(kind, judge(text)[0]) for part, kind, text in FIELDS if part == "check"]
    seen = [sight is not None for kind, sight in kept_out if kind != "words"]
    words = [sight is None for kind, sight in kept_out if kind == "words"]

    assert sum(seen) >= 0.9 * len(seen)
    assert sum(words) >= 0.9 * len(words)
