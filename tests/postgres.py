"""A real PostgreSQL server for the tests: Debian's binaries, a folder of its own, a socket that nobody else finds.

One server for all tests of a session, started by the first that asks; each test gets a database copied from a template that has the
ledger's tables. A test file says `pytest_plugins = ("postgres",)` and uses `postgres`, or `where`: both kinds of ledger in turn.
"""

from __future__ import annotations

import os
import secrets
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from needs import need

from jobs import Ledger

#: Nothing of a test outlives the machine it runs on: a commit need not wait for the disk.
FORGETFUL = ("fsync=off", "synchronous_commit=off", "full_page_writes=off")
TEMPLATE = "ledger"


def binaries() -> Path | None:
    """Debian's folder of the newest PostgreSQL; `initdb` is not on the PATH there."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"), key=lambda path: int(path.parts[-3]))
    return found[-1].parent if found else None


class Server:
    """A PostgreSQL server that can be stopped and started again. Nobody but this machine's users reaches it."""

    def __init__(self, folder: Path, *, settings: tuple[str, ...] = FORGETFUL) -> None:
        self.folder, self._settings = folder, settings
        self._process: subprocess.Popen[bytes] | None = None
        self._user = "postgres" if os.geteuid() == 0 else None  # PostgreSQL refuses to run as root
        if self._user:
            shutil.chown(folder, self._user)
        self._run("initdb", "-D", str(folder / "data"), "-U", "reread", "-A", "trust", "-E", "UTF8", "--no-locale", "--no-sync")

    def _run(self, program: str, *arguments: str) -> None:
        home = binaries()
        assert home
        subprocess.run([str(home / program), *arguments], user=self._user, cwd="/", check=True, stdout=subprocess.DEVNULL)

    def start(self) -> None:
        home = binaries()
        assert home
        settings = ("listen_addresses=", f"unix_socket_directories={self.folder}", "max_connections=100", *self._settings)
        # It ends with the thread that started it, even where the tests were killed; pdeathsig has to be set after the user.
        as_user = ["--reuid", self._user, "--regid", self._user, "--init-groups"] if self._user else []
        with (self.folder / "log").open("ab") as log:
            self._process = subprocess.Popen(
                ["setpriv", *as_user, "--pdeathsig", "INT", str(home / "postgres"), "-D", str(self.folder / "data"),
                 *(f"-c{setting}" for setting in settings)],
                cwd="/", stdout=log, stderr=log,
            )  # fmt: skip
        self._wait()

    def _wait(self) -> None:
        import psycopg

        end = time.monotonic() + 30
        while True:
            try:
                psycopg.connect(self.address("postgres"), connect_timeout=5).close()
                return
            except psycopg.OperationalError:
                assert self._process and self._process.poll() is None, (self.folder / "log").read_text()
                assert time.monotonic() < end, "PostgreSQL did not start within 30 s"
                time.sleep(0.02)

    def stop(self) -> None:
        """Stop it at once, with every connection it has."""
        if self._process is not None:
            self._process.send_signal(signal.SIGINT)
            self._process.wait(timeout=30)
            self._process = None

    def address(self, database: str) -> str:
        return f"postgresql://reread@/{database}?host={self.folder}"

    def execute(self, sql: str, *, database: str = "postgres") -> None:
        import psycopg

        with psycopg.connect(self.address(database), autocommit=True) as connection:
            connection.execute(sql.encode())

    def create(self, *, template: str = TEMPLATE) -> str:
        """A fresh database's name; with 'template0' an empty one."""
        name = f"test_{secrets.token_hex(6)}"
        self.execute(f"CREATE DATABASE {name} TEMPLATE {template}")
        return name

    def drop(self, name: str) -> None:
        self.execute(f"DROP DATABASE {name} WITH (FORCE)")


@pytest.fixture(scope="session")
def postgres() -> Iterator[Server]:
    """The server of this session."""
    need(binaries(), "PostgreSQL is not installed: apt-get install postgresql")
    pytest.importorskip("psycopg")
    folder = Path(tempfile.mkdtemp(prefix="reread-pg-"))  # not pytest's: the path of a socket may have 107 characters, no more
    server = Server(folder)
    try:
        server.start()
        server.execute(f"CREATE DATABASE {TEMPLATE}")
        ledger = Ledger(server.address(TEMPLATE))
        assert ledger.runs() == []
        ledger.close()
        yield server
    finally:
        server.stop()
        shutil.rmtree(folder)


@pytest.fixture
def postgres_database(postgres: Server) -> Iterator[str]:
    """The address of a ledger in PostgreSQL, for this test alone."""
    name = postgres.create()
    yield postgres.address(name)
    postgres.drop(name)


@pytest.fixture(params=["sqlite", "postgres"])
def where(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """Where a fresh ledger is, in SQLite and then in PostgreSQL: a test that asks for it runs on both."""
    if request.param == "sqlite":
        return str(tmp_path / "ledger.sqlite")
    address: str = request.getfixturevalue("postgres_database")
    return address
