"""Measure what a model does here: tokens/s read and written at several concurrencies, and joules for each of the two.

Two loads are put on it by turns: long texts of which nothing is shared, answered with one token, and short ones answered at length.
Joules of the two are two equations in two unknowns: what one token read costs, and what one token written costs. They hold at
the concurrency that they were measured at; a server that is half idle costs a multiple of them.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from itertools import count
from typing import Any

from errors import AnswerRefused
from extract.counters import Counter
from extract.models.answers import Tally
from extract.models.calls import Endpoint, open_endpoint
from settings import ModelSettings

_STEP = 4  #: each concurrency is so many times the one before, the alias's own the last
_TEXT_CHARS = 2400  #: of a long text: some 550 tokens, as a chunk with its instructions has
_WRITTEN = 128  #: tokens of a long answer
_WORDS = ("dose", "plasma", "clearance", "of", "the", "was", "measured", "in", "mice", "and", "rats", "at", "h", "after")

_Request = dict[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Rate:
    """One load at one concurrency."""

    load: str  #: 'read' or 'write'
    concurrency: int
    answers: int
    seconds: float
    prompt_tokens: int  #: that were computed: without those from the server's cache
    completion_tokens: int
    joules: float | None  #: None = not measured

    @property
    def read_per_s(self) -> float:
        return self.prompt_tokens / self.seconds

    @property
    def written_per_s(self) -> float:
        return self.completion_tokens / self.seconds


@dataclass(frozen=True, slots=True, kw_only=True)
class Calibration:
    """What was measured of one model."""

    alias: str
    rates: tuple[Rate, ...]
    concurrency: int  #: the best of those that were tried
    j_per_prompt_token: float | None
    j_per_token: float | None
    energy_from: str  #: '' where joules were not measured
    not_measured: str  #: why there are no joules; '' where there are

    @property
    def toml(self) -> str:
        """The lines for reread.toml. Joules that were not measured are left out, so that they stay unknown."""
        lines = [f"[models.{self.alias}]", f"concurrency = {self.concurrency}"]
        if self.energy_from:
            lines += [f"j_per_prompt_token = {self.j_per_prompt_token:.3g}", f"j_per_token = {self.j_per_token:.3g}"]
            lines.append(f'energy_from = "{self.energy_from}"')
        return "\n".join(lines)


Progress = Callable[[Rate], None]


def calibrate(
    alias: str,
    model: ModelSettings,
    *,
    seconds: float,
    counter: Counter | None,
    device: str,
    not_measured: str = "",
    progress: Progress = lambda rate: None,
) -> Calibration:
    """Load the model for so many seconds at each concurrency; `device` is what the counter counts, `not_measured` why there is none.

    Raises ModelUnreachable, SettingsInvalid, NotFound or AnswerRefused where it cannot be asked.
    """
    rates = asyncio.run(_rates(alias, model, seconds, counter, progress))
    return _calibration(alias, rates, device, not_measured)


async def _rates(alias: str, model: ModelSettings, seconds: float, counter: Counter | None, progress: Progress) -> list[Rate]:
    rates: list[Rate] = []
    async with open_endpoint(alias, model) as endpoint:
        extra = await _warm_up(endpoint, model)
        numbers = count(time.time_ns())  # no text begins as another did, now or in an earlier measurement
        for concurrency in concurrencies(model.concurrency):
            endpoint.hold(concurrency)
            for load, make in (("read", _long_text), ("write", _long_answer)):
                requests = (make(number, model, extra) for number in numbers)
                rates.append(await _load(endpoint, load, requests, concurrency, seconds, counter))
                progress(rates[-1])
    return rates


async def _warm_up(endpoint: Endpoint, model: ModelSettings) -> _Request:
    """Ask once, so that compiling is not measured; returns what makes this server write on to the limit, where it has that."""
    extra: _Request = {"extra_body": {"ignore_eos": True}}
    try:
        await endpoint.complete(_long_answer(0, model, extra), Tally())
    except AnswerRefused:
        extra = {}
        await endpoint.complete(_long_answer(0, model, extra), Tally())
    return extra


def concurrencies(most: int) -> list[int]:
    """Those to try: 1, 4, 16 … and the most."""
    found = [1]
    while found[-1] * _STEP < most:
        found.append(found[-1] * _STEP)
    return found if found[-1] == most else [*found, most]


def _long_text(number: int, model: ModelSettings, _: _Request) -> _Request:
    n_chars = min(_TEXT_CHARS, max(model.context_tokens - 512, 64))  # a token is at least a character
    words = (_WORDS[(number * 7 + i * i) % len(_WORDS)] for i in range(n_chars // 4))
    return _request(f"{number} {' '.join(words)}"[:n_chars], max_tokens=1)


def _long_answer(number: int, model: ModelSettings, extra: _Request) -> _Request:
    return {**_request(f"{number}: count from 1 to 1000.", max_tokens=min(_WRITTEN, model.context_tokens // 4)), **extra}


def _request(said: str, max_tokens: int) -> _Request:
    return {"messages": [{"role": "user", "content": said}], "max_tokens": max_tokens, "temperature": 0.0}


async def _load(
    endpoint: Endpoint, load: str, requests: Any, concurrency: int, seconds: float, counter: Counter | None
) -> Rate:
    """So many requests in flight until the time is up; those that are then under way are waited for and counted."""
    tallies: list[Tally] = []
    started, before = time.monotonic(), counter() if counter else None

    async def ask_on() -> None:
        while time.monotonic() < started + seconds:
            tally = Tally()
            await endpoint.complete(next(requests), tally)
            tallies.append(tally)

    await asyncio.gather(*(ask_on() for _ in range(concurrency)))
    usages = [tally.usage for tally in tallies]
    return Rate(
        load=load,
        concurrency=concurrency,
        answers=len(usages),
        seconds=time.monotonic() - started,
        prompt_tokens=sum((usage.prompt_tokens or 0) - (usage.cached_tokens or 0) for usage in usages),
        completion_tokens=sum(usage.completion_tokens or 0 for usage in usages),
        joules=counter() - before if counter and before is not None else None,
    )


def _calibration(alias: str, rates: list[Rate], device: str, reason: str) -> Calibration:
    best = max((rate for rate in rates if rate.load == "write"), key=lambda rate: rate.written_per_s)
    at_best = {rate.load: rate for rate in rates if rate.concurrency == best.concurrency}
    solved = None
    if not reason:
        solved = joules_per_token(at_best["read"], at_best["write"])
        reason = "" if solved else "the counter did not move enough to tell tokens read from tokens written: measure longer"
    said = f"reread models calibrate, {date.today()}: {device}, {best.concurrency} in flight, {best.written_per_s:,.0f} tokens/s written"
    return Calibration(
        alias=alias,
        rates=tuple(rates),
        concurrency=best.concurrency,
        j_per_prompt_token=solved[0] if solved else None,
        j_per_token=solved[1] if solved else None,
        energy_from=said if solved else "",
        not_measured=reason,
    )


def joules_per_token(read: Rate, write: Rate) -> tuple[float, float] | None:
    """Joules of one token read and of one written, from two loads that hold them in different shares; None where they do not tell."""
    if read.joules is None or write.joules is None:
        return None
    apart = read.prompt_tokens * write.completion_tokens - write.prompt_tokens * read.completion_tokens
    if apart <= 0:
        return None
    per_read = (read.joules * write.completion_tokens - write.joules * read.completion_tokens) / apart
    per_written = (write.joules * read.prompt_tokens - read.joules * write.prompt_tokens) / apart
    return (per_read, per_written) if per_read > 0 and per_written > 0 else None
