"""The authors at the head of a reference, in whichever of the three orders the list has them.

'Smith, J. A.', 'Smith JA' and 'J. A. Smith' are one person; an entry keeps to one order, but for its last name. What a newcomer would
get wrong: after the last author a title begins that may look like two more names, so names written with initials are followed by no
name written in full.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

_UP = "A-ZÀ-ÖØ-ÞĀĂĄĆĈĊČĎĐĒĔĖĘĚĜĞĠĢĤĦĨĪĬĮİĴĶĹĻĽĿŁŃŅŇŊŌŎŐŒŔŖŘŚŜŞŠŢŤŦŨŪŬŮŰŲŴŶŸŹŻŽ"
_WORD = rf"[{_UP}][\w'’´`-]{{0,30}}[^\W\d_]"
_PARTICLE = (
    r"(?:[Vv]an|[Vv]on|[Dd]e|[Dd]er|[Dd]en|[Dd]el|della|[Dd]i|[Dd]a|dos|das|[Dd]u|[Ll]a|[Ll]e|[Ee]l|[Aa]l|bin|ten|ter|zu|zur|af|"
    r"d['’]|'t)"
)
_FAMILY = rf"(?:{_PARTICLE}\s)*(?:{_PARTICLE}-?)?{_WORD}(?:[ -]{_WORD}){{0,2}}"
_INITIALS = (
    rf"(?:[{_UP}][a-z]?\.[ -]?-?){{1,5}}(?:(?<=\.)[{_UP}]\b)?(?:\s?{_PARTICLE}\b)?|[{_UP}](?:[ -]?[{_UP}]){{0,4}}(?![\w'’])"
)
_SUFFIX = r"(?:,?\s(?:Jr|Sr|II|III|IV|2nd|3rd)\b\.?)?"
_AFTER = r"(?=\s*(?:[,;.:(&]|and\b|und\b|et\b|\d{4}|$))"

_FAMILY_COMMA = re.compile(rf"(?P<family>{_FAMILY}),\s?(?P<given>{_INITIALS}){_SUFFIX}")
_FAMILY_FULL = re.compile(
    rf"(?P<family>{_FAMILY}),\s(?P<given>{_WORD}(?:\s(?:{_WORD}|[{_UP}]\.?)){{0,2}})(?=\s*(?:;|and\b|&|\())"
)
_FAMILY_SPACE = re.compile(rf"(?P<family>{_FAMILY})\s(?P<given>{_INITIALS}){_SUFFIX}{_AFTER}")
_GIVEN_INITIALS = re.compile(
    rf"(?P<given>(?:[{_UP}][a-z]?\.[ -]?-?){{1,5}}|[{_UP}](?:[ -]?[{_UP}]){{0,3}}\s)\s?(?P<family>{_FAMILY}){_SUFFIX}{_AFTER}"
)
_GIVEN_FULL = re.compile(
    rf"(?P<given>{_WORD}(?:\s(?:{_WORD}|[{_UP}]\.?)){{0,3}}?)\s(?P<family>(?:{_PARTICLE}\s)*{_WORD}){_SUFFIX}{_AFTER}"
)
#: Orders by how surely they are recognised.
_ORDERS = (_FAMILY_COMMA, _FAMILY_SPACE, _GIVEN_INITIALS, _FAMILY_FULL, _GIVEN_FULL)
#: For the names after the first, what else may come in a list of this order.
_LATER = {_FAMILY_COMMA: (_GIVEN_INITIALS,), _FAMILY_FULL: (_GIVEN_FULL,), _GIVEN_FULL: (_GIVEN_INITIALS,)}
_BETWEEN = re.compile(r"\s*(?:[,;]\s*(?:(?:and|und|y|e|et)\s|&)?|\.?,?\s*&|\.?\s(?:and|und|y|e|et)\s)\s*", re.IGNORECASE)
_OTHERS = re.compile(r"[,;.]?\s*(?:(?:and|&)\s)?(?:et\s?al\b\.?|others\b|and others|and collaborators|\.\.\.|…)", re.IGNORECASE)
_GROUP = re.compile(
    rf"(?!In\b|Proceedings|Annual|Journal|Annals|Trans)(?P<name>(?:The )?[{_UP}][\w&/ -]{{1,80}}?"
    r"(?:Collaborations?|Consortium|Team|Group|Network|Committee|Organi[sz]ation|Society|"
    r"Association|Institute|Foundation|Agency|Community|Project))\b"
)
_LITERAL = re.compile(r"(?P<name>[^\W\d_][^().\d]{1,90}?)\.?\s*\((?:(?:19|20)\d{2}|n\.\s?d\.)")
LONGEST_LIST = 400  #: names; a collaboration of 3,000 is cut


#: 'Roy M. Anderson and', which would also read as 'Roy, M.' and a title.
_GIVEN_AND_INITIAL = re.compile(
    rf"{_WORD}\s[{_UP}]\.(?:\s?[{_UP}]\.)?\s{_WORD}(?:\.\s|,\s(?=[{_UP}])|,?\sand\s[{_UP}]|,?\set al)"
)


#: What has no other author: 'GEO. Gene Expression Omnibus. 2000.'
_ALONE = re.compile(
    rf"(?P<name>(?:[{_UP}][\w&.-]*|\d{{4}})(?:\s(?:[{_UP}][\w&-]*|of|for|and|the|in)){{0,6}})\.\s+"
    r"(?!(?:Available|Accessed|Retrieved|In|Proc|Vol)\b)(?=[A-ZÀ-Ž])"
)


def is_family_first(texts: Sequence[str]) -> bool:
    """Whether a list writes family names first, by most of its entries that can be read in one way only."""
    votes = 0
    for text in texts:
        family = bool(_FAMILY_COMMA.match(text) or _FAMILY_SPACE.match(text)) and not _GIVEN_AND_INITIAL.match(text)
        given = bool(_GIVEN_INITIALS.match(text) or _GIVEN_FULL.match(text))
        votes += family - given
    return votes > 0


def read_names(text: str, *, family_first: bool = False) -> tuple[tuple[str, ...], int]:
    """The authors at the start of this text, as 'Family, Given', and where what follows them begins; none where it starts otherwise.

    `family_first`: the list is known to write family names first.
    """
    if group := _GROUP.match(text):
        return _with_members((group["name"].strip(),), text, group.end("name"))
    is_given = not family_first and _GIVEN_AND_INITIAL.match(text) and not _FAMILY_COMMA.match(text)
    orders = (_GIVEN_FULL,) if is_given else _ORDERS
    for order in orders:
        if first := order.match(text):
            return _list_of(text, order, first)
    if literal := _LITERAL.match(text) or _ALONE.match(text):
        return (literal["name"].strip(),), literal.end("name")
    return (), 0


def _with_members(names: tuple[str, ...], text: str, at: int) -> tuple[tuple[str, ...], int]:
    """A group, and the persons that some lists name after it: 'ATLAS Collaboration, G. Aad et al.'"""
    if others := _OTHERS.match(text, at):
        return names, others.end()
    between = _BETWEEN.match(text, at)
    for order in (_FAMILY_COMMA, _GIVEN_INITIALS):
        if between and (first := order.match(text, between.end())):
            more, end = _list_of(text, order, first)
            return (*names, *more), end
    return names, at


def _list_of(text: str, order: re.Pattern[str], first: re.Match[str]) -> tuple[tuple[str, ...], int]:
    names, at = [_name(first)], _end(first)
    while len(names) < LONGEST_LIST:
        if others := _OTHERS.match(text, at):
            group = re.compile(r",\s*").match(text, others.end())
            also = _GROUP.match(text, group.end()) if group else None
            return (*names, also["name"]) if also else tuple(names), also.end() if also else others.end()
        between = _BETWEEN.match(text, at)
        if not between:
            break
        found = next((m for one in (order, *_LATER.get(order, ())) if (m := one.match(text, between.end()))), None)
        group = None if found else _GROUP.match(text, between.end())
        if not (found or group):
            break
        names.append(_name(found) if found else group["name"])  # type: ignore[index]
        at = _end(found or group)  # type: ignore[arg-type]
    return tuple(names), at


def _end(match: re.Match[str]) -> int:
    """Where a name ends, the space after its initials left out."""
    return match.start() + len(match.group().rstrip())


def _name(match: re.Match[str]) -> str:
    given = " ".join(match["given"].split()).strip()
    return f"{' '.join(match['family'].split())}, {given}"


def family_of(name: str) -> str:
    """The family name of 'Family, Given'; of a group, its name."""
    return name.partition(",")[0]
