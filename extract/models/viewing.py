"""The request that a unit would become, for a person who writes a prompt: nothing is sent."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from extract.models.asking import Told
from extract.models.reader import ModelReader
from extract.models.requests import answer_limit, estimated_tokens, first_messages, image_tokens, request_body
from extract.prompts.messages import render
from extract.units import chunks_read
from invisible import invisible_signs
from records import Document, Prompt, Unit

#: Tokens of context that are counted with where there is no model: what most servers are started with.
CONTEXT_TOKENS = 8192


@dataclass(frozen=True, slots=True, kw_only=True)
class RequestView:
    """The first request that a unit would become, and what it would take."""

    body: dict[str, Any]
    prefix_tokens: int  #: about; of the system message, which is the same for every unit: a server reads it once
    unit_tokens: int  #: about; of what is said and shown of this unit
    room_tokens: int  #: of the context, left for the answer; below 1 the request would not be sent
    images: int
    invisible_signs: int  #: in the unit's text, left out of the request


def view_request(prompt: Prompt, unit: Unit, document: Document | None, reader: ModelReader | None) -> RequestView:
    """What this model would be sent of this unit; where there is none, what a text model would be.

    Raises PromptInvalid where the template fails on it, ReadingFailed where a model with eyes has nothing to see.
    """
    if reader is None:
        system, user = render(prompt, unit, document)
        told, named, context, shown = Told(system=system, user=user), {}, CONTEXT_TOKENS, 0
    else:
        told, named, context = reader.tell(prompt, unit), {"model": reader.model.model}, reader.model.context_tokens
        shown = image_tokens(told.images, reader.model)
    messages = first_messages(told.system, told.user, told.images)
    prefix, own = estimated_tokens(messages[:1]), estimated_tokens(messages[1:], image_tokens=shown)
    room = context - prefix - own
    limit = max(answer_limit(prompt, room), 0)
    return RequestView(
        body={**named, **request_body(prompt, messages, limit)},
        prefix_tokens=prefix,
        unit_tokens=own,
        room_tokens=room,
        images=len(told.images),
        invisible_signs=sum(invisible_signs(chunk.text) for chunk in chunks_read(unit, prompt)),
    )
