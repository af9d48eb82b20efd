"""A URL that a stranger names reaches what was allowed and nothing else, and what comes back is bounded (S1).

The proof of "nothing else" is twofold: real listeners that count connections, and Python's own audit events, which report
every connect and every look-up of this process, to whatever address.
"""

from __future__ import annotations

import gzip
import ipaddress
import os
import socket
import threading
import time
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import pytest
from fake_web import (
    PDF,
    FakeWeb,
    chunked,
    endless,
    fails,
    hangs,
    head,
    informs_for_ever,
    made_certificate,
    open_to,
    promises,
    redirects,
    resets,
    resolves,
    says,
    says_raw,
    trickles,
    watched_sockets,
)
from hypothesis import given
from hypothesis import strategies as st

from errors import FetchFailed, RereadError, TooLarge, UrlRefused
from ingest.addresses import MAX_URL_CHARS, PUBLIC, check_url, is_public_address, parse_url
from ingest.fetching import Fetched, _label, _stated_name, fetch

ANY = ("*",)
PUBLIC_IP = "93.184.215.14"
METADATA = "169.254.169.254"

#: Names that the injected resolver knows; no test asks a real one.
NAMES: dict[str, Sequence[str]] = {
    "public.test": [PUBLIC_IP],
    "localhost": ["127.0.0.1", "::1"],
    "loopback.test": ["127.0.0.1"],
    "mixed.test": [PUBLIC_IP, "10.0.0.5"],
    "mixed6.test": [PUBLIC_IP, "fd00:ec2::254"],
    "metadata.test": [METADATA],
    "redis": ["172.18.0.2"],
    "linklocal.test": ["fe80::1%eth0"],
    "mapped.test": ["::ffff:10.0.0.5"],
    "nonsense.test": ["not-an-address"],
    "evil-arxiv.org": [PUBLIC_IP],
    "arxiv.org.evil.test": [PUBLIC_IP],
    "arxiv.org": [PUBLIC_IP],
}

