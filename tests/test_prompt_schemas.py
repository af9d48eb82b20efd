"""The four ways to give a prompt its schema: in the file, in one line, in another file, as a Pydantic model."""

from __future__ import annotations

import json
from pathlib import Path
from textwrap import dedent

import pytest
from hypothesis import given
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from errors import PromptInvalid
from extract.prompts.files import load_prompt, load_prompt_file, parse_prompt
from extract.prompts.one_line import OneLineInvalid, schema_of_line
from extract.prompts.pydantic_path import strict
from extract.prompts.schema_linting import lint_schema
from extract.prompts.yaml_lines import Lines

HEAD = "name: gaps\nunit: chunk\nreads: [text]\nprompt: List the gaps.\n"
SCHEMA = {
    "type": "object",
    "additionalProperties": False,
    "required": ["gap"],
    "properties": {"gap": {"type": ["number", "null"], "maximum": 1e-3}},
}


def written(folder: Path, schema: str) -> Path:
    path = folder / "gaps.yaml"
    path.write_text(f"{HEAD}schema: {schema}\n")
    return path


def problems(path: Path) -> list[str]:
    with pytest.raises(PromptInvalid) as refused:
        load_prompt(path)
    return [line.strip().removeprefix(f"{path}:") for line in str(refused.value).splitlines()[1:]]


def record(line: str) -> dict:
    """The schema of one record of a schema in one line."""
    return schema_of_line(line)["properties"]["records"]["items"]


# One line


def test_a_line_becomes_a_list_of_records_each_with_its_quote():
    schema = schema_of_line("name, value float, unit?: SI if possible")
    records = schema["properties"]["records"]

    assert (schema["required"], records["type"], records["maxItems"]) == (["records"], "array", 30)
    assert list(records["items"]["properties"]) == records["items"]["required"] == ["quote", "name", "value", "unit"]
    assert records["items"]["properties"]["value"] == {"type": "number"}
    assert records["items"]["properties"]["unit"]["type"] == ["string", "null"]
    assert records["items"]["properties"]["unit"]["description"] == "SI if possible"


@pytest.mark.parametrize(
    ("line", "answer", "fits"),
    [
        ("n int", {"n": 3}, True),
        ("n int", {"n": 3.5}, False),
        ("n int", {"n": None}, False),
        ("n int?", {"n": None}, True),
        ("n? int", {"n": None}, True),
        ("is_blind bool", {"is_blind": True}, True),
        ("since date", {"since": "May 2021"}, True),
        ("color red | light green", {"color": "light green"}, True),
        ("color red | light green", {"color": "green"}, False),
        ("color? red | green", {"color": None}, True),
        ("names list", {"names": ["a", "b"]}, True),
        ("sizes list of float", {"sizes": [1.5]}, True),
        ("sizes list of float", {"sizes": ["a"]}, False),
        ("authors [name, orcid?]", {"authors": [{"name": "A", "orcid": None}]}, True),
        ("authors [name, orcid?]", {"authors": [{"name": "A"}]}, False),
        ("name", {"name": "A", "more": 1}, False),
    ],
)
def test_a_type_says_which_answers_fit(line, answer, fits):
    validator = Draft202012Validator(schema_of_line(line))

    assert validator.is_valid({"records": [{"quote": "q", **answer}]}) == fits


def test_brackets_around_the_whole_say_the_same_and_several_lines_let_a_meaning_hold_commas():
    assert schema_of_line("[name, value float]") == schema_of_line("name, value float") == schema_of_line("name\nvalue float\n")

    told = record("unit: as printed, or SI\nauthors [\n  name\n  orcid?: the id, if any\n]")["properties"]
    assert told["unit"]["description"] == "as printed, or SI"
    assert told["authors"]["items"]["properties"]["orcid"]["description"] == "the id, if any"


def test_a_quote_of_ones_own_is_the_only_one():
    assert list(record("quote: the row, name")["properties"]) == ["quote", "name"]


