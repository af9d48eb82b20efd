"""The pictures of a unit: which chunk holds one, what is ornament, what goes with it."""

from __future__ import annotations

import pytest
from made_figures import CONVERSION, box, crop, figure, formula, placed, units_of
from makers import make_chunk

from extract.routing.figures import label_of, unit_figures
from records import ChunkKind


def held(*chunks, crops):
    return unit_figures(chunks, {CONVERSION: crops})


def test_a_unit_holds_the_picture_of_its_chunk_and_the_text_that_cites_it():
    caption = figure(ordinal=1)
    before = make_chunk("As Figure 2 shows, the yield rises.", ordinal=0, cites=("Figure 2",))
    other = make_chunk("Figure 3 shows the spectra.", ordinal=2, cites=("Figure 3",))

    (_, unit, _) = units_of(before, caption, other)

    (seen,) = unit.figures
    assert (seen.crop.ref, seen.chunk_id, seen.citing) == ("#/pictures/0", caption.id, (before,))


def test_of_many_that_cite_it_the_nearest_three_come_in_reading_order():
    citing = [make_chunk(f"See Figure 2, {i}.", ordinal=i, cites=("Figure 2",)) for i in (0, 4, 6, 9)]
    (seen,) = held(*citing, figure(ordinal=5), crops=(crop(),))[figure(ordinal=5).id]

    assert [chunk.ordinal for chunk in seen.citing] == [4, 6, 9]


def test_the_reference_list_does_not_cite_a_figure():
    entry = make_chunk("Smith. Figure 2 revisited. 2001.", ordinal=1, kind=ChunkKind.REFERENCES, cites=("Figure 2",))
    (seen,) = held(figure(), entry, crops=(crop(),))[figure().id]

    assert seen.citing == ()


def test_a_long_caption_has_its_picture_once_and_its_further_pieces_go_with_it():
    first = figure("Figure 2: The yield", ordinal=0)
    rest = figure("Figure 2: Error bars are standard deviations of three runs each.", ordinal=1)
    ticks = figure("0\n10\n20\n30", ordinal=2, cites=())

    found = held(first, rest, ticks, crops=(crop(),))

    assert list(found) == [first.id]
    assert found[first.id][0].citing == (rest,)


def test_the_same_picture_twice_in_a_paper_is_one():
    chunks = (figure(ordinal=0), figure(ordinal=1, holds=("#/pictures/1",)))
    crops = (crop(png="same"), crop("#/pictures/1", page=5, png="same"))

    assert list(held(*chunks, crops=crops)) == [chunks[0].id]


def test_a_picture_inside_another_is_a_part_of_it():
    panel, whole = crop(at=box(width=100)), crop("#/pictures/1", at=box())
    chunks = (figure("", ordinal=0), figure(ordinal=1, holds=("#/pictures/1",)))

    assert list(held(*chunks, crops=(panel, whole))) == [chunks[1].id]


@pytest.mark.parametrize(
    ("page", "at", "is_there"),
    [
        (1, box(width=134, height=54), False),  # a button or a logo on the first page
        (1, box(width=344, height=141), True),  # a graphical abstract
        (4, box(width=134, height=54), True),  # a small drawing in the text
        (4, box(width=200, height=12), False),  # a rule
    ],
)
def test_ornament_is_no_picture(page, at, is_there):
    lone = figure("", page=page)

    assert bool(held(lone, crops=(crop(page=page, at=at),))) is is_there


def test_what_has_a_caption_is_no_ornament():
    assert held(figure(page=1), crops=(crop(page=1, at=box(width=60, height=50)),))


def test_a_caption_without_its_picture_gets_the_one_without_a_caption_on_its_page():
    picture = figure("", ordinal=0)
    caption = figure(ordinal=1, holds=())
    elsewhere = figure("Figure 3: Elsewhere.", ordinal=2, page=4, holds=(), cites=("Figure 3",))

    assert list(held(picture, caption, elsewhere, crops=(crop(),))) == [caption.id]


def test_panels_without_a_caption_come_with_the_captions_of_their_page():
    caption, panel = figure(ordinal=0), figure("", ordinal=1, holds=("#/pictures/1",))
    crops = (crop(), crop("#/pictures/1", at=box(bottom=100)))

    (seen,) = held(caption, panel, crops=crops)[panel.id]
    assert seen.citing == (caption,)


def test_a_formula_is_found_by_its_place():
    at = box(bottom=600, height=30)
    text = placed(make_chunk("The energy is", ordinal=0), 3, box(bottom=640, height=12))
    display = formula("E = mc²", at, ordinal=1)

    assert list(held(text, display, crops=(crop("#/texts/7", at=at),))) == [display.id]


def test_pictures_of_one_paper_never_go_to_another():
    other = make_chunk("", ordinal=0, conversion_id="other", kind=ChunkKind.FIGURE, holds=("#/pictures/0",))

    assert list(held(figure(), other, crops=(crop(),))) == [figure().id]


@pytest.mark.parametrize(
    ("text", "cites", "label"),
    [
        ("Fig. 2 | Yield.", ("Figure 2", "Figure 1"), "Figure 2"),
        ("Extended Data Fig. 3: More.", ("Extended Data Figure 3",), "Extended Data Figure 3"),
        ("Yield, compare Figure 1.", ("Figure 1",), None),
        ("Figure: without a number [1].", ("Reference 1",), None),
    ],
)
def test_a_chunk_is_called_what_its_caption_begins_with(text, cites, label):
    assert label_of(figure(text, cites=cites)) == label
