"""How deep headings stand: told from their numbers, and from the company of their looks in the whole document."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace

from ingest.layout.headings import depth_of
from ingest.layout.looks import Look
from ingest.layout.names import is_known

#: Headings that stand at the top in every paper.
_TOP = re.compile(r"^\W*(abstract|introduction|references|bibliography|literature cited|acknowledge?ments?)\W*$", re.I)
#: Points over the body's size from which type is large.
LARGER = 0.75


@dataclass(frozen=True, slots=True)
class Heading:
    """What an outline is told from."""

    text: str
    look: Look


def heading_levels(headings: Sequence[Heading], size: float = 10.0) -> list[int]:
    """The level of each heading, from 1: by its number, else by the rank of its look in the document."""
    ranked = _look_levels(headings, size)
    depths = _depths(headings)
    in_series = sum(depth == 1 for depth in depths) >= 2
    levels = []
    for heading, depth in zip(headings, depths, strict=True):
        if depth and (depth > 1 or in_series):
            level = depth
        elif _TOP.match(heading.text):
            level = 1
        else:
            level = ranked[rank_look(heading.look)]
        levels.append(min(level, 6))
    return levels


_SCHEME = re.compile(r"^(?:(?P<roman>[IVX]{1,5})|(?P<letter>[A-Z])|(?P<digit>\d{1,2}))[.):]?\s")


def _depths(headings: Sequence[Heading]) -> list[int]:
    """How deep the number of each heading is; letters stand under Roman numbers and digits under both, where those came before."""
    matches = [_SCHEME.match(heading.text) if depth_of(heading.text) == 1 else None for heading in headings]
    often = Counter(match.lastgroup for match in matches if match)
    above: list[str] = []
    depths = []
    for heading, match in zip(headings, matches, strict=True):
        scheme = (match.lastgroup or "") if match else ""
        if scheme and often[scheme] > 1 and scheme not in above and (not above or "digit" not in above):
            above.append(scheme)
        depths.append(above.index(scheme) + 1 if scheme in above else depth_of(heading.text))
    return depths


def _look_levels(headings: Sequence[Heading], size: float) -> dict[Look, int]:
    """The level of each look: one step down for each more prominent look that has company."""
    numbers, tops = _numbered_looks(headings), _top_looks(headings)
    seen = Counter(rank_look(heading.look) for heading in headings)
    levels: dict[Look, int] = {look: numbers.get(look, 1) for look in tops}
    above = max(levels.values(), default=0)
    for look in sorted(seen.keys() - tops, key=lambda look: look.rank):
        levels[look] = numbers.get(look) or above + 1
        if seen[look] > 1 or look.size >= size + LARGER:
            above = max(above, levels[look])
    return levels


def rank_look(look: Look) -> Look:
    """The look without what differs between headings of one rank."""
    return replace(look, face="")


def _numbered_looks(headings: Sequence[Heading]) -> dict[Look, int]:
    """The usual depth of looks that mostly come with a number."""
    depths: dict[Look, list[int]] = {}
    for heading in headings:
        depths.setdefault(rank_look(heading.look), []).append(depth_of(heading.text))
    usual = {}
    for look, found in depths.items():
        numbered = [depth for depth in found if depth]
        if numbered and len(numbered) >= 0.3 * len(found):
            usual[look] = max(set(numbered), key=lambda depth: (numbered.count(depth), -depth))
    return usual


def _top_looks(headings: Sequence[Heading]) -> set[Look]:
    """The looks in which the sections stand that open every paper's outline."""
    named = Counter(rank_look(h.look) for h in headings if is_known(h.text) and not h.look.is_run_in)
    return {look for look, n in named.items() if n >= 2}
