"""What a process asks of the system about itself: to go when its parent goes, to let others go first, to hold no more than it needs.

A newcomer would call `os.nice` and believe it. Linux gives every session a group of its own (`sched_autogroup`, on by default), and
between groups only the group's niceness counts: a converter child in a session of its own takes the same share as the API.
"""

from __future__ import annotations

import ctypes
import os
import signal
import sys
import time
from contextlib import suppress
from pathlib import Path

_PR_SET_PDEATHSIG = 1  #: linux/prctl.h
_AUTOGROUP = Path("/proc/self/autogroup")
#: The kernel takes one change of a group in a tenth of a second from all who are not root.
_TRIES, _TRY_AGAIN_S = 5, 0.11


def die_with_parent(parent_pid: int, number: signal.Signals = signal.SIGKILL) -> None:
    """Be sent this signal when the parent ends. To be asked again after each change of user, which the kernel lets cancel it.
    On other systems than Linux nothing is sent."""
    if sys.platform == "linux":
        ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, number, 0, 0, 0)
    if os.getppid() != parent_pid:  # it ended before we asked
        sys.exit("the parent is gone")


def step_back(niceness: int) -> None:
    """Take at least this niceness (0 to 19), for this thread and all that it starts, and for the session if it is ours alone."""
    os.nice(max(niceness - os.nice(0), 0))
    if os.getsid(0) in (os.getpid(), os.getppid()):  # not that of a shell, whose other programs are none of our business
        _set_group(os.nice(0))


def _set_group(niceness: int) -> None:
    for _ in range(_TRIES):
        with suppress(BlockingIOError):
            with suppress(FileNotFoundError, PermissionError):  # a kernel without such groups, or a container that hides them
                _AUTOGROUP.write_text(str(niceness))
            return
        time.sleep(_TRY_AGAIN_S)


def give_memory_back() -> None:
    """Return what malloc holds free to the kernel: a process that parses keeps hundreds of megabytes of it otherwise. 0.1 s."""
    with suppress(OSError, AttributeError):  # only glibc has it
        ctypes.CDLL(None).malloc_trim(0)
