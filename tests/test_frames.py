"""Several quantities of one sentence become one record, each in the field that its unit and the words around it speak for."""

from __future__ import annotations

from typing import Any

from test_embedded_reader import asking, read, record


def quantities(description: str) -> dict[str, Any]:
    item = {"type": "string", "x-kind": "quantity", "maxLength": 60, "description": description}
    return {"type": "array", "maxItems": 20, "items": item}


def materials() -> dict[str, Any]:
    return {"type": "array", "maxItems": 20, "items": {"type": "string", "x-kind": "material", "maxLength": 60}}


FIELDS = {
    "power_density": quantities("Power density in W/cm2."),
    "working_temperature": quantities("Temperature at which the cell works in °C."),
    "open_circuit_voltage": quantities("Open circuit voltage (OCV) in V."),
    "voltage": quantities("Voltage of the cell in V."),
    "anode_material": materials(),
    "cathode_material": materials(),
}
EXPERIMENT = {"type": "object", "additionalProperties": False, "required": list(FIELDS), "properties": FIELDS}


def experiments(text: str) -> list[dict[str, Any]]:
    """What is read, empty fields left out."""
    prompt = asking(experiments={"type": "array", "maxItems": 20, "items": EXPERIMENT})
    found = record(read(prompt, text))["experiments"]
    return [{name: value for name, value in one.items() if value} for one in found]


def test_a_list_that_shares_its_unit_is_its_members_beside_their_conditions():
    text = "The cell reached 590, 535 and 464 mW cm−2 at 700, 650 and 600 °C."

    assert experiments(text) == [
        {"power_density": ["590", "535", "464 mW cm−2"], "working_temperature": ["700", "650", "600 °C"]}
    ]


def test_a_common_unit_without_its_words_and_without_a_result_beside_it_is_left_alone():
    assert experiments("The pellets were sintered at 1,200 °C for 5 h under 0.5 V.") == []


def test_two_fields_in_one_unit_are_told_apart_by_their_words():
    assert experiments("The OCV was 1.07 V.") == [{"open_circuit_voltage": ["1.07 V"]}]
    assert experiments("A power density of 0.5 W cm−2 was drawn at 0.7 V.") == [
        {"power_density": ["0.5 W cm−2"], "voltage": ["0.7 V"]}
    ]


def test_words_that_only_say_roughly_are_left_out_and_limits_are_kept():
    assert experiments("It gave approximately 35 mW/cm2 at temperatures below 500 °C.") == [
        {"power_density": ["35 mW/cm2"], "working_temperature": ["below 500 °C"]}
    ]


def test_an_amplitude_is_no_working_voltage():
    (found,) = experiments("With a signal amplitude of 10 mV the density was 1.2 W/cm2.")

    assert found == {"power_density": ["1.2 W/cm2"]}


def test_a_material_goes_to_the_role_that_stands_beside_it():
    assert experiments("A Ni-YSZ anode and a cathode of La0.6Sr0.4CoO3 were joined.") == [
        {"anode_material": ["Ni-YSZ"], "cathode_material": ["La0.6Sr0.4CoO3"]}
    ]