@pytest.mark.parametrize(
    ("line", "told", "at"),
    [
        ("name, value flaot", "'flaot' is not a type", 0),
        ("name\nvalue flaot", "'flaot' is not a type", 1),
        ("name, name", "the field 'name' is there twice", 0),
        ("name,, value", "a field is missing before a ','", 0),
        ("", "it names no field", 0),
        ("2theta float", "does not begin with a name", 0),
        ("color red |", "must name different choices", 0),
        ("authors [name", "a '[' is not closed", 0),
        ("authors name]", "a ']' closes nothing", 0),
        ("authors [name] list", "stands after a closed bracket", 0),
        ("a [b [c [d [e]]]]", "nested more than 4 deep", 0),
    ],
)
def test_a_line_that_is_none_is_refused_with_its_reason(line, told, at):
    with pytest.raises(OneLineInvalid, match=told.replace("[", r"\[").replace("|", r"\|")) as refused:
        schema_of_line(line)

    assert refused.value.line == at


@given(st.text("ab,:?|[]() \nintfloa", max_size=60))
def test_whatever_is_typed_is_refused_or_becomes_a_schema_that_passes_the_lint(line):
    try:
        schema = schema_of_line(line)
    except OneLineInvalid:
        return

    assert not list(lint_schema(schema, Lines(), ()))


@pytest.mark.parametrize(
    "typed",
    [
        "name, value float, unit?: SI if possible",
        "name, value float,\n  unit?: SI if possible",
        "name, value float, unit?: SI if possible   # a comment",
        '"name, value float, unit?: SI if possible"',
        "[name, value float, unit?: SI if possible]",
        "|\n  name\n  value float\n  unit?: SI if possible",
        ">\n  name, value float,\n  unit?: SI if possible",
    ],
)
def test_a_line_stands_in_a_prompt_file_as_it_is_typed(tmp_path, typed):
    assert load_prompt(written(tmp_path, typed)).schema == schema_of_line("name, value float, unit?: SI if possible")


def test_a_problem_of_a_line_is_told_on_its_line(tmp_path):
    assert problems(written(tmp_path, "|\n  name\n  value flaot"))[0].startswith("7: the schema in one line: 'flaot' is not")


# Another file


def test_a_schema_in_a_file_is_the_same_prompt_wherever_the_file_lies(tmp_path):
    (tmp_path / "schemas").mkdir()
    for name in ("gap.json", "schemas/other.json"):
        (tmp_path / name).write_text(json.dumps(SCHEMA, indent="\t"))
    inline = load_prompt(written(tmp_path, json.dumps(SCHEMA)))

    assert load_prompt(written(tmp_path, "{file: gap.json}")).hash == inline.hash
    assert load_prompt(written(tmp_path, "{file: schemas/other.json}")).hash == inline.hash


def test_a_schema_file_that_changes_is_another_question(tmp_path):
    path = written(tmp_path, "{file: gap.yaml}")
    (tmp_path / "gap.yaml").write_text(json.dumps(SCHEMA))
    before = load_prompt(path).hash
    (tmp_path / "gap.yaml").write_text(json.dumps(SCHEMA).replace('"null"', '"integer"'))

    assert load_prompt(path).hash != before


def test_a_problem_of_a_schema_file_names_the_file_and_its_line(tmp_path):
    (tmp_path / "gap.json").write_text(json.dumps({**SCHEMA, "properties": {"gap": {"type": "string"}}}, indent=1))

    assert problems(written(tmp_path, "{file: gap.json}")) == [
        "5: in gap.json, line 8: gap: text needs maxLength (or enum), or a model may not stop"
    ]


@pytest.mark.parametrize(
    ("name", "content", "told"),
    [
        ("none.json", None, "No such file"),
        ("gap.json", "{", "Expecting property name"),
        ("gap.json", "[]", "it holds no JSON schema"),
        ("gap.json", "[" * 100_000, "could not be read"),
        ("gap.yaml", "type: object\ntype: array", "the key 'type' is given twice"),
        ("gap.json", " " * 600_000, "it has more than 500,000 characters"),
        ("/etc/hostname", None, "its path must be relative to the prompt file"),
    ],
)
def test_a_schema_file_that_cannot_be_read_is_named(tmp_path, name, content, told):
    if content is not None:
        (tmp_path / name).write_text(content)

    assert told in problems(written(tmp_path, f"{{file: {name}}}"))[0]


def test_the_text_of_a_prompt_is_whole_in_itself(tmp_path):
    (tmp_path / "gap.json").write_text(json.dumps(SCHEMA))
    found = load_prompt_file(written(tmp_path, "{file: gap.json}"))

    assert parse_prompt(found.text, named="run").hash == found.prompt.hash


