"""Say which material plays a role that a field asks for: 'Ni-YSZ anode', 'the cathode was LSCF', 'BaZrO3 is used as an electrolyte'.

The word of the role stands right beside the material, or beside one that it is listed with.
"""

from __future__ import annotations

import re

from extract.embedded.chemical_names import chemical_names
from extract.embedded.formulas import formulas
from extract.embedded.words import stem, stems_of

Span = tuple[int, int]

#: Words of a field's name that say nothing about the role.
MATTER = frozenset(stem(word) for word in ("material", "materials", "compound", "substance", "composition", "used", "layer"))
#: 'YSZ', '8YSZ', 'Ni-YSZ', 'NiO–GDC': capitals, and parts joined that begin with one.
_ABBREVIATION = re.compile(
    r"(?<![\w-])\d{0,2}(?:[A-Z][A-Za-z]*[A-Z]\w*(?:[-–‐/+]\d{0,2}[A-Z]\w*)*|[A-Z]\w{0,5}(?:[-–‐/+]\d{0,2}[A-Z]\w*)+)"
)
_KIND = (
    r"(?:based|supported|infiltrated|impregnated|doped|composite|cermet|thin|porous|dense|film|oxide|ceramic|fuel|nanofib\w+|perovskite|"
    r"layered|metal|alloy|bulk)"
)
_BEFORE = re.compile(
    rf"(?:[-‐–\s]{_KIND}){{0,3}}(?:[-‐–\s]|\s(?:(?:is|was|were|are)\s)?(?:\w+ly\s)?(?:(?:used|employed|chosen|applied|served?|acts?|acted)\s)?"
    rf"as\s(?:an?\s|the\s)?(?:{_KIND}\s){{0,2}})\(?$"
)
_AFTER = re.compile(
    r"(?:\w{0,3})(?:\s(?:materials?|layers?|films?|side|compositions?))?"
    r"(?:\s(?:was|is|were|are|made|composed|consisting|consists|fabricated|based|comprising))*"
    r"(?:\s(?:of|on|from|by|as|with|such as|including|like|namely))?"
    r"[\s(:,]{1,2}(?:an?\s|the\s|pure\s|dense\s|porous\s|e\.g\.,?\s)?$"
)
_LISTED = re.compile(r",?\s(?:and|or)\s|,\s|\s?/\s?|\svs\.?\s")


def players(text: str, wanted: frozenset[str]) -> list[str]:
    """The materials of this sentence in the role that these stems name, each once."""
    named = materials(text)
    play = [_is_beside(text, span, wanted) for span in named]
    pairs = [i for i in range(len(named) - 1) if _LISTED.fullmatch(text, named[i][1], named[i + 1][0])]
    for i in (*pairs, *reversed(pairs)):
        if play[i] or play[i + 1]:
            play[i] = play[i + 1] = True
    return list(dict.fromkeys(text[a:b] for (a, b), plays in zip(named, play, strict=True) if plays))


def materials(text: str) -> list[Span]:
    """Formulas, names and abbreviations, the longest of those that overlap. What has a plural ('SOFCs') is a thing and no material."""
    short = [
        m.span()
        for m in _ABBREVIATION.finditer(text)
        if not m[0].endswith("s") and not re.search(rf"\b{re.escape(m[0])}s\b", text)
    ]
    kept: list[Span] = []
    for span in sorted([*short, *formulas(text), *chemical_names(text)], key=lambda one: (one[0] - one[1], one[0])):
        if all(span[1] <= other[0] or other[1] <= span[0] for other in kept):
            kept.append(span)
    return sorted(kept)


def _is_beside(text: str, span: Span, wanted: frozenset[str]) -> bool:
    """Whether a word of the role stands right before or right after this material."""
    floor = max(0, span[0] - 70)
    for match in re.finditer(r"[A-Za-z]+", text[floor : span[1] + 60]):
        start, end = match.start() + floor, match.end() + floor
        if not stems_of(match[0]) & wanted:
            continue
        if start >= span[1] and _BEFORE.fullmatch(text, span[1], start):
            return True
        if end <= span[0] and _AFTER.fullmatch(text, end, span[0]):
            return True
    return False
