"""When does reading chunks cost a tenth to a fifth of reading every page as an image? What is counted is counted here on converted
papers; what nobody has measured is an argument, and every row of the table says what it assumes.

    python bench/energy_claim.py --library LIBRARY [--prompt prompts/measurements.yaml] [--written 60] [--dear 5]

A token costs in proportion to the parameters that it passes through; one that is written costs `--dear` times one that is read (in
operations it is 1; in joules it is more, by how much is for `reread models calibrate` to say). Both ways write the same answers.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from extract.energy import CHARS_PER_TOKEN, PAGE_SCALE
from extract.prompts.files import load_prompt
from extract.prompts.messages import render
from extract.units import make_units
from portfolio import SHIPPED
from records import ChunkKind, Prompt
from settings import ModelSettings
from store.embedding import SHIPPED_MODEL
from store.library import Library, open_library

EYES = ModelSettings(**SHIPPED["qwen-vl-8b"])


@dataclass(slots=True, kw_only=True)
class Page:
    """What stands on a mean page."""

    papers: int
    pages: int
    chunks: float  #: without reference lists
    text_tokens: float  #: of these chunks as a model is told them, instructions left out: those are cached
    whole: float  #: tokens of the page as an image at 144 dpi
    capped: float  #: the same, scaled down to the pixels that the model takes by default
    crop: float  #: tokens of one figure, cut out at 144 dpi


def measured(library: Library, prompt: Prompt) -> Page:
    """Counted over every paper that has pages."""
    n_papers = n_pages = n_chunks = n_figures = 0
    chars = whole = capped = crops = 0.0
    for document in library.documents():
        conversion = library.conversions(document.id)[0]
        if not conversion.pages:
            continue
        n_papers, n_pages = n_papers + 1, n_pages + len(conversion.pages)
        chunks, _ = library.chunks([document.id])[document.id]
        told = [chunk for chunk in chunks if chunk.kind is not ChunkKind.REFERENCES]
        n_chunks += len(told)
        chars += sum(len(render(prompt, unit, document)[1]) for unit in make_units(told, None, prompt.unit))
        for page in conversion.pages:
            pixels = page.width * page.height * PAGE_SCALE**2
            whole, capped = whole + pixels, capped + min(pixels, EYES.max_pixels)
        for figure in conversion.figures:
            if figure.kind == "figure" and figure.box:
                box = figure.box
                n_figures += 1
                crops += min((box.right - box.left) * (box.top - box.bottom) * PAGE_SCALE**2, EYES.max_pixels)
    each = EYES.pixels_per_token
    return Page(
        papers=n_papers,
        pages=n_pages,
        chunks=n_chunks / n_pages,
        text_tokens=chars / CHARS_PER_TOKEN / n_pages,
        whole=whole / each / n_pages,
        capped=capped / each / n_pages,
        crop=crops / each / n_figures,
    )


def saving(page: Page, *, text_b: float, vision: float, skipped: float, written: float, dear: float, image: float) -> float:
    """The share of the cost of whole pages that is saved; `vision` and `skipped` are shares of the chunks."""
    eyes_b = EYES.parameters_b or 0.0
    answers = dear * written
    text = text_b * (1 - vision - skipped) * (page.text_tokens + answers)
    pictures = eyes_b * vision * (page.chunks * page.crop + page.text_tokens + answers)
    return 1 - (text + pictures) / (eyes_b * (image + answers))


def rows(page: Page, written: float, dear: float) -> Iterator[str]:
    images = {"as many pixels as the model takes by default": page.capped, "144 dpi": page.whole}
    for size, image in images.items():
        yield f"\nagainst whole pages at {size} ({image:,.0f} tokens)"
        yield "  vision   skipped   text 4B   text 2B"
        for vision in (0.20, 0.10, 0.05, 0.02):
            for skipped in (0.0, 0.5):
                shares = [
                    saving(page, text_b=b, vision=vision, skipped=skipped, written=written, dear=dear, image=image)
                    for b in (4.0, 2.0)
                ]
                yield f"  {vision:>6.0%} {skipped:>9.0%}" + "".join(f"{share:>10.0%}" for share in shares)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--library", type=Path, required=True)
    parser.add_argument("--prompt", type=Path, default=Path("prompts/measurements.yaml"))
    parser.add_argument("--written", type=float, default=60.0, help="tokens of the answers of one page")
    parser.add_argument("--dear", type=float, default=5.0, help="what a written token costs, in tokens read")
    given = parser.parse_args()
    page = measured(open_library(given.library, embedding=SHIPPED_MODEL), load_prompt(given.prompt))
    print(f"{page.papers} papers, {page.pages} pages; of a page: {page.chunks:.2f} chunks, {page.text_tokens:,.0f} tokens of text, "
          f"{page.capped:,.0f} or {page.whole:,.0f} tokens as an image; a figure: {page.crop:,.0f} tokens")  # fmt: skip
    for row in rows(page, given.written, given.dear):
        print(row)


if __name__ == "__main__":
    main()