@pytest.mark.parametrize("source", ["{file: ../secret.json}", "{pydantic: os:environ}"])
def test_a_text_that_is_no_file_here_may_name_neither_file_nor_model(source):
    with pytest.raises(PromptInvalid, match="is read for a prompt that is a file here"):
        parse_prompt(f"{HEAD}schema: {source}\n", named="inline")


# A Pydantic model

MODELS = dedent("""
    from enum import Enum
    from typing import Literal
    from pydantic import BaseModel, Field

    print("a module may print")

    class Phase(str, Enum):
        solid = "solid"
        liquid = "liquid"

    class Gap(BaseModel):
        quote: str = Field(max_length=600)
        material: str
        gap_ev: float | None = Field(None, ge=0, le=20, description="The gap.", json_schema_extra={"x-dimension": "energy"})
        phase: Phase | None = None
        kind: Literal["direct", "indirect"] = "direct"

    class Gaps(BaseModel):
        '''Band gaps.'''
        gaps: list[Gap] = Field(max_length=5)

    class Loop(BaseModel):
        name: str
        parts: list["Loop"]

    class Free(BaseModel):
        facts: dict[str, float]

    NUMBER = 3
""")


@pytest.fixture
def models(tmp_path, monkeypatch):
    """A working folder with a module of models; it is called as one of our own modules is."""
    (tmp_path / "records.py").write_text(MODELS)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_a_model_becomes_a_schema_that_is_bounded_and_strict(models):
    prompt = load_prompt(written(models, '{pydantic: "records:Gaps"}'))
    validator = Draft202012Validator(prompt.schema)
    gap = {"quote": "q", "material": "ZnO", "gap_ev": None, "phase": "solid", "kind": "direct"}

    assert prompt.schema["properties"]["gaps"]["maxItems"] == 5
    assert validator.is_valid({"gaps": [gap]})
    assert validator.is_valid({"gaps": [{key: value for key, value in gap.items() if key != "kind"}]})  # it has a default
    assert not validator.is_valid({"gaps": [{key: value for key, value in gap.items() if key != "phase"}]})
    assert not validator.is_valid({"gaps": [{**gap, "gap_ev": 21}]})
    assert not validator.is_valid({"gaps": [{**gap, "material": "x" * 401}]})
    assert not validator.is_valid({"gaps": [{**gap, "more": 1}]})
    assert '"title"' not in json.dumps(prompt.schema)
    assert "x-dimension" in json.dumps(prompt.schema)


def test_a_model_counts_by_its_content_not_by_its_path(models):
    first = load_prompt(written(models, '{pydantic: "records:Gaps"}'))
    (models / "other.py").write_text(MODELS)
    second = load_prompt_file(written(models, '{pydantic: "other:Gaps"}'))

    assert first.hash == second.prompt.hash == parse_prompt(second.text, named="run").hash


@pytest.mark.parametrize(
    ("path", "told"),
    [
        ("records:Loop", "leads back to itself: an answer could be endless"),
        ("records:Free", "in records:Free: facts: an object needs"),
        ("records:Nothing", "gives no Pydantic model: AttributeError"),
        ("records:NUMBER", "gives no Pydantic model: AttributeError"),
        ("no_such_module:Gaps", "gives no Pydantic model: ModuleNotFoundError"),
        ("records.Gaps", "must read 'package.module:Model'"),
        ("records:Gaps; import os", "must read 'package.module:Model'"),
        ("ends:Gaps", "the import ended Python"),
    ],
)
def test_a_path_that_gives_no_usable_model_is_told(models, path, told):
    (models / "ends.py").write_text("import os; os._exit(3)")

    assert told in problems(written(models, f'{{pydantic: "{path}"}}'))[0]


def test_what_no_grammar_of_vllm_can_say_is_left_out_of_a_model():
    fields = {
        "names": {"type": "array", "items": {"type": "string"}, "uniqueItems": True},
        "on": {"type": "string", "format": "date"},
        "at": {"type": "string", "format": "date-time"},
    }
    schema = strict({"type": "object", "properties": fields, "required": [*fields]})

    assert not list(lint_schema(schema, Lines(), ()))
    assert schema["properties"]["on"] == {"type": "string", "format": "date"}
    assert schema["properties"]["at"] == {"type": "string", "maxLength": 400}


def test_a_title_that_a_person_wrote_stays():
    schema = strict({"title": "Gap", "type": "object", "properties": {"gap_ev": {"title": "Optical gap", "type": "number"}}})

    assert schema["properties"]["gap_ev"]["title"] == "Optical gap"
    assert "title" not in schema
