"""The encoder: its vectors are those of sentence-transformers, in either number format, however many texts come at once."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from store import embedding
from store.embedding import SHIPPED_MODEL, Embedder, _faster_dtype, model_identity
from store.library import Library
from store.packed import BATCH_TOKENS, _batches


@pytest.fixture(scope="module")
def exact() -> Embedder:
    return Embedder(SHIPPED_MODEL, dtype="float32")


@pytest.fixture
def chunks(sample_library: Library) -> list[str]:
    """The chunks of the samples, some in part, so that there are all lengths."""
    texts = [
        chunk.searchable
        for found, _ in sample_library.chunks([d.id for d in sample_library.documents()]).values()
        for chunk in found
    ]
    return [*texts, *(text[: 40 * n] for n, text in enumerate(texts, start=1)), "x", "", "naïve λ = 3 µm ☃"]


def cosines(some: np.ndarray, others: np.ndarray) -> np.ndarray:
    return (some * others).sum(axis=1) / np.linalg.norm(some, axis=1) / np.linalg.norm(others, axis=1)


def test_packed_vectors_are_those_of_sentence_transformers(exact: Embedder, chunks: list[str]) -> None:
    theirs = exact._model.encode(chunks, normalize_embeddings=True, show_progress_bar=False)

    assert exact._packed
    np.testing.assert_allclose(exact.embed(chunks), theirs, atol=2e-6)


def test_bfloat16_agrees_with_float32_on_every_chunk(exact: Embedder, embedder: Embedder, chunks: list[str]) -> None:
    found = cosines(embedder.embed(chunks), exact.embed(chunks))

    assert found.min() >= 0.995
    assert found.mean() >= 0.999


@pytest.mark.corpus
def test_bfloat16_agrees_with_float32_on_hundreds_of_real_passages(exact: Embedder, embedder: Embedder, corpus: Path) -> None:
    truths = [json.loads(path.read_text()) for path in sorted((corpus / "papers").glob("*.gt.json"))]
    texts = [paragraph for truth in truths for paragraph in truth["paragraphs"] if len(paragraph) > 200][::4]

    found = cosines(embedder.embed(texts), exact.embed(texts))

    assert len(texts) > 200
    assert found.min() >= 0.995 and found.mean() >= 0.999


def test_vectors_have_length_one_and_do_not_depend_on_company(embedder: Embedder, chunks: list[str]) -> None:
    together = embedder.embed(chunks)
    fresh = Embedder(SHIPPED_MODEL, dtype="bfloat16")
    alone = np.concatenate([fresh.embed([text]) for text in chunks])

    np.testing.assert_allclose(np.linalg.norm(together, axis=1), 1.0, atol=1e-5)
    assert cosines(together, alone).min() > 0.999


def test_text_past_what_the_model_reads_changes_nothing(exact: Embedder) -> None:
    long = "The water was kept in the dark. " * 100

    np.testing.assert_array_equal(exact.embed([long]), exact.embed([long + "And a last word."]))


def test_no_texts_give_no_vectors(embedder: Embedder) -> None:
    assert embedder.embed([]).shape == (0, embedder.dimension)


def test_the_same_text_is_read_once(exact: Embedder, monkeypatch: pytest.MonkeyPatch) -> None:
    read: list[str] = []
    encode = exact._packed.encode  # type: ignore[union-attr]
    monkeypatch.setattr(exact._packed, "encode", lambda texts: read.extend(texts) or encode(texts))

    first = exact.embed(["a licence", "a sentence", "a licence"])
    again = exact.embed(["another", "a licence"])

    assert read == ["a licence", "a sentence", "another"]
    np.testing.assert_array_equal(first[0], first[2])
    np.testing.assert_array_equal(first[0], again[1])


def test_what_is_remembered_has_an_end(exact: Embedder, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(embedding, "REMEMBERED", 3)

    vectors = exact.embed([f"place {n}" for n in range(8)])

    assert vectors.shape == (8, exact.dimension)
    assert len(exact._remembered) == 3


def test_batches_hold_each_text_once_within_their_tokens() -> None:
    lengths = [17, 256, 3, 256, 90, 255, 12, 256, 200, 1] * 5

    batches = list(_batches(lengths, threads=2))

    assert sorted(at for batch in batches for at in batch) == list(range(50))
    assert all(sum(lengths[at] for at in batch) <= BATCH_TOKENS for batch in batches)
    assert list(_batches([2000], threads=2)) == [[0]]


def test_few_texts_are_dealt_to_all_cores() -> None:
    assert len(list(_batches([200] * 4, threads=2))) == 2


def test_the_number_format_is_chosen_by_trying(monkeypatch: pytest.MonkeyPatch) -> None:
    assert _faster_dtype() in ("float32", "bfloat16")
    for seconds, chosen in (({"float32": 2.0, "bfloat16": 1.0}, "bfloat16"), ({"float32": 1.0, "bfloat16": 0.9}, "float32")):
        monkeypatch.setattr(embedding, "_product_s", seconds.__getitem__)
        assert _faster_dtype() == chosen


def test_the_number_format_is_no_part_of_a_librarys_identity(exact: Embedder, embedder: Embedder) -> None:
    assert exact.identity == embedder.identity == model_identity(SHIPPED_MODEL) == "all-MiniLM-L6-v2"
