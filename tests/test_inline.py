"""What stands over and under a line of text stays in it: stacked scripts, fractions, sums."""

from __future__ import annotations

from dataclasses import replace

from ingest.layout.formulas import _n_words
from ingest.layout.inline import with_inline_fractions
from ingest.layout.lines import build_lines
from ingest.layout.page import ASCENT, DESCENT, Face, PageSignals, Rect, Word

ROMAN = Face("Roman", False, False, False, False, 1.0, 0.2)


def word(text: str, x: float, y: float = 100.0, size: float = 10.0) -> Word:
    return Word(text, Rect(x, y - DESCENT * size, x + 0.5 * size * len(text), y + ASCENT * size), size, y, ROMAN)


def sentence(*parts: str | Word, x: float = 50.0) -> list[Word]:
    """Words on one line with spaces; words made already keep their place, and the line goes on after the widest."""
    words: list[Word] = []
    for part in parts:
        made = word(part, x) if isinstance(part, str) else part
        words.append(made)
        x = max(w.rect.right for w in words) + 2.5
    return words


def page_of(words: list[Word], *bars: Rect) -> PageSignals:
    return PageSignals(1, 600, 800, tuple(words), 100, (), (), (), (), bars)


def texts(words: list[Word], *bars: Rect) -> list[str]:
    return [line.text for line in build_lines(with_inline_fractions(page_of(words, *bars)).words)]


def test_a_lower_script_begins_under_the_first_letter_of_the_upper() -> None:
    words = sentence("gave", "4.2", word("+3.25", 90, 104, 7), word("-2.0", 90, 97, 7), "excess", "events")

    assert texts(words) == ["gave 4.2_{-2.0}^{+3.25} excess events"]


def test_a_script_of_many_words_does_not_hide_the_letter_of_the_lower_one() -> None:
    upper = [word(part, x, 104, 7) for part, x in (("A", 75), ("+", 79), ("B", 83), ("+", 87), ("C", 91))]
    words = sentence("the", "x", *upper, word("i", 75, 98.5, 7), "of")

    assert texts(words) == ["the xᵢ^{A+B+C} of"]


def test_an_inline_fraction_stays_where_its_bar_is() -> None:
    words = sentence("where", "the", "rate", word("DC(s)", 122.5, 106.8), word("Dt", 130, 93.2), "was", "constant")

    assert texts(words, Rect(122, 102.5, 148, 102.5)) == ["where the rate (DC(s))/(Dt) was constant"]


def test_a_small_fraction_is_one_too() -> None:
    words = sentence("cut", "into", word("1", 95, 104, 7), word("2", 95, 96.5, 7), "each")

    assert texts(words, Rect(94.5, 102.5, 99, 102.5)) == ["cut into 1/2 each"]


def test_scripts_without_a_bar_are_no_fraction() -> None:
    words = sentence("where", "h", word("T", 82.5, 104, 7), word("i", 82.5, 96.5, 7), "was")

    assert texts(words) == ["where hᵢᵀ was"]


def test_a_rule_between_the_rows_of_a_table_is_no_fraction() -> None:
    words = [word("Accuracy", 100, 107), word("92.1", 110, 93), word("Model", 20, 100)]

    assert with_inline_fractions(page_of(words, Rect(100, 102.5, 140, 102.5))).words == tuple(words)


def test_the_bar_of_a_root_in_a_sentence_ends_it() -> None:
    words = sentence(
        "with", "width", word("2√", 102.5), word("2", 112.5), word("ln", 119), word("2", 131), word("σ", 139), "here"
    )

    assert texts(words, Rect(112.5, 107.5, 136.5, 107.5)) == ["with width 2√(2 ln 2) σ here"]


def test_a_sum_that_hangs_from_its_top_stays_in_its_sentence() -> None:
    tall = Face("CMEX10", False, False, False, True, 1.0, 1.0)
    sign = replace(word("∑", 95, 107.5), face=tall)
    words = sentence("where", "the", sign, word("j", 100, 98.5, 7), word("x", 106), "is", "taken", "over", "all")

    assert texts(words) == ["where the ∑ⱼ x is taken over all"]


def test_a_row_of_a_formula_with_roman_scripts_is_no_prose() -> None:
    words = [word("A", 50), word("soft", 55, 97, 7), word("+A", 71), word("box", 81, 97, 7), word("+A", 93)]
    (line,) = build_lines([*words, word("vac", 103, 97, 7)])

    assert _n_words(line) == 0
