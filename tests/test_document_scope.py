"""Facts of a whole paper are what its units agree on, with their evidence."""

from dataclasses import replace

import pytest
from fake_flow import FakeReader, Place, write_pdf
from makers import make_chunk, make_evidence, make_prompt

import pipeline
from extract.document_scope import document_fields, merged
from records import Lane, Reading, Verdict

TITLE = {"type": ["string", "null"], "maxLength": 100, "x-scope": "document"}
SCHEMA = {
    "type": "object",
    "additionalProperties": False,
    "required": ["title", "n", "found"],
    "properties": {
        "title": TITLE,
        "n": {"type": ["integer", "null"], "x-scope": "document"},
        "found": {"type": "array", "maxItems": 5, "items": {"type": "string", "maxLength": 50}},
    },
}


@pytest.fixture
def place(library, ledger) -> Place:
    return Place(library, ledger)


def unit(*, title=None, n=None, verdict=Verdict.SUPPORTED, number=0):
    chunk = make_chunk(f"Chunk {number}.", ordinal=number)
    fields = [name for name, value in (("title", title), ("n", n)) if value is not None]
    evidence = tuple(replace(make_evidence(chunk), field=field, verdict=verdict) for field in fields)
    return Reading(record={"title": title, "n": n, "found": ["own"]}, evidence=evidence)


def votes(*readings):
    found = merged(readings, SCHEMA)
    assert found is not None
    return found


def test_the_fields_are_those_that_say_so():
    assert document_fields(SCHEMA) == ("title", "n")
    assert document_fields(make_prompt().schema) == ()


def test_what_most_units_say_stands_with_their_evidence():
    reading, reason = votes(unit(title="A study", number=0), unit(title="Another", number=1), unit(title="a  STUDY.", number=2))

    assert reading.record == {"title": "A study", "n": None, "found": []}
    assert [one.chunk_id for one in reading.evidence] == [make_chunk("Chunk 0.").id, make_chunk("Chunk 2.", ordinal=2).id]
    assert "title by 2 of 3" in reason and round(reading.confidence, 2) == 0.67


def test_a_value_that_the_paper_supports_outweighs_one_that_nobody_checked():
    reading, _ = votes(unit(n=5, verdict=Verdict.UNCHECKED), unit(n=7))

    assert reading.record["n"] == 7


def test_a_value_that_was_refuted_has_no_vote():
    reading, _ = votes(
        unit(n=5, verdict=Verdict.CONTRADICTED), unit(n=5, verdict=Verdict.NOT_FOUND), unit(n=7, verdict=Verdict.UNCHECKED)
    )

    assert reading.record["n"] == 7
    assert merged([unit(n=5, verdict=Verdict.CONTRADICTED)], SCHEMA) is None


def test_the_earliest_of_equals_stands():
    assert votes(unit(n=1), unit(n=2))[0].record["n"] == 1


def test_where_no_unit_says_anything_there_is_nothing():
    assert merged([unit(), unit()], SCHEMA) is None


def test_a_run_stores_the_votes_of_each_document_once(place, tmp_path):
    write_pdf(tmp_path / "in", "a.pdf", "The study.", "The study.", "Not this.")
    place.add(tmp_path / "in" / "a.pdf")
    schema = {**SCHEMA, "required": ["value"], "properties": {"value": {**TITLE}}}
    prompt = make_prompt(schema=schema)

    first, second = place.reprocess(prompt, FakeReader()), place.reprocess(prompt, FakeReader())

    assert first.run_id == second.run_id
    found, _ = pipeline.run_extractions(place.ledger.run(first.run_id), library=place.library, ledger=place.ledger)
    extractions = list(found)
    (of_document,) = [extraction for extraction in extractions if extraction.route.lane is Lane.VOTES]
    assert len(extractions) == 4 and of_document.reading.record["value"] == "The study."
    assert place.findings() == []
