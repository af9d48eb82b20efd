"""What is in an archive, and how much: before anything unpacks it.

A newcomer would compare the packed size with the limit. One megabyte unpacks to a gigabyte, so the sizes that count are those
that the directory declares (`zipfile` never gives more than those) and, where there is no directory, the bytes as they come.
"""

from __future__ import annotations

import gzip
import re
import tarfile
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from io import RawIOBase
from pathlib import Path, PurePosixPath
from typing import Any

from errors import Damaged, Encrypted, TooLarge, UnsupportedFormat
from ingest.formats.names import Format

MAX_UNPACKED = 512 << 20  #: bytes of all members together; a thesis with its pictures has 100 MB
MAX_MEMBERS = 10_000
MAX_TEXT = 32 << 20  #: bytes of the LaTeX files of one archive; the longest book seen has 3 MB
#: Members that some parser takes for XML.
_MARKUP = re.compile(r"\.(?:xml|rels|opf|ncx|xhtml|html?|vml|svg)$|^\[Content_Types\]", re.IGNORECASE)
_ENTITY = tuple("<!ENTITY".encode(code) for code in ("ascii", "utf-16-le", "utf-16-be"))
_BLOCK = 1 << 20
_LATEX_ENDINGS = (".tex", ".ltx", ".latex", ".bbl")

_OFFICE = (("word/document.xml", Format.DOCX), ("ppt/presentation.xml", Format.PPTX), ("xl/workbook.xml", Format.XLSX))
_MIMETYPES = {
    "application/epub+zip": Format.EPUB,
    "application/vnd.oasis.opendocument.text": Format.ODT,
    "application/vnd.oasis.opendocument.text-template": Format.ODT,
    "application/vnd.oasis.opendocument.spreadsheet": Format.ODS,
    "application/vnd.oasis.opendocument.presentation": Format.ODP,
}


def format_of_zip(path: Path, name: str) -> Format:
    """DOCX, PPTX, XLSX, ODF, EPUB or LaTeX sources, by what the archive holds. Raises UnsupportedFormat, Damaged, Encrypted,
    TooLarge."""
    with _opened(path, name) as archive:
        names = {info.filename for info in _checked(archive, name)}
        for member, office in _OFFICE:
            if member in names:
                return office
        mimetype = _read(archive, "mimetype", 256).decode("ascii", "replace").strip() if "mimetype" in names else ""
        if found := _MIMETYPES.get(mimetype):
            return found
        if any(member.lower().endswith(".tex") for member in names):
            return Format.SOURCES
    raise UnsupportedFormat(
        f"{name!r} cannot be read: it is a ZIP archive without a document or LaTeX sources in it. It was left out. "
        "Unpack it and add the files that it holds."
    )


def format_of_gzip(path: Path, name: str) -> Format:
    """LaTeX sources, or a refusal."""
    if any(b"\\begin" in data or b"\\document" in data for data in latex_files(path, name).values()):
        return Format.SOURCES
    raise UnsupportedFormat(
        f"{name!r} cannot be read: it is a gzip archive without LaTeX sources in it. It was left out. "
        "Unpack it and add the files that it holds."
    )


def check_archive(path: Path, name: str) -> None:
    """Raises where unpacking this document could do harm: too much in it, or XML that defines entities, which no program
    writes into an Office file and which can name other files or grow without end."""
    with _opened(path, name) as archive:
        for info in _checked(archive, name):
            if _MARKUP.search(info.filename) and _defines_entities(archive, info, name):
                raise Damaged(
                    f"{info.filename!r} in {name} defines XML entities, which no document of this kind needs and which can be "
                    "made to grow without end. Nothing was read. Save it again with the program that it is from."
                )


