"""Find the pages of a document that have no usable text, and give them what OCR reads there.

Only those pages: OCR takes seconds where the parser takes milliseconds, and reads worse than a sound text layer says. So a layer
that is merely odd (few of the words that every language has) is compared with what OCR reads, and kept where the two agree.
"""

from __future__ import annotations

import re
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ingest.figure_text import Label
from ingest.layout.page import PageSignals, Rect, Word
from ingest.layout.turned import back_from
from ingest.letters import is_unmapped, looks_scrambled
from records import OcrChoice

if TYPE_CHECKING:
    from ingest.ocr import Image, Ocr
    from ingest.ocr_lines import ScanLine

#: Characters: a page with fewer has no text layer; one with fewer than the second may have a stamp for one.
_FEW_CHARS, _STAMP_CHARS = 50, 600
#: Share of the page that bitmaps or drawings cover: where they may be the words of a page that has none; may be the page
#: beside a stamp; are the page.
_TOUCHED, _FILLED, _WHOLE = 0.01, 0.3, 0.8
#: Pixels of a page's picture; a larger page is read at a lower resolution.
_MAX_PIXELS = 12_000_000
#: Figures of one document whose words are read, and pixels of one.
_MOST_FIGURES, _MAX_FIGURE_PIXELS = 40, 3_000_000
#: Share of the words that two readings of a page have in common where both are right.
_AGREE = 0.4
#: Confidence from which OCR is believed rather than a text layer: a script that the model does not know comes out below.
_SURE = 0.85
#: Pages of one document whose odd text layer was right: then it is the language that is odd.
_ENOUGH = 2


class Doubt(StrEnum):
    """Why a page is read with OCR."""

    FORCED = "forced"
    NO_TEXT = "no text layer"
    STAMP = "text beside a picture of the page"
    UNMAPPED = "characters without a meaning"
    SCRAMBLED = "letters that are no language"


@dataclass(frozen=True, slots=True, kw_only=True)
class OcrPage:
    """What OCR read on one page."""

    number: int
    turn: int  #: of the text against the page; see PageSignals and ingest/layout/turned.py
    lines: tuple[ScanLine, ...]
    across: tuple[Rect, ...]  #: of the upright page, as all boxes here
    down: tuple[Rect, ...]
    pictures: tuple[Rect, ...]

    @property
    def n_chars(self) -> int:
        return sum(line.n_chars for line in self.lines)

    @property
    def confidence(self) -> float:
        return sum(line.confidence * line.n_chars for line in self.lines) / max(1, self.n_chars)

    @property
    def words(self) -> set[str]:
        return _words(" ".join(word.text for line in self.lines for word in line.words))


def doubt_of(page: PageSignals, mode: str) -> Doubt | None:
    """Why the text layer of this page is not to be trusted; None where it is."""
    if mode == "force":
        return Doubt.FORCED
    area = max(1.0, page.width * page.height)
    covered = min(1.0, sum(box.area for box in page.bitmaps) / area)
    drawn = max(covered, sum(box.area for box in page.drawings) / area)
    if page.n_chars < _FEW_CHARS and drawn > (_FILLED if page.n_chars else _TOUCHED):
        return Doubt.NO_TEXT
    if page.n_chars < _STAMP_CHARS and covered > _WHOLE:
        return Doubt.STAMP
    text = " ".join(word.text for word in page.words)
    if is_unmapped(text):
        return Doubt.UNMAPPED
    return Doubt.SCRAMBLED if looks_scrambled(text) else None


