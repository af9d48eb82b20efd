"""The doorbell: Celery over Redis, set up in one place. A message says that a queue has work; the ledger says what it is.

A newcomer would send a message per job and trust it to arrive. Redis loses one whenever a worker dies between taking it and writing
that down (kombu issue 305), and all of them when it is wiped; and no message can wait its fair turn. So messages are interchangeable,
a few per queue are enough, and whoever is rung takes from the ledger what is next there.
"""

from __future__ import annotations

import logging
import threading
import time
from collections import Counter
from typing import TYPE_CHECKING, Any

from errors import SettingsInvalid
from records import Queue
from settings import Settings

if TYPE_CHECKING:
    from celery import Celery

log = logging.getLogger("reread.broker")

PREFIX = "reread:"
#: Messages that wait in one queue: more than any number of workers that could answer at once.
ENOUGH_MESSAGES = 64
#: Seconds that one attempt to reach Redis may take.
CONNECT_S = 5.0
#: The longest that a task may run before its process is killed; a document's own limit is far below it.
TASK_LIMIT_S = 900
VISIBILITY_S = 1800


def make_app(broker: str) -> Celery:
    """The Celery application on this Redis: JSON only, late acknowledgement, one message at a time per process."""
    from celery import Celery

    transport = {
        "visibility_timeout": VISIBILITY_S,
        "unacked_restore_interval": 10,
        "unacked_restore_throttle": 1,
        "socket_timeout": 10,  # of every call but BRPOP; a dead connection holds up the loop for so long
        "socket_connect_timeout": CONNECT_S,
        "socket_keepalive": True,
        "health_check_interval": 10,  # a half-open connection is found after two of these
        "global_keyprefix": PREFIX,
        "max_retries": 0,
    }
    app = Celery("reread", broker=broker, set_as_current=False)
    app.conf.update(
        task_serializer="json",
        accept_content=["json"],
        result_serializer="json",
        result_accept_content=["json"],
        task_ignore_result=True,  # what became of the work stands in the ledger
        task_default_queue=Queue.CONVERT.value,
        task_create_missing_queues=True,
        task_acks_late=True,
        task_acks_on_failure_or_timeout=True,
        task_reject_on_worker_lost=False,  # it would be rung for ever; the sweeper rings
        task_time_limit=TASK_LIMIT_S,
        task_soft_time_limit=TASK_LIMIT_S - 60,
        task_publish_retry=False,
        # No limit here, for worker_disable_prefetch sets one: kombu counts a message whose ack was lost with its connection for ever, and a
        # worker that may hold one message then takes none any more.
        worker_prefetch_multiplier=0,
        worker_disable_prefetch=True,
        worker_pool_start_method="spawn",  # neither LanceDB nor torch survives a fork
        worker_max_tasks_per_child=200,  # a task is a slice of up to 10 s; what libraries leak goes with the process
        worker_max_memory_per_child=4_000_000,  # KiB, looked at after a task
        worker_soft_shutdown_timeout=20,  # slept through as a whole where anything runs; 10 s are left of the 30 until SIGKILL
        worker_enable_soft_shutdown_on_idle=False,
        worker_cancel_long_running_tasks_on_connection_loss=False,
        worker_hijack_root_logger=False,
        worker_send_task_events=False,
        worker_enable_remote_control=False,
        broker_connection_retry_on_startup=True,
        broker_connection_max_retries=None,
        broker_transport_options=transport,
        visibility_timeout=VISIBILITY_S,
    )
    return app


class Bell:
    """Rings queues from a thread of its own: who rings never waits for Redis and never fails with it."""

    def __init__(self, broker: str) -> None:
        self._broker = broker
        self._app = make_app(broker)
        self._rung: Counter[Queue] = Counter()
        self._change = threading.Condition()
        self._thread: threading.Thread | None = None

    def ring(self, queue: Queue, times: int = 1) -> None:
        """Say that there is work for this queue. What cannot be said now, the sweeper says later."""
        with self._change:
            self._rung[queue] += times
            if self._thread is None:
                self._thread = threading.Thread(target=self._serve, name="bell", daemon=True)
                self._thread.start()
            self._change.notify()

    def is_up(self) -> bool:
        """True where Redis answers."""
        try:
            return bool(self._redis().ping())
        except self._faults():
            return False

    def flush(self, timeout_s: float = CONNECT_S) -> None:
        """Wait until everything rung so far was said, or could not be: before the process ends."""
        end = time.monotonic() + timeout_s
        while time.monotonic() < end:
            with self._change:
                if not self._rung:
                    return
            time.sleep(0.01)

    def _serve(self) -> None:
        while True:
            with self._change:
                while not self._rung:
                    self._change.wait()
                wanted = dict(self._rung)
            try:
                for queue, times in wanted.items():
                    self._send(queue, times)
            except self._faults() as error:
                log.warning("redis does not answer; the sweeper will ring later: %s", error)
            except Exception:  # a bell whose thread has ended is never heard again; told with its traceback
                log.exception("the bell stumbled; the sweeper will ring later")
            with self._change:
                self._rung -= Counter(wanted)

    def _send(self, queue: Queue, times: int) -> None:
        """As many messages as were wanted, but no more than any number of workers could answer."""
        waiting = int(self._redis().llen(f"{PREFIX}{queue.value}"))
        for _ in range(min(times, ENOUGH_MESSAGES - waiting)):
            self._app.send_task(f"reread.{queue.value}", queue=queue.value, retry=False)

    def _redis(self) -> Any:
        if not hasattr(self, "_client"):
            import redis

            self._client = redis.Redis.from_url(self._broker, socket_timeout=CONNECT_S, socket_connect_timeout=CONNECT_S)
        return self._client

    @staticmethod
    def _faults() -> tuple[type[BaseException], ...]:
        import redis
        from kombu.exceptions import KombuError, OperationalError

        return (redis.RedisError, KombuError, OperationalError, OSError)


def broker_address(settings: Settings) -> str:
    """The Redis of these settings; raises SettingsInvalid where none is configured."""
    if settings.broker is None:
        raise SettingsInvalid(
            "No broker is configured. Nothing was started. Set REREAD_BROKER=redis://HOST:6379/0, or use `reread serve`, "
            "which starts a Redis of its own."
        )
    return settings.broker.get_secret_value()
