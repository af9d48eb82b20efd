"""Who reads a unit for a prompt, and why nobody does."""

from __future__ import annotations

from dataclasses import replace

import pytest
from made_figures import DIAGRAM, FORMULA, PLOT, WORDS, asking, box, crop, figure, formula, units_of
from makers import make_chunk, make_features, make_prompt, make_unit
from processes import ROOT

from extract.prompts.files import load_prompt
from extract.routing.router import route_unit, router_key, with_sights
from records import ChunkKind, Lane, RouteMode, Unit, UnitKind
from settings import RoutingSettings

PROMPTS = ROOT / "prompts"
MEASUREMENTS, FINDINGS = load_prompt(PROMPTS / "measurements.yaml"), load_prompt(PROMPTS / "findings.yaml")
TEXT, EMBEDDED, VISION = frozenset({Lane.TEXT}), frozenset({Lane.EMBEDDED}), frozenset({Lane.VISION})
BOTH = TEXT | VISION


def unit_of(text: str, kind: ChunkKind = ChunkKind.TEXT, **measured) -> Unit:
    known = {
        "n_words": len(text.split()),
        "n_numbers": sum(any(sign.isdigit() for sign in word) for word in text.split()),
    }
    return make_unit(make_chunk(text, kind=kind, features=make_features(**known, **measured)))


def lane(unit, prompt, lanes=BOTH, **routing) -> Lane:
    return route_unit(unit, prompt, lanes, RoutingSettings(**routing)).lane


FIGURE = units_of(figure())[0]


def test_a_chunk_of_a_kind_that_the_prompt_does_not_read_is_skipped_and_says_so():
    route = route_unit(unit_of("[1] Smith J. A title. Nature 2001.", ChunkKind.REFERENCES), FINDINGS, TEXT)

    assert (route.lane, route.reason) == (Lane.SKIP, "holds references; the prompt reads text")


def test_a_stray_line_is_skipped():
    route = route_unit(unit_of("Page 3 of 12"), FINDINGS, TEXT)

    assert (route.lane, route.reason) == (Lane.SKIP, "has fewer than 5 words, which state nothing; 4 words")


def test_a_small_table_is_read():
    assert lane(unit_of("gap 3.2 eV", ChunkKind.TABLE), MEASUREMENTS) is Lane.TEXT


def test_where_every_answer_needs_a_number_a_text_without_one_is_skipped():
    unit = unit_of("The samples were stored in the dark until they were measured.")
    route = route_unit(unit, MEASUREMENTS, EMBEDDED)

    assert (route.lane, route.reason) == (Lane.SKIP, "has no number, and every answer needs one")
    assert lane(unit, FINDINGS, EMBEDDED) is Lane.EMBEDDED


def test_a_picture_without_a_word_is_skipped_where_nothing_asks_for_what_it_shows():
    (bare,) = units_of(figure(""))

    assert lane(bare, asking(WORDS)) is Lane.SKIP
    assert lane(bare, asking(PLOT)) is Lane.VISION
    assert lane(bare, asking(PLOT), TEXT) is Lane.SKIP


def test_a_caption_without_a_number_is_looked_at_where_the_numbers_are_in_the_picture():
    number = {"type": "number", "x-kind": "number"}

    assert lane(FIGURE, asking(PLOT, field=number)) is Lane.VISION
    assert lane(FIGURE, asking(WORDS, field=number)) is Lane.SKIP


def test_a_figure_is_looked_at_where_a_field_asks_for_what_is_seen_and_the_route_says_so():
    route = route_unit(FIGURE, asking(PLOT), BOTH)

    assert route.lane is Lane.VISION
    assert route.reason.startswith("field 'answer' asks for what is seen (")
    assert route.reason.endswith("; Figure 2, 5 words")


def test_the_same_figure_is_read_by_its_caption_where_the_words_answer():
    route = route_unit(FIGURE, asking(WORDS), BOTH)

    assert (route.lane, route.reason) == (Lane.TEXT, "a picture, but no field asks for what is seen; Figure 2, 5 words")


