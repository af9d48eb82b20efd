"""The first page of a paper: its title, its authors, and what stands below or beside them."""

from __future__ import annotations

from pathlib import Path

import pytest
from layout_reader import read_pdf, texts
from pdf_maker import BOLD, PdfMaker

from ingest.layout.block import Block, Kind
from ingest.layout.front import _title_first
from ingest.layout.lines import make_line
from ingest.layout.page import Face, Rect, Word
from ingest.layout.paragraphs import is_code
from ingest.layout.people import is_names

TEXT = [
    "the water of the upper place was clear on every day of the year, and",
    "that of the lower one was brown after each rain and stayed so for a",
    "week, which we had not seen in the years before the dam was open and",
    "the fish came back, as the old men of the village said they would do.",
]
TITLE = "How the fish came back to the river"


@pytest.fixture
def read(tmp_path: Path):  # type: ignore[no-untyped-def]
    return lambda pdf: read_pdf(pdf, tmp_path)


def test_the_name_of_a_journal_is_no_title(read) -> None:  # type: ignore[no-untyped-def]
    pdf = PdfMaker()
    pdf.text(150, 790, "Journal of River Studies", size=26, font=BOLD)
    pdf.text(150, 770, "January 2007, Volume 18, Issue 3.")
    pdf.text(100, 720, TITLE, size=16, font=BOLD)
    pdf.text(60, 640, "1. Introduction", size=14, font=BOLD)
    pdf.lines(60, 620, TEXT)

    [page] = read(pdf)

    assert texts(page, Kind.TITLE) == [TITLE]


def test_the_name_above_a_home_page_is_no_title(read) -> None:  # type: ignore[no-untyped-def]
    pdf = PdfMaker()
    pdf.text(220, 790, "Water of Rivers", size=20, font=BOLD)
    pdf.text(200, 770, "journal homepage: www.example.org/rivers")
    pdf.text(60, 720, TITLE, size=16)
    pdf.text(60, 690, "Anna B. Berg, Karl Thal", size=12)
    pdf.text(60, 640, "1. Introduction", size=12, font=BOLD)
    pdf.lines(60, 620, TEXT)

    [page] = read(pdf)

    assert texts(page, Kind.TITLE) == [TITLE]


def test_the_title_is_what_stands_above_the_authors(read) -> None:  # type: ignore[no-untyped-def]
    pdf = PdfMaker()
    pdf.text(100, 800, "HHS Public Library", size=22, font=BOLD)
    for number, line in enumerate(("Author manuscript", "Available in the library since the year 2020.", "Published as:")):
        pdf.text(100, 780 - 16 * number, line, size=(14, 11, 10)[number])
    pdf.text(60, 700, TITLE, size=14, font=BOLD)
    pdf.text(60, 670, "Anna B. Berg, Karl Thal, Ida", size=11)
    pdf.text(60, 656, "Wald", size=11)
    pdf.text(60, 620, "Introduction", size=12, font=BOLD)
    pdf.lines(60, 600, TEXT)

    [page] = read(pdf)

    assert texts(page, Kind.TITLE) == [TITLE]


def test_a_title_that_speaks_of_a_journal_is_one(read) -> None:  # type: ignore[no-untyped-def]
    pdf = PdfMaker()
    pdf.text(60, 790, "The journal of a man who counted fish", size=20)
    pdf.text(60, 760, "Anna Berg and Karl Thal", size=12)
    pdf.lines(60, 700, TEXT)

    [page] = read(pdf)

    assert texts(page, Kind.TITLE) == ["The journal of a man who counted fish"]


