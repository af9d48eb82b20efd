"""A library that an older Reread made is opened as it is: columns and fields that came later are null in its rows."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pyarrow as pa
import pytest
from makers import DIMENSION, make_extraction, make_paper, save_extractions

from records import Lane, SearchMode, Step, Usage
from store import tables
from store.library import Library, create_library, open_library
from store.schemas import schemas
from store.search import Filter, search

LATER = ("energy_source", "images", "pixels", "model", "confidence", "steps")
LATER_OF_EVIDENCE = ("found_by", "method", "reason")


def older(field: pa.Field) -> pa.Field:
    """This column as it was before its records had the later fields."""
    if field.name != "evidence":
        return field
    kept = [part for part in field.type.value_type if part.name not in LATER_OF_EVIDENCE]
    return pa.field(field.name, pa.list_(pa.struct(kept)))


@pytest.fixture
def old(tmp_path: Path) -> Library:
    """A library with one paper and one extraction, its extractions as they were stored before."""
    library = create_library(tmp_path / "library", embedding="test", dimension=DIMENSION)
    paper = make_paper("a.pdf")
    library.save_papers([paper])
    save_extractions(library, make_extraction(paper.chunks[0]))
    rows = library.table(tables.EXTRACTIONS).search().to_arrow().to_pylist()
    before = pa.schema([older(field) for field in schemas(DIMENSION)[tables.EXTRACTIONS] if field.name not in LATER])
    data = pa.Table.from_pylist(rows, schema=before)
    library._database.create_table(tables.EXTRACTIONS, data=data, mode="overwrite")
    return open_library(tmp_path / "library", embedding="test")


def test_its_extractions_are_read(old):
    (extraction,) = old.extractions("r" * 64, [make_paper("a.pdf").document.id])

    assert extraction == make_extraction(make_paper("a.pdf").chunks[0])
    assert (extraction.reading.usage.images, extraction.reading.model, extraction.reading.evidence[0].found_by) == (0, "", "")


def test_new_ones_are_stored_beside_them_once_and_found(old):
    paper = make_paper("b.pdf")
    old.save_papers([paper])
    new = make_extraction(paper.chunks[0])
    steps = (Step(lane=Lane.EMBEDDED, model="embedded", usage=Usage(seconds=1.0), why="it is unsure"),)
    evidence = tuple(replace(one, found_by="exact", method="number", reason="it is 5") for one in new.reading.evidence)
    usage = Usage(images=1, pixels=900, energy_j=2.5, energy_source="counter")
    new = replace(new, reading=replace(new.reading, steps=steps, evidence=evidence, usage=usage, confidence=0.5, model="qwen"))

    for _ in range(2):
        save_extractions(old, new)

    assert list(old.extractions("r" * 64, [paper.document.id])) == [new]
    assert old.count(tables.EXTRACTIONS) == 2
    assert search(
        old, new.reading.evidence[0].quote, vector=None, mode=SearchMode.TEXT, only=Filter(), limit=5, in_extractions=True
    )
