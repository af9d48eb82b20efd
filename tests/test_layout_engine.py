"""The rules, each on the smallest page that shows it, drawn as PDF and read as the converter reads it."""

from __future__ import annotations

from pathlib import Path

import pytest
from layout_reader import read_pdf, texts
from pdf_maker import BOLD, PdfMaker

from ingest.layout.block import Kind
from ingest.layout.columns import reading_order
from ingest.layout.hyphens import join_texts
from ingest.layout.levels import Heading, heading_levels
from ingest.layout.lines import clean
from ingest.layout.looks import Look
from ingest.layout.page import Face, Rect, Word
from ingest.layout.turned import page_turn

LEFT = [
    "the water of the upper place was clear on",
    "every day of the year, while that of the",
    "lower one was brown after each rain and",
    "stayed so for a week, which we had not seen",
    "in the years before the dam was opened and",
]
RIGHT = [
    "the fish came back. No one had counted them",
    "before, so that we cannot say how many were",
    "lost in the years of the works, but the old",
    "men of the village said that it was as it had",
    "been when they were young and swam there.",
]


@pytest.fixture
def read(tmp_path: Path):  # type: ignore[no-untyped-def]
    """The blocks of each page of a PDF."""
    return lambda pdf: read_pdf(pdf, tmp_path)


def test_a_paragraph_goes_on_in_the_next_column(read) -> None:  # type: ignore[no-untyped-def]
    pdf = PdfMaker()
    pdf.lines(60, 700, LEFT)
    pdf.lines(320, 700, RIGHT)

    [page] = read(pdf)

    [block] = [block for block in page if block.kind is Kind.TEXT]
    assert block.text == " ".join(LEFT + RIGHT)
    assert [part.page for part in block.more] == [1]
    assert block.more[0].rect.left > 300


def test_running_heads_and_page_numbers_are_furniture(read) -> None:  # type: ignore[no-untyped-def]
    pdf = PdfMaker(pages=[])
    for number in range(1, 5):
        pdf.page().text(60, 810, "A study of one river", size=8)
        pdf.lines(60, 700, [f"{line} ({number})" for line in LEFT])
        pdf.text(290, 30, str(number), size=8)

    pages = read(pdf)

    for number, page in enumerate(pages, start=1):
        assert texts(page, Kind.PAGE_HEADER) == ["A study of one river"]
        assert texts(page, Kind.PAGE_FOOTER) == [str(number)]


def test_authors_in_bold_are_no_headings(read) -> None:  # type: ignore[no-untyped-def]
    pdf = PdfMaker()
    pdf.text(60, 780, "How the fish came back to the river", size=18)
    pdf.text(60, 750, "Anna Berg and Karl Thal", size=11, font=BOLD)
    pdf.text(60, 710, "Introduction", size=13, font=BOLD)
    pdf.lines(60, 690, LEFT)

    [page] = read(pdf)

    assert texts(page, Kind.TITLE) == ["How the fish came back to the river"]
    assert texts(page, Kind.HEADING) == ["Introduction"]


def test_a_ruled_table_has_its_cells_and_its_caption(read) -> None:  # type: ignore[no-untyped-def]
    pdf = PdfMaker()
    pdf.lines(60, 780, LEFT)
    pdf.text(60, 660, "Table 1. Fish by place and year.", size=9)
    rows = [("Place", "2019", "2020"), ("Upper", "12", "15"), ("Middle", "7", "9"), ("Lower", "0", "3")]
    pdf.rule(60, 360, 650)
    for number, row in enumerate(rows):
        for column, text in enumerate(row):
            pdf.text(65 + 110 * column, 637 - 14 * number, text)
    pdf.rule(60, 360, 632)
    pdf.rule(60, 360, 588)
    pdf.lines(60, 550, RIGHT)

    [page] = read(pdf)

    [table] = [block for block in page if block.kind is Kind.TABLE]
    assert table.grid is not None
    assert (table.grid.n_rows, table.grid.n_columns) == (4, 3)
    assert {(cell.row, cell.column): cell.text for cell in table.grid.cells}[2, 1] == "7"
    assert [cell.text for cell in table.grid.cells if cell.is_header] == ["Place", "2019", "2020"]
    assert [caption.text for caption in table.captions] == ["Table 1. Fish by place and year."]


