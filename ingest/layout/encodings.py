"""Text layers that say other signs than the page shows, where the mistake is known and certain.

A number that reads as letters cannot be searched, 'm' for 'μ' makes a dose a thousand times too large, and '¼' for '='
changes what a sentence claims. A font's own names are no help here: some publishers' fonts call the μ 'm'. So a font is
known by its name where its layout is a standard one, else by its ink: no 'm' reaches below the line.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

#: Digits of fonts with several sets of figures, numbered on from a letter: U+0376 for 0, U+036C for 0 in the other set.
_FIGURES = {0x376 + digit: str(digit) for digit in range(10)}
_OTHER_FIGURES = re.compile("^[^\\w\u036c-\u0375]*[\u036c-\u0375]{2,}[^\\w\u036c-\u0375]*$")
_GREEK = re.compile("[\u0384-\u03ff]")

#: Adobe Symbol (the PDF reference, annex D.5), its codes read as Latin-1.
_SYMBOL = dict(
    zip(
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz@\"$'*-\\^¢£¥¦«¬®¯±²³´µ¶·¸¹º»¼ÃÅÆÇÈÉÊËÌÍÎÏÐÑÒÓÔÕÖ×ØÙÚÛÜÝÞßáâãäåñò",
        "ΑΒΧΔΕΦΓΗΙϑΚΛΜΝΟΠΘΡΣΤΥςΩΞΨΖαβχδεφγηιϕκλμνοπθρστυϖωξψζ≅∀∃∋∗−∴⊥′≤∞ƒ↔←→↓±″≥×∝∂·÷≠≡≈…⊗⊕∅∩∪⊃⊇⊄⊂⊆∈∉∠∇®©™∏√⋅¬∧∨⇔⇐⇑⇒⇓〈®©™∑〉∫",
        strict=True,
    )
)
#: The four layouts of TeX's fonts (The TeXbook, appendix F), where a publisher's copies give bare codes or Latin-1 names. The
#: copies have some signs of the upright font at the end.
_TEX_SYMBOLS = dict(
    zip(
        [*map(chr, range(64)), *"[\\]^_abcdefghijklnopqrs", *"¼þðÞ½\x8a¾"],
        "−·×*÷⋄±∓⊕⊖⊗⊘⊙◯∘•≍≡⊆⊇≤≥⪯⪰∼≈⊂⊃≪≫≺≻←→↑↓↔↗↘≃⇐⇒⇑⇓⇔↖↙∝′∞∈∋△▽̸↦∀∃¬∅ℜℑ⊤⊥∪∩⊎∧∨⊣⌊⌋⌈⌉{}⟨⟩|‖↕⇕≀√∐∇∫=+()[]]",
        strict=True,
    )
)
_TEX_ITALIC = dict(
    zip(
        [*map(chr, range(40)), *":;=?@`"],
        "ΓΔΘΛΞΠΣΥΦΨΩαβγδϵζηθικλμνξπρστυϕχψωεϑϖϱςφ.,/⋆∂ℓ",
        strict=True,
    )
)
_TEX_ACCENTS = dict(zip("\x12\x13\x14\x15\x16\x17\x18^_~\x7f€{|", "`´ˇ˘¯˚¸ˆ˙˜¨¨–—", strict=True))
_TEX_TALL = dict(
    zip("\x00\x10\x12 \x01\x11\x13!\x02\x14h\x03\x15iPXQYRZpqrs", "(" * 4 + ")" * 4 + "[[[]]]∑∑∏∏∫∫√√√√", strict=True)
)
#: The fonts of TeX's package mathabx, whose codes are read as those of TeX's text fonts.
_MATHABX = dict(
    zip(
        "pqrstuxy`´¨ˆ˚\"“ďěăąPRĂĎĄXYÑÐÝñô@D8Bb'‘˝˘{}1KJH„ÿřżşś",
        "()[]{}⟨⟩+−·×∗==≤≥<>∈∉⊂⊆⊃∩∪→←−⇒⇔∀∃∞∂⊗⊕⊕∘±/‖′⊥⊤∅∼∑∑∫∫∏",
        strict=True,
    )
)
_NAMED = (
    (re.compile(r"^TeX-math[ax]\d"), _MATHABX),
    (re.compile(r"^(?:TeX_CM_Maths_Italic|AdvP4C4E51)"), _TEX_ITALIC),
    (re.compile(r"^(?:TeX_CM_Roman|AdvP4C4E59)"), _TEX_ACCENTS),
    (re.compile(r"^(?:TeX_CM_Maths_Extension|AdvP4C4E46)"), _TEX_TALL),
    (re.compile(r"^(?:TeX_CM_Maths_Symbols|AdvP4C4E)"), _TEX_SYMBOLS),
    (re.compile(r"^(?:Symbol(?:MT|Std|PS)?(?:[-,]\w+)*$|PI_chars|MathematicalPi|GreekwithMathPi|UniversalGreek)"), _SYMBOL),
    (re.compile(r"^AdvPSSym$"), _SYMBOL | {"ª": "©"}),
)
#: Letters whose ink tells Latin from Greek.
_TELLING = "mbrcq"
#: A font that has shown so much is Latin; one that was asked about so many signs is left as it is.
_SHOWN, _ASKED = 8, 40


class Ink(NamedTuple):
    """One printed character: what PDFium calls it, and the box of its ink in font sizes from its origin."""

    text: str
    left: float
    bottom: float
    right: float
    top: float


Ask = Callable[[Any, int], Ink | None]


@dataclass(slots=True)
class _Font:
    """What is known of one font so far."""

    signs: dict[str, str]
    is_settled: bool
    asked: set[str] = field(default_factory=set)
    shown: int = 0


class Readings:
    """What the characters of each font of one document mean, where it is not what the parser says."""

    def __init__(self, ask: Ask) -> None:
        self._ask = ask
        self._fonts: dict[str, _Font] = {}

    def is_open(self, name: str) -> bool:
        """True for a font of which more characters should be seen."""
        return name not in self._fonts or not self._fonts[name].is_settled

    def signs(self, name: str) -> Mapping[str, str]:
        """By what the parser calls them, the signs that this font prints."""
        font = self._fonts.get(name)
        return font.signs if font else {}

    def see(self, name: str, cells: Mapping[str, Any], page_no: int) -> None:
        """Learns from one character cell of each of these signs of the font."""
        font = self._fonts.get(name)
        if font is None:
            named = signs_by_name(name)
            font = self._fonts[name] = _Font(dict(named), is_settled=bool(named))
        unseen = sorted(cells.keys() - font.asked, key=lambda text: (text not in _TELLING, text))
        for text in unseen:
            if font.is_settled:
                return
            font.asked.add(text)
            ink = self._ask(cells[text], page_no)
            if ink is not None:
                _learn(font, text, ink)
            font.is_settled = len(font.asked) > _ASKED or (font.shown >= _SHOWN and not font.signs)


def _learn(font: _Font, text: str, ink: Ink) -> None:
    by_ink = signs_by_ink(text, ink)
    if by_ink and not font.shown:
        font.signs.update(by_ink)
    elif text.isascii() and text.isalpha() and _GREEK.match(ink.text):  # PDFium has read the names in the font
        font.signs[text] = ink.text
    elif ink.text == text:
        font.shown += 3 if text in _TELLING else 1


def plain_name(name: str) -> str:
    """A font's name without the mark of a subset."""
    return name.lstrip("/").split("+", 1)[-1]


