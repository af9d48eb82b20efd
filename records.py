"""The frozen records that move between the rooms.

Identity is content: every id here is a hash of what the thing is made from, so a repeat gives the same id
and is harmless. No record knows where it is stored; no dict crosses from room to room.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, Protocol

if TYPE_CHECKING:
    from concurrent.futures import Future
    from contextlib import AbstractContextManager

    import numpy as np


def content_id(*parts: Any) -> str:
    """The hex sha256 of these parts as canonical JSON: the one way an id is made here."""
    return hashlib.sha256(json.dumps(parts, sort_keys=True, ensure_ascii=False, separators=(",", ":")).encode()).hexdigest()


@dataclass(frozen=True, slots=True, kw_only=True)
class Box:
    """A rectangle on a page, in PDF points (1/72 inch), origin bottom left."""

    left: float
    bottom: float
    right: float
    top: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where a stretch of a chunk's text stands on paper: text[start:end] is printed in this box of this page."""

    start: int
    end: int
    page: int  #: from 1
    box: Box


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """The bytes of one file and how they were named. The name is a label, never used as a path."""

    name: str
    path: Path
    sha256: str
    size: int  #: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Document:
    """A source with its bibliography. `csl` is the CSL-JSON item (https://citeproc-js.readthedocs.io)."""

    id: str  #: sha256 of the bytes
    name: str
    size: int  #: bytes
    title: str | None = None
    authors: tuple[str, ...] = ()
    year: int | None = None
    doi: str | None = None
    arxiv_id: str | None = None
    csl: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class OcrChoice:
    """What is read with OCR when a paper is converted."""

    mode: Literal["auto", "off", "force"] = "auto"  #: pages without usable text, none, every page
    languages: tuple[str, ...] = ()  #: as Docling names them, such as 'en' or 'iso:de'; none = the shipped model's fifty
    figures: bool = False  #: also the text inside figures that have none of their own


