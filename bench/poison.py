"""A converter that does to its process what its document says: the opener of the fault tests' real converter children.

The second line of a paper may be `poison: NAME`, with NAME one of the behaviours of tests/misbehaving.py. The process dies of it as
it would of a native parser's fault, and what the worker sees is what the real ConverterChild makes of that.
"""

from __future__ import annotations

from pathlib import Path

import misbehaving

MARK = b"poison: "


def behaviour_of(path: Path) -> str:
    """What this document does; '' for one that does nothing."""
    with path.open("rb") as file:
        lines = file.read(200).splitlines()
    return lines[1].removeprefix(MARK).decode() if len(lines) > 1 and lines[1].startswith(MARK) else ""


def open_converter(name: str, **_: object):
    return convert


def convert(path: Path, on_page=None, *, name=None):
    if behaviour := behaviour_of(path):
        getattr(misbehaving, behaviour)()
    return misbehaving.convert(path, on_page, name=name)
