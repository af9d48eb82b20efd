"""The schema's fields as the embedded reader sees them: what sort of thing each one asks for, and by which words.

The sort (`kind`) comes from `x-kind` where the author gave one, else from type, format and enum, else from the words of the
name. It is a guess made once per prompt; what it guesses wrong, an `x-kind` in the prompt file mends.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field, replace
from typing import Any

from extract.embedded.words import name_words, stems_of, telling_stems
from extract.schema import Schema, core, inlined, is_nullable, properties, quote_field, types_of

#: First match wins. Patterns are matched against the field's name, its words joined by one space.
_BY_NAME = [
    ("doi", r"\bdoi\b"),
    ("arxiv", r"\barxiv\b"),
    ("url", r"\b(?:url|uri|link|website|homepage|webpage)\b"),
    ("email", r"\be ?mail\b"),
    ("identifier", r"\b(?:accession|identifier|registration number|orcid|pdb)\b"),
    ("version", r"^(?:version|release)$"),
    ("quote", r"^(?:quote|supporting text|supporting quote|evidence)$"),
    ("year", r"\byear\b"),
    ("date", r"\bdate\b"),
    ("authors", r"\b(?:authors?|editors?)\b"),
    ("title", r"^(?:title|article title|paper title)$"),
    ("venue", r"\b(?:venue|journal|booktitle|proceedings|publisher|container title)\b"),
    ("volume", r"^(?:volume|vol)$"),
    ("pages", r"^(?:pages?|page range)$"),
    ("claim", r"\b(?:claim|finding|statement|conclusion|hypothesis|result statement|assertion)\b"),
    ("unit", r"\b(?:units?|unit of measure(?:ment)?)$"),
    ("quantity", r"^(?:quantity|measurement|as printed|value as printed)$"),
    ("value", r"^(?:value|number|amount|magnitude|mean)$"),
    ("formula", r"\b(?:formula|chemical composition|stoichiometry)\b"),
    ("operation", r"^(?:operation|step|procedure step)$"),
    ("acronym", r"^(?:acronym|abbreviation)$"),
    ("application", r"^(?:applications?|uses?|used for)$"),
    ("phase", r"\b(?:phases?|crystal structure|space group|structure or phase)\b"),
    ("property", r"\b(?:property|parameter|variable|measurand|what was measured|measured|quantity name)\b"),
    ("condition", r"\b(?:conditions?|context|circumstances|setting)\b"),
    ("entity", r"\b(?:entity|of what|subject|object|material|sample|substance|compound|species|organism|specimen)\b"),
    (
        "name",
        r"\b(?:name|software|tools?|packages?|librar(?:y|ies)|data ?sets?|databases?|methods?|techniques?|"
        r"instruments?|model)\b",
    ),
    ("sentence", r"\b(?:sentence|summary|description|explanation|abstract|limitation|rationale|reason)\b"),
]
_BY_NAME_PATTERNS = [(kind, re.compile(pattern)) for kind, pattern in _BY_NAME]
#: Kinds of fields of which one makes a record one of a material.
MATERIAL_KINDS = ("formula", "material")
#: Kinds that take any text: chosen by meaning only.
FREE = ("sentence", "phrase", "claim")


@dataclass(frozen=True)
class Field:
    """One node of the schema: a record (`fields`), a list (`item`) or a value."""

    name: str
    kind: str  #: record, list, enum, boolean, number, or one of the kinds of finders and of `_BY_NAME`
    schema: Schema
    is_nullable: bool
    is_required: bool
    stems: frozenset[str]  #: telling words of the name
    about: frozenset[str]  #: telling words of the description
    meaning: str  #: name and description, for the encoder
    fields: tuple[Field, ...] = ()
    item: Field | None = None
    unit_hint: str | None = None  #: the unit that the name or the description asks for
    choices: tuple[tuple[Any, frozenset[str]], ...] = field(default=())  #: enum values, each with the stems that speak for it

    @property
    def is_whole(self) -> bool:
        return "integer" in types_of(self.schema) and "number" not in types_of(self.schema)

    @property
    def is_text(self) -> bool:
        return "string" in types_of(self.schema)

    def of_kind(self, *kinds: str) -> Field | None:
        return next((part for part in self.fields if part.kind in kinds), None)


def fields_of(schema: Schema) -> Field:
    """The tree of the answer's fields."""
    return _field("", inlined(schema), is_required=True, around=())


