"""Signs that nobody sees on the page: they can hide words from a reader with eyes and show them to a model.

They count for nothing where a quote is looked for, they are never sent to a model, and a chunk that has many of them is
worth a look: papers have soft hyphens by the dozen, but no tags and no marks of direction in English text.
"""

from __future__ import annotations

import re

#: Soft hyphen, zero-width signs, marks of direction, invisible operators, byte order mark, interlinear marks, fillers, the
#: selectors of variants and the block of tags, which can spell whole hidden sentences; and control signs but white space.
INVISIBLE = re.compile(
    "[\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f\u202a-\u202e\u2060-\u206f\u3164\ufe00-\ufe0f\ufeff\uffa0"
    "\ufff9-\ufffb\U000e0000-\U000e0fff\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x84\x86-\x9f]"
)
#: Of these, the ones that honest typesetting leaves in a text.
_HONEST = frozenset("\u00ad\u200b\u200c\u200d\u2060\ufeff\ufe0e\ufe0f")
_SPLIT = re.compile("(?:[A-Za-z][\u200b-\u200d\u2060\ufeff]){3,}")


def invisible_signs(text: str) -> int:
    """How many signs of this text are there to be read by machines only; soft hyphens and their like are not counted."""
    return sum(match[0] not in _HONEST for match in INVISIBLE.finditer(text))


def split_letters(text: str) -> int:
    """How many letters are set apart by signs without width, of words that hold several: honest print divides a word once."""
    return sum(len(match[0]) // 2 for match in _SPLIT.finditer(text))


def without_invisible(text: str) -> str:
    return INVISIBLE.sub("", text)
