"""The request that a unit becomes: the body that an OpenAI-compatible server is sent, and about how many tokens it has."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from extract.schema import inlined, without_hints
from records import Prompt

#: A conversation: what each side says is a text, or a list of texts and pictures.
Messages = list[dict[str, Any]]

CHARS_PER_TOKEN = 3  #: on the safe side: English has about 4, formulas and tables 2.5 to 3
DEFAULT_MAX_TOKENS = 1024  #: of an answer, where the prompt does not say
_SAMPLING = ("temperature", "seed")  #: options that are passed as they are


def messages_of(system: str, user: str) -> Messages:
    return [{"role": "system", "content": system}, {"role": "user", "content": user}]


def request_body(prompt: Prompt, messages: Messages, max_tokens: int) -> dict[str, Any]:
    """The request's body, without the model. Temperature is 0 where the prompt does not say: a repeat should say the same."""
    sampling = {"temperature": 0.0} | {name: prompt.options[name] for name in _SAMPLING if name in prompt.options}
    name = re.sub(r"[^a-zA-Z0-9_-]", "_", prompt.name)[:64]  # what OpenAI allows
    schema = {"name": name, "schema": without_hints(inlined(prompt.schema)), "strict": True}
    response_format = {"type": "json_schema", "json_schema": schema}
    return {"messages": messages, "max_tokens": max_tokens, "response_format": response_format, **sampling}


def estimate_tokens(texts: Sequence[str]) -> int:
    """About how many tokens messages with these texts have."""
    return sum(len(text) // CHARS_PER_TOKEN + 4 for text in texts)  # 4: the marks around a message
