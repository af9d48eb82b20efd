"""Chunks: nothing lost, nothing longer than the embedding model reads, everything with its place on the page."""

from __future__ import annotations

import json
from collections import Counter
from itertools import chain, pairwise

import pytest
from docling_core.types.doc.labels import DocItemLabel
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from paper_maker import CORPUS, PaperMaker, tokenizer_file

from ingest.chunking import split_chunks
from ingest.citations import cited_labels
from ingest.packing import open_measure
from ingest.sentences import sentence_ends
from records import Chunk, ChunkKind, PageQuality

MAX_TOKENS = 256
SENTENCE = "The half-life of the compound in mouse plasma was 2.3 h, longer than in the control group of Smith et al. (2019). "


def chunks_of(paper: PaperMaker, max_tokens: int = MAX_TOKENS, pages: tuple[PageQuality, ...] = ()) -> list[Chunk]:
    return split_chunks(
        paper.document, doc_id="d", conversion_id="c", pages=pages, tokenizer_file=tokenizer_file(), max_tokens=max_tokens
    )


def count_tokens(text: str) -> int:
    """As the model counts: by transformers' own class for it, not by our Measure."""
    from transformers import AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(tokenizer_file().parent)
    return len(tokenizer(text, truncation=False, add_special_tokens=True)["input_ids"])


def printed(text: str) -> Counter[str]:
    return Counter(sign for sign in text if not sign.isspace())


def said_by(chunks: list[Chunk]) -> Counter[str]:
    headings = {heading for chunk in chunks for heading in chunk.headings}
    return sum((printed(text) for text in [*headings, *(chunk.text for chunk in chunks)]), Counter())


def only(chunks: list[Chunk], kind: ChunkKind) -> list[Chunk]:
    return [chunk for chunk in chunks if chunk.kind is kind]


def test_an_empty_document_has_no_chunks():
    assert chunks_of(PaperMaker()) == []


def test_neighbouring_paragraphs_of_a_section_are_packed_and_sections_are_kept_apart():
    paper = PaperMaker()
    paper.title("A title")
    paper.heading("1 Methods")
    long = (SENTENCE * 3).strip()
    paper.text(f"First paragraph. {long}")
    paper.text("Second paragraph.")
    paper.heading("1.1 Mice", level=2)
    paper.text(f"Third paragraph. {long}")
    paper.heading("2 Results")
    paper.text(f"Fourth paragraph. {long}")
    chunks = chunks_of(paper)
    assert [(chunk.headings, chunk.text) for chunk in chunks] == [
        ((), "A title"),
        (("1 Methods",), f"First paragraph. {long}\n\nSecond paragraph."),
        (("1 Methods", "1.1 Mice"), f"Third paragraph. {long}"),
        (("2 Results",), f"Fourth paragraph. {long}"),
    ]
    assert [chunk.ordinal for chunk in chunks] == [0, 1, 2, 3]


def test_paragraphs_are_packed_across_a_figure_between_them():
    paper = PaperMaker()
    paper.heading("Results")
    paper.text("Before the figure")
    paper.picture(caption="Figure 1. Growth.")
    paper.text("and after it.")
    chunks = chunks_of(paper)
    assert [chunk.kind for chunk in chunks] == [ChunkKind.TEXT, ChunkKind.FIGURE]
    assert chunks[0].text == "Before the figure\n\nand after it."


def test_a_long_paragraph_is_cut_at_sentence_ends_into_parts_of_about_one_length():
    paper = PaperMaker()
    paper.text(SENTENCE * 30)
    chunks = chunks_of(paper)
    assert len(chunks) > 2
    assert all(chunk.text.endswith("(2019).") for chunk in chunks)
    assert min(len(chunk.text) for chunk in chunks) > 0.5 * max(len(chunk.text) for chunk in chunks)


def test_a_word_without_end_is_cut_too():
    paper = PaperMaker()
    paper.text("A" * 20_000)
    chunks = chunks_of(paper)
    assert said_by(chunks)["A"] == 20_000
    assert max(len(chunk.text) for chunk in chunks) <= 8 * MAX_TOKENS


def test_a_heading_without_text_below_it_is_text_itself():
    paper = PaperMaker()
    paper.heading("Part I")
    paper.heading("Part II")
    paper.text(SENTENCE * 3)
    paper.heading("Part III")
    assert [(chunk.headings, chunk.text) for chunk in chunks_of(paper)] == [
        ((), "Part I"),
        (("Part II",), (SENTENCE * 3).strip()),
        ((), "Part III"),
    ]


