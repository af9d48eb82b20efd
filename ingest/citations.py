"""The figures, tables and equations that a text mentions: 'Figs. 1-3' -> Figure 1, Figure 2, Figure 3.

Labels are written one way, whatever the paper's language or habit, so that a figure finds the text that cites it. Panels are
left out ('Fig. 2b' -> Figure 2): the figure is one picture.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

#: English, German, Portuguese, Spanish, French words for what is numbered.
WORDS = {
    "Figure": r"fig(?:ure|ura)?s?|abb(?:ildung(?:en)?)?",
    "Table": r"tables?|tab(?:elle[n]?|elas?|las?|leau)?",
    "Equation": r"eq(?:uation|uação|uações|uación|n)?s?|gl(?:eichung(?:en)?)?",
    "Scheme": r"schemes?|schema",
    "Algorithm": r"algorithms?|algorithmus",
}
_NUMBER = r"\(?[A-Z]{0,2}\.?\d+(?:\.\d+)*\)?(?:\s?\(?[a-zA-Z](?![a-zA-Z])\)?(?:\s?[,–-]\s?[a-zA-Z](?![a-zA-Z]))*)?|\b[IVX]+\b"
_MENTION = re.compile(
    r"\b(?P<extra>extended data |supp(?:lementary|lemental|orting|l)?\.? )?"
    + "(?:"
    + "|".join(rf"(?P<{name}>{words})" for name, words in WORDS.items())
    + r")\b\.?\s{0,2}(?P<numbers>(?:"
    + _NUMBER
    + r")(?:\s?(?:,|;|&|–|—|-|\bto\b|\band\b|\bund\b|\be\b|\by\b|\bet\b|, and)\s?(?:"
    + _NUMBER
    + r"))*)",
    re.IGNORECASE,
)
_ONE = re.compile(r"(?P<prefix>[A-Z]{0,2}\.?)(?P<number>\d+(?:\.\d+)*)(?P<rest>[^\d]*)|(?P<roman>\b[IVX]+\b)")
_RANGE = re.compile(r"(?:–|—|-|\bto\b|\bbis\b|\ba\b)\s*\(?$")
LONGEST_RANGE = 30  #: 'Figures 1-300' is a misread, not a range


def cited_labels(text: str) -> tuple[str, ...]:
    """The labels this text mentions, each once, in order of first mention."""
    return tuple(dict.fromkeys(label for mention in _MENTION.finditer(text) for label in _labels(mention)))


def _labels(mention: re.Match[str]) -> Iterator[str]:
    word = next(name for name in WORDS if mention[name])
    extra = (mention["extra"] or "").lower()
    name = f"Extended Data {word}" if extra.startswith("ext") else word
    supplement = "S" if extra.startswith("supp") else ""
    last: tuple[str, int] | None = None
    joint = ""
    for one in _ONE.finditer(mention["numbers"]):
        if one["roman"]:
            yield f"{name} {one['roman']}"
            continue
        prefix, number = one["prefix"].upper() or supplement, one["number"]
        if last and number.isdecimal() and prefix in (last[0], supplement) and _RANGE.search(joint):
            span = range(last[1] + 1, min(int(number), last[1] + LONGEST_RANGE))
            yield from (f"{name} {last[0]}{between}" for between in span)
        yield f"{name} {prefix}{number}"
        last = (prefix, int(number)) if number.isdecimal() else None
        joint = one["rest"]
