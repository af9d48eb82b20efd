"""The main job as a user runs it: real commands, real Docling children, the real encoder, on the papers in samples/."""

from __future__ import annotations

import csv
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from tests.pdf_maker import PdfMaker

ROOT = Path(__file__).resolve().parent.parent
SAMPLES = ROOT / "samples"
MEASUREMENTS = str(ROOT / "prompts/measurements.yaml")
FINDINGS = str(ROOT / "prompts/findings.yaml")


def reread(
    *arguments: str, cwd: Path | None = None, stdin: str | None = None, **environment: str
) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "cli", *arguments],
        capture_output=True, text=True, input=stdin, cwd=cwd or ROOT, timeout=300, check=False,
        env={**os.environ, "PYTHONPATH": str(ROOT), **environment},
    )  # fmt: skip


def answer(*arguments: str, code: int = 0) -> Any:
    done = reread("--json", *arguments)
    assert done.returncode == code, done.stderr
    return json.loads(done.stdout)


@pytest.fixture(scope="module")
def blank(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A page that has nothing to read."""
    path = tmp_path_factory.mktemp("blank") / "blank.pdf"
    path.write_bytes(PdfMaker().box(0, 0, 595, 842).to_bytes())
    return str(path)


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory, blank: str) -> str:
    """A library with the samples added and read with measurements."""
    path = str(tmp_path_factory.mktemp("main") / "library")
    report = answer("add", str(SAMPLES), blank, "--library", path, code=1)
    assert report["added"] == 4
    assert [failure["code"] for failure in report["failures"]] == ["no_text_layer"]
    answer("reprocess", MEASUREMENTS, "--library", path)
    return path


def test_a_second_add_converts_nothing_and_still_names_what_failed(library, blank):
    report = answer("add", str(SAMPLES), blank, "--library", library, code=1)

    assert (report["added"], report["known"]) == (0, 4)
    assert [failure["name"] for failure in report["failures"]] == ["blank.pdf"]
    assert "convert" not in report["stage_s"]


def test_the_same_bytes_under_another_name_are_the_same_paper(library, tmp_path):
    copy = tmp_path / "renamed.pdf"
    copy.write_bytes((SAMPLES / "mouse-kinetics.pdf").read_bytes())

    assert answer("add", str(copy), "--library", library)["known"] == 1
    by_name = [answer("show", name, "--library", library)["document"]["id"] for name in ("renamed.pdf", "mouse-kinetics.pdf")]
    assert by_name[0] == by_name[1]


def test_the_second_identical_reprocess_reads_nothing_and_says_so(library):
    done = reread("reprocess", MEASUREMENTS, "--library", library)

    assert done.returncode == 0
    assert done.stdout.startswith("0 read")
    assert "4 of 4 documents were read whole before" in done.stdout
    assert [run["prompt_name"] for run in answer("runs", "--library", library)].count("measurements") == 1


def test_a_second_prompt_converts_nothing(library):
    before = answer("status", "--library", library)["blobs"]
    report = answer("reprocess", FINDINGS, "--library", library)

    assert report["read"] > 0
    assert answer("status", "--library", library)["blobs"] == before


def test_each_value_shows_its_sentence_and_its_place_on_the_page(library):
    lines = reread("export", "measurements", "--library", library).stdout.splitlines()
    evidence = [(line["document"]["name"], found) for line in map(json.loads, lines) for found in line["reading"]["evidence"]]

    assert len(evidence) > 50
    chunks = {
        chunk["id"]: chunk
        for name in {name for name, _ in evidence}
        for chunk in answer("show", name, "--library", library)["chunks"]
    }
    for _, found in evidence:
        start, end = found["span"]
        assert chunks[found["chunk_id"]]["text"][start:end] == found["quote"]
        assert found["page"] in {place["page"] for place in chunks[found["chunk_id"]]["places"]}
        assert found["box"]["left"] < found["box"]["right"]
        assert found["box"]["bottom"] < found["box"]["top"]


@pytest.mark.parametrize("mode", ["hybrid", "vector", "text"])
def test_a_search_finds_the_paper_that_is_about_it(library, mode):
    hits = answer("search", "half-life in mouse plasma", "--mode", mode, "--library", library)["hits"]

    assert hits[0]["doc_name"] == "mouse-kinetics.pdf"
    assert hits[0]["pages"]


def test_a_search_keeps_to_its_filters(library):
    hits = answer(
        "search", "temperature", "--page", "2", "--kind", "text", "--doc", "forecast-errors.pdf", "--library", library
    )["hits"]

    assert hits
    assert all(hit["doc_name"] == "forecast-errors.pdf" and 2 in hit["pages"] and hit["kind"] == "text" for hit in hits)
    assert answer("search", "temperature", "--year", "1901", "--library", library)["hits"] == []


def test_a_search_in_a_run_gives_values(library):
    hits = answer("search", "half-life", "--run", "measurements", "--library", library)["hits"]

    assert hits[0]["record"]["measurements"]


def test_show_gives_the_markdown(library):
    markdown = reread("show", "mouse-kinetics.pdf", "--markdown", "--library", library).stdout

    assert markdown.startswith("# Pharmacokinetics")
    assert "\n## " in markdown


def test_show_gives_the_quality_and_the_references(library, tmp_path):
    quality = reread("show", "mouse-kinetics.pdf", "--quality", "--library", library).stdout
    assert "confidence" in quality and "docling-parse" in quality

    references = answer("show", "mouse-kinetics.pdf", "--references", "--library", library)
    table = reread("show", "mouse-kinetics.pdf", "--references", "--library", library).stdout
    assert len(references) > 2
    assert all(entry["title"].split()[0] in table for entry in references if entry["title"])

    (tmp_path / "notes.md").write_text("# Notes\n\nThe water was clear on every day of the year.\n")
    answer("add", str(tmp_path / "notes.md"), "--library", str(tmp_path / "library"))
    quality = reread("show", "notes.md", "--quality", "--library", str(tmp_path / "library")).stdout
    assert "the format has no pages" in quality and "left out" not in quality


def test_export_writes_csv_and_parquet_with_the_same_rows(library, tmp_path):
    import pyarrow.parquet as pq

    for kind in ("csv", "parquet"):
        assert (
            reread("export", "measurements", "--format", kind, "--out", str(tmp_path / kind), "--library", library).returncode
            == 0
        )
    with (tmp_path / "csv").open() as file:
        rows = list(csv.DictReader(file))
    table = pq.read_table(tmp_path / "parquet")

    assert len(rows) == table.num_rows > 20
    assert rows[0]["quote"] == table["quote"][0].as_py()


def test_export_as_one_json_document_holds_the_same_extractions(library, tmp_path):
    lines = reread("export", "measurements", "--library", library).stdout.splitlines()

    assert answer("export", "measurements", "--library", library)["extractions"] == [json.loads(line) for line in lines]
    written = answer("export", "measurements", "--format", "csv", "--out", str(tmp_path / "m.csv"), "--library", library)
    assert written["rows"] > len(lines)


def test_the_library_agrees_with_itself(library):
    assert answer("audit", "--deep", "--library", library) == {"agrees": True, "findings": []}


def test_removing_a_paper_removes_it_everywhere(library, tmp_path):
    import shutil

    copy = str(tmp_path / "copy")
    shutil.copytree(library, copy)  # a library is copied by copying
    answer("remove", "mouse-kinetics.pdf", "--yes", "--library", copy)

    assert answer("audit", "--library", copy)["agrees"]
    hits = answer("search", "half-life in mouse plasma", "--library", copy)["hits"]
    assert "mouse-kinetics.pdf" not in {hit["doc_name"] for hit in hits}
    assert reread("show", "mouse-kinetics.pdf", "--library", copy).returncode == 2


def test_options_hold_before_and_after_the_command(library):
    before = reread("--library", library, "--json", "runs")
    after = reread("runs", "--library", library, "--json")

    assert json.loads(before.stdout) == json.loads(after.stdout)
    assert json.loads(reread("runs", "--json", REREAD_LIBRARY=library).stdout) == json.loads(after.stdout)


def test_a_list_on_stdin_is_added(library):
    done = reread(
        "add",
        "-",
        "--json",
        "--library",
        library,
        stdin=f"{SAMPLES / 'mouse-kinetics.pdf'}\n{SAMPLES / 'forecast-errors.pdf'}\n",
    )

    assert json.loads(done.stdout)["known"] == 2


@pytest.mark.parametrize(
    ("arguments", "code", "says"),
    [
        (["show", "nobody.pdf"], 2, "not_found"),
        (["nonsense"], 2, "No such command"),
        (["search", "x", "--year", "then"], 2, "--year"),
        (["export", "measurements", "--format", "parquet"], 2, "--out"),
        (["export", "no-such-run"], 2, "reread runs"),
        (["export", "measurements", "--out", "/nonexistent/m.jsonl"], 2, "/nonexistent"),
        (["reprocess", "missing.yaml"], 5, "missing.yaml"),
        (["reprocess", MEASUREMENTS, "--model", "nobody"], 2, "nobody"),
        (["runs", "--library", "/nonexistent/library"], 5, "reread add"),
    ],
)
def test_what_is_wrong_is_said_with_its_exit_code(library, arguments, code, says):
    done = reread(*arguments, REREAD_LIBRARY=library)

    assert done.returncode == code, done.stderr
    assert says in done.stderr
    assert done.stdout == ""
    assert "Traceback" not in done.stderr


def test_one_refused_file_alone_ends_with_4(tmp_path):
    (tmp_path / "notes.pdf").write_text("not a PDF at all")
    done = reread("add", str(tmp_path / "notes.pdf"), "--library", str(tmp_path / "library"))

    assert done.returncode == 4
    assert "unsupported_format" in done.stdout


def test_an_unknown_setting_is_named(tmp_path):
    (tmp_path / "reread.toml").write_text("convert_timeout = 3\n")
    done = reread("status", cwd=tmp_path)

    assert done.returncode == 5
    assert "convert_timeout" in done.stderr


def test_a_folder_that_is_no_library_is_left_alone(tmp_path):
    (tmp_path / "thesis.tex").write_text("precious")
    done = reread("add", str(SAMPLES / "mouse-kinetics.pdf"), "--library", str(tmp_path))

    assert done.returncode == 5
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.tex"]


def test_help_waits_for_nothing_slow():
    done = subprocess.run(
        [sys.executable, "-X", "importtime", "-m", "cli", "--help"], capture_output=True, text=True, cwd=ROOT, check=True
    )
    imported = {line.rpartition("|")[2].strip().partition(".")[0] for line in done.stderr.splitlines()}

    assert "typer" in imported
    assert not imported & {"torch", "docling", "docling_core", "lancedb", "sentence_transformers", "transformers", "openai"}


def _start(*arguments: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "cli", *arguments], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )  # fmt: skip


def _wait_for(condition, process: subprocess.Popen[str], timeout_s: float = 120) -> None:
    end = time.monotonic() + timeout_s
    while time.monotonic() < end and process.poll() is None and not condition():
        time.sleep(0.02)


def _jobs(library: Path) -> dict[str, int]:
    import sqlite3

    if not (library / "ledger.sqlite").exists():
        return {}
    try:
        with sqlite3.connect(library / "ledger.sqlite", timeout=10) as db:
            return dict(db.execute("SELECT state, count(*) FROM jobs GROUP BY state"))
    except sqlite3.OperationalError:
        return {}


@pytest.mark.parametrize("kind", [signal.SIGKILL, signal.SIGINT, signal.SIGTERM], ids=["kill -9", "Ctrl-C", "terminate"])
def test_an_add_that_is_ended_goes_on_with_the_next(tmp_path, kind):
    library = tmp_path / "library"
    process = _start("add", str(SAMPLES), "--library", str(library))
    _wait_for(lambda: _jobs(library).get("running", 0) > 0, process)
    process.send_signal(kind)
    _, said = process.communicate(timeout=60)
    if kind is not signal.SIGKILL:
        assert process.returncode == 130, said
        assert "goes on from there" in said

    report = answer("add", str(SAMPLES), "--library", str(library))

    assert report["added"] + report["known"] == 4
    assert answer("audit", "--deep", "--library", str(library))["agrees"]
    assert answer("status", "--library", str(library))["documents"] == 4


def test_a_reprocess_that_is_killed_goes_on_with_the_next(library, tmp_path):
    import shutil

    copy = tmp_path / "copy"
    shutil.copytree(library, copy)
    prompt = str(ROOT / "prompts/methods-and-data.yaml")
    process = _start("reprocess", prompt, "--library", str(copy))
    _wait_for(lambda: _jobs(copy).get("running", 0) > 0, process)
    process.kill()
    process.communicate(timeout=60)

    answer("reprocess", prompt, "--library", str(copy))
    again = answer("reprocess", prompt, "--library", str(copy))

    assert again["read"] == 0
    assert answer("audit", "--library", str(copy))["agrees"]
