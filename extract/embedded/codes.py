"""Numbers that belong to a notation: locants, Miller indices, degrees of freedom, clones, lot numbers.

They go on from `labels.py`, which knows the words before a label. Here it is the signs around the number that tell: nothing is measured
in 'hSOX2-23', '{111}', 'F(3, 8.9) = 4.1', 'poly(3,4-ethylenedioxythiophene)' or '040301'.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

_NOTATIONS = re.compile(
    r"(?<=[A-Za-zχ²2])\(\s?\d[\d.,\s]*\)(?=\s?[=<>≈])"  # degrees of freedom: F(3, 8.9) =, t(39) =
    r"|\bEqs?\.?\s\(\d+\.\d+\)(?:,?\s(?:and|to)?\s?\(\d+\.\d+\))*"  # numbers of equations: Eqs. (9.2) and (9.10)
    r"|\{\s?[-−–\d̄\s]{3,}\}|[⟨<\[]\d{3,4}[⟩>\]]"  # Miller indices: {111}, <110>
    r"|(?<![\d.,])0\d{2,}(?![\d.,]\d|\s?[×x]\s?10)"  # codes: 040301, (001)
    r"|(?<=\()\d+(?:,\d+)*(?=,\d+-[a-z]|-[a-z]{3})|(?<![\d.])\d+(?:,\d+)+(?=-[a-z])"  # locants: (3,4-ethylene...
    r"|(?<=\w)(?:\d+(?:\.\d+)?\s?)?°(?=\s?θ)"  # ∆2°θ
)
#: The end of a name whose last part is a number after a dash or a slash: 'hSOX2-', 'Ktzi202/', 'TRA-1–', 'Oct3/'.
_NAME_DASH = re.compile(r"(?<![\w.])(?=[\w\-–/]*[A-Za-z])[A-Za-z0-9][\w]*(?:[-–/][A-Za-z0-9]\w*)*[-–‐/]$")
#: Words that tell which one is meant of several, as `labels.py` has them, of laboratories and lists.
_WHICH = re.compile(
    r"\b(?:fractions?|clones?|labels?|labelled|numbered|coded?|lot|batch|cat\.?|catalogue|lipofectamine|peaks?|spots?|bins?|rings?|beds?|assemblages?)"
    r"\s(?:\d+\s?(?:,|and|or|to|[-–])\s?)*$"
)
_LETTERED = re.compile(r"\b(?:Figs?\.?|Figures?|Tables?|Panels?)\s(?:[A-Z]?\d+[A-Za-z]?\s?(?:,|and|&|to|or|[-–])\s?)*S?$")


def notations(text: str) -> Iterator[tuple[int, int]]:
    """The stretches of text that are notations, not numbers."""
    for match in _NOTATIONS.finditer(text):
        yield match.span()


def is_part_of_name(text: str, start: int, end: int) -> bool:
    """Whether the number at `start` ends a name with a dash or a slash in it; `end` is where the last quantity ended."""
    if text[start - 1 : start] not in ("-", "–", "‐", "/") or start - 1 == end:
        return False
    name = _NAME_DASH.search(text, max(0, start - 40), start)
    return bool(name) and not re.fullmatch(r"[\d.,]+[-–‐/]", name[0] if name else "")


def is_which(text: str, start: int) -> bool:
    """Whether the number says which of several: 'fractions 1 and 2', 'clone 23'."""
    return bool(_WHICH.search(text, max(0, start - 40), start))


def is_panel(text: str, start: int) -> bool:
    """Whether a letter after this number makes it a panel, not a unit: 'Figures 3I and 3J'."""
    return bool(_LETTERED.search(text, max(0, start - 40), start))
