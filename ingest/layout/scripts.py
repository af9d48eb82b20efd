"""Words that took in their exponents: 10 with 20 raised beside it is no 1020.

docling-parse makes one word of characters that touch, whatever their size. A value of a table is only exact with its
exponents apart, so such a word is cut where its characters change their size.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

#: Least difference in height, as a share, of two sizes of type.
_SMALLER = 0.88


def split_scripts(words: Iterable[Any], chars: Iterable[Any]) -> Iterator[Any]:
    """The parser's words, those that hold two sizes of type as their parts; `chars` are the page's."""
    words = list(words)  # the parser makes new objects for each pass
    tall = {id(word) for word in words if _may_hold_script(word)}
    if not tall:
        yield from words
        return
    rows: dict[int, list[Any]] = {}
    for char in chars:
        rows.setdefault(round(char.r_x0), []).append(char)
    for word in words:
        parts = _parts(word, rows) if id(word) in tall else []
        if len(parts) > 1:
            yield from parts
        else:
            yield word


def _may_hold_script(word: Any) -> bool:
    """True for a number set across: in a variable's name or a unit the script stays with its letter."""
    return len(word.text) > 1 and word.r_y1 == word.r_y0 and word.text[:1].isdigit() and not any(c.isalpha() for c in word.text)


def _parts(word: Any, rows: dict[int, list[Any]]) -> list[_Part]:
    inside = [
        char
        for x in range(round(word.r_x0) - 1, round(word.r_x1) + 2)
        for char in rows.get(x, ())
        if word.r_x0 - 0.3 <= char.r_x0
        and char.r_x1 <= word.r_x1 + 0.3
        and word.r_y0 - 0.3 <= char.r_y0
        and char.r_y2 <= word.r_y2 + 0.3
    ]
    inside.sort(key=lambda char: char.r_x0)
    if "".join(char.text for char in inside) != word.text:
        return []
    parts: list[list[Any]] = []
    for char in inside:
        if parts and _same_size(parts[-1][-1], char):
            parts[-1].append(char)
        else:
            parts.append([char])
    return [_Part(part) for part in parts]


def _same_size(a: Any, b: Any) -> bool:
    low, high = sorted((a.r_y2 - a.r_y0, b.r_y2 - b.r_y0))
    return low > _SMALLER * high and abs(a.r_y0 - b.r_y0) < 0.12 * high


class _Part:
    """Characters of one size, with the attributes of a word of the parser."""

    def __init__(self, chars: Sequence[Any]) -> None:
        first, last = chars[0], chars[-1]
        self.text = "".join(char.text for char in chars)
        self.r_x0, self.r_y0, self.r_x3, self.r_y3 = first.r_x0, first.r_y0, first.r_x3, first.r_y3
        self.r_x1, self.r_y1, self.r_x2, self.r_y2 = last.r_x1, last.r_y1, last.r_x2, last.r_y2
        self._first = first

    def __getattr__(self, name: str) -> Any:
        return getattr(self._first, name)
