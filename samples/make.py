"""Make the sample papers from their sources: `python samples/make.py`.

The PDFs are committed, so nobody needs typst to run the demo or the tests. SHA256SUMS holds the hashes of the sources and
of what was made from them: a changed source whose PDF was not made again fails tests/test_samples.py.
"""

from __future__ import annotations

import hashlib
import io
import random
import time
from pathlib import Path

SAMPLES = Path(__file__).resolve().parent
PAPERS = ("perovskite-ageing", "mouse-kinetics", "forecast-errors")
SCAN = "scanned-report"
SCAN_DPI = 120
SCAN_DATE = time.gmtime(69_379_200)  #: 14 March 1972, so that the bytes do not change from day to day


def set_paper(name: str) -> bytes:
    """The PDF of one source. Only the fonts inside typst are used, so that it looks the same everywhere."""
    import typst

    source = SAMPLES / "sources" / f"{name}.typ"
    return typst.compile(str(source), format="pdf", ignore_system_fonts=True, font_paths=[], timestamp=1_767_225_600)


def scan_paper(pdf: bytes) -> bytes:
    """The same pages as a flatbed scanner would give them: grey, askew, noisy JPEG, no text layer."""
    import pypdfium2

    noise = random.Random(1972)
    with pypdfium2.PdfDocument(pdf) as document:
        sheets = [_scan_page(page.render(scale=SCAN_DPI / 72).to_pil().convert("L"), noise) for page in document]
    out = io.BytesIO()
    sheets[0].save(
        out, "PDF", save_all=True, append_images=sheets[1:], resolution=SCAN_DPI, quality=38,
        title="", creationDate=SCAN_DATE, modDate=SCAN_DATE,
    )  # fmt: skip
    return out.getvalue()


def _scan_page(sheet, noise: random.Random):
    from PIL import Image, ImageChops, ImageFilter

    askew = sheet.rotate(noise.uniform(-0.9, 0.9), resample=Image.Resampling.BICUBIC, fillcolor=250)
    grain = Image.frombytes("L", sheet.size, noise.randbytes(sheet.width * sheet.height)).filter(ImageFilter.GaussianBlur(0.8))
    shade = Image.linear_gradient("L").resize(sheet.size).point(lambda level: 236 + level // 16)
    paper = ImageChops.multiply(askew.filter(ImageFilter.GaussianBlur(0.5)), shade)
    return ImageChops.add(paper, grain.point(lambda level: level // 5), offset=-26)


def write_sums() -> None:
    """The hashes of the sources and the PDFs, as `sha256sum --check` reads them."""
    files = sorted([*SAMPLES.glob("sources/*"), *SAMPLES.glob("*.pdf")])
    lines = [f"{hashlib.sha256(file.read_bytes()).hexdigest()}  {file.relative_to(SAMPLES).as_posix()}\n" for file in files]
    (SAMPLES / "SHA256SUMS").write_text("".join(lines), encoding="utf-8")


def main() -> None:
    for name in PAPERS:
        (SAMPLES / f"{name}.pdf").write_bytes(set_paper(name))
    (SAMPLES / f"{SCAN}.pdf").write_bytes(scan_paper(set_paper(SCAN)))
    write_sums()
    print(f"Made {len(PAPERS) + 1} sample papers in {SAMPLES}.")


if __name__ == "__main__":
    main()
