"""How deep headings stand: told from their numbers, and from the company of their looks in the whole document."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

from ingest.layout.headings import depth_of
from ingest.layout.looks import Look
from ingest.layout.names import is_known
from ingest.layout.style import family_of

#: Headings that stand at the top in every paper.
_TOP = re.compile(
    r"^\W*(abstract|introduction|references|bibliography|literature cited|acknowledge?ments?|declarations)\W*$", re.I
)
#: Sections that stand at the top unless they repeat, as they do where each of several experiments has its own.
_MAIN = re.compile(
    r"^\W*(?:methods?|materials? and methods?|methods? and materials?|experimental (?:section|procedures)|results?"
    r"|results? and discussions?|discussions?|conclusions?)\W*$",
    re.I,
)
#: Sections that are divided where a paper has them all.
_DIVIDED = re.compile(
    r"^\W*(?:methods?|materials? and methods?|methods? and materials?|results?|results? and discussions?)\W*$", re.I
)
#: Sections that are not, so that what follows them in the same type is a section too.
_UNDIVIDED = re.compile(r"^\W*(?:introduction|background|discussions?|conclusions?)\W*$", re.I)
#: Points over the body's size from which type is large.
LARGER = 0.75


@dataclass(frozen=True, slots=True)
class Heading:
    """What an outline is told from."""

    text: str
    look: Look
    is_mixed: bool = False  #: True where some words are italic and some not: a species in a heading, or a heading around one
    n_words: int = 99  #: of the paragraph that a run-in heading opens


def heading_levels(headings: Sequence[Heading], size: float = 10.0) -> list[int]:
    """The level of each heading, from 1: by its number, else by the rank of its look in the document. No level is left out."""
    headings = _by_family(_as_sisters(headings))
    ranked = _look_levels(headings, size)
    depths = _depths(headings)
    in_series = sum(depth == 1 for depth in depths) >= 2
    often = Counter(heading.text.lower() for heading in headings)
    levels = []
    for heading, depth in zip(headings, depths, strict=True):
        if heading.look.is_run_in and not is_known(heading.text):
            level = ranked[rank_look(heading.look)]
        elif depth and (depth > 1 or in_series):
            level = depth
        elif _TOP.match(heading.text) or (_MAIN.match(heading.text) and often[heading.text.lower()] == 1):
            level = 1
        else:
            level = ranked[rank_look(heading.look)]
        levels.append(level)
    levels = _below_divided(headings, levels)
    used = sorted(set(levels))
    return [min(used.index(level) + 1, 6) for level in levels]


def _as_sisters(headings: Sequence[Heading]) -> list[Heading]:
    """Headings that differ from their sisters by chance with their sisters' look.

    Those that are partly italic are one or the other; a run-in heading that fills its line is one still.
    """
    pure = Counter(replace(h.look, face="") for h in headings if not h.is_mixed)
    sisters = []
    for heading in headings:
        look = heading.look
        if heading.is_mixed:
            slanted, upright = replace(look, italic=True), replace(look, italic=False)
            look = slanted if pure[replace(slanted, face="")] > pure[replace(upright, face="")] else upright
        if heading.text.endswith(".") and not is_known(heading.text) and pure[replace(look, face="", is_run_in=True)] > 1:
            look = replace(look, is_run_in=True)
        sisters.append(replace(heading, look=look))
    return sisters


def _by_family(headings: Sequence[Heading]) -> list[Heading]:
    """The headings; of two families of one size and weight, the one that is not for the sections' usual names stands lower."""
    groups: dict[Look, dict[str, list[Heading]]] = {}
    for heading in headings:
        groups.setdefault(replace(heading.look, face=""), {}).setdefault(family_of(heading.look.face), []).append(heading)
    lower = set()
    for look, families in groups.items():
        named = {family: sum(is_known(h.text) for h in found) for family, found in families.items()}
        if not look.is_run_in and any(n > 1 and n > 0.5 * len(families[family]) for family, n in named.items()):
            lower |= {
                (look, family) for family, found in families.items() if len(found) > 1 and named[family] < 0.2 * len(found)
            }
    return [
        replace(h, look=replace(h.look, is_lower=(replace(h.look, face=""), family_of(h.look.face)) in lower)) for h in headings
    ]


def _below_divided(headings: Sequence[Heading], levels: list[int]) -> list[int]:
    """The levels; where methods, results and discussion look as their own parts do, the parts stand one lower."""
    tops = {h.text.lower() for h, level in zip(headings, levels, strict=True) if level == 1 and (_MAIN.match(h.text))}
    if sum(any(word in text for text in tops) for word in ("method", "result", "discussion")) < 3:
        return levels
    section, inside = "", []
    for heading, level in zip(headings, levels, strict=True):
        is_top = level == 1 and not heading.look.is_run_in
        section = heading.text if is_top and is_known(heading.text) else section
        inside.append(is_top and not is_known(heading.text) and bool(_DIVIDED.match(section)))
        if is_top and not is_known(heading.text) and _UNDIVIDED.match(section):
            return levels  # sections with names of their own
    if sum(inside) < 3:
        return levels
    return [level + (is_in or level > 1) for level, is_in in zip(levels, inside, strict=True)]


