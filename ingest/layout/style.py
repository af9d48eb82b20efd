"""How one document looks: its body type, the distance of its lines, the words it uses.

Pages are not judged one by one: a page of references or of tables would take its own small print for the body.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from ingest.layout.hyphens import known_words
from ingest.layout.names import is_known
from ingest.layout.page import Line

#: Pairs of lines that tell a page's own distance.
_FEWEST_PITCHES = 6


@dataclass(frozen=True, slots=True)
class DocumentStyle:
    size: float  #: points; of most characters
    face: str  #: the font of most characters of that size
    bold: bool  #: True where the body itself is bold
    pitch: float  #: points from baseline to baseline in a paragraph
    known: frozenset[str]  #: words in lower case, compounds with their hyphen
    families: frozenset[str] = frozenset()  #: font families of text and headings; others are those of figures
    heads: frozenset[str] = (
        frozenset()
    )  #: fonts of the sections' usual names that are not the body's: a name may hide that it is bold


def document_style(pages: Sequence[Iterable[Line]]) -> DocumentStyle:
    """The style of the document whose pages hold these lines."""
    sizes: Counter[float] = Counter()
    faces: Counter[tuple[float, str, bool]] = Counter()
    for line in (line for lines in pages for line in lines):
        sizes[round(line.size * 2) / 2] += len(line.text)
        faces[round(line.size * 2) / 2, line.face, line.bold > 0.5] += len(line.text)
    if not sizes:
        return DocumentStyle(10.0, "", False, 12.0, frozenset())
    known = known_words(line.text for lines in pages for line in lines)
    size = max(sizes, key=lambda s: sizes[s])
    (_, face, bold) = max((key for key in faces if key[0] == size), key=lambda key: faces[key])
    named = Counter(line.face for lines in pages for line in lines if is_known(line.text) and line.face != face)
    heads = frozenset(font for font, n in named.items() if n > 2)
    return DocumentStyle(size, face, bold, _pitch(pages, size), known, _families(pages), heads)


def page_style(style: DocumentStyle, lines: Sequence[Line]) -> DocumentStyle:
    """The document's style with this page's own distance of lines, where that is another: a manuscript at double distance has its
    references, captions and addresses at single distance.
    """
    pitches = _pitches([lines], style.size)
    pitch = max(pitches, key=lambda p: pitches[p], default=style.pitch)
    if pitches[pitch] < _FEWEST_PITCHES or pitches[pitch] < 0.5 * pitches.total() or 0.8 < pitch / style.pitch < 1.25:
        return style
    return replace(style, pitch=pitch)


def family_of(face: str) -> str:
    """'LMRoman' for LMRoman10-Bold. Opaque names such as AdvOT1ef757c0.B say nothing and stay whole."""
    return (
        face
        if _OPAQUE.match(face)
        else re.split(r"(?<=[a-z])(?=Bold|Ital|Light|Semi|Regular|Medi|MT)|[-,.+\d]", face)[0] or face
    )


_OPAQUE = re.compile(r"^(?:Adv\w+|[A-Z]{1,3}\d+$|.*[0-9a-f]{6})")


def _families(pages: Sequence[Iterable[Line]]) -> frozenset[str]:
    """The families in which sentences and the usual section names are set, and those of mathematics and code."""
    counts: Counter[str] = Counter()
    named: Counter[str] = Counter()
    always: set[str] = set()
    for line in (line for lines in pages for line in lines):
        family = family_of(line.face)
        counts[family] += sum(len(word.text) > 2 for word in line.words) >= 6
        named[family] += is_known(line.text)
        always.update(family_of(word.face.name) for word in line.words if word.face.is_math or word.face.is_mono)
    need = max(4.0, 0.01 * sum(counts.values()))
    return frozenset(family for family in counts if counts[family] >= need or named[family] > 1) | always


def _pitch(pages: Sequence[Iterable[Line]], size: float) -> float:
    """The commonest distance between lines of the body."""
    pitches = _pitches(pages, size)
    return max(pitches, key=lambda p: pitches[p], default=1.2 * size)


def _pitches(pages: Sequence[Iterable[Line]], size: float) -> Counter[float]:
    """How often each distance stands between lines of the body that begin at the same edge."""
    pitches: Counter[float] = Counter()
    for lines in pages:
        above: dict[int, Line] = {}
        for line in lines:
            edge = round(line.rect.left / 4)
            last = above.get(edge)
            if last and abs(line.size - size) < 0.6 and len(line.text) > 25:
                pitches[round((last.base - line.base) * 2) / 2] += 1
            above[edge] = line
    return Counter({p: n for p, n in pitches.items() if size * 0.9 <= p <= size * 2.6})
