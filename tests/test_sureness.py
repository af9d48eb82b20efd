"""The embedded reader says how sure it is, and only of what was measured."""

from __future__ import annotations

import functools

import pytest
from test_embedded_reader import asking, chunk, shipped

from extract.embedded.fields import fields_of
from extract.embedded.naming import By, Named
from extract.embedded.pointer import Pointed
from extract.embedded.reader import MOST_ASKED, EmbeddedReader, ask_pointer, open_embedded_reader
from extract.embedded.sureness import Fit, confidence, sure_of_lone, sure_of_names, sure_of_nothing
from extract.embedded.view import UnitView
from extract.units import make_units
from records import Prompt, Reading, UnitKind
from store.embedding import Embedder, shipped_folder


@functools.cache
def reader() -> EmbeddedReader:
    embed = Embedder("all-MiniLM-L6-v2", dtype="float32").embed
    return open_embedded_reader(embed, embedding_key="all-MiniLM-L6-v2", encoder=shipped_folder())


def read(prompt: Prompt, text: str) -> Reading:
    (unit,) = make_units([chunk(text)], None, UnitKind.CHUNK)
    (reading,) = reader().read(prompt, [unit])
    assert reading.is_ok, reading.error
    return reading


def test_a_record_of_measurements_has_a_figure_and_the_readers_name():
    reading = read(shipped("measurements"), "The band gap of the ZnO films was 3.2 eV after annealing.")

    assert reading.model == "embedded"
    assert reading.confidence is not None
    assert 0.4 < reading.confidence < 1


def test_a_text_without_numbers_surely_holds_no_measurement_and_a_long_one_less_surely():
    short = read(shipped("measurements"), "Films were grown on glass.")

    assert short.record == {"measurements": []}
    assert short.confidence == pytest.approx(0.988)
    assert sure_of_nothing(20) < sure_of_nothing(1)


def test_a_kind_that_nobody_measured_has_no_figure():
    assert read(shipped("findings"), "We found that the new catalyst increased the yield of ethanol.").confidence is None
    assert confidence([None, None]) is None
    assert confidence([None, 0.4, 0.8]) == pytest.approx(0.6)


def test_a_lone_answer_in_words_of_the_question_is_surer_than_one_with_a_rival():
    answered = Fit(0.9, 0.0, is_null=False)

    assert sure_of_lone(answered) > sure_of_lone(Fit(0.9, 0.8, is_null=False))
    assert sure_of_lone(answered) > sure_of_lone(Fit(0.3, 0.0, is_null=False))


def test_that_nothing_was_found_is_less_sure_where_a_sentence_speaks_of_it():
    prompt = asking(gap={"type": ["string", "null"], "x-kind": "quantity", "description": "band gap of the films"})
    off_topic = read(prompt, "The patients were followed for a long time.")
    on_topic = read(prompt, "The band gap of the films is of interest to many.")

    assert off_topic.record == on_topic.record == {"gap": None}
    assert off_topic.confidence is not None
    assert on_topic.confidence is not None
    assert off_topic.confidence > 0.8 > on_topic.confidence


def test_what_the_network_takes_for_sure_is_set_right_and_keeps_its_order():
    def sure(chance: float) -> float:
        named = Named((0, 4), chance, By.POINTER)
        return sure_of_names(Pointed(named, named, 0.9))["entity"]

    assert sure(0.3) < sure(0.6) < sure(0.95) < 0.95


def test_the_pointer_is_opened_only_where_the_schema_asks_what_was_measured():
    own = open_embedded_reader(reader().embed, embedding_key="all-MiniLM-L6-v2", encoder=shipped_folder())
    (unit,) = make_units([chunk("The gap was 3.2 eV. We found that it is small.")], None, UnitKind.CHUNK)

    list(own.read(shipped("findings"), [unit]))
    assert "pointer" not in vars(own)
    list(own.read(shipped("measurements"), [unit]))
    assert vars(own)["pointer"] is not None


def test_of_a_sentence_that_is_all_quantities_the_first_are_asked_about():
    own, view = reader(), UnitView((chunk("It was " + "3 mm, " * 100 + "long."),))
    assert own.pointer is not None
    ask_pointer(own.pointer, fields_of(shipped("measurements").schema), [view])

    assert len(view.pointed) == MOST_ASKED
