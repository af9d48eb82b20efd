"""What keeps a library that is worked on for months in order: compaction, and nothing left lying that nothing refers to."""

from __future__ import annotations

import time
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path

from jobs import Ledger
from records import Job
from staging import Staging
from store.library import Library
from submitting import UPLOADS

#: An upload that no job names is let be for so long: its job may be about to be queued.
FRESH_S = 600.0


def keep_order(library: Library, ledger: Ledger, staging: Staging, *, keep_days: float) -> None:
    """Compact the tables; remove old events and deliveries, abandoned results, and uploads whose work is over."""
    before = (datetime.now(UTC) - timedelta(days=keep_days)).isoformat(timespec="microseconds")
    ledger.forget_events(before)
    ledger.forget_deliveries(before)
    staging.remove_abandoned(ledger.staged_names())
    remove_uploads(library.root / UPLOADS, ledger, keep_days=keep_days)
    library.maintain()
    library.forget_versions()


def remove_upload(library: Library, ledger: Ledger, job: Job) -> None:
    """Remove the uploaded file of a job that has just ended, where the library holds its bytes now and no other job needs them."""
    path = library.root / UPLOADS / job.payload["doc_id"]
    if path.exists() and library.blobs.has(path.name) and not ledger.needs_upload(path.name):
        path.unlink(missing_ok=True)


def remove_uploads(folder: Path, ledger: Ledger, *, keep_days: float) -> int:
    """Remove uploaded files that are in the library by now, or whose jobs are over for longer than they are kept."""
    if not folder.is_dir():
        return 0
    n = 0
    for path in folder.iterdir():
        with suppress(FileNotFoundError):
            age_s = time.time() - path.stat().st_mtime
            if age_s > FRESH_S and (age_s > keep_days * 86400 or not ledger.needs_upload(path.name)):
                path.unlink()
                n += 1
    return n
