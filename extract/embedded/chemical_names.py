"""Find materials and compounds by name: 'lead magnesium niobate', 'reduced graphene oxide', 'poly(ethylene glycol)', 'magnetite'.

By the grammar of chemical names: cations before an anion's word (-ide, -ate, -ite), polymers by their prefix, organic compounds by
their roots and endings, minerals by -ite; and a short list of what is known by a name of its own. Whether the paper is about what is
named is another question (materials.py).
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from extract.embedded.words import listed

Span = tuple[int, int]

ELEMENT_NAMES = listed(
    """
    hydrogen helium lithium beryllium boron carbon nitrogen oxygen fluorine neon sodium magnesium aluminum aluminium silicon phosphorus
    phosphorous sulfur sulphur chlorine argon potassium calcium scandium titanium vanadium chromium manganese iron cobalt nickel copper zinc
    gallium germanium arsenic selenium bromine krypton rubidium strontium yttrium zirconium niobium molybdenum technetium ruthenium
    rhodium palladium silver cadmium indium tin antimony tellurium iodine xenon cesium caesium barium lanthanum cerium praseodymium
    neodymium samarium europium gadolinium terbium dysprosium holmium erbium thulium ytterbium lutetium hafnium tantalum tungsten
    rhenium osmium iridium platinum gold mercury thallium lead bismuth thorium uranium plutonium
    """
)
#: Words that stand before an anion as an element does.
_CATIONS = listed(
    """
    ammonium methylammonium formamidinium guanidinium tetramethylammonium tetrapropylammonium tetrabutylammonium hydronium vanadyl
    uranyl ferric ferrous cupric cuprous stannous stannic plumbous mercuric mercurous alkali lanthanide graphene graphite metal
    transition-metal rare-earth organotin imidazolium pyridinium oxonium cyano
    """
)
_ANIONS = (
    r"(?:(?:mono|di|tri|tetra|penta|hexa|hepta|octa|sesqui|per|sub|hydr|oxy|pyro|poly|ortho|meta|hypo|thio|seleno|alumino|boro|fluoro|"
    r"chloro|bromo|iodo|phospho|cyano|hydro|hydrogen|dihydrogen)*"
    r"(?:oxide|sul[fp]h?ide|selenide|telluride|nitride|carbide|boride|silicide|phosphide|arsenide|antimonide|stannide|fluoride|chloride|"
    r"bromide|iodide|halide|chalcogenide|pnictide|hydride|hydroxide|amide|azide|cyanide|"
    r"carbonate|sul[fp]h?ate|sul[fp]h?ite|nitrate|nitrite|phosphate|phosphite|silicate|titanate|zirconate|hafnate|niobate|tantalate|"
    r"tungstate|molybdate|vanadate|"
    r"manganate|manganite|ferrite|ferrate|cobaltite|cobaltate|cobalate|nickelate|cuprate|ruthenate|iridate|chromite|chromate|aluminate|"
    r"gallate|borate|germanate|stannate|plumbate|antimonate|bismuthate|arsenate|selenate|selenite|tellurite|iodate|perchlorate|"
    r"acetate|oxalate|citrate|formate|tartrate|benzoate|stearate|methylsulfate|hexafluorophosphate|tetrafluoroborate))"
)
_ELEMENT = "|".join(sorted(ELEMENT_NAMES, key=len, reverse=True))
_CATION = rf"(?:{_ELEMENT}|{'|'.join(_CATIONS)}|[a-z]+(?:ammonium|imidazolium|pyridinium|phosphonium|pyrrolidinium))(?:\s?\([IVX]+\))?"
_SALT = rf"(?:{_CATION}(?:[\s–-]|\s?/\s?))+(?:{_ANIONS}(?:\s|-))?{_ANIONS}s?(?!\w)"
_POLYMER = (
    r"poly\s?(?:\((?:[^()\s]|\([^()\s]*\)|\s(?=[a-z]))+\)|(?!mer|morph|crystal|gon|hedr|nomial|disper|phenyl\b|type|topic|synthetic|electrolyte\b"
    r"|valent|nuclear|atomic|cyclic|ploid|clonal|somn|condens|anion|cation|carbide\b)"
    r"[a-z]{3,}(?:-[a-z]+)?)"
)
_KNOWN = listed(
    """
    silica alumina zirconia ceria titania magnesia yttria hafnia gadolinia lanthana graphite graphene fullerene diamond steel brass bronze
    rubber chitosan cellulose alginate starch gelatin collagen hydroxyapatite kevlar teflon nafion nylon\\d* epoxy silicone paraffin
    water ethanol methanol acetone toluene benzene hexane glycerol urea glucose ammonia methane ethylene propylene hydrazine
    quartz mica garnet zeolite clay kaolinite bentonite montmorillonite sapphire glassy\\scarbon germanene silicene phosphorene borophene
    phosphazene melamine pyrene perylene porphyrin phthalocyanine pentacene rubrene ferrocene glyme diglyme tetraglyme
    """
)
_COMPOUND = (
    r"(?:(?:reduced|fluorinated|nitrogen-doped|N-doped)\s)?graphene(?:\soxides?)?|(?:(?:multi|single)[- ]walled\s|multiwall\s)?"
    r"carbon\s(?:nanotubes?|fib(?:er|re)s?|black|felt|cloth|paper|nanofib(?:er|re)s?|aerogels?|nitride)|graphitic\scarbon\snitride|"
    r"(?:\d{3}L?\s)?stainless\ssteel|cast\siron|natural\s(?:rubber|graphite)|"
    r"(?:vulcanized|silicone|styrene-butadiene)\srubber|activated\scarbons?|hard\scarbon|silicon[- ]germanium|"
    r"(?:ethylene|propylene|dimethyl|diethyl|ethylmethyl|ethyl\smethyl|vinylene|fluoroethylene)\scarbonate|"
    r"dimethyl\s?(?:sulfoxide|formamide|acetamide)|tetrahydrofuran|(?:carboxymethyl|ethyl|methyl|nitro)\s?cellulose(?:\ssodium\ssalt)?|"
    r"sodium\salginate|indium\stin\soxide|(?:[A-Z][a-z]+\s)?alloy\s\d{3,4}|hybrid\s(?:lead\s)?halide\sperovskites?|lead\shalide\sperovskites?|"
    r"(?:ZSM|MCM|SBA|UiO|MIL|ZIF|HKUST|SAPO|KIT)-?\d+(?:-NH2)?(?:\ssilica)?"
)
_ROOT = (
    r"(?:meth|eth|prop|but|pent|hex|hept|oct|dec|phen|benz|naphth|nitr|amin|chlor|fluor|brom|iod|imid|azol|pyri|pyrr|pipera|piperi|thi|"
    r"carb|glyc|alk|vinyl|acryl|styr|tolu|anil|furan|form|acet|malon|succin|phthal|oxal|quin|indol|porph|silox|silan|phosph|sulf|tetra|cyclo)"
)
_ENDING = (
    r"(?:amine|amide|imide|imine|azole|idine|azine|ine|anol|enol|anone|enone|nitrile|oxane|hydrazide|hydrazone|furan|pyrrole|phenol|"
    r"quinone|thiol|(?:imidazol|pyridin|ammon|pyrrolidin|phosphon|sulfon)ium|ether|ester|silane|benzene|toluene|pyridine|urea|ylene|"
    r"oxyl|oxime|arene)s?(?:-\d[\w-]{0,20})?"
)
#: A word of an organic compound, judged in two steps: one pattern for both would try every cut of a long word.
_WORD = re.compile(r"(?<![\w,′″‴'-])[\w(\[][\w,′″‴'()\[\]{}-]{5,150}(?<![,'-])(?![\w-])")
_IS_ORGANIC = re.compile(rf"(?=.{{0,60}}?{_ROOT}).{{0,60}}{_ENDING}", re.I)
_ACID = r"(?:[\w,'′()-]{1,60}ic\s|[\w-]+oic\s)(?:di)?acids?(?!\w)"
#: Words in -ite that are no material: structures and phases of one, and plain English.
_NO_MINERAL = (
    r"(?!composite|nanocomposite|finite|infinite|definite|indefinite|despite|opposite|composite|crystallite|dendrite|meteorite|satellite|"
    r"favorite|website|prerequisite|exquisite|perovskite|appetite|spherulite|metabolite|granulite|bainite|austenite|martensite|pearlite|"
    r"cementite|requisite|termite|parasite|erudite|polite|excite|unite|invite|ignite|recite|cite|site|quite|elite|lewisite|white|write|suite)"
)
_MINERAL = rf"{_NO_MINERAL}(?:post-|hydroxy|fluor)?[a-z]{{4,}}(?<!s)ite(?!\w|-)"

NAME = re.compile(
    rf"(?<![\w])(?:{_SALT}|{_COMPOUND}|{_POLYMER}(?:/[\w-]+)?|{_ACID}|(?:{'|'.join(_KNOWN)})s?(?!\w)|{_MINERAL}|(?:{_ELEMENT})(?!\w))",
    re.I,
)
_ACID_ALONE = re.compile(
    r"(?:strong|weak|acidic|organic|inorganic|amino|fatty|nucleic|lewis|basic|specific|metallic|mineral)\s.*", re.I
)


def chemical_names(text: str) -> Iterator[Span]:
    """Where materials and compounds are named, in order; no two overlap."""
    found = [match.span() for match in NAME.finditer(text) if not _ACID_ALONE.fullmatch(match[0]) and len(match[0]) > 2]
    found += [_balanced(text, *match.span()) for match in _WORD.finditer(text) if _IS_ORGANIC.fullmatch(match[0].rstrip(")]"))]
    end = 0
    for span in sorted(found, key=lambda one: (one[0], -one[1])):
        if span[0] >= end:
            yield span
            end = span[1]


def _balanced(text: str, start: int, end: int) -> Span:
    """Without brackets that belong to the sentence."""
    for opened, closed in ("()", "[]"):
        while text[end - 1] == closed and text.count(closed, start, end) > text.count(opened, start, end):
            end -= 1
        if text[start] == opened and text.count(opened, start, end) > text.count(closed, start, end):
            start += 1
    return start, end
