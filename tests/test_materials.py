"""Formulas, names and uses of materials are found by what they are made of, and what only looks like one is left alone."""

from __future__ import annotations

import pytest
from test_embedded_reader import asking, read, record

from extract.embedded.applications import applications
from extract.embedded.chemical_names import chemical_names
from extract.embedded.formulas import formulas
from extract.embedded.materials import material_formulas, material_names
from extract.embedded.phases import forms, phases
from extract.embedded.sentences import sentence_spans
from extract.embedded.subjects import subjects


def found(find, text: str) -> list[str]:
    return [text[a:b] for a, b in find(text)]


@pytest.mark.parametrize(
    "formula",
    [
        "LiFePO4",
        "YBa2Cu3O7−δ",
        "Pb(Zr0.52Ti0.48)O3",
        "La1−xSrxCoO3",
        "CH3NH3PbI3",
        "ZnS:Cu",
        "Gd2O3:Eu3+",
        "Li2(VO)2(HPO4)2(C2O4)·6H2O",
        "CoCrFeMnNi",
        "AlxCrCuFeNi2",
        "(Pb,Ba)3(OH)[B9O16][B(OH)3]",
        "Li2MnSiO4@C",
        "RBa2Cu2CoO7+δ",
        "Mn1.04Al1.00Se1.77",
        "GaAs",
        "BN",
        "Co–Cr–Fe–Mn–Ni",
        "Na0.67[Ni0.4Co0.2Mn0.4]O2",
        "Mg2(1+x)Si0.45Sn0.537Sb0.013",
    ],
)
def test_a_formula_is_found_whole(formula):
    assert found(formulas, f"We studied {formula} at length.") == [formula]


def test_a_formula_brings_what_its_variables_are():
    text = "La1−xSrxCoO3 (x = 0–0.3) and AlN (wurtzite) were made."

    assert found(formulas, text) == ["La1−xSrxCoO3 (x = 0–0.3)", "AlN"]


def test_subscripts_that_the_page_sets_apart_are_joined_in_the_value():
    (material,) = material_formulas("The band gap of CH 3 NH 3 PbI 3 films was measured. CH 3 NH 3 PbI 3 was stable.", least=0)

    assert material.value == "CH3NH3PbI3"
    assert len(material.spans) == 2


@pytest.mark.parametrize(
    "text",
    [
        "In this study, as shown, no effect was seen. At 300 K it ended.",
        "PCs, SOFCs and NPs",
        "the HOMO and the LUMO",
        "space group P21/n or Fm3m",
        "a pressure of 120 GPa at 5 MHz",
        "the Mn4+ and Fe(III) ions",
        "a NaCl-type structure",
        "strain MTCC 96 was grown",
        "DNA, RNA and COF",
        "ICSD 2014 by Th. B. Os, PhD",
        "on by new how few",
        "bought from Smith Co., Ltd.",
    ],
)
def test_what_only_looks_like_a_formula_is_none(text):
    assert found(formulas, text) == []


@pytest.mark.parametrize(
    "text",
    [
        "Sn" * 20_000,
        "(" * 20_000,
        "Al2(" * 5_000,
        "O 2 " * 5_000,
        "Fe-" * 9_000,
        "poly(" * 5_000,
        "a-1," * 9_000,
        "meth" * 9_000,
    ],
)
def test_no_text_makes_the_patterns_try_everything(text):
    for find in (formulas, chemical_names, applications, phases, forms):
        assert len(found(find, text)) <= len(text)


@pytest.mark.parametrize(
    "name",
    [
        "lead magnesium niobate",
        "indium tin oxide",
        "poly(ethylene glycol)",
        "polyaniline",
        "graphene oxide",
        "magnetite",
        "stainless steel",
        "copper(II) chromite",
        "lanthanum strontium manganite",
        "1-butyl-3-methylimidazolium",
        "zirconia",
        "carbon nanotubes",
        "oxalic acid",
    ],
)
def test_a_chemical_name_is_found_whole(name):
    assert found(chemical_names, f"We made {name}, which was new.") == [name]


