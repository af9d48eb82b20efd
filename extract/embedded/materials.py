"""Say which of the materials that a text names it is about.

A paper names many substances that are not its subject: solvents, dopants, gases, elements of which a content is given. What tells them
apart stands around the mentions (a noun such as 'film' after it, 'content of' before it), in how often and how early they come, and in
what they are made of. The evidence is weighed by a logistic function; bench/fit_materials.py fitted its weights and says how well.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache

from extract.embedded.chemical_names import ELEMENT_NAMES, chemical_names
from extract.embedded.formulas import ELEMENTS, SITES, SYSTEM, formulas, same_formula, symbols
from extract.embedded.words import listed

Span = tuple[int, int]
Features = dict[str, float]

#: After a material that is itself the matter: a form it has, a role it plays, or a verb of which it is the subject.
_USE = re.compile(
    r"[\s-](?:\(\w+\)\s)?(?:based\s|thin\s|single[- ]|bulk\s|double\s|nano\s?|poly|high[- ]entropy\s|superlattice\s)?"
    r"(?:films?|powders?|nanoparticles?|crystals?|crystalline|ceramics?|alloys?|perovskites?|spinels?|cathodes?|anodes?|electrodes?|"
    r"electrolytes?|catalysts?|compounds?|systems?|nanowires?|nanorods?|nanotubes?|nanosheets?|nanocrystals?|nanostructures?|"
    r"microspheres?|layers?|samples?|phases?|superconductors?|semiconductors?|glass(?:es)?|composites?|nanocomposites?|substrates?|"
    r"materials?|oxides?|solid solutions?|monolayers?|heterostructures?|quantum dots?|membranes?|coatings?|photocatalysts?|"
    r"electrocatalysts?|gels?|foams?|fib(?:er|re)s?|particles|surfaces?|matrix|polymers?|hybrids?|"
    r"has|have|is|are|was|were|shows?|exhibits?|crystallizes?|possess\w*|can|undergoes|prepared|synthesi[sz]ed|grown|doped)(?![a-z])"
)
#: After one that is a part or an addition of something else, a gas, a salt or a source.
_PART_OF = re.compile(
    r"(?:[-–−]|\s)?(?:ions?|atoms?|contents?|concentrations?|additions?|doping|dop(?:ed|ant)s?|substitut\w+|vacanc\w+|sites?|"
    r"sublattices?|edge|cations?|anions?|rich|poor|free|containing|sources?|precursors?|impurit\w+|bonds?|NMR|isotopes?|orbitals?|"
    r"states?|levels?|radiation|atmosphere|gas|lamp|foil|solutions?|salts?|metal|evolution|reduction|storage|production|uptake|"
    r"adsorption|diffusion|K[αβ]|L[αβ]|\d[spdf])(?![a-z])|\d[spdf]\b"
)
_CELL = re.compile(r"(?:[-–−/\s]\w+){0,2}[-–\s](?:batter(?:y|ies)|cells?|accumulators?)")
_TO_BE = re.compile(
    r"(?:films?|particles?|crystals?|powders?|alloys?|synthesis|growth|structures?|properties|surfaces?|layers?|deposition|"
    r"preparation|study|studies) (?:of|on|in) (?:the )?$"
)
_AMOUNT = re.compile(
    r"(?:(?:content|amount|addition|concentration|doping|substitution|presence|oxidation|mixture|source|solution|role|effect|"
    r"influence)s? (?:of|with|by) (?:the )?|%\s(?:of )?|\d\s?(?:ml|mL|g|mg|M|mM)\s(?:of )?)$"
)
_BY = re.compile(r"(?:\bwith|\bby|\busing|\bvia|\bfrom|\binto|\bin)\s(?:an?\s|the\s)?$")
_DOPED = re.compile(r"(?:doped|substituted|coated|modified|loaded|supported|stabili[sz]ed|decorated|based)[\s-]$")
#: Words of papers that are about a material.
_ON_MATERIALS = re.compile(
    r"\b(?:synthesi|prepar|crystal|film|alloy|ceramic|nanopartic|powder|deposit|compound|dop(?:ed|ing)|composite|material)",
    re.I,
)
#: What one works with more often than on.
_HELPERS = frozenset(
    listed(
        "H2O CO2 O2 N2 H2 Ar HCl HNO3 H2SO4 NaOH KOH CO NO He H2O2 NH3 CH4 H2S O3 NaCl KBr SO2 NO2 NaNO3 Na2SO4 NaHCO3 HF Xe"
    )
)
_ANION = re.compile(r"(?:O|S|Se|Te|N|P|As|Sb|F|Cl|Br|I|C|B|Si|H)(?:[\dx-z]|δ|$|\))")
_KIND_OF_NAME = (
    ("element", re.compile("|".join(ELEMENT_NAMES), re.I)),
    ("polymer", re.compile(r"poly.*", re.I)),
    ("acid", re.compile(r".*acids?", re.I)),
    ("salt", re.compile(r".*[\s–-].*(?:ide|ate|ite)s?", re.I)),
    ("carbon", re.compile(r".*(?:graph|carbon|fuller|diamond).*", re.I)),
    ("mineral", re.compile(r".*ite", re.I)),
    (
        "organic",
        re.compile(
            r".*[\d,(]-?.*|.*(?:amine|amide|imide|imine|azole|idine|nitrile|oxane|furan|phenol|ester|ether|benzene)s?", re.I
        ),
    ),
    (
        "solvent",
        re.compile(
            r"water|ethanol|methanol|acetone|toluene|benzene|hexane|glycerol|urea|glucose|ammonia|methane|ethylene|propylene|"
            r"hydrazine|\w+formamide|\w+sulfoxide|tetrahydrofuran",
            re.I,
        ),
    ),
)


@dataclass(frozen=True)
class Material:
    """A material by the way the text prints it; `spans` are all its mentions, the first one first."""

    value: str
    spans: tuple[Span, ...]
    is_formula: bool
    chance: float  #: that a scientist who lists the materials of this text would list it, 0 to 1


def material_formulas(text: str, *, least: float | None = None) -> list[Material]:
    """The formulas of the materials that this text is about, in order."""
    return _weighed(text, formula_candidates(text), is_formula=True, least=least)


def material_names(text: str, *, least: float | None = None) -> list[Material]:
    """The names of the materials that this text is about, in order."""
    return _weighed(text, name_candidates(text), is_formula=False, least=least)


def _weighed(text: str, candidates: dict[str, list[Span]], *, is_formula: bool, least: float | None) -> list[Material]:
    from extract.embedded.material_weights import FORMULA, LEAST_FORMULA, LEAST_NAME, NAME

    weights, default = (FORMULA, LEAST_FORMULA) if is_formula else (NAME, LEAST_NAME)
    made = [
        Material(
            value, tuple(spans), is_formula, _chance(features(text, value, spans, candidates, is_formula=is_formula), weights)
        )
        for value, spans in candidates.items()
    ]
    return [one for one in made if one.chance >= (default if least is None else least)]


def _chance(found: Features, weights: Features) -> float:
    return 1 / (1 + math.exp(-sum(weights.get(name, 0.0) * value for name, value in found.items())))


@lru_cache(maxsize=4096)
def _formula_spans(text: str) -> tuple[Span, ...]:
    return tuple(formulas(text))


def formula_candidates(text: str) -> dict[str, list[Span]]:
    """Each formula with its mentions; of several prints of one, the one that says what its variables are."""
    spans: dict[str, list[Span]] = {}
    values: dict[str, str] = {}
    for start, end in _formula_spans(text):
        value = tidy_formula(text[start:end])
        key = same_formula(value)
        spans.setdefault(key, []).append((start, end))
        if len(value) > len(values.get(key, "")):
            values[key] = value
    return {values[key]: found for key, found in spans.items()}


def tidy_formula(printed: str) -> str:
    """Without the spaces that a page sets around subscripts: 'CH 3 NH 3 PbI 3' is CH3NH3PbI3; '(x = 0.1)' stays as it is."""
    body, bracket, where = printed, "", ""
    if found := re.search(r"\s?\((?=[^()]*[=:<≤⩽])[^()]*\)$", printed):
        body, bracket, where = printed[: found.start()], found[0], ""
    return re.sub(r"\s", "", body) + re.sub(r"\s+", " ", bracket + where)


def name_candidates(text: str) -> dict[str, list[Span]]:
    """Each named material with its mentions, small and capital letters taken as one."""
    found: dict[str, list[Span]] = {}
    printed: dict[str, str] = {}
    for start, end in chemical_names(text):
        value = re.sub(r"\s+", " ", text[start:end])
        found.setdefault(printed.setdefault(value.lower(), value), []).append((start, end))
    return found


def features(text: str, value: str, spans: list[Span], all_of_text: Iterable[str], *, is_formula: bool) -> Features:
    """What speaks for and against this material being one that the text is about."""
    n, others = len(spans), list(all_of_text)
    after = [text[end : end + 40] for _, end in spans]
    before = [text[max(0, start - 40) : start] for start, _ in spans]
    first = spans[0][0]
    head = re.search(r"[.\n]\s", text)
    found: Features = {
        "bias": 1.0,
        "count": math.log1p(n),
        "early": float(first < (head.start() if head else 150)),
        "late": first / max(len(text), 1),
        "used": _share(_USE.match(words) for words in after),
        "used once": float(any(_USE.match(words) for words in after)),
        "part": _share(_PART_OF.match(words) for words in after),
        "cell": _share(_CELL.match(words) for words in after),
        "of": _share(_TO_BE.search(words) for words in before),
        "amount": _share(_AMOUNT.search(words) for words in before),
        "by": _share(_BY.search(words) for words in before),
        "doped": _share(_DOPED.search(words) for words in before),
        "dash after": _share(re.match(r"[-–−/]", words) for words in after),
        "dash before": _share(re.search(r"[-–−/]$", words) for words in before),
        "bracket": _share(re.search(r"\($", words) for words in before),
        "listed": _share(re.match(r",|\s(?:and|or)\s", words) for words in after),
        "inside": float(any(value != other and value in other for other in others)),
        "alone": float(len(others) == 1),
        "many": math.log(len(others)),
        "materials": math.log1p(len(_ON_MATERIALS.findall(text))),
        "titled": float("\n" in text[:300]),
    }
    return found | (_formula_features(value) if is_formula else _name_features(value, text))


def _share(found: Iterable[object]) -> float:
    hits = [bool(one) for one in found]
    return sum(hits) / len(hits)


def _formula_features(value: str) -> Features:
    found = symbols(value)
    known = set(found) & set(ELEMENTS) - set(SITES)
    kind = "element" if len(found) == 1 and not re.search(r"\d", value) else "system" if SYSTEM.fullmatch(value) else "compound"
    return {
        kind: 1.0,
        f"{kind} {min(len(known), 4)}": 1.0,
        "one letter": float(len(value) == 1),
        "helper": float(value in _HELPERS),
        "site": float(bool(set(found) & set(SITES)) and kind == "compound"),
        "decimal": float(bool(re.search(r"\d\.\d", value))),
        "variable": float(bool(re.search(r"[xyzδ]", value))),
        "digits": float(bool(re.search(r"\d", value))),
        "anion": float(bool(_ANION.search(value))),
    }


def _name_features(value: str, text: str) -> Features:
    kind = next((kind for kind, pattern in _KIND_OF_NAME if pattern.fullmatch(value)), "other")
    return {
        kind: 1.0,
        "words": float(len(value.split()) > 1),
        "plural": float(value.endswith("s")),
        "common": float(value.lower() in ("water", "oxygen", "hydrogen", "nitrogen", "air", "lead", "argon", "helium")),
        "long": math.log(len(value)),
        "formulas": math.log1p(len({same_formula(text[a:b]) for a, b in _formula_spans(text)})),
    }
