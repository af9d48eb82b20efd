"""docling-serve's routes: its own client SDK converts here, and what is not offered is refused by name."""

from __future__ import annotations

import base64
import hashlib
import threading
import time
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest
from api_server import PDF, Api, QuickPlace, make_keys, pdf, running, serving
from makers import make_paper
from needs import need

from api.context import Service
from jobs import Ledger
from records import Conversion, Job, Paper, Queue
from settings import load_settings
from store.library import Library
from storing import lines_of

STATUSES = {"pending", "started", "success", "failure"}


@pytest.fixture
def api(tmp_path: Path) -> Iterator[Api]:
    with serving(tmp_path) as api:
        yield api


def docling_json(text: str) -> str:
    from docling_core.types.doc import DocItemLabel, DoclingDocument

    document = DoclingDocument(name="made")
    document.add_text(label=DocItemLabel.TEXT, text=text)
    return document.model_dump_json()


def convert(api: Api, job: Job, text: str = "The half-life was 2.3 h.", **more: Any) -> None:
    """End this job with a stored conversion, as converter and writer would."""
    paper, blobs = make_paper(job.payload["name"], [text], id=job.payload["doc_id"]), api.place.library.blobs
    own = {"docling_json": blobs.put_text(docling_json(text)), "markdown": blobs.put_text(f"# A paper\n\n{text}\n")}
    known = {name: getattr(paper.conversion, name) for name in Conversion.__slots__}
    conversion = Conversion(**{**known, "id": api.place.recipe.conversion_id(job.payload["doc_id"]), **own, **more})
    stored = Paper(document=paper.document, conversion=conversion, chunks=paper.chunks, vectors=paper.vectors)
    api.place.library.save_papers([stored])
    assert api.ledger.finish(job, lines_of(stored, api.place.recipe))


def submitted(api: Api, mark: str = "a", *, key: str | None = None, **fields: str) -> dict[str, Any]:
    files = {"files": (f"{mark}.pdf", pdf(mark), "application/pdf")}
    answer = api.post("/v1/convert/file/async", key=key or api.alice, files=files, data=fields)
    assert answer.status_code == 200, answer.text
    task: dict[str, Any] = answer.json()
    return task


def polled(api: Api, task_id: str, wait: float = 0) -> dict[str, Any]:
    task: dict[str, Any] = api.get(f"/v1/status/poll/{task_id}", key=api.alice, params={"wait": wait}).json()
    return task


def test_a_task_is_a_job_and_its_states_are_docling_serves(api):
    task = submitted(api)
    states = [task["task_status"], polled(api, task["task_id"])["task_status"]]
    job = api.claim()
    states.append(polled(api, task["task_id"])["task_status"])
    convert(api, job)
    states.append(polled(api, task["task_id"])["task_status"])

    assert job.id == task["task_id"]
    assert (task["task_type"], task["task_position"]) == ("convert", 0)
    assert states == ["pending", "pending", "started", "success"]
    assert api.rung == [Queue.CONVERT]


def test_the_result_is_the_stored_conversion_as_often_as_it_is_asked_for(api):
    task = submitted(api)
    convert(api, api.claim(), is_partial=True, warnings=("page 3 could not be read",))
    first, second = (api.get(f"/v1/result/{task['task_id']}", key=api.alice) for _ in range(2))
    result = first.json()

    assert first.text == second.text
    assert result["document"]["filename"] == "a.pdf"
    assert result["document"]["md_content"] == "# A paper\n\nThe half-life was 2.3 h.\n"
    assert result["document"]["json_content"]["texts"][0]["text"] == "The half-life was 2.3 h."
    assert result["status"] == "partial_success"
    assert result["errors"][0]["error_message"] == "page 3 could not be read"


def test_a_poll_that_waits_is_answered_when_the_task_ends(api):
    task = submitted(api)
    job = api.claim()
    threading.Timer(0.5, convert, (api, job)).start()
    started = time.perf_counter()
    status = polled(api, task["task_id"], wait=30)["task_status"]

    assert status == "success"
    assert time.perf_counter() - started < 10


