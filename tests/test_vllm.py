"""What Reread does with real vLLM servers, text and vision, whose models know nothing: the mechanics are all real.

`make test-vllm` starts the servers and runs these; without them they are skipped.
"""

import base64
import io
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time

import httpx2
import pytest
import yaml
from jsonschema import Draft202012Validator
from processes import ROOT
from test_main_job import reread

from extract.devserver.server import DevServer

pytestmark = pytest.mark.vllm

PROMPT = ROOT / "bench/tiny_vllm/prompt.yaml"
BLOCK = 16  #: tokens of one block of vLLM's prefix cache


def address(lane):
    url = os.environ.get(f"TINY_VLLM_{lane.upper()}")
    if not url:
        pytest.skip("no vLLM server runs here; `make test-vllm` starts them")
    return url


@pytest.fixture(scope="session")
def text_url():
    return address("text")


@pytest.fixture(scope="session")
def vision_url():
    return address("vision")


@pytest.fixture
def here(text_url, sample_library_folder, tmp_path):
    """A working folder with a library of the samples and the text server in its portfolio."""
    shutil.copytree(sample_library_folder, tmp_path / "library")
    return configured(tmp_path, text_url)


def configured(folder, url, **settings):
    given = {"base_url": url, "model": "text", "context_tokens": 8192, "timeout_s": 300, "attempts": 2, **settings}
    lines = [f"{name} = {json.dumps(value)}" for name, value in given.items()]
    (folder / "reread.toml").write_text("\n".join(["[models.tiny]", *lines, ""]))
    return folder


def variant(folder, **changes):
    """The tiny prompt with these of its keys changed, in a file of this folder."""
    prompt = yaml.safe_load(PROMPT.read_text()) | changes
    (folder / "prompt.yaml").write_text(yaml.safe_dump(prompt, sort_keys=False))
    return folder / "prompt.yaml"


def reprocess(here, prompt, *more):
    """The command's exit code, its report, and what it stored."""
    done = reread("reprocess", str(prompt), "--model", "tiny", "--json", *more, cwd=here)
    report = json.loads(done.stdout)
    lines = reread("export", report["run_id"], cwd=here).stdout.splitlines() if "run_id" in report else []
    return done, report, [json.loads(line)["reading"] for line in lines]


def metrics(url):
    text = httpx2.get(url.removesuffix("/v1") + "/metrics", timeout=30).text
    return {name: float(value) for name, value in re.findall(r"^vllm:(\w+)\{[^}]*\} (\S+)$", text, re.MULTILINE)}


def comes_true(is_so, within_s=30):
    until = time.monotonic() + within_s
    while not is_so() and time.monotonic() < until:
        time.sleep(0.1)
    return is_so()


def test_every_stored_answer_fits_the_schema_and_says_what_it_cost(here, text_url):
    before = metrics(text_url)
    done, report, readings = reprocess(here, PROMPT)
    after = metrics(text_url)

    assert done.returncode == 0, done.stderr
    assert report["read"] == len(readings) > 20 and not report["failed"]
    schema = Draft202012Validator(yaml.safe_load(PROMPT.read_text())["schema"])
    assert not [error for reading in readings for error in schema.iter_errors(reading["record"])]
    for counted, stated in [
        ("prompt_tokens_total", "prompt_tokens"),
        ("generation_tokens_total", "completion_tokens"),
        ("prefix_cache_hits_total", "cached_tokens"),
    ]:
        assert sum(reading["usage"][stated] for reading in readings) == after[counted] - before[counted], stated
    assert all(reading["usage"]["seconds"] > 0 for reading in readings)


def test_the_instructions_are_read_once(here, text_url):
    _, _, readings = reprocess(here, variant(here, system="Once. " + yaml.safe_load(PROMPT.read_text())["system"]))

    shared = shared_tokens(text_url, here)
    whole = shared // BLOCK * BLOCK
    cached = [reading["usage"]["cached_tokens"] for reading in readings]
    assert shared > 200
    assert sum(n >= whole for n in cached) >= len(cached) - 8, "all but those in flight beside the first"


def shared_tokens(url, here):
    """The tokens that the requests for two units begin with in common, as the server's own tokenizer counts them."""
    with DevServer(models=["text"]) as server:
        shutil.copytree(here / "library", here / "copy")
        configured(here, server.base_url)
        reread("reprocess", str(here / "prompt.yaml"), "--model", "tiny", "--library", "copy", cwd=here)
        asked = [server.requests[i].body["messages"] for i in (0, -1)]
    ask = url.removesuffix("/v1") + "/tokenize"
    first, last = (httpx2.post(ask, json={"model": "text", "messages": said}).json()["tokens"] for said in asked)
    return next(i for i, (a, b) in enumerate(zip(first, last, strict=False)) if a != b)


def test_an_answer_that_runs_into_the_limit_is_a_named_failure_that_is_read_again(here):
    short = variant(here, options={"temperature": 0, "max_tokens": 8})
    done, report, readings = reprocess(here, short)
    again = reprocess(here, short)[1]

    assert done.returncode == 1 and set(report["failed"]) == {"answer_truncated"}
    assert all(reading["record"] is None and reading["raw"] for reading in readings)
    assert again["read"] == report["read"] > 0, "none of them was taken for done"


def test_a_request_that_is_longer_than_the_context_is_named_and_stops_nothing(here):
    configured(here, address("text"), context_tokens=100_000)  # more than the server has
    done, report, readings = reprocess(here, variant(here, options={"temperature": 0, "max_tokens": 8190}))

    assert done.returncode == 1 and set(report["failed"]) == {"answer_refused"}
    assert report["failed"]["answer_refused"] == len(readings)
    assert "context length" in readings[0]["error"] and "8192" in readings[0]["error"]


