"""Lines that OCR read as the words the layout rules know: upright, on a baseline, in a size, in a face.

What a newcomer would get wrong: the box of a found line is no measure of its type. It is drawn around the ink with a margin
that varies by a fifth, so headings drown in noise. The ink itself tells: the height between baseline and the tops of small letters
is sharp along a whole line, and the ratio of ink to its edges is the thickness of the strokes, which is what bold means.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from itertools import accumulate, pairwise

import numpy as np
from numpy.typing import NDArray

from ingest.layout.page import ASCENT, DESCENT, Face, Rect, Word
from ingest.ocr import Image, ReadImage, ReadLine

#: Heights over the font size, the mean of common text faces: small letters, capitals and figures, a found box.
_X_HEIGHT, _CAP_HEIGHT, _BOX_HEIGHT = 0.45, 0.67, 1.25
#: Sizes of one document that differ by less (shares of the size) are one; by less than the second are two only where both are
#: common, the rarer one at least this share of the other.
_SAME_SIZE, _NEAR_SIZE, _COMMON = 0.03, 0.12, 0.15
#: Signs of a line that is measured by the ink alone.
_FEW_SIGNS = 6
#: Strokes grow slower than type, because every scan blurs by the same: this share of the body's stroke is the same in all sizes.
_BLUR = 0.5
#: Least white between two words, in font sizes: the rules take less for none (ingest/layout/lines.py).
_SPACE = 0.2
#: Spaces that a line must have for its others to be told by them, and their least width in those of the line.
_FEW_SPACES, _AS_SPACE = 2, 0.75
#: How much thicker than the body's strokes would be in their size those of bold words are at least; from the second figure on, a
#: word is bold that stands between words that are.
_BOLD, _NEARLY_BOLD = 1.17, 1.1
#: How much sharper than upright a line stands when it is sheared back, where it is italic.
_ITALIC = 1.15
#: Slant of italic type: columns per row.
_SLANT = 0.22

#: A face that gives back the size from a box of ours; see ingest/layout/turned.py.
PLAIN = Face(
    name="scan",
    is_bold=False,
    is_italic=False,
    is_mono=False,
    is_math=False,
    size_per_height=1 / (ASCENT + DESCENT),
    baseline=DESCENT / (ASCENT + DESCENT),
)
FACES = {
    (bold, italic): replace(PLAIN, name=f"scan{'-bold' * bold}{'-italic' * italic}", is_bold=bold, is_italic=italic)
    for bold in (False, True)
    for italic in (False, True)
}

#: Full-width signs, which a model that knows Chinese gives for Latin ones now and then.
_NARROW = str.maketrans("，。：；！？（）［］％＋－＝＜＞／～“”", ',.:;!?()[]%+-=<>/~""')


@dataclass(frozen=True, slots=True, kw_only=True)
class ScanWord:
    """A word on an upright page, before the document's sizes are known."""

    text: str
    left: float  #: points
    right: float
    stroke: float  #: thickness of its strokes in points; 0 = not known
    slant: float = 0.0  #: over 1 where it stands sharper when it is sheared back: italic


@dataclass(frozen=True, slots=True, kw_only=True)
class ScanLine:
    words: tuple[ScanWord, ...]
    base: float  #: y of the baseline in points, from below
    size: float  #: font size in points
    confidence: float
    turn: int  #: degrees against the page's text
    rect: Rect

    @property
    def n_chars(self) -> int:
        return sum(len(word.text) for word in self.words)


def scan_lines(read: ReadImage, points_per_pixel: float) -> list[ScanLine]:
    """The lines of one picture, set straight where the scan was skewed."""
    height, width = read.image.shape[:2]
    skew = skew_of(read.lines)
    middle = np.asarray([width / 2, height / 2])
    turn_back = np.asarray([[np.cos(skew), np.sin(skew)], [-np.sin(skew), np.cos(skew)]])
    lines = []
    for line in read.lines:
        corners = (line.corners - middle) @ turn_back.T + middle
        corners = np.column_stack([corners[:, 0], height - corners[:, 1]]) * points_per_pixel
        lines.append(_turned_line(line, corners) if line.turn else _line(line, corners, points_per_pixel))
    return [line for line in lines if line.words]


