"""Lines into paragraphs.

First lines that stand one below the other become a flow (a column, a box, a cell); then a flow is cut where a
paragraph begins: at an indent, after a short last line, at a wider gap, where the type changes.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from ingest.layout.names import is_known
from ingest.layout.page import Line, Rect, Word, enclosing, overlap
from ingest.layout.short_lines import broken_off, first_word
from ingest.layout.style import DocumentStyle

MARKER = re.compile(
    r"^(?:[•·▪■◦∙●○◆►▸✓‣\uf0b7\uf0a7]\s*|[–—*-]\s|\[\d{1,3}\](?![),;])\s*|\(?(?:\d{1,3}|[a-h]|[ivx]{1,4})\)\s|\d{1,3}\.\s|[ivx]{1,4}\.\s)\s*\S"
)
BULLET = re.compile(r"^[•▪■◦●○◆►▸✓‣\uf0b7\uf0a7]\s*\S")
#: A letter with a point: the initial of a name, but for what begins so below a short line.
_LETTERED = re.compile(r"^[A-H]\.\s[A-Z]")
#: '(i) the first, (ii) the second': a list in a sentence.
_INLINE = re.compile(r"^\(?(?:i|a|1)\)\s.*\(?(?:ii|b|2)\)\s")
#: Signs of a program or a command; a lone word or an e-mail address in such type has none.
_CODE = re.compile(r"[(){};=<>$#|\\]|^\S+\s+-|::|^\s*(?:import|def|class|pip|git|cd|sudo|from)\s")
_SCRIPT = re.compile("[⁰¹²³⁴-ⁿ₀-₎ᵢ-ᵥ]")
_ADDRESS = re.compile(r"^(?:https?:|www\.|\S+@)")
_ENDS = re.compile(r"[.:;?!]['\"”’)\]]*[⁰¹²³⁴-⁹,–]*$")

#: Words after which no sentence ends.
_OPEN_END = re.compile(r"\b(?:the|a|an|of|in|on|at|by|to|for|from|with|and|or|see|as|is|are|was|were)$")


def flows(lines: Sequence[Line], walls: Sequence[Rect], style: DocumentStyle) -> list[list[Line]]:
    """Lines linked to the one below them; rulings across (`walls`) keep apart what they separate."""
    lines = sorted(lines, key=lambda line: (-line.base, line.rect.left))
    below = {i: _next_below(i, lines, walls, style) for i in range(len(lines))}
    above = Counter(j for j in below.values() if j is not None)
    started: dict[int, list[Line]] = {}
    found: list[list[Line]] = []
    for i, line in enumerate(lines):
        flow = started.get(i)
        if flow is None:
            flow = []
            found.append(flow)
        flow.append(line)
        j = below[i]
        if j is not None and above[j] == 1:
            started[j] = flow
    return found


def _next_below(i: int, lines: Sequence[Line], walls: Sequence[Rect], style: DocumentStyle) -> int | None:
    """Index of the line that follows line i, None where there is none or two stand side by side."""
    line = lines[i]
    reach = max(1.75 * line.size, 1.2 * style.pitch if abs(line.size - style.size) < 1.2 else 0)
    first: int | None = None
    for j in range(i + 1, len(lines)):
        other = lines[j]
        drop = line.base - other.base
        if drop > reach:
            break
        if drop < 0.5 * min(line.size, other.size):
            continue
        shared = overlap(line.rect.left, line.rect.right, other.rect.left, other.rect.right)
        if shared <= 0.1 * min(line.rect.width, other.rect.width):
            continue
        if first is None:
            first = j
        elif abs(lines[first].base - other.base) < 0.4 * line.size:
            return None
        else:
            break
    if first is None or _walled(line, lines[first], walls):
        return None
    return first


def _walled(upper: Line, lower: Line, walls: Sequence[Rect]) -> bool:
    for wall in walls:
        if lower.base + 0.3 * lower.size < wall.bottom and wall.top < upper.base + 0.2 * upper.size:
            shared = overlap(upper.rect.left, upper.rect.right, wall.left, wall.right)
            if shared > 0.6 * min(upper.rect.width, lower.rect.width):
                return True
    return False


def split_flow(flow: Sequence[Line], style: DocumentStyle) -> list[list[Line]]:
    """One list of lines per paragraph."""
    left, right = _edges(flow)
    shape = _Shape(left, right, _is_hanging(flow, left), _usual_drop(flow, style), _is_even(flow))
    groups = [[flow[0]]]
    odd = {n for n in range(1, len(flow) - 1) if _is_odd_between(*flow[n - 1 : n + 2])}
    for at, (last, line) in enumerate(pairwise(flow), start=1):
        if at not in odd and at - 1 not in odd and _begins(last, line, groups[-1], shape):
            groups.append([line])
        else:
            groups[-1].append(line)
    return [part for group in groups for part in broken_off(group, left, right)]


@dataclass(frozen=True, slots=True)
class _Shape:
    """How one flow is set."""

    left: float
    right: float
    is_hanging: bool
    usual: float  #: points from line to line inside a paragraph
    is_even: bool  #: nearly all lines have this distance, so that a little more says something


def _is_even(flow: Sequence[Line]) -> bool:
    drops = [upper.base - lower.base for upper, lower in pairwise(flow)]
    usual = Counter(round(drop, 0) for drop in drops)
    return len(drops) > 7 and max(usual.values()) > 0.6 * len(drops)


def _is_odd_between(last: Line, line: Line, following: Line) -> bool:
    """True for a line whose size was measured wrongly: it stands in a paragraph whose other lines have one size."""
    return (
        0.2 < abs(last.size - line.size) < 0.2 * last.size
        and last.face == line.face == following.face
        and abs(last.size - following.size) < 0.2
        and abs(last.base - 2 * line.base + following.base) < 0.3 * last.size
        and abs(last.rect.left - line.rect.left) + abs(line.rect.left - following.rect.left) < 1.0
    )


def _usual_drop(flow: Sequence[Line], style: DocumentStyle) -> float:
    """Points from line to line inside a paragraph of this flow."""
    expected = style.pitch * flow[0].size / style.size
    drops = sorted(upper.base - lower.base for upper, lower in pairwise(flow))
    if len(drops) < 4:
        return max(expected, drops[0]) if drops and drops[0] < 1.25 * expected else expected
    return drops[len(drops) // 2] if len(drops) > 8 else drops[len(drops) // 3]


def _edges(flow: Sequence[Line]) -> tuple[float, float]:
    """Where the column begins and ends: the leftmost edge that several lines share, the rightmost end."""
    lefts = Counter(round(line.rect.left / 2) for line in flow)
    shared = [at for at, n in lefts.items() if n >= max(2, 0.12 * len(flow))]
    left = min(shared) * 2.0 if shared else min(line.rect.left for line in flow)
    rights = sorted(line.rect.right for line in flow)
    return left, rights[-max(1, len(rights) // 20)] if len(rights) > 5 else rights[-1]


def _is_hanging(flow: Sequence[Line], left: float) -> bool:
    """True where first lines stand out and the others are indented, as in a list of references."""
    inside = [line.rect.left - left for line in flow]
    deep = sum(1 for x in inside if x > 0.7 * flow[0].size)
    out = [line for line, x in zip(flow, inside, strict=True) if x <= 0.7 * line.size]
    if len(flow) < 3 or not out or deep <= 0.45 * len(flow):
        return False
    starts = sum(bool(MARKER.match(line.text)) or line.text[:1].isupper() or line.text[:1].isdigit() for line in out)
    return starts > 0.7 * len(out)


def _begins(last: Line, line: Line, group: Sequence[Line], shape: _Shape) -> bool:
    """True where `line` begins a new paragraph after `last`."""
    left, right, size = shape.left, shape.right, line.size
    drop = last.base - line.base
    ended = bool(_ENDS.search(last.text))
    if drop > 1.3 * (max(shape.usual, group[-2].base - group[-1].base) if len(group) > 1 else shape.usual):
        return True
    if _is_new_type(last, line, ended=ended, right=right) or BULLET.match(line.text) or _is_wider(group, line):
        return True
    if (len(group) == 1 and is_known(last.text)) or (is_raised_mark(line.words) and line.text[1:2] != ","):
        return True
    indent = line.rect.left - left
    if _is_centred(last, (left, right)) != _is_centred(line, (left, right)) and (ended or not _is_sentence_part(line)):
        return True
    if shape.is_hanging:
        return indent <= 0.5 * size and last.rect.left - left <= 20 * size
    room = right - last.rect.right
    if room > max(_first_words(line), 0.25 * (right - left)) and _is_set_otherwise(last, line):
        return True
    if _is_entry(last) and _is_entry(line):
        return True
    if _is_marked(line, group) and (ended or room > 3 * size or MARKER.match(group[0].text)):
        return True
    if _LETTERED.match(line.text) and room > 3 * size:
        return True
    if 0.7 * size < indent < 5 * size and last.rect.left - left < 0.5 * size and line.rect.right - left > 0.3 * (right - left):
        return ended or room > 2 * size
    if ended and shape.is_even and drop > 1.12 * shape.usual + 0.5 and line.text[:1].isupper() and not _has_scripts(last, line):
        return True
    return room > max(first_word(line), 1.5 * size) and ended


def _has_scripts(*lines: Line) -> bool:
    """True where something small is raised or lowered, which may have pushed the lines apart."""
    return any(_SCRIPT.search(line.text) or min(word.size for word in line.words) < 0.85 * line.size for line in lines)


def _is_marked(line: Line, group: Sequence[Line]) -> bool:
    """True where the line begins with the mark of an item: not 'age 12 to' and '16)', nor the '(b)' of '(a) the first'."""
    match = MARKER.match(line.text)
    if not match or _INLINE.match(line.text):
        return False
    mark = re.match(r"^(\(?)(\d{1,3}|[a-z])\)", line.text)
    if not mark:
        return True
    before = " ".join(other.text for other in group)
    if not mark[1] and before.count("(") > before.count(")"):
        return False
    previous = str(int(mark[2]) - 1) if mark[2].isdigit() else chr(ord(mark[2]) - 1)
    return f" {mark[1]}{previous}) " not in before


def is_raised_mark(words: Sequence[Word]) -> bool:
    """True for the small raised number or letter of an address, with its name after it."""
    if len(words) < 2:
        return False
    mark, name = words[0], words[1]
    return (
        len(mark.text) < 3
        and mark.size < 0.8 * name.size
        and mark.base > name.base + 0.15 * name.size
        and mark.text.isalnum()
        and name.text[:1].isupper()
        and len(name.text) > 1
    )


def _is_wider(group: Sequence[Line], line: Line) -> bool:
    """True for a line that stands out on both sides of the lines above it, which are set in a narrower measure."""
    if len(group) < 2 or line.rect.left > group[-1].rect.left - 0.7 * line.size:
        return False
    is_flush = max(x.rect.left for x in group) - min(x.rect.left for x in group) < 1.0
    return is_flush and line.rect.right - max(x.rect.right for x in group) > 2 * line.size


def _is_sentence_part(line: Line) -> bool:
    """True for words that go on with a sentence."""
    return line.text[:1].islower() and sum(len(word.text) > 2 and word.text.isalpha() for word in line.words) > 1


def _is_set_otherwise(last: Line, line: Line) -> bool:
    """True where this line is wholly in another type than most of the last one and than its end."""
    return last.face != line.face != last.words[-1].face.name and _share(line, line.face) > 0.97


def _first_words(line: Line) -> float:
    """Points that the first word takes, or the first two where the first is an initial."""
    words = line.words[: 2 if len(line.words[0].text) < 4 else 1]
    return words[-1].rect.right - words[0].rect.left + 0.3 * line.size


def _is_entry(line: Line) -> bool:
    """True for a line of a table of contents: it ends with a page number after leaders or a comma."""
    return bool(re.search(r"(?:\.\s?\.|,|\s)\s*\d{1,4}$", line.text) and re.match(r"^\d{1,2}(?:\.\d{1,2})*\.?\s+\D", line.text))


def _is_centred(line: Line, edges: tuple[float, float]) -> bool:
    """True for a line with the same wide white on both sides."""
    before, after = line.rect.left - edges[0], edges[1] - line.rect.right
    return min(before, after) > 3.5 * line.size and abs(before - after) < 0.25 * line.size + 0.02 * (before + after)


def _is_new_type(last: Line, line: Line, *, ended: bool, right: float) -> bool:
    """True where the line is set in another size or type, but as the last words of a sentence may be: a title in italics."""
    if abs(last.size - line.size) > 0.08 * max(last.size, line.size) + 0.2:
        return not _type_runs_on(last, line)
    if not _type_changes(last, line) or _type_runs_on(last, line):
        return False
    flush = abs(last.rect.left - line.rect.left) < last.size
    runs_on = flush and (line.text[:1].islower() or bool(_OPEN_END.search(last.text)))
    same_weight = abs(last.bold - line.bold) < 0.5
    is_sentence = len(last.words) > 3 and not _ADDRESS.match(line.text)
    return ended or not (runs_on and same_weight and is_sentence) or right - last.rect.right > 2 * line.size


def _type_changes(last: Line, line: Line) -> bool:
    """True where one line is set wholly in another weight or font than the other."""
    if last.face == line.face:
        return False
    if max(last.bold, line.bold) > 0.97 and min(last.bold, line.bold) < 0.5:
        return True
    return not _holds_face(last, line.face) and not _holds_face(line, last.face) and len(line.text) > 3


def _type_runs_on(last: Line, line: Line) -> bool:
    """True around the end of a run-in heading: the line above ends in the type in which this one begins."""
    end, start = last.words[-1], line.words[0]
    is_inside = start.face.name != line.face or end.face.name != last.face
    return end.face.name == start.face.name and is_inside and abs(end.size - start.size) < 0.3


def _holds_face(line: Line, face: str) -> bool:
    return _share(line, face) > 0.1


def _share(line: Line, face: str) -> float:
    return sum(len(word.text) for word in line.words if word.face.name == face) / sum(len(word.text) for word in line.words)


def is_code(lines: Sequence[Line]) -> bool:
    """True where nearly all is set in a font of fixed width; an address or a name in such type is none."""
    n = sum(len(word.text) for line in lines for word in line.words)
    if sum(len(word.text) for line in lines for word in line.words if word.face.is_mono) <= 0.85 * n or _is_proportional(lines):
        return False
    return len(lines) > 1 or bool(_CODE.search(lines[0].text))


def _is_proportional(lines: Sequence[Line]) -> bool:
    """True where the letters have many widths, though the font calls itself one of fixed width."""
    words = [word for line in lines for word in line.words if len(word.text) > 2 and word.face.is_mono]
    widths = sorted(word.rect.width / (len(word.text) * word.size) for word in words)
    return (
        len(widths) > 2 and widths[-1] > 1.25 * widths[0] and widths[(3 * len(widths)) // 4] > 1.06 * widths[len(widths) // 4]
    )


def rect_of_lines(lines: Sequence[Line]) -> Rect:
    return enclosing(line.rect for line in lines)
