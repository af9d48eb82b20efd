"""YAML with the line of every value, so that a problem can name the place to mend.

Read as JSON would be: no dates (`2020-01-01` stays text), no aliases (they can blow up to gigabytes; a schema has `$defs`),
no tags, and a key given twice is a problem, not a silent choice of the last.
"""

from __future__ import annotations

import math
from typing import Any

import yaml
from yaml.reader import ReaderError

from extract.schema import Path

Problem = tuple[int, str]  #: line from 1, reason


class Lines:
    """The line of each value by its path, such as ('schema', 'properties', 'unit')."""

    def __init__(self) -> None:
        self._starts: dict[Path, int] = {}
        self.blocks: dict[Path, int] = {}  #: line on which a text written as a block (`|`, `>`) begins

    def note(self, path: Path, node: yaml.Node, line: int | None = None) -> None:
        self._starts[path] = line or node.start_mark.line + 1
        if isinstance(node, yaml.ScalarNode):
            self.blocks[path] = node.start_mark.line + (2 if node.style in ("|", ">") else 1)

    def of(self, path: Path) -> int:
        """The line of this value, or of the nearest thing around it."""
        while path and path not in self._starts:
            path = path[:-1]
        return self._starts.get(path, 1)


class _Plain(yaml.SafeLoader):
    """SafeLoader that knows JSON's values only."""


_Plain.yaml_implicit_resolvers = {
    sign: [(tag, pattern) for tag, pattern in resolvers if tag != "tag:yaml.org,2002:timestamp"]
    for sign, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
}


def read_yaml(text: str) -> tuple[dict[str, Any] | None, Lines, list[Problem]]:
    """The mapping in this text, its lines, and what is wrong with it as YAML; None where it cannot be read at all."""
    lines = Lines()
    try:
        problems = [
            (
                event.start_mark.line + 1 if event.start_mark else 1,
                "an alias (*name) is not read here; give shared parts a name in $defs of the schema",
            )
            for event in yaml.parse(text, _Plain)
            if isinstance(event, yaml.AliasEvent)
        ]
        node = None if problems else yaml.compose(text, _Plain)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        return None, lines, [(mark.line + 1 if mark else 1, f"not valid YAML: {error.problem or error.context}")]
    except ReaderError as error:
        return (
            None,
            lines,
            [(text.count("\n", 0, error.position) + 1, f"not valid YAML: the sign {error.character!r} may not stand here")],
        )
    if problems:
        return None, lines, problems
    if not isinstance(node, yaml.MappingNode):
        return None, lines, [(1, "a prompt file is a mapping with the keys name, unit, reads, prompt and schema")]
    content = _value(node, (), lines, problems)
    return content, lines, problems


def _value(node: yaml.Node, path: Path, lines: Lines, problems: list[Problem]) -> Any:
    """This node as a JSON value; notes its line and its problems on the way."""
    if path not in lines._starts:
        lines.note(path, node)
    if isinstance(node, yaml.MappingNode):
        return _mapping(node, path, lines, problems)
    if isinstance(node, yaml.SequenceNode):
        return [_value(part, (*path, i), lines, problems) for i, part in enumerate(node.value)]
    try:
        value = _Plain("").construct_object(node)
    except yaml.YAMLError as error:
        problems.append((node.start_mark.line + 1, f"not a value that JSON has: {error}"))
        return None
    is_json = value is None or isinstance(value, (str, int, bool)) or (isinstance(value, float) and math.isfinite(value))
    if not is_json:
        problems.append((node.start_mark.line + 1, f"not a value that JSON has: {node.value!r}"))
        return None
    return value


def _mapping(node: yaml.MappingNode, path: Path, lines: Lines, problems: list[Problem]) -> dict[str, Any]:
    made: dict[str, Any] = {}
    for key_node, value_node in node.value:
        key, line = str(getattr(key_node, "value", "")), key_node.start_mark.line + 1
        if not isinstance(key_node, yaml.ScalarNode):
            problems.append((line, "a key must be a word"))
            continue
        if key in made:
            problems.append((line, f"the key {key!r} is given twice"))
        lines.note((*path, key), value_node, line)
        made[key] = _value(value_node, (*path, key), lines, problems)
    return made
