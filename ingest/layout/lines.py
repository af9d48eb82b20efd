"""Words into lines.

The parser's own lines break where a justified line is set wide and run on where a table's columns stand close;
so lines are built here from words: first in the order of the page's content stream, then across.
"""

from __future__ import annotations

import re
import unicodedata
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from itertools import takewhile

from ingest.layout.page import Line, Rect, Word, enclosing, overlap
from ingest.layout.pieces import AXIS, hangs
from ingest.layout.rows import whole_rows
from ingest.layout.scripts import middle_of, words_as_text

#: Font sizes between the baselines of a word and of the one before it in its line, at most.
_FAR = 2.5
#: Widest gap inside a line, in font sizes; the gutter between two columns is wider.
MAX_GAP = 1.05
_ACCENTS = {
    "´": "\u0301",
    "`": "\u0300",
    "¨": "\u0308",
    "˜": "\u0303",
    "ˆ": "\u0302",
    "ˇ": "\u030c",
    "¸": "\u0327",
}
_LOOSE_ACCENT = re.compile(r"(?<!\d)([´`¨˜ˆˇ¸])([A-Za-zıȷ])")
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f]")
_LIGATURES = str.maketrans(
    {"ﬀ": "ff", "ﬁ": "fi", "ﬂ": "fl", "ﬃ": "ffi", "ﬄ": "ffl", "ﬅ": "st", "ﬆ": "st", "\u00a0": " ", "\x02": "-"}
)


def build_lines(words: Sequence[Word]) -> list[Line]:
    """The lines of these words, from the top down."""
    runs: list[list[Word]] = []
    for word in words:
        if runs and _follows(runs[-1], word):
            runs[-1].append(word)
        else:
            runs.append([word])
    return sorted(whole_rows(sorted(_once(make_line(run) for run in _bridged(runs)), key=from_top), make_line), key=from_top)


def _once(lines: Iterable[Line]) -> list[Line]:
    """The lines without those painted a second time, a little aside or below a picture: their words would stand twice."""
    kept: dict[str, list[Line]] = {}
    for line in lines:
        same = kept.setdefault(line.text, [])
        if not any(line.rect.share_inside(other.rect) > 0.2 for other in same):
            same.append(line)
    return [line for same in kept.values() for line in same]


def from_top(line: Line) -> tuple[float, float]:
    return -line.base, line.rect.left


def _follows(run: Sequence[Word], word: Word) -> bool:
    """True where this word continues the line whose words so far are `run`.

    The last few words are looked at, not the last alone: below a superscript its subscript begins anew, far back.
    """
    last = run[-1]
    size = last.size if last.size > word.size else word.size
    if abs(last.base - word.base) > _FAR * size:  # most pairs end here
        return False
    recent = run[-4:]
    if len(run) > 4 and last.size < 0.85 * max(run[0].size, run[-5].size):  # a long script
        recent = run[-12:]
    gap = word.rect.left - max(other.rect.right for other in recent)
    if gap > MAX_GAP * size:
        return False
    if len(run) > 3 and gap > MAX_GAP * max(other.size for other in recent):  # a larger heading in the next column is no nearer
        return False
    if gap < -0.4 * size:
        goes_back = word.size < 0.85 * max(w.size for w in recent) or last.text[-1] in _ACCENTS
        if not goes_back or (gap < -1.2 * size and word.rect.left < _stack_left(recent) - 0.4 * size):
            return False
    return any(_same_row(other, word) for other in recent)


def _stack_left(recent: Sequence[Word]) -> float:
    """Where the scripts at the end of these words begin: those of the other side begin there, too, however long they are."""
    largest = max(word.size for word in recent)
    scripts = list(takewhile(lambda word: word.size < 0.85 * largest, reversed(recent)))
    return scripts[-1].rect.left if scripts else recent[-1].rect.right


