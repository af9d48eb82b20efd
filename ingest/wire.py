"""What parent and converter child say to each other: JSON lines, and large results as files in a tray.

A newcomer would send paths of results in the answer, and read what lies there. The child reads hostile files and may be theirs,
so the parent names the files itself, opens them without following a link, copies what it has checked, and validates every line
before it becomes a record.
"""

from __future__ import annotations

import os
import shutil
import stat
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import Field, TypeAdapter

from ingest.isolation import Isolation, unprivileged_uid
from ingest.preflight import Bounds
from records import Box, Chunk, Document, OcrChoice, PageQuality, Reference, Source

DOCLING_JSON = "docling.json"  #: the lossless DoclingDocument
MARKDOWN = "paper.md"
GIVEN = "given"  #: folder of what the parent put there for the child to read
CHUNKS = "chunks.json"
REFERENCES = "references.json"  #: entries of the reference list
FIGURES = "figures"  #: folder of 0.png, 1.png ..., in the order of Converted.figures

#: Bytes that the parent takes of each, far above what honest papers need: the document of a 1,000-page book has about 60 MB,
#: and a crop of 2,400 x 2,400 points 17 before it is packed.
LARGEST = {DOCLING_JSON: 512 << 20, MARKDOWN: 64 << 20, CHUNKS: 256 << 20, REFERENCES: 64 << 20}
LARGEST_FIGURE = 32 << 20
LARGEST_FIGURES = 1 << 30  #: all of one document together


class Backend(StrEnum):
    """What reads the pages of a PDF, best first."""

    DOCLING_PARSE = "docling-parse"
    PDFIUM = "pypdfium2"
    TEXT = "text only"  #: pypdfium2 too, but paragraphs as they come: no layout, no tables, no figures


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """What one converter child may use. They hold for hostile files; honest papers stay far below."""

    timeout_s: float = 300.0  #: wall clock for one document, with what is tried again inside
    ocr_page_s: float = 20.0  #: what each page that is read with OCR adds to it
    cpu_s: float | None = None  #: CPU seconds for one document, all threads together; None = the wall clock on all cores
    memory_mb: int = 4096  #: data of one child; 380 MB are Docling's own before the first page
    documents_per_child: int = 100  #: then a fresh child: parsers leak
    growth_mb: int = 1024  #: a child that holds so much more than when it was ready is replaced before its next document
    max_pages: int = 1000
    bounds: Bounds = field(default_factory=Bounds)
    uid: int | None = field(default_factory=unprivileged_uid)  #: user and group that a child of root becomes; None = stays root


@dataclass(frozen=True, slots=True, kw_only=True)
class ChildSetup:
    """All that a child is told when it starts."""

    parent_pid: int = 0  #: filled in when the child is started: a parent may fork between making and starting
    converter: str
    opener: str  #: the module whose open_converter is called; tests put a misbehaving one here
    backend: Backend = Backend.DOCLING_PARSE
    artifacts: Path | None
    tokenizer_file: Path
    max_tokens: int
    limits: Limits
    ocr: OcrChoice = field(default_factory=OcrChoice)


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """Convert and split `source`, or, where it is None, split again the stored document that was given."""

    workdir: Path  #: the tray: results are written here
    doc_id: str
    conversion_id: str
    source: Source | None = None
    pages: tuple[PageQuality, ...] = ()  #: of the stored conversion; a fresh one measures its own


@dataclass(frozen=True, slots=True, kw_only=True)
class FigurePlace:
    """Where the figure of this item stands; its picture is the file of the same position."""

    ref: str
    page: int | None
    box: Box | None


