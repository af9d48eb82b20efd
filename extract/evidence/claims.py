"""Each value of a record with what it can be checked against: its field, its neighbours, and the words that are to support it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from extract.embedded.fields import Field
from extract.evidence.normalising import readable
from records import Chunk, Evidence, Unit

#: Kinds of fields whose words are copied from the paper; of the others a model may put words together itself.
COPIED = frozenset(
    ("quantity", "number", "unit", "property", "entity", "condition", "count", "year", "date", "doi", "arxiv", "url", "identifier",
     "email", "label", "version", "name", "title", "venue", "volume", "pages", "formula", "material", "acronym")
)  # fmt: skip
#: Kinds that a quantity is told in.
NUMBERS = frozenset(("number", "value", "count", "year", "quantity"))


@dataclass(frozen=True, slots=True, kw_only=True)
class Claim:
    """One value, and where it stands in its record."""

    path: str  #: 'measurements[0].value'
    value: Any  #: None where the record says nothing
    field: Field
    beside: dict[str, Any]  #: the object that it stands in
    fields: Field  #: of that object
    is_absent: bool = False  #: the object has no such key

    @property
    def pattern(self) -> str:
        """The path of this field in every item: 'measurements[*].value'."""
        return re.sub(r"\[\d+\]", "[*]", self.path)

    def neighbour(self, *kinds: str) -> Any:
        """The value beside it that is of one of these kinds; its own kind of a pair first: gap_unit for gap."""
        parts = [part for part in self.fields.fields if part.kind in kinds and part.name != self.field.name]
        parts.sort(key=lambda part: not (part.name.startswith(self.field.name) or self.field.name.startswith(part.name)))
        return next((self.beside[part.name] for part in parts if self.beside.get(part.name) is not None), None)


def claims_of(record: dict[str, Any], root: Field) -> Iterator[Claim]:
    """Every value of the record, and every field that it leaves null or out, in the schema's order."""
    for part in root.fields:
        yield from _claims(record.get(part.name), part, part.name, record, root)


def _claims(value: Any, field: Field, path: str, beside: dict[str, Any], around: Field) -> Iterator[Claim]:
    if field.kind == "quote":
        return
    if isinstance(value, dict):
        for part in field.fields:
            yield from _claims(value.get(part.name), part, f"{path}.{part.name}", value, field)
    elif isinstance(value, list) and field.item is not None:
        for i, one in enumerate(value):
            yield from _claims(one, field.item, f"{path}[{i}]", beside, around)
    else:
        yield Claim(path=path, value=value, field=field, beside=beside, fields=around, is_absent=field.name not in beside)


@dataclass(frozen=True, slots=True, kw_only=True)
class Words:
    """What is to support a value: the chunk's own words, where the quote was found in them."""

    quote: str  #: as the reader gave it
    said: str  #: the stretch of the chunk that says it, with LaTeX in plain signs
    chunk: Chunk


def words_of(evidence: Evidence, unit: Unit) -> Words | None:
    """The words behind this evidence; None where it has no span in a chunk that was read."""
    chunk = chunk_named(evidence.chunk_id, unit)
    if chunk is None or evidence.span is None:
        return None
    return Words(quote=evidence.quote, said=readable(chunk.text[slice(*evidence.span)]), chunk=chunk)


def chunk_named(chunk_id: str, unit: Unit) -> Chunk | None:
    """The chunk of this id among those of the unit and those that cite its figures."""
    return next((chunk for chunk in chunks_at_hand(unit) if chunk.id == chunk_id), None)


def chunks_at_hand(unit: Unit) -> Iterator[Chunk]:
    """The unit's chunks, then those of the paper that cite its figures."""
    yield from unit.chunks
    known = {chunk.id for chunk in unit.chunks}
    yield from (chunk for figure in unit.figures for chunk in figure.citing if chunk.id not in known)