def latex_files(path: Path, name: str) -> dict[str, bytes]:
    """The LaTeX files of a .zip, a .tar.gz, or a .gz of one file, by their names in it. Raises Damaged, Encrypted, TooLarge."""
    files: dict[str, bytes] = {}
    for member, data in _zipped(path, name) if zipfile.is_zipfile(path) else _tarred(path, name):
        files[str(PurePosixPath(member))] = data
        if sum(map(len, files.values())) > MAX_TEXT:
            raise TooLarge(f"{name} holds more than {MAX_TEXT >> 20} MB of LaTeX. Nothing was read. Add the paper's own files.")
    return files


def _zipped(path: Path, name: str) -> Iterator[tuple[str, bytes]]:
    with _opened(path, name) as archive:
        for info in _checked(archive, name):
            if info.filename.lower().endswith(_LATEX_ENDINGS):
                yield info.filename, _read(archive, info.filename, MAX_TEXT)


def _tarred(path: Path, name: str) -> Iterator[tuple[str, bytes]]:
    try:
        with gzip.open(path) as unzipped:
            is_tar = unzipped.read(512)[257:262] == b"ustar"
            unzipped.seek(0)
            unpacked = _Bounded(unzipped, name)
            if is_tar:
                yield from _members(unpacked, name)
            else:  # arXiv gives a submission of one file as that file, zipped
                yield "main.tex", unpacked.read(MAX_TEXT)
    except (OSError, EOFError, zlib.error, tarfile.TarError) as error:
        raise _damaged(name, error) from error


def _members(unpacked: Any, name: str) -> Iterator[tuple[str, bytes]]:
    with tarfile.open(fileobj=unpacked, mode="r|") as archive:
        for number, member in enumerate(archive):
            if number >= MAX_MEMBERS:
                raise _too_large(name)
            if member.isreg() and member.name.lower().endswith(_LATEX_ENDINGS) and (file := archive.extractfile(member)):
                yield member.name, file.read(MAX_TEXT)


class _Bounded(RawIOBase):
    """What a gzip file unpacks to, until it is too much."""

    def __init__(self, unzipped: Any, name: str) -> None:
        self._unzipped, self._name, self._read_so_far = unzipped, name, 0

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        data = self._unzipped.read(len(buffer))
        self._read_so_far += len(data)
        if self._read_so_far > MAX_UNPACKED:
            raise _too_large(self._name)
        buffer[: len(data)] = data
        return len(data)


@contextmanager
def _opened(path: Path, name: str) -> Iterator[zipfile.ZipFile]:
    try:
        with zipfile.ZipFile(path) as archive:
            yield archive
    except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, ValueError) as error:
        raise _damaged(name, error) from error


def _checked(archive: zipfile.ZipFile, name: str) -> list[zipfile.ZipInfo]:
    members = archive.infolist()
    if any(info.flag_bits & 1 for info in members):
        raise Encrypted(f"{name} needs a password. Nothing was read. Save it without a password, then add it again.")
    if len(members) > MAX_MEMBERS or sum(info.file_size for info in members) > MAX_UNPACKED:
        raise _too_large(name)
    return members


def _defines_entities(archive: zipfile.ZipFile, info: zipfile.ZipInfo, name: str) -> bool:
    with archive.open(info) as file:
        before = b""
        while block := file.read(_BLOCK):
            if any(sign in before + block for sign in _ENTITY):
                return True
            before = block[-32:]
    return False


def _read(archive: zipfile.ZipFile, member: str, most: int) -> bytes:
    with archive.open(member) as file:
        return file.read(most)


def _too_large(name: str) -> TooLarge:
    return TooLarge(
        f"{name} unpacks to more than {MAX_UNPACKED >> 20} MB or {MAX_MEMBERS:,} members. Nothing was read. "
        "Take out what is not the paper, then add it again."
    )


def _damaged(name: str, error: Exception) -> Damaged:
    return Damaged(
        f"{name} could not be unpacked: {str(error).rstrip('.') or type(error).__name__}. Nothing was read. Fetch it again."
    )
