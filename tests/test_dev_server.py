"""The dev-server answers as a real server does: to every schema, with counted tokens, with the faults that it was told to have."""

import base64
import io
import json
import os
import re
import signal
import subprocess
import sys
import threading

import httpx2
import pytest
import stamina
from jsonschema import Draft202012Validator
from PIL import Image
from processes import ROOT
from small_reader import GOOD, RECORD, read
from test_main_job import reread

from errors import ModelUnreachable, NotFound, SettingsInvalid
from extract.devserver.acts import ok
from extract.devserver.samples import record_for
from extract.devserver.script import FAULTS, Script, fault_shares, following, load_script
from extract.devserver.server import DevServer
from extract.prompts.files import load_prompt
from extract.schema import inlined

PAPER = '<paper-text id="u1">\n# Results\n\nThe half-life was 2.3 h in 12 mice, as Table 2 shows.\n</paper-text id="u1">'


@pytest.fixture
def server():
    with DevServer() as running:
        yield running


def say(server, *parts, system="Read the text.", schema=None, **body):
    """The answer to one request; the parts are texts or images."""
    content = [
        {"type": "text", "text": part} if isinstance(part, str) else {"type": "image_url", "image_url": part} for part in parts
    ]
    messages = [{"role": "system", "content": system}, {"role": "user", "content": content}]
    form = {"response_format": {"type": "json_schema", "json_schema": {"name": "x", "schema": schema}}} if schema else {}
    request = {"model": "text", "messages": messages, **form, **body}
    return httpx2.post(f"{server.base_url}/chat/completions", json=request, timeout=20)


def picture(width, height, colour="red"):
    file = io.BytesIO()
    Image.new("RGB", (width, height), colour).save(file, "PNG")
    return {"url": f"data:image/png;base64,{base64.b64encode(file.getvalue()).decode()}"}


def metrics(server):
    text = httpx2.get(server.base_url.removesuffix("/v1") + "/metrics").text
    return {name: float(value) for name, value in re.findall(r"^vllm:(\w+)\{[^}]*\} (\S+)$", text, re.MULTILINE)}


@pytest.mark.parametrize("path", sorted((ROOT / "prompts").glob("*.yaml")), ids=lambda path: path.stem)
def test_an_answer_fits_the_schema_of_every_shipped_prompt(server, path):
    schema = inlined(load_prompt(path).schema)

    answer = say(server, PAPER, schema=schema).json()["choices"][0]

    assert answer["finish_reason"] == "stop"
    Draft202012Validator(schema).validate(json.loads(answer["message"]["content"]))


@pytest.mark.parametrize(
    ("schema", "value"),
    [
        ({"type": "string", "maxLength": 20}, "The half-life was"),
        ({"type": "number"}, 2.3),
        ({"type": "integer"}, 12),
        ({"type": "number", "minimum": 10}, 12),
        ({"type": "number", "exclusiveMinimum": 100, "maximum": 200}, 101),
        ({"type": "integer", "multipleOf": 5, "minimum": 13}, 15),
        ({"type": "number", "maximum": -3}, -3),
        ({"type": ["null", "string"]}, None),
        ({"enum": ["a", "b"]}, "a"),
        ({"type": "array", "items": {"type": "integer"}, "minItems": 2}, [12, 12]),
        ({"type": "array", "items": {"type": "integer"}, "maxItems": 0}, []),
    ],
)
def test_words_and_numbers_are_the_papers(schema, value):
    made = record_for(schema, "The half-life was 2.3 h in 12 mice.")

    assert made == value
    Draft202012Validator(schema).validate(made)


def test_without_a_schema_it_says_words(server):
    assert say(server, PAPER).json()["choices"][0]["message"]["content"].startswith("The half-life was 2.3 h")


