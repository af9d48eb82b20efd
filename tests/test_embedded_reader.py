"""The embedded reader with the real encoder: it copies from the paper, for any schema, or says nothing."""

from __future__ import annotations

import functools
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from extract.embedded.reader import EmbeddedReader, open_embedded_reader
from extract.prompts.files import load_prompt
from extract.units import make_units
from records import Box, Chunk, ChunkKind, Features, Lane, Place, Prompt, Reading, UnitKind
from store.embedding import Embedder

PROMPTS = Path(__file__).parents[1] / "prompts"
FEATURES = Features(
    n_words=9, n_numbers=1, figure_share=0, table_share=0, formula_share=0, has_caption=False, text_confidence=1
)
BOX = Box(left=72, bottom=600, right=300, top=700)


@functools.cache
def reader() -> EmbeddedReader:
    return open_embedded_reader(Embedder("all-MiniLM-L6-v2", dtype="float32").embed, embedding_key="all-MiniLM-L6-v2")


def chunk(text: str, kind: ChunkKind = ChunkKind.TEXT, ordinal: int = 0) -> Chunk:
    return Chunk(
        id=f"{ordinal} {text}",
        doc_id="paper",
        conversion_id="conversion",
        ordinal=ordinal,
        kind=kind,
        headings=("Results",),
        text=text,
        places=(Place(start=0, end=len(text), page=2, box=BOX),),
        holds=(),
        cites=(),
        features=FEATURES,
    )


def read(prompt: Prompt, *texts: str, kind: ChunkKind = ChunkKind.TEXT) -> Reading:
    """What is read from these chunks together."""
    (unit,) = make_units([chunk(text, kind, i) for i, text in enumerate(texts)], None, UnitKind.DOCUMENT)
    (reading,) = reader().read(prompt, [unit])
    return reading


def shipped(name: str) -> Prompt:
    return load_prompt(PROMPTS / f"{name}.yaml")


def asking(**fields: dict[str, Any]) -> Prompt:
    """A prompt for these fields, as a user might write one."""
    schema = {"type": "object", "additionalProperties": False, "required": list(fields), "properties": fields}
    return Prompt(
        name="asked",
        hash=repr(schema),
        unit=UnitKind.CHUNK,
        system="",
        template="",
        schema=schema,
        kinds=frozenset({ChunkKind.TEXT}),
        model=None,
        options={},
    )


def record(reading: Reading) -> dict[str, Any]:
    assert reading.is_ok, reading.error
    assert reading.record is not None
    return reading.record


def measurements(text: str) -> list[dict[str, Any]]:
    return record(read(shipped("measurements"), text))["measurements"]


def told(items: list[dict[str, Any]], *names: str) -> list[tuple[Any, ...]]:
    return [tuple(item[name] for name in names) for item in items]


def test_a_measurement_has_its_number_unit_property_and_entity():
    (item,) = measurements("The band gap of ZnO was 3.2 eV in all the films.")

    assert (item["quantity"], item["value"], item["unit"]) == ("3.2 eV", 3.2, "eV")
    assert (item["property"], item["entity"]) == ("band gap", "ZnO")
    assert item["quote"] == "The band gap of ZnO was 3.2 eV in all the films."


def test_a_condition_is_taken_from_the_same_sentence():
    (first, *_) = measurements("The viscosity of the melt was 12 mPa s at 450 K.")

    assert first["condition"] == "at 450 K"


def test_a_range_keeps_its_words_and_has_no_single_value():
    assert told(measurements("The film thickness was 5–8 nm."), "quantity", "value", "unit") == [("5–8 nm", None, "nm")]


@pytest.mark.parametrize(
    "text",
    [
        "The results are shown in Figure 3 and in Tables 1 and 2.",
        "Earlier work reported this [12], [14–18] and others (27) did not.",
        "As Smith et al., 2003 and Jones (2011) showed, it does not hold.",
        "The cells expressed IL-6 and CD4 and were fed H2O and 2-methylbutane.",
        "Section 4.2 describes the protocol of phase 3 of the trial.",
        "The study was carried out in 2019 and finished on 6 November 2020.",
        "Ethics approval 2018-0345 was given; see https://doi.org/10.1000/xyz123 for more.",
        "The chemical (CAS 821-55-6) was bought from a supplier in 2012.",
        "We compared two groups in three different ways with one another.",
        "The odds ratio was larger (95% CI 1.2–3.4, p = 0.04) than before.",
    ],
)
def test_what_only_looks_like_a_number_is_no_measurement(text):
    assert measurements(text) == []


def test_a_claim_is_the_sentence_without_its_lead_and_keeps_the_whole_as_quote():
    text = "Samples were kept cold. We found that the new catalyst significantly increased the yield of ethanol (Fig. 3)."
    (item,) = record(read(shipped("findings"), text))["findings"]

    assert item["claim"] == "the new catalyst significantly increased the yield of ethanol"
    assert item["quote"].endswith("the yield of ethanol (Fig. 3).")
    assert (item["type"], item["strength"]) == ("result", "statistical")


