"""Find what structure and what form a material has.

A structure is a type ('double perovskite', 'NaCl-type'), a crystal system or a space group; a form is a shape ('thin films'), a size
('nanoparticles') or what was done to it ('Al-doped').
"""

from __future__ import annotations

import re
from collections.abc import Iterator

Span = tuple[int, int]

_STRUCTURE = re.compile(
    r"(?<![\w-])(?:(?:(?:double|layered|inverse|distorted|defect|post-|anti-?)[ -]?)?"
    r"(?:perovskite|spinel|fluorite|pyrochlore|garnet|wurtzite|zinc[- ]?blende|rock[- ]?salt|rutile|anatase|brookite|olivine|scheelite|"
    r"wolframite|chalcopyrite|kesterite|skutterudite|clathrate|columbite|austenit(?:e|ic)|martensit(?:e|ic)|ferritic|mullite)s?|"
    r"(?:pseudo-?)?(?:cubic|tetragonal|orthorhombic|monoclinic|triclinic|hexagonal|rhombohedral|trigonal)|amorphous|glassy|"
    r"(?:face|body)[- ]cent(?:er|re)d[- ]cubic|hexagonal close[- ]packed|quasicrystal(?:line)?)(?!\w)",
    re.I,
)
_AXES = r"[\d\-−‐/mnacbd¯]"
_GROUP = re.compile(
    rf"(?<=space group )[PIFCRAB]\s?{_AXES}{{1,10}}(?![\w/])|"
    rf"(?<![\w-])[PIFCRAB](?=[a-z/−-]*\d|[mnacbd]{{2}}){_AXES}{{1,8}}(?=\)|\sspace group)|"
    r"(?<![\w-])(?:fcc|bcc|hcp|FCC|BCC|HCP|A15|(?:[A-Z][a-z]?\d?){1,4}-type|[OP]\d-type)(?!\w)"
)
_NANO = (
    r"nano(?:particles?|wires?|rods?|tubes?|sheets?|fib(?:er|re)s?|crystals?|plates?|platelets?|belts?|ribbons?|spheres?|"
    r"composites?|structures?|structured|crystalline|porous)"
)
_FORM = re.compile(
    rf"(?<![\w-])(?:(?:ultra)?thin[- ]films?|films?|{_NANO}|epitaxial|hollow|core[-–]shell|mesoporous|microporous|porous|"
    r"polycrystalline|single[- ]crystal(?:line)?s?|layered|bulk|monolayers?|multilayers?|superlattices?|quantum\s(?:dots?|wells?)|"
    r"micro(?:spheres?|rods?|particles?|wires?)|powders?|ceramics?|composites?|coatings?|aerogels?|foams?|hydrogels?|"
    r"[\w–]{1,30}[-–](?:doped|coated|modified|substituted|loaded|decorated|supported))(?!\w)",
    re.I,
)


def phases(text: str) -> Iterator[Span]:
    """Where a crystal structure, a phase or a space group is named."""
    yield from sorted(match.span() for pattern in (_STRUCTURE, _GROUP) for match in pattern.finditer(text))


def forms(text: str) -> Iterator[Span]:
    """Where the form of a sample is named: its shape, its size, what it is doped or coated with."""
    yield from (match.span() for match in _FORM.finditer(text))
