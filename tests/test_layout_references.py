"""Reference lists: each entry whole, whatever its lines look like and wherever they stand."""

from __future__ import annotations

from pathlib import Path

import pytest
from layout_reader import read_pdf
from pdf_maker import BOLD, ITALIC, PdfMaker

from ingest.layout.block import Block

#: The river paper's list: long lines, a short one, one in italics, one that begins with a page number.
NUMBERED = [
    [
        "Smith A, Jones B. The water of the upper place was clear on",
        "every day of the year. J. River. 1984; 35:479-",
        "518. 1984.",
    ],
    ["Jones B. The fish came back, as the old men of the village said they", "would do.", "Annals of the River 12, 1990."],
    ["Brown C. Short. 1991."],
    ["White D, Black E. That of the lower one was brown after each rain and", "stayed so for a week. River Res.", "1992."],
    ["Green F. What we had not seen in the years before the dam was open.", "1993."],
]
NAMED = [
    ["Brown, C. (1991). The water of the upper place was clear on every day", "of the year.", "London: River Press."],
    ["Green, F. (1993). That of the lower one was brown after each rain and", "stayed so for a week. J. River", "12, 45-67."],
    ["van Jones, B. (1990). The fish came back, as the old men of the village", "said they would do."],
    ["Smith, A. (1984). What we had not seen in the years before the dam was", "open and the fish came back. J. River"],
]


@pytest.fixture
def read(tmp_path: Path):  # type: ignore[no-untyped-def]
    return lambda pdf: read_pdf(pdf, tmp_path)


def body(pdf: PdfMaker, y: float = 780) -> float:
    """A page's worth of text in a larger size, so that the list is small print as in most papers."""
    sentence = "The fish of the upper place were as many as in the years before the dam was open."
    return pdf.lines(60, y, [sentence] * 20, size=11, pitch=13) - 10


def entries(pages: list[list[Block]]) -> list[str]:
    return [block.text for page in pages for block in page if block.is_entry]


def whole(lines: list[str]) -> str:
    return " ".join(lines).replace("- ", "-")


def numbered(pdf: PdfMaker, x: float, y: float, first: int, items: list[list[str]]) -> float:
    """Items with numbers that end at one edge, as in most lists."""
    for number, lines in enumerate(items, start=first):
        label = f"{number}."
        pdf.text(x - 5.0 * (len(label) - 2), y, label, size=9)
        for line in lines:
            pdf.text(x + 14, y, line, size=9, font=ITALIC if line.startswith("Annals") else "F1")
            y -= 11
    return y


def test_numbers_that_rise_by_one_divide_a_list(read) -> None:  # type: ignore[no-untyped-def]
    pdf = PdfMaker()
    y = body(pdf)
    pdf.text(60, y, "References", size=12, font=BOLD)
    numbered(pdf, 60, y - 16, 1, NUMBERED)

    found = entries(read(pdf))

    assert found == [f"{n}. {whole(lines)}" for n, lines in enumerate(NUMBERED, start=1)]


def test_a_number_that_lost_its_stop_begins_an_entry_too(read) -> None:  # type: ignore[no-untyped-def]
    pdf = PdfMaker()
    y = body(pdf)
    pdf.text(60, y, "References", size=12, font=BOLD)
    y = numbered(pdf, 60, y - 16, 1, NUMBERED)
    pdf.text(60, y, "6", size=9).text(74, y, "Grey G. The lake below the dam was full of fish, as", size=9).text(
        74, y - 11, "all said. 1994.", size=9
    )
    numbered(pdf, 60, y - 22, 7, NUMBERED[2:])

    found = entries(read(pdf))

    assert [text.split()[0] for text in found] == ["1.", "2.", "3.", "4.", "5.", "6", "7.", "8.", "9."]


def test_numbers_aligned_at_their_ends_divide_a_list(read) -> None:  # type: ignore[no-untyped-def]
    pdf = PdfMaker()
    y = body(pdf)
    pdf.text(60, y, "References", size=12, font=BOLD)
    numbered(pdf, 60, y - 16, 1, [*NUMBERED, *NUMBERED, *NUMBERED])

    found = entries(read(pdf))

    assert [text.split(".")[0] for text in found] == [str(n) for n in range(1, 16)]


