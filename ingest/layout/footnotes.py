"""Footnotes: small print at the foot of a column, which the text of the column passes over."""

from __future__ import annotations

import re
from collections.abc import Sequence

from ingest.layout.block import FURNITURE, Block, Kind
from ingest.layout.page import PageSignals, overlap
from ingest.layout.style import DocumentStyle

_MARK = re.compile(r"^(?:[*†‡§¶#∗⁰¹²³⁴-⁹ᵃ-ᶻ]+|\^\w|\(?\d{1,2}[).]?|[a-z])\s?(?=[A-ZÀ-Þ\"“(a-z])")


def mark_footnotes(blocks: Sequence[Block], page: PageSignals, style: DocumentStyle) -> list[Block]:
    """The blocks of one page with its footnotes named as such."""
    return [
        block.named(Kind.FOOTNOTE)
        if block.kind in (Kind.TEXT, Kind.LIST_ITEM) and _is_footnote(block, blocks, page, style)
        else block
        for block in blocks
    ]


def _is_footnote(block: Block, blocks: Sequence[Block], page: PageSignals, style: DocumentStyle) -> bool:
    size = max(block.lines, key=lambda line: len(line.text)).size
    if size > style.size - 0.6 or block.rect.top > 0.5 * page.height:
        return False
    for other in blocks:
        if other is block or other.kind in FURNITURE or not _below(other, block):
            continue
        if other.lines and max(other.lines, key=lambda line: len(line.text)).size > style.size - 0.5:
            return False
        if other.kind in (Kind.FIGURE, Kind.TABLE, Kind.CAPTION):
            return False
    return bool(_MARK.match(block.text)) or _is_below_rule(block, page)


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
