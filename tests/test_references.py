"""Reference lists: every entry, its fields, and who cites it."""

from __future__ import annotations

import pytest
from docling_core.types.doc.labels import DocItemLabel
from paper_maker import PaperMaker, tokenizer_file

from ingest.chunking import split_chunks
from ingest.citations_entries import open_citer
from ingest.identifiers import arxiv_in, dois_in, urls_in
from ingest.references import read_references
from ingest.references_fields import read_fields
from records import ChunkKind, Reference

VANCOUVER = "Smith JA, Jones B, van den Berg C. Growth of Escherichia coli in plasma. J Growth. 2019;12(3):34-45."
SECOND = "Müller K. Decay of it. Nature. 2020;7:12-3."
THIRD = "Lee S, Kim H. A third thing. PLoS ONE. 2021;16:e0123."
APA = (
    "Adams, B. C., & Brown, D. (2018). The first of all. Journal of Firsts, 3(2), 10-20. https://doi.org/10.1000/first.1",
    "Clark, E. (2019). Another one. Journal of Seconds, 4, 1-2.",
    "Davis, F., Evans, G., & Foster, H. (2020). Many names. Press.",
)


def references(*texts: str, heading: str = "References") -> tuple[Reference, ...]:
    paper = PaperMaker()
    paper.text("We measured what others had measured before us.")
    if heading:
        paper.heading(heading)
    for text in texts:
        paper.text(text)
    return read_references(paper.document)


def labels(*texts: str, **more: str) -> list[str]:
    return [entry.label for entry in references(*texts, **more)]


def test_a_paper_without_a_list_has_no_entries():
    assert references("1. Wash the cells.", "2. Count them.", heading="Methods") == ()
    assert read_references(PaperMaker().document) == ()


@pytest.mark.parametrize("style", ["[{}] ", "{}. ", "({}) ", "{} "])
def test_numbered_lists_are_read_in_every_style(style):
    texts = [style.format(n) + text for n, text in enumerate((VANCOUVER, SECOND, THIRD), start=1)]

    entries = references(*texts)

    assert [(entry.id, entry.label, entry.text) for entry in entries] == [
        ("Reference 1", "1", VANCOUVER),
        ("Reference 2", "2", SECOND),
        ("Reference 3", "3", THIRD),
    ]


def test_entries_that_run_on_in_one_paragraph_are_taken_apart():
    assert labels(f"1. {VANCOUVER} 2. {SECOND} 3. {THIRD}", f"4. {SECOND}") == ["1", "2", "3", "4"]


def test_an_entry_cut_by_a_column_is_joined():
    first, second, third = references(f"1. {VANCOUVER[:60]}", VANCOUVER[60:], f"2. {SECOND}", f"3. {THIRD}")
    assert first.text.replace(" ", "") == VANCOUVER.replace(" ", "")
    assert (second.text, third.text) == (SECOND, THIRD)


def test_a_false_heading_inside_an_entry_and_a_true_one_between_two_do_not_end_the_list():
    paper = PaperMaker()
    paper.heading("References")
    paper.text(f"[1] {VANCOUVER}")
    paper.text("[2] Rombouts J. Learning resets. In:")
    paper.heading("22nd European Symposium on Networks.")
    paper.text("Bruges, 2014.")
    paper.heading("Author contributions")
    paper.text("S.J. wrote the paper and B.J. read it.")
    paper.text(f"[3] {THIRD}")

    first, second, third = read_references(paper.document)

    assert second.text == "Rombouts J. Learning resets. In: 22nd European Symposium on Networks. Bruges, 2014."
    assert (first.text, third.text) == (VANCOUVER, THIRD)


def test_a_list_is_found_by_its_numbers_where_its_heading_was_lost():
    texts = [f"[{n}] {text}" for n, text in enumerate((VANCOUVER, SECOND, THIRD, SECOND), start=1)]
    assert labels(*texts, heading="") == ["1", "2", "3", "4"]


def test_a_list_without_numbers_is_cut_where_names_begin():
    assert labels(*APA) == ["Adams 2018", "Clark 2019", "Davis 2020"]
    assert labels(APA[0][:60], APA[0][60:], *APA[1:]) == ["Adams 2018", "Clark 2019", "Davis 2020"]


