"""The words of a display formula as one line of text: fractions, roots, limits and scripts where they belong.

From the inside out: the shortest bar first, so that what stands over and under a longer one is already text. Each fraction,
root and sum with limits becomes one word on its row's baseline; what is left is rows of words with scripts.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import replace

from ingest.layout.page import Rect, Word, enclosing, overlap
from ingest.layout.pieces import AXIS, hangs
from ingest.layout.scripts import closed, fraction, main_row, words_as_text

_LARGE = frozenset("∑∏∐∫∮⋃⋂⨁⨂⊕⊗")
_UNDER = frozenset({"lim", "max", "min", "sup", "inf", "argmax", "argmin", "arg max", "arg min", "det", "limsup", "liminf"})
#: First pieces of tall delimiters, and the pieces below them, which add nothing.
_TALL = str.maketrans({"⎡": "[", "⎤": "]", "⎛": "(", "⎞": ")", "⎧": "{", "⎫": "}", **dict.fromkeys("⎢⎣⎥⎦⎜⎝⎟⎠⎨⎩⎪⎬⎭⎮⎷", "")})
#: How tall the hanging signs of TeX are in display, in sizes; delimiters come in four heights, of which this is the middle.
_HEIGHTS = (("∑∏∐⋃⋂⨁⨂", 1.4), ("∫∮", 2.2), ("√", 1.8))
#: Farthest that a numerator or a denominator stands from its bar, and its rows from each other, in sizes.
_REACH = 0.75


def formula_text(words: Sequence[Word], bars: Sequence[Rect], numbers: Sequence[tuple[str, float]] = ()) -> str:
    """All rows of a formula from the top down, each number (its text and its baseline) after the row that it stands beside."""
    if not words:
        return " ".join(text for text, _ in numbers)
    size = main_row(words)[0]
    left = _as_signs(words, size)
    ordered = sorted(distinct_bars(bars), key=lambda bar: bar.width)
    for bar in ordered:
        left = with_bar(left, bar, ordered, size)
    rows = _rows(_with_limits(left, size), size)
    texts = [words_as_text(sorted(row, key=lambda word: word.rect.left)) for _, row in rows]
    for number, base in numbers:
        beside = min(range(len(rows)), key=lambda at: abs(rows[at][0] - base))
        texts[beside] = f"{texts[beside]} {number}"
    return "\n".join(text for text in texts if text)


def _as_signs(words: Sequence[Word], size: float) -> list[Word]:
    """The words with a sign for each tall delimiter built of pieces, and with boxes around what hangs below its baseline."""
    made = [replace(word, text=word.text.translate(_TALL).replace("-", "−")) for word in words]
    return [_unhung(word, size) if hangs(word.face) else word for word in made if word.text]


def _unhung(word: Word, size: float) -> Word:
    if word.text == "√" and word.rect.top > word.base + 1:  # on its radicand's baseline already
        return word
    height = size * next((h for signs, h in _HEIGHTS if word.text[0] in signs), 1.8)
    return replace(word, rect=Rect(word.rect.left, word.base - height, word.rect.right, word.base))


def distinct_bars(bars: Iterable[Rect]) -> list[Rect]:
    """Each bar once: a stroke is often reported as the line and as the box."""
    return list({(round(bar.left), round(bar.right), round(bar.bottom)): bar for bar in bars}.values())


def with_bar(words: list[Word], bar: Rect, bars: Sequence[Rect], size: float) -> list[Word]:
    """The words with those over and under this bar made one: a fraction, or what a root covers."""
    root = next((w for w in words if w.text.endswith("√") and _covers(w, bar, size)), None)
    if root:
        return _with_root(words, root, bar, bars, size)
    above, below = (_nearest_row(_stack(words, bar, bars, size, side), size, side) for side in (1, -1))
    if not above or not below:
        return words
    text = fraction(_text_of(above, size), _text_of(below, size))
    row = max(main_row(above)[0], main_row(below)[0])
    middle = (bar.bottom + bar.top) / 2
    made = _word(text, enclosing([bar, *(w.rect for w in [*above, *below])]), row, middle - AXIS * size, above[0])
    return [w for w in words if w not in above and w not in below] + [made]


def _nearest_row(stack: list[Word], size: float, side: int) -> list[Word]:
    """Of two rows over or under a bar the nearer: the other is the next formula's. None of more: it is the rule of a matrix."""
    rows = _rows(stack, size) if stack else []
    return rows[-1 if side > 0 else 0][1] if 0 < len(rows) < 3 else []


