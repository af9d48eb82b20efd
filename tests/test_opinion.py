"""A second model judges each value from its chunk alone; without its answer nothing passes for checked."""

import json
from dataclasses import replace

import pytest
import stamina
from small_reader import GOOD, make_prompt, reader_of, some_units

from errors import SettingsInvalid
from extract.devserver import acts
from extract.devserver.acts import says
from extract.devserver.server import DevServer
from extract.models.opinion import ModelOpinion
from extract.panel import Panel
from records import Lane, Route, Verdict
from settings import ModelSettings, RoutingSettings

PROMPT = replace(make_prompt(), verify="judge")


@pytest.fixture
def servers():
    with DevServer() as reading, DevServer() as judging, stamina.set_testing(True, attempts=20, cap=True):
        reading.otherwise = says(GOOD)
        yield reading, judging


def verdicts(*given: str) -> str:
    return json.dumps({"verdicts": [{"claim": i, "reason": "it says so", "verdict": v} for i, v in enumerate(given, 1)]})


def panel_of(servers) -> Panel:
    reading, judging = servers
    model = ModelSettings(
        base_url=judging.base_url, model="text", timeout_s=5, attempts=2, j_per_prompt_token=0.1, j_per_token=1.0
    )
    reader = reader_of(reading, j_per_prompt_token=0.1, j_per_token=1.0)
    return Panel([reader], RoutingSettings(), lambda alias: ModelOpinion(alias, model))


def read(servers, n=1, prompt=PROMPT):
    route = Route(lane=Lane.TEXT, reason="")
    return list(panel_of(servers).read(prompt, ((unit, route) for unit in some_units(n))))


def test_its_verdict_stands_with_its_name_and_its_reason(servers):
    servers[1].otherwise = says(verdicts("contradicted"))

    (reading,) = read(servers)

    (evidence,) = reading.evidence
    assert (evidence.verdict, evidence.method, evidence.reason) == (Verdict.CONTRADICTED, "model:judge", "it says so")


def test_it_sees_the_chunk_and_the_claim_and_not_the_first_models_instructions(servers):
    servers[1].otherwise = says(verdicts("supported"))

    read(servers)

    (asked,) = servers[1].requests
    said = json.dumps(asked.body["messages"])
    assert "the half-life was 2.3 h" in said and "value is 2.3" in said and "Find the half-life." not in said


def test_what_it_costs_is_added(servers):
    servers[1].otherwise = says(verdicts("supported"))
    (alone,) = read(servers, prompt=make_prompt())
    (judged,) = read(servers)

    assert judged.usage.prompt_tokens > alone.usage.prompt_tokens and judged.usage.energy_j > alone.usage.energy_j


@pytest.mark.parametrize("fault", [acts.fails(500), says("no JSON"), says('{"verdicts": [{"claim": "x"}]}')])
def test_where_it_gives_no_answer_the_reading_is_a_named_failure_that_the_next_run_tries_again(servers, fault):
    servers[1].otherwise = fault
    servers[1].script(says(verdicts("supported")))

    good, bad = sorted(read(servers, 2), key=lambda reading: not reading.is_ok)  # whichever of the two was judged first

    assert good.is_ok and not bad.is_ok
    assert bad.error_code in ("model_unreachable", "answer_invalid") and "2.3" in bad.raw


def test_the_second_model_is_part_of_what_a_reading_depends_on(servers):
    panel = panel_of(servers)

    assert panel.key(PROMPT) != panel.key(make_prompt())


def test_a_panel_that_can_ask_no_second_model_says_so(servers):
    with pytest.raises(SettingsInvalid, match="second opinion"):
        Panel([reader_of(servers[0])], RoutingSettings()).key(PROMPT)