def test_a_list_without_numbers_goes_on_behind_what_stands_between_its_columns():
    paper = PaperMaker()
    paper.heading("References")
    paper.text(APA[0])
    paper.text("the rest of the discussion, which says nothing of papers. " * 6)
    paper.heading("Acknowledgements")
    paper.text("We thank Adams (2018) for the cells.")
    paper.text(APA[1])
    assert [entry.label for entry in read_references(paper.document)] == ["Adams 2018", "Clark 2019"]


def test_a_list_in_narrow_columns_that_was_taken_for_a_table_is_read_column_by_column():
    left = (
        "Adams, B. C., & Brown, D. (2018).",
        "The first of all. J. One, 3, 1-2.",
        "Clark, E. (2019). Another. J. Two, 4,",
        "1-2.",
    )
    left += ("Davis, F., Evans, G., & Foster, H.", "(2020). Many names in it. Good Press.")
    right = (
        "Ellis, G. (2001). A fifth. J. Five, 4, 5-6.",
        "Frank, H. (2002). A sixth and long one.",
        "J. Six, 5, 6-7.",
        "Grant, I. (2003).",
    )
    right += ("A seventh of them. J. Seven,", "7, 8-9.")
    paper = PaperMaker()
    paper.heading("References")
    paper.table([list(row) for row in zip(left, right, strict=True)])
    assert [entry.label for entry in read_references(paper.document)] == [
        "Adams 2018", "Clark 2019", "Davis 2020", "Ellis 2001", "Frank 2002", "Grant 2003",
    ]  # fmt: skip


def test_how_to_cite_the_paper_itself_is_no_entry_of_its_list():
    paper = PaperMaker()
    paper.title("Growth of bacteria in the plasma of mice")
    paper.heading("References")
    for text in APA:
        paper.text(text)
    paper.text("Own, A. (2021). Growth of bacteria in the plasma of mice. Journal of Growth.")
    assert len(read_references(paper.document)) == 3


@pytest.mark.parametrize(
    ("text", "families", "year", "title", "container"),
    [
        (VANCOUVER, ["Smith", "Jones", "van den Berg"], 2019, "Growth of Escherichia coli in plasma", "J Growth"),
        (APA[0], ["Adams", "Brown"], 2018, "The first of all", "Journal of Firsts"),
        (
            "LeCun, Y., Bengio, Y. & Hinton, G. Deep learning. Nature 521, 436-444 (2015).",
            ["LeCun", "Bengio", "Hinton"],
            2015,
            "Deep learning",
            "Nature",
        ),
        (
            "Supek,F. and Lehner,B. (2019) Scales of mutation. DNA Repair (Amst.), 81, 102647.",
            ["Supek", "Lehner"],
            2019,
            "Scales of mutation",
            "DNA Repair",
        ),
        (
            "Singh, H.; Meyer, A.N.D. The frequency of errors. BMJ Qual. Saf. 2014, 23, 727-731. [CrossRef]",
            ["Singh", "Meyer"],
            2014,
            "The frequency of errors",
            "BMJ Qual. Saf.",
        ),
        (
            'M. P. Hassell. "Insect Natural Enemies". In: Journal of Animal Ecology 54.1 (1985), pp. 323-334.',
            ["Hassell"],
            1985,
            "Insect Natural Enemies",
            "Journal of Animal Ecology",
        ),
        (
            "Roy M. Anderson and Robert M. May. Regulation of hosts. Nature 2, 3 (1978).",
            ["Anderson", "May"],
            1978,
            "Regulation of hosts",
            "Nature",
        ),
        (
            "A. Jha, P. Chantelot, and D. Quéré, Viscous bouncing, Soft Matter 16, 7270 (2020).",
            ["Jha", "Chantelot", "Quéré"],
            2020,
            "Viscous bouncing",
            "Soft Matter",
        ),
        ("D.H.Jakubassa-Amundsen, Phys. Rev. C 105, 054303 (2022)", ["Jakubassa-Amundsen"], 2022, None, "Phys. Rev. C"),
        (
            "Agol, E., Steffen, J., & Clarkson, W. 2005, Monthly Notices of the Society, 359, 567",
            ["Agol", "Steffen", "Clarkson"],
            2005,
            None,
            "Monthly Notices of the Society",
        ),
        (
            "Jimmy Lei Ba and Geoffrey E Hinton. Layer normalization. arXiv preprint arXiv:1607.06450, 2016.",
            ["Ba", "Hinton"],
            2016,
            "Layer normalization",
            "arXiv",
        ),
        (
            "Iz Beltagy and Arman Cohan. 2020. Longformer: The long one. In Proceedings of the 2020 Conference on Words, pages 1-9.",
            ["Beltagy", "Cohan"],
            2020,
            "Longformer: The long one",
            "Proceedings of the 2020 Conference on Words",
        ),
        (
            'ATLAS Collaboration, "Observation of a particle", Phys. Lett. B 716 (2012) 1',
            ["ATLAS Collaboration"],
            2012,
            "Observation of a particle",
            "Phys. Lett. B",
        ),
        (
            "Magner LN. A history of the life sciences. 3rd ed. New York: M. Dekker; 2002.",
            ["Magner"],
            2002,
            "A history of the life sciences",
            None,
        ),
        ("Bond, J. R., & Knox, L. 1999, Comput. Sci. Eng., 22, 1102", ["Bond", "Knox"], 1999, None, "Comput. Sci. Eng."),
        ("ATLAS Collaboration, G. Aad et al., arXiv:1407.1376 [Inspire].", ["ATLAS Collaboration", "Aad"], None, None, None),
        ("Mujoriya R 2011 A study on wheat grass Food science and Quality Management 2", ["Mujoriya"], 2011, None, None),
    ],
)
def test_the_fields_of_an_entry_are_right_or_none(text, families, year, title, container):
    fields = read_fields(text)
    assert [name.partition(",")[0] for name in fields.authors] == families
    assert (fields.year, fields.title, fields.container) == (year, title, container)


