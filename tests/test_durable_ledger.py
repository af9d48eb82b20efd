"""What the service has accepted is on the disk, and those who submit at once wait for the disk together."""

from __future__ import annotations

import os
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from errors import LibraryError
from jobs import Ledger, database
from jobs.presence import Measure


def test_no_durable_write_returns_before_a_sync_that_began_after_it_and_writers_share_syncs(tmp_path: Path, monkeypatch):
    ledger = Ledger(tmp_path / "ledger.sqlite", is_durable=True)
    ledger.count([Measure(name="first")])  # the tables are made
    syncs: list[tuple[float, float]] = []

    def slow_sync(descriptor: int, real=os.fsync) -> None:
        began = time.monotonic()
        time.sleep(0.02)
        real(descriptor)
        syncs.append((began, time.monotonic()))

    def write(n: int) -> tuple[float, float]:
        began = time.monotonic()
        ledger.count([Measure(name=f"n{n}")])
        return began, time.monotonic()

    monkeypatch.setattr(database.os, "fsync", slow_sync)
    with ThreadPoolExecutor(20) as pool:
        writes = list(pool.map(write, range(100)))

    assert all(any(began < start and end <= ended for start, end in syncs) for began, ended in writes)
    assert len(syncs) < len(writes) / 2
    ledger.close()


def test_a_write_that_cannot_be_brought_to_the_disk_is_an_error_and_the_next_one_tries_again(tmp_path: Path, monkeypatch):
    ledger = Ledger(tmp_path / "ledger.sqlite", is_durable=True)
    ledger.count([Measure(name="first")])

    def broken(_: int) -> None:
        raise OSError(5, "Input/output error")

    with monkeypatch.context() as away:
        away.setattr(database.os, "fsync", broken)
        with ThreadPoolExecutor(5) as pool:
            failed = [pool.submit(ledger.count, [Measure(name="n")]) for _ in range(5)]
        assert all(isinstance(one.exception(), LibraryError) for one in failed)

    ledger.count([Measure(name="n")])
    ledger.close()


@pytest.mark.parametrize("is_durable", [True, False])
def test_a_second_process_sees_what_was_written(tmp_path: Path, is_durable):
    writer, reader = (Ledger(tmp_path / "ledger.sqlite", is_durable=is_durable) for _ in range(2))

    writer.count([Measure(name="n", value=3)])

    assert [measure.value for measure in reader.measures()] == [3]
    writer.close()
    reader.close()
