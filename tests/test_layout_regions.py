"""Figures, boxes and blocks that are set sideways: what is text in them, and what is not."""

from __future__ import annotations

from pathlib import Path

import pytest
from layout_reader import read_pdf, texts
from pdf_maker import PdfMaker

from ingest.layout.block import Kind

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
