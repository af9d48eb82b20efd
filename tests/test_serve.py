"""The service as a team starts it: real `reread serve`, `reread worker` and `reread keys`, a real Redis, real conversions."""

from __future__ import annotations

import asyncio
import json
import os
import re
import shlex
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml
from needs import need
from processes import ROOT

from jobs.database import started
from serving import _listening

START_S = 60.0


@dataclass
class Running:
    """A process of ours with its address and what it wrote to stderr."""

    process: subprocess.Popen[bytes]
    log: Path
    url: str = ""

    def get(self, path: str, **headers: str) -> tuple[int, Any]:
        return self.ask(urllib.request.Request(self.url + path, headers=headers))

    def post(self, path: str, body: Any, **headers: str) -> tuple[int, Any]:
        data = json.dumps(body).encode()
        return self.ask(urllib.request.Request(self.url + path, data, {"Content-Type": "application/json", **headers}))

    def submit(self, *files: Path, **headers: str) -> tuple[int, Any]:
        mark = "mark-of-the-tests"
        parts = [
            f'--{mark}\r\nContent-Disposition: form-data; name="files"; filename="{file.name}"\r\n\r\n'.encode()
            + file.read_bytes()
            + b"\r\n"
            for file in files
        ]
        data = b"".join(parts) + f"--{mark}--\r\n".encode()
        kind = {"Content-Type": f"multipart/form-data; boundary={mark}"}
        return self.ask(urllib.request.Request(self.url + "/v1/documents", data, {**kind, **headers}))

    @staticmethod
    def ask(request: urllib.request.Request) -> tuple[int, Any]:
        try:
            with urllib.request.urlopen(request, timeout=60) as answer:
                return answer.status, json.loads(answer.read())
        except urllib.error.HTTPError as error:
            return error.code, json.loads(error.read())


