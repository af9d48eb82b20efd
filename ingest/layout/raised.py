"""Raised numbers that cite: 'found.¹²,¹³' becomes 'found.[12,13]', while 'm²', 'R²' and '10⁵' stay what they are.

On the page both look alike. What tells them apart is what stands before and how far the reference list goes; and a paper
either cites with raised numbers, then all over, or it does not, then its few are marks of footnotes and stay raised.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import replace

from ingest.blocks import REFERENCE_HEADING
from ingest.layout.block import Block, Kind

_DIGITS = str.maketrans("⁰¹²³⁴⁵⁶⁷⁸⁹⁻", "0123456789–")
_RAISED = re.compile(
    r"(?<=[^\W\d_]|[.,;:)\]\"”’'\u00ad%?!])[¹²³⁴-⁹][⁰¹²³⁴-⁹]*(?:[,–⁻]\s?[¹²³⁴-⁹][⁰¹²³⁴-⁹]*)*(?![⁰¹²³⁴-ⁿᴬ-ᶻ\w^_])"
)
_ENTRY = re.compile(r"^\W{0,2}(\d{1,3}|[¹²³⁴-⁹][⁰¹²³⁴-⁹]*)[\].)]?\s?(?=[^\W\d])")
_WORD = re.compile(r"[^\s(\[/·⋅×=]*$")
#: A unit, a function or a variable: what is raised after it is an exponent.
_TAKES_EXPONENT = re.compile(
    r"[pnuµμmcdkMGT]?(?:m|s|g|l|L|A|V|K|J|W|N|Pa|Hz|eV|pc|T|C|M|mol)|in|ft|yd|mi|yr|h|min|d|px|Å|fm|mile|inch|cycles?"
    r"|sin|cos|tan|sinh|cosh|tanh|log|ln|exp|[^\W\d_][′']?|[dΔ∆∇∂][^\W\d_]|chi|eta|[A-Z][a-z]?\d+"
)
_CITING = frozenset({Kind.TEXT, Kind.LIST_ITEM, Kind.CAPTION, Kind.FOOTNOTE})
#: A paper that cites with raised numbers cites at least so many, and this share of its list, this way.
_LEAST, _SHARE = 3, 0.3


def mark_citations(pages: list[list[Block]]) -> list[list[Block]]:
    """The pages with raised numbers that cite in square brackets. The names and addresses before the first heading keep
    theirs: those are not citations."""
    n_references = _count_references(block for page in pages for block in page)
    citing = list(_citing(pages))
    found = {n for block in citing for match in _RAISED.finditer(block.text) for n in _cited(match, n_references)}
    if len(found) < max(_LEAST, _SHARE * n_references):
        return pages
    chosen = {id(block) for block in citing}
    return [[_marked(block, n_references) if id(block) in chosen else block for block in page] for page in pages]


def _citing(pages: Iterable[list[Block]]) -> Iterator[Block]:
    """Blocks of running text after the first heading."""
    has_begun = False
    for page in pages:
        for block in page:
            has_begun = has_begun or block.kind is Kind.HEADING
            if has_begun and block.kind in _CITING:
                yield block


def _count_references(blocks: Iterable[Block]) -> int:
    """How far the numbers of the reference list go; 0 where it is not numbered."""
    numbers: set[int] = set()
    is_open = False
    for block in blocks:
        if block.kind is Kind.HEADING:
            is_open = bool(REFERENCE_HEADING.match(block.text))
        elif is_open and (entry := _ENTRY.match(block.text)):
            numbers.add(int(entry[1].translate(_DIGITS)))
    last = 0
    while any(n in numbers for n in range(last + 1, last + 4)):  # one or two entries may be lost in another's paragraph
        last = max(n for n in range(last + 1, last + 4) if n in numbers)
    return last


def _marked(block: Block, n_references: int) -> Block:
    def bracketed(match: re.Match[str]) -> str:
        return f"[{match[0].translate(_DIGITS)}]" if _cited(match, n_references) else match[0]

    def marked(text: str) -> str:
        return _RAISED.sub(bracketed, text)

    captions, notes = ([_marked(b, n_references) for b in of] for of in (block.captions, block.notes))
    more = tuple(replace(part, text=marked(part.text)) for part in block.more)
    return replace(block, text=marked(block.text), more=more, captions=tuple(captions), notes=tuple(notes))


def _cited(match: re.Match[str], n_references: int) -> list[int]:
    """The references that this raised number or list cites; none where it is an exponent or a mark."""
    text = match[0].translate(_DIGITS)
    numbers = [int(n) for n in re.findall(r"\d+", text)]
    if not all(n <= n_references for n in numbers) or any(a >= b for a, b in _ranges(text)):
        return []
    before = match.string[: match.start()]
    is_small = len(numbers) == 1 and numbers[0] < 10
    if is_small and before[-1:] in ")]'’":  # (x + y)²
        return []
    word = _WORD.search(before)
    if is_small and word and _TAKES_EXPONENT.fullmatch(word[0]):
        return []
    return [n for a, b in _ranges(text) for n in range(a, b + 1)] + numbers


def _ranges(text: str) -> list[tuple[int, int]]:
    return [(int(a), int(b)) for a, b in re.findall(r"(\d+)–(\d+)", text)]
