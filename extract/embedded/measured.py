"""What a quantity in a sentence is a quantity of: the property, the thing that has it, and under what condition.

By the shapes in which papers write it: 'the band gap of ZnO was 3.2 eV', '75 g glucose', 'laser energy of 0.5 nJ',
'(n = 12)', '4 nm width'. Where none of them fits, nothing is named: the nearest noun is wrong more often than right.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from extract.embedded.labels import is_confidence
from extract.embedded.phrases import Span, phrase_after, phrase_before
from extract.embedded.quantities import Quantity, QuantityKind
from extract.embedded.words import listed

#: Nouns of properties: after a quantity ('4 nm width') or before it they are what was measured, not what has it.
PROPERTIES = frozenset(
    listed(
        """
        age altitude amplitude area band bandgap gap bandwidth capacity capacitance coefficient concentration conductivity
        content cost current density depth diameter diffusivity distance dose duration efficiency elevation emission energy
        enthalpy entropy error flow flux force fraction frequency growth half-life hardness height humidity impedance
        intensity length level lifetime load loss luminosity magnitude mass mobility modulus momentum odds permeability ph
        porosity potential power precision pressure prevalence probability radius rate ratio recall reduction resistance
        resistivity resolution score sensitivity size slope solubility specificity speed strain strength stress temperature
        tension thickness time toughness uptake velocity viscosity voltage volume wavelength weight width yield accuracy
        increase decrease decline rise change shift period wide long thick deep high tall wavenumber dispersity absorbance
        degree angle index incidence mortality latency throughput bias variance deviation
        """
    )
)
_IS = re.compile(
    r"(?:\s(?:is|are|was|were|be|been|being|has been|had been|can be|could be|may be|will be|reached|reaches|"
    r"equals?|equalled|"
    r"averaged|amounted to|ranged|ranges|varied|varies|increased|decreased|rose|fell|dropped|declined|reduced|"
    r"improved|grew|set|kept|maintained|"
    r"estimated|measured|found|determined|calculated|reported|observed|taken|fixed|held|corresponds?|corresponded|"
    r"exceeded|exceeds)"
    r"(?:\s(?:estimated|measured|found|determined|calculated|reported|observed|set|fixed|taken|kept|to|be|at|as|by|"
    r"of|from|only|approximately|about|around|increased|decreased|reduced|significantly))*)\s$"
)
_OF = re.compile(r"\s(?:of|as|by|to)\s(?:the\s|only\s|just\s)?$")
_EQUALS = re.compile(r"\s?(?:=|:|≈|∼|~)\s?$")
_BRACKET = re.compile(r"\s?\(\s?(?:[a-z]+\s)?$")
_REPEATED = re.compile(r"(?:every|within|over|past|last)\s", re.I)
_BARE = re.compile(r"\s$")
#: 'at 298 K', 'under 5 bar'; the other words only before a time.
_CONDITION = re.compile(r"(?<!\w)(?:at|under)\s(?:an?\s|the\s)?(?:[a-z]+\s){0,3}(?:of\s)?$")
_DURATION = re.compile(r"(?<!\w)(?:after|for|during|within|over)\s(?:an?\s|the\s)?$")
_TIME = re.compile(r"(?:[mµnpf]?s|min|mins|h|hrs?|d|yrs?|(?:second|minute|hour|day|week|month|year)s?)$")
_OF_WHAT = re.compile(r"\s(?:of|in|for)\s")


@dataclass(frozen=True, slots=True)
class Measured:
    """Spans of the text that name what was measured and of what; None where the text does not say so plainly."""

    property: Span | None = None
    entity: Span | None = None
    condition: Span | None = None


def measured(text: str, quantity: Quantity, sentence: Span, others: list[Quantity]) -> Measured:
    """What this quantity of the sentence text[sentence[0]:sentence[1]] is of; `others` are all quantities of that sentence."""
    before = [other.end for other in others if other.end <= quantity.start]
    floor = max([sentence[0], *before])
    after = [other.start for other in others if other.start >= quantity.end]
    ceiling = min([sentence[1], *after])
    property_, entity = _named_before(text, quantity, floor)
    if property_ is None or entity is None:
        later_property, later_entity = _named_after(text, quantity, ceiling)
        is_bracketed = property_ is None and _BRACKET.search(text, floor, quantity.start) is not None
        property_ = property_ or later_property
        entity = (later_entity or entity) if is_bracketed else (entity or later_entity)
    if property_ and entity and text[slice(*property_)] == text[slice(*entity)]:
        entity = None
    return Measured(property_, entity, _condition(text, quantity, sentence, others))


def is_property(phrase: str) -> bool:
    """Whether the head of this phrase is a noun of something that is measured, rather than a thing."""
    head = phrase.lower().split()[-1]
    return head in PROPERTIES or head.rstrip("s") in PROPERTIES or head.endswith(_ENDINGS)


_ENDINGS = ("ity", "ities", "ance", "ness", "ature", "atures", "ption", "uction", "ration", "rations", "ency")


def _named_before(text: str, quantity: Quantity, floor: int) -> tuple[Span | None, Span | None]:
    """The property and the entity that stand before the quantity, by the shape of what links them to it."""
    start = quantity.start
    shapes = (_IS, _EQUALS, _BRACKET, _OF) if _REPEATED.match(text, start) else (_IS, _EQUALS, _BRACKET, _OF, _BARE)
    for pattern in shapes:
        link = pattern.search(text, max(floor, start - 60), start)
        if link is None:
            continue
        phrase = phrase_before(text, link.start(), floor)
        if phrase is None:
            return _subject(text, link.start(), floor) if pattern is _IS else (None, None)
        property_, entity = _split_of(text, phrase)
        if property_ and is_property(text[slice(*property_)]):
            return property_, entity
        if pattern is _IS:
            subject = _subject(text, link.start(), floor)
            return subject if subject[0] else (None, phrase)
        if pattern is _EQUALS:
            return (phrase, None) if quantity.unit or ":" not in link[0] else (None, None)
        return None, phrase if pattern is _BRACKET and quantity.unit else None
    return None, None


_PROPERTY_OF = re.compile(rf"(?<!\w)(?:{'|'.join(sorted(PROPERTIES))})s?(?=\s(?:of|in|for|from)\s)", re.I)


def _subject(text: str, end: int, floor: int) -> tuple[Span | None, Span | None]:
    """Property and entity of a long subject: 'the prevalence of X after Y in our cohort (was)'."""
    found = list(_PROPERTY_OF.finditer(text, max(floor, end - 120), end))
    if not found or re.search(r"[.;:]\s", text[found[0].start() : end]):
        return None, None
    link = _OF_WHAT.match(text, found[0].end())
    return phrase_before(text, found[0].end(), floor) or found[0].span(), phrase_after(text, link.end(), end) if link else None


def _split_of(text: str, phrase: Span) -> tuple[Span | None, Span | None]:
    """'X of Y' as property X and entity Y; a phrase without 'of' is the property alone."""
    link = re.search(r"\sof\s(?:the\s|an?\s|each\s|these\s|both\s)?", text[slice(*phrase)])
    if link is None:
        return phrase, None
    return (phrase[0], phrase[0] + link.start()), (phrase[0] + link.end(), phrase[1])


def _named_after(text: str, quantity: Quantity, ceiling: int) -> tuple[Span | None, Span | None]:
    """'4 nm width': a property. '75 g glucose', '5 g of dried sediment': what it is of."""
    if quantity.unit is None and quantity.kind is not QuantityKind.COUNT:
        return None, None
    of = re.compile(r"\sof\s").match(text, quantity.end) if quantity.unit else None
    if not of and text[quantity.end : quantity.end + 1] != " ":
        return None, None
    phrase = phrase_after(text, of.end() if of else quantity.end, ceiling)
    if phrase is None:
        return None, None
    if text[slice(*phrase)].endswith(" pH"):
        return None, (phrase[0], phrase[1] - len(" pH"))  # '10 mM Tris-HCl pH 7.4' is of Tris-HCl
    if of is None and is_property(text[slice(*phrase)]):
        link = re.compile(r"\sof\s").match(text, phrase[1])
        return phrase, phrase_after(text, link.end(), ceiling) if link else None
    return None, phrase


def _condition(text: str, quantity: Quantity, sentence: Span, others: list[Quantity]) -> Span | None:
    """The other quantity of the sentence that says under what this one holds: 'at 298 K', 'after 24 h'; the nearest one."""
    if _condition_before(text, quantity, sentence):
        return None
    found: list[tuple[int, Span]] = []
    unit = text[slice(*quantity.unit)] if quantity.unit else None
    for other in others:
        start = _condition_before(text, other, sentence) if other != quantity else None
        if start is None or other.unit is None or text[slice(*other.unit)] == unit:
            continue
        if is_confidence(text, other.end, text[slice(*other.unit)]):
            continue
        if not _is_parted(text, quantity, start, other.end):
            found.append((abs(other.start - quantity.start), (start, other.end)))
    return min(found)[1] if found else None


def _is_parted(text: str, quantity: Quantity, start: int, end: int) -> bool:
    """Whether the clause ends between a quantity and the condition text[start:end]; 'At 298 K, the gap was' is one clause."""
    return any(sign in text[quantity.end : start] for sign in ",;()") or ";" in text[end : quantity.start]


def _condition_before(text: str, quantity: Quantity, sentence: Span) -> int | None:
    """Where the words begin that make this quantity a condition; None where there are none."""
    if quantity.unit is None:
        return None
    begin = max(sentence[0], quantity.start - 40)
    link = _CONDITION.search(text, begin, quantity.start)
    if link is None and _TIME.fullmatch(text[slice(*quantity.unit)]):
        link = _DURATION.search(text, begin, quantity.start)
    return link.start() if link else None