def _same_row(a: Word, b: Word) -> bool:
    """True on one baseline, or raised or lowered from it as a script is; a sign that hangs from its top has its middle there."""
    has_sign = (a.face.is_math or b.face.is_math) and hangs(a.face) != hangs(b.face)
    if has_sign:
        sign, other = (a, b) if hangs(a.face) else (b, a)
        if abs(middle_of(sign) - other.base - AXIS * other.size) <= 0.6 * max(sign.size, other.size):
            return True
    larger, smaller = (a, b) if a.size >= b.size else (b, a)
    shift = abs(a.base - b.base)
    if smaller.size > 0.9 * larger.size and not has_sign:
        return shift <= 0.25 * larger.size
    shared = overlap(a.rect.bottom, a.rect.top, b.rect.bottom, b.rect.top)
    return shared >= 0.45 * smaller.rect.height and shift <= 0.6 * larger.size


def _bridged(runs: list[list[Word]]) -> list[list[Word]]:
    """Runs that stand side by side, though not written one after the other, as one."""
    runs = sorted(runs, key=lambda run: run[0].rect.left)
    grown: list[list[Word]] = []
    ends: list[float] = []  # of each grown run
    # Most are too far away: asking all whether they go on took half of the layout's time.
    height = _FAR * max((word.size for run in runs for word in run), default=1.0)
    bands = defaultdict[int, list[int]](list)  # of grown runs, by the band of the page that their last words stand in
    for run in runs:
        word = run[0]
        band = int(word.base // height)
        close = {n for b in (band - 1, band, band + 1) for n in bands[b]}
        near = [n for n in sorted(close) if _is_in_reach(grown[n][-1], ends[n], word) and _follows(grown[n], word)]
        if near:
            at = max(near, key=lambda n: grown[n][-1].rect.right)
            grown[at].extend(run)
        else:
            at = len(grown)
            grown.append(list(run))
            ends.append(0.0)
        ends[at] = max(last.rect.right for last in grown[at][-4:])
        bands[int(run[-1].base // height)].append(at)
    return grown


def _is_in_reach(last: Word, end: float, word: Word) -> bool:
    """False where the gap alone forbids that the word follows."""
    size = last.size if last.size > word.size else word.size
    return -1.2 * size <= word.rect.left - end <= MAX_GAP * size


def make_line(words: Sequence[Word]) -> Line:
    """One line of these words, which stand left to right."""
    chars: Counter[tuple[float, str]] = Counter()
    for word in words:
        chars[round(word.size, 1), word.face.name] += len(word.text)
    n = sum(chars.values())
    size = _commonest((s, count) for (s, _), count in chars.items())
    base = _commonest((round(w.base, 1), len(w.text)) for w in words if abs(w.size - size) < 0.6)
    return Line(
        words=tuple(words),
        rect=_line_rect(words, size),
        base=base,
        size=size,
        text=words_text(words),
        bold=sum(len(w.text) for w in words if w.face.is_bold) / n,
        italic=sum(len(w.text) for w in words if w.face.is_italic) / n,
        face=max(chars, key=lambda key: chars[key])[1],
    )


def _line_rect(words: Sequence[Word], size: float) -> Rect:
    """As wide as all words, as high as those that are no scripts."""
    whole = enclosing(w.rect for w in words)
    main = enclosing([w.rect for w in words if w.size >= 0.85 * size and not hangs(w.face)] or [whole])
    return Rect(whole.left, main.bottom, whole.right, main.top)


def _commonest(weighted: Iterable[tuple[float, int]]) -> float:
    counts: Counter[float] = Counter()
    for value, count in weighted:
        counts[value] += count
    return max(counts, key=lambda value: counts[value])


def words_text(words: Sequence[Word]) -> str:
    """The words with spaces where the page has gaps, scripts as Unicode has them."""
    return clean(words_as_text(words))


def clean(text: str) -> str:
    """Ligatures opened, accents that no box tells about put on their letter, hyphens once, control characters dropped."""
    text = _CONTROL.sub("", text.translate(_LIGATURES)).replace("-\u00ad", "-")
    if any(accent in text for accent in _ACCENTS):
        text = _LOOSE_ACCENT.sub(_compose, text)
    return text


def _compose(match: re.Match[str]) -> str:
    letter = {"ı": "i", "ȷ": "j"}.get(match[2], match[2])
    return unicodedata.normalize("NFC", letter + _ACCENTS[match[1]])