#: How 127.0.0.1 is also written. In each the listener's port stands, so that the address alone can save us.
LOOPBACK = {
    "loopback": "http://127.0.0.1:{port}/",
    "loopback, short": "http://127.1:{port}/",
    "loopback, three parts": "http://127.0.1:{port}/",
    "loopback, decimal": "http://2130706433:{port}/",
    "loopback, hexadecimal": "http://0x7f000001:{port}/",
    "loopback, hexadecimal parts": "http://0x7f.0x0.0x0.0x1:{port}/",
    "loopback, octal": "http://0177.0.0.1:{port}/",
    "loopback, one octal number": "http://017700000001:{port}/",
    "loopback, mixed bases": "http://0177.0x0.1:{port}/",
    "loopback, final dot": "http://127.0.0.1.:{port}/",
    "loopback, circled digits": "http://①②⑦.⓪.⓪.①:{port}/",
    "loopback, wide digits": "http://１２７.０.０.１:{port}/",
    "loopback, ideographic dots": "http://127。0。0。1:{port}/",
    "loopback, mapped": "http://[::ffff:127.0.0.1]:{port}/",
    "loopback, mapped hexadecimal": "http://[0:0:0:0:0:ffff:7f00:1]:{port}/",
}
PRIVATE = {
    **LOOPBACK,
    "this network": "http://0.0.0.0:{port}/",
    "zero": "http://0:{port}/",
    "another loopback": "http://127.255.255.254:{port}/",
    "IPv6 loopback": "http://[::1]:{port}/",
    "IPv6 unspecified": "http://[::]:{port}/",
    "IPv4-compatible": "http://[::127.0.0.1]:{port}/",
    "NAT64 of loopback": "http://[64:ff9b::7f00:1]:{port}/",
    "NAT64 of metadata": "http://[64:ff9b::a9fe:a9fe]/",
    "NAT64, local": "http://[64:ff9b:1::5db8:d70e]/",
    "6to4 of loopback": "http://[2002:7f00:1::]:{port}/",
    "Teredo": "http://[2001:0:4136:e378:8000:63bf:3fff:fdd2]/",
    "zone": "http://[fe80::1%25eth0]/",
    "zone on a public address": "http://[2606:4700::1111%25eth0]/",
    "metadata": f"http://{METADATA}/latest/meta-data/",
    "metadata, decimal": "http://2852039166/latest/meta-data/",
    "metadata, mapped": "http://[::ffff:a9fe:a9fe]/",
    "metadata of AWS, IPv6": "http://[fd00:ec2::254]/",
    "metadata of Alibaba": "http://100.100.100.200/",
    "metadata of Oracle": "http://192.0.0.192/",
    "host of Azure": "http://168.63.129.16/",
    "RFC 1918, 10": "http://10.0.0.5/",
    "RFC 1918, 172.16": "https://172.16.0.1/",
    "RFC 1918, 172.31": "http://172.31.255.254/",
    "RFC 1918, 192.168": "http://192.168.1.1/",
    "RFC 1918, short": "http://10.5/",
    "carrier-grade NAT": "http://100.64.0.1/",
    "benchmarks": "http://198.18.0.1/",
    "documentation": "http://203.0.113.7/",
    "multicast": "http://224.0.0.1/",
    "reserved": "http://240.0.0.1/",
    "broadcast": "http://255.255.255.255/",
    "unique local": "http://[fc00::1]/",
    "link-local": "http://[fe80::1]/",
    "site-local": "http://[fec0::1]/",
    "IPv6 multicast": "http://[ff02::1]/",
    "IPv6 documentation": "http://[2001:db8::1]/",
    "localhost": "http://localhost:{port}/",
    "localhost, final dot": "http://LOCALHOST.:{port}/",
    "name to loopback": "http://loopback.test:{port}/",
    "name to public and private": "http://mixed.test:{port}/",
    "name to public and private IPv6": "https://mixed6.test/",
    "name to metadata": "http://metadata.test/",
    "name inside a compose network": "http://redis:{port}/",
    "name to link-local": "http://linklocal.test/",
    "name to mapped private": "http://mapped.test/",
    "name to nonsense": "http://nonsense.test/",
}
MALFORMED = {
    "file": "file:///etc/passwd",
    "file with host": "file://127.0.0.1/etc/passwd",
    "gopher": "gopher://127.0.0.1:{port}/_FLUSHALL",
    "ftp": "ftp://127.0.0.1:{port}/a.pdf",
    "dict": "dict://127.0.0.1:{port}/info",
    "data": "data:application/pdf;base64,JVBERi0=",
    "no scheme": "//127.0.0.1:{port}/",
    "path": "/etc/passwd",
    "empty": "",
    "no host": "http:///etc/passwd",
    "one slash": "http:/127.0.0.1:{port}/",
    "no slashes": "http:127.0.0.1:{port}/",
    "user": "http://public.test@127.0.0.1:{port}/",
    "user and password": "http://public.test:80@127.0.0.1:{port}/",
    "user, second at": "http://a@b@127.0.0.1:{port}/",
    "user, encoded slash": "http://public.test%2f@127.0.0.1:{port}/",
    "backslash": "http://127.0.0.1:{port}\\@public.test/",
    "backslashes": "http:\\\\127.0.0.1:{port}\\",
    "fragment before at": "http://127.0.0.1:{port}#@public.test/",
    "query before at": "http://127.0.0.1:{port}?@public.test/",
    "port of Redis": "http://public.test:6379/",
    "port of SSH": "http://public.test:22/",
    "port too large": "http://public.test:65616/",
    "port negative": "http://public.test:-80/",
    "port unreadable": "http://public.test:8o/",
    "two ports": "http://127.0.0.1:{port}:80/",
    "CR LF in path": "http://public.test/\r\nHost: 127.0.0.1",
    "CR LF in host": "http://public.test\r\n.evil.test/",
    "newline at the end": "http://public.test/\n",
    "tab in scheme": "ht\ttp://public.test/",
    "NUL": "http://public.test\0.evil.test/",
    "space in front": " http://public.test/",
    "space in host": "http://public.test .evil.test/",
    "half a surrogate": "http://public.test/\ud800",
    "encoded host": "http://%31%32%37.0.0.1:{port}/",
    "encoded slash in host": "http://public.test%2f.evil.test/",
    "slash by another name": "http://public.test／.evil.test/",
    "invisible host": "http://\u200b:{port}/",
    "number too large": "http://4294967296:{port}/",
    "number part too large": "http://127.0.0.256:{port}/",
    "five parts": "http://127.0.0.0.1:{port}/",
    "not octal": "http://127.0.0.08:{port}/",
    "empty label": "http://127..1:{port}/",
    "bracket": "http://[::1:{port}/",
    "brackets in a name": "http://[public.test]/",
    "long": "http://public.test/" + "a" * MAX_URL_CHARS,
    "long host": "http://" + "a." * 200 + "test/",
}
UNLISTED = {
    "look-alike suffix": "https://evil-arxiv.org/pdf/1",
    "look-alike prefix": "https://arxiv.org.evil.test/pdf/1",
    "below, not itself": "https://arxiv.org/pdf/1",
    "address for a name": f"https://{PUBLIC_IP}/",
    "Cyrillic look-alike": "https://www.аrxiv.org/",
}


@pytest.fixture
def web() -> Iterator[FakeWeb]:
    """A stranger's server, which tests may reach."""
    with FakeWeb() as web:
        yield web


@pytest.fixture
def inside() -> Iterator[FakeWeb]:
    """A server inside, on another loopback address, which nothing may reach."""
    with FakeWeb("127.0.0.2") as inside:
        inside.serve("/", says())
        yield inside


def got(web: FakeWeb, into: Path, path: str = "/a.pdf", *, max_bytes: int = 1 << 20, timeout_s: float = 10) -> Fetched:
    return fetch(web.url(path), hosts=ANY, max_bytes=max_bytes, into=into, timeout_s=timeout_s, network=open_to(web))


