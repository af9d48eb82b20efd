"""The reader of the embedded lane: no server, no GPU, nothing invented.

It reads several hundred units at a time, so that the encoder, which is the slow part, sees one batch of the few sentences
that words alone do not decide. What it takes is copied from the paper; what it is not sure of is null or an empty list.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from functools import cached_property, partial
from pathlib import Path

import numpy as np
from jsonschema import Draft202012Validator

from errors import AnswerInvalid
from extract.batches import BatchSession, open_batches
from extract.embedded.fields import Field, fields_of
from extract.embedded.filling import Cannot, doubts, fill, free_fields
from extract.embedded.items import Likeness
from extract.embedded.leaves import Context
from extract.embedded.measurements import listed_quantities, measured_records
from extract.embedded.pointer import Pointer, asked_of, fits
from extract.embedded.sentences import Sentence
from extract.embedded.sureness import confidence
from extract.embedded.view import UnitView
from extract.evidence.grounding import evidence_at
from extract.schema import inlined
from extract.units import chunks_read
from records import ChunkKind, Embed, Evidence, Lane, Prompt, Reading, Unit, Usage, content_id

_LOG = logging.getLogger(__name__)

#: Name and version of the rules: a change of what is read must change it.
VERSION = "embedded/2"
#: Cosine of a chunk to a field below which its sentences are not asked about it; seen on real papers.
FAR = 0.15
#: Sentences that are embedded, for each chunk of a batch at most: 0.4 keeps 4,000 chunks under 20 s on two cores.
SENTENCES_PER_CHUNK = 0.4
#: Quantities of one sentence that the pointer is asked about; one with more is a list of numbers, or hostile.
MOST_ASKED = 40


@dataclass(frozen=True)
class EmbeddedReader:
    """records.Reader of the embedded lane."""

    key: str
    embed: Embed
    encoder: Path | None = None  #: folder of the model behind `embed`
    lane: Lane = Lane.EMBEDDED
    alias: str = "embedded"

    def open(self, prompt: Prompt) -> AbstractContextManager[BatchSession]:
        """A session for this prompt."""
        return open_batches(partial(self.read, prompt))

    def read(self, prompt: Prompt, units: Sequence[Unit]) -> Iterator[Reading]:
        """One Reading per unit, in order. Never raises for a unit: a record that the text cannot fill is a named failure."""
        start = time.perf_counter()
        schema = inlined(prompt.schema)
        root, validator = fields_of(schema), Draft202012Validator(schema)
        views = [UnitView(chunks_read(unit, prompt)) for unit in units]
        likeness = self._likeness(root, units, views)
        if any(measured_records(root)) and self.pointer:
            ask_pointer(self.pointer, root, views)
        shared = (time.perf_counter() - start) / max(len(units), 1)
        for view in views:
            start = time.perf_counter()
            reading = _read(root, validator, view, likeness)
            yield replace(reading, usage=Usage(seconds=shared + time.perf_counter() - start), model=self.alias)

    @cached_property
    def pointer(self) -> Pointer | None:
        """What says of what quantities are; None where the shapes of sentences do."""
        if self.encoder and fits(self.encoder):
            return Pointer(self.encoder)
        _LOG.warning(
            "The embedding model is not the one that the pointer was fitted on: what quantities are of is read from the shapes of "
            "sentences alone, and is less often found."
        )
        return None

    def _likeness(self, root: Field, units: Sequence[Unit], views: list[UnitView]) -> Likeness:
        """Cosines of the sentences in doubt to the free fields, the most promising first, within the encoder's budget."""
        free = free_fields(root)
        if not free:
            return {}
        meanings = self.embed([field.meaning for field in free])
        asked = []
        for unit, view in zip(units, views, strict=True):
            near = _nearness(unit, meanings)
            for field, vector, close in zip(free, meanings, near, strict=True):
                if close >= FAR:
                    asked += [(close + shared, sentence, field, vector) for shared, sentence in doubts(field, view)]
        asked.sort(key=lambda one: -one[0])
        limit = max(64, int(SENTENCES_PER_CHUNK * sum(len(view.chunks) for view in views)))
        texts = list(dict.fromkeys(sentence.text for _, sentence, _, _ in asked))[:limit]
        vectors = dict(zip(texts, self.embed(texts), strict=True)) if texts else {}
        return {
            (id(sentence), field.meaning): float(vectors[sentence.text] @ vector)
            for _, sentence, field, vector in asked
            if sentence.text in vectors
        }


def open_embedded_reader(embed: Embed, *, embedding_key: str, encoder: Path | None = None) -> EmbeddedReader:
    """The reader; `embedding_key` names the model behind `embed`, and is part of what the reader's key is made from.

    `encoder` is that model's folder, where it has one: the pointer goes on from the shipped model, and beside any other is left out.
    """
    return EmbeddedReader(key=content_id(VERSION, embedding_key), embed=embed, encoder=encoder)


def ask_pointer(pointer: Pointer, root: Field, views: Sequence[UnitView]) -> None:
    """Ask, for all units at once, what the quantities are of that may be listed; where the schema does not ask it, nothing is done."""
    asked = [
        (view, at)
        for view in views
        for record in measured_records(root)
        for at in listed_quantities(record, view)
        if at.sentence.chunk.kind is not ChunkKind.TABLE
    ]
    asked = [one for of_sentence in _by_sentence(asked).values() for one in of_sentence[:MOST_ASKED]]
    questions = [asked_of(at.text, at.quantity, at.span, at.quantities) for _, at in asked if at.quantity]
    for (view, at), answer in zip(asked, pointer.point(questions) if questions else [], strict=True):
        assert at.quantity is not None
        view.pointed[at.sentence, at.quantity] = answer


def _by_sentence(asked: list[tuple[UnitView, Context]]) -> dict[int, list[tuple[UnitView, Context]]]:
    found: dict[int, list[tuple[UnitView, Context]]] = {}
    for view, at in asked:
        found.setdefault(id(at.sentence), []).append((view, at))
    return found


def _nearness(unit: Unit, meanings: np.ndarray) -> np.ndarray:
    """The cosine of the unit's nearest chunk to each field; 1 where the chunks' vectors are not at hand."""
    if unit.vectors is None or not len(unit.vectors) or unit.vectors.shape[1] != meanings.shape[1]:
        return np.ones(len(meanings))
    return (np.asarray(unit.vectors) @ meanings.T).max(axis=0)


def _read(root: Field, validator: Draft202012Validator, view: UnitView, likeness: Likeness) -> Reading:
    try:
        record, told = fill(root, view, likeness)
    except Cannot as missing:
        return Reading(
            record=None,
            error_code=AnswerInvalid.code,
            error=f"The schema requires {str(missing)!r}, which this text does not say. Allow null there, then run it again.",
        )
    problem = next(validator.iter_errors(record), None)
    if problem is not None:
        return Reading(
            record=None, error_code=AnswerInvalid.code, error=f"{problem.json_path}: {problem.message}", raw=str(record)
        )
    evidence = tuple(_evidence(one.path, one.sentence) for one in told if one.sentence is not None)
    return Reading(record=record, evidence=evidence, confidence=confidence(one.sure for one in told))


def _evidence(path: str, sentence: Sentence) -> Evidence:
    return evidence_at(path, sentence.text, sentence.chunk, (sentence.start, sentence.end))