def test_a_model_that_the_server_does_not_have_is_named_before_anything_is_read(here, text_url):
    configured(here, text_url, model="other")
    done = reread("reprocess", str(PROMPT), "--model", "tiny", cwd=here)
    checked = reread("doctor", "--json", cwd=here)

    assert done.returncode == 2 and "'other'" in done.stderr and "[models.tiny]" in done.stderr
    assert {c["name"]: c["verdict"] for c in json.loads(checked.stdout)}["model tiny"] == "fail"


LONG = {"type": "string", "maxLength": 3000}


def test_what_is_interrupted_stops_at_the_server_too(here, text_url):
    schema = {"type": "object", "additionalProperties": False, "required": ["text"], "properties": {"text": LONG}}
    prompt = variant(here, schema=schema, options={"temperature": 0, "max_tokens": 4000})
    command = [sys.executable, "-m", "cli", "reprocess", str(prompt), "--model", "tiny"]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    reading = subprocess.Popen(command, cwd=here, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    assert comes_true(lambda: metrics(text_url)["num_requests_running"] >= 4, within_s=60)

    reading.send_signal(signal.SIGINT)
    reading.communicate(timeout=60)

    assert reading.returncode == 130
    assert comes_true(lambda: metrics(text_url)["num_requests_running"] == 0, within_s=10)
    found = metrics(text_url)
    assert found["num_requests_waiting"] == 0
    time.sleep(1)
    assert metrics(text_url)["generation_tokens_total"] == found["generation_tokens_total"], "nobody writes for nobody"


# One request, as it is. What is said of the dev-server here is what makes it fit to stand in for the real one.

SCHEMA = {
    "type": "object",
    "additionalProperties": False,
    "required": ["axis", "trend"],
    "properties": {"axis": {"type": "string", "maxLength": 30}, "trend": {"enum": ["up", "down", "none"]}},
}
FORM = {"type": "json_schema", "json_schema": {"name": "figure", "schema": SCHEMA, "strict": True}}


def chat(url, model, *parts, **body):
    request = {"model": model, "messages": [{"role": "user", "content": list(parts)}], "max_tokens": 200, "temperature": 0}
    return httpx2.post(f"{url}/chat/completions", json=request | body, timeout=300)


def words(text):
    return {"type": "text", "text": text}


def picture(url):
    return {"type": "image_url", "image_url": {"url": url}}


@pytest.fixture(scope="module")
def page():
    """The first page of a sample as a data URI."""
    import pypdfium2

    with pypdfium2.PdfDocument(ROOT / "samples/mouse-kinetics.pdf") as paper:
        file = io.BytesIO()
        paper[0].render(scale=1).to_pil().save(file, "PNG")
    return f"data:image/png;base64,{base64.b64encode(file.getvalue()).decode()}"


def test_a_picture_is_read_and_the_answer_fits_the_schema(vision_url, page):
    answer = chat(vision_url, "vision", words("What does it show?"), picture(page), response_format=FORM).json()
    without = chat(vision_url, "vision", words("What does it show?"), response_format=FORM).json()

    assert answer["choices"][0]["finish_reason"] == "stop"
    Draft202012Validator(SCHEMA).validate(json.loads(answer["choices"][0]["message"]["content"]))
    assert answer["usage"]["prompt_tokens"] - without["usage"]["prompt_tokens"] >= 16, "the picture was read"


def test_the_same_picture_is_known_again(vision_url, page):
    chat(vision_url, "vision", words("What does it show?"), picture(page))
    before = metrics(vision_url)
    chat(vision_url, "vision", words("Once more: what does it show?"), picture(page))
    after = metrics(vision_url)

    assert after["mm_cache_hits_total"] > before["mm_cache_hits_total"]


REQUESTS = {
    "good": {},
    "schema": {"response_format": FORM},
    "unknown model": {"model": "other"},
    "too long": {"max_tokens": 1_000_000},
    "picture from elsewhere": {"parts": [picture("http://127.0.0.1:9/figure.png")]},
    "no picture": {"parts": [picture("data:image/png;base64,bm8gcGljdHVyZQ==")]},
}


@pytest.mark.parametrize("name", REQUESTS)
def test_the_dev_server_answers_as_vllm_does(vision_url, name):
    body = dict(REQUESTS[name])
    parts = [words("What does it show?"), *body.pop("parts", ())]
    real = chat(vision_url, "vision", *parts, **body)
    with DevServer(context_tokens=8192) as server:
        ours = chat(server.base_url, "vision", *parts, **body)

    assert ours.status_code == real.status_code, real.text
    assert outline(ours.json()).items() <= outline(real.json()).items()
    if real.status_code >= 400:
        assert set(re.findall(r"maximum context length|does not exist|8192", real.text)) == set(
            re.findall(r"maximum context length|does not exist|8192", ours.text)
        )


def outline(value):
    """The keys of an answer with the types of what they hold."""
    if isinstance(value, dict):
        return {f"{key}.{below}": kind for key, part in value.items() for below, kind in outline(part).items()}
    if isinstance(value, list):
        return outline(value[0]) if value else {"": "list"}
    return {"": type(value).__name__}


def test_the_dev_server_has_vllms_metrics(text_url):
    chat(text_url, "text", words("Hello."), max_tokens=4)
    with DevServer() as server:
        chat(server.base_url, "text", words("Hello."))
        ours = set(metrics(server.base_url))

    assert not ours - set(metrics(text_url))
