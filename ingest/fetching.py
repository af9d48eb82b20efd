"""Fetch one file from a URL that a stranger named, or send one request to it.

Nothing here is safe by the habits of an HTTP client, so most of them are switched off: no proxy and no credentials from the
environment, no second look-up of the name (see `ingest.addresses`), no redirect that was not checked like the first URL, no
decompression (a gzip of 10 MB unpacks to 10 GB), no connection kept. A newcomer would set a timeout and think the time bounded:
a timeout starts anew with every byte, so a server that sends one byte now and then holds the worker for ever. The deadline
here is one for everything, from the name to the last byte.

httpcore2 is the layer below httpx2. It is used directly because it takes a URL in parts, so that no second parser reads it,
and a network of our own, which connects to the checked address while TLS goes on checking the name.
"""

from __future__ import annotations

import os
import tempfile
import time
import urllib.parse
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from email.message import Message
from pathlib import Path, PurePosixPath
from typing import Any

import httpcore2

from errors import FetchFailed, TooLarge
from ingest.addresses import PUBLIC, Destination, Network, Url, check_url, refusal, shown, unreachable
from ingest.source import NAME_CHARS

MAX_REDIRECTS = 5
USER_AGENT = "reread (fetches papers that its users name)"
TEMPORARY_PREFIX = "fetched-"  #: of files that are being written, or whose owner has not moved them yet

_WANTED = {"Accept": "application/pdf, */*;q=0.1"}
_REDIRECTS = frozenset({301, 302, 303, 307, 308})
_CONNECT_S = 10.0  #: for one address, so that the next has a chance
_WRITE_BYTES = 64 << 10
_HEADER_CHARS = 1000  #: of a Content-Disposition that is looked at


@dataclass(frozen=True, slots=True, kw_only=True)
class Fetched:
    """A file that was fetched. It belongs to the caller now, who moves or deletes it."""

    path: Path
    name: str  #: what the server or the URL calls it; a label, never a path
    final_url: str  #: after all redirects; may be signed, so it is for the record and not for logs
    size: int  #: bytes; 0 is possible


def fetch(
    url: str, *, hosts: Sequence[str], max_bytes: int, into: Path, timeout_s: float = 60, network: Network = PUBLIC
) -> Fetched:
    """The file at this URL, written to a new file in the folder `into`; what it holds is not looked at.

    `hosts` as in `ingest.addresses.check_url`. Raises UrlRefused for a URL or a redirect that may not be used, TooLarge
    beyond max_bytes, FetchFailed for all else. After an error nothing is left in `into`.
    """
    deadline = Deadline(timeout_s)
    destination = check_url(url, hosts=hosts, network=network, timeout_s=timeout_s)
    for _ in range(MAX_REDIRECTS + 1):
        with exchange("GET", destination, deadline=deadline, network=network, headers=_WANTED) as answer:
            if answer.status not in _REDIRECTS:
                return _kept(answer, destination.url, max_bytes, into)
        with _faults_named(destination.url, deadline):
            left_s = deadline.left_s()
        destination = check_url(_redirect(answer, destination.url), hosts=hosts, network=network, timeout_s=left_s)
    raise unreachable(destination.url, f"it is more than {MAX_REDIRECTS} redirects away from {shown(url)}")


