"""Text made whole: over columns, past notes, in lists, and out of text layers that say something else than the page shows."""

from __future__ import annotations

from pathlib import Path

import pytest
from layout_reader import read_pdf, texts
from pdf_maker import PdfMaker

from ingest.layout.block import Kind
from ingest.layout.encodings import mended
from ingest.layout.ligatures import with_ligatures
from ingest.layout.lines import build_lines
from ingest.layout.page import Face, PageSignals, Rect, Word

LONG = [
    "the water of the upper place was clear on every day of the year, and",
    "that of the lower one was brown after each rain and stayed so for a",
    "week, which we had not seen in the years before the dam was open and",
    "the fish came back, as the old men of the village said they would do",
]


@pytest.fixture
def read(tmp_path: Path):  # type: ignore[no-untyped-def]
    return lambda pdf: read_pdf(pdf, tmp_path)


def test_digits_in_a_strange_set_of_figures_are_digits() -> None:
    assert mended("ͼͻͶ):") == "650):"
    assert mended("Ͷ.\u037e%") == "0.8%"
    assert mended("Vol.:(\u036c\u036d\u036e)") == "Vol.:(\u036c\u036d\u036e)"
    assert mended("τί\u037e") == "τί\u037e"  # a question in Greek


FACE = Face("OpenSans", False, False, False, False, 1.1, 0.2)


def spaced(*pieces: tuple[str, float]) -> tuple[Word, ...]:
    """Words on one line, each with the white before it, in points; the size is 10."""
    words, x = [], 50.0
    for text, white in pieces:
        x += white
        words.append(Word(text, Rect(x, 100, x + 5 * len(text), 110), 10.0, 102.0, FACE))
        x += 5 * len(text)
    return tuple(words)


def test_a_gap_as_wide_as_a_ligature_is_one() -> None:
    plain = [("because", 2.6)] * 600
    line = spaced(("a", 2.6), ("di", 2.6), ("erent", 6.7), ("eld", 8.6), ("is", 2.6), ("e", 2.6), ("cient", 9.3), *plain)
    page = PageSignals(1, 600, 800, line, 0, (), (), (), ())

    [mended_page] = with_ligatures([page])

    assert [word.text for word in mended_page.words][:5] == ["a", "different", "field", "is", "efficient"]


def test_a_document_with_ligatures_is_left_alone() -> None:
    line = spaced(("final", 2.6), ("di", 2.6), ("erent", 6.7), *[("because", 2.6)] * 600)
    page = PageSignals(1, 600, 800, line, 0, (), (), (), ())

    assert with_ligatures([page]) == [page]


def test_line_numbers_are_furniture(read) -> None:  # type: ignore[no-untyped-def]
    pdf = PdfMaker(pages=[])
    for page in range(2):
        pdf.page()
        for number in range(30):
            pdf.text(30, 780 - 22 * number, str(30 * page + number + 1), size=8)
            pdf.text(70, 780 - 22 * number, LONG[(number + page) % 4])

    first, _ = read(pdf)

    assert not any(block.text.startswith("1 ") for block in first if block.kind is Kind.TEXT)
    assert texts(first, Kind.PAGE_HEADER) == [" ".join(str(number) for number in range(1, 31))]


def test_raised_numbers_down_a_margin_are_no_line_numbers(read) -> None:  # type: ignore[no-untyped-def]
    pdf = PdfMaker()
    for number in range(12):
        pdf.text(30, 780 - 22 * number, "\u00b9\u00b2\u00b3"[number % 3], size=8)
        pdf.text(70, 780 - 22 * number, LONG[number % 4])

    [page] = read(pdf)

    assert any(LONG[0] in block.text for block in page)


def test_a_table_of_counts_is_no_line_numbers(read) -> None:  # type: ignore[no-untyped-def]
    pdf = PdfMaker()
    for number in range(8):
        pdf.text(300, 780 - 60 * number, str(number + 1))
        pdf.text(60, 780 - 60 * number, LONG[number % 4][:30])

    [page] = read(pdf)

    assert not any(block.text.startswith("1 2") for block in page)


