"""Find what structure and what form a material has: 'double perovskite', 'tetragonal', 'P21/n', 'NaCl-type'; 'thin films', 'nanoparticles'."""

from __future__ import annotations

import re
from collections.abc import Iterator

Span = tuple[int, int]

_STRUCTURES = (
    r"(?:(?:double|layered|inverse|distorted|defect|post-|anti-?)[ -]?)?(?:perovskite|spinel|fluorite|pyrochlore|garnet|wurtzite|zinc[- ]?blende|"
    r"rock[- ]?salt|rutile|anatase|brookite|olivine|scheelite|wolframite|chalcopyrite|kesterite|skutterudite|clathrate|columbite|"
    r"austenit(?:e|ic)|martensit(?:e|ic)|ferritic|mullite)s?|"
    r"(?:pseudo-?)?(?:cubic|tetragonal|orthorhombic|monoclinic|triclinic|hexagonal|rhombohedral|trigonal)|amorphous|glassy|"
    r"face[- ]cent(?:er|re)d[- ]cubic|body[- ]cent(?:er|re)d[- ]cubic|hexagonal close[- ]packed|(?:fcc|bcc|hcp)\b|quasicrystal(?:line)?|"
    r"A15|(?:[A-Z][a-z]?\d?){1,4}-(?:type|structure)|[OP]\d-type"
)
_GROUP = r"(?<=space group )[PIFCRAB][\d\-−‐/mnacbd\s¯]{1,12}(?=[\s,.;)])|(?<![\w-])[PIFCRAB](?:-?[2346]1?|[-−]?[34])?(?:/[mnacbd])?[mnacbd]{0,3}[23]?(?=\)|\sspace group)"
_FORMS = (
    r"(?:ultra)?thin[- ]films?|films?|(?:epitaxial|hollow|core[-–]shell|mesoporous|nanoporous|microporous|porous|nanostructured|nanocrystalline|"
    r"polycrystalline|single[- ]crystal(?:line)?s?|layered|bulk|monolayers?|multilayers?|superlattices?|quantum (?:dots?|wells?)|"
    r"nano(?:particles?|wires?|rods?|tubes?|sheets?|fib(?:er|re)s?|crystals?|plates?|platelets?|belts?|ribbons?|spheres?|composites?|structures?)|"
    r"micro(?:spheres?|rods?|particles?|wires?)|powders?|ceramics?|composites?|coatings?|single crystals?|aerogels?|foams?|hydrogels?|"
    r"[\w–-]+[-–](?:doped|coated|modified|substituted|loaded|decorated|supported))"
)
_PATTERNS = {
    "phase": re.compile(rf"(?<![\w-])(?:{_STRUCTURES})(?![\w])|{_GROUP}", re.I),
    "form": re.compile(rf"(?<![\w-])(?:{_FORMS})(?!\w)", re.I),
}


def phases(text: str) -> Iterator[Span]:
    """Where a crystal structure, a phase or a space group is named."""
    yield from (match.span() for match in _PATTERNS["phase"].finditer(text))


def forms(text: str) -> Iterator[Span]:
    """Where the form of a sample is named: its shape, its size class, what it is doped or coated with."""
    yield from (match.span() for match in _PATTERNS["form"].finditer(text))
