"""SQLite for one host, PostgreSQL for many, behind the same few calls and the same dialect.

A newcomer would use PostgreSQL's finer locks. Every write here takes one lock for its whole transaction, as SQLite does by
nature: a claim takes a millisecond, so one writer at a time serves thousands of jobs a second, and both databases then show
the same behaviour to the same tests. Values are marked '?'; no statement holds that sign, or '%', for anything else.
"""

from __future__ import annotations

import os
import socket
import sqlite3
import threading
import time
from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Protocol

from errors import LedgerUnreachable, LibraryBusy, LibraryError, SettingsInvalid
from jobs import schema

#: Seconds to wait for another process that writes to the ledger; a write takes milliseconds.
PATIENCE_S = 60.0
#: The write-ahead log is cut to this size when it starts anew; a long reader can make it grow beyond until then.
WAL_BYTES = 16 << 20
#: SQLite's limit on the values of one statement is 32,766 at the least; this leaves room.
VALUES_PER_STATEMENT = 5000
#: The one lock of all writers in PostgreSQL; any number that no other program uses in this database.
WRITERS = 7_233_217
#: libpq's names: a server that is gone without a word is noticed within half a minute.
_ALIVE: dict[str, Any] = {"keepalives_idle": 15, "keepalives_interval": 5, "keepalives_count": 3, "tcp_user_timeout": 30_000}

Row = Mapping[str, Any]


class Statements(Protocol):
    """What a transaction offers: sqlite3's names, with '?' for each value."""

    def execute(self, sql: str, values: Sequence[Any] = ...) -> Any: ...

    def executemany(self, sql: str, values: Iterable[Sequence[Any]]) -> Any: ...


class Database(ABC):
    """One database with the ledger's tables, safe to share between threads and told apart from all others by `owner`."""

    is_server = False  #: it has a clock and a machine of its own

    def __init__(self) -> None:
        self.owner = f"{socket.gethostname()}/{os.getpid()}/{started(os.getpid())}"

    @abstractmethod
    def transaction(self) -> Any:
        """A context manager that gives `Statements`: all or nothing, one writer at a time."""

    @abstractmethod
    def query(self, sql: str, values: Sequence[Any] = ()) -> list[Row]:
        """The rows of a SELECT; never waits for a writer."""

    @abstractmethod
    def close(self) -> None: ...


def open_database(where: Path | str, *, is_durable: bool = False) -> Database:
    if isinstance(where, str) and where.startswith(("postgresql://", "postgres://")):
        return Postgres(where)
    return Sqlite(Path(where), is_durable=is_durable)


class _SharedSync:
    """fsync of one file for many threads: who comes while one is under way shares the next. On the disk of a virtual machine it
    takes 4 ms, so 50 clients whose writes each had one of their own would wait 200 ms for each other."""

    def __init__(self, path: Path) -> None:
        self._path, self._changed = path, threading.Condition()
        self._asked = self._synced = 0
        self._is_syncing = False

    def wait(self) -> None:
        """Return when all that was written before this call is on the disk."""
        with self._changed:
            self._asked += 1
            wanted = self._asked
            self._changed.wait_for(lambda: self._synced >= wanted or not self._is_syncing)
            if self._synced >= wanted:
                return
            self._is_syncing, covered = True, self._asked
        try:
            descriptor = os.open(self._path, os.O_RDONLY)
            try:
                os.fsync(descriptor)
            finally:
                os.close(descriptor)
        except OSError:
            covered = 0  # nobody is told that it is there; whoever waits tries for itself
            raise
        finally:
            with self._changed:
                self._is_syncing, self._synced = False, max(self._synced, covered)
                self._changed.notify_all()


