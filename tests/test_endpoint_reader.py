"""What the endpoint reader sends, and what it makes of the answers that come, the bad ones included.

A bad answer is never stored as success, costs at most one more request, and leaves the other units alone.
"""

import time
from dataclasses import replace

import pytest
import stamina
from small_reader import GOOD, RECORD, make_prompt, read, reader_of, some_units, stream

from errors import PromptInvalid, SettingsInvalid
from extract import panel
from extract.devserver import acts
from extract.devserver.acts import ok, says
from extract.devserver.counts import Costs
from extract.devserver.server import DevServer
from records import Lane, Verdict, content_id


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


def test_a_good_answer_becomes_a_record_with_its_place_and_its_cost(server):
    server.script(says(GOOD, costs=Costs(prompt_tokens=400, completion_tokens=25, cached_tokens=352)))

    (reading,) = read(server)

    assert reading.is_ok and reading.record == RECORD and reading.raw is None
    (evidence,) = reading.evidence
    assert (evidence.field, evidence.span, evidence.page, evidence.verdict) == ("value", (16, 39), 4, Verdict.SUPPORTED)
    assert (reading.usage.prompt_tokens, reading.usage.cached_tokens, reading.usage.completion_tokens) == (400, 352, 25)
    assert 0 < reading.usage.seconds < 5 and reading.usage.energy_j is None


def test_an_answer_made_from_the_schema_is_accepted_and_its_quote_found(server):
    server.otherwise = ok()

    (reading,) = read(server)

    assert reading.is_ok and reading.evidence[0].span is not None


def test_the_request_holds_what_the_prompt_says(server):
    read(server, prompt=make_prompt(temperature=0.3, max_tokens=77, seed=9))

    body = server.requests[0].body
    assert (body["model"], body["temperature"], body["max_tokens"], body["seed"]) == ("text", 0.3, 77, 9)
    assert [message["role"] for message in body["messages"]] == ["system", "user"]
    assert "Find the half-life." in body["messages"][0]["content"] and "2.3 h" in server.requests[0].user
    sent = body["response_format"]
    assert sent["type"] == "json_schema" and sent["json_schema"]["strict"] is True
    assert sent["json_schema"]["name"] == "half_life", "OpenAI allows no dot in it"
    assert sent["json_schema"]["schema"]["properties"]["value"] == {"type": "number"}, "our x- hints stay here"


def test_without_options_a_repeat_asks_for_the_same_answer(server):
    read(server)

    assert server.requests[0].body["temperature"] == 0 and "seed" not in server.requests[0].body


def test_the_instructions_are_the_same_bytes_for_every_unit(server):
    read(server, 3)

    assert len({asked.body["messages"][0]["content"] for asked in server.requests}) == 1


def test_readings_come_in_the_order_of_the_units(server):
    def number(asked):
        return {"value": int(asked.user.split("sample ")[1].split(".")[0]), "quote": "q"}

    slow, fast = ok(number, after_s=0.05), ok(number)
    server.otherwise = lambda handler, asked: (slow if "sample 0" in asked.user else fast)(handler, asked)

    readings = read(server, 12)

    assert [reading.record["value"] for reading in readings] == list(range(12))


def test_as_many_requests_are_in_flight_as_the_settings_allow(server):
    server.otherwise = ok(lambda _: RECORD, after_s=0.05)

    read(server, 12, concurrency=3)

    assert server.most_in_flight == 3


def test_a_reader_does_not_run_ahead_without_end(server, monkeypatch):
    monkeypatch.setattr(panel, "WINDOW", 16)
    reading = stream(reader_of(server, concurrency=2), some_units(200))
    next(reading)
    time.sleep(0.2)

    assert len(server.requests) < 20
    reading.close()


def test_no_units_ask_nothing(server):
    assert read(server, 0) == [] and server.requests == []


def test_where_it_stands_is_not_part_of_what_a_model_is():
    here, there = reader_of("http://127.0.0.1:1/v1"), reader_of("http://example.org/v1")

    assert here.key == there.key == content_id("openai", "text", "")
    assert reader_of("http://127.0.0.1:1/v1", revision="2").key != here.key
    assert here.lane is Lane.TEXT


def test_the_key_comes_from_the_variable_that_the_model_names(server, monkeypatch):
    monkeypatch.setenv("OPENAI_API_KEY", "not-for-this-server")
    monkeypatch.setenv("SMALL_KEY", "sesame")

    read(server, api_key_env="SMALL_KEY")
    read(server)

    assert [asked.key for asked in server.requests] == ["sesame", "none"]


def test_a_key_that_is_named_and_missing_is_said_when_the_reader_is_opened(server, monkeypatch):
    monkeypatch.delenv("SMALL_KEY", raising=False)

    with pytest.raises(SettingsInvalid, match="SMALL_KEY"):
        reader_of(server, api_key_env="SMALL_KEY")


# An answer came, but it is no good.


def test_a_cut_off_answer_is_asked_for_once_more_with_twice_the_tokens(server):
    server.script(acts.truncated(), says(GOOD))

    (reading,) = read(server, prompt=make_prompt(max_tokens=100))

    assert reading.is_ok
    assert [asked.body["max_tokens"] for asked in server.requests] == [100, 200]
    assert (reading.usage.prompt_tokens, reading.usage.completion_tokens) == (200, 40), "both tries are paid for"


