"""What the dev-server answers, as a user writes it: a YAML file, shares of faults, or both.

    faults: {503: 0.1, reset: 0.05}     # shares of all requests
    script:                             # for the next requests, in the order in which they come
      - {act: 429, retry_after_s: 2, times: 3}
      - {act: truncated}
    rules:                              # for every request whose text holds these words; the first that fits
      - {when: half-life, act: answer, record: {findings: []}}

First the script, then the rules, then the faults; what is left gets an answer that fits its schema.
"""

from __future__ import annotations

import hashlib
import json
import random
import threading
from collections import Counter
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from errors import SettingsInvalid
from extract.devserver import acts
from extract.devserver.asked import Asked
from extract.devserver.server import Act, Handler

FAULTS: dict[str, Callable[[], Act]] = {
    "timeout": acts.stalls,
    "trickle": acts.trickles,
    "reset": acts.resets,
    "mid-body": acts.closes_mid_body,
    "html": acts.html,
    "truncated": acts.truncated,
    "cut-json": acts.cut_json,
    "whitespace": acts.whitespace,
    "wrong-schema": acts.wrong_schema,
    "no-choices": acts.no_choices,
    "empty": lambda: acts.says(""),
    "abort": lambda: acts.says('{"fin', finish_reason="abort"),
    "another-model": acts.another_model,
    "unknown-model": acts.unknown_model,
    "wrong-key": acts.wrong_key,
}
STATUSES = range(400, 600)  #: may be named as faults too


class Step(BaseModel):
    """One answer, or the same one several times."""

    model_config = ConfigDict(extra="forbid")

    act: str | int = "answer"
    when: str | None = None  #: only for a request that holds these words
    times: int = Field(1, ge=1)
    text: str | None = None  #: what to answer, word by word
    record: dict[str, Any] | None = None  #: the same, as a record
    finish_reason: str = "stop"
    retry_after_s: float | None = Field(None, ge=0)
    seconds: float = Field(0.0, ge=0)  #: before a good answer comes

    def as_act(self) -> Act:
        """Raises SettingsInvalid where nothing is called so."""
        if str(self.act) != "answer":
            return act_named(str(self.act), self.retry_after_s)
        if self.text is not None or self.record is not None:
            return acts.says(self.text if self.text is not None else json.dumps(self.record), finish_reason=self.finish_reason)
        return acts.ok(after_s=self.seconds)


class Script(BaseModel):
    """Everything that the file may say."""

    model_config = ConfigDict(extra="forbid")

    script: list[Step] = []
    rules: list[Step] = []
    faults: dict[str | int, float] = {}


def load_script(path: Path) -> Script:
    """Raises SettingsInvalid with what is wrong in the file."""
    try:
        return Script.model_validate(yaml.safe_load(path.read_text(encoding="utf-8")) or {})
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise SettingsInvalid(f"The script {str(path)!r} could not be read: {error}. No server was started.") from error
    except ValidationError as error:
        told = "; ".join(f"{'.'.join(map(str, e['loc']))}: {e['msg']}" for e in error.errors())
        raise SettingsInvalid(f"The script {str(path)!r} is not valid: {told}. No server was started.") from error


def act_named(name: str, retry_after_s: float | None = None) -> Act:
    """The fault of this name, or HTTP status. Raises SettingsInvalid where there is none."""
    if name.isdigit() and int(name) in STATUSES:
        return acts.busy(int(name), retry_after_s=retry_after_s)
    if name not in FAULTS:
        known = ", ".join(["answer", *FAULTS])
        raise SettingsInvalid(f"The dev-server knows no fault {name!r}; there are {known}, and HTTP statuses such as 503.")
    return FAULTS[name]()


def fault_shares(given: list[str]) -> dict[str, float]:
    """'503:0.1' as its name and share. Raises SettingsInvalid."""
    shares: dict[str, float] = {}
    for text in given:
        name, found, share = text.rpartition(":")
        if not found or not share.replace(".", "", 1).isdigit():
            raise SettingsInvalid(f"{text!r} is not a fault with its share of the requests, such as 503:0.1.")
        shares[name] = float(share)
    return shares


def following(script: Script, shares: Mapping[str, float], *, seed: int, after_s: float) -> tuple[list[Act], Act]:
    """The acts of the next requests, and what answers all others. Raises SettingsInvalid for names and shares that cannot be."""
    in_order = [step.as_act() for step in script.script for _ in range(step.times)]
    rules = [(step.when or "", step.as_act()) for step in script.rules]
    every = {str(name): share for name, share in [*script.faults.items(), *shares.items()]}
    if sum(every.values()) > 1 or any(not 0 <= share <= 1 for share in every.values()):
        raise SettingsInvalid(f"The shares of the faults must lie between 0 and 1, and so must their sum: {every}.")
    drawn = _Drawn({act_named(name): share for name, share in every.items()}, acts.ok(after_s=after_s), seed)

    def otherwise(handler: Handler, asked: Asked) -> None:
        text = asked.text
        next((act for words, act in rules if words in text), drawn)(handler, asked)

    return in_order, otherwise


class _Drawn:
    """Faults for a share of the requests. The n-th time that a request comes it meets the same in every run, whatever comes
    before or beside it: a failure can be seen again."""

    def __init__(self, shares: Mapping[Act, float], otherwise: Act, seed: int) -> None:
        self._shares, self._otherwise, self._seed = shares, otherwise, seed
        self._seen: Counter[bytes] = Counter()
        self._lock = threading.Lock()

    def __call__(self, handler: Handler, asked: Asked) -> None:
        self._act(asked)(handler, asked)

    def _act(self, asked: Asked) -> Act:
        if not self._shares:
            return self._otherwise
        request = hashlib.sha256(json.dumps(asked.body, sort_keys=True).encode()).digest()[:8]
        with self._lock:
            self._seen[request] += 1
            n = self._seen[request]
        drawn = random.Random(f"{self._seed} {request.hex()} {n}").random()
        for act, share in self._shares.items():
            drawn -= share
            if drawn < 0:
                return act
        return self._otherwise