@dataclass(frozen=True, slots=True, kw_only=True)
class ConvertedInfo:
    """The small part of a conversion's result."""

    document: Document
    n_pages: int
    is_partial: bool
    warnings: tuple[str, ...]
    pages: tuple[PageQuality, ...]
    figures: tuple[FigurePlace, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """A line before the answer: how many pages are read. All numbers are a hostile file's word for it."""

    kind: Literal["progress"] = "progress"
    pages_done: Annotated[int, Field(ge=0)]
    pages_total: Annotated[int, Field(ge=0, le=1_000_000)]
    ocr_pages: Annotated[int, Field(ge=0)] = 0  #: of them, those that OCR is to read: more time is allowed for each

    def __post_init__(self) -> None:
        if max(self.pages_done, self.ocr_pages) > self.pages_total:
            raise ValueError(f"{self.pages_done} pages and {self.ocr_pages} with OCR of {self.pages_total}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """The last line of the child on one request. Exactly one of a failure's code, a conversion, or (for ready and split) neither."""

    kind: Literal["answer"] = "answer"
    error_code: str | None = None
    error: str | None = None
    converted: ConvertedInfo | None = None
    convert_s: float = 0.0
    split_s: float = 0.0
    peak_mb: int = 0  #: most memory the child ever held, to set limits by
    is_worn: bool = False  #: a native thread of it still works on this document: the next needs a fresh child
    isolation: Isolation | None = None  #: with ready alone


SETUP = TypeAdapter(ChildSetup)
REQUEST = TypeAdapter(Request)
SAID: TypeAdapter[Progress | Answer] = TypeAdapter(Annotated[Progress | Answer, Field(discriminator="kind")])
CHUNK_LIST = TypeAdapter(tuple[Chunk, ...])
REFERENCE_LIST = TypeAdapter(tuple[Reference, ...])


def write_chunks(workdir: Path, chunks: Sequence[Chunk]) -> None:
    (workdir / CHUNKS).write_bytes(CHUNK_LIST.dump_json(tuple(chunks)))


def write_references(workdir: Path, references: Sequence[Reference]) -> None:
    (workdir / REFERENCES).write_bytes(REFERENCE_LIST.dump_json(tuple(references)))


class Tray:
    """The folder in which the files of one document pass between parent and child; the parent's side of it.

    It lies in a folder that the child cannot change, and is held open: what the child does to names outside it has no effect.
    """

    def __init__(self, path: Path, owner: int | None) -> None:
        self.path, self.owner = path, owner
        path.mkdir(mode=0o700)
        self._folder = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
        if owner is not None:
            os.chown(path, owner, owner)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        os.close(self._folder)
        remove_tree(self.path)

    def give(self, path: Path, name: str) -> Path:
        """A copy of this file for the child to read, whoever may read the original. Raises OSError.

        Not a link: its rights are the original's, and to change them would change those too.
        """
        folder = self.path / GIVEN
        folder.mkdir()
        folder.chmod(0o755)
        copy = Path(shutil.copyfile(path, folder / name))
        copy.chmod(0o444)
        return copy

    def read(self, name: str, largest: int, *, within: str = ".") -> bytes:
        """What the child left under this name, as it is now. Raises ValueError for all but a plain file of its own, of at most
        this size."""
        try:
            folder = os.open(within, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW, dir_fd=self._folder)
            try:  # O_NONBLOCK: or a pipe that nobody writes to would be waited for
                opened = os.open(name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK, dir_fd=folder)
            finally:
                os.close(folder)
        except OSError as error:
            raise ValueError(f"{name}: {error.strerror}") from error
        try:
            status = os.fstat(opened)
            # A second name or another owner: a hard link to what was never the child's to give.
            is_own = status.st_uid == (os.geteuid() if self.owner is None else self.owner) and status.st_nlink == 1
            if not stat.S_ISREG(status.st_mode) or not is_own:
                raise ValueError(f"{name} is no plain file of the child's own")
            with open(opened, "rb", closefd=False) as file:
                content = file.read(largest + 1) if status.st_size <= largest else b""
            if max(status.st_size, len(content)) > largest:  # it may have grown
                raise ValueError(f"{name} has more than {largest:,} bytes")
            return content
        finally:
            os.close(opened)

    def read_text(self, name: str) -> str:
        """The same for a text, which must be UTF-8 (a UnicodeDecodeError is a ValueError)."""
        return self.read(name, LARGEST[name]).decode("utf-8")


def remove_tree(path: Path) -> None:
    """Remove a folder that a hostile child may have filled. Never follows a link; what cannot be removed stays."""
    try:
        shutil.rmtree(path, ignore_errors=True)
    except RecursionError:  # a thousand folders in each other, one call for each
        subprocess.run(["rm", "-rf", "--", str(path)], check=False, stderr=subprocess.DEVNULL)
