"""Find the files that were named, and make a Source of each.

A newcomer would expect `find_sources` to complain about a path that is not there. It does not: it yields every path that was
named, and `read_source` says what is wrong with it, so that one bad name never stops the others. Nothing is opened that could
block or never end: a pipe, a socket or a device is refused before its first byte.
"""

from __future__ import annotations

import glob
import hashlib
import os
import stat
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import BinaryIO

from errors import EmptyFile, TooLarge, Unreadable
from ingest.formats.names import ENDINGS
from ingest.formats.recognise import HEADER_BYTES, is_ours, refuse_unless_readable
from records import Source

BLOCK_BYTES = 1 << 20  #: read at once while hashing
NAME_CHARS = 255  #: of a label; the longest file name of common file systems


def find_sources(arguments: Sequence[str], stdin: BinaryIO) -> Iterator[Path]:
    """The files these arguments name, each real file once, in an order that depends on the names alone.

    A folder gives its documents at any depth (formats/names.py says which): JSON and XML only where they begin as one; hidden names and
    links to folders left out. A file is taken whatever its ending, a pattern is expanded as a shell would, '-' reads a list
    from stdin, separated by newlines or NULs.
    """
    seen: set[str] = set()
    for argument in arguments:
        named = _stdin_names(stdin) if argument == "-" else _expanded(argument)
        for name in named:
            for path in _files_under(Path(name)):
                real = os.path.realpath(path)
                if real not in seen:
                    seen.add(real)
                    yield path


def _expanded(argument: str) -> Sequence[str]:
    """The names a pattern stands for; a name that exists, or a pattern that matches nothing, stands for itself."""
    if os.path.lexists(argument) or not glob.has_magic(argument):
        return [argument]
    return sorted(glob.glob(argument, recursive=True)) or [argument]  # noqa: PTH207 - Path.glob takes no absolute pattern


def _stdin_names(stdin: BinaryIO) -> Iterator[str]:
    """The names of a list. Names are bytes on Linux, so the list is read as bytes; a NUL in the first block makes NUL the sign."""
    block = stdin.read(BLOCK_BYTES)
    separator = b"\0" if b"\0" in block else b"\n"
    rest = b""
    while block:
        *whole, rest = (rest + block).split(separator)
        yield from (os.fsdecode(name) for line in whole if (name := line.rstrip(b"\r\n")))
        block = stdin.read(BLOCK_BYTES)
    if name := rest.rstrip(b"\r\n"):
        yield os.fsdecode(name)


def _files_under(path: Path) -> Iterator[Path]:
    """The path itself, or the documents of the folder that it is; a folder that cannot be listed is given for read_source to refuse."""
    if not _is_folder(path):
        yield path
        return
    try:
        entries = sorted(os.scandir(path), key=lambda entry: entry.name)
    except OSError:
        yield path
        return
    for entry in entries:
        if entry.name.startswith("."):
            continue
        if entry.is_dir(follow_symlinks=False):
            yield from _files_under(Path(entry.path))
        elif entry.name.lower().endswith(ENDINGS) and not _is_folder(Path(entry.path)) and _is_document(Path(entry.path)):
            yield Path(entry.path)


def _is_document(path: Path) -> bool:
    """False for a JSON or XML file that is something else: a folder of papers is full of them. What cannot be read is given, for
    read_source to refuse."""
    if path.suffix.lower() not in (".json", ".xml", ".nxml"):
        return True
    try:
        with _opened(path) as file:
            return not stat.S_ISREG(os.fstat(file.fileno()).st_mode) or is_ours(file.read(HEADER_BYTES), path.name)
    except OSError:
        return True


def _opened(path: Path) -> BinaryIO:
    # Without O_NONBLOCK the open itself would wait for a pipe's other end.
    descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0))
    return os.fdopen(descriptor, "rb", buffering=0)


def _is_folder(path: Path) -> bool:
    try:
        return path.is_dir()
    except OSError:  # behind a folder that may not be entered: for read_source to refuse
        return False


def read_source(path: Path, max_bytes: int) -> Source:
    """The Source of this file, hashed as it is read. Raises Unreadable, EmptyFile, TooLarge or UnsupportedFormat."""
    name = label(path)
    try:
        with _opened(path) as file:
            return _read(file, name, path, max_bytes)
    except (OSError, ValueError) as error:  # ValueError: a NUL in the path
        reason = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
        raise Unreadable(
            f"Could not read {name!r}: {reason}. It was left out. Check that the path exists and may be read."
        ) from error


def _read(file: BinaryIO, name: str, path: Path, max_bytes: int) -> Source:
    status = os.fstat(file.fileno())
    if not stat.S_ISREG(status.st_mode):
        kind = "a folder" if stat.S_ISDIR(status.st_mode) else "not a regular file"
        raise Unreadable(
            f"Could not read {name!r}: it is {kind}. It was left out. Name a file, or a folder that may be listed."
        )
    if status.st_size == 0:
        raise EmptyFile(f"{name!r} has no bytes. It was left out. Fetch the file again.")
    if status.st_size > max_bytes:
        raise TooLarge(
            f"{name!r} has {status.st_size / 1e6:,.1f} MB, more than the {max_bytes / 1e6:,.1f} MB allowed. It was left out. "
            "Split it, or raise max_file_mb in reread.toml."
        )
    refuse_unless_readable(file.read(HEADER_BYTES), name)
    file.seek(0)
    digest, size = _hashed(file, status.st_size)
    if size != status.st_size:
        raise Unreadable(f"{name!r} changed while it was read. It was left out. Add it again when it is complete.")
    return Source(name=name, path=path, sha256=digest, size=size)


def _hashed(file: BinaryIO, expected: int) -> tuple[str, int]:
    """sha256 and size; stops soon after the expected size, for a file that grows as fast as it is read."""
    digest, size = hashlib.sha256(), 0
    while size <= expected and (block := file.read(BLOCK_BYTES)):
        digest.update(block)
        size += len(block)
    return digest.hexdigest(), size


def label(path: Path) -> str:
    """A file's name as text that can be stored and printed: no undecodable bytes, no control signs. Never used as a path."""
    text = os.fsencode(path.name or str(path)).decode("utf-8", "replace")
    return "".join(sign if sign.isprintable() else "\N{REPLACEMENT CHARACTER}" for sign in text)[:NAME_CHARS]
