"""What the vision lane is sent of a unit, what it costs, and where its values stand."""

import io
import threading
from dataclasses import replace

import pytest
from made_figures import crop, figure, units_of
from makers import make_chunk
from PIL import Image
from small_reader import make_prompt, stream

from extract.devserver import acts
from extract.devserver.acts import says
from extract.devserver.server import DevServer
from extract.models.images import image_to_send, scaled_size
from extract.models.reader import open_model_reader
from extract.models.seeing import Eyes
from records import ChunkKind, Lane, RouteMode
from settings import ModelSettings

CAPTION = "Figure 2: Yield against temperature."
CITING = "As Figure 2 shows, the yield fell above 60 °C."
READ = '{"value": 41.5, "quote": "the point at 60"}'


def png(width: int = 60, height: int = 40, colour: str = "white") -> bytes:
    buffer = io.BytesIO()
    Image.new("RGB", (width, height), colour).save(buffer, "PNG")
    return buffer.getvalue()


@pytest.fixture
def server():
    with DevServer() as running:
        running.otherwise = says(READ)
        yield running


def reader_of(server: DevServer, crops: dict[str, bytes] | None = None, pages: list[bytes] | None = None, **settings):
    given = {"base_url": server.base_url, "model": "text", "lane": "vision", "timeout_s": 5, "attempts": 2, **settings}
    eyes = Eyes(
        crop=lambda digest: (crops or {}).get(digest, png()), pages=lambda doc_id, wanted: (pages or [png()])[: len(wanted)]
    )
    return open_model_reader("eyes", ModelSettings(**given), eyes=eyes)


def figure_units():
    citing = replace(make_chunk(CITING, ordinal=1, cites=("Figure 2",)))
    far = make_chunk("Nothing of it is said here.", ordinal=2)
    return [unit for unit in units_of(figure(CAPTION), citing, far) if unit.figures]


def vision_prompt(**more):
    return replace(make_prompt(), kinds=frozenset({ChunkKind.FIGURE}), route=RouteMode.VISION, **more)


def parts_of(asked):
    return asked.body["messages"][-1]["content"]


def test_the_crop_goes_with_its_caption_and_the_text_that_cites_it(server):
    (reading,) = stream(reader_of(server), figure_units(), vision_prompt())

    text, image = parts_of(server.requests[0])
    assert reading.is_ok and image["image_url"]["url"].startswith("data:image/png;base64,")
    assert CAPTION in text["text"] and CITING in text["text"] and "Nothing of it" not in text["text"]
    assert (reading.usage.images, reading.usage.pixels) == (1, 60 * 40)


def test_instructions_and_schema_are_the_same_as_in_the_text_lane(server):
    list(stream(reader_of(server), figure_units(), vision_prompt()))

    assert server.requests[0].body["messages"][0]["content"].startswith("Find the half-life.")


def test_a_value_that_no_text_says_stands_in_the_picture(server):
    (reading,) = stream(reader_of(server), figure_units(), vision_prompt())

    (evidence,) = reading.evidence
    assert (evidence.found_by, evidence.span, evidence.page) == ("region", None, 3)
    assert evidence.box == figure_units()[0].figures[0].crop.box


def test_a_value_that_the_caption_says_stands_there(server):
    server.otherwise = says('{"value": 60, "quote": "the yield fell above 60 °C"}')

    (reading,) = stream(reader_of(server), figure_units(), vision_prompt())

    assert reading.evidence[0].span is not None and reading.evidence[0].found_by != "region"


def test_a_large_picture_is_scaled_down_and_counted_as_sent(server):
    (reading,) = stream(
        reader_of(server, {"png of #/pictures/0": png(400, 200)}, max_pixels=20_000), figure_units(), vision_prompt()
    )

    assert reading.usage.pixels == 200 * 100
    assert scaled_size(400, 200, 20_000) == (200, 100) and scaled_size(40, 20, 20_000) == (40, 20)


def test_the_same_picture_is_read_once(server):
    first, second = (
        figure(CAPTION),
        figure("Figure 9: The same again.", ordinal=5, holds=("#/pictures/1",), cites=("Figure 9",)),
    )
    units = [
        *units_of(first, crops=(crop("#/pictures/0", png="same"),)),
        *units_of(second, crops=(crop("#/pictures/1", png="same", page=7),)),
    ]

    readings = list(stream(reader_of(server), units, vision_prompt()))

    assert len(server.requests) == 1
    assert [reading.record["value"] for reading in readings] == [41.5, 41.5]
    assert readings[1].usage.images == 0 and readings[1].evidence[0].chunk_id == second.id


def test_whole_pages_are_sent_where_the_prompt_says_so(server):
    pages = [png(100, 140)]

    (reading,) = stream(reader_of(server, pages=pages), figure_units(), vision_prompt(sees="pages"))

    assert reading.usage.pixels == 100 * 140


def test_a_picture_that_cannot_be_opened_fails_its_unit_by_name_and_sends_nothing(server):
    (reading,) = stream(reader_of(server, {"png of #/pictures/0": b"not a picture"}), figure_units(), vision_prompt())

    assert reading.error_code == "reading_failed" and "cannot be opened" in reading.error
    assert server.requests == []


def test_a_unit_without_a_picture_is_named(server):
    units = units_of(make_chunk("No picture here."))

    (reading,) = stream(reader_of(server), units, vision_prompt())

    assert reading.error_code == "reading_failed" and "holds no picture" in reading.error


def test_how_much_it_sees_is_part_of_what_a_model_reads():
    with DevServer() as server:
        small, large = reader_of(server, max_pixels=10_000), reader_of(server, max_pixels=20_000)

    assert small.key != large.key and small.lane is Lane.VISION
    assert threading.active_count() < 20


def test_what_is_sent_is_a_picture_of_that_size():
    sent = image_to_send(png(300, 100), max_pixels=3_000)

    assert (sent.width, sent.height, sent.pixels) == (94, 31, 94 * 31)


def test_pictures_are_not_opened_before_their_turn_comes(server):
    server.otherwise = acts.ok(lambda _: {"value": 1, "quote": "q"}, after_s=0.05)
    opened = []

    def crop_of(digest: str) -> bytes:
        opened.append((digest, len(server.requests)))
        return png(colour=f"#{len(opened):06x}")

    units = [
        unit
        for n in range(60)
        for unit in units_of(figure(CAPTION, ordinal=n, holds=(f"#/pictures/{n}",)), crops=(crop(f"#/pictures/{n}"),))
    ]
    model = ModelSettings(base_url=server.base_url, model="text", lane="vision", timeout_s=5, concurrency=2)
    reader = open_model_reader("eyes", model, eyes=Eyes(crop=crop_of, pages=lambda *_: []))

    readings = list(stream(reader, units, vision_prompt()))

    assert all(reading.is_ok for reading in readings)
    assert max(n - asked for n, (_, asked) in enumerate(opened)) < 20