def test_a_heading_too_long_for_a_path_is_text_and_what_is_below_it_still_fits():
    paper = PaperMaker()
    paper.heading(SENTENCE * 6)
    paper.text("Words below.")
    chunks = chunks_of(paper)
    assert all(count_tokens(chunk.searchable) <= MAX_TOKENS for chunk in chunks)
    assert said_by(chunks) == printed(SENTENCE * 6 + "Words below.")


def test_furniture_is_left_out():
    paper = PaperMaker()
    paper.text("Smith et al. 2021", label=DocItemLabel.PAGE_HEADER, furniture=True)
    paper.text("Words.")
    assert [chunk.text for chunk in chunks_of(paper)] == ["Words."]


def test_a_paragraph_that_runs_over_a_page_knows_which_words_stand_where():
    paper = PaperMaker()
    paper.text("Before.")
    paper.over_two_pages("It begins on page one", "and ends on page two.")
    (chunk,) = chunks_of(paper)
    at = chunk.text.index("ends")
    assert [place.page for place in chunk.places_of((at, at + 4))] == [2]
    assert [place.page for place in chunk.places_of((0, 7))] == [1]
    assert chunk.pages == (1, 2)


def test_every_part_of_a_large_table_has_its_caption_and_header():
    paper = PaperMaker()
    rows = [["Compound", "Half-life (h)", "n"]] + [[f"compound {n}", f"{n}.5", "12"] for n in range(60)]
    table = paper.table(rows, caption="Table 2. Half-lives in plasma.")
    chunks = only(chunks_of(paper), ChunkKind.TABLE)
    assert len(chunks) > 2
    for chunk in chunks:
        assert chunk.text.startswith("Table 2. Half-lives in plasma.\nCompound | Half-life (h) | n\ncompound ")
        assert chunk.holds == (table.self_ref,)
        assert chunk.cites == ("Table 2",)
        assert chunk.features.has_caption and chunk.features.table_share > 0.5
    lines = [line for chunk in chunks for line in chunk.text.splitlines()[2:]]
    assert lines == [" | ".join(row) for row in rows[1:]]


def test_chunks_stand_in_reading_order_floats_without_caption_too():
    paper = PaperMaker()
    paper.heading("Results")
    paper.text("Before.")
    paper.heading("More", level=2)
    paper.formula("a = b")
    paper.table([["A", "B"], ["1", "2"]])
    paper.picture()
    paper.heading("Last")
    paper.text("After.")
    kinds = [ChunkKind.TEXT, ChunkKind.FORMULA, ChunkKind.TABLE, ChunkKind.FIGURE, ChunkKind.TEXT]
    assert [chunk.kind for chunk in chunks_of(paper)] == kinds


def test_small_neighbouring_sections_share_a_chunk_under_the_heading_they_share():
    paper = PaperMaker()
    paper.heading("Back matter")
    paper.heading("Funding", level=2)
    paper.text("None.")
    paper.heading("Ethics", level=2)
    paper.text("Approved.")
    paper.heading("Discussion")
    paper.text(SENTENCE * 8)
    chunks = chunks_of(paper)
    assert chunks[0].headings == ("Back matter",)
    assert chunks[0].text == "Funding\n\nNone.\n\nEthics\n\nApproved."
    assert chunks[1].headings == ("Discussion",)


def test_cells_that_claim_one_place_of_the_grid_are_all_kept():
    paper = PaperMaker()
    table = paper.table([["A", "B"], ["1", "2"]])
    table.data.table_cells.append(table.data.table_cells[0].model_copy(update={"text": "hidden"}))
    assert {"A", "hidden"} <= set(" ".join(chunk.text for chunk in chunks_of(paper)).replace("|", " ").split())


def test_a_table_cell_has_its_own_box():
    paper = PaperMaker()
    paper.table([["Compound", "Half-life"], ["aspirin", "3.1"]])
    (chunk,) = chunks_of(paper)
    at = chunk.text.index("3.1")
    (place,) = chunk.places_of((at, at + 3))
    assert (place.box.left, place.box.right) == (110, 165)
    assert (place.box.bottom, place.box.top) == (800 - 209, 800 - 205)


