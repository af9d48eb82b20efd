"""One request as it came, and what is in it."""

from __future__ import annotations

import base64
import binascii
import io
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

_PAPER_TEXT = re.compile(r'<paper-text id="\w+">\n(.*?)\n</paper-text', re.DOTALL)
_IMAGE = re.compile(r"data:image/[\w.+-]+;base64,(.+)", re.DOTALL)


class NoImage(Exception):
    """What should be a picture is none that may be sent here."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """One request as it came."""

    path: str
    key: str | None  #: of the Authorization header
    body: dict[str, Any]
    at_s: float  #: time.monotonic()

    @property
    def user(self) -> str:
        """What the user said last."""
        return _text_of(self.body["messages"][-1]) if self.body.get("messages") else ""

    @property
    def text(self) -> str:
        """Every word of the request, in order: what a prefix cache compares."""
        return "\n".join(map(_text_of, self.body.get("messages") or []))

    @property
    def schema(self) -> dict[str, Any] | None:
        """The JSON schema that the answer is to fit; None where none was given."""
        asked = self.body.get("response_format") or {}
        return asked["json_schema"]["schema"] if asked.get("type") == "json_schema" else None

    @property
    def paper_text(self) -> str:
        """The first paragraph of the paper's text that is no heading."""
        found = _PAPER_TEXT.search(self.text)
        paragraphs = found.group(1).split("\n\n") if found else []
        return next((text for text in paragraphs if not text.startswith("# ")), "text")

    @property
    def images(self) -> tuple[bytes, ...]:
        """The pictures sent with it. Raises NoImage for an address: this server, like one that is well set up, fetches nothing."""
        return tuple(map(_decoded, _image_urls(self.body.get("messages") or [])))


def pixels_of(image: bytes) -> int:
    """Width times height. Raises NoImage where it is no picture."""
    from PIL import Image, UnidentifiedImageError

    try:
        with Image.open(io.BytesIO(image)) as picture:
            return picture.width * picture.height
    except (UnidentifiedImageError, OSError) as error:
        raise NoImage("cannot identify image file") from error


def _decoded(url: str) -> bytes:
    found = _IMAGE.fullmatch(url)
    if not found:
        raise NoImage("images are taken as data URIs only, data:image/png;base64,...")
    try:
        return base64.b64decode(found.group(1), validate=True)
    except binascii.Error as error:
        raise NoImage(f"the data URI is not base64: {error}") from error


def _image_urls(messages: list[dict[str, Any]]) -> Iterator[str]:
    for message in messages:
        for part in _parts(message):
            if part.get("type") == "image_url":
                yield part["image_url"]["url"]


def _text_of(message: dict[str, Any]) -> str:
    return "\n".join(part.get("text", "") for part in _parts(message) if part.get("type") == "text")


def _parts(message: dict[str, Any]) -> list[dict[str, Any]]:
    content = message.get("content")
    return content if isinstance(content, list) else [{"type": "text", "text": content or ""}]
