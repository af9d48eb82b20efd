"""What a run read leaves the library whole: as JSON lines, CSV and Parquet, each read back by its own tool."""

from __future__ import annotations

import csv
import io
import json
import re

import pyarrow.parquet as pq
import pytest
from makers import make_chunk, make_document, make_evidence, make_extraction

from errors import LibraryError
from store.export import write_csv, write_jsonl, write_parquet

DOCUMENT = make_document(title='He said "hi", then\nleft', doi="10.1/x")
CHUNK = make_chunk("The half-life was 2.3 h; the dose was 5 mg/kg.", doc_id=DOCUMENT.id, page=4)
DOCUMENTS = {DOCUMENT.id: DOCUMENT}


def of(record, *evidence):
    return make_extraction(CHUNK, record, evidence=[make_evidence(CHUNK, quote, field) for field, quote in evidence])


MEASURED = of(
    {"measurements": [{"name": "half-life", "value": 2.3, "quote": "x"}, {"name": "dose", "value": 5, "unit": {"mass": "mg"}}]},
    ("measurements[0].value", "half-life was 2.3 h"),
    ("measurements[1]", "dose was 5 mg/kg"),
)


def as_csv(*extractions) -> list[dict[str, str]]:
    out = io.StringIO(newline="")
    n = write_csv(extractions, DOCUMENTS, out)
    rows = list(csv.DictReader(io.StringIO(out.getvalue(), newline="")))
    assert n == len(rows)
    return rows


def as_parquet(tmp_path, *extractions) -> list[dict[str, object]]:
    n = write_parquet(extractions, DOCUMENTS, tmp_path / "out.parquet")
    rows = pq.read_table(tmp_path / "out.parquet").to_pylist()
    assert n == len(rows)
    return rows


def test_json_lines_hold_everything_of_each_extraction():
    out = io.StringIO()
    assert write_jsonl([MEASURED, of({"é": "日本"}, ("é", "half-life"))], DOCUMENTS, out) == 2

    first, second = map(json.loads, out.getvalue().splitlines())
    assert first["id"] == MEASURED.id
    assert first["reading"]["record"] == MEASURED.reading.record
    assert first["reading"]["evidence"][0]["span"] == [4, 23]
    assert first["document"] == {"name": "smith-2021.pdf", "title": DOCUMENT.title, "year": 2021, "doi": "10.1/x"}
    assert second["reading"]["record"] == {"é": "日本"}


def test_a_table_has_a_row_per_item_with_the_place_it_was_read_from():
    first, second = as_csv(MEASURED)

    assert (first["name"], first["value"], first["quote"], first["page"]) == ("half-life", "2.3", "half-life was 2.3 h", "4")
    assert (second["name"], second["unit.mass"], second["quote"]) == ("dose", "mg", "dose was 5 mg/kg")
    assert (first["doc_name"], first["title"], first["verdict"]) == ("smith-2021.pdf", DOCUMENT.title, "supported")
    assert json.loads(first["box"]) == [50.0, 700.0, 300.0, 712.0]
    assert list(first)[:3] == ["list", "name", "value"]


def test_parquet_keeps_numbers_and_names_the_same_columns(tmp_path):
    first, second = as_parquet(tmp_path, MEASURED)

    assert (first["value"], second["value"], first["year"], first["page"]) == (2.3, 5.0, 2021, 4)
    assert list(first) == list(as_csv(MEASURED)[0])


def test_a_record_without_a_list_is_one_row():
    assert as_csv(of({"finding": "yes", "n": None}, ("finding", "half-life")))[0]["finding"] == "yes"


def test_an_item_without_evidence_and_a_failure_give_no_row():
    assert as_csv(of({"measurements": [{"name": "invented"}]}, ("other", "half-life"))) == []
    assert as_csv(make_extraction(CHUNK, error_code="answer_invalid", error="no JSON", raw="{")) == []
    assert as_csv(of({"measurements": []}, ("measurements", "half-life"))) == []


def test_a_field_that_is_called_like_a_column_of_ours_is_kept_beside_it(tmp_path):
    extraction = of({"year": 1987, "title": "of the record"}, ("year", "half-life"))

    for row in (as_csv(extraction)[0], as_parquet(tmp_path, extraction)[0]):
        assert (str(row["record.year"]), row["record.title"]) == ("1987", "of the record")
        assert (str(row["year"]), row["title"]) == ("2021", DOCUMENT.title)


@pytest.mark.parametrize(
    "cell",
    [
        "=1+1", "=HYPERLINK(\"http://x\")", "@SUM(A1)", "+cmd|' /C calc'!A0", "-2+3+cmd|' /C calc'!A0", "-1=1", "-5+HYPERLINK(1)",
        "\t=1", "\r=1", "\n=1", "＝1+1", "－cmd", "+", "-", "-A1", "+1*A1",
    ],
)  # fmt: skip
def test_a_cell_that_a_spreadsheet_would_run_is_only_text(cell):
    row = as_csv(of({"value": cell}, ("value", "half-life")))[0]

    assert row["value"] == "'" + cell


@pytest.mark.parametrize("cell", ["-5", "+0.3", "-1.2e-5", "-5 °C", "-3.1 ± 0.2 kJ/mol", "a=b", "2-3", "", "'quoted'", "−5"])
def test_numbers_and_plain_text_are_left_as_they_are(cell):
    assert as_csv(of({"value": cell}, ("value", "half-life")))[0]["value"] == cell


def test_a_hostile_quote_or_title_is_as_harmless_as_a_value():
    chunk = make_chunk("=cmd|' /C calc'!A0", doc_id="x")
    document = make_document("=1+1.pdf", id="x", title="@title")
    out = io.StringIO(newline="")
    write_csv([make_extraction(chunk, {"value": 1})], {"x": document}, out)

    row = next(csv.DictReader(io.StringIO(out.getvalue(), newline="")))
    assert all(re.match("'", row[name]) for name in ("quote", "doc_name", "title"))


def test_a_column_of_several_types_or_of_huge_numbers_is_stored_as_text(tmp_path):
    records = [{"value": 5}, {"value": "five"}, {"value": [1, 2]}, {"value": None}, {"value": 2**70}]
    rows = as_parquet(tmp_path, *(of(record, ("value", "half-life")) for record in records))
    assert [row["value"] for row in rows] == ["5", "five", "[1, 2]", None, str(2**70)]
    huge = as_parquet(tmp_path, of({"value": 2**70}, ("value", "half-life")))
    assert huge[0]["value"] == str(2**70)


def test_a_run_that_found_nothing_is_a_table_with_its_columns_and_no_rows(tmp_path):
    assert as_csv() == []
    assert as_parquet(tmp_path) == []
    assert "doc_id" in pq.read_table(tmp_path / "out.parquet").column_names


def test_a_file_that_cannot_be_written_is_named(tmp_path):
    with pytest.raises(LibraryError, match="--out"):
        write_parquet([MEASURED], DOCUMENTS, tmp_path / "no folder" / "out.parquet")


def test_a_table_says_which_list_a_row_comes_from_and_keeps_the_records_own_fields():
    record = {
        "design": "a trial",
        "tags": [],
        "software": [{"name": "R"}],
        "methods": [{"name": "regression"}],
        "empty": [{"name": None}],
    }
    rows = as_csv(of(record, ("design", "half-life"), ("software[0].name", "dose"), ("methods[0]", "5 mg/kg")))

    assert [(row["list"], row["design"], row["name"], row["quote"]) for row in rows] == [
        ("", "a trial", "", "half-life"),
        ("software", "", "R", "dose"),
        ("methods", "", "regression", "5 mg/kg"),
    ]
