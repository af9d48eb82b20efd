"""A procedure is read step by step: what was done, on what, with which quantities."""

from __future__ import annotations

import pytest
from test_embedded_reader import asking, read, record

from extract.embedded.operations import matter, operations


@pytest.mark.parametrize(
    ("text", "verbs"),
    [
        ("The powder was dried at 120 °C and then calcined.", ["dried", "calcined"]),
        ("LiOH was added under stirring, followed by centrifugation.", ["added", "stirring", "centrifugation"]),
        ("It was thoroughly ball-milled to form a gel.", ["ball-milled", "form"]),
        ("The band gap was measured and peaks were observed in distilled water.", []),
    ],
)
def test_steps_are_what_was_done_and_not_what_was_seen(text, verbs):
    assert [text[a:b] for a, b in operations(text)] == verbs


def test_matter_is_named_by_formula_by_name_by_abbreviation_or_by_its_state():
    text = "Zn(NO3)2·6H2O, citric acid and CTAB were dissolved, and the solution was aged."

    assert [text[a:b] for a, b in matter(text)] == ["Zn(NO3)2·6H2O", "citric acid", "CTAB", "solution"]


def test_what_belongs_to_a_step_stands_in_its_stretch_of_the_sentence():
    list_of = {"type": "array", "maxItems": 9, "items": {"type": "string", "maxLength": 60}}
    item = {
        "operation": {"type": "string", "maxLength": 60, "x-kind": "operation"},
        "materials": {**list_of, "items": {**list_of["items"], "x-kind": "material"}},
        "conditions": {**list_of, "items": {**list_of["items"], "x-kind": "quantity"}},
    }
    schema = {"type": "object", "additionalProperties": False, "required": list(item), "properties": item}
    text = "The precipitate was washed with ethanol, dried at 80 °C for 12 h and calcined in air at 500 °C."

    steps = record(read(asking(steps={"type": "array", "maxItems": 9, "items": schema}), text))["steps"]
    assert steps == [
        {"operation": "washed", "materials": ["precipitate", "ethanol"], "conditions": []},
        {"operation": "dried", "materials": [], "conditions": ["80 °C", "12 h"]},
        {"operation": "calcined", "materials": ["air"], "conditions": ["500 °C"]},
    ]
