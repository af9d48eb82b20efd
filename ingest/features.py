"""Measure what routing asks of a chunk."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping
from functools import cache

from ingest.passage import Passage
from records import Features, PageQuality

_NUMBER = re.compile(r"(?<![\w.])[+−-]?\d+(?:[.,]\d+)*")


def measure_features(
    passage: Passage,
    *,
    figure_share: float = 0.0,
    table_share: float = 0.0,
    has_caption: bool = False,
    pages: Mapping[int, PageQuality],
) -> Features:
    """Features of one chunk. A page that the converter said nothing of counts as read with confidence 1."""
    on = {place.page for place in passage.places}
    shares = [pages[page].ocr_share for page in on if page in pages]
    confidences = [pages[page].confidence if page in pages else 1.0 for page in on]
    return Features(
        n_words=sum(any(sign.isalpha() for sign in word) for word in passage.text.split()),
        n_numbers=len(_NUMBER.findall(passage.text)),
        figure_share=figure_share,
        table_share=table_share,
        formula_share=_formula_share(passage),
        has_caption=has_caption,
        text_confidence=round(sum(confidences) / len(confidences), 4) if confidences else 1.0,
        ocr_share=round(sum(shares) / len(shares), 4) if shares else 0.0,
    )


def _formula_share(passage: Passage) -> float:
    """Share of the printed signs that stand in display formulas or are mathematical."""
    in_formula = 0
    printed = 0
    for n, sign in enumerate(passage.text):
        if sign.isspace():
            continue
        printed += 1
        in_formula += _is_mathematical(sign) or any(start <= n < end for start, end in passage.formulas)
    return round(in_formula / printed, 3) if printed else 0.0


@cache
def _is_mathematical(sign: str) -> bool:
    """Operators and relations (not the plus, less and greater of prose), Greek, mathematical letters."""
    if sign.isascii():
        return sign == "="
    return unicodedata.category(sign) == "Sm" or "\u0370" <= sign <= "\u03ff" or "\U0001d400" <= sign <= "\U0001d7ff"
