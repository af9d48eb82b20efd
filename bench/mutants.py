"""Broken copies of good papers, drawn with a seed: what disks, mail, downloads and bad software do to a file."""

from __future__ import annotations

import random
import re
from collections.abc import Callable, Iterator
from pathlib import Path

Draw = random.Random
Mutate = Callable[[bytes, Draw], bytes]


def truncated(pdf: bytes, draw: Draw) -> bytes:
    return pdf[: draw.randrange(1, len(pdf))]


def flipped(pdf: bytes, draw: Draw) -> bytes:
    """From one byte to one in two hundred."""
    broken = bytearray(pdf)
    for _ in range(draw.choice([1, 5, 50, 300, len(pdf) // 200])):
        broken[draw.randrange(len(broken))] ^= 1 << draw.randrange(8)
    return bytes(broken)


def bad_startxref(pdf: bytes, draw: Draw) -> bytes:
    place = draw.choice([b"0", b"-1", b"99999999999999999999", b"nowhere", str(draw.randrange(len(pdf))).encode(), b""])
    return re.sub(rb"startxref\s+\d+", b"startxref\n" + place, pdf)


def holed(pdf: bytes, draw: Draw) -> bytes:
    """Spans deleted."""
    for _ in range(draw.randrange(1, 6)):
        at = draw.randrange(len(pdf))
        pdf = pdf[:at] + pdf[at + draw.choice([1, 20, 500, 8000]) :]
    return pdf


def lying_lengths(pdf: bytes, draw: Draw) -> bytes:
    lies = [b"0", b"1", b"-5", b"2147483648", b"99999999999", b"null", b"7 0 R"]
    share = draw.choice([0.1, 0.5, 1.0])
    return re.sub(rb"/Length \d+", lambda match: b"/Length " + draw.choice(lies) if draw.random() < share else match[0], pdf)


def lying_counts(pdf: bytes, draw: Draw) -> bytes:
    lies = [b"0", b"-1", b"2147483647", b"1000000000", b"3.5", b"(three)"]
    keys = rb"/(Count|Size|First|N|Columns|Width|Height|FirstChar|LastChar) \d+"
    share = draw.choice([0.2, 1.0])
    return re.sub(keys, lambda match: b"/" + match[1] + b" " + draw.choice(lies) if draw.random() < share else match[0], pdf)


def encrypted(pdf: bytes, draw: Draw) -> bytes:
    """Says that it is encrypted with a password that nobody has."""
    owner, user = (draw.randbytes(32).hex().encode() for _ in range(2))
    revision = draw.choice([b"/V 1 /R 2 /Length 40", b"/V 2 /R 3 /Length 128"])
    wall = b"/Encrypt << /Filter /Standard " + revision + b" /P -44 /O <" + owner + b"> /U <" + user + b"> >> /Root"
    head, found, tail = pdf.rpartition(b"/Root")
    return head + wall + tail if found else wall


def empty(pdf: bytes, draw: Draw) -> bytes:
    return draw.choice([b"", b"\n", b"\0" * 100])


def not_a_pdf(pdf: bytes, draw: Draw) -> bytes:
    starts = [b"PK\x03\x04", b"<!DOCTYPE html><html>", b"\x89PNG\r\n\x1a\n", b"\x1f\x8b\x08", b"{\\rtf1 ", draw.randbytes(16)]
    return draw.choice(starts) + draw.randbytes(draw.randrange(2000))


def shuffled(pdf: bytes, draw: Draw) -> bytes:
    """Its objects in another order, their offsets as they were."""
    parts = re.split(rb"(?=\n\d+ 0 obj)", pdf)
    middle = parts[1:-1]
    draw.shuffle(middle)
    return b"".join([parts[0], *middle, *parts[-1:]])


MUTATIONS: tuple[Mutate, ...] = (
    truncated,
    flipped,
    bad_startxref,
    holed,
    lying_lengths,
    lying_counts,
    encrypted,
    empty,
    not_a_pdf,
    shuffled,
)


def mutants(papers: list[Path], n: int, seed: int) -> Iterator[tuple[str, str, bytes]]:
    """So many: name, class, bytes. Each class and each paper in turn, so that a few are already some of all."""
    draw = random.Random(seed)
    for number in range(n):
        mutate = MUTATIONS[number % len(MUTATIONS)]
        paper = papers[number // len(MUTATIONS) % len(papers)]
        yield f"mutant-{number:03}-{mutate.__name__}.pdf", mutate.__name__, mutate(paper.read_bytes(), draw)
