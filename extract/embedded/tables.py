"""Read the cells of a table whose column names its unit.

A table chunk is lines of cells between bars, the header first. A number stands for itself there: what was measured is its
column's name, the unit is in that name's brackets, and the row's name says of what. Columns without a unit are left alone:
they hold counts, scores and labels, and what they measure is seldom in their name.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NamedTuple

from extract.embedded.measured import Measured
from extract.embedded.numbers import FIGURES, number_of
from extract.embedded.phrases import Span
from extract.embedded.quantities import Quantity, QuantityKind
from extract.embedded.unit_words import unit_pattern

_UNIT_AT_END = re.compile(r"^(.*?[A-Za-zα-ω].*?)\s?[,(\[/]\s?([^()\[\]]{1,16}?)\s?[)\]]?$")
_NUMBER = re.compile(rf"(?:[<>~≈≤≥]\s?)?({FIGURES})(?:\s?±\s?{FIGURES})?")
_NAME = re.compile(r"[A-Za-z]{2}")


class Cell(NamedTuple):
    """A number of a table with the line it stands in and what it is of."""

    line: Span
    quantity: Quantity
    of: Measured


def cells(text: str) -> Iterator[Cell]:
    """The numbers in the columns of this table that name their unit, row by row."""
    lines = _lines(text)
    header = next((line for line in lines if len(line) > 1), [])
    columns = {i: found for i, span in enumerate(header) if i and (found := _column(text, span))}
    if not columns:
        return
    for line in lines[lines.index(header) + 1 :]:
        if len(line) != len(header) or not _NAME.search(text[slice(*line[0])]):
            continue
        for i, (name, unit) in columns.items():
            number = _NUMBER.fullmatch(text, *line[i])
            if number:
                quantity = Quantity(*line[i], line[i], unit, QuantityKind.MEASURE, number_of(number[1]))
                yield Cell((line[0][0], line[-1][1]), quantity, Measured(property=name, entity=line[0]))


def _lines(text: str) -> list[list[Span]]:
    """The spans of the cells of each line, white space left out; an empty cell is an empty span."""
    found: list[list[Span]] = []
    at = 0
    for line in text.split("\n"):
        spans: list[Span] = []
        start = at
        for part in line.split("|") if "|" in line else []:
            left = start + len(part) - len(part.lstrip())
            spans.append((left, max(left, start + len(part.rstrip()))))
            start += len(part) + 1
        found.append(spans)
        at += len(line) + 1
    return [spans for spans in found if spans]


def _column(text: str, span: Span) -> tuple[Span, Span] | None:
    """Where the column's name and its unit stand: 'Band gap (eV)', 'T [K]', 'Time, h'."""
    found = _UNIT_AT_END.match(text[slice(*span)])
    if not found or not unit_pattern().fullmatch(found[2]):
        return None
    return (span[0], span[0] + found.end(1)), (span[0] + found.start(2), span[0] + found.end(2))
