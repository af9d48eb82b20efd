"""Raised numbers that cite: 'found.¹²,¹³' becomes 'found.[12,13]', while 'm²', 'R²' and '10⁵' stay what they are.

On the page both look alike. What tells them apart is what stands before and how far the reference list goes; and a paper
either cites with raised numbers, then all over, or it does not, then its few are marks of footnotes and stay raised.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace

from ingest.blocks import REFERENCE_HEADING
from ingest.layout.block import Block, Kind

_DIGITS = str.maketrans("⁰¹²³⁴⁵⁶⁷⁸⁹⁻", "0123456789–")
#: A whole raised run: what it is, is decided once. The digits of one that is an exponent are no citations either.
_RAISED = re.compile(
    r"(?<=[\w+.,;:)\]\"”’'\u00ad%?!])(?<![⁰¹²³⁴-ⁿᴬ-ᶻ])[¹²³⁴-⁹][⁰¹²³⁴-⁹]*(?:[,–⁻]\s?[¹²³⁴-⁹][⁰¹²³⁴-⁹]*)*(?![⁰¹²³⁴-ⁿᴬ-ᶻ\w^_])"
)
_ENTRY = re.compile(r"^\W{0,2}(\d{1,3}|[¹²³⁴-⁹][⁰¹²³⁴-⁹]*)[\].)]?\s?(?=[^\W\d])")
_MARK = re.compile(r"[¹²³⁴-⁹][⁰¹²³⁴-⁹]*(?=\s?\w)")
_WORD = re.compile(r"[^\s(\[/·⋅×=]*$")
#: A unit, a function or a variable: what is raised after it is an exponent.
_TAKES_EXPONENT = re.compile(
    r"[pnuµμmcdkMGT]?(?:m|s|g|l|L|A|V|K|J|W|N|Pa|Hz|eV|pc|T|C|M|mol)|in|ft|yd|mi|yr|h|min|d|px|Å|fm|mile|inch|cycles?"
    r"|sin|cos|tan|sinh|cosh|tanh|log|ln|exp|[^\W\d_][′']?|[dΔ∆∇∂][^\W\d_]|chi|eta|[A-Za-z][a-z]?\d+|.*-[A-Z]"
)
#: What stands before is a number: of it only powers of ten and two have exponents above nine.
_NUMBER, _BASE = re.compile(r"[-−+~]?\d+(?:[.,]\d+)*"), re.compile(r"(?:.*[^\w.,-]|.*\dx|[-−])?(?:10|2)")
_CITING = frozenset({Kind.TEXT, Kind.LIST_ITEM, Kind.CAPTION, Kind.FOOTNOTE})
#: A paper that cites with raised numbers has so many references (fewer marks are those of footnotes), and cites this share of
#: them this way.
_MANY, _SHARE = 8, 0.3
#: Where no list was found: the share of all numbers up to the highest that must be there. No list is longer than the second.
_DENSE, _MOST = 0.6, 600


def mark_citations(pages: list[list[Block]]) -> list[list[Block]]:
    """The pages with raised numbers that cite in square brackets. Names and addresses keep theirs: those are no citations."""
    citing = [block for page in pages for block in _with_held(page) if block.kind in _CITING and _is_prose(block.text)]
    n_references = max(_count_references(block for page in pages for block in page), _reach(citing))
    found = _all_cited(citing, n_references)
    if n_references < _MANY or len(found) < _SHARE * n_references or _are_notes(found, pages):
        return pages
    chosen = {id(block) for block in citing}
    return [[_marked(block, n_references, chosen) for block in page] for page in pages]


def _with_held(blocks: Iterable[Block]) -> Iterator[Block]:
    """These blocks, and the captions and notes of those that are figures and tables."""
    for block in blocks:
        yield from (block, *block.captions, *block.notes)


def _all_cited(blocks: Sequence[Block], n_references: int) -> set[int]:
    return {n for block in blocks for match in _RAISED.finditer(block.text) for n in _cited(match, n_references)}


def _reach(blocks: Sequence[Block]) -> int:
    """The highest raised number, where they are so many and so dense that they can only be citations: of a paper whose list
    of references was not found."""
    numbers = sorted(_all_cited(blocks, _MOST))
    while numbers and len(numbers) < _DENSE * numbers[-1]:
        numbers.pop()
    return numbers[-1] if len(numbers) >= _MANY else 0


def _are_notes(numbers: set[int], pages: Iterable[list[Block]]) -> bool:
    """True where most of these numbers begin a block, raised as in the text: they are footnotes."""
    marks = {int(mark[0].translate(_DIGITS)) for page in pages for block in page if (mark := _MARK.match(block.text))}
    return len(numbers & marks) >= 0.5 * len(numbers)


def _is_prose(text: str) -> bool:
    """False for lists of names and addresses: most of their words have capitals."""
    words = [word for word in text.split() if word[0].isalpha()]
    return sum(word[0].islower() for word in words) >= 0.4 * len(words)


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


def _marked(block: Block, n_references: int, chosen: set[int]) -> Block:
    """The block, its captions and notes: those `chosen` with their citations in brackets."""

    def bracketed(match: re.Match[str]) -> str:
        return f"[{match[0].translate(_DIGITS)}]" if _cited(match, n_references) else match[0]

    def marked(text: str) -> str:
        return _RAISED.sub(bracketed, text)

    captions, notes = (tuple(_marked(b, n_references, chosen) for b in of) for of in (block.captions, block.notes))
    if id(block) not in chosen:
        return replace(block, captions=captions, notes=notes) if captions or notes else block
    more = tuple(replace(part, text=marked(part.text)) for part in block.more)
    return replace(block, text=marked(block.text), more=more, captions=captions, notes=notes)


def _cited(match: re.Match[str], n_references: int) -> list[int]:
    """The references that this raised number or list cites; none where it is an exponent or a mark."""
    text = match[0].translate(_DIGITS)
    numbers = [int(n) for n in re.findall(r"\d+", text)]
    if not all(n <= n_references for n in numbers) or any(a >= b for a, b in _ranges(text)):
        return []
    if len(numbers) == 1 and _is_exponent(numbers[0], match.string[: match.start()]):
        return []
    return [n for a, b in _ranges(text) for n in range(a, b + 1)] + numbers


def _is_exponent(number: int, before: str) -> bool:
    """True for 10²³ and m², for the square of (x + y), and for the place of a residue: [D-Ala², Gly-ol]."""
    word = _WORD.search(before)
    if word and _BASE.fullmatch(word[0]):
        return True
    if word and _NUMBER.fullmatch(word[0]):
        return number < 10
    if number >= 10:
        return False
    return before[-1:] in "+)]'’" or before.rfind("[") > before.rfind("]") or bool(word and _TAKES_EXPONENT.fullmatch(word[0]))


def _ranges(text: str) -> list[tuple[int, int]]:
    return [(int(a), int(b)) for a, b in re.findall(r"(\d+)–(\d+)", text)]