def skew_of(lines: Iterable[ReadLine]) -> float:
    """Radians by which the text runs downhill: the median of its lines, the longer ones counting more."""
    slopes = []
    for line in lines:
        along = line.corners[1] - line.corners[0] + line.corners[2] - line.corners[3]
        if not line.turn and along[0] > 0:
            slopes.append((float(np.arctan2(along[1], along[0])), float(along[0])))
    half, passed = sum(length for _, length in slopes) / 2, 0.0
    for slope, length in sorted(slopes):
        passed += length
        if passed >= half:
            return slope if abs(slope) < 0.2 else 0.0
    return 0.0


def _line(line: ReadLine, corners: NDArray[np.float64], scale: float) -> ScanLine:
    ink = ink_of(line.crop)
    top, bottom = float(corners[:2, 1].mean()), float(corners[2:, 1].mean())
    left, right = float(corners[[0, 3], 0].mean()), float(corners[[1, 2], 0].mean())
    per_pixel = (top - bottom) / max(1, ink.shape[0])
    size, base = (top - bottom) / _BOX_HEIGHT, bottom + 0.25 * (top - bottom)
    band = _band(ink, line.text)
    if band:
        size = (band[1] - band[0]) * per_pixel / (_X_HEIGHT if _has_small_letters(line.text) else _CAP_HEIGHT)
        base = top - band[1] * per_pixel
    words = _words(line, ink, left, (right - left) / max(1, ink.shape[1]))
    return ScanLine(
        words=tuple(words),
        base=base,
        size=size,
        confidence=line.confidence,
        turn=0,
        rect=Rect(left, min(top, bottom), right, max(top, bottom)),
    )


def _turned_line(line: ReadLine, corners: NDArray[np.float64]) -> ScanLine:
    """A line written up or down the page, as one word: it is no part of the running text."""
    lefts, bottoms = corners.min(axis=0)
    rights, tops = corners.max(axis=0)
    rect = Rect(float(lefts), float(bottoms), float(rights), float(tops))
    word = ScanWord(text=narrow(line.text.strip()), left=rect.left, right=rect.right, stroke=0.0)
    return ScanLine(
        words=(word,),
        base=rect.bottom,
        size=rect.width / _BOX_HEIGHT,
        confidence=line.confidence,
        turn=line.turn,
        rect=rect,
    )


def ink_of(crop: Image) -> NDArray[np.float64]:
    """How much ink each pixel has: 0 the paper, 1 the darkest; white on black counts as ink too."""
    grey = crop.astype(np.float64).mean(axis=2)
    dark, light = np.percentile(grey, 2), np.percentile(grey, 98)
    if light - dark < 20:
        return np.zeros_like(grey)
    ink = np.clip((light - grey) / (light - dark), 0, 1)
    ink = 1 - ink if np.median(ink) > 0.5 else ink
    return np.where(ink < 0.15, 0.0, ink)


def _band(ink: NDArray[np.float64], text: str) -> tuple[float, float] | None:
    """From where to where (pixels from the top) the letters' bodies stand: half of the densest row's ink and more.

    A few signs are too few for that; of those without a tail, the ink itself ends there.
    """
    if len(text) <= _FEW_SIGNS and not _has_small_letters(text) and not set(text) & set("gjpqyQ,;()[]{}|/"):
        inked = np.flatnonzero(ink.max(axis=1) > 0.5)
        return (float(inked[0]), float(inked[-1] + 1)) if len(inked) > 3 else None
    rows = ink.mean(axis=1)
    if rows.max() <= 0:
        return None
    half = 0.5 * np.percentile(rows, 90)
    above = np.flatnonzero(rows > half)
    # The longest run without a gap: an underline or the feet of the line above are others.
    runs = np.split(above, np.flatnonzero(np.diff(above) > 1) + 1)
    run = max(runs, key=len)
    first, last = int(run[0]), int(run[-1])
    if last - first < 3:
        return None
    start, end = float(first), float(last + 1)
    if first > 0:
        start -= float((rows[first] - half) / max(1e-6, rows[first] - rows[first - 1])) - 0.5
    if last + 1 < len(rows):
        end += float((rows[last] - half) / max(1e-6, rows[last] - rows[last + 1])) - 0.5
    return start, end


def _has_small_letters(text: str) -> bool:
    small = sum(sign in "acegmnopqrsuvwxyzäöüéèáóíúçñ" for sign in text)
    return small > 0.3 * sum(not sign.isspace() for sign in text)


def narrow(text: str) -> str:
    """Latin signs where the model took them for full-width ones: not in a text that has letters of such a script."""
    return text if re.search(r"[\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af]", text) else text.translate(_NARROW)


