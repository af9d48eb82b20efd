"""Papers that come over the wire: stored while they come, checked, queued. A request that was answered is on the disk.

A newcomer would collect an upload and then look at it. Here every byte is counted and hashed as it comes and what is too large
ends at once; nothing but the hash ever names a file, and what the sender calls it is a label. The order is that of every effect:
the file, then the ledger. A crash between them leaves a file that nobody asked for, never a job without its file.
"""

from __future__ import annotations

import hashlib
import os
import tempfile
import threading
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path, PurePosixPath
from typing import BinaryIO, Self

from errors import EmptyFile, InputRefused, LibraryError, RereadError, TooLarge
from ingest.formats.recognise import HEADER_BYTES, refuse_unless_readable
from ingest.source import label
from jobs import Ledger
from jobs.access import Admission
from leftovers import name_in_progress, remove_leftovers
from records import Job, Source
from store.library import Library
from storing import Recipe, payload_of

#: Under the library's root: what was submitted and is not stored yet, each file named by its sha256.
UPLOADS = "uploads"
IN_PROGRESS = "tmp"


def uploads_of(library: Library) -> Path:
    """The folder of a library's uploads, with its folder for those that are coming; made where it is not there."""
    folder = library.root / UPLOADS
    (folder / IN_PROGRESS).mkdir(parents=True, exist_ok=True)
    return folder


def remove_abandoned(library: Library) -> None:
    """Delete what processes that died were receiving."""
    remove_leftovers(uploads_of(library) / IN_PROGRESS)


def shown_name(name: str) -> str:
    """What a sender calls a file, as a label: its last part, printable."""
    last = PurePosixPath(name.replace("\\", "/")).name
    return label(Path(last)) if last.strip(". ") else "unnamed"


class Upload:
    """One file while it comes. Everything here may wait for the disk, so it belongs in a thread."""

    def __init__(self, folder: Path, name: str, *, max_bytes: int) -> None:
        self.name, self._max_bytes, self._folder = name, max_bytes, folder
        self._head, self._digest = b"", hashlib.sha256()
        self._path = folder / IN_PROGRESS / name_in_progress()
        self._file: BinaryIO | None = None
        self.size = 0
        self.sha256 = ""  #: once it is whole

    def write(self, data: bytes) -> None:
        """Take these bytes. Raises TooLarge, and UnsupportedFormat as soon as the first bytes show it."""
        if self.size + len(data) > self._max_bytes:
            raise TooLarge(
                f"{self.name!r} has more than the {self._max_bytes >> 20} MB that one file may have. It was left out."
            )
        if len(self._head) < HEADER_BYTES:
            self._head += data[: HEADER_BYTES - len(self._head)]
            if len(self._head) == HEADER_BYTES:
                refuse_unless_readable(self._head, self.name)
        with _writing_to(self._folder):
            if self._file is None:
                self._file = self._path.open("xb", buffering=0)
            self._file.write(data)
        self._digest.update(data)
        self.size += len(data)

    def end(self) -> None:
        """All bytes came; they are on the disk when this returns. Raises EmptyFile and UnsupportedFormat."""
        if not self.size:
            raise EmptyFile(f"{self.name!r} has no bytes. It was left out. Fetch it again.")
        refuse_unless_readable(self._head, self.name)
        with _writing_to(self._folder):
            assert self._file is not None
            os.fsync(self._file.fileno())
            self._file.close()
        self.sha256 = self._digest.hexdigest()

    def keep_as(self, final: Path) -> None:
        """Give the file its name. The folder is not synced yet."""
        with _writing_to(self._folder):
            self._path.rename(final)
        self._file = None  # nothing to discard: whoever ends the request, in the event loop, need not ask the disk

    def discard(self) -> None:
        """Let go of what came and was not kept."""
        if self._file is not None:
            self._file.close()
            self._path.unlink(missing_ok=True)


@dataclass(frozen=True, slots=True, kw_only=True)
class Refused:
    """A file that was not taken."""

    name: str
    error: InputRefused