def test_a_frame_around_text_is_no_figure(read) -> None:  # type: ignore[no-untyped-def]
    pdf = PdfMaker()
    pdf.box(50, 620, 300, 100)
    pdf.lines(60, 700, LEFT)

    [page] = read(pdf)

    assert not texts(page, Kind.FIGURE)
    assert texts(page, Kind.TEXT) == [" ".join(LEFT)]


def test_a_sentence_that_speaks_of_a_figure_is_no_caption(read) -> None:  # type: ignore[no-untyped-def]
    pdf = PdfMaker()
    pdf.lines(60, 700, ["Figure 2 shows the fish of each place, and", *LEFT])

    [page] = read(pdf)

    assert not texts(page, Kind.CAPTION)


def test_left_column_before_right_and_what_spans_both_between_them() -> None:
    boxes = {
        "title": Rect(50, 750, 550, 780),
        "right": Rect(310, 500, 550, 740),
        "left": Rect(50, 500, 290, 740),
        "wide": Rect(50, 400, 550, 490),
        "left below": Rect(50, 100, 290, 390),
        "right below": Rect(310, 100, 550, 390),
    }

    order = reading_order(list(boxes), boxes.__getitem__)

    assert order == ["title", "left", "right", "wide", "left below", "right below"]


def test_hyphens_of_broken_words_close_and_those_of_compounds_stay() -> None:
    assert join_texts(["the con-", "version of light"]) == "the conversion of light"
    assert join_texts(["a well-", "known place"], frozenset({"well-known"})) == "a well-known place"
    assert join_texts(["soft\u00ad", "ware"]) == "software"


def test_ligatures_open_and_loose_accents_find_their_letter() -> None:
    assert clean("ﬁsh and ﬂow") == "fish and flow"
    assert clean("Universit´e Montr´eal") == "Université Montréal"
    assert clean("G¨ottingen") == "Göttingen"
    assert clean("the 5´UTR") == "the 5´UTR"
    assert clean("S-\u00adphase") == "S-phase"


def test_levels_come_from_numbers_and_from_company() -> None:
    top, sub = Look(14, True, False, False, "A"), Look(11, True, False, False, "A")
    headings = [
        Heading("Introduction", top),
        Heading("Sampling", sub),
        Heading("Methods", top),
        Heading("Counting", sub),
    ]

    assert heading_levels(headings) == [1, 2, 1, 2]
    numbered = [Heading(text, top) for text in ("1 Introduction", "1.1 Place", "2 Methods", "References")]
    assert heading_levels(numbered) == [1, 2, 1, 1]


FACE = Face("Helvetica", False, False, False, False, 1.1, 0.2)


def words(texts: str, *, turn: int, at: float = 100.0, step: tuple[float, float]) -> tuple[Word, ...]:
    """Words of one page, each a step further."""
    across, up = step
    boxes = [Rect(at + n * across, at + n * up, at + n * across + 10, at + n * up + 10) for n in range(len(texts.split()))]
    return tuple(Word(text, box, 11.0, box.bottom, FACE, turn) for text, box in zip(texts.split(), boxes, strict=True))


def test_a_page_written_upwards_is_turned() -> None:
    from ingest.layout.page import PageSignals

    page = PageSignals(1, 600, 800, words("the water was clear", turn=90, step=(0, 40)), 8, (), (), (), ())

    assert page_turn(page) == 90


def test_labels_that_are_written_upwards_do_not_turn_their_page() -> None:
    from ingest.layout.page import PageSignals

    labels = words("application should clear enough perfect missing opinion", turn=90, step=(14, 0))
    caption = words("Figure 4: the fish", turn=0, step=(40, 0))

    assert page_turn(PageSignals(1, 600, 800, labels + caption, 60, (), (), (), ())) == 0


@pytest.mark.corpus
def test_a_sideways_page_keeps_its_text_and_its_places(corpus: Path) -> None:
    from ingest.converter import open_converter

    convert = open_converter("rules", max_pages=10, timeout_s=60, artifacts=None)
    made = convert(corpus / "gnarly" / "other_olm_edgar-rotated90.pdf")

    assert len("".join(made.markdown.split())) > 0.9 * made.pages[0].n_chars
    size = made.document.pages[1].size
    for item in made.document.texts:
        assert item.prov[0].bbox.r <= size.width + 3 and item.prov[0].bbox.t <= size.height + 3


