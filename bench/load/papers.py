"""Papers for the load: small ones for the stand-ins, and variants of the samples for real converters."""

from __future__ import annotations

from bench.service_rig import ROOT

#: The samples that have a text layer.
SAMPLES = ("forecast-errors.pdf", "mouse-kinetics.pdf", "perovskite-ageing.pdf")


def small(name: str, lines: int = 2) -> bytes:
    """A file for the stand-ins, whose converter takes each line for a chunk."""
    return "\n".join(["%PDF-1.7", *(f"Line {line} of {name}." for line in range(lines))]).encode()


def variant(n: int) -> bytes:
    """One of the samples as a file of its own: what stands behind its end is read by nobody, and changes its hash."""
    return (ROOT / "samples" / SAMPLES[n % len(SAMPLES)]).read_bytes() + f"\n% variant {n}\n".encode()
