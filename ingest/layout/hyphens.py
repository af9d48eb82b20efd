"""The ends of lines put together: broken words closed, compounds kept whole, addresses without a space.

On the page a hyphen at the line end says nothing about the word: 'pro-' and 'tein' are one word, 'age-' and 'associated'
are two. What tells them apart is the paper itself, which uses most words more than once, and what English puts hyphens in.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from itertools import pairwise

HYPHENS = "-\u00ad\u2010"
#: What ends a word that a hyphen divides: 'CDK5-', '(LPS)-', "5'-".
_ENDS_WORD = re.compile(r"[\w)\]}'’′´″+*%°][-\u2010]$")
#: Before these the hyphen hangs: 'hypo- and hypermethylation'.
_HANGING = re.compile(r"(?:and|or|to|und|oder|bis|et|ou|y|o|e|versus|vs\.?)\b(?!-)")
_SECOND_PARTS = """
    based like specific dependent independent associated mediated containing induced free related derived driven
    responsive bound binding treated deficient positive negative rich poor sensitive resistant linked labeled labelled tagged
    coupled encoded encoding coding expressing producing stimulating forming bearing enriched guided assisted aware wise
    level scale type term order time dimensional shaped sized known off art shelf end effective efficient selective
"""
_FIRST_PARTS = "non self cross multi well high low long short large small full half quasi one two three four"
_CLOSING_ENDS = """
    able age ages all ally ance ate book case cast come ever field fore form ful hand hold hood ion ions ing land less light
    line lines ling load mark ment ments most names ness off once out over part place point port ports put quence rate ration
    rations selves set sets ship side sion sions sis some stand stands state such tain ten ted ter tic time times tion tions
    tive ture under up ward wards ware way ways where wide wise work works
"""
_OPENINGS = """
    any auto back be bi bio by con counter de dia dis down electro every ex extra fore geo hetero homo hydro hyper hypo im in
    infra inter intra macro mega meta micro mid mis mono nano neuro no not on out over para per photo phyto poly post pre pro
    proto pseudo psycho re some sub super sur syn tele there thermo through trans tri ultra un under uni up where with within
"""
#: Second parts that English puts after a hyphen; first parts with a hyphen before any word.
_SECOND, _FIRST = frozenset(_SECOND_PARTS.split()), frozenset(_FIRST_PARTS.split())
#: Ends that are words of their own and yet close without a hyphen, and beginnings.
_CLOSING, _OPENING = frozenset(_CLOSING_ENDS.split()), frozenset(_OPENINGS.split())
_BROKEN = re.compile(r"\S*[-\u00ad\u2010](?:\s+\S*|$)")
#: An address or an identifier that its line end may break.
_ADDRESS = re.compile(r"(?:https?:|www\.|doi\.org|doi:|\b10\.\d{4,9}/|://)\S*$", re.I)
_ADDRESS_SIGN = re.compile(r"[/.\-_=?&:~%#]$")
_GOES_ON = re.compile(r"[a-z0-9(/_?=&%#~]")
_REST_OF_ADDRESS = re.compile(r"[a-z0-9_()-]*(?:[./][\w()/-]*\d[\w./()-]*|/\S*)[.,;]?(?:\s|$)|\d{1,6}\.?$")


def join_texts(texts: Iterable[str], known: frozenset[str] = frozenset()) -> str:
    """Lines of one paragraph as running text; `known` holds the document's own words, in lower case."""
    joined = ""
    for text in texts:
        joined = _joined(joined, text, known) if joined and text else joined or text
    return joined


def _joined(head: str, tail: str, known: frozenset[str]) -> str:
    last = head[-1]
    if _breaks_address(head, tail):
        return head + tail
    if last == "\u00ad":
        return head[:-1] + tail if tail[0].isalnum() else f"{head} {tail}"
    if _ENDS_WORD.search(head) and not _HANGING.match(tail):
        if head[-2].isalpha() and tail[0].isalpha():
            return (head if _is_compound(head[:-1], tail, known) else head[:-1]) + tail
        return head + tail if tail[0].isalnum() or tail[0] in "([{" else f"{head} {tail}"
    if (last in "–—/" and head[-2:-1].isalnum()) or (last == "_" and tail[0].isalnum()):
        return head + tail
    return f"{head} {tail}"


def _breaks_address(head: str, tail: str) -> bool:
    """True where the line end stands inside an address: it ends with a sign of addresses and goes on in small letters."""
    if not _ADDRESS.search(head):
        return False
    if _ADDRESS_SIGN.search(head):
        return bool(_GOES_ON.match(tail)) or head.endswith(("/", "_"))
    return bool(_REST_OF_ADDRESS.match(tail)) and not re.search(r"[.,;)\]]$", head)


def _is_compound(head: str, tail: str, known: frozenset[str]) -> bool:
    """True where the hyphen between these two stays: the paper or English writes the word so."""
    first, second = re.findall(r"\w+$", head)[-1], re.findall(r"^\w+", tail)[0]
    closed, compound = (first + second).lower(), f"{first}-{second}".lower()
    if closed in known:
        return False
    if compound in known:
        return True
    if first[-1].isdigit() or not second[0].islower():
        return not _is_in_capitals(head) or not second.isupper()
    if len(first) > 1 and first.isupper():
        return True
    low, next_low = first.lower(), second.lower()
    if low not in known and low not in _FIRST:
        return False
    if next_low in _SECOND and low not in _OPENING:
        return len(low) > 2
    if next_low not in known or next_low in _CLOSING or low in _OPENING:
        return False
    is_chained = bool(re.search(r"\w[-\u2010]\w+$", head))
    return is_chained or low in _FIRST or (len(low) > 2 and len(next_low) > 3)


def _is_in_capitals(text: str) -> bool:
    """True for a heading in capitals, where a capital after the hyphen means nothing."""
    letters = [c for c in text if c.isalpha()]
    return len(letters) > 4 and sum(c.isupper() for c in letters) > 0.8 * len(letters)


def known_words(lines: Iterable[str]) -> frozenset[str]:
    """The words of these lines in lower case, compounds also by pairs.

    Without the first of each line and what stands beside a hyphen at an end: those may be pieces of broken words.
    """
    words: set[str] = set()
    for line in lines:
        whole = _BROKEN.sub(" . ", line.lower())
        for token in re.findall(r"\w+(?:-\w+)*", whole.partition(" ")[2]):
            words.add(token)
            if "-" in token:
                parts = token.split("-")
                words.update(parts)
                words.update(f"{a}-{b}" for a, b in pairwise(parts))
    return frozenset(words)