def _words(line: ReadLine, ink: NDArray[np.float64], left: float, scale: float) -> list[ScanWord]:
    """The words with their true ends: the white between the last letter of one and the first of the next."""
    filled = ink.max(axis=0) > 0.3
    sheared = _sheared(ink)
    columns = [place * ink.shape[1] for place in line.columns]
    texts = _spaced(narrow(line.text).split(), columns, filled)
    spans, at = [], 0
    for text in texts:
        inside = columns[at : at + len(text)] or [0.0]
        spans.append((inside[0], inside[-1]))
        at += len(text)
    edges = [_first_ink(filled)]
    for (_, end), (start, _) in pairwise(spans):
        edges.extend(_white(filled, int(end), int(np.ceil(start))))
    edges.append(_last_ink(filled))
    return [
        ScanWord(
            text=text,
            left=left + begin * scale,
            right=left + end * scale,
            stroke=_stroke(ink[:, begin:end]) * scale,
            slant=_sharpness(sheared[:, begin:end]) / max(1e-6, _sharpness(ink[:, begin:end])),
        )
        for text, begin, end in zip(texts, edges[::2], edges[1::2], strict=True)
        if end > begin
    ]


def _spaced(texts: Sequence[str], columns: Sequence[float], filled: NDArray[np.bool_]) -> list[str]:
    """The words, parted where the white between two letters is as wide as this line's spaces: the model drops one now and then."""
    whites = [_width(_white(filled, int(a), int(np.ceil(b)))) for a, b in pairwise(columns)]
    ends = list(accumulate(len(text) for text in texts))[:-1]
    spaces = sorted(whites[end - 1] for end in ends if 0 < end <= len(whites))
    if len(spaces) < _FEW_SPACES:
        return list(texts)
    least = _AS_SPACE * spaces[len(spaces) // 2]
    parted, at = [], 0
    for text in texts:
        start = 0
        for n in range(1, len(text)):
            if whites[at + n - 1] > least and not text[n - 1 : n + 1].isdigit():
                parted.append(text[start:n])
                start = n
        parted.append(text[start:])
        at += len(text)
    return parted


def _width(span: tuple[int, int]) -> int:
    return span[1] - span[0]


def _first_ink(filled: NDArray[np.bool_]) -> int:
    return int(np.argmax(filled))


def _last_ink(filled: NDArray[np.bool_]) -> int:
    return len(filled) - int(np.argmax(filled[::-1]))


def _white(filled: NDArray[np.bool_], start: int, end: int) -> tuple[int, int]:
    """Where the widest white between these columns begins and ends; their middle where there is none."""
    best, run = (0, 0), 0
    for column in range(start, min(end + 1, len(filled))):
        run = 0 if filled[column] else run + 1
        if run > best[1] - best[0]:
            best = (column - run + 1, column + 1)
    middle = (start + end) // 2
    return best if best[1] > best[0] else (middle, middle)


def _stroke(ink: NDArray[np.float64]) -> float:
    """Mean thickness of the strokes in pixels: a stroke of length n has n times its thickness of ink and 2 n of edges."""
    edges = np.hypot(*(np.diff(ink, axis=0)[:, :-1], np.diff(ink, axis=1)[:-1, :])).sum() if min(ink.shape) > 2 else 0.0
    return float(2 * ink.sum() / edges) if edges > 0 else 0.0


def _sheared(ink: NDArray[np.float64]) -> NDArray[np.float64]:
    """The line with italic letters upright: rows above the middle to the left, those below to the right."""
    middle = ink.shape[0] / 2
    return np.stack([np.roll(row, round((at - middle) * _SLANT)) for at, row in enumerate(ink)])


def _sharpness(ink: NDArray[np.float64]) -> float:
    """How much the ink gathers in some columns: stems that stand upright do."""
    columns = ink.sum(axis=0)
    return float((np.diff(columns) ** 2).sum() / max(1e-6, (columns**2).sum()))


def settle_sizes(pages: Sequence[Sequence[ScanLine]]) -> list[list[ScanLine]]:
    """The same lines, each in one of the few sizes that this document has."""
    lengths = [(line.size, line.n_chars) for lines in pages for line in lines if not line.turn]
    kept = _few_sizes(lengths)

    def settled(line: ScanLine) -> ScanLine:
        near = min(kept, key=lambda size: abs(size - line.size), default=line.size)
        return replace(line, size=near) if abs(near - line.size) <= _NEAR_SIZE * near else line

    return [[settled(line) for line in lines] for lines in pages]


def _few_sizes(lengths: Sequence[tuple[float, int]]) -> list[float]:
    """The sizes at which characters gather, the commonest first. Near a common one only another common one stands: the rest of
    what lies there is measured badly."""
    kept: list[tuple[float, int]] = []
    for centre in sorted({round(size, 1) for size, _ in lengths}):
        group = [(size, n) for size, n in lengths if abs(size - centre) <= _SAME_SIZE * centre]
        kept.append((round(_weighted_median(group), 1) if group else centre, sum(n for _, n in group)))
    chosen: list[tuple[float, int]] = []
    for size, n in sorted(kept, key=lambda peak: (-peak[1], peak[0])):
        near = [(other, m) for other, m in chosen if abs(other - size) <= _NEAR_SIZE * other]
        if all(abs(other - size) > 2 * _SAME_SIZE * other and n > _COMMON * m for other, m in near):
            chosen.append((size, n))
    return [size for size, _ in chosen]


def _weighted_median(weighted: Sequence[tuple[float, int]]) -> float:
    half, passed = sum(n for _, n in weighted) / 2, 0
    for value, n in sorted(weighted):
        passed += n
        if passed >= half:
            return value
    return weighted[0][0]


@dataclass(frozen=True, slots=True)
class Body:
    """How the text of most lines is printed."""

    size: float  #: points
    stroke: float  #: points; 0 = not known

    def thickness(self, word: ScanWord, size: float) -> float:
        """Of this word's strokes, 1 where they are what plain type of its size has."""
        expected = self.stroke * (_BLUR + (1 - _BLUR) * size / self.size) if self.size else 0.0
        return word.stroke / expected if expected else 1.0


def body_of(pages: Iterable[Iterable[ScanLine]]) -> Body:
    """The commonest size of these lines, which are settled, and the usual strokes in it."""
    lines = [line for page in pages for line in page if not line.turn]
    counts: dict[float, int] = {}
    for line in lines:
        counts[line.size] = counts.get(line.size, 0) + line.n_chars
    if not counts:
        return Body(0.0, 0.0)
    size = max(counts, key=lambda size: counts[size])
    strokes = [(word.stroke, len(word.text)) for line in lines if line.size == size for word in line.words if word.stroke]
    return Body(size, _weighted_median(strokes) if strokes else 0.0)


def words_of(lines: Iterable[ScanLine], body: Body) -> list[Word]:
    """Words as the rules take them, with the turn they have on the upright page."""
    words = []
    for line in lines:
        if line.turn:
            text = line.words[0].text
            words.append(Word(text, line.rect, line.size, line.rect.bottom, PLAIN, line.turn))
            continue
        bold = marked(line, [body.thickness(word, line.size) for word in line.words], _BOLD, _NEARLY_BOLD)
        italic = marked(line, [word.slant for word in line.words], _ITALIC, 1.0)
        ends = [min(a.right, b.left - _SPACE * line.size) for a, b in pairwise(line.words)] + [line.words[-1].right]
        for word, end, is_bold, is_italic in zip(line.words, ends, bold, italic, strict=True):
            right = max(end, word.left + 0.1 * line.size)
            rect = Rect(word.left, line.base - DESCENT * line.size, right, line.base + ASCENT * line.size)
            words.append(Word(word.text, rect, line.size, line.base, FACES[is_bold, is_italic]))
    return words


def marked(line: ScanLine, signs: Sequence[float], sure: float, nearly: float) -> list[bool]:
    """Which words of a line are bold, or italic. Short words are measured badly, so a word goes with its neighbours; and marked
    words inside a line matter to no rule, only those that begin it (a run-in heading) or fill it."""
    lengths = [len(word.text) for word in line.words]
    whole = _weighted_median(list(zip(signs, lengths, strict=True)))
    near = sum(n for sign, n in zip(signs, lengths, strict=True) if sign > nearly)
    if whole > sure and near > 0.7 * sum(lengths):
        return [True] * len(signs)
    end = 0
    for at, sign in enumerate(signs):
        if sign > nearly:
            end = at + 1
        elif lengths[at] > 2:
            break
    is_sure = end and _weighted_median(list(zip(signs[:end], lengths[:end], strict=True))) > sure and sum(lengths[:end]) > 4
    return [bool(is_sure) and at < end for at in range(len(signs))]
