"""A converter that does what its file's name says: the opener that the tests of the sandbox give to a ConverterChild.

`misbehaving` stands in place of `ingest.converter`; each behaviour is one that a native PDF parser has been seen to have.
"""

from __future__ import annotations

import ctypes
import errno
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path

from docling_core.types.doc.document import DoclingDocument
from docling_core.types.doc.labels import DocItemLabel

from errors import Damaged, WeightsMissing
from ingest.converter import ConvertedPaper
from records import Box, PageQuality

OPENED: dict[str, str] = {}  #: the backend that this process was opened with


def open_converter(name, *, max_pages, timeout_s, artifacts, backend, bounds, ocr, ocr_page_s):
    OPENED["backend"] = backend
    if name == "missing":
        raise WeightsMissing("no weights here")
    if name == "broken":
        raise RuntimeError("the converter cannot be opened")
    if name == "slow to open":
        time.sleep(60)
    return convert


def convert(path: Path, on_page=None, *, name=None) -> ConvertedPaper:
    behaviour = path.stem.split(".")[0]
    found = ""
    if behaviour in HOSTILE:
        found = outcome(HOSTILE[behaviour], path.read_text().splitlines()[1])
    elif behaviour in PACED:
        PACED[behaviour](on_page)
    elif behaviour in globals():
        globals()[behaviour]()
    document = DoclingDocument(name=path.stem)
    secret = os.environ.get("SECRET_TOKEN", "No secret")
    document.add_text(label=DocItemLabel.TEXT, text=found or f"Text of {path.stem}. {secret}.")
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


def segfaults_at_first():
    """With docling-parse only."""
    if OPENED["backend"] == "docling-parse":
        segfault()


def segfaults_but_as_text():
    if OPENED["backend"] != "text only":
        segfault()


def hogs():
    """Keeps what it has read, as a parser that leaks."""
    KEPT.append(bytearray(b"x") * (200 << 20))


KEPT: list[bytearray] = []


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


def burns():
    """CPU time; hears SIGXCPU as any program."""
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
    say(b"not an answer\n")
    time.sleep(60)


def say(lines: bytes):
    """Finds the private descriptor and writes to it."""
    for descriptor in range(3, 64):
        try:
            while lines:
                lines = lines[os.write(descriptor, lines) :]
            return
        except OSError:
            continue


FORGED = b'{"kind":"answer","error_code":"damaged","error":"forged"}\n'


def answers_twice():
    say(FORGED * 2)
    time.sleep(60)


def answers_later():
    """Leaves a thread behind that answers before the next question."""
    threading.Timer(0.3, say, [FORGED]).start()


def reads_more_pages_than_there_are():
    say(b'{"kind":"progress","pages_done":7,"pages_total":3}\n')
    time.sleep(60)


def floods_progress():
    while True:
        say(b'{"kind":"progress","pages_done":1,"pages_total":3}\n{"kind":"progress","pages_done":2,"pages_total":3}\n' * 500)


def drips_progress():
    """Never silent for as long as the parent waits before it looks at the clock."""
    while True:
        say(b'{"kind":"progress","pages_done":1,"pages_total":3}\n')
        time.sleep(0.01)


def reads_pages(on_page):
    for done in range(41):
        on_page(done, 40)
        time.sleep(0.03)


def reads_a_page_and_spins(on_page):
    on_page(1, 2)
    spins()


def reads_a_scan(on_page):
    """Three pages that take longer together than a document without OCR may."""
    for done in range(4):
        on_page(done, 3, 3)
        time.sleep(0.7)


def reads_a_scan_without_end(on_page):
    on_page(0, 2, 2)
    spins()


def lies_about_its_scan(on_page):
    on_page(0, 1_000_000, 1_000_000)
    spins()


PACED = {
    work.__name__: work
    for work in (reads_pages, reads_a_page_and_spins, reads_a_scan, reads_a_scan_without_end, lies_about_its_scan)
}


def starts_a_child():
    """A grandchild that would outlive us, its pid in a file beside the document's."""
    grandchild = subprocess.Popen(["sleep", "300"])
    Path(os.environ["TMPDIR"], "grandchild").write_text(str(grandchild.pid))
    spins()


def writes_without_end():
    with Path(os.environ["TMPDIR"], "large").open("wb") as file:
        file.truncate(2 << 30)
        file.seek(2 << 30)
        file.write(b"x")


def outcome(act, target: str) -> str:
    """What came of it: the name of the refusal, or what was got."""
    try:
        return f"got {act(target)}"
    except OSError as error:
        return errno.errorcode[error.errno or 0]


def connects(port: str):
    return socket.create_connection(("127.0.0.1", int(port)), timeout=5)


def sends(port: str):
    with socket.socket(type=socket.SOCK_DGRAM) as letterbox:
        return letterbox.sendto(b"x", ("127.0.0.1", int(port)))


def reads(path: str):
    return Path(path).read_text()


def writes(path: str):
    return Path(path).write_text("written")


def kills(pid: str):
    return os.kill(int(pid), signal.SIGKILL)


def becomes_root(_: str):
    return os.setuid(0)


def plants(name_and_target: str):
    """Once all results are written, puts something else in the place of one of them."""
    main = sys.modules["__main__"]
    write_chunks = main.write_chunks

    def write_and_plant(workdir: Path, chunks: object) -> None:
        main.write_chunks = write_chunks
        write_chunks(workdir, chunks)
        kind, name, target = name_and_target.split()
        path = workdir / name
        path.rename(path.with_name("moved"))
        PLANTED[kind](path, target)

    main.write_chunks = write_and_plant


def digs_deep(_: str):
    """More folders in each other than Python calls, in the one that the parent is to remove."""
    before = Path.cwd()
    os.chdir(os.environ["TMPDIR"])
    for _ in range(3000):
        Path("d").mkdir()
        os.chdir("d")
    os.chdir(before)


def _too_large(path: Path, _: str):
    with path.open("wb") as file:
        file.truncate(1 << 30)


PLANTED = {
    "link": lambda path, target: path.symlink_to(target),
    "hard_link": lambda path, target: path.hardlink_to(path.parent / target),
    "pipe": lambda path, _: os.mkfifo(path),
    "folder": lambda path, _: path.mkdir(),
    "too_large": _too_large,
    "not_text": lambda path, _: path.write_bytes(b"\xff\xfe"),
    "nothing": lambda path, _: None,
}
HOSTILE = {act.__name__: act for act in (connects, sends, reads, writes, kills, becomes_root, plants, digs_deep)}