def test_a_table_whose_caption_alone_is_too_long_still_fits():
    paper = PaperMaker()
    paper.table([["A", "B"], ["1", "2"]], caption="Table 1. " + SENTENCE * 20)
    chunks = chunks_of(paper)
    assert all(count_tokens(chunk.searchable) <= MAX_TOKENS for chunk in chunks)
    assert any("1 | 2" in chunk.text for chunk in chunks)
    assert printed("Table 1. " + SENTENCE * 20 + "A | B 1 | 2") <= said_by(chunks)


def test_a_figure_is_its_caption_and_the_text_in_it():
    paper = PaperMaker()
    picture = paper.picture(caption="Fig. 3: Growth over time.", inside=("Time (h)", "OD600"))
    (chunk,) = chunks_of(paper)
    assert chunk.kind is ChunkKind.FIGURE
    assert chunk.text == "Fig. 3: Growth over time.\nTime (h)\nOD600"
    assert chunk.holds == (picture.self_ref,)
    assert chunk.cites == ("Figure 3",)
    assert chunk.features.figure_share > 0.8


def test_a_large_figure_without_a_word_is_a_chunk_and_a_small_one_is_not():
    paper = PaperMaker()
    paper.picture(height=200)
    paper.picture(height=20)
    (chunk,) = chunks_of(paper)
    assert (chunk.kind, chunk.text, chunk.pages) == (ChunkKind.FIGURE, "", (1,))


def test_a_formula_takes_its_sentences_along_and_no_word_is_said_twice():
    paper = PaperMaker()
    paper.heading("Theory")
    paper.text("Mass is energy. It was found that")
    paper.formula("E = mc² (4)")
    paper.text("where c is the speed of light. More on this later.")
    chunks = chunks_of(paper)
    assert [(chunk.kind, chunk.text) for chunk in chunks] == [
        (ChunkKind.TEXT, "Mass is energy."),
        (ChunkKind.FORMULA, "It was found that\nE = mc² (4)\nwhere c is the speed of light."),
        (ChunkKind.TEXT, "More on this later."),
    ]
    assert 0.05 < chunks[1].features.formula_share < 0.5


def test_references_are_packed_by_entry_and_never_cut_within_one():
    paper = PaperMaker()
    paper.heading("References")
    entries = [
        f"[{n}] A. Author and B. Author. A title of some length, number {n}. J. Chem. {n}, 12-19 (2019)." for n in range(40)
    ]
    paper.entries(*entries)
    chunks = chunks_of(paper)
    assert {chunk.kind for chunk in chunks} == {ChunkKind.REFERENCES}
    assert [line for chunk in chunks for line in chunk.text.splitlines()] == entries
    assert len(chunks) < 15


def test_the_same_document_gives_the_same_ids_and_another_conversion_others():
    paper = PaperMaker()
    paper.text("Words.")
    again = split_chunks(
        paper.document, doc_id="d", conversion_id="other", pages=(), tokenizer_file=tokenizer_file(), max_tokens=MAX_TOKENS
    )
    assert chunks_of(paper)[0].id == chunks_of(paper)[0].id != again[0].id


def test_features_count_words_and_numbers_and_take_the_confidence_of_the_page():
    paper = PaperMaker()
    paper.text("We gave 5 mg to 12 mice, and 3.5 h later α > 0.05.")
    page = PageQuality(page=1, width=600, height=800, n_chars=50, figure_share=0, confidence=0.9)
    (chunk,) = chunks_of(paper, pages=(page,))
    assert (chunk.features.n_words, chunk.features.n_numbers, chunk.features.text_confidence) == (9, 4, 0.9)


WORD = st.text(st.characters(codec="utf-8", exclude_categories=["Cs"]), min_size=1, max_size=60)
PROSE = st.lists(WORD, max_size=400).map(" ".join)
STEP = st.one_of(
    st.tuples(st.just("text"), PROSE),
    st.tuples(st.just("heading"), PROSE),
    st.tuples(st.just("formula"), PROSE),
    st.tuples(st.just("caption"), PROSE),
    st.tuples(st.just("entry"), PROSE),
)