def refused(url: str, web: FakeWeb, hosts: Sequence[str], into: Path) -> str:
    """Why this URL is refused; the strict rules hold, save that the listener's port is allowed."""
    network = replace(PUBLIC, ports=PUBLIC.ports | {web.port}, resolve=resolves(NAMES))
    with watched_sockets() as packets, pytest.raises(UrlRefused) as caught:
        fetch(url.replace("{port}", str(web.port)), hosts=hosts, max_bytes=1000, into=into, timeout_s=5, network=network)
    assert packets == []
    assert web.n_connections == 0
    assert list(into.iterdir()) == []
    return str(caught.value)


@pytest.mark.parametrize("url", PRIVATE.values(), ids=PRIVATE.keys())
def test_what_is_not_public_is_refused_before_the_first_packet(url, web, tmp_path):
    said = refused(url, web, ANY, tmp_path)

    assert "not public" in said or "is no address" in said or "network interface" in said


@pytest.mark.parametrize("url", MALFORMED.values(), ids=MALFORMED.keys())
def test_what_is_no_plain_url_is_refused_before_the_first_packet(url, web, tmp_path):
    assert "was refused: " in refused(url, web, ANY, tmp_path)


@pytest.mark.parametrize("url", UNLISTED.values(), ids=UNLISTED.keys())
def test_a_host_that_is_not_on_the_list_is_refused_before_the_first_packet(url, web, tmp_path):
    assert "is not among those allowed (*.arxiv.org)" in refused(url, web, ["*.arxiv.org"], tmp_path)


def test_urls_are_off_where_no_host_is_allowed(web, tmp_path):
    assert "no host is allowed here" in refused("https://public.test/a.pdf", web, [], tmp_path)


def test_there_are_more_than_forty_vectors():
    assert len(PRIVATE) + len(MALFORMED) + len(UNLISTED) + len(REDIRECTS) > 100


@pytest.mark.parametrize("url", LOOPBACK.values(), ids=LOOPBACK.keys())
def test_each_form_of_loopback_would_have_reached_the_listener(url, web, tmp_path):
    """Without this the vectors above could be harmless by a mistake of ours."""
    web.serve("/", says())
    url = url.replace("{port}", str(web.port))

    assert fetch(url, hosts=ANY, max_bytes=1 << 20, into=tmp_path, network=open_to(web)).size == len(PDF)
    assert web.n_connections == 1


REDIRECTS = {
    "to an address inside": "http://127.0.0.2:{inside}/",
    "to an address inside, decimal": "http://2130706434:{inside}/",
    "to an address inside, mapped": "http://[::ffff:127.0.0.2]:{inside}/",
    "to an address inside, no scheme": "//127.0.0.2:{inside}/",
    "to a name inside": "http://inside.test:{inside}/",
    "to metadata": f"http://{METADATA}/latest/meta-data/",
    "to Redis": "http://127.0.0.1:6379/",
    "to a file": "file:///etc/passwd",
    "to gopher": "gopher://127.0.0.2:{inside}/_FLUSHALL",
    "to a user": "http://stranger.test@127.0.0.2:{inside}/",
    "with a backslash": "http://127.0.0.2:{inside}\\@stranger.test/",
    "with backslashes": "\\\\127.0.0.2:{inside}/",
    "to half an address": "http://[127.0.0.2:{inside}/",
    "in bytes that are no text": "http://\xff\xfe:{inside}/",
}


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_redirect_to_an_address_inside_is_refused_whatever_its_status(status, web, inside, tmp_path):
    web.serve("/a.pdf", redirects(inside.url(), status))
    assert "not public" in refused_redirect(web, inside, tmp_path)


@pytest.mark.parametrize("to", REDIRECTS.values(), ids=REDIRECTS.keys())
def test_a_redirect_is_checked_like_the_first_url(to, web, inside, tmp_path):
    web.serve("/a.pdf", redirects(to.replace("{inside}", str(inside.port))))
    assert "was refused: " in refused_redirect(web, inside, tmp_path)


def test_the_last_of_several_redirects_is_checked_too(web, inside, tmp_path):
    for n in range(3):
        web.serve(f"/{n}", redirects(f"/{n + 1}"))
    web.serve("/a.pdf", redirects("/0"))
    web.serve("/3", redirects(inside.url()))
    assert "not public" in refused_redirect(web, inside, tmp_path, n_requests=5)


def refused_redirect(web: FakeWeb, inside: FakeWeb, into: Path, *, n_requests: int = 1) -> str:
    """Why the redirect is refused; the first server is reached, and nothing else."""
    network = open_to(web, names={"stranger.test": ["127.0.0.1"], "inside.test": ["127.0.0.2"]})
    network = replace(network, ports=network.ports | {inside.port})
    url = web.url("/a.pdf", host="stranger.test")
    with watched_sockets() as packets, pytest.raises(UrlRefused) as caught:
        fetch(url, hosts=ANY, max_bytes=1000, into=into, timeout_s=5, network=network)
    assert {packet for packet in packets if "connect" in packet} == {f"socket.connect (('127.0.0.1', {web.port}),)"}
    assert len(web.requests) == n_requests
    assert inside.n_connections == 0
    assert list(into.iterdir()) == []
    return str(caught.value)


