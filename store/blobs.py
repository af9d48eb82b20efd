"""Originals, conversions and figure crops as files named by the sha256 of their bytes.

A blob is written to a temporary name, fsynced and renamed: what has its name is whole. Blobs are never changed, and the
same bytes are stored once, however often they are put.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import uuid
from collections.abc import Iterable, Iterator
from pathlib import Path

import zstandard

from errors import LibraryError


class Blobs:
    """The folder `blobs/` of a library."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def path_of(self, digest: str) -> Path:
        return self.root / digest[:2] / digest

    def put(self, data: bytes) -> str:
        """Store these bytes; returns their sha256."""
        digest = hashlib.sha256(data).hexdigest()
        if not self.path_of(digest).exists():
            temporary = self._temporary()
            temporary.write_bytes(data)
            self._keep(temporary, digest)
        return digest

    def put_file(self, path: Path, digest: str) -> None:
        """Store a copy of a file whose sha256 was computed before; raises LibraryError where the file has changed since."""
        if self.path_of(digest).exists():
            return
        temporary = self._temporary()
        shutil.copyfile(path, temporary)
        with temporary.open("rb") as copy:
            now = hashlib.file_digest(copy, "sha256").hexdigest()
        if now != digest:
            temporary.unlink()
            raise LibraryError(f"{path.name!r} changed while it was read. Nothing was stored. Add it again.")
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

    def _temporary(self) -> Path:
        folder = self.root / "tmp"
        folder.mkdir(parents=True, exist_ok=True)
        return folder / uuid.uuid4().hex

    def _keep(self, temporary: Path, digest: str) -> None:
        final = self.path_of(digest)
        final.parent.mkdir(exist_ok=True)
        with temporary.open("rb") as written:
            os.fsync(written.fileno())
        temporary.rename(final)
        folder = os.open(final.parent, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)
