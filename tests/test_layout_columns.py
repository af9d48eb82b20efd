"""Columns: what sticks out into a gutter, what stands in two columns below two others."""

from __future__ import annotations

from pathlib import Path

import pytest
from layout_reader import read_pdf, texts
from pdf_maker import BOLD, PdfMaker

from ingest.layout.block import Kind

LEFT = [
    "The water of the upper place was clear on",
    "every day of the year, while that of all the",
    "lower ones was brown after each rain and",
    "stayed so for a week, which we had not seen",
    "in the years before the dam was opened.",
]
RIGHT = [
    "The fish came back. No one had counted them",
    "before, so that we cannot say how many were",
    "lost in the years of the works, but the old",
    "men of the village said that it was as it had",
    "been when they were young and swam there.",
]


@pytest.fixture
def read(tmp_path: Path):  # type: ignore[no-untyped-def]
    return lambda pdf: read_pdf(pdf, tmp_path)


def test_a_formula_that_sticks_out_into_the_gutter_keeps_its_column(read) -> None:  # type: ignore[no-untyped-def]
    pdf = PdfMaker()
    pdf.lines(60, 700, LEFT)
    pdf.text(60, 620, "s = a + b + c + d + e + f + g + h + i + j + k + l + m")
    pdf.lines(60, 600, ["Here s is the sum.", *LEFT])
    pdf.lines(275, 700, RIGHT * 3)

    [page] = read(pdf)

    [formula] = [block for block in page if block.kind is Kind.FORMULA]
    assert 262 < formula.rect.right < 275
    order = [block.text[:12] for block in page]
    assert order.index("Here s is th") < order.index(RIGHT[0][:12])


def test_short_lines_above_and_below_a_formula_keep_their_places(read) -> None:  # type: ignore[no-untyped-def]
    pdf = PdfMaker()
    pdf.text(60, 790, "Rivers and the fish in them", size=18, font=BOLD)
    pdf.lines(60, 740, [f"{left} {right}" for left, right in zip(LEFT, RIGHT, strict=True)])
    pdf.text(60, 660, "The rate is then given by")
    pdf.text(280, 635, "v = a + b").text(500, 635, "(7)")
    pdf.text(60, 600, "2 Analysis", size=13, font=BOLD)
    pdf.lines(60, 575, [f"{left} {right}" for left, right in zip(LEFT, RIGHT, strict=True)])

    [page] = read(pdf)

    kinds = [block.kind for block in page]
    assert kinds == [Kind.TITLE, Kind.TEXT, Kind.TEXT, Kind.FORMULA, Kind.HEADING, Kind.TEXT]


def test_a_heading_in_one_of_two_columns_of_small_print_ends_neither(read) -> None:  # type: ignore[no-untyped-def]
    pdf = PdfMaker()
    pdf.text(60, 790, "Rivers and the fish in them", size=18, font=BOLD)
    pdf.lines(60, 740, LEFT * 8)
    pdf.lines(275, 740, RIGHT * 8)
    pdf.page()
    pdf.lines(60, 694, LEFT * 2, size=8)
    pdf.text(60, 563, "Supplementary information", size=12, font=BOLD)
    pdf.lines(60, 545, LEFT * 4, size=8)
    pdf.lines(275, 694, RIGHT * 2, size=8)
    pdf.text(275, 577, "No one declares an interest.", size=8)
    pdf.text(275, 553, "Received: 28 April 2023", size=8)
    pdf.lines(275, 474, RIGHT * 4, size=8)

    order = " ".join(block.text for block in read(pdf)[1])

    assert order.rindex(LEFT[0]) < order.index("No one declares")


def test_formulas_on_both_sides_of_a_narrow_gutter_are_two(read) -> None:  # type: ignore[no-untyped-def]
    pdf = PdfMaker()
    pdf.lines(60, 700, LEFT)
    pdf.text(120, 620, "s = a + b").text(240, 620, "(1)")
    pdf.lines(60, 600, LEFT)
    pdf.lines(275, 700, RIGHT)
    pdf.text(280, 620, "t = c + d").text(440, 620, "(2)")
    pdf.lines(275, 600, RIGHT)

    [page] = read(pdf)

    assert texts(page, Kind.FORMULA) == ["s = a + b (1)", "t = c + d (2)"]


def test_references_below_two_columns_follow_both(read) -> None:  # type: ignore[no-untyped-def]
    pdf = PdfMaker()
    pdf.lines(60, 700, LEFT * 2)
    pdf.lines(275, 700, RIGHT * 2)
    pdf.lines(60, 540, ["1. A. Berg, The fish of the river (1990).", "2. K. Thal, The dam and the fish (1991)."], size=8)
    pdf.lines(275, 540, ["3. L. Tann, Waters that were clear (1992).", "4. M. Bach, How to count a fish (1993)."], size=8)

    [page] = read(pdf)

    order = " ".join(block.text for block in page)
    assert order.rindex(RIGHT[-1]) < order.index("A. Berg") < order.index("M. Bach")


def test_what_stands_below_a_ruling_across_the_gutter_follows_both_columns(read) -> None:  # type: ignore[no-untyped-def]
    pdf = PdfMaker()
    pdf.lines(60, 700, LEFT)
    pdf.lines(275, 700, RIGHT)
    pdf.rule(200, 330, 635)
    pdf.lines(60, 610, LEFT)
    pdf.lines(275, 610, ["Last of all came the rain."])

    [page] = read(pdf)

    order = " ".join(block.text for block in page)
    assert order.index(RIGHT[-1]) < order.rindex(LEFT[0]) < order.index("Last of all")


def test_a_justified_line_is_one_however_wide_its_gaps(read) -> None:  # type: ignore[no-untyped-def]
    pdf = PdfMaker()
    pdf.lines(60, 700, LEFT[:1] * 6)
    for x, word in ((60, "Of"), (108.2, "dams"), (170.2, "and"), (224.5, "rains")):
        pdf.text(x, 628, word)
    pdf.lines(60, 616, ["nothing was said."])

    [page] = read(pdf)

    assert "Of dams and rains nothing was said." in " ".join(block.text for block in page)


def test_an_equation_number_is_no_label_of_the_next_column(read) -> None:  # type: ignore[no-untyped-def]
    pdf = PdfMaker()
    pdf.lines(60, 700, LEFT)
    pdf.text(120, 628, "s = a + b").text(240, 628, "(1)")
    pdf.lines(60, 604, LEFT)
    pdf.lines(275, 700, RIGHT * 3)

    [page] = read(pdf)

    assert texts(page, Kind.FORMULA) == ["s = a + b (1)"]
