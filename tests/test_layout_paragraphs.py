"""Lines into paragraphs, lists, captions and listings: what parts them and what does not."""

from __future__ import annotations

from pathlib import Path

import pytest
from layout_reader import read_pdf, texts
from paper_maker import PaperMaker
from pdf_maker import BOLD, ITALIC, PdfMaker

from ingest.layout.block import Block, Kind
from ingest.layout.lines import make_line
from ingest.layout.listings import find_listings
from ingest.layout.page import Face, Line, Rect, Word
from ingest.markdown import document_markdown

#: Lines of one width, as a justified column has them: all have the same words.
FULL = [
    "the water of the upper place was clear on every day of the year and all that",
    "all of the water was that of the upper place and on every clear day the year",
    "on every clear day of the year all that water of the upper place and the was",
    "that clear water and the upper place of the year was all the day of on every",
]


@pytest.fixture
def read(tmp_path: Path):  # type: ignore[no-untyped-def]
    return lambda pdf: read_pdf(pdf, tmp_path)


def running(blocks: list[Block]) -> list[str]:
    return [block.text for block in blocks if block.kind in (Kind.TEXT, Kind.LIST_ITEM)]


def test_lines_at_double_distance_are_one_paragraph_though_most_of_the_paper_is_set_close(read) -> None:  # type: ignore[no-untyped-def]
    pdf = PdfMaker(pages=[])
    pdf.page().lines(60, 780, ["DNA" + FULL[0][3:], *FULL, "[2]" + FULL[1][3:], "REV" + FULL[2][3:], "of the day."], pitch=24)
    pdf.lines(60, 780 - 9 * 24, ["For" + FULL[0][3:], *FULL * 2], pitch=24)
    for page in range(3):
        pdf.page().lines(60, 780, [f"{line} {page} {n}" for n, line in enumerate(FULL * 12)])

    assert [text[:3] for text in running(read(pdf)[0])] == ["DNA", "For"]


def test_a_line_whose_size_was_measured_wrongly_stays_in_its_paragraph(read) -> None:  # type: ignore[no-untyped-def]
    pdf = PdfMaker()
    for n, line in enumerate([*FULL, *FULL]):
        pdf.text(60, 780 - 12 * n, line, size=11.2 if n == 4 else 10)

    assert len(running(read(pdf)[0])) == 1


def test_a_title_in_italics_that_ends_a_sentence_stays_in_its_paragraph(read) -> None:  # type: ignore[no-untyped-def]
    pdf = PdfMaker()
    y = pdf.lines(60, 780, [*FULL, "upper water and that place was clear on every day all year and the day of the"])
    pdf.text(60, y, "Appendix to the Annals of the River.", font=ITALIC)

    [text] = running(read(pdf)[0])

    assert text.endswith("of the Appendix to the Annals of the River.")


def test_a_number_that_closes_a_bracket_begins_no_item(read) -> None:  # type: ignore[no-untyped-def]
    pdf = PdfMaker()
    pdf.lines(
        60,
        780,
        [
            "The old men of the village were asked (aged 70 or more, men: 12, women: ",
            "16) and so were others, and of these all that were there. " + FULL[0][:20],
            *FULL,
        ],
    )

    [text] = running(read(pdf)[0])

    assert "women: 16) and" in text


def test_a_letter_that_goes_on_in_a_sentence_begins_no_item(read) -> None:  # type: ignore[no-untyped-def]
    pdf = PdfMaker()
    pdf.lines(
        60,
        780,
        [
            FULL[0],
            "the year. a) the upper place on every day. b) the lower place, after the day.",
            "c) That place. " + FULL[0][:60],
            *FULL,
        ],
    )

    assert len(running(read(pdf)[0])) == 1


def test_initials_of_authors_begin_no_items(read) -> None:  # type: ignore[no-untyped-def]
    pdf = PdfMaker()
    pdf.lines(60, 780, FULL)
    names = [
        "F. Ahmad, G. Aiello, H. Akers, T. Albert, J. Albrecht, S. Alexa, M. Alonso,",
        "A. Amorim, S. Amoroso, N. Amram, G. Anders,",
    ]
    pdf.lines(
        60, 700, [*names, "B. Auerbach, K. Augsten, M. Auro, G. Avolio, R. Baak, D. Backes, P. Bain,", names[1], "C. Becot."]
    )

    assert not texts(read(pdf)[0], Kind.LIST_ITEM)


