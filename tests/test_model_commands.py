"""`reread models list`, `check` and `calibrate` against a real HTTP server that answers as such endpoints do, and as ill ones do."""

import asyncio
import json
import time
import tomllib

import pytest
from test_main_job import reread

from extract.devserver import acts as fake
from extract.devserver.acts import ok, says
from extract.devserver.counts import Costs
from extract.devserver.server import DevServer
from extract.models.calibrating import Rate, calibrate, concurrencies, joules_per_token
from extract.models.checking import check_model
from extract.models.pace import Pace
from settings import ModelSettings

RECORD = '{"value": 2.3, "unit": "h"}'


@pytest.fixture
def server():
    with DevServer() as running:
        running.otherwise = well
        yield running


def well(handler, asked):
    """A server that is as it should be: it fits schemas, reuses prefixes of 16 tokens, and a picture costs it 16 tokens."""
    said = asked.body["messages"][0]["content"]
    has_picture = isinstance(said, list)
    words = said[1]["text"] if has_picture else said
    prompt_tokens = len(words) // 4 + 16 * has_picture
    costs = Costs(
        prompt_tokens=prompt_tokens, completion_tokens=asked.body["max_tokens"], cached_tokens=prompt_tokens // 16 * 16
    )
    time.sleep(0.005)  # so that requests meet
    says(RECORD if "response_format" in asked.body else "circle", costs=costs)(handler, asked)


def model(server, **keys):
    return ModelSettings(**{"base_url": server.base_url, "model": "text", "timeout_s": 5, "concurrency": 4, **keys})


def found(server, **keys):
    return {checked.what: checked for checked in check_model("small", model(server, **keys))}


def test_a_server_as_it_should_be_passes_every_question(server):
    checks = found(server, lane="vision")

    assert list(checks) == ["one token", "structured answer", "prefix cache", "one image"]
    assert all(checked.is_ok for checked in checks.values())
    assert "16 tokens for 128 x 128 pixels" in checks["one image"].found
    assert "tokens reused" in checks["prefix cache"].found


def test_a_text_model_is_shown_no_picture(server):
    assert "one image" not in found(server)
    assert not any(asked.images for asked in server.requests)


def test_the_picture_comes_inside_the_request(server):
    found(server, lane="vision")

    (parts,) = [asked.body["messages"][0]["content"] for asked in server.requests if asked.images]
    assert parts[0]["image_url"]["url"].startswith("data:image/png;base64,")


def answers_badly(act, to):
    return lambda handler, asked: (act if to in json.dumps(asked.body) else well)(handler, asked)


@pytest.mark.parametrize(
    ("act", "to", "what", "said"),
    [
        (fake.whitespace(), "json_schema", "structured answer", "disable_any_whitespace"),
        (says('{"value": "about two"}'), "json_schema", "structured answer", "does not hold its model to the schema"),
        (says("a circle", costs=Costs(prompt_tokens=7)), "shape", "one image", "without seeing them"),
        (fake.fails(400, "this model takes no image"), "image_url", "one image", "takes no image"),
    ],
)
def test_what_a_server_cannot_do_is_named_with_what_to_do(server, act, to, what, said):
    server.otherwise = answers_badly(act, to)
    checks = found(server, lane="vision")

    assert said in checks[what].found and not checks[what].is_ok
    assert checks["one token"].is_ok


def test_a_server_that_does_not_tell_what_it_reused_is_told_how(server):
    server.otherwise = says(RECORD, costs=Costs(cached_tokens=None))

    assert "--enable-prompt-tokens-details" in found(server)["prefix cache"].found


def test_each_address_is_asked_alone_and_a_dead_one_only_once(server):
    urls = (server.base_url, fake.refusing_url())
    checks = check_model("small", model(server, base_url=urls))

    assert [checked.is_ok for checked in checks if checked.url == urls[0]] == [True, True, True]
    assert [(checked.what, checked.is_ok) for checked in checks if checked.url == urls[1]] == [("one token", False)]


