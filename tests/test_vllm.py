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
from dataclasses import replace

import httpx2
import pytest
import yaml
from jsonschema import Draft202012Validator
from processes import ROOT
from small_reader import make_chunk, make_prompt
from test_main_job import reread

from extract.devserver.server import DevServer
from extract.models.reader import open_model_reader
from extract.models.seeing import Eyes
from extract.panel import read_all
from extract.units import make_units
from records import Box, FigureCrop, UnitFigure, UnitKind
from settings import ModelSettings

pytestmark = pytest.mark.vllm

PROMPT = ROOT / "bench/tiny_vllm/prompt.yaml"


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
    lines = reread("export", report["run_id"], "--failures", cwd=here).stdout.splitlines() if "run_id" in report else []
    return done, report, [json.loads(line)["reading"] for line in lines]


def metrics(url):
    text = httpx2.get(url.removesuffix("/v1") + "/metrics", timeout=30).text
    return {name: float(value) for name, value in re.findall(r"^vllm:(\w+)\{[^}]*\} (\S+)$", text, re.MULTILINE)}


def block_tokens(url):
    """The tokens of one block of the server's prefix cache: 16 on a GPU, 128 on a CPU."""
    text = httpx2.get(url.removesuffix("/v1") + "/metrics", timeout=30).text
    return int(re.findall(r'vllm:cache_config_info\{.*?[{,]block_size="(\d+)"', text)[0])


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
    whole = shared // block_tokens(text_url) * block_tokens(text_url)
    cached = [reading["usage"]["cached_tokens"] for reading in readings]
    assert whole > 200
    assert sum(n >= whole for n in cached) >= len(cached) - 8, "all but those in flight beside the first"


def shared_tokens(url, here):
    """The tokens that all requests begin with in common, as the server's own tokenizer counts them."""
    with DevServer(models=["text"]) as server:
        shutil.copytree(here / "library", here / "copy")
        configured(here, server.base_url, revision="another, or nothing would be asked")
        reread("reprocess", str(here / "prompt.yaml"), "--model", "tiny", "--library", "copy", cwd=here)
        asked = [one.body["messages"] for one in server.requests]
    ask = url.removesuffix("/v1") + "/tokenize"
    said = [httpx2.post(ask, json={"model": "text", "messages": one}).json()["tokens"] for one in asked]
    return next(i for i, tokens in enumerate(zip(*said, strict=False)) if len(set(tokens)) > 1)


def test_an_answer_that_runs_into_the_limit_is_a_named_failure_that_is_read_again(here):
    short = variant(here, options={"temperature": 0, "max_tokens": 8})
    done, report, readings = reprocess(here, short)
    again = reprocess(here, short)[1]

    assert done.returncode == 1 and set(report["failed"]) == {"answer_truncated"}
    assert all(reading["record"] is None and reading["raw"] for reading in readings)
    assert again["failed"] == report["failed"] and sum(report["failed"].values()) == len(readings) > 20, (
        "none was taken for done"
    )


def test_without_the_setting_that_forbids_it_a_model_writes_whitespace_and_that_is_named(here):
    configured(here, address("loose"))
    done, report, readings = reprocess(here, PROMPT, "--doc", "mouse-kinetics.pdf")

    assert done.returncode == 1 and report["failed"]["answer_truncated"] > 0
    cut = [reading for reading in readings if reading["error_code"] == "answer_truncated"]
    assert max(len(reading["raw"]) - len(reading["raw"].strip()) for reading in cut) > 100, "it wrote nothing else"


def test_a_request_that_is_longer_than_the_context_is_named_and_stops_nothing(here):
    configured(here, address("text"), context_tokens=100_000)  # more than the server has
    done, report, readings = reprocess(here, variant(here, prompt="Say what this is about. {{ 'Take your time. ' * 3000 }}"))

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


def chat(url, served, *parts, **body):
    request = {"model": served, "messages": [{"role": "user", "content": list(parts)}], "max_tokens": 200, "temperature": 0}
    return httpx2.post(f"{url}/chat/completions", json=request | body, timeout=300)


def words(text):
    return {"type": "text", "text": text}


def picture(url):
    return {"type": "image_url", "image_url": {"url": url}}


@pytest.fixture(scope="module")
def png():
    """The first page of a sample."""
    import pypdfium2

    with pypdfium2.PdfDocument(ROOT / "samples/mouse-kinetics.pdf") as paper:
        file = io.BytesIO()
        paper[0].render(scale=1).to_pil().save(file, "PNG")
    return file.getvalue()


@pytest.fixture(scope="module")
def page(png):
    return f"data:image/png;base64,{base64.b64encode(png).decode()}"


def test_the_vision_lane_reads_a_figure_and_counts_what_it_sent(vision_url, png):
    chunk = make_chunk(0, "Figure 1. The concentration in plasma falls with time.")
    crop = FigureCrop(ref="#/pictures/0", page=4, box=Box(left=50, bottom=100, right=400, top=300), png="digest")
    (unit,) = make_units([chunk], None, UnitKind.CHUNK)
    unit = replace(unit, figures=(UnitFigure(crop=crop, chunk_id=chunk.id),))
    model = ModelSettings(lane="vision", base_url=vision_url, model="vision", timeout_s=300, max_pixels=200_000)
    eyes = Eyes(crop=lambda digest: png, pages=lambda doc_id, pages: [])
    prompt = replace(make_prompt(max_tokens=300), schema=SCHEMA)

    (reading,) = read_all(open_model_reader("eyes", model, eyes=eyes), prompt, [unit])

    assert reading.is_ok, reading.error
    Draft202012Validator(SCHEMA).validate(reading.record)
    assert reading.usage.images == 1 and 190_000 < reading.usage.pixels <= 200_000
    assert reading.usage.prompt_tokens > 16


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
    "too long": {"parts": [words("word " * 9000)]},
    "more tokens than the context has": {"max_tokens": 1_000_000},
    "as many tokens as the context has": {"max_tokens": 8192, "response_format": FORM},
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


@pytest.mark.parametrize("lane", ["text", "vision"])
def test_a_real_server_passes_every_question_of_models_check(lane, tmp_path):
    here = configured(tmp_path, address(lane), model=lane, lane=lane)
    done = reread("models", "check", "tiny", "--json", cwd=here)
    found = {checked["what"]: checked for checked in json.loads(done.stdout)}

    assert done.returncode == 0, done.stdout
    assert "tokens reused" in found["prefix cache"]["found"] and not found["prefix cache"]["found"].startswith("0 of")
    assert ("one image" in found) == (lane == "vision")


def test_calibrating_a_real_server_counts_its_tokens(text_url, tmp_path):
    here = configured(tmp_path, text_url, concurrency=4)
    before = metrics(text_url)
    found = json.loads(reread("models", "calibrate", "tiny", "--seconds", "2", "--json", cwd=here).stdout)
    after = metrics(text_url)

    warmed_up = 128
    written = sum(rate["completion_tokens"] for rate in found["rates"])
    assert after["generation_tokens_total"] - before["generation_tokens_total"] == pytest.approx(written + warmed_up, abs=1)
    assert {rate["concurrency"] for rate in found["rates"]} == {1, 4}
    assert found["j_per_token"] is None and "no GPU is named" in found["not_measured"]