class Deadline:
    """The one moment at which everything has to be done."""

    def __init__(self, timeout_s: float) -> None:
        self.timeout_s = timeout_s
        self._until = time.monotonic() + timeout_s

    def left_s(self, at_most: float = float("inf")) -> float:
        """Seconds, more than 0. Raises TimeoutError where none are left."""
        left = min(self._until - time.monotonic(), at_most)
        if left <= 0:
            raise TimeoutError
        return left


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What a server answered, its body still to come."""

    status: int
    headers: Mapping[str, str]  #: names in lower case; of a name that comes twice, all values with commas between them
    blocks: Iterator[bytes]  #: the body as it was sent, chunks joined, nothing unpacked; raises FetchFailed


@contextmanager
def exchange(
    method: str,
    destination: Destination,
    *,
    deadline: Deadline,
    network: Network = PUBLIC,
    headers: Mapping[str, str],
    content: bytes | None = None,
) -> Iterator[Answer]:
    """One request to one of the checked addresses, and its answer; the connection ends with the block. Raises FetchFailed."""
    url = destination.url
    place = httpcore2.URL(scheme=url.scheme, host=url.host, port=url.port, target=url.target)
    ours = {"Host": url.authority, "User-Agent": USER_AGENT, "Accept-Encoding": "identity", "Connection": "close"}
    with ExitStack() as stack:
        with _faults_named(url, deadline):
            backend = _PinnedBackend(destination.addresses, deadline)
            pool = stack.enter_context(httpcore2.ConnectionPool(ssl_context=network.tls, network_backend=backend, retries=0))
            said = stack.enter_context(pool.stream(method, place, headers=[*ours.items(), *headers.items()], content=content))
        yield Answer(status=said.status, headers=_headers(said), blocks=_blocks(said, url, deadline))


def _headers(response: httpcore2.Response) -> dict[str, str]:
    found: dict[str, str] = {}
    for raw_name, raw_value in response.headers:
        name, value = raw_name.decode("latin-1").lower(), raw_value.decode("latin-1")
        found[name] = f"{found[name]}, {value}" if name in found else value
    return found


def _blocks(response: httpcore2.Response, url: Url, deadline: Deadline) -> Iterator[bytes]:
    with _faults_named(url, deadline):
        yield from response.iter_stream()


@contextmanager
def _faults_named(url: Url, deadline: Deadline) -> Iterator[None]:
    """The one place where faults of the network become ours."""
    try:
        yield
    except (TimeoutError, httpcore2.ConnectTimeout, httpcore2.ReadTimeout, httpcore2.WriteTimeout) as error:
        raise unreachable(url, f"it was not done within {deadline.timeout_s:g} s") from error
    except (httpcore2.NetworkError, httpcore2.ProtocolError) as error:
        raise unreachable(url, str(error).rstrip(".") or type(error).__name__) from error


class _PinnedBackend(httpcore2.NetworkBackend):
    """Connects to the addresses that were checked, whatever host it is asked for. TLS is still about the host's name."""

    def __init__(self, addresses: Sequence[str], deadline: Deadline) -> None:
        self._addresses = addresses
        self._deadline = deadline

    def connect_tcp(self, host: str, port: int, *_: Any, **__: Any) -> httpcore2.NetworkStream:
        failure: Exception | None = None
        for address in self._addresses:  # numbers, so that nothing is resolved
            try:
                timeout_s = self._deadline.left_s(at_most=_CONNECT_S)
                return _TimedStream(httpcore2.SyncBackend().connect_tcp(address, port, timeout=timeout_s), self._deadline)
            except (httpcore2.ConnectError, httpcore2.ConnectTimeout) as error:
                failure = error
        raise failure or httpcore2.ConnectError(f"no address of {host}")


class _TimedStream(httpcore2.NetworkStream):
    """A connection of which every step gets the time that is left of the whole, not a time of its own."""

    def __init__(self, stream: httpcore2.NetworkStream, deadline: Deadline) -> None:
        self._stream = stream
        self._deadline = deadline

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        return self._stream.read(max_bytes, self._deadline.left_s())

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        for start in range(0, len(buffer), _WRITE_BYTES):  # the stream below would give each part the whole time anew
            self._stream.write(buffer[start : start + _WRITE_BYTES], self._deadline.left_s())

    def start_tls(self, ssl_context: Any, server_hostname: str | None = None, timeout: float | None = None) -> _TimedStream:
        return _TimedStream(self._stream.start_tls(ssl_context, server_hostname, self._deadline.left_s()), self._deadline)

    def close(self) -> None:
        self._stream.close()

    def get_extra_info(self, info: str) -> Any:
        return self._stream.get_extra_info(info)


