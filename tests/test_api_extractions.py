"""What was read, over HTTP: by page, as NDJSON, as Parquet; every value with its quote, its page and its box; each tenant its own."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
from api_reading import PROMPT, read, with_reader
from api_server import Api, serving
from fake_flow import FAILED, FakeReader
from makers import BOX, make_chunk, make_evidence, make_paper

import store.finding as finding
from records import Reading, Verdict

EMPTY = Reading(record={"value": None})
UNFOUND = Reading(
    record={"value": "5 h", "nested": {"unit": "h", "list": [{"a": None}, {"a": 1}]}},
    evidence=(
        make_evidence(make_chunk("Second.", page=2), "Second."),
        type(make_evidence(make_chunk()))(
            field="value", quote="made up", chunk_id="c", span=None, page=None, box=None, verdict=Verdict.CONTRADICTED
        ),
    ),
)


@pytest.fixture
def api(tmp_path: Path) -> Iterator[Api]:
    with serving(tmp_path) as api:
        with_reader(api)
        yield api


def items(api: Api, path: str = "/v1/extractions", *, key: str | None = None, **query: Any) -> list[dict[str, Any]]:
    """Every page of a list."""
    seen: list[dict[str, Any]] = []
    cursor: dict[str, str] = {}
    while True:
        answer = api.get(path, key=key or api.alice, params={**query, **cursor})
        assert answer.status_code == 200, answer.text
        page = answer.json()
        seen += page["items"]
        if not page["next_cursor"]:
            return seen
        cursor = {"cursor": page["next_cursor"]}


def test_every_value_comes_with_its_quote_its_page_and_its_box(api):
    api.store(make_paper("a.pdf", ["The half-life was 2.3 h."], doi="10.1/a"))
    run = read(api)
    (found,) = items(api)

    assert found["record"]["value"] == "The half-life was 2.3 h."
    assert found["document"] | {"id": ""} == {"id": "", "name": "a.pdf", "title": "On a.pdf", "year": 2021, "doi": "10.1/a"}
    assert (found["prompt"]["name"], found["status"], found["lane"], found["error"]) == ("half-life", "ok", "embedded", None)
    (evidence,) = found["evidence"]
    assert (evidence["field"], evidence["quote"], evidence["page"]) == ("value", "The half-life was 2.3 h.", 1)
    assert evidence["box"] == {"left": BOX.left, "bottom": BOX.bottom, "right": BOX.right, "top": BOX.top}
    assert (evidence["span"], evidence["verdict"]) == ([0, 24], "supported")
    assert items(api, f"/v1/runs/{run['id']}/results") == [found]


def test_pages_give_everything_once_whatever_their_size(api):
    api.store_named(*(f"{n}.pdf" for n in range(25)))
    read(api)
    everything = items(api, limit=500)

    assert len(everything) == 75
    for size in (1, 7, 75):
        assert items(api, limit=size) == everything
    answer = api.get("/v1/extractions?limit=1", key=api.alice)
    assert 'rel="next"' in answer.headers["Link"]


def test_what_is_read_between_two_pages_shifts_nothing(api):
    api.store_named("a.pdf", "b.pdf")
    read(api)
    first = api.get("/v1/extractions?limit=2", key=api.alice).json()
    api.store_named("c.pdf", "d.pdf", "e.pdf")
    read(api, prompt=PROMPT.replace("Give", "Name"))
    rest = items(api, cursor=first["next_cursor"])

    ids = [found["id"] for found in first["items"] + rest]
    assert len(set(ids)) == len(ids)
    assert {found["document"]["name"] for found in rest} >= {"a.pdf", "b.pdf"} - {f["document"]["name"] for f in first["items"]}


def test_filters_narrow_by_run_prompt_document_field_status_and_verdict(api):
    with_reader(api, FakeReader(outcomes={"First.": [FAILED, EMPTY], "Second.": [UNFOUND]}))
    a, b = api.store_named("a.pdf", "b.pdf")
    run = read(api)
    other = read(api, prompt=PROMPT.replace("half-life", "gap"), documents=[a])

    def count(**query: Any) -> int:
        return len(items(api, **query))

    assert count() == 8  # of nine: one was read and held nothing
    assert count(empty=True) == 9
    assert (count(run=run["id"]), count(run=other["id"])) == (5, 3)
    assert (count(prompt="half-life"), count(prompt="gap"), count(prompt=other["prompt_hash"])) == (5, 3, 3)
    assert (count(document=a), count(document=[a, b])) == (8 - count(document=b), 8)
    assert (count(status="failed"), count(status="ok"), count(status="ok", empty=True)) == (1, 7, 8)
    assert (count(verdict="not_found"), count(verdict="supported")) == (1, 6)
    assert (count(field="value"), count(field="nested.unit"), count(field="nested.list.a"), count(field="none")) == (7, 1, 1, 0)
    (failed,) = items(api, status="failed")
    assert failed["error"] == {"code": "answer_invalid", "detail": "no JSON", "raw": "{"}
    (wrong,) = items(api, verdict="not_found")
    assert [(e["page"], e["box"] is None) for e in wrong["evidence"]] == [(2, False), (None, True)]


def test_ndjson_streams_everything_that_the_pages_give(api):
    api.store_named(*(f"{n}.pdf" for n in range(25)))
    run = read(api)
    for path, headers in (
        ("/v1/extractions", {"Accept": "application/x-ndjson"}),
        ("/v1/extractions?format=ndjson", {}),
        (f"/v1/runs/{run['id']}/results?format=ndjson", {}),
    ):
        answer = api.get(path, key=api.alice, headers=headers)
        assert answer.headers["Content-Type"].startswith("application/x-ndjson")
        assert [json.loads(line) for line in answer.text.splitlines()] == items(api, limit=500)
    assert len(api.get("/v1/extractions?format=ndjson&limit=7", key=api.alice).text.splitlines()) == 7


def test_parquet_has_a_row_per_extraction_with_its_evidence_in_row_groups(api, monkeypatch):
    monkeypatch.setattr(finding, "ROWS_PER_GROUP", 10)
    with_reader(api, FakeReader(outcomes={"First.": [FAILED]}))
    api.store_named(*(f"{n}.pdf" for n in range(25)))
    run = read(api)
    answer = api.get(f"/v1/runs/{run['id']}/results?format=parquet", key=api.alice)
    file = pq.ParquetFile(io.BytesIO(answer.content))
    rows = file.read().to_pylist()
    listed = items(api, limit=500)

    assert answer.headers["Content-Type"] == "application/vnd.apache.parquet"
    assert "attachment" in answer.headers["Content-Disposition"]
    assert (file.metadata.num_rows, file.metadata.num_row_groups) == (75, 8)
    assert [row["id"] for row in rows] == [found["id"] for found in listed]
    assert [row["doc_name"] for row in rows] == [found["document"]["name"] for found in listed]
    good = next(row for row in rows if row["status"] == "ok")
    assert json.loads(good["record"])["value"] == good["evidence"][0]["quote"]
    assert (good["evidence"][0]["page"], good["evidence"][0]["left"]) == (good["evidence"][0]["page"], BOX.left)
    (bad,) = [row for row in rows if row["status"] == "failed"]
    assert (bad["record"], bad["error_code"]) == (None, "answer_invalid")


def test_parquet_of_nothing_is_a_file_with_the_same_columns(api):
    api.store_named("a.pdf")
    run = read(api)
    some, none = (
        pq.ParquetFile(io.BytesIO(api.get(f"/v1/runs/{run['id']}/results?format=parquet{more}", key=api.alice).content))
        for more in ("", "&field=none")
    )

    assert none.metadata.num_rows == 0
    assert none.schema_arrow.equals(some.schema_arrow)


def test_a_stream_is_sent_while_it_is_made(api, monkeypatch):
    monkeypatch.setattr(finding, "MOST", finding.FEWEST)
    api.store_named(*(f"{n}.pdf" for n in range(30)))
    read(api)
    asked: list[int] = []
    documents = type(api.place.library).documents

    def counted(self: Any, ids: Any = None) -> Any:
        asked.append(len(ids))
        return documents(self, ids)

    monkeypatch.setattr(type(api.place.library), "documents", counted)
    with api.client.stream("GET", "/v1/extractions?format=ndjson", headers={"Authorization": f"Bearer {api.alice}"}) as answer:
        n = sum(1 for _ in answer.iter_lines())

    assert n == 90
    assert len(asked) == 3
    assert max(asked) == 10


def test_a_tenant_sees_what_its_runs_and_the_librarys_read_in_papers_that_it_sees(api):
    api.store_named("open.pdf")
    api.store_named("of-bob.pdf", tenant="bob")
    of_bob = read(api, key=api.bob)

    assert items(api) == []
    assert len(items(api, key=api.bob)) == 6
    assert len(items(api, key=api.admin)) == 6
    assert api.get(f"/v1/extractions?run={of_bob['id']}", key=api.alice).status_code == 404
    # The same question of the same tenant's own: the reading key is bob's too, the documents are not.
    read(api)
    assert {found["document"]["name"] for found in items(api)} == {"open.pdf"}
    secret = next(f["document"]["id"] for f in items(api, key=api.bob) if f["document"]["name"] == "of-bob.pdf")
    assert items(api, document=secret) == []


def test_extractions_of_a_deleted_document_are_gone(api):
    import pipeline

    (doc_id,) = api.store_named("a.pdf")
    read(api)
    pipeline.remove([doc_id], library=api.place.library, ledger=api.ledger)

    assert items(api) == []


@pytest.mark.parametrize(
    "query",
    [
        "limit=0",
        "limit=501",
        "status=maybe",
        "verdict=yes",
        "run=../x",
        "document=a.pdf",
        "field=",
        "field=a..b",
        "format=csv",
        "cursor=x",
    ],
)
def test_a_query_that_does_not_fit_is_refused_as_a_problem(api, query):
    answer = api.get(f"/v1/extractions?{query}", key=api.alice)

    assert (answer.status_code, answer.json()["code"]) == (422, "invalid_request")


def test_a_page_that_takes_too_long_is_given_as_it_is_with_the_cursor_to_go_on(api, monkeypatch):
    import api.extractions as extractions

    monkeypatch.setattr(extractions, "PAGE_S", 0.0)
    monkeypatch.setattr(finding, "MOST", finding.FEWEST)
    api.store_named(*(f"{n}.pdf" for n in range(30)))
    read(api)
    first = api.get("/v1/extractions?field=none", key=api.alice).json()

    assert first["items"] == []
    assert first["next_cursor"]
    assert items(api, field="none") == []
    assert len(items(api, limit=500)) == 90
