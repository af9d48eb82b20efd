"""docs/prompts.md is true: it speaks of every key, each of its examples is valid, and its transcript is what happens."""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest
from test_readme import pattern, plain

from extract.prompts.files import check_prompt
from extract.prompts.linting import DOCUMENT_WORDS, PROMPT_KEYS, UNIT_WORDS
from extract.prompts.part_linting import TEST_KEYS
from extract.prompts.schema_linting import HINTS
from records import RouteMode

ROOT = Path(__file__).resolve().parent.parent
TEXT = (ROOT / "docs" / "prompts.md").read_text()
BASE, *PARTS = re.findall(r"```yaml\n(.*?)```", TEXT, re.S)
(MODELS,) = re.findall(r"```python\n(.*?)```", TEXT, re.S)


def by_key(text: str) -> dict[str, str]:
    """The text of each key of a prompt file, or of a part of one."""
    return {found[1]: found[0] for found in re.finditer(r"^([a-z]+):.*\n(?:(?:[ \t].*)?\n)*", text, re.M)}


def with_part(part: str) -> str:
    """The first example of the page, with these keys in place of its own."""
    return "".join((by_key(BASE) | by_key(part)).values())


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A working folder with what the page speaks of."""
    (tmp_path / "models.py").write_text(MODELS)
    (tmp_path / "prompts" / "schemas").mkdir(parents=True)
    schema = by_key(BASE)["schema"].removeprefix("schema:\n")
    (tmp_path / "prompts" / "schemas" / "doses.json").write_text(as_json(schema))
    tests, line = (next(part for part in PARTS if part.startswith(key)) for key in ("tests:", "schema: drug"))
    for name, part in {
        "doses": "",
        "doses-with-tests": tests,
        "doses-in-one-line": f"{line}system: You read a passage.\n",
    }.items():
        (tmp_path / "prompts" / f"{name}.yaml").write_text(with_part(part))
    monkeypatch.chdir(tmp_path)
    return tmp_path


def as_json(yaml_text: str) -> str:
    import json

    import yaml

    return json.dumps(yaml.safe_load(yaml_text))


@pytest.mark.parametrize("part", ["", *PARTS], ids=lambda part: part.partition("\n")[0][:40] or "whole")
def test_every_example_of_the_page_is_a_valid_prompt(here, part):
    found, problems = check_prompt(with_part(part), folder=here / "prompts")

    assert found is not None, problems


def test_the_page_speaks_of_every_key_and_every_variable():
    rows = re.findall(r"^\| `(\w+)` \| (yes)? ?\|", TEXT, re.M)
    shown = {key for text in (BASE, *PARTS) for key in by_key(text)}

    assert {key: bool(is_needed) for key, is_needed in rows} == PROMPT_KEYS
    assert shown == PROMPT_KEYS.keys()
    for word in (*UNIT_WORDS, *DOCUMENT_WORDS, *HINTS, *TEST_KEYS, *RouteMode):
        assert re.search(rf"(?<!\w){word}(?!\w)", TEXT), word


def test_the_transcript_of_the_page_is_what_happens(here):
    for name in ("doses-with-tests", "doses-in-one-line"):
        (here / "prompts" / f"{name}.yaml").rename(here / f"{name}.yaml")
    (block,) = re.findall(r"```console\n(.*?)```", TEXT, re.S)
    for step in re.split(r"^\$ ", block, flags=re.M)[1:]:
        command, _, expected = step.partition("\n")
        arguments = [f"{one}.yaml" if one.startswith("doses-") else one for one in shlex.split(command)[1:]]
        done = subprocess.run(
            [sys.executable, "-m", "cli", *arguments],
            capture_output=True, text=True, check=False, timeout=120, env={"PYTHONPATH": str(ROOT), "PATH": ""},
        )  # fmt: skip
        printed = "\n".join(plain(line) for line in done.stdout.splitlines() if line.strip())
        assert re.fullmatch(pattern([line for line in expected.splitlines() if line.strip()]), printed), (
            done.stdout + done.stderr
        )
