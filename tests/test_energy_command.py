"""`reread energy` over a real run: sums of what is stored, the ways to compare with, and what it says where joules are unknown."""

import json

import pytest
from fake_flow import Place, write_pdf
from makers import make_prompt
from PIL import Image
from test_main_job import MEASUREMENTS, reread

from accounting import Account, Curve, account_of, newest_run
from energy_commands import as_document
from energy_plot import draw, nice_step, spread
from energy_screens import amount, bar, crossing, show_account, steps
from errors import NotFound
from extract.devserver.acts import ok
from extract.devserver.counts import Costs
from extract.devserver.server import DevServer
from extract.energy import Spent, Way
from extract.models.reader import open_model_reader
from records import JobState, Lane, Run
from settings import ModelSettings, Settings

WATTS = 8.0
SMALL = ModelSettings(
    base_url="u", model="fake", parameters_b=2, j_per_prompt_token=0.01, j_per_token=0.2, energy_from="a meter"
)
EYES = ModelSettings(
    base_url="u", model="fake", lane="vision", parameters_b=8, j_per_prompt_token=0.5, j_per_token=0.9, energy_from="a meter"
)
MEASURED = Settings(cpu_watts=WATTS, models={"fake": SMALL, "eyes": EYES})
NOT_MEASURED = Settings(models={"fake": ModelSettings(base_url="u", model="fake")})
JOULES = (100 - 80) * 0.01 + 20 * 0.2  #: of one answer that costs what is said below


def run_of(library, ledger, folder, model):
    """A library with two papers of a page and six chunks, and a run that this model read, with costs that are known."""
    place = Place(library, ledger)
    place.add(*(write_pdf(folder / "in", f"{name}.pdf", *(f"{name} {i} was 2.3 h." for i in range(3))) for name in "ab"))
    with DevServer(models=["fake"]) as server:
        server.otherwise = ok(costs=Costs(prompt_tokens=100, cached_tokens=80, completion_tokens=20))
        reader = open_model_reader("fake", model.model_copy(update={"base_url": server.base_url}))
        report = place.reprocess(make_prompt(), reader)
    assert report.read == 6, report
    return place


@pytest.fixture
def read(library, ledger, tmp_path):
    """A run by a model whose joules were not known when it read."""
    return run_of(library, ledger, tmp_path, NOT_MEASURED.models["fake"])


def account(place, settings=MEASURED, **options):
    return account_of(newest_run(place.ledger), library=place.library, ledger=place.ledger, settings=settings, **options)


def test_a_run_costs_the_sum_of_its_readings(read):
    found = account(read)
    (text,) = found.lanes

    assert (found.documents, found.pages, found.units, found.failed) == (2, 2, 6, 0)
    assert (text.lane, text.tries, text.known, text.sources) == (Lane.TEXT, 6, 6, {"coefficient"})
    assert text.joules == found.own.joules == pytest.approx(6 * JOULES)
    assert (found.own.prompt_tokens, text.cached_tokens) == (6 * 20, 6 * 80)
    assert found.conversion_joules == pytest.approx(WATTS * found.conversion_s) and found.conversion_s > 0
    assert found.unknown == ()


def test_it_stands_beside_whole_pages_and_one_large_model(read):
    found = account(read)
    vision, large = found.all_vision, found.one_large

    assert (vision.model, vision.calls, vision.completion_tokens) == ("eyes", 2, 6 * 20)
    assert vision.pixels == 2 * min(1200 * 1600, EYES.max_pixels)
    assert vision.joules == pytest.approx(vision.prompt_tokens * 0.5 + 6 * 20 * 0.9)
    assert (large.model, large.calls, large.prompt_tokens) == ("fake", 6, 6 * 20)


def test_converting_pays_from_the_break_even_on_and_not_before(read):
    found = account(read)
    unit, (own, pages, chunks) = found.curves()

    assert unit == "J" and own.once == chunks.once == found.conversion_joules and pages.once == 0
    n = found.break_even
    assert own.after(n) <= pages.after(n)
    assert n == 1 or own.after(n - 1) > pages.after(n - 1)


def test_the_models_to_compare_with_may_be_named(read):
    found = account(read, vision="qwen-vl-4b", large="qwen-8b")

    assert (found.all_vision.model, found.one_large.model) == ("qwen-vl-4b", "qwen-8b")
    assert found.all_vision.joules is None and found.all_vision.operations > 0


def test_what_is_unknown_is_null_and_says_what_to_do(read):
    found = as_document(account(read, NOT_MEASURED))

    assert found["own"]["joules"] is None and found["lanes"][0]["joules"] is None
    assert found["conversion_joules"] is None and found["break_even_questions"] is None
    assert any("reread models calibrate fake" in line for line in found["unknown"])
    assert any("cpu_watts" in line for line in found["unknown"])


def test_coefficients_that_were_measured_after_a_run_count_for_it(read):
    assert account(read, NOT_MEASURED).own.joules is None
    assert account(read, MEASURED).own.joules is not None


def test_joules_that_were_known_when_it_was_read_stay_as_they_were(library, ledger, tmp_path):
    place = run_of(library, ledger, tmp_path, SMALL)

    assert account(place, NOT_MEASURED).own.joules == pytest.approx(6 * JOULES)