def test_a_redirect_away_from_the_list_is_refused(web, inside, tmp_path):
    web.serve("/a.pdf", redirects(web.url("/b.pdf", host="other.test")))
    network = open_to(web, names={"stranger.test": ["127.0.0.1"], "other.test": ["127.0.0.1"]})
    with pytest.raises(UrlRefused, match=r"'other\.test' is not among"):
        fetch(web.url("/a.pdf", host="stranger.test"), hosts=["stranger.test"], max_bytes=9, into=tmp_path, network=network)
    assert len(web.requests) == 1


class Rebinding:
    """A name that is outside when it is checked and inside from then on."""

    def __init__(self, *answers: Sequence[str]) -> None:
        self.answers = list(answers)
        self.n_asked = 0

    def __call__(self, host: str, port: int) -> Sequence[str]:
        self.n_asked += 1
        return self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]


def test_a_name_that_changes_after_the_check_changes_nothing(web, tmp_path):
    with FakeWeb("127.0.0.2", port=web.port) as inside:
        web.serve("/a.pdf", says())
        resolve = Rebinding(["127.0.0.1"], ["127.0.0.2"])
        network = replace(open_to(web), resolve=resolve)
        with watched_sockets() as packets:
            fetch(web.url("/a.pdf", host="rebinding.test"), hosts=ANY, max_bytes=1 << 20, into=tmp_path, network=network)

        assert (resolve.n_asked, web.n_connections, inside.n_connections) == (1, 1, 0)
        assert not [packet for packet in packets if "rebinding" in packet], "nothing else resolved the name"


def test_a_name_that_changes_between_two_redirects_is_refused(web, tmp_path):
    with FakeWeb("127.0.0.2", port=web.port) as inside:
        web.serve("/a.pdf", redirects("/b.pdf"))
        network = replace(open_to(web), resolve=Rebinding(["127.0.0.1"], ["127.0.0.2"]))
        with pytest.raises(UrlRefused, match="not public"):
            fetch(web.url("/a.pdf", host="rebinding.test"), hosts=ANY, max_bytes=1 << 20, into=tmp_path, network=network)

        assert (web.n_connections, inside.n_connections) == (1, 0)


