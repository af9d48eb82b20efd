"""Ligatures that the text layer lost: 'di erent' where the page shows 'different'.

Some writers embed fonts whose ligatures have no Unicode value, and the parser leaves out what it cannot name. What
stays is a gap as wide as the ligature. Only documents that have not one word with 'ff', 'fi' or 'fl' are touched.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise

from ingest.layout.page import PageSignals, Word

#: Words of letters that a document must have, before the lack of ligatures among them means anything.
_ENOUGH = 400
#: Widths in font sizes between which the gap of a lost ligature lies, beyond the usual space for one at a word's edge.
_LEAST, _MOST, _TRIPLE = 0.42, 1.15, 0.8
_LIGATURES = ("ffi", "ffl", "ff", "fi", "fl")
#: Beginnings of English words with ligatures, of the words that papers use.
_STEMS = """
    affect affili affin affir affix afford artifi baffl benefi buffer certifi chief clarifi classifi cliff coeffic coffee
    confid config confin confirm conflat conflict cutoff defici defin deflat deflect diff diffic diffract diversifi edifi
    effect effic effort exemplifi falsifi fiber fibr fict fidel field fifth fifty figur file fill film filter fin finger
    finish fir first fish fit five fix flag flank flat flaw flesh flex flight flip float flood floor flow fluct fluid fluor
    flux fly gratifi identifi infin inflam inflat inflect inflow influen insuffici justifi leaflet magnifi misfit modifi
    muffl notifi nullifi off offer offic outfit overfit overflow pacifi payoff profici profil profit prolif puff purifi
    qualifi quantifi raffl ratifi rectifi refin reflect reflex ruffl sacrifi satisfi scaffold scientifi sheriff shuffl
    signifi simplifi specifi staff stiff stratifi stuff suffer suffic suffix superfici tariff testifi tradeoff traffic
    typifi underfit unifi unify verifi waffl workflow
"""
_STEM = re.compile("|".join(re.findall(r"\w+", _STEMS)))


def with_ligatures(pages: Sequence[PageSignals]) -> list[PageSignals]:
    """The pages; where the document lost its ligatures, with those whose words are known."""
    words = [word.text for page in pages for word in page.words if len(word.text) > 2 and word.text.isalpha()]
    if len(words) < _ENOUGH or any(
        ligature in word for word in words for ligature in ("ff", "fi", "fl", "ﬁ", "ﬂ", "ﬀ", "ﬃ", "ﬄ")
    ):
        return list(pages)
    return [replace(page, words=tuple(_mended(page.words))) for page in pages]


def _mended(words: Sequence[Word]) -> list[Word]:
    gaps = sorted((b.rect.left - a.rect.right) / b.size for a, b in pairwise(words) if _is_next(a, b))
    space = gaps[len(gaps) // 2] if gaps else 0.25
    mended: list[Word] = []
    for word in words:
        last = mended[-1] if mended else None
        if last is not None and _is_next(last, word):
            mended[-1:] = _joined(last, word, (word.rect.left - last.rect.right) / word.size, space)
        else:
            mended.append(word)
    return mended


def _is_next(a: Word, b: Word) -> bool:
    """True for neighbours on one line in one type."""
    return abs(a.base - b.base) < 0.5 and abs(a.size - b.size) < 0.1 and 0 < b.rect.left - a.rect.right < (_MOST + 0.4) * b.size


def _joined(a: Word, b: Word, gap: float, space: float) -> list[Word]:
    """The two words, or the one that they are with the ligature between them, or one of them with a ligature at its edge."""
    inside = _ligature(a.text, b.text, gap)
    if inside:
        rect = b.rect._replace(left=a.rect.left)
        return [replace(b, text=a.text + inside + b.text, rect=rect)]
    net = gap - space
    before = _ligature("", b.text, net)
    if before:
        return [a, replace(b, text=before + b.text, rect=b.rect._replace(left=b.rect.left - net * b.size))]
    after = _ligature(a.text, "", net)
    if after:
        return [replace(a, text=a.text + after, rect=a.rect._replace(right=a.rect.right + net * a.size)), b]
    return [a, b]


def _ligature(head: str, tail: str, width: float) -> str:
    """The ligature of this width (in font sizes) that makes a known word of head and tail; '' where none does."""
    if not _LEAST <= width <= _MOST or (head and not head[-1].isalpha()) or (tail and not tail[0].isalpha()):
        return ""
    for ligature in _LIGATURES:
        if (len(ligature) == 3) == (width > _TRIPLE):
            at = len(head)
            word = (head + ligature + tail).lower()
            if any(match.start() <= at and match.end() >= at + 2 for match in _STEM.finditer(word)):
                return ligature
    return ""