def test_what_others_found_and_what_the_paper_is_like_is_no_claim():
    text = (
        "Smith et al. (2003) showed that the effect is small in mice. The remainder of this paper is organised as follows. "
        "Results are summarised in Table 2 and discussed in Section 5."
    )
    assert record(read(shipped("findings"), text)) == {"findings": []}


def test_software_data_methods_and_sample_sizes_are_named_as_printed():
    text = (
        "Images of 48 participants were analysed in ImageJ (version 1.53) by logistic regression. We trained on the ImageNet "
        "dataset. Code is at https://github.com/example/tool."
    )
    found = record(read(shipped("methods-and-data"), text))

    assert told(found["software"], "name", "version") == [("ImageJ", "1.53")]
    assert told(found["methods"], "name") == [("logistic regression",)]
    assert told(found["datasets"], "name") == [("ImageNet",)]
    assert told(found["sample_sizes"], "size", "entity") == [(48, "participants")]
    assert told(found["availability"], "url") == [("https://github.com/example/tool",)]


@pytest.mark.parametrize(
    ("entry", "authors", "title", "venue", "year"),
    [
        (
            "[3] Smith, J. A., Jones, B. & Lee, C. Gaps of oxides. J. Chem. Phys. 12, 345–350 (2003).",
            ["Smith, J. A.", "Jones, B.", "Lee, C."],
            "Gaps of oxides",
            "J. Chem. Phys",
            2003,
        ),
        (
            "Metzker ML, Ho CH. Sequencing technologies. Nat Rev Genet. 2010;11(1):31-46.",
            ["Metzker ML", "Ho CH"],
            "Sequencing technologies",
            "Nat Rev Genet",
            2010,
        ),
        (
            "Jimmy Lei Ba, Jamie Ryan Kiros, and Geoffrey E Hinton. Layer normalization. arXiv preprint arXiv:1607.06450, 2016.",
            ["Jimmy Lei Ba", "Jamie Ryan Kiros", "Geoffrey E Hinton"],
            "Layer normalization",
            "arXiv preprint",
            2016,
        ),
        (
            "Brenner S. 1974. The genetics of Caenorhabditis elegans. Genetics 77: 71-94.",
            ["Brenner S"],
            "The genetics of Caenorhabditis elegans",
            "Genetics",
            1974,
        ),
    ],
)
def test_an_entry_of_the_reference_list_falls_into_its_parts(entry, authors, title, venue, year):
    (item,) = record(read(shipped("bibliography"), entry, kind=ChunkKind.REFERENCES))["entries"]

    assert (item["authors"], item["title"], item["venue"], item["year"]) == (authors, title, venue, year)


def test_an_identifier_that_a_line_break_parted_is_joined():
    entry = "Smith J, Lee C. Waiting times. BMC Health. 2019;5:69-77. https://doi.org/10.1186/s12913-\n021-06248"
    (item,) = record(read(shipped("bibliography"), entry, kind=ChunkKind.REFERENCES))["entries"]

    assert item["doi"] == "10.1186/s12913-021-06248"


def test_any_schema_is_read_by_the_words_of_its_fields():
    prompt = asking(
        learning_rate={"type": ["number", "null"]},
        optimizer={"type": ["string", "null"], "maxLength": 40},
        temperature_k={"type": ["number", "null"]},
        contact={"type": ["string", "null"], "maxLength": 80, "format": "email"},
    )
    text = "We used the Adam optimizer with a learning rate of 0.001. It was annealed at 150 °C. Write to ada@example.org."

    assert record(read(prompt, text)) == {
        "learning_rate": 0.001,
        "optimizer": "Adam optimizer",
        "temperature_k": None,  # the sentence does not say that it is the temperature
        "contact": "ada@example.org",
    }


def test_a_field_that_names_its_unit_is_answered_in_it_and_shows_what_is_printed():
    prompt = asking(annealing_temperature_k={"type": ["number", "null"]}, gap_ev={"type": ["number", "null"]})
    reading = read(prompt, "The annealing temperature was 150 °C. The gap was 320 meV wide.")

    assert record(reading) == {"annealing_temperature_k": 423.15, "gap_ev": 0.32}
    assert reading.evidence[1].quote == "The gap was 320 meV wide."


def test_free_text_is_found_by_meaning_and_shared_words():
    prompt = asking(
        limitation={
            "type": ["string", "null"],
            "maxLength": 300,
            "description": "A limitation of the study that the authors admit",
        },
        funding={"type": ["string", "null"], "maxLength": 300, "description": "Who paid for the work"},
    )
    text = (
        "Films were grown on glass. A limitation of our study is that only a few of the patients were followed up. It rained."
    )

    assert record(read(prompt, text)) == {
        "limitation": "A limitation of our study is that only a few of the patients were followed up.",
        "funding": None,
    }


def test_what_the_schema_requires_and_the_text_does_not_say_is_a_named_failure():
    reading = read(asking(gap_ev={"type": "number"}), "Nothing was measured here.")

    assert (reading.record, reading.error_code) == (None, "answer_invalid")
    assert "'gap_ev'" in str(reading.error)


