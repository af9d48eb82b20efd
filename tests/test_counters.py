"""Joules are what the hardware counts; where it cannot be read the reason is told, and nothing is zero."""

import itertools

import pytest

from errors import NotMeasured
from extract.counters import open_cpu_counter, open_gpu_counter, watts_of_a_core


class Nvml:
    """NVML as its bindings give it, with two GPUs that have drawn 5 and 7 joules."""

    class NVMLError(Exception): ...

    def nvmlInit(self): ...

    def nvmlDeviceGetHandleByIndex(self, gpu):
        if gpu > 1:
            raise self.NVMLError("Invalid Argument")
        return gpu

    def nvmlDeviceGetName(self, _):
        return "NVIDIA H200"

    def nvmlDeviceGetTotalEnergyConsumption(self, gpu):
        return [5000, 7000][gpu]


def package(root, name, energy_uj, range_uj=1_000_000):
    zone = root / name
    zone.mkdir()
    (zone / "energy_uj").write_text(f"{energy_uj}\n")
    (zone / "max_energy_range_uj").write_text(f"{range_uj}\n")
    return zone / "energy_uj"


def test_the_joules_of_several_gpus_are_their_sum():
    counter = open_gpu_counter((0, 1), Nvml())

    assert counter() == pytest.approx(12.0)
    assert counter.name == "2 x NVIDIA H200"


def test_a_gpu_that_is_not_there_is_not_measured():
    with pytest.raises(NotMeasured, match="GPU 0, 2 cannot be read here: Invalid Argument"):
        open_gpu_counter((0, 2), Nvml())


def test_without_a_named_gpu_nothing_is_guessed():
    with pytest.raises(NotMeasured, match=r"gpus = \[0\]"):
        open_gpu_counter((), Nvml())


def test_the_processors_are_counted_by_package_and_past_the_end_of_their_range(tmp_path):
    first, second = package(tmp_path, "intel-rapl:0", 900_000), package(tmp_path, "intel-rapl:1", 100_000)
    package(tmp_path, "intel-rapl:0:0", 1)  # a part of package 0: counted there
    counter = open_cpu_counter(tmp_path)

    assert counter() == 0
    first.write_text("100000\n")  # over the end of its range: 0.2 J
    second.write_text("400000\n")
    assert counter() == pytest.approx(0.5, abs=1e-5)
    first.write_text("200000\n")
    assert counter() == pytest.approx(0.6, abs=1e-5)


def test_a_machine_without_such_counters_says_so(tmp_path):
    with pytest.raises(NotMeasured, match="shows no energy counter"):
        open_cpu_counter(tmp_path)


def test_what_cannot_be_read_says_why(tmp_path):
    (tmp_path / "intel-rapl:0").mkdir()

    with pytest.raises(NotMeasured, match="cannot be read"):
        open_cpu_counter(tmp_path)


def test_a_core_that_draws_nothing_more_was_not_measured():
    with pytest.raises(NotMeasured, match="cannot be told from the rest"):
        watts_of_a_core(lambda: 0.0, seconds=0.01)


def test_a_core_draws_what_the_machine_draws_more_while_it_is_busy():
    joules = itertools.accumulate([0.0, 1.0, 0.0, 3.0])  # 1 J while it waits, 3 J while it works

    watts = watts_of_a_core(lambda: next(joules), seconds=0.05)

    assert watts == pytest.approx(2 / 0.05, rel=0.2)
