"""Whatever is asked, in whatever words, search answers: by meaning, by words, by both, within limits."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from makers import embed, make_evidence, make_extraction, make_paper, save_extractions

from pipeline import search
from records import Filter, Hit, SearchMode
from store.library import Library, create_library

KINETICS = [
    "The elimination half-life in mouse plasma was 2.3 h after an intravenous dose of 5 mg/kg.",
    "Oral bioavailability reached 41 % in fasted animals.",
    "Brain tissue held less than 2 % of the plasma concentration.",
    "Blood was drawn from the tail vein at eight times.",
    "Clearance was estimated by a two-compartment model.",
]
SOLAR = [
    "Perovskite solar cells lost 20 % of their efficiency after 1,000 h at 85 °C.",
    "The activation energy of ageing was 0.74 eV with a fluorinated interlayer.",
    "Devices were encapsulated with glass and a butyl edge seal.",
    "Current-voltage curves were measured under AM1.5G illumination.",
    "Grain boundaries let iodide ions migrate.",
]
WEATHER = [
    "Forecast errors of temperature grow with lead time and then saturate.",
    "The tails of the error distribution are heavier than those of a Gaussian.",
    "Sixty-two stations in mountain valleys were compared.",
    "An ensemble of numerical weather models was averaged.",
]
FILLERS = [f"Sample {n} was stored in box {n} of the cold room." for n in range(20)]
MODES = list(SearchMode)


@pytest.fixture(scope="module")
def found_in(embedder, tmp_path_factory) -> Library:
    """A library of four papers with the vectors of the real model."""
    library = create_library(tmp_path_factory.mktemp("search") / "library", embedding="test", dimension=embedder.dimension)
    given = [("kinetics.pdf", KINETICS, 2019), ("solar.pdf", SOLAR, 2021), ("weather.pdf", WEATHER, 2023)]
    papers = [make_paper(name, texts, year=year) for name, texts, year in given]
    papers.append(make_paper("fillers.pdf", FILLERS, year=None))
    library.save_papers([with_vectors(paper, embedder) for paper in papers])
    return library


def with_vectors(paper, embedder):
    return replace(paper, vectors=embedder.embed([chunk.searchable for chunk in paper.chunks]))


@pytest.fixture
def ask(found_in, embedder):
    def ask(query: str, mode: SearchMode = SearchMode.HYBRID, limit: int = 5, **only) -> list[Hit]:
        return search(query, library=found_in, embed=embedder.embed, mode=mode, limit=limit, only=Filter(**only))

    return ask


def doc_id(name: str) -> str:
    return make_paper(name).document.id


@pytest.mark.parametrize("mode", MODES)
def test_the_passage_that_was_asked_for_comes_first_with_its_place(ask, mode):
    hit = ask("half-life in mouse plasma", mode)[0]

    assert (hit.doc_name, hit.text, hit.pages) == ("kinetics.pdf", KINETICS[0], (1,))
    assert (hit.title, hit.year, hit.kind, hit.headings) == ("On kinetics.pdf", 2019, "text", ("Results",))
    assert hit.score_kind == {SearchMode.HYBRID: "rrf", SearchMode.VECTOR: "cosine", SearchMode.TEXT: "bm25"}[mode]


def test_meaning_is_found_without_a_word_in_common(ask):
    assert ask("how fast photovoltaic devices degrade", SearchMode.VECTOR, limit=3)[0].doc_name == "solar.pdf"
    assert ask("photovoltaic", SearchMode.TEXT) == []


def test_words_are_found_in_other_forms(ask):
    assert ask("tail distributions", SearchMode.TEXT)[0].text == WEATHER[1]


@pytest.mark.parametrize("mode", MODES)
def test_hits_come_best_first_and_no_more_than_asked(ask, mode):
    hits = ask("sample box of the cold room", mode, limit=7)

    assert len(hits) == 7
    assert [hit.score for hit in hits] == sorted((hit.score for hit in hits), reverse=True)
    assert len({hit.chunk_id for hit in hits}) == 7


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize(
    ("only", "names"),
    [
        ({"doc_ids": (doc_id("solar.pdf"), doc_id("weather.pdf"))}, {"solar.pdf", "weather.pdf"}),
        ({"years": (2021, 2022)}, {"solar.pdf"}),
        ({"years": (2019, 2023)}, {"kinetics.pdf", "solar.pdf", "weather.pdf"}),
        ({"years": (1900, 1901)}, set()),
        ({"doc_ids": ()}, set()),
        ({"doc_ids": ("' OR 1=1 --",)}, set()),
        ({"kinds": ("text", "table")}, {"kinetics.pdf", "solar.pdf", "weather.pdf", "fillers.pdf"}),
        ({"kinds": ("figure",)}, set()),
        ({"kinds": ("it's",)}, set()),
    ],
)
def test_a_filter_limits_what_is_searched_not_what_is_shown(ask, mode, only, names):
    hits = ask("after a dose of sample errors at 85 °C", mode, limit=30, **only)

    assert {hit.doc_name for hit in hits} == names


@pytest.mark.parametrize("mode", MODES)
def test_a_filter_by_page_finds_what_stands_there(ask, mode):
    assert {hit.pages for hit in ask("the sample was stored", mode, limit=50, pages=(2, 3))} <= {(2,), (3,)}
    assert ask("the sample was stored", mode, pages=(20, 20))[0].doc_name == "fillers.pdf"
    assert ask("the sample was stored", mode, pages=(3, 2)) == []
    assert len(ask("the sample was stored", mode, limit=5, pages=(1, 999_999_999))) == 5


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize(
    "query",
    [
        "", "   ", "\n", "???", "--", "°", '"', '"unbalanced', "it's", "a OR b AND NOT c", "+must -not", "field:value",
        "wild*", "fuzzy~2", "(", "[1 TO 2]", "{}", "\\", "^2", "text:'; DROP TABLE chunks; --", "\0", "日本語 の 論文",
        "half‑life", "µg/mL ≥ 5", "🧪", "e\u0301", "word " * 5000, "x" * 20_000, "the of and",
    ],
)  # fmt: skip
def test_no_query_is_an_error(ask, mode, query):
    hits = ask(query, mode, limit=3)

    assert len(hits) <= 3
    assert query.strip() or hits == []


@pytest.mark.parametrize("mode", MODES)
def test_a_query_language_is_only_words(ask, mode):
    assert ask('"activation energy" AND (ageing OR NOT interlayer)', mode)[0].text == SOLAR[1]


@pytest.mark.parametrize("mode", MODES)
def test_an_empty_library_answers_nothing(library, mode):
    assert search("anything", library=library, embed=embed, mode=mode) == []


@pytest.mark.parametrize("mode", MODES)
def test_a_paper_is_found_as_soon_as_it_is_saved(embedder, tmp_path, mode):
    library = create_library(tmp_path, embedding="test", dimension=embedder.dimension)
    library.save_papers([with_vectors(make_paper("fillers.pdf", FILLERS), embedder)])
    for n in range(3):
        texts = [f"The Zylberstein coefficient of sample {n} was {n}.5."]
        library.save_papers([with_vectors(make_paper(f"{n}.pdf", texts), embedder)])
        hits = search("Zylberstein coefficient", library=library, embed=embedder.embed, mode=mode, limit=n + 1)
        assert {hit.doc_name for hit in hits} == {f"{i}.pdf" for i in range(n + 1)}


def test_a_deleted_paper_and_a_retired_chunk_are_found_no_more(embedder, tmp_path):
    library = create_library(tmp_path, embedding="test", dimension=embedder.dimension)
    for paper in (make_paper("a.pdf", KINETICS), make_paper("a.pdf", SOLAR, converter="rules/2"), make_paper("b.pdf", WEATHER)):
        library.save_papers([with_vectors(paper, embedder)])
    library.delete_documents([doc_id("b.pdf")])

    for mode in MODES:
        hits = search("plasma, errors or cells", library=library, embed=embedder.embed, mode=mode, limit=50)
        assert {hit.text for hit in hits} <= set(SOLAR)


@pytest.fixture
def read_library(library) -> Library:
    """A library with extractions of two runs, one of which failed or found nothing in some units."""
    paper = make_paper("kinetics.pdf", KINETICS)
    library.save_papers([paper])
    first, second, third, *_ = paper.chunks
    save_extractions(
        library,
        make_extraction(
            first, {"value": 2.3, "unit": "h"}, evidence=[make_evidence(first, "half-life in mouse plasma was 2.3 h")]
        ),
        make_extraction(second, {"value": 41}, evidence=[make_evidence(second, "bioavailability reached 41 %")]),
        make_extraction(third, error_code="answer_empty", error="nothing", raw=""),
        make_extraction(first, {"who": "mouse"}, reading_key="another", evidence=[make_evidence(first, "mouse plasma")]),
    )
    return library


def test_what_was_read_is_found_with_its_record_and_its_quote(read_library):
    hits = search("half-life", library=read_library, embed=None, mode=SearchMode.TEXT, in_extractions=True)

    assert [(hit.record, hit.text) for hit in hits] == [({"value": 2.3, "unit": "h"}, "half-life in mouse plasma was 2.3 h")]
    assert hits[0].chunk_id == make_paper("kinetics.pdf", KINETICS).chunks[0].id
    assert (hits[0].doc_name, hits[0].pages, hits[0].kind) == ("kinetics.pdf", (1,), "half-life")


def test_a_search_in_one_run_sees_that_run_only(read_library):
    only = Filter(reading_key="another")
    hits = search("plasma", library=read_library, embed=None, mode=SearchMode.TEXT, in_extractions=True, only=only)

    assert [hit.record for hit in hits] == [{"who": "mouse"}]
    both = search("plasma", library=read_library, embed=None, mode=SearchMode.TEXT, in_extractions=True)
    assert len(both) == 2


def test_what_failed_or_was_replaced_is_not_found(read_library):
    paper = make_paper("kinetics.pdf", KINETICS)
    read_library.retire_extractions("another", {paper.document.id: set()})

    hits = search("anything", library=read_library, embed=embed, mode=SearchMode.VECTOR, in_extractions=True, limit=50)
    assert sorted(hit.text for hit in hits) == ["bioavailability reached 41 %", "half-life in mouse plasma was 2.3 h"]


def test_what_both_ways_find_a_little_later_comes_before_what_one_finds_first(tmp_path):
    library = create_library(tmp_path, embedding="test", dimension=2)
    words = [f"plasma plasma plasma, word {n}" for n in range(7)]
    alike = [f"alike {n}" for n in range(7)]
    texts = [*words, *alike, "plasma once, in a text of more words than the others have", *(f"filler {n}" for n in range(60))]
    angles = [*(90 + n for n in range(7)), *range(7), 10, *(20 + n for n in range(60))]
    vectors = np.array([(np.cos(np.radians(angle)), np.sin(np.radians(angle))) for angle in angles], dtype=np.float32)
    library.save_papers([replace(make_paper("a.pdf", texts), vectors=vectors)])

    found = search("plasma", library=library, embed=lambda _: np.array([[1.0, 0.0]], dtype=np.float32), limit=3)
    assert len(found) == 3
    assert found[0].text.startswith("plasma once")
