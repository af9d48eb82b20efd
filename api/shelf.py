"""What was read of the library's tables before, so that asking again costs no query while converters want the processor.

Nothing here can be out of date: an entry belongs to a conversion, and which conversion is a document's newest one, and whether the
caller may see it, is asked of the ledger every time.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Mapping
from typing import TypeVar

from jobs import Done
from records import Conversion, Document
from store.library import Library

#: Documents and conversions that are remembered; a few KB each.
MOST = 2000

T = TypeVar("T")


def edition(line: Done) -> str:
    """What a document is remembered by: its newest conversion, and the bibliography that was joined to it since."""
    return f"{line.detail['conversion_id']}{line.detail.get('bib', '')}"


class Shelf:
    """The documents of one library by their edition, and its conversions by their ids."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._documents: OrderedDict[str, Document] = OrderedDict()
        self._conversions: OrderedDict[str, Conversion] = OrderedDict()

    def documents(self, library: Library, newest: Mapping[str, str]) -> list[Document]:
        """These documents, given with their editions, by id; one that is not in the tables is left out."""
        with self._lock:
            found = {doc_id: self._documents[key] for doc_id, key in newest.items() if key in self._documents}
        missing = [doc_id for doc_id in newest if doc_id not in found]
        if missing:
            fresh = {document.id: document for document in library.documents(missing)}
            with self._lock:
                _remember(self._documents, {newest[doc_id]: document for doc_id, document in fresh.items()})
            found.update(fresh)
        return [found[doc_id] for doc_id in sorted(found)]

    def conversion(self, library: Library, doc_id: str, conversion_id: str) -> Conversion | None:
        """This conversion of a document; None where it is not in the tables."""
        with self._lock:
            known = self._conversions.get(conversion_id)
        if known:
            return known
        fresh = {conversion.id: conversion for conversion in library.conversions(doc_id)}
        with self._lock:
            _remember(self._conversions, {key: fresh[key] for key in fresh if key == conversion_id})
        return fresh.get(conversion_id)


def _remember(known: OrderedDict[str, T], fresh: Mapping[str, T]) -> None:
    known.update(fresh)
    while len(known) > MOST:
        known.popitem(last=False)