def _redirect(answer: Answer, url: Url) -> str:
    """Where this redirect leads, still to be checked like any other URL."""
    location = answer.headers.get("location")
    if not location:
        raise unreachable(url, f"it answered {answer.status} without saying where to go")
    try:
        # Servers send UTF-8 here as often as they encode it; a header is bytes, and was read as Latin-1.
        onward = urllib.parse.urljoin(str(url), location.encode("latin-1").decode("utf-8", "surrogateescape"))
    except ValueError as error:
        raise refusal(location, f"{shown(str(url))} redirects there, and it cannot be read") from error
    if url.scheme == "https" and onward[:6].lower() != "https:":
        raise refusal(onward, f"{shown(str(url))} redirects there, away from https")
    return onward


def _kept(answer: Answer, url: Url, max_bytes: int, into: Path) -> Fetched:
    """The body as a file, if it is one and not too large."""
    if answer.status != 200:
        raise unreachable(url, f"it answered {answer.status}")
    coding = answer.headers.get("content-encoding", "identity").strip().lower()
    if coding not in ("identity", ""):
        raise unreachable(url, f"it sends the file compressed ({coding[:40]}) though it was asked not to")
    promised = answer.headers.get("content-length", "0")
    if promised.isdecimal() and int(promised) > max_bytes:
        raise _too_large(url, max_bytes)
    path, size = _written(answer.blocks, url, max_bytes, into)
    return Fetched(path=path, name=_name(answer.headers.get("content-disposition"), url), final_url=str(url), size=size)


def _written(blocks: Iterator[bytes], url: Url, max_bytes: int, into: Path) -> tuple[Path, int]:
    """A new file of these bytes, and their number. Whatever goes wrong, Ctrl-C included, takes the file with it."""
    path = None
    try:
        descriptor, name = tempfile.mkstemp(dir=into, prefix=TEMPORARY_PREFIX)
        path, size = Path(name), 0
        with os.fdopen(descriptor, "wb") as file:
            for block in blocks:
                size += len(block)
                if size > max_bytes:
                    raise _too_large(url, max_bytes)
                file.write(block)
    except BaseException as error:
        if path:
            path.unlink(missing_ok=True)
        if isinstance(error, OSError):
            raise _not_kept(url, into, error) from error
        raise
    return path, size


def _too_large(url: Url, max_bytes: int) -> TooLarge:
    return TooLarge(
        f"{shown(str(url))} is larger than the {max_bytes / 1e6:,.1f} MB allowed. Nothing was kept. "
        "Fetch it yourself and split it, or raise max_file_mb in reread.toml."
    )


def _not_kept(url: Url, into: Path, error: OSError) -> FetchFailed:
    reason = error.strerror or error
    return FetchFailed(
        f"{shown(str(url))} could not be written to {into}: {reason}. Nothing was kept. Make room, then try again."
    )


def _name(disposition: str | None, url: Url) -> str:
    """A label: what the server calls the file, or the last part of the URL's path, or the host."""
    stated = _stated_name(disposition[:_HEADER_CHARS]) if disposition else ""
    return _label(stated) or _label(urllib.parse.unquote(url.target.partition("?")[0])) or url.host


def _stated_name(disposition: str) -> str:
    """The file name of a Content-Disposition header (RFC 6266); '' where it states none that can be read."""
    header = Message()
    header["Content-Disposition"] = disposition.replace("\r", " ").replace("\n", " ")
    try:
        return header.get_filename() or ""
    except (ValueError, LookupError):
        return ""


def _label(text: str) -> str:
    """The last part of what looks like a path, fit to be stored and printed; '' where nothing is left."""
    last = PurePosixPath(text.replace("\\", "/")).name.strip()
    printable = "".join(sign if sign.isprintable() else "\N{REPLACEMENT CHARACTER}" for sign in last)
    return printable[:NAME_CHARS] if printable.strip(".") else ""
