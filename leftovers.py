"""What a process was making when it died.

Work in progress carries the process and the host in its name, so that the next command can tell what a dead process left from
what a live one is still making, on this host and on others that share the folder.
"""

from __future__ import annotations

import os
import shutil
import socket
import time
import uuid
from pathlib import Path

#: Another host's processes cannot be looked at: what was not touched for so long was left.
ABANDONED_S = 2 * 24 * 3600.0


def name_in_progress(what: str = "") -> str:
    """A name that nobody else uses, and that says whose it is."""
    return f"{os.getpid()}@{socket.gethostname()}~{what}{uuid.uuid4().hex}"


def remove_leftovers(folder: Path, what: str = "") -> None:
    """Delete what processes that died were making here; what has no such name is not ours and stays."""
    for path in folder.glob(f"*@*~{what}*"):
        if _is_left(path):
            if path.is_dir():
                shutil.rmtree(path, ignore_errors=True)
            else:
                path.unlink(missing_ok=True)


def _is_left(path: Path) -> bool:
    pid, _, host = path.name.rpartition("~")[0].partition("@")
    if host == socket.gethostname() and pid.isdigit():
        return not is_alive(int(pid))
    try:
        return time.time() - path.stat().st_mtime > ABANDONED_S
    except FileNotFoundError:
        return False


def is_alive(pid: int) -> bool:
    """True while a process of this host has this id."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