@pytest.mark.parametrize(
    ("caption", "asked", "wanted"),
    [
        ("Figure 2: Flow chart of the trial.", PLOT, Lane.TEXT),
        ("Figure 2: Flow chart of the trial.", DIAGRAM, Lane.VISION),
        ("Figure 2: Histogram of the ages.", DIAGRAM, Lane.TEXT),
        ("Figure 2: Histogram of the ages.", PLOT, Lane.VISION),
        ("Figure 2: Histogram of the ages.", "What the figure shows, and of what kind it is.", Lane.VISION),
        ("Figure 2: Workflow. (a) Steps. (b) Yield of each.", PLOT, Lane.VISION),  # panels may be of every kind
        ("Figure 2: The third sample.", PLOT, Lane.VISION),  # a caption that leaves it open
        ("Figure 2: Pathway and activity levels.", PLOT, Lane.VISION),
    ],
)
def test_a_picture_that_cannot_show_what_is_asked_is_not_looked_at(caption, asked, wanted):
    (unit,) = units_of(figure(caption))

    assert lane(unit, asking(asked)) is wanted


def test_numbers_at_axes_make_a_plot():
    caption = "Figure 2: Trees in the stand.\n" + "\n".join(map(str, range(0, 80, 10)))
    (unit,) = units_of(figure(caption))

    assert lane(unit, asking(PLOT)) is Lane.VISION


def test_panels_inside_a_figure_leave_open_what_it_shows():
    inside = "\n".join(map(str, range(0, 80, 10)))
    (one,) = units_of(figure(f"Figure 2: As told above.\n{inside}"))
    (panels,) = units_of(figure(f"Figure 2: As told above.\nA\n{inside}\nB"))

    assert lane(one, asking(DIAGRAM)) is Lane.TEXT
    assert lane(panels, asking(DIAGRAM)) is Lane.VISION


def test_a_table_that_is_only_a_picture_is_looked_at_by_a_prompt_that_reads_tables():
    (unit,) = units_of(figure("Table 1: Doses of the trial.", cites=("Table 1",)))

    assert lane(unit, asking(WORDS)) is Lane.VISION
    assert lane(unit, asking(WORDS, kinds=frozenset({ChunkKind.FIGURE}))) is Lane.TEXT


@pytest.mark.parametrize(
    ("text", "height", "wanted"),
    [
        ("FFN(x) = max(0, xW₁ + b₁)W₂ + b₂ (2)", 16, Lane.TEXT),
        ("k = log₁₀ N/S (5)", 29, Lane.VISION),  # higher than a line
        ("- = _ +_ +_ + (1)", 18, Lane.VISION),  # its letters are lost
        ("e = a exp(−ln(2) (2(ν − µ)/Δ)²", 16, Lane.VISION),  # a bracket is lost
        ("⎤2 = x", 16, Lane.VISION),
        ("√dₖ .", 15, Lane.VISION),  # relates nothing to nothing
    ],
)
def test_a_formula_is_looked_at_where_its_text_is_not_whole(text, height, wanted):
    at = box(height=height)
    (unit,) = units_of(formula(text, at), crops=(crop("#/texts/4", at=at),))

    assert lane(unit, asking(FORMULA)) is wanted
    assert lane(unit, asking(WORDS)) is Lane.TEXT


def test_a_plot_is_not_looked_at_for_its_formulas_nor_a_formula_for_its_plots():
    at = box(height=60)
    (display,) = units_of(formula("x = y/z", at), crops=(crop("#/texts/4", at=at),))

    assert lane(FIGURE, asking(FORMULA)) is Lane.TEXT
    assert lane(display, asking(PLOT)) is Lane.TEXT


def test_a_section_is_looked_at_for_one_figure_in_it():
    chunks = (make_chunk("Some words of a method.", ordinal=0), figure(ordinal=1, headings=("Results",)))
    (section,) = units_of(*chunks, unit=UnitKind.SECTION)

    assert lane(section, asking(PLOT)) is Lane.VISION


def test_a_hardly_legible_page_is_looked_at_only_where_the_prompt_says_pages():
    unit = unit_of("T1e ha1f 1ife w@s 2 3 h", ocr_share=1.0, text_confidence=0.3)

    assert lane(unit, asking(WORDS)) is Lane.TEXT
    assert lane(unit, asking(WORDS, sees="pages")) is Lane.VISION
    assert lane(unit, asking(WORDS, sees="pages"), illegible_below=0.2) is Lane.TEXT