def test_more_leading_parts_paragraphs_whose_last_lines_are_full(read) -> None:  # type: ignore[no-untyped-def]
    pdf = PdfMaker()
    y = 780.0
    for _ in range(4):
        y = (
            pdf.lines(
                60,
                y,
                [
                    "All of " + FULL[0][:65],
                    *FULL[:3],
                    "the fish came back, as the old men of the village had said they would do.",
                ],
            )
            - 3
        )

    assert len(running(read(pdf)[0])) == 4


def test_lines_that_end_early_each_are_not_one_paragraph(read) -> None:  # type: ignore[no-untyped-def]
    pdf = PdfMaker()
    notes = [
        "Idea: A. Smith, B. Jones, C. Brown and all of the old men of the village",
        "Work: A. Smith",
        "Money: B. Jones",
        "Text: C. Brown",
    ]
    pdf.lines(60, 780, FULL)
    pdf.lines(60, 700, notes)

    assert running(read(pdf)[0])[1:] == notes


def test_a_raised_number_begins_an_address(read) -> None:  # type: ignore[no-untyped-def]
    pdf = PdfMaker()
    pdf.lines(60, 780, FULL)
    for n, place in enumerate(
        ["Institute of the River, Lower Village, and School of the Dam, Hill", "School of the Upper Village"]
    ):
        pdf.text(60, 693 - 12 * n, str(n + 1), size=6).text(64, 690 - 12 * n, place)

    assert [text[1:7] for text in running(read(pdf)[0])[1:]] == ["Instit", "School"]


def test_the_name_of_a_section_is_not_joined_to_the_heading_below_it(read) -> None:  # type: ignore[no-untyped-def]
    pdf = PdfMaker()
    pdf.text(60, 780, "Results", font=BOLD, size=12).text(60, 765, "Fish are lost where the water is brown", font=BOLD, size=12)
    pdf.lines(60, 750, FULL)

    assert texts(read(pdf)[0], Kind.HEADING)[:1] == ["Results"] or texts(read(pdf)[0], Kind.TITLE) == [
        "Fish are lost where the water is brown"
    ]


def test_text_below_a_narrower_caption_is_no_part_of_it(read) -> None:  # type: ignore[no-untyped-def]
    pdf = PdfMaker()
    pdf.lines(
        120,
        780,
        ["Figure 2. The river in the two years, before the dam", "and after it, as the men of the village have it (n=7)"],
    )
    pdf.text(75, 756, "Depth was measured in each of the weeks of the year at the upper place")
    pdf.lines(60, 744, FULL)

    [page] = read(pdf)

    [caption] = texts(page, Kind.CAPTION)
    assert caption.endswith("(n=7)")


def test_a_centred_second_line_belongs_to_its_caption(read) -> None:  # type: ignore[no-untyped-def]
    def width(line: str) -> float:
        [[block]] = read(PdfMaker().text(60, 780, line))
        return float(block.rect.width)

    first, second = "Table 1. What was counted of the fish of the river in each of the two years", "at all of the places"
    pdf = PdfMaker()
    pdf.text(60, 780, first).text(60 + (width(first) - width(second)) / 2, 768, second)
    pdf.lines(60, 700, FULL)

    [caption] = texts(read(pdf)[0], Kind.CAPTION)

    assert caption == f"{first} {second}"


def test_the_panels_below_a_bold_title_belong_to_the_caption(read) -> None:  # type: ignore[no-untyped-def]
    pdf = PdfMaker()
    pdf.lines(60, 780, FULL)
    pdf.text(60, 640, "Figure 5: The dam and the fish of the river.", font=BOLD)
    pdf.lines(
        60,
        628,
        [
            "(A) The dam was opened in May.",
            "(B-C) The fish of the upper place, as counted in each of the weeks of the",
            "year, and those of the lower one.",
        ],
    )

    [caption] = texts(read(pdf)[0], Kind.CAPTION)

    assert caption.endswith("of the lower one.")
    assert "(A) The dam" in caption


