"""The authors' names between title and abstract, or none where a list would have holes.

A newcomer would split the line below the title at its commas. Marks of affiliation hang on the names ('Lia,b' is Li of a and
b), affiliations run on in the same line, and names stand between addresses. A list is given only where all of it reads as names.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence

MOST_LINES = 14  #: after the title in which authors are looked for
LONGEST_NAME = 50  #: signs
_SIGNS = r"\d*†‡§¶#∗⋆☯✉ß\u00b9\u00b2\u00b3\u0370-\u0383\u2070-\u209f"
_MARKS = re.compile(rf"[{_SIGNS}]+|\((?:[a-z]|\d+)\)|\s[a-h](?=\s?[,;]|$)")
_SEPARATOR = re.compile(r"\s*(?:[,;·•&|]|\band\b|\bund\b|\be\b|\by\b|\bet\b)\s*", re.IGNORECASE)
_PARTICLE = r"(?:de|del|della|di|da|dos|das|do|du|la|le|van|von|der|den|ten|ter|zu|zur|af|al|bin|ibn|el)"
_PART = rf"(?:[A-ZÀ-ÖØ-ÝĀ-Ž]['’]?[\w'’.-]*\.?|{_PARTICLE})"
_NAME = re.compile(rf"{_PART}(?:\s+{_PART}){{1,4}}")
_TITLES = re.compile(r"\b(?:Dr|Prof|PhD|Ph\.D|MD|M\.D|MSc|Jr|Sr|FRS|Member|IEEE|Fellow|Senior)\b\.?,?")
#: Words of places where authors work, and of what else stands between title and abstract.
_NO_NAME = re.compile(
    r"\b(?:univer\w*|institut\w*|depart\w*|dipart\w*|dept|school|facult\w*|fakult\w*|college|labor\w*|cent(?:er|re|ro)|hospital|academ\w*|"
    r"research|group|division|journal|press|sciences?|engineering|physi\w*|biolog\w*|chemi\w*|medic\w*|mathemat\w*|dynamics|networks?|uc|observator\w*|"
    r"street|road|avenue|usa|germany|china|france|google|brain|cognition|unit|council|cnrs|inserm|inria|editor|correspond\w*|received|accepted|published|revised|"
    r"abstract|keywords|highlights|open|access|articles?|licen[cs]e|creative|commons|volume|issue|updates|the|of|for|in|on|with|by)\b",
    re.IGNORECASE,
)


#: What introduces the names of others.
_NO_AUTHORS = re.compile(
    r"(?:edited|reviewed|handled|communicated|approved|contributed|translated) by\b|\W*correspond", re.IGNORECASE
)


def read_authors(
    after_title: Sequence[str], metadata: str, first_page: Sequence[str], creators: Sequence[str] = ()
) -> tuple[str, ...]:
    """The names in print order: from the lines after the title, else from metadata whose family names the page prints too.

    `creators` are names that metadata gives one by one.
    """
    printed = _printed_names(after_title[:MOST_LINES], n_mails=sum(line.count("@") for line in after_title))
    listed = [_in_print_order(name) for name in creators]
    shown = _plain("".join(first_page))
    if len(listed) >= max(len(printed), 2) and all(map(_is_name, listed)):
        families = [_plain(name.split()[-1]) in shown for name in listed]
        is_shown = all(families) or (len(families) > 2 and families[0] and families[-1] and not printed)  # 'A, B, ..., Z'
        if is_shown and {frozenset(name.split()) for name in listed} != {frozenset(name.split()) for name in printed}:
            return tuple(dict.fromkeys(listed))
    told = _leading_names(metadata.rstrip(", "))
    page = " ".join(first_page).lower()
    if len(told) > max(len(printed), 1) and all(name.split()[-1].lower() in page for name in told):
        return tuple(dict.fromkeys(told))
    return tuple(dict.fromkeys(printed))


def _in_print_order(name: str) -> str:
    """'McVey, Mitch' as 'Mitch McVey'."""
    family, comma, given = " ".join(name.split()).partition(", ")
    return f"{given} {family}" if comma and given and "," not in given else name


def _plain(text: str) -> str:
    """Letters alone, without the accents that PDFs set apart."""
    return re.sub(r"[\W\d_]", "", unicodedata.normalize("NFKD", text)).lower()


def _printed_names(lines: Sequence[str], *, n_mails: int) -> list[str]:
    """Names of the lines that begin with names; none where there are more mail addresses than names."""
    names: list[str] = []
    for n, line in enumerate(lines):
        found = _leading_names(line)
        has_mark = bool(re.search(rf"\w\s?[{_SIGNS}]", line))
        is_above_address = n + 1 < len(lines) and bool(_NO_NAME.search(lines[n + 1]))
        if "..." in line or "…" in line or line.startswith((",", ";")):
            return []  # a list that says itself that it is not whole, or out of whose line a piece was taken
        if _NO_AUTHORS.match(line):
            break
        if len(found) > 1 or (found and (has_mark or is_above_address)):
            names += found
    return names if n_mails <= len(names) else []


def _leading_names(line: str) -> list[str]:
    """The names that this line begins with, up to what is none."""
    parts = [" ".join(part.split()) for part in _SEPARATOR.split(_MARKS.sub(",", _TITLES.sub(" ", line)))]
    parts = [part for part in parts if part.strip(" .,")]
    names: list[str] = []
    letters = 0
    for part in parts:
        if len(part) == 1 and part.islower():
            letters += 1
        elif _is_name(part):
            names.append(part)
        else:
            break
    if not letters:
        return names
    # 'Jianbo Lia,b': the first letter of affiliation hangs on the name. All of them, or we do not know.
    return [name[:-1].rstrip() for name in names] if all(name[-1] in "abcdefgh" for name in names) else []


def _is_name(part: str) -> bool:
    return len(part) <= LONGEST_NAME and bool(_NAME.fullmatch(part)) and not _NO_NAME.search(part)
