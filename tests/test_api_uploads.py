"""Hostile uploads: names that want to be paths, bodies without end. Nothing lands outside the store, nothing is left behind."""

from __future__ import annotations

import gzip
import hashlib
import socket
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from api_server import PDF, Api, pdf, serving

from api import limits, uploads


@pytest.fixture
def api(tmp_path: Path) -> Iterator[Api]:
    with serving(tmp_path, max_upload_mb=3, max_file_mb=1) as api:
        yield api


def kept(api: Api) -> list[str]:
    return sorted(path.name for path in (api.root / "uploads").rglob("*") if path.is_file())


def part(name: bytes, data: bytes) -> bytes:
    return b'--b\r\nContent-Disposition: form-data; name="files"; filename="' + name + b'"\r\n\r\n' + data + b"\r\n"


def head(api: Api, *more: bytes, path: bytes = b"/v1/documents") -> bytes:
    lines = [b"POST " + path + b" HTTP/1.1", b"Host: localhost", b"X-Api-Key: " + api.alice.encode(), b"Connection: close"]
    return b"\r\n".join([*lines, b"Content-Type: multipart/form-data; boundary=b", *more, b"", b""])


def whole(api: Api, body: bytes, *more: bytes) -> bytes:
    return head(api, b"Content-Length: %d" % len(body), *more) + body


class Raw:
    """A connection that says what no HTTP library would."""

    def __init__(self, api: Api) -> None:
        self._socket = socket.create_connection(("127.0.0.1", api.port), timeout=30)
        self._said, self.sent = b"", 0

    def __enter__(self) -> Raw:
        return self

    def __exit__(self, *_: object) -> None:
        self._socket.close()

    def send(self, data: bytes) -> bool:
        """False where the server no longer listens."""
        try:
            self._socket.sendall(data)
        except OSError:
            return False
        self.sent += len(data)
        return True

    def half_close(self) -> None:
        self._socket.shutdown(socket.SHUT_WR)

    def status(self) -> int:
        """The status of the answer; 0 where the connection was closed without one."""
        answer = self.answer()
        return int(answer.split(b" ", 2)[1]) if answer else 0

    def answer(self) -> bytes:
        """All that came until the server closed the connection."""
        try:
            while block := self._socket.recv(1 << 16):
                self._said += block
        except OSError:
            pass
        return self._said


def eventually(is_so) -> bool:
    """The server notices that a client is gone a moment later."""
    deadline = time.monotonic() + 10
    while not is_so() and time.monotonic() < deadline:
        time.sleep(0.05)
    return is_so()


NAMES = (
    b"../../../../etc/cron.d/evil", b"..\\..\\windows\\system32\\evil.dll", b"/etc/passwd", b"//server/share/x.pdf", b"C:\\evil.pdf",
    b"C:evil.pdf", b"\\\\?\\C:\\evil", b".", b"..", b"...", b"", b" ", b"/", b"a/../../b.pdf", b"%2e%2e%2f%2e%2e%2fevil.pdf",
    b"..%c0%afevil", b"nul\x00.pdf", b"bell\x07.pdf", b"tab\tname.pdf", b"\xe2\x80\xaegnp.fdp", b"\xff\xfe\xfd.pdf",
    b"CON", b"LPT1.pdf", b"aux.pdf:stream", b".htaccess", b"-rf", b"$(touch evil)", b"`touch evil`; rm -rf *", b"x" * 4096,
    b"library.toml", b"<script>alert(1)</script>.pdf",
)  # fmt: skip


@pytest.mark.parametrize("name", NAMES, ids=[repr(name[:24]) for name in NAMES])
def test_a_file_name_is_a_label_and_never_a_path(api, tmp_path, name):
    before = {path for path in tmp_path.rglob("*") if path.is_file()}

    with Raw(api) as raw:
        raw.send(whole(api, part(name, PDF) + b"--b--\r\n"))
        answer = raw.answer()

    new = {path for path in tmp_path.rglob("*") if path.is_file()} - before
    assert {path for path in new if "ledger.sqlite" not in path.name} == {
        api.root / "uploads" / hashlib.sha256(PDF).hexdigest()
    }
    assert b" 202 " in answer.splitlines()[0]
    (job,) = api.get("/v1/jobs", key=api.alice).json()["items"]
    assert job["name"].isprintable() and "/" not in job["name"] and 0 < len(job["name"]) <= 255
    assert api.get("/v1/jobs", key=api.alice).headers["content-type"] == "application/json"


