"""Small files that ask for very much: memory, time, depth. Each is made in a second and is at most a few megabytes."""

from __future__ import annotations

import zlib
from collections.abc import Callable, Sequence

FONT = "<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>"
TEXT = b"BT /F1 10 Tf 60 700 Td (This page has a sentence, so that it is a page like any other.) Tj ET\n"


def pdf(objects: Sequence[bytes | str], *, root: int = 1) -> bytes:
    """These objects, numbered from 1, with a table that is true."""
    out, places = bytearray(b"%PDF-1.5\n"), []
    for number, body in enumerate(objects, start=1):
        places.append(len(out))
        out += b"%d 0 obj\n" % number + (body.encode() if isinstance(body, str) else body) + b"\nendobj\n"
    start = len(out)
    out += b"xref\n0 %d\n0000000000 65535 f \n" % (len(objects) + 1) + b"".join(b"%010d 00000 n \n" % place for place in places)
    return bytes(out + b"trailer << /Size %d /Root %d 0 R >>\nstartxref\n%d\n%%%%EOF\n" % (len(objects) + 1, root, start))


def stream(content: bytes, entries: str = "") -> bytes:
    return b"<< /Length %d %s >>\nstream\n" % (len(content), entries.encode()) + content + b"\nendstream"


def packed(content: bytes, entries: str = "") -> bytes:
    return stream(zlib.compress(content, 9), f"/Filter /FlateDecode {entries}")