def signs_by_name(name: str) -> Mapping[str, str]:
    """The signs of a font whose layout is known from its name; none where it is not."""
    return next((signs for pattern, signs in _NAMED if pattern.match(plain_name(name))), {})


def signs_by_ink(text: str, ink: Ink) -> Mapping[str, str]:
    """The signs of a font in which this character looks like this; none where it looks as it should."""
    height, width = ink.top - ink.bottom, ink.right - ink.left
    falls, rises, is_low = -0.4 < ink.bottom < -0.12, 0.6 < ink.top < 0.9, 0.3 < ink.top <= 0.6
    is_round = 0.97 < width / max(height, 0.01) < 1.03
    if (falls and ((text in "mrc" and is_low) or (text == "b" and rises))) or (text == "q" and rises and ink.bottom > -0.1):
        return _SYMBOL
    if text == "¼" and height < 0.4:
        return _TEX_SYMBOLS
    if text in ";:" and ink.top < 0.25:
        return _TEX_ITALIC
    if text == "3" and is_round and is_low and not falls:
        return {"3": "×"}
    if text == "d" and is_round and rises:
        return {"d": "•"}
    return {}


def mended(text: str) -> str:
    """A word with the digits that the page shows."""
    if text.isascii():
        return text
    if any(0x376 <= ord(c) <= 0x37F for c in text) and not _GREEK.search(text):
        text = text.translate(_FIGURES)
    if _OTHER_FIGURES.match(text):
        text = "".join(str(ord(c) - 0x36C) if 0x36C <= ord(c) <= 0x375 else c for c in text)
    return text
