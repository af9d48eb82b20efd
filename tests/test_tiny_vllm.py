"""How the real vLLM servers of `make test-vllm` are started and stopped, with stand-ins that start in no time."""

import json
import os
import subprocess
import sys

import pytest
from processes import ROOT

from bench.tiny_vllm import servers
from bench.tiny_vllm.platform_check import complaint

GLIBC = ("glibc", "2.31")


@pytest.mark.parametrize(
    ("system", "machine", "python", "libc"),
    [
        ("Darwin", "arm64", (3, 12), ("", "")),
        ("Linux", "riscv64", (3, 12), GLIBC),
        ("Linux", "x86_64", (3, 15), GLIBC),
        ("Linux", "x86_64", (3, 12), ("glibc", "2.17")),
        ("Linux", "x86_64", (3, 12), ("", "")),
    ],
)
def test_where_vllm_cannot_be_installed_one_sentence_says_so(system, machine, python, libc):
    told = complaint(system, machine, python, libc)

    assert f"this is {system} {machine} with Python {python[0]}.{python[1]}" in told and "everything else can" in told
    assert "\n" not in told


def test_where_it_can_be_installed_nothing_is_said():
    assert complaint("Linux", "x86_64", (3, 11), GLIBC) is None


@pytest.fixture
def environment(tmp_path, monkeypatch):
    """An environment whose python is a script of ours: give it the script."""
    monkeypatch.setattr(servers, "ENVIRONMENT", tmp_path)
    (tmp_path / "bin").mkdir()

    def made(script):
        (tmp_path / "bin/python").write_text(f"#!/bin/sh\n{script}\n")
        (tmp_path / "bin/python").chmod(0o755)

    return made


#: In place of vLLM: the dev-server, on the port that it is told.
STAND_IN = f"""\
while [ "$1" != --port ]; do shift; done
PYTHONPATH={ROOT} exec {sys.executable} -m cli dev-server --port "$2"
"""


def test_a_server_that_does_not_come_up_is_named_with_the_end_of_its_log(environment):
    environment("echo there is no such model; exit 3")

    with pytest.raises(RuntimeError, match=r"'text' ended\. .*\n.*no such model"), servers.running("text"):
        pass


def test_servers_answer_inside_the_block_and_are_gone_after_it(environment):
    environment(STAND_IN)

    with servers.running("text", "vision") as found:
        assert all(server.answers for server in found.values())

    assert [server.process.poll() for server in found.values()] == [0, 0]


def test_servers_are_stopped_where_the_block_fails(environment):
    environment(STAND_IN)

    with pytest.raises(KeyError), servers.running("text") as found:
        raise KeyError

    assert found["text"].process.poll() is not None


def test_the_command_is_told_the_addresses_and_its_exit_code_is_ours(environment, tmp_path):
    environment(STAND_IN)
    told = tmp_path / "told.json"
    code = f"import json, os, sys; json.dump(dict(os.environ), open({str(told)!r}, 'w')); sys.exit(7)"

    assert servers.main(["--", sys.executable, "-c", code]) == 7

    seen = json.loads(told.read_text())
    assert seen["TINY_VLLM_TEXT"].startswith("http://127.0.0.1:") and seen["TINY_VLLM_VISION"].endswith("/v1")
    assert seen["TINY_VLLM_TEXT"] != seen["TINY_VLLM_VISION"]


def test_without_a_server_the_tests_that_need_one_are_skipped_on_ci_too():
    environment = {name: value for name, value in os.environ.items() if not name.startswith("TINY_VLLM")}
    command = [sys.executable, "-m", "pytest", "tests/test_vllm.py", "-rs", "-p", "no:cacheprovider"]
    done = subprocess.run(command, cwd=ROOT, env={**environment, "CI": "true"}, capture_output=True, text=True, check=False)

    assert done.returncode == 0 and "make test-vllm" in done.stdout and " passed" not in done.stdout
