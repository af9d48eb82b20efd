"""Ask a model what Reread will ask of it, a little of each: can it answer, hold to a schema, reuse a prefix, see a picture?

Each question goes to each address of the alias alone, once, with nothing tried again: a pool would hide the one that is ill.
"""

from __future__ import annotations

import asyncio
import base64
import io
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

from jsonschema import Draft202012Validator

from errors import AnswerEmpty, AnswerInvalid, AnswerTruncated, ReadingFailed, RereadError
from extract.models.answers import Completion, Tally, record_of
from extract.models.calls import Endpoint, open_endpoint
from settings import ModelSettings

#: Closed, and so narrow that even a model which knows nothing comes to an end: a number alone may go on for ever.
SCHEMA: dict[str, Any] = {
    "type": "object",
    "additionalProperties": False,
    "required": ["value", "unit"],
    "properties": {"value": {"type": "number", "enum": [1.2, 2.3, 23]}, "unit": {"type": "string", "enum": ["s", "min", "h"]}},
}
_SENTENCE = "The half-life in mouse plasma was 2.3 h. "
_PICTURE = 128  #: pixels a side of the picture that is sent
_PREFIX_CHARS = 6000  #: of the instructions that two requests share: more than one block of the servers whose blocks are long


@dataclass(frozen=True, slots=True, kw_only=True)
class Checked:
    """What one address made of one question."""

    url: str
    what: str
    seconds: float
    found: str  #: what came, in words; the error where it failed
    is_ok: bool


def check_model(alias: str, model: ModelSettings) -> list[Checked]:
    """Every question to every address of this model. Raises SettingsInvalid where its key is named and missing."""
    model.api_key()

    async def ask() -> list[Checked]:
        return [
            checked
            for found in await asyncio.gather(*(_address(alias, model, url) for url in model.base_urls))
            for checked in found
        ]

    return asyncio.run(ask())


async def _address(alias: str, model: ModelSettings, url: str) -> list[Checked]:
    alone = model.model_copy(update={"base_url": url, "attempts": 1})
    questions = QUESTIONS if model.lane == "vision" else {what: ask for what, ask in QUESTIONS.items() if ask is not _image}
    found: list[Checked] = []
    async with open_endpoint(alias, alone) as endpoint:
        for what, question in questions.items():
            found.append(await _tried(url, what, question(endpoint, alone)))
            if not found[0].is_ok:
                break  # what cannot say a word can do nothing else
    return found


async def _tried(url: str, what: str, answer: Awaitable[str]) -> Checked:
    started = time.perf_counter()
    try:
        found, is_ok = await answer, True
    except RereadError as error:
        found, is_ok = str(error), False
    return Checked(url=url, what=what, seconds=time.perf_counter() - started, found=found, is_ok=is_ok)


async def _one_token(endpoint: Endpoint, _: ModelSettings) -> str:
    completion = await _ask(endpoint, "Say yes.", max_tokens=1)
    if not completion.choices:
        raise AnswerEmpty("the server answered without any choice; nothing can be read with it")
    if completion.usage is None or completion.usage.prompt_tokens is None:
        return "answers, and does not say what it cost: tokens and joules will be unknown"
    return f"answers; {completion.usage.prompt_tokens} prompt tokens"


async def _structured(endpoint: Endpoint, _: ModelSettings) -> str:
    form = {"type": "json_schema", "json_schema": {"name": "check", "schema": SCHEMA, "strict": True}}
    completion = await _ask(endpoint, f"{_SENTENCE}Give the value and its unit.", max_tokens=200, response_format=form)
    try:
        record = record_of(completion, Draft202012Validator(SCHEMA), about="the answer")
    except AnswerTruncated as error:
        raise AnswerTruncated(
            "200 tokens were not enough for {value, unit}: a model that thinks first, or whitespace without end. For vLLM: "
            '--structured-outputs-config \'{"backend":"xgrammar","disable_any_whitespace":true}\', and thinking switched off'
        ) from error
    except AnswerInvalid as error:
        raise AnswerInvalid(f"the server does not hold its model to the schema: {error}") from error
    return f"fits the schema: {record}"


async def _prefix(endpoint: Endpoint, model: ModelSettings) -> str:
    shared = (_SENTENCE * 1000)[: min(_PREFIX_CHARS, model.context_tokens // 2)]
    first = await _ask(endpoint, f"{shared}Say one.", max_tokens=1)
    second = await _ask(endpoint, f"{shared}Say two.", max_tokens=1)
    if second.usage is None or second.usage.prompt_tokens is None:
        return "not known: the server does not say what an answer cost"
    details = second.usage.prompt_tokens_details
    if details is None or details.cached_tokens is None:
        return "not said; for vLLM add --enable-prompt-tokens-details (0 is left out of its answers too)"
    share = details.cached_tokens / max(first.usage.prompt_tokens if first.usage and first.usage.prompt_tokens else 1, 1)
    advice = "" if details.cached_tokens else "; for vLLM add --enable-prefix-caching"
    return f"{details.cached_tokens} of {second.usage.prompt_tokens} prompt tokens reused, {share:.0%}{advice}"


async def _image(endpoint: Endpoint, _: ModelSettings) -> str:
    words = "What shape is this? One word."
    without = await _ask(endpoint, words, max_tokens=8)
    parts = [{"type": "image_url", "image_url": {"url": picture()}}, {"type": "text", "text": words}]
    completion = await _ask(endpoint, parts, max_tokens=8)
    if not completion.text.strip():
        raise AnswerEmpty("the answer about a picture has no text")
    counts = [asked.usage.prompt_tokens if asked.usage else None for asked in (without, completion)]
    if None in counts:
        return f"said {completion.text.strip()[:40]!r} of a circle"
    n_tokens = (counts[1] or 0) - (counts[0] or 0)
    if n_tokens <= 0:
        raise ReadingFailed("the picture cost no token: the server dropped it, and would read figures without seeing them")
    return f"said {completion.text.strip()[:40]!r} of a circle; {n_tokens} tokens for {_PICTURE} x {_PICTURE} pixels"


def picture() -> str:
    """A black circle on white, as the data URI that a vision model is sent."""
    from PIL import Image, ImageDraw

    image = Image.new("RGB", (_PICTURE, _PICTURE), "white")
    ImageDraw.Draw(image).ellipse([_PICTURE // 4] * 2 + [_PICTURE * 3 // 4] * 2, fill="black")
    png = io.BytesIO()
    image.save(png, "PNG")
    return "data:image/png;base64," + base64.b64encode(png.getvalue()).decode()


QUESTIONS: dict[str, Callable[[Endpoint, ModelSettings], Awaitable[str]]] = {
    "one token": _one_token,
    "structured answer": _structured,
    "prefix cache": _prefix,
    "one image": _image,
}


async def _ask(endpoint: Endpoint, said: Any, **options: Any) -> Completion:
    return await endpoint.complete({"messages": [{"role": "user", "content": said}], "temperature": 0, **options}, Tally())
