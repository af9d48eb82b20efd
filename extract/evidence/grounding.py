"""Find each quote in its unit.

Models paraphrase, and they tidy: they join a word that the line broke, turn a ligature into letters and a minus sign into a
hyphen. So a quote is looked for as it is, then with such differences taken away, and the span always is one of the
chunk's own text. A value whose quote is not found is kept and marked (`span=None`, NOT_FOUND): the reader should see what
the paper does not support.

What a newcomer would get wrong: "5 mg" stands in "1.5 mg", "15 mg" and "−5 mg" as a string, but the paper does not say
it there. A match may not begin or end within a word or a number, and never just after a sign.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from functools import lru_cache
from typing import Any

from extract.schema import core, inlined, properties, quote_field
from records import Box, Chunk, Evidence, Place, Unit, Verdict

_DASHES = "-\u2010\u2011\u2012\u2013\u2014\u2015\u2212\ufe58\ufe63\uff0d"
_SAME = {
    **dict.fromkeys(_DASHES, "-"),
    **dict.fromkeys("\u2018\u2019\u201a\u201b\u2032\u0060\u00b4\u02b9\u02bc", "'"),
    **dict.fromkeys("\u201c\u201d\u201e\u201f\u2033\u00ab\u00bb", '"'),
    "\u2044": "/",
    "\u2215": "/",
    "\u22c5": "\u00b7",
    "\u00d7": "x",
}
#: Soft hyphen, zero-width signs, byte order mark: printed as nothing.
_INVISIBLE = frozenset("\u00ad\u200b\u200c\u200d\u2060\ufeff")


def ground(quote: str, unit: Unit) -> tuple[Chunk, tuple[int, int]] | None:
    """The chunk and the span of its text that say this quote: as it is in any chunk first, then normalised; None where no
    chunk does."""
    if not quote.strip():
        return None
    for finder in (_find_exact, _find_normalised):
        for chunk in unit.chunks:
            span = finder(quote.strip(), chunk.text)
            if span:
                return chunk, span
    return None


def evidence_of(field: str, quote: str, unit: Unit) -> Evidence:
    """The evidence for one value. Where the quote is not found it names the unit's first chunk, without span, page or box."""
    found = ground(quote, unit)
    if found is None:
        return Evidence(
            field=field, quote=quote, chunk_id=unit.chunks[0].id, span=None, page=None, box=None, verdict=Verdict.NOT_FOUND
        )
    return evidence_at(field, quote, *found)


def evidence_at(field: str, quote: str, chunk: Chunk, span: tuple[int, int]) -> Evidence:
    """The evidence of a value whose span is known, with its page and box."""
    places = chunk.places_of(span)
    page = places[0].page if places else None
    return Evidence(field=field, quote=quote, chunk_id=chunk.id, span=span, page=page, box=_box(places))


def ground_record(record: dict[str, Any], schema: dict[str, Any], unit: Unit) -> tuple[Evidence, ...]:
    """Evidence for each value of a record that a model gave, in the record's order; null values have none.

    A value's quote is the quote field of its object, or of the nearest object around it that has one; else the value's own
    words. The quote field itself is not a value.
    """
    return tuple(
        evidence_of(path, quote, unit) if quote else _evidence_of_value(path, value, unit)
        for path, value, quote in _leaves(record, inlined(schema), "", None)
    )


def _leaves(value: Any, schema: dict[str, Any], path: str, quote: str | None) -> Iterator[tuple[str, Any, str | None]]:
    """Each value that is not null with its JSON path and the quote that stands beside it."""
    schema = core(schema)
    if isinstance(value, dict):
        quote_name = quote_field(schema)
        beside = value.get(quote_name) if quote_name else None
        inner = beside if isinstance(beside, str) and beside.strip() else quote
        for name, part in value.items():
            if name != quote_name:
                yield from _leaves(part, properties(schema).get(name, {}), f"{path}.{name}" if path else name, inner)
    elif isinstance(value, list):
        for i, part in enumerate(value):
            yield from _leaves(part, schema.get("items", {}), f"{path}[{i}]", quote)
    elif value is not None:
        yield path, value, quote


def _evidence_of_value(path: str, value: Any, unit: Unit) -> Evidence:
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        for words in _ways_to_print(value):
            found = ground(words, unit)
            if found:
                return evidence_at(path, words, *found)
    return evidence_of(path, value if isinstance(value, str) else str(value).lower(), unit)