def covered_paper() -> PdfMaker:
    """A paper behind the cover of a library, whose own name is larger than the title there."""
    pdf = PdfMaker(pages=[])
    pdf.page().text(60, 790, "University of the Village Papers Published Before", size=16, font=BOLD)
    pdf.text(60, 740, "Title", size=12, font=BOLD)
    pdf.text(60, 720, TITLE, size=11)
    pdf.text(60, 690, "Permalink", size=12, font=BOLD)
    pdf.text(60, 670, "https://example.org/uc/item/1", size=11)
    pdf.page().text(60, 780, TITLE, size=18, font=BOLD)
    pdf.text(60, 740, "Anna B. Berg and Karl Thal", size=12, font=BOLD)
    pdf.text(60, 700, "Abstract", size=13, font=BOLD)
    y = pdf.lines(60, 680, TEXT)
    pdf.text(60, y - 20, "Introduction", size=13, font=BOLD)
    pdf.lines(60, y - 40, TEXT)
    return pdf


def test_behind_a_cover_the_title_is_what_both_pages_say(read) -> None:  # type: ignore[no-untyped-def]
    cover, paper = read(covered_paper())

    assert texts(cover, Kind.TITLE) == [TITLE]
    assert not texts(cover, Kind.HEADING)
    assert texts(paper, Kind.TITLE) == []
    assert texts(paper, Kind.HEADING) == ["Abstract", "Introduction"]


def test_a_title_set_wide_is_read_row_by_row(read) -> None:  # type: ignore[no-untyped-def]
    pdf = covered_paper()
    operators = [line for line in pdf.pages[1] if TITLE not in line]
    pdf.pages[1] = []
    for x, words in ((60, "How"), (120, "the fish"), (250, "came back")):
        pdf.text(x, 780, words, size=18, font=BOLD)
    pdf.text(60, 758, "to the river", size=18, font=BOLD)
    pdf.pages[1] += operators

    _, paper = read(pdf)

    assert TITLE in texts(paper, Kind.TEXT)


def test_authors_in_two_columns_come_before_the_abstract(read) -> None:  # type: ignore[no-untyped-def]
    pdf = PdfMaker()
    pdf.text(100, 780, TITLE, size=18, font=BOLD)
    for x, name in ((120, "Anna B. Berg"), (340, "Karl M. Thal")):
        pdf.text(x, 740, name, size=12, font=BOLD)
        pdf.text(x, 726, "University of the Village")
    pdf.text(270, 690, "Abstract", font=BOLD)
    pdf.lines(90, 674, TEXT, size=9)
    pdf.text(60, 600, "Introduction", size=14, font=BOLD)
    pdf.lines(60, 580, TEXT)

    [page] = read(pdf)

    ordered = [block.text for block in page]
    assert ordered.index("Abstract") > max(n for n, text in enumerate(ordered) if text == "University of the Village")
    assert texts(page, Kind.HEADING) == ["Abstract", "Introduction"]


def test_authors_of_a_column_read_before_the_title_come_after_it() -> None:
    face = Face("Serif", False, False, False, False, 1.0, 0.2)

    def block(x: float, y: float, text: str, kind: Kind = Kind.TEXT) -> Block:
        words = [Word(w, Rect(x + 40 * n, y, x + 40 * n + 36, y + 9), 10.0, y + 2, face) for n, w in enumerate(text.split())]
        return Block(kind=kind, page=1, rect=Rect(x, y, x + 40 * len(words), y + 9), lines=(make_line(words),), text=text)

    title = block(200, 780, "Fish of the river", Kind.TITLE)
    editor, early, late = block(20, 600, "Eva Bach"), block(60, 740, "Anna Berg"), block(300, 740, "Karl Thal")

    page, start = _title_first([editor, early, title, late], 2)

    assert page == [editor, title, early, late]
    assert page[start - 1] is title


def test_names_side_by_side_are_read_row_by_row(read) -> None:  # type: ignore[no-untyped-def]
    pdf = PdfMaker()
    pdf.text(100, 780, TITLE, size=18, font=BOLD)
    for y, names in ((750, ("Anna Berg", "Karl Thal", "Ida Wald")), (736, ("Otto Feld", "Eva Bach", "Max Stein"))):
        for x, name in zip((120, 200, 280), names, strict=True):
            pdf.text(x, y, name, size=12, font=BOLD)
    pdf.text(60, 700, "Introduction", size=14, font=BOLD)
    pdf.lines(60, 680, TEXT)

    [page] = read(pdf)

    assert "Anna Berg Karl Thal Ida Wald Otto Feld Eva Bach Max Stein" in texts(page, Kind.TEXT)


