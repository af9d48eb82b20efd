"""`reread serve`: the API, its workers and, where none is configured, a Redis of its own, as one thing that starts and stops together.

A worker that dies is started again, later each time it dies young. What is told to stop is given time to finish what it holds; what is
killed loses nothing but that time, because the ledger knows what was under way.
"""

from __future__ import annotations

import ipaddress
import logging
import os
import secrets
import shutil
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from broker import Bell, broker_address
from errors import BrokerUnreachable, SettingsInvalid
from records import Queue
from settings import Settings
from watching import Watch
from workplace import Workplace

log = logging.getLogger("reread.serve")

#: Seconds that a worker is given to finish; compose gives a little more.
GRACE_S = 28.0
#: A worker that died is started again after so long, twice as long each time that it dies young.
RESTART_S = 1.0
LONGEST_RESTART_S = 30.0
#: A worker that lived for so long did not die young.
YOUNG_S = 60.0
REDIS_START_S = 10.0
M_TRIM_THRESHOLD, M_ARENA_MAX = -1, -8  #: malloc.h
REDIS_NAMES = ("redis-server", "valkey-server")


@dataclass(slots=True)
class Supervised:
    """One process that is to be there."""

    name: str
    command: list[str]
    env: dict[str, str]
    process: subprocess.Popen[bytes] | None = None
    started: float = 0.0
    deaths: int = field(default=0)
    not_before: float = 0.0


class Supervisor:
    """Keeps processes alive until it is told to stop them."""

    def __init__(self) -> None:
        self._watched: list[Supervised] = []
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._watch, name="supervisor", daemon=True)

    def add(self, name: str, command: list[str], env: dict[str, str]) -> None:
        self._watched.append(Supervised(name, command, env))

    def start(self) -> None:
        for each in self._watched:
            self._start(each)
        self._thread.start()

    def stop(self, grace_s: float = GRACE_S) -> None:
        """Ask all to end, wait for them, and end those that do not."""
        self._stopping.set()
        self._thread.join()
        running = [each.process for each in self._watched if each.process and each.process.poll() is None]
        for process in running:
            process.terminate()
        end = time.monotonic() + grace_s
        for process in running:
            try:
                process.wait(timeout=max(end - time.monotonic(), 0.1))
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()

    def _start(self, each: Supervised) -> None:
        # Celery greets on stdout; what a worker has to say it logs, to stderr.
        each.process = subprocess.Popen(each.command, env=each.env, start_new_session=True, stdout=subprocess.DEVNULL)
        each.started = time.monotonic()

    def _watch(self) -> None:
        while not self._stopping.wait(0.2):
            for each in self._watched:
                self._look(each)

    def _look(self, each: Supervised) -> None:
        now = time.monotonic()
        if each.process is not None:
            if each.process.poll() is None:
                return
            each.deaths = each.deaths + 1 if now - each.started < YOUNG_S else 1
            wait_s = min(RESTART_S * 2 ** (each.deaths - 1), LONGEST_RESTART_S)
            log.warning("%s ended with %s; it is started again in %g s", each.name, each.process.returncode, wait_s)
            each.process, each.not_before = None, now + wait_s
        elif now >= each.not_before:
            self._start(each)


def refuse_open_door(host: str, place: Workplace) -> None:
    """Raises SettingsInvalid where the service would listen beyond this machine and nobody needs a key."""
    if is_loopback(host) or place.ledger.has_keys():
        return
    raise SettingsInvalid(
        f"Listening on {host} lets other machines in, and there is no API key yet. Nothing was started. "
        "Make one first: reread keys create NAME --scope admin"
    )


def is_loopback(host: str) -> bool:
    """True where this name or address can only be reached from this machine."""
    with suppress(ValueError):
        return ipaddress.ip_address(host).is_loopback
    return host == "localhost"


@contextmanager
def redis_of(settings: Settings) -> Iterator[str]:
    """The address of the broker: the configured one, or a Redis that lives as long as this context."""
    if settings.broker is not None:
        yield broker_address(settings)
        return
    program = next(filter(None, map(shutil.which, REDIS_NAMES)), None)
    if program is None:
        raise BrokerUnreachable(
            "No broker is configured and no redis-server is installed. Nothing was started. "
            "Install one (Debian: apt-get install redis-server), or set REREAD_BROKER=redis://HOST:6379/0."
        )
    with _started_redis(program, settings.library / "redis") as address:
        yield address


@contextmanager
def _started_redis(program: str, folder: Path) -> Iterator[str]:
    """A Redis on loopback behind a password of its own: a port on this machine is open to all its users."""
    folder.mkdir(mode=0o700, exist_ok=True)
    port, password = _free_port(), secrets.token_urlsafe(24)
    config = folder / "redis.conf"
    config.touch(mode=0o600)
    config.write_text(
        f"bind 127.0.0.1\nport {port}\nrequirepass {password}\ndir {folder.absolute()}\nappendonly yes\nappendfsync everysec\n"
        'save ""\nmaxmemory-policy noeviction\nlogfile redis.log\n'
    )
    process = subprocess.Popen([program, str(config)], start_new_session=True, stdout=subprocess.DEVNULL)
    address = f"redis://:{password}@127.0.0.1:{port}/0"
    try:
        _wait_for(Bell(address), process, folder / "redis.log")
        yield address
    finally:
        process.terminate()
        process.wait()


