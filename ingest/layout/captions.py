"""Captions: paragraphs that begin with a label such as 'Figure 3.' and do not merely mention one."""

from __future__ import annotations

import re
from collections.abc import Sequence

from ingest.layout.page import Line
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
