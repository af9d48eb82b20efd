"""The true size of every word, though the parser closes words over scripts and boxes follow each font's own metrics."""

from __future__ import annotations

from pathlib import Path

import pytest
from pdf_maker import BOLD, PdfMaker

from ingest.layout.page import Face, Rect, Word
from ingest.layout.pieces import Glyph, pieces

ROMAN = Face("Roman", False, False, False, False, 1.0, 0.2)
TALL = Face("CMEX10", False, False, False, True, 1.5, 1.0)


def words_of(pdf: PdfMaker, folder: Path) -> list[Word]:
    from docling.datamodel.base_models import InputFormat
    from docling.datamodel.document import InputDocument

    from ingest.layout.backend import UnrenderedBackend
    from ingest.layout.fonts import FontBook
    from ingest.layout.signals import read_signals

    path = folder / "paper.pdf"
    path.write_bytes(pdf.to_bytes())
    backend = InputDocument(path_or_stream=path, format=InputFormat.PDF, backend=UnrenderedBackend)._backend
    assert isinstance(backend, UnrenderedBackend)
    fonts = FontBook(path)
    (page,) = (read_signals(result, fonts) for result in backend.results())
    fonts.close()
    return list(page.words)


def test_a_font_is_not_measured_on_a_word_that_holds_two(tmp_path: Path) -> None:
    pdf = PdfMaker()
    for line in range(8):
        pdf.text(60, 702 - 20 * line, "12", size=6, font=BOLD).text(66.7, 700 - 20 * line, "Carbon of the lake", size=10)
    pdf.text(60, 400, "some small words in bold", size=6, font=BOLD)

    words = words_of(pdf, tmp_path)

    assert {round(word.size, 1) for word in words if word.face.is_bold} == {6.0}
    assert {round(word.base) for word in words if word.text == "12"} == {702 - 20 * line for line in range(8)}


def test_a_font_that_has_only_dashes_has_their_size(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ingest.layout.fonts._is_of_font", lambda *_: False)  # PDFium may know the font by another name
    pdf = PdfMaker()
    pdf.text(60, 700, "a change of", size=10).text(120, 700, "\x96", size=10, font=BOLD).text(
        130, 700, "0.5 in the lake", size=10
    )

    (dash,) = [word for word in words_of(pdf, tmp_path) if word.face.is_bold]  # a dash to PDFium, a hyphen to the parser

    assert dash.text == "-" and round(dash.size, 1) == 10.0 and round(dash.base) == 700


def glyph(text: str, x: float, bottom: float, height: float, face: Face = ROMAN) -> Glyph:
    return Glyph(text, Rect(x, bottom, x + 5, bottom + height), face)


def test_the_power_of_a_tall_bracket_is_a_piece_of_its_own() -> None:
    found = pieces([glyph(")", 50, 105, 6.5, TALL), glyph("2", 55, 108, 7)])

    assert [piece.text for piece in found] == [")", "2"]


def test_a_word_is_as_high_as_most_of_its_letters() -> None:
    (piece,) = pieces([glyph("a", 50, 100, 10), glyph("b", 55, 100, 10), glyph(",", 60, 99.5, 11)])

    assert (piece.size, piece.base) == (10, 102)
