"""Prompt files: loading and identity.

A prompt is a YAML file with the keys of `PROMPT_KEYS`. Its identity is the hash of what a reader is told (`prompt_hash`), so
renaming or commenting the file costs nothing, and changing one word of it asks every question again.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from errors import PromptInvalid
from extract.prompts.linting import lint_prompt
from extract.prompts.messages import ANSWER, TEMPLATES
from extract.prompts.yaml_lines import read_yaml
from records import ChunkKind, Prompt, UnitKind, content_id


def load_prompt(path: Path | str) -> Prompt:
    """The prompt in this file. Raises PromptInvalid with every problem found, each with its line and its reason."""
    path = Path(path)
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise PromptInvalid(f"The prompt file {str(path)!r} could not be read: {error}. Nothing was read.") from error
    return parse_prompt(text, named=str(path))


def parse_prompt(text: str, *, named: str) -> Prompt:
    """The prompt in this text; `named` is what to call it in problems. Raises PromptInvalid."""
    content, lines, problems = read_yaml(text)
    if content is not None:
        problems = sorted([*problems, *lint_prompt(content, lines, TEMPLATES)])
    if problems or content is None:
        told = "\n".join(f"  {named}:{line}: {reason}" for line, reason in dict.fromkeys(problems))
        raise PromptInvalid(f"This prompt is not valid, so nothing was read with it. Mend these lines:\n{told}")
    return _prompt(content)


def _prompt(content: dict[str, Any]) -> Prompt:
    unit = UnitKind(content["unit"])
    kinds = frozenset(ChunkKind(kind) for kind in content["reads"])
    system, template = content.get("system", "").strip(), content["prompt"].strip()
    options = dict(content.get("options") or {})
    return Prompt(
        name=content["name"],
        hash=prompt_hash(unit, kinds, system, template, content["schema"], options),
        unit=unit,
        system=system,
        template=template,
        schema=content["schema"],
        kinds=kinds,
        model=content.get("model"),
        options=options,
    )


def prompt_hash(
    unit: UnitKind, kinds: frozenset[ChunkKind], system: str, template: str, schema: dict[str, Any], options: dict[str, Any]
) -> str:
    """The identity of what is asked. Name, description and model alias are labels; the order of the schema's fields is not:
    a model writes its answer in that order."""
    fields_in_order = json.dumps(schema, ensure_ascii=False)
    return content_id("prompt/1", unit, sorted(kinds), system, template, fields_in_order, options, ANSWER)
