"""`reread prompts` as a user runs it: list, lint, show, test, diff."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
from test_main_job import SAMPLES, answer, reread

from extract.devserver.server import DevServer

SHIPPED = Path(__file__).parents[1] / "prompts"

GAPS = """\
name: gaps
unit: chunk
reads: [text]
system: You read a passage of a paper.
prompt: List the band gaps.
schema: material, gap float, unit?: as printed
tests:
  - name: a gap in running text
    text: The band gap of ZnO was 3.2 eV at room temperature.
    expect: {records: [{gap: 3.2, unit: eV}]}
  - name: nothing to read
    text: We thank the editors for their patience and help.
    expect: {empty: true}
"""


@pytest.fixture
def here(tmp_path: Path) -> Path:
    """A working folder with two prompts; there is no library."""
    (tmp_path / "prompts").mkdir()
    (tmp_path / "prompts" / "gaps.yaml").write_text(GAPS)
    shutil.copy(SHIPPED / "measurements.yaml", tmp_path / "prompts")
    return tmp_path


def told(*arguments: str, cwd: Path, code: int = 0):
    done = reread("--json", "prompts", *arguments, cwd=cwd)
    assert done.returncode == code, done.stderr
    return json.loads(done.stdout)


def test_the_prompts_of_the_folder_are_listed_with_what_they_ask(here):
    (here / "prompts" / "broken.yaml").write_text("name: broken\n")
    rows = {Path(row["file"]).stem: row for row in told("list", cwd=here)}

    assert rows["gaps"]["fields"] == ["records: material, gap, unit"]
    assert (rows["gaps"]["unit"], rows["gaps"]["reads"], rows["gaps"]["route"], rows["gaps"]["tests"]) == (
        "chunk",
        ["text"],
        "auto",
        2,
    )
    assert rows["broken"]["problems"] and "name" not in rows["broken"]
    assert "gaps" in reread("prompts", "list", cwd=here).stdout


def test_lint_tells_every_problem_with_its_line_and_exits_5(here):
    assert told("lint", cwd=here)["problems"] == []

    (here / "gaps.yaml").write_text(GAPS.replace("gap float", "gap flaot").replace("unit: chunk", "unit: page"))
    done = reread("prompts", "lint", "gaps.yaml", "measurements", cwd=here)

    assert done.returncode == 5
    assert [line.split(": ")[0] for line in done.stdout.splitlines()] == ["gaps.yaml:2", "gaps.yaml:6"]
    assert [problem["line"] for problem in told("lint", "gaps.yaml", cwd=here, code=5)["problems"]] == [2, 6]


def test_a_prompt_that_is_not_there_is_named_with_those_that_are(here):
    done = reread("prompts", "show", "gap", cwd=here)

    assert done.returncode == 2
    assert "gaps, measurements" in done.stderr


def test_tests_of_a_prompt_are_read_without_a_library_and_without_a_server(here):
    report = told("test", "gaps", cwd=here)

    assert (report["model"], report["failed"]) == ("embedded", 0)
    assert [test["passed"] for test in report["tests"]] == [True, True]
    assert not (here / "library").exists()


def test_a_test_that_fails_says_what_was_expected_and_what_came_and_exits_1(here):
    (here / "gaps.yaml").write_text(GAPS.replace("gap: 3.2, unit: eV", "gap: 3.3, unit: eV"))
    done = reread("prompts", "test", "gaps.yaml", cwd=here)

    assert done.returncode == 1
    assert "3.3" in done.stdout and "3.2" in done.stdout
    assert "1 of 2 passed with embedded" in done.stdout
    assert told("test", "gaps.yaml", cwd=here, code=1)["tests"][0]["misses"][0]["path"] == "records"


def test_the_shipped_prompts_pass_their_tests(here):
    for path in sorted(SHIPPED.glob("*.yaml")):
        report = told("test", str(path), cwd=here)
        assert len(report["tests"]) >= 2, path
        assert report["failed"] == 0, report


def test_tests_are_read_by_a_model_on_a_server_where_one_is_named(here):
    with DevServer() as server:
        (here / "reread.toml").write_text(f'[models.small]\nbase_url = "{server.base_url}"\nmodel = "text"\n')
        done = reread("--json", "prompts", "test", "gaps", "--model", "small", cwd=here)

    assert done.returncode in (0, 1), done.stderr  # right or wrong, each test was read
    assert len(server.requests) == len(json.loads(done.stdout)["tests"]) == 2


def test_what_is_shown_is_what_is_sent(here):
    text = "The band gap of ZnO was 3.2 eV at room temperature."
    with DevServer() as server:
        (here / "reread.toml").write_text(f'[models.small]\nbase_url = "{server.base_url}"\nmodel = "text"\n')
        reread("prompts", "test", "gaps", "--model", "small", cwd=here)
    view = told("show", "gaps", "--text", text, "--model", "small", cwd=here)
    sent = next(asked.body for asked in server.requests if "ZnO" in asked.user)

    assert {key: sent[key] for key in view["body"]} == view["body"]
    assert view["body"]["model"] == "text"
    assert view["prefix_tokens"] > 0 and view["unit_tokens"] > 0


def test_the_request_of_a_stored_chunk_is_shown_with_its_title_and_its_text(tmp_path):
    library = str(tmp_path / "library")
    answer("add", str(SAMPLES / "mouse-kinetics.pdf"), "--library", library)
    show = (
        "--json",
        "prompts",
        "show",
        str(SHIPPED / "measurements.yaml"),
        "--doc",
        "mouse-kinetics.pdf",
        "--library",
        library,
    )
    first = json.loads(reread(*show).stdout)
    second = json.loads(reread(*show, "--chunk", "2").stdout)

    system, user = (message["content"] for message in first["body"]["messages"])
    assert system == second["body"]["messages"][0]["content"]
    assert user != second["body"]["messages"][1]["content"]
    assert user.startswith("List the quantities in this passage of the paper")
    assert reread(*show, "--chunk", "9999").returncode == 2


def test_a_difference_says_how_many_units_would_be_read_again(here):
    library = str(here / "library")
    answer("add", str(SAMPLES / "mouse-kinetics.pdf"), "--library", library)
    done = reread("--json", "reprocess", "prompts/measurements.yaml", "--library", library, cwd=here)
    text = (here / "prompts" / "measurements.yaml").read_text()
    (here / "other.yaml").write_text(text.replace("seed: 1", "seed: 2"))
    report = told("diff", "measurements", "other.yaml", cwd=here)

    assert report["units_read"] == json.loads(done.stdout)["read"] > 5
    assert f"the {report['units_read']} units" in report["asked_again"]


def test_a_request_for_people_is_json_on_stdout_and_its_size_on_stderr(here):
    done = reread("prompts", "show", "gaps", cwd=here)

    assert json.loads(done.stdout)["messages"][0]["role"] == "system"
    assert "is the same for every unit: a server reads it once" in done.stderr


def test_a_difference_is_told_by_field_and_by_line_with_what_would_be_asked_again(here):
    (here / "other.yaml").write_text(GAPS.replace("gap float", "gap int").replace("You read", "You see"))
    report = told("diff", "gaps", "other.yaml", cwd=here)
    shown = reread("prompts", "diff", "gaps", "other.yaml", cwd=here).stdout

    assert [(change["what"], change["path"]) for change in report["changes"]] == [("system", ""), ("field", "records[].gap")]
    assert "+You see a passage of a paper." in shown
    assert "field records[].gap type: number → integer" in shown
    assert "Everything would be asked again" in shown
    assert told("diff", "gaps", "gaps", cwd=here)["changes"] == []
