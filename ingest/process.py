"""One running converter child: its pipes, its clock, its memory, its end.

A newcomer would start it with `preexec_fn` and wait with `communicate(timeout=...)`. The first can deadlock in a parent with
threads, so the child limits itself; the second ends the child with its first answer, and this one answers a hundred times.
"""

from __future__ import annotations

import os
import select
import signal
import subprocess
import sys
import tempfile
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import IO

from pydantic import ValidationError

from errors import ConverterDied, OutOfMemory, RereadError, TimedOut
from ingest.wire import ANSWER, REQUEST, SETUP, Answer, ChildSetup, Request

WATCH_S = 0.1  #: between two looks at the child's memory
TAIL_BYTES = 16_384  #: of the child's stderr that are kept for messages
MAX_ANSWER_BYTES = 32 << 20  #: of one line; answers are small, and the child may be a hostile file's

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


class ChildProcess:
    """One running child and the three pipes to it."""

    def __init__(self, setup: ChildSetup) -> None:
        # On exit of what holds it, the folder goes with all that a killed child left there.
        self._scratch = tempfile.TemporaryDirectory(prefix="reread-child-", ignore_cleanup_errors=True)
        root = str(Path(__file__).resolve().parent.parent)
        kept = {key: os.environ[key] for key in ENVIRONMENT if key in os.environ}
        path = os.pathsep.join([root, *filter(None, [os.environ.get("PYTHONPATH")])])
        # -P: a json.py in the folder that the user stands in is not ours.
        setup = replace(setup, parent_pid=os.getpid())
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
            env={**kept, **CHILD_ENVIRONMENT, "PYTHONPATH": path, "TMPDIR": self._scratch.name},
        )
        self._child: subprocess.Popen[bytes] = start.result()
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
        self._scratch.cleanup()

    def ask(self, request: Request | None, *, name: str, timeout_s: float, memory_mb: int) -> Answer:
        """One line there (none for the first, which is 'ready'), one line back. Raises TimedOut, OutOfMemory, ConverterDied
        with the process ended."""
        deadline = time.monotonic() + timeout_s
        if request is not None:
            try:
                _pipe(self._child.stdin).write(REQUEST.dump_json(request) + b"\n")
            except BrokenPipeError:
                raise self._death(name) from None
        line = bytearray()
        output = _pipe(self._child.stdout).fileno()
        while not line.endswith(b"\n"):
            if select.select([output], [], [], WATCH_S)[0]:
                block = os.read(output, 1 << 16)
                line += block
                if not block or len(line) > MAX_ANSWER_BYTES:
                    raise self._death(name)
            elif time.monotonic() > deadline:
                self.close()
                raise TimedOut(
                    f"{name!r} was not converted within {timeout_s:g} s; its converter process was ended. Nothing was stored. "
                    "Raise convert_timeout_s in reread.toml, then add it again."
                )
            elif self._memory.look() > memory_mb:
                self.close()
                raise _out_of_memory(name, f"{self._memory.peak_mb:,} MB", memory_mb)
        try:
            return ANSWER.validate_json(bytes(line))
        except ValidationError:
            raise self._death(name) from None

    def _death(self, name: str) -> RereadError:
        """What to raise for a child that ended, or said what is no answer: by its signal and its last words."""
        try:
            code: int | None = self._child.wait(timeout=5)
        except subprocess.TimeoutExpired:
            code = None
        self.close()
        words = self._tail.text()
        if code == -signal.SIGABRT and ("bad_alloc" in words or "emory" in words):
            return _out_of_memory(name, "an allocation failed", 0)
        if code is None:
            how = "gave no usable answer"
        elif code < 0:
            how = f"was killed by {signal.Signals(-code).name}"
        else:
            how = f"ended with exit code {code}"
        return ConverterDied(
            f"The converter process {how} while it read {name!r}. Nothing was stored and nothing else was touched. "
            f"Please report the file. Its last words: {words[-600:].strip() or '(none)'}"
        )


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
    """Resident memory of one process, from /proc. Where there is no /proc, RLIMIT_DATA in the child stands alone."""

    def __init__(self, pid: int) -> None:
        self._statm = Path(f"/proc/{pid}/statm")
        self.peak_mb = 0

    def look(self) -> int:
        """MB now held, shared and file pages included."""
        try:
            pages = int(self._statm.read_bytes().split()[1])
        except (OSError, IndexError):
            return 0  # it has just ended: the end of its output will say so
        held_mb = pages * os.sysconf("SC_PAGE_SIZE") >> 20
        self.peak_mb = max(self.peak_mb, held_mb)
        return held_mb


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