def test_there_are_thirty_hostile_names():
    assert len(set(NAMES)) >= 30


def test_a_link_that_waits_under_the_name_of_an_upload_is_not_followed(api, tmp_path):
    target = tmp_path / "outside"
    target.write_bytes(b"precious")
    digest = hashlib.sha256(PDF).hexdigest()
    (api.root / "uploads").mkdir(exist_ok=True)
    (api.root / "uploads" / digest).symlink_to(target)

    assert api.post("/v1/documents", key=api.alice, files=[("files", ("a.pdf", PDF))]).status_code == 202

    assert target.read_bytes() == b"precious" and not (api.root / "uploads" / digest).is_symlink()


def test_a_body_without_end_is_refused_while_it_comes(api):
    block = b"10000\r\n" + b"x" * 0x10000 + b"\r\n"

    with Raw(api) as raw:
        start = part(b"a.pdf", PDF)[:-2]
        raw.send(head(api, b"Transfer-Encoding: chunked") + b"%x\r\n" % len(start) + start + b"\r\n")
        while raw.sent < (200 << 20) and raw.send(block):
            pass
        assert raw.sent < (40 << 20)
        assert raw.status() in (413, 0)

    assert eventually(lambda: kept(api) == [])


def test_a_body_that_says_that_it_is_too_large_is_not_read(api):
    with Raw(api) as raw:
        raw.send(head(api, b"Content-Length: 10737418240"))
        assert raw.status() == 413

    assert kept(api) == []


def test_too_many_parts_are_refused(api):
    with Raw(api) as raw:
        raw.send(whole(api, part(b"a", b"") * 30_000 + b"--b--\r\n"))
        assert raw.status() == 413
    with Raw(api) as raw:
        field = b'--b\r\nContent-Disposition: form-data; name="x"\r\n\r\n1\r\n'
        raw.send(whole(api, field * 40_000 + b"--b--\r\n"))
        assert raw.status() == 413

    assert kept(api) == []


def test_too_many_headers_are_refused_of_a_request_and_of_a_part(api):
    with Raw(api) as raw:
        raw.send(head(api, *(b"X-%d: 1" % n for n in range(100_000))))
        assert raw.status() in (400, 0)
    with Raw(api) as raw:
        raw.send(head(api, *(b"X-%d: 1" % n for n in range(200)), b"Content-Length: 0"))
        assert raw.status() == 431
    with Raw(api) as raw:
        many = b"".join(b"X-%d: 1\r\n" % n for n in range(1000))
        raw.send(whole(api, b"--b\r\n" + many + b"\r\n--b--\r\n"))
        assert raw.status() == 400
    with Raw(api) as raw:
        raw.send(whole(api, part(b"x" * 100_000, PDF) + b"--b--\r\n"))
        assert raw.status() == 400

    assert kept(api) == []


def test_a_head_that_never_ends_is_given_up(api, monkeypatch):
    monkeypatch.setattr(limits, "HEAD_S", 0.5)

    with Raw(api) as raw:
        started = time.monotonic()
        for sign in b"POST /v1/documents HT":
            raw.send(bytes([sign]))
            time.sleep(0.05)
        assert raw.status() == 408
        assert time.monotonic() - started < 5


def test_a_connection_that_says_nothing_is_closed(api, monkeypatch):
    monkeypatch.setattr(limits, "HEAD_S", 0.3)

    with Raw(api) as raw:
        assert raw.answer() == b""


def test_a_body_that_pauses_is_given_up(api, monkeypatch):
    monkeypatch.setattr(limits, "PAUSE_S", 0.5)

    with Raw(api) as raw:
        raw.send(head(api, b"Content-Length: 100000") + part(b"a.pdf", PDF))
        assert raw.status() == 408

    assert kept(api) == []


