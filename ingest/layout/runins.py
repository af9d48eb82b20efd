"""Run-in headings: a few words in another type at the beginning of their paragraph."""

from __future__ import annotations

import re
from collections.abc import Sequence

from ingest.layout.lines import make_line
from ingest.layout.page import Face, Line, Word
from ingest.layout.style import DocumentStyle

_LETTER = re.compile(r"[^\W\d_]")


def split_run_in(lines: Sequence[Line], style: DocumentStyle) -> tuple[list[Line], list[Line]] | None:
    """The heading that runs into this paragraph and the rest, or None.

    A run-in heading is a few words in another type, ended by a stop, a colon or a wide gap. One word in between may be set
    otherwise: its letters are often of a font of ligatures, whose name hides that it is bold.
    """
    words: list[Word] = [word for line in lines[:3] for word in line.words]
    start = 1 if len(words) > 2 and re.match(r"^\(?(?:\d{1,2}|[A-Z])(?:\.\d{1,2}){0,4}[.)]?$", words[0].text) else 0
    first = words[start].face
    is_heads = first.name in style.heads
    if not (first.is_bold and not style.bold) and not (first.is_italic and first.name != style.face) and not is_heads:
        return None
    others = [i for i in range(start, len(words)) if len(words[i].text) > 1 and not _is_in_type(words[i], first, style)]
    end = next((i for i in others if i + 1 == len(words) or i + 1 in others or len(words[i + 1].text) < 2), len(words))
    head = words[:end]
    text = " ".join(word.text for word in head)
    if not 0 < end < len(words) or not 4 <= len(text) <= 120 or len(_LETTER.findall(text)) < 0.6 * len(text.replace(" ", "")):
        return None
    if not _ends_heading(text, head[-1], words[end], first.is_bold or is_heads):
        return None
    if not text[0].isupper() and not text[0].isdigit():
        return None
    return _split_lines(lines, end)


def _is_in_type(word: Word, first: Face, style: DocumentStyle) -> bool:
    """True for a word of the heading: in bold a slanted name is one of its words too."""
    if first.is_bold and not style.bold:
        return word.face.is_bold
    if first.name in style.heads:
        return word.face.name == first.name
    return (word.face.is_bold, word.face.is_italic) == (first.is_bold, first.is_italic)


def _ends_heading(text: str, last: Word, following: Word, is_bold: bool) -> bool:
    if text.endswith((".", ":", "?")):
        return is_bold or text.endswith((".", ":"))
    gap = following.rect.left - last.rect.right
    return is_bold and abs(following.base - last.base) < 2 and gap > 0.8 * last.size and following.text[:1].isupper()


def _split_lines(lines: Sequence[Line], n_words: int) -> tuple[list[Line], list[Line]]:
    head: list[Line] = []
    for at, line in enumerate(lines):
        if n_words >= len(line.words):
            head.append(line)
            n_words -= len(line.words)
            continue
        rest = list(lines[at + 1 :])
        if n_words:
            head.append(make_line(line.words[:n_words]))
            rest.insert(0, make_line(line.words[n_words:]))
        else:
            rest.insert(0, line)
        return head, rest
    return head, []
