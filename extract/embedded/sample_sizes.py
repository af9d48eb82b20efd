"""Say which numbers count who or what was studied: 'n = 12', '48 participants', '2,000 images'."""

from __future__ import annotations

import re

from extract.embedded.quantities import Quantity, QuantityKind

_PEOPLE = re.compile(
    r"(?:[a-z-]+\s){0,2}(?:participants|patients|subjects|volunteers|respondents|individuals|people|persons|men|"
    r"women|children|adults|"
    r"infants|students|employees|households|samples|animals|mice|rats|cells|specimens|cases|controls|studies|sites|"
    r"plots|trees|images|"
    r"documents|sentences|articles|papers|genes|proteins|species|observations|measurements|records|galaxies|stars|"
    r"pages|examples)\b"
)
_N = re.compile(r"(?<![\w])[nN]\s?=\s?$")


def is_sample_size(text: str, quantity: Quantity) -> bool:
    """Whether this quantity of the text is the size of a sample."""
    number = quantity.number
    if number is None or number < 2 or not float(number).is_integer():
        return False
    if _N.search(text, max(0, quantity.value[0] - 6), quantity.value[0]):
        return True
    if quantity.kind is QuantityKind.COUNT and text[quantity.value[0]].isdigit():
        return bool(_PEOPLE.match(text, quantity.end + 1))
    return quantity.unit is not None and bool(_PEOPLE.fullmatch(text[slice(*quantity.unit)]))
