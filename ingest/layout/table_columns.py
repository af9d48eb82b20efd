"""The columns of a table: where nearly no line has ink, where edges stand below each other, where rulings are cut.

A white strip alone proves nothing: the spaces of a few lines of prose fall below each other too. It is a wall where
some line has a wide gap in it, or where most lines begin or end at its edge.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from statistics import median

from ingest.layout.page import Rect, Word
from ingest.layout.table_lines import CELL_GAP, Piece, TableLine, gap_at

#: Share of the lines whose text may cross a wall.
_CROSSING = 0.08
#: Points by which edges that stand below each other differ.
_EDGE = 1.3
#: A space between two words, in font sizes.
_SPACE = 0.36


#: Signs in the middle of a value.
_OPERATORS = frozenset("·×±∙⋅=") | {"+/-", "+/−"}


@dataclass(frozen=True, slots=True)
class Wall:
    """The white between two columns."""

    low: float
    high: float
    x: float  #: where it is cut


def find_walls(
    body: Sequence[TableLine], header: Sequence[TableLine], area: Rect, cuts: Sequence[float], *, are_all: bool
) -> list[Wall]:
    """The walls between the columns, from left to right.

    `cuts` are x at which rulings say that a column ends; `are_all` where rulings would show any other column too.
    """
    lines = [line for line in body if not _is_label(line, area)] or list(body)
    walls = []
    for low, high, clear in _white_strips(lines, area):
        inside = [x for x in cuts if low - 2.5 <= x <= high + 2.5]
        if inside:
            walls.append(Wall(low, high, min(max(inside[0], clear[0] + 0.1), clear[1] - 0.1)))
        elif not are_all and _is_wall(lines, clear, width=high - low, is_cut=bool(cuts)):
            walls.append(Wall(low, high, _place(*clear, header)))
    for x in cuts:
        if area.left + 3 < x < area.right - 3 and not any(w.low - 2.5 <= x <= w.high + 2.5 for w in walls):
            crossing = sum(any(w.rect.left + 1 < x < w.rect.right - 1 for w in line.words) for line in lines)
            if crossing <= 0.25 * len(lines):
                walls.append(Wall(x, x, x))
    return _with_columns(sorted(walls, key=lambda wall: wall.x), lines, header, area, cuts)


def _with_columns(
    walls: Sequence[Wall], lines: Sequence[TableLine], header: Sequence[TableLine], area: Rect, cuts: Sequence[float]
) -> list[Wall]:
    """The walls between which columns stand: a stray end or beginning of a neighbour's text is no column."""
    kept = list(walls)
    at = 0
    while at < len(kept):
        end = kept[at + 1] if at + 1 < len(kept) else Wall(area.right, area.right, area.right + 1)
        if _is_ruled(kept[at], cuts) or _has_column(kept[at], kept[at - 1].x if at else area.left - 1, end.x, lines, header):
            at += 1
            continue
        belongs_right = at + 1 < len(kept) and not _is_ruled(end, cuts) and _gap(end, lines) < _gap(kept[at], lines)
        del kept[at + belongs_right]
        at = max(0, at - 1)
    return kept


def _is_ruled(wall: Wall, cuts: Sequence[float]) -> bool:
    return any(wall.low - 2.5 <= x <= wall.high + 2.5 for x in cuts)


def _gap(wall: Wall, lines: Sequence[TableLine]) -> float:
    """The narrowest gap of the lines at this wall."""
    pairs = [pair for line in lines if (pair := gap_at(line, wall.x))]
    return min((right.rect.left - left.rect.right for left, right in pairs), default=1e9)


def _has_column(wall: Wall, before: float, end: float, lines: Sequence[TableLine], header: Sequence[TableLine]) -> bool:
    """True where the text between this wall and `end` stands apart from that between `before` and the wall."""
    inside = [line for line in lines if any(wall.x <= w.rect.left and w.rect.right <= end for w in line.words)]
    pairs = [(line, gap_at(line, wall.x)) for line in inside]
    near = [(line, pair) for line, pair in pairs if pair and pair[0].rect.right > before]
    if len(near) > 1 and all(pair[1].rect.left - pair[0].rect.right <= CELL_GAP * line.size for line, pair in near if pair):
        return False
    gaps = [pair[1].rect.left - pair[0].rect.right if pair else 99.0 for _, pair in pairs]
    wide = sum(gap > CELL_GAP * line.size for gap, line in zip(gaps, inside, strict=True))
    aligned = max(
        (_most_at_one_edge(side) for side in zip(*((p[0].rect.right, p[1].rect.left) for _, p in pairs if p), strict=True)),
        default=0,
    )
    if not inside or (wide < 0.5 * len(inside) and not (len(inside) >= 3 and wide and aligned >= 0.6 * len(inside))):
        return False
    if any(wall.low - 2 <= w.rect.left < end for line in header for w in line.words):
        return True
    own = (w.text for line in inside for w in line.words if wall.x <= w.rect.left and w.rect.right <= end)
    if header and not any(c.isalnum() for text in own for c in text):  # dashes in the middle of a neighbour's column
        return False
    return len(inside) >= min(4, 0.2 * len(lines)) and (not header or median(gaps) > lines[0].size)


