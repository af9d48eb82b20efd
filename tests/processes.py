"""Real processes for the tests: a snippet of Python that runs beside the test, with our code and the test makers in reach."""

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent


def start(code: str, *arguments: object) -> subprocess.Popen[str]:
    """Run this code in a process of its own; `sys.argv[1:]` are the arguments. It can be spoken to through stdin and stdout."""
    return subprocess.Popen(
        [sys.executable, "-c", code, *map(str, arguments)],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=ROOT,
        env={**os.environ, "PYTHONPATH": f"{ROOT}{os.pathsep}{ROOT / 'tests'}"},
    )  # fmt: skip


def finished(process: subprocess.Popen[str]) -> str:
    """What it wrote to stdout; it must have ended well."""
    out, _ = process.communicate(timeout=120)
    assert process.returncode == 0
    return out