def test_a_body_that_drips_is_given_up(api, monkeypatch):
    monkeypatch.setattr(limits, "PATIENCE_S", 0.5)

    with Raw(api) as raw:
        raw.send(head(api, b"Content-Length: 100000") + part(b"a.pdf", PDF))
        started = time.monotonic()
        while time.monotonic() - started < 5 and raw.send(b"x"):
            time.sleep(0.05)
            if time.monotonic() - started > 1.5:
                break
        assert raw.status() == 408

    assert kept(api) == []


def test_a_body_shorter_than_it_said_is_not_kept(api):
    body = part(b"a.pdf", PDF) + b"--b--\r\n"
    with Raw(api) as raw:
        raw.send(head(api, b"Content-Length: %d" % (len(body) + 10)) + body)
        raw.half_close()
        raw.answer()

    assert eventually(lambda: kept(api) == [])
    assert api.get("/v1/jobs", key=api.alice).json()["items"] == []


def test_a_body_longer_than_it_said_is_cut_and_refused(api):
    body = part(b"a.pdf", PDF) + b"--b--\r\n"
    with Raw(api) as raw:
        raw.send(head(api, b"Content-Length: %d" % (len(body) - 20)) + body)
        assert raw.status() == 400

    assert kept(api) == []


@pytest.mark.parametrize("length", [b"-1", b"+10", b"1e3", b"0x10", b"10, 11", b"99999999999999999999999"])
def test_a_length_that_is_none_is_refused(api, length):
    with Raw(api) as raw:
        raw.send(head(api, b"Content-Length: " + length) + part(b"a.pdf", PDF))
        assert raw.status() in (400, 413)

    assert kept(api) == []


def test_what_is_no_http_is_answered_as_a_problem(api):
    with Raw(api) as raw:
        raw.send(b"\x16\x03\x01\x02\x00\x01\x00\r\n\r\n")
        assert raw.status() == 400
        assert b"application/problem+json" in raw.answer()


def test_a_compressed_body_is_not_unpacked(api):
    body = gzip.compress(part(b"a.pdf", PDF + bytes(10 << 20)) + b"--b--\r\n")

    answer = api.post(
        "/v1/documents", key=api.alice, content=body,
        headers={"Content-Type": "multipart/form-data; boundary=b", "Content-Encoding": "gzip"},
    )  # fmt: skip

    assert (answer.status_code, answer.json()["code"]) == (415, "unsupported_media_type")
    assert kept(api) == []


def test_an_oversized_file_among_good_ones_costs_itself_only(api):
    files = [("files", ("a.pdf", pdf("a"))), ("files", ("big.pdf", PDF + bytes(3 << 19))), ("files", ("b.pdf", pdf("b")))]

    answer = api.post("/v1/documents", key=api.alice, files=files)

    assert answer.status_code == 202, answer.text
    assert [job["name"] for job in answer.json()["jobs"]] == ["a.pdf", "b.pdf"]
    assert [(one["name"], one["code"]) for one in answer.json()["refused"]] == [("big.pdf", "too_large")]
    assert len(kept(api)) == 2


def test_good_files_before_the_end_of_a_refused_body_are_not_kept(api):
    body = part(b"a.pdf", PDF) + b"".join(part(b"b.pdf", pdf(str(n)) + bytes(1 << 20)) for n in range(8))

    with Raw(api) as raw:
        raw.send(head(api, b"Transfer-Encoding: chunked") + b"%x\r\n" % len(body) + body + b"\r\n0\r\n\r\n")
        assert raw.status() == 413

    assert eventually(lambda: kept(api) == [])
    assert api.get("/v1/jobs", key=api.alice).json()["items"] == []


def test_a_json_body_has_a_limit_of_its_own(api):
    answer = api.post("/v1/documents", key=api.alice, json={"urls": ["https://a.org/" + "x" * (3 << 20)]})

    assert (answer.status_code, answer.json()["code"]) == (413, "too_large")


def test_a_long_field_is_refused(api):
    data = {"priority": "1" * (uploads.MAX_FIELD_BYTES + 1)}

    assert api.post("/v1/documents", key=api.alice, files=[("files", ("a.pdf", PDF))], data=data).status_code == 413
    assert kept(api) == []
