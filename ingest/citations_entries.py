"""Which entries of the reference list a text cites: '[3-5]', a raised '3,4', '(Smith et al., 2019a)', 'Smith and Jones (2019)'.

A paper keeps to one way, and signs mean one thing in one paper and another in the next: '(2)' is a citation here and an equation there,
and a raised number comes out of a PDF as part of its word ('growth3'). So the way is chosen once, for the whole paper, as that which
reaches most entries; and a citation is only ever one of an entry that is in the list.
"""

from __future__ import annotations

import re
import unicodedata
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence

from ingest.references_names import family_of
from records import Reference

#: Share of the entries that numbers in round brackets, or raised ones, must reach before they are taken for citations.
LEAST_REACHED = 0.4
FEWEST = 5  #: entries; a shorter list is reached by chance
LONGEST_RANGE = 60  #: '[1-300]' is a misread
WINDOW = 90  #: signs before a year in which its author's name stands

_NUMBERS = r"\d{1,4}(?:\s?[,;]\s?\d{1,4}|\s?[-–—]\s?\d{1,4})*"
_BRACKETS = re.compile(
    rf"\[(?:(?:see|e\.g\.|cf\.|refs?\.?)\s)?(?P<numbers>{_NUMBERS})(?:,\s?(?:p|pp|ch|sec)\.[^\]]{{0,20}})?\]"
)
_ROUND = re.compile(rf"\((?:(?:see|e\.g\.|cf\.|refs?\.?|reviewed in)\s)?(?P<numbers>{_NUMBERS})\)")
_RAISED = re.compile(
    r"(?:(?<=[a-zß-ÿ]{3})|(?<=[a-zß-ÿ)\]][.,;:)\]\"”’])|(?<=\w\))|(?<=[A-Z]{2}[.,;:)])|(?<=[A-Z]\)[.,]))(?<!log)(?<!chr)(?<!Fig)(?<!exp)"
    r"(?P<numbers>\d{1,3}(?:[,–-]\d{1,3})*)(?=[\s.,;:)\]]|$)(?!\.\d|\s?%)"
)
_NAMED = re.compile(rf"\b[Rr]ef(?:erence)?s?\.?\s?\[?(?P<numbers>{_NUMBERS})")
_PART = re.compile(r"(?P<range>[-–—])?\s?(?P<number>\d{1,4})")

_YEAR = re.compile(r"(?<![\d.])(?P<year>(?:1[6-9]|20)\d{2})(?P<letters>[a-z]?(?:\s?,\s?[a-z]\b(?!\s?\d))*)(?![\d-])")
_ONLY_BETWEEN = re.compile(r"[\s,;&]*(?:and\s)?[(\[]?")
_STRAIGHT = re.compile(r"(?:['’]s?)?[\s,.]*[(\[]?")

Citer = Callable[[str], tuple[str, ...]]  #: the ids of the entries that a text cites, each once, in order


def open_citer(entries: Sequence[Reference], texts: Sequence[str]) -> Citer:
    """What finds citations of these entries, in the way that the paper's texts cite them."""
    if not entries:
        return lambda _: ()
    by_number = {int(entry.label): entry.id for entry in entries if entry.label.isdecimal()}
    ways: list[tuple[Citer, float, float]] = []  #: (way, what a hit is worth, share that it must reach)
    if by_number:
        ways = [
            (_by_numbers(_BRACKETS, by_number), 1.5, 0.0),
            (_by_numbers(_ROUND, by_number), 1.0, LEAST_REACHED),
            (_by_numbers(_RAISED, by_number), 1.0, LEAST_REACHED),
        ]
    else:
        ways = [(_by_names(entries), 1.0, 0.0)]
    chosen, most = ways[0][0], 0.0
    for way, worth, least in ways:
        reached = len({found for text in texts for found in way(text)})
        is_sure = not least or (reached >= least * len(entries) and len(entries) >= FEWEST)
        if is_sure and reached * worth > most:
            chosen, most = way, reached * worth
    return chosen


def _by_numbers(sign: re.Pattern[str], by_number: Mapping[int, str]) -> Citer:
    def cited(text: str) -> tuple[str, ...]:
        mentions = sorted((m for one in (sign, _NAMED) for m in one.finditer(text)), key=lambda m: m.start())
        return tuple(dict.fromkeys(by_number[n] for m in mentions for n in _numbers(m["numbers"]) if n in by_number))

    return cited


def _numbers(written: str) -> Iterator[int]:
    """'3, 5-7' as 3, 5, 6, 7."""
    last = 0
    for part in _PART.finditer(written):
        number = int(part["number"])
        if part["range"] and last < number <= last + LONGEST_RANGE:
            yield from range(last + 1, number)
        yield number
        last = number


def _by_names(entries: Sequence[Reference]) -> Citer:
    known: dict[tuple[str, str], list[Reference]] = defaultdict(list)
    for entry in entries:
        if (found := re.search(r"(\d{4})([a-z]?)$", entry.label)) and entry.authors:
            known[found[1], found[2]].append(entry)
            if found[2]:
                known[found[1], ""].append(entry)

    def cited(text: str) -> tuple[str, ...]:
        return tuple(dict.fromkeys(_cited_by_name(_plain(text), known)))

    return cited


def _cited_by_name(text: str, known: Mapping[tuple[str, str], Sequence[Reference]]) -> Iterator[str]:
    window, last_end = "", 0
    for year in _YEAR.finditer(text):
        between = text[last_end : year.start()]
        if not (last_end and _ONLY_BETWEEN.fullmatch(between)):  # else 'Smith 2018, 2020': the same names
            window = re.split(r"[;)\]](?![\s,.]*[(\[]?$)", between[-WINDOW:])[-1]
        letters = re.findall(r"[a-z]", year["letters"]) or [""]
        for letter in letters:
            fitting = [entry for entry in known.get((year["year"], letter), ()) if _is_named(entry, window)]
            if len(fitting) == 1:
                yield fitting[0].id
        last_end = year.end()


def _is_named(entry: Reference, window: str) -> bool:
    """Whether these words before a year are this entry's authors: the first, and then the second or 'et al.' or nothing."""
    first, *others = (_plain(family_of(name)) for name in entry.authors[:2])
    for found in re.finditer(rf"(?<![\w-]){re.escape(first)}(?![\w-])", window):
        after = window[found.end() :]
        if _STRAIGHT.fullmatch(after):
            return not others or len(entry.authors) > 2
        if re.match(r"[\s,]*(?:and\s)?(?:et\s?al|and (?:others|colleagues|co-?workers)|u\.\s?a\.)", after):
            return len(after) < 30
        if others and re.match(rf"[\s,]*(?:and|&|und|y|e|et)?\s*{re.escape(others[0])}\b", after):
            return True
    return False


def _plain(text: str) -> str:
    """Without accents, which PDFs write in several ways; every sign that is left stays in its order."""
    return "".join(sign for sign in unicodedata.normalize("NFKD", text) if not unicodedata.combining(sign))