def test_no_more_items_than_the_schema_takes_and_none_twice():
    text = " ".join(f"The mass of sample {i} was {i}.5 kg. The mass of sample {i} was {i}.5 kg." for i in range(1, 60))

    assert len(measurements(text)) == 30


def test_text_too_long_for_its_field_is_left_out_and_a_quote_is_cut():
    words = " ".join(["very"] * 160)
    items = measurements(f"The {words} long story is that the mass was 3.5 kg.")

    assert [len(item["quote"]) <= 600 for item in items] == [True]


def test_every_value_shows_the_words_the_page_and_the_box_it_came_from():
    reading = read(shipped("measurements"), "It was cold. The band gap of ZnO was 3.2 eV. Later it was warm.")

    assert [e.field for e in reading.evidence] == [
        f"measurements[0].{name}" for name in ("quantity", "value", "unit", "property", "entity")
    ]
    assert {(e.quote, e.span, e.page, e.box) for e in reading.evidence} == {
        ("The band gap of ZnO was 3.2 eV.", (13, 44), 2, BOX)
    }


def test_readings_come_one_for_each_unit_and_in_order():
    texts = [f"The gap was {i}.5 eV." for i in range(20)]
    units = make_units([chunk(text, ordinal=i) for i, text in enumerate(texts)], None, UnitKind.CHUNK)
    readings = list(reader().read(shipped("measurements"), units))

    assert [record(reading)["measurements"][0]["value"] for reading in readings] == [i + 0.5 for i in range(20)]
    assert all(reading.usage.seconds > 0 for reading in readings)


def test_the_readers_key_changes_with_the_encoder():
    other = open_embedded_reader(reader().embed, embedding_key="another model")

    assert (reader().lane, reader().key == other.key) == (Lane.EMBEDDED, False)


PIECES = st.sampled_from(
    [
        *(
            "The",
            "band gap",
            "of ZnO",
            "was",
            "3.2 eV",
            "at 298 K",
            "12–14",
            "%",
            "(n = 12)",
            "We found that",
            "Fig. 3",
            "[12]",
        ),
        *(
            ".",
            ",",
            "et al.",
            "10.1000/x1",
            "Smith J,",
            "2003",
            "GROMACS",
            "version 2",
            "dataset",
            "https://x.org/a",
            "\n",
            "±",
        ),
        *("×", "10−3", "–", "“", "1,000", "\u00ad", "µ"),
    ]
)


@settings(max_examples=150, deadline=None)
@given(
    st.lists(PIECES, min_size=1, max_size=40), st.sampled_from(["measurements", "findings", "methods-and-data", "bibliography"])
)
def test_whatever_the_text_the_record_fits_its_schema_and_its_evidence_is_in_the_text(pieces, name):
    text = " ".join(pieces)
    kind = ChunkKind.REFERENCES if name == "bibliography" else ChunkKind.TEXT
    prompt = shipped(name)
    reading = read(prompt, text, kind=kind)

    Draft202012Validator(prompt.schema).validate(record(reading))
    for evidence in reading.evidence:
        assert evidence.span is not None
        assert text[slice(*evidence.span)] == evidence.quote


@settings(max_examples=100, deadline=None)
@given(st.lists(PIECES, min_size=1, max_size=40))
def test_every_quantity_and_unit_is_copied_from_the_text(pieces):
    text = " ".join(pieces)
    plain = "".join(text.replace("\u00ad", "").split())

    for item in measurements(text):
        for name in ("quantity", "unit", "property", "entity", "condition"):
            assert item[name] is None or "".join(item[name].split()) in plain


def test_a_tables_cell_is_of_its_row_in_the_unit_of_its_column():
    table = "Material | Band gap (eV) | T [K] | Group\nZnO | 3.2 | 298 | 1\nTiO2 | 3.0 ± 0.1 | - | 2"
    found = record(read(shipped("measurements"), table, kind=ChunkKind.TABLE))["measurements"]

    assert told(found, "quantity", "value", "unit", "property", "entity") == [
        ("3.2", 3.2, "eV", "Band gap", "ZnO"),
        ("298", 298, "K", "T", "ZnO"),
        ("3.0 ± 0.1", 3, "eV", "Band gap", "TiO2"),
    ]


@pytest.mark.parametrize(
    "piece", ["1, ", "1 and ", "9", "1–", "A. ", "Smith, J., ", "x of ", "[1] A ", "1. A ", "| 1 (m) | ", "10.1000/"]
)
@pytest.mark.parametrize("name", ["measurements", "findings", "methods-and-data", "bibliography"])
def test_a_hostile_text_costs_neither_the_run_nor_a_minute(piece, name):
    kind = ChunkKind.REFERENCES if name == "bibliography" else ChunkKind.TEXT
    reading = read(shipped(name), piece * (4000 // len(piece)), kind=kind)

    assert reading.is_ok
    assert reading.usage.seconds < 10  # the slowest takes 0.8 s
