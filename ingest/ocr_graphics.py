"""Rulings and pictures of a scanned page, from its ink: what a text layer's page says of them in its content stream."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from ingest.layout.page import Rect
from ingest.ocr import Points, ReadImage
from ingest.ocr_lines import skew_of

#: Dots per inch at which graphics are looked for.
_DPI = 100
#: Points: the shortest ruling, the thickest, the white that one picture may have inside, the smallest picture.
_LONG, _THICK, _NEAR, _SMALL = 30.0, 2.5, 8.0, 30.0
#: Share of a found line's height at its upper and lower edge where an underline or a table's ruling may stand.
_EDGE = 0.15
#: Points around a found line of text that its ink may fill.
_TEXT_MARGIN = 1.0


def graphics(read: ReadImage, points_per_pixel: float) -> tuple[list[Rect], list[Rect], list[Rect]]:
    """Rulings across, rulings down, and boxes around pictures, in points from the lower left of the upright page."""
    scale = points_per_pixel * _DPI / 72
    grey = cv2.resize(cv2.cvtColor(read.image, cv2.COLOR_BGR2GRAY), None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
    height, width = grey.shape
    straighten = cv2.getRotationMatrix2D((width / 2, height / 2), float(np.degrees(skew_of(read.lines))), 1.0)
    grey = cv2.warpAffine(np.asarray(grey), straighten, (width, height), borderValue=255.0)
    paper = float(np.percentile(grey, 80))
    ink = (grey < min(0.75 * paper, paper - 30)).astype(np.uint8)
    texts = [_text_box(line.corners * scale, straighten) for line in read.lines]
    across, down = ([box for box in _rulings(ink, *way) if not _is_lettering(box, texts)] for way in ((1, 0), (0, 1)))
    margin = _pixels(_TEXT_MARGIN)
    for left, top, right, bottom in texts:
        ink[max(0, top - margin) : max(0, bottom + margin), max(0, left - margin) : max(0, right + margin)] = 0
    for box in (*across, *down):
        ink[box[1] : box[3], box[0] : box[2]] = 0
    return (
        [_rect(box, height) for box in across],
        [_rect(box, height) for box in down],
        [_rect(box, height) for box in _pictures(ink, [*across, *down])],
    )


_PixelBox = tuple[int, int, int, int]  #: left, top, right, bottom


def _pixels(points: float) -> int:
    return max(1, round(points * _DPI / 72))


def _text_box(corners: Points, straighten: object) -> _PixelBox:
    moved = cv2.transform(np.asarray([corners]), np.asarray(straighten))[0]
    left, top = np.floor(moved.min(axis=0)).astype(int)
    right, bottom = np.ceil(moved.max(axis=0)).astype(int)
    return int(left), int(top), int(right), int(bottom)


def _is_lettering(ruling: _PixelBox, texts: list[_PixelBox]) -> bool:
    """True for the tops or the feet of letters that the scan ran together: no ruling runs through a line's middle."""
    left, top, right, bottom = ruling
    x, y = (left + right) / 2, (top + bottom) / 2
    for text_left, text_top, text_right, text_bottom in texts:
        edge = _EDGE * min(text_bottom - text_top, text_right - text_left)
        if text_left + edge < x < text_right - edge and text_top + edge < y < text_bottom - edge:
            return True
    return False


def _rulings(ink: NDArray[np.uint8], wide: int, high: int) -> list[_PixelBox]:
    """Long thin strokes in one direction; a stroke may be broken by a pixel of noise."""
    closed = cv2.morphologyEx(ink, cv2.MORPH_CLOSE, np.ones((1 + 2 * high, 1 + 2 * wide), np.uint8))
    long = _pixels(_LONG)
    strokes = cv2.morphologyEx(np.asarray(closed), cv2.MORPH_OPEN, np.ones((1 + long * high, 1 + long * wide), np.uint8))
    thick = _pixels(_THICK) + 1
    return [box for box in _boxes(np.asarray(strokes)) if (box[3] - box[1] if wide else box[2] - box[0]) <= thick]


def _pictures(ink: NDArray[np.uint8], rulings: list[_PixelBox]) -> list[_PixelBox]:
    """What is left when text and rulings are gone, where it stands close together; marks of the scanner's edge are not."""
    height, width = ink.shape
    framed = ink.copy()
    for left, top, right, bottom in rulings:  # the axes of a plot are rulings, and hold its curves together
        framed[top:bottom, left:right] = 1
    near = _pixels(_NEAR)
    whole = cv2.morphologyEx(framed, cv2.MORPH_CLOSE, np.ones((near, near), np.uint8))
    found = []
    for box in _boxes(np.asarray(whole)):
        left, top, right, bottom = box
        if min(right - left, bottom - top) < _pixels(_SMALL) or (right - left) * (bottom - top) > 0.8 * width * height:
            continue
        share = float(ink[top:bottom, left:right].mean())
        if share > 0.004:  # less is the white inside a table's rulings
            found.append(box)
    return found


def _boxes(mask: NDArray[np.uint8]) -> list[_PixelBox]:
    n, _, stats, _ = cv2.connectedComponentsWithStats(mask, connectivity=8)
    return [(int(x), int(y), int(x + w), int(y + h)) for x, y, w, h, _ in stats[1:n]]


def _rect(box: _PixelBox, height: int) -> Rect:
    left, top, right, bottom = (side * 72 / _DPI for side in box)
    return Rect(left, height * 72 / _DPI - bottom, right, height * 72 / _DPI - top)
