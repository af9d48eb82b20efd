"""The units of measurement that science prints, as one pattern.

Symbols of the SI with their prefixes, the units that the sciences use beside it, and unit words. Case matters (mM and MM, K
and k), so units are read from the text and never from an encoder's lower-cased tokens. A compound is several of them:
'm s−1', 'mg/L', 'W/(m·K)', 'stems per ha'. The list is general on purpose: add a unit because a science uses it.

What a newcomer would get wrong: every prefix with every symbol makes words ('as', 'am', 'at') and abbreviations ('MS', 'GM').
"""

from __future__ import annotations

import re
from functools import cache

#: Take a prefix of daily use.
_PREFIX = "[fpnuµμmcdhkMG]"
_SYMBOLS = """
    m g s A K mol cd Hz N Pa J W C V F Ω Ω S Wb T H lm lx Bq Gy Sv kat eV l L ℓ bar M B bit bps cal Da bp b pc yr Ci Jy Wh Ah VA
    rad sr Ohm ohm ohms Torr torr Eq Osm OD nt eq IU
"""
#: Take the other prefixes too.
_RARE_PREFIX = "[yzafTPEZY]"
_RARE_SYMBOLS = "Hz eV J W B bp bps Wh FLOPS FLOP FLOPs flops mol Bq Pa g V Ω"
#: What prefixes and symbols could make, but is an abbreviation where it is printed.
_NO_UNITS = "GM MS MA MC GA GS GF MT MH MM cA cC cF hA hC hF hH hB hb hS hT hM dM dF dA dC dc MC MF"
#: Stand as they are.
_PLAIN = """
    % ‰ ‱ ppq ° °C °F °K ℃ ℉ Å ′ ″ °N °S °E °W ppm ppb ppt ppmv ppbv ppmw ppbC wt% wt.% vol% vol.% at% at.% mol% mol.% mass% σ SD SE SEM
    oC oF oN oS oE oW Ma ka Ga Myr kyr Gyr byr Mya kya Ka My ky min mins h hr hrs d wk mo yrs y
    dB dBm dBi dBA rpm RPM rcf AU au ly mas arcsec arcmin deg dex mag magnitudes M⊙ M☉ R⊙ R☉ L⊙ L☉ Msun Rsun Lsun Mpc kpc kR
    atm psi mmHg cmH2O inHg mph kn ha acre acres ft inch inches lb lbs oz gal kcal BTU amu u t kt Mt Gt Tg Pg Oe emu Gs Gauss gauss
    cP cSt dyn dyne poise D DU PSU psu NTU pH Hv HRC μatm µatm
    rem mrem MPN CFU cfu PFU pfu FFU U TCID50 kbp Mbp Gbp kb Mb Gb nt aa MOI
    masl mbsl m.a.s.l. mBar mdeg Rp RJ RE RS Rs RRh REnc MJ R⊕ M⊕ Vs As Pas w/w v/v w/v wt/wt vol/vol
    fps px dpi GiB MiB KiB TiB GB MB kB TB Gbps Mbps kbps GFLOPS TFLOPS PFLOPS EUR USD GBP
"""
#: One pattern a line.
_WORDS = r"""
    (?:wt|vol|at|mol)\.? ?%|mass ?%|° [CFK](?=[\s.,;:)]|$)
    percent(?:age points?)?|per cent|percentiles?
    degrees?(?! of freedom)(?: (?:C|Celsius|centigrade|Fahrenheit|F|Kelvin))?|kelvins?
    (?:nano|micro|milli|centi|kilo|mega|giga|tera)?(?:met(?:er|re)s?|grams?|grammes?|lit(?:er|re)s?|seconds?|moles?|volts?|watts?|joules?)
    (?:nano|micro|milli|centi|kilo|mega|giga|tera)?(?:amperes?|amps?|hertz|newtons?|pascals?|teslas?|farads?|siemens|ohms?|bytes?|bits?)
    (?:kilo|mega|giga)?(?:electron ?volts?|calories?|tons?|tonnes?|parsecs?|bases?|base pairs)|molar
    minutes?|hours?|days?|weeks?|months?|years?|decades?|centur(?:y|ies)|millenni(?:a|um)
    miles?|feet|foot|yards?|acres?|hectares?|pounds?|ounces?|gallons?|light[- ]years?|bars?|atmospheres?|knots?
    (?:years?|months?|weeks?|days?)[- ](?:old|of age)|fold|times|occasions?|parts per (?:million|billion|trillion)|standard deviations?
    orders? of magnitude|revolutions?|arcseconds?|arcminutes?|radians?|kilobases?|megabases?|dollars?|euros?
"""
#: May stand above or below a fraction bar with units: 'stems/ha', 'cells per mL'.
_COUNTED = r"""
    cells?|copies|copy|counts?|events?|molecules?|atoms?|particles?|ions?|photons?|electrons?|stems?|trees?|plants?|seeds?
    individuals?|persons?|people|patients?|spores?|eggs?|reads?|genes?|beats?|breaths?|steps?|colonies|samples?|pairs?|items?
    species|animals?|mice|rats?|neurons?|spikes?|pulses?|drops?|frames?|images?|words?|points?|cases?|deaths?|births?|cycles?
    vehicles?|nodes?|cores?|queries|requests?|operations?|ops?|tokens?
"""
#: Counted as if they were units: '5318 participants', '30-item'.
_PEOPLE = r"""
    participants|patients|subjects|volunteers|respondents|individuals|people|persons|men|women|children|adults|infants
    students|employees|households|items|points|(?<=-)item|(?<=-)point
"""

