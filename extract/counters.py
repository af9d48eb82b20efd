"""Energy counters of this machine: joules that its GPUs or its processors have drawn, as the hardware counts them.

Only differences mean anything. A counter is of a whole device: what else runs there is counted too, idle watts included. Where none
can be read the reason is raised as NotMeasured, because "not measured" is an answer and zero is not.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from errors import NotMeasured

#: Joules drawn since some beginning.
Counter = Callable[[], float]

RAPL = Path("/sys/class/powercap")
_MJ, _UJ = 1e-3, 1e-6  #: NVML counts in millijoules, RAPL in microjoules


class GpuCounter:
    """The energy counters of these GPUs together. Made by `open_gpu_counter`."""

    def __init__(self, nvml: Any, gpus: Sequence[int]) -> None:
        self._nvml = nvml
        self._handles = [nvml.nvmlDeviceGetHandleByIndex(gpu) for gpu in gpus]
        self.name = ", ".join(dict.fromkeys(str(nvml.nvmlDeviceGetName(handle)) for handle in self._handles))
        if len(gpus) > 1:
            self.name = f"{len(gpus)} x {self.name}"

    def __call__(self) -> float:
        return sum(self._nvml.nvmlDeviceGetTotalEnergyConsumption(handle) for handle in self._handles) * _MJ


def open_gpu_counter(gpus: Sequence[int], nvml: Any = None) -> GpuCounter:
    """The counter of these GPUs, by their NVML indices; raises NotMeasured where it cannot be read. Volta and later have one."""
    if not gpus:
        raise NotMeasured("no GPU is named: give the NVML indices of those that the server runs on, such as gpus = [0]")
    nvml = nvml or _bindings()
    try:
        nvml.nvmlInit()
        counter = GpuCounter(nvml, gpus)
        counter()
    except nvml.NVMLError as error:
        listed = ", ".join(map(str, gpus))
        raise NotMeasured(f"the energy counter of GPU {listed} cannot be read here: {error}") from error
    return counter


def _bindings() -> Any:
    try:
        import pynvml
    except ImportError as error:
        raise NotMeasured("the package nvidia-ml-py is not installed: pip install 'reread[gpu]'") from error
    return pynvml


def open_cpu_counter(root: Path = RAPL) -> Counter:
    """The counters of this machine's processor packages (RAPL); raises NotMeasured where there are none or only root may read them."""
    packages = [zone for zone in sorted(root.glob("intel-rapl:*")) if zone.name.count(":") == 1]
    if not packages:
        raise NotMeasured(f"this machine shows no energy counter of its processors ({root}/intel-rapl:*)")
    try:
        last = [_read(zone, "energy_uj") for zone in packages]
        ranges = [_read(zone, "max_energy_range_uj") for zone in packages]
    except (OSError, ValueError) as error:
        raise NotMeasured(f"the processors' energy counter cannot be read: {error}. Root may let a group read it.") from error
    total = 0

    def joules() -> float:
        nonlocal total
        for i, zone in enumerate(packages):
            now = _read(zone, "energy_uj")
            total += (now - last[i]) % (ranges[i] + 1)  # it starts again at 0 after its range, within the hour on a busy server
            last[i] = now
        return total * _UJ

    return joules


def _read(zone: Path, name: str) -> int:
    return int((zone / name).read_text())


def watts_of_a_core(counter: Counter, seconds: float = 2.0) -> float:
    """What the machine draws more while one core is busy. Raises NotMeasured where other work hides it."""
    idle = _watts(counter, lambda until: time.sleep(max(until - time.monotonic(), 0)), seconds)
    busy = _watts(counter, _spin, seconds)
    if busy <= idle:
        raise NotMeasured("one busy core cannot be told from the rest of this machine's work: try again while it is quiet")
    return busy - idle


def _watts(counter: Counter, work: Callable[[float], None], seconds: float) -> float:
    started, before = time.monotonic(), counter()
    work(started + seconds)
    return (counter() - before) / (time.monotonic() - started)


def _spin(until: float) -> None:
    n = 0
    while time.monotonic() < until:
        n = (n * 1664525 + 1013904223) % 4294967296
