"""Evidence of what a model saw in a figure."""

from __future__ import annotations

from dataclasses import replace

import pytest
from made_units import box, chunk, unit
from makers import make_prompt

from extract.evidence.regions import ground_seen
from extract.evidence.verifying import verify_record
from records import FigureCrop, Unit, UnitFigure, Verdict

SCHEMA = {
    "type": "object",
    "properties": {
        "quote": {"type": "string"},
        "value": {"type": "number", "x-range": [0, 10]},
        "unit": {"type": "string", "x-kind": "unit", "x-dimension": "energy"},
    },
}
CITING = replace(chunk("As Figure 2 shows, the gap of ZnO falls to 3.1 eV when it is doped.", ordinal=7), id="citing")


def figures() -> Unit:
    captions = unit("Figure 1: Samples as grown.", "Figure 2: Band gap of ZnO over doping.")
    crops = [FigureCrop(ref=f"#/pictures/{n}", page=n + 4, box=box(600 - n), png="png") for n in (0, 1)]
    held = [UnitFigure(crop=crop, chunk_id=c.id, citing=(CITING,)) for crop, c in zip(crops, captions.chunks, strict=True)]
    return replace(captions, figures=tuple(held))


def seen(quote: str, value: float = 3.1, unit_: str = "eV"):
    record = {"quote": quote, "value": value, "unit": unit_}
    made = ground_seen(record, SCHEMA, figures())
    judged = verify_record(record, made, prompt=replace(make_prompt(), schema=SCHEMA), unit=figures())
    return {e.field: e for e in judged}


def test_what_only_the_picture_shows_is_kept_with_its_region():
    found = seen("The last bar reaches 3.1 eV.")["value"]

    assert (found.found_by, found.page, found.box, found.span) == ("region", 4, box(600), None)
    assert found.quote == "The last bar reaches 3.1 eV."
    assert found.verdict is Verdict.UNCHECKED


def test_the_figure_that_the_words_name_is_the_region():
    assert seen("In Figure 2 the last bar reaches 3.1 eV.")["value"].page == 5


def test_words_of_the_caption_or_of_the_text_that_cites_the_figure_are_found_there():
    caption, text = seen("Band gap of ZnO over doping")["value"], seen("the gap of ZnO falls to 3.1 eV")["value"]

    assert (caption.found_by, caption.chunk_id) == ("exact", "chunk 1")
    assert (text.found_by, text.chunk_id, text.verdict) == ("exact", "citing", Verdict.SUPPORTED)


def test_a_short_word_on_an_axis_is_not_taken_for_words_of_the_text():
    assert seen("ZnO")["value"].found_by == "region"


def test_what_the_schema_declares_is_checked_of_pictures_too():
    assert seen("The last bar reaches 31 eV.", value=31)["value"].method == "range"
    assert seen("The last bar reaches 3.1 kg.", unit_="kg")["unit"].method == "dimension"


def test_a_unit_without_figures_has_nothing_to_be_seen():
    with pytest.raises(ValueError, match="no figure"):
        ground_seen({"value": 1}, SCHEMA, unit("No figure here."))