def test_a_watermark_on_every_page_is_furniture(read) -> None:  # type: ignore[no-untyped-def]
    pdf = PdfMaker(pages=[])
    for number in range(4):
        pdf.page().text(250, 420, "Not for distribution", size=18)
        pdf.lines(60, 780, [f"{line} {number}" for line in LONG])

    pages = read(pdf)

    assert not any("distribution" in block.text for page in pages for block in page if block.kind is not Kind.PAGE_FOOTER)


def test_a_paragraph_goes_on_past_the_addresses_below_it(read) -> None:  # type: ignore[no-untyped-def]
    pdf = PdfMaker(pages=[])
    pdf.page().lines(60, 300, LONG)
    pdf.lines(60, 100, ["1Institute of the River, Lower Village.", "2School of the Upper Village, fish@river.org"], size=7)
    pdf.page().lines(60, 780, ["and swam there in the evening, when the men of the village had come", *LONG[:2]])

    first, second = read(pdf)

    assert any(block.text.startswith("the water") and "and swam there" in block.text for block in first)
    assert not texts(second, Kind.TEXT)


def test_a_citation_that_begins_a_sentence_is_no_list_item(read) -> None:  # type: ignore[no-untyped-def]
    pdf = PdfMaker()
    pdf.lines(60, 780, [*LONG[:3], "the fish came back."])
    pdf.lines(60, 716, ["[4] has shown that the fish of the upper place were as many as before,", *LONG[1:3]])

    [page] = read(pdf)

    assert not texts(page, Kind.LIST_ITEM)


def test_numbers_that_follow_each_other_are_a_list(read) -> None:  # type: ignore[no-untyped-def]
    pdf = PdfMaker()
    pdf.lines(60, 780, ["1. The fish of the upper place.", "2. The fish of the lower place.", "3. The men of the village."])

    [page] = read(pdf)

    assert len(texts(page, Kind.LIST_ITEM)) == 3


def test_a_page_that_holds_two_is_read_left_then_right(read) -> None:  # type: ignore[no-untyped-def]
    pdf = PdfMaker(width=842, height=595)
    for x, number in ((40, 1), (240, 2), (460, 3), (660, 4)):
        pdf.lines(x, 500, [f"Column {number} has these words", "and these, which are below", f"and {number}."])
    pdf.text(460, 540, "A title over the columns of the right page", size=16)

    [page] = read(pdf)

    order = [block.text[:8] for block in page if block.kind in (Kind.TEXT, Kind.HEADING, Kind.TITLE)]
    assert order == ["Column 1", "Column 2", "A title ", "Column 3", "Column 4"]


def test_a_caption_on_the_facing_page_belongs_to_its_figure() -> None:
    from ingest.layout.binding import bind_over_pages
    from ingest.layout.block import Block

    caption = Block(kind=Kind.CAPTION, page=1, rect=Rect(60, 60, 500, 90), text="Fig. 1 The river.")
    figure = Block(kind=Kind.FIGURE, page=2, rect=Rect(60, 100, 500, 700))

    first, second = bind_over_pages([[caption], [figure]], [500_000.0, 500_000.0])

    assert first == []
    assert second[0].captions == (caption,)


def test_the_label_of_a_caption_stands_far_before_its_text_and_belongs_to_it() -> None:
    [line] = build_lines(spaced(("FIG. 4.", 0), ("Maximum", 18), ("spreading", 2.6), ("diameter", 2.6)))
    assert line.text == "FIG. 4. Maximum spreading diameter"
    assert len(build_lines(spaced(("Figure 4", 0), ("Constant", 18)))) == 2  # two cells of a table


def test_a_heading_in_the_next_column_does_not_go_on_with_a_line_of_small_print() -> None:
    entry = [
        Word(text, Rect(50 + 30 * n, 98, 78 + 30 * n, 106), 8.0, 100.0, FACE)
        for n, text in enumerate(["38", "Liu", "Berg", "Thal"])
    ]
    heading = Word("Additional", Rect(entry[-1].rect.right + 10, 97, 250, 109), 12.0, 100.0, FACE)

    assert [line.text for line in build_lines([*entry, heading])] == ["38 Liu Berg Thal", "Additional"]
