"""The audit finds every disagreement between ledger, blobs and rows, and none where there is none."""

from __future__ import annotations

from collections.abc import Callable

import pyarrow as pa
import pytest
from fake_flow import FAILED, FakeReader, Place, write_pdf
from makers import make_prompt

import pipeline
from store import tables


@pytest.fixture
def place(library, ledger, tmp_path) -> Place:
    """A library of two papers, read with two prompts."""
    place = Place(library, ledger)
    place.add(*(write_pdf(tmp_path / "in", f"{name}.pdf", f"{name} one.", f"{name} two.") for name in "ab"))
    for name in ("one", "two"):
        place.reprocess(make_prompt(name), FakeReader())
    return place


def found(place: Place, *, deep: bool = False) -> set[tuple[str, str]]:
    return {(finding.what, finding.kind) for finding in pipeline.audit(place.library, place.ledger, deep=deep)}


def rows(place: Place, name: str) -> pa.Table:
    return place.library.table(name).search().limit(1).to_arrow()


def delete_row(name: str) -> Callable[[Place], object]:
    return lambda place: place.library.table(name).delete(f"id = '{rows(place, name)['id'][0]}'")


def double_row(name: str) -> Callable[[Place], object]:
    return lambda place: place.library.table(name).add(rows(place, name))


def add_row(name: str, **changed: str) -> Callable[[Place], object]:
    def plant(place: Place) -> None:
        row = {**rows(place, name).to_pylist()[0], "id": "f" * 64, **changed}
        place.library.table(name).add(pa.Table.from_pylist([row], schema=rows(place, name).schema))

    return plant


def forget_line(stage: str) -> Callable[[Place], object]:
    def plant(place: Place) -> None:
        with place.ledger._transaction() as db:
            db.execute("DELETE FROM manifest WHERE rowid = (SELECT min(rowid) FROM manifest WHERE stage = ?)", (stage,))

    return plant


def first_blob(place: Place) -> str:
    return min(place.library.blobs.digests())


PLANTED = [
    (delete_row(tables.DOCUMENTS), {("missing", "documents")}),
    (delete_row(tables.CONVERSIONS), {("missing", "conversions")}),
    (delete_row(tables.CHUNKS), {("missing", "chunks")}),
    (delete_row(tables.EXTRACTIONS), {("missing", "extractions")}),
    (double_row(tables.DOCUMENTS), {("doubled", "documents")}),
    (double_row(tables.CONVERSIONS), {("doubled", "conversions")}),
    (double_row(tables.CHUNKS), {("doubled", "chunks"), ("surplus", "chunks")}),
    (double_row(tables.EXTRACTIONS), {("doubled", "extractions"), ("surplus", "extractions")}),
    (add_row(tables.DOCUMENTS), {("surplus", "documents")}),
    (add_row(tables.CONVERSIONS), {("surplus", "conversions")}),
    (add_row(tables.CHUNKS), {("surplus", "chunks")}),
    (add_row(tables.CHUNKS, conversion_id="e" * 64), {("surplus", "chunks")}),
    (add_row(tables.EXTRACTIONS), {("surplus", "extractions")}),
    (forget_line("document"), {("surplus", "documents"), ("surplus", "blob")}),
    (forget_line("conversion"), {("surplus", "conversions"), ("surplus", "blob")}),
    (forget_line("chunks"), {("surplus", "chunks")}),
    (lambda place: place.library.blobs.remove([first_blob(place)]), {("missing", "blob")}),
    (lambda place: place.library.blobs.put(b"of nothing"), {("surplus", "blob")}),
]


def test_a_library_that_agrees_has_no_findings(place):
    assert found(place, deep=True) == set()


def test_an_empty_library_agrees(library, ledger):
    assert pipeline.audit(library, ledger, deep=True) == []


@pytest.mark.parametrize(("plant", "wanted"), PLANTED)
def test_each_disagreement_is_found_by_name(place, plant, wanted):
    plant(place)

    assert found(place) == wanted


def test_a_finding_names_the_thing_and_says_what_is_wrong(place):
    digest = first_blob(place)
    place.library.blobs.remove([digest])
    delete_row(tables.CHUNKS)(place)

    chunk, blob = pipeline.audit(place.library, place.ledger)
    assert (blob.key, blob.reason) == (digest, "the ledger names it, and there is no file")
    assert chunk.reason == "1 rows; the ledger says 2"


def test_a_damaged_blob_is_found_by_who_looks_deep(place):
    place.library.blobs.path_of(first_blob(place)).write_bytes(b"flipped bits")

    assert found(place) == set()
    assert found(place, deep=True) == {("damaged", "blob")}


def test_units_that_failed_are_no_disagreement(place):
    report = place.reprocess(make_prompt("three"), FakeReader(outcomes={"a one.": [FAILED]}))

    assert sum(report.failed.values()) == 1
    assert found(place, deep=True) == set()