def _is_label(line: TableLine, area: Rect) -> bool:
    """True for one run of words over much of the table, from its left edge or in its middle: no columns show in it."""
    if line.right - line.left < 0.3 * area.width or any(gap > CELL_GAP * line.size for gap in _gaps(line)):
        return False
    is_centred = abs((line.left + line.right) - (area.left + area.right)) < 8
    return line.left < area.left + 2 * line.size or is_centred


def _gaps(line: TableLine) -> Iterable[float]:
    reach = line.words[0].rect.right
    for word in line.words[1:]:
        yield word.rect.left - reach
        reach = max(reach, word.rect.right)


def _white_strips(lines: Sequence[TableLine], area: Rect) -> list[tuple[float, float, tuple[float, float]]]:
    """Strips with text on both sides that (nearly) no word crosses, each with its clearest part."""
    allowed = int(_CROSSING * len(lines)) if len(lines) >= 8 else 0
    changes: Counter[float] = Counter()
    for line in lines:
        for low, high in _inked(line):
            changes[round(low, 2)] += 1
            changes[round(high, 2)] -= 1
    strips: list[list[tuple[int, float, float]]] = []
    depth = 0
    for low, high in pairwise(sorted(changes)):
        depth += changes[low]
        if depth > allowed:
            continue
        if strips and low <= strips[-1][-1][2]:
            strips[-1].append((depth, low, high))
        else:
            strips.append([(depth, low, high)])
    least = 0.14 * lines[0].size
    best = [min(strip, key=lambda part: (part[2] - part[1] < least, part[0], part[1] - part[2])) for strip in strips]
    return [
        (strip[0][1], strip[-1][2], (low, high))
        for strip, (_, low, high) in zip(strips, best, strict=True)
        if high - low >= least and low > area.left and high < area.right
    ]


def _inked(line: TableLine) -> list[tuple[float, float]]:
    inked: list[tuple[float, float]] = []
    for word in line.words:
        if inked and word.rect.left <= inked[-1][1] + 0.5:
            inked[-1] = (inked[-1][0], max(inked[-1][1], word.rect.right))
        else:
            inked.append((word.rect.left, word.rect.right))
    return inked


def _is_wall(lines: Sequence[TableLine], clear: tuple[float, float], *, width: float, is_cut: bool) -> bool:
    """True where the gaps in this white are wide, or narrow and of one edge; rulings that are cut elsewhere ask for more."""
    x = (clear[0] + clear[1]) / 2
    pairs = [(line, pair) for line in lines if (pair := gap_at(line, x))]
    if not pairs:
        return False
    wide = sum(right.rect.left - left.rect.right > CELL_GAP * line.size for line, (left, right) in pairs)
    aligned = max(
        _most_at_one_edge(right.rect.left for _, (_, right) in pairs),
        _most_at_one_edge(left.rect.right for _, (left, _) in pairs),
    )
    if is_cut:
        return wide >= max(2, 0.6 * len(pairs)) and width > 0.45 * lines[0].size
    return wide >= 0.66 * len(pairs) or (len(pairs) >= 3 and wide >= 0.15 * len(pairs) and aligned >= 0.6 * len(pairs))


def _most_at_one_edge(edges: Iterable[float]) -> int:
    ordered = sorted(edges)
    best = start = 0
    for end, edge in enumerate(ordered):
        while edge - ordered[start] > _EDGE:
            start += 1
        best = max(best, end - start + 1)
    return best


def _place(low: float, high: float, header: Sequence[TableLine]) -> float:
    """x of the wall in this white: where the header has white too, if there is such a place; else in the middle."""
    words = [(w.rect.left, w.rect.right) for line in header for w in line.words if w.rect.right > low and w.rect.left < high]
    edges = sorted({low, high, *(min(max(edge, low), high) for word in words for edge in word)})
    free = [(right - left, (left + right) / 2) for left, right in pairwise(edges)]
    free = [(width, x) for width, x in free if not any(left < x < right for left, right in words)]
    return max(free, default=(0.0, (low + high) / 2))[1]


@dataclass(frozen=True, slots=True)
class Column:
    """Edges at which the text of one column mostly begins and ends."""

    left: float
    right: float
    middle: float


