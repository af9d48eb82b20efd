"""What an endpoint answered, and whether it may count as an answer.

`finish_reason` is judged before the text: a server that runs out of tokens in the middle of a record, or in a loop of
whitespace, sends text that looks like an answer. Only `stop` is success; then the text must be JSON that fits the schema.
Servers differ in what they leave out (usage, choices, the text itself), so everything but the shape may be missing.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from jsonschema import Draft202012Validator
from jsonschema.exceptions import ValidationError
from pydantic import BaseModel

from errors import AnswerEmpty, AnswerInvalid, AnswerRefused, AnswerTruncated
from records import Usage

#: Characters of a rejected answer that are kept, and shown to the model when it is asked again.
RAW_LIMIT = 4000
_REASON_LIMIT = 600  #: characters of what was wrong with it: jsonschema prints the whole value
_REASONS = 5  #: breaches of the schema that are named


class _CachedTokens(BaseModel):
    cached_tokens: int | None = None


class _Tokens(BaseModel):
    prompt_tokens: int | None = None
    completion_tokens: int | None = None
    prompt_tokens_details: _CachedTokens | None = None


class _Message(BaseModel):
    content: str | None = None
    refusal: str | None = None


class _Choice(BaseModel):
    message: _Message | None = None
    finish_reason: str | None = None


class Completion(BaseModel):
    """The body of a chat completion, as far as it is looked at."""

    choices: list[_Choice] | None = None
    usage: _Tokens | None = None

    @property
    def text(self) -> str:
        return (self._message.content or "") if self._message else ""

    @property
    def refusal(self) -> str | None:
        """Why the model would not answer, where it says so."""
        return self._message.refusal if self._message else None

    @property
    def _message(self) -> _Message | None:
        return self.choices[0].message if self.choices else None

    @property
    def finish_reason(self) -> str | None:
        return self.choices[0].finish_reason if self.choices else None


@dataclass(slots=True)
class Tally:
    """What the tries for one unit cost together, and the last answer as it came."""

    completions: list[Completion] = field(default_factory=list)
    seconds: float = 0.0
    images: int = 0
    pixels: int = 0

    @property
    def raw(self) -> str | None:
        """The last answer's text, at most RAW_LIMIT characters; None where no answer came."""
        return self.completions[-1].text[:RAW_LIMIT] if self.completions else None

    @property
    def usage(self) -> Usage:
        """The sums over all answers; None where one of them does not say."""
        counts = [completion.usage or _Tokens() for completion in self.completions]
        details = [count.prompt_tokens_details or _CachedTokens() for count in counts]
        return Usage(
            prompt_tokens=_sum(count.prompt_tokens for count in counts),
            cached_tokens=_sum(detail.cached_tokens for detail in details),
            completion_tokens=_sum(count.completion_tokens for count in counts),
            images=self.images,
            pixels=self.pixels,
            seconds=self.seconds,
        )


def _sum(counts: Iterable[int | None]) -> int | None:
    known = list(counts)
    return sum(count or 0 for count in known) if known and None not in known else None


def record_of(completion: Completion, schema: Draft202012Validator, *, about: str) -> dict[str, Any]:
    """The record in this answer; `about` says in an error which model and unit it is of.

    Raises AnswerRefused, AnswerTruncated, AnswerEmpty or AnswerInvalid.
    """
    if not completion.choices:
        raise AnswerEmpty(
            f"{about}: the server answered without any choice. The unit is kept as failed; run again to retry it."
        )
    if completion.finish_reason == "length":
        raise AnswerTruncated(
            f"{about}: the answer was cut off at the token limit, with a raised limit too where there was room. It is kept "
            "as failed with what came. Raise max_tokens in the prompt's options, bound its arrays, or use a smaller unit."
        )
    if completion.finish_reason != "stop" or completion.refusal:
        reason = (completion.refusal or f"finish_reason {completion.finish_reason!r}")[:_REASON_LIMIT]
        raise AnswerRefused(f"{about}: the server gave no answer ({reason}). The unit is kept as failed; other units go on.")
    if not completion.text.strip():
        raise AnswerEmpty(f"{about}: the answer has no text. The unit is kept as failed; run again to retry it.")
    return _parsed(completion.text, schema, about)


def _parsed(text: str, schema: Draft202012Validator, about: str) -> dict[str, Any]:
    try:
        record = json.loads(text, strict=False)  # vLLM's grammar (0.32, xgrammar) lets a line break stand in a string
        json.dumps(record, ensure_ascii=False, allow_nan=False).encode()
    except RecursionError as error:
        raise _invalid(about, "it is nested too deeply") from error
    except ValueError as error:  # not JSON, NaN or 1e999, or half a surrogate pair: what no file can hold
        raise _invalid(about, f"it is not JSON ({error})") from error
    breaches = list(schema.iter_errors(record))
    if breaches or not isinstance(record, dict):
        raise _invalid(about, "; ".join(map(_breach, breaches[:_REASONS])) or "it is not an object")
    return record


def _breach(error: ValidationError) -> str:
    return f"{error.json_path}: {error.message[: _REASON_LIMIT // _REASONS]}"


def _invalid(about: str, reason: str) -> AnswerInvalid:
    return AnswerInvalid(f"{about}: the answer does not fit the schema: {reason[:_REASON_LIMIT]}")
