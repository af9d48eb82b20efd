"""Several servers for one model: all are used, one that fails is left alone, and comes back when it answers."""

import pytest
import stamina
from small_reader import GOOD, read, reader_of, some_units, stream

from extract.devserver import acts
from extract.devserver.acts import ok, says
from extract.devserver.server import DevServer
from extract.models import servers


@pytest.fixture
def pair():
    with DevServer() as one, DevServer() as other:
        one.otherwise = other.otherwise = says(GOOD)
        yield one, other


@pytest.fixture(autouse=True)
def no_pauses():
    with stamina.set_testing(True, attempts=20, cap=True):
        yield


def test_the_units_are_shared_among_the_servers(pair):
    for server in pair:
        server.otherwise = ok(lambda _: {"value": 1, "quote": "q"}, after_s=0.02)

    readings = read(pair[0].base_url, 40, base_url=tuple(server.base_url for server in pair))

    assert all(reading.is_ok for reading in readings)
    assert min(len(server.requests) for server in pair) > 10


def test_a_server_that_is_away_costs_no_unit(pair):
    urls = (acts.refusing_url(), pair[0].base_url)

    readings = read(urls[0], 30, base_url=urls, attempts=2)

    assert [reading.is_ok for reading in readings] == [True] * 30


def test_a_server_that_fails_again_and_again_is_left_alone(pair):
    bad, good = pair
    bad.otherwise = acts.fails(500)

    readings = read(bad.base_url, 60, base_url=(bad.base_url, good.base_url), concurrency=2)

    assert all(reading.is_ok for reading in readings)
    assert len(bad.requests) < 12, "three failures, and what was in flight then"


def test_a_server_that_answers_one_token_again_is_used_again(pair, monkeypatch):
    monkeypatch.setattr(servers, "FIRST_REST_S", 0.1)
    bad, good = pair
    probes = []

    def down_until_probed(handler, asked):
        if asked.body["max_tokens"] == 1:
            probes.append(len(bad.requests))
        (says(GOOD) if probes else acts.fails(500))(handler, asked)

    bad.otherwise = down_until_probed
    good.otherwise = ok(lambda _: {"value": 1, "quote": "q"}, after_s=0.05)

    readings = read(bad.base_url, 60, base_url=(bad.base_url, good.base_url), concurrency=2)

    assert all(reading.is_ok for reading in readings)
    assert len(probes) == 1 and probes[0] <= servers.FAILURES_IN_A_ROW + 2, "and what was in flight then"
    assert len(bad.requests) > 10, "it reads again after it answered"


def test_where_all_servers_fail_each_is_named(pair):
    for server in pair:
        server.otherwise = acts.fails(500)
    units = some_units(1)

    with pytest.raises(Exception, match="gave no answer") as caught:
        list(stream(reader_of(pair[0], base_url=tuple(server.base_url for server in pair)), units))

    assert all(server.base_url in str(caught.value) for server in pair)