_NEGATIVE = r"(?<=[A-Za-zµμΩ])(?:\^?\{?[-−–]\s?[1-9]\}?(?!\d|[.,]\d|\s?[µμnmpk]?[MgLlms]\b)|[⁻¯][¹²³⁴⁵⁶⁷⁸⁹])"
_EXPONENT = rf"(?:{_NEGATIVE}|\^\{{?[1-9]\}}?|[¹²³⁴⁵⁶⁷⁸⁹]|(?<=m)[23](?!\d))"
_END = r"(?![A-Za-zµμ])"


def _any_of(words: str) -> str:
    return "|".join(re.escape(word) for word in sorted(words.split(), key=len, reverse=True))


def _patterns(lines: str) -> str:
    return "|".join(line.strip() for line in lines.strip().splitlines())


@cache
def unit_pattern() -> re.Pattern[str]:
    """Matches a unit, simple or compound, where a number ended; group 0 is the unit."""
    common = f"(?!(?:{_any_of(_NO_UNITS)}){_END}){_PREFIX}?(?:{_any_of(_SYMBOLS)})"
    symbol = f"(?:{_any_of(_PLAIN)}|{common}|{_RARE_PREFIX}(?:{_any_of(_RARE_SYMBOLS)}))"
    counted = f"(?:{_patterns(_COUNTED)})(?!\\w)"
    joined = f"{symbol}{symbol}{_NEGATIVE}"  # mWm−2
    powered = f"{symbol}(?:{_EXPONENT})?{_END}"
    term = f"(?:(?:{_patterns(_WORDS)})(?!\\w)|{joined}|{powered})"
    divisor = f"(?:{term}|{counted})"
    each = "\\sper\\s(?:[a-z]{3,})(?!\\w)"  # 'per side', 'per passage': any noun may stand there
    bracket = f"\\({divisor}(?:\\s?[·⋅∙*.\\s]\\s?{powered})?\\)"
    below = f"(?:\\s?/\\s?(?:{bracket}|{divisor})|\\s(?:per|a)\\s{divisor})"
    product = f"(?:\\s?[·⋅∙∗*×]\\s?{powered})"
    inverse = f"(?:[\\s.]?(?:[A-Z][A-Za-z0-9]{{0,3}}\\s)?(?:{symbol}|hour|day|week|month|year){_NEGATIVE}{_END})"
    share = "\\sby\\s(?:mass|weight|volume|mole|number|area)(?!\\w)"  # of ppm and %
    return re.compile(
        f"(?:{term}(?:{product}|{inverse}|{below})*(?:{each}|{share})?|{counted}(?:{below}|{inverse})|×(?!\\s?\\d)"
        f"|(?:{_patterns(_PEOPLE)})(?!\\w))"
    )


@cache
def _people_pattern() -> re.Pattern[str]:
    return re.compile(f"(?:{_patterns(_PEOPLE)})")


def is_counted(unit: str) -> bool:
    """Whether this unit is the name of what was counted, such as 'participants'."""
    return bool(_people_pattern().fullmatch(unit))