def test_an_entry_goes_on_over_the_page_and_past_what_stands_between(read) -> None:  # type: ignore[no-untyped-def]
    pdf = PdfMaker(pages=[])
    pdf.page()
    y = body(pdf)
    pdf.text(60, y, "References", size=12, font=BOLD)
    numbered(pdf, 60, y - 16, 1, [*NUMBERED[:3], NUMBERED[3][:1]])
    pdf.page().text(60, 780, "Figure 3. The river in the year of the dam.", size=9)
    for n, line in enumerate(NUMBERED[3][1:]):
        pdf.text(74, 750 - 11 * n, line, size=9)
    numbered(pdf, 60, 728, 5, NUMBERED[4:])

    pages = read(pdf)

    assert entries(pages)[3] == f"4. {whole(NUMBERED[3])}"
    [fourth] = [block for block in pages[0] if block.text.startswith("4.")]
    assert [part.page for part in fourth.more] == [2]


def hanging(pdf: PdfMaker, x: float, y: float, items: list[list[str]]) -> float:
    for lines in items:
        for n, line in enumerate(lines):
            pdf.text(x + (10 if n else 0), y, line, size=8)
            y -= 10
    return y


def test_the_hanging_indent_divides_a_list_without_numbers(read) -> None:  # type: ignore[no-untyped-def]
    pdf = PdfMaker()
    y = body(pdf)
    pdf.text(60, y, "References", size=12, font=BOLD)
    hanging(pdf, 60, y - 16, NAMED)

    assert entries(read(pdf)) == [whole(lines) for lines in NAMED]


def test_an_entry_goes_on_in_the_next_column(read) -> None:  # type: ignore[no-untyped-def]
    pdf = PdfMaker()
    y = body(pdf)
    pdf.text(60, y, "References", size=12, font=BOLD)
    hanging(pdf, 60, y - 16, NAMED)
    pdf.text(350, y - 16, "12, 45-67.", size=8)
    hanging(pdf, 340, y - 26, NAMED)

    found = entries(read(pdf))

    assert found[3] == whole(NAMED[3]) + " 12, 45-67."
    assert len(found) == 8


def test_words_that_wide_spaces_tear_apart_are_one_line_of_an_entry(read) -> None:  # type: ignore[no-untyped-def]
    pdf = PdfMaker()
    y = body(pdf)
    pdf.text(60, y, "References", size=12, font=BOLD)
    y = hanging(pdf, 60, y - 16, NAMED)
    pdf.text(60, y, "White, D. (1992). The dam of the", size=8)
    for x, word in ((70, "lower"), (110, "place"), (150, "of"), (175, "it.")):
        pdf.text(x, y - 10, word, size=8)

    assert entries(read(pdf))[-1] == "White, D. (1992). The dam of the lower place of it."


def test_a_paragraph_below_the_list_is_no_entry(read) -> None:  # type: ignore[no-untyped-def]
    pdf = PdfMaker()
    y = body(pdf)
    pdf.text(60, y, "References", size=12, font=BOLD)
    y = hanging(pdf, 60, y - 16, NAMED) - 20
    note = [
        "The authors declare that the water of the upper place was clear and",
        "that none of the fish that came",
        "back was sold.",
    ]
    pdf.lines(60, y, note, size=8, pitch=10)

    found = entries(read(pdf))

    assert found == [whole(lines) for lines in NAMED]


def test_a_list_without_a_heading_is_found_by_its_numbers(read) -> None:  # type: ignore[no-untyped-def]
    pdf = PdfMaker(pages=[])
    pdf.page()
    y = 800.0
    for _ in range(9):
        y = (
            pdf.lines(
                60, y, ["The fish of the upper place were as many as in the years before the dam."] * 4, size=11, pitch=13
            )
            - 12
        )
    pdf.page()
    y = 780
    for n, lines in enumerate([*NUMBERED, *NUMBERED], start=1):
        pdf.text(60, y, f"[{n}]", size=9)
        for line in lines:
            pdf.text(80, y, line, size=9)
            y -= 11

    assert len(entries(read(pdf))) == 10
