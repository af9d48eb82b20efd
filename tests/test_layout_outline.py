"""The outline of a paper: which lines are headings. Each rule on the smallest outline that shows it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from layout_reader import read_pdf, texts
from pdf_maker import BOLD, PdfMaker
from pdf_maker import ITALIC as SLANTED

from ingest.layout.block import Kind
from ingest.layout.headings import could_be
from ingest.layout.levels import Heading
from ingest.layout.lines import make_line
from ingest.layout.looks import Look
from ingest.layout.outline import kept_headings
from ingest.layout.page import Face, Line, Rect, Word
from ingest.layout.runins import split_run_in
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


def test_labels_before_a_few_words_are_no_headings() -> None:
    def kept_with(n_words: int) -> list[bool]:
        run_ins = [Heading(text, RUN_IN, n_words=n_words) for text in ("Encoder:", "Decoder:")]
        return kept_headings([*(Heading(text, look) for text, look in SECTIONS), *run_ins], STYLE)[3:]

    assert kept_with(8) == [False, False]
    assert kept_with(60) == [True, True]


def test_keywords_before_the_words_themselves_are_no_heading() -> None:
    assert kept(*SECTIONS, ("Keywords:", RUN_IN)) == ["Introduction", "Methods", "Results"]
    assert "KEYWORDS" in kept(("KEYWORDS", LARGE), *SECTIONS)


BODY, HEAVY = (Face(name, bold, False, False, False, 1.0, 0.2) for name, bold in (("Body", False), ("Bold", True)))


def set_line(y: float, *parts: tuple[str, Face]) -> Line:
    words, x = [], 60.0
    for text, face in parts:
        for word in text.split():
            words.append(Word(word, Rect(x, y, x + 5 * len(word), y + 10), 10.0, y + 2, face))
            x += 5 * len(word) + 3
    return make_line(words)


def test_one_word_in_another_font_does_not_end_a_run_in_heading() -> None:
    first = set_line(100, ("An array", HEAVY), ("finds", BODY), ("many fish.", HEAVY), ("Next, we", BODY))
    lines = [first, set_line(88, ("counted them.", BODY))]

    run_in = split_run_in(lines, STYLE)

    assert run_in and run_in[0][0].text == "An array finds many fish."


def test_a_run_in_heading_may_be_told_by_the_font_of_the_sections() -> None:
    hidden = Face("AdvOT1f", False, False, False, False, 1.0, 0.2)
    lines = [set_line(100, ("Strains and plasmids.", hidden), ("All of them were", BODY)), set_line(88, ("bought.", BODY))]

    assert split_run_in(lines, STYLE) is None
    run_in = split_run_in(lines, replace(STYLE, heads=frozenset({"AdvOT1f"})))
    assert run_in and run_in[0][0].text == "Strains and plasmids."


def test_the_output_of_a_program_is_no_heading() -> None:
    mono = Face("Courier", False, False, True, False, 1.0, 0.2)

    assert could_be([set_line(100, ("3.1. readData", mono))])
    assert not could_be([set_line(100, ("Residual standard error", mono))])


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


def test_the_first_word_of_the_text_is_no_part_of_the_heading_before_it(read) -> None:  # type: ignore[no-untyped-def]
    pdf = PdfMaker()
    pdf.text(60, 810, "How the fish came back", size=20)
    pdf.text(60, 788, "Introduction", size=12, font=BOLD)
    for number, y in enumerate((760, 600)):
        pdf.text(60, y, f"How the fish of the upper place were counted {number + 7}.", font=BOLD)
        pdf.text(290, y, "Note")
        pdf.lines(60, y - 12, TEXT)

    [page] = read(pdf)

    assert texts(page, Kind.HEADING)[1:] == [f"How the fish of the upper place were counted {n}." for n in (7, 8)]


def test_the_second_line_of_a_numbered_heading_stands_under_its_words(read) -> None:  # type: ignore[no-untyped-def]
    pdf = PdfMaker()
    pdf.text(60, 810, "How the fish came back", size=20)
    for number, y in enumerate((780, 640), start=1):
        pdf.text(60, y, f"{number}.1", size=11, font=BOLD)
        pdf.text(90, y, "Comparison of the upper place and the", size=11, font=BOLD)
        pdf.text(90, y - 14, "Places Below the Dam", size=11, font=BOLD)
        pdf.lines(60, y - 32, TEXT)

    [page] = read(pdf)

    assert texts(page, Kind.HEADING) == [f"{n}.1 Comparison of the upper place and the Places Below the Dam" for n in (1, 2)]


def test_a_heading_may_be_broken_at_a_hyphen(read) -> None:  # type: ignore[no-untyped-def]
    pdf = PdfMaker()
    pdf.text(60, 810, "How the fish came back", size=20)
    pdf.text(60, 770, "Introduction", size=11, font=BOLD)
    for number, line in enumerate([*TEXT, *TEXT]):
        pdf.text(60, 740 - 25 * number, line)
    pdf.text(60, 500, "How the fish of the upper place were counted in dam-", size=11, font=BOLD)
    pdf.text(60, 475, "free years", size=11, font=BOLD)
    for number, line in enumerate([*TEXT, *TEXT]):
        pdf.text(60, 445 - 25 * number, line)
    pdf.page().lines(60, 780, TEXT * 12)  # the references, set closer

    page, _ = read(pdf)

    assert [text.replace("-", "") for text in texts(page, Kind.HEADING)][
        1
    ] == "How the fish of the upper place were counted in damfree years"


def test_headings_in_two_types_are_two(read) -> None:  # type: ignore[no-untyped-def]
    pdf = PdfMaker()
    pdf.text(60, 810, "How the fish came back", size=20)
    pdf.text(60, 770, "Introduction", size=12, font=BOLD)
    y = pdf.lines(60, 740, TEXT) - 12
    pdf.text(60, y, "Fish and birds of the", font=BOLD)
    pdf.text(161, y, "upper", font=SLANTED)
    pdf.text(190, y, "place", font=BOLD)
    pdf.text(60, y - 12, "Counting and weighing", font=SLANTED)
    pdf.lines(60, y - 24, TEXT)

    [page] = read(pdf)

    assert not any("place Counting" in block.text for block in page)


def test_a_heading_above_one_line_is_known_by_its_company(read) -> None:  # type: ignore[no-untyped-def]
    pdf = PdfMaker()
    pdf.text(60, 810, "How the fish came back", size=20)
    y = 770.0
    for name, lines in (("ACKNOWLEDGMENTS", TEXT), ("AUTHOR CONTRIBUTIONS", TEXT), ("PLACES OF THE FISH", TEXT[3:])):
        pdf.text(60, y, name, size=7, font=BOLD)
        y = pdf.lines(60, y - 14, lines) - 10
    pdf.lines(60, y - 20, [*TEXT, *TEXT])

    [page] = read(pdf)

    assert texts(page, Kind.HEADING) == ["ACKNOWLEDGMENTS", "AUTHOR CONTRIBUTIONS", "PLACES OF THE FISH"]
