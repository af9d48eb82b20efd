"""Who reads a unit for a prompt, and why nobody does."""

from __future__ import annotations

from pathlib import Path

import pytest

from extract.prompts.files import load_prompt
from extract.routing.router import route_unit
from extract.units import make_units
from records import Chunk, ChunkKind, Features, Lane, Unit, UnitKind

PROMPTS = Path(__file__).parents[1] / "prompts"


def unit_of(text: str, kind: ChunkKind = ChunkKind.TEXT) -> Unit:
    features = Features(
        n_words=len(text.split()),
        n_numbers=sum(any(sign.isdigit() for sign in word) for word in text.split()),
        figure_share=0,
        table_share=0,
        formula_share=0,
        has_caption=False,
        text_confidence=1,
    )
    chunk = Chunk(
        id=text,
        doc_id="paper",
        conversion_id="conversion",
        ordinal=0,
        kind=kind,
        headings=(),
        text=text,
        places=(),
        holds=(),
        cites=(),
        features=features,
    )
    return make_units([chunk], None, UnitKind.CHUNK)[0]


def test_a_chunk_of_a_kind_that_the_prompt_does_not_read_is_skipped_and_says_so():
    route = route_unit(
        unit_of("[1] Smith J. A title. Nature 2001.", ChunkKind.REFERENCES), load_prompt(PROMPTS / "findings.yaml"), Lane.TEXT
    )

    assert route.lane is Lane.SKIP
    assert route.reason == "holds references; the prompt reads text"


def test_a_stray_line_is_skipped():
    route = route_unit(unit_of("Page 3 of 12"), load_prompt(PROMPTS / "findings.yaml"), Lane.TEXT)

    assert (route.lane, route.reason) == (Lane.SKIP, "has 4 words; fewer than 5 state nothing")


def test_a_small_table_is_read():
    route = route_unit(unit_of("gap 3.2 eV", ChunkKind.TABLE), load_prompt(PROMPTS / "measurements.yaml"), Lane.TEXT)

    assert route.lane is Lane.TEXT


def test_where_every_answer_needs_a_number_a_text_without_one_is_skipped():
    text = "The samples were stored in the dark until they were measured."
    measurements = route_unit(unit_of(text), load_prompt(PROMPTS / "measurements.yaml"), Lane.EMBEDDED)
    findings = route_unit(unit_of(text), load_prompt(PROMPTS / "findings.yaml"), Lane.EMBEDDED)

    assert (measurements.lane, measurements.reason) == (Lane.SKIP, "has no number, and every answer needs one")
    assert findings.lane is Lane.EMBEDDED


@pytest.mark.parametrize("lane", [Lane.EMBEDDED, Lane.TEXT])
def test_what_is_not_skipped_goes_to_the_readers_lane_and_says_what_it_is(lane):
    route = route_unit(unit_of("The half-life was 2.3 h in mouse plasma."), load_prompt(PROMPTS / "measurements.yaml"), lane)

    assert (route.lane, route.reason) == (lane, "text, 8 words")
