"""A quote drawn on its page: the printed lines of it, found in the original again."""

from __future__ import annotations

import io

import pytest
from made_units import box, chunk
from PIL import Image

from errors import ConversionFailed
from extract.evidence.lines import printed_lines
from ingest.page_view import PageView, WordSeen, view_pages
from records import Box, ChunkKind, Place


def page_of(*lines: str, left: float = 72, top: float = 700) -> PageView:
    """A page with these lines, 10 points a word and 14 a line."""
    words = [
        WordSeen(text=word, box=(left + 40 * i, top - 14 * n - 10, left + 40 * i + 36, top - 14 * n))
        for n, line in enumerate(lines)
        for i, word in enumerate(line.split())
    ]
    return PageView(page=3, width=595, height=842, words=words)


def lines_of(quote: str, text: str, page: PageView, within: Box) -> list[tuple[float, float, float, float]]:
    one = chunk(text, places=(Place(start=0, end=len(text), page=3, box=within),))
    start = text.index(quote)
    found = printed_lines(one, (start, start + len(quote)), {3: page.text_and_places()})
    return [(place.box.left, place.box.bottom, place.box.right, place.box.top) for place in found]


PARAGRAPH = Box(left=72, bottom=640, right=300, top=700)


def test_a_quote_over_two_lines_has_a_box_for_each():
    page = page_of("The half life was", "2.3 h in plasma", "of the mouse.")

    found = lines_of("was 2.3 h", "The half life was 2.3 h in plasma of the mouse.", page, PARAGRAPH)

    assert found == [(192, 690, 228, 700), (72, 676, 148, 686)]


def test_a_word_that_the_line_broke_and_a_raised_citation_do_not_hide_the_lines():
    page = page_of("The gap of nano-", "particles 12 was wide.")

    found = lines_of("gap of nanoparticles[12] was wide", "The gap of nanoparticles[12] was wide.", page, PARAGRAPH)

    assert [(left, right) for left, _, right, _ in found] == [(112, 228), (72, 228)]


def test_the_same_words_elsewhere_on_the_page_are_not_taken():
    page = page_of("was 2.3 h", "and", "was 2.3 h")
    low = Box(left=72, bottom=660, right=300, top=673)

    assert lines_of("was 2.3 h", "was 2.3 h", page, low) == [(72, 662, 188, 672)]


def test_where_the_page_does_not_print_the_words_the_stored_box_stands():
    assert lines_of("was 2.3 h", "was 2.3 h", page_of("Scanned"), PARAGRAPH) == [(72, 640, 300, 700)]
    one = chunk("was 2.3 h", places=(Place(start=0, end=9, page=9, box=box(80)),))
    assert [place.box for place in printed_lines(one, (0, 9), {})] == [box(80)]


def test_a_real_quote_is_drawn_line_by_line(sample_library):
    text_chunks = [
        (document, one)
        for document in sample_library.documents()
        for one in sample_library.chunks([document.id])[document.id][0]
        if one.kind is ChunkKind.TEXT and len(one.text.split()) > 60 and "scan" not in document.name
    ]
    assert text_chunks
    narrower = 0
    for document, one in text_chunks[:6]:
        start = one.text.index(" ", 40) + 1
        span = (start, one.text.index(" ", start + 30))
        places = one.places_of(span)
        view = view_pages(sample_library.blobs.get(document.id), sorted({place.page for place in places}))
        found = printed_lines(one, span, {v.page: v.text_and_places() for v in view})
        lefts, rights = [place.box.left for place in places], [place.box.right for place in places]
        assert all(line.box.left >= min(lefts) - 3 and line.box.right <= max(rights) + 3 for line in found)
        narrower += all(line.box.top - line.box.bottom < 20 for line in found)
    assert narrower >= 0.8 * len(text_chunks[:6])


def test_a_page_is_seen_with_its_picture(samples):
    pdf = sorted(samples.glob("*.pdf"))[0].read_bytes()

    (plain,) = view_pages(pdf, [1])
    (view,) = view_pages(pdf, [1], dpi=36)

    assert plain.png == ""
    assert view.words == plain.words
    assert Image.open(io.BytesIO(view.picture)).size == pytest.approx((view.width / 2, view.height / 2), abs=1)


@pytest.mark.parametrize("page", [0, 99])
def test_a_page_that_is_not_there_is_named(samples, page):
    with pytest.raises(ConversionFailed, match=f"pages {page} could not be shown"):
        view_pages(sorted(samples.glob("*.pdf"))[0].read_bytes(), [page])


def test_what_is_no_pdf_is_an_error_and_nothing_else():
    with pytest.raises(ConversionFailed, match="could not be shown"):
        view_pages(b"%PDF-1.7 and then nothing", [1])
