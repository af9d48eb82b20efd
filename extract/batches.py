"""A session for a reader that works through many units at once: it waits for a full batch, and reads in a thread of its own."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from threading import Lock

from records import Reading, Unit

#: Units handed to a reader at once: enough for full batches of the encoder, few enough to hold in memory.
UNITS_PER_BATCH = 400

#: One Reading per unit, in order.
ReadBatch = Callable[[Sequence[Unit]], Iterator[Reading]]


@contextmanager
def open_batches(read: ReadBatch, size: int = UNITS_PER_BATCH) -> Iterator[BatchSession]:
    """A session that reads with this function; batches that have not begun are given up when the block is left."""
    worker = ThreadPoolExecutor(max_workers=1, thread_name_prefix="reread-batch")
    session = BatchSession(read, size, worker)
    try:
        yield session
    finally:
        session.is_closed = True
        worker.shutdown(wait=False, cancel_futures=True)


class BatchSession:
    """Made by `open_batches`."""

    def __init__(self, read: ReadBatch, size: int, worker: ThreadPoolExecutor) -> None:
        self.is_closed = False  #: nobody waits for readings any more
        self._read, self._size, self._worker = read, size, worker
        self._waiting: list[tuple[Unit, Future[Reading]]] = []
        self._lock = Lock()  # a cascade submits from the threads of other lanes

    def submit(self, unit: Unit) -> Future[Reading]:
        future: Future[Reading] = Future()
        with self._lock:
            self._waiting.append((unit, future))
            is_full = len(self._waiting) >= self._size
        if is_full:
            self.flush()
        return future

    def flush(self) -> None:
        with self._lock:
            batch, self._waiting = self._waiting, []
        if batch and not self.is_closed:
            self._worker.submit(self._read_all, batch)

    def _read_all(self, batch: list[tuple[Unit, Future[Reading]]]) -> None:
        """The batch's readings, each as soon as it is there; an error belongs to every unit that was not read before it."""
        futures = [future for _, future in batch]
        try:
            for future, reading in zip(futures, self._read([unit for unit, _ in batch]), strict=True):
                future.set_result(reading)
                if self.is_closed:
                    return
        except BaseException as error:  # noqa: BLE001 - it is for whoever waits, not for this thread
            for future in futures:
                if not future.done():
                    future.set_exception(error)
