"""A converter that does what its file's name says: the opener that the tests of the sandbox give to a ConverterChild.

`misbehaving` stands in place of `ingest.converter`; each behaviour is one that a native PDF parser has been seen to have.
"""

from __future__ import annotations

import ctypes
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

from docling_core.types.doc.document import DoclingDocument
from docling_core.types.doc.labels import DocItemLabel

from errors import Damaged, WeightsMissing
from ingest.converter import ConvertedPaper
from records import Box, PageQuality


def open_converter(name, *, max_pages, timeout_s, artifacts):
    if name == "missing":
        raise WeightsMissing("no weights here")
    if name == "broken":
        raise RuntimeError("the converter cannot be opened")
    if name == "slow to open":
        time.sleep(60)
    return convert


def convert(path: Path) -> ConvertedPaper:
    behaviour = path.stem.split(".")[0]
    if behaviour in globals():
        globals()[behaviour]()
    document = DoclingDocument(name=path.stem)
    document.add_text(label=DocItemLabel.TEXT, text=f"Text of {path.stem}. {os.environ.get('SECRET_TOKEN', 'No secret')}.")
    return ConvertedPaper(
        document=document,
        markdown="# Märkdown",
        n_pages=1,
        is_partial=False,
        warnings=(),
        pages=(PageQuality(page=1, width=600, height=800, n_chars=10, figure_share=0.0, confidence=1.0),),
        figures=(("#/pictures/0", 1, Box(left=0, bottom=0, right=1, top=1), b"\x89PNG"),),
    )


def killed():
    os.kill(os.getpid(), signal.SIGKILL)


def segfault():
    ctypes.string_at(0)


def aborts():
    os.write(2, b"terminate called after throwing an instance of 'std::bad_alloc'\n")
    os.abort()


def exits():
    os._exit(3)


def spins():
    """Hears no signal, as native code that never returns to Python."""
    for number in {signal.SIGTERM, signal.SIGINT, signal.SIGALRM, signal.SIGXCPU}:
        signal.signal(number, signal.SIG_IGN)
    while True:
        pass


def hoards():
    """Asks for more and more, and touches it."""
    kept = []
    while True:
        kept.append(bytearray(b"x") * (64 << 20))


def hoards_shared():
    """Shared memory, which RLIMIT_DATA does not count."""
    import mmap

    kept = []
    while True:
        memory = mmap.mmap(-1, 64 << 20)
        memory.write(b"x" * (64 << 20))
        kept.append(memory)
        time.sleep(0.02)


def out_of_memory():
    raise MemoryError("std::bad_alloc")


def caught_bad_alloc():
    raise Damaged("Docling could not read it: std::bad_alloc")


def damaged():
    raise Damaged("this one is damaged")


def surprises():
    raise ZeroDivisionError("a bug of the parser")


def prints():
    """To stdout and stderr, from below Python, more than a pipe holds, and a line that looks like an answer."""
    libc = ctypes.CDLL(None)
    libc.printf(b'{"error_code": null}\n')
    libc.fflush(None)
    os.write(1, b'{"error_code": "damaged"}\n' * 10)
    sys.stdout.write("from Python\n")
    sys.stdout.flush()
    for _ in range(300):
        os.write(2, b"warning: xref table is broken\n" * 100)


def answers_nonsense():
    """Finds the private descriptor and writes to it."""
    for descriptor in range(3, 64):
        try:
            os.write(descriptor, b"not an answer\n")
        except OSError:
            continue
    time.sleep(60)


def starts_a_child():
    """A grandchild that would outlive us, its pid in a file beside the document's."""
    grandchild = subprocess.Popen(["sleep", "300"])
    Path(os.environ["TMPDIR"], "grandchild").write_text(str(grandchild.pid))
    Path("/tmp", f"reread-test-grandchild-{os.getppid()}").write_text(str(grandchild.pid))
    spins()


def writes_without_end():
    with Path(os.environ["TMPDIR"], "large").open("wb") as file:
        file.truncate(2 << 30)
        file.seek(2 << 30)
        file.write(b"x")
