"""Is a text layer text? Two ways in which one is not: its characters mean nothing, or its letters are the wrong ones."""

from __future__ import annotations

import math
import re
import unicodedata
from collections import Counter
from functools import cache

#: Characters, and words: a shorter text is not judged.
_LEAST_CHARS, _LEAST_WORDS = 50, 60
#: Share of a text that may be characters without a meaning: symbol fonts of formulas have some.
_MOST_UNMAPPED = 0.3
#: Letters among letters and rare signs; a text layer with fewer is not usable. Numbers are no sign of a fault.
_LEAST_LETTERS = 0.3
#: Share of the words that the commonest ones of its language make up, in any text of that language.
_FEW_COMMON = 0.02
#: Likeness of a text's letters with those of the Latin script's languages (cosine): English 0.99, Finnish 0.9, Turkish 0.92,
#: English shifted by one letter 0.6.
_LIKE_LANGUAGE = 0.8
_LOOSE = re.compile("[ﬀ-ﬆ´`¨˜ˆˇ˚¸]")

#: Scripts that one text may have, beside Latin and Greek and its own, and the share of the letters from which one counts.
_MOST_SCRIPTS, _SOME = 4, 0.02
#: The commonest short words of English, German, French, Spanish, Portuguese, Italian and Dutch.
_COMMON_WORDS = """the of and to in is for that with are was by on as der die und das von mit zu den ist im le la les des et
    en du une un dans el los las que por del con se para o os da do em na no uma il di che per sono della het een van de"""
#: Letters in a thousand, the mean of English, German, French and Spanish.
_PER_THOUSAND = dict(
    zip(
        "abcdefghijklmnopqrstuvwxyz",
        (87, 16, 30, 43, 150, 13, 17, 31, 73, 3, 5, 47, 27, 80, 64, 22, 5, 66, 70, 74, 42, 11, 11, 2, 7, 6),
        strict=True,
    )
)


def is_unmapped(text: str) -> bool:
    """True where most characters mean nothing: replaced, private to a font, signs without letters."""
    printed = "".join(text.split())
    if len(printed) < _LEAST_CHARS:
        return False
    return share_unmapped(printed) > _MOST_UNMAPPED or not has_letters(printed)


def share_unmapped(text: str) -> float:
    """Share of these characters, of which there must be one, that mean nothing: replaced, or private to a font."""
    bad = sum(c == "\ufffd" or "\ue000" <= c <= "\uf8ff" or c < " " for c in text) + 9 * text.count("GLYPH<")
    return min(1.0, bad / len(text))


def has_letters(text: str) -> bool:
    """False for a text that is mostly signs: glyphs without a mapping to characters."""
    n_letters = len(re.findall(r"[^\W\d_]", text))
    n_signs = len(re.findall(r"[^\w\s.,;:()\[\]%=+<>*/$'\"-]", text))
    return not text or n_letters >= _LEAST_LETTERS * (n_letters + n_signs)


def looks_scrambled(text: str) -> bool:
    """True for letters that are no language's: fonts whose glyphs are mapped to the wrong characters of one script or of many."""
    return _is_of_no_script(text) or _is_no_latin_language(text)


def _is_of_no_script(text: str) -> bool:
    """True where letters of very many scripts stand together, or Latin ones that mostly bear accents."""
    letters = [sign for sign in text if sign.isalpha()]
    if len(letters) < _LEAST_CHARS:
        return False
    scripts = Counter(_script(sign) for sign in letters)
    accented = sum(n for sign, n in Counter(letters).items() if "\u00c0" <= sign <= "\u024f")
    several = sum(n > _SOME * len(letters) for n in scripts.values())
    return several > _MOST_SCRIPTS or accented > 0.5 * len(letters)


@cache
def _script(letter: str) -> str:
    """The script by the letter's Unicode name: 'LATIN', 'ARABIC'; the three of Japanese are one."""
    name = "LATIN" if letter.isascii() else unicodedata.name(letter, "?").split()[0].split("-")[0]
    return "CJK" if name in ("HIRAGANA", "KATAKANA", "FULLWIDTH", "IDEOGRAPHIC") else name


def _is_no_latin_language(text: str) -> bool:
    words = re.findall(r"[^\W\d_]+", text.lower())
    latin = [word for word in words if word.isascii()]
    return (
        len(latin) >= _LEAST_WORDS
        and len(latin) > 0.8 * len(words)
        and common_share(words) < _FEW_COMMON
        and _likeness(latin) < _LIKE_LANGUAGE
    )


def common_share(words: list[str]) -> float:
    """Share of these words, in lower case, that are the commonest ones of their language."""
    common = frozenset(_COMMON_WORDS.split())
    return sum(word in common for word in words) / len(words) if words else 0.0


def _likeness(words: list[str]) -> float:
    """Cosine of the counts of letters with those that languages have."""
    counts = Counter("".join(words))
    dot = sum(counts[letter] * usual for letter, usual in _PER_THOUSAND.items())
    length = math.sqrt(sum(n * n for n in counts.values())) * math.sqrt(sum(n * n for n in _PER_THOUSAND.values()))
    return dot / length if length else 0.0


def count_loose(text: str) -> int:
    """Ligatures and accents that stand alone: what a text layer has for letters, and the rules mend."""
    return len(_LOOSE.findall(text))
