"""An export can be limited to what the checks supported, and then holds nothing else."""

from dataclasses import replace

from makers import make_chunk, make_evidence, make_extraction

from records import Verdict
from store.requiring import REQUIREMENTS, path_of, requiring

RECORD = {"title": "T", "list": [{"value": 1, "unit": "K"}, {"value": 2, "unit": None}, {"value": 3, "unit": "m"}]}


def extraction_of(**verdicts: Verdict):
    """An extraction of RECORD with evidence for these fields, written with '__' for '[' and ']'."""
    chunk = make_chunk("One.")
    found = [
        replace(make_evidence(chunk), field=name.replace("__", "[", 1).replace("__", "].", 1), verdict=verdict)
        for name, verdict in verdicts.items()
    ]
    return make_extraction(chunk, RECORD, evidence=found)


def only(extraction, requirement="supported"):
    return list(requiring([extraction], REQUIREMENTS[requirement]))


def test_what_is_all_supported_stays_as_it_is():
    extraction = extraction_of(title=Verdict.SUPPORTED, list__0__value=Verdict.SUPPORTED)

    assert only(extraction) == [extraction]


def test_an_item_goes_as_a_whole_where_one_of_its_values_fails_and_the_others_keep_their_evidence():
    (kept,) = only(
        extraction_of(
            title=Verdict.SUPPORTED,
            list__0__value=Verdict.SUPPORTED,
            list__0__unit=Verdict.CONTRADICTED,
            list__1__value=Verdict.SUPPORTED,
            list__2__value=Verdict.SUPPORTED,
        )
    )

    assert kept.reading.record == {"title": "T", "list": RECORD["list"][1:]}
    assert [one.field for one in kept.reading.evidence] == ["title", "list[0].value", "list[1].value"]


def test_a_field_of_the_record_itself_becomes_null():
    (kept,) = only(extraction_of(title=Verdict.NOT_FOUND, list__1__value=Verdict.SUPPORTED))

    assert kept.reading.record == {"title": None, "list": RECORD["list"]}


def test_a_value_that_the_record_does_not_have_takes_nothing_with_it():
    (kept,) = only(extraction_of(list__1__value=Verdict.SUPPORTED, list__1__unit=Verdict.CONTRADICTED))

    assert kept.reading.record == RECORD, "the unit is null, so there is nothing to leave out"


def test_an_extraction_of_which_nothing_is_left_is_left_out():
    assert only(extraction_of(title=Verdict.UNCHECKED)) == []


def test_what_is_not_refuted_can_be_enough():
    extraction = extraction_of(title=Verdict.UNCHECKED, list__0__value=Verdict.SUPPORTED)

    assert only(extraction, "unrefuted") == [extraction]


def test_a_path_is_read_as_its_steps():
    assert path_of("a[10].b.c[2]") == ("a", 10, "b", "c", 2)
