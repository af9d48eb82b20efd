"""A small prompt, units and a reader of the fake endpoint, for the tests of the endpoint reader."""

from collections.abc import Generator, Sequence

from extract.devserver.server import DevServer
from extract.models.reader import ModelReader, open_model_reader
from extract.panel import Panel
from extract.units import make_units
from records import Box, Chunk, ChunkKind, Features, Place, Prompt, Reading, Route, Unit, UnitKind, content_id
from settings import ModelSettings, RoutingSettings

SCHEMA = {
    "type": "object",
    "additionalProperties": False,
    "required": ["value", "quote"],
    "properties": {
        "value": {"type": "number", "x-kind": "number"},
        "quote": {"type": "string", "maxLength": 80, "x-kind": "quote"},
    },
}
GOOD = '{"value": 2.3, "quote": "the half-life was 2.3 h"}'
RECORD = {"value": 2.3, "quote": "the half-life was 2.3 h"}
FEATURES = Features(
    n_words=9, n_numbers=1, figure_share=0, table_share=0, formula_share=0, has_caption=False, text_confidence=1
)


def make_prompt(**options) -> Prompt:
    return Prompt(
        name="half.life",
        hash="p",
        unit=UnitKind.CHUNK,
        system="Find the half-life.",
        template="What is it?",
        schema=SCHEMA,
        kinds=frozenset({ChunkKind.TEXT}),
        model=None,
        options=options,
    )


def make_chunk(i: int, text: str) -> Chunk:
    box = Box(left=0, bottom=0, right=100, top=20)
    return Chunk(
        id=content_id("chunk", i, text),
        doc_id="d",
        conversion_id="c",
        ordinal=i,
        kind=ChunkKind.TEXT,
        headings=("Results",),
        text=text,
        places=(Place(start=0, end=len(text), page=4, box=box),),
        holds=(),
        cites=(),
        features=FEATURES,
    )


def some_units(n: int, text: str = "In mouse plasma the half-life was 2.3 h, sample {i}.") -> list[Unit]:
    return make_units([make_chunk(i, text.format(i=i)) for i in range(n)], None, UnitKind.CHUNK)


def reader_of(server: DevServer | str, **settings) -> ModelReader:
    url = server if isinstance(server, str) else server.base_url
    given = {"base_url": url, "model": "text", "timeout_s": 5, "attempts": 3, "concurrency": 4, **settings}
    return open_model_reader("small", ModelSettings(**given))


def read(server: DevServer | str, n: int = 1, *, prompt: Prompt | None = None, **settings) -> list[Reading]:
    return list(stream(reader_of(server, **settings), some_units(n), prompt))


def stream(reader: ModelReader, units: Sequence[Unit], prompt: Prompt | None = None) -> Generator[Reading, None, None]:
    """The readings of these units, as they come."""
    route = Route(lane=reader.lane, reason="")
    return Panel([reader], RoutingSettings()).read(prompt or make_prompt(), ((unit, route) for unit in units))
