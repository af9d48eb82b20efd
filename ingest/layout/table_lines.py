"""The words of a table as lines of text, and their pieces between two columns."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from ingest.layout.lines import words_text
from ingest.layout.page import Rect, Word, enclosing

#: Widest gap inside a cell, in font sizes, where no column begins at its end.
CELL_GAP = 0.62


@dataclass(frozen=True, slots=True)
class TableLine:
    """Words on one baseline, left to right; scripts stand with their letter."""

    base: float
    size: float
    words: tuple[Word, ...]

    @property
    def left(self) -> float:
        return self.words[0].rect.left

    @property
    def right(self) -> float:
        return max(word.rect.right for word in self.words)


@dataclass(frozen=True, slots=True)
class Piece:
    """What one line has in one column, or across several."""

    words: tuple[Word, ...]
    first: int  #: column
    last: int  #: column; not `first` where the piece spans columns
    rect: Rect
    text: str

    @classmethod
    def of(cls, words: Sequence[Word], first: int, last: int) -> Piece:
        return cls(tuple(words), first, last, enclosing(word.rect for word in words), _text(words))


def _text(words: Sequence[Word]) -> str:
    """The words without the marks of places where they might have been broken."""
    text = words_text(words)
    return text[:-1].replace("\u00ad", "") + text[-1:]


def table_lines(words: Sequence[Word]) -> list[TableLine]:
    """These words by baseline, from the top down."""
    lines: list[list[Word]] = []
    for word in sorted(words, key=lambda w: (-w.size, -w.base)):
        homes = [line for line in lines if _in_line(word, line[0])]
        if not homes:
            lines.append([word])
        else:
            min(homes, key=lambda line: _distance(word, line)).append(word)
    lines.sort(key=lambda line: -line[0].base)
    return [TableLine(line[0].base, line[0].size, tuple(sorted(line, key=lambda w: w.rect.left))) for line in lines]


def _in_line(word: Word, first: Word) -> bool:
    if word.size > 0.85 * first.size:
        return abs(word.base - first.base) < 0.35 * first.size
    middle = word.rect.middle[1]
    return first.rect.bottom - 0.15 * first.size <= middle <= first.rect.top + 0.15 * first.size


def _distance(word: Word, line: Sequence[Word]) -> float:
    """Points to the nearest end of a word of the line or of a script beside it: a script between two lines belongs to the letter
    that it follows, not to the one above or below it."""
    near = [other for other in line if other.size > 0.85 * line[0].size or abs(other.base - word.base) < 0.3 * word.size]
    return min(min(abs(other.rect.left - word.rect.right), abs(word.rect.left - other.rect.right)) for other in near)


def gap_at(line: TableLine, x: float) -> tuple[Word, Word] | None:
    """The words left and right of x, None where the line has ink at x or nothing on one side of it."""
    before = None
    for word in line.words:
        if word.rect.left >= x:
            return (before, word) if before else None
        if word.rect.right > x:
            return None
        if before is None or word.rect.right > before.rect.right:
            before = word
    return None
