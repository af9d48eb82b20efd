"""The parent's side of the converter child: what a PDF can kill is the child and nothing else.

A newcomer would use multiprocessing or a timeout inside the converter. Pool children may not have children of their own and
share the parent's fate under `fork`; a native parser that spins hears no Python signal. So: a process of its own in a group of
its own, one document at a time, a wall clock and a memory watch kept here, and SIGKILL to the group. Importing this file is
light: Docling is only ever imported in the child. One ConverterChild serves one thread at a time; only `close` may come from another.
"""

from __future__ import annotations

import threading
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Self

from pydantic import ValidationError

from errors import ConverterDied, OutOfMemory, RereadError, error_of_code
from ingest.process import ChildProcess
from ingest.wire import (
    CHUNKS,
    DOCLING_JSON,
    FIGURES,
    MARKDOWN,
    Answer,
    ChildSetup,
    FigurePlace,
    Limits,
    Request,
    read_chunks,
)
from records import Box, Chunk, Document, PageQuality, Source

__all__ = ["Converted", "ConvertedFigure", "ConverterChild", "Limits", "Split"]

START_TIMEOUT_S = 120.0  #: for a child to import Docling and open its converter; 4 s measured, a minute on a cold network disk


@dataclass(frozen=True, slots=True, kw_only=True)
class ConvertedFigure:
    ref: str
    page: int
    box: Box
    png: Path


@dataclass(frozen=True, slots=True, kw_only=True)
class Converted:
    """One converted paper. The paths lie in the work folder that was given, which the caller keeps until it has stored them."""

    document: Document
    n_pages: int
    is_partial: bool
    warnings: tuple[str, ...]
    pages: tuple[PageQuality, ...]
    figures: tuple[ConvertedFigure, ...]
    docling_json: Path
    markdown: Path
    chunks: tuple[Chunk, ...]
    convert_s: float
    split_s: float
    peak_mb: int  #: most memory the child held up to then


@dataclass(frozen=True, slots=True, kw_only=True)
class Split:
    """The chunks of a stored document, made again."""

    chunks: tuple[Chunk, ...]
    split_s: float


class ConverterChild:
    """A converter in a process of its own, started when first needed and again after it died or did its share."""

    def __init__(
        self,
        *,
        converter: str,
        limits: Limits,
        tokenizer_file: Path,
        max_tokens: int = 256,
        artifacts: Path | None = None,
        opener: str = "ingest.converter",
    ) -> None:
        """`opener` names the module whose open_converter the child calls: tests put a misbehaving one there."""
        self._setup = ChildSetup(
            converter=converter,
            opener=opener,
            artifacts=artifacts,
            tokenizer_file=tokenizer_file,
            max_tokens=max_tokens,
            limits=limits,
        )
        self._process: ChildProcess | None = None
        self._served = 0
        self._busy = threading.RLock()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    def pid(self) -> int | None:
        return self._process.pid if self._process else None

    def close(self) -> None:
        """End the child. From another thread this also ends a call under way, with ConverterDied; the next call would start
        a fresh child."""
        while not self._busy.acquire(timeout=0.05):
            if process := self._process:
                process.kill()
        try:
            if self._process:
                self._process.close()
                self._process = None
        finally:
            self._busy.release()

    def start(self) -> None:
        """Have a ready child, so that the first document need not wait for it. Raises what opening the converter raised."""
        with self._busy:
            if self._process and self._process.is_alive and self._served < self._setup.limits.documents_per_child:
                return
            self.close()
            self._process, self._served = ChildProcess(self._setup), 0
            self._ask(None, name="the converter", timeout_s=START_TIMEOUT_S)

    def convert(self, source: Source, *, conversion_id: str, workdir: Path) -> Converted:
        """The paper in these bytes, with its chunks. Raises what is wrong with the file (InputRefused, Damaged), or TimedOut,
        OutOfMemory, ConverterDied; after each of these the next document is converted as if nothing had happened."""
        workdir = workdir.absolute()  # the child stands in another folder
        source = replace(source, path=source.path.absolute())
        request = Request(workdir=workdir, doc_id=source.sha256, conversion_id=conversion_id, source=source)
        answer = self._served_by_child(request, name=source.name)
        info = answer.converted
        if info is None:
            raise self._unusable(source.name, "no conversion")
        return Converted(
            document=info.document,
            n_pages=info.n_pages,
            is_partial=info.is_partial,
            warnings=info.warnings,
            pages=info.pages,
            figures=tuple(_figure(workdir, position, place) for position, place in enumerate(info.figures)),
            docling_json=workdir / DOCLING_JSON,
            markdown=workdir / MARKDOWN,
            chunks=self._chunks(workdir, source.name),
            convert_s=answer.convert_s,
            split_s=answer.split_s,
            peak_mb=answer.peak_mb,
        )

    def split(self, *, doc_id: str, conversion_id: str, pages: tuple[PageQuality, ...], workdir: Path) -> Split:
        """The chunks of the stored document workdir/docling.json, without converting it again."""
        workdir = workdir.absolute()
        request = Request(workdir=workdir, doc_id=doc_id, conversion_id=conversion_id, pages=pages)
        name = f"document {doc_id[:12]}"
        answer = self._served_by_child(request, name=name)
        return Split(chunks=self._chunks(workdir, name), split_s=answer.split_s)

    def _served_by_child(self, request: Request, *, name: str) -> Answer:
        with self._busy:
            self.start()
            return self._ask(request, name=name, timeout_s=self._setup.limits.timeout_s)

    def _ask(self, request: Request | None, *, name: str, timeout_s: float) -> Answer:
        """The child's answer; any failure that leaves its state in doubt, Ctrl-C included, ends it."""
        assert self._process
        try:
            self._served += request is not None
            answer = self._process.ask(request, name=name, timeout_s=timeout_s, memory_mb=self._setup.limits.memory_mb)
            if answer.error_code is not None:
                raise error_of_code(answer.error_code, answer.error or answer.error_code)
            return answer
        except BaseException as error:
            # A child that ran out of memory is worn; one that refused a file is not.
            if request is None or not isinstance(error, RereadError) or isinstance(error, OutOfMemory):
                self.close()
            raise

    def _chunks(self, workdir: Path, name: str) -> tuple[Chunk, ...]:
        try:
            return read_chunks(workdir)
        except (OSError, ValidationError) as error:
            raise self._unusable(name, f"{CHUNKS}: {error}") from error

    def _unusable(self, name: str, what: str) -> ConverterDied:
        self.close()
        return ConverterDied(
            f"The converter's answer for {name!r} could not be used ({what}). Nothing was stored. Please report the file."
        )


def _figure(workdir: Path, position: int, place: FigurePlace) -> ConvertedFigure:
    return ConvertedFigure(ref=place.ref, page=place.page, box=place.box, png=workdir / FIGURES / f"{position}.png")
