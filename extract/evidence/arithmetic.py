"""Whether a record keeps the arithmetic that its prompt declares.

Printed numbers are rounded, so every number is the interval that its digits allow, and two sides are equal where their
intervals meet: 33% + 33% + 33% may be 100%. Whole numbers are counts and exact: 12 + 20 is not 33.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from extract.evidence.checks import AGGREGATES, SIGNS, Check, open_paths, path_of

Interval = tuple[float, float]

#: Share that floats may be off by the sums alone.
_FLOAT = 1e-9


@dataclass(frozen=True, slots=True)
class Breach:
    """Where a record does not keep a relation."""

    paths: tuple[str, ...]  #: of the values that it is between
    reason: str


@dataclass(frozen=True, slots=True)
class Numbers:
    """The numbers of one record."""

    at: Callable[[str], Interval | None]  #: of the value at a path such as 'groups[0].n'; None where the record does not say
    length: Callable[[str], int]  #: items of the list at a path


class _Unknown(Exception):
    """A value that the record does not give: its relation is not judged."""


def breaches(check: Check, numbers: Numbers) -> Iterator[Breach]:
    """Where the record breaks this relation, item by item where it is one of items."""
    lists = {path.partition("[*]")[0] for side in check.sides for path in open_paths(side)}
    for item in range(min(map(numbers.length, lists))) if lists else (None,):
        try:
            values = [_value(side, item, numbers) for side in check.sides]
        except (_Unknown, ZeroDivisionError, OverflowError):
            continue
        for op, left, right in zip(check.tree.ops, values, values[1:], strict=False):
            if not _holds(op, left, right):
                reason = f"{check.text}: {_shown(left)} {SIGNS[type(op)]} {_shown(right)} does not hold"
                yield Breach(tuple(_named(check, item, numbers)), reason)


def _named(check: Check, item: int | None, numbers: Numbers) -> Iterator[str]:
    """The paths of all values that a relation is between, for one item."""
    is_open = {path for side in check.sides for path in open_paths(side)}
    for path in check.fields:
        yield from _all_of(_of_item(path, item) if path in is_open else path, numbers)


def _of_item(path: str, item: int | None) -> str:
    return path if item is None else path.replace("[*]", f"[{item}]", 1)


def _all_of(path: str, numbers: Numbers) -> list[str]:
    if "[*]" not in path:
        return [path]
    before, _, after = path.partition("[*]")
    return [one for i in range(numbers.length(before)) for one in _all_of(f"{before}[{i}]{after}", numbers)]


def _value(node: ast.expr, item: int | None, numbers: Numbers) -> Interval:
    path = path_of(node)
    if path is not None:
        return _at(_of_item(path, item), numbers)
    if isinstance(node, ast.Constant):
        return float(node.value), float(node.value)  # type: ignore[arg-type]
    if isinstance(node, ast.UnaryOp):
        low, high = _value(node.operand, item, numbers)
        return (-high, -low) if isinstance(node.op, ast.USub) else (low, high)
    if isinstance(node, ast.BinOp):
        return _operated(node.op, _value(node.left, item, numbers), _value(node.right, item, numbers))
    assert isinstance(node, ast.Call) and isinstance(node.func, ast.Name)
    return _called(node.func.id, list(_arguments(node, item, numbers)))


def _at(path: str, numbers: Numbers) -> Interval:
    found = numbers.at(path)
    if found is None:
        raise _Unknown(path)
    return found


def _arguments(node: ast.Call, item: int | None, numbers: Numbers) -> Iterator[Interval]:
    """The values that a function is of: all items of a list that its name stands before."""
    for argument in node.args:
        path = path_of(argument)
        if path is not None and "[*]" in path and node.func.id in AGGREGATES:  # type: ignore[attr-defined]
            yield from (_at(one, numbers) for one in _all_of(path, numbers))
        else:
            yield _value(argument, item, numbers)


def _called(name: str, parts: list[Interval]) -> Interval:
    if not parts:
        raise _Unknown(name)
    if name == "abs":
        low, high = parts[0]
        return (0.0 if low <= 0 <= high else min(abs(low), abs(high))), max(abs(low), abs(high))
    if name in ("min", "max"):
        choose = min if name == "min" else max
        return choose(low for low, _ in parts), choose(high for _, high in parts)
    n = len(parts) if name == "mean" else 1
    return sum(low for low, _ in parts) / n, sum(high for _, high in parts) / n


def _operated(op: ast.operator, left: Interval, right: Interval) -> Interval:
    if isinstance(op, ast.Add):
        return left[0] + right[0], left[1] + right[1]
    if isinstance(op, ast.Sub):
        return left[0] - right[1], left[1] - right[0]
    if isinstance(op, ast.Div):
        if right[0] <= 0 <= right[1]:
            raise ZeroDivisionError
        right = (1 / right[1], 1 / right[0])
    ends = [one * other for one in left for other in right]
    return min(ends), max(ends)


def _holds(op: ast.cmpop, left: Interval, right: Interval) -> bool:
    """Whether the relation may hold for some numbers of these intervals."""
    off = _FLOAT * max(map(abs, (*left, *right)))
    if isinstance(op, ast.Eq):
        return left[0] <= right[1] + off and right[0] <= left[1] + off
    if isinstance(op, ast.NotEq):
        return not left[0] == left[1] == right[0] == right[1]
    if isinstance(op, (ast.Gt, ast.GtE)):
        left, right = right, left
    return left[0] <= right[1] + off if isinstance(op, (ast.LtE, ast.GtE)) else left[0] < right[1]


def _shown(value: Interval) -> str:
    return f"{(value[0] + value[1]) / 2:.6g}"
