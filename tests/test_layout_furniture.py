"""What stands outside of the text block is furniture; what only repeats there, or stands low on one page, is text."""

from __future__ import annotations

from pathlib import Path

import pytest
from layout_reader import read_pdf, texts
from pdf_maker import PdfMaker

from ingest.layout.block import Kind
from ingest.layout.furniture import without_repeated_graphics
from ingest.layout.page import PageSignals, Rect

LINES = [
    "the water of the upper place was clear on",
    "every day of the year, while that of the",
    "lower one was brown after each rain and",
    "stayed so for a week, which we had not seen",
]
SEASONS = ("spring", "summer", "autumn", "winter")  # words differ from page to page, as those of a paper do


@pytest.fixture
def read(tmp_path: Path):  # type: ignore[no-untyped-def]
    return lambda pdf: read_pdf(pdf, tmp_path)


def words_of(page) -> str:  # type: ignore[no-untyped-def]
    return " ".join(block.text for block in page if block.kind not in (Kind.PAGE_HEADER, Kind.PAGE_FOOTER))


def test_labels_of_plots_take_no_text_beside_them_away(read) -> None:  # type: ignore[no-untyped-def]
    pdf = PdfMaker(pages=[])
    for number, season in enumerate(SEASONS):
        pdf.page().text(290, 815, str(number + 1), size=8)
        pdf.text(60, 780, "0.0" if number < 3 else "none", size=8)  # the uppermost label of an axis
        pdf.lines(320, 780, [f"{line} {season}" for line in LINES * 10])
        pdf.lines(60, 400, [f"{line} {season}" for line in LINES * 4])

    pages = read(pdf)

    text = " ".join(words_of(page) for page in pages)
    assert all(f"{LINES[0]} {season} {LINES[1]}" in text for season in SEASONS)
    assert [texts(page, Kind.PAGE_HEADER) for page in pages] == [["1"], ["2"], ["3"], ["4"]]


def test_an_equation_at_the_foot_of_a_page_is_no_page_number(read) -> None:  # type: ignore[no-untyped-def]
    pdf = PdfMaker(pages=[])
    for number, season in enumerate(SEASONS):
        pdf.page()
        pdf.lines(60, 780, [f"{line} {season}" for line in LINES * (14 if number == 2 else 15)])
        pdf.text(290, 815, str(number + 1), size=8)
        if number == 2:
            pdf.text(120, 66, "c = a + b")
            pdf.text(280, 66, "(15)")

    pages = read(pdf)

    assert "c = a + b" in words_of(pages[2]) and "(15)" in words_of(pages[2])
    assert [texts(page, Kind.PAGE_HEADER) for page in pages] == [["1"], ["2"], ["3"], ["4"]]


def test_small_print_below_the_text_of_all_pages_is_a_footer(read) -> None:  # type: ignore[no-untyped-def]
    pdf = PdfMaker(pages=[])
    for season in SEASONS:
        pdf.page()
        pdf.lines(60, 780, [f"{line} {season}" for line in LINES * 14])
    pdf.pages[0].extend(PdfMaker().text(60, 60, "Content from this work may be used by all.", size=8).pages[0])

    pages = read(pdf)

    assert texts(pages[0], Kind.PAGE_FOOTER) == ["Content from this work may be used by all."]
    assert not any(texts(page, Kind.PAGE_FOOTER) for page in pages[1:])


def test_frames_of_plots_at_one_place_are_no_logos() -> None:
    plot, logo = Rect(100, 560, 270, 737), Rect(450, 750, 550, 775)
    pages = [PageSignals(number, 612, 792, (), 0, (), (), (), (plot, logo)) for number in range(1, 5)]

    assert [page.drawings for page in without_repeated_graphics(pages)] == [(plot,)] * 4
