"""Characters as the page shows them: fonts that call them something else, accents, dashes, the spaces inside words."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from pdf_maker import PdfMaker

from ingest.layout.characters import Characters
from ingest.layout.encodings import Ink, Readings, signs_by_ink, signs_by_name
from ingest.layout.fonts import FontBook
from ingest.layout.lines import build_lines
from ingest.layout.page import Face, Rect, Word
from ingest.layout.pieces import Glyph, pieces
from ingest.layout.scripts import words_as_text

FACE = Face("Serif", False, False, False, False, 1.0, 0.2)


class Book:
    """Fonts of ten points whose boxes are as high; each cell may bring its ink."""

    def __init__(self) -> None:
        self.readings = Readings(self.ink)

    def face(self, cell: Any, page_no: int) -> Face:
        return FACE

    def see(self, name: str, cells: list[Any], page_no: int) -> None:
        pass

    def ink(self, cell: Any, page_no: int) -> Ink | None:
        return cell.ink  # type: ignore[no-any-return]


def cell(text: str, left: float, right: float, font: str = "/Serif", ink: Ink | None = None) -> Any:
    return SimpleNamespace(text=text, r_x0=left, r_x1=right, r_x2=right, r_y0=100.0, r_y2=110.0, font_name=font, ink=ink)


def page_of(*cells: Any) -> Characters:
    return Characters(SimpleNamespace(get_char_cells=lambda: list(cells)), Book(), 1)  # type: ignore[arg-type]


def written(text: str, *whites: tuple[int, float]) -> list[Any]:
    """Cells of five points each, with more white before those at these places."""
    x, cells = 50.0, []
    for at, char in enumerate(text):
        x += dict(whites).get(at, 0.0)
        cells.append(cell(char, x, x + 5))
        x += 5
    return cells


def read(characters: Characters, word: str) -> str:
    [span] = characters.spans([word])
    assert span is not None
    return characters.text(span)


def cut(characters: Characters, word: str) -> list[str]:
    [span] = characters.spans([word])
    assert span is not None
    return [characters.text(part) for part in characters.parts(span)]


def test_a_letter_is_greek_where_its_ink_is() -> None:
    assert signs_by_ink("m", Ink("m", 0.07, -0.19, 0.55, 0.45))["m"] == "μ"
    assert signs_by_ink("b", Ink("b", 0.02, -0.21, 0.53, 0.71))["g"] == "γ"
    assert not signs_by_ink("m", Ink("m", 0.06, 0.0, 0.79, 0.53))
    assert not signs_by_ink("b", Ink("b", 0.07, -0.01, 0.56, 0.71))


def test_a_figure_is_a_sign_where_its_ink_is() -> None:
    assert signs_by_ink("3", Ink("3", 0.14, 0.03, 0.69, 0.58)) == {"3": "×"}
    assert not signs_by_ink("3", Ink("3", 0.03, -0.01, 0.57, 0.71))
    assert signs_by_ink("d", Ink("d", 0.05, -0.01, 0.78, 0.72)) == {"d": "•"}
    assert not signs_by_ink("d", Ink("d", 0.04, 0.0, 0.54, 0.5))  # a small capital
    assert signs_by_ink("¼", Ink("¼", 0.06, 0.13, 0.72, 0.37))["þ"] == "+"


def test_a_font_of_a_known_layout_is_read_by_its_name() -> None:
    assert signs_by_name("/ABCDEF+AdvP4C4E74")["\x18"] == "∼"
    assert signs_by_name("/TeX_CM_Maths_Italic")["@"] == "∂"
    assert signs_by_name("/Symbol")["´"] == "×"
    assert not signs_by_name("/ABCDEF+SymbolNeu-Regular")


def test_names_inside_the_font_win_over_codes_read_as_latin() -> None:
    gamma = [cell("g", 50, 55, "/Maths", Ink("γ", 0.0, -0.2, 0.4, 0.4)), cell("g", 55, 60, "/Serif")]
    characters = page_of(*gamma)

    assert read(characters, "gg") == "γg"


def test_a_font_that_has_shown_latin_letters_is_not_asked_again() -> None:
    asked: list[str] = []

    def ask(cell: Any, page_no: int) -> Ink:
        asked.append(cell.text)
        return Ink(cell.text, 0.0, 0.0, 0.4, 0.5)

    readings = Readings(ask)
    readings.see("/Serif", {char: cell(char, 50, 55) for char in "abcdefghijklmnop"}, 1)

    assert len(asked) == 3
    assert not readings.is_open("/Serif")


def test_a_space_narrower_than_the_parser_takes_for_one_still_divides_words() -> None:
    assert cut(page_of(*written("andWang", (3, 1.9))), "andWang") == ["and", "Wang"]
    assert cut(page_of(*written("15min", (2, 1.9))), "15min") == ["15", "min"]
    assert cut(page_of(*written("5h", (1, 1.9))), "5h") == ["5", "h"]
    assert cut(page_of(*written("=3).", (1, 1.9))), "=3).") == ["=", "3)."]


def test_letters_set_apart_and_digits_are_one_word() -> None:
    assert cut(page_of(*written("METHODS", *((at, 1.9) for at in range(1, 7)))), "METHODS") == ["METHODS"]
    assert cut(page_of(*written("1234.5", (1, 1.9))), "1234.5") == ["1234.5"]
    assert cut(page_of(*written("AB", (1, 1.9))), "AB") == ["AB"]


def test_an_accent_goes_to_the_letter_that_it_stands_over() -> None:
    after = page_of(cell("S", 45, 50), cell("e", 50, 55), cell("´", 50.5, 54.5), cell("p", 55, 60))
    before = page_of(cell("o", 45, 50), cell("¨", 50.5, 54.5), cell("u", 50, 55))
    bar = page_of(cell("q", 45, 50), cell("¯", 50.5, 54.5), cell("q", 50, 55))

    assert read(after, "Se´p") == "Sép"
    assert read(before, "o¨u") == "oü"
    assert read(bar, "q¯q") == "qq̄"


def test_an_accent_beside_letters_is_a_sign_of_its_own() -> None:
    assert read(page_of(*written("5´UTR")), "5´UTR") == "5´UTR"
    assert read(page_of(*written("90˚angle")), "90˚angle") == "90°angle"


def test_a_hyphen_as_wide_as_its_type_is_high_is_an_em_dash() -> None:
    characters = page_of(cell("a", 50, 55), cell("-", 55, 65), cell("b", 65, 70), cell("-", 70, 73.3), cell("c", 73.3, 78))

    assert read(characters, "a-b-c") == "a—b-c"


def test_a_space_of_the_text_layer_divides_words_that_nearly_touch() -> None:
    characters = page_of(*written("al., UFL"))
    first, second = characters.spans(["al.,", "UFL"])
    assert first and second
    assert not characters.is_after_space(first)
    assert characters.is_after_space(second)

    spaced = Word(",", Rect(70.1, 100, 72, 110), 10, 102, FACE, after_space=True)
    words = [Word("al.,", Rect(50, 100, 70, 110), 10, 102, FACE), Word("UFL", Rect(70.5, 100, 85, 110), 10, 102, FACE)]
    told = [words[0], Word("UFL", Rect(70.5, 100, 85, 110), 10, 102, FACE, after_space=True)]
    assert words_as_text(words) == "al.,UFL"
    assert words_as_text(told) == "al., UFL"
    assert words_as_text([words[0], spaced]) == "al.,,"


def test_words_find_their_characters_past_what_no_word_has() -> None:
    characters = page_of(*written("one xx two"))

    spans = characters.spans(["one", "two", "three"])

    assert [span and characters.text(span) for span in spans] == ["one", "two", None]


def test_a_bracket_before_a_script_stands_in_a_row_of_its_own() -> None:
    tall = Face("CMEX10", False, False, False, True, 1.0, 1.0)
    bracket, two = Glyph(")", Rect(0, 90, 5, 100), tall), Glyph("2", Rect(5, 96, 9, 103), FACE)

    assert [piece.text for piece in pieces([bracket, two])] == [")", "2"]


def test_a_letter_with_a_bar_tells_its_row() -> None:
    assert not Glyph("ν̄", Rect(0, 0, 5, 10), FACE).is_boxless
    assert Glyph("ﬁ", Rect(0, 0, 5, 10), FACE).is_boxless


def test_a_font_whose_boxes_end_with_the_ink_is_measured_by_letter(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pdf = PdfMaker()
    pdf.lines(60, 700, ["a line"])
    path = tmp_path / "paper.pdf"
    path.write_bytes(pdf.to_bytes())
    book = FontBook(path)
    monkeypatch.setattr(book, "_measure", lambda cell, page_no: (1.4 if cell.text == "μ" else 1.0, 0.2, 0, 0))

    book.see("/Greek", [cell("β", 50, 55, "/Greek"), cell("μ", 55, 60, "/Greek")], 1)
    book.see("/Serif", [cell("a", 50, 55), cell("b", 55, 60)], 1)

    assert book.face(cell("μ", 55, 60, "/Greek"), 1).size_per_height == 1.4
    assert book.face(cell("β", 50, 55, "/Greek"), 1).size_per_height == 1.0
    assert book.face(cell("μ", 55, 60), 1).size_per_height == 1.0
    book.close()


def test_a_sign_that_hangs_from_its_top_is_in_the_row_of_its_middle() -> None:
    tall = Face("CMEX10", False, False, False, True, 1.0, 1.0)
    word = Word("sum", Rect(50, 97.8, 65, 107.2), 10, 100.0, FACE)
    sign = Word("∑", Rect(67, 105.3, 74, 114.7), 10, 107.5, tall)

    [line] = build_lines([word, sign])

    assert line.text == "sum ∑"
    assert line.rect.top == 107.2