def _field(name: str, schema: Schema, *, is_required: bool, around: tuple[str, ...]) -> Field:
    nullable, schema = is_nullable(schema), core(schema)
    types = [one for one in types_of(schema) if one != "null"]
    about = " ".join(str(schema.get(key, "")) for key in ("title", "description"))
    words = " ".join(name_words(name))
    inner = (*around, words) if words else around
    parts: tuple[Field, ...] = ()
    item = None
    kind = _kind(words, schema, types)
    if kind == "record":
        required = set(schema.get("required", []))
        quote = quote_field(schema)
        parts = tuple(
            _field(part, {**sub, "x-kind": "quote"} if part == quote else sub, is_required=part in required, around=inner)
            for part, sub in properties(schema).items()
        )
        if any(part.kind in MATERIAL_KINDS for part in parts):  # beside a formula, a name is the name of a material
            parts = tuple(replace(part, kind="material") if part.kind == "name" else part for part in parts)
    elif kind == "list":
        item = _field(name, schema.get("items", {}), is_required=True, around=around)
    return Field(
        name=name,
        kind=kind,
        schema=schema,
        is_nullable=nullable,
        is_required=is_required,
        stems=telling_stems(_without_unit(name))
        | (telling_stems(" ".join(around)) if kind in ("name", "enum") else frozenset()),
        about=telling_stems(about),
        meaning=f"{words}. {about}".strip(". "),
        fields=parts,
        item=item,
        unit_hint=_unit_hint(name, about),
        choices=_choices(schema, about) if kind == "enum" else (),
    )


def _kind(words: str, schema: Schema, types: list[str]) -> str:
    if "object" in types:
        return "record"
    if "array" in types:
        return "list"
    if "x-kind" in schema:
        return str(schema["x-kind"])
    if "enum" in schema or "const" in schema:
        return "enum"
    if "boolean" in types:
        return "boolean"
    by_format = {"uri": "url", "uri-reference": "url", "email": "email", "date": "date", "date-time": "date"}
    if schema.get("format") in by_format:
        return by_format[schema["format"]]
    named = next((kind for kind, pattern in _BY_NAME_PATTERNS if pattern.search(words)), None)
    if set(types) & {"number", "integer"}:
        if named == "year":
            return "year"
        if named in ("value", "quantity"):
            return "value"
        return "count" if re.search(r"\b(?:n|count|sample size|size|number of|how many)\b", words) else "number"
    if named:
        return named
    return "sentence" if schema.get("maxLength", 0) >= 160 else "phrase"


#: Unit tokens at the end of a field's name, as people write them without signs: 'gap_ev', 'temperature_c', 'rate_per_s'.
_NAME_UNITS = {
    "ev": "eV", "mev": "meV", "kev": "keV", "k": "K", "c": "°C", "celsius": "°C", "kelvin": "K", "nm": "nm", "um": "µm", "mm": "mm",
    "cm": "cm", "m": "m", "km": "km", "g": "g", "mg": "mg", "kg": "kg", "ug": "µg", "s": "s", "ms": "ms", "h": "h", "hours": "hours",
    "min": "min", "minutes": "minutes", "days": "days", "years": "years", "months": "months", "weeks": "weeks", "seconds": "s",
    "pct": "%", "percent": "%", "percentage": "%", "pa": "Pa", "kpa": "kPa", "mpa": "MPa", "gpa": "GPa", "bar": "bar", "v": "V", "mv": "mV",
    "w": "W", "mw": "mW", "kw": "kW", "j": "J", "kj": "kJ", "hz": "Hz", "khz": "kHz", "mhz": "MHz", "ghz": "GHz", "ml": "mL", "l": "L",
    "ul": "µL", "mol": "mol", "mmol": "mmol", "t": "T", "a": "A", "ma": "mA", "ppm": "ppm", "ppb": "ppb", "um2": "µm2", "joules": "J",
}  # fmt: skip


def _without_unit(name: str) -> str:
    words = name_words(name)
    return " ".join(words[:-1] if len(words) > 1 and words[-1] in _NAME_UNITS else words)


def _unit_hint(name: str, about: str) -> str | None:
    """The unit that the field asks for: the last word of its name, else 'in <unit>' in its description."""
    words = name_words(name)
    if len(words) > 1 and words[-1] in _NAME_UNITS:
        return _NAME_UNITS[words[-1]]
    from extract.embedded.unit_words import unit_pattern

    for said in re.finditer(r"\bin (?=\S)", about):
        found = unit_pattern().match(about, said.end())
        if found and len(found[0]) < 24:
            return found[0]
    return None


def _choices(schema: Schema, about: str) -> tuple[tuple[Any, frozenset[str]], ...]:
    """Each enum value with the stems of its own words and of what the description says of it: 'value (words)', 'value: words;'."""
    told = schema.get("x-enum", {})
    values = schema.get("enum", [schema.get("const")])
    return tuple((value, stems_of(f"{value} {told.get(str(value), '')} {_said_of(str(value), about)}")) for value in values)


def _said_of(value: str, about: str) -> str:
    found = re.search(rf"(?<!\w){re.escape(value)}\s?(?:\(([^)]*)\)|[:=]\s?([^;\n]*))", about)
    return (found[1] or found[2] or "") if found else ""
