"""Every route by {no key, wrong key, a key that may not, somebody else's object}: none through. The routes come from the OpenAPI
document, so a new one is tested without a word here; a new kind of object has to be added to `OBJECTS`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import pytest
from api_server import Api, serving

from api.openapi import description
from jobs.access import Scope
from records import JobState, Run

OPEN = {"/livez", "/readyz", "/health", "/ready", "/version", "/errors/{code}"}
RUN = "0123456789ab"


def operations() -> list[tuple[str, str]]:
    found = [(method, path) for path, entry in description()["paths"].items() for method in entry]
    return [*found, ("get", "/openapi.json"), ("get", "/docs")]


CLOSED = [(method, path) for method, path in operations() if path not in OPEN]
WITH_OBJECT = [(method, path) for method, path in CLOSED if "{" in path]
LISTS = [path for method, path in CLOSED if method == "get" and "{" not in path]


@pytest.fixture(scope="module")
def api(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Api]:
    with serving(tmp_path_factory.mktemp("access"), webhook_hosts=("*",)) as api:
        yield api


@pytest.fixture(scope="module")
def objects(api: Api) -> dict[str, str]:
    """Things of alice, by the name of the path's parameter."""
    (doc_id,) = api.store_named("alices-secret.pdf", tenant="alice")
    (job,) = api.submit("alices-job")
    run = Run(
        id=RUN, reading_key="alices-reading", prompt_name="alices-prompt", prompt_hash="h", model="embedded", selection="all",
        state=JobState.RUNNING, created="2026-01-01T00:00:00+00:00", finished=None, counts={}, tenant="alice", prompt="x",
    )  # fmt: skip
    api.ledger.save_run(run, [doc_id])
    hook = api.ledger.add_webhook(tenant="alice", url="https://alices.example.org/", secret="whsec_x", events=["job.done"])
    return {
        "document_id": doc_id, "job_id": job["id"], "run_id": RUN, "webhook_id": hook.id, "task_id": job["id"], "number": "1",
    }  # fmt: skip


def filled(path: str, objects: dict[str, str]) -> str:
    return re.sub(r"\{(\w+)\}", lambda name: objects[name[1]], path)


def ask(api: Api, method: str, path: str, key: str | None) -> Any:
    body = {"json": {}} if method in ("post", "patch", "put") else {}
    return api.request(method.upper(), path, key=key, **body)


def test_what_is_open_is_known(api):
    assert {path for _, path in operations()} >= OPEN
    for path in OPEN - {"/errors/{code}"}:
        assert api.get(path).status_code == 200


@pytest.mark.parametrize(("method", "path"), CLOSED)
def test_no_key_and_a_wrong_key_open_nothing(api, objects, method, path):
    wrong = api.alice[:-1] + ("A" if api.alice[-1] != "A" else "B")

    for key in (None, wrong, "x", api.alice.upper()):
        answer = ask(api, method, filled(path, objects), key)
        assert (answer.status_code, answer.json()["code"]) == (401, "no_key"), (method, path, key)
        assert answer.headers["www-authenticate"].startswith("Bearer")


@pytest.mark.parametrize(("method", "path"), WITH_OBJECT)
def test_somebody_elses_object_is_not_there(api, objects, method, path):
    answer = ask(api, method, filled(path, objects), api.bob)

    # 403: administrators only; 422: the object is looked at after the body, which is empty here
    assert answer.status_code in (403, 404) or (method in ("post", "patch") and answer.status_code == 422), answer.text
    assert "alices" not in answer.text


@pytest.mark.parametrize("path", LISTS)
def test_no_list_tells_of_somebody_elses_objects(api, objects, path):
    answer = api.get(path, key=api.bob)

    assert answer.status_code in (200, 403, 422)
    assert "alices" not in answer.text and not any(value in answer.text for value in objects.values() if len(value) > 8)


def test_somebody_elses_objects_are_as_they_were(api, objects):
    """After all that was tried on them."""
    assert api.get(f"/v1/jobs/{objects['job_id']}", key=api.alice).json()["state"] == "queued"
    assert api.get(f"/v1/documents/{objects['document_id']}", key=api.alice).status_code == 200


