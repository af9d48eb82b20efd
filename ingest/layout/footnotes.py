"""Footnotes: small print at the foot of a column, which the text of the column passes over."""

from __future__ import annotations

import re
from collections.abc import Sequence

from ingest.layout.block import FURNITURE, Block, Kind
from ingest.layout.page import PageSignals, overlap
from ingest.layout.style import DocumentStyle

_MARK = re.compile(r"^(?:[*†‡§¶#∗⁰¹²³⁴-⁹ᵃ-ᶻ]+|\^\w|\(?\d{1,2}[).]?|[a-z])\s?(?=[A-ZÀ-Þ\"“(a-z])")
#: The marks that no reference and no item of a list has.
_SIGN = re.compile(r"^(?:[*†‡§¶∗⁰¹²³⁴-⁹ᵃ-ᶻ]+)\s?[A-ZÀ-Þ]")


def mark_footnotes(blocks: Sequence[Block], page: PageSignals, style: DocumentStyle) -> list[Block]:
    """The blocks of one page with its footnotes named as such."""
    small = [block for block in blocks if _may_be_footnote(block, blocks, page, style)]
    notes = [block for block in small if not _is_heading(block) and (_MARK.match(block.text) or _is_below_rule(block, page))]
    firm = [block for block in notes if _SIGN.match(block.text) or _is_below_rule(block, page)]
    notes += [block for block in small if block not in notes and any(_below(block, first) for first in firm)]
    return [block.named(Kind.FOOTNOTE) if block in notes else block for block in blocks]


def _may_be_footnote(block: Block, blocks: Sequence[Block], page: PageSignals, style: DocumentStyle) -> bool:
    """True for small print in the lower half of the page, below which nothing but small print stands."""
    is_text = block.kind in (Kind.TEXT, Kind.LIST_ITEM) or (_is_heading(block) and block.text.endswith(":"))
    if not is_text or not block.lines or _size(block) > style.size - 0.6 or block.rect.top > 0.5 * page.height:
        return False
    for other in blocks:
        if other is block or other.kind in FURNITURE or not _below(other, block):
            continue
        if (other.lines and _size(other) > style.size - 0.5) or other.kind in (Kind.FIGURE, Kind.TABLE, Kind.CAPTION):
            return False
    return True


def _is_heading(block: Block) -> bool:
    return block.kind is Kind.HEADING


def _size(block: Block) -> float:
    return max(block.lines, key=lambda line: len(line.text)).size


def _below(other: Block, block: Block) -> bool:
    """True where `other` stands below this block in the same column."""
    beside = overlap(other.rect.left, other.rect.right, block.rect.left, block.rect.right) > 5
    return beside and other.rect.top < block.rect.bottom + 2


def _is_below_rule(block: Block, page: PageSignals) -> bool:
    """True below a short ruling at the left edge of the column."""
    return any(
        -3 < rule.bottom - block.rect.top < 60 and abs(rule.left - block.rect.left) < 12 and rule.width < 0.6 * page.width
        for rule in page.across
    )
