"""Decide whether an address that a stranger named may be reached, and settle what exactly is reached.

A newcomer would look at the host name and then hand the URL to an HTTP client. The client resolves the name once more, and
whoever owns the name gives another answer the second time (DNS rebinding). Here a URL becomes a `Destination`, which holds
the addresses that were checked; `ingest.fetching` connects to one of them and resolves nothing.

The other trap is that one address is written in many ways: 127.0.0.1 is also 0177.1, 0x7f000001, 2130706433, ①②⑦.0.0.1,
[::ffff:127.0.0.1] and [64:ff9b::7f00:1]. So a host is brought to one form first, as browsers do it (WHATWG URL), and the
URL is taken apart here and nowhere else: where two parsers disagree, the one that checks is not the one that connects.
"""

from __future__ import annotations

import ipaddress
import logging
import re
import socket
import ssl
import threading
import urllib.parse
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network

import idna

from errors import FetchFailed, UrlRefused

_LOG = logging.getLogger(__name__)

Address = IPv4Address | IPv6Address
Resolve = Callable[[str, int], Sequence[str]]  #: host name and port to addresses; raises OSError where there are none

DEFAULT_PORTS = {"http": 80, "https": 443}
MAX_URL_CHARS = 8000  #: RFC 9110, 4.1: what every party should be able to take
RESOLVE_S = 10.0  #: for one name; glibc's own limit is 5 s, twice, for each name server
_SHOWN_CHARS = 200  #: of a URL in a message
_SHOWN_HOSTS = 8  #: of the list, in a message

_URL = re.compile(
    r"(?P<scheme>[a-z][a-z0-9+.-]*)://(?P<authority>[^/?#]*)(?P<path>[^?#]*)(?P<query>\?[^#]*)?(#.*)?", re.IGNORECASE
)
_AUTHORITY = re.compile(r"(?P<host>\[[^\[\]]*\]|[^\[\]:]*)(:(?P<port>[0-9]{0,5}))?")
#: Underscores are in no host name by the standard, and in many in practice.
_NAME = re.compile(r"(?!.{254})[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?(\.[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?)*")
#: What splits a header line, what browsers read as a slash, and what JSON can carry though it is no text.
_FORBIDDEN = re.compile(r"[\x00-\x1f\x7f-\x9f\\\ud800-\udfff]")

#: Not public, though `is_global` of some Python says so (3.11.7 does, for half of these; the registries are IANA's).
_SPECIAL_V4 = tuple(
    IPv4Network(network)
    for network in (
        "0.0.0.0/8",  # this network; Linux connects 0.0.0.0 to itself
        "10.0.0.0/8",
        "100.64.0.0/10",  # carrier-grade NAT; Alibaba's metadata server is 100.100.100.200
        "127.0.0.0/8",
        "169.254.0.0/16",  # link-local; the metadata server of most clouds
        "172.16.0.0/12",
        "192.0.0.0/24",  # protocol assignments; Oracle's metadata server is 192.0.0.192
        "192.0.2.0/24",  # documentation
        "192.88.99.0/24",  # relays of 6to4, withdrawn by RFC 7526
        "192.168.0.0/16",
        "198.18.0.0/15",  # benchmarks
        "198.51.100.0/24",  # documentation
        "203.0.113.0/24",  # documentation
        "224.0.0.0/4",  # multicast
        "240.0.0.0/4",  # reserved, and broadcast
        "168.63.129.16/32",  # Azure's host: an address like any other by the registries, and answered by the machine below
    )
)
_GLOBAL_UNICAST = IPv6Network("2000::/3")  #: all of IPv6 that was ever given out (RFC 4291, 2.4)
_SPECIAL_V6 = tuple(
    IPv6Network(network)
    for network in (
        "2001::/23",  # protocol assignments: Teredo (it hides an IPv4 address), benchmarks, ORCHID
        "2001:db8::/32",  # documentation
        "2002::/16",  # 6to4: hides an IPv4 address, and its relays were withdrawn by RFC 7526
        "3fff::/20",  # documentation, RFC 9637
    )
)
#: IPv4 for machines that have IPv6 only (RFC 6052): their resolver makes such addresses for every name, so they are unwrapped.
_NAT64 = IPv6Network("64:ff9b::/96")


def is_public_address(address: Address) -> bool:
    """Whether anybody on the internet would reach the same machine there; what is hidden in an address is looked at too."""
    if isinstance(address, IPv4Address):
        is_odd = address.is_multicast or address.is_reserved or any(address in network for network in _SPECIAL_V4)
        return address.is_global and not is_odd
    if address.scope_id is not None:
        return False
    if address.ipv4_mapped is not None:
        return is_public_address(address.ipv4_mapped)
    if address in _NAT64:
        return is_public_address(IPv4Address(int(address) & 0xFFFF_FFFF))
    return address in _GLOBAL_UNICAST and address.is_global and not any(address in network for network in _SPECIAL_V6)


