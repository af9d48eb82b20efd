"""Read the arithmetic that a prompt declares of every record: 'total = control + treated', 'sum(groups[*].n) = n'.

Expressions are parsed by Python's own parser, and only a few kinds of node are let through: names of fields, numbers, + - * /,
comparisons, and sum, mean, min, max, abs. Nothing is ever evaluated by Python. `measurements[*].value` in the open means: for
each item; within sum and its like: all of them.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass

from errors import PromptInvalid

SIGNS = {ast.Eq: "=", ast.NotEq: "!=", ast.Lt: "<", ast.LtE: "<=", ast.Gt: ">", ast.GtE: ">="}
AGGREGATES = frozenset(("sum", "mean", "min", "max"))
_LONGEST = 400  #: signs of one line


@dataclass(frozen=True, slots=True)
class Check:
    """One declared relation."""

    text: str
    tree: ast.Compare
    fields: tuple[str, ...]  #: that it names, such as 'measurements[*].value'

    @property
    def sides(self) -> list[ast.expr]:
        return [self.tree.left, *self.tree.comparators]


def parse_check(text: str) -> Check:
    """The relation that this line declares; raises PromptInvalid where it is none."""
    source = re.sub(r"(?<![<>=!])=(?!=)", "==", text).replace("[*]", "[...]")
    try:
        if len(text) > _LONGEST:
            raise SyntaxError("it is too long")
        tree = ast.parse(source.strip(), mode="eval").body
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        raise PromptInvalid(
            f"The check {text[:80]!r} does not parse: {error}. Write it like 'total = control + treated'."
        ) from error
    if not isinstance(tree, ast.Compare) or not all(type(op) in SIGNS for op in tree.ops):
        raise PromptInvalid(f"The check {text!r} compares nothing. Write it like 'total = control + treated'.")
    for node in (tree.left, *tree.comparators):
        _allow(node, text)
    fields = tuple(dict.fromkeys(path for node in (tree.left, *tree.comparators) for path in _paths(node)))
    return Check(text, tree, fields)


def _allow(node: ast.AST, text: str) -> None:
    """Raises PromptInvalid at the first part that is neither a field, a number, an operation nor one of our functions."""
    is_number = isinstance(node, ast.Constant) and type(node.value) in (int, float)
    if path_of(node) is not None or is_number:
        return
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, (ast.USub, ast.UAdd)):
        parts = [node.operand]
    elif isinstance(node, ast.BinOp) and isinstance(node.op, (ast.Add, ast.Sub, ast.Mult, ast.Div)):
        parts = [node.left, node.right]
    elif _is_function(node):
        parts = node.args  # type: ignore[attr-defined]
    else:
        known = "fields, numbers, + - * / and sum, mean, min, max, abs"
        raise PromptInvalid(f"The check {text!r} has {ast.unparse(node)!r}; a check may have {known}.")
    for part in parts:
        _allow(part, text)


def _is_function(node: ast.AST) -> bool:
    if not (isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.args and not node.keywords):
        return False
    return node.func.id in AGGREGATES or (node.func.id == "abs" and len(node.args) == 1)


def path_of(node: ast.AST) -> str | None:
    """The path that this node names, such as 'groups[*].n'; None where it names none."""
    if isinstance(node, ast.Name):
        return node.id
    if isinstance(node, ast.Attribute):
        inner = path_of(node.value)
        return f"{inner}.{node.attr}" if inner else None
    if isinstance(node, ast.Subscript) and isinstance(node.slice, ast.Constant):
        inner, at = path_of(node.value), node.slice.value
        if inner and (at is ... or (isinstance(at, int) and not isinstance(at, bool) and at >= 0)):
            return f"{inner}[{'*' if at is ... else at}]"
    return None


def _paths(node: ast.AST) -> Iterator[str]:
    path = path_of(node)
    if path is not None:
        yield path
        return
    for child in ast.iter_child_nodes(node):
        if not (isinstance(node, ast.Call) and child is node.func):
            yield from _paths(child)


def open_paths(node: ast.AST) -> Iterator[str]:
    """Paths with [*] that stand outside of sum and its like."""
    path = path_of(node)
    if path is not None:
        if "[*]" in path:
            yield path
        return
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in AGGREGATES:
        return
    for child in ast.iter_child_nodes(node):
        yield from open_paths(child)
