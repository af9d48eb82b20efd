"""Names of people. A line of authors is told by its form: it is often set as headings are."""

from __future__ import annotations

import re

#: Labels behind a name: of an address, of a note, of a letter.
_LABELS = re.compile(r"[\d¹²³⁰⁴-⁹ᵃ-ᶻ*∗⋆†‡§¶#✉⁺+]+")
_BETWEEN = re.compile(r"[,;&•·|…]|\.\.\.|\b(?:and|und|et|y)\b")
_PARTICLE = r"(?:(?:van|von|de|der|den|del|della|di|da|dos|du|la|le|el|al|bin|ten|ter|zu)\s+)"
_NAME = re.compile(rf"(?:[A-ZÀ-ÞŁŠŽČ][\w.'’-]*\s+){{1,4}}{_PARTICLE}{{0,3}}[A-ZÀ-ÞŁŠŽČ][\w'’-]+(?:\s+(?:Jr|Sr|II|III)\.?)?")
_INITIAL = re.compile(r"\b[A-Z](?:\.|\b(?=\s+[A-Z]))")


def is_names(text: str) -> bool:
    """True for a list of names, told from a heading in capital letters by initials or by labels behind the names."""
    names = _names(text)
    if not may_be_names(text):
        return False
    if len(names) == 1 and names[0].isupper():  # 'I. INTRODUCTION'
        return False
    has_initial = any(_INITIAL.search(name) for name in names)
    return (len(names) > 1 and bool(_LABELS.search(text))) or (has_initial and (len(names) > 1 or "." in names[0]))


def begins_with_names(line: str) -> bool:
    """True for the first line of a list of names, whose last one may go on below."""
    parts = _BETWEEN.split(line)
    return is_names(line) or (len(parts) > 2 and is_names(",".join(parts[:-1])))


def may_be_names(text: str) -> bool:
    """True for words that could be names and nothing else."""
    names = _names(text)
    return bool(names) and all(_NAME.fullmatch(name) for name in names)


def _names(text: str) -> list[str]:
    return [name for part in _BETWEEN.split(_LABELS.sub(" ", text)) if (name := part.strip(" ."))]
