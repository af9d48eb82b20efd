"""The parent's side of the converter child: what a PDF can kill is the child and nothing else.

A newcomer would use multiprocessing or a timeout inside the converter. Pool children may not have children of their own and
share the parent's fate under `fork`; a native parser that spins hears no Python signal. So: a process of its own in a group of
its own, one document at a time, a wall clock and a memory watch kept here, and SIGKILL to the group. Importing this file is
light: Docling is only ever imported in the child. What the child gives up itself is in isolation.py; what it leaves in its tray is
copied and checked here before a caller sees a path. One ConverterChild serves one thread at a time; only `close` may come from another.
"""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Self

from errors import ConversionFailed, ConverterDied, OutOfMemory, TimedOut, Unreadable, error_of_code
from ingest.isolation import Isolation
from ingest.preflight import Bounds
from ingest.process import ChildProcess, KeepGoing, OnPage
from ingest.salvage import climb_down
from ingest.wire import (
    CHUNK_LIST,
    CHUNKS,
    DOCLING_JSON,
    FIGURES,
    LARGEST_FIGURE,
    LARGEST_FIGURES,
    MARKDOWN,
    REFERENCE_LIST,
    REFERENCES,
    Answer,
    Backend,
    ChildSetup,
    ConvertedInfo,
    Limits,
    Request,
    Tray,
)
from records import Box, Chunk, Document, OcrChoice, PageQuality, Reference, Source

__all__ = ["Bounds", "Converted", "ConvertedFigure", "ConverterChild", "Isolation", "Limits", "Split"]

START_TIMEOUT_S = 120.0  #: for a child to import Docling and open its converter; 4 s measured, a minute on a cold network disk


