"""The ledger as a whole: every subject's methods over one database."""

from __future__ import annotations

from pathlib import Path

from jobs.access import Access
from jobs.control import Control
from jobs.database import Database, open_database
from jobs.manifest import Manifest
from jobs.notices import Notices
from jobs.presence import Presence
from jobs.queue import Queueing
from jobs.runs import Runs


class Ledger(Queueing, Control, Manifest, Runs, Access, Notices, Presence):
    """The ledger of one library, safe to share between threads."""

    def __init__(self, where: Path | str | Database, *, is_durable: bool = False) -> None:
        """`where` is a file for SQLite or a postgresql:// address. A durable one has every write on the disk before it returns:
        for the service, which has told somebody else that the work is accepted."""
        super().__init__(where if isinstance(where, Database) else open_database(where, is_durable=is_durable))
