"""The path of someone new, after installation, in three commands: start the service, submit a paper with a prompt, search what was read.

The commands are those that one would type; what waits for a job or a run between them asks the same service whether it is done.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from bench.load.table import Line
from bench.service_rig import ROOT, command_of, descendants, free_port, kill, wait_until

MOST_S = 300.0
PAPER = "samples/mouse-kinetics.pdf"
PROMPT = "measurements"
QUESTION = "half-life in mouse plasma"


def first_result() -> list[Line]:
    port = free_port()
    with tempfile.TemporaryDirectory(prefix="first-") as folder:
        command = [str(Path(sys.executable).with_name("reread")), "serve", "--port", str(port)]
        environment = {**os.environ, "REREAD_LIBRARY": str(Path(folder) / "library")}
        log = Path(folder) / "serve.log"
        started = time.monotonic()
        with log.open("wb") as out:
            service = subprocess.Popen(command, cwd=ROOT, env=environment, stdout=out, stderr=out)
        try:
            steps, hit = _walk(f"http://127.0.0.1:{port}", started)
        except AssertionError as error:
            return [
                Line(
                    name="first_result",
                    goal="a value that was read",
                    measured=f"{error}; {log.read_text()[-500:]}",
                    is_met=False,
                )
            ]
        finally:
            _end(service)
    said = ", ".join(f"{name} {at:.0f} s" for name, at in steps.items())
    total_s = max(steps.values())
    return [
        Line(
            name="first_result: `reread serve`, curl a paper with a prompt, curl a search", goal=f"3 commands, {MOST_S:.0f} s",
            measured=said, is_met=total_s <= MOST_S,
        ),
        Line(
            name=f"first_result: what {QUESTION!r} finds", goal="a value with its page",
            measured=f"{hit['text'][:80]!r}, {hit['document_name']}, page {hit['page']}", is_met=bool(hit["record"] and hit["page"]),
        ),
    ]  # fmt: skip


def _walk(url: str, started: float) -> tuple[dict[str, float], dict[str, Any]]:
    """When each step was over, in seconds since the first command, and the best hit. Raises AssertionError where one fails."""
    steps: dict[str, float] = {}

    def reached(step: str, is_so: Callable[[], Any]) -> None:
        assert wait_until(is_so, timeout_s=MOST_S, tick_s=0.5), f"{step}: not within {MOST_S:.0f} s"
        steps[step] = time.monotonic() - started

    reached("up after", lambda: _curl(f"{url}/livez") is not None)
    submitted = _curl("-F", f"files=@{PAPER}", "-F", f"prompt={PROMPT}", f"{url}/v1/documents")
    assert submitted and submitted.get("run"), f"the submission was answered {submitted}"
    reached("read after", lambda: (_curl(url + submitted["run"]["links"]["self"]) or {}).get("state") == "done")
    found = _curl("--json", json.dumps({"query": QUESTION, "in": "extractions"}), f"{url}/v1/search")
    assert found and found.get("hits"), f"the search was answered {found}"
    steps["found after"] = time.monotonic() - started
    return steps, found["hits"][0]


def _curl(*arguments: str) -> Any:
    """What curl prints, as JSON; None where the service does not answer."""
    program = shutil.which("curl")
    assert program, "curl is not installed"
    done = subprocess.run([program, "-sS", "-m", "60", *arguments], cwd=ROOT, capture_output=True, text=True, check=False)
    return json.loads(done.stdout) if done.returncode == 0 and done.stdout else None


def _end(service: subprocess.Popen[bytes]) -> None:
    """As Ctrl-C ends it; what is left after its time of grace is killed."""
    below = {pid: command_of(pid) for pid in descendants(service.pid)}
    service.terminate()
    try:
        service.wait(timeout=60)
    except subprocess.TimeoutExpired:
        service.kill()
        service.wait()
    for pid, command in below.items():
        if command and command_of(pid) == command:  # the number may be another process's by now
            kill(pid)
