"""What a check found: a verdict, the check's name and why."""

from __future__ import annotations

from typing import NamedTuple

from records import Verdict


class Finding(NamedTuple):
    verdict: Verdict
    method: str
    reason: str = ""


def supported(method: str, reason: str = "") -> Finding:
    return Finding(Verdict.SUPPORTED, method, reason)


def contradicted(method: str, reason: str) -> Finding:
    return Finding(Verdict.CONTRADICTED, method, reason)


def not_found(method: str, reason: str) -> Finding:
    return Finding(Verdict.NOT_FOUND, method, reason)