def until(look: Any, *, seconds: float = START_S) -> Any:
    """What this gives once it gives anything."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if found := look():
            return found
        time.sleep(0.2)
    raise AssertionError(f"nothing came within {seconds:g} s")


@contextmanager
def reread(tmp_path: Path, *arguments: str, **env: str) -> Iterator[Running]:
    """A `reread` command that runs until the context ends, its library in tmp_path."""
    log = tmp_path / f"{arguments[0]}-{time.monotonic_ns()}.log"
    settings = {"REREAD_LIBRARY": str(tmp_path / "library"), "REREAD_PROMPTS": str(ROOT / "prompts"), "PYTHONPATH": str(ROOT)}
    with log.open("wb") as stream:
        process = subprocess.Popen(
            [sys.executable, "-m", "cli", *arguments], cwd=tmp_path, stderr=stream, stdout=stream, env={**os.environ, **settings, **env}
        )  # fmt: skip
    try:
        yield Running(process, log)
    finally:
        process.send_signal(signal.SIGINT)
        try:
            process.wait(timeout=45)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


@contextmanager
def serving(tmp_path: Path, *arguments: str, **env: str) -> Iterator[Running]:
    with reread(tmp_path, "serve", "--port", "0", *arguments, **env) as running:
        found = until(lambda: re.search(r"serves (http://\S+)", running.log.read_text()) or running.process.poll() is not None)
        assert not isinstance(found, bool), running.log.read_text()
        running.url = found[1]
        yield running


@contextmanager
def redis(tmp_path: Path) -> Iterator[str]:
    """A Redis of this test alone."""
    from serving import _started_redis

    program = shutil.which("redis-server")
    need(program, "redis-server is not installed: apt-get install redis-server")
    with _started_redis(str(program), tmp_path / "redis") as address:
        yield address


def command(tmp_path: Path, *arguments: str, **env: str) -> subprocess.CompletedProcess[str]:
    settings = {"REREAD_LIBRARY": str(tmp_path / "library"), "PYTHONPATH": str(ROOT)}
    return subprocess.run(
        [sys.executable, "-m", "cli", *arguments],
        cwd=tmp_path, capture_output=True, text=True, timeout=120, env={**os.environ, **settings, **env},
    )  # fmt: skip


def children(pid: int, name: str) -> list[int]:
    """The processes below this one whose command line holds this."""
    found, below = [], {pid}
    for path in sorted(Path("/proc").glob("[0-9]*"), key=lambda p: int(p.name)):
        try:
            parent = int((path / "stat").read_text().rpartition(")")[2].split()[1])
            line = (path / "cmdline").read_bytes().replace(b"\0", b" ").decode()
        except OSError:
            continue
        if parent in below:
            below.add(int(path.name))
            found += [int(path.name)] if name in line else []
    return found


def final(running: Running, job_id: str, **headers: str) -> Any:
    return until(
        lambda: (found := running.get(f"/v1/jobs/{job_id}", **headers)[1]) and found["is_final"] and found, seconds=120
    )


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """`reread serve` with everything that it starts."""
    need(shutil.which("redis-server"), "redis-server is not installed: apt-get install redis-server")
    with serving(tmp_path_factory.mktemp("service")) as running:
        yield running


def test_a_paper_is_submitted_read_and_found_with_three_requests(service, samples):
    status, answer = service.submit(samples / "mouse-kinetics.pdf", samples / "scanned-report.pdf")
    assert status == 202
    jobs = {job["name"]: final(service, job["id"]) for job in answer["jobs"]}
    assert (jobs["mouse-kinetics.pdf"]["state"], jobs["mouse-kinetics.pdf"]["pages_done"]) == ("done", 2)
    assert (jobs["scanned-report.pdf"]["state"], jobs["scanned-report.pdf"]["pages_done"]) == ("done", 2)

    status, run = service.post("/v1/runs", {"prompt": "measurements"})
    assert status == 202
    whole = until(lambda: (found := service.get(f"/v1/runs/{run['id']}")[1])["is_final"] and found)
    assert whole["state"] == "done"

    status, found = service.post("/v1/search", {"query": "half-life in mouse plasma", "limit": 3})
    assert status == 200
    assert any("half-life" in hit["text"] for hit in found["hits"])


def test_the_readme_is_what_happens(service):
    """Each curl line of the README, as it stands there but for the address."""
    need(shutil.which("curl"), "curl is not installed")
    lines = [line.strip() for line in (ROOT / "README.md").read_text().splitlines() if line.startswith("    curl ")]
    answers = []
    for line in lines:
        words = shlex.split(line.replace("http://127.0.0.1:8321", service.url))
        done = subprocess.run([*words, "-sS", "--fail-with-body"], cwd=ROOT, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout + done.stderr
        answers.append(json.loads(done.stdout))
        for job in answers[-1].get("jobs", []):
            assert final(service, job["id"])["state"] == "done"
        if run := answers[-1].get("run"):
            assert until(lambda run=run: service.get(run["links"]["self"])[1]["state"] == "done")
    submitted, found = answers
    assert submitted["jobs"][0]["name"] == "mouse-kinetics.pdf"
    assert "half-life" in found["hits"][0]["text"]


def test_the_same_paper_again_is_done_at_once(service, samples):
    _, first = service.submit(samples / "mouse-kinetics.pdf")
    final(service, first["jobs"][0]["id"])
    _, second = service.submit(samples / "mouse-kinetics.pdf")

    assert second["jobs"][0]["state"] == "done"


def test_a_worker_that_is_killed_is_started_again(service, samples, tmp_path):
    before = until(lambda: children(service.process.pid, "--queues convert"))
    os.kill(before[0], signal.SIGKILL)
    again = until(lambda: [pid for pid in children(service.process.pid, "--queues convert") if pid not in before])

    paper = tmp_path / "again.pdf"
    paper.write_bytes((samples / "forecast-errors.pdf").read_bytes() + b"\n% once more\n")
    _, answer = service.submit(paper)
    assert again
    assert final(service, answer["jobs"][0]["id"])["state"] == "done"


def test_ctrl_c_ends_everything_that_was_started(tmp_path):
    need(shutil.which("redis-server"), "redis-server is not installed: apt-get install redis-server")
    with serving(tmp_path) as running:
        until(lambda: len(children(running.process.pid, "--queues")) >= 3)
        pids = children(running.process.pid, "")
        assert len(pids) >= 4  # three workers and Redis
    assert running.process.returncode in (0, 130)
    assert [pid for pid in pids if started(pid)] == []


def test_nobody_is_let_in_from_outside_before_there_is_a_key(tmp_path):
    refused = command(tmp_path, "serve", "--host", "0.0.0.0", "--port", "0", REREAD_BROKER="redis://127.0.0.1:1/0")
    assert refused.returncode == 5
    assert "reread keys create" in refused.stderr

    made = command(tmp_path, "keys", "create", "ada", "--scope", "read", "--json")
    key = json.loads(made.stdout)
    assert key["key"].startswith("reread_")
    with redis(tmp_path) as broker, serving(tmp_path, "--host", "0.0.0.0", "--only", "api", REREAD_BROKER=broker) as running:
        running.url = running.url.replace("0.0.0.0", "127.0.0.1")
        assert running.get("/v1/jobs")[0] == 401
        assert running.get("/v1/jobs", **{"X-Api-Key": key["key"]})[0] == 200
        assert running.post("/v1/runs", {"prompt": "findings"}, **{"X-Api-Key": key["key"]})[0] == 403
        assert command(tmp_path, "keys", "revoke", key["id"]).returncode == 0
        assert running.get("/v1/jobs", **{"X-Api-Key": key["key"]})[0] == 401
    assert key["key"] not in "".join(path.read_text() for path in tmp_path.glob("*.log"))


def test_a_port_that_is_taken_is_said_before_anything_starts(tmp_path, service):
    refused = command(tmp_path, "serve", "--port", service.url.rpartition(":")[2])

    assert refused.returncode == 5
    assert "Give another --port" in refused.stderr


def test_an_answer_in_two_parts_is_not_held_back_until_the_first_is_acknowledged():
    async def accepted_socket_waits(listener: socket.socket) -> bool:
        waits: asyncio.Future[bool] = asyncio.get_running_loop().create_future()

        async def answer(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            accepted = writer.get_extra_info("socket")
            waits.set_result(not accepted.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY))
            writer.close()

        async with await asyncio.start_server(answer, sock=listener):
            _, writer = await asyncio.open_connection(*listener.getsockname())
            found = await waits
            writer.close()
            return found

    with _listening("127.0.0.1", 0) as listener:
        assert not asyncio.run(accepted_socket_waits(listener))


def commands_of_compose() -> dict[str, list[str]]:
    """The commands of our own services in docker-compose.yml."""
    services = yaml.safe_load((ROOT / "docker-compose.yml").read_text())["services"]
    found = {name: service.get("command") for name, service in services.items() if "command" in service}
    listed = {name: shlex.split(line) if isinstance(line, str) else list(map(str, line)) for name, line in found.items()}
    return {name: words for name, words in listed.items() if words[:1] == ["reread"] or words[:1] in (["serve"], ["worker"])}


def test_every_command_of_the_compose_file_serves(tmp_path, samples):
    """The API and each worker as the compose file starts them, on one Redis: together they convert a paper and read it."""
    ours = commands_of_compose()
    assert {"api", "worker-convert", "worker-extract", "worker-write"} <= set(ours)
    made = json.loads(command(tmp_path, "keys", "create", "team", "--scope", "admin", "--json").stdout)
    key = {"X-Api-Key": made["key"]}
    workers = [words[words[:1] == ["reread"] :] for name, words in ours.items() if name.startswith("worker")]
    api = [word for word in ours["api"] if word != "reread"]
    api[api.index("--port") + 1] = "0"
    with redis(tmp_path) as broker:
        env = {"REREAD_BROKER": broker, "REREAD_CONVERTERS": "1"}
        with (
            serving(tmp_path, *_after_serve(api), **env) as running,
            reread(tmp_path, *workers[0], **env),
            reread(tmp_path, *workers[1], **env),
            reread(tmp_path, *workers[2], **env),
        ):
            running.url = running.url.replace("0.0.0.0", "127.0.0.1")
            _, answer = running.submit(samples / "forecast-errors.pdf", **key)
            assert final(running, answer["jobs"][0]["id"], **key)["state"] == "done"
            assert command(tmp_path, "worker", "--is-alive", **env).returncode == 0
            _, run = running.post("/v1/runs", {"prompt": "findings"}, **key)
            assert until(lambda: running.get(f"/v1/runs/{run['id']}", **key)[1]["state"] == "done")
            doctor = command(tmp_path, "doctor", "--json", **env)
            found = {check["name"]: check["verdict"] for check in json.loads(doctor.stdout)}
            assert {found[name] for name in ("broker", "broker persistence", "broker eviction", "ledger", "workers")} == {"ok"}
        until(lambda: command(tmp_path, "worker", "--is-alive", **env).returncode == 1, seconds=90)


def _after_serve(words: list[str]) -> list[str]:
    """The options of a serve command without the port, which the test chooses."""
    rest = words[words.index("serve") + 1 :]
    at = rest.index("--port")
    return rest[:at] + rest[at + 2 :]
