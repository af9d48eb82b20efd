"""The printed lines of a quote, for whoever draws it: one box per line in place of the box around its paragraph.

A chunk's row keeps one place per stretch of a paragraph, which is what search and export need. Who draws reads the page's words
once more (`ingest.page_view`), and the stretch is found among those that stand in the stored place. Where it is not found there
(a page read by OCR, a formula told in other signs) the stored box stands: a box too large is better than one beside the words.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace

from extract.evidence.finding import ALIGNED, EXACT, NORMALISED, find
from records import Box, Chunk, Place

#: Points by which a word may stand out of its paragraph's box.
_SLACK = 2.0

#: A citation's number: small and raised on the page, in brackets or raised digits in our text.
_RAISED = re.compile(r"\s?\[\d[\d,;–\- ]*\]|\s?\^?\{[^{}]*\}")

#: The words of one page in the order of their printing: a text, and the place of each word in it.
PageWords = tuple[str, Sequence[Place]]


def printed_lines(chunk: Chunk, span: tuple[int, int], pages: Mapping[int, PageWords]) -> tuple[Place, ...]:
    """The lines that print chunk.text[span[0]:span[1]], in reading order, with their spans in the chunk's text.

    pages: the words of the pages by number, as far as they are at hand.
    """
    lines: list[Place] = []
    for place in chunk.places_of(span):
        start, end = max(span[0], place.start), min(span[1], place.end)
        boxes = _boxes(chunk.text[start:end], pages.get(place.page), place.box)
        lines += [replace(place, start=start, end=end, box=box) for box in boxes or [place.box]]
    return tuple(lines)


def _boxes(said: str, words: PageWords | None, within: Box) -> list[Box]:
    """One box per printed line of these words inside a box of the page; none where they are not found there."""
    if words is None or not said.strip():
        return []
    inside = [place for place in words[1] if _is_inside(place.box, within)]
    for order in (inside, sorted(inside, key=lambda place: (-round(place.box.bottom), place.box.left))):
        for wanted in (said.strip(), _RAISED.sub(" … ", said).strip()):
            if found := _found(wanted, words[0], order):
                return _lines(found)
    return []


def _found(said: str, text: str, order: Sequence[Place]) -> list[Box]:
    """The boxes of the words that say this stretch, where they stand in this order."""
    joined = ""
    spans: list[tuple[int, int]] = []
    for place in order:
        word = text[place.start : place.end]
        joined += " " if joined else ""
        spans.append((len(joined), len(joined) + len(word)))
        joined += word
    for by in (EXACT, NORMALISED, ALIGNED):
        match = find(said, joined, by=by)
        if match:
            start, end = match.span
            return [place.box for place, (a, b) in zip(order, spans, strict=True) if a < end and start < b]
    return []


def _lines(boxes: Sequence[Box]) -> list[Box]:
    """Boxes that overlap in height by half, one after the other, as one."""
    lines: list[Box] = []
    for box in boxes:
        last = lines[-1] if lines else None
        shared = min(last.top, box.top) - max(last.bottom, box.bottom) if last else 0.0
        if last and shared > 0.5 * min(last.top - last.bottom, box.top - box.bottom):
            lines[-1] = Box(
                left=min(last.left, box.left), bottom=min(last.bottom, box.bottom),
                right=max(last.right, box.right), top=max(last.top, box.top),
            )  # fmt: skip
        else:
            lines.append(box)
    return lines


def _is_inside(box: Box, within: Box) -> bool:
    """Whether the middle of a word stands in this box."""
    x, y = (box.left + box.right) / 2, (box.bottom + box.top) / 2
    return within.left - _SLACK <= x <= within.right + _SLACK and within.bottom - _SLACK <= y <= within.top + _SLACK
