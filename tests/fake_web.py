"""A web server that does what strangers' servers do: real sockets on loopback, every byte in the hands of the test.

    with FakeWeb() as web:
        web.serve("/a.pdf", says(PDF))
        ... web.url("/a.pdf") ... web.requests ... web.n_connections

What a path does is a function of the connection and the request, so that it can lie, stall and tear down. `open_to` makes the
`Network` that may reach such a server; `made_certificate` and `FakeWeb(tls=…)` make it an https one.
"""

from __future__ import annotations

import shutil
import socket
import ssl
import struct
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from ipaddress import ip_address
from pathlib import Path
from typing import Self

from needs import need

from ingest.addresses import Network

PDF = b"%PDF-1.7\n" + b"x" * 100_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Requested:
    """One request as it came."""

    method: str
    target: str
    headers: dict[str, str]  #: names in lower case
    body: bytes


Act = Callable[["Talk"], None]  #: answers one request, or fails to


@dataclass(frozen=True, slots=True, kw_only=True)
class Talk:
    """One connection, its request read."""

    connection: socket.socket
    request: Requested
    stopped: threading.Event

    def send(self, data: bytes) -> None:
        self.connection.sendall(data)

    def answer(self, status: int, body: bytes = b"", **headers: str) -> None:
        """A whole answer; an underscore in a header's name stands for a hyphen."""
        stated = {"Content-Length": str(len(body)), **{name.replace("_", "-"): value for name, value in headers.items()}}
        self.send(head(status, stated) + body)


def head(status: int, headers: dict[str, str]) -> bytes:
    lines = [f"HTTP/1.1 {status} Whatever", *(f"{name}: {value}" for name, value in headers.items()), "", ""]
    return "\r\n".join(lines).encode("latin-1")