def test_volume_issue_and_pages_are_read_where_they_stand_together():
    fields = read_fields(VANCOUVER)
    assert (fields.volume, fields.issue, fields.pages) == ("12", "3", "34-45")


def test_an_entry_in_no_known_shape_keeps_its_text_alone():
    assert read_fields("see the second part of this paper") == read_fields("see the second part of this paper")
    (entry, _) = references("1. see the second part of this paper, 2020", f"2. {SECOND}")
    assert (entry.text, entry.authors) == ("see the second part of this paper, 2020", ())


@pytest.mark.parametrize(
    ("text", "doi"),
    [
        ("doi:10.1016/S0022-0248(02)00841-2.", "10.1016/s0022-0248(02)00841-2"),
        ("https://doi. org/10.1038/s41598-018-0300-7 (2019).", "10.1038/s41598-018-0300-7"),
        ("https : //doi . org/10 . 1137/141000671", "10.1137/141000671"),
        ("doi: 10. 2307/4641. url: http://x.org", "10.2307/4641"),
        ("https://doi.org/10.1111/j.2041- 210X.2012.00234.x", "10.1111/j.2041-210x.2012.00234.x"),
        ("https://doi.org/10.1073/pnas.48. 12.2013. PMID: 13947099;", "10.1073/pnas.48.12.2013"),
        ("https://doi.org/10.11 86/s12913-019-4652-6.", "10.1186/s12913-019-4652-6"),
        ("https://doi.org/1 0.1542/peds.2011-2875.", "10.1542/peds.2011-2875"),
        ("https://doi.org/10.1016/j.ijheatmasstrans fer.2013.02.067 (2013).", "10.1016/j.ijheatmasstransfer.2013.02.067"),
        ("doi:10.1038/nature14539. 2015.", "10.1038/nature14539"),
        ("https://doi.org/10.1038/nature14539 (2015).", "10.1038/nature14539"),
        ("doi:10.1000/x1. Accessed 3 May 2019.", "10.1000/x1"),
        ("pages 10.5/3 of the book", None),
    ],
)
def test_a_doi_is_whole_though_a_line_ended_in_it(text, doi):
    found = dois_in(text)
    assert (found[0][0] if found else None) == doi


@pytest.mark.parametrize(
    ("text", "arxiv_id"),
    [
        ("arXiv preprint arXiv:1607.06450, 2016.", "1607.06450"),
        ("CoRR, abs/1409.0473, 2014.", "1409.0473"),
        ("https://arxiv.org/abs/2308.00286v2", "2308.00286"),
        ("Nucl. Phys. B 574 (2000) 3, hep-ph/0001025 [Inspire].", "hep-ph/0001025"),
        ("doi:10.48550/arXiv.2004.05150", "2004.05150"),
        ("pages 1607.06450 of it", None),
    ],
)
def test_arxiv_ids_are_read_in_every_way_they_are_written(text, arxiv_id):
    assert arxiv_in(text) == arxiv_id


