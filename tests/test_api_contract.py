"""The API answers as its OpenAPI document says, whatever it is asked; and the document is the one that is checked in."""

from __future__ import annotations

import json
import re
import sys
from collections import Counter
from pathlib import Path

import pytest
from api_server import serving
from processes import ROOT

from api.openapi import FILE, as_text, description
from api.problems import MEDIA_TYPE

sys.path.insert(0, str(ROOT / "bench"))
contract = pytest.importorskip("contract")

DOCUMENT = description()
OPERATIONS = [(f"{method} {path}", entry) for path, entries in DOCUMENT["paths"].items() for method, entry in entries.items()]


def test_the_document_that_is_checked_in_is_that_of_this_code():
    assert FILE.read_text(encoding="utf-8") == as_text(DOCUMENT), "run `python -m api.openapi` and look at what changed"


def test_every_operation_has_an_id_of_its_own_and_a_summary():
    ids = Counter(entry["operationId"] for _, entry in OPERATIONS)

    assert max(ids.values()) == 1
    assert all(re.fullmatch(r"[a-z][a-z_]+", found) for found in ids)
    assert not [name for name, entry in OPERATIONS if not entry.get("summary")]


def test_every_error_that_is_documented_is_a_problem():
    for name, entry in OPERATIONS:
        for status, answer in entry["responses"].items():
            if int(status) >= 400 and (name, status) not in {("get /readyz", "503"), ("get /ready", "503")}:
                assert MEDIA_TYPE in answer.get("content", {}) or "docling" in entry["tags"][0], (name, status)


def test_every_closed_operation_documents_that_it_may_be_refused():
    for name, entry in OPERATIONS:
        if entry.get("security") != []:
            assert {"401", "403"} <= entry["responses"].keys(), name


def test_every_reference_leads_somewhere():
    named = set(re.findall(r'"#/components/schemas/(\w+)"', json.dumps(DOCUMENT)))

    assert named and not named - DOCUMENT["components"]["schemas"].keys()


def test_every_body_has_an_example_or_a_schema_that_says_all():
    for name, entry in OPERATIONS:
        content = entry.get("requestBody", {}).get("content", {})
        assert all("schema" in one for one in content.values()), name


def test_everything_that_is_accepted_says_where_to_look(tmp_path: Path):
    for name, entry in OPERATIONS:
        if "202" in entry["responses"]:
            assert {"Location", "Retry-After"} <= entry["responses"]["202"].get("headers", {}).keys(), name


def test_the_document_holds_no_secret_and_no_path_of_this_machine():
    text = json.dumps(DOCUMENT)

    assert str(ROOT) not in text and "reread_" not in text.replace("reread_key", "")


@pytest.mark.parametrize("phases", ["fuzzing", "stateful"])
def test_no_request_gets_an_answer_that_is_not_documented(tmp_path: Path, capfd: pytest.CaptureFixture[str], phases: str):
    """A moderate number; `python bench/contract.py --cases 200` asks more."""
    with serving(tmp_path, max_queued=100) as api:
        contract.prepare(api)
        with contract.ending_everything(api):
            status = contract.run(api, cases=3, seed=1, keep_going=True, phases=phases)

    assert status == 0, capfd.readouterr().out[-8000:]
