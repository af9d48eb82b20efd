"""Words of fields and sentences, made comparable.

A light stemmer and a list of words that say nothing: enough to see that 'sample_sizes' and 'the sample size was' speak of the
same thing, and a thousand times faster than an encoder, which ranks sentences hardly better (see docs/log.md).
"""

from __future__ import annotations

import re
from functools import lru_cache


def listed(words: str) -> tuple[str, ...]:
    """A word list written as running text."""
    return tuple(words.split())


_WORD = re.compile(r"[A-Za-zα-ωΑ-Ω][A-Za-zα-ωΑ-Ω0-9]*")
_CAMEL = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|_|-")
STOP = frozenset(
    listed(
        """
        a an the and or but nor of in on at to for from by with without within into onto over under between among through
        during as is are was were be been being am do does did done has have had having can must shall should will would it
        its this that these those there here they them their he she his her we our us i you your who whom whose which what
        when where why how than then thus so such not no if else any all each every both either neither some most more less
        least other another same own only also very too just about above below up down out off again further once per via
        etc eg ie one ones given use used using e g
        """
    )
)
#: Words that a schema's author writes about any field: they say nothing about which one it is.
GENERIC = frozenset(
    listed(
        """
        value values number numbers amount quantity quantities field text string list item items record result name names
        word words phrase sentence paper article study exact exactly print printed copy copied verbatim null empty where
        state stated state report reported describe described description mention mentioned short full first author authors
        unit units say said if found find measured measure measurement measurements true false yes no kind type property
        entity quote
        """
    )
)

#: 'p < 0.01' is said in signs; a schema says 'p value'.
_P_VALUE = re.compile(r"\b[pP][\s-]?(?:[<=>≤]\s?0?\.\d|values?\b)")


@lru_cache(maxsize=65536)
def stem(word: str) -> str:
    """The word without its common endings: 'samples' and 'sampling' give 'sampl'."""
    word = word.lower()
    if len(word) <= 3:
        return word
    for ending, rest in (("ies", "y"), ("sses", "ss"), ("ves", "f")):
        if word.endswith(ending) and len(word) > len(ending) + 2:
            return word[: -len(ending)] + rest
    for ending in ("ations", "ation", "ings", "ing", "ments", "ment", "ers", "edly", "ed", "es", "er", "ly", "s", "e"):
        if word.endswith(ending) and len(word) - len(ending) >= 4 and not word.endswith("ss"):
            return word[: -len(ending)]
    return word[:-1] if word.endswith("s") and not word.endswith(("ss", "is")) and (len(word) < 5 or word[-2] != "u") else word


def stems_of(text: str) -> frozenset[str]:
    """The stems of the words that say something."""
    found = {stem(word) for word in _WORD.findall(text) if len(word) > 1 and word.lower() not in STOP}
    return frozenset(found | {"pvalue"} if _P_VALUE.search(text) else found)


def name_words(name: str) -> list[str]:
    """'sampleSize_n' as ['sample', 'size', 'n']."""
    return [word.lower() for word in _CAMEL.split(name) if word]


def telling_stems(text: str) -> frozenset[str]:
    """The stems of a field's words that tell it from other fields."""
    words = [word for part in _WORD.findall(text) for word in name_words(part)]
    return frozenset(stem(word) for word in words if len(word) > 1 and word not in STOP and word not in GENERIC)


def overlap(wanted: frozenset[str], said: frozenset[str]) -> float:
    """Share of the wanted stems that are said; 0 where none are wanted."""
    return len(wanted & said) / len(wanted) if wanted else 0.0