def test_what_begins_like_an_earlier_request_is_cached(server):
    first = say(server, "One question.", system="Instructions. " * 100).json()["usage"]
    second = say(server, "Another one.", system="Instructions. " * 100).json()["usage"]
    third = say(server, "Another one.", system="New instructions. " * 100).json()["usage"]

    cached = [usage["prompt_tokens_details"]["cached_tokens"] for usage in (first, second, third)]
    assert cached[0] == cached[2] == 0
    assert cached[1] % 16 == 0 and 300 < cached[1] <= second["prompt_tokens"] - 2
    found = metrics(server)
    assert found["prefix_cache_hits_total"] == cached[1]
    assert found["prefix_cache_queries_total"] == sum(usage["prompt_tokens"] for usage in (first, second, third))


def test_pictures_cost_tokens_and_the_same_one_is_known_again(server):
    without = say(server, PAPER).json()["usage"]["prompt_tokens"]
    with_one = say(server, PAPER, picture(280, 280), schema={"type": "object"}).json()["usage"]["prompt_tokens"]
    say(server, PAPER, picture(280, 280))

    assert with_one == without + 100
    assert (metrics(server)["mm_cache_queries_total"], metrics(server)["mm_cache_hits_total"]) == (2, 1)


@pytest.mark.parametrize(
    ("image", "told"),
    [
        ({"url": "http://127.0.0.1/figure.png"}, "data URI"),
        ({"url": "data:image/png;base64,bm8gcGljdHVyZQ=="}, "cannot identify"),
    ],
)
def test_a_picture_from_elsewhere_or_that_is_none_is_refused(server, image, told):
    answer = say(server, PAPER, image)

    assert answer.status_code == 400 and told in answer.json()["error"]["message"]


def test_a_model_that_is_not_served_and_a_request_that_is_too_long_are_refused():
    with DevServer(models=["text"], context_tokens=1000) as server:
        unknown, long = say(server, PAPER, model="other"), say(server, "word " * 1000)
        fits, greedy = say(server, PAPER, max_tokens=1000), say(server, PAPER, max_tokens=1001)

    assert unknown.status_code == 404 and "`other` does not exist" in unknown.json()["error"]["message"]
    assert long.status_code == 400 and "maximum context length is 1000" in long.json()["error"]["message"]
    assert fits.status_code == 200
    assert greedy.status_code == 400 and "max_tokens=1001" in greedy.json()["error"]["message"]


def test_a_key_is_asked_for_where_the_server_has_one():
    with DevServer(api_key="sesame") as server:
        assert say(server, PAPER).status_code == 401
        assert httpx2.get(f"{server.base_url}/models", headers={"Authorization": "Bearer sesame"}).status_code == 200


def test_it_lists_its_models_and_says_that_it_lives(server):
    listed = httpx2.get(f"{server.base_url}/models").json()["data"]

    assert [model["id"] for model in listed] == ["text", "vision"] and listed[0]["max_model_len"] == 32_768
    assert httpx2.get(server.base_url.removesuffix("/v1") + "/health").status_code == 200


def test_requests_beyond_the_slots_wait_and_metrics_say_so():
    with DevServer(slots=2) as server:
        server.otherwise = ok(after_s=0.5)
        threads = [threading.Thread(target=say, args=(server, PAPER)) for _ in range(5)]
        for thread in threads:
            thread.start()
        assert server.wait_for(lambda it: (it.book.n_running, it.book.n_waiting) == (2, 3))
        seen = metrics(server)
        for thread in threads:
            thread.join()

    assert (seen["num_requests_running"], seen["num_requests_waiting"]) == (2, 3)
    assert (server.book.n_running, server.book.n_waiting) == (0, 0)


# Faults, as a user asks for them.

#: What our reader makes of each fault when it does not pass.
OUTCOMES = {
    "truncated": "answer_truncated",
    "whitespace": "answer_truncated",
    "cut-json": "answer_invalid",
    "wrong-schema": "answer_invalid",
    "no-choices": "answer_empty",
    "empty": "answer_empty",
    "abort": "answer_refused",
    "another-model": None,
}


@pytest.mark.parametrize("name", [*FAULTS, "429", "503"])
def test_every_fault_can_be_asked_for_by_name_and_is_named_by_the_reader(server, name):
    _, server.otherwise = following(Script(), {name: 1.0}, seed=0, after_s=0)

    with stamina.set_testing(True, attempts=2, cap=True):
        if name in OUTCOMES:
            (reading,) = read(server, timeout_s=0.3)
            assert reading.error_code == OUTCOMES[name]
        else:
            with pytest.raises((ModelUnreachable, NotFound, SettingsInvalid)):
                read(server, timeout_s=0.3)


