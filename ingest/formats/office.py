"""A Word file made ready for Docling: runs that differ only in looks made one, raised figures as raised signs.

Docling cuts the spaces around each run whose type differs, so that '5 m' with a raised 2 becomes '5 m 2'. What a run says and
which style its paragraph has stay as they are.
"""

from __future__ import annotations

import zipfile
from io import BytesIO
from pathlib import Path
from typing import Any

from ingest.formats.jats import parse_safely
from ingest.formats.scripts import superscript

_W = "{http://schemas.openxmlformats.org/wordprocessingml/2006/main}"
_LOOKS = tuple(f"{_W}{name}" for name in ("i", "iCs", "b", "bCs", "u", "strike", "vertAlign", "em"))
_PARTS = ("word/document.xml", "word/footnotes.xml", "word/endnotes.xml")


def prepared_word(path: Path, name: str) -> bytes:
    """The file's bytes with its texts flattened. Its archive was checked before."""
    packed = BytesIO()
    with zipfile.ZipFile(path) as old, zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as new:
        for info in old.infolist():
            data = old.read(info)
            if info.filename in _PARTS:
                data = _flattened(data, f"{info.filename} in {name}")
            new.writestr(info.filename, data)
    return packed.getvalue()


def _flattened(data: bytes, name: str) -> bytes:
    from lxml import etree

    tree = parse_safely(data, name)
    for paragraph in tree.iter(f"{_W}p"):
        runs = [run for run in paragraph.iter(f"{_W}r") if run.find(f"{_W}t") is not None]
        for run in runs:
            _raise(run)
        if len({_looks(run) for run in runs}) > 1:  # a paragraph all in bold may be a heading
            for run in runs:
                for mark in [mark for mark in run.findall(f"{_W}rPr/*") if mark.tag in _LOOKS]:
                    mark.getparent().remove(mark)
    return etree.tostring(tree, encoding="UTF-8", xml_declaration=True, standalone=True)


def _raise(run: Any) -> None:
    aligned = run.find(f"{_W}rPr/{_W}vertAlign")
    if aligned is None or aligned.get(f"{_W}val") != "superscript":
        return
    for text in run.findall(f"{_W}t"):
        text.text = superscript(text.text or "")


def _looks(run: Any) -> tuple[str, ...]:
    return tuple(sorted(mark.tag for mark in run.findall(f"{_W}rPr/*") if mark.tag in _LOOKS))
