"""A process lets others go first in the kernel's groups too, and goes when its parent goes."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from processes import ROOT, start

HAS_GROUPS = Path("/proc/self/autogroup").exists()
STEPS_BACK = """
import os, pathlib, kernel
kernel.step_back(17)
print(os.nice(0), pathlib.Path('/proc/self/autogroup').read_text().split()[-1])
"""


@pytest.mark.skipif(not HAS_GROUPS, reason="this kernel has no groups by session")
@pytest.mark.parametrize(("levels", "niceness"), [(0, "17"), (1, "17"), (2, "0")])
def test_a_session_of_its_own_steps_back_with_it_and_that_of_a_shell_does_not(levels, niceness):
    """The session of the process itself, of the one that started it (a pool's), and of a shell somewhere above."""
    command = [sys.executable, "-c", STEPS_BACK]
    for _ in range(levels):
        command = [sys.executable, "-c", f"import subprocess; subprocess.run({command!r}, check=True)"]
    out = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True, start_new_session=True).stdout
    assert out.split() == ["17", niceness]


def test_niceness_is_never_taken_back():
    process = start("import os, kernel; before = os.nice(9); kernel.step_back(before - 1); print(os.nice(0) - before)")
    assert process.communicate()[0].strip() == "0"


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells a process that its parent ended")
def test_a_process_is_sent_the_signal_when_its_parent_ends():
    child = "import os, kernel, signal, time; kernel.die_with_parent(os.getppid(), signal.SIGTERM); print(1, flush=True); time.sleep(60)"
    parent = start(
        "import subprocess, sys\n"
        f"child = subprocess.Popen([sys.executable, '-c', {child!r}], stdout=subprocess.PIPE)\n"
        "child.stdout.readline(); print(child.pid, flush=True); sys.stdin.read()"
    )
    assert parent.stdout is not None
    pid = int(parent.stdout.readline())
    parent.send_signal(signal.SIGKILL)
    parent.wait()
    assert _ends(pid)


def _ends(pid: int, seconds: float = 10.0) -> bool:
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        status = Path(f"/proc/{pid}/status")
        if not status.exists() or "State:\tZ" in status.read_text():
            return True
        time.sleep(0.05)
    return False
