"""How many pixels a picture has, and a page, without opening them.

One scale for both, that of the crops (150 dots per inch, `ingest/figures.py`): so what is sent can be compared with what whole
pages would be. A model's server scales what is larger than it reads; `sent_pixels` says what is left.
"""

from __future__ import annotations

from records import FigureCrop, PageQuality
from settings import ModelSettings

#: Dots per inch of crops, and of pages where they are compared with them. The same as in ingest/figures.py.
DPI = 150
#: Longest side of a crop, as `max_crop_pixels` has it by default.
LONGEST = 2_400
#: What a picture without a place on a page is taken for: half a page of a letter.
_UNKNOWN = 1_000_000


def crop_pixels(crop: FigureCrop) -> int:
    """Pixels of a crop; an estimate for one that was brought along by its document."""
    if crop.box is None:
        return _UNKNOWN
    return _pixels(crop.box.right - crop.box.left, crop.box.top - crop.box.bottom)


def page_pixels(page: PageQuality) -> int:
    """Pixels of a whole page at the same scale."""
    return _pixels(page.width, page.height)


def sent_pixels(pixels: int, model: ModelSettings | None) -> int:
    """What of them is sent to this model: a larger picture is scaled down."""
    return min(pixels, model.max_pixels) if model else pixels


def image_tokens(pixels: int, model: ModelSettings) -> int:
    """What a picture of so many pixels costs to read, in tokens of the prompt."""
    return -(-pixels // model.pixels_per_token)


def _pixels(width: float, height: float) -> int:
    """Of a stretch of this many points."""
    scale = min(DPI / 72, LONGEST / max(width, height, 1.0))
    return round(width * scale) * round(height * scale)
