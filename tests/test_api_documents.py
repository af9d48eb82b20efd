"""Papers over HTTP: submitted, kept, listed, fetched, deleted; and never shown to whom they do not belong."""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from api_server import PDF, Api, pdf, serving
from makers import BOX, make_paper

import pipeline
from api import submissions
from errors import FetchFailed
from ingest.bibfile import BibFile
from ingest.fetching import Fetched
from jobs.access import Quotas, Scope
from records import BibEntry, FigureCrop, JobState, Queue, Reference, as_json


@pytest.fixture
def api(tmp_path: Path) -> Iterator[Api]:
    with serving(tmp_path) as api:
        yield api


def sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def uploads(api: Api) -> list[str]:
    return sorted(path.name for path in (api.root / "uploads").rglob("*") if path.is_file())


def test_an_accepted_paper_is_on_the_disk_under_its_hash_and_queued_and_the_workers_are_told(api):
    answer = api.post("/v1/documents", key=api.alice, files=[("files", ("smith.pdf", PDF))], data={"priority": "3"})

    (job,) = answer.json()["jobs"]
    assert answer.status_code == 202
    assert answer.headers["location"] == f"/v1/jobs/{job['id']}" and int(answer.headers["retry-after"]) > 0
    assert (job["name"], job["state"], job["priority"], job["is_final"]) == ("smith.pdf", "queued", 3, False)
    assert uploads(api) == [sha256(PDF)]
    claimed = api.claim()
    assert Path(claimed.payload["path"]).read_bytes() == PDF
    assert claimed.payload["doc_id"] == job["document_id"] == sha256(PDF)
    assert api.rung == [Queue.CONVERT]


def test_a_prompt_that_is_not_there_is_refused_before_anything_is_queued(api):
    answer = api.post("/v1/documents", key=api.alice, files=[("files", ("a.pdf", PDF))], data={"prompt": "nobody-wrote-it"})

    assert (answer.status_code, answer.json()["code"]) == (404, "not_found")
    assert uploads(api) == []
    assert api.get("/v1/jobs", key=api.alice).json()["items"] == []


def test_several_papers_are_jobs_in_their_order(api):
    jobs = api.submit("one", "two", "three")

    assert [job["name"] for job in jobs] == ["one.pdf", "two.pdf", "three.pdf"]
    assert len({job["id"] for job in jobs}) == 3


def test_a_large_file_is_kept_whole(api):
    data = PDF + bytes(range(256)) * 20_000  # over several buffers, and with every byte there is

    api.post("/v1/documents", key=api.alice, files=[("files", ("large.pdf", data))])

    assert (api.root / "uploads" / sha256(data)).read_bytes() == data


def test_one_bad_file_of_several_costs_itself_only(api):
    files = [("files", ("a.pdf", pdf("a"))), ("files", ("b.pdf", b"")), ("files", ("c.pdf", b"<html>" + b" " * 2000))]

    answer = api.post("/v1/documents", key=api.alice, files=files)

    assert answer.status_code == 202
    assert [job["name"] for job in answer.json()["jobs"]] == ["a.pdf"]
    assert [(one["name"], one["code"]) for one in answer.json()["refused"]] == [
        ("b.pdf", "empty"),
        ("c.pdf", "unsupported_format"),
    ]
    assert uploads(api) == [sha256(pdf("a"))]


def test_when_all_are_refused_the_answer_is_the_problem_and_nothing_is_kept(api):
    one = api.post("/v1/documents", key=api.alice, files=[("files", ("b.dat", b"text"))])
    two = api.post("/v1/documents", key=api.alice, files=[("files", ("b.dat", b"text")), ("files", ("c.pdf", b""))])

    assert (one.status_code, one.json()["code"]) == (422, "unsupported_format")
    assert one.headers["content-type"] == "application/problem+json"
    assert (two.status_code, [refused["code"] for refused in two.json()["refused"]]) == (422, ["unsupported_format", "empty"])
    assert uploads(api) == [] and api.get("/v1/jobs", key=api.admin).json()["items"] == []


def test_a_paper_that_is_converted_already_is_done_at_once(api):
    paper = make_paper("known.pdf")
    document = replace(paper.document, id=sha256(PDF), name="known.pdf")
    chunks = tuple(replace(chunk, doc_id=document.id) for chunk in paper.chunks)
    api.store(replace(paper, document=document, conversion=replace(paper.conversion, doc_id=document.id), chunks=chunks))

    (job,) = api.post("/v1/documents", key=api.bob, files=[("files", ("mine.pdf", PDF))]).json()["jobs"]

    assert (job["state"], job["is_final"], job["links"]["document"]) == ("done", True, f"/v1/documents/{sha256(PDF)}")
    assert api.get(job["links"]["document"], key=api.bob).status_code == 200
    assert api.rung == []