def split_lines(lines: Sequence[TableLine], walls: Sequence[Wall], spans: Sequence[Rect], n_header: int) -> list[list[Piece]]:
    """Each line's pieces; `spans` are rulings below headings of several columns."""
    bounds = [-1e9, *(wall.x for wall in walls), 1e9]
    columns = _column_edges(lines, bounds)
    free = [Column(-1e9, -1e9, -1e9)] * len(columns)  #: a heading above others keeps to no column
    pieces = []
    for at, line in enumerate(lines):
        under = [r for r in spans if -4 < line.base - r.bottom < 1.5 * line.size] if at < n_header else []
        pieces.append(_pieces(line, bounds, free if at < n_header - 1 else columns, under))
    return pieces


def _column_edges(lines: Sequence[TableLine], bounds: Sequence[float]) -> list[Column]:
    edges: list[Counter[tuple[str, int]]] = [Counter() for _ in bounds[1:]]
    for line in lines:
        for low, high in text_runs(line):
            first, last = _column_of(low, high, bounds)
            if first == last:
                edges[first].update(
                    {("left", round(low)): 1, ("right", round(high)): 1, ("middle", round((low + high) / 2)): 1}
                )
    return [Column(*(_commonest(counts, side) for side in ("left", "right", "middle"))) for counts in edges]


def _commonest(counts: Counter[tuple[str, int]], side: str) -> float:
    """The edge of this side that at least two lines share."""
    found = [(n, x) for (name, x), n in counts.items() if name == side and n > 1]
    return max(found, default=(0, -1e9))[1]


def text_runs(line: TableLine) -> list[tuple[float, float]]:
    """Stretches of words without a wide gap."""
    runs = [(line.words[0].rect.left, line.words[0].rect.right)]
    for word in line.words[1:]:
        if word.rect.left - runs[-1][1] <= CELL_GAP * line.size:
            runs[-1] = (runs[-1][0], max(runs[-1][1], word.rect.right))
        else:
            runs.append((word.rect.left, word.rect.right))
    return runs


def _column_of(low: float, high: float, bounds: Sequence[float]) -> tuple[int, int]:
    """First and last column in which this stretch has ink."""
    inner = min(1.5, (high - low) / 3)
    first = sum(low + inner > bound for bound in bounds) - 1
    return first, max(first, sum(high - inner > bound for bound in bounds) - 1)


def _pieces(line: TableLine, bounds: Sequence[float], columns: Sequence[Column], spans: Sequence[Rect]) -> list[Piece]:
    pieces: list[Piece] = []
    for word in line.words:
        first, last = _column_of(word.rect.left, word.rect.right, bounds)
        before = pieces[-1] if pieces else None
        if before and (first <= before.last or _goes_on(before, word, first, line, columns, spans)):
            pieces[-1] = Piece.of([*before.words, word], before.first, max(before.last, last))
        else:
            pieces.append(Piece.of([word], first, last))
    free = [r for r in spans if sum(_stands_over(piece, r) for piece in pieces) < 2]  # one below two headings spans neither
    return [_over_ruling(piece, free, bounds) for piece in pieces]


def _goes_on(before: Piece, word: Word, first: int, line: TableLine, columns: Sequence[Column], spans: Sequence[Rect]) -> bool:
    """True where the word beyond the wall is still the same text: a heading over several columns, a label."""
    gap = word.rect.left - before.rect.right
    if gap > CELL_GAP * line.size:
        return False
    if word.text in _OPERATORS or before.words[-1].text in _OPERATORS:
        return True
    if any(r.left - 3 < before.rect.left and word.rect.right < r.right + 3 for r in spans):
        return True
    rest = max(w.rect.right for w in line.words if w.rect.left >= word.rect.left)
    column, left_column = columns[first], columns[before.last]
    if abs(word.rect.left - column.left) < _EDGE or abs(before.rect.right - left_column.right) < _EDGE:
        return False
    if abs(rest - column.right) < _EDGE or abs((rest + word.rect.left) / 2 - column.middle) < _EDGE:
        return False
    return gap <= _SPACE * line.size


def _over_ruling(piece: Piece, spans: Sequence[Rect], bounds: Sequence[float]) -> Piece:
    """A heading that stands over a ruling spans the columns of the ruling."""
    under = [r for r in spans if _stands_over(piece, r)]
    if not under:
        return piece
    first, last = _column_of(min(r.left for r in under) + 2, max(r.right for r in under) - 2, bounds)
    return Piece(piece.words, min(first, piece.first), max(last, piece.last), piece.rect, piece.text)


def _stands_over(piece: Piece, ruling: Rect) -> bool:
    return ruling.left - 3 <= piece.rect.left and piece.rect.right <= ruling.right + 3