class Sqlite(Database):
    """One file in WAL mode. Reads have a connection of their own, so that none waits behind a write of this process.

    A durable one commits without SQLite's own fsync and then syncs the WAL outside the lock, shared between threads: what SQLite
    does with synchronous = FULL, once for all who wait instead of once for each, one behind the other.
    """

    def __init__(self, path: Path, *, is_durable: bool = False) -> None:
        super().__init__()
        self._path = path
        self._sync = _SharedSync(Path(f"{path}-wal")) if is_durable else None
        self._writing, self._reading = threading.RLock(), threading.RLock()
        self._writer: sqlite3.Connection | None = None
        self._reader: sqlite3.Connection | None = None

    def _connect(self) -> sqlite3.Connection:
        connection = sqlite3.connect(self._path, timeout=PATIENCE_S, isolation_level=None, check_same_thread=False)
        connection.row_factory = sqlite3.Row
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = NORMAL")
        connection.execute(f"PRAGMA journal_size_limit = {WAL_BYTES}")
        return connection

    def _open_writer(self) -> sqlite3.Connection:
        if self._writer is None:
            connection = self._connect()
            try:
                if schema.needs_steps(connection, "SELECT 1 AS found FROM sqlite_master WHERE name = 'versions'"):
                    connection.execute("BEGIN IMMEDIATE")
                    schema.migrate(connection, serial="INTEGER PRIMARY KEY AUTOINCREMENT")
                    connection.execute("COMMIT")
            except BaseException:
                connection.close()  # takes back what was begun
                raise
            self._writer = connection
        return self._writer

    @contextmanager
    def _translated(self) -> Iterator[None]:
        """What SQLite says, in our words."""
        try:
            yield
        except sqlite3.DatabaseError as error:
            if getattr(error, "sqlite_errorcode", 0) & 0xFF in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED):
                raise LibraryBusy(
                    f"Another process has been writing to the ledger {self._path} for {PATIENCE_S:.0f} s. "
                    "Nothing of this write was stored. Wait for it, or end it, and run the command again."
                ) from error
            raise LibraryError(
                f"The ledger {self._path} cannot be used: {error}. Nothing was changed. "
                "Check that there is space left and that the file may be written; else restore it from a copy of the library."
            ) from error

    @contextmanager
    def transaction(self) -> Iterator[Statements]:
        with self._writing, self._translated():
            db = self._open_writer()
            try:
                db.execute("BEGIN IMMEDIATE")
                yield _Statements(db, mark="?")
                db.execute("COMMIT")
            except BaseException:
                if db.in_transaction:
                    db.execute("ROLLBACK")
                raise
        if self._sync:
            try:
                self._sync.wait()
            except OSError as error:
                raise LibraryError(
                    f"The ledger {self._path} could not be brought to the disk: {error}. Whether this write is kept is not certain. "
                    "Check the disk, then do the same again: a repeat is harmless."
                ) from error

    def query(self, sql: str, values: Sequence[Any] = ()) -> list[Row]:
        with self._reading, self._translated():
            if self._reader is None:
                with self._writing:
                    writer = self._open_writer()  # it makes the tables
                self._reader = writer if str(self._path) == ":memory:" else self._connect()
            return self._reader.execute(sql, _plain(values)).fetchall()

    def close(self) -> None:
        with self._reading, self._writing:
            for connection in {id(c): c for c in (self._reader, self._writer) if c}.values():
                connection.close()
            self._reader = self._writer = None


class Postgres(Database):
    """One connection for writes and one for reads, made again after the server was away."""

    is_server = True

    def __init__(self, address: str) -> None:
        super().__init__()
        self._address = address
        self._writing, self._reading = threading.RLock(), threading.RLock()
        self._writer: Any = None
        self._reader: Any = None
        self._outages = 0
        self._read_since = 0  #: the outages before the reader was opened: after another one it is dead, though it looks alive

    def _connect(self) -> Any:
        import psycopg
        from psycopg.conninfo import conninfo_to_dict
        from psycopg.rows import dict_row

        try:
            conninfo_to_dict(self._address)
        except psycopg.ProgrammingError:  # it quotes what it does not understand, and that may be of the password
            raise SettingsInvalid(
                "The setting `ledger` is no address that PostgreSQL's library understands; a '/', '@' or '%' in a password is "
                "written %2F, %40, %25. Nothing was changed. It reads postgresql://USER:PASSWORD@HOST/NAME."
            ) from None
        connection = psycopg.connect(
            self._address, autocommit=True, connect_timeout=5, row_factory=dict_row, application_name="reread", **_ALIVE
        )
        # Who stands still in the middle of a write, or vanished from the network there, is thrown out while the others still wait.
        ms = int(PATIENCE_S * 1000)
        connection.execute(f"SET lock_timeout = {ms}; SET idle_in_transaction_session_timeout = {ms // 2}")
        return connection

    def _open_writer(self) -> Any:
        if self._writer is None or self._writer.closed:
            connection = self._connect()
            try:
                if schema.needs_steps(connection, "SELECT 1 AS found WHERE to_regclass('versions') IS NOT NULL"):
                    with connection.transaction():
                        connection.execute("SELECT pg_advisory_xact_lock(%s)", (WRITERS,))
                        schema.migrate(connection, serial="BIGSERIAL PRIMARY KEY")
            except BaseException:
                connection.close()
                raise
            self._writer = connection
        return self._writer

    def _open_reader(self) -> Any:
        if self._reader is not None and self._read_since != self._outages:
            self._reader.close()
        if self._reader is None or self._reader.closed:
            with self._writing:
                self._open_writer()  # it makes the tables
            self._read_since, self._reader = self._outages, self._connect()
        return self._reader

    @contextmanager
    def _translated(self) -> Iterator[None]:
        """What PostgreSQL says, in our words."""
        try:
            import psycopg
        except ImportError as error:
            raise LedgerUnreachable(
                "The ledger is in PostgreSQL, and psycopg is not installed. Nothing was changed. pip install 'reread[service]'"
            ) from error
        try:
            yield
        except psycopg.errors.LockNotAvailable as error:
            raise LibraryBusy(
                f"Another process has been writing to the ledger in PostgreSQL for {PATIENCE_S:.0f} s. "
                "Nothing of this write was stored. Wait for it, or end it, and run the command again."
            ) from error
        except (psycopg.OperationalError, psycopg.InterfaceError, psycopg.errors.IdleInTransactionSessionTimeout) as error:
            self._outages += 1
            raise LedgerUnreachable(
                f"The ledger's PostgreSQL server does not answer: {str(error).strip()}. This write is there as a whole or not at "
                "all. Start the server, or mend `ledger` in reread.toml, and ask again; what was accepted before is kept there."
            ) from error
        except psycopg.Error as error:
            raise LibraryError(
                f"The ledger cannot be used: {str(error).strip()}. Nothing was changed. Look at PostgreSQL's own log."
            ) from error

    @contextmanager
    def transaction(self) -> Iterator[Statements]:
        with self._writing, self._translated():
            connection = self._open_writer()
            with connection.transaction():
                connection.execute("SELECT pg_advisory_xact_lock(%s)", (WRITERS,))
                yield _Statements(connection, mark="%s")

    def query(self, sql: str, values: Sequence[Any] = ()) -> list[Row]:
        with self._reading, self._translated():
            rows: list[Row] = self._open_reader().execute(sql.replace("?", "%s"), _plain(values)).fetchall()
            return rows

    def close(self) -> None:
        with self._reading, self._writing:
            for connection in (self._writer, self._reader):
                if connection is not None:
                    connection.close()
            self._writer = self._reader = None


