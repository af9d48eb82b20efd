"""GET /v1/prompts and /v1/models: what a run may name. A name is a name: it never becomes a path outside the folder of prompts.

Of models only what a user chooses by is told. Where they run and which key they need is nobody's business here.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Annotated

from fastapi import APIRouter
from pydantic import BaseModel, Field

from api.context import Reads, Service, ServiceDep
from api.problems import documented
from errors import NotFound, PromptInvalid
from extract.prompts.files import parse_prompt, parse_prompt_file
from records import ChunkKind, Lane, UnitKind
from rereading import Question
from settings import aliases_of
from workplace import EMBEDDED

router = APIRouter(tags=["prompts"])

NAME = re.compile(r"[a-z0-9][a-z0-9_-]{0,99}")
PromptName = Annotated[str, Field(pattern=f"^{NAME.pattern}$", examples=["measurements"])]

MAX_PROMPT_CHARS = 200_000
MAX_DEPTH = 100
_NESTING = re.compile(r"[\[\]{}]")
#: Block lists and keys that open on one line: "- - - -".
_STAIRS = re.compile(rf"([-?:]\s+){{{MAX_DEPTH}}}")


class PromptOut(BaseModel):
    """A prompt that a run may name."""

    name: str
    hash: str | None = Field(
        description="Its identity: a run of the same hash reads nothing again. Null where it is not valid."
    )
    title: str | None = Field(description="The name that it gives itself: runs show it.")
    unit: UnitKind | None
    reads: list[ChunkKind]
    model: str | None = Field(description="The alias that it asks for.")
    problem: str | None = Field(description="Why it cannot be used.")


class PromptList(BaseModel):
    items: list[PromptOut]


class ModelOut(BaseModel):
    """A model that a run may name."""

    alias: str
    lane: Lane
    model: str | None = Field(description="Its name on its server; null for the embedded reader.")
    revision: str
    context_tokens: int | None
    is_default: bool = Field(description="Used where neither the run nor its prompt names one.")


class ModelList(BaseModel):
    items: list[ModelOut]


@router.get("/v1/prompts", summary="Prompts that a run may name", responses=documented())
def list_prompts(service: ServiceDep, caller: Reads) -> PromptList:
    """By name; what cannot be used is listed with its problem."""
    folder = service.place.settings.prompts
    names = sorted(path.stem for path in folder.glob("*.yaml") if NAME.fullmatch(path.stem)) if folder.is_dir() else []
    return PromptList(items=[_prompt(folder, name) for name in names])


@router.get("/v1/models", summary="Models that a run may name", responses=documented())
def list_models(service: ServiceDep, caller: Reads) -> ModelList:
    """By alias, the embedded reader first."""
    settings = service.place.settings
    embedded = ModelOut(
        alias=EMBEDDED, lane=Lane.EMBEDDED, model=None, revision="", context_tokens=None, is_default=settings.model == EMBEDDED
    )
    others = [
        ModelOut(
            alias=alias,
            lane=Lane(model.lane),
            model=model.model,
            revision=model.revision,
            context_tokens=model.context_tokens,
            is_default=alias in aliases_of(settings.model),
        )
        for alias, model in sorted(settings.portfolio.items())
    ]
    return ModelList(items=[embedded, *others])


def prompt_text(folder: Path, name: str) -> str:
    """The prompt file of this name, with a schema that stands elsewhere written into it: a worker sees the text alone.

    Raises NotFound, also for what is no name, and PromptInvalid.
    """
    path = folder / f"{name}.yaml"
    if not NAME.fullmatch(name) or not path.is_file():
        raise NotFound(f"No prompt is called {name!r}. GET /v1/prompts lists them; `inline` takes one that is not there.")
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise PromptInvalid(f"The prompt {name!r} cannot be read: {type(error).__name__}. Nothing was read with it.") from error
    return parse_prompt_file(text, named=name, folder=folder).text


def question_of(text: str, *, named: str, model: str | None, service: Service) -> tuple[Question, str]:
    """The question that this prompt asks, and the alias of the model that reads. Raises PromptInvalid or NotFound."""
    if len(text) > MAX_PROMPT_CHARS:
        raise PromptInvalid(f"The prompt has {len(text):,} characters and may have {MAX_PROMPT_CHARS:,}. Nothing was read.")
    _refuse_deep(text)
    try:
        prompt = parse_prompt(text, named=named)
    except RecursionError as error:
        raise PromptInvalid("The prompt is nested too deeply. Nothing was read.") from error
    alias = model or prompt.model or service.place.settings.model
    return Question(prompt=prompt, panel=service.place.panel(alias)), alias


def _refuse_deep(text: str) -> None:
    """Refuse what is nested absurdly: the time that YAML takes grows with the square of the depth (5,000 brackets: 9 s)."""
    depth = deepest = 0
    for sign in _NESTING.findall(text):
        depth = max(depth + (1 if sign in "[{" else -1), 0)
        deepest = max(deepest, depth)
    if deepest > MAX_DEPTH or _STAIRS.search(text):
        raise PromptInvalid(f"The prompt is nested more than {MAX_DEPTH} levels deep. Nothing was read.")


def _prompt(folder: Path, name: str) -> PromptOut:
    try:
        prompt = parse_prompt(prompt_text(folder, name), named=name)
    except PromptInvalid as error:
        return PromptOut(name=name, hash=None, title=None, unit=None, reads=[], model=None, problem=str(error))
    return PromptOut(
        name=name,
        hash=prompt.hash,
        title=prompt.name,
        unit=prompt.unit,
        reads=sorted(prompt.kinds),
        model=prompt.model,
        problem=None,
    )
