"""Search over HTTP: each hit with its place, each tenant in what it may see."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from api_reading import read, with_reader
from api_server import Api, serving
from makers import BOX, make_paper

from api.visible import FEW
from records import Paper
from store.library import Library

TEXTS = ("The half-life in mouse plasma was 2.3 h.", "The band gap of ZnO is 3.2 eV.", "Table of doses and ages.")


@pytest.fixture
def api(tmp_path: Path) -> Iterator[Api]:
    with serving(tmp_path) as api:
        with_reader(api)
        yield api


def paper(name: str = "smith-2021.pdf", *texts: str, **more: object) -> Paper:
    return make_paper(name, texts or TEXTS, **{"doi": "10.1000/1", **more})


def found(api: Api, query: str, *, key: str | None = None, **more: object) -> list[dict]:
    answer = api.post("/v1/search", key=key or api.alice, json={"query": query, **more})
    assert answer.status_code == 200, answer.text
    return answer.json()["hits"]


@pytest.mark.parametrize(("mode", "kind"), [("text", "bm25"), ("vector", "cosine"), ("hybrid", "rrf")])
def test_a_hit_has_its_paper_its_page_its_box_its_text_and_a_score_of_a_named_kind(api, mode, kind):
    smith = paper()
    api.store(smith)
    hit = found(api, "half-life plasma", mode=mode)[0] if mode != "vector" else found(api, "Results\n" + TEXTS[0], mode=mode)[0]

    assert (hit["document_id"], hit["doi"], hit["title"]) == (smith.document.id, "10.1000/1", "On smith-2021.pdf")
    assert (hit["text"], hit["page"], hit["kind"]) == (TEXTS[0], 1, "text")
    assert hit["box"] == {"left": BOX.left, "bottom": BOX.bottom, "right": BOX.right, "top": BOX.top}
    assert hit["places"] == [{"page": 1, "box": hit["box"]}]
    assert hit["score_kind"] == kind
    assert hit["score"] > 0
    assert hit["record"] is None


def test_papers_that_were_found_before_are_not_looked_up_again(api, monkeypatch):
    api.store(paper("one.pdf"), paper("two.pdf"))
    first = found(api, "half-life", mode="text")
    monkeypatch.setattr(Library, "documents", None)
    assert found(api, "half-life", mode="text") == first


def test_a_search_is_limited_to_what_the_filter_names(api):
    old, new = paper("old.pdf", year=2010), paper("new.pdf", year=2021)
    api.store(old, new)

    def documents(**only: object) -> set[str]:
        return {hit["document_name"] for hit in found(api, "half-life gap doses", mode="text", filter=only)}

    assert documents() == {"old.pdf", "new.pdf"}
    assert documents(years=[2020, 2022]) == {"new.pdf"}
    assert documents(documents=[old.document.id]) == {"old.pdf"}
    assert documents(documents=[]) == set()
    assert documents(kinds=["table"]) == set()
    pages = {hit["page"] for hit in found(api, "half-life gap doses", mode="text", filter={"pages": [2, 2]})}
    assert pages == {2}
    assert len(found(api, "half-life gap doses", mode="text", limit=2)) == 2


def test_extractions_are_found_by_their_quotes_with_their_record_and_place(api):
    api.store(paper())
    run = read(api)
    (hit,) = found(api, "band gap of ZnO", mode="text", **{"in": "extractions", "limit": 1})
    of_run = found(api, "band gap", mode="text", **{"in": "extractions"}, filter={"run": run["id"]})

    assert hit["record"] == {"value": TEXTS[1], "prompt": "half-life"}
    assert (hit["text"], hit["page"], hit["kind"]) == (TEXTS[1], 2, "half-life")
    assert hit["box"]["left"] == BOX.left
    assert of_run[0]["record"] == hit["record"]


def test_a_tenant_finds_the_librarys_papers_and_its_own_and_never_anothers(api):
    api.store(paper("open.pdf"))
    api.store(paper("of-bob.pdf"), tenant="bob")
    api.store(paper("of-alice.pdf"), tenant="alice")
    secret = make_paper("of-bob.pdf").document.id

    for mode in ("text", "vector", "hybrid"):
        names = {hit["document_name"] for hit in found(api, "half-life", mode=mode, limit=50)}
        assert names == {"open.pdf", "of-alice.pdf"}
    assert found(api, "half-life", mode="text", filter={"documents": [secret]}) == []
    assert {hit["document_name"] for hit in found(api, "half-life", key=api.admin, limit=50)} >= {"of-bob.pdf", "of-alice.pdf"}


def test_the_best_of_what_a_tenant_sees_are_found_however_many_better_ones_it_does_not_see(api):
    crowd = [paper(f"bob-{n}.pdf", "half-life half-life half-life") for n in range(60)]
    api.store(*crowd, tenant="bob")
    api.store(paper("mine.pdf", "One half-life among many other words that make this passage long."), tenant="alice")

    for mode in ("text", "hybrid"):
        assert [hit["document_name"] for hit in found(api, "half-life", mode=mode, limit=5)] == ["mine.pdf"]


def test_what_a_tenant_read_is_found_by_no_other_tenant_even_in_papers_that_both_see(api):
    api.store(paper("open.pdf"))
    run = read(api, key=api.bob)

    assert found(api, "half-life", mode="text", **{"in": "extractions"}) == []
    assert len(found(api, "half-life", key=api.bob, mode="text", **{"in": "extractions"})) == 1
    refused = api.post("/v1/search", key=api.alice, json={"query": "x", "in": "extractions", "filter": {"run": run["id"]}})
    assert refused.status_code == 404


@pytest.mark.parametrize(
    "query", ["?", "'; DROP TABLE chunks; --", "AND OR NOT", '"', "½ °C µ 漢字 🧪", "a" * 2000, "half-life AND (", "*"]
)
@pytest.mark.parametrize("mode", ["text", "hybrid"])
def test_no_query_is_taken_for_a_language(api, query, mode):
    api.store(paper())

    found(api, query, mode=mode)


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"query": ""},
        {"query": "x\0"},
        {"query": "x" * 2001},
        {"query": "x", "limit": 0},
        {"query": "x", "limit": 201},
        {"query": "x", "mode": "magic"},
        {"query": "x", "filter": {"years": [2020]}},
        {"query": "x", "filter": {"years": [2020, 10**30]}},
        {"query": "x", "filter": {"pages": [0, 1]}},
        {"query": "x", "filter": {"kinds": ["sonnet"]}},
        {"query": "x", "filter": {"documents": ["' OR 1 = 1 --"]}},
        {"query": "x", "filter": {"run": "3f2a"}},
        {"query": "x", "filter": {"unknown": 1}},
        {"query": "x", "in": "extractions", "filter": {"kinds": ["text"]}},
        {"query": "x", "rerank": True},
    ],
)
def test_a_request_that_does_not_fit_is_refused_as_a_problem(api, body):
    answer = api.post("/v1/search", key=api.alice, json=body)

    assert (answer.status_code, answer.json()["code"]) == (422, "invalid_request")
    assert answer.headers["Content-Type"] == "application/problem+json"


def test_an_empty_library_gives_no_hits(api):
    assert found(api, "half-life") == []


def test_thousands_of_papers_of_others_do_not_make_a_search_slow(api):
    hidden = [f"{n:064x}" for n in range(10 * FEW)]
    api.ledger.add_names([("x.pdf", doc_id) for doc_id in hidden], tenant="bob")
    api.store(paper("mine.pdf"), tenant="alice")
    found(api, "half-life", mode="text")
    started = time.perf_counter()

    assert [hit["document_name"] for hit in found(api, "half-life", mode="text")] == ["mine.pdf"]
    assert time.perf_counter() - started < 1.0
