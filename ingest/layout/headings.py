"""Headings: short paragraphs that stand out from the body by size, weight, type, case, number and white space."""

from __future__ import annotations

import re
from collections.abc import Sequence

from ingest.layout.looks import is_small_caps, look_of
from ingest.layout.names import is_known
from ingest.layout.page import Line
from ingest.layout.paragraphs import BULLET
from ingest.layout.style import DocumentStyle

NUMBERED = re.compile(
    r"^(?:(?:Appendix|Annex|Supplementary Note|Chapter|Section|Part)\s+)?((?:\d{1,2}|[A-Z])(?:\.\d{1,2}){0,4}|[IVX]{1,5})[.):]?\s+(?=\S)"
)
#: 'Answer: 12': a label with its value.
_LABEL = re.compile(r"^[^:]{2,40}:\s+\S")
_CAPS = re.compile(r"[^\W\d_]")


def depth_of(text: str) -> int:
    """2 for '3.1 Sampling', 0 without a number; 'A good model' has none."""
    match = NUMBERED.match(text)
    if not match or re.match(r"[A-Z]\s+[a-z]", text):
        return 0
    return match[1].count(".") + 1


def is_heading(lines: Sequence[Line], style: DocumentStyle, *, white_above: float, white_below: float) -> bool:
    """True where this paragraph is a heading; the white around it is in points, over the usual distance of lines."""
    text = " ".join(line.text for line in lines)
    if not could_be(lines):
        return False
    look = look_of(lines)
    isolated = white_above > 0.35 * style.pitch
    if is_known(text) and (isolated or look.bold or look.caps or look.size > style.size or look.face != style.face):
        return True
    if look.size >= style.size + 0.75:
        return isolated or look.size >= style.size + 1.5 or look.bold
    if look.size < style.size - 1.1:
        return False
    stands_out = (look.bold and not style.bold) or look.caps or is_small_caps(look)
    numbered = bool(re.match(r"^(?:\d{1,2}(?:\.\d{1,2}){0,4}|[IVX]{1,5}\.|[A-Z]\.\d(?:\.\d)?)\.?\s+[A-ZÄÖÜ]", text))
    if stands_out:
        return isolated or white_below > -0.2 * style.pitch or numbered
    if look.face == style.face:
        return False
    if numbered and len(text) < 120:
        return isolated
    return isolated and not text.endswith((".", ",")) and (look.italic or _uniform(lines))


def could_be(lines: Sequence[Line]) -> bool:
    """True where the words could be those of a heading, however they look."""
    text = " ".join(line.text for line in lines)
    letters = len(_CAPS.findall(text))
    if _LABEL.match(text) and lines[0].words[0].face.is_bold and not lines[-1].words[-1].face.is_bold:
        return False
    if BULLET.match(text) or letters < 3 or len(text) > 220 or len(lines) > 4 or letters < 0.5 * len(text.replace(" ", "")):
        return False
    if text.rstrip().endswith((",", ";", "-")) or (text.endswith(".") and len(text) > 90):
        return False
    if (
        not re.match(r"^[\W\d⁰¹²³⁴-⁹]*[A-ZÀ-ÞΑ-Ω]", text)
        and not re.match(r"^[a-z]\w*[A-Z]|^\d", text)
        and not text[0].isupper()
    ):
        return False
    if re.match(r"^(https?:|www\.|doi\b|e-?mail)|@|^©|^\W*(?:copyright|received|accepted|published)\b", text, re.I):
        return False
    words = [word for word in re.findall(r"[^\W\d_]+", text) if len(word) > 2]
    if text.endswith(":") and len(words) > 6:
        return False
    if not NUMBERED.match(text) and all(word.face.is_mono for line in lines for word in line.words):
        return False
    return bool(words) and not lines[0].words[0].face.is_math and sum(map(len, words)) > 0.6 * letters


def _uniform(lines: Sequence[Line]) -> bool:
    return all(word.face.name == lines[0].face for line in lines for word in line.words if len(word.text) > 2)
