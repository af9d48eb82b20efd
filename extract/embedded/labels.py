"""Say which numbers measure nothing: labels, citations, parts of names, registry numbers.

A number is judged by what stands right before and right after it. These rules are where the trust in the measurements comes
from: a missed rule here is a 'Figure 3' or a '[12]' in a scientist's table.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from extract.embedded.words import listed

DASH = "-−–"
YEAR = re.compile(r"^(?:1[5-9]|20)\d\d$")
#: After these words a number is a label: 'Figs. 2, 3 and 4', 'Table S1', 'phase 3'.
_LABEL_WORDS = listed(
    r"""
    figs? figures? tab tables? eqs? eqns? equations? secs? sections? sect refs? references? chapters? ch appendix appendices
    schemes? algorithms? theorems? lemmas? propositions? corollary definitions? box(?:es)? plates? panels? videos? movies?
    files? notes? footnotes? vols? volumes? pp? pages? lines? no nos nr numbers? steps? stages? phases? grades? types?
    class(?:es)? groups? cases? experiments? exp stud(?:y|ies) versions? ver v marks? mk suppl\w* grants? awards? patents?
    protocols? models? samples? sites? stations? cores? holes? units? chromosomes? chr exons? introns? clusters? layers?
    cohorts? arms? scenarios? hypothes[ie]s questions? items? rq aims? tiers? rows? columns? col codes? months? weeks? days?
    timepoints? axis axes factors? dimensions? components? visits? rounds? sessions? trials? runs? isoforms? residues?
    positions? points? blocks? parts? methods?
    conditions? treatments? regions? zones? areas? plots? bands? lanes? wells? channels? task examples? remarks? problems?
    category categories cat compounds? complex(?:es)? mutants? variants? strains? patients? participants? subjects? episodes?
    """
)
_LABEL = re.compile(
    rf"\b(?:{'|'.join(_LABEL_WORDS)})"
    r"\.?\s?#?\(?(?:[A-Z]?\d+[a-z]?(?:[.\-–]\d+)*\s?(?:,|and|&|to|or|[-–])\s?(?:and\s)?)*S?$",
    re.I,
)
_AUTHOR_YEAR = re.compile(r"(?:\bal\.?,?|[A-Z][\w’'\-]+,|&\s?[A-Z][\w’'\-]+|\d{4}[a-z]?[,;])\s?\(?$")
_NAME_BEFORE = re.compile(r"[A-Z][\w’'\-]+\s\($")
#: A word with a capital, right before: the number is part of a name ('Viking 1', 'OMRON HEM 907') unless the word is one of these.
_CAPITAL = re.compile(r"(?<![\w.])([A-Z][\w’'-]*)\s$")
_COMMON = frozenset(
    listed(
        """
        The A An In On At Of For With From By To And Or But All About Around Over Under Only Nearly Almost Since Until After
        Before Between Within Above Below When While Where If As Up Age Aged Total Mean Median Average Maximum Minimum
        Approximately January February March April May June July August September October November December AD BC CE Is Was
        Were Are Another These Those Some Every Each Both First Next Then Here During Using Using At Least Most More Less
        Than CI OR HR RR SD AUC AUROC MAE RMSE F1 P N R T U Z Q
        """
    )
)
_BRACKETS = re.compile(r"\[[\d\s,;–—\-−]+\]|\((?:\d{1,3}(?:\s?[,;–—\-−]\s?\d{1,3})*)\)")

#: DOIs, addresses, registry numbers, standards: digits that number nothing.
_CODES = re.compile(
    r"10\.\d{4,9}/\S+|(?:https?://|www\.)\S+|arXiv:\S+|(?<!\d)\d{2,7}-\d{2}-\d(?!\d)|\b(?:ISO|IEC|ASTM|DIN|BS|RFC|"
    r"IEEE|EN)\s(?:ISO\s)?[A-Z]?\d[\w-]*"
    r"|\d+(?:\.\d+){2,}|\b(?:CAS|ISBN|ISSN|PMID|PMCID|ORCID)\b\D{0,6}[\d-]+X?"
)


def barred(text: str) -> Iterator[tuple[int, int]]:
    """The stretches of text in which no number is a quantity."""
    for match in _BRACKETS.finditer(text):
        if not (match[0].startswith("(") and YEAR.match(match[0][1:-1])):  # '(1979)' may be a year; '(27)' is a citation
            yield match.span()
    for match in _CODES.finditer(text):
        yield match.span()


_CONFIDENCE = re.compile(
    r"\s?(?:CI\b|C\.I\.|CL\b|C\.L\.|confidence|credible|CrI\b|HPD|HDI|"
    r"(?:significance |exclusion |error )?(?:intervals?|bands?|contours?|limits?|regions?|levels?)\b)"
)


def is_confidence(text: str, end: int, unit: str) -> bool:
    """Whether the quantity that ends here is a level of confidence: '95% CI', '1σ band'."""
    return unit in ("%", "σ", "SD") and bool(_CONFIDENCE.match(text, end))


def is_labelled(text: str, start: int) -> bool:
    """Whether the words before make it a label: 'Figure 3', 'Tables 1 and 2', 'phase 3'."""
    return bool(_LABEL.search(text, max(0, start - 60), start))


def is_glued(text: str, start: int, end: int) -> bool:
    """Whether the number belongs to a name that began before it: 'IL-6', 'NBS-19', '22/10a-4', 'Mg(ClO4)2'; `end` is where
    the last quantity ended, after which a dash is one of a range."""
    before = text[start - 1 : start]
    if before in (")", "]", "’", "'", "”", "″", "′") and before:
        return True
    if before and before in DASH + "/" and start - 1 != end:
        return text[start - 2 : start - 1].isalpha()
    return False


def goes_on(text: str, end: int) -> bool:
    """Whether the number is glued to letters or to more of a name: '3D', '2nd', '1990s', '5-methyl', '10.1038/x'."""
    after = text[end : end + 1]
    if after.isalpha() or after == "_":
        return True
    if after in ("-", "‐", "‑") and text[end + 1 : end + 2].isalpha():
        return True
    if after == "/":  # 22/10a, 10.1038/x; 80/20 is a ratio
        return not re.match(r"/\d+(?![\w/])", text[end : end + 8])
    return bool(re.match(r"\.\d|[°º′’”]|\s?=", text[end : end + 3]))


def ends_name(text: str, start: int, end: int) -> bool:
    """Whether this whole number ends a name, as in 'Viking 1'."""
    if not text[start:end].isdigit():
        return False
    word = _CAPITAL.search(text, max(0, start - 24), start)
    return bool(word and word[1] not in _COMMON)


def is_cited_year(text: str, start: int, end: int) -> bool:
    """Whether this year belongs to a citation: 'Smith et al., 2003', 'Smith (2003)'."""
    before = text[max(0, start - 30) : start]
    if _AUTHOR_YEAR.search(before):
        return True
    return bool(_NAME_BEFORE.search(before)) and text[end : end + 2].rstrip("abc").startswith((")", ","))