def packed_run(unit: bytes, megabytes: int, entries: str = "", head: bytes = b"") -> bytes:
    """This unit again and again, packed, without ever holding it unpacked."""
    packer, block = zlib.compressobj(9), unit * ((1 << 20) // len(unit))
    content = packer.compress(head) + b"".join(packer.compress(block) for _ in range(megabytes)) + packer.flush()
    return stream(content, f"/Filter /FlateDecode {entries}")


def one_page(content: bytes, *more: bytes | str, resources: str = "", box: str = "0 0 595 842") -> bytes:
    """A page with this content stream; further objects are numbered from 6."""
    return pdf(
        [
            "<< /Type /Catalog /Pages 2 0 R >>",
            "<< /Type /Pages /Kids [3 0 R] /Count 1 >>",
            f"<< /Type /Page /Parent 2 0 R /MediaBox [{box}] /Contents 4 0 R /Resources << /Font << /F1 5 0 R >> {resources} >> >>",
            content,
            FONT,
            *more,
        ]
    )


def huge_page() -> bytes:
    return one_page(stream(TEXT), box="0 0 2000000000 2000000000")


def largest_page() -> bytes:
    """As large as the standard allows, with a figure over all of it."""
    return one_page(stream(TEXT + b"0.5 g 10 10 14000 14000 re f"), box="0 0 14400 14400")


def million_paths() -> bytes:
    lines = "\n".join(f"{n % 595} {n % 842} m {n * 7 % 595} {n * 3 % 842} l S" for n in range(350_000))  # three operators each
    return one_page(packed(TEXT + lines.encode()))


def one_path_of_a_million_points() -> bytes:
    return one_page(packed(TEXT + b"0 0 m\n" + b"".join(b"%d %d l\n" % (n % 595, n % 842) for n in range(1_000_000)) + b"S"))


def inflates_to_a_gigabyte() -> bytes:
    return one_page(packed_run(b"0 0 m 9 9 l S \n ", 1024, head=TEXT))


def packed_twice() -> bytes:
    """A gigabyte of spaces, packed and packed again: a few kilobytes."""
    packer = zlib.compressobj(9)
    once = b"".join(packer.compress(b" " * (1 << 20)) for _ in range(1024)) + packer.flush()
    return one_page(stream(zlib.compress(once, 9), "/Filter [/FlateDecode /FlateDecode]"))


def image_of_100_megapixels() -> bytes:
    image = "/Type /XObject /Subtype /Image /Width 10000 /Height 10000 /ColorSpace /DeviceRGB /BitsPerComponent 8"
    return one_page(
        stream(TEXT + b"q 500 0 0 500 40 100 cm /I Do Q"),
        packed_run(b"\x7f" * 16, 286, image),
        resources="/XObject << /I 6 0 R >>",
    )


def image_of_10_gigapixels() -> bytes:
    """Says that it is; its data ends soon."""
    image = "/Type /XObject /Subtype /Image /Width 100000 /Height 100000 /ColorSpace /DeviceRGB /BitsPerComponent 8"
    return one_page(
        stream(TEXT + b"q 500 0 0 500 40 100 cm /I Do Q"), packed(b"\x7f" * 10_000, image), resources="/XObject << /I 6 0 R >>"
    )


def billion_pages() -> bytes:
    return one_page(stream(TEXT)).replace(b"/Count 1 ", b"/Count 1000000000 ")


def tiny_pages() -> bytes:
    kids = " ".join(f"{n} 0 R" for n in range(3, 50_003))
    page = "<< /Type /Page /Parent 2 0 R /MediaBox [0 0 3 3] >>"
    return pdf(["<< /Type /Catalog /Pages 2 0 R >>", f"<< /Type /Pages /Kids [{kids}] /Count 50000 >>", *[page] * 50_000])


def deep_page_tree() -> bytes:
    depth = 30_000
    nodes = [f"<< /Type /Pages /Kids [{n + 1} 0 R] /Count 1 /Parent {max(n - 1, 2)} 0 R >>" for n in range(2, depth)]
    return pdf(["<< /Type /Catalog /Pages 2 0 R >>", *nodes, f"<< /Type /Page /Parent {depth - 1} 0 R /MediaBox [0 0 9 9] >>"])


def circular_page_tree() -> bytes:
    return pdf(["<< /Type /Catalog /Pages 2 0 R >>", "<< /Type /Pages /Kids [2 0 R 2 0 R 2 0 R] /Count 300 /Parent 2 0 R >>"])


def deep_arrays() -> bytes:
    return one_page(stream(TEXT), "[" * 500_000 + "]" * 500_000, resources="/Properties 6 0 R")


def deep_arrays_in_content() -> bytes:
    return one_page(packed(TEXT + b"[" * 2_000_000 + b"] TJ"))


def deep_dictionaries() -> bytes:
    return one_page(stream(TEXT), "<< /A " * 300_000 + "1" + " >>" * 300_000, resources="/Properties 6 0 R")


def deep_states() -> bytes:
    return one_page(packed(TEXT + b"q " * 3_000_000))


def form(number: int, content: str) -> bytes:
    entries = f"/Type /XObject /Subtype /Form /BBox [0 0 595 842] /Resources << /XObject << /X {number} 0 R >> >>"
    return stream(content.encode(), entries)


def deep_forms() -> bytes:
    """Each draws the next one."""
    forms = [form(n + 1, "/X Do") for n in range(6, 20_006)]
    return one_page(stream(TEXT + b"/X Do"), *forms, form(6, "0 0 9 9 re f"), resources="/XObject << /X 6 0 R >>")


def multiplying_forms() -> bytes:
    """Each draws the next one ten times: ten thousand million squares."""
    forms = [form(n + 1, "/X Do " * 10) for n in range(6, 16)]
    return one_page(stream(TEXT + b"/X Do"), *forms, form(6, "0 0 9 9 re f"), resources="/XObject << /X 6 0 R >>")


def recursive_forms() -> bytes:
    """Two that draw each other, twice each time."""
    return one_page(
        stream(TEXT + b"/X Do"), form(7, "/X Do /X Do"), form(6, "/X Do /X Do"), resources="/XObject << /X 6 0 R >>"
    )


def huge_font() -> bytes:
    """A font program of 300 MB."""
    font = "<< /Type /Font /Subtype /TrueType /BaseFont /Big /FirstChar 32 /LastChar 126 /FontDescriptor 7 0 R >>"
    descriptor = "<< /Type /FontDescriptor /FontName /Big /Flags 32 /FontBBox [0 0 1000 1000] /FontFile2 8 0 R >>"
    return one_page(
        stream(TEXT.replace(b"/F1", b"/F2")), font, descriptor, packed_run(b"\0\1\0\0" * 4, 300), resources="/F2 6 0 R"
    ).replace(b"/F1 5 0 R >> /F2 6 0 R", b"/F1 5 0 R /F2 6 0 R >>")


def many_fonts() -> bytes:
    fonts = " ".join(f"/G{n} 5 0 R" for n in range(60_000))
    words = b"BT " + b"".join(b"/G%d 4 Tf 1 0 0 1 60 %d Tm (word) Tj " % (n, n % 800) for n in range(60_000)) + b"ET"
    return one_page(packed(words)).replace(b"/F1 5 0 R >>", b"/F1 5 0 R " + fonts.encode() + b" >>")


def million_words() -> bytes:
    words = b"".join(b"1 0 0 1 %d %d Tm (word) Tj\n" % (n * 13 % 560, n * 7 % 820) for n in range(400_000))
    return one_page(packed(b"BT /F1 4 Tf " + words + b"ET"))


def clips() -> bytes:
    return one_page(packed(TEXT + b"".join(b"%d 0 500 800 re W n " % (n % 90) for n in range(300_000)) + b"0 0 m 9 9 l S"))


def circular_length() -> bytes:
    return one_page(b"<< /Length 4 0 R /Filter [/FlateDecode /FlateDecode /LZWDecode] >>\nstream\nabc\nendstream")


def wide_predictor() -> bytes:
    parameters = "/DecodeParms << /Predictor 15 /Columns 2147483647 /Colors 32 /BitsPerComponent 16 >>"
    return one_page(packed(TEXT * 50, parameters))


BOMBS: tuple[Callable[[], bytes], ...] = (
    huge_page,
    recursive_forms,
    billion_pages,
    circular_page_tree,
    image_of_10_gigapixels,
    deep_arrays,
    largest_page,
    million_paths,
    one_path_of_a_million_points,
    inflates_to_a_gigabyte,
    packed_twice,
    image_of_100_megapixels,
    tiny_pages,
    deep_page_tree,
    deep_arrays_in_content,
    deep_dictionaries,
    deep_states,
    deep_forms,
    multiplying_forms,
    huge_font,
    many_fonts,
    million_words,
    clips,
    circular_length,
    wide_predictor,
)