class OcrReader:
    """Reads the pages of one document after the other with models that stay loaded."""

    def __init__(self, choice: OcrChoice, artifacts: Path | None) -> None:
        """Raises WeightsMissing where OCR is on and cannot be loaded."""
        self.choice = choice
        self._ocr: Ocr | None = None
        if choice.mode != "off":
            from ingest.ocr import Ocr

            self._ocr = Ocr(choice.languages, artifacts)

    def doubt_of(self, page: PageSignals) -> Doubt | None:
        """Why this page is to be read with OCR; None where it is not, or OCR is off."""
        return doubt_of(page, self.choice.mode) if self._ocr else None

    def read(
        self,
        pages: Sequence[tuple[PageSignals, Doubt]],
        path: Path,
        deadline: float,
        on_read: Callable[[int], None] = lambda _: None,
        *,
        side_by_side: int = 2,
    ) -> tuple[dict[int, tuple[PageSignals, float]], list[int]]:
        """What these pages hold with OCR, by number, for those that it read better than the text layer, with its confidence
        (0 to 1); and the numbers of those for which no time was left. `deadline` is on the clock of time.monotonic; `on_read`
        hears the number of each page. Each page that is read beside another takes up to 400 MB while text is looked for."""
        by_number = {page.number: page for page, _ in pages}
        doubts = {page.number: doubt for page, doubt in pages}
        better: dict[int, OcrPage] = {}
        sound = 0
        late = []
        for number, read in self._read_pages(list(by_number.values()), path, deadline, side_by_side):
            on_read(number)
            if read is None:
                late.append(number)
            elif doubts[number] is Doubt.SCRAMBLED and _agree(by_number[number], read):
                sound += 1
            elif _says_more(by_number[number], read, doubts[number]):
                better[number] = read
            if sound >= _ENOUGH:
                break
        if not better:
            return {}, late
        return _settled(better, by_number), late

    def _read_pages(
        self, pages: Sequence[PageSignals], path: Path, deadline: float, side_by_side: int
    ) -> Iterator[tuple[int, OcrPage | None]]:
        """Each page as it is read, in order; None for those that no time was left for."""
        if not pages:
            return
        with _Renderer(path) as renderer, ThreadPoolExecutor(side_by_side) as readers:

            def read(page: PageSignals) -> OcrPage | None:
                return self._read_page(page, renderer) if time.monotonic() < deadline else None

            waiting = [(page.number, readers.submit(read, page)) for page in pages]
            try:
                for number, result in waiting:
                    yield number, result.result()
            finally:
                for _, result in waiting:
                    result.cancel()

    def read_figures(self, figures: Sequence[tuple[PageSignals, Rect]], path: Path, deadline: float) -> list[list[Label]]:
        """The words inside each of these regions; none where the choice is not to read figures, after the first few dozen, and
        after the deadline."""
        if not (self.choice.figures and self._ocr and figures):
            return [[] for _ in figures]
        with _Renderer(path) as renderer, ThreadPoolExecutor(2) as readers:

            def read(figure: tuple[PageSignals, Rect]) -> list[Label]:
                return self._read_figure(*figure, renderer) if time.monotonic() < deadline else []

            seen = list(readers.map(read, figures[:_MOST_FIGURES]))
        return seen + [[] for _ in figures[_MOST_FIGURES:]]

    def _read_figure(self, page: PageSignals, region: Rect, renderer: _Renderer) -> list[Label]:
        """The words of a figure, each line where it stands."""
        from ingest.ocr_lines import scan_lines

        assert self._ocr
        image, points_per_pixel = renderer.picture(page, region)
        read = self._ocr.read(image, as_given=True)
        return [
            Label(
                " ".join(word.text for word in line.words),
                Rect(*(side + start for side, start in zip(line.rect, (region.left, region.bottom) * 2, strict=True))),
            )
            for line in scan_lines(read, points_per_pixel)
        ]

    def _read_page(self, page: PageSignals, renderer: _Renderer) -> OcrPage:
        from ingest.ocr_graphics import graphics
        from ingest.ocr_lines import scan_lines

        assert self._ocr
        image, points_per_pixel = renderer.picture(page)
        read = self._ocr.read(image)
        across, down, pictures = graphics(read, points_per_pixel)
        return OcrPage(
            number=page.number,
            turn=read.turn,
            lines=tuple(scan_lines(read, points_per_pixel)),
            across=tuple(across),
            down=tuple(down),
            pictures=tuple(pictures),
        )


