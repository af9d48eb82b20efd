"""How large the tables are, and how many of their rows are in no index yet: what an operator watches."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass

from store import tables
from store.library import Library


@dataclass(frozen=True, slots=True, kw_only=True)
class TableFacts:
    """One table as it lies on the disk."""

    table: str
    rows: int
    unindexed_rows: int  #: the most of any index; searched row by row
    bytes: int  #: with the older versions that are still kept


def table_facts(library: Library) -> list[TableFacts]:
    """The facts of every table that has been made."""
    found = []
    for name in (tables.DOCUMENTS, tables.CONVERSIONS, tables.CHUNKS, tables.EXTRACTIONS):
        folder = library.root / "lance" / f"{name}.lance"
        if not folder.is_dir():
            continue
        table = library.table(name)
        stats = [table.index_stats(index.name) for index in table.list_indices()]
        n_bytes = 0
        for path in folder.rglob("*"):
            with suppress(FileNotFoundError):  # compacted away since it was listed
                n_bytes += path.stat().st_size if path.is_file() else 0
        unindexed = max((found.num_unindexed_rows for found in stats if found), default=0)
        found.append(TableFacts(table=name, rows=table.count_rows(), unindexed_rows=unindexed, bytes=n_bytes))
    return found