@pytest.mark.parametrize(
    "text", ["a finite composite of opposite sites", "polymers and polymorphs", "the weak acid", "its electrolyte"]
)
def test_plain_words_are_no_chemical_names(text):
    assert found(chemical_names, text) == []


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("used as cathodes in rechargeable Li-ion batteries", ["cathode", "Li-ion batteries"]),
        ("for the hydrogen evolution reaction (HER)", ["hydrogen evolution reaction (HER)"]),
        ("high-entropy alloys and metallic glasses", ["high-entropy alloy", "metallic glass"]),
        ("grown on a substrate in a solvent", []),
    ],
)
def test_applications_are_roles_devices_reactions_and_classes(text, expected):
    assert found(applications, text) == expected


def test_structures_and_forms_are_told_apart():
    text = "Thin films of the double perovskite were tetragonal, space group I4/m, and the Al-doped nanoparticles cubic."

    assert found(phases, text) == ["double perovskite", "tetragonal", "I4/m", "cubic"]
    assert found(forms, text) == ["Thin films", "Al-doped", "nanoparticles"]


def test_what_a_text_is_about_is_told_from_what_it_only_mentions():
    text = (
        "LiFePO4 nanoparticles were prepared in water from Li2CO3 by milling under Ar with 2 % of Mn. LiFePO4 crystals are olivine. "
        "The capacity of LiFePO4 was high, and LiFePO4 films were stable at low Fe content."
    )

    chances = {one.value: one.chance for one in material_formulas(text, least=0)}
    assert max(chances, key=lambda value: chances[value]) == "LiFePO4"
    assert {one.value for one in material_formulas(text)}.isdisjoint({"Ar", "Mn", "Fe"})
    assert "water" not in {one.value for one in material_names(text)}


def test_a_material_has_its_name_its_abbreviation_and_what_is_said_of_it():
    text = (
        "Lithium iron phosphate (LiFePO4) nanoparticles are a cathode material. It crystallizes in the olivine structure. "
        "Sr2CoNbO6 (SCNO) ceramics are dielectrics."
    )

    first, second = subjects(text, sentence_spans(text))
    assert first.values["formula"] == ["LiFePO4"]
    assert first.values["material"] == ["Lithium iron phosphate"]
    assert first.values["application"] == ["cathode"]
    assert first.values["phase"] == ["olivine"]  # of a sentence that names no material: of the one named before
    assert (second.values["formula"], second.values["acronym"]) == (["Sr2CoNbO6"], ["SCNO"])
    assert second.values["application"] == ["dielectric"]


def test_a_prompt_that_asks_for_a_formula_gets_the_materials_of_the_text():
    text = "Mesoporous CuCo2O4 nanoparticles were synthesized. They are a cathode catalyst for Li-O2 batteries. CuCo2O4 was stable."
    item = {
        "name": {"type": ["string", "null"], "maxLength": 80},
        "formula": {"type": ["string", "null"], "maxLength": 80},
        "applications": {"type": "array", "maxItems": 9, "items": {"type": "string", "maxLength": 80, "x-kind": "application"}},
    }
    schema = {"type": "object", "additionalProperties": False, "required": list(item), "properties": item}

    reading = read(asking(materials={"type": "array", "maxItems": 9, "items": schema}), text)
    assert record(reading) == {
        "materials": [{"name": None, "formula": "CuCo2O4", "applications": ["cathode", "catalyst", "Li-O2 batteries"]}]
    }
    quotes = {evidence.field: evidence.quote for evidence in reading.evidence}
    assert quotes["materials[0].formula"] == "Mesoporous CuCo2O4 nanoparticles were synthesized."
    assert quotes["materials[0].applications[2]"] == "They are a cathode catalyst for Li-O2 batteries."
