"""What a prompt reads in one call: units by chunk, section and document."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from extract.units import make_units
from records import Chunk, ChunkKind, Features, UnitKind, content_id


def chunk(ordinal: int, *, headings: tuple[str, ...] = (), doc_id: str = "paper", text: str = "Some words.") -> Chunk:
    features = Features(
        n_words=2, n_numbers=0, figure_share=0, table_share=0, formula_share=0, has_caption=False, text_confidence=1
    )
    return Chunk(
        id=f"{doc_id}-{ordinal}",
        doc_id=doc_id,
        conversion_id=f"conversion of {doc_id}",
        ordinal=ordinal,
        kind=ChunkKind.TEXT,
        headings=headings,
        text=text,
        places=(),
        holds=(),
        cites=(),
        features=features,
    )


PAPER = [
    chunk(0),
    chunk(1, headings=("Methods",)),
    chunk(2, headings=("Methods", "Samples")),
    chunk(3, headings=("Methods",)),
    chunk(4, headings=("Results",)),
]


def test_each_chunk_is_a_unit_of_its_own():
    units = make_units(PAPER, None, UnitKind.CHUNK)

    assert [[c.ordinal for c in unit.chunks] for unit in units] == [[0], [1], [2], [3], [4]]


def test_a_section_holds_the_chunks_that_share_their_heading_path():
    units = make_units(PAPER, None, UnitKind.SECTION)

    assert [[c.ordinal for c in unit.chunks] for unit in units] == [[0], [1, 3], [2], [4]]


def test_a_document_is_one_unit_and_two_documents_are_two():
    units = make_units([*PAPER, chunk(0, doc_id="other")], None, UnitKind.DOCUMENT)

    assert [(unit.doc_id, len(unit.chunks)) for unit in units] == [("paper", 5), ("other", 1)]


def test_a_section_of_one_chunk_and_that_chunk_are_the_same_unit():
    by_chunk = make_units(PAPER, None, UnitKind.CHUNK)
    by_section = make_units(PAPER, None, UnitKind.SECTION)

    assert by_chunk[4].id == by_section[3].id == content_id("paper-4")


@given(st.permutations(range(5)))
def test_a_document_unit_is_the_same_in_whatever_order_its_chunks_come(order):
    units = make_units([PAPER[i] for i in order], None, UnitKind.DOCUMENT)

    assert units == make_units(PAPER, None, UnitKind.DOCUMENT)


@given(st.permutations(range(5)), st.sampled_from(list(UnitKind)))
def test_vectors_stay_with_their_chunks(order, kind):
    vectors = np.arange(10, dtype=np.float32).reshape(5, 2)
    units = make_units([PAPER[i] for i in order], vectors[order], kind)

    for unit in units:
        assert unit.vectors is not None
        assert unit.vectors.tolist() == [vectors[c.ordinal].tolist() for c in unit.chunks]


def test_vectors_of_another_number_of_chunks_are_refused():
    with pytest.raises(ValueError, match="5 chunks came with 4 vectors"):
        make_units(PAPER, np.zeros((4, 2), dtype=np.float32), UnitKind.CHUNK)
