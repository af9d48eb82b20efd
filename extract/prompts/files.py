"""Prompt files: loading and identity.

A prompt is a YAML file with the keys of `PROMPT_KEYS`. Its identity is the hash of what a reader is told (`prompt_hash`), so
renaming or commenting the file costs nothing, and changing one word of it asks every question again. Its tests are read with
it and are no part of it.
"""

from __future__ import annotations

import json
import re
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import yaml

from errors import PromptInvalid
from extract.prompts.linting import lint_prompt
from extract.prompts.messages import ANSWER, EXAMPLE, TEMPLATES
from extract.prompts.part_linting import lint_parts
from extract.prompts.schema_sources import FoundSchema, find_schema
from extract.prompts.trials import PromptTest
from extract.prompts.yaml_lines import Problem, read_yaml
from extract.schema import Schema, inlined
from records import ChunkKind, Example, Prompt, RouteMode, UnitKind, content_id

#: A schema in one line, as it is typed: YAML takes its colons for keys, so it is read as a text in quotes. Indented lines go on.
_ONE_LINE = re.compile(r"^schema:[ \t]+(?![|>{\"'&*!%@`#])(\S.*(?:\n[ \t]+\S.*)*)", re.M)
_COMMENT = re.compile(r"[ \t]+#.*|[ \t\r]+$", re.M)


@dataclass(frozen=True, slots=True, kw_only=True)
class PromptFile:
    """A prompt with what else its file holds."""

    prompt: Prompt
    tests: tuple[PromptTest, ...]
    text: str  #: the file's text, whole in itself: a schema that stands elsewhere is written into it


def load_prompt(path: Path | str) -> Prompt:
    """The prompt in this file. Raises PromptInvalid with every problem found, each with its line and its reason."""
    return load_prompt_file(path).prompt


def load_prompt_file(path: Path | str) -> PromptFile:
    """The prompt in this file, with its tests. Raises PromptInvalid with every problem found."""
    text, folder = prompt_file_text(path), Path(path).parent
    return parse_prompt_file(text, named=str(path), folder=folder)


def prompt_file_text(path: Path | str) -> str:
    """The text of a prompt file. Raises PromptInvalid where it cannot be read."""
    try:
        return Path(path).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise PromptInvalid(f"The prompt file {str(path)!r} could not be read: {error}. Nothing was read.") from error


def parse_prompt(text: str, *, named: str) -> Prompt:
    """The prompt in this text; `named` is what to call it in problems. Raises PromptInvalid."""
    return parse_prompt_file(text, named=named, folder=None).prompt


def parse_prompt_file(text: str, *, named: str, folder: Path | None) -> PromptFile:
    """The prompt in this text, with its tests. Raises PromptInvalid.

    `folder` is where the text lies as a file: only then may its schema be in another file, or a Pydantic model.
    """
    found, problems = check_prompt(text, folder=folder)
    if problems or found is None:
        told = "\n".join(f"  {named}:{line}: {reason}" for line, reason in problems)
        raise PromptInvalid(f"This prompt is not valid, so nothing was read with it. Mend these lines:\n{told}")
    return found


def check_prompt(text: str, *, folder: Path | None) -> tuple[PromptFile | None, list[Problem]]:
    """The prompt in this text, or every problem of it in the order of its lines."""
    content, lines, problems = read_yaml(_ONE_LINE.sub(_quoted, text))
    if content is None:
        return None, problems
    found = find_schema(content.get("schema"), lines, folder=folder)
    problems = [*problems, *found.problems, *lint_prompt(content, lines, TEMPLATES)]
    if found.schema is not None and not found.problems:
        problems += lint_parts(content, inlined(found.schema), lines)
    if problems or found.schema is None:
        return None, list(dict.fromkeys(sorted(problems)))
    return _prompt_file(content, found, found.schema, text), []


def _quoted(found: re.Match[str]) -> str:
    return "schema: '{}'".format(_COMMENT.sub("", found[1]).replace("'", "''"))


def _prompt_file(content: dict[str, Any], found: FoundSchema, schema: Schema, text: str) -> PromptFile:
    prompt = _prompt(content, schema)
    tests = tuple(_test(entry, prompt.kinds) for entry in content.get("tests") or ())
    if found.is_elsewhere:
        text = yaml.safe_dump({**content, "schema": schema}, sort_keys=False, allow_unicode=True, width=120)
    return PromptFile(prompt=prompt, tests=tests, text=text)


def _test(entry: dict[str, Any], kinds: frozenset[ChunkKind]) -> PromptTest:
    """Of a test that names no kind: the first that the prompt reads, as ChunkKind lists them."""
    first = next(kind for kind in ChunkKind if kind in kinds)
    kind, headings = ChunkKind(entry.get("kind") or first), tuple(entry.get("headings") or ())
    return PromptTest(name=entry["name"], text=entry["text"], kind=kind, headings=headings, expect=entry["expect"])


def _prompt(content: dict[str, Any], schema: Schema) -> Prompt:
    unit = UnitKind(content["unit"])
    kinds = frozenset(ChunkKind(kind) for kind in content["reads"])
    system, template = content.get("system", "").strip(), content["prompt"].strip()
    options = dict(content.get("options") or {})
    more: dict[str, Any] = {
        "route": RouteMode(content.get("route") or RouteMode.AUTO),
        "sees": content.get("sees") or "figures",
        "examples": tuple(Example(**example) for example in content.get("examples") or ()),
        "checks": tuple(content.get("checks") or ()),
        "verify": content.get("verify"),
    }
    return Prompt(
        name=content["name"],
        hash=prompt_hash(unit, kinds, system, template, schema, options, **more),
        unit=unit,
        system=system,
        template=template,
        schema=schema,
        kinds=kinds,
        model=content.get("model"),
        options=options,
        **more,
    )


def prompt_hash(
    unit: UnitKind,
    kinds: frozenset[ChunkKind],
    system: str,
    template: str,
    schema: dict[str, Any],
    options: dict[str, Any],
    *,
    route: RouteMode = RouteMode.AUTO,
    sees: str = "figures",
    examples: tuple[Example, ...] = (),
    checks: tuple[str, ...] = (),
    verify: str | None = None,
) -> str:
    """The identity of what is asked. Name, description and model alias are labels; the order of the schema's fields is not:
    a model writes its answer in that order. What came to prompt files later counts only where it is given, so that prompts
    without it are the prompts that they were."""
    later = {
        "route": None if route is RouteMode.AUTO else route,
        "sees": None if sees == "figures" else sees,
        "examples": [EXAMPLE, *(json.dumps(asdict(example), ensure_ascii=False) for example in examples)] if examples else None,
        "checks": checks or None,
        "verify": verify,
    }
    given = {key: value for key, value in later.items() if value is not None}
    parts = (unit, sorted(kinds), system, template, json.dumps(schema, ensure_ascii=False), options, ANSWER)
    return content_id("prompt/1", *parts, *([given] if given else []))