@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
@given(steps=st.lists(STEP, max_size=8), max_tokens=st.sampled_from([16, 64, 256]))
def test_no_chunk_is_over_the_limit_and_nothing_is_lost(steps, max_tokens):
    paper = PaperMaker()
    for kind, text in steps:
        {"entry": paper.entries}.get(kind, getattr(paper, kind, None))(text)
    chunks = chunks_of(paper, max_tokens)
    measure = open_measure(tokenizer_file(), max_tokens)
    assert all(measure.fits(chunk.searchable) for chunk in chunks)
    assert all(0 <= place.start <= place.end <= len(chunk.text) for chunk in chunks for place in chunk.places)
    lost = sum((printed(text) for _, text in steps), Counter()) - sum(
        (printed(text) for chunk in chunks for text in (*chunk.headings, chunk.text)), Counter()
    )
    assert not lost


@settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    rows=st.lists(st.lists(PROSE, min_size=3, max_size=3), max_size=6), caption=PROSE, max_tokens=st.sampled_from([16, 64, 256])
)
def test_no_part_of_a_table_is_over_the_limit_and_no_cell_is_lost(rows, caption, max_tokens):
    paper = PaperMaker()
    paper.table(rows, caption=caption)
    chunks = chunks_of(paper, max_tokens)
    measure = open_measure(tokenizer_file(), max_tokens)
    assert all(measure.fits(chunk.searchable) for chunk in chunks)
    assert not printed(" ".join([caption, *chain.from_iterable(rows)])) - said_by(chunks)


@pytest.mark.parametrize(
    ("text", "labels"),
    [
        ("see Fig. 2 and Fig. 3b", ["Figure 2", "Figure 3"]),
        ("Figs. 1–3 show", ["Figure 1", "Figure 2", "Figure 3"]),
        ("Figures 1a, 2 and 4", ["Figure 1", "Figure 2", "Figure 4"]),
        ("Fig. 2a,b and Fig. 2(c)", ["Figure 2"]),
        ("Tables 1-3", ["Table 1", "Table 2", "Table 3"]),
        ("TABLE II", ["Table II"]),
        ("Eq. (4), Eqs. (5) and (7)", ["Equation 4", "Equation 5", "Equation 7"]),
        ("equation 2.1", ["Equation 2.1"]),
        ("Fig. S1; Supplementary Fig. 2", ["Figure S1", "Figure S2"]),
        ("Extended Data Fig. 2c", ["Extended Data Figure 2"]),
        ("Abb. 3 und Tabelle 2", ["Figure 3", "Table 2"]),
        ("na Figura 2 e na Tabela 1", ["Figure 2", "Table 1"]),
        ("Table 1 in 2019", ["Table 1"]),
        ("a figure of merit; no table here; configuration 3", []),
    ],
)
def test_labels_are_written_one_way(text, labels):
    assert list(cited_labels(text)) == labels


def test_sentences_do_not_end_at_abbreviations():
    text = "We saw it (Fig. 2). Then J. Smith et al. Found 3.5 mm. See e.g. Table 2. It ends here! Yes"
    ends = [0, *sentence_ends(text), len(text)]
    assert [text[a:b].strip() for a, b in pairwise(ends)] == [
        "We saw it (Fig. 2).",
        "Then J. Smith et al. Found 3.5 mm.",
        "See e.g. Table 2.",
        "It ends here!",
        "Yes",
    ]


@pytest.mark.corpus
@pytest.mark.skipif(not CORPUS.is_dir(), reason="needs ../shared/corpus/papers")
def test_true_papers_lose_no_word_and_fit(tmp_path):
    """From the truth files: headings, paragraphs, tables and captions of 36 papers as a perfect converter would give them."""
    for truth_file in sorted(CORPUS.glob("[!s]*.gt.json")):
        truth = json.loads(truth_file.read_text())
        paper = PaperMaker()
        words = printed("")
        for paragraph in truth["paragraphs"]:
            paper.text(paragraph)
            words += printed(paragraph)
        for table in truth["tables"]:
            rows = table["rows"] if isinstance(table, dict) else table
            width = max(map(len, rows), default=0)
            if width:
                paper.table([[*row, *[""] * (width - len(row))] for row in rows])
                words += printed(" ".join(cell for row in rows for cell in row))
        chunks = chunks_of(paper)
        measure = open_measure(tokenizer_file(), MAX_TOKENS)
        assert all(measure.fits(chunk.searchable) for chunk in chunks), truth_file.name
        assert not words - said_by(chunks), truth_file.name


def test_an_item_without_a_place_is_kept():
    paper = PaperMaker()
    paper.document.add_text(label=DocItemLabel.TEXT, text="Nowhere.")
    (chunk,) = chunks_of(paper)
    assert (chunk.text, chunk.places) == ("Nowhere.", ())
