"""The plot of `reread energy` as a picture: what one reading costs in each lane, and what each way costs over the questions.

Drawn with Pillow, which is here anyway, at twice its size and scaled down, so that slanted lines are smooth.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from energy_screens import amount, crossing

if TYPE_CHECKING:
    from PIL import Image

    from accounting import Account, Curve

_WIDTH, _HEIGHT, _FINE = 1600, 820, 2
_INK, _PALE, _GRID, _PAPER = "#1f2430", "#6b7280", "#e3e6eb", "#ffffff"
_WAYS = ("#0f7b5a", "#c2410c", "#4457a6")  #: Reread, every page as an image, one large model
_LANES = {"embedded": "#b6c2d1", "text": "#7b8ca3", "vision": "#475569"}


@dataclass(frozen=True, slots=True)
class _Area:
    """A panel: its corners, and the values that its axes end with."""

    left: int
    top: int
    right: int
    bottom: int
    x_most: float
    y_most: float

    def at(self, x: float, y: float) -> tuple[float, float]:
        return (
            self.left + (self.right - self.left) * x / self.x_most,
            self.bottom - (self.bottom - self.top) * y / self.y_most,
        )


class _Canvas:
    """A drawing in units of the finished picture."""

    def __init__(self) -> None:
        from PIL import Image, ImageDraw

        self.image = Image.new("RGB", (_WIDTH * _FINE, _HEIGHT * _FINE), _PAPER)
        self._draw = ImageDraw.Draw(self.image)
        self._fonts: dict[int, Any] = {}

    def text(self, x: float, y: float, words: str, *, size: int = 20, fill: str = _INK, anchor: str = "ls") -> None:
        from PIL import ImageFont

        font = self._fonts.setdefault(size, ImageFont.load_default(size * _FINE))
        self._draw.text((x * _FINE, y * _FINE), words, font=font, fill=fill, anchor=anchor)

    def line(self, points: Sequence[tuple[float, float]], fill: str, width: float = 1.0) -> None:
        self._draw.line([(x * _FINE, y * _FINE) for x, y in points], fill=fill, width=round(width * _FINE), joint="curve")

    def dashes(self, x: float, top: float, bottom: float, fill: str) -> None:
        for y in range(round(top), round(bottom), 12):
            self.line([(x, y), (x, min(y + 6, bottom))], fill, 1.5)

    def box(self, left: float, top: float, right: float, bottom: float, fill: str) -> None:
        self._draw.rounded_rectangle([v * _FINE for v in (left, top, right, bottom)], radius=4 * _FINE, fill=fill)

    def dot(self, x: float, y: float, radius: float, fill: str) -> None:
        box = [(x - radius) * _FINE, (y - radius) * _FINE, (x + radius) * _FINE, (y + radius) * _FINE]
        self._draw.ellipse(box, fill=fill, outline=_PAPER, width=3 * _FINE)

    def finished(self) -> Image.Image:
        return self.image.reduce(_FINE)


def draw(account: Account, questions: int) -> Image.Image:
    """The picture of this account; where nothing is known that could be drawn, it says what is missing."""
    canvas = _Canvas()
    run = account.run
    canvas.text(60, 66, f"What it costs to ask {account.documents:,} papers, {account.pages:,} pages", size=34)
    canvas.text(
        60, 102, f"prompt {run.prompt_name}, run {run.id}, read by {run.model}: {account.units:,} chunks, {account.skipped:,} skipped",
        size=20, fill=_PALE,
    )  # fmt: skip
    unit, curves = account.curves()
    _draw_lanes(canvas, account, unit)
    if curves:
        _draw_saved(canvas, account, curves)
        _draw_ways(canvas, curves, unit, questions)
    else:
        canvas.text(760, 300, "Costs over the questions cannot be drawn. Not known:", size=22)
        for i, line in enumerate(account.unknown[:8]):
            canvas.text(760, 340 + 30 * i, line[:90], size=17, fill=_PALE)
    canvas.text(60, _HEIGHT - 26, _footnote(account, unit), size=16, fill=_PALE)
    return canvas.finished()


def _footnote(account: Account, unit: str) -> str:
    if unit == "FLOP":
        return "Computing by the models alone, 2 operations per parameter and token; joules are not known. Cached prompt tokens are free."
    sources = sorted({source for lane in account.lanes for source in lane.sources})
    known = sum(lane.known for lane in account.lanes)
    tries = sum(lane.tries for lane in account.lanes)
    return f"Joules by {' and '.join(sources) or 'nothing'}, known of {known:,} of {tries:,} readings. Cached prompt tokens are free."


def _draw_lanes(canvas: _Canvas, account: Account, unit: str) -> None:
    """One bar for each lane: what one reading costs."""
    values = [
        (lane, lane.operations / lane.tries if lane.operations is not None and lane.tries else None)
        if unit == "FLOP"
        else (lane, lane.joules_per_try)
        for lane in account.lanes
    ]
    canvas.text(60, 172, f"one chunk, by lane ({'FLOP' if unit == 'FLOP' else 'joules'})", size=22)
    most = max((value or 0.0 for _, value in values), default=0.0) or 1.0
    for i, (lane, value) in enumerate(values):
        top = 215 + 112 * i
        canvas.text(60, top, f"{lane.lane.value}, {lane.tries:,} readings", size=18, fill=_PALE)
        length = max(360 * (value or 0.0) / most, 3)
        canvas.box(60, top + 14, 60 + length, top + 58, _LANES.get(lane.lane.value, _PALE))
        canvas.text(60 + length + 14, top + 44, amount(value, "FLOP" if unit == "FLOP" else "J"), size=22)


def _draw_saved(canvas: _Canvas, account: Account, curves: Sequence[Curve]) -> None:
    """What each question saves against the other ways, once the papers are converted."""
    own, *others = curves
    canvas.text(60, 612, "each question, once converted", size=22)
    for i, (other, way, colour) in enumerate(zip(others, account.alternatives, _WAYS[1:], strict=False)):
        share = own.each / other.each - 1 if other.each else 0.0
        x = 60 + 310 * i
        canvas.text(
            x, 676, f"{abs(share):.0%} {'less' if share < 0 else 'more'}", size=40, fill=_WAYS[0] if share < 0 else _WAYS[1]
        )
        canvas.text(x, 708, f"than {other.name},", size=17, fill=_PALE)
        canvas.text(x, 732, way.model, size=17, fill=colour)


def _draw_ways(canvas: _Canvas, curves: Sequence[Curve], unit: str, questions: int) -> None:
    y_step = nice_step(max(curve.after(questions) for curve in curves) * 1.02)
    area = _Area(760, 200, 1290, 690, questions, y_step * math.ceil(max(c.after(questions) for c in curves) * 1.02 / y_step))
    canvas.text(
        area.left - 70, 172, f"in all ({'computing' if unit == 'FLOP' else 'joules'}), over the number of questions", size=22
    )
    _draw_axes(canvas, area, y_step, unit)
    for curve, colour in reversed(list(zip(curves, _WAYS, strict=False))):
        canvas.line([area.at(0, curve.once), area.at(questions, curve.after(questions))], colour, 4)
    heights = spread([area.at(questions, curve.after(questions))[1] for curve in curves], least=52)
    for curve, colour, y in zip(curves, _WAYS, heights, strict=False):
        canvas.text(area.right + 16, y, curve.name, size=20, fill=colour, anchor="lm")
        canvas.text(area.right + 16, y + 23, amount(curve.after(questions), unit), size=17, fill=_PALE, anchor="lm")
    met = crossing(tuple(curves))
    if unit == "J" and met and met[0] <= questions:
        x, y = area.at(*met)
        canvas.dashes(x, area.top + 8, area.bottom, _PALE)
        canvas.dot(x, y, 8, _INK)
        side, anchor = (12, "lt") if met[0] < questions * 0.6 else (-12, "rt")
        canvas.text(x + side, area.top + 10, f"from question {max(math.ceil(met[0]), 1)} on,", size=18, anchor=anchor)
        canvas.text(x + side, area.top + 36, "converting has paid", size=18, anchor=anchor)


def _draw_axes(canvas: _Canvas, area: _Area, y_step: float, unit: str) -> None:
    for i in range(round(area.y_most / y_step) + 1):
        y = area.at(0, i * y_step)[1]
        canvas.line([(area.left, y), (area.right, y)], _GRID if i else _PALE, 1.5)
        canvas.text(area.left - 12, y, amount(i * y_step, unit) if i else "0", size=17, fill=_PALE, anchor="rm")
    x_step = max(nice_step(area.x_most), 1.0)
    for i in range(int(area.x_most / x_step) + 1):
        canvas.text(area.at(i * x_step, 0)[0], area.bottom + 28, f"{i * x_step:,.0f}", size=17, fill=_PALE, anchor="ms")
    canvas.text((area.left + area.right) / 2, area.bottom + 60, "questions", size=18, fill=_PALE, anchor="ms")


def nice_step(most: float) -> float:
    """1, 2 or 5 times a power of ten, so that three to six of them reach this far."""
    if most <= 0:
        return 1.0
    power = 10.0 ** math.floor(math.log10(most / 6))
    return next(step * power for step in (1, 2, 5, 10) if most / (step * power) <= 6)


def spread(heights: Sequence[float], least: float) -> list[float]:
    """These heights, moved down where one would stand on the one above it."""
    placed: dict[int, float] = {}
    last = -math.inf
    for i in sorted(range(len(heights)), key=lambda i: heights[i]):
        last = max(heights[i], last + least)
        placed[i] = last
    return [placed[i] for i in range(len(heights))]