def test_a_model_that_has_left_the_portfolio_is_unknown(read):
    found = account(read, Settings(models={}))

    assert found.own.joules is None and found.own.prompt_tokens == 6 * 20


def test_the_tables_say_what_is_known_and_what_is_not(read, capsys):
    show_account(account(read), 7)
    known = capsys.readouterr()
    show_account(account(read, NOT_MEASURED), 7)
    unknown = capsys.readouterr()

    assert "break-even" in known.out and "every page as an image" in known.out and "█" in known.out
    assert "Not known" not in known.err
    assert "unknown" in unknown.out and "reread models calibrate fake" in unknown.err


def test_a_ledger_without_a_run_says_so(ledger):
    with pytest.raises(NotFound, match="There is no run yet"):
        newest_run(ledger)


def test_the_command_writes_json_and_a_picture(sample_library, tmp_path):
    here = ("--library", str(sample_library.root))
    run = json.loads(reread("reprocess", MEASUREMENTS, *here, "--json", cwd=tmp_path).stdout)["run_id"]
    done = reread("energy", run, *here, "--json", "--png", str(tmp_path / "plot.png"), cwd=tmp_path, REREAD_CPU_WATTS="8")
    found = json.loads(done.stdout)

    assert [lane["lane"] for lane in found["lanes"]] == ["embedded"]
    assert found["own"]["joules"] == pytest.approx(8 * found["lanes"][0]["seconds"])
    with Image.open(tmp_path / "plot.png") as drawn:
        assert drawn.size == (1600, 820) and len(drawn.getcolors(1 << 24)) > 50


def made(*lanes, **other):
    run = Run(
        id="r", reading_key="k", prompt_name="p", prompt_hash="h", model="small", selection="all", state=JobState.DONE,
        created="", finished=None, counts={},
    )  # fmt: skip
    given = {
        "documents": 1, "pages": 2, "units": 9, "skipped": 1, "failed": 0, "all_vision": None, "one_large": None,
        "conversion_s": 10.0, "conversion_joules": 80.0, **other,
    }  # fmt: skip
    return Account(run=run, lanes=lanes, **given)


def spent(lane=Lane.TEXT, *, tries=8, known=8, joules=40.0, operations=8e12):
    return Spent(lane=lane, tries=tries, known=known, joules=joules, operations=operations)


def way(joules, operations=9e12, name="every page as an image"):
    return Way(
        name=name, model="eyes", calls=2, pixels=9, prompt_tokens=9, completion_tokens=9, joules=joules, operations=operations
    )


def test_joules_are_drawn_only_where_all_of_them_are_known():
    assert made(spent(), all_vision=way(90.0)).curves()[0] == "J"
    assert made(spent(known=7), all_vision=way(90.0)).curves()[0] == "FLOP"
    assert made(spent(), all_vision=way(None)).curves()[0] == "FLOP"
    assert made(spent(), all_vision=way(90.0), conversion_joules=None).curves()[0] == "FLOP"
    assert made(spent(known=7, operations=None), all_vision=way(90.0)).curves() == ("", ())
    assert made(spent()).curves() == ("", ())


def test_operations_leave_out_the_lane_that_does_not_work_in_tokens():
    both = made(spent(), spent(Lane.EMBEDDED, known=0, operations=None), all_vision=way(None))

    assert both.own.operations == 8e12 and both.own.joules is None
    assert made(spent(Lane.EMBEDDED, operations=None), all_vision=way(90.0)).own.operations is None


@pytest.mark.parametrize("found", [made(spent(), all_vision=way(90.0)), made(spent(known=0, operations=None)), made()])
def test_a_picture_can_be_drawn_of_anything(found):
    assert draw(found, 20).size == (1600, 820)


@pytest.mark.parametrize(
    ("value", "said"), [(None, "unknown"), (0.0, "0 J"), (0.4, "0.4 J"), (999, "999 J"), (12_345, "12.3 kJ"), (4.2e9, "4.2 GJ")]
)
def test_amounts_have_three_digits_and_a_prefix(value, said):
    assert amount(value) == said


def test_a_bar_is_as_long_as_its_share():
    assert (bar(1, 1, 4), bar(0.5, 1, 4), bar(1 / 32, 1, 4), bar(0, 1, 4)) == ("████", "██", "▏", "")


@pytest.mark.parametrize(("questions", "shown"), [(1, [1]), (7, [1, 2, 5, 7]), (20, [1, 2, 5, 10, 20])])
def test_the_questions_shown_end_with_the_last(questions, shown):
    assert steps(questions) == shown


def test_two_ways_cross_where_their_costs_are_equal():
    reread_, pages = Curve(name="a", once=100, each=10), Curve(name="b", once=0, each=30)

    assert crossing((reread_, pages)) == (5.0, 150.0)
    assert crossing((pages, reread_)) is None
    assert crossing((Curve(name="a", once=0, each=10), pages)) is None


@pytest.mark.parametrize(("most", "step"), [(1.0, 0.2), (6.0, 1.0), (7.0, 2.0), (1.1e6, 2e5), (0.0, 1.0)])
def test_axes_have_round_steps(most, step):
    assert nice_step(most) == pytest.approx(step)


def test_labels_do_not_stand_on_each_other():
    assert spread([100, 90, 300], least=50) == [140, 90, 300]
