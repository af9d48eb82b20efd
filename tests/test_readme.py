"""The transcript in README.md is what really happens: each command is run, its output compared line by line, numbers aside."""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent


def steps() -> list[tuple[str, list[str]]]:
    """The commands of the README's console blocks, each with the lines that it prints; '…' stands for any lines."""
    found: list[tuple[str, list[str]]] = []
    for block in re.findall(r"```console\n(.*?)```", (ROOT / "README.md").read_text(), re.S):
        for line in block.rstrip().splitlines():
            if line.startswith("$ "):
                found.append((line[2:], []))
            else:
                found[-1][1].append(line)
    return found


def plain(line: str) -> str:
    """The line without what may differ: numbers, ids, white space."""
    return " ".join(re.sub(r"\b[0-9a-f]{12,}\b|\d+(?:[.,]\d+)*", "N", line).split())


def pattern(expected: list[str]) -> str:
    return r"\n".join(r"(?:.*\n?)*?.*" if line.strip() == "…" else re.escape(plain(line)) for line in expected)


def test_the_readme_opens_with_one_sentence_and_a_transcript():
    lines = [line for line in (ROOT / "README.md").read_text().splitlines() if line]

    assert lines[1].startswith("Convert scientific papers once; reread them with every new prompt.")
    assert lines[2] == "```console"
    assert steps()


def test_the_transcript_is_what_happens(tmp_path):
    for name in ("samples", "prompts"):
        (tmp_path / name).symlink_to(ROOT / name)
    for command, expected in steps():
        program, *arguments = shlex.split(command)
        if program != "reread":
            continue
        done = subprocess.run(
            [sys.executable, "-m", "cli", *arguments], capture_output=True, text=True, cwd=tmp_path, timeout=300, check=False
        )
        printed = [plain(line) for line in done.stdout.splitlines() if line.strip()]
        wanted = pattern([line for line in expected if line.strip()])
        if not re.fullmatch(wanted, "\n".join(printed)):
            pytest.fail(
                f"$ {command}\nprinted\n{done.stdout}\nthe README says\n"
                + "\n".join(expected)
                + f"\nstderr: {done.stderr[-500:]}"
            )