def test_an_icon_behind_a_name_does_not_cut_the_line(read) -> None:  # type: ignore[no-untyped-def]
    pdf = PdfMaker()
    pdf.text(60, 790, TITLE, size=18, font=BOLD)
    pdf.text(60, 760, "Anna Berg", size=11)
    pdf.box(114, 758, 10, 10)
    pdf.text(125, 764, "1", size=7)
    pdf.text(130, 760, ", Karl Thal,", size=11)
    pdf.text(60, 747, "Ida Wald", size=11)
    pdf.text(60, 720, "Introduction", size=14, font=BOLD)
    pdf.lines(60, 700, TEXT)

    [page] = read(pdf)

    [authors] = [block.text for block in page if "Anna" in block.text]
    assert authors.replace(" ", "") == "AnnaBerg\u00b9,KarlThal,IdaWald"


def test_each_address_with_a_raised_label_is_a_paragraph(read) -> None:  # type: ignore[no-untyped-def]
    pdf = PdfMaker()
    pdf.text(60, 790, TITLE, size=18, font=BOLD)
    pdf.text(60, 760, "Anna Berg and Karl Thal", size=11)
    for number, place in enumerate(("Institute of the River, Lower Village", "School of Fish, Upper Village")):
        pdf.text(60, 740 - 11 * number + 3, str(number + 1), size=6)
        pdf.text(64, 740 - 11 * number, place, size=9)
    pdf.text(60, 690, "Introduction", size=14, font=BOLD)
    pdf.lines(60, 670, TEXT)

    [page] = read(pdf)

    assert [text for text in texts(page, Kind.TEXT) if "Village" in text] == [
        "\u00b9Institute of the River, Lower Village",
        "\u00b2School of Fish, Upper Village",
    ]


def test_a_lone_mark_belongs_to_the_footnote_behind_it(read) -> None:  # type: ignore[no-untyped-def]
    pdf = PdfMaker()
    pdf.lines(60, 780, [*TEXT, *TEXT])
    pdf.text(60, 104.5, "*", size=6)
    pdf.text(62.6, 97, "Of the old name of the place.", size=8)

    [page] = read(pdf)

    assert texts(page, Kind.FOOTNOTE) == ["*Of the old name of the place."]


def test_a_footnote_goes_on_at_the_foot_of_the_next_page(read) -> None:  # type: ignore[no-untyped-def]
    pdf = PdfMaker(pages=[])
    pdf.page().lines(60, 280, TEXT)
    pdf.rule(60, 160, 112)
    pdf.lines(
        60,
        100,
        ["*The men of the village say that it was not so, and that the fish of the", "upper place were seen in"],
        size=8,
    )
    pdf.page().lines(60, 280, [*TEXT[:3], "the fish came back."])
    pdf.rule(60, 160, 112)
    pdf.lines(60, 100, ["every year of the dam, which no one of those who came from outside would", "hear."], size=8)

    first, second = read(pdf)

    [note] = texts(first, Kind.FOOTNOTE)
    assert note.endswith("were seen in every year of the dam, which no one of those who came from outside would hear.")
    assert not texts(second, Kind.FOOTNOTE)


def test_a_raised_label_may_hang_before_its_address(read) -> None:  # type: ignore[no-untyped-def]
    pdf = PdfMaker()
    pdf.text(60, 790, TITLE, size=18, font=BOLD)
    pdf.text(60, 740, "Introduction", size=14, font=BOLD)
    pdf.lines(60, 720, TEXT)
    for number, place in enumerate(("Institute of the River, Lower Village", "School of Fish, Upper Village")):
        pdf.text(60, 103.5 - 25 * number, str(number + 1), size=6)
        pdf.text(74, 100 - 25 * number, place, size=8.5)

    [page] = read(pdf)

    notes = [block.text for block in page if "Village" in block.text]
    assert notes == ["\u00b9 Institute of the River, Lower Village", "\u00b2 School of Fish, Upper Village"]


