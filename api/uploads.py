"""A multipart body read while it comes: files to the disk, small fields to memory, limits on everything that can be many or long.

Starlette's own form parser would keep every file in a temporary one and look at nothing until all have come. Here the parser's
events become steps that a thread takes a megabyte at a time, so the event loop never waits for a disk, and a small upload costs
one visit to a thread, which it shares with its submission.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial

from anyio import to_thread
from fastapi import HTTPException, Request
from python_multipart.exceptions import FormParserError
from python_multipart.multipart import MultipartParser, parse_options_header

from submitting import Reception

MAX_FILES = 1000
MAX_FIELDS = 100
MAX_FIELD_BYTES = 8 << 10
MAX_PART_HEADERS = 8
MAX_PART_HEADER_BYTES = 8 << 10  #: a file name may be 4 KB long before it is cut
#: What is buffered of a file before it goes to the disk.
STEP_BYTES = 1 << 20
#: What may be around the files: boundaries, headers and fields. Part of the limit on a request's bytes.
MULTIPART_BYTES = 4 << 20

#: What a multipart upload can be refused with besides what any request can.
REFUSALS = (408, 413, 415, 429)


@dataclass(slots=True)
class Form:
    """What came besides the files."""

    fields: dict[str, str] = field(default_factory=dict)
    steps: list[Callable[[], None]] = field(default_factory=list)  #: not taken yet; they wait for the disk

    def take_steps(self) -> None:
        """Bring to the disk what is buffered. In a thread."""
        steps, self.steps = self.steps, []
        for step in steps:
            step()


def is_multipart(request: Request) -> bool:
    return _content_type(request)[0] == "multipart/form-data"


def is_json(request: Request) -> bool:
    return _content_type(request)[0] == "application/json"


def _content_type(request: Request) -> tuple[str, dict[bytes, bytes]]:
    kind, options = parse_options_header(request.headers.get("content-type", ""))
    return kind.decode("latin-1").lower(), options


async def receive_form(request: Request, reception: Reception) -> Form:
    """Read the body: its files go to `reception`, the last of them only when `take_steps` is called. Raises HTTPException."""
    boundary = _content_type(request)[1].get(b"boundary")
    if not boundary:
        raise HTTPException(400, "The content type names no boundary. Nothing was kept.")
    parts = _Parts(reception)
    try:
        parser = MultipartParser(
            boundary,
            {
                "on_part_begin": parts.on_part_begin,
                "on_header_field": parts.on_header_field,
                "on_header_value": parts.on_header_value,
                "on_header_end": parts.on_header_end,
                "on_headers_finished": parts.on_headers_finished,
                "on_part_data": parts.on_part_data,
                "on_part_end": parts.on_part_end,
                "on_end": parts.on_end,
            },
            max_header_count=MAX_PART_HEADERS,
            max_header_size=MAX_PART_HEADER_BYTES,
        )
        async for chunk in request.stream():
            parser.write(chunk)
            if parts.n_buffered >= STEP_BYTES:
                parts.n_buffered = 0
                await to_thread.run_sync(parts.form.take_steps)
        parser.finalize()
    except FormParserError as error:
        raise HTTPException(400, f"The body is no multipart/form-data: {error}. Nothing was kept.") from error
    if not parts.is_whole:
        raise HTTPException(400, "The body ends before its last boundary. Nothing was kept.")
    return parts.form


class _Parts:
    """The parser's events as steps and fields."""

    def __init__(self, reception: Reception) -> None:
        self._reception, self.form = reception, Form()
        self.n_buffered, self.is_whole = 0, False
        self._n_files = self._n_fields = 0
        self._header_name = self._header_value = self._disposition = b""
        self._field: str | None = None
        self._value = bytearray()

    def on_part_begin(self) -> None:
        self._disposition, self._field, self._value = b"", None, bytearray()
        self._header_name = self._header_value = b""

    def on_header_field(self, data: bytes, start: int, end: int) -> None:
        self._header_name += data[start:end]

    def on_header_value(self, data: bytes, start: int, end: int) -> None:
        self._header_value += data[start:end]

    def on_header_end(self) -> None:
        if self._header_name.lower() == b"content-disposition":
            self._disposition = self._header_value
        self._header_name = self._header_value = b""

    def on_headers_finished(self) -> None:
        _, options = parse_options_header(self._disposition)
        if b"filename" in options:
            self._n_files += 1
            if self._n_files > MAX_FILES:
                raise HTTPException(413, f"The request has more than {MAX_FILES:,} files. Nothing of it was kept.")
            self.form.steps.append(partial(self._reception.begin, options[b"filename"].decode("utf-8", "replace")))
            return
        self._n_fields += 1
        if self._n_fields > MAX_FIELDS:
            raise HTTPException(413, f"The request has more than {MAX_FIELDS:,} fields. Nothing of it was kept.")
        self._field = options.get(b"name", b"").decode("utf-8", "replace")

    def on_part_data(self, data: bytes, start: int, end: int) -> None:
        if self._field is None:
            self.n_buffered += end - start
            self.form.steps.append(partial(self._reception.write, data[start:end]))
            return
        self._value += data[start:end]
        if len(self._value) > MAX_FIELD_BYTES:
            raise HTTPException(
                413, f"The field {self._field[:80]!r} is longer than {MAX_FIELD_BYTES:,} bytes. Nothing was kept."
            )

    def on_part_end(self) -> None:
        if self._field is None:
            self.form.steps.append(self._reception.end)
        else:
            self.form.fields[self._field] = self._value.decode("utf-8", "replace")

    def on_end(self) -> None:
        self.is_whole = True