def test_a_synchronous_conversion_answers_with_its_result_or_with_why_there_is_none(api):
    def work() -> None:
        for _ in range(2):
            while (job := api.ledger.claim(api.place.recipe.job_kind)) is None:
                time.sleep(0.02)
            if job.payload["name"] == "bad.pdf":
                api.ledger.fail(job, code="damaged", message="It cannot be parsed.")
            else:
                convert(api, job)

    threading.Thread(target=work, daemon=True).start()
    good = api.post("/v1/convert/file", key=api.alice, files={"files": ("good.pdf", pdf("good"))})
    bad = api.post("/v1/convert/file", key=api.alice, files={"files": ("bad.pdf", pdf("bad"))})

    assert (good.status_code, good.json()["status"]) == (200, "success")
    assert (bad.status_code, bad.json()["code"]) == (422, "damaged")
    assert bad.json()["job_id"]


def test_a_synchronous_conversion_that_takes_too_long_goes_on_as_a_task(api, monkeypatch):
    import api.docling_serve as alias

    monkeypatch.setattr(alias, "SYNC_S", 0.3)
    answer = api.post("/v1/convert/file", key=api.alice, files={"files": ("a.pdf", pdf("a"))})

    assert answer.status_code == 504
    assert answer.headers["Content-Type"] == "application/problem+json"
    assert api.claim().id in answer.json()["detail"]


@pytest.mark.parametrize(("end", "code"), [("fail", "timed_out"), ("cancel", "cancelled")])
def test_a_task_that_failed_says_why(api, end, code):
    task = submitted(api)
    job = api.claim()
    if end == "fail":
        api.ledger.fail(job, code="timed_out", message="It took longer than 300 s.")
    else:
        api.ledger.cancel(job)
    status = polled(api, task["task_id"])
    result = api.get(f"/v1/result/{task['task_id']}", key=api.alice)

    assert status["task_status"] == "failure"
    assert status["failure"]["details"] == {"code": code}
    assert (result.status_code, result.json()["kind"]) == (200, "TaskFailureResult")


def test_a_task_that_is_not_there_not_ready_or_somebody_elses_is_said_in_the_words_that_the_sdk_compares(api):
    task = submitted(api)
    unknown = [
        api.get(f"/v1/{what}/{task_id}", key=api.alice) for what in ("status/poll", "result") for task_id in ("x", "f" * 32)
    ]
    early = api.get(f"/v1/result/{task['task_id']}", key=api.alice)
    others = [api.get(f"/v1/{what}/{task['task_id']}", key=api.bob) for what in ("status/poll", "result")]

    assert {(answer.status_code, answer.json()["detail"]) for answer in unknown + others} == {(404, "Task not found.")}
    assert early.status_code == 404
    assert early.json()["detail"].startswith("Task result not found")


def test_a_file_inside_the_request_is_taken_and_is_the_same_paper_as_the_file(api):
    source = {"kind": "file", "base64_string": base64.b64encode(pdf("a")).decode(), "filename": "../a.pdf"}
    answer = api.post("/v1/convert/source/async", key=api.alice, json={"sources": [source], "options": {"do_ocr": False}})
    job = api.ledger.job(answer.json()["task_id"], tenant="alice")

    assert (job.payload["name"], job.payload["doc_id"]) == ("a.pdf", hashlib.sha256(pdf("a")).hexdigest())
    assert submitted(api)["task_id"] == job.id


@pytest.mark.parametrize(
    ("source", "code"),
    [
        ({"kind": "http", "url": "http://127.0.0.1:6379/"}, "url_refused"),
        ({"kind": "http", "url": "file:///etc/passwd"}, "url_refused"),
        ({"kind": "http", "url": "https://arxiv.org/pdf/1706.03762"}, "url_refused"),
        ({"kind": "http", "url": "https://arxiv.org/a.pdf", "headers": {"Authorization": "x"}}, "invalid_request"),
        ({"kind": "file", "base64_string": "no base64!", "filename": "a.pdf"}, "invalid_request"),
        (
            {"kind": "file", "base64_string": base64.b64encode(b"<html>" * 300).decode(), "filename": "a.pdf"},
            "unsupported_format",
        ),
        ({"kind": "s3", "bucket": "b"}, "invalid_request"),
    ],
)
def test_a_source_that_is_not_offered_or_not_allowed_is_refused(api, source, code):
    answer = api.post("/v1/convert/source/async", key=api.alice, json={"sources": [source]})

    assert (answer.status_code, answer.json()["code"]) == (422, code)
    assert api.ledger.find_jobs(tenant=None) == []