class _Renderer:
    """Pictures of one document's pages. PDFium does one thing at a time."""

    def __init__(self, path: Path) -> None:
        import pypdfium2

        self._document = pypdfium2.PdfDocument(path)
        self._alone = threading.Lock()

    def __enter__(self) -> _Renderer:
        return self

    def __exit__(self, *_: object) -> None:
        self._document.close()

    def picture(self, page: PageSignals, region: Rect | None = None) -> tuple[Image, float]:
        """The page or a region of it as a picture, and points per pixel of it; white where PDFium cannot read it."""
        import numpy as np
        import pypdfium2

        from ingest.ocr import DPI

        whole = Rect(0.0, 0.0, page.width, page.height)
        cut = region or whole
        scale = min(DPI / 72, ((_MAX_FIGURE_PIXELS if region else _MAX_PIXELS) / max(1.0, cut.area)) ** 0.5)
        margins = (cut.left, cut.bottom, whole.right - cut.right, whole.top - cut.top)
        with self._alone:
            try:
                opened = self._document[page.number - 1]
                try:
                    return _as_array(opened.render(scale=scale, crop=tuple(max(0.0, margin) for margin in margins))), 1 / scale
                finally:
                    opened.close()
            except pypdfium2.PdfiumError:
                return np.full((32, 32, 3), 255, np.uint8), 1 / scale


def _as_array(bitmap: Any) -> Image:
    """A copy of a rendered page, blue first."""
    import numpy as np

    pixels = np.asarray(bitmap.to_numpy())
    pixels = np.repeat(pixels[:, :, None], 3, axis=2) if pixels.ndim == 2 else pixels[:, :, :3]
    pixels = np.repeat(pixels, 3, axis=2) if pixels.shape[2] == 1 else pixels
    copied: Image = np.ascontiguousarray(pixels).copy()
    bitmap.close()
    return copied


def _words(text: str) -> set[str]:
    return set(re.findall(r"[^\W\d_]{3,}", text.lower()))


def _agree(page: PageSignals, read: OcrPage) -> bool:
    """True where the text layer and OCR have the same words: then the layer is right, and better."""
    layer = _words(" ".join(word.text for word in page.words))
    return len(layer & read.words) > _AGREE * min(len(layer), len(read.words))


def _says_more(page: PageSignals, read: OcrPage, doubt: Doubt) -> bool:
    """True where OCR is to be believed: it has something to say, and beside a stamp or a caption much more than that."""
    if doubt is Doubt.STAMP:
        return read.n_chars > 2 * page.n_chars
    if doubt is Doubt.NO_TEXT:
        return read.n_chars > page.n_chars
    return read.n_chars > 0.3 * page.n_chars and (doubt is Doubt.FORCED or read.confidence > _SURE)


def _settled(read: dict[int, OcrPage], pages: dict[int, PageSignals]) -> dict[int, tuple[PageSignals, float]]:
    """The signals of the pages that were read, with sizes and bold type as the whole document has them."""
    from ingest.ocr_lines import body_of, settle_sizes, words_of

    numbers = sorted(read)
    lines = settle_sizes([read[number].lines for number in numbers])
    body = body_of(lines)
    return {
        number: (_signals(pages[number], read[number], words_of(of_page, body)), read[number].confidence)
        for number, of_page in zip(numbers, lines, strict=True)
    }


def _signals(page: PageSignals, read: OcrPage, words: Sequence[Word]) -> PageSignals:
    """The page with what OCR read in place of its text layer, and with pictures in place of the scan."""
    back = back_from(page, read.turn)
    across, down = (read.down, read.across) if abs(read.turn) == 90 else (read.across, read.down)
    placed = [
        replace(word, rect=back(word.rect), turn=_sum_of_turns(read.turn, word.turn)) if read.turn else word for word in words
    ]
    return replace(
        page,
        words=tuple(placed),
        n_chars=sum(len(word.text) for word in placed),
        across=tuple(back(rect) for rect in across),
        down=tuple(back(rect) for rect in down),
        bitmaps=(),
        drawings=tuple(back(rect) for rect in read.pictures),
    )


def _sum_of_turns(one: int, other: int) -> int:
    turn = (one + other) % 360
    return turn - 360 if turn > 180 else turn