def test_a_caption_whose_picture_was_not_found_is_looked_for_on_its_page_where_the_prompt_says_pages():
    (lone,) = units_of(figure(holds=()))

    assert lane(lone, asking(PLOT)) is Lane.TEXT
    assert lane(lone, asking(PLOT, sees="pages")) is Lane.VISION


@pytest.mark.parametrize("mode", [RouteMode.TEXT, RouteMode.EMBEDDED])
def test_a_prompt_that_names_its_lane_gets_that_lane_alone(mode):
    assert lane(FIGURE, asking(PLOT, route=mode), BOTH | EMBEDDED) is Lane(mode.value)


def test_the_vision_lane_gets_only_what_can_be_seen():
    prompt = asking(WORDS, route=RouteMode.VISION)
    route = route_unit(unit_of("Nothing to see in this passage."), prompt, VISION)

    assert lane(FIGURE, prompt, VISION) is Lane.VISION
    assert route.lane is Lane.SKIP
    assert route.reason.startswith("holds nothing to be seen")
    assert lane(unit_of("Nothing to see in this passage."), replace(prompt, sees="pages"), VISION) is Lane.VISION


def test_a_cascade_begins_with_the_cheapest_lane_unless_there_is_not_a_word_to_read():
    prompt = asking(PLOT, route=RouteMode.CASCADE)
    (bare,) = units_of(figure(""))

    assert lane(FIGURE, prompt, BOTH | EMBEDDED) is Lane.EMBEDDED
    assert lane(FIGURE, prompt, BOTH) is Lane.TEXT
    assert lane(bare, prompt, BOTH | EMBEDDED) is Lane.VISION


@pytest.mark.parametrize(("lanes", "instead"), [(TEXT, Lane.TEXT), (EMBEDDED, Lane.EMBEDDED), (TEXT | EMBEDDED, Lane.TEXT)])
def test_without_a_model_with_eyes_the_next_cheaper_lane_reads_the_caption_and_the_reason_says_so(lanes, instead):
    route = route_unit(FIGURE, asking(PLOT), lanes)

    assert route.lane is instead
    assert "but no vision model is at hand" in route.reason


def test_a_model_with_eyes_is_sent_nothing_that_has_no_picture():
    route = route_unit(unit_of("The half-life was 2.3 h in mouse plasma."), asking(WORDS), VISION)

    assert (route.lane, route.reason) == (Lane.SKIP, "text, but no text model is at hand; 8 words")


@pytest.mark.parametrize("lanes", [EMBEDDED, TEXT])
def test_what_is_not_skipped_goes_to_the_lane_at_hand_and_says_what_it_is(lanes):
    route = route_unit(unit_of("The half-life was 2.3 h in mouse plasma."), MEASUREMENTS, lanes)

    assert (route.lane, route.reason) == (*lanes, "text; 8 words")


def test_a_changed_threshold_of_the_router_changes_every_readings_key_but_one_of_a_cascade_does_not():
    default = router_key(RoutingSettings())

    assert router_key(RoutingSettings(sure_of_sight=0.9)) != default
    assert router_key(RoutingSettings(unsure_below=0.9)) == default


def test_a_field_must_be_surely_one_that_is_seen():
    prompt = make_prompt(
        schema={"type": "object", "properties": {"shape": {"type": "string", "description": "Shape of the curve."}}}
    )

    assert lane(FIGURE, prompt) is Lane.VISION
    assert lane(FIGURE, prompt, sure_of_sight=1.0) is Lane.TEXT


def test_a_lane_with_eyes_is_sent_the_pictures_that_answer_and_no_others():
    at = box(bottom=100, height=60)
    display = formula("x = y/z", at, ordinal=1)
    drawn = figure("Figure 3: Flow chart of the trial.", ordinal=2, page=4, holds=("#/pictures/1",), cites=("Figure 3",))
    crops = (crop(), crop("#/texts/4", at=at), crop("#/pictures/1", page=4))
    (section,) = units_of(figure(ordinal=0), display, drawn, crops=crops, unit=UnitKind.SECTION)

    def sent(prompt):
        return [seen.crop.ref for seen in with_sights(section, prompt).figures]

    assert sent(asking(PLOT)) == ["#/pictures/0"]
    assert sent(asking(FORMULA)) == ["#/texts/4"]
    assert sent(asking(WORDS)) == []
    assert sent(asking(WORDS, route=RouteMode.VISION)) == ["#/pictures/0", "#/pictures/1"]
