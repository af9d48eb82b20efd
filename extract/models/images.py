"""Pictures as a model is sent them: never larger than the model's settings allow, always as data URIs, never as addresses."""

from __future__ import annotations

import base64
import io
import math
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class SentImage:
    """One picture in a request."""

    uri: str  #: data:image/png;base64,...
    width: int
    height: int

    @property
    def pixels(self) -> int:
        return self.width * self.height


def scaled_size(width: int, height: int, max_pixels: int) -> tuple[int, int]:
    """The size of a picture of this size as it is sent: scaled down, sides in proportion, where it has too many pixels."""
    scale = min(1.0, math.sqrt(max_pixels / (width * height)))
    return max(1, int(width * scale)), max(1, int(height * scale))


def image_to_send(png: bytes, *, max_pixels: int) -> SentImage:
    """This PNG as it is sent. Raises OSError (Pillow's UnidentifiedImageError is one) where it is no picture."""
    from PIL import Image

    with Image.open(io.BytesIO(png)) as image:
        size = scaled_size(*image.size, max_pixels)
        if size != image.size:
            small = image.convert("RGB").resize(size, Image.Resampling.LANCZOS)
            buffer = io.BytesIO()
            small.save(buffer, "PNG")
            png = buffer.getvalue()
    return SentImage(uri=f"data:image/png;base64,{base64.b64encode(png).decode()}", width=size[0], height=size[1])