def _wait_for(bell: Bell, process: subprocess.Popen[bytes], log_file: Path) -> None:
    end = time.monotonic() + REDIS_START_S
    while not bell.is_up():
        if process.poll() is not None or time.monotonic() > end:
            raise BrokerUnreachable(f"The Redis of this service did not start. Nothing was accepted. Its log is {log_file}.")
        time.sleep(0.05)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def worker_command(queues: Sequence[Queue], concurrency: int) -> list[str]:
    """How a worker process is started: this Python's `reread worker`, which ends when the process that started it does."""
    names = ",".join(queue.value for queue in queues)
    return [sys.executable, "-m", "cli", "worker", "--queues", names, "--concurrency", str(concurrency), "--with-parent"]


def serve(settings: Settings, *, host: str, port: int, only_api: bool) -> None:
    """Run until told to stop. Raises before anything is accepted where something is missing."""
    _spare_memory()
    place = Workplace(settings, is_service=True)
    place.create_library_if_missing()
    refuse_open_door(host, place)
    if only_api:
        broker_address(settings)  # workers elsewhere could not be told
    with _listening(host, port) as listener, redis_of(settings) as address:
        bell = Bell(address)
        supervisor = Supervisor()
        if not only_api:
            _add_workers(supervisor, settings, address)
        watch = Watch(
            place.ledger,
            bell.ring,
            name=f"api@{socket.gethostname()}/{os.getpid()}",
            queues=(),
            webhook_hosts=settings.webhook_hosts,
        )
        supervisor.start()
        watch.start()
        try:
            _run_api(place, bell, listener)
        finally:
            watch.stop()
            supervisor.stop()
            place.ledger.close()


def _add_workers(supervisor: Supervisor, settings: Settings, address: str) -> None:
    env = {
        **os.environ,
        "REREAD_BROKER": address,
        "REREAD_LIBRARY": str(settings.library.absolute()),
        "PYTHONPATH": os.pathsep.join(filter(None, [str(Path(__file__).parent), os.environ.get("PYTHONPATH")])),
    }
    for queues, concurrency in (
        ((Queue.CONVERT,), settings.converters),
        ((Queue.EXTRACT,), settings.readers),
        ((Queue.WRITE, Queue.MAINTAIN), 1),
    ):
        supervisor.add(f"worker {queues[0].value}", worker_command(queues, concurrency), env)


@contextmanager
def _listening(host: str, port: int) -> Iterator[socket.socket]:
    """The socket of the API, taken before anything else is started: a port in use is the commonest mistake."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    # asyncio switches Nagle's algorithm off only where the protocol is named: without it one answer in twenty waits 40 ms for an ACK.
    with socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP) as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind((host, port))
        except OSError as error:
            raise SettingsInvalid(
                f"Cannot listen on {host}:{port}: {error.strerror}. Nothing was started. Give another --port."
            ) from error
        yield listener


def _run_api(place: Workplace, bell: Bell, listener: socket.socket) -> None:
    import uvicorn

    from api.app import create_app
    from api.context import Service
    from api.limits import PatientProtocol
    from observing import configure_logging, instrument

    configure_logging("api")
    service = Service(place=place, ledger=place.ledger, ring=bell.ring, broker_is_up=bell.is_up)
    app = create_app(service)
    instrument(app)
    sys.setswitchinterval(SWITCH_S)
    server = uvicorn.Server(uvicorn.Config(app, http=PatientProtocol, **UVICORN))
    host, port = listener.getsockname()[:2]
    print(f"Reread serves http://{host}:{port} (docs: /docs); stop with Ctrl-C", file=sys.stderr, flush=True)
    server.run(sockets=[listener])


#: The event loop waits so long for Python's lock while a thread computes. Python's own 5 ms, several times per request, make answers to
#: 50 clients late: p95 350 to 390 ms, with this 290 to 300 (measured beside other work).
SWITCH_S = 0.001

#: Slow or half-open clients may hold a connection, never the service; names and versions are nobody's business.
UVICORN: dict[str, Any] = {
    "log_config": None,
    "access_log": False,
    "server_header": False,
    "timeout_keep_alive": 15,
    "timeout_graceful_shutdown": 10,
    "limit_concurrency": 2000,
    "h11_max_incomplete_event_size": 64 << 10,
    "loop": "asyncio",
    "ws": "none",
}


def _spare_memory() -> None:
    """Two arenas of glibc's malloc for all threads, trimmed early: as service.py sets for workers, in a process that runs already."""
    import ctypes

    if sys.platform == "linux":
        mallopt = getattr(ctypes.CDLL(None), "mallopt", None)  # other C libraries have none
        if mallopt:
            mallopt(M_ARENA_MAX, 2)
            mallopt(M_TRIM_THRESHOLD, 128 << 10)