def test_the_proxy_of_the_environment_is_not_asked(web, inside, tmp_path, monkeypatch):
    for name in ("http_proxy", "https_proxy", "all_proxy", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"):
        monkeypatch.setenv(name, inside.url())
    web.serve("/a.pdf", says())

    assert got(web, tmp_path).size == len(PDF)
    assert inside.n_connections == 0


@given(st.ip_addresses(v=4), st.data())
def test_every_spelling_of_an_address_is_read_as_that_address(address, data):
    numbers = list(address.packed)
    n_parts = data.draw(st.integers(1, 4))
    last = int.from_bytes(bytes(numbers[n_parts - 1 :]))
    written = [
        data.draw(st.sampled_from([str, hex, lambda number: f"0{number:o}"]))(part) for part in [*numbers[: n_parts - 1], last]
    ]

    assert parse_url(f"http://{'.'.join(written)}/").host == str(address)


@given(st.text(max_size=60))
def test_any_text_is_a_url_or_is_refused(text):
    for url in (text, f"http://{text}", f"http://{text}/", f"http://a.test/{text}"):
        try:
            parsed = parse_url(url)
        except UrlRefused as error:
            assert str(error).isprintable()
        else:
            assert str(parsed).isascii() and " " not in str(parsed)
            assert parse_url(str(parsed)) == parsed, "the one form is the form of itself"


@pytest.mark.parametrize(
    "address", ["93.184.215.14", "1.1.1.1", "2606:4700::1111", "64:ff9b::5db8:d70e", "::ffff:93.184.215.14"]
)
def test_public_addresses_are_public(address):
    assert is_public_address(ipaddress.ip_address(address))


@pytest.mark.parametrize(
    "address",
    [
        "0.0.0.0", "0.255.255.255", "10.255.255.255", "100.64.0.0", "100.127.255.255", "127.0.0.53", "168.63.129.16", "172.16.0.0",
        "172.31.255.255", "192.0.0.8", "192.88.99.1", "198.19.255.255", "198.51.100.1", "233.252.0.1", "255.255.255.255",
        "::", "::1", "::1.1.1.1", "::ffff:0:1.1.1.1", "100::1", "2001:3::1", "2001:4:112::1", "2001:20::1", "2001:2::1",
        "2002:101:101::1", "3fff::1", "4000::1", "5f00::1", "fd20:ce::254", "ff0e::1",
        "2606:4700::1111%eth0", "::ffff:1.1.1.1%1", "64:ff9b::10.0.0.1", "64:ff9b::168.63.129.16", "64:ff9b:1::1.1.1.1",
    ],
)  # fmt: skip
def test_addresses_with_another_meaning_are_not_public(address):
    assert not is_public_address(ipaddress.ip_address(address))


@given(st.ip_addresses())
def test_no_address_is_public_that_python_calls_anything_else(address):
    hidden = getattr(address, "ipv4_mapped", None) or address
    if is_public_address(address):
        assert not (
            hidden.is_private or hidden.is_loopback or hidden.is_link_local or hidden.is_multicast or hidden.is_reserved
        ) or (
            address in ipaddress.ip_network("64:ff9b::/96")  # which Python calls reserved
        )


@pytest.mark.parametrize(
    ("url", "one_form"),
    [
        ("HTTP://ArXiv.ORG.:80/pdf/1", "http://arxiv.org/pdf/1"),
        ("https://arxiv.org", "https://arxiv.org/"),
        ("https://arxiv.org:443?q=1#page=2", "https://arxiv.org/?q=1"),
        ("http://arxiv.org:443/", "http://arxiv.org:443/"),
        ("https://bücher.example/Käse 1.pdf", "https://xn--bcher-kva.example/K%C3%A4se%201.pdf"),
        ("https://a.test/%C3%A4?sig=a%2Fb+c&d=e@f:g", "https://a.test/%C3%A4?sig=a%2Fb+c&d=e@f:g"),
        ("http://[2606:4700:0:0::1111]:80/", "http://[2606:4700::1111]/"),
        ("http://my_bucket.example/", "http://my_bucket.example/"),
    ],
)
def test_a_url_has_one_form(url, one_form):
    assert str(parse_url(url)) == one_form


@pytest.mark.parametrize(
    ("host", "hosts", "is_allowed"),
    [
        ("arxiv.org", ["arxiv.org"], True),
        ("arxiv.org", [" ArXiv.org "], True),
        ("export.arxiv.org", ["*.arxiv.org"], True),
        ("a.b.arxiv.org", ["doi.org", "*.arxiv.org"], True),
        ("arxiv.org", ["*.arxiv.org"], False),
        ("export.arxiv.org", ["arxiv.org"], False),
        ("xarxiv.org", ["*arxiv.org"], False),
        ("arxiv.org", ["*.*"], False),
        ("arxiv.org", [""], False),
        (PUBLIC_IP, [PUBLIC_IP], True),
        (PUBLIC_IP, ["*.14"], False),
        ("[2606:4700::1111]", ["[2606:4700::1111]"], True),
    ],
)
def test_a_list_allows_its_names_and_what_stands_below_a_star(host, hosts, is_allowed):
    network = replace(PUBLIC, resolve=lambda *_: [PUBLIC_IP])
    if is_allowed:
        assert check_url(f"https://{host}/", hosts=hosts, network=network).addresses
    else:
        with pytest.raises(UrlRefused, match="is not among those allowed"):
            check_url(f"https://{host}/", hosts=hosts, network=network)


def test_a_list_cannot_allow_a_private_address(web, tmp_path):
    assert "not public" in refused("http://redis/", web, ["redis"], tmp_path)
    assert "not public" in refused("http://10.0.0.5/", web, ["10.0.0.5"], tmp_path)


def test_a_refusal_tells_neither_a_password_nor_a_signature_nor_what_is_inside(web, tmp_path):
    said = refused("http://user:secret@public.test/a?sig=secret", web, ANY, tmp_path)
    assert "carries a user name or a password" in said
    assert "secret" not in said
    assert "10.0.0.5" not in refused("http://mixed.test/?sig=secret", web, ANY, tmp_path)


def test_a_name_that_is_not_there_is_a_failure_and_not_a_refusal(tmp_path):
    network = replace(PUBLIC, resolve=resolves({}))
    with pytest.raises(FetchFailed, match=r"could not be resolved \(Name or service not known"):
        check_url("https://nowhere.test/", hosts=ANY, network=network)
    with pytest.raises(FetchFailed, match="has no address"):
        check_url("https://nowhere.test/", hosts=ANY, network=replace(PUBLIC, resolve=lambda *_: []))


def test_a_resolver_that_hangs_is_left_behind(tmp_path):
    released = threading.Event()
    network = replace(PUBLIC, resolve=lambda *_: [str(released.wait(20))])
    started = time.monotonic()
    with pytest.raises(FetchFailed, match=r"not resolved within 0\.2 s"):
        fetch("https://slow.test/", hosts=ANY, max_bytes=9, into=tmp_path, timeout_s=0.2, network=network)
    assert time.monotonic() - started < 2
    released.set()


# What comes back.


def test_a_pdf_is_fetched_into_a_file_of_ours(web, tmp_path):
    web.serve("/pdf/2401.00001v1.pdf", says())
    fetched = got(web, tmp_path, "/pdf/2401.00001v1.pdf?download=1")

    assert fetched.path.read_bytes() == PDF
    assert fetched.path.parent == tmp_path
    assert fetched.path.stat().st_mode & 0o077 == 0, "nobody else reads it"
    assert (fetched.name, fetched.size) == ("2401.00001v1.pdf", len(PDF))
    assert fetched.final_url == web.url("/pdf/2401.00001v1.pdf?download=1")


def test_the_server_sees_the_name_it_is_called_and_nothing_about_us(web, tmp_path):
    web.serve("/a.pdf", says())
    network = open_to(web, names={"papers.test": ["127.0.0.1"]})
    fetch(web.url("/a.pdf", host="PAPERS.test"), hosts=["papers.test"], max_bytes=1 << 20, into=tmp_path, network=network)

    assert web.requests[0].headers == {
        "host": f"papers.test:{web.port}", "user-agent": "reread (fetches papers that its users name)", "connection": "close",
        "accept-encoding": "identity", "accept": "application/pdf, */*;q=0.1",
    }  # fmt: skip


@pytest.mark.parametrize(
    "location", ["/b.pdf", "b.pdf", "./x/../b.pdf", "//127.0.0.1:{port}/b.pdf", "http://127.0.0.1:{port}/b.pdf#p"]
)
def test_redirects_are_followed_and_the_last_url_is_told(location, web, tmp_path):
    web.serve("/a.pdf", redirects(location.replace("{port}", str(web.port))))
    web.serve("/b.pdf", says())
    fetched = got(web, tmp_path)

    assert (fetched.name, fetched.final_url, fetched.size) == ("b.pdf", web.url("/b.pdf"), len(PDF))


def test_a_redirect_may_be_written_in_utf_8_with_a_space(web, tmp_path):
    web.serve("/a.pdf", redirects("/Käse 1.pdf".encode().decode("latin-1")))
    web.serve("/K%C3%A4se%201.pdf", says())
    assert got(web, tmp_path).name == "Käse 1.pdf"


def test_five_redirects_are_followed_and_no_more(web, tmp_path):
    for n in range(10):
        web.serve(f"/{n}", redirects(f"/{n + 1}"))
    web.serve("/10", says())

    assert got(web, tmp_path, "/5").size == len(PDF)
    with pytest.raises(FetchFailed, match="more than 5 redirects away"):
        got(web, tmp_path, "/4")


def test_the_next_address_is_tried_where_one_does_not_answer(web, tmp_path):
    web.serve("/a.pdf", says())
    network = open_to(web, names={"two.test": ["127.0.0.3", "127.0.0.1"]}, addresses=["127.0.0.3"])
    assert fetch(web.url("/a.pdf", host="two.test"), hosts=ANY, max_bytes=1 << 20, into=tmp_path, network=network).size


def test_an_ipv6_address_is_reached_and_called_with_brackets(tmp_path):
    try:
        web = FakeWeb("::1")
    except OSError:
        pytest.skip("this machine has no IPv6 loopback")
    with web:
        web.serve("/a.pdf", says())
        fetch(web.url("/a.pdf", host="[0:0::1]"), hosts=["::1"], max_bytes=1 << 20, into=tmp_path, network=open_to(web))
        assert web.requests[0].headers["host"] == f"[::1]:{web.port}"


def test_a_body_in_chunks_is_joined(web, tmp_path):
    web.serve("/a.pdf", chunked())
    assert got(web, tmp_path).path.read_bytes() == PDF


def test_a_body_of_exactly_the_limit_is_kept(web, tmp_path):
    web.serve("/a.pdf", says())
    assert got(web, tmp_path, max_bytes=len(PDF)).size == len(PDF)


CHUNKED = head(200, {"Transfer-Encoding": "chunked"})
TWO_LENGTHS = b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nxx"
GZIPPED = gzip.compress(b"\0" * 10_000_000)

BAD_ANSWERS = {
    "nothing there": (fails(404), FetchFailed, "answered 404"),
    "server broken": (fails(500), FetchFailed, "answered 500"),
    "part of it": (says(status=206), FetchFailed, "answered 206"),
    "no content": (says_raw(b"HTTP/1.1 204 No\r\n\r\n"), FetchFailed, "answered 204"),
    "another protocol": (says_raw(b"HTTP/1.1 101 No\r\nUpgrade: h2c\r\n\r\n"), FetchFailed, "gave nothing"),
    "no HTTP": (says_raw(b"-ERR unknown command 'GET'\r\n\r\n"), FetchFailed, "illegal status line"),
    "no answer": (says_raw(b""), FetchFailed, "without sending a response"),
    "redirect to nowhere": (says_raw(head(302, {"Content-Length": "0"})), FetchFailed, "without saying where to go"),
    "redirect in circles": (redirects("/a.pdf"), FetchFailed, "more than 5 redirects"),
    "reset": (resets(), FetchFailed, "gave nothing"),
    "reset in the body": (resets(head(200, {"Content-Length": "100000"}) + PDF[:500]), FetchFailed, "gave nothing"),
    "less than promised": (promises(len(PDF) + 1), FetchFailed, "incomplete|without sending complete"),
    "chunks that break off": (says_raw(CHUNKED + b"5\r\n%PDF-\r\n"), FetchFailed, "incomplete"),
    "chunks that are none": (says_raw(CHUNKED + b"zz\r\n"), FetchFailed, "gave nothing"),
    "two lengths": (says_raw(TWO_LENGTHS), FetchFailed, "conflicting"),
    "a length of 5,000 digits": (says_raw(head(200, {"Content-Length": "9" * 5000})), FetchFailed, "bad Content-Length"),
    "negative length": (says_raw(head(200, {"Content-Length": "-1"})), FetchFailed, "bad Content-Length"),
    "endless headers": (trickles(b"HTTP/1.1 200 OK\r\nX: " + b"x" * 200_000, every_s=0), FetchFailed, "gave nothing"),
    "gzip": (says(GZIPPED, Content_Encoding="gzip"), FetchFailed, "sends the file compressed .gzip"),
    "zip bomb in layers": (says(GZIPPED, Content_Encoding="gzip, gzip"), FetchFailed, "compressed"),
    "gzip as transfer": (says_raw(head(200, {"Transfer-Encoding": "gzip, chunked"}) + GZIPPED), FetchFailed, "gave nothing"),
    "promises too much": (promises(1 << 40), TooLarge, r"larger than the 1\.0 MB allowed"),
    "sends too much": (endless(), TooLarge, r"larger than the 1\.0 MB allowed"),
    "sends too many chunks": (chunked(b"x" * 2_000_000, 50_000), TooLarge, "larger than"),
}  # fmt: skip


@pytest.mark.parametrize(("act", "error", "words"), BAD_ANSWERS.values(), ids=BAD_ANSWERS.keys())
def test_a_bad_answer_is_a_named_error_and_leaves_nothing(act, error, words, web, tmp_path):
    web.serve("/a.pdf", act)
    with pytest.raises(error, match=words):
        got(web, tmp_path, max_bytes=1_000_000)
    assert list(tmp_path.iterdir()) == []


def test_more_than_was_promised_is_not_read(web, tmp_path):
    web.serve("/a.pdf", promises(1000))
    assert got(web, tmp_path).path.read_bytes() == PDF[:1000]


SLOW = {
    "says nothing": hangs(),
    "hangs in the headers": hangs(b"HTTP/1.1 200 OK\r\nX: "),
    "hangs in the body": hangs(head(200, {"Content-Length": "100000"}) + PDF[:500]),
    "one byte of header now and then": trickles(b"HTTP/1.1 200 OK\r\nX: "),
    "one byte of body now and then": trickles(head(200, {"Content-Length": "100000"})),
    "interim answers without end": informs_for_ever(),
}


@pytest.mark.parametrize("act", SLOW.values(), ids=SLOW.keys())
def test_a_slow_server_is_given_up_at_the_deadline(act, web, tmp_path):
    web.serve("/a.pdf", act)
    started = time.monotonic()
    with pytest.raises(FetchFailed, match=r"not done within 0\.5 s"):
        got(web, tmp_path, timeout_s=0.5)
    assert time.monotonic() - started < 3
    assert list(tmp_path.iterdir()) == []


def test_redirects_share_one_deadline(web, tmp_path):
    def late(talk):
        time.sleep(0.3)
        talk.answer(302, Location="/a.pdf")

    web.serve("/a.pdf", late)
    with pytest.raises(FetchFailed, match=r"not done within 0\.5 s"):
        got(web, tmp_path, timeout_s=0.5)
    assert len(web.requests) == 2


def test_nobody_listening_is_a_failure(web, tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as closed:
        port = closed.getsockname()[1]
    with pytest.raises(FetchFailed, match="Connection refused"):
        network = replace(open_to(web), ports=frozenset({port}))
        fetch(web.url(port=port), hosts=ANY, max_bytes=9, into=tmp_path, network=network)


def test_a_folder_that_cannot_be_written_to_is_named(web, tmp_path):
    web.serve("/a.pdf", says())
    with pytest.raises(FetchFailed, match=r"could not be written to .*No such file"):
        got(web, tmp_path / "missing")


def test_a_full_disk_is_named_and_leaves_nothing(web, tmp_path, monkeypatch):
    web.serve("/a.pdf", says())
    real = os.fdopen

    def full(descriptor: int, mode: str):
        os.close(descriptor)
        return real(os.open("/dev/full", os.O_WRONLY), mode)

    monkeypatch.setattr("ingest.fetching.os.fdopen", full)
    with pytest.raises(FetchFailed, match="No space left on device"):
        got(web, tmp_path)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("disposition", "name"),
    [
        (None, "a b.pdf"),
        ("inline", "a b.pdf"),
        ('attachment; filename="smith 2021.pdf"', "smith 2021.pdf"),
        ("attachment; filename*=UTF-8''na%C3%AFve.pdf", "naïve.pdf"),
        ('attachment; filename="../../etc/passwd"', "passwd"),
        ("attachment; filename=/etc/shadow", "shadow"),
        ('attachment; filename="C:\\\\Windows\\\\evil.pdf"', "evil.pdf"),
        ("attachment; filename*=UTF-8''..%2F..%2Fpasswd", "passwd"),
        ("attachment; filename*=UTF-8''a%00b%0A%E2%80%AEfdp.pdf", "a�b��fdp.pdf"),
        ("attachment; filename=..", "a b.pdf"),
        ('attachment; filename=""', "a b.pdf"),
        ("attachment; filename*=nocharset''%ff", "ÿ"),
        ('attachment; filename="' + "x" * 5000 + '.pdf"', None),
    ],
)
def test_a_name_is_a_label_and_never_a_path(disposition, name, web, tmp_path):
    web.serve("/x/a%20b.pdf", says(**({"Content_Disposition": disposition} if disposition else {})))
    fetched = got(web, tmp_path, "/x/a%20b.pdf")

    assert fetched.name == name or (name is None and len(fetched.name) <= 255)
    assert [*tmp_path.iterdir()] == [fetched.path]
    assert fetched.path.name.startswith("fetched-")


def test_a_url_without_a_path_gives_the_name_of_its_host(web, tmp_path):
    web.serve("/", says())
    assert got(web, tmp_path, "/").name == "127.0.0.1"


@given(st.text(st.characters(max_codepoint=255), max_size=80))
def test_any_header_gives_a_name_that_can_be_stored(text):
    for disposition in (text, f"attachment; filename={text}", f"attachment; filename*=utf-8''{text}"):
        name = _label(_stated_name(disposition))
        assert "/" not in name and len(name) <= 255
        assert name.isprintable()
        name.encode("utf-8")  # no half surrogates


# TLS: the connection goes to an address, the certificate is about the name.


def over_tls(web: FakeWeb, host: str, tls, into: Path) -> Fetched:
    network = open_to(web, names={"papers.test": ["127.0.0.1"], "evil.test": ["127.0.0.1"]}, tls=tls)
    return fetch(web.url("/a.pdf", host=host), hosts=ANY, max_bytes=1 << 20, into=into, timeout_s=5, network=network)


@pytest.fixture(scope="module")
def certificate(tmp_path_factory):
    return made_certificate(tmp_path_factory.mktemp("tls") / "good", "DNS:papers.test")


def test_tls_is_about_the_name_though_the_connection_goes_to_an_address(certificate, tmp_path):
    asked_for: list[str | None] = []
    server_side = certificate.server_side()
    server_side.sni_callback = lambda _, name, __: asked_for.append(name)
    with FakeWeb(tls=server_side) as web:
        web.serve("/a.pdf", says())

        assert over_tls(web, "papers.test", certificate.believed(), tmp_path).size == len(PDF)
        assert asked_for == ["papers.test"]
        assert web.requests[0].headers["host"] == f"papers.test:{web.port}"


@pytest.mark.parametrize("host", ["evil.test", "127.0.0.1"])
def test_a_certificate_for_another_name_is_not_believed(host, certificate, tmp_path):
    with FakeWeb(tls=certificate.server_side()) as web:
        with pytest.raises(FetchFailed, match=r"CERTIFICATE_VERIFY_FAILED.*mismatch"):
            over_tls(web, host, certificate.believed(), tmp_path)
        assert web.requests == []


def test_a_certificate_that_nobody_vouches_for_is_not_believed(certificate, tmp_path):
    with FakeWeb(tls=certificate.server_side()) as web:
        with pytest.raises(FetchFailed, match=r"CERTIFICATE_VERIFY_FAILED.*self.signed"):
            over_tls(web, "papers.test", None, tmp_path)
        assert web.requests == []


def test_a_redirect_from_https_to_http_is_refused(certificate, web, tmp_path):
    with FakeWeb(tls=certificate.server_side()) as safe:
        safe.serve("/a.pdf", redirects(web.url("/a.pdf")))
        with pytest.raises(UrlRefused, match="away from https"):
            over_tls(safe, "papers.test", certificate.believed(), tmp_path)
    assert web.n_connections == 0


def test_a_server_that_never_finishes_the_handshake_is_given_up(web, certificate, tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as silent:
        port = silent.getsockname()[1]
        network = replace(open_to(web, tls=certificate.believed()), ports=frozenset({port}))
        with pytest.raises(FetchFailed, match=r"not done within 0\.3 s"):
            fetch(f"https://127.0.0.1:{port}/", hosts=ANY, max_bytes=9, into=tmp_path, timeout_s=0.3, network=network)


def test_every_fault_is_one_of_ours():
    assert all(issubclass(error, RereadError) for _, error, _ in BAD_ANSWERS.values())
