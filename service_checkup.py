"""The part of `reread doctor` that looks at the service: broker, ledger, workers, indices, clocks. Each finding with its fix."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

from broker import CONNECT_S
from checkup import Check, tried
from errors import BrokerUnreachable, RereadError
from records import Queue
from store.library import is_library
from store.measuring import table_facts
from workplace import Workplace

#: Rows that no index holds: found all the same, one by one. Above both bounds a search begins to wait for them.
UNINDEXED_ROWS = 10_000
UNINDEXED_SHARE = 0.05
#: Leases last a minute: clocks further apart than this take jobs from workers that are alive.
CLOCK_S = 5.0


def service_checks(place: Workplace) -> Iterator[Check]:
    """Every check of the service; without a broker and a library there is little to look at."""
    yield from _broker(place)
    if not is_library(place.settings.library):
        return
    yield tried("ledger", lambda: _ledger(place), "start PostgreSQL, or mend `ledger` in reread.toml")
    try:
        yield from _workers(place)
        yield from _indices(place)
    except RereadError:
        return  # the check of the ledger or of the library has told why


def _broker(place: Workplace) -> Iterator[Check]:
    if place.settings.broker is None:
        yield Check(name="broker", verdict="note", found="none configured; `reread serve` starts a Redis of its own")
        return
    address = place.settings.broker.get_secret_value()
    try:
        facts = _redis_facts(address)
    except BrokerUnreachable as error:
        yield Check(name="broker", verdict="fail", found=str(error), fix=error.advice, is_unreachable=True)
        return
    yield Check(name="broker", verdict="ok", found=f"Redis {facts['version']} answers in {facts['latency_ms']:.0f} ms")
    if facts["aof"] == "1":
        yield Check(name="broker persistence", verdict="ok", found="append-only file is on")
    else:  # a note: the ledger knows what is queued, and the sweeper rings again
        fix = "set `appendonly yes` in redis.conf"
        yield Check(
            name="broker persistence", verdict="note", found="append-only file is off: a restart forgets messages", fix=fix
        )
    policy = facts["policy"]
    yield _judged(
        "broker eviction",
        policy in ("noeviction", "unknown"),
        f"maxmemory-policy {policy}",
        "set `maxmemory-policy noeviction`: any other may drop queued messages when memory is short",
    )
    yield _clock("broker clock", facts["clock"])


def _redis_facts(address: str) -> dict[str, Any]:
    """What Redis says of itself; raises BrokerUnreachable."""
    import redis

    client = redis.Redis.from_url(address, socket_timeout=CONNECT_S, socket_connect_timeout=CONNECT_S, decode_responses=True)
    try:
        began = time.perf_counter()
        client.ping()
        latency_ms = (time.perf_counter() - began) * 1000
        info = client.info()
        seconds, micros = client.time()
    except (redis.RedisError, OSError) as error:
        raise BrokerUnreachable(f"Redis does not answer: {error}") from error
    finally:
        client.close()
    return {
        "version": info.get("redis_version", "?"),
        "latency_ms": latency_ms,
        "aof": str(info.get("aof_enabled", "")),
        "policy": info.get("maxmemory_policy", "unknown"),
        "clock": seconds + micros / 1e6,
    }


def _ledger(place: Workplace) -> str:
    ledger = place.ledger
    waiting = {queue.value: n for queue, n in ledger.depths().items() if n}
    kind = "PostgreSQL" if place.settings.ledger else "SQLite"
    ages = [age for (_, state), age in ledger.oldest().items() if state == "queued"]
    queued = ", ".join(f"{n:,} in {queue}" for queue, n in waiting.items()) or "nothing queued"
    return f"{kind}; {queued}" + (f"; the longest waits for {max(ages):.0f} s" if ages else "")


def _workers(place: Workplace) -> Iterator[Check]:
    ledger = place.ledger
    served: dict[str, int] = {}
    for worker in ledger.workers():
        for queue in worker.queues:
            served[queue] = served.get(queue, 0) + 1
    idle = [queue for queue, n in ledger.depths().items() if n and not served.get(queue)]
    for queue in idle:
        yield Check(
            name=f"queue {queue}",
            verdict="fail",
            found=f"{ledger.depths()[queue]:,} jobs wait and no worker serves it",
            fix=f"reread serve, or on any machine: reread worker --queues {queue}",
        )
    if not idle:
        found = ", ".join(f"{served[queue]} on {queue}" for queue in Queue if served.get(queue)) or "none, and nothing waits"
        yield Check(name="workers", verdict="ok", found=found)
    database = ledger.clock()
    if database is not None:
        yield _clock("ledger clock", database)


def _indices(place: Workplace) -> Iterator[Check]:
    for facts in table_facts(place.library):
        fresh = facts.unindexed_rows <= max(UNINDEXED_ROWS, UNINDEXED_SHARE * facts.rows)
        yield _judged(
            f"index {facts.table}",
            fresh,
            f"{facts.unindexed_rows:,} of {facts.rows:,} rows are in no index",
            "run a worker with --queues maintain: it brings them in",
        )


def _clock(name: str, theirs: float) -> Check:
    apart = abs(time.time() - theirs)
    return _judged(name, apart < CLOCK_S, f"{apart:.1f} s from this machine's", "run an NTP client on both machines")


def _judged(name: str, is_well: bool, found: str, fix: str) -> Check:
    return Check(name=name, verdict="ok" if is_well else "fail", found=found, fix="" if is_well else fix)
