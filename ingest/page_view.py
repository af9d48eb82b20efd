"""A page for a person to look at: its picture, and its words with their places.

Nothing of this is stored. Who looks asks once in a while, so the original is read again, in a child of its own that gives up the
same as the converter's (isolation.py) and lives for one question: `python -m ingest.page_view`, the PDF on stdin.
"""

from __future__ import annotations

import base64
import io
import os
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ValidationError

from errors import ConversionFailed
from ingest.isolation import change_user, confine, unprivileged_uid
from records import Box, Place

#: Seconds for one question; a page takes 10 to 40 ms, and the start of the child half a second.
TIMEOUT_S = 60
MEMORY_MB = 2048
#: Bytes that are taken of an answer.
_LARGEST = 256 << 20
_MOST_PAGES = 64


class WordSeen(BaseModel):
    text: str
    box: tuple[float, float, float, float]  #: left, bottom, right, top in PDF points


class PageView(BaseModel):
    """One page as it is seen: turned as it says, its origin at the bottom left."""

    page: int  #: from 1
    width: float  #: PDF points
    height: float
    words: list[WordSeen]
    png: str = ""  #: base64; '' where no picture was asked for

    @property
    def picture(self) -> bytes:
        return base64.b64decode(self.png)

    def text_and_places(self) -> tuple[str, tuple[Place, ...]]:
        """The words one after the other, and the place of each in that text."""
        text, places = "", []
        for word in self.words:
            text += " " if text else ""
            left, bottom, right, top = word.box
            box = Box(left=left, bottom=bottom, right=right, top=top)
            places.append(Place(start=len(text), end=len(text) + len(word.text), page=self.page, box=box))
            text += word.text
        return text, tuple(places)


class _Answer(BaseModel):
    pages: list[PageView]


def view_pages(pdf: bytes, pages: Sequence[int], *, dpi: float = 0.0) -> list[PageView]:
    """These pages of a PDF, by number from 1; with a picture of so many dots per inch where `dpi` is not 0.

    Raises ConversionFailed where the file or one of the pages cannot be read.
    """
    asked = [str(page) for page in list(pages)[:_MOST_PAGES]]
    with tempfile.TemporaryDirectory() as folder:
        uid = unprivileged_uid()
        if uid is not None:
            os.chown(folder, uid, uid)
        command = [sys.executable, "-P", "-m", "ingest.page_view", str(uid if uid is not None else -1), str(dpi), *asked]
        here = str(Path(__file__).parents[1])
        environment = {"PATH": os.environ.get("PATH", ""), "PYTHONPATH": here, "TMPDIR": folder, "LANG": "C.UTF-8"}
        try:
            done = subprocess.run(
                command, input=pdf, capture_output=True, timeout=TIMEOUT_S, cwd=folder, env=environment, check=False
            )
        except subprocess.TimeoutExpired as error:
            raise _unseen(pages, f"it took longer than {TIMEOUT_S} s") from error
    if done.returncode != 0 or len(done.stdout) > _LARGEST:
        last = done.stderr.decode(errors="replace").strip().splitlines()[-1:] or [f"exit {done.returncode}"]
        raise _unseen(pages, last[0][:200])
    try:
        return _Answer.model_validate_json(done.stdout).pages
    except ValidationError as error:
        raise _unseen(pages, "its answer was none") from error


def _unseen(pages: Sequence[int], why: str) -> ConversionFailed:
    return ConversionFailed(
        f"The pages {', '.join(map(str, pages))} could not be shown: {why}. Nothing that is stored has changed. "
        "Check that the original opens in a viewer."
    )


def main() -> None:
    """Read a PDF from stdin and answer with its pages, confined."""
    import resource

    uid, dpi, pages = int(sys.argv[1]), float(sys.argv[2]), [int(page) for page in sys.argv[3:]]
    answers = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # native libraries print to stdout
    isolation = confine(Path.cwd())
    resource.setrlimit(resource.RLIMIT_DATA, (MEMORY_MB << 20, MEMORY_MB << 20))
    resource.setrlimit(resource.RLIMIT_CPU, (TIMEOUT_S, TIMEOUT_S))
    import PIL.PngImagePlugin  # noqa: F401 - before the user is given up, who may not read Python's folder
    import pypdfium2

    from ingest.layout.pdfium import open_pdfium_reader

    change_user(isolation, uid if uid >= 0 else None)
    path = Path("paper.pdf")
    path.write_bytes(sys.stdin.buffer.read())
    read = open_pdfium_reader(path)
    document = pypdfium2.PdfDocument(path)
    answer = _Answer(pages=[_view(page, read(page), document, dpi) for page in pages])
    answers.write(answer.model_dump_json().encode())
    answers.close()


def _view(number: int, signals: Any, document: Any, dpi: float) -> PageView:
    words = [WordSeen(text=word.text, box=_rounded(word.rect)) for word in signals.words]
    return PageView(
        page=number, width=signals.width, height=signals.height, words=words, png=_png(document[number - 1], dpi) if dpi else ""
    )


def _rounded(rect: Any) -> tuple[float, float, float, float]:
    return round(rect.left, 1), round(rect.bottom, 1), round(rect.right, 1), round(rect.top, 1)


def _png(page: Any, dpi: float) -> str:
    buffer = io.BytesIO()
    page.render(scale=dpi / 72).to_pil().convert("RGB").save(buffer, format="PNG")
    return base64.b64encode(buffer.getvalue()).decode()


if __name__ == "__main__":
    main()
