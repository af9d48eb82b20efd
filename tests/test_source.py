"""Files are found once, in one order, and refused by name before anything opens them."""

from __future__ import annotations

import hashlib
import io
import os
import socket
import time
from pathlib import Path

import pytest

from errors import EmptyFile, TooLarge, Unreadable, UnsupportedFormat
from ingest.source import find_sources, label, read_source

PDF = b"%PDF-1.7\n" + b"x" * 5000
LIMIT = 1 << 20


def put(path: Path, data: bytes = PDF) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)
    return path


def found(*arguments: str | Path, stdin: bytes = b"") -> list[Path]:
    return list(find_sources([str(argument) for argument in arguments], io.BytesIO(stdin)))


def test_a_folder_gives_its_pdfs_at_any_depth_in_one_order(tmp_path):
    for name in ["b.pdf", "a.PDF", "c/d.Pdf", "note.txt", ".hidden.pdf", ".git/e.pdf", "folder.pdf/f.pdf"]:
        put(tmp_path / name)
    assert [str(path.relative_to(tmp_path)) for path in found(tmp_path)] == ["a.PDF", "b.pdf", "c/d.Pdf", "folder.pdf/f.pdf"]


def test_a_file_named_directly_is_taken_whatever_its_ending(tmp_path):
    assert found(put(tmp_path / "paper.dat")) == [tmp_path / "paper.dat"]


def test_a_pattern_is_expanded_and_a_name_that_looks_like_one_is_not(tmp_path):
    put(tmp_path / "a1.pdf"), put(tmp_path / "a2.pdf"), put(tmp_path / "paper [1].pdf")
    assert found(tmp_path / "a*.pdf") == [tmp_path / "a1.pdf", tmp_path / "a2.pdf"]
    assert found(tmp_path / "paper [1].pdf") == [tmp_path / "paper [1].pdf"]
    assert found(tmp_path / "none*.pdf") == [tmp_path / "none*.pdf"]


def test_each_real_file_comes_once_however_often_it_is_named(tmp_path):
    paper = put(tmp_path / "a.pdf")
    (tmp_path / "link.pdf").symlink_to(paper)
    (tmp_path / "loop").symlink_to(tmp_path)
    assert found(tmp_path, paper, tmp_path / "link.pdf", tmp_path / ".." / tmp_path.name / "a.pdf", tmp_path / "loop") == [
        paper
    ]


@pytest.mark.parametrize("stdin", [b"a.pdf\nb c.pdf\n", b"a.pdf\r\nb c.pdf", b"a.pdf\0b c.pdf\0", b"\n\na.pdf\n\nb c.pdf\n"])
def test_a_list_on_stdin_ends_its_names_with_newlines_or_nuls(stdin):
    assert found("-", stdin=stdin) == [Path("a.pdf"), Path("b c.pdf")]


def test_a_long_list_is_read_in_blocks_and_names_need_not_be_utf8(tmp_path):
    names = [b"%d/na\xefve.pdf" % n for n in range(200_000)]
    assert [os.fsencode(path) for path in found("-", stdin=b"\n".join(names))] == names


def test_what_is_not_there_is_refused_by_read_source_and_stops_nothing(tmp_path):
    paper = put(tmp_path / "a.pdf")
    (tmp_path / "broken.pdf").symlink_to(tmp_path / "gone")
    (tmp_path / "self.pdf").symlink_to(tmp_path / "self.pdf")
    paths = found(tmp_path / "missing.pdf", tmp_path)
    assert paths == [tmp_path / "missing.pdf", paper, tmp_path / "broken.pdf", tmp_path / "self.pdf"]
    for path in [paths[0], *paths[2:]]:
        with pytest.raises(Unreadable, match=path.name):
            read_source(path, LIMIT)


def test_a_source_is_its_hash_its_size_and_its_name(tmp_path):
    source = read_source(put(tmp_path / "a.pdf"), LIMIT)
    assert (source.name, source.sha256, source.size) == ("a.pdf", hashlib.sha256(PDF).hexdigest(), len(PDF))


@pytest.mark.parametrize(
    ("data", "error", "words"),
    [
        (b"", EmptyFile, "has no bytes"),
        (b"%PDF-" + b"x" * LIMIT, TooLarge, r"has 1.0 MB, more than the 1.0 MB allowed"),
        (b"hello", UnsupportedFormat, "plain text"),
        (b"{\\rtf1}", UnsupportedFormat, "RTF"),
        (b"  <!DOCTYPE HTML>", UnsupportedFormat, "HTML page"),
        (b"x" * 1020 + b"%PDF-1.4", UnsupportedFormat, "called a PDF"),
    ],
)
def test_what_is_not_read_is_refused_with_the_reason(tmp_path, data, error, words):
    with pytest.raises(error, match=words):
        read_source(put(tmp_path / "a.pdf", data), LIMIT)


def test_the_mark_of_a_pdf_may_stand_anywhere_in_the_first_kilobyte(tmp_path):
    assert read_source(put(tmp_path / "a.pdf", b"HTTP/1.1 200 OK\r\n\r\n" + PDF), LIMIT).size == len(PDF) + 19
    assert read_source(put(tmp_path / "b.pdf", b"x" * 1019 + b"%PDF-"), LIMIT)


def test_a_pipe_a_socket_a_device_and_a_folder_are_refused_without_waiting(tmp_path):
    os.mkfifo(tmp_path / "pipe.pdf")
    (tmp_path / "folder").mkdir()
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(tmp_path / "socket.pdf"))
        for path in [tmp_path / "pipe.pdf", tmp_path / "socket.pdf", tmp_path / "folder", Path("/dev/zero"), Path("a\0b")]:
            with pytest.raises(Unreadable):
                read_source(path, LIMIT)
    assert [path.name for path in found(tmp_path)] == ["pipe.pdf", "socket.pdf"]


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_a_file_that_may_not_be_read_is_refused(tmp_path):
    paper = put(tmp_path / "a.pdf")
    paper.chmod(0)
    with pytest.raises(Unreadable, match="Permission denied"):
        read_source(paper, LIMIT)


def test_a_label_can_be_stored_and_printed():
    assert label(Path(os.fsdecode(b"na\xefve\x1b[31m\n.pdf"))) == "na�ve�[31m�.pdf"
    assert len(label(Path("x" * 5000))) == 255


def test_two_hundred_files_of_a_megabyte_are_hashed_in_a_second(tmp_path):
    paper = put(tmp_path / "a.pdf", b"%PDF-" + b"x" * (1 << 20))
    started = time.perf_counter()
    for _ in range(200):
        read_source(paper, 2 << 20)
    assert time.perf_counter() - started < 3  # 0.3 s when the machine is idle
