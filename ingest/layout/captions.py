"""Captions: paragraphs that begin with a label such as 'Figure 3.' and do not merely mention one, and what goes on with them.

A caption may have a bold title, panels that begin lines of their own, and two columns below a wide figure.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise

from ingest.layout.block import Block, Kind
from ingest.layout.hyphens import join_texts
from ingest.layout.page import Line, enclosing
from ingest.layout.style import DocumentStyle

_PREFIX = r"(?:(?:Supplementary|Supplemental|Extended\s+Data|Appendix|Online)\s+)?"
_FIGURE = _PREFIX + (
    r"(?:Fig(?:ure|s|\.)?|FIG(?:URE|\.)?|Scheme|SCHEME|Plate|Chart|Abb(?:ildung|\.)|Figura|Box|Listing|Algorithm|Video|Movie)"
)
_TABLE = _PREFIX + r"(?:Table|TABLE|Tab\.|Tabelle|Tabela|TABELA|Tabla)"
_NUMBER = r"\s*(?:[A-Z]{1,2}[.-]?)?(?:\d{1,3}(?:[.-]\d{1,2})?|[IVX]{1,6}|[A-Z])[a-z]?(?![\w-])"
_FIGURE_LABEL = re.compile(rf"^{_FIGURE}{_NUMBER}")
_TABLE_LABEL = re.compile(rf"^{_TABLE}{_NUMBER}")
#: Verbs and joining words after a label: a sentence that speaks of the figure.
_SENTENCE = re.compile(
    r"^\s*(?:\([a-z]\)\s*)?(?:,|and\b|or\b|shows?\b|show\b|is\b|are\b|was\b|were\b|presents?\b|depicts?\b|gives?\b|lists?\b|illustrates?\b"
    r"|summari[sz]es?\b|displays?\b|reports?\b|compares?\b|provides?\b|contains?\b|demonstrates?\b|indicates?\b|also\b|in\b|we\b|for\b|that\b"
    r"|reveals?\b|describes?\b|plots?\b|has\b|have\b|can\b|may\b|suggests?\b|with\b|of\b|\)|;|–|to\b)"
)

#: What begins a part of a caption: '(A)', '(B-C)', 'a)', 'n = 12'.
_PANEL = re.compile(r"^(?:\(?[A-Za-z](?:\s?[-–,]\s?[A-Za-z])*\)[.:,]?\s|[a-z])")
_ENDED = re.compile(r"[.!?)\]]['\"”’]*$")
#: Widest gutter between the columns of one caption, in font sizes.
_GUTTER = 5.0


def caption_of(lines: Sequence[Line], style: DocumentStyle) -> str | None:
    """'figure' or 'table' where these lines are a caption, else None."""
    text = lines[0].text
    for name, pattern in (("figure", _FIGURE_LABEL), ("table", _TABLE_LABEL)):
        match = pattern.match(text)
        if match and _labels(text, match.end(), lines[0], style):
            return name
    return None


def _labels(text: str, end: int, line: Line, style: DocumentStyle) -> bool:
    """True where the label stands as one: set off by its type, its sign or its line."""
    rest = text[end:]
    if not rest.strip(" .:|"):
        return True
    if re.match(r"\s*[.:|]\s*\S|\s*[–—-]\s", rest):
        return True
    if _is_set_off(line, len(text[:end].replace(" ", ""))):
        return not re.match(r"\s*[,;)]", rest)
    if _SENTENCE.match(rest):
        return False
    smaller = line.size < style.size - 0.4 or line.face != style.face
    return smaller or bool(re.match(r"\s+[A-Z(]", rest))


def _is_set_off(line: Line, n_label: int) -> bool:
    """True where the label is bold or in another type than the words after it."""
    seen = 0
    label_faces: set[tuple[bool, str]] = set()
    after: set[tuple[bool, str]] = set()
    for word in line.words:
        (label_faces if seen < n_label else after).add((word.face.is_bold, word.face.name))
        seen += len(word.text)
    return bool(label_faces) and bool(after) and not label_faces & after


def goes_on(caption: Sequence[Line], following: Sequence[Line], style: DocumentStyle) -> bool:
    """True where the paragraph below is still of the caption: its text below the title, another panel."""
    last, first = caption[-1], following[0]
    drop = last.base - first.base
    usual = max(1.3 * first.size, *(a.base - b.base for a, b in pairwise(caption)), 0.0)
    if drop > 1.15 * usual or abs(last.size - first.size) > 0.3 or caption_of(following, style) or first.bold > 0.9 > last.bold:
        return False
    if _PANEL.match(first.text) or (last.bold > 0.9 > first.bold and first.size < style.size - 0.4):
        return True
    is_full = last.rect.right > max(line.rect.right for line in following) - 4 * last.size
    return is_full and not _ENDED.search(last.text)


def with_second_columns(blocks: Sequence[Block], style: DocumentStyle) -> list[Block]:
    """The blocks of a page; a caption set in two columns is one block."""
    whole = list(blocks)
    for caption in [block for block in blocks if block.kind is Kind.CAPTION]:
        for block in [b for b in whole if b.kind is Kind.TEXT and _is_beside(caption, b, style)]:
            at = next(n for n, other in enumerate(whole) if other is caption)
            joined = replace(
                caption,
                rect=enclosing((caption.rect, block.rect)),
                lines=caption.lines + block.lines,
                text=join_texts((caption.text, block.text), style.known),
            )
            whole[at] = joined
            whole = [other for other in whole if other is not block]
            caption = joined
    return whole


def _is_beside(caption: Block, block: Block, style: DocumentStyle) -> bool:
    """True for text right beside the caption, at its height and in its type, which goes on with its last sentence."""
    first, start = caption.lines[0], block.lines[0]
    gap = block.rect.left - caption.rect.right
    return (
        0 < gap < _GUTTER * first.size
        and abs(first.base - start.base) < 1
        and abs(first.size - start.size) < 0.3
        and (start.text[:1].islower() or first.size < style.size - 0.4)
        and not _ENDED.search(caption.text)
    )
