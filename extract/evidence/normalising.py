"""Take away what print and models change without changing what is said, and keep where each sign came from.

Print breaks words at a line's end, sets ligatures, thin spaces and raised numbers; models type them plainly, write some of
them as LaTeX, begin a quote with a capital. None of that is a difference of words. A digit, a sign before a number and the
space between two numbers always stay: they are what a quote is asked for.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache

from invisible import INVISIBLE

DASHES = "-\u2010\u2011\u2012\u2013\u2014\u2015\u2212\ufe58\ufe63\uff0d"
_SAME = {
    **dict.fromkeys(DASHES, "-"),
    **dict.fromkeys("\u2018\u2019\u201a\u201b\u2032\u0060\u00b4\u02b9\u02bc", "'"),
    **dict.fromkeys("\u201c\u201d\u201e\u201f\u2033\u00ab\u00bb", '"'),
    **dict.fromkeys("\u2044\u2215", "/"),
    **dict.fromkeys("\u22c5\u2219\u2022\u2217", "\u00b7"),
    **dict.fromkeys("\u00ba\u02da", "°"),
    **dict.fromkeys("\u2264\u2a7d\u2266", "<="),
    **dict.fromkeys("\u2265\u2a7e\u2267", ">="),
    "\u00d7": "x",
    "\u2206": "Δ",
    "\u223c": "~",
    "\u2103": "°C",
    "\u2260": "!=",
}
#: How models write signs that a paper prints; any other command is a matter of looks and counts for nothing.
_LATEX = {
    "times": "x", "pm": "±", "cdot": "\u00b7", "circ": "°", "degree": "°", "sim": "~", "approx": "≈", "leq": "<=", "le": "<=",
    "geq": ">=", "ge": ">=", "neq": "!=", "ne": "!=", "lt": "<", "gt": ">", "angstrom": "A", "AA": "A", "infty": "∞", "to": "→",
    "rightarrow": "→", "propto": "∝", "partial": "∂", "ell": "l", "prime": "'", "mp": "∓", "ll": "<<", "gg": ">>",
    "alpha": "α", "beta": "β", "gamma": "γ", "delta": "δ", "epsilon": "ε", "varepsilon": "ε", "zeta": "ζ", "eta": "η",
    "theta": "θ", "kappa": "κ", "lambda": "λ", "mu": "μ", "nu": "ν", "xi": "ξ", "pi": "π", "rho": "ρ", "sigma": "σ", "tau": "τ",
    "phi": "φ", "varphi": "φ", "chi": "χ", "psi": "ψ", "omega": "ω", "Gamma": "Γ", "Delta": "Δ", "Theta": "Θ", "Lambda": "Λ",
    "Pi": "Π", "Sigma": "Σ", "Phi": "Φ", "Psi": "Ψ", "Omega": "Ω", "%": "%", "$": "$", "&": "&", "#": "#", " ": " ", ",": " ",
}  # fmt: skip
_STROKE = "\u0338"  #: through a relation it says the opposite
_COMMAND = re.compile(r"\\([A-Za-z]+|[^A-Za-z\s]|\s)")
_MARKUP = re.compile(r"</?(?:sub|sup|i|b|em|strong)>|\$(?=[^$\n]*[\\^_{][^$\n]*\$)|(?<=[^\s$])\$(?!\d)|\*\*")
_LETTER = r"[^\W\d_]"
#: Between letters a dash and the white space at it part nothing: 'co-doped', 'measure-\nment', 'here - there'.
_HYPHEN = rf"(?<={_LETTER})\s*-+\s*(?={_LETTER})"
_SPACE = r"(?<!\d)\s+|\s+(?!\d)"
_STRICT = re.compile(rf"{_HYPHEN}|{_SPACE}")
#: Also the dash in 'IL-6' and '5-fold', and punctuation that no digit follows.
_LOOSE = re.compile(rf"{_HYPHEN}|(?<={_LETTER})-+\s*(?=\d)|-+(?!\s*\.?\d)\s*|[.,;:'\"](?!\d)\s*|{_SPACE}")


@dataclass(frozen=True, slots=True)
class Plain:
    """A text with differences taken away; sign i of `text` came from sign origins[i] of the text it was made from."""

    text: str
    origins: tuple[int, ...]

    def span(self, start: int, end: int) -> tuple[int, int]:
        """Where text[start:end] stands in the text it was made from."""
        return self.origins[start], self.origins[end - 1] + 1

    def without(self, pattern: re.Pattern[str]) -> Plain:
        """Without what the pattern matches, but one space between two digits."""
        kept: list[int] = []
        last = 0
        for match in pattern.finditer(self.text):
            kept += range(last, match.start())
            last = match.end()
        kept += range(last, len(self.text))
        return Plain("".join([self.text[i] for i in kept]), tuple([self.origins[i] for i in kept]))


@lru_cache(maxsize=4096)
def canonical(text: str) -> Plain:
    """The text in plain signs, its white space as single spaces.

    Scripts are told as models type them: 10⁵ as 10^5, CO₂ as CO2, h⁻¹ as h-1; braces and the signs before a script count for
    nothing elsewhere. Accents go, so that both ways to type an accented letter are one.
    """
    signs: list[str] = []
    origins: list[int] = []
    for i, plain in _signs(text):
        if plain == " " and signs and signs[-1] == " ":
            continue
        signs.append(plain)
        origins.append(i)
    return Plain("".join(signs), tuple(origins))


@lru_cache(maxsize=4096)
def strict(text: str) -> Plain:
    """Without white space, but between two digits, and without the hyphens of words."""
    return canonical(text).without(_STRICT)


@lru_cache(maxsize=4096)
def loose(text: str) -> Plain:
    """Also without the other dashes and the punctuation that belong to no number."""
    return canonical(text).without(_LOOSE)


def readable(text: str) -> str:
    """The text with LaTeX and tags in plain signs; as it is where it has none."""
    return canonical(text).text if "\\" in text or "<su" in text or "$" in text else text


def folded(text: str) -> str:
    """The text in small letters, sign by sign, so that every place stays."""
    lower = text.lower()
    return lower if len(lower) == len(text) else "".join(s.lower() if len(s.lower()) == 1 else s for s in text)


def _signs(text: str) -> Iterator[tuple[int, str]]:
    """Each plain sign with where it came from."""
    taken = _replaced(text)
    last = ""  # the plain sign before; '' at the beginning
    for i, sign in enumerate(text):
        if i in taken:
            plains = taken[i] if taken[i] != "^" or last.isdigit() else ""
        elif sign.isascii():
            plains = " " if sign.isspace() else _ascii(sign, last)
        elif INVISIBLE.match(sign):
            continue
        else:
            plains = _plain(sign)
            if last.isdigit() and _is_raised(sign) and not (i and _is_raised(text[i - 1])):
                plains = "^" + plains  # 10⁵ is not 105
        for plain in plains:
            yield i, plain
            last = plain


def _ascii(sign: str, last: str) -> str:
    if sign in "{}_" or (sign == "^" and not last.isdigit()):
        return ""
    return _SAME.get(sign, sign)


@lru_cache(maxsize=4096)
def _plain(sign: str) -> str:
    """One sign that is no ASCII, in plain ones: ligatures taken apart, accents off, mathematical letters as letters."""
    if sign.isspace():
        return " "
    parts = unicodedata.normalize("NFKD", _SAME.get(sign, sign))
    kept = "".join(_SAME.get(part, part) for part in parts if part == _STROKE or unicodedata.category(part) != "Mn")
    return "".join(" " if part.isspace() else part for part in kept)


def _replaced(text: str) -> dict[int, str]:
    """What stands for the LaTeX commands and the tags of this text: by place, the first sign's words and '' for the rest."""
    found: dict[int, str] = {}
    if "\\" in text:
        for match in _COMMAND.finditer(text):
            found |= {**dict.fromkeys(range(*match.span()), ""), match.start(): _LATEX.get(match[1], "")}
    if "<" in text or "$" in text or "*" in text:
        for match in _MARKUP.finditer(text):
            raised = "^" if match[0] == "<sup>" else ""
            found |= {**dict.fromkeys(range(*match.span()), ""), match.start(): raised}
    return found


def _is_raised(sign: str) -> bool:
    return not sign.isascii() and unicodedata.decomposition(sign).startswith("<super>")


def stands_free(text: str, span: tuple[int, int]) -> bool:
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
        if before and before in DASHES and (start < 2 or text[start - 2] in " \t\n([<>=~≈±"):
            return False
    return not (last.isdigit() and after in (".", ",") and text[end + 1 : end + 2].isdigit())


def _is_one_word(left: str, right: str, is_long: bool) -> bool:
    if not (left.isalnum() and right.isalnum()):
        return False
    return not is_long or (left.isdigit() == right.isdigit())
