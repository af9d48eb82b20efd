"""Find what a material is for: 'cathode', 'Li-ion batteries', 'hydrogen evolution reaction', 'solar cells', 'superconductor'.

An application is a noun phrase whose head is a role in a device (cathode, catalyst), a device (battery, sensor), a reaction that is
driven, or a class of functional materials (superconductor, high-entropy alloy). A role and a class are told in the singular, since a
record is of one material; a device stays as printed. Words that mean more often what a sample lies on or comes in (substrate, support,
coating, solvent) are left out: they name an application less than once in ten times.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

Span = tuple[int, int]

_REACTION = (
    r"(?:hydrogen|oxygen|nitrogen|carbon dioxide|CO\s?2)\s(?:evolution|reduction|oxidation)\sreactions?(?:\s\([A-Z0-9]+\))?|"
    r"(?:water|methane|ammonia)\s(?:splitting|reforming|synthesis)|(?:hydrogen|water[- ]gas[- ]shift)\s(?:production|reaction)"
)
#: What a battery works with; 'rechargeable' and 'secondary' do not belong to its name.
_CHEMISTRY = (
    r"(?:(?:lead[-–/ ]acid|nickel[-–/ ](?:cadmium|metal[- ]hydride)|all-solid-state|"
    r"(?:Li|Na|K|Mg|Zn|Al|lithium|sodium|potassium|magnesium|zinc|alumini?um|metal|vanadium)"
    r"(?:[-–/ ](?:ion|air|sul[fp]hur|S|O2|oxygen|polymer|metal))?|redox|semi-flow|flow|dry|thermal|alkaline)\s)"
)
_DEVICES = (
    rf"{_CHEMISTRY}{{1,3}}batter(?:y|ies)|"
    r"(?:(?:solid[- ]oxide|microbial|direct methanol|proton[- ]exchange[- ]membrane|polymer electrolyte)\s)?fuel\scells?|"
    r"(?:(?:dye[- ]sensiti[sz]ed|organic|polymer|perovskite-based)\s){0,2}solar\scells?|"
    r"(?:gas|chemical|humidity|pressure|strain|temperature|glucose|electrochemical|magnetic)[- ]sensors?|biosensors?|photodetectors?|"
    r"super-?capacitors?|(?:field[- ]effect\s|thin[- ]film\s)?transistors?|light[- ]emitting\s(?:diodes?|devices?)|photovoltaics?|"
    r"(?:opto|micro|magneto)?electronic\sdevices?|spintronics?(?:\sdevices?)?|optoelectronics?|lasers?|"
    r"thermoelectric\sgenerat(?:ion|ors?)|resonators?|actuators?|memory\sdevices?|magnetic\s(?:refrigerat\w+|cooling)|"
    r"orthopedic\simplants?|drug\sdelivery|(?:electro|photo)?catalysis|(?:chemical\s|humidity[- ]|gas\s)sensing|"
    r"(?:gas|hydrogen|methane|H2|CH4|CO2|carbon\sdioxide)\s(?:storage|separation|capture|adsorption)"
)
_CLASSES = (
    r"superconductors?|(?:high|medium)[- ]entropy\salloys?|(?:bulk\s)?metallic\sglass(?:es)?|semiconductors?|(?:photo|electro)?catalysts?|"
    r"thermoelectrics?|ferromagnets?|ferroelectrics?|piezoelectrics?|(?:microwave\s)?dielectrics?|multiferroics?|magnetocaloric|phosphors?|"
    r"elastomers?|intermetallic\scompounds?|liquid\scrystals?|topological\sinsulators?|shape[- ]memory\salloys?|heusler\salloys?|"
    r"permanent\smagnets?|solders?|cermets?|antimicrobial|antibacterial|anticancer|adsorbents?|lubricants?|pigments?"
)
_ROLES = (
    r"cathodes?|anodes?|catholytes?|anolytes?|(?:(?:solid|polymer|non-?aqueous|gel)\s)*electrolytes?|"
    r"(?:hole|electron)[- ]transport\slayers?|buffer\slayers?"
)
_HEADS = {"reaction": _REACTION, "device": _DEVICES, "class": _CLASSES, "role": _ROLES}
_PATTERN = re.compile("|".join(rf"(?P<{kind}>(?<![\w-])(?:{words})(?!\w))" for kind, words in _HEADS.items()), re.I)
_PLURAL = re.compile(r"(?<=[a-z])(?:(?<=ss)es|(?<![su])s)$")


def applications(text: str) -> Iterator[Span]:
    """Where an application is named, in order."""
    for match in _PATTERN.finditer(text):
        start, end = match.span()
        plural = _PLURAL.search(match[0]) if match.lastgroup in ("class", "role") else None
        yield start, end - len(plural[0]) if plural else end


def same_application(words: str) -> str:
    """What 'Li-ion battery' and 'Li ion batteries' have in common."""
    bare = re.sub(r"\s\([^()]*\)$|[-–/\s]", "", words.lower())
    return re.sub(r"(?:ies|y|s)$", "", bare).replace("lithium", "li").replace("sodium", "na")
