"""Display formulas: rows of mathematics that stand apart from the text, with their limits, fractions and number.

A formula comes as many small lines (a numerator, a limit of a sum); left alone, they would cut the paragraphs.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from ingest.layout.block import Block, Kind
from ingest.layout.composing import formula_text
from ingest.layout.gutters import Gutter
from ingest.layout.lines import clean
from ingest.layout.page import Line, PageSignals, Rect, enclosing, overlap
from ingest.layout.paragraphs import is_code
from ingest.layout.scripts import main_row
from ingest.layout.style import DocumentStyle

_OPERATOR = re.compile(r"[=≈≃≅≡∼<>≤≥≪≫±∓×÷∑∏∫∂∇√∞∈∉⊂⊆∪∩∀∃→←↔⇒⟨⟩‖∥∝∘⊗⊕∆Δ^]|¼|\+|−")
_NUMBER = re.compile(r"^\(?[A-Z]?\d{1,3}(?:\.\d{1,3})?[a-z]?\)$")
_FUNCTIONS = frozenset(
    [
        "exp",
        "log",
        "sin",
        "cos",
        "tan",
        "min",
        "max",
        "arg",
        "lim",
        "sup",
        "inf",
        "det",
        "diag",
        "mod",
        "var",
        "cov",
        "tanh",
        "cosh",
        "sinh",
        "erf",
        "for",
        "and",
        "with",
        "where",
        "if",
        "otherwise",
        "otherwise,",
        "sgn",
        "rank",
        "span",
        "prob",
    ]
)
_WORD = re.compile(r"^[\W\d]*[A-Za-zÀ-ÿ]{3,}[\W]*$")


def find_formulas(
    lines: Sequence[Line], page: PageSignals, style: DocumentStyle, gutters: Sequence[Gutter]
) -> tuple[list[Block], list[Line]]:
    """The display formulas among these lines, and the lines that are left. None stands on both sides of a gutter."""
    counts = [_n_words(line) for line in lines]
    prose = [line for line, n in zip(lines, counts, strict=True) if n >= 3]
    loose = [
        line
        for line, n in zip(lines, counts, strict=True)
        if n < 3 and not _runs_on(line, prose, style) and not is_code([line])
    ]
    blocks, taken = [], set()
    for cluster in _clusters(loose, style, gutters):
        if _is_formula(cluster):
            blocks.append(_formula_block(cluster, page))
            taken |= {id(line) for line in cluster}
    return blocks, [line for line in lines if id(line) not in taken]


def _formula_block(lines: Sequence[Line], page: PageSignals) -> Block:
    """One formula as a block, its number at the end of its text."""
    ordered = tuple(sorted(lines, key=lambda line: (-line.base, line.rect.left)))
    numbers = [line for line in ordered if _NUMBER.match(line.text)]
    words = [word for line in ordered if line not in numbers for word in line.words]
    rect = enclosing([*(line.rect for line in ordered), *(word.rect for word in words)])
    bars = [bar for bar in (*page.across, *page.bars) if bar.share_inside(rect.grown(2.0, 2.0)) > 0.95]
    text = clean(formula_text(words, bars, [(line.text, line.base) for line in numbers]))
    return Block(kind=Kind.FORMULA, page=page.number, rect=rect, lines=ordered, text=text)


def _n_words(line: Line) -> int:
    """Words of a language, mathematics and scripts ('k_max') aside."""
    said = [w for w in line.words if _WORD.match(w.text) and not w.face.is_math and w.text not in _FUNCTIONS]
    if not said or min(w.size for w in said) > 0.85 * max(w.size for w in line.words):
        return len(said)
    least = 0.85 * main_row(line.words)[0]
    return sum(w.size > least for w in said)


def _runs_on(line: Line, prose: Sequence[Line], style: DocumentStyle) -> bool:
    """True where the line is the short end, or the beginning, of a paragraph rather than a row of its own."""
    if _NUMBER.match(line.text):
        return False
    for other in prose:
        drop = other.base - line.base
        if abs(drop) > 1.3 * style.pitch or abs(other.size - line.size) > 1.0:
            continue
        flush = abs(other.rect.left - line.rect.left) < 0.6 * line.size
        if flush and 0.5 * line.size < drop and line.size > 0.85 * other.size:
            return True
        if abs(drop) < 0.4 * line.size and -2 < line.rect.left - other.rect.right < 3 * line.size:
            return True
    return False


def _clusters(lines: Sequence[Line], style: DocumentStyle, gutters: Sequence[Gutter]) -> list[list[Line]]:
    """Lines that touch or nearly do; an equation number belongs to the nearest row on its left, however far that stands."""
    clusters: list[list[Line]] = []
    boxes: list[Rect] = []
    for line in sorted(lines, key=lambda line: _NUMBER.match(line.text) is not None):  # numbers last
        here = [i for i, box in enumerate(boxes) if not any(gutter.parts(box, line.rect) for gutter in gutters)]
        near = _rows_of(line, boxes, here) if _NUMBER.match(line.text) else [i for i in here if _near(boxes[i], line, style)]
        merged = [line]
        for i in near:
            merged += clusters[i]
        clusters = [c for i, c in enumerate(clusters) if i not in near] + [merged]
        boxes = [b for i, b in enumerate(boxes) if i not in near] + [enclosing(m.rect for m in merged)]
    return clusters


def _rows_of(number: Line, boxes: Sequence[Rect], here: Sequence[int]) -> list[int]:
    """Which of the boxes `here` this equation number belongs to: none, or the nearest at its height."""
    beside = [
        (number.rect.left - boxes[i].right, i)
        for i in here
        if overlap(boxes[i].bottom, boxes[i].top, number.rect.bottom, number.rect.top) > -0.3 * number.size
        and boxes[i].left < number.rect.left
    ]
    return [min(beside)[1]] if beside else []


def _near(box: Rect, line: Line, style: DocumentStyle) -> bool:
    shared = overlap(box.bottom, box.top, line.rect.bottom, line.rect.top)
    across = -overlap(box.left, box.right, line.rect.left, line.rect.right)
    return -shared < 0.55 * style.size and across < 3.5 * style.size


def _is_formula(lines: Sequence[Line]) -> bool:
    text = "".join(line.text for line in lines)
    words = [word for line in lines for word in line.words]
    n = sum(len(word.text) for word in words)
    math = sum(len(word.text) for word in words if word.face.is_math or _OPERATOR.search(word.text))
    if "@" in text and "." in text:  # an address
        return False
    if n < 3 or not _OPERATOR.search(text):
        return n >= 3 and math > 0.4 * n and len(lines) > 1
    letters = sum(_n_words(line) for line in lines)
    return letters <= 0.2 * len(words) + 1 and (
        math > 0.25 * n or any(_NUMBER.match(line.text) for line in lines) or letters == 0
    )
