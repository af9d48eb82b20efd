"""The way from the workers to Redis goes bad; they work again within 90 s of its end, and none is started anew."""

from __future__ import annotations

import time

from tcp_proxy import Proxy

from bench.scenarios.outcome import FaultLog, Outcome, Size, audit
from bench.service_rig import Rig
from broker import Bell
from records import Job

#: The figures: seconds until work goes on, and until /readyz says that the broker is away.
RESUMED_S = 90.0
RED_S = 30.0
LATENCY_S = 0.5


def network(rig: Rig, seed: int, size: Size, log: FaultLog) -> Outcome:
    """Slow, cut, silent for `storm_s`, half-open."""
    jobs, seconds, broken = list[Job](), dict[str, float](), list[str]()
    with Proxy(rig.redis.port) as proxy:
        rig.hire(size.workers, broker=f"redis://127.0.0.1:{proxy.port}/0")
        rig.wait_for_workers()
        for fault in (slow, cut, silent, half_open):
            log.note(fault.__name__)
            jobs += rig.submit(rig.papers(size.jobs, named=fault.__name__))
            broken += fault(proxy, size.storm_s)
            log.note(f"{fault.__name__}_over")
            if not rig.wait_until_final(RESUMED_S):
                broken.append(f"after {fault.__name__}: {rig.n_open()} jobs open after {RESUMED_S:.0f} s")
            seconds[fault.__name__] = time.monotonic() - log.last
            proxy.latency_s = 0
        outcome = audit(rig, "network", seed, jobs, log)
    restarts = sum(worker.starts - 1 for worker in rig.workers)
    broken += [f"workers were started again {restarts} times"] if restarts else []
    outcome.notes.append(", ".join(f"{name} {s:.0f} s" for name, s in seconds.items()))
    outcome.broken += broken
    return outcome


def slow(proxy: Proxy, _: float) -> list[str]:
    """From here on: work must go on under it."""
    proxy.latency_s = LATENCY_S
    return []


def cut(proxy: Proxy, _: float) -> list[str]:
    proxy.cut()
    return []


def silent(proxy: Proxy, storm_s: float) -> list[str]:
    """Nothing passes, and the bell must say that Redis is away."""
    bell, began = Bell(f"redis://127.0.0.1:{proxy.port}/0"), time.monotonic()
    proxy.black_hole(True)
    is_red = not bell.is_up()
    red_s = time.monotonic() - began
    time.sleep(max(storm_s - red_s, 0))
    proxy.black_hole(False)
    return [] if is_red and red_s < RED_S else [f"is_up said {not is_red} after {red_s:.0f} s of silence"]


def half_open(proxy: Proxy, _: float) -> list[str]:
    proxy.go_deaf()
    return []
