"""The rows of a table: which lines of text are one row.

A cell may run over several lines, and then nothing but its content and the white above it tell. A line goes on with
the row above it where its words would not have fitted there; a number never goes on; rulings and the distance of
lines count only as far as the content does not speak against them (many tables rule off groups of rows).
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from statistics import mean, median

from ingest.layout.page import Rect
from ingest.layout.table_lines import Piece, TableLine

#: A value: what a number begins with, no letters but a unit's or an exponent's.
_VALUE = re.compile(r"^[<>≤≥~∼≈=±+\-−–(\[]*\s?\d[\d\s.,:;/()\[\]±×·%°*†‡<>=^+\-−–eE⁰¹²³⁴-⁹⁺⁻⁽⁾]*[a-zA-Zµ%°]{0,3}$|^[-−–—.]+$")
_ITEM = re.compile(r"^[-–•·▪◦]\s?[A-Za-z]")  #: of a list inside a cell
_GOES_ON = re.compile(r"^[a-zß-ÿ(\[&,;:)\]/–—=+%]")
_OPEN_END = re.compile(
    r"(?:\w[-\u00ad\u2010]|[,;:/&(–—=+]|\b(?:and|or|of|the|in|for|with|to|by|on|at|from|a|an|vs\.?|per|than))$"
)
#: Content below which the distance of lines, or rulings, are not believed to tell rows.
_DOUBT = -0.4


@dataclass(frozen=True, slots=True)
class TableText:
    """The lines of a table with their pieces, and what stands between them."""

    lines: Sequence[TableLine]
    pieces: Sequence[Sequence[Piece]]
    rulings: Sequence[Rect]  #: those that may end rows, merged
    short: Sequence[Rect]  #: those that run over some columns only
    n_columns: int
    n_header: int  #: lines of the header
    is_boxed: bool  #: True where rulings stand between the columns
    is_shaded: bool = False  #: True where each row has its shade

    def drop(self, upper: int, lower: int) -> float:
        return self.lines[upper].base - self.lines[lower].base

    def is_cut(self, upper: int) -> bool:
        """True where a ruling stands below this line; below a heading a short one is enough."""
        high, low = self.lines[upper].base + 0.3 * self.lines[upper].size, self.lines[upper + 1].base
        return any(low < r.bottom < high for r in self.rulings) or (
            upper + 1 < self.n_header
            and any(
                low < r.bottom < high and _over(r, self.pieces[upper]) and _over(r, self.pieces[upper + 1]) for r in self.short
            )
        )


def _over(ruling: Rect, pieces: Sequence[Piece]) -> bool:
    return any(ruling.left - 3 <= p.rect.left and p.rect.right <= ruling.right + 3 for p in pieces)


def group_rows(text: TableText) -> list[list[int]]:
    """The numbers of the lines of each row, from the top down."""
    cut = [text.is_cut(at) for at in range(len(text.lines) - 1)]
    return [*_header_rows(text, cut), *_body_rows(text, list(range(text.n_header, len(text.lines))), cut)]


def _header_rows(text: TableText, cut: Sequence[bool]) -> list[list[int]]:
    """Lines of the header; one that spans columns with their own headings below it is a row."""
    rows: list[list[int]] = []
    for at in range(text.n_header):
        if rows and (_is_beside(text, rows[-1], at) or not (cut[at - 1] or _spans_over(text, rows[-1], at))):
            rows[-1].append(at)
        else:
            rows.append([at])
    return rows


def _spans_over(text: TableText, row: Sequence[int], at: int) -> bool:
    spans = [p for line in row for p in text.pieces[line] if p.last > p.first]
    return any(sum(s.first <= p.first and p.last <= s.last for p in text.pieces[at]) > 1 for s in spans)


def _is_beside(text: TableText, row: Sequence[int], at: int) -> bool:
    """True for a line half a line lower whose columns the row has not: cells centred on rows of another number of lines."""
    taken = {c for line in row for p in text.pieces[line] for c in range(p.first, p.last + 1)}
    return text.drop(row[-1], at) < 0.8 * text.lines[at].size and not any(
        p.first <= c <= p.last for p in text.pieces[at] for c in taken
    )


def _body_rows(text: TableText, body: Sequence[int], cut: Sequence[bool]) -> list[list[int]]:
    if not body:
        return []
    reading = _Reading.of(text, body)
    bands = _grouped(body, lambda a: not cut[a])
    if _rules_off_rows(text, body, bands) and (reading.agrees(bands) or reading.has_single_cells(bands)):
        return bands
    if text.is_shaded and len(bands) > 2 and not reading.has_values_below_each_other(bands):
        return bands
    if len(bands) > 2 and reading.flows(bands):
        return bands
    limit = _loose_from(text, [(a, b) for a, b in pairwise(body) if not cut[a]])
    trusts_gap = limit > 0 and reading.agrees(_grouped(body, lambda a: not cut[a] and text.drop(a, a + 1) < limit))
    rows = [[body[0]]]
    for a, b in pairwise(body):
        score = -9.0 if cut[a] else reading.score(rows[-1], b)
        if trusts_gap:
            score += 1.2 if text.drop(a, b) < limit else -1.5
        if score > 0 or (_is_beside(text, rows[-1], b) and not cut[a]):
            rows[-1].append(b)
        else:
            rows.append([b])
    return rows


def _grouped(body: Sequence[int], goes_on: object) -> list[list[int]]:
    groups = [[body[0]]]
    for a, b in pairwise(body):
        if goes_on(a):  # type: ignore[operator]
            groups[-1].append(b)
        else:
            groups.append([b])
    return groups


def _rules_off_rows(text: TableText, body: Sequence[int], bands: Sequence[Sequence[int]]) -> bool:
    """True where most rows seem to be ruled off."""
    return len(bands) >= (2 if text.is_boxed else 3) and len(bands) >= 0.2 * len(body)


def _loose_from(text: TableText, pairs: Sequence[tuple[int, int]]) -> float:
    """Points from baseline to baseline above which a new row begins; 0 where all lines stand evenly."""
    drops = sorted(round(text.drop(a, b), 1) for a, b in pairs)
    drops = [d for d in drops if d > 0.8 * text.lines[0].size]
    jumps = [(high / low, (low + high) / 2, at) for at, (low, high) in enumerate(pairwise(drops), start=1) if high > 1.08 * low]
    jumps = [jump for jump in jumps if jump[2] >= 2 and len(drops) - jump[2] >= 2 and drops[jump[2] - 1] < 1.35 * drops[0]]
    return max(jumps, default=(0.0, 0.0, 0))[1]


@dataclass(frozen=True, slots=True)
class _Reading:
    """What the content of a table's columns looks like, and whether a line goes on with a row."""

    text: TableText
    widths: Sequence[float]  #: of each column's widest piece
    is_lower: Sequence[bool]  #: True for a column whose cells begin in lower case anyway
    has_brackets: Sequence[bool]  #: True for a column of values with brackets after them
    pitch: float  #: points from line to line inside a cell

    @classmethod
    def of(cls, text: TableText, body: Sequence[int]) -> _Reading:
        widths = [0.0] * text.n_columns
        named = [at for at in body if any(piece.first == 0 for piece in text.pieces[at])]
        if len(named) < 3:  # a first column that names groups of rows
            named = [at for at in body if len(text.pieces[at]) > 0.6 * text.n_columns]
        begins: list[list[bool]] = [[] for _ in widths]
        for at in (*range(text.n_header), *body):
            for piece in text.pieces[at]:
                if piece.first == piece.last:
                    widths[piece.first] = max(widths[piece.first], piece.rect.width)
                    if at in named:
                        begins[piece.first].append(piece.text[:1].islower())
        brackets = [
            any(p.first == c and re.match(r"\S*\d.*\(", p.text) for at in body for p in text.pieces[at])
            for c in range(len(widths))
        ]
        drops = [text.drop(a, b) for a, b in pairwise(body) if text.drop(a, b) > 0.8 * text.lines[b].size]
        return cls(text, widths, [len(b) > 1 and mean(b) > 0.6 for b in begins], brackets, min(drops, default=12.0))

    def agrees(self, groups: Sequence[Sequence[int]]) -> bool:
        """True where these groups of lines may be rows, by what stands one below the other in them."""
        scores = [score for group in groups for score in self._inside(group)]
        return not scores or median(scores) > _DOUBT

    def has_single_cells(self, bands: Sequence[Sequence[int]]) -> bool:
        """True where half of the columns of every band have one line, and none has value below value: the rest are cells of more."""
        for band in bands:
            n_lines = Counter(piece.first for at in band for piece in self.text.pieces[at])
            if sum(n == 1 for n in n_lines.values()) < 0.5 * len(n_lines) or -2.0 in self._inside(band):
                return False
        return True

    def flows(self, bands: Sequence[Sequence[int]]) -> bool:
        """True where nearly every line goes on with what stands above it in its band: cells of many lines of prose."""
        scores = [score for band in bands for score in self._inside(band)]
        return len(scores) > 3 * len(bands) and sum(score > 0 for score in scores) > 0.8 * len(scores)

    def has_values_below_each_other(self, bands: Sequence[Sequence[int]]) -> bool:
        """True where many a value stands below another in one band: it holds several rows."""
        scores = [score for band in bands for score in self._inside(band)]
        return scores.count(-2.0) > 0.15 * len(scores)

    def _inside(self, group: Sequence[int]) -> list[float]:
        last: dict[int, tuple[int, Piece]] = {}
        scores = []
        for at in group:
            for piece in self.text.pieces[at]:
                if piece.first in last:
                    scores.append(self._piece(last[piece.first], piece, at))
                last[piece.first] = (at, piece)
        return scores

    def score(self, row: Sequence[int], at: int) -> float:
        """How much the words of this line go on with those of the row: above 0 they do."""
        here = self.text.pieces[at]
        above = {piece.first: (line, piece) for line in row for piece in self.text.pieces[line]}
        spans = [piece for _, piece in above.values() if piece.last > piece.first]
        if any(p.last > p.first or any(s.first <= p.first <= s.last for s in spans) for p in here):
            return -2.0
        scores = [self._piece(above.get(piece.first), piece, at) for piece in here]
        columns = {piece.first for piece in here}
        if set(above) == {0} and 0 in columns and scores[0] > 1.5:
            return 0.5
        if columns == {0} and len(above) > 1 and self._hangs(above[0][1] if 0 in above else None, here[0], row[-1], at):
            return 1.0
        score = mean(scores) if min(scores) > -1.5 else min(mean(scores), -0.7)
        if 0 not in columns and 0 in above:
            score += 0.4
        if 0 in columns and scores[0] < 1.5:
            score -= 0.3
        if columns == {0} and len(above) > 1 and scores[0] < 1.5:
            score -= 0.8
        return score - 0.6 * (len(columns) == self.text.n_columns)

    def _hangs(self, upper: Piece | None, piece: Piece, line: int, at: int) -> bool:
        """True for a label's second line, set in from the first: it begins in lower case and stands close below."""
        return (
            upper is not None
            and 3 < piece.rect.left - upper.rect.left < 3 * piece.words[0].size
            and piece.text[:1].islower()
            and self.text.drop(line, at) < 1.5 * self.pitch
        )

    def _piece(self, above: tuple[int, Piece] | None, piece: Piece, at: int) -> float:
        """The same for one piece and what stands above it in its column."""
        if above is None:
            return -1.0
        line, upper = above
        if _ITEM.match(piece.text):
            return 0.5
        is_next = self.text.drop(line, at) < 1.5 * self.pitch
        width = self.widths[piece.first]
        is_short = upper.rect.width + 0.28 * piece.words[0].size + piece.words[0].rect.width <= width
        is_headed = upper.text.endswith(":") and is_short and piece.first == 0  # what names the rows below it
        if upper.text.count("(") > upper.text.count(")") or (_OPEN_END.search(upper.text) and not is_headed):
            return 1.7 if is_next else -1.0
        if piece.text.startswith("(") and self.has_brackets[piece.first]:
            return 1.7 if is_next else -1.0
        if _VALUE.match(piece.text) and (_VALUE.match(upper.text) or len(piece.text) > 5):
            return -2.0
        if not is_next:
            return -1.5
        goes_on = bool(_GOES_ON.match(piece.text)) and not self.is_lower[piece.first]
        if is_short:
            return -0.5 if goes_on else -1.5
        if goes_on:
            return 1.7
        return 0.5 if len(upper.words) > 2 and upper.rect.width > 0.6 * width and not upper.text.endswith(".") else -0.1
