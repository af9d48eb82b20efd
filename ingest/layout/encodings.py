"""Text layers that say other signs than the page shows, where the mistake is known and certain.

A number that reads as letters cannot be searched, and '¼' for '=' changes what a sentence claims.
"""

from __future__ import annotations

import re

#: Digits of fonts with several sets of figures, numbered on from a letter: U+0376 for 0, U+036C for 0 in the other set.
_FIGURES = {0x376 + digit: str(digit) for digit in range(10)}
_OTHER_FIGURES = re.compile("^[^\\w\u036c-\u0375]*[\u036c-\u0375]{2,}[^\\w\u036c-\u0375]*$")
_GREEK = re.compile("[\u0384-\u03ff]")
#: Signs of the symbol fonts named AdvP..., which some publishers embed with Latin-1 names.
_ADV_SYMBOLS = str.maketrans(
    {"¼": "=", "þ": "+", "ð": "(", "Þ": ")", "½": "[", "\x8a": "]", "\x00": "−", "\x01": "·", "\x02": "×", "\x03": "*"}
)


def mended(text: str, face_name: str) -> str:
    """A word as the page shows it; `face_name` is its font."""
    if text.isascii() and text.isprintable():
        return text
    if any(0x376 <= ord(c) <= 0x37F for c in text) and not _GREEK.search(text):
        text = text.translate(_FIGURES)
    if _OTHER_FIGURES.match(text):
        text = "".join(str(ord(c) - 0x36C) if 0x36C <= ord(c) <= 0x375 else c for c in text)
    if face_name.startswith("AdvP"):
        return text.translate(_ADV_SYMBOLS)
    if face_name.startswith("Adv"):  # its text fonts have real thorns, in names from Iceland
        return re.sub(r"þ(?![a-z])", "+", re.sub(r"¼(?=\W*[\w−-]|$)", "=", text))
    return text
