"""Whole pages as pictures, for a prompt that asks to see pages.

A paper is hostile input whenever it is opened, not only when it is converted: PDFium renders in a process of its own, without
network, files or rights, with limits on time and memory. It is told the paper on stdin and gives the pictures on stdout.
"""

from __future__ import annotations

import io
import os
import resource
import struct
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path

from errors import ConversionFailed, TimedOut
from ingest.figures import DPI
from ingest.isolation import change_user, confine, unprivileged_uid

TIMEOUT_S = 60.0  #: for all the pages that are asked for at once; a page takes 0.05 to 1 s
MEMORY_MB = 2048
MAX_PIXELS = 2_400  #: longest side
_LENGTH = struct.Struct(">Q")  #: before each picture


def render_pages(pdf: bytes, pages: Sequence[int], *, name: str, timeout_s: float = TIMEOUT_S) -> list[bytes]:
    """A PNG of each of these pages, from 1, at about 150 dpi. `name` is what to call the paper in errors.

    Raises ConversionFailed where the file is no PDF or has no such page, TimedOut.
    """
    with tempfile.TemporaryDirectory(prefix="reread-pages-") as folder:
        root = str(Path(__file__).resolve().parent.parent)
        command = [sys.executable, "-P", "-m", "ingest.page_pictures", *map(str, pages)]
        environment = {"PATH": os.environ.get("PATH", ""), "PYTHONPATH": root, "PYTHONUTF8": "1"}
        try:
            done = subprocess.run(command, input=pdf, capture_output=True, timeout=timeout_s, cwd=folder, env=environment)
        except subprocess.TimeoutExpired as error:
            raise TimedOut(
                f"Pages of {name!r} could not be rendered within {timeout_s:g} s. Nothing was read from them. "
                "Ask for its figures instead (sees: figures)."
            ) from error
    pictures = list(_pictures(done.stdout))
    if done.returncode or len(pictures) != len(pages):
        said = done.stderr.decode("utf-8", "replace").strip().splitlines()[-1:] or ["it gave no reason"]
        raise ConversionFailed(
            f"Pages {', '.join(map(str, pages))} of {name!r} could not be rendered: {said[0][:200]}. Nothing was read from them. "
            "Ask for its figures instead (sees: figures)."
        )
    return pictures


def _pictures(data: bytes) -> Iterator[bytes]:
    at = 0
    while at + _LENGTH.size <= len(data):
        (length,) = _LENGTH.unpack_from(data, at)
        at += _LENGTH.size + length
        yield data[at - length : at]


def _render() -> None:
    """The child: pages by number from the command line, the paper from stdin, the pictures to stdout."""
    import pypdfium2

    pdf, out = sys.stdin.buffer.read(), sys.stdout.buffer
    resource.setrlimit(resource.RLIMIT_DATA, (MEMORY_MB << 20,) * 2)
    change_user(confine(Path.cwd()), unprivileged_uid())
    document = pypdfium2.PdfDocument(pdf)
    for number in map(int, sys.argv[1:]):
        page = document[number - 1]
        scale = min(DPI / 72, MAX_PIXELS / max(page.get_size()))
        buffer = io.BytesIO()
        page.render(scale=scale).to_pil().convert("RGB").save(buffer, "PNG")
        out.write(_LENGTH.pack(buffer.tell()) + buffer.getvalue())
    out.flush()


if __name__ == "__main__":
    _render()
