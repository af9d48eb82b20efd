"""Accents that are words of their own, put on the letter over which they stand: the bar and the A of Ā.

Writers of mathematics paint the sign first and then go back for the letter. Left alone, a bar over a capital stands so
high that it makes a line of its own, and the line below it is torn in two.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from unicodedata import normalize

from ingest.layout.page import Word

_ACCENTS = {"˜": "\u0303", "ˆ": "\u0302", "¯": "\u0304", "˙": "\u0307", "¨": "\u0308", "ˇ": "\u030c", "⃗": "\u20d7"}
#: How many words further on in the page's content the letter comes at most.
_REACH = 3
#: The accent's baseline is lower or higher than the letter's by no more, in sizes.
_LOWER, _HIGHER = -0.15, 0.85


def with_accents(words: Sequence[Word]) -> list[Word]:
    """The words in their order, each accent on its letter where there is one."""
    placed: list[Word | None] = list(words)
    for at, word in enumerate(words):
        mark = _ACCENTS.get(word.text[-1])
        if mark is None or word.turn:
            continue
        middle = _middle(word)
        near = [*range(at + 1, min(len(words), at + 1 + _REACH)), *range(max(0, at - 2), at)]
        home = next((to for to in near if (letter := placed[to]) and _is_under(letter, word, middle)), None)
        if home is None:
            continue
        letter = placed[home]
        assert letter
        placed[home] = replace(letter, text=_marked(letter, middle, mark))
        rest = word.text[:-1]
        right = min(word.rect.right, letter.rect.left)
        placed[at] = replace(word, text=rest, rect=word.rect._replace(right=max(right, word.rect.left))) if rest else None
    return [word for word in placed if word]


def _middle(word: Word) -> float:
    """Where the accent at the end of this word stands; its width is near half the size."""
    left = word.rect.left if len(word.text) == 1 else max(word.rect.left, word.rect.right - 0.5 * word.size)
    return (left + word.rect.right) / 2


def _is_under(letter: Word, accent: Word, middle: float) -> bool:
    if letter is accent or not any(c.isalpha() for c in letter.text):
        return False
    raised = (accent.base - letter.base) / max(letter.size, 1.0)
    return letter.rect.left <= middle <= letter.rect.right and _LOWER < raised < _HIGHER


def _marked(letter: Word, middle: float, mark: str) -> str:
    """The letter's word with the accent on the sign below it."""
    text = letter.text
    at = min(len(text) - 1, int((middle - letter.rect.left) / max(letter.rect.width, 0.1) * len(text)))
    return normalize("NFC", text[: at + 1] + mark) + text[at + 1 :]
