"""How deep headings stand: by their numbers, and by the company of their looks. Each rule on the smallest outline that shows it."""

from __future__ import annotations

from ingest.layout.levels import Heading, heading_levels
from ingest.layout.looks import Look

LARGE = Look(14, True, False, False, "Bold")
BOLD_BODY = Look(10, True, False, False, "Bold")
ITALIC = Look(10, False, True, False, "Italic")
RUN_IN = Look(10, True, False, False, "Bold", is_run_in=True)
SECTIONS = [("Introduction", LARGE), ("Methods", LARGE), ("Results", LARGE)]


def test_letters_stand_under_roman_numbers_and_digits_under_letters() -> None:
    outline = ["I. SIMULATIONS", "A. Equations", "1. Domain", "2. Schemes", "B. Details", "II. RESULTS"]

    assert heading_levels([Heading(text, BOLD_BODY) for text in outline]) == [1, 2, 3, 3, 2, 1]


def test_an_article_is_no_letter_of_an_appendix() -> None:
    outline = ["1 Introduction", "2 Methods", "2.1 Places", "A good model", "A Tables", "B Figures"]
    looks = [BOLD_BODY, BOLD_BODY, ITALIC, ITALIC, BOLD_BODY, BOLD_BODY]

    assert levels(*zip(outline, looks, strict=True)) == [1, 1, 2, 2, 1, 1]


def test_run_in_headings_with_the_names_of_sections_are_sections() -> None:
    outline = [("Funding:", RUN_IN), ("Author contributions:", RUN_IN), ("Informed consent:", RUN_IN)]

    assert levels(*SECTIONS, ("Places", BOLD_BODY), ("Days", BOLD_BODY), *outline)[3:] == [2, 2, 1, 1, 1]


def test_an_appendix_with_a_letter_stands_beside_the_sections() -> None:
    outline = ["1 Introduction", "2 Methods", "2.1 Places", "A Tables", "B Figures"]

    assert heading_levels([Heading(text, BOLD_BODY) for text in outline]) == [1, 1, 2, 1, 1]


def levels(*headings: tuple[str, Look]) -> list[int]:
    return heading_levels([Heading(text, look) for text, look in headings])


def test_no_level_is_left_out_and_what_is_larger_than_the_sections_is_not_deeper() -> None:
    cover, hint = Look(20, False, False, False, "A"), Look(18, False, False, False, "B")
    outline = [("Highlights of the year", cover), ("In brief", hint), *SECTIONS, ("Places", BOLD_BODY), ("Days", BOLD_BODY)]

    assert levels(*outline) == [1, 1, 1, 1, 1, 2, 2]


def test_what_opens_every_section_stands_above_what_follows_it() -> None:
    caps, slanted = Look(8.5, True, False, True, "A"), Look(9, True, True, False, "A")
    outline = [("Methods", LARGE), ("SUBJECTS", caps), ("PROCEDURE", caps), ("Task", slanted), ("Design", slanted)]

    assert levels(*outline, ("ANALYSIS", caps), ("Results", LARGE), ("LEARNING", caps)) == [1, 2, 2, 3, 3, 2, 1, 2]


def test_a_species_in_a_heading_does_not_change_its_level() -> None:
    slanted = Look(10, True, True, False, "Bold")
    mixed = [Heading("Growth of E. coli", BOLD_BODY, is_mixed=True), Heading("E. coli in rivers", slanted, is_mixed=True)]
    pure = [Heading(text, slanted) for text in ("Places of the river", "Days of the year")]
    sections = [Heading(text, look) for text, look in SECTIONS]

    assert heading_levels([*sections, *pure, *mixed]) == [1, 1, 1, 2, 2, 2, 2]


def test_a_heading_in_another_family_than_the_sections_stands_lower() -> None:
    sans, serif = Look(12, True, False, False, "Sans-Bold"), Look(12, True, False, False, "Serif-Bold")
    outline = [("Introduction", sans), ("Methods", sans), ("Places", serif), ("Days", serif), ("Results", sans)]

    assert levels(*outline) == [1, 1, 2, 2, 1]


def test_the_parts_of_methods_and_results_may_look_as_these_do() -> None:
    names = [
        "Introduction",
        "Results",
        "Fish of the river",
        "Birds of the river",
        "DISCUSSION",
        "Methods",
        "Counting",
        "References",
    ]
    outline = [(name, Look(11, True, False, name.isupper(), "A")) for name in names]

    assert levels(*outline) == [1, 1, 2, 2, 1, 1, 2, 1]
    assert levels(*outline, ("A man of the river", outline[0][1]))[2] == 2
    assert levels(outline[0], ("The river", outline[0][1]), *outline[1:])[3] == 1  # here sections have names of their own


def test_a_run_in_heading_that_fills_its_line_stands_beside_its_sisters() -> None:
    sisters = [("Fish of the river.", RUN_IN), ("Birds of the river.", RUN_IN)]
    full = [("All that lives in the river.", BOLD_BODY), ("All that lives in the valley.", BOLD_BODY)]

    assert levels(*SECTIONS, *full, *sisters) == [1, 1, 1, 2, 2, 2, 2]


def test_the_initial_of_a_genus_is_no_number() -> None:
    assert levels(*SECTIONS, ("G. mellonella larvae", BOLD_BODY), ("V. cholerae", BOLD_BODY), ("Counting", BOLD_BODY))[3:] == [
        2,
        2,
        2,
    ]