class _Statements:
    """The statements of one transaction, in the dialect that both databases know. Each has a cursor of its own: on a shared one
    the next statement would change what the last one returned."""

    def __init__(self, connection: Any, *, mark: str) -> None:
        self._connection, self._mark = connection, mark

    def execute(self, sql: str, values: Sequence[Any] = ()) -> Any:
        return self._connection.execute(sql.replace("?", self._mark), _plain(values))

    def executemany(self, sql: str, values: Iterable[Sequence[Any]]) -> Any:
        cursor = self._connection.cursor()
        cursor.executemany(sql.replace("?", self._mark), map(_plain, values))
        return cursor


def _plain(values: Sequence[Any]) -> Sequence[Any]:
    """Values that both databases take: PostgreSQL refuses U+0000 in a text, both refuse half a character. Names of files and
    messages of other people's libraries hold them now and then."""
    return [
        value.replace("\0", "\ufffd").encode(errors="replace").decode()
        if isinstance(value, str) and ("\0" in value or not value.isascii())
        else value
        for value in values
    ]


class Subject:
    """One subject of the ledger: methods over the database that all subjects share."""

    def __init__(self, database: Database) -> None:
        self._database = database

    @property
    def owner(self) -> str:
        """This process, as leases name it: host, pid, start."""
        return self._database.owner

    def _transaction(self) -> Any:
        """All or nothing; the only way anything is written."""
        return self._database.transaction()

    def _query(self, sql: str, values: Sequence[Any] = ()) -> list[Row]:
        return self._database.query(sql, values)

    def close(self) -> None:
        self._database.close()


def batches(keys: Sequence[str]) -> Iterator[tuple[Sequence[str], str]]:
    """The keys in parts that one statement can take, each with its '?, ?, ?'."""
    for start in range(0, len(keys), VALUES_PER_STATEMENT):
        batch = keys[start : start + VALUES_PER_STATEMENT]
        yield batch, ", ".join("?" * len(batch))


def now() -> str:
    """ISO 8601 in UTC, to the microsecond: sorts as text."""
    return datetime.now(UTC).isoformat(timespec="microseconds")


def seconds() -> float:
    """Since the epoch: the clock of leases."""
    return time.time()


def started(pid: int) -> str:
    """When this process started, in clock ticks since boot: a pid alone is used again. Empty where the system does not say,
    and for a zombie: it is dead, though nobody has asked what it died of."""
    try:
        state, *fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return ""
    return "" if state == "Z" else fields[18]


def is_alive(owner: str) -> bool:
    """False only where the owner was a process of this host that is gone; another host's is trusted until its lease ends."""
    host, pid, since = owner.rsplit("/", 2)
    if host != socket.gethostname():
        return True
    try:
        os.kill(int(pid), 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return started(int(pid)) == since