@dataclass(frozen=True, slots=True, kw_only=True)
class Reference:
    """One entry of a paper's reference list. What it does not say in a shape that we know is None; its text is always whole."""

    id: str  #: 'Reference 3': its printed number, or its place in a list without numbers; what chunks cite it by
    label: str  #: '3', or 'Smith 2019a' where the list has no numbers
    text: str  #: as printed, without the number
    page: int  #: from 1, where it begins; 0 = not known
    authors: tuple[str, ...] = ()  #: 'Family, Given'
    title: str | None = None
    year: int | None = None
    container: str | None = None  #: journal, proceedings or book
    volume: str | None = None
    issue: str | None = None
    pages: str | None = None
    doi: str | None = None  #: lower case
    arxiv_id: str | None = None
    url: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class BibEntry:
    """One entry of a bibliography that somebody keeps, with its key there, as a CSL-JSON item."""

    key: str
    item: dict[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class PageQuality:
    """What the converter knows of one page."""

    page: int  #: from 1
    width: float  #: PDF points
    height: float  #: PDF points
    n_chars: int  #: characters of the text layer
    figure_share: float  #: share of the page's area that is figure, 0 to 1
    confidence: float  #: 0 to 1, mean of what is known of its text (of what OCR read, by OCR), its layout and its tables
    backend: str = ""  #: what read it, such as 'docling-parse' or 'pypdfium2'; '' = not known
    ocr_share: float = 0.0  #: share of its characters that OCR read, 0 to 1
    ocr_confidence: float | None = None  #: mean over the characters that OCR read, 0 to 1; None = it read none
    turned: int = 0  #: degrees that it was turned for its text to run across
    hyphens: int = 0  #: words closed that a line's end had divided
    letters: int = 0  #: ligatures taken apart, accents put on their letters
    furniture: int = 0  #: running heads, feet and page numbers kept out of the text
    joins: int = 0  #: stretches of it joined to a paragraph that began before


@dataclass(frozen=True, slots=True, kw_only=True)
class FigureCrop:
    """The picture of one figure or display formula, cut out of its page or brought along by its document."""

    ref: str  #: the item's reference in the DoclingDocument: '#/pictures/3', or '#/texts/40' of a formula
    page: int | None  #: from 1; None with the box where the document has no pages
    box: Box | None
    png: str  #: blob digest

    @property
    def kind(self) -> Literal["figure", "formula"]:
        return "figure" if self.ref.startswith("#/pictures/") else "formula"


@dataclass(frozen=True, slots=True, kw_only=True)
class Conversion:
    """One document as one converter read it. The blobs hold the lossless DoclingDocument JSON and its Markdown."""

    id: str
    doc_id: str
    converter: str  #: name, version and options, such as 'rules/1 docling/2.143.0'
    n_pages: int  #: 0 where the document has none: DOCX, HTML, JATS, LaTeX
    is_partial: bool  #: True where some pages could not be read; `warnings` name them
    warnings: tuple[str, ...]
    pages: tuple[PageQuality, ...]
    figures: tuple[FigureCrop, ...]
    docling_json: str  #: blob digest
    markdown: str  #: blob digest
    seconds: float
    references: str | None = None  #: blob digest of the entries as JSON; None = converted before they were read


class ChunkKind(StrEnum):
    TEXT = "text"
    TABLE = "table"
    FIGURE = "figure"
    FORMULA = "formula"
    REFERENCES = "references"  #: entries of the reference list


@dataclass(frozen=True, slots=True, kw_only=True)
class Features:
    """What routing asks of a chunk, measured once when the paper was converted."""

    n_words: int
    n_numbers: int
    figure_share: float  #: share of the chunk's area on its pages that is figure, 0 to 1
    table_share: float  #: the same for tables
    formula_share: float  #: share of the characters that stand in formulas or are mathematical signs
    has_caption: bool
    text_confidence: float  #: of the pages it stands on, 0 to 1
    ocr_share: float = 0.0  #: of the pages it stands on, the share of the characters that OCR read


@dataclass(frozen=True, slots=True, kw_only=True)
class Chunk:
    """The smallest thing found and cited. `text` never exceeds what the embedding model reads."""

    id: str
    doc_id: str
    conversion_id: str
    ordinal: int  #: reading order in the conversion, from 0
    kind: ChunkKind
    headings: tuple[str, ...]  #: path from the top, the title left out
    text: str
    places: tuple[Place, ...]
    holds: tuple[str, ...]  #: references of the figures and tables in it, such as '#/tables/0'
    cites: tuple[str, ...]  #: what it mentions: 'Figure 2', 'Table 1', and by their ids entries of the list: 'Reference 3'
    features: Features

    @property
    def searchable(self) -> str:
        """What is embedded and indexed: the heading path, then the text."""
        return "\n".join([" > ".join(self.headings), self.text]) if self.headings else self.text

    @property
    def pages(self) -> tuple[int, ...]:
        return tuple(sorted({place.page for place in self.places}))

    def places_of(self, span: tuple[int, int]) -> tuple[Place, ...]:
        """The places that this span of the text touches, in reading order."""
        return tuple(place for place in self.places if place.start < span[1] and span[0] < place.end)


@dataclass(frozen=True, slots=True, kw_only=True)
class Paper:
    """Everything that is stored of one document at once."""

    document: Document
    conversion: Conversion
    chunks: tuple[Chunk, ...]
    vectors: np.ndarray = field(compare=False)  #: one row per chunk, shape (chunks, dimension)


class UnitKind(StrEnum):
    CHUNK = "chunk"
    SECTION = "section"
    DOCUMENT = "document"


@dataclass(frozen=True, slots=True, kw_only=True)
class UnitFigure:
    """One picture that a unit holds, with what the paper says of it elsewhere."""

    crop: FigureCrop
    chunk_id: str  #: the chunk that holds it, and its caption where it has one
    citing: tuple[Chunk, ...] = ()  #: other chunks of the paper that mention it, in reading order


@dataclass(frozen=True, slots=True, kw_only=True)
class Unit:
    """What a prompt reads in one call: a list of chunks of one document, in reading order."""

    id: str
    doc_id: str
    chunks: tuple[Chunk, ...]
    vectors: np.ndarray | None = field(default=None, compare=False)  #: the chunks' stored vectors, shape (chunks, dimension)
    figures: tuple[UnitFigure, ...] = ()  #: what the chunks hold for a reader with eyes, in reading order


class Lane(StrEnum):
    SKIP = "skip"
    EMBEDDED = "embedded"
    TEXT = "text"
    VISION = "vision"
    VOTES = "votes"  #: no reader: what the units of a document say of the document, brought together


@dataclass(frozen=True, slots=True, kw_only=True)
class Route:
    """Where a unit goes for a prompt, and why, in words a person can read."""

    lane: Lane
    reason: str


class RouteMode(StrEnum):
    """What a prompt asks of the router."""

    AUTO = "auto"  #: unit by unit, the cheapest lane at hand that can see what is asked
    EMBEDDED = "embedded"
    TEXT = "text"
    VISION = "vision"
    CASCADE = "cascade"  #: embedded first; the next lane only where the one before is unsure or its evidence fails


@dataclass(frozen=True, slots=True, kw_only=True)
class Example:
    """One worked example of a prompt: a text, and the record that it should give."""

    text: str
    answer: dict[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Prompt:
    """A question put to every unit. Its identity is its content; its name is a label."""

    name: str
    hash: str
    unit: UnitKind
    system: str  #: instructions, a Jinja2 template
    template: str  #: what is said of one unit, a Jinja2 template over `unit`, `document`
    schema: dict[str, Any]  #: JSON schema of the answer
    kinds: frozenset[ChunkKind]  #: chunks of other kinds are skipped
    model: str | None  #: alias, where the prompt names one
    options: dict[str, Any]  #: sampling: temperature, max_tokens, seed
    route: RouteMode = RouteMode.AUTO
    sees: Literal["figures", "pages"] = "figures"  #: what the vision lane is sent: crops, or whole pages where a prompt says so
    examples: tuple[Example, ...] = ()
    checks: tuple[str, ...] = ()  #: arithmetic that every record must keep, such as 'total = control + treated'
    verify: str | None = None  #: alias of the second model that judges each value from its chunk alone


class Verdict(StrEnum):
    SUPPORTED = "supported"
    CONTRADICTED = "contradicted"
    NOT_FOUND = "not_found"
    UNCHECKED = "unchecked"


#: Of several verdicts the first of these stands for all.
WORST_FIRST = (Verdict.CONTRADICTED, Verdict.NOT_FOUND, Verdict.UNCHECKED, Verdict.SUPPORTED)


#: The check that finds what a record leaves null although the text says it.
MISSING = "missing"


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """The words or the region of the page that support one value."""

    field: str  #: JSON path of the value in the record, such as 'measurements[0].value'
    quote: str  #: the supporting words, exactly as the reader gave them
    chunk_id: str
    span: tuple[int, int] | None  #: where the quote stands in the chunk's text; None = not found there
    page: int | None  #: from 1; None where the quote was not found
    box: Box | None
    found_by: str = ""  #: exact, normalised, aligned, or region for a picture; '' where it was not found
    verdict: Verdict = Verdict.UNCHECKED
    method: str = ""  #: the check that gave the verdict, such as 'number' or 'model:qwen-8b'
    reason: str = ""  #: what that check saw, in words; '' for what is supported

    @property
    def is_of_nothing(self) -> bool:
        """Whether it is no evidence for a value, but the doubt that there should have been one."""
        return self.method == MISSING


@dataclass(frozen=True, slots=True, kw_only=True)
class Usage:
    """What one reading cost. None is unknown, never zero."""

    prompt_tokens: int | None = None
    cached_tokens: int | None = None
    completion_tokens: int | None = None
    images: int = 0
    pixels: int = 0  #: of all images that were sent
    seconds: float = 0.0
    energy_j: float | None = None
    energy_source: Literal["counter", "coefficient"] | None = None  #: how the joules are known: measured, or per token


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One lane's try at a unit, within a cascade."""

    lane: Lane
    model: str  #: alias
    usage: Usage
    why: str  #: why the next lane was asked; '' for the last


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """What a reader made of one unit: a record that fits the prompt's schema, or a named failure with the raw answer."""

    record: dict[str, Any] | None
    evidence: tuple[Evidence, ...] = ()
    usage: Usage = Usage()
    error_code: str | None = None
    error: str | None = None
    raw: str | None = None  #: the answer as it came, kept only for a failure
    confidence: float | None = None  #: 0 to 1, how sure the reader is of the whole record; None = it does not say
    model: str = ""  #: alias of what read it
    steps: tuple[Step, ...] = ()  #: of a cascade: every lane that was asked, in order; `usage` is their sum

    @property
    def is_ok(self) -> bool:
        return self.error_code is None


@dataclass(frozen=True, slots=True, kw_only=True)
class Extraction:
    """One reading with what it was read from and by."""

    id: str
    doc_id: str
    unit_id: str
    chunk_ids: tuple[str, ...]
    prompt_name: str
    prompt_hash: str
    model_key: str  #: hash of endpoint kind, name, revision and sampling
    reading_key: str  #: hash of prompt, model and router: what a run shares with every repeat of it
    route: Route
    reading: Reading


class JobState(StrEnum):
    QUEUED = "queued"
    RUNNING = "running"
    PAUSED = "paused"
    DONE = "done"
    FAILED = "failed"
    CANCELLED = "cancelled"

    @property
    def is_final(self) -> bool:
        return self in (JobState.DONE, JobState.FAILED, JobState.CANCELLED)


class Queue(StrEnum):
    """Where a job waits, in the order in which it comes there."""

    CONVERT = "convert"
    EXTRACT = "extract"
    WRITE = "write"  #: its result is whole and waits for the one writer
    MAINTAIN = "maintain"


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """One unit of queued work in the ledger. `fence` rises with every claim: a stale holder's writes are refused."""

    id: str
    kind: str  #: 'add:' and the recipe, or 'read:' and the run
    key: str  #: idempotency key: the same work has the same key
    payload: dict[str, Any]
    state: JobState
    attempt: int  #: tries that count against the job: not those that ended with their process
    fence: int
    error_code: str | None = None
    error: str | None = None
    queue: Queue = Queue.CONVERT
    tenant: str = ""  #: whose it is; '' is the library's own
    priority: int = 0  #: higher first, among the jobs of one tenant
    losses: int = 0  #: times that the process which held it died
    pages_done: int = 0
    pages_total: int = 0  #: 0 = not known yet
    staged: str | None = None  #: while it waits for the writer: the folder of its result, under the library's staging/
    trace: str | None = None  #: W3C traceparent of the request that submitted it
    created: str = ""  #: ISO 8601, UTC
    updated: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """A prompt over a selection with a model and a router: immutable once finished, comparable."""

    id: str
    reading_key: str
    prompt_name: str
    prompt_hash: str
    model: str  #: alias
    selection: str  #: what was asked for, as text
    state: JobState
    created: str  #: ISO 8601, UTC
    finished: str | None
    counts: dict[str, float]  #: units, read, cached, skipped, failed, values, prompt_tokens, completion_tokens, seconds
    tenant: str = ""  #: whose it is; '' is the library's own
    prompt: str | None = None  #: the prompt file's text, for workers that only know the run; None = read by the command line


class SearchMode(StrEnum):
    HYBRID = "hybrid"
    VECTOR = "vector"
    TEXT = "text"


@dataclass(frozen=True, slots=True, kw_only=True)
class Hit:
    """One search result with its place in its paper."""

    score: float
    score_kind: str  #: 'rrf' (higher is better), 'bm25' (higher is better) or 'cosine' (higher is better)
    doc_id: str
    doc_name: str
    title: str | None
    year: int | None
    chunk_id: str
    kind: str
    headings: tuple[str, ...]
    pages: tuple[int, ...]
    text: str
    record: dict[str, Any] | None = None  #: for a search in extractions
    doi: str | None = None
    places: tuple[Place, ...] = ()  #: of the chunk's text; of an extraction, where its quotes stand


@dataclass(frozen=True, slots=True, kw_only=True)
class Filter:
    """What a search is limited to; None means no limit."""

    doc_ids: tuple[str, ...] | None = None
    except_doc_ids: tuple[str, ...] | None = None  #: what the caller may not see
    years: tuple[int, int] | None = None  #: first and last, both included
    pages: tuple[int, int] | None = None  #: first and last, both included
    kinds: tuple[str, ...] | None = None  #: chunk kinds
    reading_key: str | None = None  #: of a run; only for extractions
    reading_keys: tuple[str, ...] | None = None  #: of all runs that the caller may see; only for extractions


#: Texts to unit vectors: float32 of shape (len(texts), dimension), each row of length 1.
Embed = Callable[[Sequence[str]], "np.ndarray"]


class Session(Protocol):
    """One prompt being read by one reader."""

    def submit(self, unit: Unit) -> Future[Reading]:
        """The reading of this unit, as it will be. A unit that cannot be read gives a Reading that names its failure; the future
        raises Unreachable where nothing can be read at all."""
        ...

    def flush(self) -> None:
        """No more units come for now: what waits for a fuller batch begins."""
        ...


class Reader(Protocol):
    """What reads units for a prompt: the embedded lane or a model on an endpoint."""

    @property
    def alias(self) -> str: ...

    @property
    def key(self) -> str:
        """Hash of endpoint kind, model name and revision: part of every extraction's identity."""
        ...

    @property
    def lane(self) -> Lane: ...

    def open(self, prompt: Prompt) -> AbstractContextManager[Session]:
        """A session; what is still being read when the block is left is given up."""
        ...


def as_json(record: Any) -> Any:
    """A record, or a list of them, as plain JSON values."""
    from pydantic_core import to_jsonable_python

    return to_jsonable_python(record, fallback=str)
