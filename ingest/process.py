"""One running converter child: its pipes, its clock, its memory, its folder, its end.

A newcomer would start it with `preexec_fn` and wait with `communicate(timeout=...)`. The first can deadlock in a parent with
threads, so the child limits itself; the second ends the child with its first answer, and this one answers a hundred times.
"""

from __future__ import annotations

import os
import select
import signal
import stat
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import IO

from errors import ConverterDied, OutOfMemory, RereadError, TimedOut
from ingest.wire import REQUEST, SAID, SETUP, Answer, ChildSetup, Limits, Progress, Request, Tray, remove_tree
from leftovers import name_in_progress, remove_leftovers

WATCH_S = 0.1  #: between two looks at a silent child's memory, and at least between two words to the caller about its pages
KEEP_GOING_S = 1.0  #: between two questions to the caller whether to go on
TAIL_BYTES = 16_384  #: of the child's stderr that are kept for messages
MAX_ANSWER_BYTES = 32 << 20  #: of an answer with all progress before it; both are small, and the child may be a hostile file's

OnPage = Callable[[int, int], None]  #: pages done, pages in all; what it raises ends the child
KeepGoing = Callable[[], None]  #: raises where the caller no longer wants the answer, which ends the child

#: All that a child sees of our environment: what programs need to start, no proxy, no key, no token.
ENVIRONMENT = ("PATH", "HOME", "LANG", "LC_ALL", "LD_LIBRARY_PATH", "VIRTUAL_ENV", "SYSTEMROOT", "CUDA_VISIBLE_DEVICES")
#: One child per core, so one thread per child; and never a call to a model hub.
CHILD_ENVIRONMENT = {
    "OMP_NUM_THREADS": "1",
    "OPENBLAS_NUM_THREADS": "1",
    "MKL_NUM_THREADS": "1",
    "TOKENIZERS_PARALLELISM": "false",
    "HF_HUB_OFFLINE": "1",
    "TRANSFORMERS_OFFLINE": "1",
    "MALLOC_ARENA_MAX": "2",
    "PYTHONUTF8": "1",
}


#: What the folders of children are called, so that those of killed processes can be told and removed.
SCRATCH = "reread-child-"


