"""Formulas and scripts: what is raised stays raised, and what cites is no exponent."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from docling_core.types.doc import DocItemLabel, DoclingDocument

from extract.embedded.quantities import find_quantities
from extract.evidence.finding import EXACT, NORMALISED, find
from ingest.converter import ConvertedPaper, open_converter
from ingest.layout.block import Block, Kind
from ingest.layout.composing import formula_text
from ingest.layout.page import ASCENT, DESCENT, Face, Rect, Word
from ingest.layout.raised import mark_citations
from ingest.layout.scripts import lowered, raised, words_as_text
from ingest.markdown import document_markdown
from records import Box, FigureCrop
from tests.paper_maker import PaperMaker
from tests.pdf_maker import PdfMaker

ROMAN = Face("Roman", False, False, False, False, 1.0, 0.2)
SIGNS = Face("CMSY10", False, False, False, True, 1.0, 0.2)


def word(text: str, x: float, y: float = 100.0, size: float = 10.0, face: Face = ROMAN) -> Word:
    return Word(text, Rect(x, y - DESCENT * size, x + 0.5 * size * len(text), y + ASCENT * size), size, y, face)


@pytest.mark.parametrize(
    ("words", "text"),
    [
        ([word("10", 0), word("5", 10, 104, 7)], "10⁵"),
        ([word("CO", 0), word("2", 10, 98, 7)], "CO₂"),
        ([word("5", 0), word("h", 8), word("-1", 13, 104, 7)], "5 h⁻¹"),
        ([word("x", 0), word("i", 5, 98, 7), word("2", 5, 104, 7)], "xᵢ²"),
        ([word("x", 0), word("max", 5, 98, 7), word("of", 20)], "x_max of"),
        ([word("the", 0), word("4", 18), word("th", 23, 104, 7)], "the 4th"),
        ([word("INTRO", 0, 100, 10), word("DUCTION", 25, 100, 8)], "INTRODUCTION"),
    ],
)
def test_a_script_is_written_as_one(words: list[Word], text: str) -> None:
    assert words_as_text(words) == text


def test_what_has_no_raised_sign_is_marked() -> None:
    assert raised("2,3-5", "found") == raised("2,3⁻5", "found") == "²,³–⁵"
    assert raised("-x/2", "e") == "^{-x/2}"
    assert raised("π", "e") == "^π"
    assert raised("∗", "p") == "*"
    assert lowered("i,j") == "_{i,j}"


def test_a_fraction_a_sum_and_a_root_are_one_line() -> None:
    words = [word("y", 0), word("=", 8), word("a", 23, 108), word("2b", 20, 92), word("+", 36)]
    words += [word("∑", 46, 97, 14, SIGNS), word("i=1", 44, 86, 7), word("n", 47, 115, 7), word("x", 58), word("i", 63, 98, 7)]
    words += [word("√", 70, 100, 10, SIGNS), word("c", 76), word("+", 82), word("d", 88)]
    bars = [Rect(19, 102.5, 31, 102.5), Rect(75, 109, 94, 109)]

    assert formula_text(words, bars, [("(3)", 100.0)]) == "y = a/(2b) + ∑_{i=1}^n xᵢ √(c+d) (3)"


def test_the_rule_of_a_matrix_makes_no_fraction() -> None:
    words = [
        word(text, x, y)
        for y, row in ((112, "ab"), (98, "12"), (86, "34"), (74, "56"))
        for x, text in zip((0, 20), row, strict=True)
    ]

    assert formula_text(words, [Rect(0, 108, 26, 108)]) == "a b\n1 2\n3 4\n5 6"


def test_a_fraction_ends_before_the_next_formula() -> None:
    words = [word("a", 23, 108), word("2b", 20, 92), word("c", 23, 80.5), word("d", 23, 66)]

    assert formula_text(words, [Rect(19, 102.5, 31, 102.5), Rect(20, 76, 30, 76)]) == "a/(2b)\nc/d"


def test_a_power_of_a_bracket_beside_a_fraction_leaves_it_its_own() -> None:
    words = [word("m", 23, 108), word("2", 28, 112, 7), word("k", 24, 93), word(")", 32), word("3", 36, 112, 7)]

    assert formula_text(words, [Rect(22, 102.5, 32, 102.5)]) == "m²/k)³"


def prose(text: str, kind: Kind = Kind.TEXT) -> Block:
    return Block(kind=kind, page=1, rect=Rect(0, 0, 1, 1), text=text)


def test_raised_numbers_cite_after_words_and_not_after_units() -> None:
    cited = " ".join(f"this was found once more{''.join('⁰¹²³⁴⁵⁶⁷⁸⁹'[int(c)] for c in str(n))}." for n in range(1, 13))
    pages = [
        [prose(cited), prose("over 5 m² (R² = 0.9, 10⁵ cells) as was shown.²,⁴–⁶ Then"), prose("References", Kind.HEADING)]
    ]
    pages[0] += [prose(f"{n}. Smith, J. On rivers.") for n in range(1, 13)]

    marked = mark_citations(pages)[0]

    assert marked[1].text == "over 5 m² (R² = 0.9, 10⁵ cells) as was shown.[2,4–6] Then"
    assert marked[0].text.endswith("once more[12].")


def test_a_raised_run_is_an_exponent_or_a_citation_as_a_whole() -> None:
    cited = " ".join(f"this was found once more{''.join('⁰¹²³⁴⁵⁶⁷⁸⁹'[int(c)] for c in str(n))}." for n in range(1, 40))
    text = "with 6 × 10²³ cells of Ste2²¹ in v0.7.17³⁶ and in 2020³⁸ of EPRS1²³,²⁴ as is known³–⁵ of [D-Ala², MePhe⁴] "
    text += "and IL-10³³, 2-chloro-N⁶-cyclo"
    pages = [[prose(cited), prose(text), prose("References", Kind.HEADING)]]
    pages[0] += [prose(f"{n}. Smith, J. On rivers.") for n in range(1, 40)]

    marked = mark_citations(pages)[0]

    assert marked[1].text == (
        "with 6 × 10²³ cells of Ste2[21] in v0.7.17[36] and in 2020[38] of EPRS1[23,24] as is known[3–5] of [D-Ala², MePhe⁴] "
        "and IL-10[33], 2-chloro-N⁶-cyclo"
    )


def test_the_caption_of_a_figure_cites_as_the_text_does() -> None:
    cited = " ".join(f"this was found once more{''.join('⁰¹²³⁴⁵⁶⁷⁸⁹'[int(c)] for c in str(n))}." for n in range(1, 13))
    figure = Block(
        kind=Kind.FIGURE, page=1, rect=Rect(0, 0, 1, 1), captions=(prose("Fig. 1. The fish as seen before¹¹", Kind.CAPTION),)
    )

    marked = mark_citations([[prose(cited), figure]])[0]

    assert marked[1].captions[0].text == "Fig. 1. The fish as seen before[11]"


def test_marks_of_footnotes_stay_raised() -> None:
    pages = [[prose("this is our model¹ and a library² as we said"), prose("¹ Here and below."), prose("² By its authors.")]]

    assert mark_citations(pages) == pages


@pytest.mark.parametrize(
    ("text", "quantity", "unit", "number"),
    [
        ("a rate of 5 h⁻¹ was", "5 h⁻¹", "h⁻¹", 5.0),
        ("a flux of 20 W/cm² there", "20 W/cm²", "W/cm²", 20.0),
        ("2.4 × 10⁻³ mm²/s was", "2.4 × 10⁻³ mm²/s", "mm²/s", 0.0024),
        ("seeded 3 × 10⁵ cells/mL in", "3 × 10⁵ cells/mL", "cells/mL", 300000.0),
        ("gave 5 mg kg⁻¹ day⁻¹ to", "5 mg kg⁻¹ day⁻¹", "mg kg⁻¹ day⁻¹", 5.0),
        ("at 5.3_{-0.1}^{+0.2} keV we", "5.3_{-0.1}^{+0.2} keV", "keV", 5.3),
    ],
)
def test_quantities_with_scripts_are_found(text: str, quantity: str, unit: str, number: float) -> None:
    (found,) = find_quantities(text)

    assert (text[found.start : found.end], found.unit and text[slice(*found.unit)], found.number) == (quantity, unit, number)


@pytest.mark.parametrize("quote", ["10⁵ cells", "10^5 cells", "10^{5} cells"])
def test_a_quote_finds_a_power_however_it_is_typed(quote: str) -> None:
    text = "about 10⁵ cells"

    match = find(quote, text, by=EXACT) or find(quote, text, by=NORMALISED)
    span = match.span if match else None

    assert span and text[slice(*span)] == "10⁵ cells"


@pytest.mark.parametrize("quote", ["105 cells", "10", "5 cells"])
def test_a_power_is_not_its_digits(quote: str) -> None:
    assert not any(find(quote, "about 10⁵ cells", by=by) for by in (EXACT, NORMALISED))


def test_a_quote_finds_scripts_of_names_and_units() -> None:
    for quote, text in [("CO2 at 5 h-1", "CO₂ at 5 h⁻¹"), ("CO_2 at 5 h^{-1}", "CO₂ at 5 h⁻¹"), ("x_{max}", "x_max")]:
        match = find(quote, text, by=NORMALISED)
        assert match and match.span == (0, len(text))


def with_formula(text: str) -> DoclingDocument:
    document = DoclingDocument(name="paper")
    document.add_text(label=DocItemLabel.FORMULA, text=text, orig=text)
    return document


def test_dollars_stand_around_latex_alone() -> None:
    assert document_markdown(with_formula("y = x²\nz = 2y (3)")) == "y = x²  \nz = 2y (3)"
    assert document_markdown(with_formula(r"y = x^{2}"), has_latex=True) == "$$y = x^{2}$$"


def test_a_note_whose_mark_is_that_of_a_heading_is_none() -> None:
    made = PaperMaker()
    made.heading("Methods")
    made.text("# These authors contributed equally")

    assert document_markdown(made.document) == "## Methods\n\n\\# These authors contributed equally"


@pytest.fixture(scope="module")
def paper(tmp_path_factory: Any) -> ConvertedPaper:
    """A paragraph with a script, a formula with its number, a paragraph."""
    made = PdfMaker()
    made.text(60, 780, "1 Introduction", size=14, font="F2")
    said = ["The number of cells in each of the samples was close to the number that had been", "seeded, which was 3 x 10"]
    made.lines(60, 750, said)
    made.text(171, 742, "5", size=7).text(177, 738, "cells in every well, and the growth is given by")
    made.text(250, 700, "N").text(258, 698, "t", size=7).text(264, 700, "= N").text(281, 698, "0", size=7)
    made.text(290, 700, "+").text(302, 706.5, "r t").text(304, 692.5, "2 K").rule(300, 320, 702.5).text(500, 700, "(1)")
    made.lines(
        60, 660, ["where the second term was small in all of the wells that we have seen, and so it was", "left out below."]
    )
    path = tmp_path_factory.mktemp("paper") / "cells.pdf"
    path.write_bytes(made.to_bytes())
    return open_converter("rules", max_pages=10, timeout_s=60, artifacts=None)(Path(path))


def test_a_formula_is_an_item_with_its_number_and_no_dollars(paper: ConvertedPaper) -> None:
    formulas = [item.text for item in paper.document.texts if item.label == DocItemLabel.FORMULA]

    assert formulas == ["Nₜ = N₀ + (r t)/(2 K) (1)"]
    assert "\n\nNₜ = N₀ + (r t)/(2 K) (1)\n\n" in paper.markdown
    assert "3 x 10⁵ cells" in paper.markdown


def test_a_formula_is_kept_as_a_picture_too(paper: ConvertedPaper) -> None:
    ((ref, page, box, png),) = paper.figures

    assert ref.startswith("#/texts/") and page == 1 and png.startswith(b"\x89PNG")
    assert box.left < 250 and box.right > 510 and box.bottom < 692 < 712 < box.top
    assert FigureCrop(ref=ref, page=page, box=box, png="0").kind == "formula"
    assert FigureCrop(ref="#/pictures/0", page=1, box=Box(left=0, bottom=0, right=1, top=1), png="0").kind == "figure"
