"""The decision table: what a prompt would cost, beside every page as a picture; pure, and as `reread route` shows it."""

from __future__ import annotations

import json

import pytest
from made_figures import PLOT, WORDS, asking, box, crop, figure, units_of
from makers import make_chunk
from processes import ROOT
from test_main_job import reread

from extract.routing.pixels import crop_pixels, image_tokens, page_pixels, sent_pixels
from extract.routing.plan import Plan, RoutedDocument, plan_routes, tokens_of
from extract.routing.router import route_unit
from records import Lane, PageQuality
from settings import ModelSettings

TEXT = ModelSettings(base_url="http://text/v1", model="text", j_per_prompt_token=0.01)
EYES = ModelSettings(lane="vision", base_url="http://eyes/v1", model="eyes", j_per_prompt_token=0.05)
PORTFOLIO = {Lane.TEXT: TEXT, Lane.VISION: EYES}
PAGE = PageQuality(page=3, width=612, height=792, n_chars=3000, figure_share=0.2, confidence=1)


def plan(units, prompt, models=PORTFOLIO, pages=(PAGE,)) -> Plan:
    lanes = frozenset(models)
    routed = tuple((unit, route_unit(unit, prompt, lanes)) for unit in units)
    return plan_routes([RoutedDocument(routed=routed, pages=pages)], prompt, models=models)


def paper(n_text: int = 9):
    return units_of(*(make_chunk(f"Some words of paragraph {i}.", ordinal=i) for i in range(n_text)), figure(ordinal=n_text))


def test_the_table_says_by_lane_and_rule_how_many_units_and_what_they_cost():
    found = plan(paper(), asking(PLOT))

    assert [(line.lane, line.units) for line in found.lines] == [(Lane.VISION, 1), (Lane.TEXT, 9)]
    assert found.lines[1].rule == "text"
    assert (found.units, found.vision_share) == (10, 0.1)
    assert found.lines[0].cost.images == 1
    assert found.lines[0].cost.pixels == 625 * 417  # 300 x 200 points at 150 dots per inch
    assert found.lines[1].cost.images == found.lines[1].cost.pixels == 0
    assert found.total.requests == 10


def test_instructions_are_read_once_by_each_lane():
    first = plan(paper()[:1], asking(WORDS)).total
    ten = plan(paper(), asking(WORDS)).total
    instructions = first.prompt_tokens - tokens_of(paper()[0].chunks[0].text)

    assert first.cached_tokens == 0
    assert ten.cached_tokens == 9 * instructions
    assert ten.energy_j == pytest.approx(0.01 * (ten.prompt_tokens - ten.cached_tokens))


def test_all_vision_is_every_page_as_one_picture():
    found = plan(paper(), asking(PLOT), pages=(PAGE, PAGE))
    pixels = 1275 * 1650

    assert (found.pages, found.all_vision.images, found.all_vision.pixels) == (1, 1, pixels)
    assert found.all_vision.sent_pixels == EYES.max_pixels
    tokens = -(-EYES.max_pixels // EYES.pixels_per_token)
    assert found.all_vision.prompt_tokens > tokens
    assert found.all_vision.energy_j == pytest.approx(0.05 * found.all_vision.prompt_tokens)


def test_joules_that_are_not_known_are_unknown_and_never_zero():
    blind = {**PORTFOLIO, Lane.TEXT: ModelSettings(base_url="http://text/v1", model="text")}

    found = plan(paper(), asking(PLOT), blind)

    assert found.total.energy_j is None
    assert found.all_vision.energy_j is not None
    assert plan(paper(), asking(WORDS), {Lane.EMBEDDED: None}).total.energy_j is None


def test_without_a_model_with_eyes_pages_are_foreseen_without_joules():
    found = plan(paper(), asking(PLOT), {Lane.TEXT: TEXT})

    assert not found.has_vision
    assert found.all_vision.images == 1
    assert found.all_vision.energy_j is None
    assert {line.lane for line in found.lines} == {Lane.TEXT}


def test_a_picture_that_occurs_twice_in_a_paper_is_paid_for_once():
    crops = (crop(png="same"), crop("#/pictures/1", page=5, png="same"))
    again = figure("Figure 4: As before.", ordinal=1, page=5, holds=("#/pictures/1",), cites=("Figure 4",))

    assert plan(units_of(figure(), again, crops=crops), asking(PLOT)).total.images == 1


def test_a_prompt_that_sees_pages_pays_for_pages():
    found = plan(paper(0), asking(PLOT, sees="pages"))

    assert found.total.pixels == page_pixels(PAGE)


def test_a_skipped_unit_costs_nothing():
    found = plan(units_of(make_chunk("Too short.")), asking(WORDS, kinds=frozenset()))

    assert (found.lines[0].lane, found.total.requests, found.total.energy_j) == (Lane.SKIP, 0, 0.0)


def test_pixels_are_those_of_the_crop_and_what_is_larger_is_scaled_down():
    whole = crop(at=box(left=0, bottom=0, width=612, height=792))

    assert crop_pixels(whole) == page_pixels(PAGE) == 1275 * 1650
    assert sent_pixels(1275 * 1650, EYES) == EYES.max_pixels
    assert sent_pixels(1000, EYES) == 1000
    assert image_tokens(785, EYES) == 2


@pytest.fixture(scope="module")
def plots(tmp_path_factory):
    path = tmp_path_factory.mktemp("prompts") / "plots.yaml"
    path.write_text((ROOT / "bench" / "routing_prompts" / "plots.yaml").read_text())
    return str(path)


def test_route_shows_the_table_before_anything_runs(sample_library_folder, plots):
    done = reread("route", plots, "--library", str(sample_library_folder))

    assert done.returncode == 0, done.stderr
    assert "every page as a picture" in done.stdout
    assert "no vision model is at hand" in done.stdout
    assert "No model with eyes is at hand" in done.stderr


def test_route_tells_the_same_as_json_with_a_portfolio(sample_library_folder, plots, tmp_path):
    (tmp_path / "reread.toml").write_text(
        '[models.words]\nbase_url = "http://127.0.0.1:9/v1"\nmodel = "w"\n'
        '[models.eyes]\nlane = "vision"\nbase_url = "http://127.0.0.1:9/v1"\nmodel = "e"\nj_per_prompt_token = 0.05\n'
    )
    told = reread("route", plots, "--model", "words+eyes", "--library", str(sample_library_folder), "--json", cwd=tmp_path)
    found = json.loads(told.stdout)

    assert told.returncode == 0, told.stderr
    assert found["has_vision"] is True
    assert found["units"] == sum(line["units"] for line in found["lines"])
    vision = [line for line in found["lines"] if line["lane"] == "vision"]
    assert found["vision_share"] == sum(line["units"] for line in vision) / found["units"]
    assert found["all_vision"]["pixels"] > found["total"]["pixels"]


def test_an_audit_needs_a_second_lane_and_says_so(sample_library_folder, plots):
    done = reread("route", plots, "--audit", "5", "--library", str(sample_library_folder))

    assert done.returncode == 5
    assert "one lane only" in done.stderr


def test_a_fit_needs_an_audit(sample_library_folder, plots):
    assert reread("route", plots, "--fit", "0.9", "--library", str(sample_library_folder)).returncode == 2
