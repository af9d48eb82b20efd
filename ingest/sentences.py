"""Where sentences end in scientific prose: not at 'Fig.', 'et al.', an initial, or before a small letter."""

from __future__ import annotations

import re

_STOP = re.compile(r"[.!?…][\"'”’)\]]*(?:\[[\d,\s–-]+\]|[⁰¹²³⁴-⁹,–]+)?(?=\s+[^\sa-zà-ÿ])")
_WORD_BEFORE = re.compile(r"[^\s(\[]*$")
ABBREVIATIONS = frozenset(
    {
        "abb",
        "al",
        "appr",
        "approx",
        "bzw",
        "ca",
        "cf",
        "d.h",
        "dr",
        "e.g",
        "ed",
        "eds",
        "eq",
        "eqs",
        "etc",
        "evtl",
        "fig",
        "figs",
    }
    | {"i.e", "no", "nos", "p", "pp", "prof", "ref", "refs", "resp", "sec", "sect", "st", "suppl", "tab", "u.a", "vgl", "vol"}
    | {"vs", "z.b"}
)


def sentence_ends(text: str) -> list[int]:
    """The positions after the last sign of each sentence, the end of the text not among them."""
    return [stop.end() for stop in _STOP.finditer(text) if not _is_abbreviation(text[max(0, stop.start() - 12) : stop.end()])]


def _is_abbreviation(before: str) -> bool:
    """Whether these last signs are a word that a full stop shortens, or an initial."""
    if "." not in before[-2:]:
        return False
    found = _WORD_BEFORE.search(before.rstrip(".\"'”’)]"))
    word = found.group() if found else ""
    return (
        word.lower() in ABBREVIATIONS or (len(word) == 1 and word.isupper()) or bool(re.fullmatch(r"(?:[A-Z]\.-?)+[A-Z]", word))
    )
