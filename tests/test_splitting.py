"""An answer that does not fit is asked for in parts; a model that goes round in circles is not asked for more of it."""

import json
from dataclasses import replace

import pytest
import stamina
from small_reader import make_chunk, make_prompt, reader_of, stream

from extract.devserver import acts
from extract.devserver.acts import says
from extract.devserver.server import Act, DevServer
from extract.merging import joined
from extract.units import halves, make_units
from records import UnitKind

SENTENCES = [f"In sample {i} the half-life was {i}.5 h in plasma of mice." for i in range(8)]
SCHEMA = {
    "type": "object",
    "additionalProperties": False,
    "required": ["found"],
    "properties": {"found": {"type": "array", "maxItems": 10, "items": {"type": "string", "maxLength": 80}}},
}
PROMPT = replace(make_prompt(max_tokens=100), schema=SCHEMA)


@pytest.fixture
def server():
    with DevServer() as running, stamina.set_testing(True, attempts=20, cap=True):
        running.otherwise = at_most(3)
        yield running


def at_most(n: int) -> Act:
    """A model whose answers hold so many sentences of the text and are cut off where there are more."""

    def act(handler, asked):
        said = [sentence for sentence in SENTENCES if sentence in asked.user]
        cut = acts.truncated(json.dumps({"found": said})[:200])
        (says(json.dumps({"found": said})) if len(said) <= n else cut)(handler, asked)

    return act


def one_chunk(*sentences: str):
    return make_units([make_chunk(0, " ".join(sentences))], None, UnitKind.CHUNK)[0]


def test_a_long_text_is_asked_for_in_halves_and_read_whole(server):
    unit = one_chunk(*SENTENCES)

    (reading,) = stream(reader_of(server), [unit], PROMPT)

    assert reading.is_ok and reading.record == {"found": SENTENCES}
    assert [unit.chunks[0].text[slice(*one.span)] for one in reading.evidence] == SENTENCES, "each stands in the whole chunk"
    assert reading.usage.completion_tokens and len(server.requests) == 2 + 2 + 4


def test_a_section_is_cut_between_its_chunks(server):
    unit = make_units([make_chunk(i, sentence) for i, sentence in enumerate(SENTENCES[:5])], None, UnitKind.SECTION)[0]

    (reading,) = stream(reader_of(server), [unit], PROMPT)

    assert reading.is_ok and reading.record == {"found": SENTENCES[:5]}
    assert len(server.requests) == 2 + 2


def test_what_cannot_be_cut_small_enough_is_a_named_failure(server):
    server.otherwise = at_most(0)

    (reading,) = stream(reader_of(server), [one_chunk(*SENTENCES)], PROMPT)

    assert reading.error_code == "answer_truncated" and reading.raw
    assert len(server.requests) < 9


@pytest.mark.parametrize("text", ['{"found": [' + '"the same", ' * 200, "{" + "\n" * 300])
def test_a_model_that_goes_round_in_circles_is_not_asked_in_parts(server, text):
    server.otherwise = acts.truncated(text)

    (reading,) = stream(reader_of(server), [one_chunk(*SENTENCES)], PROMPT)

    assert reading.error_code == "answer_truncated" and len(server.requests) == 2


def test_parts_that_hold_more_than_the_schema_allows_are_a_named_failure(server):
    tight = {**SCHEMA, "properties": {"found": {**SCHEMA["properties"]["found"], "maxItems": 4}}}

    (reading,) = stream(reader_of(server), [one_chunk(*SENTENCES)], replace(PROMPT, schema=tight))

    assert reading.error_code == "answer_truncated" and "do not fit together" in reading.error


def test_a_short_text_is_not_cut():
    assert halves(one_chunk("Too short to help."), PROMPT) == ()


def test_records_of_parts_are_joined_field_by_field():
    first = {"title": None, "list": [1, 2], "inner": {"a": None, "b": 1}}
    second = {"title": "T", "list": [2, 3], "inner": {"a": 5, "b": 2}, "more": 1}

    assert joined([first, second]) == {"title": "T", "list": [1, 2, 3], "inner": {"a": 5, "b": 1}, "more": 1}