def test_all_small_print_below_a_marked_footnote_is_one(read) -> None:  # type: ignore[no-untyped-def]
    pdf = PdfMaker(pages=[])
    pdf.page().lines(60, 280, TEXT[:3])
    pdf.text(60, 180, "*Anna Berg counted the fish.", size=8)
    pdf.text(60, 160, "Competing interests:", size=8, font=BOLD)
    pdf.text(146, 160, "The men of the village gave us of their fish", size=8)
    pdf.text(60, 150, "on every evening of the year.", size=8)
    pdf.page().lines(60, 780, [*TEXT[1:], *TEXT])

    first, _ = read(pdf)

    assert len(texts(first, Kind.FOOTNOTE)) >= 2
    assert not texts(first, Kind.HEADING)
    [block] = [block for block in first if block.kind is Kind.TEXT]
    assert [part.page for part in block.more] == [2]


def test_labels_beside_the_text_of_the_first_page_are_no_headings(read) -> None:  # type: ignore[no-untyped-def]
    pdf = PdfMaker()
    pdf.text(220, 790, TITLE, size=16, font=BOLD)
    for number, (label, x) in enumerate((("Funding:", 84), ("Competing interests:", 140))):
        pdf.text(40, 400 - 60 * number, label, size=9.5, font=BOLD)
        pdf.text(x, 400 - 60 * number, "The men", size=9.5)
        pdf.lines(40, 388 - 60 * number, ["of the village gave us of their", "fish on every evening."], size=9.5)
    pdf.text(220, 740, "Introduction", size=13, font=BOLD)
    pdf.lines(220, 720, [line[:50] for line in TEXT] * 8)

    [page] = read(pdf)

    assert texts(page, Kind.HEADING) == ["Introduction"]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("V V Kazina, T N Safronova and E O Nikulina", True),
        ("Rebecca A. Clemons, Mark N. Yacoub, ..., Jason E. Stajich", True),
        ("Edward Marcotte \u00b2, Jimmy Gollihar\u00b2,\u00b3\u2709 & Vincent van der Berg\u00b9", True),
        ("Ivo H. M. van Stokkum", True),
        ("Data Analysis and Model Selection", False),
        ("Fish of the Upper Place", False),
        ("Materials and Methods", False),
        ("Introduction", False),
        ("I. INTRODUCTION", False),
    ],
)
def test_a_line_of_names_is_told_by_initials_and_labels(text: str, expected: bool) -> None:
    assert is_names(text) is expected


def test_type_whose_letters_have_many_widths_is_no_code() -> None:
    face = Face("Sans", False, False, True, False, 1.0, 0.2)

    def lines(widths: list[float]):  # type: ignore[no-untyped-def]
        words, x = [], 60.0
        for width in widths:
            words.append(Word("fish();", Rect(x, 100, x + 7 * width, 110), 10.0, 102.0, face))
            x += 7 * width + 3
        return [make_line(words), make_line(words)]

    assert is_code(lines([6.0, 6.0, 6.0, 6.0]))
    assert not is_code(lines([4.0, 5.1, 5.6, 6.2]))


def test_nothing_above_the_title_is_a_heading(read) -> None:  # type: ignore[no-untyped-def]
    pdf = PdfMaker()
    pdf.text(60, 800, "Competing Interests", size=11, font=BOLD)
    pdf.text(60, 786, "The men of the village.")
    pdf.text(60, 750, TITLE, size=18)
    pdf.text(60, 700, "Introduction", size=13, font=BOLD)
    pdf.lines(60, 680, TEXT)

    [page] = read(pdf)

    assert texts(page, Kind.HEADING) == ["Introduction"]