def test_a_caption_in_two_columns_is_one(read) -> None:  # type: ignore[no-untyped-def]
    pdf = PdfMaker()
    pdf.lines(60, 780, FULL)
    pdf.lines(
        60,
        640,
        [
            "FIGURE 6 | The river in the weeks before the dam was opened and",
            "in those after it, for the upper place (A) and for the lower",
        ],
        size=8,
        pitch=10,
    )
    pdf.lines(
        316, 640, ["place (B). What is below the line is what was lost of them in", "the year of the rain."], size=8, pitch=10
    )
    pdf.lines(60, 560, FULL)

    [caption] = texts(read(pdf)[0], Kind.CAPTION)

    assert "for the lower place (B)." in caption


def test_a_section_in_small_print_goes_on_in_the_next_column(read) -> None:  # type: ignore[no-untyped-def]
    pdf = PdfMaker(pages=[])
    pdf.page().lines(60, 780, FULL * 10)
    pdf.page().text(60, 780, "Methods", font=BOLD, size=12)
    pdf.lines(60, 764, ["We asked. " + FULL[0][:60], *[line[:68] for line in FULL]], size=7, pitch=8)
    pdf.lines(
        60,
        700,
        ["We then counted. " + FULL[0][:55], *[line[:68] for line in FULL[:3]], "derived from the nets by adding and"],
        size=7,
        pitch=8,
    )
    pdf.lines(
        330,
        780,
        ["incubating at the upper place, where the water is cold in all of the", "weeks of the year."],
        size=7,
        pitch=8,
    )

    [_, page] = read(pdf)

    assert any("by adding and incubating at" in block.text for block in page)


def test_a_font_of_one_letter_at_the_beginning_of_lines_is_a_font_of_bullets(read) -> None:  # type: ignore[no-untyped-def]
    pdf = PdfMaker()
    y = pdf.lines(60, 780, FULL)
    for lines in (["The water is", "brown."], ["The fish are lost."], ["The dam is open."]):
        pdf.text(60, y - 12, "d", font=ITALIC)
        y = pdf.lines(72, y - 12, lines)

    items = texts(read(pdf)[0], Kind.LIST_ITEM)

    assert [item[2:] for item in items] == [
        "The water is brown.",
        "The fish are lost.",
        "The dam is open.",
    ]
    assert all(item.startswith("\u2022") for item in items)


MONO, SERIF = (Face(name, False, False, mono, False, 1.1, 0.2) for name, mono in (("Courier", True), ("Times", False)))


def line_of(x: float, y: float, text: str, face: Face = MONO) -> Line:
    """A line of words, each letter 6 points wide."""
    words, at = [], 0
    for word in text.split(" "):
        if word:
            words.append(Word(word, Rect(x + 6 * at, y - 2, x + 6 * (at + len(word)), y + 7), 10.0, y, face))
        at += len(word) + 1
    return make_line(words)


def test_a_listing_keeps_its_order_its_indents_and_its_blank_lines() -> None:
    lines = [line_of(60, 700, "calc <- function(k) {"), line_of(72, 688, "for (i in k) {"), line_of(84, 676, "sum(i)")]
    lines += [
        line_of(72, 664, "}"),
        line_of(60, 652, "}"),
        line_of(60, 628, "calc(3)"),
        line_of(60, 500, "Fish are many.", SERIF),
    ]

    [listing], rest = find_listings(lines, 1)

    assert listing.text == "calc <- function(k) {\n  for (i in k) {\n    sum(i)\n  }\n}\n\ncalc(3)"
    assert [line.text for line in rest] == ["Fish are many."]


def test_columns_of_what_a_program_prints_stay_in_their_rows() -> None:
    rows = [("     Estimate Error", "Pr(>|t|)"), ("t1   0.49     0.01", "<2e-16"), ("t2   1.00     0.02", "<2e-16")]
    lines = [line_of(60, 700 - 12 * n, left) for n, (left, _) in enumerate(rows)]
    lines += [line_of(240, 700 - 12 * n, right) for n, (_, right) in enumerate(rows)]

    [listing], _ = find_listings(lines, 1)

    assert [row.split() for row in listing.text.split("\n")] == [f"{left} {right}".split() for left, right in rows]