def test_axes_below_a_table_are_no_part_of_it(read) -> None:  # type: ignore[no-untyped-def]
    pdf = PdfMaker()
    pdf.text(60, 780, "Table 1. The fish that were counted in the river by the two who counted them.", size=9)
    for y in (770, 754, 700):
        pdf.rule(60, 530, y)
    for row, y in enumerate((758, 740, 724, 708)):
        for x, text in ((64, ["Place", "upper", "middle", "lower"][row]), (300, ["Fish", "12", "15", "19"][row])):
            pdf.text(x, y, text, size=9)
    for y in (680, 560):  # the frame of the plot that follows, as wide as half the table
        pdf.rule(80, 290, y)
    for x in (80, 130, 180, 230, 280):
        pdf.text(x, 548, str(x), size=8)
    pdf.lines(60, 500, LEFT)

    [page] = read(pdf)

    [table] = [block for block in page if block.kind is Kind.TABLE]
    assert table.grid is not None
    assert (table.grid.n_rows, table.grid.n_columns) == (4, 2)


@pytest.mark.parametrize(("come", "given"), [([2, 1, 3], [1, 2, 3]), ([3, 1], [1, 3]), ([1, 2, 3], [1, 2, 3])])
def test_parsed_pages_are_read_in_the_order_of_their_numbers(come: list[int], given: list[int]) -> None:
    from types import SimpleNamespace

    from ingest.layout.engine import _in_order

    assert [result.page_number for result in _in_order(SimpleNamespace(page_number=n) for n in come)] == given


def test_a_slow_page_is_not_waited_for_without_end() -> None:
    from types import SimpleNamespace

    from ingest.layout.engine import WAITING_PAGES, _in_order

    held = 0
    most = 0

    def results():  # type: ignore[no-untyped-def]
        nonlocal held
        for number in [*range(2, 100), 1]:
            held += 1
            yield SimpleNamespace(page_number=number)

    for _ in _in_order(results()):
        most, held = max(most, held), held - 1
    assert most <= WAITING_PAGES + 1


def test_a_page_that_comes_late_is_read_at_once() -> None:
    from types import SimpleNamespace

    from ingest.layout.engine import _in_order

    come = (SimpleNamespace(page_number=number) for number in [*range(2, 40), 1, *range(40, 50)])
    given = [result.page_number for result in _in_order(come)]
    assert sorted(given) == list(range(1, 50))
    assert given.index(1) < given.index(40)


@pytest.fixture
def long_paper(tmp_path: Path) -> Path:
    pdf = PdfMaker(pages=[])
    for number in range(1, 8):
        pdf.page().text(60, 760, f"{number} Part", size=14, font=BOLD)
        pdf.lines(60, 700, [f"{line} ({number})" for line in LEFT])
    path = tmp_path / "long.pdf"
    path.write_bytes(pdf.to_bytes())
    return path


def test_a_document_that_is_parsed_in_parts_and_packed_is_the_same(long_paper: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from ingest.converter import open_converter

    whole = open_converter("rules", max_pages=10, timeout_s=60, artifacts=None)(long_paper)
    monkeypatch.setattr("ingest.layout.backend._PAGES_PER_LOADING", 3)
    monkeypatch.setattr("ingest.layout.fonts._PAGES_PER_OPENING", 1)
    monkeypatch.setattr("ingest.layout.engine._OPEN_PAGES", 2)
    parts = open_converter("rules", max_pages=10, timeout_s=60, artifacts=None)(long_paper)

    assert "(7)" in whole.markdown and parts.markdown == whole.markdown
    assert parts.pages == whole.pages and parts.document.texts == whole.document.texts


def test_pages_that_nobody_reads_any_more_are_not_parsed(long_paper: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from docling.datamodel.base_models import InputFormat
    from docling.datamodel.document import InputDocument

    from ingest.layout.backend import UnrenderedBackend, is_stuck

    monkeypatch.setattr("ingest.layout.backend._PAGES_PER_LOADING", 2)
    backend = InputDocument(path_or_stream=long_paper, format=InputFormat.PDF, backend=UnrenderedBackend)._backend
    assert isinstance(backend, UnrenderedBackend)
    assert backend.page_count() == 7 and next(backend.results()).page_number in (1, 2)
    loaded: list[str] = []
    monkeypatch.setattr(UnrenderedBackend, "_load", lambda backend: loaded.append("more"))
    backend.unload()
    assert not loaded and not is_stuck()