def test_the_same_paper_of_two_tenants_is_one_file_and_two_jobs(api):
    (first,), (second,) = api.submit("same"), api.submit("same", key=api.bob)

    assert first["id"] != second["id"] and first["document_id"] == second["document_id"]
    assert uploads(api) == [sha256(pdf("same"))]


def test_submitting_again_what_waits_is_the_same_job(api):
    assert api.submit("same")[0]["id"] == api.submit("same")[0]["id"]


def test_a_full_queue_says_when_to_come_again_and_keeps_no_file(tmp_path):
    with serving(tmp_path, max_queued=2) as api:
        api.submit("a", "b")
        answer = api.post("/v1/documents", key=api.alice, files=[("files", ("c.pdf", pdf("c")))])

        assert (answer.status_code, answer.json()["code"], answer.json()["retryable"]) == (429, "queue_full", True)
        assert int(answer.headers["retry-after"]) > 0
        assert uploads(api) == sorted([sha256(pdf("a")), sha256(pdf("b"))])


def test_while_the_queue_is_full_nothing_is_received_and_soon_it_is_looked_at_again(tmp_path):
    with serving(tmp_path, max_queued=1) as api:
        (job,) = api.submit("a")
        statuses = [
            api.post("/v1/documents", key=api.alice, files=[("files", ("b.pdf", pdf("b")))]).status_code for _ in range(5)
        ]
        api.post(f"/v1/jobs/{job['id']}/cancel", key=api.alice)
        time.sleep(submissions.FULL_S)

        assert statuses == [429] * 5
        assert api.submit("b")


def test_a_quota_holds_for_a_whole_submission_and_spares_the_file_that_another_waits_for(api):
    _, key = api.ledger.create_key("small", tenant="small", scopes=[Scope.SUBMIT], quotas=Quotas(jobs_per_day=1))
    api.submit("shared")

    files = [("files", (f"{mark}.pdf", pdf(mark))) for mark in ("shared", "own")]
    answer = api.post("/v1/documents", key=key, files=files)

    assert (answer.status_code, answer.json()["code"]) == (429, "quota_exceeded")
    assert uploads(api) == [sha256(pdf("shared"))]


def test_bytes_are_counted_against_the_quota(api):
    _, key = api.ledger.create_key("small", tenant="small", scopes=[Scope.SUBMIT], quotas=Quotas(bytes_per_day=3 * len(PDF)))

    assert api.post("/v1/documents", key=key, files=[("files", ("a.pdf", PDF))]).status_code == 202
    assert api.post("/v1/documents", key=key, files=[("files", ("b.pdf", PDF + bytes(3 * len(PDF))))]).status_code == 429


@pytest.mark.parametrize(
    ("more", "status"),
    [
        ({"json": {"urls": ["https://arxiv.org/pdf/1706.03762"]}}, 422),  # switched off
        ({"json": {"urls": []}}, 422),
        ({"json": {"urls": ["https://a.org/"], "extra": 1}}, 422),
        ({"content": b"{", "headers": {"Content-Type": "application/json"}}, 422),
        ({"content": b"%PDF-", "headers": {"Content-Type": "application/pdf"}}, 415),
        ({"content": b"", "headers": {"Content-Type": "multipart/form-data"}}, 400),
        ({"content": b"no parts", "headers": {"Content-Type": "multipart/form-data; boundary=b"}}, 400),
        ({"content": b"--b--\r\n", "headers": {"Content-Type": "multipart/form-data; boundary=b"}}, 422),
        ({"files": [("files", ("a.pdf", PDF))], "data": {"priority": "11"}}, 422),
        ({"files": [("files", ("a.pdf", PDF))], "data": {"priority": "high"}}, 422),
        ({"files": [("files", ("a.pdf", PDF))], "data": {"prioritty": "1"}}, 422),
    ],
)
def test_what_is_no_submission_is_a_problem_and_keeps_nothing(api, more, status):
    answer = api.post("/v1/documents", key=api.alice, **more)

    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    assert uploads(api) == []