class FakeWeb:
    """Listens on a port that the system chooses, from entering to leaving the block. What is not served is a 404."""

    def __init__(self, address: str = "127.0.0.1", *, port: int = 0, tls: ssl.SSLContext | None = None) -> None:
        self.address = address
        self.requests: list[Requested] = []
        self.n_connections = 0  #: accepted, whether or not anything was said on them
        self._acts: dict[str, Act] = {}
        self._tls = tls
        self._stopped = threading.Event()
        self._listener = socket.create_server((address, port), family=socket.AF_INET6 if ":" in address else socket.AF_INET)
        self.port: int = self._listener.getsockname()[1]

    def url(self, path: str = "/", *, host: str | None = None, port: int | None = None) -> str:
        return f"{'https' if self._tls else 'http'}://{host or self.address}:{port or self.port}{path}"

    def serve(self, path: str, act: Act) -> None:
        self._acts[path] = act

    def __enter__(self) -> Self:
        threading.Thread(target=self._accept, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stopped.set()
        self._listener.shutdown(socket.SHUT_RDWR)  # a close alone does not wake the accept
        self._listener.close()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                connection, _ = self._listener.accept()
                self.n_connections += 1
                threading.Thread(target=self._talk, args=(connection,), daemon=True).start()

    def _talk(self, connection: socket.socket) -> None:
        with suppress(OSError):  # the client goes away, or does not like the certificate
            connection.settimeout(20)
            if self._tls:
                connection = self._tls.wrap_socket(connection, server_side=True)
            with connection:
                request = _read_request(connection)
                self.requests.append(request)
                act = self._acts.get(request.target.partition("?")[0], fails(404))
                act(Talk(connection=connection, request=request, stopped=self._stopped))


def _read_request(connection: socket.socket) -> Requested:
    data = b""
    while b"\r\n\r\n" not in data:
        if not (block := connection.recv(65536)):
            raise ConnectionError("no request came")
        data += block
    start, _, body = data.partition(b"\r\n\r\n")
    first, *lines = start.decode("latin-1").split("\r\n")
    headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
    while len(body) < int(headers.get("content-length", "0")):
        body += connection.recv(65536)
    method, target, _ = first.split(" ")
    return Requested(method=method, target=target, headers=headers, body=body)


def says(body: bytes = PDF, *, status: int = 200, **headers: str) -> Act:
    return lambda talk: talk.answer(status, body, **headers)


def fails(status: int, body: bytes = b"it is broken") -> Act:
    return says(body, status=status)


def redirects(to: str, status: int = 302) -> Act:
    return says(b"", status=status, Location=to)


def says_raw(data: bytes) -> Act:
    """These bytes, whatever they are, then the end of the connection."""
    return lambda talk: talk.send(data)


def promises(length: int, body: bytes = PDF) -> Act:
    """A Content-Length that is not the body's."""
    return says(body, Content_Length=str(length))


def chunked(body: bytes = PDF, size: int = 1000) -> Act:
    """The body without its length, in chunks."""

    def act(talk: Talk) -> None:
        talk.send(head(200, {"Transfer-Encoding": "chunked"}))
        for start in range(0, len(body), size):
            part = body[start : start + size]
            talk.send(b"%x\r\n%s\r\n" % (len(part), part))
        talk.send(b"0\r\n\r\n")

    return act


def endless() -> Act:
    """A body without a length that ends only when the client has had enough."""

    def act(talk: Talk) -> None:
        talk.send(head(200, {}))
        while not talk.stopped.is_set():
            talk.send(PDF)

    return act


def trickles(first: bytes, every_s: float = 0.02) -> Act:
    """These bytes, then one more now and then: no limit on the time between two bytes ever strikes."""

    def act(talk: Talk) -> None:
        talk.send(first)
        while not talk.stopped.wait(every_s):
            talk.send(b"x")

    return act


def informs_for_ever() -> Act:
    """One interim answer after the other, as fast as they are taken."""

    def act(talk: Talk) -> None:
        while not talk.stopped.is_set():
            talk.send(b"HTTP/1.1 100 Continue\r\n\r\n" * 1000)

    return act


def hangs(first: bytes = b"") -> Act:
    """These bytes, then nothing, with the connection open."""

    def act(talk: Talk) -> None:
        talk.send(first)
        talk.stopped.wait(20)

    return act


def resets(first: bytes = b"") -> Act:
    """These bytes, then the connection is torn down with RST."""

    def act(talk: Talk) -> None:
        talk.send(first)
        talk.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        talk.connection.close()

    return act


def open_to(
    web: FakeWeb,
    *,
    names: dict[str, Sequence[str]] | None = None,
    addresses: Sequence[str] = (),
    tls: ssl.SSLContext | None = None,
) -> Network:
    """A network that differs from the public one in this only: the server's port and address, and these names and addresses."""
    allowed = {ip_address(address) for address in (web.address, *addresses)}
    return Network(
        ports=frozenset({80, 443, web.port}), resolve=resolves(names or {}), is_allowed_address=allowed.__contains__, tls=tls
    )


def resolves(names: dict[str, Sequence[str]]) -> Callable[[str, int], Sequence[str]]:
    """A resolver that knows these names alone, so that no test asks a real one."""

    def resolve(host: str, _: int) -> Sequence[str]:
        if host not in names:
            raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")
        return names[host]

    return resolve


@contextmanager
def watched_sockets() -> Iterator[list[str]]:
    """Every connect, datagram and real name look-up of this process while the block runs: what Python's audit events tell."""
    seen: list[str] = []
    _WATCHERS.append(seen)
    if not _HOOKED:
        _HOOKED.append(True)  # an audit hook cannot be taken out again, so there is one for all
        sys.addaudithook(_note)
    try:
        yield seen
    finally:
        _WATCHERS.remove(seen)


_WATCHERS: list[list[str]] = []
_HOOKED: list[bool] = []
_WATCHED = frozenset({"socket.connect", "socket.sendto", "socket.sendmsg", "socket.getaddrinfo", "socket.gethostbyname"})


def _note(event: str, arguments: tuple[object, ...]) -> None:
    if event in _WATCHED and _WATCHERS:
        for seen in _WATCHERS:
            seen.append(f"{event} {arguments[1:] if event == 'socket.connect' else arguments}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Certificate:
    """A key and a certificate for some names, signed by nobody but itself."""

    folder: Path

    def server_side(self) -> ssl.SSLContext:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self.folder / "cert.pem", self.folder / "key.pem")
        return context

    def believed(self) -> ssl.SSLContext:
        """What a client has that believes this certificate and no other."""
        return ssl.create_default_context(cafile=str(self.folder / "cert.pem"))


def made_certificate(folder: Path, names: str) -> Certificate:
    """A certificate for these names, as OpenSSL writes them: 'DNS:papers.test,IP:127.0.0.1'."""
    need(shutil.which("openssl"), "openssl makes the certificate of this test")
    folder.mkdir(parents=True)
    key = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout", str(folder / "key.pem")]
    about = ["-days", "2", "-subj", "/CN=test", "-addext", f"subjectAltName={names}", "-out", str(folder / "cert.pem")]
    subprocess.run(["openssl", "req", "-x509", *key, *about], check=True, capture_output=True)
    return Certificate(folder=folder)
