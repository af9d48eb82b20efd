"""What is tried when a file kills its converter: the same file with less, in a fresh child each time.

First docling-parse, which sees most; then PDFium's words laid out by the same rules; then plain text, page by page. All of it happens
in the time that one document may take, and nothing is tried again where the answer cannot change (encrypted, too large) or where
the child did not end by itself: the system's SIGKILL is chance, and the job is simply done again.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

from errors import ConversionFailed, ConverterDied, InputRefused, OutOfMemory, TimedOut
from ingest.wire import Backend

Made = TypeVar("Made")

#: Less than a child needs to start.
LEAST_S = 3.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Rung:
    """One way to read a file."""

    backend: Backend
    until: float  #: share of the document's time at which it must be done
    words: str  #: the beginning of the warning that it was used


LADDER = (
    Rung(backend=Backend.DOCLING_PARSE, until=0.65, words=""),
    Rung(backend=Backend.PDFIUM, until=0.82, words="read with pypdfium2"),
    Rung(backend=Backend.TEXT, until=1.0, words="read as plain text only, without headings, tables and figures"),
)


def climb_down(attempt: Callable[[Backend, float], Made], *, timeout_s: float) -> tuple[Made, tuple[str, ...]]:
    """What the first rung that holds gives, with the warnings to keep of it. `attempt` is given the seconds that it may take.

    Raises the first error where no rung holds: what comes after it tells less of the file.
    """
    started, before, reasons = time.monotonic(), 0.0, list[str]()
    first: ConversionFailed | None = None
    for rung in LADDER:
        spent_s = time.monotonic() - started
        # Its own share it always has: the rung before it may have been given more time, for OCR.
        left_s = max(rung.until * timeout_s - spent_s, (rung.until - before) * timeout_s)
        before = rung.until
        if first and left_s < LEAST_S:
            continue
        try:
            made = attempt(rung.backend, left_s)
        except ConversionFailed as error:
            first = first or error
            if not _may_be_survived(error):
                break
            reasons.append(f"{rung.backend} {_what_happened(error)}")
        except InputRefused:
            if first is None:
                raise
            break
        else:
            return made, (f"{rung.words}, because {'; '.join(reasons)}",) if reasons else ()
    assert first
    raise first


def _may_be_survived(error: ConversionFailed) -> bool:
    if isinstance(error, ConverterDied):
        return bool(error.crash)
    return not error.is_final


def _what_happened(error: ConversionFailed) -> str:
    if isinstance(error, ConverterDied):
        return f"crashed ({error.crash})"
    if isinstance(error, TimedOut):
        return "was not done in time"
    if isinstance(error, OutOfMemory):
        return "needed too much memory"
    return f"failed ({' '.join(str(error).split('. ')[0].split())[:150]})"