def test_addresses_are_fetched_where_that_is_switched_on(tmp_path, monkeypatch):
    def fetch(url: str, *, hosts: tuple[str, ...], max_bytes: int, into: Path, timeout_s: float) -> Fetched:
        assert hosts == ("*.arxiv.org",)
        if "missing" in url:
            raise FetchFailed("404 there")
        path = into / "fetched"
        path.write_bytes(PDF)
        return Fetched(path=path, name="1706.03762.pdf", final_url=url, size=len(PDF))

    monkeypatch.setattr(submissions, "fetch", fetch)
    with serving(tmp_path, url_hosts=("*.arxiv.org",)) as api:
        urls = ["https://export.arxiv.org/pdf/1706.03762", "https://export.arxiv.org/missing"]
        answer = api.post("/v1/documents", key=api.alice, json={"urls": urls})

        assert answer.status_code == 202, answer.text
        assert [job["name"] for job in answer.json()["jobs"]] == ["1706.03762.pdf"]
        assert [refused["code"] for refused in answer.json()["refused"]] == ["fetch_failed"]
        assert uploads(api) == [sha256(PDF)]


def test_documents_are_listed_page_by_page_and_only_those_on_the_shelf(api):
    own = api.store_named("a.pdf", "b.pdf", "c.pdf", tenant="alice")
    everybodys = api.store_named("d.pdf")
    api.store_named("e.pdf", tenant="bob")

    seen: list[str] = []
    path: str | None = "/v1/documents?limit=2"
    while path:
        answer = api.get(path, key=api.alice)
        seen += [item["id"] for item in answer.json()["items"]]
        path = answer.links["next"]["url"] if "next" in answer.links else None
        assert (path is None) == (answer.json()["next_cursor"] is None)

    assert seen == sorted(own + everybodys)
    assert len(api.get("/v1/documents", key=api.admin).json()["items"]) == 5


def test_a_list_is_given_as_ndjson_to_who_asks_for_it(api):
    api.store_named("a.pdf", "b.pdf", tenant="alice")

    answer = api.get("/v1/documents?limit=1", key=api.alice, headers={"Accept": "application/x-ndjson"})

    assert answer.headers["content-type"].startswith("application/x-ndjson")
    assert [json.loads(line)["name"] for line in answer.text.splitlines()] and "next" in answer.links


@pytest.mark.parametrize("cursor", ["x", "W10", "WzFd", "bnVsbA", "%00", "WyJcdTAwMDAiXQ"])
def test_a_cursor_that_was_not_made_here_is_refused(api, cursor):
    answer = api.get(f"/v1/documents?cursor={cursor}", key=api.alice)

    assert (answer.status_code, answer.json()["code"]) == (422, "invalid_request")


@pytest.mark.parametrize("part", ["", "/markdown", "/docling", "/figures", "/figures/1", "/quality", "/references", "/chunks"])
def test_somebody_elses_document_is_answered_like_one_that_is_not_there(api, part):
    (doc_id,) = api.store_named("secret.pdf", tenant="bob")

    hidden = api.get(f"/v1/documents/{doc_id}{part}", key=api.alice)
    missing = api.get(f"/v1/documents/{'0' * 64}{part}", key=api.alice)

    assert hidden.status_code == missing.status_code == 404
    same = {"type", "title", "status", "code", "hint", "retryable"}
    assert {k: hidden.json()[k] for k in same} == {k: missing.json()[k] for k in same}
    assert hidden.json()["detail"].replace(doc_id, "") == missing.json()["detail"].replace("0" * 64, "")


def test_everything_that_was_made_of_a_paper_can_be_fetched(api):
    paper = make_paper("a.pdf")
    png = api.place.library.blobs.put(b"\x89PNG the crop")
    figure = FigureCrop(ref="#/pictures/0", page=2, box=BOX, png=png)
    api.store(replace(paper, conversion=replace(paper.conversion, figures=(figure,))), tenant="alice")
    base = f"/v1/documents/{paper.document.id}"

    document = api.get(base, key=api.alice).json()
    found = {name: api.get(document["links"][name], key=api.alice) for name in document["links"]}

    assert (document["title"], document["authors"], document["year"]) == ("On a.pdf", ["A. Smith"], 2021)
    assert found["markdown"].text.startswith("# On a.pdf")
    assert found["docling"].json()["schema_name"] == "DoclingDocument"
    assert [chunk["text"] for chunk in found["chunks"].json()["items"]] == ["First.", "Second.", "Third."]
    assert found["quality"].json()["n_pages"] == 3
    (listed,) = found["figures"].json()["items"]
    assert (listed["number"], listed["page"], listed["ref"]) == (1, 2, "#/pictures/0")
    assert api.get(listed["links"]["png"], key=api.alice).content == b"\x89PNG the crop"
    assert api.get(f"{base}/figures/2", key=api.alice).status_code == 404