def _with_root(words: list[Word], root: Word, bar: Rect, bars: Sequence[Rect], size: float) -> list[Word]:
    """The words with this root's sign and all that its bar covers made one; what goes on beside it is not under the root."""
    parts = [part for word in words for part in (_parts(word, bar, size) if word is not root else [word])]
    near = [w for w in parts if w is not root and abs(w.base - root.base) < 0.9 * size]
    below = _stack(near, bar, bars, size, -1, is_root=True)
    if not below:
        return words
    inside = _text_of(below, size)
    row, base = main_row(below)
    made = _word(root.text + closed(inside), enclosing(w.rect for w in [root, *below]), row, base, below[0])
    return [w for w in parts if w not in below and w is not root] + [made]


def _parts(word: Word, bar: Rect, size: float) -> list[Word]:
    """What stands under the bar and what goes on after it: of '2,' the comma."""
    rect, text = word.rect, word.text
    at = round(len(text) * (bar.right - rect.left) / max(rect.width, 0.1))
    is_over = rect.right > bar.right + 0.15 * size and rect.top > bar.bottom - 2 * size and rect.bottom < bar.bottom
    if not is_over or not 0 < at < len(text) or not re.fullmatch(r"\w*[,.;:)]*", text[at:]):
        return [word]
    return [
        replace(word, text=text[:at], rect=rect._replace(right=bar.right)),
        replace(word, text=text[at:], rect=rect._replace(left=bar.right)),
    ]


def _covers(root: Word, bar: Rect, size: float) -> bool:
    """True where this bar begins at the top right corner of the root's sign."""
    return abs(root.rect.right - bar.left) < 0.35 * size and bar.bottom > root.rect.bottom + 0.6 * root.rect.height


def _word(text: str, rect: Rect, size: float, base: float, like: Word) -> Word:
    """A word that was made of others: a letter of its row, whatever stands in it."""
    return Word(text, rect, size, base, replace(like.face, is_math=False))


def _stack(
    words: Sequence[Word], bar: Rect, bars: Sequence[Rect], size: float, side: int, *, is_root: bool = False
) -> list[Word]:
    """The words that stand on the bar (side 1) or hang below it (-1), up to the next white or bar."""
    middle = (bar.bottom + bar.top) / 2
    held: list[Word] = []
    edge = middle
    walls = [
        b for b in bars if b != bar and (b.bottom - middle) * side > 1 and overlap(b.left, b.right, bar.left, bar.right) > 0
    ]
    wall = min((b.bottom * side for b in walls if b.width >= bar.width), default=float("inf"))
    inside = [w for w in words if bar.left - 0.15 * size <= w.rect.middle[0] <= bar.right + 0.15 * size]
    inside = [w for w in inside if (w.rect.middle[1] - middle) * side > 0 and w.rect.middle[1] * side < wall]
    beside = [b for b in bars if b != bar and abs(b.bottom - bar.bottom) < 0.3 * size]
    others = [
        w for w in words if w not in inside and w.text != "√" and not any(b.left < w.rect.middle[0] < b.right for b in beside)
    ]
    if is_root:
        inside = [w for w in inside if w.rect.middle[0] <= bar.right]
    else:
        inside = [w for w in inside if not any(_goes_on(w, other, size) for other in others)]
    for word in sorted(inside, key=lambda w: w.rect.bottom if side > 0 else -w.rect.top):
        near = word.rect.bottom if side > 0 else word.rect.top
        if (near - edge) * side > (_REACH if not held else 0.3) * size:
            break
        held.append(word)
        edge = max(edge * side, (word.rect.top if side > 0 else word.rect.bottom) * side) * side
    return held


