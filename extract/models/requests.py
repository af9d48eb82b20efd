"""The body of a chat completion request: messages, the schema that binds the answer, sampling; and how many tokens it takes.

What is the same for every unit comes first: the system message with its instructions and schema. What differs, the unit's text
and pictures, comes last, so that vLLM's prefix cache reads the first part once.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from errors import AnswerInvalid
from extract.models.answers import RAW_LIMIT, Completion
from extract.models.images import SentImage
from extract.schema import Schema, inlined, without_hints
from records import Prompt
from settings import ModelSettings

Messages = list[dict[str, Any]]

CHARS_PER_TOKEN = 3  #: on the safe side: English has about 4, formulas and tables 2.5 to 3
DEFAULT_MAX_TOKENS = 1024  #: of an answer, where the prompt does not say
LEAST_ANSWER = 64  #: tokens; with less room than this nothing useful can be answered
_MARKS = 4  #: tokens around one message

_SAMPLING = ("temperature", "seed")  #: options that are passed as they are

_AGAIN = """\
This answer was not accepted. {error}
Answer again with one JSON object that fits the schema, and nothing else."""


def first_messages(system: str, user: str, images: Sequence[SentImage] = ()) -> Messages:
    """The conversation that asks for one unit; its pictures follow its text."""
    if not images:
        return [{"role": "system", "content": system}, {"role": "user", "content": user}]
    parts: list[dict[str, Any]] = [{"type": "text", "text": user}]
    parts += [{"type": "image_url", "image_url": {"url": image.uri}} for image in images]
    return [{"role": "system", "content": system}, {"role": "user", "content": parts}]


def with_error(messages: Messages, completion: Completion, error: AnswerInvalid) -> Messages:
    """The conversation with the rejected answer and why; what was said before stays first, for the prefix cache."""
    rejected = {"role": "assistant", "content": completion.text[:RAW_LIMIT]}
    return [*messages, rejected, {"role": "user", "content": _AGAIN.format(error=error)}]


def request_body(prompt: Prompt, messages: Messages, max_tokens: int, schema: Schema | None = None) -> dict[str, Any]:
    """The request's body, without the model. `schema` is another than the prompt's own.

    Temperature is 0 where the prompt does not say: a repeat should say the same.
    """
    sampling = {"temperature": 0.0} | {name: prompt.options[name] for name in _SAMPLING if name in prompt.options}
    name = re.sub(r"[^a-zA-Z0-9_-]", "_", prompt.name)[:64]  # what OpenAI allows
    bound = {"name": name, "schema": without_hints(inlined(schema or prompt.schema)), "strict": True}
    response_format = {"type": "json_schema", "json_schema": bound}
    return {"messages": messages, "max_tokens": max_tokens, "response_format": response_format, **sampling}


def image_tokens(images: Sequence[SentImage], model: ModelSettings) -> int:
    """About how many tokens of the prompt these pictures take."""
    return sum(image.pixels // model.pixels_per_token for image in images)


def answer_limit(prompt: Prompt, room: int) -> int:
    """The tokens that an answer may have, as the prompt says, within this room."""
    return min(prompt.options.get("max_tokens", DEFAULT_MAX_TOKENS), room)


def estimated_tokens(messages: Messages, *, image_tokens: int = 0) -> int:
    """About how many tokens these messages take, rather too many than too few; `image_tokens` are those of their pictures."""
    return sum(_characters(message["content"]) // CHARS_PER_TOKEN + _MARKS for message in messages) + image_tokens


def _characters(content: str | list[dict[str, Any]]) -> int:
    return len(content) if isinstance(content, str) else sum(len(part.get("text", "")) for part in content)
