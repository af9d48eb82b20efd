"""Lines of one paragraph, before it is known what they are."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from ingest.layout.page import Line, Rect, overlap


@dataclass(frozen=True, slots=True)
class Group:
    lines: tuple[Line, ...]
    rect: Rect
    caption: str | None  #: 'figure', 'table' or None
    is_prose: bool


def has_company(group: Group, others: Sequence[Group]) -> bool:
    """True where other text stands beside this."""
    return any(
        other is not group
        and overlap(other.rect.bottom, other.rect.top, group.rect.bottom, group.rect.top) > 2
        and overlap(other.rect.left, other.rect.right, group.rect.left, group.rect.right) < 2
        for other in others
    )


def is_beside(caption: Rect, area: Rect) -> bool:
    """True for a caption above or below most of this area, or of itself."""
    return overlap(caption.left, caption.right, area.left, area.right) > 0.4 * min(caption.width, area.width)
