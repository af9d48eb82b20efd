#!/usr/bin/env python3
"""Start the tiny vLLM servers, wait until they answer, run a command, stop them: `python bench/tiny_vllm/servers.py -- pytest -m vllm`.

The command finds their addresses in TINY_VLLM_TEXT, TINY_VLLM_LOOSE and TINY_VLLM_VISION. They listen on loopback, on free ports; each
writes a log, kept beside the models. They are stopped when the command ends, however it ends, and by the kernel where this process is
killed. Made by `make vllm`; ready after a minute or two, 3 GB each.
"""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [folder for folder in (str(ROOT),) if folder not in sys.path]

from kernel import die_with_parent  # noqa: E402

ENVIRONMENT = Path(os.environ.get("VLLM_VENV", ROOT / ".venv-vllm"))
HOOKS = Path(__file__).parent / "hooks"
READY_S = 600.0  #: for a start on two very busy cores; idle ones take a minute or two
STOP_S = 30.0  #: then it is killed
CONTEXT = 8192
STRICT = {"backend": "xgrammar", "disable_any_whitespace": True}

_STRICT = ["--structured-outputs-config", json.dumps(STRICT)]
_QUICK = ["--enforce-eager"]  #: not compiled: slower tokens, half the time to start

#: Each server's model, and what it is told. `loose` lacks the setting that keeps whitespace out of structured answers.
SERVERS: dict[str, tuple[str, list[str]]] = {
    "text": ("text", _STRICT),
    "loose": ("text", _QUICK),
    "vision": (
        "vision",
        [
            *_STRICT, *_QUICK, "--load-format", "dummy", "--limit-mm-per-prompt", '{"image": 2}',
            "--allowed-media-domains", "none.invalid",  # data URIs only; an empty list would allow every address
        ],
    ),
}  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Server:
    """One that runs."""

    name: str
    port: int
    process: subprocess.Popen[bytes]
    log: Path

    @property
    def base_url(self) -> str:
        return f"http://127.0.0.1:{self.port}/v1"

    @property
    def answers(self) -> bool:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.port}/health", timeout=2) as answer:
                return bool(answer.status == 200)
        except (urllib.error.URLError, OSError):
            return False


def command(name: str, port: int) -> list[str]:
    """The whole command line of this server."""
    model, options = SERVERS[name]
    return [
        str(ENVIRONMENT / "bin/python"), "-m", "vllm.entrypoints.openai.api_server",
        "--model", str(ENVIRONMENT / "models" / model), "--served-model-name", model, "--host", "127.0.0.1", "--port", str(port),
        "--max-model-len", str(CONTEXT), "--dtype", "float32", "--enable-prompt-tokens-details", *options,
    ]  # fmt: skip


def environment() -> dict[str, str]:
    quiet = {"VLLM_NO_USAGE_STATS": "1", "DO_NOT_TRACK": "1", "HF_HUB_OFFLINE": "1", "VLLM_CPU_KVCACHE_SPACE": "1"}
    return {**os.environ, **quiet, "PYTHONPATH": str(HOOKS), "VLLM_CACHE_ROOT": str(ENVIRONMENT / "cache")}


@contextmanager
def running(*names: str) -> Iterator[dict[str, Server]]:
    """These servers, answering; started side by side, stopped at the end of the block. Raises RuntimeError with the end of
    its log for one that does not come up."""
    with ExitStack() as stack:
        servers = {name: stack.enter_context(_started(name)) for name in names}
        for server in servers.values():
            _wait_for(server)
        yield servers


@contextmanager
def _started(name: str) -> Iterator[Server]:
    port, log = _free_port(), ENVIRONMENT / "logs" / f"{name}.log"
    log.parent.mkdir(parents=True, exist_ok=True)
    parent = os.getpid()
    with log.open("wb") as out:
        process = subprocess.Popen(
            command(name, port), cwd=ENVIRONMENT, env=environment(), stdin=subprocess.DEVNULL, stdout=out, stderr=out,
            preexec_fn=lambda: die_with_parent(parent, signal.SIGTERM),
        )  # fmt: skip
    try:
        yield Server(name=name, port=port, process=process, log=log)
    finally:
        process.terminate()
        try:
            process.wait(STOP_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _wait_for(server: Server) -> None:
    until = time.monotonic() + READY_S
    while not server.answers:
        if server.process.poll() is not None or time.monotonic() > until:
            why = "ended" if server.process.poll() is not None else f"did not answer within {READY_S:g} s"
            last = "\n".join(server.log.read_text(errors="replace").splitlines()[-20:])
            raise RuntimeError(f"The vLLM server {server.name!r} {why}. The end of {server.log}:\n{last}")
        time.sleep(0.5)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def main(arguments: Sequence[str]) -> int:
    if arguments[:1] != ["--"] or len(arguments) < 2:
        print(__doc__, file=sys.stderr)
        return 2
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    started = time.monotonic()
    print("starting vLLM servers (a minute or two)", file=sys.stderr, flush=True)
    try:
        with running(*SERVERS) as servers:
            told = {f"TINY_VLLM_{name.upper()}": server.base_url for name, server in servers.items()}
            print(f"ready after {time.monotonic() - started:.0f} s: {told}", file=sys.stderr, flush=True)
            return subprocess.run(arguments[1:], env={**os.environ, **told}, check=False).returncode
    except RuntimeError as error:
        print(error, file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
