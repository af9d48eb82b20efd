"""An image as the PDF of a scanned page, so that one path reads every page: its layout, its text once there is OCR, its crops.

JPEG bytes go in as they are, everything else without loss. A TIFF may hold many pages. What the image says of its resolution
is believed within reason, because a page's size in points is what every box of ours is measured in.
"""

from __future__ import annotations

import io
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from errors import Damaged, TooLarge

if TYPE_CHECKING:
    from PIL.Image import Image

MAX_PIXELS = 100_000_000  #: of one page; A4 at 600 dots per inch has 35 million
_ASSUMED_DPI = 200.0  #: of an image that does not say; then a page of 1,700 x 2,200 is a letter
_LIKELY_DPI = (50.0, 1200.0)  #: screens write 1 or 72,000


def pdf_of_image(path: Path, name: str, pdf: Path, max_pages: int) -> None:
    """Write the PDF that shows this image. Raises Damaged, TooLarge."""
    from PIL import Image, UnidentifiedImageError

    try:
        with Image.open(path) as image:
            n_frames = getattr(image, "n_frames", 1)
            if n_frames > max_pages:
                raise TooLarge(f"{name} has {n_frames} pages, {max_pages} are allowed. Nothing was read. Split it.")
            _write(_frames(image, n_frames, name), path, pdf)
    except Image.DecompressionBombError as error:
        raise TooLarge(f"{name} claims more pixels than can be read: {error}. Nothing was read. Save it smaller.") from error
    except (UnidentifiedImageError, OSError, ValueError, SyntaxError, EOFError) as error:
        raise Damaged(f"{name} could not be read as an image: {error}. Nothing was kept. Fetch it again.") from error


def _frames(image: Image, n_frames: int, name: str) -> Iterator[tuple[Image, float]]:
    for number in range(n_frames):
        if number:  # to seek to the first would forget how it was opened
            image.seek(number)
        width, height = image.size
        if width * height > MAX_PIXELS:
            raise TooLarge(
                f"Page {number + 1} of {name} has {width:,} x {height:,} pixels, {MAX_PIXELS:,} are allowed. Nothing was read. "
                "Save it smaller (300 dots per inch are enough), then add it again."
            )
        yield image, _dpi(image)


def _dpi(image: Image) -> float:
    told = image.info.get("dpi")
    dpi = float(told[0]) if isinstance(told, tuple) and told else 0.0
    return dpi if _LIKELY_DPI[0] <= dpi <= _LIKELY_DPI[1] else _ASSUMED_DPI


def _write(frames: Iterator[tuple[Image, float]], path: Path, target: Path) -> None:
    import pypdfium2

    pdf = pypdfium2.PdfDocument.new()
    try:
        for frame, dpi in frames:
            _add_page(pdf, frame, dpi, path)
        pdf.save(target)
    finally:
        pdf.close()


def _add_page(pdf: Any, frame: Image, dpi: float, path: Path) -> None:
    import pypdfium2
    from PIL import ImageOps

    image = pypdfium2.PdfImage.new(pdf)
    upright = ImageOps.exif_transpose(frame)
    if frame.format == "JPEG" and frame.mode in ("L", "RGB") and upright.size == frame.size and not _is_turned(frame):
        image.load_jpeg(io.BytesIO(path.read_bytes()), inline=True)
    else:
        bitmap = pypdfium2.PdfBitmap.from_pil(upright.convert("L" if upright.mode in ("1", "L", "I;16") else "RGB"))
        image.set_bitmap(bitmap)
        bitmap.close()
    width, height = (side * 72 / dpi for side in upright.size)
    page = pdf.new_page(width, height)
    image.set_matrix(pypdfium2.PdfMatrix().scale(width, height))
    page.insert_obj(image)
    page.gen_content()
    page.close()


def _is_turned(frame: Image) -> bool:
    return frame.getexif().get(0x0112, 1) != 1  # EXIF orientation
