"""The notes below a table: small print, each note a block, with the mark that stands before it."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace

from ingest.layout.block import Block, Kind
from ingest.layout.group import Group
from ingest.layout.hyphens import join_texts
from ingest.layout.page import Line, PageSignals, Rect, enclosing, overlap
from ingest.layout.style import DocumentStyle
from ingest.layout.table_areas import begins_note

_RAISED = re.compile(r"^[*†‡§¶∗ᵃᵇᶜᵈᵉᶠᵍʰⁱʲ¹²³⁴-⁹]{1,2}\s?\w")
#: Longest mark, in characters.
_MARK = 2


def notes_below(table: Rect, groups: Sequence[Group], page: PageSignals, style: DocumentStyle) -> tuple[Block, ...]:
    """The notes of the table in this place."""
    found = _notes(table, groups, style)
    marks = [line for group in found for line in group.lines if all(len(other.text) <= _MARK for other in group.lines)]
    lines = [group.lines for group in found if group.lines[0] not in marks]
    if marks:
        return tuple(_note(part, mark, page, style) for part, mark in _by_marks(lines, marks))
    return _joined_notes([_note(part, None, page, style) for whole in lines for part in _parts(whole)], style)


def _parts(lines: Sequence[Line]) -> list[list[Line]]:
    """The lines by notes: a raised mark at the beginning of a line begins one."""
    parts = [[lines[0]]]
    for line in lines[1:]:
        if _RAISED.match(line.text):
            parts.append([line])
        else:
            parts[-1].append(line)
    return parts


def _by_marks(groups: Sequence[Sequence[Line]], marks: Sequence[Line]) -> list[tuple[list[Line], Line | None]]:
    """The lines of each note with the mark that stands to its left: where marks hang out they are a column of their own."""
    notes: list[tuple[list[Line], Line | None]] = []
    for line in sorted((line for group in groups for line in group), key=lambda line: -line.base):
        mark = next(
            (m for m in marks if abs(m.base - line.base) < 0.6 * line.size and m.rect.right < line.rect.left + 0.3 * line.size),
            None,
        )
        if mark or not notes:
            notes.append(([line], mark))
        else:
            notes[-1][0].append(line)
    return notes


def _notes(table: Rect, groups: Sequence[Group], style: DocumentStyle) -> list[Group]:
    """Small print right below a table and no wider than it."""
    notes: list[Group] = []
    floor = table.bottom
    for group in sorted(groups, key=lambda g: -g.rect.top):
        rect = group.rect
        aside = 8 if len(group.lines[0].text) <= _MARK else 0  # marks may hang out
        if rect.middle[1] > table.bottom or overlap(rect.left, rect.right, table.left, table.right) <= -aside:
            continue
        size = max(line.size for line in group.lines)
        is_small = size < style.size - 0.4 or (size < style.size + 0.2 and begins_note(group))
        if group.caption or not is_small or floor - rect.top > 1.4 * style.pitch:
            break
        if rect.left < table.left - 12 or rect.right > table.right + 12:
            break
        notes.append(group)
        floor = rect.bottom
    return notes


def _joined_notes(notes: Sequence[Block], style: DocumentStyle) -> tuple[Block, ...]:
    """The notes, one that begins in the middle of a sentence joined to the one above it."""
    joined: list[Block] = []
    for note in notes:
        if joined and note.text[:1].islower() and not _RAISED.match(note.text) and joined[-1].rect.bottom > note.rect.middle[1]:
            above = joined.pop()
            note = replace(
                above,
                rect=enclosing((above.rect, note.rect)),
                lines=(*above.lines, *note.lines),
                text=join_texts((above.text, note.text), style.known),
            )
        joined.append(note)
    return tuple(joined)


def _note(lines: Sequence[Line], mark: Line | None, page: PageSignals, style: DocumentStyle) -> Block:
    every = [*([mark] if mark else []), *lines]
    text = join_texts((line.text for line in lines), style.known)
    rect = enclosing(line.rect for line in every)
    return Block(
        kind=Kind.FOOTNOTE, page=page.number, rect=rect, lines=tuple(every), text=f"{mark.text} {text}" if mark else text
    )