def test_addresses_and_a_line_of_a_paragraph_are_no_listings() -> None:
    mail = [line_of(60, 700, "smith@river.org"), line_of(60, 688, "jones@river.org")]
    text = [line_of(60, 600, "The function that counts all of the fish is", SERIF), line_of(60, 588, "count(fish).")]

    assert find_listings([*mail, *text], 1)[0] == []


def test_a_short_line_of_signs_belongs_to_its_paragraph_in_small_print_too(read) -> None:  # type: ignore[no-untyped-def]
    pdf = PdfMaker(pages=[])
    pdf.page().lines(60, 780, [f"{line} {n}" for n, line in enumerate(FULL * 10)])
    pdf.page().lines(60, 780, [*FULL, FULL[0][:70] + " *P", "< 0.001, **P < 0.0001."], size=7, pitch=8)

    assert any(block.text.endswith("*P < 0.001, **P < 0.0001.") for block in read(pdf)[1])


@pytest.mark.parametrize(
    ("text", "written"),
    [
        ("# These authors", "\\# These authors"),
        ("+", "\\+"),
        ("> 2 years", "\\> 2 years"),
        ("1984. It was dry.", "1984\\. It was dry."),
        ("3.5 m of water", "3.5 m of water"),
        ("#5 was lost", "#5 was lost"),
    ],
)
def test_a_paragraph_that_begins_with_a_sign_of_markdown_stays_a_paragraph(text: str, written: str) -> None:
    paper = PaperMaker()
    paper.text(text)

    assert document_markdown(paper.document) == written


def test_each_term_of_a_glossary_stands_with_its_meaning(read) -> None:  # type: ignore[no-untyped-def]
    pdf = PdfMaker()
    pairs = [
        ("DAM", "Dam of the Lower River"),
        ("F1", "First fish"),
        ("HPLC", "High pressure liquid chromatography"),
        ("up", "Upper place"),
    ]
    pdf.lines(60, 780, FULL)
    for n, (term, meaning) in enumerate([*pairs, ("lp", "Lower place of the river")]):
        pdf.text(60, 700 - 12 * n, term).text(130, 700 - 12 * n, meaning)

    assert running(read(pdf)[0])[1:4] == [" ".join(pair) for pair in pairs[:3]]


def test_a_bold_label_with_its_value_is_no_heading(read) -> None:  # type: ignore[no-untyped-def]
    pdf = PdfMaker()
    pdf.lines(60, 780, FULL)
    labels = (
        ("Question:", 110, "Which of all the fish of the river in the two years?"),
        ("Answer:", 102, "Eel"),
        ("Models:", 102, "Trout"),
        ("Others:", 102, "Pike"),
    )
    for n, (label, x, value) in enumerate(labels):
        pdf.text(60, 700 - 12 * n, label, font=BOLD).text(x, 700 - 12 * n, value)

    [page] = read(pdf)

    assert not texts(page, Kind.HEADING)
    assert "Answer: Eel" in running(page)


def test_lines_of_contents_with_letters_are_not_one_paragraph(read) -> None:  # type: ignore[no-untyped-def]
    pdf = PdfMaker()
    pdf.lines(60, 780, FULL)
    pdf.lines(60, 700, ["I. The river in numbers"])
    pdf.lines(72, 688, ["A. The water of the upper place", "B. The fish of the lower place, as counted in each week"])

    assert running(read(pdf)[0])[-2:] == [
        "A. The water of the upper place",
        "B. The fish of the lower place, as counted in each week",
    ]


def test_an_address_in_small_print_is_not_joined_to_the_one_above(read) -> None:  # type: ignore[no-untyped-def]
    pdf = PdfMaker()
    pdf.lines(60, 780, FULL * 3)
    pdf.lines(
        60,
        600,
        [
            "1 Institute of the River, Lower Village, and School of the Dam, Hill of the",
            "Upper Village, and all others of the",
            "river",
        ],
        size=8,
        pitch=10,
    )
    pdf.text(60, 564, "smith.of.the.river@village.org", size=8)

    assert "smith.of.the.river@village.org" in running(read(pdf)[0])
