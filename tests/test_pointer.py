"""The pointer names what a quantity measures, with whole words of its sentence, beside the one encoder that it was fitted on."""

from __future__ import annotations

import functools
import logging
import re
from dataclasses import replace

import numpy as np
import pytest
import torch

from extract.embedded.layers import packed, unpacked
from extract.embedded.naming import By, Named, best_pair, candidates
from extract.embedded.pointer import WEIGHTS, Pointer, asked_of, fits
from extract.embedded.pointing import LONGEST, MOST_TOKENS, Asked, Marked, marked
from extract.embedded.quantities import find_quantities
from extract.embedded.reader import open_embedded_reader
from extract.embedded.sureness import sure_of_names, sure_of_quantity
from store.embedding import shipped_folder

SENTENCES = [
    "The band gap of the ZnO films was 3.2 eV after annealing.",
    "Samples were heated at a rate of 10 °C/min in a tube furnace.",
    "The half-life of the drug in mouse plasma was 2.3 h.",
]


@functools.cache
def pointer() -> Pointer:
    return Pointer(shipped_folder())


def asked(text: str) -> Asked:
    """About the first quantity of this sentence."""
    found = find_quantities(text)
    return asked_of(text, found[0], (0, len(text)), found)


def told(text: str) -> tuple[str | None, str | None]:
    (answer,) = pointer().point([asked(text)])
    return tuple(text[slice(*named.span)] if named.span else None for named in (answer.property, answer.entity))  # type: ignore[return-value]


def test_property_and_entity_are_words_of_the_sentence():
    property_, entity = told(SENTENCES[0])

    assert property_ == "band gap"
    assert entity is not None
    assert "ZnO" in entity


def test_an_answer_is_the_same_alone_and_among_others():
    together = pointer().point([asked(text) for text in SENTENCES])
    alone = [pointer().point([asked(text)])[0] for text in SENTENCES]

    assert [(one.property.span, one.entity.span) for one in together] == [(one.property.span, one.entity.span) for one in alone]
    assert [one.listed for one in together] == pytest.approx([one.listed for one in alone], abs=1e-4)


def test_how_sure_it_is_lies_between_nothing_and_one():
    for answer in pointer().point([asked(text) for text in SENTENCES]):
        assert all(0 <= sure <= 1 for sure in (sure_of_quantity(answer), *sure_of_names(answer).values()))


def test_of_a_long_sentence_the_words_around_the_quantity_are_read():
    text = (
        "We report, "
        + "among many other things, " * 80
        + "that the mass of the sample was 3.5 kg "
        + "as expected, " * 80
        + "here."
    )
    (quantity,) = find_quantities(text)
    question = asked_of(text, quantity, (0, len(text)), [quantity])
    sentence = marked(question, pointer().tokenizer.encode(text))

    assert len(sentence.ids) == MOST_TOKENS + 2
    assert "mass" in [text[slice(*word)] for word in sentence.words]
    assert told(text)[0] == "mass"


def words_of(text: str) -> Marked:
    """A sentence of which nothing but the words matters."""
    words = tuple(match.span() for match in re.finditer(r"\w+", text))
    return Marked(ids=(), marks=(0,) * len(words), distances=(), firsts=tuple(range(len(words))), words=words)


def test_stretches_that_overlap_speak_for_each_other():
    text = "zinc and mean grain size fell"
    chances = np.zeros((6, LONGEST))
    chances[0, 0] = 0.35  # 'zinc', the likeliest alone
    chances[3, 1], chances[4, 0], chances[2, 2] = 0.25, 0.2, 0.2  # 'grain size', 'size', 'mean grain size'
    first, *_ = candidates(text, words_of(text), chances)

    assert first.span == (14, 24)
    assert first.chance == pytest.approx(0.65)


def test_a_name_begins_and_ends_with_a_word_that_says_something():
    text = "the width of a film"
    chances = np.zeros((5, LONGEST))
    chances[0, 2], chances[1, 0] = 0.6, 0.3  # 'the width of', 'width'

    assert [one.span for one in candidates(text, words_of(text), chances)] == [(4, 9)]


def test_a_name_does_not_hold_the_quantity():
    text = "a total of 71 palynology samples"
    chances = np.zeros((6, LONGEST))
    chances[1, 4], chances[4, 1] = 0.6, 0.3  # 'total of 71 palynology samples', 'palynology samples'
    sentence = replace(words_of(text), marks=(0, 0, 0, 1, 0, 0))

    assert [one.span for one in candidates(text, sentence, chances)] == [(14, 32)]


def test_a_name_that_is_set_equal_to_another_number_is_of_that_number():
    text = "accuracy of 57 (p = 0.9)"
    chances = np.zeros((6, LONGEST))
    chances[0, 0], chances[3, 0] = 0.2, 0.7  # 'accuracy', 'p'
    of_57, of_09 = (replace(words_of(text), marks=marks) for marks in ((0, 0, 1, 0, 0, 0), (0, 0, 0, 0, 1, 1)))

    assert [one.span for one in candidates(text, of_57, chances)] == [(0, 8)]
    assert [one.span for one in candidates(text, of_09, chances)] == [(16, 17), (0, 8)]


def said(start: int, end: int, chance: float) -> Named:
    return Named((start, end), chance, By.POINTER)


def test_property_and_entity_are_chosen_together_and_do_not_overlap():
    property_, entity = best_pair(([said(0, 9, 0.9), said(12, 20, 0.6)], [said(5, 9, 0.95)]), (0.1, 0.1), (None, None))

    assert (property_.span, entity.span) == ((12, 20), (5, 9))


def test_where_the_pointer_is_silent_the_shape_of_the_sentence_speaks():
    property_, entity = best_pair(([], [said(0, 3, 0.9)]), (0.8, 0.1), ((4, 9), None))

    assert (property_, entity.by) == (Named((4, 9), 0.8, By.SHAPE), By.POINTER)


def test_what_is_too_unlikely_is_not_said():
    property_, entity = best_pair(([said(0, 3, 0.1)], [said(4, 9, 0.1)]), (0.9, 0.8), (None, None))

    assert (property_, entity) == (Named(None, 0.9, By.SILENCE), Named(None, 0.8, By.SILENCE))


def test_packed_weights_are_small_and_lose_little():
    weights = {"encoder.layer.3.output.dense.weight": torch.randn(384, 1536), "own_bias": torch.randn(3)}
    stored = packed(weights)
    again = unpacked({name: torch.from_numpy(values) for name, values in stored.items()})

    assert sum(values.nbytes for values in stored.values()) < 0.26 * sum(4 * tensor.numel() for tensor in weights.values())
    for name, tensor in weights.items():
        assert (again[name] - tensor).abs().max() < 0.03
    assert WEIGHTS.stat().st_size < 10_000_000


def test_beside_another_embedding_model_there_is_no_pointer_and_it_is_said(tmp_path, caplog):
    (tmp_path / "model.safetensors").write_bytes(b"another")
    other = open_embedded_reader(lambda texts: np.zeros((len(texts), 4)), embedding_key="another", encoder=tmp_path)
    with caplog.at_level(logging.WARNING):
        assert other.pointer is None

    assert "not the one that the pointer was fitted on" in caplog.text
    assert fits(shipped_folder())
