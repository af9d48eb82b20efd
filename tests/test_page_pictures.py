"""Pages as pictures, rendered where a hostile paper can harm nothing."""

import io

import pytest
from PIL import Image
from processes import ROOT

from errors import ConversionFailed, TimedOut
from ingest.page_pictures import render_pages

PAPER = ROOT / "samples" / "mouse-kinetics.pdf"


def test_pages_come_as_pictures_in_the_order_that_was_asked_for():
    first, second = render_pages(PAPER.read_bytes(), [2, 1], name="mouse-kinetics.pdf")

    sizes = [Image.open(io.BytesIO(png)).size for png in (first, second)]
    assert first != second and all(1200 < width < 1300 and 1600 < height < 1800 for width, height in sizes)


@pytest.mark.parametrize(("pdf", "pages"), [(b"%PDF-1.7 nothing", [1]), (PAPER.read_bytes(), [99]), (b"", [1])])
def test_a_page_that_cannot_be_rendered_is_named(pdf, pages):
    with pytest.raises(ConversionFailed, match=r"Pages \d+ of 'bad.pdf' could not be rendered: .+ figures"):
        render_pages(pdf, pages, name="bad.pdf")


def test_a_page_that_takes_too_long_is_given_up():
    with pytest.raises(TimedOut, match=r"within 0.01 s"):
        render_pages(PAPER.read_bytes(), [1], name="slow.pdf", timeout_s=0.01)
