"""Where in the paper the words behind a value stand."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from made_units import box, chunk, unit

from extract.evidence.grounding import evidence_of, ground, ground_record
from extract.units import make_units
from records import Box, Place, UnitKind, Verdict


def said(quote: str, text: str) -> str | None:
    """The text's own words that this quote is found as."""
    found = ground(quote, unit(text))
    return found[0].text[slice(*found[1])] if found else None


def test_a_quote_is_found_as_it_stands():
    assert said("was 2.3 h", "The half-life was 2.3 h in plasma.") == "was 2.3 h"


@pytest.mark.parametrize(
    ("quote", "text", "words"),
    [
        ("the band gap of ZnO", "the  band\ngap of ZnO is", "the  band\ngap of ZnO"),
        ("measurement of efficiency", "the measure-\nment of e\ufb03ciency was", "measure-\nment of e\ufb03ciency"),
        ("nanoparticles were", "The nano\u00adparticles were made", "nano\u00adparticles were"),
        ("cooled to -5 °C", "was cooled to \u22125 °C at", "cooled to \u22125 °C"),
        ("a 'large' effect", "showed a \u2018large\u2019 effect", "a \u2018large\u2019 effect"),
        ("10-20 mg", "gave 10\u201320 mg of", "10\u201320 mg"),
        ("5 °C and 3%", "at 5°C and 3 % of", "5°C and 3 %"),
    ],
)
def test_what_print_and_models_change_is_not_a_difference(quote, text, words):
    assert said(quote, text) == words


@pytest.mark.parametrize(
    ("quote", "text", "words"),
    [
        ("THE BAND GAP OF ZNO", "the band gap of ZnO is", "the band gap of ZnO"),
        ("Zinc Oxide", "in zinc oxide films", "zinc oxide"),
        ("Schrodinger equation", "the Schr\u00f6dinger equation", "Schr\u00f6dinger equation"),
        ("a rate of $3.2 \\times 10^{-4}$ s", "a rate of 3.2 × 10⁻⁴ s", "a rate of 3.2 × 10⁻⁴ s"),
        ("a 5 \\mu m film", "a 5 \u00b5m film", "5 \u00b5m film"),
        ("the energy E was", "the energy \U0001d438 was", "the energy \U0001d438 was"),
        ("at IL6 level", "at IL-6 level", "at IL-6 level"),
        ('"The gap is 3.2 eV."', "The gap is 3.2 eV, which", "The gap is 3.2 eV"),
        ("a 10^5 cells", "a 10<sup>5</sup> cells", "a 10<sup>5</sup> cells"),
    ],
)
def test_how_models_type_is_not_a_difference(quote, text, words):
    found = ground(quote, unit(text))

    assert found is not None
    assert words in found.chunk.text[slice(*found.span)]
    assert found.by == "normalised"


@pytest.mark.parametrize(("quote", "text"), [("Co", "CO was bubbled"), ("NO", "no change"), ("in MM", "in mM steps")])
def test_capitals_count_in_a_quote_of_a_few_short_words(quote, text):
    assert said(quote, text) is None


@pytest.mark.parametrize(
    ("quote", "words"),
    [
        ("The gap ... was 3.2 eV", "The gap of ZnO, grown at 300 K, was 3.2 eV"),
        ("… gap of ZnO [...] 3.2 eV …", "gap of ZnO, grown at 300 K, was 3.2 eV"),
    ],
)
def test_an_ellipsis_joins_two_stretches_of_one_text(quote, words):
    assert said(quote, "Result. The gap of ZnO, grown at 300 K, was 3.2 eV at most.") == words


def test_an_ellipsis_does_not_join_what_stands_far_apart_or_the_other_way_round_or_a_lone_number():
    text = "The gap of ZnO is wide. " + "Other things were done. " * 20 + "It was 3.2 eV."

    assert said("The gap of ZnO ... was 3.2 eV", text) is None
    assert said("was 3.2 eV ... the gap of ZnO", "The gap of ZnO was 3.2 eV.") is None
    assert said("The gap of ZnO ... 4", "The gap of ZnO was 3.2 eV. It has 4 phases.") is None


TEXT = "Before that. The mean band gap of undoped zinc oxide films was 3.2 eV at room temperature [12], not 3.4 eV. After that."


@pytest.mark.parametrize(
    "quote",
    [
        "The mean band gap of undoped zinc oxide layers was 3.2 eV at room temperature",
        "The band gap of undoped zinc oxide films was 3.2 eV at room temperature",
        "The mean band gap of the undoped zinc oxide films was 3.2 eV at room temperature",
        "The mean band gap of undoped zinc oxide films is 3.20 eV at room temperature",
    ],
)
def test_a_word_changed_left_out_or_added_is_aligned(quote):
    found = ground(quote, unit("Another chunk about band gaps.", TEXT))

    assert found is not None
    assert found.by == "aligned"
    assert (
        found.chunk.text[slice(*found.span)] == "The mean band gap of undoped zinc oxide films was 3.2 eV at room temperature"
    )


@pytest.mark.parametrize(
    "quote",
    [
        "The mean band gap of undoped zinc oxide films was 3.3 eV at room temperature",
        "The mean band gap of undoped zinc oxide films was eV at room temperature",
        "The mean band gap of 5 undoped zinc oxide films was 3.2 eV at room temperature",
        "The mean band gap of undoped zinc oxide films was not 3.2 eV at room temperature",
        "films was 3.2 eV at room temperature, 3.4 eV",
        "The mean band gap of a doped tin selenide film was 3.2 eV at low temperature",
    ],
)
def test_a_number_and_a_not_are_never_aligned_away(quote):
    assert ground(quote, unit(TEXT)) is None


