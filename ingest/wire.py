"""What parent and converter child say to each other: one JSON line each way, large results as files in the work folder.

A newcomer would send paths of results in the answer. The child reads hostile files and may be theirs, so the parent names the
files itself, from the work folder and fixed names, and validates every answer before it becomes a record.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from pydantic import TypeAdapter

from records import Box, Chunk, Document, PageQuality, Source

DOCLING_JSON = "docling.json"  #: the lossless DoclingDocument
MARKDOWN = "paper.md"
CHUNKS = "chunks.json"
FIGURES = "figures"  #: folder of 0.png, 1.png ..., in the order of Converted.figures


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """What one converter child may use. They hold for hostile files; honest papers stay far below."""

    timeout_s: float = 300.0  #: wall clock for one document
    memory_mb: int = 4096  #: data of one child; 380 MB are Docling's own before the first page
    documents_per_child: int = 100  #: then a fresh child: parsers leak
    max_pages: int = 1000


@dataclass(frozen=True, slots=True, kw_only=True)
class ChildSetup:
    """All that a child is told when it starts."""

    parent_pid: int = 0  #: filled in when the child is started: a parent may fork between making and starting
    converter: str
    opener: str  #: the module whose open_converter is called; tests put a misbehaving one here
    artifacts: Path | None
    tokenizer_file: Path
    max_tokens: int
    limits: Limits


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """Convert and split `source`, or, where it is None, split the stored document of the work folder again."""

    workdir: Path
    doc_id: str
    conversion_id: str
    source: Source | None = None
    pages: tuple[PageQuality, ...] = ()  #: of the stored conversion; a fresh one measures its own


@dataclass(frozen=True, slots=True, kw_only=True)
class FigurePlace:
    """Where the figure of this item stands; its picture is the file of the same position."""

    ref: str
    page: int
    box: Box


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
class Answer:
    """One line of the child. Exactly one of a failure's code, a conversion, or (for ready and split) neither."""

    error_code: str | None = None
    error: str | None = None
    converted: ConvertedInfo | None = None
    convert_s: float = 0.0
    split_s: float = 0.0
    peak_mb: int = 0  #: most memory the child ever held, to set limits by


SETUP = TypeAdapter(ChildSetup)
REQUEST = TypeAdapter(Request)
ANSWER = TypeAdapter(Answer)
CHUNK_LIST = TypeAdapter(tuple[Chunk, ...])


def write_chunks(workdir: Path, chunks: Sequence[Chunk]) -> None:
    (workdir / CHUNKS).write_bytes(CHUNK_LIST.dump_json(tuple(chunks)))


def read_chunks(workdir: Path) -> tuple[Chunk, ...]:
    return CHUNK_LIST.validate_json((workdir / CHUNKS).read_bytes())