def _goes_on(word: Word, other: Word, size: float) -> bool:
    """True where the other stands right beside the word on its baseline: then the word is of a row that is wider than the bar."""
    gap = max(other.rect.left - word.rect.right, word.rect.left - other.rect.right)
    return (
        word.size > 0.85 * size
        and -0.1 * size < gap < 0.45 * size
        and abs(word.base - other.base) < 0.08 * size
        and abs(word.size - other.size) < 0.1 * size
    )


def _text_of(words: Sequence[Word], size: float) -> str:
    return " ".join(
        words_as_text(sorted(row, key=lambda word: word.rect.left)) for _, row in _rows(_with_limits(list(words), size), size)
    )


def _with_limits(words: list[Word], size: float) -> list[Word]:
    """Sums, products and 'lim' with what stands over and under them."""
    for sign in [word for word in words if word.text[-1:] in _LARGE or word.text in _UNDER]:
        if sign not in words:
            continue
        limits = [w for w in words if w is not sign and _is_limit(w, sign, size)]
        over = [w for w in limits if w.rect.middle[1] > sign.rect.middle[1]]
        under = [w for w in limits if w not in over]
        if not limits:
            continue
        text = sign.text + "".join(f"{mark}{_limit_text(part)}" for mark, part in (("_", under), ("^", over)) if part)
        words = [w for w in words if w is not sign and w not in limits]
        base = sign.rect.middle[1] - AXIS * size if sign.text[-1:] in _LARGE else sign.base
        words.append(_word(text, enclosing(w.rect for w in [sign, *limits]), size, base, sign))
    return words


def _limit_text(words: Sequence[Word]) -> str:
    text = words_as_text(sorted(words, key=lambda word: word.rect.left))
    return text if len(text) == 1 else f"{{{text}}}"


def _is_limit(word: Word, sign: Word, size: float) -> bool:
    """True for a small word that is centred over or under the sign, or touches one that is."""
    if word.size > 0.9 * size and not (word.face.is_math and not any(c.isalnum() for c in word.text)):
        return False
    middle = sign.rect.middle
    apart = abs(word.rect.middle[1] - middle[1])
    if not 0.55 * size < apart < 2.2 * size:
        return False
    return (
        sign.rect.left - 1.2 * size < word.rect.middle[0] < sign.rect.right + 1.2 * size
        and overlap(sign.rect.left - 0.8 * size, sign.rect.right + 0.15 * size, word.rect.left, word.rect.right) > 0
    )


def _rows(words: Sequence[Word], size: float) -> list[tuple[float, list[Word]]]:
    """The words by rows from the top down, each with its baseline. Words of the full size make the rows; the others go to the
    nearest beside them."""
    rows: list[tuple[float, list[Word]]] = []
    full = [w for w in words if w.size > 0.85 * size and not _is_adrift(w)]
    for word in sorted(full or words, key=lambda w: -w.base):
        row = next((row for row in rows if abs(row[0] - word.base) < 0.4 * size), None)
        if row:
            row[1].append(word)
        else:
            rows.append((word.base, [word]))
    for word in words:
        if not any(word in row for _, row in rows):
            min(rows, key=lambda row: _distance(word, row, size))[1].append(word)
    return rows


def _is_adrift(word: Word) -> bool:
    """True where the box does not tell the baseline: operators and tall delimiters of mathematics, sums with limits."""
    return word.text[0] in _LARGE or (word.face.is_math and not any(c.isalnum() for c in word.text))


def _distance(word: Word, row: tuple[float, list[Word]], size: float) -> float:
    """How far the word is from this row: up and down first, then from its nearest word."""
    base, words = row
    beside = min(max(0.0, -overlap(w.rect.left, w.rect.right, word.rect.left, word.rect.right)) for w in words)
    return abs(word.rect.middle[1] - (base + AXIS * size)) + 0.5 * min(beside, 4 * size)
