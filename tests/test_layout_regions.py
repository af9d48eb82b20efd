"""Figures, boxes and blocks that are set sideways: what is text in them, and what is not."""

from __future__ import annotations

from pathlib import Path

import pytest
from layout_reader import read_pdf, texts
from pdf_maker import BOLD, PdfMaker

from ingest.layout.block import Kind
from ingest.layout.page import Face, PageSignals, Rect, Word
from ingest.layout.reading import read_layout

LINES = [
    "The water of the upper place was clear on",
    "every day of the year, while that of all the",
    "lower ones was brown after each rain and",
    "stayed so for a week, which we had not seen",
    "in the years before the dam was opened.",
]
NARROW = [
    "Dams are as old",
    "as towns, and yet",
    "no one knows how",
    "they change what",
    "lives below them.",
    "here we ask one",
]
NARROW += ["river what it was", "and what it is now", "that its dam is gone", "and the fish are in", "it once more."]


@pytest.fixture
def read(tmp_path: Path):  # type: ignore[no-untyped-def]
    return lambda pdf: read_pdf(pdf, tmp_path)


def upwards(pdf: PdfMaker, x: float, y: float, text: str, size: float = 9) -> None:
    pdf.pages[-1].append(f"BT /F1 {size} Tf 0 1 -1 0 {x} {y} Tm ({text}) Tj ET")


def test_a_shaded_box_of_narrow_text_is_no_figure(read) -> None:  # type: ignore[no-untyped-def]
    pdf = PdfMaker()
    pdf.lines(60, 700, LINES * 4)
    pdf.box(400, 560, 110, 160)
    pdf.lines(410, 700, NARROW, size=8, pitch=11)

    [page] = read(pdf)

    assert " ".join(NARROW) in texts(page, Kind.TEXT)
    assert not texts(page, Kind.FIGURE)


def test_names_below_the_bars_of_a_plot_are_no_text(read) -> None:  # type: ignore[no-untyped-def]
    pdf = PdfMaker()
    pdf.lines(60, 700, LINES * 2)
    for bar in range(30):
        upwards(pdf, 70 + 12 * bar, 300, f"gene{bar} of river")
    pdf.lines(60, 200, LINES)

    [page] = read(pdf)

    assert not any("gene" in block.text for block in page)


def test_the_letter_of_a_panel_belongs_to_its_figure(read) -> None:  # type: ignore[no-untyped-def]
    pdf = PdfMaker()
    pdf.lines(60, 760, LINES)
    pdf.text(70, 640, "a", size=12)
    pdf.box(100, 480, 200, 150)
    pdf.text(60, 460, "Figure 1. The fish of the river.", size=8)
    pdf.lines(60, 430, LINES * 3)

    [page] = read(pdf)

    assert "a" not in [block.text for block in page]


def test_a_caption_in_two_columns_is_one(read) -> None:  # type: ignore[no-untyped-def]
    pdf = PdfMaker()
    pdf.box(60, 540, 440, 200)
    halves = ["Figure 1. The fish of each", "place in every year, with those"], ["that came back when", "the dam was gone."]
    for x, half in zip((60, 200), halves, strict=True):
        pdf.lines(x, 520, half, size=8, pitch=10)
    pdf.lines(60, 480, LINES * 3)
    pdf.lines(300, 480, LINES * 3)

    [page] = read(pdf)

    [figure] = [block for block in page if block.kind is Kind.FIGURE]
    assert [caption.text for caption in figure.captions] == [" ".join([*halves[0], *halves[1]])]


TEXT, LABEL = (Face(name, False, False, False, False, 1.1, 0.2) for name in ("Times", "Arial"))


def line(x: float, y: float, text: str, face: Face = TEXT, size: float = 10) -> list[Word]:
    words = []
    for word in text.split():
        words.append(Word(word, Rect(x, y - 0.22 * size, x + 0.5 * size * len(word), y + 0.72 * size), size, y, face))
        x = words[-1].rect.right + 0.3 * size
    return words


def page_of(number: int, words: list[Word], *, across: tuple[Rect, ...] = (), drawings: tuple[Rect, ...] = ()) -> PageSignals:
    text = [word for row in range(20) for word in line(60, 400 - 12 * row, LINES[row % 5] + f" {number}")]
    return PageSignals(number, 595, 842, (*words, *text), 0, across, (), (), drawings)


PARAGRAPH = [
    word
    for row in range(3)
    for word in line(60, 780 - 12 * row, "Every day of the year the fish were counted by two of us, and more than once")
]
CAPTION = line(60, 440, "Figure 1: The fish of the river that were counted.", size=9)


def test_the_title_of_an_axis_belongs_to_its_plot() -> None:
    plot = page_of(2, [*line(180, 478, "wavelength", LABEL, 8), *CAPTION], drawings=(Rect(100, 500, 300, 700),))

    [_, page] = read_layout([page_of(1, []), plot])

    assert texts(page, Kind.FIGURE) and "wavelength" not in [block.text for block in page]


def test_strokes_and_labels_above_a_caption_are_its_figure() -> None:
    labels = [word for x in range(100, 400, 60) for word in line(x, 490, str(x), LABEL, 5)]
    strokes = tuple(Rect(100, y, 400, y + 0.4) for y in (500, 560, 620, 680))
    background = Rect(0, 300, 595, 842)  # joined with the strokes, so that no box of the drawing is known
    plot = page_of(2, [*labels, *PARAGRAPH, *CAPTION], across=strokes, drawings=(background,))

    [_, page] = read_layout([page_of(1, []), plot])

    [figure] = [block for block in page if block.kind is Kind.FIGURE]
    assert figure.rect.bottom < 490 and figure.rect.top > 680
    assert [caption.text[:9] for caption in figure.captions] == ["Figure 1:"]
    assert not {"100", "160"} & {block.text for block in page}


def test_a_heading_right_above_a_drawing_is_no_label_of_it(read) -> None:  # type: ignore[no-untyped-def]
    pdf = PdfMaker()
    pdf.text(60, 815, "Rivers and the fish in them", size=18, font=BOLD)
    pdf.lines(60, 790, LINES)
    pdf.text(60, 700, "Pictures", size=12, font=BOLD)
    pdf.box(60, 600, 200, 130)
    pdf.text(60, 570, "Figure 1. Where the fish of each place were counted.", size=9)
    pdf.lines(60, 530, LINES)

    [page] = read(pdf)

    assert texts(page, Kind.HEADING) == ["Pictures"]
