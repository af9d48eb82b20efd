"""A run's extractions as files that other tools read: JSON lines with everything, or a flat table as CSV or Parquet.

A flat table has one row per item of a record's lists (measurements, findings), and one for the fields that the record has of
its own; every row says where it was read: document, page, box, and the quote that supports it.
"""

from __future__ import annotations

import csv
import json
import re
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, TextIO

from errors import LibraryError
from records import WORST_FIRST, Document, Evidence, Extraction, as_json

FORMATS = ("jsonl", "csv", "parquet")

#: How a cell begins that a spreadsheet would run, the full-width signs of East Asian versions included.
_FORMULA = re.compile(r"[=@+\-\t\r\n＝＠＋－]")
#: A signed number, with its unit or error after it: nothing in it can call a function or another program.
_NUMBER = re.compile(r"[+-][\d.][^=+*|!(@]*")

#: The column that says which list of its record a row comes from.
LIST = "list"
_PLACE = (
    "doc_id", "doc_name", "title", "year", "doi", "chunk_id", "page", "box", "quote", "verdict", "method", "reason", "extraction_id",
)  # fmt: skip


def json_line(extraction: Extraction, documents: Mapping[str, Document]) -> dict[str, Any]:
    """Everything of one extraction, with its document's bibliography."""
    document = documents[extraction.doc_id]
    about = {"name": document.name, "title": document.title, "year": document.year, "doi": document.doi}
    return {**as_json(extraction), "document": about}


def write_jsonl(extractions: Iterable[Extraction], documents: Mapping[str, Document], out: TextIO) -> int:
    """One extraction a line; returns how many."""
    n = 0
    for extraction in extractions:
        out.write(json.dumps(json_line(extraction, documents), ensure_ascii=False) + "\n")
        n += 1
    return n


def write_csv(extractions: Iterable[Extraction], documents: Mapping[str, Document], out: TextIO) -> int:
    """The flat table as CSV; returns the number of rows."""
    rows = list(flat_rows(extractions, documents))
    writer = csv.DictWriter(out, fieldnames=_columns(rows), restval="")
    writer.writeheader()
    writer.writerows({name: _cell(value) for name, value in row.items()} for row in rows)
    return len(rows)


def write_parquet(extractions: Iterable[Extraction], documents: Mapping[str, Document], path: Path) -> int:
    """The flat table as Parquet; returns the number of rows. A column whose values are of several types is stored as text."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    rows = list(flat_rows(extractions, documents))
    columns: dict[str, Any] = {}
    for name in _columns(rows):
        values = [row.get(name) for row in rows]
        try:
            columns[name] = pa.array(values)
        except (pa.ArrowInvalid, pa.ArrowTypeError, OverflowError):
            columns[name] = pa.array([None if value is None else str(_cell(value)) for value in values])
    try:
        pq.write_table(pa.table(columns), path)
    except OSError as error:
        raise LibraryError(
            f"Could not write {path}: {error}. The library is unchanged. Name another file with --out."
        ) from error
    return len(rows)


def flat_rows(extractions: Iterable[Extraction], documents: Mapping[str, Document]) -> Iterator[dict[str, Any]]:
    """One row per item of a record and one for its own fields where it has any, each with where it was read."""
    for extraction in extractions:
        for place, item in _items(extraction.reading.record or {}):
            evidence = [found for found in extraction.reading.evidence if _belongs(found.field, place, item)]
            evidence, doubts = [e for e in evidence if not e.is_of_nothing], [e for e in evidence if e.is_of_nothing]
            if not evidence and (place or all(value is None for value in item.values())):
                continue  # nothing in the paper was shown for it
            # A prompt may ask for a year or a title too: those of the record are told from the document's.
            fields = {f"record.{name}" if name in (LIST, *_PLACE) else name: value for name, value in _flat(item).items()}
            in_list = {LIST: place.partition("[")[0] or None}
            yield {**in_list, **fields, **_place(extraction, documents[extraction.doc_id], evidence, doubts)}


def _items(record: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    """The record's own fields, then each object of its lists, with their paths."""
    lists = {
        name: value for name, value in record.items() if isinstance(value, list) and any(isinstance(x, dict) for x in value)
    }
    own = {name: value for name, value in record.items() if name not in lists and value != []}
    found = [("", own), *((f"{name}[{i}]", item) for name, items in lists.items() for i, item in enumerate(items))]
    return ((path, item) for path, item in found if isinstance(item, dict))


def _belongs(field: str, path: str, item: Mapping[str, Any]) -> bool:
    """True where evidence for this field is evidence for the item at this path."""
    if not path:
        return field.partition(".")[0].partition("[")[0] in item
    return field == path or field.startswith((path + ".", path + "["))


def _flat(item: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    flat: dict[str, Any] = {}
    for name, value in item.items():
        if isinstance(value, Mapping):
            flat.update(_flat(value, f"{prefix}{name}."))
        elif f"{prefix}{name}" != "quote":  # the evidence has it, as it stands in the paper
            flat[f"{prefix}{name}"] = value
    return flat


def _place(extraction: Extraction, document: Document, evidence: list[Evidence], doubts: list[Evidence]) -> dict[str, Any]:
    """Where a row stands and what its checks say; `doubts` are of fields that it leaves empty, and refute nothing."""
    first = next((e for e in evidence if e.span is not None), evidence[0] if evidence else None)
    worst = min(evidence, key=lambda e: WORST_FIRST.index(e.verdict), default=None)
    box = first.box if first else None
    values: tuple[Any, ...] = (
        document.id,
        document.name,
        document.title,
        document.year,
        document.doi,
        first.chunk_id if first else None,
        first.page if first else None,
        [round(side, 1) for side in (box.left, box.bottom, box.right, box.top)] if box else None,
        first.quote if first else None,
        worst.verdict.value if worst else None,
        worst.method if worst else None,
        "; ".join(f"{e.field.rpartition('.')[2]}: {e.reason}" for e in ([worst] if worst else []) + doubts if e.reason) or None,
        extraction.id,
    )
    return dict(zip(_PLACE, values, strict=True))


def _columns(rows: list[dict[str, Any]]) -> list[str]:
    names = dict.fromkeys(name for row in rows for name in row)
    return [*(name for name in names if name not in _PLACE), *_PLACE]


def _cell(value: Any) -> Any:
    """A value as one CSV cell. A cell that a spreadsheet would run as a formula is given as text: papers are hostile input."""
    if isinstance(value, list | dict):
        return json.dumps(value, ensure_ascii=False)
    if isinstance(value, str) and _FORMULA.match(value) and not _NUMBER.fullmatch(value):
        return "'" + value
    return value
