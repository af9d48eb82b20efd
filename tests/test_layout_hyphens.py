"""Line ends put together: which hyphens stay, and where no space belongs."""

from __future__ import annotations

import pytest

from ingest.layout.hyphens import join_texts, known_words

PAPER = known_words(
    [
        "of the age of protein regions and the art of coding, with an element in the background to our signal, there",
        "as ATLAS and TableFormer, the state off the shelf; the database of glycine and of arginine and tryptophan",
    ]
)


@pytest.mark.parametrize(
    ("head", "tail", "joined"),
    [
        ("pro-", "tein", "protein"),
        ("AT-", "LAS", "ATLAS"),
        ("Table-", "Former", "TableFormer"),
        ("data-", "base", "database"),
        ("ACKNOWLEDG-", "MENTS", "ACKNOWLEDGMENTS"),
        ("non-", "linear", "nonlinear"),
        ("soft\u00ad", "ware", "software"),
    ],
)
def test_the_hyphen_of_a_broken_word_goes(head: str, tail: str, joined: str) -> None:
    assert join_texts([head, tail], PAPER) == joined


@pytest.mark.parametrize(
    ("head", "tail"),
    [
        ("age-", "associated"),
        ("protein-", "coding"),
        ("off-the-", "shelf"),
        ("state-of-the-", "art"),
        ("signal-to-", "background"),
        ("tryptophan-", "glycine-arginine"),
        ("DNA-", "like"),
        ("CDK5-", "mediated"),
        ("(LPS)-", "stimulated"),
        ("NRF-", "2021M3A9"),
        ("4-", "year-old"),
        ("pages 135-", "41"),
    ],
)
def test_the_hyphen_of_a_compound_stays_without_a_space(head: str, tail: str) -> None:
    assert join_texts([head, tail], PAPER) == head + tail


def test_a_hanging_hyphen_keeps_its_space() -> None:
    assert join_texts(["hypo-", "and hypermethylation"], PAPER) == "hypo- and hypermethylation"
    assert join_texts(["one -", "two"], PAPER) == "one - two"


def test_an_em_dash_is_no_hyphen() -> None:
    assert join_texts(["a capsid protein—", "indicative of"], PAPER) == "a capsid protein—indicative of"


@pytest.mark.parametrize(
    ("head", "tail"),
    [
        ("https://", "doi.org/10.1038/abc"),
        ("https://doi.", "org/10.1038/abc"),
        ("doi:10.1073/pnas.48.", "12.2013."),
        ("https://doi.org/10.1093/bioinforma", "tics/btz087."),
        ("URL http:", "//www.r-project.org"),
        ("G4_", "int5"),
    ],
)
def test_an_address_goes_on_without_a_space(head: str, tail: str) -> None:
    assert join_texts([head, tail], PAPER) == head + tail


def test_after_an_address_the_text_goes_on() -> None:
    assert join_texts(["see https://doi.org/10.1038/abc.", "The next"]) == "see https://doi.org/10.1038/abc. The next"
    assert join_texts(["at https://example.org/abc", "and elsewhere"]) == "at https://example.org/abc and elsewhere"


def test_pieces_of_broken_words_are_not_known() -> None:
    known = known_words(["it is de-", "fined as in state-of-the-art work, pan- demic which"])

    assert not known & {"de", "fined", "pan", "demic"}
    assert {"of-the", "art", "as", "is", "which"} <= known
