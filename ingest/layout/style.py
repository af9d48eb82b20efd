"""How one document looks: its body type, the distance of its lines, the words it uses.

Pages are not judged one by one: a page of references or of tables would take its own small print for the body.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from ingest.layout.page import Line


@dataclass(frozen=True, slots=True)
class DocumentStyle:
    size: float  #: points; of most characters
    face: str  #: the font of most characters of that size
    bold: bool  #: True where the body itself is bold
    pitch: float  #: points from baseline to baseline in a paragraph
    known: frozenset[str]  #: words in lower case, compounds with their hyphen


def document_style(pages: Sequence[Iterable[Line]]) -> DocumentStyle:
    """The style of the document whose pages hold these lines."""
    sizes: Counter[float] = Counter()
    faces: Counter[tuple[float, str, bool]] = Counter()
    known: set[str] = set()
    for line in (line for lines in pages for line in lines):
        sizes[round(line.size * 2) / 2] += len(line.text)
        faces[round(line.size * 2) / 2, line.face, line.bold > 0.5] += len(line.text)
        known.update(word.lower() for word in re.findall(r"\w+(?:-\w+)*", line.text))
    if not sizes:
        return DocumentStyle(10.0, "", False, 12.0, frozenset())
    size = max(sizes, key=lambda s: sizes[s])
    (_, face, bold) = max((key for key in faces if key[0] == size), key=lambda key: faces[key])
    return DocumentStyle(size, face, bold, _pitch(pages, size), frozenset(known))


def _pitch(pages: Sequence[Iterable[Line]], size: float) -> float:
    """The commonest distance between lines of the body that begin at the same edge."""
    pitches: Counter[float] = Counter()
    for lines in pages:
        above: dict[int, Line] = {}
        for line in lines:
            edge = round(line.rect.left / 4)
            last = above.get(edge)
            if last and abs(line.size - size) < 0.6 and len(line.text) > 25:
                pitches[round((last.base - line.base) * 2) / 2] += 1
            above[edge] = line
    likely = {p: n for p, n in pitches.items() if size * 0.9 <= p <= size * 2.6}
    return max(likely, key=lambda p: likely[p]) if likely else 1.2 * size
