"""Where tables are: how far they go, what belongs to them, what only looks like one."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest
from layout_reader import read_pdf, texts
from pdf_maker import BOLD, PdfMaker

from ingest.layout.block import Block, Kind

TEXT = [
    "the water of the upper place was clear on every day of the year, while that of the lower one was",
    "brown after each rain and stayed so for a week, which we had not seen in the years before the dam",
    "was opened and the fish came back. No one had counted them before, so that we cannot say how many",
    "were lost in the years of the works, but the old men of the village said that it was as it had been.",
]


@pytest.fixture
def read(tmp_path: Path):  # type: ignore[no-untyped-def]
    """The blocks of each page of a PDF."""
    return lambda pdf: read_pdf(pdf, tmp_path)


def rows_of(table: Block) -> list[list[str]]:
    assert table.grid is not None
    rows = [[""] * table.grid.n_columns for _ in range(table.grid.n_rows)]
    for cell in table.grid.cells:
        rows[cell.row][cell.column] = cell.text
    return rows


def tables(page: Sequence[Block]) -> list[Block]:
    return [block for block in page if block.kind is Kind.TABLE]


def put(
    pdf: PdfMaker, rows: Sequence[Sequence[str]], *, xs: Sequence[float], top: float, pitch: float = 14, size: float = 9
) -> None:
    for number, row in enumerate(rows):
        for x, text in zip(xs, row, strict=True):
            if text:
                pdf.text(x, top - pitch * number, text, size=size)


COUNTS = [["Place", "2019", "2020"], ["Upper", "12", "15"], ["Middle", "7", "9"], ["Lower", "0", "3"], ["All", "19", "27"]]


def test_rows_below_the_last_ruling_are_rows_and_what_follows_is_a_note(read) -> None:  # type: ignore[no-untyped-def]
    pdf = PdfMaker()
    pdf.text(60, 780, "Table 1. Fish by place and year.", size=9)
    for y in (772, 756, 714):
        pdf.rule(60, 500, y)
    put(pdf, COUNTS, xs=(65, 230, 380), top=760)
    pdf.text(60, 690, "Note: counted from the bank, each", size=7)
    pdf.text(60, 678, "on the first day of the month.", size=7)
    pdf.lines(60, 640, TEXT)

    [page] = read(pdf)

    [table] = tables(page)
    assert rows_of(table) == COUNTS
    assert [note.text for note in table.notes] == ["Note: counted from the bank, each on the first day of the month."]


def test_marks_that_hang_out_stand_before_their_notes(read) -> None:  # type: ignore[no-untyped-def]
    pdf = PdfMaker()
    pdf.text(60, 780, "Table 1. Fish by place and year.", size=9)
    for y in (772, 756, 698):
        pdf.rule(60, 500, y)
    put(pdf, COUNTS, xs=(65, 230, 380), top=760)
    for n, text in enumerate(["The number of all fish that were", "counted from the bank.", "The year of the flood."]):
        pdf.text(74, 684 - 11 * n, text, size=7)
    pdf.text(60, 686, "a", size=5)
    pdf.text(60, 664, "b", size=5)
    pdf.lines(60, 620, TEXT)

    [page] = read(pdf)

    [table] = tables(page)
    assert [note.text for note in table.notes] == [
        "a The number of all fish that were counted from the bank.",
        "b The year of the flood.",
    ]


def test_a_raised_mark_begins_a_note(read) -> None:  # type: ignore[no-untyped-def]
    pdf = PdfMaker()
    pdf.text(60, 780, "Table 1. Fish by place and year.", size=9)
    for y in (772, 756, 698):
        pdf.rule(60, 500, y)
    put(pdf, COUNTS, xs=(65, 230, 380), top=760)
    pdf.lines(63, 684, ["The number of all fish that were counted from the bank", "The year of the flood."], size=7, pitch=9)
    for y, mark in ((687, "a"), (678, "b")):
        pdf.text(60, y, mark, size=5)
    pdf.lines(60, 620, TEXT)

    [page] = read(pdf)

    [table] = tables(page)
    assert [note.text[0] for note in table.notes] == ["ᵃ", "ᵇ"]


def test_a_header_above_the_first_ruling_belongs_to_its_table(read) -> None:  # type: ignore[no-untyped-def]
    pdf = PdfMaker()
    pdf.text(60, 780, "Table 1. Fish by place and year.", size=9)
    put(pdf, COUNTS, xs=(65, 230, 380), top=764)
    for y in (760, 730, 702):
        pdf.rule(60, 500, y)
    pdf.lines(60, 640, TEXT)

    [page] = read(pdf)

    [table] = tables(page)
    assert rows_of(table) == COUNTS


def test_rulings_drawn_as_images_are_rulings(read) -> None:  # type: ignore[no-untyped-def]
    pdf = PdfMaker()
    pdf.text(60, 780, "Table 1. Fish by place and year.", size=9)
    for y in (772, 756, 698):
        pdf.image(60, y, 440, 0.3)
    put(pdf, COUNTS, xs=(65, 230, 380), top=760)
    pdf.text(65, 688, "F, counted from the bank; B, counted by day; N, counted by boat", size=7)
    pdf.lines(60, 640, TEXT)

    [page] = read(pdf)

    [table] = tables(page)
    assert rows_of(table) == COUNTS
    assert len(table.notes) == 1


def test_a_box_of_running_text_beside_names_is_a_table(read) -> None:  # type: ignore[no-untyped-def]
    rows = [
        ["class", "represents"],
        ["data", "a single set of data and the model that belongs to it, with all that it says"],
        ["kind", "the specification of a model of one kind, which takes the rest from the data"],
        ["spec", "the specification of a model of spectra, which takes the rest from the data"],
        ["fit", "all that is known of a model of many sets of data and of how well it fits"],
    ]
    pdf = PdfMaker()
    for y in (772, 758, 744, 686):
        pdf.rule(60, 500, y)
    for x in (60, 500):
        pdf.standing_rule(x, 686, 758)
    pdf.text(230, 762, "Classes of this program", size=9)
    put(pdf, rows, xs=(65, 120), top=748)
    pdf.text(60, 670, "Table 1. The classes that the program defines for its own use.", size=9)
    pdf.lines(60, 630, TEXT)

    [page] = read(pdf)

    [table] = tables(page)
    assert rows_of(table)[1:] == rows
    assert [caption.text[:8] for caption in table.captions] == ["Table 1."]


def test_two_rows_between_cut_rulings_are_a_table_without_a_caption(read) -> None:  # type: ignore[no-untyped-def]
    pdf = PdfMaker()
    pdf.lines(60, 780, TEXT)
    for y in (710, 650):
        for low, high in ((60, 280), (280, 500)):
            pdf.rule(low, high, y)
    put(
        pdf,
        [["First transcript", "Fw GAGTTCAAAGCCATCTTGCTG"], ["", "Rv GTGAAAGCGGGTGTGAGG"]],
        xs=(60, 300),
        top=700,
    )
    put(
        pdf,
        [["Second transcript", "Fw GGTCCTACTCACCAGGCAGA"], ["", "Rv GCTCCCCAAGACACATCCTA"]],
        xs=(60, 300),
        top=670,
    )
    pdf.lines(60, 620, TEXT)

    [page] = read(pdf)

    [table] = tables(page)
    assert [row[0] for row in rows_of(table)] == ["First transcript", "Second transcript"]


ABBREVIATIONS = [
    ["ACE2", "Angiotensin-converting enzyme"],
    ["G4", "G-quadruplex"],
    ["SNPs", "Single nucleotide polymorphisms"],
    ["ThT", "Thioflavin"],
    ["CD", "Circular dichroism"],
    ["EBV", "Epstein-Barr virus"],
]


def test_terms_beside_their_meanings_are_pairs_below_a_heading_and_no_table(read) -> None:  # type: ignore[no-untyped-def]
    pdf = PdfMaker()
    pdf.text(60, 780, "Methods", size=10, font=BOLD)
    pdf.lines(60, 766, TEXT)
    pdf.text(60, 690, "Abbreviations", size=10, font=BOLD)
    put(pdf, ABBREVIATIONS, xs=(60, 130), top=678, pitch=11, size=8)
    pdf.lines(60, 580, TEXT)

    [page] = read(pdf)

    assert not tables(page)
    assert [text for text in texts(page, Kind.TEXT) if "ater" not in text] == [" ".join(pair) for pair in ABBREVIATIONS]
    assert texts(page, Kind.HEADING) == ["Methods", "Abbreviations"]


def test_numbers_beside_references_are_no_pairs(read) -> None:  # type: ignore[no-untyped-def]
    pdf = PdfMaker()
    pdf.lines(60, 780, TEXT)
    put(pdf, [[f"{n}.", text] for n, (_, text) in enumerate(ABBREVIATIONS, start=1)], xs=(60, 90), top=690, pitch=11, size=8)

    [page] = read(pdf)

    assert not tables(page)


def test_lines_among_the_labels_of_a_figure_are_no_table(read) -> None:  # type: ignore[no-untyped-def]
    pdf = PdfMaker()
    pdf.lines(60, 790, TEXT)
    for y in (700, 680, 640, 600):
        pdf.rule(340, 540, y)
    for x in (340, 440, 540):
        pdf.standing_rule(x, 600, 700)
    put(pdf, [["dose", "rate"], ["low", "high"], ["some", "none"]], xs=(350, 460), top=685, pitch=35)
    for y, label in ((690, "4"), (670, "3"), (650, "2"), (620, "1")):
        pdf.text(325, y, label, size=9)
    pdf.text(60, 560, "Figure 1. How the rate of the fish depends on the dose.", size=9)
    pdf.lines(60, 520, TEXT)

    [page] = read(pdf)

    assert not tables(page)


def test_a_table_written_up_the_page_beside_a_column_is_read(read) -> None:  # type: ignore[no-untyped-def]
    pdf = PdfMaker()
    pdf.upwards(70, 100, "Table 1. Fish by place and year, as they were counted from the bank.", size=9)
    for x in (78, 94, 160):
        pdf.standing_rule(x, 100, 700)
    rows = [
        [f"{text} of the river" if n and not column else text for column, text in enumerate(row)]
        for n, row in enumerate(COUNTS)
    ]
    for number, row in enumerate(rows):
        for y, text in zip((105, 330, 550), row, strict=True):
            pdf.upwards(90 + 14 * number, y, text, size=9)
    for number in range(40):
        pdf.text(300, 760 - 12 * number, TEXT[number % 4][:48])

    [page] = read(pdf)

    [table] = tables(page)
    assert rows_of(table) == rows
    assert table.captions and table.rect.right < 200 and table.rect.top > 550
