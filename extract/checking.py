"""What happens to every reading before it counts: each value is checked against the paper, first by rules, then, where the prompt
asks for it, by a second model that sees the chunk alone.

A second model that gives no answer makes the reading a named failure: an unchecked value must not pass for a checked one, and the
next run reads the unit again.
"""

from __future__ import annotations

from concurrent.futures import Future
from contextlib import AbstractContextManager
from dataclasses import replace
from typing import Protocol

from extract.evidence.verifying import verify_record
from extract.handing import then
from records import Prompt, Reading, Session, Unit


class Opinion(Protocol):
    """A second model, being asked."""

    def submit(self, reading: Reading, unit: Unit) -> Future[Reading]:
        """The reading with the second model's verdicts and their cost, or as a named failure."""
        ...


class OpinionReader(Protocol):
    """A second model. Its key is part of every reading that it judges."""

    @property
    def key(self) -> str: ...

    def open(self, prompt: Prompt) -> AbstractContextManager[Opinion]: ...


class CheckedSession:
    """A session whose readings are checked."""

    def __init__(self, session: Session, prompt: Prompt, opinion: Opinion | None) -> None:
        self._session, self._prompt, self._opinion = session, prompt, opinion

    def submit(self, unit: Unit) -> Future[Reading]:
        checked: Future[Reading] = Future()

        def check(read: Reading) -> None:
            reading = self._verified(read, unit)
            if self._opinion is None or not reading.is_ok or not reading.evidence:
                checked.set_result(reading)
            else:
                then(self._opinion.submit(reading, unit), checked.set_result, checked)

        then(self._session.submit(unit), check, checked)
        return checked

    def flush(self) -> None:
        self._session.flush()

    def _verified(self, reading: Reading, unit: Unit) -> Reading:
        if reading.record is None:
            return reading
        return replace(reading, evidence=verify_record(reading.record, reading.evidence, prompt=self._prompt, unit=unit))