_SCHEME = re.compile(r"^(?:(?P<roman>[IVX]{1,5})|(?P<letter>[A-Z])|(?P<digit>\d{1,2}))[.):]?\s")
_FIRST = {"roman": "I", "letter": "A"}


def _own_depths(headings: Sequence[Heading]) -> list[int]:
    """How deep the number of each heading is by itself; letters that do not begin with A are no numbers: 'E. coli strains'."""
    matches = [_SCHEME.match(heading.text) for heading in headings]
    seen = {match[1] or match[2] for match in matches if match}
    return [
        0 if match and match.lastgroup in _FIRST and _FIRST[match.lastgroup] not in seen else depth_of(heading.text)
        for heading, match in zip(headings, matches, strict=True)
    ]


def _depths(headings: Sequence[Heading]) -> list[int]:
    """How deep the number of each heading is; letters stand under Roman numbers and digits under both, where those came before."""
    own = _own_depths(headings)
    matches = [_SCHEME.match(heading.text) if depth == 1 else None for heading, depth in zip(headings, own, strict=True)]
    often = Counter(match.lastgroup for match in matches if match)
    above: list[str] = []
    depths = []
    for match, depth in zip(matches, own, strict=True):
        scheme = (match.lastgroup or "") if match else ""
        if scheme and often[scheme] > 1 and scheme not in above and (not above or "digit" not in above):
            above.append(scheme)
        depths.append(above.index(scheme) + 1 if scheme in above else depth)
    return depths


def _look_levels(headings: Sequence[Heading], size: float) -> dict[Look, int]:
    """The level of each look: one step down for each more prominent look that has company."""
    numbers, tops = _numbered_looks(headings), _top_looks(headings)
    looks = [rank_look(heading.look) for heading in headings]
    seen = Counter(looks)
    levels: dict[Look, int] = {look: numbers.get(look, 1) for look in tops}
    largest = max(((look.size, look.caps) for look in tops if not look.is_run_in), default=(1000.0, True))
    above = max(levels.values(), default=0)
    for look in _in_order(looks, tops):
        is_larger = look.size >= largest[0] + LARGER or (look.size == largest[0] and look.caps > largest[1])
        if not look.is_run_in and is_larger:  # a cover, a figure's words: larger than the sections, and no part of one
            levels[look] = numbers.get(look, 1)
            continue
        levels[look] = numbers.get(look) or above + 1
        if seen[look] > 1 or (look.size >= size + LARGER and _opens_section(look, looks)):
            above = max(above, levels[look])
    return levels


def _in_order(looks: Sequence[Look], tops: set[Look]) -> list[Look]:
    """The looks from the highest down: by their prominence, but none above a look of nearly its size that always comes first."""
    ordered = sorted(set(looks) - tops, key=lambda look: look.rank)
    adjacent = set(pairwise(looks))
    for at in range(1, len(ordered)):
        while at and (ordered[at], ordered[at - 1]) in adjacent and _always_first(ordered[at], ordered[at - 1], looks, tops):
            ordered[at - 1 : at + 1] = ordered[at], ordered[at - 1]
            at -= 1
    return ordered


def _always_first(first: Look, second: Look, looks: Sequence[Look], tops: set[Look]) -> bool:
    """True where no section has headings of the second look, little larger than the first, before one of the first."""
    if first.is_run_in or second.size - first.size >= 1 or looks.count(first) < 2:
        return False
    is_open = False
    for look in looks:
        if look == second and not is_open:
            return False
        is_open = look not in tops and (is_open or look == first)
    return True


def _opens_section(look: Look, looks: Sequence[Look]) -> bool:
    """True for a look that stands once, below a higher one and above a lower one."""
    at = looks.index(look)
    return 0 < at < len(looks) - 1 and looks[at - 1].rank < look.rank < looks[at + 1].rank


def rank_look(look: Look) -> Look:
    """The look without what differs between headings of one rank."""
    return replace(look, face="")


def _numbered_looks(headings: Sequence[Heading]) -> dict[Look, int]:
    """The usual depth of looks that mostly come with a number."""
    depths: dict[Look, list[int]] = {}
    for heading, depth in zip(headings, _own_depths(headings), strict=True):
        depths.setdefault(rank_look(heading.look), []).append(depth)
    usual = {}
    for look, found in depths.items():
        numbered = [depth for depth in found if depth]
        if numbered and len(numbered) >= 0.3 * len(found):
            usual[look] = max(set(numbered), key=lambda depth: (numbered.count(depth), -depth))
    return usual


def _top_looks(headings: Sequence[Heading]) -> set[Look]:
    """The looks in which the sections stand that open every paper's outline; run-in headings too where most are such sections."""
    named = Counter(rank_look(h.look) for h in headings if is_known(h.text))
    seen = Counter(rank_look(h.look) for h in headings)
    return {look for look, n in named.items() if n >= 2 and (not look.is_run_in or 2 * n > seen[look])}
