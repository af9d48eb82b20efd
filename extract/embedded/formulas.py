"""Find chemical formulas: 'LiFePO4', 'YBa2Cu3O7−δ', 'Pb(Zr0.52Ti0.48)O3', 'La1−xSrxCoO3 (x = 0–0.3)', 'ZnS:Cu', 'CH 3 NH 3 PbI 3'.

A formula is made of element symbols, counts and groups in brackets and of nothing else, so that it needs no dictionary. What looks
like one and is none: abbreviations whose capitals happen to be elements (PCs, HOMO, COF), words (In, As, No), units (MPa, MHz),
space groups (P21, C2/m) and, which only their neighbours tell, parts of something else (Mn4+, NaCl-type).
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from extract.embedded.words import listed

Span = tuple[int, int]

ELEMENTS = listed(
    """
    H He Li Be B C N O F Ne Na Mg Al Si P S Cl Ar K Ca Sc Ti V Cr Mn Fe Co Ni Cu Zn Ga Ge As Se Br Kr Rb Sr Y Zr Nb Mo Tc Ru Rh Pd
    Ag Cd In Sn Sb Te I Xe Cs Ba La Ce Pr Nd Pm Sm Eu Gd Tb Dy Ho Er Tm Yb Lu Hf Ta W Re Os Ir Pt Au Hg Tl Pb Bi Po At Rn Fr Ra Ac
    Th Pa U Np Pu Am Cm
    """
)
#: What stands for any element of a kind: Ln2O3, A2B2O7, M(OH)2, REBa2Cu3O7.
SITES = listed("Ln RE Me A M R T X D L G")
_SYMBOL = "(?>" + "|".join(sorted((*ELEMENTS, *SITES), key=len, reverse=True)) + ")"
_SYMBOLS = re.compile(_SYMBOL)
_DASH = r"\-–—−‐‑"
_MINUS = f"[{_DASH}]"
_VAR = "[xyzwunmkδX]"
_LESS = rf"\s?(?:{_MINUS}|[+±])\s?"
_NUMBER = r"\d+(?:[.·,]\d+)?"
#: '0.5', '1−x', '2', 'x', '7−δ', '3±δ', '1-2x', '2/3', '67-x'; a decimal comma as some journals print it.
_COUNT = (
    rf"(?:\d*\((?:{_NUMBER}{_LESS}\d*{_VAR}|{_VAR}{_LESS}{_NUMBER})\)|"
    rf"{_NUMBER}(?:/\d+)?(?:{_VAR}(?![a-wyz])|(?:{_LESS}(?:\d*(?:\.\d+)?{_VAR}(?![a-wyz])|{_NUMBER}(?=[A-Z)\]])))*)"
    rf"|{_VAR}(?:{_LESS}{_VAR})?(?![a-wyz]))"
)
#: Atomic: no text, however hostile, makes it try a run of symbols in all ways.
_PART = rf"(?>{_SYMBOL}{_COUNT}?)"
_SHARED = rf"\({_PART}(?:,\s?{_PART})+\)"
_INNER = rf"(?:{_PART}|[(\[](?:{_PART})++[)\]]{_COUNT}?)++"
_GROUP = rf"(?:[(\[{{]{_INNER}[)\]}}]|{_SHARED}){_COUNT}?"
_BODY = rf"(?:{_PART}|{_GROUP})++"
_FRONT = rf"(?:\(?\s?(?:1|100)\s?{_MINUS}\s?{_VAR}\s?\)\s?(?=[A-Z(\[]))?"
#: Parts joined by a dot (water of crystallisation), a colon (a dopant) or an at sign (a shell).
_JOINED = rf"{_BODY}(?:\s?[·⋅•∙*]\s?\d*(?:\.\d+)?{_VAR}?{_BODY}|:{_PART}+(?:\d?[+−])?|@{_BODY}){{0,4}}"
#: Subscripts that the page sets apart: 'CH 3 NH 3 PbI 3', 'TiO 2', 'La 1−x Sr x MnO 3'.
_SPACED = rf"{_BODY}(?:\s{_COUNT}(?:\s?{_BODY})?){{0,12}}\s{_COUNT}(?:\s?{_BODY})?(?!\s?[°%Å]|\.\d|\s(?:[a-zµ]{{1,2}}|min|mol|days?)\b)"
#: The parts of one formula with spaces between: 'Mg1−x SiH2x O3', 'Y Ba2 Cu3 O7'.
_PARTED = rf"{_BODY}(?<=[\dxyδ\])])\s(?:{_BODY}(?<=[\dxyδ\])])\s){{0,6}}(?:O|S|Se|Te|F|As|[(\[]{_INNER}[)\]]O){_COUNT}"
FORMULA = re.compile(rf"(?<![\w.°′’])(?:{_PARTED}|{_SPACED}|{_FRONT}{_JOINED})(?![a-zα-ωA-Z]|\d|\.\d)")
#: Metals of an alloy or parts of a system by their symbols: 'Co–Cr–Fe–Mn–Ni', 'Li-Si'.
SYSTEM = re.compile(
    rf"(?<![\w.{_DASH}/])(?:{'|'.join(e for e in ELEMENTS if len(e) == 2)}|[WVBCY])"
    rf"(?:[-–−](?:{'|'.join(sorted(ELEMENTS, key=len, reverse=True))}|[MX])(?![a-z\d]))+(?![\w{_DASH}])"
)
#: What the variables of a formula are, in brackets after it: '(x = 0, 0.1)', '(0 ≤ x ≤ 0.3)', '(M = Cr, Mn)'.
_WHERE = re.compile(r"\s?\((?:[A-Za-z]{1,2}[′'’]?(?:,\s?[A-Z][′'’]?)?\s?[=:<≤⩽]|[\d.]+\s?[<≤⩽])[^()]{1,80}\)")
_HAS_VARIABLE = re.compile(rf"(?<=[\d\-–−+±A-Za-z)\] ]){_VAR}(?![a-wyz])|(?:{'|'.join(SITES)})(?![a-z])")

_NOT_FORMULAS = frozenset(
    listed(
        """
        In As At No He I Am Be Po Pa Os PhD Co-op Ho Er Re La Ac Ra Fr Rn Np Cm Th Pu RE Me Ln HeLa CoA SiP TaS ThT CaM
        MPa GPa TPa THz MHz GHz Hz KGaA MeV TeV PeV Th1 Th2 CoV SnP BiP InC CoC CoS NaV
        """
    )
)
#: A lattice letter and axes or planes, and nothing else: 'P21/n', 'Fm3m', 'I4/mmm', 'C2221'.
_SPACE_GROUP = re.compile(r"[PIFCRAB](?:[-−]?[1-6][1-5]?|[mnacbd]|/)+")
_OXIDATION = re.compile(r"\([IVX]+\)$")
#: It names the structure of another.
_TYPE = re.compile(rf"\d?(?:{_MINUS}|\s)(?:type|like|structured?|structure[- ]type)(?![a-z])")
_COMPANY = re.compile(r"\.,|\.?,?\s(?:Ltd|LTD|Inc|KG|GmbH)")
_CHARGE = re.compile(r"\d?[+−](?![\w(])|\d?-(?=[\s,.;)])|[²³⁺⁻]|\s?\([IVX]+\)")


def formulas(text: str) -> Iterator[Span]:
    """The formulas of compounds, elements and systems in order; what defines their variables belongs to them."""
    end = 0
    found = sorted(
        (match.span() for pattern in (FORMULA, SYSTEM) for match in pattern.finditer(text)),
        key=lambda span: (span[0], -span[1]),
    )
    for first, last in found:
        start, stop = _unwrapped(text, first, last)
        if text[start:stop] == "Co" and _COMPANY.match(text, stop):
            continue
        if start < end or not is_formula(text[start:stop]) or _TYPE.match(text, stop) or _CHARGE.match(text, stop):
            continue
        end = _with_variables(text, start, stop)
        yield start, end


def _unwrapped(text: str, start: int, stop: int) -> Span:
    """Without the brackets around the whole: 'alumina (Al2O3)'."""
    if text[start] in "([" and text[stop - 1] in ")]" and not re.search(r"[)\]].*[(\[]", text[start + 1 : stop - 1]):
        return start + 1, stop - 1
    return start, stop


def _with_variables(text: str, start: int, stop: int) -> int:
    where = _WHERE.match(text, stop) if _HAS_VARIABLE.search(text[start:stop]) else None
    return where.end() if where else stop


def symbols(word: str) -> list[str]:
    """The element symbols and site letters of a formula, in order."""
    return _SYMBOLS.findall(word)


def is_formula(word: str) -> bool:
    """Whether this run of symbols is a compound, a system or an element, rather than an abbreviation, a unit or a word."""
    if re.match(rf"(?:{'|'.join(_NOT_FORMULAS)}|[A-Z]{{3,}}|[A-Z])\s|.*\s\d{{3,}}", word):
        return False  # 'At 120 GPa', 'MTCC 96', 'A 23'
    bare = re.sub(r"\s", "", word)
    letters = re.sub(r"[^A-Za-z]", "", bare)
    found = symbols(bare)
    known = set(found) - set(SITES)
    if bare in _NOT_FORMULAS or not known or _SPACE_GROUP.fullmatch(bare) or _OXIDATION.search(bare):
        return False
    if re.search(r"\d", bare):
        return len(found) > 1 or bare in ("O2", "O3", "N2", "H2", "C60", "C70", "Cl2", "F2", "Br2", "I2", "S8")
    if len(found) == 1:
        return (
            letters in ELEMENTS and len(letters) > 1
        )  # one letter is a unit, an axis or an initial more often than an element
    if set(found) & set(SITES):
        return False
    if letters.isupper():  # any letters will do for elements
        return bare in (
            "NO",
            "CO",
            "BN",
            "BP",
            "HF",
            "HI",
            "KI",
            "KF",
            "KOH",
            "WC",
            "VN",
            "VC",
            "UN",
            "UC",
            "CN",
            "VO",
            "WS",
            "HCN",
            "KCN",
        )
    return re.fullmatch(r"[A-Z]+s", letters) is None  # the plural of an abbreviation: 'PCs', 'SOFCs', 'NPs'


def same_formula(text: str) -> str:
    """What two ways to print one formula have in common: no spaces, one sort of dash, nothing of its variables."""
    return re.sub(_MINUS, "-", re.sub(r"\s", "", _WHERE.sub("", text)))
