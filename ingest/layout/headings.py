"""Headings: short paragraphs that stand out from the body by size, weight, type, case, number and white space."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from ingest.layout.lines import make_line
from ingest.layout.page import Line, Word
from ingest.layout.style import DocumentStyle

NUMBERED = re.compile(
    r"^(?:(?:Appendix|Annex|Supplementary Note|Chapter|Section|Part)\s+)?((?:\d{1,2}|[A-Z])(?:\.\d{1,2}){0,4}|[IVX]{1,5})[.):]?\s+(?=\S)"
)
#: Names of sections, in the languages of the papers seen; spaces inside a name count, those at the line ends do not.
_NAMES = re.sub(
    r"\n\s+",
    "",
    r"""abstract|summary|introduction|background|related work|methods?|materials? and methods?|methods? and materials?|materials?
    |experimental(?: section| procedures?)?|results?|results? and discussions?|discussions?|conclusions?|concluding remarks
    |limitations|acknowledge?ments?|references|bibliography|literature cited|works cited|appendix|appendices
    |supplement(?:ary|al) (?:materials?|information|data)|supporting information|funding|conflicts? of interests?
    |competing interests?|disclosure(?: statement)?|author contributions?|data availability(?: statement)?
    |code availability|ethics(?: statement)?|keywords?
    |zusammenfassung|einleitung|methoden|ergebnisse|diskussion|literatur|literaturverzeichnis|fazit
    |resumo|resumen|introdução|introducción|métodos?|resultados?|discussão|discusión|conclusão|conclusões|conclusiones
    |referências|referencias|agradecimentos""",
)
_KNOWN = re.compile(rf"^(?:\W*(?:\d{{1,2}}|[IVX]{{1,5}})[.)]?\s+)?({_NAMES})\W*$", re.I)
_CAPS = re.compile(r"[^\W\d_]")


@dataclass(frozen=True, slots=True)
class Look:
    """What headings of one rank share."""

    size: float
    bold: bool
    italic: bool
    caps: bool
    face: str
    is_run_in: bool = False


def look_of(lines: Sequence[Line], *, is_run_in: bool = False) -> Look:
    n = sum(len(line.text) for line in lines) or 1
    text = " ".join(line.text for line in lines)
    main = max(lines, key=lambda line: len(line.text))
    return Look(
        size=round(main.size * 2) / 2,
        bold=sum(line.bold * len(line.text) for line in lines) > 0.6 * n,
        italic=sum(line.italic * len(line.text) for line in lines) > 0.6 * n,
        caps=is_caps(text),
        face=main.face,
        is_run_in=is_run_in,
    )


def is_caps(text: str) -> bool:
    letters = [c for c in text if c.isalpha()]
    return len(letters) > 3 and sum(c.isupper() for c in letters) > 0.85 * len(letters)


def is_known(text: str) -> bool:
    """True for 'Methods', '1. Introduction', 'References' and their like, standing alone."""
    return bool(_KNOWN.match(text.strip()))


def depth_of(text: str) -> int:
    """2 for '3.1 Sampling', 0 without a number."""
    match = NUMBERED.match(text)
    if not match:
        return 0
    return match[1].count(".") + 1


def is_heading(lines: Sequence[Line], style: DocumentStyle, *, white_above: float, white_below: float, width: float) -> bool:
    """True where this paragraph is a heading; the white around it is in points, over the usual distance of lines."""
    text = " ".join(line.text for line in lines)
    if not _could_be(text, lines, width):
        return False
    look = look_of(lines)
    isolated = white_above > 0.35 * style.pitch
    if is_known(text) and (isolated or look.bold or look.caps or look.size > style.size or look.face != style.face):
        return True
    if look.size >= style.size + 0.75:
        return isolated or look.size >= style.size + 1.5 or look.bold
    if look.size < style.size - 1.1:
        return False
    stands_out = (look.bold and not style.bold) or look.caps or _is_small_caps(look)
    numbered = bool(re.match(r"^(?:\d{1,2}(?:\.\d{1,2}){0,4}|[IVX]{1,5}\.|[A-Z]\.\d(?:\.\d)?)\.?\s+[A-ZÄÖÜ]", text))
    if stands_out:
        return isolated or white_below > -0.2 * style.pitch or numbered
    if look.face == style.face:
        return False
    if numbered and len(text) < 120:
        return isolated
    return isolated and not text.endswith((".", ",")) and (look.italic or _uniform(lines))


def _could_be(text: str, lines: Sequence[Line], width: float) -> bool:
    letters = len(_CAPS.findall(text))
    if letters < 3 or len(text) > 220 or len(lines) > 4 or letters < 0.5 * len(text.replace(" ", "")):
        return False
    if text.rstrip().endswith((",", ";", "-")) or (text.endswith(".") and len(text) > 90):
        return False
    if not re.match(r"^[\W\d]*[A-ZÀ-ÞΑ-Ω]", text) and not re.match(r"^[a-z]\w*[A-Z]|^\d", text) and not text[0].isupper():
        return False
    if re.match(r"^(https?:|www\.|doi\b|e-?mail)|@|^©|^\W*(?:copyright|received|accepted|published)\b", text, re.I):
        return False
    return (
        not any(word.face.is_math for word in lines[0].words[:1])
        and sum(len(w) > 2 for w in re.findall(r"[^\W\d_]+", text)) >= 1
    )


def _is_small_caps(look: Look) -> bool:
    return bool(re.search(r"caps|csc\d|smallcap|[-,]SC$|cmcsc", look.face, re.I))


def _uniform(lines: Sequence[Line]) -> bool:
    return all(word.face.name == lines[0].face for line in lines for word in line.words if len(word.text) > 2)


def split_run_in(lines: Sequence[Line], style: DocumentStyle) -> tuple[list[Line], list[Line]] | None:
    """The heading that runs into this paragraph and the rest, or None.

    A run-in heading is a few words in another type, ended by a stop, a colon or a wide gap.
    """
    words: list[Word] = [word for line in lines[:3] for word in line.words]
    start = 1 if len(words) > 2 and re.match(r"^\(?(?:\d{1,2}|[A-Z])(?:\.\d{1,2}){0,4}[.)]?$", words[0].text) else 0
    first = words[start].face
    if not (first.is_bold and not style.bold) and not (first.is_italic and first.name != style.face):
        return None
    end = next(
        (
            i
            for i, word in enumerate(words)
            if i >= start
            and (word.face.is_bold, word.face.is_italic) != (first.is_bold, first.is_italic)
            and len(word.text) > 1
        ),
        len(words),
    )
    head = words[:end]
    text = " ".join(word.text for word in head)
    if not 0 < end < len(words) or not 4 <= len(text) <= 120 or len(_CAPS.findall(text)) < 0.6 * len(text.replace(" ", "")):
        return None
    if not _ends_heading(text, head[-1], words[end], first.is_bold):
        return None
    if not text[0].isupper() and not text[0].isdigit():
        return None
    return _split_lines(lines, end)


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


@dataclass(frozen=True, slots=True)
class Heading:
    """What levels are told from."""

    text: str
    look: Look


def heading_levels(headings: Sequence[Heading]) -> list[int]:
    """The level of each heading, from 1: by its number, else by the company of its look."""
    depths: dict[Look, list[int]] = {}
    for heading in headings:
        depths.setdefault(_rank_look(heading.look), []).append(
            1 if is_known(heading.text) and not depth_of(heading.text) else depth_of(heading.text)
        )
    order = sorted(depths, key=_prominence)
    levels: dict[Look, int] = {}
    above = 0
    for look in order:
        numbered = [d for d in depths[look] if d]
        if numbered and len(numbered) >= 0.3 * len(depths[look]):
            level = max(set(numbered), key=lambda d: (numbered.count(d), -d))
        else:
            level = above + 1
        levels[look] = min(level, 6)
        above = max(above, levels[look]) if not numbered or look.is_run_in else max(above, level)
    return [_level(heading, headings, levels) for heading in headings]


#: Headings that stand at the top in every paper.
_TOP = re.compile(r"^\W*(abstract|introduction|references|bibliography|literature cited|acknowledge?ments?)\W*$", re.I)


def _level(heading: Heading, headings: Sequence[Heading], levels: Mapping[Look, int]) -> int:
    if _is_numbered(heading, headings):
        return depth_of(heading.text)
    return 1 if _TOP.match(heading.text) else levels[_rank_look(heading.look)]


def _rank_look(look: Look) -> Look:
    """The look without what differs between headings of one rank."""
    return Look(size=look.size, bold=look.bold, italic=look.italic, caps=look.caps, face="", is_run_in=look.is_run_in)


def _prominence(look: Look) -> tuple[bool, float, bool, bool, bool]:
    return (look.is_run_in, -look.size, not look.caps, not look.bold, look.italic)


def _is_numbered(heading: Heading, headings: Sequence[Heading]) -> bool:
    """True where this heading's number is one of a series, and so tells its depth."""
    depth = depth_of(heading.text)
    if not depth:
        return False
    return depth > 1 or sum(depth_of(other.text) == 1 for other in headings) >= 2
