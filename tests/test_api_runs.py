"""Runs over HTTP: planned, queued, followed, steered; each tenant its own. Also prompts, models and dead letters."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from api_reading import PROMPT, read, submit, with_reader, work_off
from api_server import Api, serving
from fake_flow import FAILED, FakeReader
from makers import make_paper

from jobs import Ledger
from portfolio import SHIPPED
from records import JobState, Queue

BROKEN = PROMPT.replace("unit: chunk", "unit: page")


@pytest.fixture
def api(tmp_path: Path) -> Iterator[Api]:
    prompts = tmp_path / "prompts"
    prompts.mkdir()
    (prompts / "half-life.yaml").write_text(PROMPT)
    (prompts / "broken.yaml").write_text(BROKEN)
    (prompts / "Not A Name.yaml").write_text(PROMPT)
    (tmp_path / "secret.yaml").write_text(PROMPT)
    models = {"small": {"base_url": "http://10.9.8.7:8000/v1", "model": "text-7b", "api_key_env": "SECRET_NAME"}}
    with serving(tmp_path, prompts=prompts, models=models) as api:
        with_reader(api)
        yield api


def test_a_run_is_accepted_queued_and_the_workers_are_told(api):
    api.store_named("a.pdf", "b.pdf")
    answer = api.post("/v1/runs", key=api.alice, json={"prompt": "half-life"})
    run = answer.json()

    assert answer.status_code == 202
    assert answer.headers["Location"] == f"/v1/runs/{run['id']}"
    assert int(answer.headers["Retry-After"]) > 0
    assert (run["state"], run["is_final"], run["documents"], run["jobs"]["queued"]) == ("running", False, 2, 2)
    assert api.rung == [Queue.EXTRACT]


def test_a_run_that_is_worked_off_is_done_with_its_sums(api):
    api.store_named("a.pdf", "b.pdf")
    run = read(api)

    assert (run["state"], run["is_final"], run["jobs"]["done"]) == ("done", True, 2)
    assert (run["counts"]["units"], run["counts"]["n_values"]) == (6, 6)
    assert run["finished"]


def test_a_dry_run_says_what_would_be_read_and_queues_nothing(api):
    api.store_named("a.pdf", "b.pdf")
    read(api, documents=api.ledger.stored_documents(tenant=None, limit=1))
    api.rung.clear()
    answer = api.post("/v1/runs", key=api.alice, json={"inline": PROMPT, "dry_run": True})

    assert answer.status_code == 200
    plan = answer.json()
    assert (plan["documents"], plan["documents_done"], plan["chunks"], plan["chunks_to_read"]) == (2, 1, 6, 3)
    assert (plan["prompt"], plan["model"]) == ("half-life", "embedded")
    assert api.rung == []


def test_the_same_request_is_the_same_run_and_reads_nothing_twice(api):
    reader = with_reader(api)
    api.store_named("a.pdf")
    first = read(api)
    again = submit(api)

    assert (again["id"], again["state"]) == (first["id"], "done")
    assert len(reader.seen) == 3


def test_a_prompt_is_taken_as_yaml_text_as_a_json_object_and_by_name_and_is_the_same_question(api):
    import yaml

    api.store_named("a.pdf")
    hashes = [
        api.post("/v1/runs", key=api.alice, json={**prompt, "dry_run": True}).json()["prompt_hash"]
        for prompt in ({"prompt": "half-life"}, {"inline": PROMPT}, {"inline": yaml.safe_load(PROMPT)})
    ]

    assert len(set(hashes)) == 1


def test_a_prompt_whose_schema_is_in_a_file_reaches_the_workers_whole(api):
    head, schema = PROMPT.split("schema:\n")
    folder = api.place.settings.prompts
    (folder / "value.yaml").write_text(schema)
    (folder / "by-file.yaml").write_text(f"{head}schema: {{file: value.yaml}}\n")
    api.store_named("a.pdf")
    run = api.post("/v1/runs", key=api.alice, json={"prompt": "by-file"}).json()
    work_off(api)

    assert api.get(f"/v1/runs/{run['id']}", key=api.alice).json()["state"] == "done"
    assert run["prompt_hash"] == submit(api)["prompt_hash"]


@pytest.mark.parametrize("source", [{"file": "../secret.json"}, {"pydantic": "os:environ"}])
def test_a_prompt_that_came_as_text_may_name_neither_a_file_nor_a_module(api, source):
    api.store_named("a.pdf")
    inline = {"name": "a", "unit": "chunk", "reads": ["text"], "prompt": "What?", "schema": source}
    answer = api.post("/v1/runs", key=api.alice, json={"inline": inline})

    assert (answer.status_code, answer.json()["code"]) == (422, "prompt_invalid")


def test_papers_are_selected_by_year_by_query_and_by_id_and_all_must_fit(api):
    papers = [make_paper(f"{year}.pdf", [f"The half-life in {year} was 2 h."], year=year) for year in (2019, 2020, 2021)]
    api.store(*papers)

    def chosen(**selection: object) -> int:
        return api.post("/v1/runs", key=api.alice, json={"inline": PROMPT, "dry_run": True, **selection}).json()["documents"]

    assert chosen() == 3
    assert chosen(years=[2020, 2021]) == 2
    assert chosen(years=[2020, 2021], documents=[papers[0].document.id, papers[1].document.id]) == 1
    assert chosen(query="half-life in 2020", hits=1) == 1
    assert chosen(query="half-life", hits=50, years=[1990, 1999]) == 0


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        ({}, 422, "invalid_request"),
        ({"prompt": "half-life", "inline": PROMPT}, 422, "invalid_request"),
        ({"prompt": "unknown"}, 404, "not_found"),
        ({"prompt": "../secret"}, 422, "invalid_request"),
        ({"prompt": "Not A Name"}, 422, "invalid_request"),
        ({"prompt": "broken"}, 422, "prompt_invalid"),
        ({"inline": BROKEN}, 422, "prompt_invalid"),
        ({"inline": "["}, 422, "prompt_invalid"),
        ({"inline": "[" * 5000}, 422, "prompt_invalid"),
        ({"inline": "- " * 5000}, 422, "prompt_invalid"),
        ({"inline": "x" * 200_001}, 422, "prompt_invalid"),
        ({"inline": {"name": "\ud800"}}, 422, "invalid_request"),
        ({"inline": "name: a\0"}, 422, "invalid_request"),
        ({"inline": PROMPT, "model": "no such model"}, 404, "not_found"),
        ({"inline": PROMPT, "documents": ["f" * 64]}, 404, "not_found"),
        ({"inline": PROMPT, "documents": ["a.pdf"]}, 422, "invalid_request"),
        ({"inline": PROMPT, "years": [2020]}, 422, "invalid_request"),
        ({"inline": PROMPT, "years": [1900, 1901]}, 422, "invalid_request"),
        ({"inline": PROMPT, "priority": 11}, 422, "invalid_request"),
        ({"inline": PROMPT, "nonsense": 1}, 422, "invalid_request"),
    ],
)
def test_a_run_that_cannot_be_is_refused_by_name_and_nothing_is_queued(api, body, status, code):
    del api.place.panel
    api.store_named("a.pdf")
    answer = api.post("/v1/runs", key=api.alice, content=_json(body), headers={"Content-Type": "application/json"})

    assert (answer.status_code, answer.json()["code"]) == (status, code)
    assert answer.headers["Content-Type"] == "application/problem+json"
    assert api.ledger.runs() == []
    assert api.rung == []


def _json(body: object) -> bytes:
    import json

    return json.dumps(body).encode()


def test_the_same_idempotency_key_gives_the_same_answer_and_another_body_is_refused(api):
    api.store_named("a.pdf")
    once = {"Idempotency-Key": "k1"}
    first = api.post("/v1/runs", key=api.alice, json={"inline": PROMPT}, headers=once)
    work_off(api)
    again = api.post("/v1/runs", key=api.alice, json={"inline": PROMPT}, headers=once)
    other = api.post("/v1/runs", key=api.alice, json={"inline": PROMPT, "priority": 1}, headers=once)

    assert (first.status_code, first.text) == (again.status_code, again.text)
    assert again.headers["Location"] == first.headers["Location"]
    assert (other.status_code, other.json()["code"]) == (422, "key_reused")


def test_a_tenant_sees_its_own_runs_and_the_librarys_and_an_administrator_sees_all(api):
    api.store_named("a.pdf")
    mine, others = submit(api), submit(api, key=api.bob, prompt=PROMPT.replace("Give", "Name"))
    listed = {
        key: [run["id"] for run in api.get("/v1/runs", key=key).json()["items"]] for key in (api.alice, api.bob, api.admin)
    }

    assert listed == {api.alice: [mine["id"]], api.bob: [others["id"]], api.admin: [others["id"], mine["id"]]}
    for path in ("", "/results"):
        assert api.get(f"/v1/runs/{others['id']}{path}", key=api.alice).status_code == 404
    for action in ("cancel", "pause", "resume", "retry"):
        assert api.post(f"/v1/runs/{others['id']}/{action}", key=api.alice).status_code == 404


def test_a_run_of_the_library_is_everybodys_to_read_and_nobodys_to_steer(api):
    api.store_named("a.pdf")
    run = submit(api, key=api.admin)
    with api.ledger._transaction() as db:
        db.execute("UPDATE runs SET tenant = '' WHERE id = ?", (run["id"],))

    assert api.get(f"/v1/runs/{run['id']}", key=api.alice).status_code == 200
    refused = api.post(f"/v1/runs/{run['id']}/cancel", key=api.alice)
    assert (refused.status_code, refused.json()["code"]) == (403, "scope_missing")
    assert api.post(f"/v1/runs/{run['id']}/cancel", key=api.admin).json()["state"] == "cancelled"


def test_papers_of_another_tenant_are_not_read(api):
    api.store_named("open.pdf")
    (secret,) = api.store_named("secret.pdf", tenant="bob")

    assert submit(api)["documents"] == 1
    assert api.post("/v1/runs", key=api.alice, json={"inline": PROMPT, "documents": [secret]}).status_code == 404
    assert submit(api, key=api.bob)["documents"] == 2


def test_a_key_that_only_reads_submits_and_steers_nothing(api):
    api.store_named("a.pdf")
    run = submit(api)

    assert api.get(f"/v1/runs/{run['id']}", key=api.reader).status_code == 200
    for path in ("/v1/runs", f"/v1/runs/{run['id']}/cancel", "/v1/dead-letters/replay"):
        assert api.post(path, key=api.reader, json={"inline": PROMPT}).status_code == 403


def test_a_cancelled_run_is_cancelled_at_once_and_nothing_of_it_is_read(api):
    reader = with_reader(api)
    api.store_named("a.pdf", "b.pdf")
    hook = api.ledger.add_webhook(tenant="alice", url="https://x.example", secret="s", events=["run.cancelled"])
    run = submit(api)
    cancelled = api.post(f"/v1/runs/{run['id']}/cancel", key=api.alice).json()
    work_off(api)

    assert (cancelled["state"], cancelled["is_final"], cancelled["jobs"]["cancelled"]) == ("cancelled", True, 2)
    assert reader.seen == []
    assert [row["webhook_id"] for row in api.ledger.deliveries(tenant="alice")] == [hook.id]
    assert api.post(f"/v1/runs/{run['id']}/cancel", key=api.alice).status_code == 409


def test_a_paused_run_waits_until_it_is_resumed(api):
    reader = with_reader(api)
    api.store_named("a.pdf")
    run = submit(api)
    paused = api.post(f"/v1/runs/{run['id']}/pause", key=api.alice).json()
    work_off(api)
    seen_while_paused = list(reader.seen)
    resumed = api.post(f"/v1/runs/{run['id']}/resume", key=api.alice).json()
    work_off(api)

    assert (paused["state"], paused["jobs"]["paused"], resumed["state"]) == ("paused", 1, "running")
    assert seen_while_paused == []
    assert api.get(f"/v1/runs/{run['id']}", key=api.alice).json()["state"] == "done"
    assert api.post(f"/v1/runs/{run['id']}/resume", key=api.alice).status_code == 409


def test_a_failed_run_is_retried_and_only_what_failed_is_read_again(api):
    reader = with_reader(api, FakeReader(outcomes={"Second.": [FAILED]}))
    api.store_named("a.pdf")
    run = read(api)
    retried = api.post(f"/v1/runs/{run['id']}/retry", key=api.alice)
    work_off(api)

    assert run["state"] == "failed"
    assert (retried.status_code, retried.json()["state"]) == (200, "running")
    assert api.get(f"/v1/runs/{run['id']}", key=api.alice).json()["state"] == "done"
    assert sorted(reader.seen) == ["First.", "Second.", "Second.", "Third."]
    assert api.post(f"/v1/runs/{run['id']}/retry", key=api.alice).status_code == 409


def test_runs_are_listed_newest_first_by_page_and_by_what_they_are(api):
    api.store_named("a.pdf")
    runs = [submit(api, prompt=PROMPT.replace("Give", verb), priority=0)["id"] for verb in ("Name", "Say", "Find")]
    api.post(f"/v1/runs/{runs[0]}/cancel", key=api.alice)
    seen, path = [], "/v1/runs?limit=2"
    while path:
        answer = api.get(path, key=api.alice)
        page = answer.json()
        seen += [run["id"] for run in page["items"]]
        path = f"/v1/runs?limit=2&cursor={page['next_cursor']}" if page["next_cursor"] else ""
        assert ("Link" in answer.headers) == bool(path)

    assert sorted(seen) == sorted(runs)
    assert [run["id"] for run in api.get("/v1/runs?state=cancelled", key=api.alice).json()["items"]] == [runs[0]]
    assert len(api.get("/v1/runs?prompt=half-life", key=api.alice).json()["items"]) == 3
    assert api.get("/v1/runs?prompt=other", key=api.alice).json()["items"] == []
    assert api.get("/v1/runs?cursor=nonsense", key=api.alice).status_code == 422
    lines = api.get("/v1/runs", key=api.alice, headers={"Accept": "application/x-ndjson"}).text.splitlines()
    assert len(lines) == 3


def test_prompts_are_listed_with_their_hash_or_with_what_is_wrong_with_them(api):
    good, bad = sorted(api.get("/v1/prompts", key=api.reader).json()["items"], key=lambda prompt: prompt["name"], reverse=True)

    assert (good["name"], good["unit"], good["reads"], good["problem"]) == ("half-life", "chunk", ["text"], None)
    assert len(good["hash"]) == 64
    assert (bad["name"], bad["hash"]) == ("broken", None)
    assert "unit" in bad["problem"]


def test_models_are_listed_without_addresses_and_keys(api):
    answer = api.get("/v1/models", key=api.reader)

    listed = {model["alias"]: model["is_default"] for model in answer.json()["items"]}
    assert listed == {"embedded": True, "small": False, **dict.fromkeys(SHIPPED, False)}
    assert not [secret for secret in ("10.9.8.7", "127.0.0.1", "SECRET_NAME", "http") if secret in answer.text]


def fail_some(api: Api, *marks: str, code: str = "timed_out") -> list[str]:
    """Jobs of these papers that failed; their ids."""
    ids = [job["id"] for job in api.submit(*marks)]
    for _ in marks:
        api.ledger.fail(api.claim(), code=code, message=f"It failed: {code}.")
    api.rung.clear()
    return ids


def test_failed_jobs_are_listed_with_their_reason_and_what_to_do(api):
    fail_some(api, "a", "b")
    fail_some(api, "c", code="encrypted")
    found = api.get("/v1/dead-letters", key=api.alice).json()["items"]
    locked = api.get("/v1/dead-letters?code=encrypted", key=api.alice).json()["items"]

    assert {job["error"]["code"] for job in found} == {"timed_out", "encrypted"}
    assert all(job["error"]["detail"] and job["error"]["hint"] for job in found)
    assert [job["name"] for job in locked] == ["c.pdf"]
    assert api.get("/v1/dead-letters", key=api.bob).json()["items"] == []
    first = api.get("/v1/dead-letters?limit=2", key=api.alice).json()
    rest = api.get(f"/v1/dead-letters?limit=2&cursor={first['next_cursor']}", key=api.alice).json()
    assert len({job["id"] for job in first["items"] + rest["items"]}) == 3


def test_dead_letters_are_replayed_by_cause_and_the_workers_are_told(api):
    fail_some(api, "a", "b")
    fail_some(api, "c", code="encrypted")
    answer = api.post("/v1/dead-letters/replay", key=api.alice, json={"code": "timed_out"})

    assert answer.json() == {"queued": 2, "left_out": [], "more": False}
    assert api.rung == [Queue.CONVERT]
    assert api.ledger.job_counts() == {api.place.recipe.job_kind: {"queued": 2, "failed": 1}}


def test_dead_letters_are_replayed_by_id_and_one_that_cannot_be_costs_itself_only(api):
    failed = fail_some(api, "a")
    (queued,) = api.submit("b")
    answer = api.post("/v1/dead-letters/replay", key=api.alice, json={"ids": [*failed, queued["id"], "f" * 32, *failed]})
    of_others = api.post("/v1/dead-letters/replay", key=api.bob, json={"ids": failed})

    assert answer.json()["queued"] == 1
    assert [(left["id"], left["code"]) for left in answer.json()["left_out"]] == [
        (queued["id"], "conflict"),
        ("f" * 32, "not_found"),
    ]
    assert (of_others.json()["queued"], of_others.json()["left_out"][0]["code"]) == (0, "not_found")


@pytest.mark.parametrize(
    "body", [{}, {"ids": []}, {"ids": ["f"], "code": "x"}, {"code": "'; DROP TABLE jobs"}, {"ids": ["../x"]}]
)
def test_a_replay_of_nothing_named_is_refused(api, body):
    assert api.post("/v1/dead-letters/replay", key=api.alice, json=body).status_code == 422


def test_a_replayed_document_opens_its_run_again(api):
    with_reader(api, FakeReader(outcomes={"Second.": [FAILED]}))
    api.store_named("a.pdf")
    run = read(api)
    api.rung.clear()
    answer = api.post("/v1/dead-letters/replay", key=api.alice, json={"kind": "read"})
    is_open = api.ledger.run(run["id"]).state is JobState.RUNNING
    work_off(api)

    assert answer.json()["queued"] == 1
    assert is_open
    assert Queue.EXTRACT in api.rung
    assert api.get(f"/v1/runs/{run['id']}", key=api.alice).json()["state"] == "done"


def test_a_run_is_answered_while_the_ledger_is_away_with_503_and_when_to_come_again(api, monkeypatch):
    from errors import LedgerUnreachable

    def away(*_: object, **__: object) -> None:
        raise LedgerUnreachable("The ledger's PostgreSQL server does not answer.")

    monkeypatch.setattr(Ledger, "runs", away)
    answer = api.get("/v1/runs", key=api.alice)

    assert (answer.status_code, answer.json()["code"]) == (503, "ledger_unreachable")
    assert int(answer.headers["Retry-After"]) > 0