@pytest.mark.parametrize(("method", "path"), [(m, p) for m, p in CLOSED if m != "get" and p != "/v1/search"])
def test_a_key_that_only_reads_changes_nothing(api, objects, method, path):
    answer = ask(api, method, filled(path, objects), api.reader)

    assert (answer.status_code, answer.json()["code"]) == (403, "scope_missing"), answer.text


def test_a_key_that_only_submits_reads_nothing(api, objects):
    _, key = api.ledger.create_key("scanner", tenant="alice", scopes=[Scope.SUBMIT])

    for path in LISTS:
        assert api.get(path, key=key).status_code == 403, path
    for method, path in WITH_OBJECT:
        if method == "get":
            assert api.get(filled(path, objects), key=key).status_code == 403, path


def test_a_revoked_key_opens_nothing(api):
    stored, key = api.ledger.create_key("gone", tenant="alice", scopes=[Scope.READ])
    assert api.get("/v1/jobs", key=key).status_code == 200

    api.ledger.revoke_key(stored.id)

    assert api.get("/v1/jobs", key=key).status_code == 401


def test_both_headers_carry_a_key(api):
    assert api.get("/v1/jobs", headers={"X-Api-Key": api.alice}).status_code == 200
    assert api.get("/v1/jobs", headers={"Authorization": f"bearer {api.alice}"}).status_code == 200
    assert api.get("/v1/jobs", headers={"Authorization": f"Basic {api.alice}"}).status_code == 401


def test_no_key_and_no_name_of_a_file_is_in_the_log(api, capfd):
    api.submit("private-name")
    api.get(f"/v1/jobs?x={api.bob}", key=api.alice)
    api.get("/v1/jobs", key="reread_wrong_secret")

    said = "".join(capfd.readouterr())
    assert not any(word in said for word in (api.alice, api.bob, "reread_wrong_secret", "private-name"))


def test_a_service_without_keys_is_open_to_this_machine_and_to_no_page_in_its_browser(tmp_path):
    with serving(tmp_path, has_keys=False) as api:
        own = f"127.0.0.1:{api.port}"
        assert api.get("/v1/jobs").status_code == 200
        assert api.get("/v1/jobs", headers={"Host": f"localhost:{api.port}"}).status_code == 200
        assert api.get("/v1/jobs", headers={"Origin": f"http://{own}"}).status_code == 200
        for headers in (
            {"Origin": "https://evil.example"},  # a form or a script of another site
            {"Origin": "null"},
            {"Host": "evil.example"},  # a name that was made to lead here (DNS rebinding)
            {"Host": "127.0.0.1.evil.example"},
            {"Host": "["},
            {"X-Forwarded-For": "203.0.113.7"},  # a proxy of this machine says whom it speaks for
        ):
            answer = api.get("/v1/jobs", headers=headers)
            assert (answer.status_code, answer.json()["code"]) == (401, "no_key"), headers
        assert api.get("/v1/jobs", key="reread_wrong").status_code == 401


def test_the_first_key_closes_the_service(tmp_path):
    with serving(tmp_path, has_keys=False) as api:
        assert api.get("/v1/jobs").status_code == 200
        _, key = api.ledger.create_key("first", tenant="a", scopes=[Scope.READ])

        assert api.get("/v1/jobs").status_code == 401
        assert api.get("/v1/jobs", key=key).status_code == 200


def test_pages_of_other_sites_get_no_permission(api):
    answer = api.request(
        "OPTIONS", "/v1/jobs", headers={"Origin": "https://evil.example", "Access-Control-Request-Method": "GET"}
    )

    assert answer.status_code == 405
    assert not [name for name in answer.headers if name.startswith("access-control")]
    asked = api.get("/v1/jobs", key=api.alice, headers={"Origin": "https://evil.example"})
    assert not [name for name in asked.headers if name.startswith("access-control")]
