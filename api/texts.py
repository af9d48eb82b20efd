"""Text as it may come in a request: JSON can carry what neither a database nor UTF-8 can."""

from __future__ import annotations

from typing import Annotated

from pydantic import AfterValidator


def storable(text: str) -> str:
    """The text, where it can be stored: no NUL (PostgreSQL takes none) and no half of a surrogate pair (UTF-8 has none)."""
    if "\0" in text or any("\ud800" <= sign <= "\udfff" for sign in text):
        raise ValueError("text with a NUL or half of a surrogate pair cannot be stored")
    return text


Text = Annotated[str, AfterValidator(storable)]
