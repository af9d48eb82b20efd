"""Originals, conversions and figure crops as files named by the sha256 of their bytes.

A blob is written to a temporary name, fsynced and renamed: what has its name is whole. Blobs are never changed, and the
same bytes are stored once, however often they are put.
"""

from __future__ import annotations

import hashlib
import os
import shutil
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

import zstandard

from errors import LibraryError, Unreadable
from leftovers import name_in_progress


class Blobs:
    """The folder `blobs/` of a library."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def path_of(self, digest: str) -> Path:
        return self.root / digest[:2] / digest

    def put(self, data: bytes) -> str:
        """Store these bytes; returns their sha256."""
        digest = hashlib.sha256(data).hexdigest()
        if not self.has(digest):
            with self._temporary() as temporary:
                temporary.write_bytes(data)
                self._keep(temporary, digest)
        return digest

    def put_file(self, path: Path, digest: str) -> None:
        """Store a copy of a file whose sha256 was computed before; raises Unreadable where the file has changed since, even if
        the bytes that it had are stored already: whatever was made of it meanwhile may be of the new ones."""
        _refuse_unless_same(path, path.name, digest)
        if self.has(digest):
            return
        with self._temporary() as temporary:
            shutil.copyfile(path, temporary)
            _refuse_unless_same(temporary, path.name, digest)
            self._keep(temporary, digest)

    def get(self, digest: str) -> bytes:
        """The bytes of this digest; raises LibraryError where they are missing."""
        try:
            return self.path_of(digest).read_bytes()
        except FileNotFoundError as error:
            raise LibraryError(
                f"Blob {digest[:12]} is missing from {self.root}. The rows that name it are still there. "
                "Run `reread audit` to see what is affected; restore the file from a copy of the library."
            ) from error

    def put_text(self, text: str) -> str:
        """Store text compressed with zstd; the digest is that of the compressed bytes, as `sha256sum` would give it."""
        return self.put(zstandard.ZstdCompressor(level=9).compress(text.encode()))

    def get_text(self, digest: str) -> str:
        return zstandard.ZstdDecompressor().decompress(self.get(digest)).decode()

    def has(self, digest: str) -> bool:
        return self.path_of(digest).exists()

    def is_sound(self, digest: str) -> bool:
        """True where the bytes still hash to their name."""
        with self.path_of(digest).open("rb") as blob:
            return hashlib.file_digest(blob, "sha256").hexdigest() == digest

    def digests(self) -> Iterator[str]:
        """Every blob there is."""
        return (path.name for path in self.root.glob("??/*"))

    def remove(self, digests: Iterable[str]) -> None:
        """Delete these blobs; one that is not there is as it should be."""
        for digest in digests:
            self.path_of(digest).unlink(missing_ok=True)

    @property
    def in_progress(self) -> Path:
        """The folder of blobs that are being written."""
        return self.root / "tmp"

    @contextmanager
    def _temporary(self) -> Iterator[Path]:
        """A name to write to; what was not kept by the end is removed. Raises LibraryError where it cannot be written."""
        path = self.in_progress / name_in_progress()
        try:
            self.in_progress.mkdir(parents=True, exist_ok=True)
            yield path
        except OSError as error:
            raise LibraryError(
                f"Could not write to {self.root}: {error}. Nothing of this file was stored. "
                "Free some space, or check that the folder may be written, then run the command again."
            ) from error
        finally:
            path.unlink(missing_ok=True)

    def _keep(self, temporary: Path, digest: str) -> None:
        final = self.path_of(digest)
        is_new = not final.parent.exists()
        final.parent.mkdir(exist_ok=True)
        _sync(temporary)
        temporary.rename(final)
        _sync(final.parent)
        if is_new:
            _sync(self.root)


def _sync(path: Path) -> None:
    """Wait until this file, or the names in this folder, are on the disk."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _refuse_unless_same(path: Path, name: str, digest: str) -> None:
    try:
        with path.open("rb") as file:
            now = hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise Unreadable(
            f"{name!r} could be read before and cannot now: {error.strerror}. Nothing of it was stored. "
            "Check that it is still there, then add it again."
        ) from error
    if now != digest:
        raise Unreadable(f"{name!r} changed while it was added. Nothing of it was stored. Add it again when it is complete.")