class ChildProcess:
    """One running child and the three pipes to it."""

    def __init__(self, setup: ChildSetup) -> None:
        # On exit of what holds it, the folder goes with all that a killed child left there.
        parent = _folder_for_all()
        remove_leftovers(Path(parent), SCRATCH)  # of processes that were killed, with the copies of papers in them
        self._scratch = tempfile.TemporaryDirectory(prefix=name_in_progress(SCRATCH), dir=parent, ignore_cleanup_errors=True)
        self._trays = 0
        self._uid, own = _prepare(Path(self._scratch.name), setup.limits.uid)
        setup = replace(setup, parent_pid=os.getpid(), limits=replace(setup.limits, uid=self._uid))
        root = str(Path(__file__).resolve().parent.parent)
        kept = {key: os.environ[key] for key in ENVIRONMENT if key in os.environ}
        path = os.pathsep.join([root, *filter(None, [os.environ.get("PYTHONPATH")])])
        # -P: a json.py in the folder that the user stands in is not ours.
        command = [sys.executable, "-P", "-m", "ingest.child", SETUP.dump_json(setup).decode()]
        start = _spawner(os.getpid()).submit(
            subprocess.Popen,
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            bufsize=0,
            start_new_session=True,
            cwd=self._scratch.name,
            env={**kept, **CHILD_ENVIRONMENT, "PYTHONPATH": path, "TMPDIR": str(own)},
        )
        self._child: subprocess.Popen[bytes] = start.result()
        os.set_blocking(_pipe(self._child.stdin).fileno(), False)  # a child that does not listen must not hold us
        self._tail = _Tail(_pipe(self._child.stderr))
        self._memory = _MemoryWatch(self._child.pid)
        self._is_closed = False
        self._ending = threading.Lock()

    @property
    def pid(self) -> int:
        return self._child.pid

    @property
    def is_alive(self) -> bool:
        return self._child.poll() is None

    @property
    def memory_mb(self) -> int:
        """What it holds now, with the copies that it made of itself."""
        return self._memory.look()

    @property
    def is_quiet(self) -> bool:
        """False where it has said something that nobody asked for: the next document must not get that for an answer."""
        return not _ready(_pipe(self._child.stdout), None, 0)

    def tray(self) -> Tray:
        """A fresh folder for the files of one document."""
        self._trays += 1
        return Tray(Path(self._scratch.name) / str(self._trays), self._uid)

    def kill(self) -> None:
        """End the whole group, from any thread; whoever waits for an answer then hears of a death."""
        with self._ending:
            if not self._is_closed:
                with suppress(ProcessLookupError):  # it and all that it started are gone already
                    os.killpg(self._child.pid, signal.SIGKILL)

    def close(self) -> None:
        """End the whole group and collect it. A second call does nothing: by then the number may be another process's."""
        self.kill()
        with self._ending:
            if self._is_closed:
                return
            self._is_closed = True
        _pipe(self._child.stdin).close()
        self._child.wait()
        self._tail.close()
        _pipe(self._child.stdout).close()
        remove_tree(Path(self._scratch.name))
        self._scratch.cleanup()

    def ask(
        self,
        request: Request | None,
        *,
        name: str,
        timeout_s: float,
        limits: Limits,
        on_page: OnPage | None = None,
        keep_going: KeepGoing | None = None,
    ) -> Answer:
        """One line there (none for the first, which is 'ready'), one answer back, with progress on the way. Raises TimedOut,
        OutOfMemory, ConverterDied, and what the two callbacks raise; each time with the process ended. Of the time that `limits`
        allow the document this request gets `timeout_s`, and more for pages that are read with OCR."""
        unsent = REQUEST.dump_json(request) + b"\n" if request else b""
        deadline = time.monotonic() + timeout_s
        ear, page_pace, question_pace = _Ear(), _Pace(WATCH_S), _Pace(KEEP_GOING_S)
        try:
            while ear.answer is None:
                unsent = self._exchange(unsent, ear, name)
                if on_page and ear.news and (ear.answer or page_pace.is_due()):
                    on_page(*ear.take_news())
                if ear.answer:
                    break
                if keep_going and question_pace.is_due():
                    keep_going()
                self._check(name, deadline, min(ear.ocr_pages, limits.max_pages) * limits.ocr_page_s, limits)
            return ear.answer
        except BaseException:
            self.close()
            raise

    def _exchange(self, unsent: bytes, ear: _Ear, name: str) -> bytes:
        """Send what the pipe takes, hear what was said, wait a little where there is neither; what is still to be sent."""
        stdin, output = _pipe(self._child.stdin), _pipe(self._child.stdout)
        ready = _ready(output, stdin if unsent else None, WATCH_S)
        try:
            if stdin.fileno() in ready:
                unsent = unsent[os.write(stdin.fileno(), unsent) :]
            if output.fileno() in ready:
                ear.hear(os.read(output.fileno(), 1 << 16))
        except (BrokenPipeError, EOFError):
            raise self._death(name) from None
        except ValueError:  # it lives, and is not to be trusted a moment longer
            raise self._died(name, "gave no usable answer") from None
        return unsent

    def _check(self, name: str, deadline: float, ocr_s: float, limits: Limits) -> None:
        if time.monotonic() > deadline + ocr_s:
            raise TimedOut(
                f"{name!r} was not converted within {limits.timeout_s + ocr_s:g} s; its converter process was ended. Nothing was stored. "
                "Raise convert_timeout_s in reread.toml, then add it again."
            )
        if self._memory.look() > limits.memory_mb:
            raise _out_of_memory(name, f"{self._memory.peak_mb:,} MB", limits.memory_mb)

    def _death(self, name: str) -> RereadError:
        """What to raise for a child that closed its pipes: by its signal and its last words."""
        try:
            code = self._child.wait(timeout=5)
        except subprocess.TimeoutExpired:
            return self._died(name, "gave no usable answer")
        how = signal.Signals(-code).name if code < 0 else f"exit code {code}"
        error = self._died(name, f"was killed by {how}" if code < 0 else f"ended with {how}")
        error.crash = "" if code == -signal.SIGKILL else how
        words = self._tail.text()
        if code == -signal.SIGABRT and ("bad_alloc" in words or "emory" in words):
            return _out_of_memory(name, "an allocation failed", 0)
        return error

    def _died(self, name: str, how: str) -> ConverterDied:
        """The error, with the last words of a child that is ended by now."""
        self.close()
        return ConverterDied(
            f"The converter process {how} while it read {name!r}. Nothing was stored and nothing else was touched. "
            f"Please report the file. Its last words: {self._tail.text()[-600:].strip() or '(none)'}"
        )


class _Ear:
    """What the child says about one document: progress, then its answer, then nothing. All together it is bounded."""

    def __init__(self) -> None:
        self.answer: Answer | None = None
        self.news: Progress | None = None  #: the newest that nobody took yet
        self.ocr_pages = 0  #: that are being read with OCR
        self._begun = bytearray()  #: of a line
        self._heard = 0

    def hear(self, block: bytes) -> None:
        """Raises EOFError at the end, ValueError for what is none of our lines, too much, or after the answer."""
        if not block:
            raise EOFError
        self._heard += len(block)
        if self._heard > MAX_ANSWER_BYTES:
            raise ValueError("too much")
        self._begun += block
        if b"\n" not in block:
            return
        *lines, begun = bytes(self._begun).split(b"\n")
        self._begun = bytearray(begun)
        for line in lines:
            self._understand(line)
        if self.answer and begun:
            raise ValueError("it talks on")

    def _understand(self, line: bytes) -> None:
        if self.answer:
            raise ValueError("it talks on")
        said = SAID.validate_json(line)
        if isinstance(said, Progress):
            self.news = said
            self.ocr_pages = max(self.ocr_pages, said.ocr_pages)
        else:
            self.answer = said

    def take_news(self) -> tuple[int, int]:
        assert self.news
        news, self.news = self.news, None
        return news.pages_done, news.pages_total


