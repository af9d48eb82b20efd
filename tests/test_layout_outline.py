"""The outline of a paper: which lines are headings, and how deep they stand. Each rule on the smallest outline that shows it."""

from __future__ import annotations

from pathlib import Path

import pytest
from layout_reader import read_pdf, texts
from pdf_maker import BOLD, PdfMaker

from ingest.layout.block import Kind
from ingest.layout.levels import Heading, heading_levels
from ingest.layout.looks import Look
from ingest.layout.outline import kept_headings
from ingest.layout.style import DocumentStyle

STYLE = DocumentStyle(10.0, "Body", False, 12.0, frozenset())
LARGE = Look(14, True, False, False, "Bold")
BOLD_BODY = Look(10, True, False, False, "Bold")
RUN_IN = Look(10, True, False, False, "Bold", is_run_in=True)
ITALIC = Look(10, False, True, False, "Italic")
PLAIN = Look(10, False, False, False, "Body")

TEXT = [
    "the water of the upper place was clear on every day of the year,",
    "while that of the lower one was brown after each rain and stayed",
    "so for a week, which we had not seen in the years before the dam",
    "was opened and the fish came back to the river of our fathers.",
]


def kept(*headings: tuple[str, Look]) -> list[str]:
    """The texts that stay headings in a document with these and the usual sections."""
    all_of_them = [Heading(text, look) for text, look in headings]
    return [h.text for h, keep in zip(all_of_them, kept_headings(all_of_them, STYLE), strict=True) if keep]


SECTIONS = [("Introduction", LARGE), ("Methods", LARGE), ("Results", LARGE)]


def test_a_label_that_repeats_is_no_heading() -> None:
    labels = [("Pros.", RUN_IN), ("Cons.", RUN_IN)] * 3

    assert kept(*SECTIONS, *labels, ("Sampling.", RUN_IN), ("Counting.", RUN_IN))[3:] == ["Sampling.", "Counting."]


def test_a_lone_run_in_is_no_heading() -> None:
    assert kept(*SECTIONS, ("Note.", RUN_IN)) == ["Introduction", "Methods", "Results"]


def test_numbered_bold_lines_are_a_list_where_sections_have_no_numbers() -> None:
    assert kept(*SECTIONS, ("1. Begin", BOLD_BODY), ("2. End", BOLD_BODY)) == ["Introduction", "Methods", "Results"]
    numbered = [("1. Introduction", BOLD_BODY), ("2. Methods", BOLD_BODY), ("3. Places", BOLD_BODY)]
    assert kept(*numbered) == [text for text, _ in numbered]


def test_a_theorem_is_no_heading() -> None:
    assert kept(*SECTIONS, ("Theorem 4.", RUN_IN), ("Lemma 2.", RUN_IN), ("Proof.", ITALIC)) == [text for text, _ in SECTIONS]


def test_journals_in_the_references_are_no_headings() -> None:
    outline = [*SECTIONS, ("References", LARGE), ("Annals of Fish", ITALIC), ("Appendix A", LARGE)]

    assert kept(*outline) == ["Introduction", "Methods", "Results", "References", "Appendix A"]


def test_the_parts_of_an_abstract_are_no_headings() -> None:
    parts = [("Background:", RUN_IN), ("Methods:", RUN_IN), ("Results:", RUN_IN)]

    assert kept(("Abstract", LARGE), *parts, *SECTIONS) == ["Abstract", "Introduction", "Methods", "Results"]


def test_a_section_name_in_the_type_of_the_body_is_a_cell() -> None:
    assert kept(*SECTIONS, ("Discussion", PLAIN)) == ["Introduction", "Methods", "Results"]


def test_letters_stand_under_roman_numbers_and_digits_under_letters() -> None:
    outline = ["I. SIMULATIONS", "A. Equations", "1. Domain", "2. Schemes", "B. Details", "II. RESULTS"]

    assert heading_levels([Heading(text, BOLD_BODY) for text in outline]) == [1, 2, 3, 3, 2, 1]


def test_an_appendix_with_a_letter_stands_beside_the_sections() -> None:
    outline = ["1 Introduction", "2 Methods", "2.1 Places", "A Tables", "B Figures"]

    assert heading_levels([Heading(text, BOLD_BODY) for text in outline]) == [1, 1, 2, 1, 1]


@pytest.fixture
def read(tmp_path: Path):  # type: ignore[no-untyped-def]
    return lambda pdf: read_pdf(pdf, tmp_path)


def test_a_run_in_heading_of_two_lines_is_one(read) -> None:  # type: ignore[no-untyped-def]
    pdf = PdfMaker()
    pdf.text(60, 810, "How the fish came back", size=20)
    pdf.text(60, 788, "Introduction", size=12, font=BOLD)
    for number, y in enumerate((760, 600)):
        pdf.text(60, y, f"How the fish of the river were counted in the {number + 7} years when", font=BOLD)
        pdf.text(60, y - 12, "the dam was open.", font=BOLD)
        pdf.text(155, y - 12, "Before them no one had counted any.")
        pdf.lines(60, y - 24, TEXT)

    [page] = read(pdf)

    assert texts(page, Kind.HEADING)[1] == "How the fish of the river were counted in the 7 years when the dam was open."


def test_a_heading_close_to_its_text_is_known_by_its_company(read) -> None:  # type: ignore[no-untyped-def]
    pdf = PdfMaker()
    pdf.text(60, 810, "How the fish came back", size=20)
    pdf.text(60, 788, "Introduction", size=14, font=BOLD)
    y = 780.0
    for name, white in (("Places of the river", 14), ("Days of the year", 14), ("Men of the village", 2)):
        y -= white
        pdf.text(60, y, name, font=BOLD, size=11)
        y = pdf.lines(60, y - 12, TEXT)

    [page] = read(pdf)

    assert texts(page, Kind.HEADING) == ["Introduction", "Places of the river", "Days of the year", "Men of the village"]


def test_names_below_authors_are_no_headings(read) -> None:  # type: ignore[no-untyped-def]
    pdf = PdfMaker()
    pdf.text(60, 800, "How the fish came back to the river", size=20)
    pdf.text(60, 760, "Authors", size=16, font=BOLD)
    for number, name in enumerate(("Anna Berg", "Karl Thal", "Ida Wald")):
        pdf.text(60, 730 - 40 * number, name, size=11, font=BOLD)
        pdf.text(60, 716 - 40 * number, "Institute of the River")
    pdf.text(60, 560, "Introduction", size=16, font=BOLD)
    pdf.lines(60, 536, TEXT)

    [page] = read(pdf)

    assert texts(page, Kind.HEADING) == ["Introduction"]


def test_the_lines_of_a_heading_set_far_apart_are_one_heading(read) -> None:  # type: ignore[no-untyped-def]
    pdf = PdfMaker()
    pdf.text(60, 810, "How the fish came back", size=20)
    pdf.text(60, 770, "Introduction", size=11, font=BOLD)
    for number, line in enumerate([*TEXT, *TEXT]):
        pdf.text(60, 740 - 25 * number, line)
    pdf.text(60, 500, "How the fish of the upper place were counted in the", size=11, font=BOLD)
    pdf.text(60, 475, "years when the dam was open", size=11, font=BOLD)
    for number, line in enumerate([*TEXT, *TEXT]):
        pdf.text(60, 445 - 25 * number, line)

    [page] = read(pdf)

    assert texts(page, Kind.HEADING)[1] == "How the fish of the upper place were counted in the years when the dam was open"
