"""Hostile messages in the queue: none is run, and honest work goes on.

What Celery can refuse ends no worker. What is not even a message of kombu's ends the worker that takes it (kombu 5.7 lets it through
to the loop, and Celery calls it unrecoverable): it is started again, and the message is gone.
"""

from __future__ import annotations

import base64
import json
import os
import pickle as python_pickle
import uuid
from pathlib import Path
from typing import Any

from bench.scenarios.outcome import FaultLog, Outcome, Size, audit
from bench.service_rig import ALL_QUEUES, Rig
from broker import PREFIX

HUGE = 16 << 20
NO_MESSAGES = ("not_a_message", "no_json")


class _Touch:
    """Unpickled, it makes a file."""

    def __init__(self, canary: Path) -> None:
        self._canary = canary

    def __reduce__(self) -> Any:
        return os.system, (f"touch {self._canary}",)


def pickle(rig: Rig, seed: int, size: Size, log: FaultLog) -> Outcome:
    """Every hostile message into every queue, then papers; in the long form also what is no message."""
    rig.hire(size.workers)
    rig.wait_for_workers()
    canary, client = rig.folder / "canary", rig.redis.client()
    for queue in ALL_QUEUES:
        for name, message in hostile(queue, canary).items():
            if name in NO_MESSAGES and not size.storm_s:
                continue
            log.note(name, queue)
            client.lpush(f"{PREFIX}{queue}", message)
    jobs = rig.submit(rig.papers(size.jobs))
    outcome = audit(rig, "pickle", seed, jobs, log)
    restarts = sum(worker.starts - 1 for worker in rig.workers)
    no_messages = sum(log.counts[name] for name in NO_MESSAGES)
    outcome.notes.append(f"{restarts} workers ended by {no_messages} things that are no messages")
    outcome.broken += ["the pickle was run"] if canary.exists() else []
    outcome.broken += [f"workers ended {restarts} times"] if restarts > no_messages else []
    return outcome


def hostile(queue: str, canary: Path) -> dict[str, bytes]:
    """What somebody who may write to Redis could put there."""
    poison = python_pickle.dumps(_Touch(canary))
    no_arguments = json.dumps([[], {}, {}]).encode()
    return {
        "pickle": _message(queue, f"reread.{queue}", poison, kind="application/x-python-serialize", encoding="binary"),
        "pickle_called_json": _message(queue, f"reread.{queue}", poison),
        "unknown_task": _message(queue, "os.system", json.dumps([[f"touch {canary}"], {}, {}]).encode()),
        "surplus_arguments": _message(queue, f"reread.{queue}", json.dumps([["x"], {"y": 1}, {}]).encode()),
        "huge": _message(queue, f"reread.{queue}", json.dumps([["x" * HUGE], {}, {}]).encode()),
        "no_headers": json.dumps({**json.loads(_message(queue, "x", no_arguments)), "headers": None}).encode(),
        "not_a_message": json.dumps(["a", "list"]).encode(),
        "no_json": b"\xff\xfenot json",
    }


def _message(queue: str, task: str, body: bytes, *, kind: str = "application/json", encoding: str = "utf-8") -> bytes:
    """As kombu writes one to Redis."""
    name = str(uuid.uuid4())
    headers = {"lang": "py", "task": task, "id": name, "root_id": name, "parent_id": None, "group": None, "retries": 0}
    properties = {
        "correlation_id": name, "reply_to": name, "delivery_mode": 2, "priority": 0, "body_encoding": "base64",
        "delivery_tag": name, "delivery_info": {"exchange": "", "routing_key": queue},
    }  # fmt: skip
    envelope = {"body": base64.b64encode(body).decode(), "content-encoding": encoding, "content-type": kind}
    return json.dumps({**envelope, "headers": headers, "properties": properties}).encode()
