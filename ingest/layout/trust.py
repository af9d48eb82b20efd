"""How sure the rules may be of one page's layout: a number that is low where paragraphs were lost.

Nothing here knows what is right. A paragraph that was cut begins or ends in the middle of a sentence; mathematics and displayed
formulas are where lines are taken for paragraphs; blocks that lie over each other are columns that were not told apart. On 304
pages of papers with a truth, the fifth with the lowest scores has lost 26 % of its paragraphs, the rest 14 % (rank correlation
with the loss 0.30).
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from itertools import combinations

from ingest.layout.block import Block, Kind
from ingest.layout.page import PageSignals, overlap

#: The end of a sentence, of an entry or of an address, a citation's number after it included.
_END = re.compile(r"[.!?:;][\"”’')\]]*(?:\s?\[?\d[\d,–-]*\]?)?$")
#: Doubts that add up to so much leave no trust; the doubtful fifth of real pages has more than 0.46.
_MOST = 1.5
#: Points by which two blocks must overlap each way before they count as lying over each other.
_OVERLAP = 4.0


def layout_score(page: PageSignals, blocks: Sequence[Block]) -> float:
    """1 where nothing speaks against this page's blocks, 0 where all does."""
    texts = [block for block in blocks if block.kind is Kind.TEXT and block.text]
    if not texts:
        return 1.0
    formulas = sum(block.kind is Kind.FORMULA for block in blocks) / len(blocks)
    doubt = _broken(texts) + _mathematics(page) + formulas + _overlapping(texts)
    return max(0.0, 1.0 - doubt / _MOST)


def _broken(texts: Sequence[Block]) -> float:
    """Share of the running text in paragraphs that begin within a sentence, and share of it in those that end within one."""
    n = sum(len(block.text) for block in texts)
    begun = sum(len(block.text) for block in texts if block.text[0].islower())
    unfinished = sum(len(block.text) for block in texts if not _END.search(block.text))
    return (begun + unfinished) / n


def _mathematics(page: PageSignals) -> float:
    """Share of the page's characters in fonts of mathematics."""
    return sum(len(word.text) for word in page.words if word.face.is_math) / max(1, page.n_chars)


def _overlapping(texts: Sequence[Block]) -> float:
    """Area that blocks share, against the area of all."""
    shared = 0.0
    for one, other in combinations((block.rect for block in texts), 2):
        across, up = (
            overlap(one.left, one.right, other.left, other.right),
            overlap(one.bottom, one.top, other.bottom, other.top),
        )
        if across > _OVERLAP and up > _OVERLAP:
            shared += across * up
    return shared / max(1.0, sum(block.rect.area for block in texts))
