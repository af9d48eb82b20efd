"""What refuses a PDF before Docling sees it, so that every converter refuses for the same reasons."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from errors import Damaged, Encrypted, TooLarge


@dataclass(frozen=True, slots=True, kw_only=True)
class Bounds:
    """How large a file and what is in it may be, beside the number of its pages."""

    max_bytes: int = 1 << 30  #: of the file; the intake refuses earlier, this is for whoever has none
    max_page_points: float = 14_400  #: longest side of a page; the largest that the PDF standard allows (200 inches)
    max_crop_pixels: int = 2_400  #: longest side of a figure's picture; a wider figure is cut at a lower resolution


def count_pages(path: Path, name: str, max_pages: int, bounds: Bounds | None = None) -> int:
    """The number of pages of a PDF that may be converted. Raises Encrypted, TooLarge, Damaged."""
    import pypdfium2

    bounds = bounds or Bounds()
    size = path.stat().st_size
    if size > bounds.max_bytes:
        raise TooLarge(
            f"{name} has {size / 1e6:,.1f} MB, {bounds.max_bytes / 1e6:,.1f} are allowed. Nothing was read. "
            "Split it, or raise max_file_mb."
        )
    # Some failures leave PDFium's last error as the file before left it, which may be a password: put a known one there first.
    with suppress(pypdfium2.PdfiumError):
        pypdfium2.PdfDocument(b"not a PDF")
    try:
        pdf = pypdfium2.PdfDocument(path)
    except pypdfium2.PdfiumError as error:
        raise _load_error(name, error) from error
    try:
        _check_pages(pdf, name, max_pages, bounds.max_page_points)
        return len(pdf)
    finally:
        pdf.close()


def _load_error(name: str, error: Exception) -> Encrypted | Damaged:
    if "password" in str(error).lower() or "security" in str(error).lower():
        return Encrypted(f"{name} needs a password. Nothing was read. Save it without a password, then add it again.")
    return Damaged(
        f"PDFium could not open {name}: {str(error).rstrip('.')}. Nothing was read. Fetch it again, or repair it (qpdf, for example)."
    )


def _check_pages(pdf: Any, name: str, max_pages: int, max_points: float) -> None:
    n_pages = len(pdf)
    if n_pages == 0:
        raise Damaged(f"{name} has no pages. Nothing was read. Fetch it again, or repair it (qpdf, for example).")
    if n_pages > max_pages:
        raise TooLarge(f"{name} has {n_pages} pages, {max_pages} are allowed. Nothing was read. Split it, or raise max_pages.")
    for index in range(n_pages):
        width, height = _page_size(pdf, index)
        if max(width, height) > max_points:
            raise TooLarge(
                f"Page {index + 1} of {name} is {width:.0f} x {height:.0f} points, {max_points:.0f} are allowed. "
                "Nothing was read. Print it to a normal page size, or raise max_page_points, then add it again."
            )


def _page_size(pdf: Any, index: int) -> tuple[float, float]:
    """Points; nothing for a page that PDFium cannot open, which is then missing from the result."""
    import pypdfium2

    try:
        return pdf.get_page_size(index)
    except pypdfium2.PdfiumError:
        return 0.0, 0.0