def _ways_to_print(value: float) -> list[str]:
    """How a paper may print this number: 1200, 1,200, 1 200, 0.50."""
    plain = f"{value:.12g}" if isinstance(value, float) else str(value)
    ways = [plain]
    if abs(value) >= 1000 and "e" not in plain:
        whole, dot, rest = plain.partition(".")
        grouped = f"{int(whole):,}"
        ways += [grouped + dot + rest, grouped.replace(",", " ") + dot + rest]
    if "e" not in plain:
        ways += [f"{plain}0", f"{plain}00"] if "." in plain else [f"{plain}.0", f"{plain}.00"]
    return ways


def _find_exact(quote: str, text: str) -> tuple[int, int] | None:
    start = text.find(quote)
    while start >= 0:
        span = (start, start + len(quote))
        if _stands_free(text, span):
            return span
        start = text.find(quote, start + 1)
    return None


def _find_normalised(quote: str, text: str) -> tuple[int, int] | None:
    wanted, _ = _normalised(quote)
    if not wanted:
        return None
    plain, origins = _normalised(text)
    start = plain.find(wanted)
    while start >= 0:
        span = (origins[start], origins[start + len(wanted) - 1] + 1)
        if _stands_free(text, span):
            return span
        start = plain.find(wanted, start + 1)
    return None


#: A hyphen within a word, with the line break that may follow it.
_HYPHEN = re.compile(r"(?<=[^\W\d_])[-\u2010\u2011]\s*(?=[^\W\d_])")


@lru_cache(maxsize=512)
def _normalised(text: str) -> tuple[str, tuple[int, ...]]:
    """The text with the differences taken away, and for each of its characters where it came from.

    White space goes wholly, but between two digits, where it may part two numbers. Scripts are told as models type them: 10⁵ as
    10^5, CO₂ as CO2, h⁻¹ as h-1; braces and the signs before a script count for nothing elsewhere.
    """
    hyphens = {i for match in _HYPHEN.finditer(text) for i in range(*match.span())}
    signs: list[str] = []
    origins: list[int] = []
    gap = -1  # where white space began after a digit
    for i, sign in enumerate(text):
        if i in hyphens or sign in _INVISIBLE:
            continue
        if sign.isspace():
            gap = i if gap < 0 and signs and signs[-1].isdigit() else gap
            continue
        if gap < 0 and signs and signs[-1].isdigit() and _is_raised(sign) and not (i and _is_raised(text[i - 1])):
            signs.append("^")  # 10⁵ is not 105
            origins.append(i)
        if sign in "{}_" or (sign == "^" and not (signs and signs[-1].isdigit())):
            continue
        for plain in sign if sign.isascii() else unicodedata.normalize("NFKC", _SAME.get(sign, sign)):
            if plain.isspace():
                continue
            plain = _SAME.get(plain, plain)
            if gap >= 0 and plain.isdigit():
                signs.append(" ")
                origins.append(gap)
            gap = -1
            signs.append(plain)
            origins.append(i)
    return "".join(signs), tuple(origins)


def _is_raised(sign: str) -> bool:
    return not sign.isascii() and unicodedata.decomposition(sign).startswith("<super>")


def _stands_free(text: str, span: tuple[int, int]) -> bool:
    """Whether these words are not a piece of a longer word, number or signed number."""
    start, end = span
    before, first = text[start - 1 : start], text[start]
    last, after = text[end - 1], text[end : end + 1]
    is_long = end - start > 20  # a reference number may be glued to the last word of a sentence
    if _is_one_word(before, first, is_long) or _is_one_word(last, after, is_long):
        return False
    if first.isdigit():
        if before in (".", ",") and text[start - 2 : start - 1].isdigit():
            return False
        if before and before in _DASHES and (start < 2 or text[start - 2] in " \t\n([<>=~≈±"):
            return False
    return not (last.isdigit() and after in (".", ",") and text[end + 1 : end + 2].isdigit())


def _is_one_word(left: str, right: str, is_long: bool) -> bool:
    if not (left.isalnum() and right.isalnum()):
        return False
    return not is_long or (left.isdigit() == right.isdigit())


def _box(places: tuple[Place, ...]) -> Box | None:
    """One box around the places in the first one's column: words that go on in another column or page stay out of it."""
    if not places:
        return None
    first = places[0].box
    same = [
        place.box
        for place in places
        if place.page == places[0].page and place.box.left < first.right and first.left < place.box.right
    ]
    return Box(
        left=min(box.left for box in same),
        bottom=min(box.bottom for box in same),
        right=max(box.right for box in same),
        top=max(box.top for box in same),
    )