def test_the_entries_of_the_reference_list_are_listed_and_a_paper_of_before_says_that_it_has_none_yet(api):
    entry = Reference(id="Reference 1", label="1", text="Smith A. Growth. 2019.", page=3, authors=("Smith, A.",), doi="10.1/x")
    before, paper = make_paper("before.pdf"), make_paper("a.pdf")
    blob = api.place.library.blobs.put_text(json.dumps([as_json(entry)]))
    api.store(before, replace(paper, conversion=replace(paper.conversion, references=blob)), tenant="alice")

    found = api.get(f"/v1/documents/{paper.document.id}/references", key=api.alice).json()
    nothing = api.get(f"/v1/documents/{before.document.id}/references", key=api.alice).json()

    assert found["items"] == [as_json(entry)] and found["is_read"]
    assert nothing["items"] == [] and not nothing["is_read"]


def test_a_bibliography_that_is_joined_later_is_seen_at_once(api):
    paper = make_paper("half-life-in-plasma.pdf")
    api.store(paper, tenant="alice")
    path = f"/v1/documents/{paper.document.id}"
    before = api.get(path, key=api.alice).json()
    item = {"title": paper.document.title, "author": [{"family": "Berg", "given": "Jan"}]}

    bib = BibFile(entries=(BibEntry(key="k", item=item),), unread=())
    pipeline.join_bibliography(bib, library=api.place.library, ledger=api.service.ledger)

    after = api.get(path, key=api.alice).json()
    assert (before["authors"], after["authors"]) == (["A. Smith"], ["Jan Berg"])
    assert after["csl"]["custom"]["witnesses"]["author"] == ["bib"]
    assert api.get("/v1/documents", key=api.alice).json()["items"] == [after]


def test_chunks_come_page_by_page(api):
    paper = make_paper("long.pdf", [f"Sentence {n}." for n in range(7)])
    api.store(paper, tenant="alice")
    path = f"/v1/documents/{paper.document.id}/chunks"

    first = api.get(f"{path}?limit=4", key=api.alice)
    rest = api.get(first.links["next"]["url"], key=api.alice).json()

    assert [chunk["ordinal"] for chunk in first.json()["items"]] == [0, 1, 2, 3]
    assert [chunk["ordinal"] for chunk in rest["items"]] == [4, 5, 6] and rest["next_cursor"] is None


@pytest.mark.parametrize(("part", "kind"), [("markdown", "text/markdown; charset=utf-8"), ("docling", "application/json")])
def test_what_came_from_outside_is_a_download_that_no_browser_runs(api, part, kind):
    (doc_id,) = api.store_named("a.pdf", tenant="alice")

    answer = api.get(f"/v1/documents/{doc_id}/{part}", key=api.alice)

    assert answer.headers["content-type"] == kind
    assert answer.headers["content-disposition"].startswith("attachment; ")
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert "sandbox" in answer.headers["content-security-policy"]


def test_a_file_that_the_client_has_is_not_sent_again(api):
    (doc_id,) = api.store_named("a.pdf", tenant="alice")
    path = f"/v1/documents/{doc_id}/markdown"
    etag = api.get(path, key=api.alice).headers["etag"]

    again = api.get(path, key=api.alice, headers={"If-None-Match": etag})

    assert (again.status_code, again.content, again.headers["etag"]) == (304, b"", etag)
    assert api.get(path, key=api.bob, headers={"If-None-Match": etag}).status_code == 404


def test_an_administrator_deletes_a_paper_everywhere(api):
    (doc_id,) = api.store_named("a.pdf", tenant="alice")
    path = f"/v1/documents/{doc_id}"
    assert api.get(f"{path}/markdown", key=api.alice).status_code == 200

    assert api.delete(path, key=api.alice).status_code == 403
    assert api.delete(path, key=api.admin).json() == {"removed": doc_id}

    assert api.get(path, key=api.alice).status_code == api.get(f"{path}/markdown", key=api.alice).status_code == 404
    assert api.delete(path, key=api.admin).status_code == 404


def test_a_cancelled_job_that_is_submitted_again_is_queued_again(api):
    (job,) = api.submit("a")
    api.post(f"{job['links']['self']}/cancel", key=api.alice)

    (again,) = api.submit("a")

    assert (again["id"], again["state"]) == (job["id"], JobState.QUEUED)
