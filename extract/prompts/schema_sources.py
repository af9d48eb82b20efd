"""Where a prompt's schema comes from: the file itself, one line, a file beside it, or a Pydantic model.

Whatever the way, what counts is the JSON schema that comes of it: a prompt's identity is made from that, so a schema file that
moves costs nothing, and a model that gains a field is another question. A file and a model are read only for a prompt that is a
file here: a text that came to the service may name neither.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from extract.prompts.one_line import OneLineInvalid, schema_of_line
from extract.prompts.pydantic_path import NoPydanticModel, schema_at_path
from extract.prompts.schema_linting import lint_schema
from extract.prompts.yaml_lines import Lines, Problem, read_yaml
from extract.schema import Schema

#: Characters of a schema file; the largest schema of a real prompt has 5,000.
MAX_CHARS = 500_000


@dataclass(frozen=True, slots=True, kw_only=True)
class FoundSchema:
    """The schema of a prompt, or what is wrong with it."""

    schema: Schema | None  #: None where there is no schema that could be linted
    problems: tuple[Problem, ...] = ()  #: with lines of the prompt file
    is_elsewhere: bool = False  #: it does not stand in the prompt file


def find_schema(given: Any, lines: Lines, *, folder: Path | None) -> FoundSchema:
    """The schema that the key `schema` gives or names; `folder` is the prompt file's own, None for a text without one."""
    at = lines.of(("schema",))
    if given is None:
        return FoundSchema(schema=None)  # that the key is missing is told by who knows the keys
    if isinstance(given, str):
        return _of_line(given, lines.blocks.get(("schema",), at))
    if not isinstance(given, dict):
        return _refused(at, "'schema' must be a JSON schema, one line, {file: ...} or {pydantic: ...}")
    source = next(iter(given)) if len(given) == 1 else None
    if source not in ("file", "pydantic") or not isinstance(given[source], str):
        return FoundSchema(schema=given, problems=tuple(lint_schema(given, lines)))
    if folder is None:
        return _refused(at, f"a schema of {source!r} is read for a prompt that is a file here; write the schema itself")
    return _of_file(given["file"], folder, at) if source == "file" else _of_model(given["pydantic"], at)


def _refused(line: int, reason: str) -> FoundSchema:
    return FoundSchema(schema=None, problems=((line, reason),))


def _of_line(text: str, first: int) -> FoundSchema:
    try:
        return FoundSchema(schema=schema_of_line(text))
    except OneLineInvalid as error:
        return _refused(first + error.line, f"the schema in one line: {error.reason}")


def _of_file(name: str, folder: Path, at: int) -> FoundSchema:
    try:
        if Path(name).is_absolute():
            raise ValueError("its path must be relative to the prompt file")
        content, lines = _read(folder / name)
    except (OSError, ValueError, RecursionError) as error:  # UnicodeDecodeError and JSONDecodeError are ValueErrors
        return _refused(at, f"the schema file {name!r} could not be read: {error}")
    problems = [(at, f"in {name}, line {line}: {reason}") for line, reason in sorted(lint_schema(content, lines, ()))]
    return FoundSchema(schema=content, problems=tuple(problems), is_elsewhere=True)


def _read(path: Path) -> tuple[Schema, Lines]:
    """A schema file, JSON or YAML, with its lines. Raises OSError or ValueError."""
    with path.open(encoding="utf-8") as file:
        text = file.read(MAX_CHARS + 1)
    if len(text) > MAX_CHARS:
        raise ValueError(f"it has more than {MAX_CHARS:,} characters")
    if path.suffix == ".json":  # nearly YAML: its lines are found by the YAML reader, its values by its own
        content = json.loads(text)
        _, lines, _ = read_yaml(text.replace("\t", " "))
    else:
        content, lines, problems = read_yaml(text)
        if problems:
            raise ValueError("; ".join(f"line {line}: {reason}" for line, reason in problems))
    if not isinstance(content, dict):
        raise ValueError("it holds no JSON schema")
    return content, lines


def _of_model(path: str, at: int) -> FoundSchema:
    try:
        schema = schema_at_path(path, folder=Path.cwd())
    except NoPydanticModel as error:
        return _refused(at, str(error))
    problems = [(at, f"in {path}: {reason}") for _, reason in lint_schema(schema, Lines(), ())]
    return FoundSchema(schema=schema, problems=tuple(problems), is_elsewhere=True)