class _Pace:
    """True no more often than once in so many seconds."""

    def __init__(self, seconds: float) -> None:
        self._seconds, self._last = seconds, time.monotonic()

    def is_due(self) -> bool:
        now = time.monotonic()
        if now - self._last < self._seconds:
            return False
        self._last = now
        return True


class _Tail:
    """The end of what the child writes to stderr, read all the time so that the child never waits for a full pipe."""

    def __init__(self, pipe: IO[bytes]) -> None:
        self._pipe, self._kept = pipe, bytearray()
        self._thread = threading.Thread(target=self._read, name="child-stderr", daemon=True)
        self._thread.start()

    def _read(self) -> None:
        while block := self._pipe.read(1 << 16):
            self._kept += block
            del self._kept[:-TAIL_BYTES]

    def close(self) -> None:
        self._thread.join(timeout=5)
        self._pipe.close()

    def text(self) -> str:
        return self._kept.decode("utf-8", "replace")


class _MemoryWatch:
    """Resident memory of one process and of the copies that it made, from /proc. Where there is no /proc, RLIMIT_DATA in the
    child stands alone."""

    def __init__(self, pid: int) -> None:
        self._process = Path(f"/proc/{pid}")
        self.peak_mb = 0

    def look(self) -> int:
        """MB now held, shared and file pages included; of a copy only what it has added, as far as it has more than its original."""
        own = _resident_pages(self._process)
        try:
            copies = (self._process / "task" / self._process.name / "children").read_text().split()
        except OSError:  # it has just ended, or this kernel does not say
            copies = []
        pages = own + sum(max(0, _resident_pages(Path("/proc", copy)) - own) for copy in copies)
        held_mb = pages * os.sysconf("SC_PAGE_SIZE") >> 20
        self.peak_mb = max(self.peak_mb, held_mb)
        return held_mb


def _resident_pages(process: Path) -> int:
    """Pages of memory; 0 of a process that has just ended: the end of its output will say so."""
    try:
        return int((process / "statm").read_bytes().split()[1])
    except (OSError, IndexError):
        return 0


def _ready(to_read: IO[bytes], to_write: IO[bytes] | None, timeout_s: float) -> set[int]:
    """Which of these can be read or written now, or are at their end. Not `select`, which knows 1,024 descriptors at most."""
    poll = select.poll()
    poll.register(to_read, select.POLLIN)
    if to_write:
        poll.register(to_write, select.POLLOUT)
    return {descriptor for descriptor, _ in poll.poll(1000 * timeout_s)}


def _folder_for_all() -> str:
    """Where temporary files go; for root's children a folder that an unprivileged user can enter, if there is one."""
    chosen = tempfile.gettempdir()
    folders = [chosen] if os.geteuid() else [chosen, "/tmp", "/var/tmp"]
    return next(
        (folder for folder in folders if all(_all_may_enter(at) for at in (Path(folder), *Path(folder).parents))), chosen
    )


def _all_may_enter(folder: Path) -> bool:
    return folder.is_dir() and bool(folder.stat().st_mode & stat.S_IXOTH)


def _prepare(scratch: Path, uid: int | None) -> tuple[int | None, Path]:
    """The folder for the child's own temporary files, and the user that the child can become: None where the folder cannot be
    given to it. What lies beside that folder the child may enter, not change."""
    own = scratch / "own"
    own.mkdir(mode=0o700)
    if os.geteuid():
        return None, own
    scratch.chmod(0o711)
    if uid is not None:
        try:
            os.chown(own, uid, uid)
        except PermissionError:  # root without CAP_CHOWN, in a container
            uid = None
    return uid, own


@cache
def _spawner(_pid: int) -> ThreadPoolExecutor:
    """The thread that starts children, one per process. Linux sends a child its parent-death signal when the THREAD that
    started it ends, so no thread of the caller's may be that one."""
    return ThreadPoolExecutor(max_workers=1, thread_name_prefix="child-spawner")


def _out_of_memory(name: str, detail: str, memory_mb: int) -> OutOfMemory:
    bound = f" of {memory_mb:,} MB" if memory_mb else ""
    return OutOfMemory(
        f"Converting {name!r} went over the memory limit{bound} ({detail}); its converter process was ended. Nothing was stored. "
        "Raise convert_memory_mb in reread.toml, then add it again."
    )


def _pipe(pipe: IO[bytes] | None) -> IO[bytes]:
    assert pipe is not None  # all three were asked for
    return pipe
