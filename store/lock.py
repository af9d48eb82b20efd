"""One writer at a time, over all processes of this host.

LanceDB does not keep keys unique when two processes write (docs/decisions/0002): every write to a library happens under this lock.
"""

from __future__ import annotations

import fcntl
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from errors import LibraryBusy

#: Seconds to wait for another writer; a write of 5,000 rows takes well under one, a compaction some.
PATIENCE_S = 120.0


class WriterLock:
    """An exclusive lock on a file. The system drops it when the process dies, so a killed writer blocks nobody."""

    def __init__(self, path: Path, *, patience_s: float = PATIENCE_S) -> None:
        self._path = path
        self._patience_s = patience_s
        self._threads = threading.RLock()
        self._depth = 0

    @contextmanager
    def held(self) -> Iterator[None]:
        """Hold the lock; the same thread may enter again. Raises LibraryBusy when another process does not let go."""
        with self._threads:
            if self._depth:
                yield
                return
            with self._path.open("w") as file:
                self._wait_for(file.fileno())
                self._depth = 1
                try:
                    yield
                finally:
                    self._depth = 0

    def _wait_for(self, descriptor: int) -> None:
        end = time.monotonic() + self._patience_s
        while True:
            try:
                return fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError as error:
                if time.monotonic() > end:
                    raise LibraryBusy(
                        f"Another process has been writing to {self._path.parent} for {self._patience_s:.0f} s. "
                        "Nothing of this write was stored. Wait for it, or end it, and run the command again."
                    ) from error
                time.sleep(0.02)
