"""Are the words of a text value those of the paper? Only of fields that are copied: a summary may be in the reader's own words.

An entity must stand in the quote itself, all of its words: a number without the thing that it is of is no evidence. A property
or a condition may stand elsewhere in the chunk, or be told in other words. Which of two entities in one sentence is the right
one is asked in `extract.evidence.pairing`; what no rule tells is for a second model.
"""

from __future__ import annotations

from typing import Any

from extract.embedded.words import stems_of
from extract.evidence.claims import COPIED, Claim, Words
from extract.evidence.finding import NORMALISED, find
from extract.evidence.findings import Finding, not_found, supported

METHOD = "words"
#: Kinds that name what a number is of: nothing supports them but the quote.
_OF_WHAT = frozenset(("entity",))
#: A text of more words is no name.
_MOST_WORDS = 12


def check_words(claim: Claim, words: Words) -> Finding | None:
    """Whether the words say this text; None where that cannot be told from the words alone."""
    text = str(claim.value).strip()
    if not text:
        return None
    if find(text, words.said, by=NORMALISED) or _share(text, words.said) == 1:
        return supported(METHOD)
    if claim.field.kind not in COPIED and len(text.split()) > _MOST_WORDS:
        return None
    is_in_chunk = bool(find(text, words.chunk.text, by=NORMALISED)) or _share(text, words.chunk.searchable) == 1
    if claim.field.kind in _OF_WHAT:
        where = "; it stands elsewhere in the chunk" if is_in_chunk else ""
        return not_found(METHOD, f"the quote does not name {text!r}{where}")
    if is_in_chunk or _share(text, words.chunk.searchable) > 0:
        return None
    return not_found(METHOD, f"{text!r} is not in the text")


def check_choice(claim: Claim, words: Words) -> Finding | None:
    """Whether the words say the chosen value of an enum; None where they do not: it may be told by other words."""
    return supported("enum") if _is_said(claim.value, words) else None


def _is_said(value: Any, words: Words) -> bool:
    return isinstance(value, str) and bool(find(value.replace("_", " "), words.said, by=NORMALISED))


def _share(text: str, said: str) -> float:
    """Share of the telling words of a text that stand in what is said, as stems; 0 where it has none."""
    wanted = stems_of(text)
    return len(wanted & stems_of(said)) / len(wanted) if wanted else 0.0