@pytest.mark.parametrize("fault", [acts.truncated, acts.whitespace, lambda: acts.truncated(GOOD)])
def test_an_answer_cut_off_twice_is_a_failure_with_what_came(server, fault):
    server.otherwise = fault()

    (reading,) = read(server)

    assert (reading.error_code, reading.record) == ("answer_truncated", None)
    assert reading.raw.startswith("{") and len(server.requests) == 2


def test_the_raised_limit_stays_within_the_context(server):
    server.otherwise = says("{", finish_reason="length", costs=Costs(prompt_tokens=900))

    read(server, prompt=make_prompt(max_tokens=300), context_tokens=1300)

    assert [asked.body["max_tokens"] for asked in server.requests] == [300, 400]


def test_an_answer_that_breaks_the_schema_is_asked_for_once_more_with_the_reason(server):
    server.script(says('{"value": "2.3 h", "quote": "q"}'), says(GOOD))

    (reading,) = read(server)

    assert reading.is_ok and reading.record == RECORD
    first, second = (asked.body["messages"] for asked in server.requests)
    assert second[:2] == first and second[2] == {"role": "assistant", "content": '{"value": "2.3 h", "quote": "q"}'}
    assert "$.value: '2.3 h' is not of type 'number'" in second[3]["content"]


@pytest.mark.parametrize(
    "text",
    [
        "I think it is 2.3 h.",
        '{"value": 2.3}',
        '[{"value": 2.3, "quote": "q"}]',
        '{"value": NaN, "quote": "q"}',
        '{"value": 1e999, "quote": "q"}',
        '{"value": 2.3, "quote": "\\ud800"}',
        '{"value": 2.3, "quote": "q", "more": 1}',
        '{"value": 2.3, "quote": "' + "q" * 81 + '"}',
        "[" * 100_000,
    ],
)
def test_an_answer_that_is_wrong_twice_is_a_failure_with_the_raw_answer(server, text):
    server.otherwise = says(text)

    (reading,) = read(server)

    assert (reading.error_code, reading.record, reading.evidence) == ("answer_invalid", None, ())
    assert reading.raw == text[:4000] and len(reading.error) < 1000
    assert len(server.requests) == 2


def test_a_wrong_answer_is_not_asked_for_again_where_that_has_no_room(server):
    server.otherwise = says("x" * 4000)

    (reading,) = read(server, context_tokens=1300)

    assert (reading.error_code, len(server.requests)) == ("answer_invalid", 1)


def test_the_raised_limit_holds_where_the_answer_is_asked_for_again(server):
    server.script(acts.truncated(), says("no JSON"), says(GOOD))

    (reading,) = read(server, prompt=make_prompt(max_tokens=100))

    assert reading.is_ok and [asked.body["max_tokens"] for asked in server.requests] == [100, 200, 200]


def test_a_line_break_in_a_string_is_let_pass(server):
    server.otherwise = says('{"value": 2.3, "quote": "the half-life\nwas 2.3 h"}')

    (reading,) = read(server)

    assert reading.is_ok and reading.record["quote"] == "the half-life\nwas 2.3 h", "seen with vLLM 0.32 and xgrammar"
    assert reading.evidence[0].span == (16, 39)


@pytest.mark.parametrize("fault", [acts.no_choices, lambda: says(None), lambda: says(""), lambda: says(" \n\t ")])
def test_an_empty_answer_is_a_failure(server, fault):
    server.otherwise = fault()

    (reading,) = read(server)

    assert (reading.error_code, reading.record) == ("answer_empty", None)
    assert len(server.requests) == 1


@pytest.mark.parametrize("reason", ["content_filter", "abort", "error", "repetition", "tool_calls", None])
def test_an_answer_that_did_not_stop_by_itself_is_no_success(server, reason):
    server.otherwise = says(GOOD, finish_reason=reason)

    (reading,) = read(server)

    assert (reading.error_code, reading.raw) == ("answer_refused", GOOD)


def test_a_refusal_is_kept_with_its_words(server):
    server.otherwise = says(None, refusal="I cannot help with that.")

    (reading,) = read(server)

    assert reading.error_code == "answer_refused" and "I cannot help with that." in reading.error


def test_a_request_that_the_server_rejects_fails_its_unit_only(server):
    server.script(acts.fails(400, "maximum context length is 4096"))

    readings = read(server, 3, concurrency=1)

    assert [reading.error_code for reading in readings] == ["answer_refused", None, None]
    assert "maximum context length is 4096" in readings[0].error


def test_what_a_server_does_not_state_is_unknown_and_not_zero(server):
    server.otherwise = acts.without_usage(GOOD)

    (reading,) = read(server)

    assert reading.is_ok
    assert (reading.usage.prompt_tokens, reading.usage.cached_tokens, reading.usage.completion_tokens) == (None,) * 3


def test_a_unit_too_long_for_the_model_is_named_before_anything_is_sent(server):
    units = some_units(1, "word " * 5000)

    (reading,) = stream(reader_of(server, context_tokens=4096), units)

    assert reading.error_code == "reading_failed" and "Use a smaller unit" in reading.error
    assert server.requests == []


def test_a_prompt_that_cannot_be_rendered_stops_the_run(server):
    prompt = replace(make_prompt(), template="{{ unit.pages[7] }}")

    with pytest.raises(PromptInvalid, match="template"):
        read(server, prompt=prompt)