def test_a_word_is_not_aligned_with_its_opposite():
    text = "The uptake of water by the gel increased with the time of drying in air."

    assert said("The uptake of water by the gel decreased with the time of drying in air.", text) is None
    assert said("The uptake of water by the gel grew with the time of drying in air.", text) == text[:-1]


def test_a_few_words_are_not_aligned():
    assert said("as seen in other work", "as shown in other work") is None


def test_the_chunk_with_the_fewest_changes_is_taken():
    found = ground(
        "the yield of the purified product was measured twice",
        unit("a yield of the purified product was measured once", "the yield of the pure product was measured twice"),
    )

    assert found is not None
    assert found.chunk.ordinal == 1


@pytest.mark.parametrize(
    ("quote", "text"),
    [
        ("5 mg", "we gave 15 mg of it"),
        ("5 mg", "we gave 1.5 mg of it"),
        ("5 °C", "it froze at \u22125 °C overnight"),
        ("2.3", "it took 2.35 h"),
        ("form", "it took the forms away"),
        ("35 samples", "in group 3 5 samples were lost"),
        ("the gap is 3.2 eV", "the gap is 3.3 eV"),
    ],
)
def test_a_piece_of_another_word_or_number_is_not_the_quote(quote, text):
    assert said(quote, text) is None


def test_an_exact_match_in_a_later_chunk_beats_a_normalised_one_in_an_earlier():
    found = ground("3.2 eV gap", unit("a 3.2  eV gap", "the 3.2 eV gap"))

    assert found is not None
    assert found[0].ordinal == 1


def test_evidence_names_page_and_box_of_the_lines_it_touches():
    text = "The half-life was 2.3 h\nin mouse plasma at night."
    lines = (Place(start=0, end=24, page=4, box=box(700)), Place(start=24, end=len(text), page=4, box=box(686)))
    (one,) = make_units([chunk(text, places=lines)], None, UnitKind.CHUNK)

    first, both = evidence_of("a", "was 2.3 h", one), evidence_of("b", "2.3 h in mouse plasma", one)

    assert (first.page, first.box, first.verdict) == (4, box(700), Verdict.UNCHECKED)
    assert both.box == Box(left=72, bottom=674, right=272, top=700)


def test_words_that_go_on_in_the_next_column_do_not_stretch_the_box_over_the_page():
    text = "The half-life was 2.3 h in mouse plasma."
    lines = (Place(start=0, end=23, page=4, box=box(80)), Place(start=23, end=len(text), page=4, box=box(760, left=320)))
    (one,) = make_units([chunk(text, places=lines)], None, UnitKind.CHUNK)

    assert evidence_of("a", "2.3 h in mouse", one).box == box(80)


def test_what_the_paper_does_not_say_is_kept_and_marked():
    found = evidence_of("gap", "the gap is 4 eV", unit("The gap is 3.2 eV."))

    assert (found.quote, found.span, found.page, found.box, found.verdict) == (
        "the gap is 4 eV", None, None, None, Verdict.NOT_FOUND,
    )  # fmt: skip
    assert (found.found_by, found.method) == ("", "quote")


SCHEMA = {
    "type": "object",
    "properties": {
        "title": {"type": "string"},
        "measurements": {
            "type": "array",
            "items": {"$ref": "#/$defs/measurement"},
        },
    },
    "$defs": {
        "measurement": {
            "type": "object",
            "properties": {
                "value": {"type": "number"},
                "unit": {"type": ["string", "null"]},
                "words": {"type": "string", "x-kind": "quote"},
            },
        }
    },
}


def test_a_values_evidence_is_the_quote_beside_it_else_its_own_words():
    paper = unit("Zinc oxide. The gap is 3.2 eV.", "The mass was 1,200 mg.")
    record = {
        "title": "Zinc oxide",
        "measurements": [
            {"value": 3.2, "unit": "eV", "words": "The gap is 3.2 eV."},
            {"value": 9.9, "unit": None, "words": "The gap is 9.9 eV."},
        ],
    }

    made = ground_record(record, SCHEMA, paper)

    assert [(e.field, e.quote, e.span is not None) for e in made] == [
        ("title", "Zinc oxide", True),
        ("measurements[0].value", "The gap is 3.2 eV.", True),
        ("measurements[0].unit", "The gap is 3.2 eV.", True),
        ("measurements[1].value", "The gap is 9.9 eV.", False),
    ]


def test_a_number_is_found_as_papers_print_it():
    names = ("mass", "gap", "rate", "share", "n")
    schema = {"type": "object", "properties": {name: {"type": "number"} for name in names}}
    text = "A mass of 1,200 mg, a gap of 3.00 eV, a rate of 3.2 × 10⁻⁴ in 31% of fourteen samples."
    made = ground_record({"mass": 1200, "gap": 3.0, "rate": 0.00032, "share": 0.31, "n": 14}, schema, unit(text))

    assert [e.quote for e in made] == ["1,200", "3.00", "3.2 × 10⁻⁴", "31", "fourteen"]


@given(st.text(max_size=60), st.text(max_size=12))
def test_a_span_always_lies_in_the_chunks_text(text, quote):
    found = ground(quote, unit(text)) if text else None

    if found:
        start, end = found[1]
        assert 0 <= start < end <= len(text)


@given(st.lists(st.sampled_from(["the", "gap", "of", "ZnO", "was", "3.2", "eV", "ef\ufb01cient", "co-doped"]), min_size=1))
def test_any_run_of_whole_words_is_found(words):
    text = "In short: " + " ".join(words) + "."

    assert said(" ".join(words), text) == " ".join(words)