def resolve_name(host: str, port: int) -> Sequence[str]:
    """The addresses of a name as this machine sees them. Raises OSError where there are none."""
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, proto=socket.IPPROTO_TCP)
    return tuple(dict.fromkeys(str(entry[4][0]) for entry in found))


@dataclass(frozen=True, slots=True, kw_only=True)
class Network:
    """How the outside is reached. `PUBLIC` is the strict one; tests hand in one that may reach their own server."""

    ports: frozenset[int] = frozenset(DEFAULT_PORTS.values())
    resolve: Resolve = resolve_name
    is_allowed_address: Callable[[Address], bool] = is_public_address
    tls: ssl.SSLContext | None = None  #: which certificates are believed; None = those of this system's authorities


PUBLIC = Network()


@dataclass(frozen=True, slots=True, kw_only=True)
class Url:
    """An http or https URL in its one form, without userinfo and fragment."""

    scheme: str
    host: str  #: an ASCII name in lower case without a final dot, or an address as `ipaddress` writes it, without brackets
    port: int
    target: str  #: path and query as they are sent

    @property
    def authority(self) -> str:
        """What the Host header says."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == DEFAULT_PORTS[self.scheme] else f"{host}:{self.port}"

    def __str__(self) -> str:
        return f"{self.scheme}://{self.authority}{self.target}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Destination:
    """A URL that may be reached, and the addresses that were checked: connect to these, and resolve nothing again."""

    url: Url
    addresses: tuple[str, ...]  #: numeric, at least one, in the order in which to try them


def check_url(url: str, *, hosts: Sequence[str], network: Network = PUBLIC, timeout_s: float = RESOLVE_S) -> Destination:
    """Where this URL leads, if it may be reached.

    `hosts` is the list of what is allowed: exact names (ASCII: xn--…), '*.example.org' for every name below example.org
    (not for example.org itself), '*' for every public host. An empty list allows nothing, and no list allows a private
    address. Sends nothing but the DNS query, and that only for a host on the list. Raises UrlRefused, and FetchFailed where
    the name has no address now.
    """
    parsed = parse_url(url)
    if not hosts:
        raise refusal(url, "no host is allowed here")
    if not any(_is_match(parsed.host, pattern) for pattern in hosts):
        raise refusal(url, f"its host {parsed.host!r} is not among those allowed ({_listed(hosts)})")
    if parsed.port not in network.ports:
        allowed = " and ".join(map(str, sorted(network.ports)))
        raise refusal(url, f"its port is {parsed.port}, and only {allowed} are allowed")
    return Destination(url=parsed, addresses=_checked_addresses(parsed, network, timeout_s))


def _listed(hosts: Sequence[str]) -> str:
    return ", ".join(hosts[:_SHOWN_HOSTS]) + (f" and {len(hosts) - _SHOWN_HOSTS} more" if len(hosts) > _SHOWN_HOSTS else "")


def _is_match(host: str, pattern: str) -> bool:
    pattern = pattern.strip().lower()
    if pattern.startswith("*."):
        return host.endswith(pattern[1:]) and not _is_address(host)
    return pattern == "*" or host == pattern.strip("[]")


def _checked_addresses(url: Url, network: Network, timeout_s: float) -> tuple[str, ...]:
    """All addresses of the host, if every one of them is allowed: a name with one bad address is a trap, or will be one."""
    is_literal = _is_address(url.host)
    found = [url.host] if is_literal else _resolved(url, network.resolve, timeout_s)
    try:
        addresses = [_plain(ipaddress.ip_address(text)) for text in found]
    except ValueError as error:
        raise refusal(str(url), "its name resolves to something that is no address") from error
    if bad := [str(address) for address in addresses if not network.is_allowed_address(address)]:
        # What a private name resolves to is for the log: whoever submits URLs must not learn the inside from the answers.
        _LOG.info("refused %s: it leads to %s", shown(str(url)), ", ".join(bad))
        raise refusal(str(url), f"{'it is' if is_literal else 'its name leads to'} an address that is not public")
    if not addresses:
        raise unreachable(url, "its name has no address")
    return tuple(map(str, addresses))


def _plain(address: Address) -> Address:
    """An IPv4 address that was written as IPv6 is IPv4; with a zone it stays what it is, to be refused."""
    if isinstance(address, IPv6Address) and address.ipv4_mapped is not None and address.scope_id is None:
        return address.ipv4_mapped
    return address


def _resolved(url: Url, resolve: Resolve, timeout_s: float) -> Sequence[str]:
    """What the resolver says. It knows no time limit, so it runs in a thread that is left to itself when it hangs."""
    answer: Future[Sequence[str]] = Future()

    def ask() -> None:
        try:
            answer.set_result(resolve(url.host, url.port))
        except BaseException as error:  # noqa: BLE001 - `result` below raises it in the thread that asked
            answer.set_exception(error)

    threading.Thread(target=ask, name="reread-resolve", daemon=True).start()
    try:
        return answer.result(timeout=timeout_s)
    except TimeoutError as error:
        raise unreachable(url, f"its name was not resolved within {timeout_s:.3g} s") from error
    except (OSError, UnicodeError) as error:  # UnicodeError: a name that Python's own IDNA will not encode
        raise unreachable(url, f"its name could not be resolved ({getattr(error, 'strerror', None) or error})") from error


def parse_url(url: str) -> Url:
    """This URL in its one form. Raises UrlRefused for what is no plain http or https URL; knows nothing of what is allowed."""
    if len(url) > MAX_URL_CHARS:
        raise refusal(url, f"it has {len(url):,} characters, more than {MAX_URL_CHARS:,}")
    if _FORBIDDEN.search(url):
        raise refusal(url, "it holds a control character, a backslash or bytes that are no text")
    parts = _URL.fullmatch(url)
    if not parts:
        raise refusal(url, "it is no absolute URL (scheme://host/path)")
    scheme = parts["scheme"].lower()
    if scheme not in DEFAULT_PORTS:
        raise refusal(url, f"its scheme is {scheme!r}, and only http and https are allowed")
    if "@" in parts["authority"]:
        raise refusal(url, "it carries a user name or a password")
    place = _AUTHORITY.fullmatch(parts["authority"])
    if not place:
        raise refusal(url, "its host and port cannot be read")
    port = int(place["port"] or DEFAULT_PORTS[scheme])
    return Url(scheme=scheme, host=_host(place["host"], url), port=port, target=_target(parts["path"], parts["query"] or ""))


def _target(path: str, query: str) -> str:
    """Path and query in ASCII; what is encoded already stays as it is."""
    return urllib.parse.quote(path or "/", safe="/%:@!$&'()*+,;=~") + urllib.parse.quote(query, safe="?/%:@!$&'()*+,;=~")


def _host(written: str, url: str) -> str:
    """The one form of a host as it was written."""
    if written.startswith("["):
        return _ipv6(written[1:-1], url)
    name = written.lower() if written.isascii() else _ascii(written, url)
    name = name.removesuffix(".")
    last = name.rpartition(".")[2]
    if last.isdigit() or re.fullmatch("0x[0-9a-f]*", last):  # no name ends in a number, so it is meant as an address
        return str(_ipv4(name, url))
    if not _NAME.fullmatch(name):
        raise refusal(url, "its host is neither a name nor an address")
    return name


def _ascii(written: str, url: str) -> str:
    """Unicode to ASCII by UTS 46, which also makes plain dots and digits of their many look-alikes."""
    try:
        return idna.encode(written[:MAX_URL_CHARS], uts46=True).decode("ascii")
    except (idna.IDNAError, UnicodeError) as error:
        raise refusal(url, "its host is no valid international name") from error


def _ipv6(written: str, url: str) -> str:
    try:
        address = IPv6Address(written)
    except ValueError as error:
        raise refusal(url, "its host is no IPv6 address") from error
    if address.scope_id is not None:
        raise refusal(url, "its address names a network interface of this machine")
    return str(_plain(address))


def _ipv4(written: str, url: str) -> IPv4Address:
    """An address of one to four numbers, each decimal, octal (0…) or hexadecimal (0x…), the last filling what is left."""
    numbers = [_number(part) for part in written.split(".")]
    room = 256 ** (5 - len(numbers)) if len(numbers) <= 4 else 0
    *first, last = (-1 if number is None else number for number in numbers)
    if not all(0 <= number < 256 for number in first) or not 0 <= last < room:
        raise refusal(url, "its host ends in a number and is no IPv4 address")
    return IPv4Address(sum(number * 256 ** (3 - place) for place, number in enumerate(first)) + last)


def _number(part: str) -> int | None:
    base, digits = (16, part[2:] or "0") if part.startswith("0x") else (8, part) if part.startswith("0") else (10, part)
    allowed = "0123456789abcdef"[:base]
    return int(digits, base) if 0 < len(digits) < 64 and all(sign in allowed for sign in digits) else None


def _is_address(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True


def shown(url: str) -> str:
    """A URL for messages and logs: no query (it may be signed), no password, no control characters, not endless."""
    bare = re.sub(r"(//)[^/]*@", r"\1…@", re.split("[?#]", url, maxsplit=1)[0])
    return repr(bare if len(bare) <= _SHOWN_CHARS else bare[:_SHOWN_CHARS] + "…")


def refusal(url: str, reason: str) -> UrlRefused:
    """This URL is not to be used, for this reason."""
    return UrlRefused(
        f"The URL {shown(url)} was refused: {reason}. Nothing was sent there. "
        "Use another address, or have its host added to those that are allowed in reread.toml."
    )


def unreachable(url: Url, reason: str) -> FetchFailed:
    """This URL may be used, but gave nothing."""
    return FetchFailed(f"{shown(str(url))} gave nothing: {reason}. Nothing was kept. Check the address, or try again later.")
