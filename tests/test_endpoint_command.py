"""`reprocess --model` and `doctor` as a user runs them, against a real HTTP server that answers as such endpoints do."""

import json
import socket

import pytest
from test_main_job import MEASUREMENTS, SAMPLES, answer, reread

from extract.devserver.acts import busy, ok, truncated
from extract.devserver.counts import Costs
from extract.devserver.server import DevServer


@pytest.fixture(scope="module")
def library(tmp_path_factory):
    path = str(tmp_path_factory.mktemp("endpoint") / "library")
    answer("add", str(SAMPLES / "mouse-kinetics.pdf"), "--library", path)
    return path


@pytest.fixture
def server():
    with DevServer() as running:
        running.costs = Costs()
        yield running


def configured(tmp_path, base_url, model="text"):
    (tmp_path / "reread.toml").write_text(f'[models.small]\nbase_url = "{base_url}"\nmodel = "{model}"\nattempts = 2\n')
    return tmp_path


def test_a_model_reads_and_its_answers_have_evidence_and_tokens(library, server, tmp_path):
    here = configured(tmp_path, server.base_url)
    done = reread("reprocess", MEASUREMENTS, "--model", "small", "--library", library, "--json", cwd=here)
    report = json.loads(done.stdout)

    assert done.returncode == 0, done.stderr
    assert report["read"] == len(server.requests) > 5
    lines = reread("export", report["run_id"], "--library", library, cwd=here).stdout.splitlines()
    extraction = json.loads(lines[0])
    assert extraction["route"]["lane"] == "text"
    assert extraction["reading"]["usage"]["prompt_tokens"] == 100
    assert any(found["span"] for found in extraction["reading"]["evidence"])
    run = next(run for run in answer("runs", "--library", library) if run["id"] == report["run_id"])
    assert run["counts"]["prompt_tokens"] == 100 * report["read"]

    again = json.loads(reread("reprocess", MEASUREMENTS, "--model", "small", "--library", library, "--json", cwd=here).stdout)
    assert again["read"] == 0


def test_a_unit_that_fails_is_named_and_only_it_is_read_again(library, server, tmp_path):
    here = configured(tmp_path, server.base_url)
    findings = MEASUREMENTS.replace("measurements", "findings")
    server.otherwise = lambda handler, asked: (truncated() if "half-life" in asked.user else ok())(handler, asked)
    first = reread("reprocess", findings, "--model", "small", "--library", library, "--json", cwd=here)
    asked = len(server.requests)
    server.otherwise = ok()
    second = reread("reprocess", findings, "--model", "small", "--library", library, "--json", cwd=here)

    n_failed = sum(json.loads(first.stdout)["failed"].values())
    assert first.returncode == 1 and n_failed >= 1
    assert second.returncode == 0 and len(server.requests) - asked == n_failed
    assert json.loads(second.stdout)["read"] == n_failed
    assert answer("audit", "--library", library)["agrees"]


def test_without_its_server_a_model_ends_with_3_and_nothing_is_lost(library, tmp_path):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        here = configured(tmp_path, f"http://127.0.0.1:{free.getsockname()[1]}/v1")
    done = reread(
        "reprocess", MEASUREMENTS.replace("measurements", "bibliography"), "--model", "small", "--library", library, cwd=here
    )

    assert done.returncode == 3, done.stderr
    assert "model_unreachable" in done.stderr and "run the same command" in done.stderr
    assert answer("audit", "--library", library)["agrees"]


def test_doctor_tells_which_model_answers(library, server, tmp_path):
    here = configured(tmp_path, server.base_url)
    with_server = reread("doctor", "--json", "--library", library, cwd=here)
    server.models = ["another"]
    wrong = reread("doctor", "--json", "--library", library, cwd=here)

    checks = {check["name"]: check for check in json.loads(with_server.stdout)}
    assert checks["model small"]["verdict"] == "ok"
    assert checks["converter"]["verdict"] == "ok"
    assert {c["name"]: c["verdict"] for c in json.loads(wrong.stdout)}["model small"] == "fail"
    assert wrong.returncode != 0


def test_a_busy_server_is_waited_for(library, server, tmp_path):
    here = configured(tmp_path, server.base_url)
    server.script(busy(429, retry_after_s=0))
    done = reread(
        "reprocess",
        MEASUREMENTS.replace("measurements", "methods-and-data"),
        "--model",
        "small",
        "--library",
        library,
        cwd=here,
    )

    assert done.returncode == 0, done.stderr
