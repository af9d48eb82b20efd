"""Pages read in a copy of this process, so that one that crashes its parser or never ends costs itself only.

The copy reads page after page and sends each back through a pipe. When it dies or is silent for too long, the page that it was
at is named, and a fresh copy goes on with the next one. A newcomer would start a new program for that: it would have to import all
that is imported here, seconds for each page that is broken.
"""

from __future__ import annotations

import os
import pickle
import select
import signal
import struct
import time
import warnings
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from kernel import die_with_parent

Read = TypeVar("Read")

#: Copies that may be lost over one document; the pages that are left are then given up.
MOST_LOST = 20
DYING_S = 2.0  #: a crash is over by then
_LENGTH = struct.Struct("=Q")


@dataclass(frozen=True, slots=True)
class Unread:
    """Why a page could not be read."""

    reason: str


def read_in_copies(
    open_reader: Callable[[], Callable[[int], Read]], pages: Sequence[int], *, page_s: float, deadline: float
) -> Iterator[tuple[int, Read | Unread]]:
    """Each of these pages with what was read or why it was not, in their order. `open_reader` is called in the copy; what it
    raises is the reason of every page. `page_s` is for one page, `deadline` (of time.monotonic) for all."""
    left, lost = list(pages), 0
    while left:
        if time.monotonic() > deadline or lost > MOST_LOST:
            why = "out of time" if lost <= MOST_LOST else f"{lost} pages before it could not be read either"
            yield from ((page, Unread(why)) for page in left)
            return
        with _Copy(open_reader, left) as copy:
            while left:
                got, is_lost = copy.next(min(page_s, deadline - time.monotonic()))
                yield left.pop(0), got
                lost += is_lost
                if is_lost:
                    break


class _Copy:
    """A copy of this process that reads pages."""

    def __init__(self, open_reader: Callable[[], Callable[[int], Any]], pages: Sequence[int]) -> None:
        self._output, output = os.pipe()
        parent = os.getpid()
        with warnings.catch_warnings():  # other threads are not copied; the copy needs none of them
            warnings.simplefilter("ignore", DeprecationWarning)
            self._pid = os.fork()
        if self._pid == 0:
            _be_copy(parent, output, open_reader, pages)
        os.close(output)
        self._exit: int | None = None

    def __enter__(self) -> _Copy:
        return self

    def __exit__(self, *_: object) -> None:
        self._end()
        os.close(self._output)

    def next(self, timeout_s: float) -> tuple[Any, bool]:
        """The next page, or why it could not be read; True where the copy is lost over it."""
        until = time.monotonic() + max(0.0, timeout_s)
        try:
            head = self._take(_LENGTH.size, until)
            return pickle.loads(self._take(_LENGTH.unpack(head)[0], until)), False  # the copy is no other than this process
        except TimeoutError:
            self._end()
            return Unread(f"it was not read within {timeout_s:.0f} s"), True
        except EOFError:
            return Unread(f"its parser died of {self._end(DYING_S)}"), True

    def _take(self, size: int, until: float) -> bytes:
        poll, block = select.poll(), bytearray()
        poll.register(self._output, select.POLLIN)
        while len(block) < size:
            if not poll.poll(max(0.0, 1000 * (until - time.monotonic()))):
                raise TimeoutError
            more = os.read(self._output, min(size - len(block), 1 << 20))
            if not more:
                raise EOFError
            block += more
        return bytes(block)

    def _end(self, wait_s: float = 0.0) -> str:
        """Be sure that it has ended; what it died of. One that closed its pipe is a moment from its own end."""
        until = time.monotonic() + wait_s
        while self._exit is None:
            pid, status = os.waitpid(self._pid, os.WNOHANG)
            if pid:
                self._exit = os.waitstatus_to_exitcode(status)
            elif time.monotonic() >= until:
                os.kill(self._pid, signal.SIGKILL)
                self._exit = os.waitstatus_to_exitcode(os.waitpid(self._pid, 0)[1])
            else:
                time.sleep(0.005)
        return signal.Signals(-self._exit).name if self._exit < 0 else f"exit code {self._exit}"


def _be_copy(parent: int, output: int, open_reader: Callable[[], Callable[[int], Any]], pages: Sequence[int]) -> None:
    """The copy's whole life. Never returns: what the original was about to do is not for the copy to do."""
    code = 1
    try:
        die_with_parent(parent)
        read = _reader_or_reason(open_reader)
        with os.fdopen(output, "wb") as file:
            for page in pages:
                block = pickle.dumps(_outcome(read, page))
                file.write(_LENGTH.pack(len(block)) + block)
                file.flush()
        code = 0
    finally:
        os._exit(code)


def _reader_or_reason(open_reader: Callable[[], Callable[[int], Any]]) -> Callable[[int], Any]:
    try:
        return open_reader()
    except Exception as error:  # noqa: BLE001 - said of each page, never swallowed
        why = Unread(_said(error))
        return lambda _: why


def _outcome(read: Callable[[int], Any], page: int) -> Any:
    try:
        return read(page)
    except Exception as error:  # noqa: BLE001 - said of this page, never swallowed
        return Unread(_said(error))


def _said(error: Exception) -> str:
    return f"{type(error).__name__}: {error}".rstrip(".: ")