@dataclass(frozen=True, slots=True, kw_only=True)
class ConvertedFigure:
    ref: str
    page: int | None
    box: Box | None
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
    references: tuple[Reference, ...] = ()


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
        ocr: OcrChoice | None = None,
        opener: str = "ingest.converter",
    ) -> None:
        """`opener` names the module whose open_converter the child calls: tests put a misbehaving one there."""
        self._setup = ChildSetup(
            converter=converter,
            opener=opener,
            artifacts=artifacts,
            ocr=ocr or OcrChoice(),
            tokenizer_file=tokenizer_file,
            max_tokens=max_tokens,
            limits=limits,
        )
        self._process: ChildProcess | None = None
        self._isolation: Isolation | None = None
        self._served = self._ready_mb = 0
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

    @property
    def isolation(self) -> Isolation | None:
        """What the child gave up, in its own words from before it opened any document; None before the first start."""
        return self._isolation

    def start(self) -> None:
        """Have a ready child, so that the first document need not wait for it. Raises what opening the converter raised."""
        self._ready()

    def convert(
        self,
        source: Source,
        *,
        conversion_id: str,
        workdir: Path,
        on_page: OnPage | None = None,
        keep_going: KeepGoing | None = None,
    ) -> Converted:
        """The paper in these bytes, with its chunks. Raises what is wrong with the file (InputRefused, Damaged), or TimedOut,
        OutOfMemory, ConverterDied; after each of these the next document is converted as if nothing had happened. Where one
        of the three comes of the file, it was read again with less before (salvage.py), as far as there was time.

        `on_page` hears how many pages are read, of how many; `keep_going` is asked about once a second. Both are called in this
        thread, and what they raise ends the child and is raised here.
        """

        def attempt(backend: Backend, timeout_s: float) -> Converted:
            until = time.monotonic() + timeout_s
            if backend is not Backend.DOCLING_PARSE:
                self._restart(backend, timeout_s, keep_going)
            try:
                return self._convert(source, conversion_id, workdir, until - time.monotonic(), on_page, keep_going)
            finally:
                if backend is not Backend.DOCLING_PARSE:  # it was for this file alone
                    self.close()

        with self._busy:
            self._ready(keep_going)
            converted, warnings = climb_down(attempt, timeout_s=self._setup.limits.timeout_s)
        return replace(converted, warnings=(*warnings, *converted.warnings)) if warnings else converted

    def _convert(
        self,
        source: Source,
        conversion_id: str,
        workdir: Path,
        timeout_s: float,
        on_page: OnPage | None,
        keep_going: KeepGoing | None,
    ) -> Converted:
        """With the child that runs."""
        assert self._process
        with self._process.tray() as tray:
            # The child stands in another folder. Where it is another user too, it could not open what only we may read.
            path = source.path.absolute() if tray.owner is None else _give(source.path, tray, source.name)
            request = Request(
                workdir=tray.path, doc_id=source.sha256, conversion_id=conversion_id, source=replace(source, path=path)
            )
            answer = self._ask(request, name=source.name, timeout_s=timeout_s, on_page=on_page, keep_going=keep_going)
            converted = self._taken(answer, tray, workdir.absolute(), source.name)
        if answer.is_worn:
            self.close()
        return converted

    def split(self, *, doc_id: str, conversion_id: str, pages: tuple[PageQuality, ...], workdir: Path) -> Split:
        """The chunks of the stored document workdir/docling.json, without converting it again."""
        name = f"document {doc_id[:12]}"
        with self._busy, self._ready().tray() as tray:
            _give(workdir / DOCLING_JSON, tray, name)
            request = Request(workdir=tray.path, doc_id=doc_id, conversion_id=conversion_id, pages=pages)
            answer = self._ask(request, name=name, timeout_s=self._setup.limits.timeout_s)
            try:
                return Split(chunks=_chunks(tray), split_s=answer.split_s)
            except ValueError as error:
                raise self._unusable(name, error) from error

    def _ready(self, keep_going: KeepGoing | None = None) -> ChildProcess:
        """A child that can take a document: the one that runs, or a fresh one where that is dead or has done its share."""
        with self._busy:
            limits, running = self._setup.limits, self._process
            if (
                running
                and running.is_alive
                and running.is_quiet
                and self._served < limits.documents_per_child
                and running.memory_mb < self._ready_mb + limits.growth_mb
            ):
                return running
            return self._restart(Backend.DOCLING_PARSE, START_TIMEOUT_S, keep_going)

    def _restart(self, backend: Backend, timeout_s: float, keep_going: KeepGoing | None) -> ChildProcess:
        """A fresh child. One with another backend than the first is told of its time: it opens for one document."""
        self.close()
        setup = self._setup
        if backend is not Backend.DOCLING_PARSE:
            setup = replace(setup, backend=backend, limits=replace(setup.limits, timeout_s=timeout_s))
        self._process, self._served = ChildProcess(setup), 0
        answer = self._ask(None, name="the converter", timeout_s=timeout_s, keep_going=keep_going)
        self._isolation, self._ready_mb = answer.isolation, self._process.memory_mb
        return self._process

    def _ask(
        self,
        request: Request | None,
        *,
        name: str,
        timeout_s: float,
        on_page: OnPage | None = None,
        keep_going: KeepGoing | None = None,
    ) -> Answer:
        """The child's answer; any failure that leaves its state in doubt, Ctrl-C included, ends it."""
        assert self._process
        limits = self._setup.limits
        self._served += request is not None
        try:
            answer = self._process.ask(
                request,
                name=name,
                timeout_s=timeout_s,
                limits=limits if request else replace(limits, timeout_s=timeout_s),
                on_page=on_page,
                keep_going=keep_going,
            )
        except BaseException:
            self.close()
            raise
        if answer.error_code is None:
            return answer
        error = error_of_code(answer.error_code, answer.error or answer.error_code)
        # A child that ran out of memory or time is worn; one that refused a file is not.
        if request is None or isinstance(error, OutOfMemory | TimedOut):
            self.close()
        raise error

    def _taken(self, answer: Answer, tray: Tray, workdir: Path, name: str) -> Converted:
        """The conversion with its files in the caller's folder. Raises ConverterDied where one is not what it should be."""
        info = answer.converted
        try:
            if info is None:
                raise ValueError("no conversion")
            return Converted(
                document=info.document,
                n_pages=info.n_pages,
                is_partial=info.is_partial,
                warnings=info.warnings,
                pages=info.pages,
                figures=_figures(info, tray, workdir),
                docling_json=_kept(workdir / DOCLING_JSON, tray.read_text(DOCLING_JSON).encode()),
                markdown=_kept(workdir / MARKDOWN, tray.read_text(MARKDOWN).encode()),
                chunks=_chunks(tray),
                convert_s=answer.convert_s,
                split_s=answer.split_s,
                peak_mb=answer.peak_mb,
                references=REFERENCE_LIST.validate_json(tray.read_text(REFERENCES)),
            )
        except ValueError as error:
            raise self._unusable(name, error) from error
        except OSError as error:
            raise ConversionFailed(
                f"The conversion of {name!r} could not be written to {workdir}: {error.strerror}. Nothing was stored. "
                "See that the disk has room, then add it again."
            ) from error

    def _unusable(self, name: str, error: ValueError) -> ConverterDied:
        self.close()
        return ConverterDied(
            f"The converter's answer for {name!r} could not be used ({error}). Nothing was stored. Please report the file."
        )


def _give(path: Path, tray: Tray, name: str) -> Path:
    try:
        return tray.give(path, path.name)
    except OSError as error:
        raise Unreadable(
            f"Could not read {name!r}: {error.strerror}. Nothing was stored. Check that the file is still at {path} and that "
            "the disk has room for a copy, then add it again."
        ) from error


def _chunks(tray: Tray) -> tuple[Chunk, ...]:
    return CHUNK_LIST.validate_json(tray.read_text(CHUNKS))


def _figures(info: ConvertedInfo, tray: Tray, workdir: Path) -> tuple[ConvertedFigure, ...]:
    (workdir / FIGURES).mkdir(exist_ok=True)
    figures, room = [], LARGEST_FIGURES
    for position, place in enumerate(info.figures):
        png = tray.read(f"{position}.png", min(room, LARGEST_FIGURE), within=FIGURES)
        room -= len(png)
        kept = _kept(workdir / FIGURES / f"{position}.png", png)
        figures.append(ConvertedFigure(ref=place.ref, page=place.page, box=place.box, png=kept))
    return tuple(figures)


def _kept(path: Path, content: bytes) -> Path:
    """A file of this content, never written through what was there under this name before."""
    path.unlink(missing_ok=True)
    with path.open("xb") as file:
        file.write(content)
    return path