def statuses(seed, n=200):
    with DevServer() as server:
        _, server.otherwise = following(Script(), {"503": 0.3}, seed=seed, after_s=0)
        return [say(server, f"Text {i}.").status_code for i in range(n)]


def test_a_share_of_the_requests_fails_and_with_the_same_seed_the_same_ones():
    first = statuses(seed=1)

    assert 0.2 < first.count(503) / len(first) < 0.4
    assert statuses(seed=1) == first != statuses(seed=2)


def test_the_script_comes_first_then_rules_then_answers(tmp_path):
    path = tmp_path / "script.yaml"
    path.write_text(
        "script:\n  - {act: 429, retry_after_s: 2, times: 2}\n  - {act: answer, text: said}\n"
        "rules:\n  - {when: half-life, act: answer, record: {found: 1}}\n"
    )
    in_order, otherwise = following(load_script(path), {}, seed=0, after_s=0)
    with DevServer() as server:
        server.script(*in_order)
        server.otherwise = otherwise
        answers = [say(server, text) for text in ("a", "b", "c", "the half-life", "d")]

    assert [answer.status_code for answer in answers] == [429, 429, 200, 200, 200]
    assert answers[0].headers["Retry-After"] == "2.0"
    said = [answer.json()["choices"][0]["message"]["content"] for answer in answers[2:]]
    assert said == ["said", '{"found": 1}', "text"]


def test_the_script_in_the_documentation_is_valid(tmp_path):
    (text,) = re.findall(r"```yaml\n(.*?)```", (ROOT / "docs/dev-server.md").read_text(), re.DOTALL)
    (tmp_path / "script.yaml").write_text(text)

    in_order, _ = following(load_script(tmp_path / "script.yaml"), {}, seed=0, after_s=0)

    assert len(in_order) == 5


def test_the_documentation_names_every_fault():
    told = (ROOT / "docs/dev-server.md").read_text()

    assert not [name for name in FAULTS if f"`{name}`" not in told]


@pytest.mark.parametrize(
    ("text", "told"),
    [("script: [{act: 503, often: 3}]", "script.0.often"), ("script: 3", "script"), ("faults: [", "could not be read")],
)
def test_a_script_that_is_wrong_is_named(tmp_path, text, told):
    (tmp_path / "script.yaml").write_text(text)

    with pytest.raises(SettingsInvalid, match=re.escape(told)):
        load_script(tmp_path / "script.yaml")


def test_faults_that_cannot_be_are_named():
    with pytest.raises(SettingsInvalid, match="'503'"):
        fault_shares(["503"])
    with pytest.raises(SettingsInvalid, match="no fault 'fire'"):
        following(Script(), {"fire": 0.1}, seed=0, after_s=0)
    with pytest.raises(SettingsInvalid, match="between 0 and 1"):
        following(Script(), {"503": 0.7, "reset": 0.7}, seed=0, after_s=0)


def test_the_command_serves_until_it_is_interrupted(tmp_path):
    (tmp_path / "script.yaml").write_text(f"rules: [{{when: half-life, record: {json.dumps(RECORD)}}}]")
    command = [sys.executable, "-m", "cli", "dev-server", "--port", "0", "--script", "script.yaml", "--json"]
    serving = subprocess.Popen(
        command,
        cwd=tmp_path,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )
    try:
        told = "".join(iter(serving.stdout.readline, "}\n")) + "}"
        url = json.loads(told)["base_url"]
        (reading,) = read(url)
        taken = reread("dev-server", "--port", url.split(":")[2].removesuffix("/v1"))
    finally:
        serving.send_signal(signal.SIGINT)
    _, said = serving.communicate(timeout=20)

    assert reading.record == json.loads(GOOD)
    assert taken.returncode == 5 and "Name another with --port" in taken.stderr
    assert serving.returncode == 0 and "1 requests, 1 at once at most" in said