def test_an_address_is_whole_though_a_line_ended_in_it():
    assert urls_in("see https://guides.canvaslms. com/t5/to/it. Accessed 2020") == ["https://guides.canvaslms.com/t5/to/it"]
    assert urls_in("(https://a.org/b).") == ["https://a.org/b"]


def entry(number: int, label: str = "", *authors: str) -> Reference:
    return Reference(id=f"Reference {number}", label=label or str(number), text="…", page=1, authors=authors)


NUMBERED = [entry(n) for n in range(1, 10)]


@pytest.mark.parametrize(
    ("text", "cited"),
    [
        ("as was shown [3].", [3]),
        ("as was shown [3-5, 8] and again [3].", [3, 4, 5, 8]),
        ("as was shown [1], [2].", [1, 2]),
        ("see refs. 2,3 for more", [2, 3]),
        ("in the interval [0, 1] and of [12]", [1]),
        ("nothing at all (3)", []),
    ],
)
def test_numbers_in_brackets_are_the_entries_of_those_numbers(text, cited):
    citer = open_citer(NUMBERED, ["as was shown [1-9]"])
    assert citer(text) == tuple(f"Reference {n}" for n in cited)


def test_numbers_in_round_brackets_are_citations_only_in_a_paper_that_cites_so():
    texts = ["at scales (1). It was (2,3), and later (4-7).", "There are two (8)."]
    assert open_citer(NUMBERED, texts)("as in (2,3)") == ("Reference 2", "Reference 3")
    assert open_citer(NUMBERED, ["from equation (2) we get [1] [2] [3]"])("with (2)") == ()


def test_raised_numbers_are_citations_only_in_a_paper_that_cites_so():
    texts = [
        "is a mechanism1. Since these tools2-4 are, they flux5,6 and (CNNs).7 In H2O the CO2 and log2 of Fig3 were 12.5 and 0.8."
    ]
    citer = open_citer(NUMBERED, texts)
    assert citer(texts[0]) == tuple(f"Reference {n}" for n in range(1, 8))
    assert open_citer(NUMBERED, ["the plasmid vector1 was used [1-9]"])("the vector1") == ()


NAMED = [
    entry(1, "Smith 2019a", "Smith, A.", "Jones, B.", "Lee, C."),
    entry(2, "Smith 2019b", "Smith, A.", "Jones, B."),
    entry(3, "García-López 2020", "García-López, M."),
    entry(4, "Smith 2018", "Smith, A.", "Berg, D."),
]


@pytest.mark.parametrize(
    ("text", "cited"),
    [
        ("(Smith et al., 2019a)", [1]),
        ("Smith and Jones (2019b) found", [2]),
        ("(Smith et al., 2019a,b; Garcia-Lopez, 2020)", [1, 2, 3]),
        ("García-López (2020) and (see Smith & Berg, 2018)", [3, 4]),
        ("García-López's (2020) idea", [3]),
        ("(Smith et al., 2018, 2019a)", [4, 1]),
        ("in 2019 we saw Smith", []),
        ("(Nobody et al., 2019a)", []),
        ("(Smith et al., 2019)", []),  # two of them
    ],
)
def test_names_and_years_are_the_entries_of_these_authors(text, cited):
    assert open_citer(NAMED, [text])(text) == tuple(f"Reference {n}" for n in cited)


def test_chunks_cite_the_entries_and_the_list_itself_cites_none():
    paper = PaperMaker()
    paper.heading("Results")
    paper.text("Growth was as in Figure 2 and as others found [1,3].")
    paper.heading("References")
    for n, text in enumerate((VANCOUVER, SECOND, THIRD), start=1):
        paper.text(f"[{n}] {text} See also [2].", label=DocItemLabel.TEXT)
    entries = read_references(paper.document)

    chunks = split_chunks(
        paper.document,
        doc_id="d",
        conversion_id="c",
        pages=(),
        tokenizer_file=tokenizer_file(),
        max_tokens=256,
        references=entries,
    )

    assert chunks[0].cites == ("Figure 2", "Reference 1", "Reference 3")
    assert {chunk.cites for chunk in chunks if chunk.kind is ChunkKind.REFERENCES} == {()}