def test_calibrating_counts_tokens_at_each_concurrency(server):
    server.otherwise = ok(lambda asked: "1 2 3", costs=Costs(completion_tokens=128), after_s=0.5)  # so that requests meet
    done = calibrate("small", model(server), seconds=0.1, counter=None, device="", not_measured="no GPU is named")

    assert [(rate.load, rate.concurrency) for rate in done.rates] == [("read", 1), ("write", 1), ("read", 4), ("write", 4)]
    assert all(rate.answers >= rate.concurrency and rate.seconds >= 0.1 for rate in done.rates)
    write = done.rates[-1]
    assert write.completion_tokens == 128 * write.answers, "as many as the server says"
    assert server.most_in_flight == 4


def test_what_the_server_had_cached_does_not_count_as_read(server):
    server.otherwise = says("1", costs=Costs(prompt_tokens=100, cached_tokens=100, completion_tokens=1))
    done = calibrate("small", model(server, concurrency=1), seconds=0.05, counter=None, device="")

    assert done.rates[0].answers and done.rates[0].prompt_tokens == 0


def test_no_two_texts_that_are_read_begin_alike(server):
    calibrate("small", model(server, concurrency=1), seconds=0.1, counter=None, device="")

    texts = [asked.user for asked in server.requests if asked.body["max_tokens"] == 1]
    assert len({text.split()[0] for text in texts}) == len(texts) > 1


def test_a_server_that_does_not_know_ignore_eos_is_measured_without(server):
    server.otherwise = lambda handler, asked: (
        fake.fails(400, "ignore_eos is unknown") if "ignore_eos" in asked.body else says("1 2 3")
    )(handler, asked)
    done = calibrate("small", model(server, concurrency=1), seconds=0.05, counter=None, device="")

    assert all(rate.answers for rate in done.rates)


def test_joules_that_were_not_measured_are_left_out_of_the_lines(server):
    done = calibrate("small", model(server), seconds=0.05, counter=None, device="", not_measured="no GPU is named")

    assert tomllib.loads(done.toml) == {"models": {"small": {"concurrency": done.concurrency}}}
    assert done.not_measured == "no GPU is named"


def test_two_loads_tell_a_token_read_from_a_token_written():
    def rate(load, prompt, written):
        joules = prompt * 0.02 + written * 0.3
        return Rate(
            load=load, concurrency=8, answers=9, seconds=10, prompt_tokens=prompt, completion_tokens=written, joules=joules
        )

    assert joules_per_token(rate("read", 50_000, 90), rate("write", 900, 12_000)) == pytest.approx((0.02, 0.3))


def test_a_counter_that_stood_still_tells_nothing(server):
    done = calibrate("small", model(server), seconds=0.05, counter=lambda: 1.0, device="NVIDIA H200")

    assert (done.j_per_prompt_token, done.j_per_token, done.energy_from) == (None, None, "")
    assert "measure longer" in done.not_measured


@pytest.mark.parametrize(
    ("most", "tried"), [(1, [1]), (3, [1, 3]), (4, [1, 4]), (64, [1, 4, 16, 64]), (100, [1, 4, 16, 64, 100])]
)
def test_concurrencies_end_with_the_one_of_the_alias(most, tried):
    assert concurrencies(most) == tried


def test_the_commands_say_it_as_tables_and_as_json(server, tmp_path):
    (tmp_path / "reread.toml").write_text(
        f'[models.small]\nbase_url = ["{server.base_url}", "{fake.refusing_url()}"]\nmodel = "text"\nconcurrency = 2\n'
    )
    listed = {entry["alias"]: entry for entry in json.loads(reread("models", "list", "--json", cwd=tmp_path).stdout)}
    checked = reread("models", "check", "small", cwd=tmp_path)
    calibrated = reread("models", "calibrate", "small", "--seconds", "0.1", cwd=tmp_path)

    assert list(listed["small"]["answers"].values()) == ["yes", "no: model_unreachable"]
    assert listed["qwen-4b"]["model"] == "Qwen/Qwen3-4B-Instruct-2507" and listed["qwen-4b"]["j_per_token"] is None
    assert checked.returncode == 1 and "prefix cache" in checked.stdout
    assert "concurrency = " in calibrated.stdout and "j_per_token" not in calibrated.stdout
    assert "not measured: no GPU is named" in calibrated.stderr


def test_a_pace_that_is_held_stays_where_it_is():
    async def tried():
        pace = Pace(64)
        pace.hold(24)
        pace.queued(20)
        pace.pushed_back(0.0)
        for _ in range(100):
            pace.answered()
        return pace.limit

    assert asyncio.run(tried()) == 24