class Reception:
    """The files of one request while they come, one after the other. One that is refused costs itself only.

    A context manager: what is not submitted by its end is gone.
    """

    def __init__(self, library: Library, *, max_file_bytes: int) -> None:
        self._library, self._max_file_bytes = library, max_file_bytes
        self._coming: Upload | None = None
        self.uploads: list[Upload] = []
        self.refused: list[Refused] = []

    @cached_property
    def _folder(self) -> Path:
        return uploads_of(self._library)  # with the first file, which is in a thread

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        for upload in [*self.uploads, *([self._coming] if self._coming else [])]:
            upload.discard()

    def begin(self, name: str) -> None:
        """The next file begins."""
        self._coming = Upload(self._folder, shown_name(name), max_bytes=self._max_file_bytes)

    def write(self, data: bytes) -> None:
        """More of it; dropped where the file was refused."""
        if self._coming:
            self._try(self._coming, lambda upload: upload.write(data))

    def end(self) -> None:
        """It is whole."""
        if self._coming and self._try(self._coming, Upload.end):
            self.uploads.append(self._coming)
        self._coming = None

    @contextmanager
    def fetching(self, name: str) -> Iterator[Path]:
        """A folder for one file that is fetched from somewhere, gone at the end; a refusal inside is noted under this name."""
        with tempfile.TemporaryDirectory(dir=self._folder / IN_PROGRESS, prefix=name_in_progress()) as into:
            try:
                yield Path(into)
            except InputRefused as error:
                self.refused.append(Refused(name=label(Path(name)), error=error))

    def take(self, path: Path, name: str) -> None:
        """This whole file; a copy is kept."""
        self.begin(name)
        with path.open("rb") as file:
            while self._coming and (block := file.read(1 << 20)):
                self.write(block)
        self.end()

    def _try(self, upload: Upload, step: Callable[[Upload], None]) -> bool:
        try:
            step(upload)
        except InputRefused as error:
            upload.discard()
            self.refused.append(Refused(name=upload.name, error=error))
            self._coming = None
            return False
        return True

    def keep(self) -> list[Source]:
        """All whole files under their hashes, on the disk. What the library has already needs no file."""
        sources = []
        for upload in self.uploads:
            is_stored = self._library.blobs.has(upload.sha256)
            path = self._library.blobs.path_of(upload.sha256) if is_stored else self._folder / upload.sha256
            if not is_stored:
                upload.keep_as(path)
            sources.append(Source(name=upload.name, path=path, sha256=upload.sha256, size=upload.size))
        with _writing_to(self._folder):
            _sync_folder(self._folder)
        return sources


@contextmanager
def _writing_to(folder: Path) -> Iterator[None]:
    """What the disk says, in our words."""
    try:
        yield
    except OSError as error:
        raise LibraryError(
            f"Could not write to {folder}: {error}. Nothing of this file was kept. Free some space, then submit it again."
        ) from error


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


@dataclass(frozen=True, slots=True, kw_only=True)
class Submission:
    """What to do with papers that are on the disk, and for whom."""

    tenant: str
    priority: int = 0
    admission: Admission  #: its bytes are filled in
    trace: str | None = None  #: W3C traceparent of the request


def submit(reception: Reception, wish: Submission, *, library: Library, ledger: Ledger, recipe: Recipe) -> list[Job]:
    """Keep and queue what came, and return its jobs in the same order; a paper that is converted already has a job that is done.

    Raises QueueFull or QuotaExceeded with nothing queued; files that nothing else waits for are then gone.
    """
    digests = [upload.sha256 for upload in reception.uploads]
    with _UNDER_WAY.holding(digests):
        sources = reception.keep()
        try:
            return submit_papers(sources, wish, ledger=ledger, recipe=recipe)
        except RereadError:
            with _UNDER_WAY.alone(digests) as alone:
                _remove_unwanted(alone, library, ledger)
            raise


def submit_papers(sources: Sequence[Source], wish: Submission, *, ledger: Ledger, recipe: Recipe) -> list[Job]:
    """Queue papers that are on the disk; their jobs in the same order."""
    keys = [recipe.chunks_key(source.sha256) for source in sources]
    by_key = dict(zip(keys, sources, strict=True))
    done = ledger.done("chunks", list(by_key))
    work = [
        (key, payload_of(source), 0) for key, source in by_key.items() if key not in done
    ]  # size 0: first come, first served
    admission = replace(wish.admission, n_bytes=sum(source.size for key, source in by_key.items() if key not in done))
    ledger.submit(
        recipe.job_kind,
        work,
        tenant=wish.tenant,
        priority=wish.priority,
        trace=wish.trace,
        admission=admission,
        names=[(source.name, source.sha256) for source in sources],
    )
    for key in done:
        ledger.note_done(recipe.job_kind, key, payload_of(by_key[key]), tenant=wish.tenant)
    jobs = {key: ledger.job_of_key(key, tenant=wish.tenant) for key in by_key}
    return [job for key in keys if (job := jobs[key])]


def _remove_unwanted(digests: Sequence[str], library: Library, ledger: Ledger) -> None:
    """Delete these uploads, but for those that some job is about."""
    for digest in digests:
        with suppress(RereadError):  # while the ledger is away nobody can tell: they stay
            if not ledger.find_jobs(tenant=None, doc_id=digest, limit=1):
                (library.root / UPLOADS / digest).unlink(missing_ok=True)


class _UnderWay:
    """Which uploads requests of this process hold now: the file that one request has no use for may be what another one, with
    the same bytes, is about to queue."""

    def __init__(self) -> None:
        self._lock, self._holders = threading.Lock(), Counter[str]()

    @contextmanager
    def holding(self, digests: Sequence[str]) -> Iterator[None]:
        held = Counter(set(digests))
        with self._lock:
            self._holders += held
        try:
            yield
        finally:
            with self._lock:
                self._holders -= held

    @contextmanager
    def alone(self, digests: Sequence[str]) -> Iterator[list[str]]:
        """Of these uploads, those that only the caller holds; nobody begins to hold one until the context ends."""
        with self._lock:
            yield [digest for digest in set(digests) if self._holders[digest] == 1]


_UNDER_WAY = _UnderWay()