def test_another_target_several_files_and_no_file_are_refused(api):
    one = ("files", ("a.pdf", pdf("a")))
    for files, fields in (([one], {"target_type": "zip"}), ([one], {"target_type": "presigned_url"}), ([one, one], {})):
        answer = api.post("/v1/convert/file/async", key=api.alice, files=files, data=fields)
        assert (answer.status_code, answer.json()["code"]) == (422, "invalid_request")
    assert api.post("/v1/convert/file/async", key=api.alice, data={"x": "y"}).status_code == 422
    assert api.ledger.find_jobs(tenant=None) == []


def test_a_key_is_needed_and_its_scope_too(api):
    files = {"files": ("a.pdf", PDF)}
    assert api.post("/v1/convert/file/async", files=files).status_code == 401
    assert api.post("/v1/convert/file/async", key=api.reader, files=files).status_code == 403
    assert api.get(f"/v1/status/poll/{'f' * 32}").status_code == 401


@pytest.fixture
def sdk() -> Any:
    """docling-serve's own client; it needs the extra docling-slim[service-client]."""
    need(find_spec("httpx") and find_spec("websockets"), "pip install 'docling-slim[service-client]'")
    import docling.service_client as client

    return client


def test_the_sdk_of_docling_serve_converts_a_file_here(api, sdk, tmp_path):
    path = tmp_path / "a.pdf"
    path.write_bytes(pdf("a"))
    threading.Timer(1.0, lambda: convert(api, api.claim())).start()
    with sdk.DoclingServiceClient(api.url, api_key=api.alice, poll_server_wait=2.0) as client:
        assert client.health().status == "ok"
        assert client.version()["version"]
        result = client.convert(path)

    assert result.status == "success"
    assert [item.text for item in result.document.texts] == ["The half-life was 2.3 h."]


def test_the_sdk_submits_watches_and_fetches_and_names_a_failure(api, sdk, tmp_path):
    path = tmp_path / "a.pdf"
    path.write_bytes(pdf("a"))
    with sdk.DoclingServiceClient(
        api.url, api_key=api.alice, status_watcher=sdk.StatusWatcherKind.POLLING, poll_server_wait=1.0
    ) as client:
        job = client.submit(path)
        assert job.poll().task_status in STATUSES
        api.ledger.fail(api.claim(), code="encrypted", message="It needs a password.")
        with pytest.raises(sdk.TaskExecutionError, match="password"):
            job.result(timeout=20)
        with pytest.raises(sdk.ServiceError) as refused:
            client.submit("https://arxiv.org/pdf/1706.03762")
        assert refused.value.status_code == 422


def test_the_sdk_gets_the_real_conversion_of_a_real_paper(sample_library: Library, samples: Path, sdk: Any):
    place = QuickPlace(load_settings(library=sample_library.root, converters=1))
    ledger = Ledger(sample_library.root / "ledger.sqlite")
    key = make_keys(ledger)["alice"]
    service = Service(place=place, ledger=ledger, ring=lambda queue: None, broker_is_up=lambda: True)
    path = sorted(samples.glob("*.pdf"))[0]
    with running(service) as port, sdk.DoclingServiceClient(f"http://127.0.0.1:{port}", api_key=key) as client:
        result = client.convert(path)
    ledger.close()

    (stored,) = place.library.conversions(hashlib.sha256(path.read_bytes()).hexdigest())
    assert result.status == "success"
    assert len(result.document.pages) == stored.n_pages
    assert result.document == type(result.document).model_validate_json(place.library.blobs.get_text(stored.docling_json))
