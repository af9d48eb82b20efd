"""The endpoint reader against a server that is busy, away, broken or not the right one.

A fault costs few requests, is tried again in one layer only, and is named when it stays; a run stops where nobody answers.
"""

import threading
import time

import pytest
import stamina
from small_reader import GOOD, read, reader_of, some_units, stream

from errors import ModelUnreachable, NotFound, SettingsInvalid
from extract.devserver import acts
from extract.devserver.acts import says
from extract.devserver.counts import Costs
from extract.devserver.server import Act, DevServer
from extract.models.calls import pause_asked_for


@pytest.fixture
def server():
    with DevServer() as running:
        running.otherwise, running.costs = says(GOOD), Costs()
        yield running


@pytest.fixture(autouse=True)
def no_pauses():
    """Tries follow each other at once, as many as the settings say; the tests of pauses turn this off."""
    with stamina.set_testing(True, attempts=20, cap=True):
        yield


def for_unit(number: int, act: Act) -> Act:
    """This for one unit, whenever its requests come, and good answers for the others."""
    return lambda handler, asked: (act if f"sample {number}." in asked.user else says(GOOD))(handler, asked)


PASSING = pytest.mark.parametrize(
    "fault",
    [acts.resets(), acts.closes_mid_body(), acts.html(), *map(acts.busy, (429, 500, 502, 503))],
    ids=["reset", "mid-body", "html", "429", "500", "502", "503"],
)


@PASSING
def test_a_fault_that_passes_is_tried_again(server, fault):
    server.script(fault, fault)

    (reading,) = read(server)

    assert reading.is_ok and len(server.requests) == 3
    assert reading.usage.prompt_tokens == 100, "only an answer costs tokens"


def test_trying_again_prints_nothing(server, capsys):
    server.script(acts.busy(503))

    read(server)

    assert capsys.readouterr().out == "", "standard output belongs to the command that reads"


@PASSING
def test_a_fault_that_stays_is_tried_in_one_layer_only_and_named(server, fault):
    server.otherwise = for_unit(1, fault)

    good, bad, after = read(server, 3, concurrency=1)

    assert good.is_ok and after.is_ok
    assert (bad.error_code, bad.record) == ("model_unreachable", None)
    assert server.base_url in bad.error and len(server.requests) == 5


@pytest.mark.parametrize("fault", [acts.stalls(), acts.trickles()], ids=["stalls", "trickles"])
def test_a_stalled_answer_is_given_up_and_tried_again(server, fault):
    server.script(fault)

    (reading,) = read(server, timeout_s=0.2)

    assert reading.is_ok and 0.2 <= reading.usage.seconds < 2
    assert server.wait_for(lambda it: it.n_abandoned == 1)


@pytest.mark.parametrize("status", [429, 503])
def test_the_pause_that_a_server_asks_for_is_kept(server, status):
    server.script(acts.busy(status, retry_after_s=1))

    with stamina.set_testing(False):
        (reading,) = read(server)

    first, second = server.requests
    assert reading.is_ok and 1.0 <= second.at_s - first.at_s < 3
    assert reading.usage.seconds < 1, "the pause is not reading"


@pytest.mark.parametrize(
    ("header", "pause_s"), [("7", 7), ("0", 0), ("-3", 0), ("Sat, 01 Jan 2000 00:00:00 GMT", 0), ("soon", None), (None, None)]
)
def test_a_retry_after_header_is_read_as_seconds_or_as_a_date(header, pause_s):
    assert pause_asked_for(header) == pause_s


def test_a_pause_of_an_hour_is_not_waited_for(server):
    server.otherwise = for_unit(1, acts.busy(503, retry_after_s=3600))

    with stamina.set_testing(False):
        readings = read(server, 3, concurrency=1)

    assert [reading.error_code for reading in readings] == [None, "model_unreachable", None]


def test_where_no_server_answers_at_first_reading_stops_and_says_what_is_left():
    url = acts.refusing_url()

    with pytest.raises(ModelUnreachable) as caught:
        read(url, 40, attempts=2)

    told = str(caught.value)
    assert url in told and "stopped after 0 units; the rest is left" in told and "run the same command" in told


def test_a_single_unit_that_finds_no_server_says_so_too():
    with pytest.raises(ModelUnreachable, match="after 0 units"):
        read(acts.refusing_url(), 1, attempts=1)


def test_a_server_that_goes_away_for_good_stops_the_run_after_what_was_read(server):
    server.script(*[says(GOOD)] * 5)
    server.otherwise = acts.busy(503)
    given = []

    with pytest.raises(ModelUnreachable, match="after 5 units; the rest is left"):
        for reading in stream(reader_of(server, concurrency=1, attempts=1), some_units(100)):
            given.append(reading)

    assert len(given) == 5 and all(reading.is_ok for reading in given)
    assert len(server.requests) < 20


# What is wrong for every unit stops the run at once.


@pytest.mark.parametrize(
    ("fault", "error"),
    [(acts.wrong_key(), SettingsInvalid), (acts.fails(403), SettingsInvalid), (acts.unknown_model(), NotFound)],
)
def test_a_wrong_key_or_model_stops_the_run_and_names_it(server, fault, error):
    server.otherwise = fault

    with pytest.raises(error) as caught:
        read(server, 50, concurrency=2)

    told = str(caught.value)
    assert "'text'" in told and server.base_url in told and "[models.small]" in told
    assert len(server.requests) < 30, "what was under way when the first was refused, and no more"


def test_a_wrong_path_says_how_an_address_ends(server):
    with pytest.raises(NotFound, match="usually ends in /v1"):
        read(server.base_url.removesuffix("/v1"))


def after_unit_0(act: Act) -> Act:
    """A good answer for the first unit, whenever its request comes, and this for the others."""
    return lambda handler, asked: (says(GOOD) if "sample 0." in asked.user else act)(handler, asked)


def test_closing_a_reader_cancels_what_is_in_flight(server):
    server.otherwise = after_unit_0(acts.stalls())
    reading = stream(reader_of(server, timeout_s=60), some_units(20))
    next(reading)
    assert server.wait_for(lambda it: len(it.requests) == 5)

    started = time.monotonic()
    reading.close()

    assert time.monotonic() - started < 2
    assert server.wait_for(lambda it: it.n_abandoned == 4), "the server sees that nobody waits"
    assert "reread-endpoint" not in {thread.name for thread in threading.enumerate()}


def test_closing_a_reader_does_not_wait_for_a_pause_to_end(server):
    server.otherwise = after_unit_0(acts.busy(503, retry_after_s=60))
    with stamina.set_testing(False):
        reading = stream(reader_of(server), some_units(20))
        next(reading)
        started = time.monotonic()
        reading.close()

    assert time.monotonic() - started < 2


def test_every_fault_in_turn_gives_every_unit_an_answer_for_few_requests(server):
    faults = [acts.resets(), acts.closes_mid_body(), acts.html(), acts.busy(429), acts.busy(503), acts.no_choices()]
    for fault in faults:
        server.script(fault, *[says(GOOD)] * 20)

    readings = read(server, 120, concurrency=8)

    assert len(readings) == 120 and sum(reading.is_ok for reading in readings) == 119
    assert len(server.requests) == 125
