"""The request that a unit becomes: the body that an OpenAI-compatible server is sent, and about how many tokens it has."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from extract.evidence.invisible import invisible_signs
from extract.prompts.messages import render
from extract.schema import inlined, without_hints
from extract.units import chunks_read
from records import Document, Prompt, Unit

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


@dataclass(frozen=True, slots=True, kw_only=True)
class RequestView:
    """The first request that a unit would become, and what it would take."""

    body: dict[str, Any]
    prefix_tokens: int  #: about; of the system message, which is the same for every unit: a server reads it once
    unit_tokens: int  #: about; of what is said of this unit
    room_tokens: int  #: of the context, left for the answer; below 0 the request would not be sent
    invisible_signs: int  #: in the unit's text, left out of the request


def view_request(prompt: Prompt, unit: Unit, document: Document | None, *, model: str, context_tokens: int) -> RequestView:
    """What a text model of this name would be sent of this unit. Raises PromptInvalid where the template fails on it."""
    system, user = render(prompt, unit, document)
    prefix, own = estimate_tokens([system]), estimate_tokens([user])
    room = context_tokens - prefix - own
    limit = max(min(prompt.options.get("max_tokens", DEFAULT_MAX_TOKENS), room), 0)
    hidden = sum(invisible_signs(chunk.text) for chunk in chunks_read(unit, prompt))
    body = {"model": model, **request_body(prompt, messages_of(system, user), limit)}
    return RequestView(body=body, prefix_tokens=prefix, unit_tokens=own, room_tokens=room, invisible_signs=hidden)
